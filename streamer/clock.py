"""What time is it? The only place where the daemon's idea of *now* is made.

``clock: wall`` is the plant's: now is the gateway's clock, and a reading from further ahead than
``max_ahead_s`` is refused, so that one absurd timestamp cannot deafen a machine for years.

``clock: data`` is for the demo and for recordings: now is the newest event time told. There a
reading far ahead of all others is refused too, unless its machine insists: `INSISTENCE` readings in
a row are a gap in the recording, one is a mistake.
"""

from __future__ import annotations

import time
from typing import Protocol

from streamer.records import Fault

NS = 1_000_000_000
INSISTENCE = 10


class Clock(Protocol):
    """Decides whether an event time can be true, and what time it is for the ticks."""

    def admit(self, name: str, time_ns: int, received_ns: int) -> Fault | None: ...

    def now_ns(self) -> int: ...

    def heard_since(self, source_ns: int) -> int: ...

    def resume(self, newest_ns: int) -> None: ...


class WallClock:
    """Now is the gateway's clock."""

    def __init__(self, max_ahead_s: float) -> None:
        self._ahead_ns = int(max_ahead_s * NS)

    def admit(self, name: str, time_ns: int, received_ns: int) -> Fault | None:
        """Refuses a reading from further ahead than ``max_ahead_s`` of its arrival."""
        if time_ns <= received_ns + self._ahead_ns:
            return None
        return _future(name, time_ns - received_ns, self._ahead_ns)

    def now_ns(self) -> int:
        """The gateway's clock, ns since the epoch."""
        return time.time_ns()

    def heard_since(self, source_ns: int) -> int:
        """Since when machines could be heard: the source says it in this clock's own time."""
        return source_ns

    def resume(self, newest_ns: int) -> None:
        """A wall clock needs no telling."""


class DataClock:
    """Now is the newest event time admitted; 0 before the first.

    Examples
    --------
    >>> clock = DataClock(max_ahead_s=60)
    >>> clock.admit("T01", 1_000 * NS, 0)
    >>> clock.admit("T01", 9_000 * NS, 0).reason
    'future'
    >>> clock.now_ns() == 1_000 * NS
    True
    """

    def __init__(self, max_ahead_s: float) -> None:
        self._ahead_ns = int(max_ahead_s * NS)
        self._now = 0
        self._insisting: dict[str, int] = {}

    def admit(self, name: str, time_ns: int, received_ns: int) -> Fault | None:
        """Refuses a reading far ahead of all others until its machine has insisted."""
        del received_ns
        if time_ns <= self._now:
            return None
        if self._now and time_ns - self._now > self._ahead_ns and not self._insists(name):
            return _future(name, time_ns - self._now, self._ahead_ns)
        self._insisting.clear()
        self._now = time_ns
        return None

    def _insists(self, name: str) -> bool:
        self._insisting[name] = self._insisting.get(name, 0) + 1
        return self._insisting[name] >= INSISTENCE

    def now_ns(self) -> int:
        """The newest event time admitted, ns since the epoch."""
        return self._now

    def heard_since(self, source_ns: int) -> int:
        """Always: while we are deaf this clock stands still."""
        del source_ns
        return 0

    def resume(self, newest_ns: int) -> None:
        """Go on from the newest event time of an earlier run."""
        self._now = max(self._now, newest_ns)


def _future(name: str, ahead_ns: int, allowed_ns: int) -> Fault:
    return Fault(
        "future",
        f"{name}: its time is {ahead_ns / NS:.0f} s ahead of the clock, "
        f"at most {allowed_ns / NS:.0f} s are allowed",
    )
