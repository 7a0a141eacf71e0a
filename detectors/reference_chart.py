"""Reference chart: has a sensor's average left what it did while its reference was learnt?

A control chart whose limit does not come from a distribution but from the sensor itself. Over a
learning phase the chart follows the average and keeps its centre line, its worst excursion and how
much the sensor wandered; then all of it is frozen, for a reference that followed the signal would
swallow every slow fault. With λ, here called ``fading_factor`` as in River, for a value x::

    z[t] = λ x[t] + (1 - λ) z[t-1]
    score = |z[t] - centre| / limit                                       1.0 is the limit

The learning phase is cut into 20 blocks. With the means B[1] … B[20] of the values in a block, the
mean V of the variances within them, and the mean of all B as the centre line::

    worst  = max |z[t] - centre|                                          over the learning phase
    shared = var(B) - mean((B[k+1] - B[k])²) / 2
    wander = max(0, 1 - 0.2 V / shared)                                   0 … 1
    limit  = worst · √(margin² + drift_allowance² · wander)

``shared`` is the part of the variance of the block means that a block has in common with the next
one. A sensor that stays where it is has next to none: its ``wander`` is 0 and its limit ``margin``
times its worst excursion, whatever the distribution and the autocorrelation of its values, for both
are in the excursion that was measured. A sensor whose level goes its way from block to block - a
temperature that has not settled - has shown that it will be elsewhere later. Its limit is wider,
but bounded: at most √(margin² + drift_allowance²) times the excursion that was seen. Without the
allowance it would be in alarm for ever; without the bound a machine that degrades while it is
learnt would never be judged.

What it cannot see: jumps of one reading, for which there is a Shewhart chart; a shift within the
limit, however long; a fault that was there from the start. Values that resemble each other over a
tenth of the learning phase look as if they wandered, so that little is seen: let it last a hundred
times as long as the values remember, and over days where the weather plays a part.

An outlier spoils little. After the first 20 values, one that is learnt may widen the range of those
before it by no more than a quarter. Later it counts as no further from the centre line than 5
limits, so that at λ = 0.1 it moves the average by half a limit, and after a fault the average is
back within the limit in 16 values. So scores end at 5.

Roberts, S. W. (1959), Control chart tests based on geometric moving averages, Technometrics 1.
Half the mean square of successive differences as the variance without the drift: von Neumann, J. et
al. (1941), The mean square successive difference, Annals of Mathematical Statistics 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from detectors.base import (
    Field,
    FleetDetector,
    Mask,
    OneMachine,
    Rows,
    Times,
    Values,
    check_count,
    check_number,
    named_views,
    to_ns,
    views,
)
from detectors.kernels import reference_chart as kernel

N_BLOCKS = 20
WITHIN_SHARE = 0.2
UNGUARDED = 20
WIDENING = 0.25
REACH = 5.0


class ReferenceChartFleet(FleetDetector):
    """Chart of each sensor of each machine against its own learning phase, in limits, 0 … 5.

    Parameters
    ----------
    fading_factor
        λ, weight of the newest value, 0 < λ ≤ 1. At 0.1 the average remembers some 10 values.
    grace_period
        Values that a sensor's learning phase needs at least, 4/λ or more; it is not scored before.
    learn_s
        How long the learning phase lasts at least, in seconds of event time. Each of its 20 blocks
        takes as many values and as much time as its share, so silence does not stand for learning.
    margin
        The limit of a steady sensor, in its worst excursions.
    drift_allowance
        What is added, in squares, to ``margin`` for a sensor that wanders while it is learnt, in
        its worst excursions; 0: nothing.
    min_limit
        Floor of the limit, in the sensor's unit: the values may all have been equal.

    Examples
    --------
    >>> fleet = ReferenceChartFleet(n_sensors=1, fading_factor=0.5, grace_period=40)
    >>> fleet.reserve(1)
    >>> values = np.array([1.0, -1.0] * 20 + [np.nan, 1.0, 3.0, 3.0])[:, None]
    >>> n = len(values)
    >>> rows, times, learn = np.zeros(n, np.int32), np.arange(n) * 10**9, np.ones(n, np.uint8)
    >>> fleet.walk(rows, times, values, learn)[39:].round(3).ravel().tolist()
    [nan, nan, 0.333, 1.667, 2.333]
    """

    name: ClassVar[str] = "reference_chart"
    univariate: ClassVar[bool] = True
    frozen: ClassVar[bool] = True

    def __init__(
        self,
        n_sensors: int,
        *,
        fading_factor: float = 0.1,
        grace_period: int = 400,
        learn_s: float = 0.0,
        margin: float = 2.0,
        drift_allowance: float = 12.0,
        min_limit: float = 1e-6,
    ) -> None:
        super().__init__(n_sensors)
        check_number("fading_factor", fading_factor, 1e-6, 1.0)
        check_count("grace_period", grace_period, 2 * N_BLOCKS, 10**9)
        if grace_period * fading_factor < 4:
            raise ValueError(
                f"grace_period is {grace_period}, 4 / fading_factor = {4 / fading_factor:g} "
                "or more is needed"
            )
        check_number("margin", margin, 1e-3, 1e3)
        check_number("drift_allowance", drift_allowance, 0.0, 1e3)
        check_number("min_limit", min_limit, 1e-100, 1e100)
        self.fading_factor = fading_factor
        self.grace_period = grace_period
        self.learn_s = learn_s
        self.margin = margin
        self.drift_allowance = drift_allowance
        self.min_limit = min_limit
        self._block_readings = -(-grace_period // N_BLOCKS)
        self._block_ns = to_ns("learn_s", learn_s) // N_BLOCKS

    def schema(self) -> dict[str, Field]:
        """Hold the chart, its reference, and what that is learnt from.

        ``limit`` is NaN until the learning phase is over. ``origin`` is the first value; the others
        are counted from there, so that a large offset costs no digits. ``low`` and ``high`` are the
        range of the values, ``lowest`` and ``highest`` that of their average; ``mean`` and
        ``squares`` belong to the open block, ``within``, ``between``, ``last`` and ``steps`` to
        those closed.
        """
        sensors = (self.n_sensors,)
        counts = ("learnt", "blocks", "opened", "filled")
        sums = ("origin", "low", "high", "mean", "squares", "within", "between", "last", "steps")
        return {
            **{name: Field("i8", sensors) for name in counts},
            **{name: Field("f8", sensors) for name in sums},
            "lowest": Field("f8", sensors, np.inf),
            "highest": Field("f8", sensors, -np.inf),
            "ewma": Field("f8", sensors),
            "centre": Field("f8", sensors),
            "limit": Field("f8", sensors, np.nan),
        }

    def ready(self, row: int) -> float:
        """Share of the blocks that are learnt, averaged over the sensors."""
        return float(self.state["blocks"][row].mean() / N_BLOCKS)

    def _walk(
        self, rows: Rows, times: Times, values: Values, learn: Mask, scores: Values, *, score: bool
    ) -> None:
        kernel.walk(
            *views(rows, times, values, learn),
            **named_views(**self.state, scores=scores),
            score=score,
            fading_factor=self.fading_factor,
            n_blocks=N_BLOCKS,
            block_readings=self._block_readings,
            block_ns=self._block_ns,
            margin=self.margin,
            drift_allowance=self.drift_allowance,
            within_share=WITHIN_SHARE,
            min_limit=self.min_limit,
            unguarded=UNGUARDED,
            widening=WIDENING,
            reach=REACH,
        )


class ReferenceChart(OneMachine):
    """Reference chart for one machine, as a River detector.

    Parameters
    ----------
    fading_factor, grace_period, learn_s, margin, drift_allowance, min_limit
        As for `ReferenceChartFleet`.

    Examples
    --------
    >>> chart = ReferenceChart(grace_period=40, fading_factor=0.5)
    >>> for i in range(40):
    ...     chart.learn_one({"flow": 20.0 + i % 2})
    >>> round(chart.score_one({"flow": 22.0}), 2)
    1.67
    """

    def __init__(
        self,
        *,
        fading_factor: float = 0.1,
        grace_period: int = 400,
        learn_s: float = 0.0,
        margin: float = 2.0,
        drift_allowance: float = 12.0,
        min_limit: float = 1e-6,
    ) -> None:
        self.fading_factor = fading_factor
        self.grace_period = grace_period
        self.learn_s = learn_s
        self.margin = margin
        self.drift_allowance = drift_allowance
        self.min_limit = min_limit
        self._fleet(["any"])

    def _fleet(self, features: Sequence[Any]) -> ReferenceChartFleet:
        return ReferenceChartFleet(len(features), **self._get_params())
