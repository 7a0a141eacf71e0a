"""Readings, labels, sets and spans of tiny runs, counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.metrics import AlertSpan, FaultSpan
from streamer.evaluate.outcome import (
    ANOMALOUS,
    CRITICAL_S,
    NEITHER,
    NORMAL,
    Run,
    Said,
    said_together,
)

H = 3600 * 10**9
N, A, X = NORMAL, ANOMALOUS, NEITHER


def run_of(*faults: FaultSpan, machines=("A", "B"), hours: int = 24) -> Run:
    """Readings of each machine every hour, in turn."""
    steps, count = np.repeat(np.arange(hours), len(machines)), len(machines)
    rows = np.tile(np.arange(count, dtype=np.int32), hours)
    return Run(list(machines), faults, rows, steps.astype(np.int64) * H, 0, hours * H, 3600.0)


def fault(machine: str = "A", onset: int = 4, repair: int = 8, **more) -> FaultSpan:
    more.setdefault("detectable_ns", (onset + 1) * H)
    return FaultSpan("wear", machine, more.pop("kind", "machine"), onset * H, repair * H, **more)


def said_of(run: Run, strange: dict[str, range], alerts=(), name="x") -> Said:
    severity = np.full(len(run.rows), 0.5, np.float32)
    for machine, hours in strange.items():
        own = run.rows == list(run.machines).index(machine)
        severity[own & (run.times >= hours.start * H) & (run.times < hours.stop * H)] = 2.0
    return Said(name, severity, alerts, 1.0)


def labels_of(run: Run, machine: str) -> list[int]:
    return run.labels()[run.rows == list(run.machines).index(machine)].tolist()


def test_a_machine_is_anomalous_from_when_it_shows_until_its_repair() -> None:
    run = run_of(fault())
    # Onset at 4, visible from 5, repaired at 8, six hours to settle.
    assert labels_of(run, "A") == [N] * 4 + [X] + [A] * 3 + [X] * 6 + [N] * 10
    assert labels_of(run, "B") == [N] * 24


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "instrument", "category": "sensor", "expected": "data_quality"},
        {"kind": "instrument", "category": "transport", "expected": "data_quality"},
        {"detectable_ns": None},
    ],
)
def test_readings_with_no_right_answer_are_left_out(other) -> None:
    assert labels_of(run_of(fault(**other)), "A") == [N] * 4 + [X] * 10 + [N] * 10


def test_what_should_raise_no_alarm_is_normal() -> None:
    assert labels_of(run_of(fault(category="drift", expected="no_alarm")), "A") == [N] * 24


def test_a_fault_is_anomalous_though_another_is_settling() -> None:
    both = run_of(fault(), fault(onset=9, repair=12))
    assert labels_of(both, "A")[8:14] == [X, X, A, A, X, X]


def test_points_are_counted_over_what_is_judged() -> None:
    run = run_of(fault())
    points = run.score("x", said_of(run, {"A": range(4, 7), "B": range(2)})).points
    # Judged: 3 anomalous, 14 + 24 normal; alarmed: 2 of the anomalous, 2 of the normal.
    assert (points.anomalous, points.normal) == (3, 38)
    assert (points.precision, points.recall) == (2 / 4, 2 / 3)
    assert points.roc_auc == pytest.approx((2 * (36 + 1) + 36 / 2) / (3 * 38))


def test_not_ready_is_not_strange_nor_normal() -> None:
    run = run_of(fault())
    said = said_of(run, {"A": range(5, 8)})
    said.severity[run.rows == 1] = np.nan
    points = run.score("x", said).points
    assert (points.precision, points.recall, points.roc_auc) == (1, 1, 1)


def test_without_anything_anomalous_there_is_no_area() -> None:
    run = run_of()
    outcome = run.score("x", said_of(run, {}))
    assert math.isnan(outcome.points.pr_auc)
    assert outcome.to_dict()["points"]["pr_auc"] is None


def test_care_takes_a_set_per_machine_and_its_first_fault_as_the_event() -> None:
    later = fault(onset=20, repair=23)
    run = run_of(fault(), later, fault("B", 10, 12, kind="instrument", category="sensor"))
    order = np.flatnonzero(run.rows == 0)
    said = said_of(run, {"A": range(4, 6), "B": range(3)})
    care = run._care_set("A", order, said.severity)
    assert care.event == (4, 7)
    assert np.flatnonzero(care.alarm).tolist() == [4, 5]
    assert np.flatnonzero(~care.normal).tolist() == [20, 21, 22]
    other = run._care_set("B", np.flatnonzero(run.rows == 1), said.severity)
    assert other.event is None
    assert np.flatnonzero(~other.normal).tolist() == [10, 11]
    assert run._care(said.severity).accuracy == (24 - 2 - 3) / (24 - 2)


def test_cares_event_ends_with_the_failure() -> None:
    run = run_of(fault(failure_ns=6 * H))
    assert run._care_set("A", np.flatnonzero(run.rows == 0), said_of(run, {}).severity).event == (
        4,
        5,
    )


def test_cares_criticality_is_half_a_day_whatever_the_period() -> None:
    hours = round(CRITICAL_S / 3600)
    run = run_of(fault(onset=2, repair=22), hours=48)
    enough = run._care(said_of(run, {"A": range(2, 2 + hours)}).severity)
    short = run._care(said_of(run, {"A": range(2, 1 + hours)}).severity)
    assert (enough.reliability, short.reliability) == (1.0, 0.0)


def test_events_are_scored_over_the_whole_run() -> None:
    run = run_of(fault())
    alerts = [
        AlertSpan("A", "machine", 6 * H, 8 * H),
        AlertSpan("A", "machine", 13 * H, 14 * H),  # still settling
        AlertSpan("B", "machine", 6 * H, 7 * H),
    ]
    events = run.score("x", said_of(run, {}, alerts)).events
    assert (events.detected.part, events.detected.whole, events.false_alarms) == (1, 1, 1)
    assert events.delay_s.median == 3600
    assert events.healthy_machine_days == pytest.approx(2 - 10 / 24)


def test_several_runs_together_are_their_sums() -> None:
    first = run_of(fault(), machines=("a/1", "a/2"))
    second = run_of(fault("b/2", 5, 9), machines=("b/1", "b/2"))
    first = Run(first.machines, [fault("a/1")], first.rows, first.times, 0, 24 * H, 3600.0)
    said = [
        said_of(first, {"a/1": range(5, 7)}, [AlertSpan("a/1", "machine", 6 * H, None)]),
        said_of(second, {"b/1": range(3)}, [AlertSpan("b/1", "machine", 6 * H, 7 * H)]),
    ]
    both = Run.together([first, second])
    assert both.machines == ["a/1", "a/2", "b/1", "b/2"]
    whole = both.score("x", said_together(said))
    parts = [run.score("x", one) for run, one in zip((first, second), said, strict=True)]
    for figure in ("false_alarms", "healthy_machine_days", "alarm_minutes", "chattering"):
        total = sum(getattr(part.events, figure) for part in parts)
        assert getattr(whole.events, figure) == pytest.approx(total), figure
    shares = [part.events.detected for part in parts]
    assert whole.events.detected.part == sum(share.part for share in shares) == 1
    assert whole.events.detected.whole == sum(share.whole for share in shares) == 2
    assert whole.points.normal == sum(part.points.normal for part in parts)
    assert whole.points.anomalous == sum(part.points.anomalous for part in parts) == 6
    assert whole.cpu_us_per_reading == pytest.approx(2e6 / 96)
    np.testing.assert_array_equal(both.labels(), np.append(first.labels(), second.labels()))
