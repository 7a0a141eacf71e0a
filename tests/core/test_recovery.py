"""The same after any stop: what comes later is, to the last bit, as if nothing had been.

A crash is a copy of the state directory taken while the daemon's files are open: no close, no
checkpoint, nothing but what was committed.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer import snapshot
from streamer.journal import Journal
from streamer.monitor import ClassMonitor
from streamer.pipeline import Pipeline
from streamer.records import Message
from streamer.recovery import take_snapshot
from tests.core.plant import Run, at, configured, opened, telling, turns_of, walk
from tests.core.test_monitor import eventful

TURNS = turns_of([m._replace(mid=1 + i) for i, m in enumerate(eventful()[:700])], 70)
HEARING = at(0)


def snapshots(config) -> Path:
    return config.state_dir / "snapshots"


def crashed(config, tmp_path_factory) -> object:
    """The configuration on a copy of its state directory as it is now."""
    copy = tmp_path_factory.mktemp("after") / "state"
    shutil.copytree(config.state_dir, copy)
    return config.model_copy(update={"state_dir": copy})


def redelivered(messages: Sequence[Message]) -> list[Message]:
    """As the broker sends again what nobody acknowledged; its time of arrival is another."""
    return [m._replace(dup=True, received_ns=m.received_ns + 10**9, generation=2) for m in messages]


def uninterrupted(tmp_path_factory, turns) -> tuple[list[Run], dict[str, int], tuple]:
    config = configured(tmp_path_factory.mktemp("whole"))
    pipeline, journal = opened(config)
    runs = [walk(pipeline, [turn], HEARING) for turn in turns]
    end = state(pipeline)
    counters = journal.counters()
    journal.close()
    return runs, counters, end


def state(pipeline: Pipeline) -> tuple:
    """All that a class remembers."""
    monitor, intake = pipeline.monitors["pump"], pipeline.intakes["pump"]
    arrays = {name: array.tobytes() for name, array in monitor.arrays().items()}
    alerts = sorted(monitor.book.active.items(), key=repr)
    return arrays, alerts, intake.order.state().tolist(), pipeline.clock.now_ns()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return uninterrupted(tmp_path_factory, TURNS)


@pytest.fixture(scope="module")
def cut_at(tmp_path_factory):
    """State directories as they are after each turn, with snapshots after some of the turns."""
    found = {}
    for taken in [(), (3,), (2, 5), (1, 4, 6)]:
        config = configured(tmp_path_factory.mktemp("cut"))
        pipeline, journal = opened(config)
        for number, turn in enumerate(TURNS[:8], 1):
            walk(pipeline, [turn], HEARING)
            if number in taken:
                take_snapshot(pipeline, snapshots(config))
            found[taken, number] = crashed(config, tmp_path_factory)
        journal.close()
    return found


@pytest.mark.parametrize("taken", [(), (3,), (2, 5), (1, 4, 6)])
@pytest.mark.parametrize("cut", [1, 3, 4, 5, 8])
def test_a_crash_does_not_show(whole, cut_at, tmp_path_factory, taken, cut):
    runs, counters, end = whole
    config = crashed(cut_at[taken, cut], tmp_path_factory)
    pipeline, journal = opened(config)
    first = dict(pipeline.ledger.counters)

    again = walk(pipeline, [redelivered(TURNS[cut - 1])], HEARING)
    assert again.points == {}
    assert again.alerts == []
    known = dict(pipeline.ledger.counters)
    assert known["stored"] == first["stored"]
    assert known["late"] == first["late"]

    for number, turn in enumerate(TURNS[cut:], cut):
        later = walk(pipeline, [turn], HEARING)
        assert later.bits() == runs[number].bits()
        assert later.alerts == runs[number].alerts
    assert state(pipeline) == end
    last = journal.counters()
    extra = {name: known.get(name, 0) - first.get(name, 0) for name in last}
    assert {name: n - extra[name] for name, n in last.items()} == counters
    assert last["received"] == last["stored"] + last["rejected"] + last["duplicate"]
    journal.close()


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.data())
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_number_of_crashes_and_snapshots_do_not_show(tmp_path_factory, sizes, data):
    stream = list(eventful()[150:450])
    turns = []
    for size in sizes:
        turns.append(stream[:size])
        del stream[:size]
    runs, _, end = uninterrupted(tmp_path_factory, turns)

    config = configured(tmp_path_factory.mktemp("crashing"))
    pipeline, journal = opened(config)
    for number, turn in enumerate(turns):
        run = walk(pipeline, [turn], HEARING)
        assert run.bits() == runs[number].bits()
        assert run.alerts == runs[number].alerts
        if data.draw(st.integers(0, 3)) == 0:
            take_snapshot(pipeline, snapshots(config))
        if data.draw(st.integers(0, 3)) == 0:
            config = crashed(config, tmp_path_factory)
            journal.close()
            pipeline, journal = opened(config)
    assert state(pipeline) == end
    journal.close()


def test_silence_is_the_same_after_a_crash(tmp_path_factory):
    """P2 and P3 fall silent; the ticks that find it are replayed as they were."""
    quiet = [[telling("P1", t, flow=50.0)] for t in range(1000, 5000, 500)]
    speaking = [[telling(name, 0, flow=50.0) for name in ("P1", "P2", "P3")], *quiet]
    back = [[telling("P2", 5000, flow=50.0)], [telling("P1", 9000, flow=50.0)]]
    runs, _, end = uninterrupted(tmp_path_factory, [*speaking, *back])
    assert [s for run in runs for s in run.states()][:2] == [
        ("north/P2", "silent", "firing"),
        ("north/P3", "silent", "firing"),
    ]

    config = configured(tmp_path_factory.mktemp("silent"))
    pipeline, journal = opened(config)
    walk(pipeline, speaking, HEARING)
    config = crashed(config, tmp_path_factory)
    journal.close()
    pipeline, journal = opened(config)
    later = walk(pipeline, back, HEARING)
    assert later.alerts == [e for run in runs[len(speaking) :] for e in run.alerts]
    assert state(pipeline) == end
    journal.close()


# What is on the disk may be worth nothing.


def cut_off(cut_at, tmp_path_factory):
    """Turn 8, with snapshots of turns 4 and 6, as files that a test may spoil."""
    return crashed(cut_at[(1, 4, 6), 8], tmp_path_factory)


def goes_on_as_before(config, whole) -> None:
    pipeline, journal = opened(config)
    for number, turn in enumerate(TURNS[8:], 8):
        assert walk(pipeline, [turn], HEARING).bits() == whole[0][number].bits()
    assert state(pipeline) == whole[2]
    journal.close()


def newest(config) -> Path:
    return max(snapshots(config).glob("*.npz"))


def test_a_damaged_snapshot_only_means_a_longer_replay(cut_at, tmp_path_factory, whole, caplog):
    config = cut_off(cut_at, tmp_path_factory)
    newest(config).write_bytes(b"?" * 1000)
    goes_on_as_before(config, whole)
    assert "put aside" in caplog.text


def test_all_snapshots_damaged_means_replaying_everything(cut_at, tmp_path_factory, whole):
    config = cut_off(cut_at, tmp_path_factory)
    for path in snapshots(config).glob("*.npz"):
        path.write_bytes(b"")
    goes_on_as_before(config, whole)


def test_a_snapshot_newer_than_the_journal_is_ignored(cut_at, tmp_path_factory, whole, caplog):
    """The journal was put back from a copy; what was learnt after it would be learnt twice."""
    config = crashed(cut_at[(1, 4, 6), 4], tmp_path_factory)
    later = newest(cut_at[(1, 4, 6), 8])
    shutil.copy(later, snapshots(config))
    pipeline, journal = opened(config)
    assert "it is of turn 6, the journal ends at 4" in caplog.text
    for number in (4, 5, 6):
        assert walk(pipeline, [TURNS[number]], HEARING).bits() == whole[0][number].bits()
    journal.close()


def test_a_snapshot_of_another_journal_is_ignored_and_in_nobodys_way(
    cut_at, tmp_path_factory, caplog
):
    """Somebody moved the journal away to start afresh, and left the snapshots."""
    config = cut_off(cut_at, tmp_path_factory)
    for path in config.state_dir.glob("journal.db*"):
        path.unlink()
    pipeline, journal = opened(config)
    assert "another journal" in caplog.text
    walk(pipeline, TURNS[:1], HEARING)
    take_snapshot(pipeline, snapshots(config))
    end = state(pipeline)
    config = crashed(config, tmp_path_factory)
    journal.close()
    pipeline, journal = opened(config)
    assert snapshot.turns(snapshots(config)) == [1]
    assert state(pipeline) == end
    journal.close()


def test_a_snapshot_alone_is_enough(tmp_path_factory):
    """At its quota the journal may have let all its turns go."""
    config = configured(tmp_path_factory.mktemp("alone"))
    pipeline, journal = opened(config)
    walk(pipeline, TURNS, HEARING)
    turn = take_snapshot(pipeline, snapshots(config))
    journal.give_way(turn, 10**9)
    journal.close()
    again, journal = opened(config)
    assert state(again) == state(pipeline)
    journal.close()


def test_turns_that_are_gone_are_said_to_be_gone(cut_at, tmp_path_factory, caplog):
    config = cut_off(cut_at, tmp_path_factory)
    newest(config).unlink()
    journal = Journal(config.state_dir / "journal.db")
    journal.give_way(snapshot_turn=6, bytes_=10**9)
    journal.close()
    _, journal = opened(config)
    assert "turns 5 to 6 are gone" in caplog.text
    journal.close()


# The configuration may be another one.

CHANGES = {
    "a parameter": {"classes__pump__detectors__ewma_chart__grace_period": 30},
    "another detector": {"classes__pump__detectors": {"page_hinkley": {"limit": 5.0}}},
    "fewer sensors": {"classes__pump__sensors": {"heat": {"range": [0, 100]}}},
    "more sensors": {"classes__pump__sensors__oil": {"range": [0, 100]}},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("taken", [(), (3,)])
def test_another_definition_learns_afresh(cut_at, tmp_path_factory, change, taken):
    old = crashed(cut_at[taken, 8], tmp_path_factory)
    config = configured(**CHANGES[change]).model_copy(update={"state_dir": old.state_dir})
    pipeline, journal = opened(config)
    begun_before = firing(pipeline)
    later = walk(pipeline, TURNS[8:], HEARING)
    journal.close()
    fresh = walk(Pipeline(config, None), TURNS[8:], HEARING)
    assert severities(later) == severities(fresh)
    # An alert that was firing lives on, until what is learnt afresh can say that all is well.
    assert told(fresh, set()) <= told(later, begun_before) <= told(fresh, set()) | begun_before

    config = crashed(config, tmp_path_factory)  # and it goes on from there
    again, journal = opened(config)
    assert state(again) == state(pipeline)
    journal.close()


def firing(pipeline: Pipeline) -> set[tuple[str, str]]:
    """Machine and rule of the alerts that are on."""
    machines = pipeline.rosters["pump"].machines
    active = pipeline.monitors["pump"].book.active
    return {(machines[row].name, rule) for (row, rule), alert in active.items() if alert.firing}


def told(run: Run, begun_before: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which alerts are on at the end, by what was told; each only ever begins and ends in turn."""
    on = set(begun_before)
    for machine, rule, state in run.states():
        assert (state == "firing") == ((machine, rule) not in on)
        on ^= {(machine, rule)}
    return on


def severities(run: Run) -> list[str]:
    """Sorted, for machines have other rows here and there."""
    return sorted(repr(x) for points in run.points["pump"] for x in points.severity.tolist())


def test_machines_keep_their_rows_when_fewer_are_allowed(cut_at, tmp_path_factory, whole):
    old = crashed(cut_at[(3,), 8], tmp_path_factory)
    config = configured(classes__pump__max_machines=1).model_copy(
        update={"state_dir": old.state_dir}
    )
    goes_on_as_before(config, whole)


def test_limits_may_change_without_unlearning(cut_at, tmp_path_factory, whole):
    old = crashed(cut_at[(3,), 8], tmp_path_factory)
    config = configured(classes__pump__detectors__ewma_chart__limit=7.0)
    config = config.model_copy(update={"state_dir": old.state_dir})
    pipeline, journal = opened(config)
    later = walk(pipeline, TURNS[8:], HEARING)
    journal.close()
    scores = np.concatenate([one.scores for one in later.points["pump"]])
    as_ever = np.concatenate([run.points["pump"][0].scores for run in whole[0][8:]])
    frozen = [name.startswith("ewma") for name in later.points["pump"][0].schema.scores]
    assert scores[:, frozen].tobytes() == as_ever[:, frozen].tobytes()


@pytest.mark.parametrize("spoil", [lambda a: a[..., None], lambda a: a.astype("f4"), None])
def test_arrays_that_do_not_fit_are_no_reason_not_to_start(cut_at, tmp_path_factory, caplog, spoil):
    """As after an update of Telltale that lays out its arrays in another way."""
    config = cut_off(cut_at, tmp_path_factory)
    with np.load(newest(config)) as stored:
        arrays = dict(stored)
    name = "pump/detector.rolling_zscore/ring"  # not the first stage that takes its arrays over
    old = arrays.pop(name)
    np.savez(newest(config), **(arrays if spoil is None else {**arrays, name: spoil(old)}))
    pipeline, journal = opened(config)
    assert "learns afresh" in caplog.text
    fresh = ClassMonitor("pump", config.classes["pump"], pipeline.rosters["pump"].machines)
    for _, inputs in journal.inputs_after(6):
        fresh.step(inputs.readings["pump"])
    ours, theirs = pipeline.monitors["pump"].arrays(), fresh.arrays()
    assert {k: a.tobytes() for k, a in ours.items()} == {k: a.tobytes() for k, a in theirs.items()}
    assert walk(pipeline, [redelivered(TURNS[7])], HEARING).points == {}
    walk(pipeline, TURNS[8:], HEARING)
    journal.close()


def test_a_class_of_which_nobody_has_spoken_has_a_snapshot_too(tmp_path_factory, caplog):
    config = configured(tmp_path_factory.mktemp("quiet"))
    config = config.model_copy(
        update={"classes": {**config.classes, "fan": config.classes["pump"]}}
    )
    pipeline, journal = opened(config)
    walk(pipeline, TURNS[:2], HEARING)
    take_snapshot(pipeline, snapshots(config))
    journal.close()
    again, journal = opened(config)
    assert "afresh" not in caplog.text
    assert state(again) == state(pipeline)
    journal.close()


def test_a_detector_of_rivers_is_taught_again(tmp_path_factory):
    river = {"river.anomaly.GaussianScorer": {"limit": 0.999, "warm_up": 5, "target": 0}}
    config = configured(tmp_path_factory.mktemp("river"), classes__pump__detectors=river)
    pipeline, journal = opened(config)
    walk(pipeline, TURNS[:3], HEARING)
    take_snapshot(pipeline, snapshots(config))
    walk(pipeline, TURNS[3:5], HEARING)
    config = crashed(config, tmp_path_factory)
    journal.close()
    again, journal = opened(config)
    run = walk(again, TURNS[5:], HEARING)
    journal.close()
    scores = run.column("river.anomaly.GaussianScorer")
    assert np.isfinite(scores).sum() > 50


def test_recovering_twice_is_recovering_once(cut_at, tmp_path_factory):
    config = cut_off(cut_at, tmp_path_factory)
    first, journal = opened(config)
    journal.close()
    second, journal = opened(config)
    assert state(second) == state(first)
    journal.close()
