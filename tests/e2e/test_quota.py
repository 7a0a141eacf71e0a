"""The journal is full because the database is away: what gives way, and what goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.e2e._daemon import Telltale
from tests.e2e._plant import SITE, gathered, machines, plant, readings
from tests.e2e.conftest import Run
from tests.notifiers.test_webhook import Receiver
from tests.servers.influxd import Influxd
from tests.servers.mosquitto import Mosquitto
from tests.servers.wire import Publisher

MACHINES = machines(100)
QUOTA_BYTES = 1 << 20
ILL = f"{SITE}/T042"
STEPS = 300
"""Three times as many readings as the journal can hold."""


def config(
    mosquitto: Mosquitto, influxd: Influxd, webhook: Receiver, policy: str
) -> dict[str, Any]:
    return plant(
        mosquitto.port,
        turn_readings=4,
        mqtt={"receive_maximum": 8},
        journal={"quota_bytes": QUOTA_BYTES, "at_quota": policy},
        sinks={"influxdb": {"url": influxd.url, "bucket": influxd.database}},
        notifiers={"webhook": {"url": webhook.url}},
    )


def test_at_the_quota_the_oldest_scores_give_way_and_alerting_goes_on(
    mosquitto: Mosquitto,
    influxd: Influxd,
    webhook: Receiver,
    run: Run,
    publisher: Callable[[int], Publisher],
) -> None:
    influxd.stop()
    daemon = run(config(mosquitto, influxd, webhook, "drop_scores"))
    source = publisher(mosquitto.port)
    source.send(gathered(readings(MACHINES, range(STEPS - 20)), 50))
    daemon.until(lambda: _dropped(daemon) > 0, "scores to give way")
    daemon.until(lambda: ("telltale", "journal_filling") in _firing(webhook), "a word about it")
    (filling,) = [one for one in webhook.got if one["rule"] == "journal_filling"]
    assert filling["reason"].startswith("the journal is at 8")  # per cent
    assert (ILL, "machine_fault") not in _firing(webhook)
    source.send(gathered(readings(MACHINES, range(STEPS - 20, STEPS), sick=["T042"]), 50))
    daemon.received(STEPS * len(MACHINES))
    daemon.until(lambda: (ILL, "machine_fault") in _firing(webhook), "the alert")
    assert _used_bytes(daemon) <= QUOTA_BYTES

    influxd.start()
    daemon.delivered("influxdb")
    assert daemon.stop() == 0
    assert daemon.count("stored") == STEPS * len(MACHINES)
    kept = influxd.query("SELECT count(vibration) FROM turbine")[0]["count"]
    assert kept == daemon.count("stored") - _dropped(daemon)
    newest = influxd.query("SELECT last(vibration) FROM turbine WHERE machine = 'T042'")
    assert newest[0]["last"] > 20, "the oldest should have given way, not the newest"


def test_at_the_quota_a_daemon_that_may_drop_nothing_reads_no_more_until_there_is_room(
    mosquitto: Mosquitto,
    influxd: Influxd,
    webhook: Receiver,
    run: Run,
    publisher: Callable[[int], Publisher],
) -> None:
    influxd.stop()
    daemon = run(config(mosquitto, influxd, webhook, "block"))
    publisher(mosquitto.port).send(gathered(readings(MACHINES, range(STEPS)), 50))
    daemon.until(lambda: _used_bytes(daemon) >= QUOTA_BYTES, "the journal to be full")
    influxd.start()
    daemon.received(STEPS * len(MACHINES))
    daemon.delivered("influxdb")
    assert daemon.stop() == 0
    assert daemon.count("stored") == STEPS * len(MACHINES)
    assert _dropped(daemon) == 0
    kept = influxd.query("SELECT count(vibration) FROM turbine")[0]["count"]
    assert kept == STEPS * len(MACHINES)
    assert ("telltale", "journal_filling") in _firing(webhook)


def _dropped(daemon: Telltale) -> int:
    return daemon.count("scores_dropped_at_quota")


def _firing(webhook: Receiver) -> set[tuple[str, str]]:
    return {(one["machine"], one["rule"]) for one in webhook.got if one["state"] == "firing"}


def _used_bytes(daemon: Telltale) -> int:
    pragmas = ("page_count", "freelist_count", "page_size")
    pages, free, size = (daemon.journal(f"PRAGMA {pragma}")[0][0] for pragma in pragmas)
    return int((pages - free) * size)
