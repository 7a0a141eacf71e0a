"""What every entrant said of every reading, as a CSV file per machine: for pandas people."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from streamer.evaluate.engines import OURS
from streamer.evaluate.trace import Trace
from streamer.files import whole
from streamer.records import Times

LONGEST = 200
"""Bytes of a file's name without its ending: file systems allow 255."""
KEPT = 160
ALERTS = {"alert": "machine", "instrument_alert": "instrument"}
"""Column → the kind of the product's alerts whose state it tells."""


def write_scores(folder: Path, traces: Sequence[Trace]) -> None:
    """Write one CSV for each trace: time, readings, score, alert states, severity of each entrant.

    Each file is there whole or not at all; one of an earlier run is replaced. Empty cells are
    readings that were not reported, and severities of those who could not speak yet.

    Raises
    ------
    OSError
        The folder or a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for trace in traces:
        with whole(folder / f"{file_name(trace.machine)}.csv") as path:
            frame(trace).to_csv(path, index=False, lineterminator="\n")


def file_name(name: str) -> str:
    """A machine's name as one that every file system takes; different names stay different.

    >>> file_name("north/T03"), file_name("north T03"), file_name("../../etc/passwd")
    ('north%2FT03', 'north%20T03', '..%2F..%2Fetc%2Fpasswd')
    """
    safe = quote(name, safe="")
    if len(safe) <= LONGEST:
        return safe
    # A plus sign is in no quoted name, so a name that was cut is like no other.
    return f"{safe[:KEPT]}+{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def frame(trace: Trace) -> pd.DataFrame:
    """A trace as a table, a row for each reading."""
    columns: dict[str, object] = {"time": _iso(trace.times)}
    taken = {"time", "score", *ALERTS}
    readings = trace.values.T  # noqa: PD011 - of ours, not of pandas
    for sensor, column in zip(trace.sensors, readings, strict=True):
        columns[f"sensor: {sensor}" if sensor in taken else sensor] = column
    columns["score"] = trace.severity[OURS]
    for name, kind in ALERTS.items():
        columns[name] = np.where(firing(trace, kind), "firing", "inactive")
    columns |= {f"severity: {name}": severity for name, severity in trace.severity.items()}
    return pd.DataFrame(columns)


def firing(trace: Trace, kind: str) -> NDArray[np.bool_]:
    """At which readings an alert of that kind of the product was firing, ``[n]``."""
    found = np.zeros(len(trace.times), np.bool_)
    for alert in trace.alerts.get(OURS, ()):
        if alert.kind == kind:
            ended = alert.resolved_ns is not None and trace.times >= alert.resolved_ns
            found |= (trace.times >= alert.fired_ns) & ~np.asarray(ended)
    return found


def _iso(times: Times) -> NDArray[np.str_]:
    """ISO 8601, UTC; with as many digits as the finest needs, seconds at least."""
    units = (("s", 10**9), ("ms", 10**6), ("us", 10**3))
    unit = next((unit for unit, ns in units if not (times % ns).any()), "ns")
    stamps = times.astype("datetime64[ns]").astype(f"datetime64[{unit}]")
    return np.char.add(np.datetime_as_string(stamps), "Z")
