"""Stories of a wind farm in simulated time, watched with the configuration of the demo.

Ten days of four turbines: all are well for five days, then T01's bearing wears, T03's cooler clogs
and T04's thermometer stands still; all is repaired before the end. T02 stays well.
"""

from __future__ import annotations

from functools import cache
from itertools import islice
from typing import NamedTuple

import numpy as np
import pytest

from detectors.metrics import AlertSpan, FaultSpan, false_alarms, match
from simulators import Farm, parse_fault
from simulators.clock import parse_time
from simulators.outputs.payloads import telemetry
from simulators.scenarios import DEMO_CLIMATE, DEMO_HOURS, DEMO_PERIOD_S, demo_farm
from streamer.alert_spans import alert_spans
from streamer.config import load
from streamer.pipeline import Pipeline
from streamer.records import AlertEvent, Message
from streamer.resources import config_path

HOUR_NS = 3600 * 10**9


class Watched(NamedTuple):
    """A farm, and all that its watcher said."""

    farm: Farm
    hours: float
    pipeline: Pipeline
    alerts: list[AlertEvent]
    scores: dict[str, np.ndarray]
    """Machine → its scores in order."""

    def told(self, machine: str) -> list[tuple[str, str]]:
        return [(e.kind, e.state) for e in self.alerts if e.machine == f"demo/{machine}"]

    def spans(self) -> list[AlertSpan]:
        return alert_spans(self.alerts)

    def faults(self) -> list[FaultSpan]:
        return [
            FaultSpan(
                fault=truth.fault,
                machine=f"{truth.site}/{truth.machine}",
                kind="instrument" if truth.kind == "sensor" else "machine",
                onset_ns=parse_time(truth.t_onset),
                repair_ns=parse_time(truth.t_end),
            )
            for truth in self.farm.truth(self.hours)
        ]


def watch(farm: Farm, hours: float, dialect: str = "json", batch: int = 1) -> Watched:
    """Publish a farm's readings and watch it, in turns of 500 messages."""
    pipeline = Pipeline(load(config_path("demo.yaml")), journal=None)
    alerts: list[AlertEvent] = []
    scores: dict[int, list[np.ndarray]] = {}
    turn: list[Message] = []

    def end_turn() -> None:
        alerts.extend(pipeline.turn(turn, hearing_since_ns=0))
        for points in pipeline.last_points:
            for row in np.unique(points.readings.rows).tolist():
                scores.setdefault(row, []).append(points.scores[points.readings.rows == row])
        turn.clear()

    for sent in telemetry(farm, hours, dialect, batch):
        turn.append(Message(sent.topic, sent.encoded().encode(), sent.time_ns))
        if len(turn) == 500:
            end_turn()
    end_turn()
    machines = pipeline.rosters["turbine"].machines
    by_name = {machines[row].name: np.concatenate(found) for row, found in scores.items()}
    return Watched(farm, hours, pipeline, alerts, by_name)


@cache
def story() -> Watched:
    return watch(demo_farm(4, seed=1), DEMO_HOURS)


@pytest.mark.parametrize("fault", ["bearing_wear", "overheating", "sensor_stuck"])
def test_a_fault_is_found_before_its_repair_and_resolved_after_it(fault):
    (result,) = [r for r in match(story().faults(), story().spans()) if r.span.fault == fault]
    assert result.found
    assert result.resolved
    assert result.delay_s < 24 * 3600


def test_nobody_else_is_suspected_and_nobody_twice():
    assert false_alarms(story().faults(), story().spans()) == []
    assert story().told("T02") == []
    for machine in ("T01", "T03"):
        assert story().told(machine) == [("machine", "firing"), ("machine", "resolved")]


def test_a_stuck_instrument_is_no_fault_of_the_machine():
    assert story().told("T04") == [("instrument", "firing"), ("instrument", "resolved")]
    fired = next(e for e in story().alerts if e.kind == "instrument")
    assert fired.evidence.sensor == "gearbox_temperature"
    assert "stuck at " in fired.reason


def test_worn_bearings_show_in_the_vibration_and_clogged_coolers_in_the_temperature():
    shown = {e.machine: e.evidence.sensor for e in story().alerts if e.kind == "machine"}
    assert shown == {"demo/T01": "vibration", "demo/T03": "gearbox_temperature"}


def test_every_reading_is_accounted_for():
    counters = story().pipeline.ledger.counters
    readings = 4 * DEMO_HOURS * 3600 / DEMO_PERIOD_S
    assert counters["received"] == counters["stored"] == readings


def test_gateways_that_send_arrays_change_nothing():
    """The same readings six at a time: machines are interleaved in another way, that is all."""
    batched = watch(demo_farm(4, seed=1), DEMO_HOURS, "array", batch=6)
    assert batched.scores.keys() == story().scores.keys()
    for machine, scores in story().scores.items():
        assert batched.scores[machine].tobytes() == scores.tobytes()
    told = sorted(story().alerts, key=lambda e: e.id)
    assert sorted(batched.alerts, key=lambda e: e.id) == told


def test_the_same_farm_without_its_faults_is_left_alone():
    well = watch(demo_farm(4, seed=1, faults=[]), DEMO_HOURS)
    assert len(well.spans()) <= 1


def test_a_step_is_found_within_hours():
    """No ramp: the cooler is blocked from one minute to the next, and the wind blows.

    Seed 7, because its weather has wind in the hours after the onset: in a calm nothing shows.
    """
    fault = parse_fault("overheating@T02:130h-150h")
    farm = Farm(2, 7, period_s=DEMO_PERIOD_S, faults=[fault], climate=DEMO_CLIMATE)
    seen = watch(farm, 160)
    (result,) = match(seen.faults(), seen.spans())
    assert result.found
    assert result.delay_s < 12 * 3600
    assert seen.told("T01") == []


def test_a_turbine_that_falls_silent_is_missed_and_welcomed_back():
    farm = demo_farm(2, seed=1, faults=[])
    pipeline = Pipeline(load(config_path("demo.yaml")), journal=None)
    start, told = farm.start_ns, []
    for sent in telemetry(farm, 12):
        lost = "T02" in sent.topic and 3 * HOUR_NS < sent.time_ns - start < 6 * HOUR_NS
        if not lost:
            message = Message(sent.topic, sent.encoded().encode(), sent.time_ns)
            told += pipeline.turn([message], hearing_since_ns=0)
    hours = [(e.machine, e.kind, e.state, (e.time_ns - start) / HOUR_NS) for e in told]
    assert [(machine, kind, state) for machine, kind, state, _ in hours] == [
        ("demo/T02", "silent", "firing"),
        ("demo/T02", "silent", "resolved"),
    ]
    assert 4.0 <= hours[0][3] <= 4.2
    assert hours[1][3] == 6.0


def test_the_example_configuration_leaves_a_healthy_farm_in_peace():
    """Six weeks of a reading every ten minutes; four of them go by before anybody may speak."""
    farm, hours = Farm(machines=4, seed=2, period_s=600), 24 * 42
    overrides = {"clock": "data", "max_ahead_s": 86400, "sinks": {}}
    few = {"classes.turbine.max_machines": 4}
    config = load(config_path("turbines.yaml"), overrides=overrides | few)
    pipeline = Pipeline(config, None)
    sent = iter(telemetry(farm, hours))
    told, charted = [], []
    while batch := list(islice(sent, 4096)):
        arrived = [Message(m.topic, m.encoded().encode(), m.time_ns) for m in batch]
        told += pipeline.turn(arrived, hearing_since_ns=0)
        for points in pipeline.last_points:
            column = points.schema.scores.index("ewma_multichart_vibration")
            charted.append(np.isfinite(points.scores[:, column]))
    assert pipeline.ledger.counters["stored"] == 4 * hours * 6
    assert np.concatenate(charted).mean() > 0.2
    assert [event.reason for event in told if event.state == "firing"] == []
