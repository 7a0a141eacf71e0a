"""What was there, what was found, and whether every reading is accounted for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from detectors.metrics import FaultResult, FaultSpan, false_alarms, match
from streamer.alert_spans import alert_spans
from streamer.demo.stage import AlertRow

FALSE_ALARMS_ALLOWED = 2


@dataclass(frozen=True)
class FaultLine:
    """One injected fault and what became of it."""

    fault: str
    machine: str
    kind: str
    onset: str
    found: bool
    resolved: bool
    delay_s: float | None


@dataclass(frozen=True)
class Report:
    """What `telltale demo --json` prints."""

    faults: list[FaultLine]
    false_alarms: int
    sent: int
    received: int
    stored: int
    rejected: int
    duplicate: int
    readings_per_s: float
    cpu_us_per_reading: float

    @property
    def nothing_lost(self) -> bool:
        """Whether sent = received = stored + rejected + duplicate."""
        accounted = self.stored + self.rejected + self.duplicate
        return self.sent == self.received == accounted

    @property
    def good(self) -> bool:
        """Every fault found and resolved, nothing lost, hardly any false alarm."""
        return (
            all(line.found and line.resolved for line in self.faults)
            and self.nothing_lost
            and self.false_alarms <= FALSE_ALARMS_ALLOWED
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def make_report(
    onsets: Mapping[FaultSpan, str],
    alerts: Iterable[AlertRow],
    *,
    counters: Mapping[str, int],
    sent: int,
    elapsed_s: float,
    cpu_s: float,
) -> Report:
    """Hold the alerts against the truth, and the daemon's account against the simulator's.

    ``onsets`` names the injected faults, each with its onset as a person reads it.
    """
    faults, spans = list(onsets), alert_spans(alerts)
    received = counters.get("received", 0)
    return Report(
        faults=[_line(result, onsets[result.span]) for result in match(faults, spans)],
        false_alarms=len(false_alarms(faults, spans)),
        sent=sent,
        received=received,
        stored=counters.get("stored", 0),
        rejected=counters.get("rejected", 0),
        duplicate=counters.get("duplicate", 0),
        readings_per_s=round(received / elapsed_s, 1) if elapsed_s > 0 else 0.0,
        cpu_us_per_reading=round(cpu_s * 1e6 / received, 1) if received else 0.0,
    )


def _line(result: FaultResult, onset: str) -> FaultLine:
    span = result.span
    return FaultLine(
        fault=span.fault,
        machine=span.machine,
        kind=span.kind,
        onset=onset,
        found=result.found,
        resolved=result.resolved,
        delay_s=result.delay_s,
    )
