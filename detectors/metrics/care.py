"""The CARE score of Fraunhofer IEE for wind turbines: coverage, accuracy, reliability, earliness.

A *set* is the prediction period of one turbine, a row every ten minutes, either quite normal or
with one *event*: the rows from the first sign to the fault. Rows in which the turbine was not
running normally (derated, in service, down) are judged by nobody. Per set, with N its normal rows:

* **Coverage** of an event set: F_β of its alarms over N, true in the event, β = 0.5.
* **Accuracy** of a normal set: TN / (TN + FP) over N.
* **Reliability**, one for all sets: F_β, β = 0.5, where a set is positive if it has an event and
  alarmed if its *criticality* reaches 72 by the end of the event (of the set where it has none).
  Criticality counts up with an alarmed row of N, down with a quiet one, never below 0, and stands
  still in other rows; 72 ten-minute rows are half a day.
* **Earliness** of an event set: Σ w p / Σ w over all rows of its event, p = 1 where alarmed, with
  weight 1 for the first half of the event, falling to 0 at its end.

Together, with coverage, accuracy and earliness averaged over their sets::

    CARE = 0                                  where no set is alarmed
    CARE = accuracy                           where accuracy < 0.5, worse than a coin
    CARE = (coverage + earliness + reliability + 2 accuracy) / 5        else

Gück, C., Roelofs, C. M. A. and Faulstich, S. (2024), CARE to Compare: a real-world benchmark
dataset for early fault detection in wind turbine data, Data 9(12):138, arXiv:2404.10320. Where the
paper leaves a detail open, this follows its authors' package EnergyFaultDetector, whose weights
however begin to fall after a quarter: ``full_weight=(1, 4)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.metrics.records import plain, ratio

Flags = NDArray[np.bool_]

COIN = 0.5
"""Accuracy below which nothing else matters."""
ACCURACY_WEIGHT = 2.0
"""The other three weigh 1."""


@dataclass(frozen=True)
class CareSet:
    """The prediction period of one turbine, ``[n]`` rows in time."""

    alarm: Flags
    normal: Flags
    """Where the turbine was in normal operation."""
    event: tuple[int, int] | None = None
    """First and last row of what led to the fault, both inside it; None: nothing did."""

    def __post_init__(self) -> None:
        n = len(self.alarm)
        if len(self.normal) != n:
            raise ValueError(
                f"{len(self.normal)} rows of status for {n} of alarms; both are needed"
            )
        if self.event and not 0 <= self.event[0] <= self.event[1] < n:
            raise ValueError(f"the event is {self.event}; it must lie in the rows 0 … {n - 1}")

    @property
    def truth(self) -> Flags:
        """Where there was something to be found."""
        rows = np.arange(len(self.alarm))
        first, last = self.event or (0, -1)
        return (first <= rows) & (rows <= last)


@dataclass(frozen=True, slots=True)
class CareScore:
    """CARE and its four parts, all 0 … 1; NaN where there was no set to take one from."""

    care: float
    coverage: float
    accuracy: float
    reliability: float
    earliness: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, None for NaN."""
        data: dict[str, Any] = plain(self)
        return data


def care_score(
    sets: Sequence[CareSet],
    *,
    beta: float = 0.5,
    critical: int = 72,
    full_weight: tuple[int, int] = (1, 2),
) -> CareScore:
    """Score all sets together; without an event set or without a normal one CARE is NaN.

    ``critical`` is the criticality at which a set is alarmed, ``full_weight`` the part of an event
    in which an alarm counts in full, as numerator and denominator. A set without a normal row has
    neither coverage nor accuracy and is left out of their means.

    >>> running = np.ones(400, bool)
    >>> late = CareSet(np.arange(400) >= 300, running, event=(200, 399))
    >>> quiet = CareSet(np.zeros(400, bool), running)
    >>> score = care_score([late, quiet])
    >>> score.accuracy, score.reliability
    (1.0, 1.0)
    >>> round(score.coverage, 4), round(score.earliness, 4), round(score.care, 4)
    (0.8333, 0.3339, 0.8334)
    """
    alarmed = np.array([criticality(one) >= critical for one in sets], np.bool_)
    positive = np.array([one.event is not None for one in sets], np.bool_)
    events = [one for one in sets if one.event is not None]
    coverage = _mean(
        [_f_beta(one.truth[one.normal], one.alarm[one.normal], beta) for one in events]
    )
    accuracy = _mean([_accuracy(one) for one in sets if one.event is None])
    reliability = _f_beta(positive, alarmed, beta)
    early = _mean([earliness(one, full_weight=full_weight) for one in events])
    care = _together(coverage, accuracy, reliability, early, alarmed=bool(alarmed.any()))
    return CareScore(care, coverage, accuracy, reliability, early)


def criticality(one: CareSet) -> int:
    """The highest that alarms have piled up to by the end of the event.

    The walk ``c ← max(0, c ± 1)`` is the distance of its unbounded sum from that sum's lowest
    point so far, or from 0 where that is lower.

    >>> alarm = np.array([True, True, False, True, True, True])
    >>> criticality(CareSet(alarm, np.array([True, True, True, False, True, True])))
    3
    """
    last = one.event[1] if one.event else len(one.alarm) - 1
    steps = np.where(one.alarm, 1, -1)[: last + 1] * one.normal[: last + 1]
    walk = np.append(0, np.cumsum(steps))
    return int((walk - np.minimum.accumulate(walk)).max())


def earliness(one: CareSet, *, full_weight: tuple[int, int] = (1, 2)) -> float:
    """Weighted share of the event's rows that were alarmed, 0 … 1; NaN without an event.

    Row i of m stands at ``x = q i / (q m - 1)`` of the event, and weighs ``min(1, (1 - x) / (1 -
    p/q))`` with p/q the ``full_weight``.

    >>> alarm = np.array([False, True, True, False])
    >>> round(earliness(CareSet(alarm, np.ones(4, bool), event=(0, 3))), 4)
    0.5909
    """
    p, q = full_weight
    if not 0 <= p < q:
        raise ValueError(f"full_weight is {p}/{q}; it must be a part of the event, 0 ≤ p/q < 1")
    if one.event is None:
        return math.nan
    alarm = one.alarm[one.event[0] : one.event[1] + 1]
    x = np.arange(len(alarm)) * q / max(q * len(alarm) - 1, 1)
    weights = np.minimum(1.0, (1 - x) / (1 - p / q))
    return float((weights * alarm).sum() / weights.sum())


def _together(
    coverage: float, accuracy: float, reliability: float, early: float, *, alarmed: bool
) -> float:
    parts = coverage + early + reliability + ACCURACY_WEIGHT * accuracy
    if math.isnan(parts):
        return math.nan
    if not alarmed:
        return 0.0
    return accuracy if accuracy < COIN else parts / (3 + ACCURACY_WEIGHT)


def _accuracy(one: CareSet) -> float:
    return ratio(int((~one.alarm & one.normal).sum()), int(one.normal.sum()))


def _f_beta(truth: Flags, alarm: Flags, beta: float) -> float:
    """``(1 + β²) TP / ((1 + β²) TP + β² FN + FP)``; NaN where nothing was true nor alarmed."""
    hits = (1 + beta**2) * int((truth & alarm).sum())
    return ratio(hits, hits + beta**2 * int((truth & ~alarm).sum()) + int((~truth & alarm).sum()))


def _mean(numbers: Sequence[float]) -> float:
    known = [number for number in numbers if not math.isnan(number)]
    return ratio(math.fsum(known), len(known))
