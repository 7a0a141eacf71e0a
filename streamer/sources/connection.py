"""One connection to the broker: one socket, one paho client, one generation.

All of paho is behind this file and `tap`. Its documented interface for a foreign event loop
(``loop_read``, ``loop_write``, ``loop_misc``) is driven by one thread, so nothing of paho's is ever
called by two threads, and nobody but us decides when to read, to wait or to connect again.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, error_string
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from streamer.records import Message
from streamer.sources.dialling import describe, dial, new_client
from streamer.sources.frames import Cutter
from streamer.sources.settings import MqttSettings
from streamer.sources.tap import READ_BYTES, TappedSocket
from streamer.sources.waker import Waker

UNSUPPORTED_PROTOCOL = 0x84
KEEPALIVE_TIMEOUT = 0x8D
TAKEN_OVER = 0x8E
RETRY_REFUSED_S = 60.0
CARE_S = 1.0
GOODBYE_S = 2.0
PACKETS_PER_TURN = 1_000


class Connack(NamedTuple):
    """The broker's answer to CONNECT."""

    refusal: ReasonCode | None
    session_present: bool = False
    session_expiry_s: int | None = None
    """How long the broker will keep the session, where it says so."""


class Suback(NamedTuple):
    """The broker's answer to SUBSCRIBE."""

    refused: list[tuple[str, str]]
    """Topic filters and the broker's reasons."""
    lowered: list[str]
    """Granted, but only at QoS 0."""
    complete: bool
    """Whether every subscription has now been granted."""


class Connection:
    """Connects, subscribes, and then takes turns at the socket until it is ``lost``.

    Life: *open → turn, acknowledge … → close*, on one thread, once. With ``tap`` false, or where
    the hook of `streamer.sources.tap` is missing, messages come through paho's own callback. Making
    one reads the files of passwords and certificates, an `OSError` if that fails.
    """

    def __init__(
        self,
        settings: MqttSettings,
        subscriptions: Sequence[str],
        waker: Waker,
        *,
        protocol: str,
        generation: int,
        tap: bool,
    ) -> None:
        self.protocol = protocol
        self.generation = generation
        self.lost: str | None = None
        """Why there is no connection any more."""
        self.connected = self.refused = self.subscribed = False
        self.taken_over = False
        self.answers: list[Connack | Suback] = []
        """What the broker answered, for the owner to take away."""
        self.bytes_read = 0
        """By the last turn."""
        self.retained = 0
        """Stale values that were dropped."""
        self._settings = settings
        self._subscriptions = subscriptions
        self._waker = waker
        limit = settings.max_payload_bytes
        fifth = protocol == "5"
        cutter = Cutter(properties=fifth, max_payload_bytes=limit, generation=generation)
        self._client = new_client(settings, protocol, cutter if tap else None)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._tap: TappedSocket | None = None
        self._granted: set[str] = set()
        self._asked: dict[int, list[str]] = {}
        self._answer_by = self._care_at = self._retry_at = 0.0
        self._arrived: list[Message] = []
        self._second_qos: set[int] = set()
        self._last_given = self._last_acknowledged = 0
        self._held: dict[int, list[int]] = {}

    def open(self) -> None:
        """Connect; an `OSError` where nobody is there or TLS fails."""
        self._check(dial(self._client, self._settings, self.protocol))
        sock = self._client.socket()
        self._tap = sock if isinstance(sock, TappedSocket) else None
        self._answer_by = time.monotonic() + self._settings.connect_timeout_s

    def turn(self, timeout_s: float, *, read: bool = True) -> list[Message]:
        """Wait for the socket or the waker, then read and write what is possible.

        With ``read`` false the socket is left alone, so that TCP holds the broker back.
        """
        self.bytes_read, self._arrived = 0, []
        readable, writable = self._wait(timeout_s, read=read)
        if readable:
            self._read()
        if writable and self.lost is None:
            self._write()
        now = time.monotonic()
        if now >= self._care_at and self.lost is None:
            self._care(now)
        return self._live()

    def acknowledge(self, messages: Iterable[Message]) -> int:
        """Acknowledge those of this connection in order; the number of others, which it cannot."""
        mids, stale = [], 0
        for message in messages:
            if message.mid and message.generation == self.generation:
                mids.append(message.mid)
            elif message.mid:
                stale += 1
        if mids:
            self._last_acknowledged = mids[-1]
            self._puback(self._with_held(mids) if self._held else mids)
        return stale

    def say_goodbye(self) -> None:
        """Write what is waiting and DISCONNECT, which leaves the session at the broker; then close.

        Waits for the broker to hang up, which it does when it has read all acknowledgements: who
        connects again sooner takes the session over and is sent the rest once more.
        """
        sock: Any = self._client.socket()
        if self.lost is None and self.connected and sock is not None:
            until = time.monotonic() + GOODBYE_S
            with socket.socket(fileno=os.dup(sock.fileno())) as line:
                self._check(self._client.disconnect())
                while self._client.socket() is not None and time.monotonic() < until:
                    self._wait(0.1, read=False)
                    self._write()
                line.settimeout(GOODBYE_S)
                with contextlib.suppress(OSError):
                    while line.recv(65_536) and time.monotonic() < until:
                        pass
        self.close()

    def close(self) -> None:
        """Close the socket, whatever was on its way."""
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    # One turn

    def _wait(self, timeout_s: float, *, read: bool) -> tuple[bool, bool]:
        sock: Any = self._client.socket()
        if sock is None:
            self._lose("the connection was closed")
            return False, False
        decrypted = read and self._decrypted() > 0
        unwritten = self._client.want_write() or (self._tap is not None and self._tap.acks)
        poll = select.poll()
        poll.register(sock, (select.POLLIN if read else 0) | (select.POLLOUT if unwritten else 0))
        poll.register(self._waker, select.POLLIN)
        ready = dict(poll.poll(0 if decrypted else timeout_s * 1_000))
        if self._waker.fileno() in ready:
            self._waker.clear()
        state = ready.get(sock.fileno(), 0)
        # A hang-up is reported whether one asks or not, and reading tells what it was.
        return decrypted or bool(state & ~select.POLLOUT), bool(state & select.POLLOUT)

    def _decrypted(self) -> int:
        sock = self._client.socket()
        return sock.pending() if isinstance(sock, ssl.SSLSocket) else 0

    def _read(self) -> None:
        if self._tap is not None:
            self._read_tap(self._tap)
            return
        for turn in range(1, PACKETS_PER_TURN):
            self._check(self._client.loop_read())
            nothing_more = len(self._arrived) < turn or self.bytes_read >= READ_BYTES
            if self.lost is not None or nothing_more:
                return

    def _read_tap(self, tap: TappedSocket) -> None:
        ended: OSError | None = None
        try:
            self.bytes_read = tap.read()
        except OSError as error:
            ended = error
        received_ns = time.time_ns()
        try:
            self._arrived += tap.cutter.cut(received_ns)
            while tap.pending() and self.lost is None:
                self._check(self._client.loop_read())
                self._arrived += tap.cutter.cut(received_ns)
        except ConnectionError as malformed:
            ended = malformed
        # Last, because a DISCONNECT just before the end says better why.
        if ended is not None:
            self._lose(describe(ended))

    def _write(self) -> None:
        if self._tap is not None:
            self._tap.flush()
        if self._client.want_write():
            self._check(self._client.loop_write())

    def _care(self, now: float) -> None:
        """What needs doing once in a while: pings, patience, another try."""
        self._care_at = now + CARE_S
        self._check(self._client.loop_misc())
        if not self.connected and now >= self._answer_by:
            self._lose(f"no answer to CONNECT within {self._settings.connect_timeout_s:g} s")
        missing = [one for one in self._subscriptions if one not in self._granted]
        if self.connected and missing and not self._asked and now >= self._retry_at:
            self._subscribe(missing)

    def _live(self) -> list[Message]:
        """The turn's messages without the retained ones, whose acknowledgements wait their turn."""
        arrived = self._arrived
        if not any(message.retain for message in arrived):
            self._last_given = next((m.mid for m in reversed(arrived) if m.mid), self._last_given)
            return arrived
        live = []
        for message in arrived:
            if message.retain:
                self._drop(message.mid)
            else:
                live.append(message)
                self._last_given = message.mid or self._last_given
        return live

    # Acknowledgements

    def _drop(self, mid: int) -> None:
        self.retained += 1
        if mid and self._last_given != self._last_acknowledged:
            self._held.setdefault(self._last_given, []).append(mid)
        elif mid:
            self._puback([mid])

    def _with_held(self, mids: list[int]) -> list[int]:
        return [one for mid in mids for one in (mid, *self._held.pop(mid, ()))]

    def _puback(self, mids: list[int]) -> None:
        if self._tap is not None and not self._second_qos:
            try:
                self._tap.acknowledge(mids)
            except OSError as error:
                self._lose(describe(error))
            return
        for mid in mids:
            self._check(self._client.ack(mid, 2 if mid in self._second_qos else 1))
        self._second_qos.difference_update(mids)

    # What paho calls

    def _on_connect(
        self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, properties: Any
    ) -> None:
        del client
        if reason.is_failure:
            self.refused = True
            self.answers.append(Connack(reason))
            self._lose(f"the broker refuses us: {reason}")
            return
        self.connected = True
        expiry_s = getattr(properties, "SessionExpiryInterval", None)
        self.answers.append(Connack(None, flags.session_present, expiry_s))
        self._subscribe(self._subscriptions)

    def _subscribe(self, filters: Sequence[str]) -> None:
        self._retry_at = time.monotonic() + RETRY_REFUSED_S
        how: Any = self._settings.qos
        if self.protocol == "5":
            how = SubscribeOptions(how, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        code, mid = self._client.subscribe([(one, how) for one in filters])
        self._check(code)
        if mid is not None:
            self._asked[mid] = list(filters)

    def _on_subscribe(
        self, client: Client, _: Any, mid: int, reasons: list[ReasonCode], properties: Any
    ) -> None:
        del client, properties
        answered = list(zip(self._asked.pop(mid, []), reasons, strict=False))
        refused = [(one, str(reason)) for one, reason in answered if reason.is_failure]
        granted = [(one, reason.value) for one, reason in answered if not reason.is_failure]
        self._granted.update(one for one, _ in granted)
        self.subscribed = True
        self.answers.append(
            Suback(
                refused,
                [one for one, qos in granted if qos < self._settings.qos],
                complete=self._granted.issuperset(self._subscriptions),
            )
        )

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        del client
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        if message.qos == 2:
            self._second_qos.add(message.mid)
        payload = bytes(message.payload[: self._settings.max_payload_bytes + 1])
        dup, retain = bool(message.dup), bool(message.retain)
        self.bytes_read += len(payload)
        self._arrived.append(
            Message(topic, payload, time.time_ns(), message.mid, dup, retain, self.generation)
        )

    def _on_disconnect(
        self, client: Client, _: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Any
    ) -> None:
        del client, properties
        if flags.is_disconnect_packet_from_server:
            self.taken_over = reason.value == TAKEN_OVER
            self._lose(f"the broker disconnects us: {reason}")
        elif reason.value == KEEPALIVE_TIMEOUT:
            self._lose("the broker did not answer a ping")

    def _check(self, code: MQTTErrorCode) -> None:
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._lose(error_string(code))

    def _lose(self, reason: str) -> None:
        if self.lost is None:
            self.lost = reason
