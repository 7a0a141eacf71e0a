"""Publishing to an MQTT broker at a chosen pace, with every acknowledgement waited for."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from simulators.clock import NS_PER_S
from simulators.messages import Message
from simulators.outputs.access import Access

if TYPE_CHECKING:
    from paho.mqtt.client import Client, ConnectFlags
    from paho.mqtt.reasoncodes import ReasonCode

CONNECT_TIMEOUT_S = 10.0
WINDOW = {0: 500, 1: 500, 2: 20}
"""By QoS. Mosquitto hangs up on who has more than 20 messages at QoS 2 under way."""
LATE_S = 0.002
"""A message due sooner than this is sent at once: sleeping is not more exact."""


class BrokerError(Exception):
    """The broker cannot be reached, refuses us, or has stopped acknowledging."""


@dataclass
class Sent:
    """What became of a run; exact once the publisher is drained."""

    messages: int = 0
    readings: int = 0
    acknowledged: int = 0
    """Messages the broker has acknowledged, to the end; at QoS 0, that went out of the socket."""
    lost: int = 0
    """Messages at QoS 0 that were under way when the connection broke."""


class Publisher:
    """A connection that publishes with a bounded number of messages in flight.

    At QoS 1 and 2 nothing is lost while the publisher lives: after a broken connection it connects
    again and sends again what was not acknowledged, so that a message may come twice, at QoS 2 only
    then. At QoS 0 what was under way is counted as lost.

    Use it as a context manager; leaving it disconnects, so `drain` before.

    Args:
        host: of the broker.
        port: of the broker.
        qos: 0, 1 or 2.
        window: most messages in flight; `publish` blocks at the limit. By default `WINDOW`.
        patience_s: how long to wait for the broker to say anything before giving up.
        access: what the broker asks for.

    Raises:
        ValueError: the authority's file holds no certificate.
        OSError: it cannot be read.
        BrokerError: at entering, the broker cannot be reached or refuses; later, it has said
            nothing for ``patience_s`` while something was waited for.
    """

    def __init__(
        self,
        host: str,
        port: int = 1883,
        qos: int = 1,
        *,
        window: int | None = None,
        patience_s: float = 60.0,
        access: Access = Access(),  # noqa: B008 - frozen
    ) -> None:
        self.sent = Sent()
        self._where = f"{host}:{port}"
        self._host, self._port = host, port
        self._qos = qos
        self._window = window or WINDOW[qos]
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._connected = False
        self._refused = ""
        self._client = self._make_client()
        access.give(self._client)

    def publish(self, message: Message) -> None:
        """Send a message as soon as the window has room and the connection is there."""
        self._await(lambda: self._connected and self._in_flight < self._window)
        with self._changed:
            self.sent.messages += 1
            self.sent.readings += message.readings
        # Not under the lock: paho takes its own, and calls us back with that one held.
        info = self._client.publish(message.topic, message.encoded(), self._qos, message.retain)
        if self._qos == 0 and info.rc != 0:
            self._lose()

    def drain(self) -> None:
        """Wait until nothing is in flight."""
        self._await(lambda: self._in_flight == 0)

    def __enter__(self) -> Self:
        try:
            self._client.connect(self._host, self._port)
        except ssl.SSLCertVerificationError as error:
            reason = error.verify_message
            raise BrokerError(f"the broker at {self._where} is not believed: {reason}") from None
        except OSError as error:
            raise BrokerError(f"no broker at {self._where}: {error.strerror or error}") from None
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._connected or self._refused, CONNECT_TIMEOUT_S)
        if not self._connected:
            self._end()
            raise BrokerError(f"the broker at {self._where} {self._refused or 'does not answer'}")
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._end()

    @property
    def _in_flight(self) -> int:
        return self.sent.messages - self.sent.acknowledged - self.sent.lost

    def _await(self, condition: Callable[[], bool]) -> None:
        """Wait for the condition as long as the broker now and then says something."""
        with self._changed:
            while not condition():
                if not self._changed.wait(self._patience_s):
                    raise BrokerError(
                        f"the broker at {self._where} has said nothing for {self._patience_s:g} s: "
                        f"{self._in_flight} of {self.sent.messages} messages are not acknowledged"
                    )

    def _lose(self) -> None:
        """Without a connection nothing is in flight at QoS 0."""
        with self._changed:
            self.sent.lost = self.sent.messages - self.sent.acknowledged
            self._changed.notify_all()

    def _end(self) -> None:
        client = self._client
        client.disconnect()
        client.loop_stop()
        # They are ours: with them neither would go before the other, nor its sockets.
        client.on_connect = client.on_disconnect = client.on_publish = None

    def _make_client(self) -> Client:
        # Imported here: who writes files needs no MQTT library.
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(CallbackAPIVersion.VERSION2, client_id=f"simulators-{uuid4().hex[:12]}")
        client.max_inflight_messages_set(self._window)
        client.reconnect_delay_set(min_delay=1, max_delay=5)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        return client

    def _on_connect(
        self, _client: Client, _data: object, _flags: ConnectFlags, code: ReasonCode, *_: object
    ) -> None:
        with self._changed:
            self._connected = not code.is_failure
            self._refused = f"refuses the connection: {code}" if code.is_failure else ""
            self._changed.notify_all()

    def _on_disconnect(self, *_: object) -> None:
        with self._changed:
            self._connected = False
        if self._qos == 0:
            self._lose()

    def _on_publish(self, *_: object) -> None:
        with self._changed:
            self.sent.acknowledged += 1
            self._changed.notify_all()


def publish(
    publisher: Publisher,
    messages: Iterable[Message],
    speed: float = 0.0,
    sent: Callable[[Message], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> Sent:
    """Publish all messages and wait for their acknowledgements.

    Args:
        publisher: entered already.
        messages: in order of time.
        speed: simulated seconds per second; 1 is real time, 0 as fast as the broker acknowledges.
        sent: hears of each message.
        stop: once set, nothing more is published.

    Raises:
        BrokerError: see `Publisher`.
    """
    stop = stop or threading.Event()
    pace = Pace(speed)
    for message in messages:
        stop.wait(pace.wait_s(message.time_ns))
        if stop.is_set():
            break
        publisher.publish(message)
        sent(message)
    publisher.drain()
    return publisher.sent


class Pace:
    """When a message is due, measured from the first one; being late is made up for."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._first_ns: int | None = None
        self._began_s = 0.0

    def wait_s(self, time_ns: int) -> float:
        """Seconds until a message of this event time is due; 0 when it is late."""
        if self._speed == 0:
            return 0.0
        if self._first_ns is None:
            self._first_ns, self._began_s = time_ns, time.monotonic()
        due_s = self._began_s + (time_ns - self._first_ns) / NS_PER_S / self._speed
        wait_s = due_s - time.monotonic()
        return wait_s if wait_s > LATE_S else 0.0
