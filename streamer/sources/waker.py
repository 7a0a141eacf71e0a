"""Ends another thread's wait in ``poll``."""

from __future__ import annotations

import contextlib
import socket


class Waker:
    """A pair of sockets; `wake` is for any thread, the rest is for the one that waits.

    >>> waker = Waker()
    >>> waker.wake(); waker.wake(); waker.clear(); waker.close()
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.settimeout(0)
        self._writer.settimeout(0)

    def wake(self) -> None:
        """Make ``fileno`` readable."""
        with contextlib.suppress(BlockingIOError, OSError):
            self._writer.send(b"\0")

    def clear(self) -> None:
        """Make it unreadable again."""
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(4096)

    def fileno(self) -> int:
        return self._reader.fileno()

    def close(self) -> None:
        self._reader.close()
        self._writer.close()
