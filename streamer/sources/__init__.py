"""Where messages come from. A source only queues and acknowledges; the loop sets the pace.

Life: *start → take, acknowledge … → stop*, all from the loop's thread; what the source does between
is on a thread of its own. It never raises for what a broker or a network does: it says so in
``events`` and goes on trying.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from streamer.records import Message

EventKind = Literal[
    "connected",
    "disconnected",
    "failed",
    "fallback",
    "refused",
    "session_limited",
    "session_lost",
    "session_resumed",
    "subscribed",
    "subscription_lowered",
    "subscription_refused",
    "taken_over",
    "unreachable",
]


class SourceEvent(NamedTuple):
    """Something that a person may want to know about a connection."""

    kind: EventKind
    time_ns: int
    """Wall clock."""
    sentence: str
    generation: int
    """The connection it is about, as in `Message.generation`."""


class Source(Protocol):
    """Lends messages in order of arrival until they are acknowledged."""

    @property
    def hearing_since_ns(self) -> int | None:
        """Since when every subscription has been heard; None while one is not."""

    @property
    def window(self) -> int:
        """How many messages may be lent at once: more are not sent until some are acknowledged."""

    def start(self) -> None:
        """Begin to connect; returns at once."""

    def take(self, limit: int, timeout_s: float) -> list[Message]:
        """At most ``limit`` messages in order; waits up to ``timeout_s`` for the first one."""

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Say that these are safe: every message that was taken, in the order it was taken."""

    def events(self) -> list[SourceEvent]:
        """What happened since the last call, oldest first."""

    def stop(self) -> None:
        """Send what was acknowledged, leave the session to the broker, disconnect."""
