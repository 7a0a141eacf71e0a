"""Scores and alerts in an SQLite file on the gateway, for whoever stands there without a network.

People read two kinds of views: ``readings_<class>``, one wide row per machine and event time with
sensors and scores under their own names, and ``alerts``. Both have ``time`` in seconds since the
epoch, as Grafana's SQLite plugin takes it, and ``time_ns``, by which a range is found fast::

    SELECT time, vibration, severity FROM readings_turbine
    WHERE machine = 'north/T03' AND time_ns > 1e9 * unixepoch('now', '-1 day')

A row's key is machine and event time, so writing it again changes nothing, and messages that each
bring one sensor of a machine fill one row together.

The oldest rows go when they are older than ``keep_days``, as event time counts from the newest
reading, or when the file nears ``max_bytes``. The file does not shrink: freed pages are used again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import Field

from streamer.config.types import Bytes, Seconds, Section, StatePath
from streamer.journal import connect
from streamer.records import Batch
from streamer.sinks import Refused, Retry
from streamer.sinks.sqlite_tables import INSERT_ALERT, SCHEMA, Tables, alert_row

DAY_NS = 86_400 * 10**9
FILL = 0.9
"""Share of ``max_bytes`` above which the oldest rows go."""
STEP = 64
"""One step of forgetting takes about this part of the time that is kept."""

_REASONS = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_CANTOPEN: "misconfigured",
    sqlite3.SQLITE_NOTADB: "misconfigured",
    sqlite3.SQLITE_PERM: "misconfigured",
    sqlite3.SQLITE_READONLY: "misconfigured",
}


class Config(Section):
    """Where the file is, and how much it may hold."""

    path: StatePath = Field(default=Path("scores.db"), validate_default=True)
    """The file; a relative path is looked for in ``state_dir``."""
    keep_days: Annotated[float, Field(gt=0, le=36_500)] = 30.0
    """How long readings, scores and alerts are kept, by event time."""
    max_bytes: Annotated[Bytes, Field(ge=1 << 20)] = 1 << 30
    """How large the file may grow; its write-ahead log comes on top, some 4 MiB."""
    flush_s: Seconds = 10.0
    """How long to collect readings before writing: rarer writes spare flash memory."""


def open_sink(config: Config) -> SqliteSink:
    """Open or make the file. Raises Retry where it cannot be had."""
    with _retrying():
        config.path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteSink(config)


class SqliteSink:
    """One transaction per write; belongs to one thread."""

    def __init__(self, config: Config) -> None:
        self._keep_ns = round(config.keep_days * DAY_NS)
        self._max_bytes = config.max_bytes
        self._db = connect(config.path)
        self._db.executescript(SCHEMA)
        self._tables = Tables(self._db)
        self._span = self._stored_span()
        """Oldest and newest event time of all points; None while there are none."""

    def write(self, batches: Sequence[Batch]) -> Sequence[Refused]:
        """Write the turns, all or none of them; nothing is ever refused here."""
        with _retrying():
            self._make_room()
            with self._transaction():
                for batch in batches:
                    self._write(batch)
            self._span = _extended(self._span, batches)
        return []

    def _write(self, batch: Batch) -> None:
        for points in batch.points:
            self._tables.upsert(points, batch.machines[points.schema.machine_class])
        self._db.executemany(INSERT_ALERT, map(alert_row, batch.alerts))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._tables.forget()
            raise

    def _make_room(self) -> None:
        """Forget in small transactions until nothing is too old and the file is not too full."""
        while (time_ns := self._too_much()) is not None:
            self._drop_before(time_ns)

    def _too_much(self) -> int | None:
        """Before what event time things must go now; None if everything may stay."""
        if self._span is None:
            return None
        oldest, newest = self._span
        step = oldest + (newest - oldest) // STEP + 1
        too_old = newest - self._keep_ns
        # Not for every second: only when another 64th of `keep_days` has come on top of it.
        if oldest < too_old - self._keep_ns // STEP:
            return min(step, too_old)
        too_full = self._used_bytes() > FILL * self._max_bytes
        return step if too_full and oldest < newest else None

    def _drop_before(self, time_ns: int) -> None:
        assert self._span is not None
        with self._transaction():
            for table in [*self._tables.points(), "alert_events"]:
                self._db.execute(f"DELETE FROM {table} WHERE time_ns<?", (time_ns,))  # noqa: S608
        self._span = (time_ns, self._span[1])

    def _used_bytes(self) -> int:
        pragmas = ("page_count", "freelist_count", "page_size")
        pages, free, size = (self._db.execute(f"PRAGMA {p}").fetchone()[0] for p in pragmas)
        return int((pages - free) * size)

    def _stored_span(self) -> tuple[int, int] | None:
        ends = [
            self._db.execute(f"SELECT {end}(time_ns) FROM {table}").fetchone()[0]  # noqa: S608
            for table in self._tables.points()
            for end in ("min", "max")
        ]
        times = [end for end in ends if end is not None]
        return (min(times), max(times)) if times else None

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _extended(span: tuple[int, int] | None, batches: Sequence[Batch]) -> tuple[int, int] | None:
    columns = [points.readings.times for batch in batches for points in batch.points]
    ends = [int(end) for times in columns if len(times) for end in (times.min(), times.max())]
    ends += span or ()
    return (min(ends), max(ends)) if ends else None


@contextmanager
def _retrying() -> Iterator[None]:
    """Nothing the file or disk does is a reason to give up; a mistake of ours is no `Retry`."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.NotSupportedError):
        raise
    except (sqlite3.DatabaseError, OSError) as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        raise Retry(str(error), reason=_REASONS.get(code, "failing")) from error
