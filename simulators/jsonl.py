"""Files of one JSON object per line; they appear whole or not at all.

A line holds ``topic`` and ``payload``, as ``mosquitto_sub -F %J`` writes them, so that a recording
of a real plant and a simulated one read the same. Where the payload has no time of its own, ``tst``
says when the message was sent, which a subscriber would note as the time of arrival.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from simulators.clock import iso_time
from simulators.messages import Message
from simulators.truth import Truth


def line(message: Message) -> str:
    """One message as a line of JSON, without the newline.

    >>> line(Message("plant/demo/T01/power", 1187.0, 1_767_225_600_000_000_000, 1, timed=False))
    '{"tst":"2026-01-01T00:00:00Z","topic":"plant/demo/T01/power","payload":1187.0}'
    """
    said: dict[str, Any] = {"topic": message.topic, "payload": message.payload}
    if not message.timed:
        said = {"tst": iso_time(message.time_ns)} | said
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


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[IO[str]]:
    """A text file to write that takes its name only when everything is in it.

    Raises:
        OSError: it cannot be written there.
    """
    if path == "-":
        yield sys.stdout
        return
    target = Path(path)
    if target.exists() and not target.is_file():
        raise OSError(f"{path} is there and is not a file")
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            yield file
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
