"""MQTT packets as bytes, a publisher, a scripted broker: sharing no code with the product."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable

CONNACK, SUBACK, PUBREC, PUBREL, DISCONNECT = 0x20, 0x90, 0x50, 0x62, 0xE0
CONNECT, PUBACK, SUBSCRIBE, PUBCOMP, PINGREQ = 0x10, 0x40, 0x82, 0x70, 0xC0
TIMEOUT_S = 60.0


def packet(first: int, body: bytes = b"") -> bytes:
    """One packet: type and flags, remaining length, body."""
    length, left = b"", len(body)
    while True:
        left, low = divmod(left, 128)
        length += bytes([low | (128 if left else 0)])
        if not left:
            return bytes([first]) + length + body


def publish(
    topic: str | bytes,
    payload: bytes,
    mid: int = 0,
    *,
    qos: int | None = None,
    dup: bool = False,
    retain: bool = False,
    properties: bytes | None = None,
) -> bytes:
    """A PUBLISH; QoS 1 where it has an identifier; MQTT 5 where ``properties`` is not None."""
    name = topic.encode() if isinstance(topic, str) else topic
    qos = (1 if mid else 0) if qos is None else qos
    body = struct.pack(">H", len(name)) + name + (struct.pack(">H", mid) if qos else b"")
    if properties is not None:
        body += packet(0, properties)[1:]
    return packet(0x30 | dup << 3 | qos << 1 | retain, body + payload)


def read_packet(sock: socket.socket) -> tuple[int, bytes]:
    """Type byte and body of the next packet; (0, b"") at the end of the stream."""
    first = sock.recv(1)
    if not first:
        return 0, b""
    length = shift = 0
    while True:
        low = _read(sock, 1)[0]
        length |= (low & 127) << shift
        shift += 7
        if low < 128:
            return first[0], _read(sock, length)


def _read(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise ConnectionError("the stream ends within a packet")
        data += part
    return data


class Publisher:
    """A plain MQTT 3.1.1 client that publishes; `send` returns when everything is acknowledged."""

    def __init__(self, port: int, client_id: str = "publisher") -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        name = client_id.encode()
        head = b"\0\4MQTT\4\2" + struct.pack(">HH", 0, len(name))
        self._sock.sendall(packet(CONNECT, head + name))
        assert read_packet(self._sock) == (CONNACK, b"\0\0")
        self._mid = 0

    def send(self, messages: Iterable[tuple[str, bytes]], *, retain: bool = False) -> None:
        """Publish (topic, payload) at QoS 1, at most 200 at a time."""
        batch = []
        for topic, payload in messages:
            self._mid = self._mid % 65_535 + 1
            batch.append(publish(topic, payload, self._mid, retain=retain))
            if len(batch) == 200:
                self._flush(batch)
        self._flush(batch)

    def send_unacknowledged(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish (topic, payload) at QoS 0."""
        self._sock.sendall(b"".join(publish(topic, payload) for topic, payload in messages))

    def _flush(self, batch: list[bytes]) -> None:
        self._sock.sendall(b"".join(batch))
        for _ in batch:
            assert read_packet(self._sock)[0] == PUBACK
        batch.clear()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.sendall(packet(DISCONNECT))
        self._sock.close()


class Peer:
    """The scripted broker's end of one connection."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.number = number
        """1 for the first connection."""
        self._sock = sock

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def expect(self, kind: int) -> bytes:
        """The body of the next packet of this type; others are skipped."""
        while True:
            first, body = read_packet(self._sock)
            if not first:
                raise ConnectionError("the client has gone")
            if first == kind:
                return body

    def accept(self, connack: bytes = b"\0\0", codes: bytes = b"\1") -> int:
        """Shake hands up to the SUBACK; the protocol level of the client, 4 or 5."""
        level = self.expect(CONNECT)[6]
        fifth = b"\0" if level == 5 else b""
        self.send(packet(CONNACK, connack + (fifth if len(connack) == 2 else b"")))
        mid = self.expect(SUBSCRIBE)[:2]
        self.send(packet(SUBACK, mid + fifth + codes))
        return level

    def wait_for_end(self) -> None:
        """Until the client says goodbye or hangs up."""
        with contextlib.suppress(OSError):
            while read_packet(self._sock)[0] not in (0, DISCONNECT):
                pass


class ScriptedBroker:
    """Runs ``script(peer)`` for each connection, one after the other; hangs up when it returns.

    An assertion that fails in the script is kept in ``failure``.
    """

    def __init__(self, script: Callable[[Peer], None]) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._closing = False
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._closing:
            sock, _ = self._listener.accept()
            number += 1
            with sock:
                sock.settimeout(TIMEOUT_S)
                # A client may go at any time, a test that ends takes it away; whoever waits for
                # more of it will say so.
                try:
                    if not self._closing:
                        self._script(Peer(sock, number))
                except OSError:
                    continue
                except AssertionError as error:
                    self.failure = error

    def close(self) -> None:
        self._closing = True
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        self._thread.join(TIMEOUT_S)
        self._listener.close()
