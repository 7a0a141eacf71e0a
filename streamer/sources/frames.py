"""Cuts PUBLISH frames out of a stream of bytes and writes PUBACKs.

MQTT 3.1.1 and 5.0, sections 2.1 (fixed header), 3.3 (PUBLISH) and 3.4 (PUBACK).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from streamer.records import Message

MAX_CONTROL_BYTES = 1_048_576
"""A frame that is no PUBLISH and longer than this is nothing that a broker would say."""
TOPICS_KEPT = 65_536
HEAD_BYTES = 131_072
"""Room for the longest topic and as much again of properties before the payload."""
_PUBLISH, _QOS_1, _QOS_2, _RETAIN, _DUP = 0x30, 0x02, 0x04, 0x01, 0x08
_PUBACK = 0x4002_0000
"""Type and length of a PUBACK, the upper half of four bytes; the lower is the identifier."""


class Cutter:
    r"""Turns bytes into messages, however the stream was split.

    Frames of other types, and QoS 2, are left to somebody who knows them: `cut` stops at such a
    frame, shows it in ``control``, and goes on when ``control`` has been emptied. So nothing that
    stands behind a CONNACK is cut before the CONNACK has been understood.

    Parameters
    ----------
    properties
        Whether a PUBLISH has a block of properties: MQTT 5.
    max_payload_bytes
        Of a longer payload one byte more than this is kept; the rest is skipped as it streams by.
    generation
        Number of the connection, for `Message.generation`.

    Raises
    ------
    ConnectionError
        From `cut`, if the bytes are not MQTT.

    Examples
    --------
    >>> cutter = Cutter(properties=False, max_payload_bytes=100)
    >>> cutter.feed(b"\x32\x06\0\1t\0\x09x" b"\xd0\0")
    >>> cutter.cut(received_ns=5)
    [Message(topic='t', payload=b'x', received_ns=5, mid=9, dup=False, retain=False, generation=0)]
    >>> cutter.control
    b'\xd0\x00'
    """

    def __init__(self, *, properties: bool, max_payload_bytes: int, generation: int = 0) -> None:
        self.control = b""
        self._properties = properties
        self._max_payload = max_payload_bytes
        self._generation = generation
        self._keep = max_payload_bytes + 1 + HEAD_BYTES
        self._parts: list[bytes] = []
        self._have = 0
        self._need = 2
        self._skip = 0
        self._oversized: Message | None = None
        self._topics: dict[bytes, str] = {}

    def feed(self, data: bytes) -> None:
        """Append what the socket gave."""
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._parts.append(data)
        self._have += len(data)

    def cut(self, received_ns: int) -> list[Message]:
        """All messages up to the next ``control`` frame, or to the end of what is there."""
        messages: list[Message] = []
        if self._oversized is not None and not self._skip:
            # Only now, when its last byte has gone by, may anybody acknowledge it.
            messages.append(self._oversized)
            self._oversized = None
        if self._have >= self._need and not self.control:
            data = b"".join(self._parts)
            self._need = 2
            rest = data[self._cut(data, received_ns, messages) :]
            self._parts = [rest]
            self._have = len(rest)
        return messages

    def _cut(self, data: bytes, received_ns: int, messages: list[Message]) -> int:
        """Append the messages in ``data``; the position of the first byte that was not used."""
        start, size = 0, len(data)
        while size - start >= 2:
            first, length, body = data[start], data[start + 1], start + 2
            if length >= 128:
                length, body = _long_length(data, start)
                if not body:
                    return start
            end = body + length
            if first & 0xF0 != _PUBLISH or first & _QOS_2:
                return self._control(data, start, end)
            if end > size:
                return self._incomplete(data, start, body, end, received_ns)
            messages.append(self._message(data, start, body, end, received_ns))
            start = end
        return start

    def _message(self, data: bytes, start: int, body: int, end: int, received_ns: int) -> Message:
        first = data[start]
        try:
            name, mid, after = self._head(data, first, body)
        except IndexError:
            after = end + 1
        if after > end or (first & _QOS_1 and not mid):
            raise ConnectionError("the broker sent a malformed PUBLISH")
        if end - after > self._max_payload:
            end = after + self._max_payload + 1
        topic = self._topics.get(name)
        return Message(
            self._topic(name) if topic is None else topic,
            data[after:end],
            received_ns,
            mid,
            first & _DUP != 0,
            first & _RETAIN != 0,
            self._generation,
        )

    def _head(self, data: bytes, first: int, body: int) -> tuple[bytes, int, int]:
        """Topic, packet identifier and the position of the payload."""
        after = body + 2 + (data[body] << 8 | data[body + 1])
        name = data[body + 2 : after]
        mid = 0
        if first & _QOS_1:
            mid = data[after] << 8 | data[after + 1]
            after += 2
        if self._properties:
            after = _after_properties(data, after)
        return name, mid, after

    def _topic(self, name: bytes) -> str:
        if len(self._topics) >= TOPICS_KEPT:
            self._topics.clear()
        topic = self._topics[name] = name.decode("utf-8", "backslashreplace")
        return topic

    def _control(self, data: bytes, start: int, end: int) -> int:
        if end - start > MAX_CONTROL_BYTES:
            raise ConnectionError(f"the broker sent a control packet of {end - start} bytes")
        if end > len(data):
            self._need = end - start
            return start
        self.control = data[start:end]
        return end

    def _incomplete(self, data: bytes, start: int, body: int, end: int, received_ns: int) -> int:
        head = min(end, body + self._keep)
        if len(data) < head:
            self._need = head - start
            return start
        self._skip = end - len(data)
        name, mid, after = self._head(data, data[start], body)
        # Even where nothing but properties has come so far, the payload must say "too large".
        keep = self._max_payload + 1
        payload = data[after : after + keep].ljust(keep, b"\0")
        dup, retain = data[start] & _DUP != 0, data[start] & _RETAIN != 0
        self._oversized = Message(
            self._topic(name), payload, received_ns, mid, dup, retain, self._generation
        )
        return len(data)


def pubacks(mids: Sequence[int]) -> bytes:
    r"""One PUBACK (success, no properties) for each packet identifier, in order.

    >>> pubacks([1, 0x1234])
    b'@\x02\x00\x01@\x02\x124'
    """
    return struct.pack(f">{len(mids)}I", *[_PUBACK | mid for mid in mids])


def _long_length(data: bytes, start: int) -> tuple[int, int]:
    """Remaining length of two to four bytes and the position behind it; 0 if some are missing."""
    length = shift = 0
    for position in range(start + 1, min(start + 5, len(data))):
        length |= (data[position] & 127) << shift
        if data[position] < 128:
            return length, position + 1
        shift += 7
    if len(data) >= start + 5:
        raise ConnectionError("the broker sent a packet with a malformed length")
    return 0, 0


def _after_properties(data: bytes, position: int) -> int:
    """Where the payload begins; an `IndexError` where the data ends before."""
    if data[position] < 128:
        return position + 1 + data[position]
    length = shift = 0
    for at in range(position, position + 4):
        length |= (data[at] & 127) << shift
        if data[at] < 128:
            return at + 1 + length
        shift += 7
    raise ConnectionError("the broker sent a PUBLISH with a malformed length of its properties")
