"""Dialect ``waveform``: a recording of the sensor that the topic names, turned into its features.

``{"ts": 1700000000, "rate_hz": 20000, "rpm": 1480, "dtype": "f4", "samples": "zcxMPQ…"}``: samples
are numbers in an array, or Base64 of little-endian numbers, ``f4`` (by default) or ``i2``. They may
be called ``acceleration``, as the simulator's recordings are. On the topic of sensor ``drive_end``
it becomes one reading with ``drive_end_rms``, ``drive_end_kurtosis`` and so on: those names that
are sensors of the class. The recording itself is not kept.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np

from detectors.waveform_features import BANDS, SAMPLES_MIN, Band, Bearing, Samples, features
from streamer.decode.timestamps import timestamp_ns
from streamer.labels import shown
from streamer.records import Fault, Reading

MAX_SAMPLES = 262_144
"""Ten seconds at 25.6 kHz; its features take about 25 ms."""
MAX_FIELDS = 100
RATE_HZ = (1.0, 1e6)
MAX_RPM = 1e6
LARGEST = 1e30
"""No accelerometer says more; the squares of it are still numbers."""
DTYPES = {"f4": "<f4", "i2": "<i2"}
SAMPLES = ("samples", "acceleration")

_decoder = msgspec.json.Decoder()


class Recording(NamedTuple):
    """What the configuration says of the recordings on a topic."""

    sensors: frozenset[str] | None = None
    """Names that the class knows; only these are told. None: all."""
    scale: float = 1.0
    """What one unit of a sample is, in m/s²."""
    rpm: float | None = None
    """Speed where a message does not say it."""
    shaft_ratio: float = 1.0
    """Turns of the bearing's shaft for one turn of what ``rpm`` counts."""
    bearing: Bearing | None = None
    bands: Mapping[str, Band] = BANDS


def decode_waveform(
    payload: bytes,
    time_field: str,
    machine_field: str | None,
    sensor: str | None,
    recording: Recording | None,
) -> list[Reading | Fault]:
    """Read one recording; one reading of its features, or one fault."""
    del machine_field
    if sensor is None:
        raise ValueError("dialect waveform needs the name of its sensor, and the route has none")
    try:
        content = _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return [Fault("not_json", "the payload is not JSON as RFC 8259 has it")]
    if type(content) is not dict:
        return [Fault("wrong_type", "the payload is no object, one with samples is needed")]
    if len(content) > MAX_FIELDS:
        return [Fault("too_many", f"the object has more than {MAX_FIELDS} fields")]
    return [_reading(content, time_field, sensor, recording or Recording())]


def _reading(
    fields: dict[str, Any], time_field: str, sensor: str, recording: Recording
) -> Reading | Fault:
    time = fields.get(time_field)
    time_ns = None if time is None else timestamp_ns(time)
    if isinstance(time_ns, Fault):
        return time_ns
    rate_hz = _number(fields.get("rate_hz"), "rate_hz", *RATE_HZ)
    if isinstance(rate_hz, Fault):
        return rate_hz
    turns = recording.rpm if fields.get("rpm") is None else fields["rpm"]
    rpm = math.nan if turns is None else _number(turns, "rpm", 0.0, MAX_RPM)
    if isinstance(rpm, Fault):
        return rpm
    samples = _samples(fields, recording.scale)
    if isinstance(samples, Fault):
        return samples
    values = features(
        samples,
        rate_hz,
        speed_hz=rpm / 60 * recording.shaft_ratio,
        bearing=recording.bearing,
        bands=recording.bands,
    )
    return _told(sensor, values, recording.sensors, time_ns)


def _told(
    sensor: str, found: Mapping[str, float], known: frozenset[str] | None, time_ns: int | None
) -> Reading | Fault:
    """The reading of those features that could be told and that the class asks for."""
    named = {f"{sensor}_{name}": value for name, value in found.items()}
    wanted = {name: x for name, x in named.items() if known is None or name in known}
    if not wanted:
        some = ", ".join(f"{shown(sensor)[1:-1]}_{name}" for name in list(found)[:3])
        return Fault("unknown_sensor", f"no sensor of the class is a feature of it, like {some}")
    values = {name: x for name, x in wanted.items() if math.isfinite(x)}
    if not values:
        return Fault("empty", "the recording says nothing about the sensors of the class")
    return Reading(None, time_ns, values)


def _number(value: object, name: str, low: float, high: float) -> float | Fault:
    if isinstance(value, float | int) and type(value) is not bool and low <= value <= high:
        return float(value)
    said = "missing" if value is None else shown(value)
    return Fault(f"bad_{name}", f"{name} is {said}, {low:g} … {high:g} is allowed")


def _samples(fields: dict[str, Any], scale: float) -> Samples | Fault:
    """The samples in m/s², finite, of a length that can be worked on."""
    value = next((fields[name] for name in SAMPLES if fields.get(name) is not None), None)
    if value is None:
        return Fault("empty", "the object has no samples")
    found = _of_text(value, fields.get("dtype")) if type(value) is str else _of_list(value)
    if isinstance(found, Fault):
        return found
    if not SAMPLES_MIN <= len(found) <= MAX_SAMPLES:
        reason = "too_few" if len(found) < SAMPLES_MIN else "too_many"
        return Fault(reason, f"{len(found)} samples, {SAMPLES_MIN} … {MAX_SAMPLES} are allowed")
    if not (np.abs(found) <= LARGEST / max(scale, 1.0)).all():
        return Fault("nonfinite", "a sample is not a finite number, or larger than any can be")
    return found * scale


def _of_list(value: object) -> Samples | Fault:
    if type(value) is not list or not {float, int}.issuperset(map(type, value)):
        return Fault("wrong_type", "samples are neither an array of numbers nor Base64 text")
    try:
        return np.array(value, dtype=np.float64)
    except OverflowError:
        return Fault("nonfinite", "a sample is larger than any number can be")


def _of_text(text: str, dtype: object) -> Samples | Fault:
    kind = "f4" if dtype is None else dtype
    if type(kind) is not str or kind not in DTYPES:
        allowed = " or ".join(DTYPES)
        return Fault("bad_dtype", f"dtype is {shown(kind)}, {allowed} is allowed")
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return Fault("bad_samples", "samples are not Base64")
    width = np.dtype(DTYPES[kind]).itemsize
    if len(raw) % width:
        return Fault("bad_samples", f"samples are {len(raw)} bytes, {kind} takes {width} for each")
    return np.frombuffer(raw, dtype=DTYPES[kind]).astype(np.float64)
