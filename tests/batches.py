"""Turns as the outbox would hand them out, for tests of everything that takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from streamer.records import AlertEvent, Batch, Columns, Evidence, Machine, Points, Schema

SECOND = 10**9
START_NS = 1_700_000_000 * SECOND
SCHEMA = Schema("turbine", ("vibration", "power"), ("half_space_trees",))
MACHINES = tuple(Machine("turbine", (("site", "north"), ("machine", f"T{i:02}"))) for i in range(4))


def points(
    rows: Sequence[int],
    times: Sequence[int],
    values: Any,
    scores: Any = None,
    *,
    schema: Schema = SCHEMA,
    severity: Any = None,
    flags: Any = None,
) -> Points:
    """Points out of lists; scores and severity are NaN, flags 0, where they are not given."""
    n = len(rows)
    columns = Columns(
        np.array(rows, "i4"),
        np.array(times, "i8"),
        np.array(values, "f8").reshape(n, len(schema.sensors)),
        np.zeros(n, "u1") if flags is None else np.array(flags, "u1"),
    )
    k = len(schema.scores)
    return Points(
        schema,
        columns,
        np.full((n, k), np.nan) if scores is None else np.array(scores, "f8").reshape(n, k),
        np.full(n, np.nan) if severity is None else np.array(severity, "f8"),
        np.zeros((n, len(schema.sensors)), "u1"),
    )


def batch(turn: int, readings: int = 4, alerts: Sequence[AlertEvent] = ()) -> Batch:
    """A turn whose readings nobody else has: machines in turn, one second after the other."""
    number = turn * readings + np.arange(readings)
    made = points(
        (number % len(MACHINES)).tolist(),
        (START_NS + number * SECOND).tolist(),
        np.column_stack([number + 0.25, -number / 3]),
        number / 1000,
        severity=number / 900,
    )
    return Batch(turn, [made] if readings else [], alerts, {"turbine": MACHINES})


def event(number: int = 0, **changes: Any) -> AlertEvent:
    """An alert event; a number of its own gives it an ``id`` of its own."""
    fields: dict[str, Any] = {
        "machine_class": "turbine",
        "machine": "north/T03",
        "labels": {"site": "north", "machine": "T03"},
        "rule": "machine_fault",
        "kind": "machine",
        "state": "firing",
        "time_ns": START_NS + number * SECOND,
        "since_ns": START_NS + number * SECOND,
        "reason": "vibration is high",
        "evidence": Evidence("vibration", 7.5, 2.0, "ewma_chart", 9.0, 6.0),
    }
    return AlertEvent(**(fields | changes))
