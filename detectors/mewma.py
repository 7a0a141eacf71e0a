"""MEWMA chart: have the sensors, all together, left their mean, however little?

An exponentially weighted moving average of whole samples. With r, here called ``fading_factor`` as
in River, and the independent standard normal deviates u of each sample
(`detectors.self_starting_vectors`)::

    z ← r u + (1-r) z        T² = z'z (2-r)/r        score = √(T² / H)

A score above 1 is an alarm. H comes from ``arl0`` by Rigdon's integral equation: r = 0.1, four
sensors and 200 samples between false alarms give 12.7, which a shift of one σ in Mahalanobis' sense
passes after 12 samples, one of two σ after 5. T² is by the settled covariance of z, so the first
samples are judged less sharply.

A sensor that is missing keeps its average, and is left out of T² and H while it is missing. The
chart forgets a fault within some 1/r samples of its end. A jump is found a few samples later than
by `detectors.hotelling_t2`; a slow drift as soon as it is a shift.

Lowry, C. A., Woodall, W. H., Champ, C. W. & Rigdon, S. E. (1992), A multivariate exponentially
weighted moving average control chart, Technometrics 34.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from detectors.base import Field, Mask, Values, check_number, views
from detectors.calibration import mewma_limit
from detectors.kernels import mewma as kernel
from detectors.self_starting import OneChart, SelfStarting, Turn
from detectors.self_starting_vectors import SelfStartingVectors


@dataclass(kw_only=True, eq=False, repr=False)
class MewmaFleet(SelfStartingVectors):
    """MEWMA chart of all sensors of each machine, as distance in units of its limit, 0 … ∞.

    Its reference's parameters: `SelfStartingVectors`.

    Parameters
    ----------
    fading_factor
        r, weight of the newest sample, 0.001 … 1; at 1 it is the T² chart.
    arl0
        Readings between false alarms at a score of 1.

    Examples
    --------
    >>> fleet = MewmaFleet(n_sensors=2, fading_factor=0.2, arl0=200, centre=0.0, sigma=1.0)
    >>> fleet.reserve(1)
    >>> values = np.array([[1.0, -1.0], [1.0, np.nan], [2.0, -2.0]])
    >>> rows, times, learn = np.zeros(3, np.int32), np.arange(3) * 10**9, np.ones(3, np.uint8)
    >>> fleet.walk(rows, times, values, learn).round(2).ravel().tolist()
    [0.27, 0.41, 0.86]
    """

    name: ClassVar[str] = "mewma"

    fading_factor: float = 0.1

    def __post_init__(self) -> None:
        check_number("fading_factor", self.fading_factor, 1e-3, 1.0)
        super().__post_init__()

    @property
    def inherited(self) -> float:
        """What the average keeps."""
        return 1.0 - self.fading_factor

    def chart_schema(self) -> dict[str, Field]:
        """Hold the averages, and the last score, which stands until the next block is full."""
        return {"ewma": Field("f8", (self.n_sensors,)), "distance": Field("f8")}

    def contributions(self, row: int, values: Values) -> Values:
        """How far the average of each sensor, this sample included, is from what the others say.

        Signed, in σ of one sample: f8[S]; see `SelfStartingVectors.contributions`.
        """
        if self._known or self.ready(row) < 1:
            return super().contributions(row, values)
        before = np.linalg.cholesky(self.covariance(row)) @ self.state["ewma"][row]
        r = self.fading_factor
        return self._conditional(row, r * (values - self.mean(row)) + (1 - r) * before)

    def _design(self, n_sensors: int, arl0: float) -> float:
        return mewma_limit(self.fading_factor, n_sensors, arl0)

    def _chart(self, turn: Turn, u: Values, due: Mask, scores: Values) -> None:
        state = [self.state[name] for name in self.chart_schema()]
        kernel.walk(
            *views(turn.rows, u, due, turn.learn, self._limits, *state, scores),
            fading_factor=self.fading_factor,
        )


@dataclass(kw_only=True, eq=False, repr=False)
class Mewma(OneChart):
    """MEWMA chart for one machine, as a River detector.

    Parameters
    ----------
    fading_factor, arl0, warm_up, grace_period, autocorrelated
        As for `MewmaFleet`.

    Examples
    --------
    >>> chart = Mewma(warm_up=5, arl0=1000, fading_factor=0.3)
    >>> for x in [1.0, 1.2, 0.9, 1.1, 1.0, 0.8, 1.0, 1.1]:
    ...     chart.learn_one({"a": x, "b": 2 * x})
    >>> chart.score_one({"a": 1.0, "b": 2.0}) < 1 < chart.score_one({"a": 1.0, "b": 2.5})
    True
    """

    fading_factor: float = 0.1
    arl0: float = 100_000.0

    kind: ClassVar[type[SelfStarting]] = MewmaFleet
