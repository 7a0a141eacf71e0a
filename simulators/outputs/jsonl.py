"""Files of one JSON object per line.

A line holds ``tst``, ``topic`` and ``payload``, as ``mosquitto_sub -F %J`` writes them, so that a
recording of a real plant and a simulated one read the same. ``tst`` says when the message was sent,
which a subscriber would note as the time of arrival; ``"retain":1`` stands where the broker had
kept it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import IO, Any

from simulators.clock import iso_time
from simulators.messages import Message
from simulators.outputs.files import whole_file
from simulators.truth import Truth


def line(message: Message) -> str:
    """One message as a line of JSON, without the newline.

    >>> line(Message("plant/demo/T01/power", 1187.0, 1_767_225_600_000_000_000, 1, timed=False))
    '{"tst":"2026-01-01T00:00:00Z","topic":"plant/demo/T01/power","payload":1187.0}'
    """
    said: dict[str, Any] = {"tst": iso_time(message.time_ns), "topic": message.topic}
    if message.retain:
        said["retain"] = 1
    said["payload"] = message.payload
    return json.dumps(said, separators=(",", ":"), allow_nan=False)


def write_messages(
    path: str, messages: Iterable[Message], sent: Callable[[Message], None] = lambda _: None
) -> None:
    """Write every message to ``path`` (``-``: standard output); ``sent`` hears of each."""
    with whole_file(path) as file:
        for message in messages:
            file.write(line(message) + "\n")
            sent(message)


def write_truth(file: IO[str], truth: Iterable[Truth]) -> None:
    """Write one record of truth per line."""
    for record in truth:
        file.write(json.dumps(record.to_dict(), separators=(",", ":")) + "\n")
