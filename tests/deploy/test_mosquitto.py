"""The broker's settings: mosquitto takes them, and they do what their comments say."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.servers._process import Process, binary, free_port
from tests.servers.wire import Publisher

SETTINGS = Path(__file__).parents[2] / "deploy" / "mosquitto.conf"
WAIT_S = 60.0

# What Debian's own file says before it includes ours.
MAIN = """
listener {port} 127.0.0.1
allow_anonymous true
user root
persistence true
persistence_location {folder}/
log_dest stdout
include_dir {folder}/conf.d
"""


def started(folder: Path, settings: str) -> Process:
    port = free_port()
    (folder / "conf.d").mkdir()
    (folder / "conf.d/telltale.conf").write_text(settings, "utf-8")
    main = folder / "mosquitto.conf"
    main.write_text(MAIN.format(port=port, folder=folder), "utf-8")
    command = [binary("mosquitto", "mosquitto"), "-c", str(main)]
    broker = Process(command, [port], folder / "log")
    broker.start()
    return broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Process]:
    """Mosquitto with the settings we ship, as Debian would include them."""
    one = started(tmp_path, SETTINGS.read_text("utf-8"))
    yield one
    one.stop()


class Subscriber:
    """A client of MQTT 3.1.1 with a session, which may keep back its acknowledgements."""

    def __init__(self, broker: Process, *, acknowledges: bool = True) -> None:
        self.got: set[bytes] = set()
        self._changed = threading.Condition()
        self._ready = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            "telltale",
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=not acknowledges,
        )
        self._client.on_message = self._on_message
        self._client.on_connect = lambda client, *_: client.subscribe("plant/#", 1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", broker.ports[0])
        self._client.loop_start()
        assert self._ready.wait(WAIT_S)

    def _on_message(self, client: Client, _: object, message: Any) -> None:
        with self._changed:
            self.got.add(message.payload)
            self._changed.notify_all()

    def wait_for(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self.got) >= count, WAIT_S)

    def leave(self) -> None:
        client = self._client
        del self._client  # which calls us back: held, neither would go before the other
        client.disconnect()
        client.loop_stop()


def publish(broker: Process, count: int) -> None:
    publisher = Publisher(broker.ports[0])
    publisher.send([("plant/north/T01/telemetry", b"%d" % i) for i in range(count)])
    publisher.close()


def test_everything_waits_for_telltale_while_it_is_away_and_the_broker_restarts(
    broker: Process,
) -> None:
    Subscriber(broker).leave()
    publish(broker, 3000)
    broker.stop()
    broker.start()
    again = Subscriber(broker)
    assert again.wait_for(3000), f"{len(again.got)} of 3000"
    again.leave()


def test_a_kill_of_the_broker_loses_nothing_that_is_saved(tmp_path: Path) -> None:
    text = SETTINGS.read_text("utf-8")
    settings, changed = re.subn(r"\nautosave_interval \d+\n", "\nautosave_interval 1\n", text)
    assert changed == 1
    broker = started(tmp_path, settings)
    Subscriber(broker).leave()
    publish(broker, 100)
    wait_for_save(tmp_path / "mosquitto.db")
    broker.kill()
    broker.start()
    again = Subscriber(broker)
    assert again.wait_for(100), f"{len(again.got)} of 100"
    again.leave()
    broker.stop()


def wait_for_save(file: Path) -> None:
    since = time.time()
    while not (file.exists() and file.stat().st_mtime > since):
        assert time.time() < since + WAIT_S, "it does not save"
        time.sleep(0.05)


def test_more_than_a_handful_is_under_way_to_a_client_of_mqtt_3(broker: Process) -> None:
    slow = Subscriber(broker, acknowledges=False)
    publish(broker, 1000)
    assert slow.wait_for(1000), f"{len(slow.got)} of 1000"
    slow.leave()


def test_what_mosquitto_does_not_know_is_seen(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Unknown configuration variable"):
        started(tmp_path, "max_queued_mesages 1000000\n")
