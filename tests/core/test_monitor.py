"""The law of the core: a machine's result depends on its own readings and on nothing else.

Not on how they were cut into turns, not on who else was there.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.quality import MISSING, OK, OUT_OF_RANGE
from streamer.pipeline import Pipeline
from streamer.records import LATE, Message
from tests.core.plant import (
    MACHINES,
    SENSORS,
    Run,
    arriving,
    at,
    configured,
    dry,
    humming,
    streams,
    telling,
    turns_of,
    walk,
)


@cache
def eventful() -> tuple[Message, ...]:
    """900 messages in which everything happens: partial, late, again, timeless, stuck, faulty."""
    rng = np.random.default_rng(3)
    found = []
    for i, message in enumerate(humming(range(0, 3000, 10))):
        fields = json.loads(message.payload)
        t_s = (fields["ts"] - at(0)) / 1e9
        go_wrong(fields, i, MACHINES[i % 3], t_s)
        if i % 7 == 0:
            fields["ts"] -= int(rng.integers(0, 60)) * 10**9
        found.append(arriving(message.topic, fields))
        if i % 13 == 0:
            found.append(found[-1])
        if i % 17 == 0:
            one = arriving(f"plant/north/{MACHINES[i % 3]}/one/heat", b"21.5", 1 + i)
            found.append(one._replace(received_ns=at(t_s + 1)))
        if i % 29 == 0:
            found.append(arriving(message.topic, b"?"))
    return tuple(found)


def go_wrong(fields: dict[str, float], i: int, machine: str, t_s: float) -> None:
    """What happens to machines and instruments: faults in their time, mishaps now and then."""
    if machine == "P1" and 1500 < t_s < 2200:
        fields["pressure"] += 15.0
    if machine == "P2" and t_s > 1800:
        fields["heat"] = 33.0  # stuck
    if machine == "P3" and 600 < t_s < 900:
        fields["heat"] = 34.0  # stuck, and repaired
    if i % 5 == 0:
        del fields[("flow", "pressure", "heat")[i % 3]]
    if i % 110 == 0:
        fields["pressure"] = 99.0  # out of range
    if i % 370 == 0:
        fields["heat"] = 149.0  # a spike


def test_the_eventful_stream_is_eventful():
    """The comparisons below would prove little if nothing spoke."""
    pipeline = Pipeline(configured(), None)
    run = walk(pipeline, turns_of(eventful(), 4096))
    for name in run.points["pump"][0].schema.scores:
        scores = run.column(name)
        assert np.isfinite(scores).sum() > 300, name
        assert np.isnan(scores).sum() > 30, name
    (points,) = run.points["pump"]
    assert set(points.quality.ravel().tolist()) == {0, 1, 2, 3, 4}
    assert (points.readings.flags == LATE).sum() > 20
    counters = pipeline.ledger.counters
    assert min(counters["late"], counters["duplicate"], counters["rejected"]) > 20
    assert {(rule, state) for _, rule, state in run.states()} == {
        (rule, state)
        for rule in ("machine_fault", "instrument_fault")
        for state in ("firing", "resolved")
    }


@pytest.mark.parametrize("size", [1, 7, 100])
def test_turns_of_any_size_give_the_same_bits(size: int):
    whole, cut = dry(eventful(), 4096), dry(eventful(), size)
    assert cut.bits() == whole.bits()
    assert cut.alerts == whole.alerts


cuts = st.lists(st.integers(0, 1000), max_size=8)


@given(streams(), cuts)
@settings(max_examples=40, deadline=None)
def test_however_a_stream_is_cut_the_bits_are_the_same(stream, cuts):
    assert_cuts_do_not_matter(stream, cuts)


@given(cuts)
@settings(max_examples=8, deadline=None)
def test_however_the_eventful_stream_is_cut_the_bits_are_the_same(cuts):
    assert_cuts_do_not_matter(eventful(), cuts)


def assert_cuts_do_not_matter(stream, cuts) -> None:
    edges = [0, *sorted(cut * len(stream) // 1000 for cut in cuts), len(stream)]
    turns = [stream[a:b] for a, b in pairwise(edges)]
    whole, cut = dry(stream, 4096), walk(Pipeline(configured(), None), turns)
    assert cut.bits() == whole.bits()
    assert cut.alerts == whole.alerts


@given(streams(), st.sampled_from(MACHINES))
@settings(max_examples=30, deadline=None)
def test_nobody_notices_when_the_others_are_not_there(stream, machine):
    assert_alone_is_the_same(stream, machine)


@pytest.mark.parametrize("machine", MACHINES)
def test_nobody_notices_in_an_eventful_stream_either(machine):
    assert_alone_is_the_same(eventful(), machine)


def assert_alone_is_the_same(stream, machine: str) -> None:
    together, alone = Pipeline(configured(), None), Pipeline(configured(), None)
    among = walk(together, [stream])
    by_itself = walk(alone, [[m for m in stream if f"/{machine}/" in m.topic]])
    names = [one.name for one in together.rosters["pump"].machines]
    if f"north/{machine}" not in names:
        assert by_itself.points == {}
        return
    assert of_row(among, names.index(f"north/{machine}")) == of_row(by_itself, 0)
    assert [e for e in among.alerts if e.machine == f"north/{machine}"] == by_itself.alerts


def of_row(run: Run, row: int) -> tuple[bytes, ...]:
    (points,) = run.points["pump"]
    r = points.readings
    mine = r.rows == row
    columns = (r.times, r.values, r.flags, points.scores, points.severity, points.quality)
    return tuple(column[mine].tobytes() for column in columns)


def test_two_classes_do_not_notice_each_other():
    config = configured()
    pump = config.classes["pump"]
    fans = config.mqtt.topics[0].model_copy(
        update={"topic": "fans/{site}/{machine}", "machine_class": "fan"}
    )
    mqtt = config.mqtt.model_copy(update={"topics": (*config.mqtt.topics, fans)})
    both = config.model_copy(update={"classes": {"fan": pump, "pump": pump}, "mqtt": mqtt})
    stream = [m._replace(topic=f"fans/north/P{i % 4}") if i % 2 else m
              for i, m in enumerate(eventful())]  # fmt: skip
    run = dry(stream, 50, both)
    pumps = dry([m for m in stream if m.topic.startswith("plant")], 50)
    assert run.bits()["pump"] == pumps.bits()["pump"]
    assert [e for e in run.alerts if e.machine_class == "pump"] == pumps.alerts
    assert len(run.points["fan"][0].readings.rows) > 0


# What a turn makes of single readings.


def test_a_late_reading_is_stored_and_marked_but_neither_scored_nor_learnt():
    stream = humming(range(0, 600, 10))
    late = telling("P1", 5, flow=50.0, pressure=40.0, heat=140.0)
    without, within = dry(stream, 4096), dry([*stream[:90], late, *stream[90:]], 4096)
    (points,) = within.points["pump"]
    assert points.readings.flags[90] == LATE
    assert points.readings.values[90].tolist() == [50.0, 40.0, 140.0]
    assert np.isnan(points.scores[90]).all()
    assert np.isnan(points.severity[90])
    others = np.arange(len(points.severity)) != 90
    (before,) = without.points["pump"]
    assert points.scores[others].tobytes() == before.scores.tobytes()


def test_a_turn_may_hold_late_readings_only():
    pipeline = Pipeline(configured(), None)
    walk(pipeline, [humming([100])])
    run = walk(pipeline, [[telling("P1", 5, flow=1.0), telling("P1", 6, heat=1.0)]])
    (points,) = run.points["pump"]
    assert points.readings.flags.tolist() == [LATE, LATE]
    assert points.quality.shape == (2, 3)
    assert run.alerts == []


def test_what_is_not_believed_is_stored_with_its_verdict_and_reaches_no_learner():
    stream = humming(range(0, 600, 10))
    wrong = telling("P1", 295, pressure=77.0)
    run = dry([*stream[:90], wrong, *stream[90:]], 4096)
    (points,), (clean,) = run.points["pump"], dry(stream, 4096).points["pump"]
    assert points.quality[90].tolist() == [MISSING, OUT_OF_RANGE, MISSING]
    assert points.readings.values[90, 1] == 77.0
    assert np.isnan(points.scores[90]).all()
    others = np.arange(len(points.severity)) != 90
    assert points.scores[others].tobytes() == clean.scores.tobytes()
    assert (points.quality[others] == OK).all()


def test_a_context_that_is_not_believed_explains_nothing():
    stream = humming(range(0, 600, 10))
    without = telling("P1", 605, pressure=3.0)
    within = telling("P1", 605, pressure=3.0, flow=-5000.0)
    runs = [dry([*stream, one, *humming(range(610, 900, 10))], 4096) for one in (without, within)]
    first, second = (run.points["pump"][0].scores for run in runs)
    assert first.tobytes() == second.tobytes()
    assert np.isfinite(first[len(stream)]).any()


def test_a_sensor_whose_clock_is_far_behind_disturbs_nobody():
    """Each sensor's own time only moves forward; that of the machine need not."""
    stream = [without(m, "heat") for m in humming(range(10**6, 10**6 + 1200, 10), ["P1"])]
    behind = [telling("P1", i, heat=30.0 + i % 3) for i in range(len(stream))]
    alone, among = (
        dry(stream, 7),
        dry([m for pair in zip(stream, behind, strict=True) for m in pair], 7),
    )
    times = np.concatenate([points.readings.times for points in among.points["pump"]])
    theirs = among.column("ewma_chart_pressure")[times >= at(10**6)]
    assert theirs.tobytes() == alone.column("ewma_chart_pressure").tobytes()
    assert np.isfinite(theirs).sum() > 50


def without(message: Message, field: str) -> Message:
    fields = {k: v for k, v in json.loads(message.payload).items() if k != field}
    return arriving(message.topic, fields)


extreme_times = st.sampled_from([0, 1, 10**9, at(0), at(1), at(10**5), 2**63 - 2, 2**63 - 1])
extreme_values = st.sampled_from([0.0, -0.0, 1e-320, 1.0, 99.0, 1e150, -1e308, 1.7e308])


@given(
    st.lists(
        st.tuples(extreme_times, st.dictionaries(st.sampled_from(SENSORS), extreme_values)),
        max_size=40,
    )
)
@settings(max_examples=60, deadline=None)
def test_no_number_and_no_time_stops_the_loop(readings):
    config = configured(
        max_ahead_s=1e9,
        classes__pump__sensors__heat__range=[-1e150, 1e150],
        classes__pump__detectors__page_hinkley={},
    )
    pipeline = Pipeline(config, None)
    stream = [telling("P1", None, ts=time_ns, **fields) for time_ns, fields in readings]
    run = walk(pipeline, turns_of(stream, 3), hearing_since_ns=0)
    assert pipeline.ledger.balanced()
    assert all(one.evidence.score is None or one.evidence.score > 0 for one in run.alerts)


RELATIVE = {
    "flow": {"range": [0, 100], "role": "context"},
    "air": {"range": [-100, 100], "role": "context"},
    "heat": {"range": [-100, 200], "context": "flow", "relative_to": "air"},
}


def in_air_of(offset: float) -> list[Message]:
    """Heat is 20 above the air, with some noise in eighths, which are exact in binary."""
    rng = np.random.default_rng(5)
    noise = rng.integers(-8, 9, 200).tolist()
    return [
        telling("P1", 10.0 * i, flow=50.0, air=offset, heat=offset + 20 + n / 8 + (i > 150) * 5.0)
        for i, n in enumerate(noise)
    ]


def test_a_sensor_relative_to_another_is_judged_by_the_difference():
    config = configured(classes__pump__sensors=RELATIVE)
    cold, hot = (dry(in_air_of(offset), 4096, config) for offset in (-10.0, 30.0))
    assert cold.points["pump"][0].scores.tobytes() == hot.points["pump"][0].scores.tobytes()
    assert hot.states()[0] == ("north/P1", "machine_fault", "firing")
    cold_told, hot_told = (run.alerts[0].evidence for run in (cold, hot))
    assert hot_told.value - cold_told.value == 40.0
    assert hot_told.expected - cold_told.expected == pytest.approx(40.0)


def test_a_sensor_relative_to_one_that_is_silent_is_not_judged():
    config = configured(classes__pump__sensors=RELATIVE)
    stream = [without(message, "air") for message in in_air_of(0.0)]
    assert np.isnan(dry(stream, 4096, config).points["pump"][0].scores).all()


@pytest.mark.parametrize(("flow", "stuck"), [(50.0, True), (0.5, False)])
def test_a_machine_that_stands_still_has_no_stuck_instruments(flow, stuck):
    config = configured(classes__pump__moving={"sensor": "flow", "above": 1.0})
    stream = [telling("P1", t, flow=flow, heat=33.0) for t in range(0, 200, 10)]
    told = dry(stream, 4096, config).states()
    assert (("north/P1", "instrument_fault", "firing") in told) == stuck


def test_a_machine_fault_says_what_is_high_and_what_was_expected():
    run = dry(eventful(), 4096)
    fired = next(e for e in run.alerts if e.rule == "machine_fault" and e.machine == "north/P1")
    evidence = fired.evidence
    assert fired.reason.startswith(f"{evidence.sensor} is {evidence.value:.4g} ")
    assert f"{evidence.expected:.4g} ± {evidence.band:.2g} K that its context" in fired.reason
    assert evidence.direction == "above"
    assert evidence.score >= evidence.limit > 0
    assert evidence.detector == "ewma_chart"


def test_an_instrument_fault_names_the_instrument():
    run = dry(eventful(), 4096)
    stuck = [e for e in run.alerts if e.reason.startswith("heat: stuck at 33 K for ")]
    assert {e.machine for e in stuck} == {"north/P2"}
    assert {e.kind for e in stuck} == {"instrument"}
    assert {e.evidence.sensor for e in stuck} == {"heat"}


def test_a_detector_of_all_sensors_can_raise_an_alert():
    config = configured(classes__pump__alerts__machine_fault__detectors=["half_space_trees"],
                        classes__pump__detectors__half_space_trees__limit=0.5)  # fmt: skip
    run = dry(eventful(), 4096, config)
    fired = next(e for e in run.alerts if e.rule == "machine_fault")
    assert fired.reason.startswith("half_space_trees scores 0.")
    assert fired.evidence.sensor == ""


def test_readiness_grows_from_nothing():
    pipeline = Pipeline(configured(), None)
    monitor = pipeline.monitors["pump"]
    walk(pipeline, [humming([0])])
    early = monitor.stages.ready(0)
    walk(pipeline, turns_of(humming(range(10, 3000, 10)), 300))
    assert 0 <= early < 0.3 < monitor.stages.ready(0) <= 1
