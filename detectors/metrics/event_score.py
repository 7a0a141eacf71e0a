"""All figures of one run in one record, and the same for each fault and severity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from detectors.metrics import event_figures as figures
from detectors.metrics.events import AlertSpan, FaultResult, FaultSpan, false_alarms, match
from detectors.metrics.records import Share, Spread, plain, ratio

DAYS_PER_MONTH = 30.4375


@dataclass(frozen=True, slots=True)
class FaultFigures:
    """What became of all faults of one name and severity."""

    fault: str
    severity: float
    injected: int
    detected: Share
    """Of those that could be detected."""
    delay_s: Spread
    """Alert - detectable."""
    lead_s: Spread
    """Functional failure - alert."""


@dataclass(frozen=True, slots=True)
class EventScore:
    """What living with this detector would have been like; how each is counted: `event_figures`."""

    by_fault: tuple[FaultFigures, ...]
    detected: Share
    found_though_undetectable: Share
    """Of the faults whose effect never stood out in this run, those found all the same."""
    delay_s: Spread
    early: int
    """Alerts after the onset and before the effect stood out; negative among the delays."""
    lead_s: Spread
    warned_before_failure: Share
    healthy_machine_days: float
    false_alarms: int
    false_alarms_per_machine_day: float
    false_alarms_per_machine_month: float
    alarm_minutes: float
    """On healthy machines."""
    alarm_minutes_per_machine_day: float
    benign_raised: Share
    right_machine: Share
    right_sensor: Share
    right_kind: Share
    instrument_as_machine: Share
    chattering: int
    refired: int
    still_firing: Share
    still_firing_after_days: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: shares with their counts, None for what is NaN here."""
        data: dict[str, Any] = plain(self)
        return data


def score_events(
    faults: Sequence[FaultSpan],
    alerts: Sequence[AlertSpan],
    *,
    machines: int,
    start_ns: int,
    end_ns: int,
    settle_s: float = 0.0,
    still_firing_days: float = 7.0,
) -> EventScore:
    """Hold the alerts of a run of ``machines`` machines against what was really there.

    ``settle_s`` is how long after a repair an alert is still put down to the fault. Alerts raised
    outside ``start_ns … end_ns`` are judged by nobody, except that one raised before counts in
    ``alarm_minutes`` as long as it goes on.

    >>> day = 86_400 * 10**9
    >>> wear = FaultSpan("wear", "T01", "machine", 10 * day, 20 * day, detectable_ns=12 * day)
    >>> told = [AlertSpan("T01", "machine", 13 * day, 20 * day)]
    >>> told += [AlertSpan("T02", "machine", 5 * day, 6 * day)]
    >>> score = score_events([wear], told, machines=2, start_ns=0, end_ns=30 * day)
    >>> score.detected, score.delay_s.median / 86_400, score.healthy_machine_days
    (Share(part=1, whole=1), 1.0, 50.0)
    >>> round(score.false_alarms_per_machine_month, 3)
    0.609
    """
    if machines < 1 or end_ns <= start_ns:
        raise ValueError(
            f"a run of {machines} machines from {start_ns} to {end_ns} ns has nothing to score; "
            "it takes one machine at least and an end after the start"
        )
    run = (start_ns, end_ns)
    within = [alert for alert in alerts if start_ns <= alert.fired_ns < end_ns]
    real = [fault for fault in faults if not fault.benign]
    results = match(real, within)
    hidden = [result.found for result in results if result.span.detectable_ns is None]
    delays = figures.delays_s(results)
    wrong = len(false_alarms(faults, within, settle_s=settle_s))
    days = figures.healthy_machine_days(faults, machines, *run, settle_s=settle_s)
    minutes = figures.alarm_minutes(faults, alerts, *run, settle_s=settle_s)
    return EventScore(
        by_fault=tuple(_by_fault(results)),
        detected=figures.detected(results),
        found_though_undetectable=Share(sum(hidden), len(hidden)),
        delay_s=Spread.of(delays),
        early=sum(delay < 0 for delay in delays),
        lead_s=Spread.of(figures.leads_s(results)),
        warned_before_failure=figures.warned_before_failure(results),
        healthy_machine_days=days,
        false_alarms=wrong,
        false_alarms_per_machine_day=ratio(wrong, days),
        false_alarms_per_machine_month=ratio(wrong * DAYS_PER_MONTH, days),
        alarm_minutes=minutes,
        alarm_minutes_per_machine_day=ratio(minutes, days),
        benign_raised=figures.benign_raised(faults, within, settle_s=settle_s),
        right_machine=figures.right_machine(faults, within, settle_s=settle_s),
        right_sensor=figures.right_sensor(faults, within),
        right_kind=figures.right_kind(faults, within),
        instrument_as_machine=figures.instrument_as_machine(faults, within),
        chattering=figures.chattering(within),
        refired=figures.refired(within),
        still_firing=figures.still_firing(faults, within, days=still_firing_days),
        still_firing_after_days=still_firing_days,
    )


def _by_fault(results: Iterable[FaultResult]) -> Iterable[FaultFigures]:
    alike: defaultdict[tuple[str, float], list[FaultResult]] = defaultdict(list)
    for result in results:
        alike[result.span.fault, result.span.severity].append(result)
    for (fault, severity), some in sorted(alike.items()):
        yield FaultFigures(
            fault=fault,
            severity=severity,
            injected=len(some),
            detected=figures.detected(some),
            delay_s=Spread.of(figures.delays_s(some)),
            lead_s=Spread.of(figures.leads_s(some)),
        )
