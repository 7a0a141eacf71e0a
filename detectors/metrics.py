"""How good was it? Faults are found or missed, machines are left in peace or not.

Plants live with alerts, not with points, so faults and alerts are compared as events. The scores of
single points stand below, for tables that others publish.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """A fault that was really there, from its first effect to its repair."""

    fault: str
    machine: str
    kind: str
    """What it should raise: ``machine`` or ``instrument``."""
    onset_ns: int
    repair_ns: int


@dataclass(frozen=True, slots=True)
class AlertSpan:
    """An alert that was really raised; what was only pending is none."""

    machine: str
    kind: str
    fired_ns: int
    resolved_ns: int | None
    """None: still firing at the end."""


@dataclass(frozen=True, slots=True)
class FaultResult:
    """A fault, and the first alert that told of it."""

    span: FaultSpan
    alert: AlertSpan | None

    @property
    def found(self) -> bool:
        """Whether anybody was told while there was something to be seen."""
        return self.alert is not None

    @property
    def resolved(self) -> bool:
        """Whether the alert that told of the fault ended after the repair, and not before."""
        ended = self.alert.resolved_ns if self.alert else None
        return ended is not None and ended >= self.span.repair_ns

    @property
    def delay_s(self) -> float | None:
        """From the onset to the alert; None where the fault was not found."""
        return (self.alert.fired_ns - self.span.onset_ns) / 1e9 if self.alert else None


def match(faults: Sequence[FaultSpan], alerts: Sequence[AlertSpan]) -> list[FaultResult]:
    """Find for each fault, in order, the first new alert that told of it.

    That is one on the fault's machine and of its kind, raised between onset and repair; one that
    was already firing at onset told of something else.

    >>> fault = FaultSpan("bearing_wear", "north/T03", "machine", 10_000_000_000, 90_000_000_000)
    >>> alert = AlertSpan("north/T03", "machine", 30_000_000_000, 95_000_000_000)
    >>> result, = match([fault], [alert])
    >>> result.found, result.resolved, result.delay_s
    (True, True, 20.0)
    """
    return [FaultResult(fault, _first_told(fault, alerts)) for fault in faults]


def false_alarms(
    faults: Sequence[FaultSpan], alerts: Sequence[AlertSpan], *, settle_s: float = 0.0
) -> list[AlertSpan]:
    """Alerts about a machine or an instrument that were raised on a machine with no fault.

    An alert is judged by when it was raised, so one that had been firing since before the onset
    is false however long it stayed. Raised during a fault it is not false even where it is of the
    other kind: `match` already refuses to count it. ``settle_s`` after its repair a machine may
    still be on its way back to normal; alerts raised then are put down to the fault.
    """
    grace_ns = round(settle_s * 1e9)
    return [
        alert
        for alert in alerts
        if alert.kind in ("machine", "instrument")
        and not any(
            fault.machine == alert.machine
            and fault.onset_ns <= alert.fired_ns < fault.repair_ns + grace_ns
            for fault in faults
        )
    ]


def precision_recall_f1(
    truth: NDArray[np.bool_], alarm: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Share of alarmed points that were anomalous, of anomalous points alarmed, harmonic mean.

    NaN where there is nothing to take a share of.

    >>> precision_recall_f1(np.array([True, True, False]), np.array([True, False, False]))
    (1.0, 0.5, 0.6666666666666666)
    """
    hits = int((truth & alarm).sum())
    precision = _share(hits, int(alarm.sum()))
    recall = _share(hits, int(truth.sum()))
    return precision, recall, _share(2 * hits, int(alarm.sum()) + int(truth.sum()))


def roc_auc(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Chance that an anomalous point scores above a normal one, ties counting half.

    Points whose score is NaN are left out: not ready is not normal. NaN where there is nothing to
    compare. The rank sum of Mann and Whitney (1947), so n log n.

    >>> roc_auc(np.array([False, True, False, True]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.875
    """
    spoken = ~np.isnan(scores)
    truth, scores = truth[spoken], scores[spoken]
    positives, negatives = int(truth.sum()), int((~truth).sum())
    _, place, ties = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(ties) - (ties - 1) / 2
    above = float(ranks[place][truth].sum()) - positives * (positives + 1) / 2
    return _share(above, positives * negatives)


def _first_told(fault: FaultSpan, alerts: Sequence[AlertSpan]) -> AlertSpan | None:
    told = (
        alert
        for alert in alerts
        if (alert.machine, alert.kind) == (fault.machine, fault.kind)
        and fault.onset_ns <= alert.fired_ns < fault.repair_ns
    )
    return min(told, key=lambda alert: alert.fired_ns, default=None)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
