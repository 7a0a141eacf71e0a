"""Scores and alerts in an SQLite file on the gateway, for whoever stands there without a network.

People read two kinds of views: ``readings_<class>``, one wide row per machine and event time with
sensors and scores under their own names, and ``alerts``. Both have ``time`` in seconds since the
epoch, as Grafana's SQLite plugin takes it, and ``time_ns``, by which a range is found fast::

    SELECT time, vibration, severity FROM readings_turbine
    WHERE machine = 'north/T03' AND time_ns > 1e9 * unixepoch('now', '-1 day')

A row's key is machine and event time, so writing it again changes nothing, and messages that each
bring one sensor of a machine fill one row together.

The oldest rows go when the file nears ``max_bytes``, or when they are older than ``keep_days``.
That is counted by event time, from the median of the last 1000 readings written: wrong times, a
year ahead or of 1970, cannot make the others' rows go as long as fewer than half of those have one.
So rows stay longer by half the time that a thousand take to come, and none goes for its age before
100 are written after a start. The file does not shrink: freed pages are used again.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from statistics import median_low
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
"""One step of forgetting takes about this part of the rows, or of the time, that may be kept."""
ROW_BYTES = 100
"""About what a row takes, to say how many a step is; to be wrong here makes steps of other size."""
RECENT = 1000
"""Readings whose median time is taken for now."""
ENOUGH = 100
"""Readings without which nothing is taken for now."""

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
    """How long readings, scores and alerts are kept, by event time: the median of the last 1000
    readings is taken for now, so wrong times among them, if fewer than half, take no others."""
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
        self._step_rows = config.max_bytes // (STEP * ROW_BYTES)
        self._recent = deque[int](maxlen=RECENT)
        """Event times of the readings last written, in their order of arrival."""

    def write(self, batches: Sequence[Batch]) -> Sequence[Refused]:
        """Write the turns, all or none of them; nothing is ever refused here."""
        with _retrying():
            self._make_room()
            with self._transaction():
                for batch in batches:
                    self._write(batch)
            self._recent.extend(_times(batches))
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
            self._drop_until(time_ns)

    def _too_much(self) -> int | None:
        """Until what event time things must go now; None if everything may stay."""
        oldest = self._oldest()
        if oldest is None:
            return None
        if len(self._recent) >= ENOUGH:
            too_old = median_low(self._recent) - self._keep_ns
            # Not for every second: only when another 64th of `keep_days` has come on top of it.
            if oldest < too_old - self._keep_ns // STEP:
                return min(self._end_of_step(), too_old)
        too_full = self._used_bytes() > FILL * self._max_bytes
        return self._end_of_step() if too_full else None

    def _oldest(self) -> int | None:
        found = (
            self._db.execute(f"SELECT min(time_ns) FROM {table}").fetchone()[0]  # noqa: S608
            for table in self._aging()
        )
        return min((time_ns for time_ns in found if time_ns is not None), default=None)

    def _end_of_step(self) -> int:
        """Time of the last row of a step, counted in rows: any one time may be out of all reason.

        Of each table at most a step's rows are older, so a table that has fewer than that does not
        hold up the others for longer than it takes to empty it.
        """
        ends = (
            self._db.execute(
                f"SELECT max(time_ns) FROM (SELECT time_ns FROM {table} ORDER BY time_ns LIMIT ?)",  # noqa: S608
                (self._step_rows,),
            ).fetchone()[0]
            for table in self._aging()
        )
        return int(min(end for end in ends if end is not None))

    def _drop_until(self, time_ns: int) -> None:
        with self._transaction():
            for table in self._aging():
                self._db.execute(f"DELETE FROM {table} WHERE time_ns<=?", (time_ns,))  # noqa: S608

    def _aging(self) -> list[str]:
        return [*self._tables.points(), "alert_events"]

    def _used_bytes(self) -> int:
        pragmas = ("page_count", "freelist_count", "page_size")
        pages, free, size = (self._db.execute(f"PRAGMA {p}").fetchone()[0] for p in pragmas)
        return int((pages - free) * size)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _times(batches: Iterable[Batch]) -> Iterator[int]:
    points = chain.from_iterable(batch.points for batch in batches)
    return chain.from_iterable(one.readings.times.tolist() for one in points)


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
