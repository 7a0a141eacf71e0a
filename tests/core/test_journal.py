"""The journal: all of a turn or nothing of it, in order, and for as long as it is needed."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from streamer import journal as module
from streamer.journal import (
    PAYLOAD_KEPT_BYTES,
    DeadLetter,
    Journal,
    JournalVersionError,
    Outbox,
    Turn,
)
from streamer.records import Columns, Inputs, Machine, Points, Schema, Tick
from tests.batches import event

SCHEMA = Schema("pump", ("flow", "heat"), ("ewma_chart_heat",))
ALL = 10**9
"""More than any of these tests has of anything."""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db")
    yield opened
    opened.close()


@contextlib.contextmanager
def outbox(journal: Journal, want="points and alerts") -> Iterator[Outbox]:
    opened = Outbox(journal.path, want)
    yield opened
    opened.close()


def machine(row: int) -> Machine:
    return Machine("pump", (("site", "north"), ("machine", f"P{row}")))


def columns(rows, times=None, values=None) -> Columns:
    n = len(rows)
    return Columns(
        np.array(rows, "i4"),
        np.arange(n, dtype="i8") if times is None else times,
        np.ones((n, 2)) if values is None else values,
        np.zeros(n, "u1"),
    )


def turn(n: int = 1, number: int = 0, **rest) -> Turn:
    """A turn with ``n`` readings of machine 0, ``number`` in all of their values."""
    read = columns([0] * n, values=np.full((n, 2), float(number)))
    said = Points(SCHEMA, read, np.full((n, 1), 0.5), np.full(n, 0.25), np.zeros((n, 2), "u1"))
    return Turn(**{"inputs": Inputs({"pump": read}), "points": [said], **rest})


def alarm(number: int = 0) -> Turn:
    return Turn(Inputs(), alerts=[event(number)])


def numbers(batches) -> list[tuple[int, list[float], int]]:
    """(turn, first value of each of its points, alerts) of each batch."""
    return [
        (b.turn, [float(p.readings.values[0, 0]) for p in b.points], len(b.alerts)) for b in batches
    ]


# What is put in comes out.

floats = st.floats(width=64, allow_nan=True, allow_infinity=True) | st.sampled_from(
    [-0.0, np.frombuffer(b"\x01\0\0\0\0\0\xf8\x7f")[0], np.frombuffer(b"\xff" * 8)[0]]
)


@st.composite
def inputs_and_points(draw) -> tuple[Inputs, Points]:
    n = draw(st.integers(0, 5))

    def array(dtype, shape, elements=None):
        return draw(hnp.arrays(dtype, shape, elements=elements))

    read = Columns(
        array("i4", n, st.integers(0, 2**31 - 1)),
        array("i8", n),
        array("f8", (n, 2), floats),
        array("u1", n),
    )
    points = Points(
        SCHEMA, read, array("f8", (n, 1), floats), array("f8", n, floats), array("u1", (n, 2))
    )
    ns = st.integers(0, 2**63 - 1)
    tick = draw(st.none() | st.builds(Tick, ns, ns))
    unstamped = draw(st.lists(st.tuples(st.integers(1, 65535), st.binary(min_size=8, max_size=8))))
    return Inputs({"pump": read}, tick, unstamped), points


def bits(c: Columns) -> tuple[bytes, ...]:
    return c.rows.tobytes(), c.times.tobytes(), c.values.tobytes(), c.flags.tobytes()


@given(inputs_and_points())
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_turn_comes_back_to_the_last_bit(journal: Journal, told):
    inputs, points = told
    id_ = journal.commit(Turn(inputs, [points]))

    again = Journal(journal.path)
    ((_, back),) = again.inputs_after(id_ - 1)
    with outbox(again) as reader:
        ((found,),) = (batch.points for batch in reader.batches(id_ - 1, 10))
    again.close()

    assert bits(back.readings["pump"]) == bits(inputs.readings["pump"]) == bits(found.readings)
    assert (back.tick, list(back.unstamped)) == (inputs.tick, inputs.unstamped)
    assert found.schema == SCHEMA
    for name in ("scores", "severity", "quality"):
        ours, theirs = getattr(points, name), getattr(found, name)
        assert (ours.tobytes(), ours.shape) == (theirs.tobytes(), theirs.shape)


def test_what_a_restart_needs_is_there(journal: Journal):
    first = Turn(
        Inputs({"pump": columns([0, 1])}),
        machines=[(0, machine(0)), (1, machine(1))],
        counters={"received": 2, "stored": 2},
        cursors={"sqlite": 0},
        meta={"word": "said"},
    )
    assert journal.commit(first) == 1
    assert journal.commit(turn(counters={"received": 3}, cursors={"sqlite": 1})) == 2
    journal.close()

    again = Journal(journal.path)
    assert again.counters() == {"received": 3, "stored": 2}
    assert again.cursors() == {"sqlite": 1}
    assert again.machines("pump") == [machine(0), machine(1)]
    assert again.machines("fan") == []
    assert (again.meta("word"), again.meta("unsaid")) == ("said", None)
    assert again.last_turn() == 2
    assert again.id == journal_id(journal.path)
    assert [(id_, len(inputs)) for id_, inputs in again.inputs_after(0)] == [(1, 2), (2, 1)]
    assert [id_ for id_, _ in again.inputs_after(1)] == [2]
    again.close()


def journal_id(path: Path) -> str:
    db = sqlite3.connect(path)
    (found,) = db.execute("SELECT value FROM meta WHERE key='id'").fetchone()
    db.close()
    return found


def test_a_commit_waits_until_the_disk_has_it(journal: Journal):
    assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_every_journal_has_an_id_of_its_own(journal: Journal, tmp_path: Path):
    other = Journal(tmp_path / "other.db")
    assert other.id != journal.id
    other.close()


def test_a_turn_in_which_nothing_happened_gets_no_id(journal: Journal):
    journal.commit(turn())
    quiet = Turn(Inputs(tick=Tick(5, 0)), counters={"rejected": 1}, cursors={"sqlite": 1})
    assert journal.commit(quiet) == 1
    assert journal.counters() == {"rejected": 1}
    assert [id_ for id_, _ in journal.inputs_after(0)] == [1]


def test_a_journal_of_another_version_is_refused_in_a_sentence_and_left_alone(tmp_path: Path):
    path = tmp_path / "journal.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID")
    db.execute("INSERT INTO meta VALUES('version', 99)")
    db.commit()
    with pytest.raises(JournalVersionError, match="version 99, this Telltale reads version 1 only"):
        Journal(path)
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("meta",)]
    db.close()


# All or nothing.


def everything(journal: Journal) -> list[list[tuple]]:
    db = sqlite3.connect(journal.path)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
    rows = [sorted(db.execute(f"SELECT * FROM {name}"), key=repr) for name in sorted(tables)]
    db.close()
    return rows


def full_turn() -> Turn:
    return turn(
        200,
        alerts=[event()],
        machines=[(0, machine(0))],
        dead_letters=[DeadLetter("plant/x", "not_json", "no JSON", b"?")],
        counters={"received": 200},
        cursors={"sqlite": 0},
        meta={"word": "said"},
    )


def commits_as_if_nothing_had_been(journal: Journal, failed: Turn) -> None:
    before = journal.last_turn()
    assert journal.commit(failed) == before + 1
    assert journal.counters() == {"received": 200}
    assert [len(inputs) for _, inputs in journal.inputs_after(before)] == [200]
    with outbox(journal) as reader:
        (batch,) = reader.batches(before, 10)
    assert len(batch.points[0].readings.rows) == 200
    assert batch.points[0].schema == SCHEMA
    assert len(batch.alerts) == 1


def test_a_full_disk_changes_nothing_and_the_turn_can_be_committed_again(journal: Journal):
    journal.commit(alarm())
    before = everything(journal)
    (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
    journal._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        journal.commit(full_turn())
    assert everything(journal) == before

    journal._db.execute("PRAGMA max_page_count=100000")
    commits_as_if_nothing_had_been(journal, full_turn())


def test_a_locked_journal_changes_nothing_and_the_turn_can_be_committed_again(journal: Journal):
    journal.commit(alarm())
    before = everything(journal)
    journal._db.execute("PRAGMA busy_timeout=0")
    other = sqlite3.connect(journal.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        journal.commit(full_turn())
    other.execute("ROLLBACK")
    other.close()
    assert everything(journal) == before
    commits_as_if_nothing_had_been(journal, full_turn())


@pytest.mark.parametrize("table", ["turns", "machines", "alert_events", "dead_letters", "meta"])
def test_a_failure_at_any_table_takes_the_others_back(journal: Journal, table: str):
    before = everything(journal)
    journal._db.execute(
        f"CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.{table}"
        " BEGIN SELECT RAISE(ABORT, 'no more'); END"
    )
    with pytest.raises(sqlite3.IntegrityError):
        journal.commit(full_turn())
    assert everything(journal) == before
    journal._db.execute("DROP TRIGGER refuse")
    commits_as_if_nothing_had_been(journal, full_turn())


# Readers.


def test_batches_come_in_order_and_no_more_than_asked_for(journal: Journal):
    for number in range(1, 6):
        journal.commit(turn(number=number))
    with outbox(journal) as reader:
        assert numbers(reader.batches(0, 2)) == [(1, [1.0], 0), (2, [2.0], 0)]
        assert numbers(reader.batches(2, 9)) == [(3, [3.0], 0), (4, [4.0], 0), (5, [5.0], 0)]
        assert reader.batches(5, 9) == []


def test_the_alerts_of_a_turn_come_with_its_points(journal: Journal):
    journal.commit(turn(number=1, alerts=[event(1), event(2)]))
    journal.commit(alarm(3))
    journal.commit(turn(number=3))
    with outbox(journal) as reader:
        found = reader.batches(0, 9)
    assert numbers(found) == [(1, [1.0], 2), (2, [], 1), (3, [3.0], 0)]
    assert list(found[0].alerts) == [event(1), event(2)]


def test_who_wants_alerts_only_is_moved_past_all_else(journal: Journal):
    for number in (1, 2):
        journal.commit(turn(number=number))
    journal.commit(turn(number=3, alerts=[event()]))
    journal.commit(turn(number=4))
    with outbox(journal, "alerts") as reader:
        assert numbers(reader.batches(0, 9)) == [(3, [], 1), (4, [], 0)]
        assert numbers(reader.batches(3, 9)) == [(4, [], 0)]
        assert reader.batches(4, 9) == []
        assert numbers(reader.batches(0, 1)) == [(3, [], 1)]  # full: more may be waiting


def test_a_reader_that_looks_while_a_turn_is_committed_overlooks_nothing(
    journal: Journal, monkeypatch
):
    journal.commit(turn(number=1))
    with outbox(journal) as reader:
        look = reader._points_of

        def commit_and_look(*args):
            if journal.last_turn() == 1:
                journal.commit(turn(number=2, alerts=[event()]))
            return look(*args)

        monkeypatch.setattr(reader, "_points_of", commit_and_look)
        first = reader.batches(0, 9)
        rest = reader.batches(first[-1].turn, 9)
    assert numbers([*first, *rest]) == [(1, [1.0], 0), (2, [2.0], 1)]


def test_a_reader_knows_the_names_of_machines_that_came_later(journal: Journal):
    with outbox(journal) as reader:
        for row in range(3):
            read = columns([row])
            journal.commit(turn(inputs=Inputs({"pump": read}), machines=[(row, machine(row))]))
            (batch,) = reader.batches(row, 9)
            assert list(batch.machines["pump"]) == [machine(i) for i in range(row + 1)]


def test_points_keep_the_names_they_were_written_under(journal: Journal):
    journal.commit(turn())
    other = Schema("pump", ("flow", "oil"), ("rolling_zscore_oil",))
    read = columns([0])
    said = Points(other, read, np.ones((1, 1)), np.ones(1), np.zeros((1, 2), "u1"))
    journal.commit(Turn(Inputs({"pump": read}), [said]))
    with outbox(journal) as reader:
        assert [b.points[0].schema for b in reader.batches(0, 9)] == [SCHEMA, other]


def test_readers_on_other_threads_see_whole_turns_while_turns_are_committed(journal: Journal):
    seen: list[tuple[int, list[float], int]] = []
    done = threading.Event()

    def read() -> None:
        with outbox(journal) as reader:
            last = 0
            while not done.is_set() or last < journal_turns:
                found = numbers(reader.batches(last, 3))
                seen.extend(found)
                last = found[-1][0] if found else last

    journal_turns = 60
    thread = threading.Thread(target=read)
    thread.start()
    for number in range(1, journal_turns + 1):
        journal.commit(turn(number=number, alerts=[event(number)] if number % 3 == 0 else []))
    done.set()
    thread.join(30)
    assert seen == [(n, [float(n)], int(n % 3 == 0)) for n in range(1, journal_turns + 1)]


# Dead letters.


def test_dead_letters_are_kept_short_and_few(journal: Journal, monkeypatch):
    monkeypatch.setattr(module, "DEAD_LETTERS_KEPT", 3)
    journal.commit(turn())
    for number in range(5):
        letter = DeadLetter("topic", "not_json", str(number), b"x" * 10_000)
        journal.commit(Turn(Inputs(), dead_letters=[letter]))
    kept = journal._db.execute("SELECT detail, length(payload), turn FROM dead_letters").fetchall()
    assert kept == [(str(number), PAYLOAD_KEPT_BYTES, 1) for number in (2, 3, 4)]


# Space.


def kept(journal: Journal) -> list[int]:
    return [id_ for id_, _ in journal.inputs_after(0)]


@pytest.mark.parametrize(
    ("snapshot", "delivered", "readings", "left"),
    [
        (9, [9], 1, [9]),
        (6, [9], 1, [7, 8, 9]),  # a restart replays what came after the snapshot
        (9, [9, 4], 1, [5, 6, 7, 8, 9]),  # somebody has still to write them
        (9, [9], 5, [7, 8, 9]),  # 2 readings each: redelivered ones are recognised by them
        (9, [9], 6, [7, 8, 9]),
        (9, [9], 1000, list(range(1, 10))),
        (0, [9], 1, list(range(1, 10))),
        (9, [], 1, [9]),  # nobody writes
    ],
)
def test_trimming_keeps_what_somebody_needs_and_nothing_else(
    journal: Journal, snapshot, delivered, readings, left
):
    for number in range(1, 10):
        journal.commit(turn(2, number))
    journal.trim(snapshot, delivered, readings)
    assert kept(journal) == left
    assert journal.last_turn() == 9


def test_trimming_keeps_alerts_until_all_are_told(journal: Journal):
    for number in range(1, 4):
        journal.commit(alarm(number))
    journal.trim(3, [3, 1], 1)
    with outbox(journal, "alerts") as reader:
        assert [b.turn for b in reader.batches(0, 9)] == [2, 3]


def test_an_emptied_journal_goes_on_with_new_numbers(journal: Journal):
    journal.commit(turn())
    journal.commit(turn())
    journal.give_way(snapshot_turn=2, bytes_=ALL)
    assert kept(journal) == []
    journal.close()
    again = Journal(journal.path)
    assert again.last_turn() == 2
    assert again.commit(turn()) == 3
    again.close()


def test_the_oldest_give_way_and_are_counted_but_no_alert_is(journal: Journal):
    for number in range(1, 7):
        journal.commit(turn(100, number, alerts=[event(number)]))
    (size,) = journal._db.execute(
        "SELECT length(inputs) + length(scores) FROM turns WHERE id=1"
    ).fetchone()
    used = journal.used_bytes()
    assert journal.give_way(snapshot_turn=5, bytes_=2 * size - 10) == 200
    assert kept(journal) == [3, 4, 5, 6]
    assert journal.used_bytes() < used
    with outbox(journal) as reader:
        assert numbers(reader.batches(0, 2)) == [(1, [], 1), (2, [], 1)]

    assert journal.give_way(snapshot_turn=5, bytes_=ALL) == 300
    assert kept(journal) == [6]  # a restart would need it
    assert journal.give_way(snapshot_turn=5, bytes_=ALL) == 0


# Power cuts.

COMMIT_FOR_EVER = """
import sys
from pathlib import Path
import numpy as np
from streamer.journal import Journal, Turn
from streamer.records import Columns, Inputs

journal = Journal(Path(sys.argv[1]))
while True:
    n = journal.last_turn() + 1
    values = np.full((50, 3), float(n))
    columns = Columns(np.zeros(50, "i4"), np.zeros(50, "i8"), values, np.zeros(50, "u1"))
    turn = Turn(Inputs({"pump": columns}), counters={"received": 50 * n})
    print(journal.commit(turn), flush=True)
"""


def test_whoever_was_told_that_a_turn_is_committed_finds_it_after_kill_9(tmp_path: Path):
    path = tmp_path / "journal.db"
    for cycle in range(10):
        command = [sys.executable, "-c", COMMIT_FOR_EVER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            told = [int(child.stdout.readline()) for _ in range(3 + cycle)]
            child.kill()
            told += [int(line) for line in child.stdout if line.endswith("\n")]
        journal = Journal(path)
        assert journal._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = dict(journal.inputs_after(0))
        assert set(told) <= found.keys()
        assert sorted(found) == list(range(1, max(found) + 1))
        assert all(inputs.readings["pump"].values[0, 0] == id_ for id_, inputs in found.items())
        assert journal.counters() == {"received": 50 * max(found)}
        journal.close()


def test_a_turn_with_one_reading_wears_the_flash_but_little(journal: Journal) -> None:
    """A gateway of one machine commits once a second: 86,400 times a day."""
    log = journal.path.with_name("journal.db-wal")
    last = {"counters": {"received": 1, "stored": 1}, "cursors": {"influxdb": 1}}
    journal.commit(turn(**last))
    before = log.stat().st_size
    for _ in range(10):
        journal.commit(turn(**last))
    assert (log.stat().st_size - before) / 10 < 6_000
