"""Has this reading been here before? Identity is machine, sensor, event time.

At-least-once delivery means that a message may come twice: after a reconnect, after a crash between
commit and acknowledgement. A reading must be scored once. `EventOrder` keeps, per machine and
sensor, the newest time told, and the exact identities of the newest readings, so that a reading
which is not newer can be told apart: a *duplicate* was here, a *late* one was not.

Messages without a time of their own have no such identity. `Redelivered` knows those again by
packet identifier and content, which holds within one broker session.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from streamer.records import Columns, Message, Times

MASKS_KEPT = 64
"""Different sets of sensors remembered per machine before they are folded into single sensors."""


class Parts(NamedTuple):
    """A reading's sensors as bit masks: what is new, what is late, what was here before."""

    fresh: int
    late: int
    duplicate: int


class EventOrder:
    """Per machine *and sensor*, time only moves forward.

    A machine's sensors are bits of a mask. The usual reading is newer than all before it and costs
    one look-up; the others are sorted out against the last ``remember`` readings, or those of the
    last two turns where these are more.

    Examples
    --------
    >>> order = EventOrder(n_sensors=2, remember=100)
    >>> order.admit(row=0, time_ns=10, mask=0b01)
    Parts(fresh=1, late=0, duplicate=0)
    >>> order.admit(row=0, time_ns=10, mask=0b11)  # the other sensor is news
    Parts(fresh=2, late=0, duplicate=1)
    >>> order.admit(row=0, time_ns=5, mask=0b11)
    Parts(fresh=0, late=3, duplicate=0)
    """

    def __init__(self, n_sensors: int, remember: int, under_way: int = 2) -> None:
        self._sensors = n_sensors
        self._newest: list[int] = []
        self._told: list[dict[int, int]] = []
        self._recent: dict[tuple[int, int], int] = {}
        self._arrivals: deque[tuple[int, int]] = deque()
        self._remember = remember
        self._under_way = under_way
        self._turns: deque[tuple[int, int]] = deque()
        """(messages, readings) of the newest turns, as many as hold ``under_way`` messages."""
        self._messages = self._covered = self._this_turn = 0

    def admit(self, row: int, time_ns: int, mask: int) -> Parts:
        """Sort a reading's sensors into fresh, late and duplicate, and remember it."""
        if self.advance(row, time_ns, mask):
            return Parts(mask, 0, 0)
        return self._sort_out(row, time_ns, mask)

    def advance(self, row: int, time_ns: int, mask: int) -> bool:
        """The usual case of `admit`: whether the reading is the machine's newest; else nothing."""
        while row >= len(self._newest):
            self._newest.append(-1)
            self._told.append({})
        if time_ns <= self._newest[row]:
            return False
        self._newest[row] = time_ns
        told = self._told[row]
        told[mask] = time_ns
        if len(told) > MASKS_KEPT:
            self._fold(row)
        self._remember_new((row, time_ns), mask)
        return True

    def _sort_out(self, row: int, time_ns: int, mask: int) -> Parts:
        duplicate = mask & self._recent.get((row, time_ns), 0)
        fresh = late = 0
        told = self._told[row]
        for bit in bits(mask & ~duplicate):
            if any(time >= time_ns for sensors, time in told.items() if sensors & bit):
                late |= bit
            else:
                fresh |= bit
        for bit in bits(fresh):
            told[bit] = time_ns
        if fresh | late:
            self._note(row, time_ns, fresh | late)
        return Parts(fresh, late, duplicate)

    def _fold(self, row: int) -> None:
        times = self._sensor_times(row)
        self._told[row] = {1 << s: t for s, t in enumerate(times) if t >= 0}

    def _note(self, row: int, time_ns: int, mask: int) -> None:
        key = (row, time_ns)
        if key in self._recent:
            self._recent[key] |= mask
        else:
            self._remember_new(key, mask)

    def _remember_new(self, key: tuple[int, int], mask: int) -> None:
        self._recent[key] = mask
        self._arrivals.append(key)
        self._this_turn += 1

    def end_turn(self, messages: int = 1) -> None:
        """Forget the oldest identities, but none of the newest ``under_way`` messages.

        Until their acknowledgements have reached the broker it may send all of these again, and a
        single one may hold thousands of readings.
        """
        self._turns.append((messages, self._this_turn))
        self._messages += messages
        self._covered += self._this_turn
        self._this_turn = 0
        while self._messages - self._turns[0][0] >= self._under_way:
            gone, readings = self._turns.popleft()
            self._messages -= gone
            self._covered -= readings
        keep = max(self._remember, self._covered)
        while len(self._arrivals) > keep:
            del self._recent[self._arrivals.popleft()]

    @property
    def kept(self) -> int:
        """How many identities are remembered now."""
        return len(self._arrivals)

    def replay(self, columns: Columns) -> None:
        """Remember readings of the journal as if they had just come."""
        rows, times = columns.rows.tolist(), columns.times.tolist()
        for row, time_ns, mask in zip(rows, times, _masks(columns), strict=True):
            self.admit(row, time_ns, mask)

    def newest(self, row: int) -> int:
        """Event time of the machine's newest reading, -1 before the first."""
        return self._newest[row] if row < len(self._newest) else -1

    def last_seen(self) -> Times:
        """Newest event time of each machine by row, i8[machines]."""
        return np.array(self._newest, dtype=np.int64)

    def state(self) -> Times:
        """Newest event time per machine and sensor, i8[machines, S], -1 for never."""
        times = [self._sensor_times(row) for row in range(len(self._told))]
        return np.array(times, dtype=np.int64).reshape(-1, self._sensors)

    def _sensor_times(self, row: int) -> list[int]:
        told = self._told[row].items()
        return [
            max((time for sensors, time in told if sensors >> s & 1), default=-1)
            for s in range(self._sensors)
        ]

    def restore(self, state: Times) -> None:
        """Take over the times of an earlier run; its recent identities come with `recall`."""
        self._told = [
            {1 << s: t for s, t in enumerate(times) if t >= 0} for times in state.tolist()
        ]
        self._newest = [max(told.values(), default=-1) for told in self._told]

    def recall(self, columns: Columns) -> None:
        """Remember identities only, of readings whose times `restore` has already brought back."""
        rows, times = columns.rows.tolist(), columns.times.tolist()
        for row, time_ns, mask in zip(rows, times, _masks(columns), strict=True):
            self._note(row, time_ns, mask)


def _masks(columns: Columns) -> list[int]:
    """Which sensors each reading brought; Python's integers, for a class may have 256 of them."""
    told = np.packbits(~np.isnan(columns.values), axis=1, bitorder="little")
    width, blob = told.shape[1], told.tobytes()
    return [int.from_bytes(blob[i : i + width], "little") for i in range(0, len(blob), width)]


def bits(mask: int) -> Iterable[int]:
    """The single bits of a mask, lowest first.

    >>> list(bits(0b1010))
    [2, 8]
    """
    while mask:
        bit = mask & -mask
        yield bit
        mask ^= bit


class Redelivered:
    """Knows a redelivered message without a time of its own by packet identifier and content.

    A broker marks what it sends again with DUP and keeps the packet identifier within the session,
    so an equal identifier, topic and payload under DUP is the same message. At most one entry per
    identifier is kept, 65,535 in all.
    """

    def __init__(self) -> None:
        self._digests: dict[int, bytes] = {}

    def seen(self, message: Message) -> bool:
        """Whether this message was committed before in the same session."""
        return message.dup and self._digests.get(message.mid) == digest(message)

    def remember(self, committed: Sequence[tuple[int, bytes]]) -> None:
        """Take over the identities of committed messages."""
        self._digests.update(committed)

    def forget(self) -> None:
        """The session was lost, and the meaning of its packet identifiers with it."""
        self._digests.clear()


def digest(message: Message) -> bytes:
    """Eight bytes that name a message's topic and payload."""
    return hashlib.blake2b(message.topic.encode() + b"\0" + message.payload, digest_size=8).digest()
