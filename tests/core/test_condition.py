"""How a machine is: its health, what it has learnt, why it is told of, and what all share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from streamer import why
from streamer.alerts import FLEET_NAME
from streamer.condition import health_of, progress, sentence
from streamer.config import Config
from streamer.pipeline import Pipeline
from streamer.records import AlertEvent, Message
from streamer.recovery import take_snapshot
from streamer.web.app import _metrics, _page
from streamer.web.status import look
from tests.core.plant import Run, arriving, at, configured, dry, opened, telling, turns_of, walk
from tests.core.telling import tell, want

TEXT = """
state_dir: state
clock: data
max_ahead_s: 1.0e+9
mqtt:
  host: localhost
  topics:
    - {topic: "plant/{site}/{machine}/telemetry", class: pump}
    - {topic: "plant/{site}/{machine}/one/{sensor}", class: pump, dialect: number}
classes:
  pump:
    max_age_s: 300
    sensors:
      flow: {unit: l/s, role: context, range: [0, 100]}
      pressure: {unit: bar, range: [-50, 50]}
      heat: {unit: K, range: [-50, 150], inert: false}
    moving: {sensor: flow, above: 1}
    components: {hydraulics: [pressure], thermal: [heat]}
    context:
      {learn_s: 1500, warm_s: 200, moment_s: 10, lags_s: [20], knots: 0, adjust_s: 500,
       renew_s: 500, quarantine_s: 60}
    detectors:
      ewma_multichart: {scales_s: [100, 400], learn_s: 1000, limit: 4}
      adjusted_multichart: {scales_s: [100, 400], learn_s: 1000, limit: 4}
    alerts:
      machine_fault: {kind: machine, hold_s: 60, keep_firing_s: 60}
"""
FARM = tuple(f"M{i}" for i in range(6))
SICK_S, WELL_S = 3000, 5000
"""When machines fall ill, and when they are well again."""


def plant(directory: Path = Path(), **overrides: object) -> Config:
    return configured(directory, TEXT, **overrides)


def fields_at(
    machine: str, t_s: int, sick: Sequence[str] = (), well_s: int = WELL_S
) -> dict[str, float]:
    """What a machine reads; one that is sick gets hotter for some time."""
    rng = np.random.default_rng((t_s, int(machine[1:])))
    flow, noise, other = rng.normal(0, [20, 0.2, 0.3]).tolist()
    flow = min(max(50 + flow, 2), 98)
    ill = machine in sick and SICK_S < t_s < well_s
    heat = 20 + flow / 4 + other + min(3 + (t_s - SICK_S) / 500, 7) * ill
    return {"flow": flow, "pressure": flow / 5 + noise, "heat": heat}


def hum(
    seconds: Iterable[int], machines: Sequence[str], sick: Sequence[str] = (), well_s: int = WELL_S
) -> Iterator[Message]:
    for t_s in seconds:
        for machine in machines:
            yield telling(machine, t_s, **fields_at(machine, t_s, sick, well_s))


@cache
def one_sick() -> tuple[Message, ...]:
    return tuple(hum(range(0, 6000, 10), FARM[:2], FARM[:1]))


@cache
def fleet_sick() -> tuple[Message, ...]:
    return tuple(hum(range(0, 7000, 10), FARM, FARM[:5]))


LONG = (*range(0, SICK_S, 10), *range(SICK_S, 20_000, 30))
"""Long enough for a machine that stays ill to lose its health."""


def long(machines: Sequence[str], sick: Sequence[str]) -> list[Message]:
    return list(hum(LONG, machines, sick, 10**6))


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fleet drift is told and forgotten within minutes."""
    monkeypatch.setattr(why, "FLEET_HOLD_S", 100.0)
    monkeypatch.setattr(why, "FLEET_KEEP_S", 300.0)


def first(run: Run, rule: str, state: str = "firing") -> AlertEvent:
    return next(one for one in run.alerts if (one.rule, one.state) == (rule, state))


# Why.


def test_an_alert_says_what_is_where_since_when_and_who_else() -> None:
    fired = first(dry(one_sick(), 4096, plant()), "machine_fault")
    told = fired.evidence
    assert (fired.machine, told.sensor, told.direction) == ("north/M0", "heat", "above")
    assert told.value > told.expected + 3 * told.band
    assert 0.2 < told.band < 0.5
    assert at(SICK_S - 200) < told.onset_ns <= at(SICK_S + 100)
    assert told.detector in {"ewma_multichart", "adjusted_multichart"}
    assert list(told.contributions) == ["pressure"]
    assert (told.component, told.health is not None) == ("thermal", True)
    assert fired.reason.startswith(f"heat is {told.value:.4g} K, ")
    assert f"{told.expected:.4g} ± {told.band:.2g} K" in fired.reason
    assert re.search(r", since 2023-11-14 2\d:\d\d UTC", fired.reason)


@pytest.mark.parametrize("size", [1, 7])
def test_the_evidence_does_not_depend_on_how_readings_were_cut_into_turns(size: int) -> None:
    whole, cut = (dry(one_sick(), n, plant()) for n in (4096, size))
    assert first(whole, "machine_fault") == first(cut, "machine_fault")
    assert whole.alerts == cut.alerts
    assert whole.bits() == cut.bits()


# All together.


def test_machines_that_move_together_are_told_of_once_for_each_sensor(hasty: None) -> None:
    run = dry(fleet_sick(), 4096, plant())
    told = [(one.machine, one.rule, one.kind, one.state) for one in run.alerts if one.labels == {}]
    begin = (FLEET_NAME, "fleet_drift_heat", "fleet", "firing")
    assert told[:2] == [begin, (*begin[:3], "resolved")]
    fired = first(run, "fleet_drift_heat")
    assert fired.machine_class == "pump"
    assert fired.reason.startswith("heat has moved up on 5 of 6 machines together")
    assert at(SICK_S) < fired.since_ns < fired.time_ns < at(SICK_S + 600)
    assert first(run, "fleet_drift_heat", "resolved").time_ns > at(WELL_S)


def test_four_machines_are_no_fleet(hasty: None) -> None:
    run = dry(list(hum(range(0, 4500, 10), FARM, FARM[:4])), 4096, plant())
    assert not [one for one in run.alerts if one.kind == "fleet"]
    assert first(run, "machine_fault")


def test_a_fleet_drift_is_the_same_however_readings_are_cut(hasty: None) -> None:
    whole, cut = (dry(fleet_sick(), n, plant()) for n in (100_000, 17))
    assert whole.alerts == cut.alerts


def test_a_fleet_drift_outlasts_a_restart(hasty: None, tmp_path: Path) -> None:
    whole = dry(fleet_sick(), 500, plant())
    pipeline, journal = opened(plant(tmp_path))
    turns = turns_of(fleet_sick(), 500)
    told = walk(pipeline, turns[:4]).alerts
    take_snapshot(pipeline, tmp_path / "state" / "snapshots")
    assert "fleet" in {one.kind for one in told}
    told += walk(pipeline, turns[4:6]).alerts
    journal.close()
    again, journal = opened(plant(tmp_path))
    after = walk(again, turns[6:]).alerts
    assert ("fleet", "resolved") in {(one.kind, one.state) for one in after}
    told += after
    journal.close()
    assert told == whole.alerts


def test_the_pages_show_a_fleet_drift(hasty: None) -> None:
    pipeline = Pipeline(plant(), None)
    walk(pipeline, turns_of(fleet_sick()[: 6 * 400], 300))
    status = look(pipeline, [], hearing=True, journal_used=0.0, system={})
    (shown,) = [one for one in status.alerts if one.kind == "fleet"]
    assert (shown.machine, shown.state, shown.machine_class) == (FLEET_NAME, "firing", "pump")
    assert 'telltale_fleet_drift{class="pump",rule="fleet_drift_heat"} 1\n' in _metrics(status)


# Health.


def test_the_health_index_is_a_column_that_says_nothing_before_it_is_ready() -> None:
    run = dry(long(FARM[:2], FARM[:1]), 4096, plant())
    (points,) = run.points["pump"]
    assert points.schema.scores[-2:] == ("health_hydraulics", "health_thermal")
    rows, times = points.readings.rows, points.readings.times
    thermal, hydraulics = run.column("health_thermal"), run.column("health_hydraulics")
    assert np.isnan(thermal[times < at(1000)]).all()
    assert (thermal[(times > at(2600)) & (times < at(SICK_S))] == 100).all()
    ill = (times > at(SICK_S)) & (rows == 0)
    assert thermal[ill][-1] < 90
    assert np.diff(thermal[ill]).max() <= 0
    assert (hydraulics[ill] > 95).all(), "as sure as 150 moments of learning make it"
    assert (thermal[rows == 1][-100:] == 100).all()


def test_what_all_machines_share_costs_none_its_health() -> None:
    four, five = (dry(long(FARM, FARM[:n]), 4096, plant()) for n in (4, 5))
    assert np.nanmin(four.column("health_thermal")) < 90
    assert np.nanmin(five.column("health_thermal")) == 100


def test_zones_cap_the_index() -> None:
    capped = plant(classes__pump__sensors__heat__zones=[25.0, 80.0])
    run = dry(one_sick()[:500], 4096, capped)
    index = run.column("health_thermal")
    assert np.nanmax(index) == 60.0
    assert np.nanmax(run.column("health_hydraulics")) == 100.0


def test_a_sensor_that_tells_alone_is_heard_among_the_others() -> None:
    """A message for each sensor gives a component of both no better health."""
    both = plant(classes__pump__components={"all": ["pressure", "heat"]})
    split = [
        arriving("plant/north/M0/telemetry", {"ts": at(t_s), **part})
        for t_s in LONG
        for part in _split(fields_at("M0", t_s, ["M0"], 10**6))
    ]
    whole = long(["M0"], ["M0"])
    ends = [dry(stream, 4096, both).column("health_all")[-1] for stream in (whole, split)]
    assert ends[0] < 90
    assert ends[1] == pytest.approx(ends[0], abs=5)


def _split(fields: dict[str, float]) -> list[dict[str, float]]:
    flow = fields.pop("flow")
    return [{"flow": flow}, *({name: value} for name, value in fields.items())]


def test_hours_count_only_while_the_machine_moves() -> None:
    still = [telling("M1", t_s, flow=0.0, pressure=0.0, heat=20.0) for t_s in range(0, 1000, 10)]
    moving = [telling("M0", t_s, flow=50.0, pressure=0.0, heat=20.0) for t_s in range(0, 1000, 10)]
    pipeline = Pipeline(plant(), None)
    walk(pipeline, [[*moving, *still]])
    condition = pipeline.monitors["pump"].stages.condition
    assert condition.operating_h(0) == pytest.approx(990 / 3600)
    assert condition.operating_h(1) == 0


@pytest.mark.parametrize(
    ("verb", "sensors", "anew"),
    [
        ("maintenance_done", "heat", "thermal"),
        ("maintenance_done", "", "hydraulics thermal"),
        ("accept", "pressure", "hydraulics"),
        ("relearn", "heat", "hydraulics thermal"),
    ],
)
def test_work_on_a_component_begins_its_health_anew(verb: str, sensors: str, anew: str) -> None:
    pipeline = Pipeline(plant(), None)
    walk(pipeline, turns_of(one_sick()[:900], 300))
    condition = pipeline.monitors["pump"].stages.condition
    hours = condition.operating_h(0)
    if verb == "maintenance_done":
        tell(pipeline, [want("maintenance_start", "M0")])
    tell(pipeline, [want(verb, "M0", sensors=sensors.split())])
    known = dict(zip(["hydraulics", "thermal"], np.isfinite(condition.index(0)), strict=True))
    assert {name for name, one in known.items() if not one} == set(anew.split())
    assert np.isfinite(condition.index(1)).all()
    assert condition.operating_h(0) == hours


# Not ready.


def test_learning_is_told_stage_by_stage() -> None:
    pipeline = Pipeline(plant(), None)
    stages = pipeline.monitors["pump"].stages
    said = []
    for turn in turns_of(one_sick()[:800], 50):
        walk(pipeline, [turn])
        said.append(progress(stages, 0))
    assert said[1].startswith("learning ")
    assert re.search(r"context \d+ of 150 moments; adjustment \d+ of 50 moments; ", said[1])
    assert "ewma_multichart 0 of 1000 s" in said[0]
    assert said[1].endswith("health: not ready")
    assert said[-1].startswith("learning is done")
    assert "not ready" not in said[-1]
    shares = [int(re.search(r"(\d+) %", one)[1]) for one in said if " %" in one]
    assert shares == sorted(shares)
    assert shares[-1] < 100


def test_slots_tell_their_progress_too() -> None:
    pipeline = Pipeline(configured(), None)
    pipeline.monitors["pump"].stages.reserve(1)
    assert "context has read nothing yet" in progress(pipeline.monitors["pump"].stages, 0)
    walk(pipeline, [list(hum(range(0, 50, 10), ["P1"]))])
    told = progress(pipeline.monitors["pump"].stages, 0)
    assert re.search(r"context \d+ of \d+ readings in \d bins; ewma_chart 0 %; ", told), told


def test_work_on_a_sensor_is_told_while_it_learns_anew() -> None:
    pipeline = Pipeline(plant(), None)
    walk(pipeline, turns_of(one_sick()[:600], 300))
    tell(pipeline, [want("accept", "M0", sensors=["heat"])])
    assert "heat learns its level anew, 0 of 50 moments" in progress(
        pipeline.monitors["pump"].stages, 0
    )


def test_the_pages_show_health_and_who_has_most_to_learn() -> None:
    pipeline = Pipeline(plant(), None)
    walk(pipeline, turns_of(one_sick()[:990], 300))
    walk(pipeline, [[telling("M9", 3000, flow=50.0)]])
    status = look(pipeline, [], hearing=True, journal_used=0.0, system={})
    assert status.learning[0].slowest.startswith("north/M9: learning 0 %: context 0 of")
    assert [one.machine for one in status.health] == [
        "north/M0",
        "north/M0",
        "north/M1",
        "north/M1",
    ]
    line = 'telltale_health_index{class="pump",machine="north/M1",component="thermal"} 100.0\n'
    assert line in _metrics(status)
    page = _page(status)
    assert "<td>north/M0</td><td>thermal: 100 of 100, trend not ready</td>" in page
    assert "north/M9: learning 0 %" in page


def test_a_component_that_degrades_says_how_long_it_will_last() -> None:
    pipeline = Pipeline(plant(), None)
    stages = pipeline.monitors["pump"].stages
    stages.reserve(1)
    n = 24 * 12 * 10
    rows, times = np.zeros(n, np.int32), np.arange(n) * 300 * 10**9
    rng = np.random.default_rng(1)
    worn = 0.2 + 0.05 * np.exp(np.arange(n) / 700)
    severities = np.stack([np.full(n, 0.3), worn], axis=1) * rng.lognormal(0, 0.1, (n, 2))
    stages.condition.walk(rows, times, severities, np.ones(n, np.uint8))
    well, ill = health_of(stages, 0)
    assert sentence(well) == "hydraulics: 100 of 100, no trend"
    assert ill.trend == "degrading"
    assert ill.p10_h <= ill.p50_h <= ill.p90_h
    assert "h of operation left (P10 … P90)" in sentence(ill)
