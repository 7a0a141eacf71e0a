"""Dialect ``number``: one bare number of the sensor that the topic names, ``12.3``."""

from __future__ import annotations

import math
import re

from streamer.labels import shown
from streamer.records import Fault, Reading

MAX_CHARACTERS = 64
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)


def decode_number(
    payload: bytes,
    time_field: str,
    machine_field: str | None,
    sensor: str | None,
    recording: object,
) -> list[Reading | Fault]:
    """Read one decimal number, spaces around it allowed; it has no time of its own."""
    del time_field, machine_field, recording
    if sensor is None:
        raise ValueError("dialect number needs the name of its sensor, and the route has none")
    value = _number(payload)
    if isinstance(value, Fault):
        return [value]
    return [Reading(None, None, {sensor: value})]


def _number(payload: bytes) -> float | Fault:
    text = payload.decode("utf-8", "replace").strip()
    if not text:
        return Fault("empty", "the payload is empty, a number is needed")
    if _NOT_FINITE.fullmatch(text):
        return Fault("nonfinite", f"{shown(text)} is not a finite number")
    if len(text) > MAX_CHARACTERS or not _DECIMAL.fullmatch(text):
        return Fault("not_number", f"{shown(text)} is not a decimal number like 12.3")
    value = float(text)
    return value if math.isfinite(value) else Fault("nonfinite", f"{shown(text)} is too large")
