"""What became of one entrant in one run, in all the ways the field keeps score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.metrics import (
    AlertSpan,
    CareScore,
    CareSet,
    EventScore,
    FaultSpan,
    care_score,
    pr_auc,
    precision_recall_f1,
    roc_auc,
    score_events,
)
from detectors.metrics.records import plain
from streamer.records import Rows, Times

SETTLE_S = 6 * 3600.0
"""After a repair a gearbox takes hours to cool: alerts so long are put down to the fault."""
CRITICAL_S = 12 * 3600.0
"""CARE's criticality: 72 rows of ten minutes."""

NORMAL, ANOMALOUS, NEITHER = 0, 1, 2


@dataclass(frozen=True, slots=True)
class PointScore:
    """Single readings: how well the severity, and the severity against 1, tells them apart."""

    precision: float
    recall: float
    f1: float
    roc_auc: float
    pr_auc: float
    anomalous: int
    normal: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the table."""

    entrant: str
    about: str
    events: EventScore
    points: PointScore
    care: CareScore
    cpu_us_per_reading: float
    """NaN for a detector of the product alone: it has no run of its own."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, None for NaN."""
        data: dict[str, Any] = plain(self)
        return data


class Said(NamedTuple):
    """All that one entrant said of a run."""

    about: str
    severity: NDArray[np.float32]
    """By reading."""
    alerts: Sequence[AlertSpan]
    cpu_s: float


def said_together(parts: Sequence[Said]) -> Said:
    """What one entrant said of several runs, in their order."""
    return Said(
        parts[0].about,
        np.concatenate([part.severity for part in parts]),
        [alert for part in parts for alert in part.alerts],
        sum(part.cpu_s for part in parts),
    )


@dataclass(frozen=True)
class Run:
    """What all entrants were given, and what was really there."""

    machines: Sequence[str]
    """By row."""
    faults: Sequence[FaultSpan]
    rows: Rows
    times: Times
    start_ns: int
    end_ns: int
    period_s: float

    def score(self, entrant: str, said: Said) -> Outcome:
        """Keep score of one entrant."""
        return Outcome(
            entrant=entrant,
            about=said.about,
            events=score_events(
                self.faults,
                said.alerts,
                machines=len(self.machines),
                start_ns=self.start_ns,
                end_ns=self.end_ns,
                settle_s=SETTLE_S,
            ),
            points=self._points(said.severity),
            care=self._care(said.severity),
            cpu_us_per_reading=said.cpu_s * 1e6 / max(len(self.rows), 1),
        )

    @classmethod
    def together(cls, runs: Sequence[Run]) -> Run:
        """Several runs of the same length as one of more machines; their names must differ."""
        first = runs[0]
        offsets = np.cumsum([0] + [len(run.machines) for run in runs[:-1]])
        return cls(
            machines=[machine for run in runs for machine in run.machines],
            faults=[fault for run in runs for fault in run.faults],
            rows=np.concatenate([run.rows + at for run, at in zip(runs, offsets, strict=True)]),
            times=np.concatenate([run.times for run in runs]),
            start_ns=first.start_ns,
            end_ns=first.end_ns,
            period_s=first.period_s,
        )

    def labels(self) -> NDArray[np.uint8]:
        """What each reading is: normal, anomalous, or neither, ``[n]``.

        Anomalous are those of a machine from when its fault could be seen until its repair. Those
        between onset and then, and those under a fault of an instrument or of the link, are left
        out: there is no right answer for a single reading there.
        """
        labels = np.zeros(len(self.rows), np.uint8)
        settle_ns = round(SETTLE_S * 1e9)
        for fault in self._real():
            labels[self._within(fault, fault.onset_ns, fault.repair_ns + settle_ns)] = NEITHER
        for fault in self._machine_faults():
            if fault.detectable_ns is not None:
                labels[self._within(fault, fault.detectable_ns, fault.repair_ns)] = ANOMALOUS
        return labels

    def _points(self, severity: NDArray[np.float32]) -> PointScore:
        labels = self.labels()
        judged = labels != NEITHER
        truth, scores = labels[judged] == ANOMALOUS, severity[judged].astype(np.float64)
        precision, recall, f1 = precision_recall_f1(truth, scores >= 1.0)
        anomalous = int(truth.sum())
        return PointScore(
            precision=precision,
            recall=recall,
            f1=f1,
            roc_auc=roc_auc(truth, scores),
            pr_auc=pr_auc(truth, scores) if anomalous else math.nan,
            anomalous=anomalous,
            normal=len(truth) - anomalous,
        )

    def _care(self, severity: NDArray[np.float32]) -> CareScore:
        """One set per machine; its event is its first fault, other faults are no normal time."""
        order = np.argsort(self.rows, kind="stable")
        cuts = np.searchsorted(self.rows[order], np.arange(len(self.machines) + 1))
        sets = [
            self._care_set(machine, order[first:last], severity)
            for machine, first, last in zip(self.machines, cuts, cuts[1:], strict=False)
            if last > first
        ]
        return care_score(sets, critical=max(round(CRITICAL_S / self.period_s), 1))

    def _care_set(
        self, machine: str, readings: NDArray[np.intp], severity: NDArray[np.float32]
    ) -> CareSet:
        times, normal = self.times[readings], np.ones(len(readings), np.bool_)
        own = [fault for fault in self._real() if fault.machine == machine]
        first = next((fault for fault in own if fault.kind == "machine"), None)
        for other in own:
            if other is not first:
                normal &= ~((times >= other.onset_ns) & (times < other.repair_ns))
        event = None
        if first is not None:
            ended_ns = min(first.repair_ns, first.failure_ns or first.repair_ns)
            there = np.flatnonzero((times >= first.onset_ns) & (times < ended_ns))
            event = (int(there[0]), int(there[-1])) if there.size else None
        return CareSet(severity[readings] >= 1.0, normal, event)

    def _real(self) -> list[FaultSpan]:
        return sorted((f for f in self.faults if not f.benign), key=lambda fault: fault.onset_ns)

    def _machine_faults(self) -> list[FaultSpan]:
        return [fault for fault in self._real() if fault.category == "fault"]

    def _within(self, fault: FaultSpan, start_ns: int, end_ns: int) -> NDArray[np.bool_]:
        row = self.machines.index(fault.machine)
        within: NDArray[np.bool_] = (
            (self.rows == row) & (self.times >= start_ns) & (self.times < end_ns)
        )
        return within
