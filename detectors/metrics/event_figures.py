"""The figures a plant asks for, each a few lines over faults and alerts.

``results`` are those of `match`. Figures about the machines' own time take the run as ``start_ns``,
``end_ns`` and the number of ``machines`` in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from detectors.metrics.events import (
    KINDS,
    AlertSpan,
    FaultResult,
    FaultSpan,
    by_machine,
    false_alarms,
    first_told,
)
from detectors.metrics.records import Share

DAY_NS = 86_400 * 10**9
MINUTE_NS = 60 * 10**9
CHATTERING = 3
"""Transitions within a minute (ISA-18.2)."""


def detected(results: Iterable[FaultResult]) -> Share:
    """Faults found / faults that could be found, those never detectable in this run left out.

    >>> wear = FaultSpan("wear", "T01", "machine", 0, 90, detectable_ns=30)
    >>> detected([FaultResult(wear, AlertSpan("T01", "machine", 40, None))])
    Share(part=1, whole=1)
    """
    found = [r.found for r in results if r.span.detectable_ns is not None]
    return Share(sum(found), len(found))


def delays_s(results: Iterable[FaultResult]) -> list[float]:
    """Of each fault found that could be: alert - detectable. [s]

    Negative ones (raised after the onset, before the effect stood out) stay negative.
    """
    delays = (result.detection_delay_s for result in results)
    return [delay for delay in delays if delay is not None]


def leads_s(results: Iterable[FaultResult]) -> list[float]:
    """Of each fault found that ended in a failure: functional failure - alert. [s]"""
    leads = (result.lead_s for result in results)
    return [lead for lead in leads if lead is not None]


def warned_before_failure(results: Iterable[FaultResult]) -> Share:
    """Failures that an alert came before / failures whose fault could be found."""
    failing = [
        r for r in results if r.span.failure_ns is not None and r.span.detectable_ns is not None
    ]
    return Share(sum((r.lead_s or 0) > 0 for r in failing), len(failing))


def healthy_machine_days(
    faults: Sequence[FaultSpan], machines: int, start_ns: int, end_ns: int, *, settle_s: float = 0.0
) -> float:
    """Machines × run - the time that each was under a fault of its own or settling after it. [d]

    Faults that overlap on a machine count once; harmless changes do not count.

    >>> day = 86_400 * 10**9
    >>> healthy_machine_days([FaultSpan("wear", "T01", "machine", 0, day)], 3, 0, 10 * day)
    29.0
    """
    sick = by_machine(fault for fault in faults if not fault.benign)
    under_ns = sum(_covered(_under(some, settle_s), start_ns, end_ns) for some in sick.values())
    return (machines * (end_ns - start_ns) - under_ns) / DAY_NS


def alarm_minutes(
    faults: Sequence[FaultSpan],
    alerts: Sequence[AlertSpan],
    start_ns: int,
    end_ns: int,
    *,
    settle_s: float = 0.0,
) -> float:
    """Minutes in which a machine with no fault had an alert firing, summed over machines. [min]

    Of a machine's time, |A without F| = |A ∪ F| - |F|, A under any alert, F under a fault or
    settling. So an alert that outlasts its fault counts from where the machine has settled.
    """
    told = by_machine(alert for alert in alerts if alert.kind in KINDS)
    sick = by_machine(fault for fault in faults if not fault.benign)
    wrong_ns = 0
    for machine, some in told.items():
        firing = [(a.fired_ns, end_ns if a.resolved_ns is None else a.resolved_ns) for a in some]
        under = _under(sick[machine], settle_s)
        wrong_ns += _covered(firing + under, start_ns, end_ns) - _covered(under, start_ns, end_ns)
    return wrong_ns / MINUTE_NS


def benign_raised(
    faults: Sequence[FaultSpan], alerts: Sequence[AlertSpan], *, settle_s: float = 0.0
) -> Share:
    """Drifts and maintenances during which a machine alert was raised / all that should raise none.

    ``settle_s`` after its end an alert still counts against the change; one during a real fault
    of the same machine never does.
    """
    grace_ns = round(settle_s * 1e9)
    wrong = by_machine(
        alert
        for alert in false_alarms(faults, alerts, settle_s=settle_s)
        if alert.kind == "machine"
    )
    changes = [f for f in faults if f.benign and f.category in {"drift", "maintenance"}]
    raised = [
        any(c.onset_ns <= a.fired_ns < c.repair_ns + grace_ns for a in wrong[c.machine])
        for c in changes
    ]
    return Share(sum(raised), len(changes))


def first_alerts(
    faults: Sequence[FaultSpan], alerts: Sequence[AlertSpan]
) -> list[tuple[FaultSpan, AlertSpan]]:
    """Each real fault with the first thing said about its machine meanwhile, right or wrong."""
    told = by_machine(alerts)
    first = ((f, first_told(f, told[f.machine])) for f in faults if not f.benign)
    return [(fault, alert) for fault, alert in first if alert is not None]


def right_machine(
    faults: Sequence[FaultSpan], alerts: Sequence[AlertSpan], *, settle_s: float = 0.0
) -> Share:
    """Alerts raised on a machine that had a fault then / all alerts about machines."""
    told = sum(alert.kind in KINDS for alert in alerts)
    return Share(told - len(false_alarms(faults, alerts, settle_s=settle_s)), told)


def right_sensor(faults: Sequence[FaultSpan], alerts: Sequence[AlertSpan]) -> Share:
    """First alerts that name first a sensor which the fault moves / first alerts that name one."""
    named = [(f, a) for f, a in first_alerts(faults, alerts) if f.signals and a.sensor]
    return Share(sum(alert.sensor in fault.signals for fault, alert in named), len(named))


def right_kind(faults: Sequence[FaultSpan], alerts: Sequence[AlertSpan]) -> Share:
    """First alerts that blame the machine or the instrument rightly / first alerts."""
    first = first_alerts(faults, alerts)
    return Share(sum(alert.kind == fault.kind for fault, alert in first), len(first))


def instrument_as_machine(faults: Sequence[FaultSpan], alerts: Sequence[AlertSpan]) -> Share:
    """Instrument faults during which the machine was blamed / instrument faults.

    Left out are those beside which the machine itself had a fault at the time.
    """
    real, told = by_machine(f for f in faults if not f.benign), by_machine(alerts)
    lone = [
        fault
        for fault in faults
        if fault.kind == "instrument"
        and not fault.benign
        and not any(o.kind == "machine" and _overlap(o, fault) for o in real[fault.machine])
    ]
    blamed = (first_told(fault, told[fault.machine], ("machine",)) for fault in lone)
    return Share(sum(alert is not None for alert in blamed), len(lone))


def chattering(alerts: Iterable[AlertSpan]) -> int:
    """Alerts (machine, kind, rule) with three transitions or more within some minute.

    A transition is a raise or a return to normal; the criterion is ISA-18.2's.
    """
    lives = (sorted(_transitions(some)) for some in _by_rule(alerts))
    return sum(
        any(
            last - first <= MINUTE_NS
            for first, last in zip(moves, moves[CHATTERING - 1 :], strict=False)
        )
        for moves in lives
    )


def refired(alerts: Iterable[AlertSpan], *, within_s: float = 3600.0) -> int:
    """Times an alert was raised again within ``within_s`` of its return to normal."""
    within_ns = round(within_s * 1e9)
    return sum(
        before.resolved_ns is not None and again.fired_ns - before.resolved_ns <= within_ns
        for some in _by_rule(alerts)
        for before, again in pairwise(some)
    )


def still_firing(
    faults: Sequence[FaultSpan], alerts: Sequence[AlertSpan], *, days: float = 7.0
) -> Share:
    """Faults that an alert of their kind tells of ``days`` after they could be seen / all so long.

    A detector that learns the fault falls silent; one that never spoke is as silent.
    """
    told = by_machine(alerts)
    later = [
        (f, f.detectable_ns + round(days * DAY_NS)) for f in faults if f.detectable_ns is not None
    ]
    lasting = [
        (fault, when) for fault, when in later if not fault.benign and when < fault.repair_ns
    ]
    firing = [
        any(
            a.kind == f.kind and a.fired_ns >= f.onset_ns and a.firing(when)
            for a in told[f.machine]
        )
        for f, when in lasting
    ]
    return Share(sum(firing), len(lasting))


def _under(faults: Iterable[FaultSpan], settle_s: float) -> list[tuple[int, int]]:
    grace_ns = round(settle_s * 1e9)
    return [(fault.onset_ns, fault.repair_ns + grace_ns) for fault in faults]


def _covered(spans: Iterable[tuple[int, int]], start_ns: int, end_ns: int) -> int:
    """Length of the union of spans, of what lies between start and end."""
    covered, reached = 0, start_ns
    for first, last in sorted(spans):
        upto = min(last, end_ns)
        covered += max(0, upto - max(first, reached))
        reached = max(reached, upto)
    return covered


def _overlap(one: FaultSpan, other: FaultSpan) -> bool:
    return one.onset_ns < other.repair_ns and other.onset_ns < one.repair_ns


def _by_rule(alerts: Iterable[AlertSpan]) -> Iterable[list[AlertSpan]]:
    """The lives of each alert, in time."""
    found: defaultdict[tuple[str, str, str], list[AlertSpan]] = defaultdict(list)
    for alert in sorted(alerts, key=lambda alert: alert.fired_ns):
        if alert.kind in KINDS:
            found[alert.machine, alert.kind, alert.rule].append(alert)
    return found.values()


def _transitions(alerts: Iterable[AlertSpan]) -> Iterable[int]:
    for alert in alerts:
        yield alert.fired_ns
        if alert.resolved_ns is not None:
            yield alert.resolved_ns
