"""Hotelling's T² chart: is this sample, all sensors together, where samples use to be?

T² is the squared distance from the mean in units of the covariance, so a sample that breaks with
how the sensors go together is far out although each of them alone is not. Here it is the squared
length of the sample's independent standard normal deviates u (`detectors.self_starting_vectors`),
which is T² for a known reference, and χ² with as many degrees as there are sensors from the start::

    T² = Σ u[j]²        score = √(T² / limit)        limit: χ²'s quantile at 1 - 1/arl0

A score above 1 is an alarm; it grows in proportion to the distance. A missing sensor takes its term
and its degree with it. Each sample is judged by itself: it finds jumps of anything, and small
shifts late (`detectors.mewma` remembers). `contributions` says which sensors did it.

How late: a false alarm in 100,000 samples is dear, and dearer with each sensor. On independent
samples a jump that is 3 away in Mahalanobis' sense is found after 21, 40 and 95 of them on average
where there are 2, 4 and 8 sensors, one that is 5 away after 2, 2 and 3; with a reference from the
default 400 samples after 28, 46 and 131 instead of the former. Where sensors go together, a jump by
3 of the σ that they leave each other is less than 3 away, since the others follow in part: after
some 1400 for 8 sensors of two causes. One by less than ``outlier`` that begins while the reference
is learnt is learnt too: of jumps 3 away with which 100 samples of 4 sensors were followed, three in
four were never found.

Hotelling, H. (1947), Multivariate quality control, in Techniques of Statistical Analysis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from detectors.base import Field, Mask, Values, views
from detectors.calibration import t2_limit
from detectors.kernels import hotelling_t2 as kernel
from detectors.self_starting import OneChart, SelfStarting, Turn
from detectors.self_starting_vectors import SelfStartingVectors


class HotellingT2Fleet(SelfStartingVectors):
    """T² of each sample of each machine, as distance in units of its limit, 0 … ∞.

    Its reference's parameters: `SelfStartingVectors`.

    Parameters
    ----------
    arl0
        Readings between false alarms at a score of 1.

    Examples
    --------
    >>> import numpy as np
    >>> fleet = HotellingT2Fleet(n_sensors=2, grace_period=300)
    >>> fleet.reserve(1)
    >>> rng, rows, times = np.random.default_rng(1), np.zeros(500, np.int32), np.arange(500) * 10**9
    >>> power = rng.normal(size=500)
    >>> fleet.learn(rows, times, np.column_stack([power, power + 0.1 * rng.normal(size=500)]))
    >>> usual, odd = [[1.5, 1.5], [1.5, -1.5]]
    >>> fleet.score(rows[:2], times[:2], np.array([usual, odd])).round(1).ravel().tolist()
    [0.4, 4.0]
    >>> fleet.contributions(0, np.array([0.0, 1.0])).round().tolist()
    [-9.0, 9.0]
    """

    name: ClassVar[str] = "hotelling_t2"

    @property
    def inherited(self) -> float:
        """Nothing: a sample is judged by itself."""
        return 0.0

    def chart_schema(self) -> dict[str, Field]:
        """Hold the last score, which stands until the next block is full."""
        return {"distance": Field("f8")}

    def _design(self, n_sensors: int, arl0: float) -> float:
        return t2_limit(n_sensors, arl0)

    def _chart(self, turn: Turn, u: Values, due: Mask, scores: Values) -> None:
        distance = self.state["distance"]
        kernel.walk(*views(turn.rows, u, due, turn.learn, self._limits, distance, scores))


@dataclass(kw_only=True, eq=False, repr=False)
class HotellingT2(OneChart):
    """T² chart for one machine, as a River detector.

    Parameters
    ----------
    arl0, warm_up, grace_period, autocorrelated
        As for `HotellingT2Fleet`.

    Examples
    --------
    >>> chart = HotellingT2(warm_up=5, arl0=1000)
    >>> for x in [1.0, 1.2, 0.9, 1.1, 1.0, 0.8, 1.0, 1.1]:
    ...     chart.learn_one({"a": x, "b": 2 * x})
    >>> chart.score_one({"a": 1.0, "b": 2.0}) < 1 < chart.score_one({"a": 1.0, "b": 2.5})
    True
    """

    arl0: float = 100_000.0

    kind: ClassVar[type[SelfStarting]] = HotellingT2Fleet
