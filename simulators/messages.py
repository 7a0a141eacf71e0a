"""What goes over the wire: one message, and when."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Message(NamedTuple):
    """What is published, and when."""

    topic: str
    payload: Any
    """Of JSON's kinds: object, list or number."""
    time_ns: int
    """When it is sent: the event time of its last reading, unless something held it up."""
    readings: int
    """How many readings a receiver finds in it: one per machine and time; one per bare number."""
    timed: bool = True
    """Does the payload say when its readings were taken?"""
    machine: str = ""
    """Whose it is."""
    retain: bool = False
    """Is it an old message that the broker kept?"""

    def encoded(self) -> str:
        """The payload as it goes over the wire."""
        return json.dumps(self.payload, separators=(",", ":"), allow_nan=False)
