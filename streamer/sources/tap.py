"""A tap on paho's socket: PUBLISH frames are cut out of the stream here, the rest goes to paho.

paho reads a message with three ``recv`` calls and some hundred lines of Python, 15 to 33 µs each.
The tap reads up to 256 KiB at once and cuts whole messages out of it. paho still connects,
subscribes, pings and understands every answer: it is given the bytes of all other frames, one frame
at a time and in order. Acknowledgements go the other way as one block, between two packets of
paho's and never inside one.

The hook is one private method of paho's client. Where a release lacks it, messages take paho's own
way, slower and otherwise the same.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from paho.mqtt.client import Client

from streamer.sources.frames import Cutter, pubacks

READ_BYTES = 262_144
BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class TappedClient(Client):
    """paho's client with a `TappedSocket` in the place of its socket."""

    def __init__(
        self, connect: Callable[[], socket.socket], cutter: Cutter, **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self._connect = connect
        self._cutter = cutter

    def _create_socket(self) -> TappedSocket:
        return TappedSocket(self._connect(), self._cutter)


class TappedSocket:
    """What paho takes for its socket; everything happens on one thread.

    For the connection: `read`, then in turn ``cutter.cut()`` and, while `pending`, paho's
    ``loop_read``; `acknowledge` and `flush` to write. The other methods are for paho.
    """

    def __init__(self, sock: socket.socket, cutter: Cutter) -> None:
        self.cutter = cutter
        self.acks = b""
        """PUBACKs not yet written."""
        self._sock = sock
        self._inside = False

    def read(self) -> int:
        """Feed the cutter with what has come, at most about `READ_BYTES`; how many bytes it was."""
        total = 0
        while total < READ_BYTES:
            try:
                data = self._sock.recv(READ_BYTES)
            except BLOCKED:
                break
            if not data:
                raise ConnectionError("the broker closed the connection")
            self.cutter.feed(data)
            total += len(data)
            if not self._decrypted():
                break
        return total

    def _decrypted(self) -> int:
        return self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Write PUBACKs as one block, now or as soon as the socket takes them."""
        self.acks += pubacks(mids)
        self.flush()

    def flush(self) -> None:
        """Write PUBACKs that wait, unless a packet of paho's is half written."""
        if self._inside or not self.acks:
            return
        try:
            self.acks = self.acks[self._sock.send(self.acks) :]
        except BLOCKED:
            return

    def pending(self) -> int:
        """How many bytes of a frame wait for paho."""
        return len(self.cutter.control)

    def recv(self, size: int) -> bytes:
        control = self.cutter.control
        if not control:
            raise BlockingIOError
        self.cutter.control = control[size:]
        return control[:size]

    def send(self, data: bytes | bytearray) -> int:
        # paho always hands over all that is left of one packet, so a short write ends inside it. So
        # does a blocked one: TLS wants the very same bytes again before any others.
        self.flush()
        if self.acks and not self._inside:
            raise BlockingIOError
        self._inside = True
        sent = self._sock.send(data)
        self._inside = sent < len(data)
        return sent

    def fileno(self) -> int:
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - paho's signature
        self._sock.setblocking(flag)

    def close(self) -> None:
        self._sock.close()
