"""A healthy plant as bytes on the wire: machines in turn, three sensors each, one message each.

The publisher must never be what is measured. So messages are laid out once, as a block of equal
frames, and only the digits in it change: some 0.3 µs a message, where `json.dumps` takes 3.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.servers import wire

BLOCK = 500
"""Frames built and sent at once."""
BLOCK_BYTES = 65_536
"""Somewhat more than they take."""
UNDER_WAY = 20_000
"""Readings that wait in front of the program: enough that it never waits for us."""
PUBACK_BYTES = 4
STALLED_S = 120.0


class Pace(NamedTuple):
    """How fast a program took what it was fed."""

    readings: int
    per_s: float


class Plant:
    """Readings of ``machines`` machines in turn, under topics that begin with ``root``.

    Values are independent normal noise around what is usual; event times are the clock's, in µs,
    and never repeat.
    """

    def __init__(self, root: str, machines: int) -> None:
        self._machines = machines
        self._sent = 0
        self._latest_us = 0
        self._rng = np.random.default_rng(7)
        topic = f"{root}/north/T#####/telemetry"
        payload = '{"ts": $$$$$$$$$$$$$$$$, "vibration": %.%%%%, '
        payload += '"temperature": &&.&&&, "speed": @@@@.@@}'
        frame = wire.publish(topic, payload.encode(), mid=1)
        self._frame = np.frombuffer(frame, dtype=np.uint8)
        self._mid_at = len(frame) - len(payload) - 2
        text = topic + "??" + payload
        self._where = {
            sign: [len(frame) - len(text) + i for i, c in enumerate(text) if c == sign]
            for sign in "#$%&@"
        }

    def frames(self, n: int) -> bytes:
        """The next ``n`` messages as PUBLISH frames at QoS 1."""
        number = np.arange(self._sent, self._sent + n)
        begin_us = max(time.time_ns() // 1000, self._latest_us + 1)
        times = np.arange(begin_us, begin_us + n)
        self._sent, self._latest_us = self._sent + n, begin_us + n - 1
        block = np.tile(self._frame, (n, 1))
        block[:, self._mid_at : self._mid_at + 2] = _mids(number)
        noise = np.clip(self._rng.normal(size=(n, 3)), -5, 5)
        self._write(block, "#", number % self._machines)
        self._write(block, "$", times)
        self._write(block, "%", 50_000 + 3_000 * noise[:, 0])
        self._write(block, "&", 55_000 + 1_000 * noise[:, 1])
        self._write(block, "@", 150_000 + 900 * noise[:, 2])
        return block.tobytes()

    def _write(self, block: NDArray[np.uint8], sign: str, numbers: NDArray[np.generic]) -> None:
        where = self._where[sign]
        powers = 10 ** np.arange(len(where) - 1, -1, -1)
        block[:, where] = numbers.astype(np.int64)[:, None] // powers % 10 + ord("0")


def _mids(number: NDArray[np.int64]) -> NDArray[np.uint8]:
    mids = (number % 65_535 + 1).astype(">u2")
    return mids.view(np.uint8).reshape(-1, 2)


class Publisher:
    """A plain MQTT 3.1.1 connection that only sends frames and counts PUBACKs."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * BLOCK_BYTES)
        name = b"benchmark"
        body = b"\0\4MQTT\4\2" + struct.pack(">HH", 0, len(name)) + name
        self._sock.sendall(wire.packet(wire.CONNECT, body))
        assert wire.read_packet(self._sock) == (wire.CONNACK, b"\0\0")
        # With a time-out, Python would wait for bytes even where it is told not to.
        self._sock.settimeout(None)
        self._unacknowledged_bytes = 0

    def send(self, frames: bytes, n: int) -> None:
        """Write ``n`` frames and read what PUBACKs there are."""
        self._sock.sendall(frames)
        self._unacknowledged_bytes += PUBACK_BYTES * n
        self.listen()

    def listen(self) -> None:
        """Read what PUBACKs there are."""
        try:
            while self._unacknowledged_bytes:
                heard = len(self._sock.recv(65_536, socket.MSG_DONTWAIT))
                if not heard:
                    raise ConnectionError("the broker hung up on the publisher")
                self._unacknowledged_bytes -= heard
        except BlockingIOError:
            return

    @property
    def unacknowledged(self) -> int:
        """Messages the broker has not taken yet."""
        return self._unacknowledged_bytes // PUBACK_BYTES

    def close(self) -> None:
        self._sock.close()


def saturate(plant: Plant, publisher: Publisher, n: int, counted: Callable[[], int]) -> Pace:
    """Feed ``n`` readings as fast as they come out as lines; returns when all have.

    The pace is that of the middle: the first and last tenth, where something waits, do not count.
    """
    before, sent, done = counted(), 0, 0
    marks: list[tuple[float, int]] = []
    while done < n:
        if sent < n and max(sent - done, publisher.unacknowledged) < UNDER_WAY:
            block = min(BLOCK, n - sent)
            publisher.send(plant.frames(block), block)
            sent += block
        else:
            time.sleep(0.002)
            publisher.listen()
        found = counted() - before
        if found > done or not marks:
            marks.append((time.monotonic(), found))
        if time.monotonic() - marks[-1][0] > STALLED_S:
            raise TimeoutError(f"{found} of {sent} readings have come out, and no more come")
        done = found
    assert done == n, f"{n} readings went in, {done} came out"
    return Pace(n, _middle(marks, n))


def _middle(marks: list[tuple[float, int]], n: int) -> float:
    (begin, low), (end, high) = (
        next(mark for mark in marks if mark[1] >= share * n) for share in (0.1, 0.9)
    )
    return (high - low) / (end - begin) if high > low else float("nan")


def at_rate(plants: list[Plant], publisher: Publisher, machines: int, seconds: int) -> None:
    """One reading per second and machine to each plant, spread over the second."""
    slots = min(machines, 20)
    begin = time.monotonic()
    for slot in range(seconds * slots):
        n = machines * (slot % slots + 1) // slots - machines * (slot % slots) // slots
        for plant in plants:
            publisher.send(plant.frames(n), n)
        time.sleep(max(0.0, begin + (slot + 1) / slots - time.monotonic()))
