"""CUSUM chart: has the level of a sensor moved, however little, and since when?

The tabular, two-sided form. Standardised samples u add up on either side, less an allowance::

    S⁺ = max(0, S⁺ + u - k)        S⁻ = max(0, S⁻ - u - k)        score = max(S⁺, S⁻) / h

so a score above 1 is an alarm. k, the ``reference_value``, is half the shift that should be found
soonest, and h the ``decision_interval``, both in standard deviations: with k = 0.5, h = 5 gives a
false alarm in 465 independent samples and finds a shift of one σ after 10.4, h = 4 in 168 and 8.4.
With a ``head_start`` (FIR) of h/2 a chart that starts in trouble says so twice as soon.

The sums are reset by nothing but quiet samples: they stand still at ``4 h``, so a chart speaks as
long as the fault lasts, and returns soon after it.

When S was last 0 is the maximum likelihood estimate of when the level changed: `onset_ns`.

u comes from a reference that starts by itself and then freezes, `detectors.self_starting`; samples
are means of blocks where neighbouring readings resemble each other. A ramp is found later than by
a chart that knew its slope, a spike hardly at all, and a change in spread not.

Page, E. S. (1954), Continuous inspection schemes, Biometrika 41. Lucas, J. M. & Crosier, R. B.
(1982), Fast initial response for CUSUM quality control schemes, Technometrics 24.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from detectors.base import Field, Mask, Times, Values, check_number, views
from detectors.calibration import cusum_limit
from detectors.kernels import cusum as kernel
from detectors.self_starting import (
    DOUBLINGS,
    OneChart,
    SelfStarting,
    SelfStartingChart,
    Turn,
    by_block,
)

HIGHEST = 4.0
"""Where a sum stands still, in decision intervals."""

NEVER = int(np.iinfo(np.int64).min)
"""No time: what NumPy writes for NaT."""


@dataclass(kw_only=True, eq=False, repr=False)
class CusumFleet(SelfStartingChart):
    """CUSUM of each sensor of each machine, in decision intervals, 0 … 4.

    Its reference's parameters: `SelfStarting`.

    Parameters
    ----------
    reference_value
        k, in σ: half the shift that matters.
    arl0
        Readings between false alarms at a score of 1, from which h follows.
    decision_interval
        h, in σ of a sample, where it is not to follow from ``arl0``.
    head_start
        Share of h at which both sums start, 0 … 0.9.

    Examples
    --------
    >>> fleet = CusumFleet(n_sensors=1, decision_interval=4.0, centre=10.0, sigma=2.0)
    >>> fleet.reserve(1)
    >>> values = np.array([[9.0], [13.0], [13.0], [np.nan], [15.0], [15.0]])
    >>> rows, times, learn = np.zeros(6, np.int32), np.arange(6) * 10**9, np.ones(6, np.uint8)
    >>> fleet.walk(rows, times, values, learn).ravel().tolist()
    [0.0, 0.25, 0.5, nan, 1.0, 1.5]
    >>> fleet.onset_ns(0).tolist()
    [0]
    """

    name: ClassVar[str] = "cusum"
    aggregates: ClassVar[bool] = True

    reference_value: float = 0.5
    arl0: float = 100_000.0
    decision_interval: float = math.nan
    head_start: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("reference_value", self.reference_value, 0.0, 10.0)
        check_number("arl0", self.arl0, 10.0, 1e9)
        check_number("head_start", self.head_start, 0.0, 0.9)
        if math.isnan(self.decision_interval):
            self._intervals = by_block(self._design, self.arl0)
        else:
            check_number("decision_interval", self.decision_interval, 1e-3, 1e6)
            self._intervals = np.full(DOUBLINGS + 1, float(self.decision_interval))

    @property
    def inherited(self) -> float:
        """Not all of it, as measured: a sum forgets nothing, but begins at 0 now and then."""
        return 0.8

    def chart_schema(self) -> dict[str, Field]:
        """Hold both sums, and the event time at which each was last 0."""
        sensors, start = (self.n_sensors,), self.head_start * self._intervals[0]
        return {
            "high": Field("f8", sensors, start),
            "low": Field("f8", sensors, start),
            "rise_ns": Field("i8", sensors, NEVER),
            "fall_ns": Field("i8", sensors, NEVER),
        }

    def onset_ns(self, row: int) -> Times:
        """Event time i8[S] after which each sensor left its level, on its stronger side.

        `NEVER` where nothing has been charted; the newest reading's time where both sums are 0.
        """
        state = {name: self.state[name][row] for name in self.chart_schema()}
        rises = state["high"] >= state["low"]
        onsets: Times = np.where(rises, state["rise_ns"], state["fall_ns"])
        return onsets

    def limit_for(self, arl0: float) -> float:
        """The score that is passed once in ``arl0`` independent readings without a fault."""
        return self._design(arl0) / float(self._intervals[0])

    def _design(self, arl0: float) -> float:
        return cusum_limit(self.reference_value, arl0, self.head_start)

    def _chart(self, turn: Turn, u: Values, due: Mask, scores: Values) -> None:
        state = [self.state[name] for name in self.chart_schema()]
        kernel.walk(
            *views(turn.rows, turn.times, u, due, turn.learn, *state, self._intervals, scores),
            reference_value=self.reference_value,
            head_start=self.head_start,
            highest=HIGHEST,
            never=NEVER,
        )


@dataclass(kw_only=True, eq=False, repr=False)
class Cusum(OneChart):
    """CUSUM chart for one machine, as a River detector.

    Parameters
    ----------
    reference_value, arl0, head_start, warm_up, grace_period, autocorrelated
        As for `CusumFleet`.

    Examples
    --------
    >>> chart = Cusum(warm_up=5, arl0=170)
    >>> for x in [20.1, 20.2, 19.9, 20.0, 20.3]:
    ...     chart.learn_one({"temperature": x})
    >>> round(chart.score_one({"temperature": 20.9}), 2)
    0.66
    """

    reference_value: float = 0.5
    arl0: float = 100_000.0
    head_start: float = 0.0

    kind: ClassVar[type[SelfStarting]] = CusumFleet
