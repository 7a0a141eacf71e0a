"""Faults and alerts as events: which alert told of which fault, and which told of none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal, TypeVar

KINDS = ("machine", "instrument")
"""Alerts that say something about a machine; silence and our own troubles do not."""

Expected = Literal["alarm", "no_alarm", "data_quality"]
Category = Literal["fault", "sensor", "transport", "drift", "maintenance"]


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """A fault that was really there, or a harmless change, from its first effect to its repair."""

    fault: str
    machine: str
    kind: str
    """What it should raise: ``machine`` or ``instrument``."""
    onset_ns: int
    repair_ns: int
    """The end of the run where it was never repaired."""
    _: KW_ONLY
    component: str = ""
    signals: tuple[str, ...] = ()
    """The sensors it moves, the most telling first; empty: not known."""
    severity: float = 1.0
    detectable_ns: int | None = None
    """When its effect first stood out of the noise; None: never in this run."""
    failure_ns: int | None = None
    """When the machine no longer does its work; None: not in this run."""
    expected: Expected = "alarm"
    category: Category = "fault"

    @property
    def benign(self) -> bool:
        """Whether nobody should be called for it."""
        return self.expected == "no_alarm"


@dataclass(frozen=True, slots=True)
class AlertSpan:
    """An alert that was really raised; what was only pending is none."""

    machine: str
    kind: str
    fired_ns: int
    resolved_ns: int | None
    """None: still firing at the end."""
    _: KW_ONLY
    rule: str = ""
    """Which of the machine's alerts it is, so that it is known when it comes back."""
    component: str = ""
    sensor: str = ""
    """The sensor it names first; empty: it names none."""

    def firing(self, time_ns: int) -> bool:
        """Whether it was firing at that moment: raised by then, and not resolved."""
        ended = self.resolved_ns is not None and self.resolved_ns <= time_ns
        return self.fired_ns <= time_ns and not ended


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

    @property
    def detection_delay_s(self) -> float | None:
        """From when it could be seen to the alert; None where not found or never to be seen.

        Negative where the alert came after the onset and before the effect stood out: several
        readings together may see what none shows.
        """
        detectable_ns = self.span.detectable_ns
        if self.alert is None or detectable_ns is None:
            return None
        return (self.alert.fired_ns - detectable_ns) / 1e9

    @property
    def lead_s(self) -> float | None:
        """From the alert to the functional failure; None where not found or nothing failed.

        Negative where the alert came only after the machine had failed.
        """
        failure_ns = self.span.failure_ns
        if self.alert is None or failure_ns is None:
            return None
        return (failure_ns - self.alert.fired_ns) / 1e9


_Span = TypeVar("_Span", FaultSpan, AlertSpan)


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
    told = by_machine(alerts)
    return [
        FaultResult(fault, first_told(fault, told[fault.machine], (fault.kind,)))
        for fault in faults
    ]


def first_told(
    fault: FaultSpan, alerts: Sequence[AlertSpan], kinds: Sequence[str] = KINDS
) -> AlertSpan | None:
    """The first alert of these kinds that the fault's machine raised from onset to repair."""
    told = (
        alert
        for alert in alerts
        if alert.kind in kinds and fault.onset_ns <= alert.fired_ns < fault.repair_ns
    )
    return min(told, key=lambda alert: alert.fired_ns, default=None)


def false_alarms(
    faults: Sequence[FaultSpan], alerts: Sequence[AlertSpan], *, settle_s: float = 0.0
) -> list[AlertSpan]:
    """Alerts about a machine or an instrument that were raised on a machine with no fault.

    An alert is judged by when it was raised, so one that had been firing since before the onset
    is false however long it stayed. Raised during a fault it is not false even where it is of the
    other kind: `match` already refuses to count it. ``settle_s`` after its repair a machine may
    still be on its way back to normal; alerts raised then are put down to the fault. A change that
    should raise no alarm excuses none.
    """
    grace_ns = round(settle_s * 1e9)
    real = by_machine(fault for fault in faults if not fault.benign)
    return [
        alert
        for alert in alerts
        if alert.kind in KINDS
        and not any(
            fault.onset_ns <= alert.fired_ns < fault.repair_ns + grace_ns
            for fault in real[alert.machine]
        )
    ]


def by_machine(spans: Iterable[_Span]) -> defaultdict[str, list[_Span]]:
    """The spans of each machine, in order; none for a machine that has none."""
    found: defaultdict[str, list[_Span]] = defaultdict(list)
    for span in spans:
        found[span.machine].append(span)
    return found
