"""Labelled series of the public data sets, each a machine seen for the first time.

The data sets are not part of the product. Every series is judged reading by reading; its labels are
read by the scorer alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.metrics import FaultSpan
from streamer.config import MachineClass
from streamer.evaluate.outcome import Said
from streamer.evaluate.recording import BadRecording, feed, nanoseconds
from streamer.evaluate.trace import Trace
from streamer.evaluate.walk import Course, Walked, walk
from streamer.records import Columns, Machine, Times, Values

Flags = NDArray[np.bool_]

READINGS_MIN = 2


@dataclass(frozen=True)
class Labelled:
    """One series of a data set."""

    name: str
    sensors: tuple[str, ...]
    times: Times
    readings: Values
    """``[n, sensors]``"""
    windows: Sequence[tuple[int, int]] = ()
    """NAB: first and last row of each labelled window."""
    anomaly: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))
    """SKAB: which rows are anomalous."""
    changepoint: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))
    """SKAB: at which rows the state changes."""


def evaluate(
    corpus: Sequence[Labelled],
    config: MachineClass,
    machine_class: str,
    baselines: Sequence[str] = (),
    *,
    traced: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[Mapping[str, list[Said]], list[Trace]]:
    """Walk every series; what each entrant said of each, and the traces if they are wanted."""
    said: dict[str, list[Said]] = {}
    traces: list[Trace] = []
    for done, series in enumerate(corpus, 1):
        walked = walk_series(series, config, machine_class, baselines, traced=traced)
        for entrant, one in walked.said.items():
            said.setdefault(entrant, []).append(one)
        traces += walked.traces
        progress(done)
    return said, traces


def walk_series(
    series: Labelled,
    config: MachineClass,
    machine_class: str,
    baselines: Sequence[str],
    *,
    traced: bool,
) -> Walked:
    """One series, as a machine nobody has seen before."""
    missing = [name for name in config.sensors if name not in series.sensors]
    if missing:
        raise BadRecording(
            f"{series.name} has no sensor {missing[0]!r}, which is one of the configuration; "
            f"it has {', '.join(series.sensors)}"
        )
    order = [series.sensors.index(name) for name in config.sensors]
    n = len(series.times)
    # Every row, even one in which nobody reports: the labels count rows.
    readings = Columns(
        np.zeros(n, np.int32),
        series.times,
        np.ascontiguousarray(series.readings[:, order]),
        np.zeros(n, np.uint8),
    )
    machine = Machine(machine_class, (("series", series.name),))
    course = Course(
        machine_class,
        [machine],
        lambda product: feed(product, readings),
        _spans(series, machine.name),
        int(series.times[0]),
        int(series.times[-1]) + 1,
        float(np.median(np.diff(series.times))) / 1e9,
    )
    return walk(course, config, baselines=baselines, traced=[machine.name] if traced else [])


def scores(said: Said) -> NDArray[np.float64]:
    """What an entrant said of a series, as these benchmarks take it."""
    return as_scores(said.severity)


def as_scores(severity: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Severities as these benchmarks take them: not ready is not strange there.

    >>> as_scores(np.array([np.nan, 1.5, np.inf])).tolist()
    [0.0, 1.5, 1e+30]
    """
    return np.nan_to_num(severity.astype(np.float64), nan=0.0, posinf=1e30)


def cpu_us_per_reading(said: Sequence[Said]) -> float:
    """Of all series together."""
    return sum(one.cpu_s for one in said) * 1e6 / max(sum(len(one.severity) for one in said), 1)


def read(path: Path, separator: str, needed: Sequence[str]) -> pd.DataFrame:
    """A file of a data set; `BadRecording` where a column is missing."""
    try:
        table = pd.read_csv(path, sep=separator)
    except (OSError, ValueError) as error:
        raise BadRecording(f"{path} cannot be read as CSV: {error}") from None
    for name in needed:
        if name not in table:
            raise BadRecording(f"{path} has no column {name}")
    if len(table) < READINGS_MIN:
        raise BadRecording(f"{path} holds {len(table)} rows, at least {READINGS_MIN} are needed")
    return table


def times_of(table: pd.DataFrame, column: str, path: Path) -> Times:
    """A column of times, UTC where no zone is named; `BadRecording` where a cell is none."""
    stamps = pd.to_datetime(table[column], utc=True, errors="coerce", format="ISO8601")
    bad = np.flatnonzero(stamps.isna())
    if bad.size:
        raise BadRecording(f"{path}, row {bad[0] + 2}: {column} is no time")
    return nanoseconds(stamps)


def numbers_of(table: pd.DataFrame, names: Sequence[str]) -> Values:
    """Columns of numbers ``[n, names]``; NaN where a cell is none."""
    numbers = [pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64) for name in names]
    return np.column_stack(numbers)


def _spans(series: Labelled, machine: str) -> list[FaultSpan]:
    """What the labels say, to be drawn in the report."""
    edges = np.flatnonzero(np.diff(series.anomaly.astype(np.int8), prepend=0, append=0))
    pairs = [*series.windows, *((a, b - 1) for a, b in edges.reshape(-1, 2).tolist())]
    return [
        FaultSpan(
            "labelled",
            machine,
            "machine",
            int(series.times[first]),
            int(series.times[last]) + 1,
            detectable_ns=int(series.times[first]),
        )
        for first, last in pairs
    ]
