"""Messages from an MQTT broker: at least once, in order, at the loop's own pace.

Every message at QoS 1 is lent by the broker until it is acknowledged, which happens after the
commit. A fixed client id, ``clean_start`` false and a session expiry make the broker keep what
comes while we are away. An acknowledgement is worth something only on the connection its message
came on: on another one the same packet identifier may name another message, which would be lost.

What happens at the limits
    When the `Inbox` is full the socket is no longer read, so TCP holds the broker back; nothing is
    dropped here. What the broker then does is its own policy: at QoS 1 it queues (mosquitto: up to
    ``max_queued_messages``), at QoS 0 it drops once its buffers are full and counts that under
    ``$SYS`` only. A pause longer than the keep-alive time costs the connection; the next one is
    opened when there is room again, and what was not acknowledged comes once more, marked as a
    duplicate. With MQTT 5 and QoS 1 the broker never has more than ``receive_maximum`` messages
    under way, so the queue does not fill. A payload longer than ``max_payload_bytes`` is cut one
    byte behind that, so that the decoder refuses it with its reason.

What protocol ``auto`` means
    MQTT 5 is tried first; 3.1.1 is used, from then on, only if the broker says in its CONNACK that
    it does not speak 5 (0x84, or 0x01 in the words of 3.1.1). A broker that hangs up or never
    answers has said nothing: it may be overloaded, so it is asked again, and the event says what to
    pin.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from streamer.records import Message
from streamer.sources import EventKind, SourceEvent
from streamer.sources.connection import (
    UNSUPPORTED_PROTOCOL,
    Connack,
    Connection,
    Suback,
)
from streamer.sources.dialling import describe
from streamer.sources.inbox import Inbox
from streamer.sources.settings import MqttSettings
from streamer.sources.waker import Waker

QUEUE_BYTES = 67_108_864
EVENTS_KEPT = 256
IDLE_S = 1.0
"""The longest wait for the network; pings and time-outs are looked after at least so often."""
BUSY_BYTES = 16_384
"""A turn that read this much, some hundred messages, is followed by the next at once: a wake-up
costs as much as ten messages, so letting more of them gather would gain nothing."""
STEADY_S = 30.0
"""A connection that lasted so long was a good one: the next failure starts from the beginning."""
SUSPICIOUS = 3
"""So many connections in a row that were good and brief: somebody takes our place, we take his."""
WINDOW_311 = 20
"""How many unacknowledged messages a broker sends that cannot be told: mosquitto's default."""

_log = logging.getLogger(__name__)
_jitter = random.SystemRandom()
_GOOD = {"connected", "subscribed", "session_resumed"}


@dataclass
class SourceCounters:
    """What the source did since it was started."""

    connections: int = 0
    received: int = 0
    """Messages queued for the loop."""
    retained: int = 0
    """Stale values that were dropped."""
    stale_acknowledgements: int = 0
    """Came too late: the connection was another by then."""


class MqttSource:
    """A `streamer.sources.Source` on one broker.

    Parameters
    ----------
    settings
        Section ``mqtt`` of the config.
    subscriptions
        Topic filters, subscribed to on every connection.
    expect_session
        Whether an earlier run has left a session at the broker, so that not finding it is a loss.
    tap
        Whether to cut messages out of the stream before paho; see `streamer.sources.tap`.
    coalesce_s
        How long to let messages gather after some came. A wake-up costs as much as ten messages; a
        turn of the loop lasts longer than this anyway.
    backoff_s
        Shortest and longest bound of the wait before the next try. The wait is drawn evenly between
        0 and the bound, which doubles from try to try, so that a thousand clients of a restarted
        broker do not come back as one.
    """

    def __init__(
        self,
        settings: MqttSettings,
        subscriptions: Sequence[str],
        *,
        expect_session: bool = False,
        tap: bool = True,
        coalesce_s: float = 0.02,
        backoff_s: tuple[float, float] = (1.0, 30.0),
    ) -> None:
        self.counters = SourceCounters()
        self.hearing_since_ns: int | None = None
        self._settings = settings
        self._subscriptions = list(subscriptions)
        self._had_session = expect_session
        self._use_tap = tap
        self._coalesce_s = coalesce_s
        self._backoff_s = backoff_s
        self._protocol = "5" if settings.protocol == "auto" else settings.protocol
        self._safe: deque[Sequence[Message]] = deque()
        self._events: deque[SourceEvent] = deque(maxlen=EVENTS_KEPT)
        self._told: set[tuple[str, str]] = set()
        self._brief = 0
        self._heard_ns: int | None = None
        self._waker = Waker()
        self._inbox = Inbox(settings.queue_messages, QUEUE_BYTES, self._waker.wake)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqtt-source", daemon=True)

    def start(self) -> None:
        """Begin to connect; returns at once. A broker that is not there is no error."""
        self._thread.start()

    def take(self, limit: int, timeout_s: float) -> list[Message]:
        """At most ``limit`` messages in order; waits up to ``timeout_s`` for the first one."""
        return self._inbox.take(limit, timeout_s)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Say that these are committed: every message taken, in the order it was taken."""
        self._safe.append(messages)
        self._waker.wake()

    def events(self) -> list[SourceEvent]:
        """What happened since the last call, oldest first, at most `EVENTS_KEPT`.

        Whatever concerns a message was told before `take` gave it out. Something that fails again
        in the same way is not told again until all is well in between.
        """
        return [self._events.popleft() for _ in range(len(self._events))]

    @property
    def window(self) -> int:
        """How many messages the broker surely sends before it waits for acknowledgements.

        A turn should end before it has taken so many, or both sides wait for each other until the
        turn's time is over.
        """
        return self._settings.receive_maximum if self._protocol == "5" else WINDOW_311

    def stop(self) -> None:
        """Send what was acknowledged, disconnect, leave the session to the broker."""
        self._stopping.set()
        self._waker.wake()
        if self._thread.is_alive():
            self._thread.join(self._settings.connect_timeout_s + 5)
        self._waker.close()

    # On the source's own thread

    def _run(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            if not self._inbox.wait_for_room(IDLE_S):
                continue
            protocol, began = self._protocol, time.monotonic()
            try:
                self._one_connection()
            except Exception as error:  # noqa: BLE001 - this thread must outlive everything
                _log.exception("the MQTT source stumbled and goes on")
                self._say("failed", f"a fault of our own: {error!r}")
            shortest, longest = self._backoff_s
            if time.monotonic() - began > STEADY_S:
                attempt = 0
            if protocol == self._protocol:
                bound = min(longest, shortest * 2 ** min(attempt, 30))
                self._stopping.wait(_jitter.uniform(0, bound))
            attempt += 1

    def _one_connection(self) -> None:
        self.counters.connections += 1
        try:
            connection = Connection(
                self._settings,
                self._subscriptions,
                self._waker,
                protocol=self._protocol,
                generation=self.counters.connections,
                tap=self._use_tap,
            )
            connection.open()
        except OSError as error:
            where = f"{self._settings.host}:{self._settings.port}"
            self._say("unreachable", f"cannot connect to {where}: {describe(error)}")
            return
        began = time.monotonic()
        try:
            self._serve(connection)
        finally:
            # First deaf, then told so: whoever hears of the loss must not find us hearing.
            self.hearing_since_ns = None
            connection.close()
        if connection.lost is not None:
            brief = connection.subscribed and time.monotonic() - began < STEADY_S
            self._brief = self._brief + 1 if brief else 0
            self._say_lost(connection)

    def _serve(self, connection: Connection) -> None:
        while connection.lost is None and not self._stopping.is_set():
            self._acknowledge(connection)
            messages = connection.turn(IDLE_S, read=not self._inbox.full)
            self._take_over(connection, messages)
            if messages and connection.bytes_read < BUSY_BYTES:
                time.sleep(self._coalesce_s)
        self._acknowledge(connection)
        connection.say_goodbye()

    def _acknowledge(self, connection: Connection) -> None:
        while self._safe:
            self.counters.stale_acknowledgements += connection.acknowledge(self._safe.popleft())

    def _take_over(self, connection: Connection, messages: list[Message]) -> None:
        for answer in connection.answers:
            if isinstance(answer, Connack):
                self._on_connack(answer)
            else:
                self._on_suback(answer)
        connection.answers.clear()
        self.counters.retained += connection.retained
        connection.retained = 0
        if messages:
            self.counters.received += len(messages)
            self._heard_ns = messages[-1].received_ns
            self._inbox.put(messages)

    def _on_connack(self, answer: Connack) -> None:
        if answer.refusal is not None:
            self._on_refusal(answer)
            return
        where = f"{self._settings.host}:{self._settings.port}"
        self._say("connected", f"connected to {where} with MQTT {self._protocol}")
        if answer.session_present:
            self._say("session_resumed", "the broker has kept our session")
        elif self._had_session:
            since = "we last heard from it" if self._heard_ns is None else _clock(self._heard_ns)
            self._say(
                "session_lost",
                f"the broker has forgotten our session: messages since {since} may be lost",
            )
        self._had_session = True
        asked, kept = self._settings.session_expiry_s, answer.session_expiry_s
        if kept is not None and kept < asked:
            self._say(
                "session_limited",
                f"the broker will keep our session for {kept} s only, {asked} s were asked for",
            )

    def _on_refusal(self, answer: Connack) -> None:
        assert answer.refusal is not None
        unsupported = answer.refusal.value == UNSUPPORTED_PROTOCOL
        if unsupported and self._settings.protocol == "auto" and self._protocol == "5":
            self._protocol = "3.1.1"
            self._say("fallback", "the broker does not speak MQTT 5, going on with MQTT 3.1.1")
            return
        hint = " (set mqtt.protocol)" if unsupported else " (see mqtt.username, mqtt.password_file)"
        self._say("refused", f"the broker refuses us: {answer.refusal}{hint}")

    def _on_suback(self, answer: Suback) -> None:
        for topic, reason in answer.refused:
            self._say("subscription_refused", f"the broker refuses topic {topic}: {reason}")
        for topic in answer.lowered:
            self._say(
                "subscription_lowered",
                f"the broker grants topic {topic} at QoS 0 only: messages may be lost",
            )
        if answer.complete:
            self.hearing_since_ns = time.time_ns()
            self._say("subscribed", f"hearing {', '.join(self._subscriptions)}")

    def _say_lost(self, connection: Connection) -> None:
        if connection.taken_over or self._brief >= SUSPICIOUS:
            self._say(
                "taken_over",
                f"{connection.lost}; another client seems to call itself "
                f"{self._settings.client_id!r} too, each needs an mqtt.client_id of its own",
            )
        elif not connection.refused:
            mute = not connection.connected and self._protocol == "5"
            hint = "; if it speaks MQTT 3.1.1 only, set mqtt.protocol" if mute else ""
            self._say("disconnected", f"disconnected: {connection.lost}{hint}")

    def _say(self, kind: EventKind, sentence: str) -> None:
        """Tell an event; a failure that was told already is only for the log, at debug."""
        good, known = kind in _GOOD, (kind, sentence) in self._told
        level = logging.INFO if good else logging.DEBUG if known else logging.WARNING
        _log.log(level, "%s", sentence)
        if kind == "subscribed":
            self._told.clear()
        elif not good:
            self._told.add((kind, sentence))
        if good or not known:
            generation = self.counters.connections
            self._events.append(SourceEvent(kind, time.time_ns(), sentence, generation))


def _clock(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
