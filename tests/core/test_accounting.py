"""received = stored + rejected + duplicate, whatever strangers send, and why for each refusal."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.journal import Journal
from streamer.ledger import LETTERS_PER_HOUR, LETTERS_PER_TURN, Ledger
from streamer.pipeline import Pipeline
from streamer.records import Fault, Message
from streamer.recovery import take_snapshot
from tests.core.plant import arriving, at, configured, opened, telling, turns_of, walk

NO_TIME = {"flow": 1.0, "heat": 2.0}


@st.composite
def any_message(draw) -> Message:
    """Good, late, again, timeless, arrays, unknown, broken: whatever may come."""
    machine = draw(st.sampled_from(["P1", "P2", "P3", "bad machine!", "x" * 70]))
    t_s = draw(st.integers(0, 30))
    mid = draw(st.integers(0, 5))
    dup = draw(st.booleans())
    reading = {"ts": at(t_s), "flow": 1.0, "pressure": 2.0}
    fields = draw(
        st.sampled_from(
            [
                reading,
                {"ts": at(t_s), "heat": 20.0},
                {"ts": at(t_s), "heat": "warm", "flow": 3.0},
                {"ts": at(t_s), "heat": "warm"},
                {"ts": at(t_s), "unheard_of": 1.0, "flow": 3.0},
                {"ts": at(t_s), "unheard_of": 1.0},
                {"ts": "yesterday", "flow": 1.0},
                {"ts": at(t_s)},
                {"flow": None},
                NO_TIME,
                {},
            ]
        )
    )
    inside = {"machine": machine, **fields}
    topic, content = draw(
        st.sampled_from(
            [
                (f"plant/north/{machine}/telemetry", fields),
                (f"plant/north/{machine}/telemetry", [fields, reading, 7, NO_TIME]),
                ("gateway/north", [inside, {**reading, "machine": "P1"}, fields]),
                ("gateway/north", inside),
                (f"plant/north/{machine}/one/heat", b"12.5"),
                (f"plant/north/{machine}/one/heat", b"warm"),
                (f"plant/north/{machine}/one/unheard_of", b"1"),
                (f"plant/north/{machine}/telemetry", b'{"ts": 1, "flow": NaN, "heat": 1e999}'),
                (f"plant/north/{machine}/telemetry", b"\xff\xfe"),
                (f"plant/north/{machine}/telemetry", b"[" * 5000),
                ("plant/north", reading),
                ("", b""),
            ]
        )
    )
    return arriving(topic, content, mid, dup=dup)


def readings_in(pipeline: Pipeline, message: Message) -> int:
    """How many readings a message counts for: the elements of an array, else one."""
    routed = not isinstance(pipeline.router.route(message.topic), Fault)
    if not routed or not message.payload.startswith(b"[{"):
        return 1
    return len(msgspec.json.decode(message.payload))


@given(st.lists(any_message(), max_size=40), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_the_account_is_balanced_after_every_turn(messages, size):
    pipeline = Pipeline(configured(), None)
    received = 0
    for turn in turns_of(messages, size):
        walk(pipeline, [turn])
        counters = pipeline.ledger.counters
        received += sum(readings_in(pipeline, message) for message in turn)
        assert counters["received"] == received
        assert pipeline.ledger.balanced()
        reasons = sum(n for name, n in counters.items() if name.startswith("rejected_"))
        assert reasons == counters["rejected"]
        fields = sum(n for name, n in counters.items() if name.startswith("fields_rejected_"))
        assert fields == counters.get("fields_rejected", 0)


@given(st.lists(any_message(), max_size=30))
@settings(max_examples=40, deadline=None)
def test_every_refusal_has_its_dead_letter(messages):
    pipeline = Pipeline(configured(), None)
    walk(pipeline, [messages])
    told = Counter(letter.reason for letter in pipeline._pending.dead_letters)
    counted: Counter[str] = Counter()
    for name, n in pipeline.ledger.counters.items():
        for prefix in ("fields_rejected_", "rejected_"):
            if name.startswith(prefix):
                counted[name.removeprefix(prefix)] += n
                break
    not_kept = pipeline.ledger.counters.get("dead_letters_not_kept", 0)
    assert told.total() + not_kept == counted.total()
    assert told <= counted
    assert told.keys() == counted.keys()
    assert all(
        told[reason] in range(min(n, LETTERS_PER_HOUR), n + 1) for reason, n in counted.items()
    )
    assert all(letter.detail for letter in pipeline._pending.dead_letters)


@given(st.lists(any_message(), max_size=30))
@settings(max_examples=30, deadline=None)
def test_a_message_that_comes_again_is_stored_once(messages):
    """All of them twice: the first time as they are, then as the broker sends them again."""
    pipeline = Pipeline(configured(), None)
    named = [m._replace(mid=1 + i, dup=False) for i, m in enumerate(messages)]
    walk(pipeline, [named])
    first = dict(pipeline.ledger.counters)
    run = walk(pipeline, [[m._replace(dup=True, received_ns=m.received_ns + 7) for m in named]])
    second = pipeline.ledger.counters
    assert run.points == {}
    assert second["stored"] == first["stored"]
    assert second["received"] == 2 * first["received"]
    # What was refused may be refused again, or known again where it has no time; never stored.
    assert second["duplicate"] >= first["stored"] + 2 * first["duplicate"]


def test_a_turn_of_batches_that_comes_again_after_a_crash_is_stored_once(tmp_path):
    config = configured(tmp_path)
    batches = [
        arriving(
            "gateway/north",
            [{"machine": "P1", "ts": at(50 * mid + i), "flow": 1.0} for i in range(50)],
            mid=mid,
        )
        for mid in range(1, 25)
    ]
    pipeline, journal = opened(config)
    assert pipeline.remember < 1200
    walk(pipeline, turns_of(batches, 12))
    take_snapshot(pipeline, config.state_dir / "snapshots")
    journal.trim(pipeline.last_turn, [], pipeline.remembered)
    journal.close()
    again, _ = opened(config)
    walk(again, turns_of([message._replace(dup=True) for message in batches], 5))
    counters = again.ledger.counters
    assert (counters["stored"], counters["duplicate"], counters["late"]) == (1200, 1200, 0)


def test_a_message_without_a_time_is_known_again_within_its_own_turn():
    message = arriving("plant/north/P1/one/heat", b"12.5", 7)
    pipeline = Pipeline(configured(), None)
    walk(pipeline, [[message, message._replace(dup=True, received_ns=message.received_ns + 1)]])
    counters = pipeline.ledger.counters
    assert (counters["stored"], counters["duplicate"]) == (1, 1)


def test_messages_without_a_time_that_arrive_at_once_are_told_apart():
    """What is read from the network in one go bears one time of arrival."""
    at_once = [arriving("plant/north/P1/one/heat", b"12.5", 7 + i) for i in range(4)]
    both = arriving("plant/north/P1/telemetry", [NO_TIME, NO_TIME], 20)
    pipeline = Pipeline(configured(), None)
    run = walk(pipeline, [at_once[:2], [*at_once[2:], both]])
    assert pipeline.ledger.counters["stored"] == 6
    times = [t for points in run.points["pump"] for t in points.readings.times.tolist()]
    assert times == [at(0) + i for i in range(6)]


def test_messages_without_a_time_follow_a_clock_that_is_set_back():
    message = arriving("plant/north/P1/one/heat", b"12.5", 7)
    pipeline = Pipeline(configured(), None)
    arrivals = [at(10), at(0), at(0) + 5, at(0) + 2]
    run = walk(
        pipeline, [[message._replace(received_ns=ns, mid=i)] for i, ns in enumerate(arrivals)]
    )
    times = [t for points in run.points["pump"] for t in points.readings.times.tolist()]
    assert times == [at(10), at(0), at(0) + 5, at(0) + 6]


def test_a_message_without_a_time_that_is_not_marked_is_another():
    message = arriving("plant/north/P1/one/heat", b"12.5", 7)
    pipeline = Pipeline(configured(), None)
    walk(pipeline, [[message], [message._replace(received_ns=message.received_ns + 1)]])
    assert pipeline.ledger.counters["stored"] == 2


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (arriving("elsewhere", {}), "no_route"),
        (arriving("plant/north/a,b/telemetry", {}), "bad_topic"),
        (telling("P1", 0, unheard_of=1.0), "unknown_sensor"),
        (telling("P1", 0, flow="fast"), "wrong_type"),
        (telling("P1", 0, flow=None), "empty"),
        (telling("P1", 2e9, flow=1.0), "future"),
        (arriving("gateway/north", {"flow": 1.0}), "no_machine"),
    ],
)
def test_the_reason_of_a_refusal_is_counted_and_kept(message: Message, reason: str):
    pipeline = Pipeline(configured(), None)
    walk(pipeline, [[telling("P2", 0, flow=1.0)]])
    walk(pipeline, [[message]])
    assert pipeline.ledger.counters[f"rejected_{reason}"] == 1
    (letter,) = pipeline._pending.dead_letters
    assert (letter.origin, letter.reason) == (message.topic, reason)
    assert letter.payload == message.payload


def test_a_refused_field_does_not_take_the_others_with_it():
    pipeline = Pipeline(configured(), None)
    run = walk(pipeline, [[telling("P1", 0, flow=1.0, heat="warm", unheard_of=3.0)]])
    (points,) = run.points["pump"]
    assert points.readings.values[0, 0] == 1.0
    counters = pipeline.ledger.counters
    assert (counters["stored"], counters["rejected"], counters["fields_rejected"]) == (1, 0, 2)
    assert [one.reason for one in pipeline._pending.dead_letters] == [
        "wrong_type",
        "unknown_sensor",
    ]


def test_a_refused_field_is_counted_where_all_names_are_known():
    pipeline = Pipeline(configured(), None)
    walk(pipeline, [[telling("P1", 0, flow=1.0, heat="warm")]])
    assert pipeline.ledger.counters["fields_rejected_wrong_type"] == 1


def test_a_machine_too_many_is_refused_and_the_others_work_on():
    pipeline = Pipeline(configured(), None)
    walk(pipeline, [[telling(f"P{i}", 0, flow=1.0) for i in range(10)]])
    walk(pipeline, [[telling("P0", 1, flow=1.0), telling("P9", 1, flow=1.0)]])
    counters = pipeline.ledger.counters
    assert counters["stored"] == 9
    assert counters["rejected_too_many_machines"] == 3


def test_only_machines_that_are_listed_are_let_in():
    text_of_two = configured().classes["pump"].model_copy(update={"machines": ("north/P1",)})
    config = configured().model_copy(update={"classes": {"pump": text_of_two}})
    pipeline = Pipeline(config, None)
    walk(pipeline, [[telling("P1", 0, flow=1.0), telling("P2", 0, flow=1.0)]])
    assert pipeline.ledger.counters["stored"] == 1
    assert pipeline.ledger.counters["rejected_unknown_machine"] == 1


def test_a_flood_is_counted_whole_but_not_kept_whole(tmp_path):
    pipeline, journal = opened(configured(tmp_path))
    flood = [
        arriving(f"plant/north/P{i}/telemetry", b"?" * 10_000) for i in range(LETTERS_PER_TURN + 50)
    ]
    walk(pipeline, [flood])
    counters = journal.counters()
    assert counters["rejected_not_json"] == LETTERS_PER_TURN + 50
    assert counters["dead_letters_not_kept"] == 50
    (kept,) = journal._db.execute("SELECT count(*) FROM dead_letters").fetchone()
    assert kept == LETTERS_PER_TURN
    journal.close()


def test_what_strangers_call_things_does_not_fill_the_dead_letters_or_the_memory():
    pipeline = Pipeline(configured(), None)
    names = ["n" * 100_000 + str(i) for i in range(5)]
    walk(pipeline, [[telling("P1", i, flow=1.0, **{name: 1.0})] for i, name in enumerate(names)])
    assert all(len(one.detail) < 300 for one in pipeline._pending.dead_letters)
    assert len(pipeline.intakes["pump"]._layouts) == 0


def test_counters_go_on_after_a_restart(tmp_path):
    config = configured(tmp_path)
    pipeline, journal = opened(config)
    walk(pipeline, [[telling("P1", 0, flow=1.0)], [arriving("elsewhere", b"")]])
    journal.close()
    pipeline, journal = opened(config)
    walk(pipeline, [[telling("P1", 1, flow=1.0)]])
    counters = journal.counters()
    journal.close()
    assert counters["received"] == 3
    assert (counters["stored"], counters["rejected"]) == (2, 1)


def test_a_turn_whose_commit_failed_is_committed_once(tmp_path, monkeypatch):
    pipeline, journal = opened(configured(tmp_path))
    commit, failed = Journal.commit, []

    def fails_twice(self, turn):
        if len(failed) < 2:
            failed.append(turn)
            raise OSError("no more")
        return commit(self, turn)

    monkeypatch.setattr(Journal, "commit", fails_twice)
    with pytest.raises(OSError, match="no more"):
        walk(pipeline, [[telling("P1", 0, flow=1.0), arriving("elsewhere", b"")]])
    with pytest.raises(OSError, match="no more"):
        pipeline.commit_again()
    pipeline.commit_again()
    assert failed[0] is failed[1]
    assert pipeline.last_turn == 1
    counters = journal.counters()
    assert (counters["received"], counters["stored"], counters["rejected"]) == (2, 1, 1)
    ((_, inputs),) = journal.inputs_after(0)
    assert len(inputs) == 1
    journal.close()


def test_an_account_that_does_not_add_up_says_so():
    ledger = Ledger({})
    ledger.stored(late=True)
    ledger.duplicate()
    assert ledger.balanced()
    assert ledger.counters["late"] == 1
    ledger.counters["stored"] += 1
    assert not ledger.balanced()
