"""One SQLite file that makes a turn durable: journal, outbox, dead letters and counters at once.

A turn of the loop is committed in one transaction with one fsync (WAL, ``synchronous=FULL``); only
then may its messages be acknowledged. The same row of ``turns`` is the journal from which a crashed
daemon rebuilds its state and the outbox from which the sinks read, because what happened and what
is owed are the same facts.

There is one writer, the loop. Delivery threads read through `Outbox` on connections of their own
and report how far they are; the loop stores their cursors with its next turn. A crash in between
delivers a turn twice, which sinks must bear, and never not at all.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from streamer import turn_codec
from streamer.records import AlertEvent, Batch, Inputs, Machine, Points, Schema

SCHEMA_VERSION = 1
PAYLOAD_KEPT_BYTES = 4096
"""How much of a refused payload is kept: enough to recognise the sender, not to fill the disk."""
DEAD_LETTERS_KEPT = 10_000
PAGE_BYTES = 1024
"""SQLite writes whole pages, and a commit touches four at least, whatever the turn. At its own 4096
a single reading costs 21 kB of flash, at this 9 kB; for a full turn it makes no difference."""

_META = "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID"
_TABLES = """
CREATE TABLE IF NOT EXISTS schemas(id INTEGER PRIMARY KEY, body BLOB UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS machines(class TEXT, row INTEGER, labels BLOB NOT NULL,
    PRIMARY KEY(class, row)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS turns(id INTEGER PRIMARY KEY AUTOINCREMENT, readings INTEGER NOT NULL,
    inputs BLOB NOT NULL, scores BLOB);
CREATE TABLE IF NOT EXISTS alert_events(id INTEGER PRIMARY KEY AUTOINCREMENT,
    turn INTEGER NOT NULL, event BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS alert_events_turn ON alert_events(turn);
CREATE TABLE IF NOT EXISTS dead_letters(id INTEGER PRIMARY KEY AUTOINCREMENT, turn INTEGER NOT NULL,
    origin TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors(target TEXT PRIMARY KEY, turn INTEGER NOT NULL) WITHOUT ROWID;
"""


class JournalVersionError(ValueError):
    """The file was written by another Telltale, in a form that this one does not read."""


class DeadLetter(NamedTuple):
    """What was refused for good: by us, ``origin`` is its topic, or by a sink, it is its name."""

    origin: str
    reason: str
    detail: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything one transaction makes durable."""

    inputs: Inputs
    points: Sequence[Points] = ()
    alerts: Sequence[AlertEvent] = ()
    machines: Sequence[tuple[int, Machine]] = ()
    """Machines met for the first time, with the row they will keep for life."""
    dead_letters: Sequence[DeadLetter] = ()
    counters: Mapping[str, int] = field(default_factory=dict)
    """Totals, not increments: committing a turn again after a failure cannot count it twice."""
    cursors: Mapping[str, int] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=dict)

    @property
    def happened(self) -> bool:
        """Whether there is anything to replay or to deliver."""
        return bool(self.inputs.readings or self.inputs.verbs or self.alerts)


class Journal:
    """The writer's side. Not thread-safe: it belongs to the loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = connect(path, page_bytes=PAGE_BYTES)
        self._schemas: dict[bytes, int] = {}
        self._check_version()
        self._db.executescript(_TABLES)

    def _check_version(self) -> None:
        self._db.execute(_META)
        self._db.execute("INSERT OR IGNORE INTO meta VALUES('version', ?)", (SCHEMA_VERSION,))
        self._db.execute("INSERT OR IGNORE INTO meta VALUES('id', ?)", (uuid.uuid4().hex,))
        (version,) = self._db.execute("SELECT value FROM meta WHERE key='version'").fetchone()
        if version != SCHEMA_VERSION:
            self._db.close()
            raise JournalVersionError(
                f"{self.path} was written as journal version {version}, this Telltale reads "
                f"version {SCHEMA_VERSION} only; move the file away to start afresh"
            )

    def commit(self, turn: Turn) -> int:
        """Make one turn durable; returns the id of the newest turn.

        A turn that neither was given nor told anything gets no id: only its counters and cursors
        are stored. Raises sqlite3.Error with nothing changed.
        """
        with self._transaction():
            id_ = self._insert_turn(turn) if turn.happened else self.last_turn()
            self._insert_machines(turn.machines)
            self._db.executemany(
                "INSERT INTO alert_events(turn, event) VALUES(?, ?)",
                [(id_, msgspec.msgpack.encode(event)) for event in turn.alerts],
            )
            self._insert_dead_letters(id_, turn.dead_letters)
            _upsert(self._db, "counters", "name", "value", turn.counters)
            _upsert(self._db, "cursors", "target", "turn", turn.cursors)
            _upsert(self._db, "meta", "key", "value", turn.meta)
        return id_

    def _insert_turn(self, turn: Turn) -> int:
        schemas = {points.schema.machine_class: points.schema for points in turn.points}
        ids = {name: self._schema_id(schema) for name, schema in schemas.items()}
        cursor = self._db.execute(
            "INSERT INTO turns(readings, inputs, scores) VALUES(?, ?, ?)",
            (
                len(turn.inputs),
                turn_codec.encode_inputs(turn.inputs),
                turn_codec.encode_scores(turn.points, ids) if turn.points else None,
            ),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _schema_id(self, schema: Schema) -> int:
        body = turn_codec.encode_schema(schema)
        if body not in self._schemas:
            self._db.execute("INSERT OR IGNORE INTO schemas(body) VALUES(?)", (body,))
            row = self._db.execute("SELECT id FROM schemas WHERE body=?", (body,)).fetchone()
            self._schemas[body] = int(row[0])
        return self._schemas[body]

    def _insert_machines(self, machines: Iterable[tuple[int, Machine]]) -> None:
        self._db.executemany(
            "INSERT INTO machines VALUES(?, ?, ?)",
            [(m.machine_class, row, msgspec.json.encode(m.labels)) for row, m in machines],
        )

    def _insert_dead_letters(self, turn: int, letters: Sequence[DeadLetter]) -> None:
        if not letters:
            return
        self._db.executemany(
            "INSERT INTO dead_letters(turn, origin, reason, detail, payload) VALUES(?, ?, ?, ?, ?)",
            [
                (turn, one.origin, one.reason, one.detail, one.payload[:PAYLOAD_KEPT_BYTES])
                for one in letters
            ],
        )
        self._db.execute(
            "DELETE FROM dead_letters WHERE id <= (SELECT max(id) FROM dead_letters) - ?",
            (DEAD_LETTERS_KEPT,),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._forget_uncommitted()
            raise
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error:
            self._forget_uncommitted()
            raise

    def _forget_uncommitted(self) -> None:
        self._schemas.clear()
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    # What a restart needs.

    def counters(self) -> dict[str, int]:
        """Totals as of the last committed turn."""
        return dict(self._db.execute("SELECT name, value FROM counters"))

    def cursors(self) -> dict[str, int]:
        """Sink or notifier → last turn it has written."""
        return dict(self._db.execute("SELECT target, turn FROM cursors"))

    def meta(self, key: str) -> str | None:
        """A stored word of the daemon's own, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return None if row is None else str(row[0])

    @property
    def id(self) -> str:
        """Names this journal for ever: a snapshot of another one is worth nothing here."""
        return str(self.meta("id"))

    def machines(self, machine_class: str) -> list[Machine]:
        """All machines of a class ever met, by row."""
        return read_machines(self._db, machine_class)

    def last_turn(self) -> int:
        """Id of the newest turn ever committed, 0 before the first."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name='turns'").fetchone()
        return int(row[0]) if row else 0

    def inputs_after(self, turn: int) -> Iterator[tuple[int, Inputs]]:
        """The inputs of each kept turn after ``turn``, in order: what a replay walks through."""
        for id_, blob in self._db.execute(
            "SELECT id, inputs FROM turns WHERE id > ? ORDER BY id", (turn,)
        ):
            yield id_, turn_codec.decode_inputs(blob)

    # Space.

    def used_bytes(self) -> int:
        """Bytes in use; freed pages are not counted, SQLite uses them again."""
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        (size,) = self._db.execute("PRAGMA page_size").fetchone()
        return int((pages - free) * size)

    def trim(
        self,
        snapshot_turn: int,
        sinks: Iterable[int],
        keep_readings: int,
        notifiers: Iterable[int] = (),
    ) -> None:
        """Delete turns that nobody needs any more; given is how far each reader is.

        A turn is kept while a restart would replay it (it is after the snapshot), while a sink
        still has to write it, and while it is among the newest ``keep_readings`` readings, by which
        redelivered messages are recognised. Alert events wait for the notifiers too.
        """
        done = min([snapshot_turn, *sinks])
        oldest = self._oldest_of_newest(keep_readings)
        with self._transaction():
            self._db.execute("DELETE FROM turns WHERE id <= ? AND id < ?", (done, oldest))
            told = min([done, *notifiers])
            self._db.execute("DELETE FROM alert_events WHERE turn <= ?", (told,))

    def _oldest_of_newest(self, readings: int) -> int:
        total = 0
        for id_, count in self._db.execute("SELECT id, readings FROM turns ORDER BY id DESC"):
            total += count
            if total >= readings:
                return int(id_)
        return 0

    def give_way(self, snapshot_turn: int, bytes_: int) -> int:
        """Drop the oldest undelivered scores, about ``bytes_`` of them; returns readings dropped.

        Only turns that a restart no longer replays can go; alert events are not touched.
        """
        freed, last, dropped = 0, 0, 0
        for id_, readings, size in self._db.execute(
            "SELECT id, readings, length(inputs) + ifnull(length(scores), 0) FROM turns"
            " WHERE id <= ? ORDER BY id",
            (snapshot_turn,),
        ):
            if freed >= bytes_:
                break
            freed, last, dropped = freed + size, id_, dropped + readings
        with self._transaction():
            self._db.execute("DELETE FROM turns WHERE id <= ?", (last,))
        return dropped

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._db.close()


class Outbox:
    """A reader's side: committed turns in order. Each delivery thread makes its own."""

    def __init__(self, path: Path, want: Literal["points and alerts", "alerts"]) -> None:
        self._db = connect(path)
        self._db.execute("PRAGMA query_only=ON")
        self._wants_points = want == "points and alerts"
        self._schemas: dict[int, Schema] = {}
        self._machines: dict[str, list[Machine]] = {}

    def last_turn(self) -> int:
        """The newest turn committed, up to which an empty answer of `batches` is the truth."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name='turns'").fetchone()
        return int(row[0]) if row else 0

    def batches(self, after: int, limit: int) -> list[Batch]:
        """At most ``limit`` turns after ``after`` that hold something for this reader.

        When these are all there are, an empty batch of the newest turn may follow them, so that a
        reader's cursor never stays behind on turns that hold nothing for it.
        """
        # A turn committed between these queries must wait whole: its alerts would be overlooked.
        newest = self.last_turn()
        alerts = self._alerts(after, newest, limit)
        points = self._points_of(after, newest, limit)
        turns = sorted(points.keys() | alerts.keys())[:limit]
        found = [
            Batch(turn, points.get(turn, ()), alerts.get(turn, ()), self._machines)
            for turn in turns
        ]
        if len(found) < limit and newest > max(turns, default=after):
            found.append(Batch(newest))
        return found

    def _points_of(self, after: int, newest: int, limit: int) -> dict[int, list[Points]]:
        if not self._wants_points:
            return {}
        rows = self._db.execute(
            "SELECT id, inputs, scores FROM turns WHERE id > ? AND id <= ? AND scores IS NOT NULL"
            " ORDER BY id LIMIT ?",
            (after, newest, limit),
        ).fetchall()
        return {id_: self._decode(inputs, scores) for id_, inputs, scores in rows}

    def _alerts(self, after: int, newest: int, limit: int) -> dict[int, list[AlertEvent]]:
        found: dict[int, list[AlertEvent]] = {}
        for turn, event in self._db.execute(
            "SELECT turn, event FROM alert_events WHERE turn IN (SELECT DISTINCT turn FROM"
            " alert_events WHERE turn > ? AND turn <= ? ORDER BY turn LIMIT ?) ORDER BY id",
            (after, newest, limit),
        ):
            found.setdefault(turn, []).append(msgspec.msgpack.decode(event, type=AlertEvent))
        return found

    def _decode(self, inputs: bytes, scores: bytes) -> list[Points]:
        points = turn_codec.decode_points(inputs, scores, self._schema)
        for one in points:
            self._know_machines(one)
        return points

    def _schema(self, id_: int) -> Schema:
        if id_ not in self._schemas:
            (body,) = self._db.execute("SELECT body FROM schemas WHERE id=?", (id_,)).fetchone()
            self._schemas[id_] = turn_codec.decode_schema(body)
        return self._schemas[id_]

    def _know_machines(self, points: Points) -> None:
        name = points.schema.machine_class
        rows = points.readings.rows
        if len(rows) and int(rows.max()) >= len(self._machines.get(name, ())):
            self._machines[name] = read_machines(self._db, name)

    def close(self) -> None:
        """Close this reader's connection."""
        self._db.close()


def connect(path: Path, page_bytes: int = 4096) -> sqlite3.Connection:
    """Open one of our SQLite files: WAL, every commit fsynced, explicit transactions.

    ``page_bytes`` is for a file that is not there yet; others keep the pages they have.
    """
    db = sqlite3.connect(path, isolation_level=None, timeout=30.0, check_same_thread=False)
    try:
        db.execute(f"PRAGMA page_size={page_bytes}")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        # Debian's SQLite overwrites what is deleted; nothing here is secret and flash wears out.
        db.execute("PRAGMA secure_delete=OFF")
    except sqlite3.Error:
        db.close()
        raise
    return db


def read_machines(db: sqlite3.Connection, machine_class: str) -> list[Machine]:
    """Machines of a class by row."""
    rows = db.execute("SELECT labels FROM machines WHERE class=? ORDER BY row", (machine_class,))
    pairs = [msgspec.json.decode(blob, type=tuple[tuple[str, str], ...]) for (blob,) in rows]
    return [Machine(machine_class, labels) for labels in pairs]


def _upsert(
    db: sqlite3.Connection, table: str, key: str, value: str, rows: Mapping[str, int | str]
) -> None:
    # Table and column names are literals of this file, never data.
    if rows:
        db.executemany(
            f"INSERT INTO {table}({key}, {value}) VALUES(?, ?)"
            f" ON CONFLICT({key}) DO UPDATE SET {value}=excluded.{value}",
            list(rows.items()),
        )
