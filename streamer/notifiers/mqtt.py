"""Publishes alerts at the daemon's own broker, for a control room or home automation to show.

============================================  ==================================================
``<prefix>/alerts/<class>/<machine>/<rule>``  the alert as it stands, retained: who connects
                                              sees it at once; after the end it says
                                              ``"state": "resolved"``
``<prefix>/events``                           every change once, not retained
``<prefix>/status``                           ``online`` while connected, else ``offline``,
                                              retained
============================================  ==================================================

A machine has one level for each of its labels; alerts about Telltale itself have ``system`` in
the place of the class.

All at QoS 1, and told only when the broker has acknowledged both messages. The connection is a
second one beside the source's, under ``<client_id>-alerts``.
"""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from typing import Annotated, Any

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import AfterValidator

from streamer.config.types import Section, Text
from streamer.notifiers import encode
from streamer.records import AlertEvent
from streamer.sinks import Refused, Retry
from streamer.sources.dialling import describe, password, tls_context
from streamer.sources.settings import MqttSettings

UNSUPPORTED_PROTOCOL = 0x84
NOT_AUTHORISED = 0x87
GOODBYE_S = 2.0

_VERSIONS = {
    "auto": [MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311],
    "5": [MQTTProtocolVersion.MQTTv5],
    "3.1.1": [MQTTProtocolVersion.MQTTv311],
}
_NOT_IN_A_LEVEL = re.compile(r"[%/+#\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def _prefix(text: str) -> str:
    if re.search(r"[+#]|^\$|^/|/$|//", text):
        raise ValueError(
            f"is {text!r}, topic levels without +, #, a leading $ or empty levels are needed"
        )
    return text


class Config(Section):
    """Where in the tree of topics; the broker is the daemon's own."""

    prefix: Annotated[Text, AfterValidator(_prefix)] = "telltale"
    """First levels of every topic that is published."""


def open_notifier(config: Config, mqtt: MqttSettings) -> MqttNotifier:
    """Connect; raises Retry where that cannot be done now."""
    notifier = MqttNotifier(config.prefix, mqtt)
    notifier.connect()
    return notifier


class MqttNotifier:
    """Waits for the broker's word on every message; paho's thread keeps the connection alive."""

    def __init__(self, prefix: str, settings: MqttSettings) -> None:
        self._prefix = prefix
        self._settings = settings
        self._versions = list(_VERSIONS[settings.protocol])
        self._client: Client | None = None
        self._answered = threading.Event()
        self._connack: ReasonCode | None = None
        self._pubacks: dict[int, ReasonCode] = {}

    def notify(self, event: AlertEvent) -> Refused | None:
        """Publish the state, then the event."""
        payload = encode(event)
        sent = [
            self._publish(state_topic(self._prefix, event), payload, retain=True),
            self._publish(f"{self._prefix}/events", payload, retain=False),
        ]
        for info in sent:
            self._wait_for_puback(info)
        return None

    def _publish(self, topic: str, payload: bytes, *, retain: bool) -> MQTTMessageInfo:
        client = self._client or self.connect()
        if not client.is_connected():
            raise Retry("not connected to the broker")
        return client.publish(topic, payload, qos=1, retain=retain)

    def _wait_for_puback(self, info: MQTTMessageInfo) -> None:
        try:
            info.wait_for_publish(self._settings.connect_timeout_s)
            acknowledged = info.is_published()
        except (RuntimeError, ValueError) as error:
            self._drop()
            raise Retry(str(error)) from error
        answer = self._pubacks.pop(info.mid, None)
        if not acknowledged:
            # Afresh, lest paho publish it once more at a time of its own choosing.
            self._drop()
            raise Retry("the broker does not acknowledge")
        if answer is not None and answer.is_failure:
            self._drop()
            reason = "misconfigured" if answer.value == NOT_AUTHORISED else "failing"
            raise Retry(f"the broker refuses to publish: {answer}", reason=reason)

    def connect(self) -> Client:
        """Connect and wait for the broker's answer, which is either good or a `Retry`."""
        client = self._client = self._new_client()
        try:
            client.connect(self._settings.host, self._settings.port, self._settings.keepalive_s)
        except OSError as error:
            self._drop()
            raise Retry(describe(error)) from error
        client.loop_start()
        self._answered.wait(self._settings.connect_timeout_s)
        answer = self._connack
        if answer is not None and not answer.is_failure:
            return client
        self._drop()
        del client  # lest the traceback of what is raised keep its sockets
        if answer is None:
            raise Retry("the broker does not answer")
        if answer.value == UNSUPPORTED_PROTOCOL and len(self._versions) > 1:
            self._versions.pop(0)
            return self.connect()
        raise Retry(f"the broker refuses us: {answer}", reason="misconfigured")

    def _new_client(self) -> Client:
        settings = self._settings
        self._answered.clear()
        self._connack = None
        self._pubacks.clear()
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{settings.client_id}-alerts",
            protocol=self._versions[0],
        )
        client.connect_timeout = settings.connect_timeout_s
        client.will_set(f"{self._prefix}/status", "offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        try:
            if settings.username is not None:
                client.username_pw_set(settings.username, password(settings.password_file))
            if settings.tls is not None:
                client.tls_set_context(tls_context(settings.tls))
        except OSError as error:
            raise Retry(describe(error), reason="misconfigured") from error
        return client

    # On paho's thread.

    def _on_connect(
        self, client: Client, _data: Any, _flags: Any, answer: ReasonCode, _properties: Any
    ) -> None:
        self._connack = answer
        if not answer.is_failure:
            client.publish(f"{self._prefix}/status", "online", qos=1, retain=True)
        self._answered.set()

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, answer: ReasonCode, _properties: Any
    ) -> None:
        self._pubacks[mid] = answer

    def close(self) -> None:
        """Say that we are gone, and go."""
        client = self._client
        if client is None or not client.is_connected():
            self._drop()
            return
        self._client = None  # its callbacks are ours: held, neither would go before the other
        status = f"{self._prefix}/status"
        client.publish(status, "offline", qos=1, retain=True).wait_for_publish(GOODBYE_S)
        client.disconnect()
        client.loop_stop()

    def _drop(self) -> None:
        """Hang up without a DISCONNECT, so that the broker tells the world that we are offline."""
        client, self._client = self._client, None
        if client is None:
            return
        connection: Any = client.socket()
        if connection is not None:
            with suppress(OSError):  # it is dead already
                connection.shutdown(socket.SHUT_RDWR)
        client.disconnect()  # which paho's thread takes for a wish to end
        client.loop_stop()


def state_topic(prefix: str, event: AlertEvent) -> str:
    """Where an alert's state is retained; one level for the class, one for each label.

    >>> event = AlertEvent("turbine", "north/T#3", {"site": "north", "machine": "T#3"}, "hot",
    ...                    "machine", "firing", 0, 0, "")
    >>> state_topic("telltale", event)
    'telltale/alerts/turbine/north/T%233/hot'
    """
    machine = event.labels.values() or [event.machine]
    names = [event.machine_class or "system", *machine, event.rule]
    return "/".join([prefix, "alerts", *map(_level, names)])


def _level(name: str) -> str:
    """A name as one level of a topic; what would be more than that is written as in a URL."""
    return _NOT_IN_A_LEVEL.sub(
        lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass")),
        name,
    )
