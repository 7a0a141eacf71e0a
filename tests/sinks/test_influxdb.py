"""The InfluxDB sink at real servers, and at a network that does its worst."""

from __future__ import annotations

import logging
import math
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer.delivery import Delivery
from streamer.records import Batch, Machine, Schema
from streamer.sinks import Refused, Retry
from streamer.sinks.influxdb import Config, InfluxSink, open_sink
from tests.batches import MACHINES, SCHEMA, SECOND, START_NS, batch, event, points
from tests.servers.influx_v2_shim import DROP, FORWARD, HANG, LOSE
from tests.servers.influxd import Influxd
from tests.servers.victoria_metrics import VictoriaMetrics
from tests.test_delivery import SOON_S, Outbox, until

NAN = math.nan


@pytest.fixture
def sink(influxd: Influxd) -> Any:
    made = open_sink(Config(url=influxd.url, bucket=influxd.database, timeout_s=SOON_S))
    yield made
    made.close()


def count(influxd: Influxd) -> int:
    """Readings stored; `batch` gives each a time of its own."""
    rows = influxd.query("SELECT count(vibration) FROM turbine")
    return int(rows[0]["count"]) if rows else 0


def write(sink: InfluxSink, made: Any, machines: Sequence[Machine] = MACHINES) -> list[Refused]:
    return list(sink.write([Batch(1, [made], (), {made.schema.machine_class: machines})]))


EXTREME = [
    0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 1e22, 123456789.123456789, sys.float_info.max,
    -sys.float_info.max, sys.float_info.min, 5e-324, sys.float_info.epsilon, 2.0**53 + 2, 1e-7,
]  # fmt: skip


def test_influxd_gives_back_the_very_bits(influxd: Influxd, sink: InfluxSink) -> None:
    dice = np.random.default_rng(1)
    some = dice.integers(0, 2**63, 500, dtype=np.uint64).view("f8")
    values = np.array([*EXTREME, *some[np.isfinite(some)]])
    n = len(values)
    made = points([0] * n, list(range(n)), np.column_stack([values, -values]), values[:, None])
    assert write(sink, made) == []
    rows = influxd.query("SELECT vibration, power, half_space_trees FROM turbine ORDER BY time")
    back = np.array([[row[name] for name in ("vibration", "power")] for row in rows], "f8")
    assert (back[:, 0] == values).all()
    assert (back[:, 1] == -values).all()
    assert [row["time"] for row in rows] == list(range(n))


NASTY = ["größe", "two words", "a,b", "a=b", 'quo"te', "C:\\temp", "日本", "t,r=i c\"k'y", "#one"]


@pytest.mark.parametrize("name", NASTY)
def test_names_come_back_as_they_were(influxd: Influxd, sink: InfluxSink, name: str) -> None:
    machine_class = f"class {name}"
    schema = Schema(machine_class, (name, "other"), (f"score {name}",))
    machine = Machine(machine_class, (("site", name), (f"label {name}", "T01")))
    made = points([0], [START_NS], [[1.5, 2.5]], [[3.5]], schema=schema)
    assert write(sink, made, [machine]) == []
    quoted = machine_class.replace("\\", "\\\\").replace('"', r"\"")
    (row,) = influxd.query(f'SELECT * FROM "{quoted}"')
    assert row == {
        "time": START_NS, name: 1.5, "other": 2.5, f"score {name}": 3.5,
        "site": name, f"label {name}": "T01",
    }  # fmt: skip


def test_what_cannot_be_written_is_replaced_and_harms_nobody(
    influxd: Influxd, sink: InfluxSink
) -> None:
    schema = Schema("#turbine", ("time", "end\\"), ("a\nb 1=1",))
    machine = Machine("#turbine", (("time", "x\\"), ("machine", "T01\nfake x=1 5")))
    made = points([0], [START_NS], [[1.5, 2.5]], [[3.5]], schema=schema)
    assert write(sink, made, [machine]) == []
    (row,) = influxd.query('SELECT * FROM "_turbine"')
    assert row == {
        "time": START_NS, "time_": 1.5, "end/": 2.5, "a_b 1=1": 3.5,
        "machine": "T01_fake x=1 5", "time__1": "x/",
    }  # fmt: skip


def test_alerts_can_be_read_back(influxd: Influxd, sink: InfluxSink) -> None:
    reason = 'vibration is 7.5 mm/s, "2.0" expected \\ at 8 m/s'
    told = [event(0, reason=reason), event(9, state="resolved")]
    assert sink.write([batch(1, readings=0, alerts=told)]) == []
    rows = influxd.query("SELECT * FROM alerts WHERE machine = 'T03'")
    assert [(row["time"], row["state"], row["active"]) for row in rows] == [
        (told[0].time_ns, "firing", 1),
        (told[1].time_ns, "resolved", 0),
    ]
    assert rows[0]["reason"] == reason
    assert rows[0]["rule"] == "machine_fault"


def test_victoria_metrics_keeps_values_to_nine_digits(victoria_metrics: VictoriaMetrics) -> None:
    n = 300
    values = np.random.default_rng(2).normal(1500, 500, n)
    times = [START_NS + i * SECOND for i in range(n)]
    made = points([1] * n, times, np.column_stack([values, -values]), severity=values / 1e4)
    sink = open_sink(Config(url=victoria_metrics.url, bucket="any"))
    assert write(sink, made) == []
    sink.close()
    power, severity, vibration = victoria_metrics.export('{__name__=~"turbine_.*"}')
    assert vibration.labels == {"site": "north", "machine": "T01"}
    assert [time for time, _ in vibration.samples] == [time // 10**6 for time in times]
    for series, meant in ((vibration, values), (power, -values), (severity, values / 1e4)):
        np.testing.assert_allclose([value for _, value in series.samples], meant, rtol=1e-9)


def test_writing_twice_changes_nothing(influxd: Influxd) -> None:
    turns = [batch(turn, readings=50) for turn in range(1, 6)]
    for _ in range(2):
        sink = open_sink(Config(url=influxd.url, bucket=influxd.database))
        sink.write(turns)
        sink.write(turns)
        sink.close()
    assert count(influxd) == 250


def test_compressed_writes_arrive(influxd: Influxd) -> None:
    sink = open_sink(Config(url=influxd.url, bucket=influxd.database, gzip=True))
    sink.write([batch(1, readings=500)])
    sink.close()
    assert count(influxd) == 500


@pytest.mark.parametrize("position", [0, 2500, 4999])
def test_one_line_that_will_never_do_leaves_4999_written(
    influxd: Influxd, sink: InfluxSink, position: int
) -> None:
    times = [START_NS + i * SECOND for i in range(5000)]
    times[position] = -(2**63)  # before the first time InfluxDB can keep
    made = points([0] * 5000, times, np.ones((5000, 2)))
    (refused,) = write(sink, made)
    assert count(influxd) == 4999
    assert refused.reason == "http_400"
    assert "time outside range" in refused.detail
    assert refused.payload.endswith(b" -9223372036854775808")


def test_a_clash_of_types_refuses_its_lines_and_no_others(
    influxd: Influxd, sink: InfluxSink
) -> None:
    pumps = Schema("pump", ("vibration",), ())
    pump = [Machine("pump", (("machine", "P1"),))]
    strings = points([0], [START_NS], [[1.0]], schema=pumps)
    sink._server.post(f'pump,machine=P2 vibration="high" {START_NS}'.encode())
    good = batch(1, readings=99)
    mixed = Batch(1, [strings, *good.points], (), {"pump": pump, "turbine": MACHINES})
    (refused,) = sink.write([mixed])
    assert "field type conflict" in refused.detail
    assert refused.payload.startswith(b"pump,machine=P1 vibration=1.0")
    assert count(influxd) == 99


def test_a_hopeless_request_is_not_halved_line_by_line(influxd: Influxd, sink: InfluxSink) -> None:
    influxd.query(
        f'CREATE RETENTION POLICY short ON "{influxd.database}" DURATION 1h REPLICATION 1 DEFAULT'
    )
    made = points([0] * 1000, [SECOND + i for i in range(1000)], np.ones((1000, 2)))
    refused = write(sink, made)
    assert len(refused) == 1000
    assert "beyond retention policy" in refused[0].detail
    assert influxd.shim.answered == [400]


def test_a_quoted_line_does_not_pass_for_the_count_of_dropped_ones(
    influxd: Influxd, sink: InfluxSink
) -> None:
    schema = Schema("turbine", ("dropped",), ())
    made = points([0, 0], [START_NS, -(2**63)], [2.0, 2.0], schema=schema)
    assert len(write(sink, made)) == 1
    assert influxd.query("SELECT count(dropped) FROM turbine")[0]["count"] == 1


MEANINGS = [
    (400, "refused"), (413, "refused"), (422, "refused"),
    (401, "misconfigured"), (403, "misconfigured"), (404, "misconfigured"),
    (302, "misconfigured"), (405, "misconfigured"), (415, "misconfigured"),
    (408, "overloaded"), (425, "overloaded"), (429, "overloaded"), (503, "overloaded"),
    (500, "failing"), (502, "failing"), (504, "failing"), (507, "failing"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "meaning"), MEANINGS)
def test_what_each_status_means(
    influxd: Influxd, sink: InfluxSink, status: int, meaning: str
) -> None:
    influxd.shim.then = status
    influxd.shim.headers = {"Retry-After": "17"}
    turn = batch(1, readings=3)
    if meaning == "refused":
        assert [one.reason for one in sink.write([turn])] == [f"http_{status}"] * 3
        return
    with pytest.raises(Retry, match=f"HTTP {status}: the script says {status}") as caught:
        sink.write([turn])
    assert caught.value.reason == meaning
    assert caught.value.after_s == (0 if meaning == "misconfigured" else 17)
    influxd.shim.then = FORWARD
    assert sink.write([turn]) == []
    assert count(influxd) == 3


def test_a_retention_policy_that_does_not_exist_is_kept_for_ever(influxd: Influxd) -> None:
    sink = open_sink(Config(url=influxd.url, bucket=f"{influxd.database}/nowhere"))
    with pytest.raises(Retry, match="retention policy not found") as caught:
        sink.write([batch(1)])
    sink.close()
    assert caught.value.reason == "failing"


def test_a_database_that_does_not_exist_is_a_misconfiguration(influxd: Influxd) -> None:
    sink = open_sink(Config(url=influxd.url, bucket="nowhere"))
    with pytest.raises(Retry, match="database not found") as caught:
        sink.write([batch(1)])
    sink.close()
    assert caught.value.reason == "misconfigured"


def test_the_token_is_sent_and_read_again_when_it_is_not_accepted(
    influxd: Influxd, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    config = Config(url=influxd.url, bucket=influxd.database, token_file=token)
    sink = open_sink(config)
    with pytest.raises(Retry, match="token_file") as caught:
        sink.write([batch(1)])
    assert caught.value.reason == "misconfigured"
    token.write_text("old\n")
    influxd.shim.script.append(401)
    with pytest.raises(Retry):
        sink.write([batch(1)])
    token.write_text("new\n")
    sink.write([batch(1)])
    sink.write([batch(2)])
    sink.close()
    assert influxd.shim.authorisations == ["Token old", "Token new", "Token new"]
    assert count(influxd) == 8


def test_an_answer_that_never_comes_is_a_retry(influxd: Influxd) -> None:
    sink = open_sink(Config(url=influxd.url, bucket=influxd.database, timeout_s=0.2))
    influxd.shim.script.append(HANG)
    with pytest.raises(Retry, match=r"[Tt]imed out") as caught:
        sink.write([batch(1)])
    assert caught.value.reason == "unreachable"
    until(lambda: not influxd.shim.script)
    until(lambda: _works(sink))
    sink.close()
    assert count(influxd) == 4


def _works(sink: InfluxSink) -> bool:
    try:
        return sink.write([batch(1)]) == []
    except Retry:  # a machine may be too busy to answer in time
        return False


def test_nobody_there_is_a_retry(influxd: Influxd) -> None:
    sink = open_sink(Config(url="http://127.0.0.1:1", bucket="any"))
    with pytest.raises(Retry, match="refused") as caught:
        sink.write([batch(1)])
    assert caught.value.reason == "unreachable"
    sink.close()


def test_a_failure_repeats_only_the_request_that_failed(influxd: Influxd) -> None:
    sink = open_sink(Config(url=influxd.url, bucket=influxd.database, batch_lines=100))
    turns = [batch(turn, readings=250) for turn in range(1, 5)]  # 1,000 lines, 10 requests
    influxd.shim.script.extend([FORWARD, FORWARD, FORWARD, 503])
    with pytest.raises(Retry):
        sink.write(turns)
    assert count(influxd) == 300
    influxd.shim.lines.clear()
    assert sink.write(turns[:1]) == []  # fewer turns, as delivery lends after a failure
    assert influxd.shim.lines == []
    assert sink.write(turns[1:]) == []
    assert sum(influxd.shim.lines) == 700
    assert count(influxd) == 1000
    sink.close()


def test_a_server_too_slow_for_much_is_given_less(influxd: Influxd, sink: InfluxSink) -> None:
    turn = batch(1, readings=4000)
    influxd.shim.script.extend([503, 503, 503, FORWARD, 503])
    for _ in range(4):
        with pytest.raises(Retry):
            sink.write([turn])
    assert count(influxd) == 625  # 5000 / 2 / 2 / 2
    assert sink.write([turn]) == []
    assert count(influxd) == 4000


def test_what_was_refused_before_a_failure_is_told_after_it(influxd: Influxd) -> None:
    sink = open_sink(Config(url=influxd.url, bucket=influxd.database, batch_lines=1))
    influxd.shim.script.extend([400, FORWARD, 503])
    turn = batch(1, readings=4)
    with pytest.raises(Retry):
        sink.write([turn])
    assert len(sink.write([turn])) == 1
    sink.close()
    assert count(influxd) == 3


Deliver = Callable[..., Delivery]


@pytest.fixture
def deliver(influxd: Influxd) -> Any:
    """Deliver to influxd on a thread, with pauses too short to notice."""
    config = Config(url=influxd.url, bucket=influxd.database, timeout_s=SOON_S)
    started = []

    def begin(outbox: Outbox, cursor: int = 0, **changes: Any) -> Delivery:
        made = config.model_copy(update=changes)
        delivery = Delivery(
            "influxdb", lambda: open_sink(made), outbox, cursor, draw=lambda low, high: 0.01
        )
        started.append(delivery)
        delivery.start()
        return delivery

    yield begin
    for delivery in started:
        delivery.close(SOON_S)


def test_everything_drains_in_order_after_an_outage(influxd: Influxd, deliver: Deliver) -> None:
    outbox = Outbox(*(batch(turn, readings=10) for turn in range(1, 11)))
    delivery = deliver(outbox)
    until(lambda: delivery.cursor == 10)
    influxd.kill()
    for turn in range(11, 201):
        outbox.turns[turn] = batch(turn, readings=10)
        delivery.wake(turn)
    until(lambda: not delivery.state.ok)
    assert delivery.cursor == 10
    influxd.start()
    until(lambda: delivery.cursor == 200)
    assert delivery.state.ok
    assert count(influxd) == 2000
    assert delivery.progress().refused == ()


@pytest.mark.parametrize("status", [401, 404])
def test_a_misconfigured_sink_keeps_everything_and_says_so(
    influxd: Influxd, deliver: Deliver, status: int
) -> None:
    influxd.shim.then = status
    delivery = deliver(Outbox(*map(batch, range(1, 51))))
    until(lambda: delivery.state.reason == "misconfigured")
    assert delivery.cursor == 0
    influxd.shim.then = FORWARD
    until(lambda: delivery.cursor == 50)
    assert count(influxd) == 200
    assert delivery.progress().refused == ()


def test_a_crash_between_write_and_cursor_writes_twice_and_counts_once(
    influxd: Influxd, deliver: Deliver
) -> None:
    outbox = Outbox(*(batch(turn, readings=100) for turn in range(1, 21)))
    first = deliver(outbox)
    until(lambda: first.cursor == 20)
    assert first.close(SOON_S)
    before = influxd.query("SELECT * FROM turbine ORDER BY time")
    second = deliver(outbox, cursor=7)  # no later cursor had been stored
    until(lambda: second.cursor == 20)
    assert influxd.query("SELECT * FROM turbine ORDER BY time") == before
    assert len(before) == 2000


@pytest.mark.parametrize("seed", range(3))
def test_a_network_that_does_its_worst_loses_nothing(
    influxd: Influxd, deliver: Deliver, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    dice = random.Random(seed)
    acts = [FORWARD, LOSE, DROP, 500, 503, 429, 401]
    influxd.shim.script.extend(dice.choices([*acts, HANG], [4, 2, 2, 1, 1, 1, 1, 0.5], k=60))
    outbox = Outbox()
    delivery = deliver(outbox, batch_lines=40, timeout_s=0.5)  # of an answer that never comes
    for turn in range(1, 101):
        outbox.turns[turn] = batch(turn, readings=13)
        delivery.wake(turn)
    until(lambda: delivery.cursor == 100)
    assert count(influxd) == 1300
    rows = influxd.query("SELECT vibration, power, severity FROM turbine ORDER BY time")
    number = np.arange(13, 13 * 101)
    assert [row["vibration"] for row in rows] == (number + 0.25).tolist()
    assert [row["power"] for row in rows] == (-number / 3).tolist()
    assert [row["severity"] for row in rows] == (number / 900).tolist()


def test_the_client_is_not_imported_before_it_is_needed() -> None:
    import subprocess

    code = "import streamer.sinks.influxdb, sys; sys.exit('influxdb_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_all_columns_of_a_reading_arrive(influxd: Influxd, sink: InfluxSink) -> None:
    sink.write([batch(3, readings=1)])
    (row,) = influxd.query("SELECT * FROM turbine")
    assert row == {
        "time": START_NS + 3 * SECOND, "site": "north", "machine": "T03",
        "vibration": 3.25, "power": -1.0, SCHEMA.scores[0]: 0.003, "severity": 3 / 900,
    }  # fmt: skip
