"""Seasonal novelty: is this value stranger than anything its sensor has done before?

For sensors about which nothing is known: no unit, no limits, no context. Three features of each
value are each compared with the largest that the same feature has ever been, its *record*:

* **novelty**: -log of the share of earlier values near this one, averaged over the 1, 3 and 5 bins
  around it of a histogram whose range doubles when it is outgrown (HBOS). Sees values never met
  before, also between two habits.
* **level**: size of the residuals' EWMA. The residual is what the mean of this hour of the day, or
  of these two hours of the week, leaves of the value, whichever leaves less. Sees values that are
  usual, at an unusual time.
* **spread**: standard deviation of the residuals over the same span. Sees unrest.

The score is the largest ratio::

    score = max(feature / record) / 1.01        1.0: a hundredth more than its record

A record needs no distribution: of n independent values, the n-th is one with probability 1/n, so
false alarms become rarer by themselves. After an alarm the ratio is divided by ``stranger`` times
the alarm's instead of 1.01, for ``hold_off`` steps: one event, one alarm. So a score above 1 is
short; a rule that goes by it wants no ``hold_s``.

Time counts in *steps* of ``step_s``. A reading weighs as much as the share of a step that passed
since the one before, at most 1. So a sensor that speaks each second and one that speaks each hour
are watched by the same parameters, gaps do not age anything, and a repeated time weighs nothing.

It adapts: a fault that has been at its worst raises the bar for the next, and slow wear is followed
by the baselines. Charts with frozen references see that; this is for what has none. Readings that
the gate keeps away raise no record.

1.9 kB for each machine and sensor.

Goldstein, M. & Dengel, A. (2012), Histogram-based outlier score (HBOS), KI-2012. Rényi, A. (1962),
Théorie des éléments saillants d'une suite d'observations, for the law of records.
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
)
from detectors.kernels import seasonal_novelty as kernel

BINS = 128
"""Of the histogram; between an eighth and the whole of them are in use."""
SLOTS = 24 + 84
"""Hours of the day, then two-hour slots of the week."""


class SeasonalNoveltyFleet(FleetDetector):
    """Seasonal novelty of each sensor of each machine, in records, 0 … 3.

    Parameters
    ----------
    step_s
        Seconds that make one step; a reading that comes later than that weighs one step too.
    grace_period
        Steps that a sensor must have learnt before it is scored.
    span
        Steps over which level and spread are smoothed.
    slot_memory
        Steps that the mean of a slot looks back to, over as many days or weeks as that takes.
    hold_off
        Steps for which an alarm is held against the next.
    stranger
        By how much the next must exceed it until then.

    Examples
    --------
    A temperature that swings between 10 °C at midnight and 20 °C at noon is 14 °C at midnight:

    >>> import numpy as np
    >>> fleet = SeasonalNoveltyFleet(n_sensors=1)
    >>> fleet.reserve(1)
    >>> hours = np.arange(24 * 14)
    >>> values = 15.0 - 5.0 * np.cos(hours * np.pi / 12)[:, None] + hours[:, None] % 5 / 10
    >>> rows, times, learn = np.zeros(len(hours), np.int32), hours * 3600 * 10**9, hours >= 0
    >>> calm = fleet.walk(rows, times, values, learn)[50:]
    >>> bool(calm[100:].max() < 1.0)
    True
    >>> night = times[-1:] + 3600 * 10**9
    >>> fleet.score(rows[:1], night, np.array([[14.0]])).round(2).ravel().tolist()
    [1.48]
    """

    name: ClassVar[str] = "seasonal_novelty"
    univariate: ClassVar[bool] = True
    reads: ClassVar[str] = "values"

    def __init__(
        self,
        n_sensors: int,
        *,
        step_s: float = 300.0,
        grace_period: int = 50,
        span: float = 16.0,
        slot_memory: float = 20.0,
        hold_off: float = 100.0,
        stranger: float = 1.25,
    ) -> None:
        super().__init__(n_sensors)
        check_number("step_s", step_s, 1e-3, 1e6)
        check_count("grace_period", grace_period, 2, 65536)
        check_number("span", span, 1.0, 1e4)
        check_number("slot_memory", slot_memory, 1.0, 1e4)
        check_number("hold_off", hold_off, 0.0, 1e6)
        check_number("stranger", stranger, 1.0, 100.0)
        self.step_s = step_s
        self.grace_period = grace_period
        self.span = span
        self.slot_memory = slot_memory
        self.hold_off = hold_off
        self.stranger = stranger
        self._work = np.zeros(8)

    def schema(self) -> dict[str, Field]:
        """Hold histogram, slots, smoothed residuals, records and the last alarm of each sensor."""
        sensors = (self.n_sensors,)
        return {
            "learnt": Field("f8", sensors),
            "last_ns": Field("i8", sensors),
            "scale": Field("f8", (*sensors, 4)),
            "histogram": Field("f4", (*sensors, BINS)),
            "mean": Field("f8", (*sensors, SLOTS)),
            "count": Field("f4", (*sensors, SLOTS)),
            "smooth": Field("f8", (*sensors, 3)),
            "record": Field("f8", (*sensors, 3)),
            "held": Field("f8", (*sensors, 2)),
        }

    def ready(self, row: int) -> float:
        """Share of the grace period, averaged over the sensors."""
        return self._share(row, self.grace_period)

    def _walk(
        self, rows: Rows, times: Times, values: Values, learn: Mask, scores: Values, *, score: bool
    ) -> None:
        kernel.walk(
            **named_views(
                rows=rows,
                times=times,
                values=values,
                learn=learn,
                **self.state,
                work=self._work,
                scores=scores,
            ),
            score=score,
            step_ns=to_ns("step_s", self.step_s),
            grace_period=self.grace_period,
            span=self.span,
            slot_memory=self.slot_memory,
            hold_off=self.hold_off,
            stranger=self.stranger,
        )


class SeasonalNovelty(OneMachine):
    """Seasonal novelty for one machine, as a River detector.

    Parameters
    ----------
    sample_s
        Seconds that readings are taken to be apart.
    step_s, grace_period, span, slot_memory, hold_off, stranger
        As for `SeasonalNoveltyFleet`.

    Examples
    --------
    >>> detector = SeasonalNovelty()
    >>> for i in range(200):
    ...     detector.learn_one({"flow": i % 7})
    >>> round(detector.score_one({"flow": 3}), 2), round(detector.score_one({"flow": 20}), 2)
    (0.64, 1.75)
    """

    def __init__(
        self,
        *,
        sample_s: float = 300.0,
        step_s: float = 300.0,
        grace_period: int = 50,
        span: float = 16.0,
        slot_memory: float = 20.0,
        hold_off: float = 100.0,
        stranger: float = 1.25,
    ) -> None:
        self.sample_s = sample_s
        self.step_s = step_s
        self.grace_period = grace_period
        self.span = span
        self.slot_memory = slot_memory
        self.hold_off = hold_off
        self.stranger = stranger
        self._fleet(["any"])

    def _fleet(self, features: Sequence[Any]) -> SeasonalNoveltyFleet:
        parameters = self._get_params()
        del parameters["sample_s"]
        return SeasonalNoveltyFleet(len(features), **parameters)
