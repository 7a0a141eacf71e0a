"""Bytes → readings. One payload dialect per file, and one line in `DIALECTS`.

A dialect is a function of the payload and of what the topic's rule says about it. Whatever a
stranger sends, it does not raise and does not return an empty list: a `Fault` in place of a reading
says that the message, or this element of it, could not be read at all; a fault *inside* a reading
costs only its own field.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from streamer.decode.json_object import decode_json
from streamer.decode.number import decode_number
from streamer.decode.waveform import Recording, decode_waveform
from streamer.records import Fault, Reading

MAX_PAYLOAD_BYTES = 262_144


class Dialect(NamedTuple):
    """One way to write readings down."""

    decode: Callable[[bytes, str, str | None, str | None, Recording | None], list[Reading | Fault]]
    """(payload, time_field, machine_field, sensor, recording) → readings or faults, in order."""
    one_sensor: bool
    """Whether a message is about the one sensor that the topic names."""


DIALECTS = {
    "json": Dialect(decode_json, one_sensor=False),
    "number": Dialect(decode_number, one_sensor=True),
    "waveform": Dialect(decode_waveform, one_sensor=True),
}


def decode(
    dialect: str,
    payload: bytes,
    *,
    time_field: str = "ts",
    machine_field: str | None = None,
    sensor: str | None = None,
    recording: Recording | None = None,
    max_payload_bytes: int = MAX_PAYLOAD_BYTES,
) -> list[Reading | Fault]:
    """Read a payload; a list with at least one reading or fault, never an exception.

    >>> decode("json", b'{"ts": 1700000000, "vibration": 2.5, "power": null}')
    [Reading(machine=None, time_ns=1700000000000000000, values={'vibration': 2.5}, faults=())]
    >>> decode("number", b"12.3", sensor="vibration")
    [Reading(machine=None, time_ns=None, values={'vibration': 12.3}, faults=())]
    >>> decode("json", b"[]")
    [Fault(reason='empty', detail='the array has no element')]
    """
    if len(payload) > max_payload_bytes:
        return [Fault("too_large", f"the payload has more than {max_payload_bytes} bytes")]
    return DIALECTS[dialect].decode(payload, time_field, machine_field, sensor, recording)
