"""How a turn looks as bytes: MessagePack around raw little-endian columns.

The columns are stored as they lie in memory, so encoding and decoding a turn costs a copy, and a
reading comes back to the last bit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamer.records import Columns, Inputs, Points, Schema, Tick, Verb

if sys.byteorder != "little":  # pragma: no cover
    raise ImportError("Telltale stores its columns little-endian and runs on such machines only")


class _Columns(msgspec.Struct, array_like=True):
    sensors: int
    rows: bytes
    times: bytes
    values: bytes
    flags: bytes


class _Inputs(msgspec.Struct, array_like=True):
    readings: dict[str, _Columns]
    tick: tuple[int, int] | None
    unstamped: list[tuple[int, bytes]]
    messages: int = 1
    verbs: list[Verb] = []


class _Scores(msgspec.Struct, array_like=True):
    schema: int
    scores: bytes
    severity: bytes
    quality: bytes


_inputs = msgspec.msgpack.Decoder(_Inputs)
_scores = msgspec.msgpack.Decoder(dict[str, _Scores])


def encode_inputs(inputs: Inputs) -> bytes:
    """Readings, tick, message identities and verbs of a turn → bytes."""
    readings = {
        name: _Columns(
            c.values.shape[1],
            c.rows.tobytes(),
            c.times.tobytes(),
            c.values.tobytes(),
            c.flags.tobytes(),
        )
        for name, c in inputs.readings.items()
    }
    tick = (inputs.tick.now_ns, inputs.tick.hearing_since_ns) if inputs.tick else None
    return msgspec.msgpack.encode(
        _Inputs(readings, tick, list(inputs.unstamped), inputs.messages, list(inputs.verbs))
    )


def decode_inputs(blob: bytes) -> Inputs:
    """Bytes of `encode_inputs` → the same inputs."""
    stored = _inputs.decode(blob)
    readings = {name: _columns(c) for name, c in stored.readings.items()}
    tick = Tick(*stored.tick) if stored.tick else None
    return Inputs(readings, tick, stored.unstamped, stored.messages, stored.verbs)


def _columns(c: _Columns) -> Columns:
    return Columns(
        _array(c.rows, "<i4"),
        _array(c.times, "<i8"),
        _array(c.values, "<f8", c.sensors),
        _array(c.flags, "u1"),
    )


def encode_scores(points: Sequence[Points], schema_ids: Mapping[str, int]) -> bytes:
    """What was made of a turn's readings → bytes; the readings themselves are in its inputs."""
    return msgspec.msgpack.encode(
        {
            p.schema.machine_class: _Scores(
                schema_ids[p.schema.machine_class],
                p.scores.tobytes(),
                p.severity.tobytes(),
                p.quality.tobytes(),
            )
            for p in points
        }
    )


def decode_points(inputs: bytes, scores: bytes, schema_of: Callable[[int], Schema]) -> list[Points]:
    """Inputs and scores of one turn → its points."""
    readings = _inputs.decode(inputs).readings
    return [
        _points(_columns(readings[name]), stored, schema_of(stored.schema))
        for name, stored in _scores.decode(scores).items()
    ]


def _points(readings: Columns, stored: _Scores, schema: Schema) -> Points:
    return Points(
        schema,
        readings,
        _array(stored.scores, "<f8", len(schema.scores)),
        _array(stored.severity, "<f8"),
        _array(stored.quality, "u1", len(schema.sensors)),
    )


def encode_schema(schema: Schema) -> bytes:
    """Names of a class's columns → bytes; equal schemas give equal bytes."""
    return msgspec.json.encode(schema)


def decode_schema(body: bytes) -> Schema:
    """Bytes of `encode_schema` → the schema."""
    return msgspec.json.decode(body, type=Schema)


def _array(blob: bytes, dtype: str, width: int | None = None) -> NDArray[Any]:
    flat = np.frombuffer(blob, dtype=dtype)
    return flat if width is None else flat.reshape(-1, width)
