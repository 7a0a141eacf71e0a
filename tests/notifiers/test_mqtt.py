"""The MQTT notifier at a real mosquitto."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import ValidationError

from streamer.delivery import Delivery, Telling
from streamer.notifiers.mqtt import Config, MqttNotifier, open_notifier, state_topic
from streamer.sinks import Retry
from tests.batches import batch, event
from tests.servers.mosquitto import PASSWORD, Mosquitto, MosquittoFactory, password_lines
from tests.test_delivery import SOON_S, Outbox, until


@dataclass(frozen=True)
class Settings:
    """The daemon's section ``mqtt``."""

    port: int
    host: str = "127.0.0.1"
    protocol: str = "auto"
    client_id: str = "telltale"
    username: str | None = None
    password_file: Path | None = None
    tls: Any = None
    keepalive_s: int = 30
    connect_timeout_s: float = SOON_S
    session_expiry_s: int = 0
    receive_maximum: int = 100
    qos: int = 1
    max_payload_bytes: int = 1 << 18
    queue_messages: int = 1000


class Listener:
    """Hears everything at the broker: topic, payload and whether it was retained before."""

    def __init__(self, port: int, *, username: str | None = None) -> None:
        heard: queue.Queue[tuple[str, Any, bool]] = queue.Queue()
        self.heard = heard
        subscribed = queue.Queue[int]()
        client = Client(CallbackAPIVersion.VERSION2)
        client.on_message = lambda client, data, message: heard.put(
            (message.topic, _read(message.payload), message.retain)
        )
        client.on_subscribe = lambda client, data, mid, codes, more: subscribed.put(mid)
        client.on_connect = lambda client, *more: client.subscribe("telltale/#", qos=1)
        if username:
            client.username_pw_set(username, PASSWORD)
        client.connect("127.0.0.1", port)
        client.loop_start()
        self._client: Client | None = client
        subscribed.get(timeout=SOON_S)

    def next(self) -> tuple[str, Any, bool]:
        return self.heard.get(timeout=SOON_S)

    def close(self) -> None:
        client, self._client = self._client, None  # a test's traceback may keep us, but not it
        if client is not None:
            client.disconnect()
            client.loop_stop()


def _read(payload: bytes) -> Any:
    return json.loads(payload) if payload.startswith(b"{") else payload.decode()


@pytest.fixture
def listen() -> Iterator[Any]:
    made: list[Listener] = []

    def start(broker: Mosquitto, **options: Any) -> Listener:
        made.append(Listener(broker.port, **options))
        return made[-1]

    yield start
    for listener in made:
        listener.close()


@pytest.fixture
def notifiers() -> Iterator[Any]:
    made: list[MqttNotifier] = []

    def start(broker: Mosquitto, **settings: Any) -> MqttNotifier:
        made.append(open_notifier(Config(), Settings(broker.port, **settings)))
        return made[-1]

    yield start
    for notifier in made:
        notifier.close()


@pytest.mark.parametrize("protocol", ["auto", "5", "3.1.1"])
def test_state_is_retained_and_events_are_not(
    mosquitto: Mosquitto, listen: Any, notifiers: Any, protocol: str
) -> None:
    early = listen(mosquitto)
    notifier = notifiers(mosquitto, protocol=protocol)
    assert early.next() == ("telltale/status", "online", False)
    firing, resolved = event(0), event(60, state="resolved")
    for told in (firing, resolved):
        assert notifier.notify(told) is None
        for topic in ("telltale/alerts/turbine/north/T03/machine_fault", "telltale/events"):
            where, payload, retained = early.next()
            assert (where, payload["id"], payload["state"]) == (topic, told.id, told.state)
            assert not retained
    late = listen(mosquitto)
    heard = {topic: (payload, retained) for topic, payload, retained in (late.next(), late.next())}
    assert late.heard.empty()
    assert heard["telltale/status"] == ("online", True)
    state, retained = heard["telltale/alerts/turbine/north/T03/machine_fault"]
    assert (state["state"], retained) == ("resolved", True)
    assert state["evidence"]["score"] == 9.0


def test_it_says_when_it_goes_and_the_broker_says_when_it_dies(
    mosquitto: Mosquitto, listen: Any
) -> None:
    listener = listen(mosquitto)
    notifier = open_notifier(Config(), Settings(mosquitto.port))
    assert listener.next()[1] == "online"
    notifier.close()
    assert listener.next() == ("telltale/status", "offline", False)
    cut_off = open_notifier(Config(), Settings(mosquitto.port))
    assert listener.next()[1] == "online"
    cut_off._client.socket().shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
    assert listener.next() == ("telltale/status", "offline", False)
    assert listener.next() == ("telltale/status", "online", False)  # it came back by itself
    cut_off.close()


def test_names_cannot_leave_their_level() -> None:
    labels = {"site": "a/b", "machine": "+#%", "more": "Größe 7", "control": "\n"}
    assert state_topic("p", event(machine_class="c/+", labels=labels, rule="r/#")) == (
        "p/alerts/c%2F%2B/a%2Fb/%2B%23%25/Größe 7/%0A/r%2F%23"
    )


def test_alerts_about_telltale_itself_stand_beside_those_of_the_classes() -> None:
    told = event(machine_class="", labels={}, machine="telltale", rule="journal_filling")
    assert state_topic("p", told) == "p/alerts/system/telltale/journal_filling"


def test_classes_whose_machines_share_their_labels_share_no_state(
    mosquitto: Mosquitto, notifiers: Any, listen: Any
) -> None:
    notifier = notifiers(mosquitto)
    for name, state in (("turbine", "firing"), ("gearbox", "resolved")):
        notifier.notify(event(machine_class=name, state=state))
    late = listen(mosquitto)
    heard = {topic: payload for topic, payload, _ in (late.next() for _ in range(3))}
    states = {
        name: heard[f"telltale/alerts/{name}/north/T03/machine_fault"]["state"]
        for name in ("turbine", "gearbox")
    }
    assert states == {"turbine": "firing", "gearbox": "resolved"}


def test_names_that_would_be_wildcards_are_published(
    mosquitto: Mosquitto, listen: Any, notifiers: Any
) -> None:
    listener = listen(mosquitto)
    notifiers(mosquitto).notify(event(labels={"site": "+", "machine": "#"}))
    topics = [listener.next()[0] for _ in range(3)]
    assert topics[1] == "telltale/alerts/turbine/%2B/%23/machine_fault"


@pytest.mark.parametrize("prefix", ["", "a+", "#", "$SYS", "/a", "a/", "a//b", "a\nb"])
def test_a_prefix_is_plain_levels(prefix: str) -> None:
    with pytest.raises(ValidationError, match="needed"):
        Config(prefix=prefix)


def test_it_stands_beside_the_source_under_a_name_of_its_own(
    mosquitto: Mosquitto, notifiers: Any
) -> None:
    notifiers(mosquitto, client_id="gateway7")
    assert "gateway7-alerts" in mosquitto.log.read_text()


def test_nobody_there_is_a_retry(mosquitto: Mosquitto) -> None:
    mosquitto.stop()
    with pytest.raises(Retry, match="refused") as caught:
        open_notifier(Config(), Settings(mosquitto.port))
    assert caught.value.reason == "unreachable"


def test_a_broker_that_does_not_let_us_in_is_a_misconfiguration(
    start_mosquitto: MosquittoFactory, tmp_path: Path
) -> None:
    broker = start_mosquitto(*password_lines(tmp_path, "telltale"))
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    settings = Settings(broker.port, username="telltale", password_file=secret)
    for unfit in (replace(settings, password_file=tmp_path / "none"), settings):
        with pytest.raises(Retry) as caught:
            open_notifier(Config(), unfit)
        assert caught.value.reason == "misconfigured"
    secret.write_text(PASSWORD + "\n")
    notifier = open_notifier(Config(), settings)
    assert notifier.notify(event()) is None
    notifier.close()


def test_an_event_that_we_may_not_publish_is_kept(
    start_mosquitto: MosquittoFactory, tmp_path: Path, listen: Any
) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic read #\ntopic write telltale/status\n")
    broker = start_mosquitto(f"acl_file {rules}")
    notifier = open_notifier(Config(), Settings(broker.port))
    for _ in range(2):
        with pytest.raises(Retry, match=r"[Nn]ot authori") as caught:
            notifier.notify(event())
        assert caught.value.reason == "misconfigured"
    notifier.close()
    assert listen(broker).next() == ("telltale/status", "offline", True)


def test_a_broker_that_freezes_is_a_retry_and_stands_in_nobodys_way(
    mosquitto: Mosquitto, listen: Any
) -> None:
    patient = Settings(mosquitto.port)
    notifier = open_notifier(Config(), patient)
    notifier._settings = replace(patient, connect_timeout_s=0.3)
    os.kill(mosquitto.pid, signal.SIGSTOP)
    try:
        for _ in range(2):
            with pytest.raises(Retry):
                notifier.notify(event())
    finally:
        os.kill(mosquitto.pid, signal.SIGCONT)
    notifier._settings = patient
    until(lambda: _works(notifier))
    notifier.close()


def _works(notifier: MqttNotifier) -> bool:
    try:
        return notifier.notify(event()) is None
    except Retry:
        return False


def test_a_restart_of_the_broker_loses_no_event_and_keeps_their_order(
    mosquitto: Mosquitto, listen: Any
) -> None:
    outbox = Outbox()
    settings = Settings(mosquitto.port)
    listening = threading.Event()  # nobody hears what is published before
    delivery = Delivery(
        "mqtt",
        lambda: Telling(open_notifier(Config(), settings)),
        outbox,
        0,
        sleep=lambda _: listening.wait(SOON_S),
    )
    first = listen(mosquitto)
    delivery.start()
    for number in range(1, 6):
        outbox.turns[number] = batch(number, alerts=[event(number)])
        delivery.wake(number)
    until(lambda: first.heard.qsize() == 11)  # the status, and each event on two topics
    mosquitto.kill()
    first.close()  # it would come back too late, and hear a part
    for number in range(6, 11):
        outbox.turns[number] = batch(number, alerts=[event(number)])
        delivery.wake(number)
    until(lambda: not delivery.state.ok)
    mosquitto.start()
    second = listen(mosquitto)
    listening.set()
    until(lambda: delivery.cursor == 10)
    assert delivery.close(SOON_S)
    meant = [event(number).id for number in range(1, 11)]
    until(lambda: {*_events(first), *_events(second)} == set(meant))
    assert list(dict.fromkeys([*_events(first), *_events(second)])) == meant


def _events(listener: Listener) -> list[str]:
    """Ids of the events heard so far."""
    heard = list(listener.heard.queue)
    return [payload["id"] for topic, payload, _ in heard if topic == "telltale/events"]
