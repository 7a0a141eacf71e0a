"""What operators tell: a machine in maintenance, a new normal, learning anew; exact on replay."""

from __future__ import annotations

import re
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer import snapshot, turn_codec
from streamer.config import Config
from streamer.journal import Journal, Turn
from streamer.pipeline import Pipeline
from streamer.records import AlertEvent, Inputs, Message, Verb
from streamer.recovery import take_snapshot
from streamer.web.status import look
from tests.core.plant import (
    MACHINES,
    SENSORS,
    TEXT,
    Run,
    at,
    configured,
    humming,
    opened,
    telling,
    walk,
)
from tests.core.telling import Story, refusal, take, tell, turns, want
from tests.core.test_monitor import eventful
from tests.core.test_recovery import crashed, snapshots, state

LEARNERS = ("context/", "gate/", "samples/", "detector.")


CALM: dict[str, object] = {
    "classes__pump__context": {"method": "slots", "bins": 1, "bin_readings": 60},
    "classes__pump__detectors__ewma_chart": {
        "grace_period": 60,
        "longest_grace": 60,
        "limit": 8.0,
    },
}
"""Enough learnt that the machines below are well until something is wrong with them."""


def calm_plant() -> Pipeline:
    return Pipeline(configured(**CALM), None)


def reading(seconds: range, sick: str = "", by: float = 15.0) -> list[Message]:
    """Machines that change in nothing but noise; who is sick has too much pressure."""
    found = []
    for t_s in seconds:
        rng = np.random.default_rng(t_s)
        for machine in MACHINES:
            flow, pressure, heat = rng.normal((50, 10, 20), (5, 0.2, 0.3)).tolist()
            pressure += by * (machine in sick)
            found.append(telling(machine, t_s, flow=flow, pressure=pressure, heat=heat))
    return found


WELL = reading(range(0, 2000, 10))
SICK = reading(range(2000, 3000, 10), "P1")


def rows_of(pipeline: Pipeline, row: int = 0) -> dict[str, bytes]:
    """All that was learnt of one machine."""
    arrays = pipeline.monitors["pump"].arrays()
    return {k: a[row].tobytes() for k, a in arrays.items() if k.startswith(LEARNERS)}


def told(events: list[AlertEvent], kind: str) -> list[tuple[str, str, str]]:
    return [(e.machine, e.rule, e.state) for e in events if e.kind == kind]


# Maintenance.


def test_without_a_word_the_story_raises_an_alert() -> None:
    """The silence of the tests below would prove little."""
    run = tell(calm_plant(), [*WELL, *SICK])
    assert ("north/P1", "machine_fault", "firing") in told(run.alerts, "machine")


def test_in_maintenance_a_machine_is_stored_and_neither_judged_nor_learnt() -> None:
    pipeline = calm_plant()
    tell(pipeline, [*WELL, want("maintenance_start", "P1")])
    run = tell(pipeline, SICK)
    assert told(run.alerts, "machine") == []
    other = calm_plant()
    tell(other, [*WELL, want("maintenance_start", "P1"), *reading(range(2000, 3000, 10), "P1", 3)])
    assert rows_of(pipeline) == rows_of(other)
    rows = np.concatenate([p.readings.rows for p in run.points["pump"]])
    assert (rows == 0).sum() == len(SICK) / 3
    severity = np.concatenate([p.severity for p in run.points["pump"]])
    assert np.isfinite(severity[rows == 1]).all()


def test_the_status_page_shows_who_is_in_maintenance() -> None:
    pipeline = calm_plant()
    tell(pipeline, [*WELL[:60], want("maintenance_start", "P2")])
    status = look(pipeline, [], hearing=True, journal_used=0.0, system={})
    (shown,) = [one for one in status.alerts if one.rule == "maintenance"]
    assert (shown.machine, shown.state, shown.since_ns) == ("north/P2", "started", at(190))


def test_an_instrument_is_not_judged_in_maintenance_either() -> None:
    broken = reading(range(2000, 2200, 10), "P1", by=1e3)
    for told_before in (False, True):
        story: Story = [*WELL, *([want("maintenance_start", "P1")] if told_before else []), *broken]
        run = tell(calm_plant(), story)
        fired = told(run.alerts, "instrument")
        assert (("north/P1", "instrument_fault", "firing") in fired) is not told_before


def test_maintenance_ends_the_alerts_of_its_machine_and_says_so() -> None:
    pipeline = calm_plant()
    tell(pipeline, [*WELL, *reading(range(2000, 3000, 10), "P1 P2")])
    book = pipeline.monitors["pump"].book
    assert {(0, "machine_fault"), (1, "machine_fault")} <= book.active.keys()
    before = book.active[0, "machine_fault"]
    run = take(pipeline, want("maintenance_start", "P1", note="new bearing"), [])
    ended, started = run.alerts
    assert (ended.machine, ended.rule, ended.state) == ("north/P1", "machine_fault", "resolved")
    assert ended.since_ns == before.since_ns
    assert ended.reason == f"in maintenance; before: {before.reason}"
    assert started == AlertEvent(
        machine_class="pump",
        machine="north/P1",
        labels={"site": "north", "machine": "P1"},
        rule="maintenance",
        kind="operator",
        state="started",
        time_ns=at(2990),
        since_ns=at(2990),
        reason="in maintenance; told by anna (uid 1000): new bearing",
    )
    assert [row for row, _ in book.active] == [1]


def test_when_maintenance_is_done_it_is_judged_again_by_what_it_then_learns() -> None:
    pipeline = calm_plant()
    start, done = want("maintenance_start", "P1"), want("maintenance_done", "P1")
    run = tell(pipeline, [*WELL, start, *SICK, done])
    assert told(run.alerts, "operator") == [
        ("north/P1", "maintenance", "started"),
        ("north/P1", "maintenance", "done"),
    ]
    begun, ended = (e for e in run.alerts if e.kind == "operator")
    assert (ended.since_ns, ended.time_ns) == (begun.since_ns, at(2990))
    fresh = calm_plant()
    fresh.monitors["pump"].stages.reserve(1)
    renewed = {k: b for k, b in rows_of(pipeline).items() if k.startswith("detector.")}
    assert renewed.items() <= rows_of_reserved(fresh).items()
    well_again = reading(range(3000, 5000, 10))
    worse = reading(range(5000, 6000, 10), "P1")
    run = tell(pipeline, [*well_again, *worse])
    fired = [e for e in run.alerts if e.kind == "machine" and e.machine == "north/P1"]
    assert fired[0].state == "firing"
    assert fired[0].time_ns > at(5000)


def rows_of_reserved(pipeline: Pipeline) -> dict[str, bytes]:
    arrays = pipeline.monitors["pump"].stages.arrays(1)
    return {k: a[0].tobytes() for k, a in arrays.items()}


def test_silence_in_maintenance_and_just_after_is_no_news() -> None:
    pipeline = calm_plant()
    hearing = at(0)
    walk(pipeline, [WELL], hearing)

    def others_go_on(first: int, last: int) -> list[AlertEvent]:
        found = []
        for t_s in range(first, last, 50):
            found += walk(pipeline, [humming([t_s], ["P2", "P3"])], hearing).alerts
        return [e for e in found if e.rule == "silent"]

    take(pipeline, want("maintenance_start", "P1"), [], hearing)
    assert others_go_on(2000, 4000) == []
    take(pipeline, want("maintenance_done", "P1"), [], hearing)
    assert others_go_on(4000, 4500) == []
    (silent,) = others_go_on(4500, 5000)
    assert (silent.machine, silent.state) == ("north/P1", "firing")
    assert 600 < (silent.time_ns - at(3950)) / 1e9 <= 650
    (ended, _) = take(pipeline, want("maintenance_start", "P1"), [], hearing).alerts
    assert (ended.rule, ended.state) == ("silent", "resolved")
    assert others_go_on(5000, 7000) == []


def test_maintenance_outlives_a_change_of_the_class(tmp_path_factory) -> None:
    """Whether it is judged must not depend on what somebody did to the configuration."""
    for written_down in (True, False):
        config = configured(tmp_path_factory.mktemp("changed"))
        pipeline, journal = opened(config)
        tell(pipeline, [*WELL[:60], want("maintenance_start", "P2", sensors=[])])
        take(pipeline, want("accept", "P3", sensors=["heat"]), [])
        if written_down:
            take_snapshot(pipeline, snapshots(config))
        journal.close()
        changed = re.sub(r"      heat:\n.*\n", "", TEXT)
        assert "heat" not in changed
        again, journal = opened(configured(config.state_dir.parent, changed))
        service = again.monitors["pump"].stages.service
        assert [service.since_ns(row) for row in range(3)] == [None, at(190), None]
        journal.close()


# A new normal.


@pytest.mark.parametrize("verb", ["accept", "relearn"])
@pytest.mark.parametrize("sensors", [[], ["pressure"]])
def test_what_an_operator_accepts_raises_no_alert_any_more(verb: str, sensors: list[str]) -> None:
    pipeline = calm_plant()
    tell(pipeline, [*WELL, *SICK])
    assert (0, "machine_fault") in pipeline.monitors["pump"].book.active
    run = take(pipeline, want(verb, "P1", sensors=sensors, note="throttled"), [])
    assert [(e.kind, e.rule, e.state) for e in run.alerts] == [
        ("machine", "machine_fault", "resolved"),
        ("operator", verb, "done"),
    ]
    event = run.alerts[-1]
    assert event.sensor == "".join(sensors)
    assert "told by anna (uid 1000): throttled" in event.reason
    assert all(sensor in event.reason for sensor in sensors)
    later = tell(pipeline, reading(range(3000, 5000, 10), "P1"))
    assert told(later.alerts, "machine") == []


def test_accepting_one_sensor_leaves_the_alert_about_another() -> None:
    pipeline = calm_plant()
    tell(pipeline, [*WELL, *SICK])
    alert = pipeline.monitors["pump"].book.active[0, "machine_fault"]
    assert alert.evidence.sensor == "pressure"
    run = take(pipeline, want("accept", "P1", sensors=["heat"]), [])
    assert told(run.alerts, "machine") == []


def test_learning_anew_begins_like_a_machine_never_seen() -> None:
    pipeline = calm_plant()
    tell(pipeline, [*WELL, want("relearn", "P1")])
    fresh = calm_plant()
    own = rows_of(pipeline)
    assert {k: b for k, b in rows_of_reserved(fresh).items() if k in own} == own
    assert rows_of(pipeline, 1) != own


def test_a_verb_about_one_machine_is_nothing_to_the_others() -> None:
    verbs = [want(v, "P1") for v in ("maintenance_start", "maintenance_done", "accept", "relearn")]
    plain, spoken = calm_plant(), calm_plant()
    story = eventful()[:600]
    with_verbs: list = list(story)
    for i, verb in enumerate(verbs):
        with_verbs.insert(150 + 100 * i, verb)
    tell(plain, story)
    tell(spoken, with_verbs)
    for row in (1, 2):
        assert rows_of(plain, row) == rows_of(spoken, row)
    assert rows_of(plain) != rows_of(spoken)


# The law: however the stream is cut, and wherever it crashes.


@st.composite
def verbs(draw: st.DrawFn):
    name = draw(st.sampled_from(["maintenance_start", "maintenance_done", "accept", "relearn"]))
    sensors = [] if name == "maintenance_start" else draw(st.lists(st.sampled_from(SENSORS)))
    machines = draw(st.lists(st.sampled_from(MACHINES), min_size=1, max_size=2, unique=True))
    return want(name, *machines, sensors=sensors)


@st.composite
def stories(draw: st.DrawFn, length: int) -> Story:
    """The eventful stream with verbs anywhere; some will be refused."""
    story: list = list(eventful()[:length])
    for verb in draw(st.lists(verbs(), min_size=1, max_size=6)):
        story.insert(draw(st.integers(0, len(story))), verb)
    return story


@given(stories(700), st.sets(st.integers(0, 700), max_size=8))
@settings(max_examples=15, deadline=None)
def test_however_a_story_is_cut_the_bits_are_the_same(story: Story, edges: set[int]) -> None:
    one, other = Pipeline(configured(), None), Pipeline(configured(), None)
    whole, cut = tell(one, story), tell(other, story, edges)
    assert cut.bits() == whole.bits()
    assert cut.alerts == whole.alerts
    assert state(other) == state(one)


@given(stories(300), st.sets(st.integers(0, 300), min_size=3, max_size=12), st.data())
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_number_of_crashes_do_not_show(tmp_path_factory, story, edges, data) -> None:
    pieces = list(turns(story, edges))
    steady = Pipeline(configured(), None)
    expected = [take(steady, request, messages) for request, messages in pieces]

    config: Config = configured(tmp_path_factory.mktemp("crashing"))
    pipeline, journal = opened(config)
    for piece, before in zip(pieces, expected, strict=True):
        run = take(pipeline, *piece)
        assert run.bits() == before.bits()
        assert run.alerts == before.alerts
        if data.draw(st.integers(0, 3)) == 0:
            take_snapshot(pipeline, snapshots(config))
        if data.draw(st.integers(0, 2)) == 0:
            config = crashed(config, tmp_path_factory)
            journal.close()
            pipeline, journal = opened(config)
    assert state(pipeline) == state(steady)
    journal.close()


def test_a_verb_alone_is_a_turn_and_is_counted(tmp_path) -> None:
    pipeline, journal = opened(configured(tmp_path))
    tell(pipeline, WELL[:30])
    before = pipeline.last_turn
    take(pipeline, want("maintenance_start", "P1", "P2"), [])
    assert pipeline.last_turn == before + 1
    assert journal.counters()["verb_maintenance_start"] == 2
    ((_, inputs),) = journal.inputs_after(before)
    assert [(v.name, v.row, v.uid, v.user) for v in inputs.verbs] == [
        ("maintenance_start", 0, 1000, "anna"),
        ("maintenance_start", 1, 1000, "anna"),
    ]
    journal.close()


def test_a_verb_is_reason_enough_for_a_turn(tmp_path) -> None:
    """Whatever became of it, a replay must meet it."""
    journal = Journal(tmp_path / "journal.db")
    assert journal.commit(Turn(Inputs())) == 0
    verb = Verb("accept", "pump", 0, at(0), 0)
    assert journal.commit(Turn(Inputs(verbs=[verb]))) == 1
    assert [inputs.verbs for _, inputs in journal.inputs_after(0)] == [[verb]]
    journal.close()


def test_what_was_journalled_before_there_were_verbs_is_read() -> None:
    old = msgspec.msgpack.encode([{}, [5, 3], [[7, b"digest"]], 2])
    inputs = turn_codec.decode_inputs(old)
    assert (inputs.tick, inputs.messages, list(inputs.verbs)) == ((5, 3), 2, [])


def test_a_verb_comes_back_from_the_journal_as_it_was() -> None:
    verb = Verb("accept", "pump", 3, at(5), 1000, "anna", (0, 2), "größer")
    assert turn_codec.decode_inputs(turn_codec.encode_inputs(Inputs(verbs=[verb]))).verbs == [verb]


def test_a_snapshot_from_before_there_were_verbs_is_no_maintenance(tmp_path_factory, caplog):
    config = configured(tmp_path_factory.mktemp("old"))
    pipeline, journal = opened(config)
    tell(pipeline, WELL[:30])
    take_snapshot(pipeline, snapshots(config))
    stored = snapshot.load(snapshots(config), lambda _: None)
    arrays = {k: a for k, a in stored.arrays.items() if "/service/" not in k}
    assert len(arrays) == len(stored.arrays) - 3
    snapshot.save(snapshots(config), stored._replace(arrays=arrays))
    journal.close()
    again, journal = opened(config)
    assert "learns afresh" in caplog.text
    assert again.monitors["pump"].stages.service.all() == []
    journal.close()


# What cannot be done.


def test_what_cannot_be_done_is_refused_with_a_sentence_and_changes_nothing() -> None:
    pipeline = Pipeline(configured(), None)
    tell(pipeline, WELL[:60])
    before = state(pipeline)

    def says(verb: str, *machines: str, **more) -> str:
        return refusal(pipeline, want(verb, *machines, **more))

    assert says("accept", "P9") == (
        "no machine 'north/P9' has been heard; near to it is north/P3 or north/P2 or north/P1"
    )
    assert says("accept", "P1", "x" * 290).startswith("no machine 'north/xxxxx")
    assert says("accept", "P1", sensors=["flow", "oil"]) == (
        "'oil' is no sensor of class pump, which has flow, pressure, heat"
    )
    assert says("maintenance_done", "P1") == "north/P1 is not in maintenance"
    assert says("accept") == "no machine is named"
    assert says("accept", "P1", machine_class="fan") == "no class 'fan'; there are pump"
    assert state(pipeline) == before
    tell(pipeline, [want("maintenance_start", "P1")])
    assert says("maintenance_start", "P2", "P1") == (
        "north/P1 is in maintenance already, since 2023-11-14 22:16:30 UTC"
    )
    assert pipeline.monitors["pump"].stages.service.since_ns(1) is None


def test_a_name_in_two_classes_needs_the_class() -> None:
    config = configured()
    topics = [
        *config.mqtt.topics,
        config.mqtt.topics[0].model_copy(
            update={"topic": "fans/{site}/{machine}", "machine_class": "fan"}
        ),
    ]
    config = config.model_copy(
        update={
            "classes": {**config.classes, "fan": config.classes["pump"]},
            "mqtt": config.mqtt.model_copy(update={"topics": topics}),
        }
    )
    pipeline = Pipeline(config, None)
    (one,) = humming([0], ["P1"])
    walk(pipeline, [[one, one._replace(topic="fans/north/P1")]])
    assert refusal(pipeline, want("relearn", "P1")) == (
        "north/P1 is in classes pump and fan: say which with --class"
    )
    run: Run = take(pipeline, want("relearn", "P1", machine_class="fan"), [])
    assert [e.machine_class for e in run.alerts] == ["fan"]


def test_a_stories_turns_are_the_story() -> None:
    """The helper loses nothing."""
    story: Story = [*WELL[:5], want("accept", "P1"), *WELL[5:9], want("accept", "P2")]
    for edges in [set(), {0, 3, 7}]:
        pieces = list(turns(story, edges))
        again = [one for request, ms in pieces for one in (*([request] if request else []), *ms)]
        assert again == list(story)
        assert all(a != b for a, b in pairwise(pieces))
