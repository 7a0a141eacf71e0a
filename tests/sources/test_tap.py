"""Acknowledgements stand between packets, whatever the socket takes at a time."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.sources.frames import Cutter
from streamer.sources.tap import TappedSocket
from tests.servers.wire import packet, publish


class Narrow:
    """A socket that takes the next so many bytes; 0 blocks, as a full buffer does."""

    def __init__(self, takes, blocked=BlockingIOError, arriving=()):
        self.takes = list(takes)
        self.blocked = blocked
        self.arriving = list(arriving)
        self.written = b""

    def send(self, data):
        taken = self.takes.pop(0) if self.takes else len(data)
        if not taken:
            raise self.blocked
        self.written += bytes(data[:taken])
        return min(taken, len(data))

    def recv(self, size):
        if not self.arriving:
            raise self.blocked
        return self.arriving.pop(0)


def tapped(sock):
    return TappedSocket(sock, Cutter(properties=False, max_payload_bytes=1000))


def send_like_paho(tap, data):
    """Send a packet; what is left of it is kept and tried again later."""
    while data:
        try:
            data = data[tap.send(data) :]
        except (BlockingIOError, ssl.SSLWantWriteError):
            continue


def packets(data):
    found = []
    while data:
        end = 2 + data[1]
        found.append(data[:end])
        data = data[end:]
    return found


@given(
    steps=st.lists(
        st.lists(st.integers(1, 65_535), min_size=1, max_size=5)
        | st.binary(min_size=1, max_size=30),
        max_size=10,
    ),
    takes=st.lists(st.integers(0, 9), max_size=40),
    blocked=st.sampled_from([BlockingIOError, ssl.SSLWantWriteError]),
)
def test_packets_and_acknowledgements_never_mix(steps, takes, blocked):
    sock = Narrow(takes, blocked)
    tap = tapped(sock)
    for step in steps:
        if isinstance(step, bytes):
            send_like_paho(tap, packet(0x82, step))
        else:
            tap.acknowledge(step)
    while tap.acks:
        tap.flush()
    written = packets(sock.written)
    acknowledged = [p for p in written if p[0] == 0x40]
    others = [p for p in written if p[0] != 0x40]
    assert others == [packet(0x82, step) for step in steps if isinstance(step, bytes)]
    mids = [mid for step in steps if not isinstance(step, bytes) for mid in step]
    assert acknowledged == [packet(0x40, mid.to_bytes(2, "big")) for mid in mids]


def test_acknowledgements_wait_while_a_packet_is_half_written():
    sock = Narrow([3])
    tap = tapped(sock)
    ping = packet(0x82, b"abcdef")
    assert tap.send(ping) == 3
    tap.acknowledge([1])
    assert sock.written == ping[:3]
    assert tap.send(ping[3:]) == len(ping) - 3
    tap.flush()
    assert sock.written == ping + packet(0x40, b"\0\1")


def test_tls_is_offered_the_same_bytes_again_after_it_blocked():
    """OpenSSL refuses a retried write of anything else."""
    sock = Narrow([0], ssl.SSLWantWriteError)
    tap = tapped(sock)
    with pytest.raises(ssl.SSLWantWriteError):
        tap.send(b"\x82\x01a")
    tap.acknowledge([1])
    assert sock.written == b""


def test_paho_is_given_one_frame_of_its_own_at_a_time():
    stream = packet(0x20, b"\0\0") + publish("t", b"1") + packet(0xD0) + publish("t", b"2")
    tap = tapped(Narrow([], arriving=[stream]))
    assert tap.read() == len(stream)
    assert tap.cutter.cut(1) == []
    assert (tap.recv(1), tap.recv(1), tap.recv(2)) == (b"\x20", b"\x02", b"\0\0")
    with pytest.raises(BlockingIOError):
        tap.recv(1)
    assert [message.payload for message in tap.cutter.cut(1)] == [b"1"]
    assert tap.recv(9) == packet(0xD0)
    assert [message.payload for message in tap.cutter.cut(1)] == [b"2"]
    assert not tap.pending()


def test_the_end_of_the_stream_is_an_error():
    with pytest.raises(ConnectionError, match="closed the connection"):
        tapped(Narrow([], arriving=[b""])).read()
