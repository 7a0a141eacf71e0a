"""A recording as a source: JSON lines with ``topic`` and ``payload``, one message a line.

This is what ``mosquitto_sub -F %J`` and ``telltale simulate --out`` write. ``payload`` may be any
JSON value; a string is taken as the payload's text. ``tst`` (ISO 8601), where it stands, is when
the message was received. A line with ``retain`` is of a message that the broker had kept from
earlier; it is passed over, as the daemon passes it over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from streamer.decode.timestamps import timestamp_ns
from streamer.records import Fault, Message


class BadLine(NamedTuple):
    """A line that is no message, and why."""

    path: Path
    line: int
    detail: str


class _Line(msgspec.Struct):
    topic: str
    payload: msgspec.Raw
    tst: str | None = None
    retain: bool | int = False


_line = msgspec.json.Decoder(_Line)


def messages(path: Path) -> Iterator[Message | BadLine]:
    """The messages of one file, in its order; a line that is none costs only itself.

    A message without ``tst`` counts as received when it is read. Raises OSError where the file
    cannot be read.
    """
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            if text.strip():
                found = _message(path, number, text)
                if isinstance(found, BadLine) or not found.retain:
                    yield found


def _message(path: Path, number: int, text: bytes) -> Message | BadLine:
    try:
        line = _line.decode(text)
        payload = _payload(line.payload)
    except msgspec.DecodeError as error:
        return BadLine(path, number, str(error))
    received = time.time_ns() if line.tst is None else timestamp_ns(line.tst)
    if isinstance(received, Fault):
        return BadLine(path, number, received.detail)
    return Message(line.topic, payload, received, retain=bool(line.retain))


def _payload(raw: msgspec.Raw) -> bytes:
    text = bytes(raw)
    if text.startswith(b'"'):
        return msgspec.json.decode(text, type=str).encode()
    return text
