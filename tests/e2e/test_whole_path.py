"""20,000 readings over a real broker into real databases, and 200 payloads that nobody can read."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any

from tests.e2e._daemon import Telltale
from tests.e2e._plant import (
    S_NS,
    SENSORS,
    SITE,
    START_S,
    Stream,
    Told,
    Verdict,
    machines,
    plant,
    readings,
    telemetry,
)
from tests.e2e.conftest import Run
from tests.servers.influxd import Influxd
from tests.servers.mosquitto import Mosquitto
from tests.servers.victoria_metrics import VictoriaMetrics
from tests.servers.wire import Publisher

MACHINES = machines(100)
STEPS = 200
WELL = f"plant/{SITE}/T001/telemetry"
GATEWAY = f"plant/{SITE}/gateway"
ONE = {"ts": START_S * S_NS, "vibration": 1.0}
BAD = {
    "not_json": (WELL, b'{"ts": 17000'),
    "wrong_type": (WELL, b'"good morning"'),
    "empty": (WELL, b"{}"),
    "bad_time": (WELL, b'{"ts": "yesterday", "vibration": 1.0}'),
    "future": (WELL, b'{"ts": 4102444800, "vibration": 1.0}'),
    "nonfinite": (WELL, b'{"ts": 1700000000, "vibration": NaN}'),
    "too_deep": (WELL, b"[" * 30_000),
    "too_many": (WELL, json.dumps([{}] * 10_001).encode()),
    "too_large": (WELL, b" " * 70_000),
    "not_number": (f"plant/{SITE}/T001/one/vibration", b"strong"),
    "unknown_sensor": (WELL, b'{"ts": 1700000000, "colour": 3}'),
    "unknown_machine": (f"plant/{SITE}/X99/telemetry", json.dumps(ONE).encode()),
    "bad_topic": (f"plant/{SITE}/'; drop/telemetry", json.dumps(ONE).encode()),
    "bad_machine": (GATEWAY, json.dumps(ONE | {"machine": "a,b"}).encode()),
    "no_machine": (GATEWAY, json.dumps(ONE).encode()),
}
"""Reason → a message that is refused for it."""


def test_every_reading_is_in_both_databases_whatever_else_is_sent(
    mosquitto: Mosquitto,
    influxd: Influxd,
    victoria_metrics: VictoriaMetrics,
    run: Run,
    publisher: Callable[[int], Publisher],
) -> None:
    told = readings(MACHINES, range(STEPS))
    reasons = list(islice(cycle(BAD), 200))
    stream = among(telemetry(told), [BAD[reason] for reason in reasons])

    def config(url: str, client_id: str) -> dict[str, Any]:
        return plant(
            mosquitto.port,
            clock="wall",
            max_ahead_s=300,
            turn_readings=4096,
            mqtt={"client_id": client_id, "max_payload_bytes": 65_536},
            turbine={"machines": [f"{SITE}/{name}" for name in MACHINES]},
            sinks={"influxdb": {"url": url, "bucket": influxd.database}},
        )

    victoria_metrics.stop()  # nobody answers at its port at first
    to_influxd = run(config(influxd.url, "one"), "influxd")
    to_victoria_metrics = run(config(victoria_metrics.url, "other"), "victoria-metrics")
    daemons = (to_influxd, to_victoria_metrics)
    publisher(mosquitto.port).send(stream)
    for daemon in daemons:
        daemon.received(len(stream))
    victoria_metrics.start()
    for daemon in daemons:
        daemon.delivered("influxdb")
        assert daemon.stop() == 0
        assert_accounted_for(daemon, reasons)
    expected = Verdict(to_influxd.config(), telemetry(told))
    stored = in_influxd(influxd)
    assert_as_sent(stored, told)
    assert stored == expected.rows
    assert_equal_but_for_rounding(in_victoria_metrics(victoria_metrics), expected.rows)
    # All detectors have learnt and spoken, so the equalities above are not about nothing.
    assert sum({"severity", *SCORES} <= row.keys() for row in stored.values()) > 10_000


SCORES = {"half_space_trees"} | {
    f"{chart}_{sensor}"
    for chart in ("ewma_chart", "rolling_zscore")
    for sensor in ("vibration", "temperature")
}


def among(good: Stream, bad: Stream) -> Stream:
    """The bad ones spread evenly over the good ones."""
    every = len(good) // len(bad)
    mixed: Stream = []
    for i, one in enumerate(bad):
        mixed += [*good[i * every : (i + 1) * every], one]
    return mixed + good[len(bad) * every :]


def assert_accounted_for(daemon: Telltale, reasons: list[str]) -> None:
    counters = daemon.counters()
    assert counters["received"] == len(MACHINES) * STEPS + len(reasons) == 20_200
    assert (counters["stored"], counters["late"], counters["duplicate"]) == (20_000, 0, 0)
    why = {name.removeprefix("rejected_"): n for name, n in counters.items() if "rejected_" in name}
    assert counters["rejected"] == len(reasons)
    assert why == Counter(reasons)
    letters = daemon.journal("SELECT reason, origin, payload FROM dead_letters ORDER BY id")
    assert letters == [(one, BAD[one][0], BAD[one][1][:4096]) for one in reasons]


def assert_as_sent(stored: dict[tuple[str, int], dict[str, float]], told: Told) -> None:
    sent = {(name, values["ts"]): values for name, values in told}
    assert stored.keys() == sent.keys()
    for key, row in stored.items():
        assert {s: row[s] for s in SENSORS} == {s: sent[key][s] for s in SENSORS}


def in_influxd(server: Influxd) -> dict[tuple[str, int], dict[str, float]]:
    """(machine, event time) → fields, as InfluxQL finds them."""
    rows = server.query('SELECT * FROM "turbine"')
    assert {row["site"] for row in rows} == {SITE}
    return {
        (row["machine"], row["time"]): {
            name: float(value)
            for name, value in row.items()
            if value is not None and name not in ("time", "machine", "site")
        }
        for row in rows
    }


def in_victoria_metrics(server: VictoriaMetrics) -> dict[tuple[str, int], dict[str, float]]:
    """The same; its times are milliseconds."""
    found: dict[tuple[str, int], dict[str, float]] = {}
    for series in server.export('{__name__=~"turbine_.*"}'):
        for time_ms, value in series.samples:
            row = found.setdefault((series.labels["machine"], time_ms * 1_000_000), {})
            name = series.name.removeprefix("turbine_")
            assert name not in row, f"{series} has two values at {time_ms}"
            row[name] = value
    return found


def assert_equal_but_for_rounding(
    found: dict[tuple[str, int], dict[str, float]],
    expected: dict[tuple[str, int], dict[str, float]],
) -> None:
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        assert found[key].keys() == row.keys()
        for name, value in row.items():
            assert math.isclose(found[key][name], value, rel_tol=1e-9), (key, name)
