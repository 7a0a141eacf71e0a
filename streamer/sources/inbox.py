"""The bounded queue between the source's thread and the loop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from streamer.records import Message


class Inbox:
    """Messages in order of arrival, bounded by number and by bytes of payload.

    The bounds are where the source stops reading from the network: `put` never drops and never
    waits, so the queue may exceed them by what one read brought. ``on_room`` is called when a full
    queue has room again.

    Examples
    --------
    >>> inbox = Inbox(messages=2, payload_bytes=1000)
    >>> inbox.put([Message("t", b"1", 0), Message("t", b"2", 0)])
    >>> inbox.full, [message.payload for message in inbox.take(1, timeout_s=0)], inbox.full
    (True, [b'1'], False)
    """

    def __init__(
        self, messages: int, payload_bytes: int, on_room: Callable[[], None] = lambda: None
    ) -> None:
        self._max_messages = messages
        self._max_bytes = payload_bytes
        self._on_room = on_room
        self._queue: deque[Message] = deque()
        self._bytes = 0
        self._changed = threading.Condition()

    @property
    def full(self) -> bool:
        """Whether the source should read no further."""
        return len(self._queue) >= self._max_messages or self._bytes >= self._max_bytes

    def put(self, messages: Sequence[Message]) -> None:
        """Append messages; never blocks for long."""
        with self._changed:
            self._queue.extend(messages)
            self._bytes += _payload_bytes(messages)
            self._changed.notify_all()

    def take(self, limit: int, timeout_s: float) -> list[Message]:
        """The first ``limit`` messages or fewer; waits up to ``timeout_s`` for the first one."""
        with self._changed:
            if not self._queue and timeout_s > 0:
                self._changed.wait_for(lambda: self._queue, timeout_s)
            was_full = self.full
            pop = self._queue.popleft
            messages = [pop() for _ in range(min(limit, len(self._queue)))]
            self._bytes -= _payload_bytes(messages)
            self._changed.notify_all()
        if was_full and not self.full:
            self._on_room()
        return messages

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait until the queue is not full; whether it is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.full, timeout_s)


def _payload_bytes(messages: Sequence[Message]) -> int:
    return sum([len(message.payload) for message in messages])
