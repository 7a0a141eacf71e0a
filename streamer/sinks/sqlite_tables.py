"""The tables of the SQLite sink: everything with a name of its own is known by a number there.

``points_<class number>`` has a column ``c<n>`` for every sensor and score its class ever had, and
the view ``readings_<class>`` gives them their names back.

Rows lie in order of time, not machine by machine: so a turn's rows land on one page or two instead
of one page per machine (measured with 1,000 machines at 1 Hz: 344 instead of 9,940 bytes written
per reading), and the oldest are all in one place. One machine's history is then found by reading
everybody's over that time, which ``max_bytes`` bounds.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

import numpy as np

from streamer.records import LATE, AlertEvent, Machine, Points, Schema

SCHEMA = """
CREATE TABLE IF NOT EXISTS classes(id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS columns(class INTEGER, number INTEGER, name TEXT NOT NULL,
    PRIMARY KEY(class, number), UNIQUE(class, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS machines(id INTEGER PRIMARY KEY, class INTEGER NOT NULL,
    labels TEXT NOT NULL, name TEXT NOT NULL, UNIQUE(class, labels));
CREATE INDEX IF NOT EXISTS machines_by_name ON machines(name);
CREATE TABLE IF NOT EXISTS alert_events(id TEXT PRIMARY KEY, time_ns INTEGER NOT NULL,
    since_ns INTEGER NOT NULL, machine_class TEXT NOT NULL, machine TEXT NOT NULL,
    labels TEXT NOT NULL, rule TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL, sensor TEXT NOT NULL, value REAL, expected REAL, detector TEXT NOT NULL,
    score REAL, "limit" REAL);
CREATE INDEX IF NOT EXISTS alert_events_by_time ON alert_events(time_ns);
DROP VIEW IF EXISTS alerts;
CREATE VIEW alerts AS SELECT time_ns / 1e9 AS time, since_ns / 1e9 AS since, * FROM alert_events;
"""

INSERT_ALERT = f"INSERT OR IGNORE INTO alert_events VALUES({', '.join('?' * 16)})"


def alert_row(event: AlertEvent) -> tuple[object, ...]:
    """What `INSERT_ALERT` takes."""
    why = event.evidence
    return (
        event.id,
        event.time_ns,
        event.since_ns,
        event.machine_class,
        event.machine,
        _json(event.labels),
        event.rule,
        event.kind,
        event.state,
        event.reason,
        why.sensor,
        why.value,
        why.expected,
        why.detector,
        why.score,
        why.limit,
    )


class Tables:
    """Numbers for names, given when a name is first met; forget them after a rollback."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.forget()

    def forget(self) -> None:
        """Know nothing by heart; what the file holds is looked up again."""
        self._machines: dict[tuple[int, Machine], int] = {}
        self._prepared: dict[Schema, tuple[int, str]] = {}

    def upsert(self, points: Points, machines: Sequence[Machine]) -> None:
        """Write the rows of points. What a row does not say, it leaves as it was."""
        if points.schema not in self._prepared:
            self._prepared[points.schema] = self._prepare(points.schema)
        class_id, statement = self._prepared[points.schema]
        readings = points.readings
        ids = [self._machine(class_id, machines[row]) for row in readings.rows.tolist()]
        late = (readings.flags & LATE).tolist()
        numbers = np.column_stack([points.severity, readings.values, points.scores])
        numbers[~np.isfinite(numbers)] = np.nan  # stored as NULL
        columns = [column.tolist() for column in numbers.T]
        rows = zip(ids, readings.times.tolist(), late, *columns, strict=True)
        self._db.executemany(statement, rows)

    def _prepare(self, schema: Schema) -> tuple[int, str]:
        """Make what is still missing of the class's table; its id and the statement to fill it."""
        id_ = self._class(schema.machine_class)
        self._db.execute(
            f"CREATE TABLE IF NOT EXISTS points_{id_}(time_ns INTEGER, machine INTEGER,"
            " late INTEGER, severity REAL, PRIMARY KEY(time_ns, machine)) WITHOUT ROWID"
        )
        names = [*schema.sensors, *schema.scores]
        numbers = self._numbers(id_, names)
        view = quoted(f"readings_{schema.machine_class}")
        self._db.execute(f"DROP VIEW IF EXISTS {view}")
        self._db.execute(f"CREATE VIEW {view} AS {_readings(id_, numbers)}")
        return id_, _upsert(id_, [numbers[name] for name in names])

    def _class(self, name: str) -> int:
        self._db.execute("INSERT OR IGNORE INTO classes(name) VALUES(?)", (name,))
        return self._one("SELECT id FROM classes WHERE name=?", name)

    def _numbers(self, class_id: int, names: Sequence[str]) -> dict[str, int]:
        """Name → number of all columns the class ever had, these included."""
        known = dict(
            self._db.execute(
                "SELECT name, number FROM columns WHERE class=? ORDER BY number", (class_id,)
            ).fetchall()
        )
        for name in dict.fromkeys(names):
            if name not in known:
                number = known[name] = len(known)
                self._db.execute("INSERT INTO columns VALUES(?, ?, ?)", (class_id, number, name))
                self._db.execute(f"ALTER TABLE points_{class_id} ADD COLUMN c{number} REAL")
        return known

    def _machine(self, class_id: int, machine: Machine) -> int:
        known = self._machines.get((class_id, machine))
        if known is None:
            known = self._machines[class_id, machine] = self._register(class_id, machine)
        return known

    def _register(self, class_id: int, machine: Machine) -> int:
        labels = _json(dict(machine.labels))
        self._db.execute(
            "INSERT OR IGNORE INTO machines(class, labels, name) VALUES(?, ?, ?)",
            (class_id, labels, machine.name),
        )
        return self._one("SELECT id FROM machines WHERE class=? AND labels=?", class_id, labels)

    def _one(self, query: str, *parameters: object) -> int:
        (id_,) = self._db.execute(query, parameters).fetchone()
        return int(id_)

    def points(self) -> list[str]:
        """Names of all points tables."""
        return [f"points_{id_}" for (id_,) in self._db.execute("SELECT id FROM classes")]


def _upsert(class_id: int, numbers: Sequence[int]) -> str:
    columns = ["severity", *(f"c{number}" for number in numbers)]
    kept = ", ".join(f"{c}=coalesce(excluded.{c}, {c})" for c in columns)
    return (
        f"INSERT INTO points_{class_id}(machine, time_ns, late, {', '.join(columns)})"
        f" VALUES({', '.join('?' * (3 + len(columns)))})"
        f" ON CONFLICT DO UPDATE SET late=max(excluded.late, late), {kept}"
    )


def _readings(class_id: int, numbers: dict[str, int]) -> str:
    columns = [
        "p.time_ns / 1e9 AS time",
        "m.name AS machine",
        *(f"p.c{number} AS {quoted(name)}" for name, number in numbers.items()),
        "p.severity AS severity",
        "p.late AS late",
        "p.time_ns AS time_ns",
        "m.labels AS labels",
    ]
    joined = f"points_{class_id} AS p JOIN machines AS m ON m.id = p.machine"
    return f"SELECT {', '.join(columns)} FROM {joined}"  # noqa: S608 - numbers and quoted names


def quoted(name: str) -> str:
    """Any name, as SQL takes it.

    >>> quoted('3" pipe')
    '"3"" pipe"'
    """
    return '"' + name.replace('"', '""').replace("\0", "�") + '"'


def _json(labels: dict[str, str]) -> str:
    return json.dumps(labels, ensure_ascii=False)
