"""The broker stops, dies, forgets, or is not there yet: the daemon comes back and loses nothing."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simulators.messages import Message
from simulators.outputs.mqtt import Publisher as Simulator
from tests.e2e._daemon import Telltale, until
from tests.e2e._plant import SITE, Told, Verdict, machines, plant, readings, telemetry
from tests.e2e.conftest import Run
from tests.servers.influxd import Influxd
from tests.servers.mosquitto import Mosquitto, MosquittoFactory
from tests.servers.wire import Publisher

MACHINES = machines(10)


def test_nothing_is_lost_when_a_broker_that_keeps_sessions_is_restarted(
    start_mosquitto: MosquittoFactory, run: Run
) -> None:
    broker = start_mosquitto(persistence=True)
    daemon = run(plant(broker.port))
    first, second, third = (readings(MACHINES, range(i, i + 40)) for i in (0, 40, 80))
    with Simulator("127.0.0.1", broker.port, window=50) as source:
        with _publishing(source, first):
            daemon.received(100)
            broker.stop()
            broker.start()
        daemon.until(lambda: daemon.count("stored") == 400, "all of the first part")
        with _frozen(daemon):
            # What is acknowledged to a publisher before the broker has saved it would be the
            # broker's own loss, so it is asked to save.
            with _publishing(source, second):
                pass
            _save(broker)
            broker.kill()
            broker.start()
        with _publishing(source, third):
            pass
    daemon.until(lambda: daemon.count("stored") == 1200, "all to be stored")
    assert daemon.stop() == 0

    counters = daemon.counters()
    assert counters["received"] == counters["stored"] + counters["duplicate"]
    assert counters["source_session_resumed"] >= 2
    assert "source_session_lost" not in counters
    expected = Verdict(daemon.config(), telemetry(first + second + third))
    assert daemon.scored() == expected.scored
    assert daemon.alerts() == expected.alerts


def test_a_session_that_the_broker_forgot_is_told_and_the_daemon_goes_on(
    mosquitto: Mosquitto, influxd: Influxd, run: Run, publisher: Callable[[int], Publisher]
) -> None:
    influxdb = {"url": influxd.url, "bucket": influxd.database}
    daemon = run(plant(mosquitto.port, sinks={"sqlite": {}, "influxdb": influxdb}))
    publisher(mosquitto.port).send(telemetry(readings(MACHINES, range(10))))
    daemon.received(100)
    mosquitto.kill()
    mosquitto.start()
    daemon.until(lambda: daemon.count("source_subscribed") == 2, "the second subscription")
    publisher(mosquitto.port).send(telemetry(readings(MACHINES, range(10, 20))))
    daemon.received(200)
    daemon.delivered("sqlite", "influxdb")
    assert daemon.stop() == 0
    assert daemon.count("stored") == 200
    assert daemon.count("source_session_lost") == 1
    told = daemon.scores("SELECT rule, kind, state, reason FROM alerts")
    assert [(rule, kind, state) for rule, kind, state, _ in told] == [
        ("session_lost", "system", "firing"),
        ("session_lost", "system", "resolved"),  # over once it is told
    ]
    assert "messages since" in told[0][3]
    in_influxd = influxd.query("SELECT state, active FROM alerts")
    assert [(one["state"], one["active"]) for one in in_influxd] == [("firing", 1), ("resolved", 0)]


def test_a_broker_that_is_not_there_yet_is_waited_for(
    mosquitto: Mosquitto, run: Run, publisher: Callable[[int], Publisher]
) -> None:
    mosquitto.stop()
    daemon = run(plant(mosquitto.port), hearing=False)
    daemon.says(f"cannot connect to 127.0.0.1:{mosquitto.port}")
    mosquitto.start()
    daemon.hears()
    publisher(mosquitto.port).send(telemetry(readings(MACHINES, range(10))))
    daemon.received(100)
    assert daemon.stop() == 0
    assert daemon.count("stored") == 100


@contextmanager
def _publishing(source: Simulator, told: Told) -> Iterator[None]:
    """Publish meanwhile, again where a connection breaks; at the end all is acknowledged."""

    def publish() -> None:
        for name, values in told:
            source.publish(Message(f"plant/{SITE}/{name}/telemetry", values, values["ts"], 1))

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    source.drain()


@contextmanager
def _frozen(daemon: Telltale) -> Iterator[None]:
    """The daemon stands still meanwhile, so that the broker has to keep everything."""
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(daemon.pid, signal.SIGCONT)


def _save(broker: Mosquitto) -> None:
    stored = broker.directory / "mosquitto.db"
    stored.unlink()  # two saves within a tick of the clock would bear one time
    os.kill(broker.pid, signal.SIGUSR1)
    until(stored.exists, lambda: "the broker to save its state")
