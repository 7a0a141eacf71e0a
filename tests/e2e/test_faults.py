"""Simulated faults through the whole path: raised, told and resolved, with the database away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from simulators.clock import parse_time
from simulators.outputs.payloads import telemetry
from simulators.scenarios import DEMO_HOURS, demo_farm
from simulators.truth import Truth
from tests.e2e._daemon import until
from tests.e2e._plant import demo_plant
from tests.e2e.conftest import Run
from tests.notifiers.test_mqtt import Listener
from tests.notifiers.test_webhook import Receiver
from tests.servers.influxd import Influxd
from tests.servers.mosquitto import Mosquitto
from tests.servers.wire import Publisher

HEALTHY_H, REPAIRED_H = 119, 179
"""Before and after all faults of the demo's story."""
Events = list[dict[str, Any]]


class Ear:
    """What the broker says of alerts."""

    def __init__(self, port: int) -> None:
        self.listener = Listener(port)
        self._events: Events = []
        self._states: dict[str, dict[str, Any]] = {}

    @property
    def events(self) -> Events:
        """All events so far, in order."""
        self._listen()
        return self._events

    @property
    def states(self) -> Events:
        """The state of each alert that the broker had kept when we came."""
        self._listen()
        return list(self._states.values())

    def _listen(self) -> None:
        while not self.listener.heard.empty():
            topic, payload, retained = self.listener.next()
            if topic == "telltale/events":
                self._events.append(payload)
            elif topic.startswith("telltale/alerts/") and retained:
                self._states[topic] = payload


@pytest.fixture
def ear(mosquitto: Mosquitto) -> Iterator[Callable[[], Ear]]:
    made: list[Ear] = []

    def listen() -> Ear:
        made.append(Ear(mosquitto.port))
        return made[-1]

    yield listen
    for one in made:
        one.listener.close()


def test_faults_are_told_while_influxdb_is_down_and_all_of_it_drains_on_its_return(
    *,
    mosquitto: Mosquitto,
    influxd: Influxd,
    run: Run,
    publisher: Callable[[int], Publisher],
    webhook: Receiver,
    ear: Callable[[], Ear],
) -> None:
    farm = demo_farm(machines=3)
    faults = farm.truth(DEMO_HOURS)
    messages = list(telemetry(farm, DEMO_HOURS, "array", batch=12))
    source = publisher(mosquitto.port)

    def send(since_h: float, until_h: float) -> int:
        since, end = (farm.start_ns + hours * 3600 * 10**9 for hours in (since_h, until_h))
        chosen = [m for m in messages if since <= m.time_ns < end]
        source.send((m.topic, m.encoded().encode()) for m in chosen)
        return sum(m.readings for m in chosen)

    influxdb = {"url": influxd.url, "bucket": influxd.database}
    daemon = run(
        demo_plant(
            mosquitto.port,
            sinks={"influxdb": influxdb, "sqlite": {"flush_s": 0.1}},
            notifiers={"mqtt": {}, "webhook": {"url": webhook.url}},
        )
    )
    heard = ear()
    sent = send(0, HEALTHY_H)
    daemon.received(sent)
    daemon.delivered("influxdb")
    assert influxd.query("SELECT count(power) FROM turbine")[0]["count"] == sent
    assert webhook.got == []

    influxd.stop()
    sent += send(HEALTHY_H, REPAIRED_H)
    _await_all(faults, _is_firing, webhook, heard)
    daemon.kill()  # what waits for InfluxDB is in the journal, not in memory
    daemon.start()
    sent += send(REPAIRED_H, DEMO_HOURS)
    _await_all(faults, _is_resolved, webhook, heard)
    daemon.received(sent)
    lag = daemon.journal("SELECT min(turn) < max(turn) FROM cursors")
    assert lag == [(1,)], "InfluxDB should have been behind"

    influxd.start()
    daemon.delivered("influxdb", "sqlite", "mqtt", "webhook")
    newcomer = ear()
    assert daemon.stop() == 0

    assert influxd.query("SELECT count(power) FROM turbine")[0]["count"] == sent
    assert daemon.count("stored") == sent == 3 * 12 * 240
    assert daemon.count("received") == sent + daemon.count("duplicate")
    columns = "machine, rule, state, time_ns, reason"
    events = daemon.scores(f"SELECT {columns} FROM alert_events ORDER BY rowid")
    in_influxd = influxd.query("SELECT * FROM alerts")
    told = [row | {"machine": f"{row['site']}/{row['machine']}"} for row in in_influxd]
    assert sorted(_row(one | {"time_ns": one["time"]}) for one in told) == sorted(events)
    assert {(one["state"], one["active"]) for one in told} == {("firing", 1), ("resolved", 0)}
    last = {(machine, rule): (machine, rule, *rest) for machine, rule, *rest in events}
    # The broker has it all, but what it says may still be on its way to us.
    until(lambda: len(newcomer.states) >= len(last), lambda: "the retained states")
    until(lambda: {*map(_row, heard.events)} >= {*events}, lambda: "the events")
    for received in (webhook.got, heard.events):
        assert [*dict.fromkeys(map(_row, received))] == events  # perhaps told twice, being killed
    assert sorted(_row(one) for one in newcomer.states) == sorted(last.values())


def _await_all(
    faults: list[Truth], what: Callable[[Truth, Events], bool], webhook: Receiver, heard: Ear
) -> None:
    """Until this holds of every fault, by both ways that alerts are told."""
    for fault in faults:
        until(
            lambda f=fault: what(f, webhook.got) and what(f, heard.events),
            lambda f=fault: f"{what.__name__} of {f}: {webhook.got} {heard.events}",
        )


def _is_firing(fault: Truth, told: Events) -> bool:
    """Whether an alert of the right kind began between onset and repair."""
    kind = "instrument" if fault.kind == "sensor" else "machine"
    return any(
        (one["kind"], one["state"]) == (kind, "firing")
        and fault.t_end is not None
        and parse_time(fault.t_onset) <= one["time_ns"] <= parse_time(fault.t_end)
        for one in _about(fault, told)
    )


def _is_resolved(fault: Truth, told: Events) -> bool:
    """Whether its machine's alerts are all resolved, and after the repair."""
    last = {one["rule"]: one for one in _about(fault, told)}
    return fault.t_end is not None and all(
        one["state"] == "resolved" and one["time_ns"] >= parse_time(fault.t_end)
        for one in last.values()
    )


def _about(fault: Truth, told: Events) -> Events:
    return [one for one in told if one["machine"] == f"{fault.site}/{fault.machine}"]


def _row(event: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(event[name] for name in ("machine", "rule", "state", "time_ns", "reason"))
