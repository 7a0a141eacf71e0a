"""Recordings as CSV, with somebody's labels: whoever has data of their own evaluates on those.

A recording has a header; ``time`` (or ``timestamp``, ``datetime``) as ISO 8601 or seconds since the
epoch, ``machine`` where there are several, and a column for each sensor of the class. Labels have
``start`` and ``end`` of what was wrong, both inside it, and ``machine`` where there are several.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.metrics import FaultSpan
from streamer.config import MachineClass
from streamer.evaluate.engines import Product
from streamer.evaluate.walk import Course, columns
from streamer.monitor import Judged
from streamer.records import Columns, Machine, Rows, Times

TIME_NAMES = ("time", "timestamp", "datetime")
READINGS_AT_ONCE = 4096

Floats = NDArray[np.float64]


class BadRecording(Exception):
    """A file that cannot be evaluated: which, and why, in one sentence."""


def course_of(path: Path, labels: Path | None, config: MachineClass, machine_class: str) -> Course:
    """The readings of a CSV file, with the labels as faults.

    Raises
    ------
    BadRecording
        A file cannot be read, or a column is missing or holds what it must not.
    """
    found = read(path, config)
    span_ns = (found.first_ns, found.last_ns)
    faults = [] if labels is None else _faults(labels, found.machines, *span_ns)
    return Course(
        machine_class,
        [Machine(machine_class, (("machine", name),)) for name in found.machines],
        lambda product: feed(product, found.readings),
        faults,
        found.first_ns,
        found.last_ns + 1,
        found.period_s,
        len(found.readings.rows),
    )


class Found(NamedTuple):
    """What a file holds."""

    machines: list[str]
    """By row."""
    readings: Columns
    """In order of time."""
    first_ns: int
    last_ns: int
    period_s: float


def read(path: Path, config: MachineClass) -> Found:
    """The readings of a CSV file; without those in which no sensor of the class says anything.

    Raises `BadRecording`, as `course_of`.
    """
    table = _table(path)
    times = _times(table, _time_column(table, path), path)
    names = _machines(table, path) if "machine" in table else np.full(len(table), "recording")
    order = np.argsort(times, kind="stable")
    table, times = table.iloc[order], times[order]
    known, rows = np.unique(names[order], return_inverse=True)
    values = np.column_stack([_numbers(table, sensor, path) for sensor in config.sensors])
    rows = rows.astype(np.int32)
    readings = columns(rows, times, values)
    if not len(readings.rows):
        raise BadRecording(f"{path} holds no number in the columns {', '.join(config.sensors)}")
    first_ns, last_ns = times[[0, -1]].tolist()
    return Found(known.tolist(), readings, first_ns, last_ns, _period_s(rows, times))


def feed(product: Product, readings: Columns) -> Iterator[Judged]:
    """Step the product's monitor through readings that are all there already."""
    for stretch in cut(readings):
        yield product.monitor.step(stretch)


def cut(readings: Columns) -> Iterator[Columns]:
    """The same readings in stretches that a monitor takes well."""
    for start in range(0, len(readings.rows), READINGS_AT_ONCE):
        part = slice(start, start + READINGS_AT_ONCE)
        yield Columns(**{one.name: getattr(readings, one.name)[part] for one in fields(Columns)})


def _table(path: Path) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            # pandas would drop cells that have no head, or take the first ones for an index.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # A machine may be called 007.
            table = pd.read_csv(path, dtype={"machine": str}, index_col=False)
    except FileNotFoundError:
        raise BadRecording(f"{path}: there is no such file") from None
    except pd.errors.ParserWarning:
        raise BadRecording(f"{path} has rows with more cells than its header") from None
    except (OSError, ValueError) as error:
        raise BadRecording(f"{path} cannot be read as CSV: {error}") from None
    if table.empty:
        raise BadRecording(f"{path} holds no rows")
    return table


def _time_column(table: pd.DataFrame, path: Path) -> str:
    for name in TIME_NAMES:
        if name in table:
            return name
    raise BadRecording(f"{path} has no column {', '.join(TIME_NAMES[:-1])} or {TIME_NAMES[-1]}")


def _times(table: pd.DataFrame, column: str, path: Path) -> Times:
    """Nanoseconds since the epoch; UTC where no zone is named."""
    cells: Any = table[column]
    if pd.api.types.is_numeric_dtype(cells):
        stamps = pd.to_datetime(cells, utc=True, errors="coerce", unit="s")
    else:
        stamps = pd.to_datetime(cells, utc=True, errors="coerce", format="ISO8601")
    bad = np.flatnonzero(stamps.isna())
    if bad.size:
        cell = cells.iloc[bad[0]]
        shown = "empty" if pd.isna(cell) else repr(str(cell))
        raise BadRecording(
            f"{path}, row {bad[0] + 2}: {column} is {shown}, a time like "
            "2026-01-01T00:00:00Z or seconds since 1970 is needed"
        )
    return nanoseconds(stamps)


def nanoseconds(stamps: Any) -> Times:
    """Since the epoch, of pandas' time stamps."""
    times: Times = stamps.dt.as_unit("ns").to_numpy(np.dtype("datetime64[ns]")).astype(np.int64)
    return times


def _numbers(table: pd.DataFrame, sensor: str, path: Path) -> Floats:
    """A sensor's column; what is no number was not reported."""
    if sensor not in table:
        raise BadRecording(
            f"{path} has no column {sensor!r}, which is a sensor of the configuration; "
            f"it has {', '.join(map(str, table.columns))}"
        )
    numbers = pd.to_numeric(table[sensor], errors="coerce").to_numpy(np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _machines(table: pd.DataFrame, path: Path) -> NDArray[np.object_]:
    """Whose each row is."""
    names = table["machine"]
    unnamed = np.flatnonzero(names.isna())
    if unnamed.size:
        raise BadRecording(f"{path}, row {unnamed[0] + 2}: it does not say which machine")
    return names.to_numpy(np.object_)


def _faults(path: Path, machines: list[str], first_ns: int, last_ns: int) -> list[FaultSpan]:
    table = _table(path)
    missing = [name for name in ("start", "end") if name not in table]
    if missing:
        raise BadRecording(f"{path} has no column {missing[0]}")
    starts, ends = _times(table, "start", path), _times(table, "end", path)
    if "machine" not in table and len(machines) > 1:
        raise BadRecording(f"{path} has no column machine, but there are {len(machines)} of them")
    whose = _machines(table, path) if "machine" in table else [machines[0]] * len(table)
    labels = zip(whose, starts.tolist(), ends.tolist(), strict=True)
    return list(_spans(path, machines, labels, first_ns, last_ns))


def _spans(
    path: Path,
    machines: list[str],
    labels: Iterable[tuple[str, int, int]],
    first_ns: int,
    last_ns: int,
) -> Iterator[FaultSpan]:
    for row, (machine, start, end) in enumerate(labels, 2):
        if machine not in machines:
            raise BadRecording(
                f"{path}, row {row}: there is no machine {machine!r} in the recording"
            )
        if end < start:
            raise BadRecording(f"{path}, row {row}: it ends before it starts")
        if end < first_ns or start > last_ns:
            raise BadRecording(f"{path}, row {row}: nothing of it lies within the recording")
        repair_ns = min(end, last_ns) + 1
        yield FaultSpan("labelled", machine, "machine", start, repair_ns, detectable_ns=start)


def _period_s(rows: Rows, times: Times) -> float:
    """The usual time between two readings of the first machine [s]."""
    gaps = np.diff(times[rows == 0])
    return float(np.median(gaps[gaps > 0])) / 1e9 if (gaps > 0).any() else 1.0
