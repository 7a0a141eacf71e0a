"""Messages: topics, payloads, how many readings each holds, and the file they are written to."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from simulators import Farm, parse_fault
from simulators.clock import parse_time
from simulators.farm import Block
from simulators.messages import Message
from simulators.outputs.files import whole_file
from simulators.outputs.jsonl import line, write_messages
from simulators.outputs.payloads import DIALECTS, TIMES, JsonObject, Number, telemetry, with_truth
from streamer.decode import DIALECTS as READ
from streamer.decode import decode

FARM = Farm(machines=3, seed=6, period_s=60, site="north")
HOURS = 2
READINGS = 3 * 120


def block_values() -> np.ndarray:
    return np.concatenate([block.values for block in FARM.run(HOURS)])


def test_object_per_machine() -> None:
    messages = list(telemetry(FARM, HOURS, "json"))
    assert len(messages) == sum(message.readings for message in messages) == READINGS
    assert messages[4].topic == "plant/north/T02/telemetry"
    assert messages[4].payload == {
        "ts": "2026-01-01T00:01:00Z",
        **dict(zip(FARM.sensors, block_values()[1, 1].tolist(), strict=True)),
    }
    assert [message.time_ns for message in messages] == sorted(m.time_ns for m in messages)


@pytest.mark.parametrize("batch", [1, 7, 50, 1000])
def test_lists_of_objects_hold_the_same_readings(batch: int) -> None:
    objects = list(telemetry(FARM, HOURS, "json"))
    lists = list(telemetry(FARM, HOURS, "array", batch))
    assert sum(message.readings for message in lists) == READINGS
    assert {len(message.payload) for message in lists} <= {batch, 120 % batch}
    for topic in {message.topic for message in objects}:
        one_by_one = [m.payload for m in objects if m.topic == topic]
        unpacked = [reading for m in lists if m.topic == topic for reading in m.payload]
        assert unpacked == one_by_one
    assert all(parse_time(m.payload[-1]["ts"]) == m.time_ns for m in lists)


def test_number_per_sensor() -> None:
    messages = list(telemetry(FARM, HOURS, "number"))
    assert len(messages) == READINGS * 6
    assert messages[7].topic == "plant/north/T02/power"
    assert messages[7].payload == block_values()[0, 1, 1]
    assert messages[7].encoded() == repr(float(block_values()[0, 1, 1]))
    assert not messages[7].timed


def test_what_was_not_reported_is_left_out() -> None:
    values = np.full((1, 3, 6), 1.5)
    values[0, 1, 2] = np.nan
    block = Block(np.array([0]), values)
    objects = [message.payload for message in JsonObject(FARM, 1).messages(block)]
    assert [len(payload) for payload in objects] == [7, 6, 7]
    assert "rotor_speed" not in objects[1]
    topics = [message.topic for message in Number(FARM, 1).messages(block)]
    assert len(topics) == 17
    assert "plant/north/T02/rotor_speed" not in topics


def test_payloads_have_no_binary_dust() -> None:
    """What an instrument resolves to 0.1 is written with one decimal, and nothing is -0.0."""
    for message in telemetry(FARM, HOURS, "json"):
        for text in message.encoded().replace("}", ",").split(",")[1:-1]:
            number = text.rpartition(":")[2]
            assert len(number.partition(".")[2]) <= 2, text
            assert not number.startswith("-0.0")


@pytest.mark.parametrize(
    ("dialect", "batch", "sentence"),
    [
        ("xml", 1, "there is no dialect 'xml', there are json, array, gateway, number"),
        ("gateway", 0, "batch is 0, at least 1 is needed"),
        ("array", 0, "batch is 0, at least 1 is needed"),
        ("json", 5, "batch is 5, but only array and gateway put readings together"),
        ("number", 5, "batch is 5, but only array and gateway put readings together"),
    ],
)
def test_refusals(dialect: str, batch: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        telemetry(FARM, HOURS, dialect, batch)


def test_unknown_times_are_refused() -> None:
    with pytest.raises(ValueError, match="there are no times 'min', there are iso, s, ms, us, ns"):
        telemetry(FARM, HOURS, times="min")


@pytest.mark.parametrize("batch", [1, 3, 7, 1000])
def test_a_gateway_sends_all_machines_in_order(batch: int) -> None:
    messages = list(telemetry(FARM, HOURS, "gateway", batch))
    assert {message.topic for message in messages} == {"plant/north/gateway"}
    assert [len(message.payload) for message in messages[:-1]] == [
        batch for _ in range(READINGS // batch - (READINGS % batch == 0))
    ]
    sent = [reading for message in messages for reading in message.payload]
    one_by_one = [(m.machine, m.payload) for m in telemetry(FARM, HOURS)]
    assert [(reading.pop("machine"), reading) for reading in sent] == one_by_one
    assert all(m.readings == len(m.payload) for m in messages)


def test_a_gateway_is_refused_faults_of_one_machine_alone() -> None:
    farm = Farm(machines=2, faults=[parse_fault("link_late@T02:1h")])
    with pytest.raises(ValueError, match="link_late of T02 at 1h befalls a machine's messages"):
        telemetry(farm, HOURS, "gateway")


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_daemon_reads_what_the_farm_measured(dialect: str, times: str) -> None:
    farm = Farm(
        machines=3,
        seed=6,
        period_s=0.5,
        start="2026-01-01T00:00:00.25Z",
        faults=[parse_fault("sensor_dropout.power@T02:30s:0.5")],
    )
    blocks = list(farm.run(0.02))
    values = np.concatenate([block.values for block in blocks])
    stamps = np.concatenate([block.times for block in blocks]).tolist()
    read = np.full_like(values, np.nan)
    for message in telemetry(
        farm, 0.02, dialect, 5 if dialect in {"array", "gateway"} else 1, times
    ):
        *_, machine, last = message.topic.split("/")
        for found in decode(
            dialect if dialect in READ else "json",
            message.encoded().encode(),
            machine_field="machine" if dialect == "gateway" else None,
            sensor=last,
        ):
            row = farm.machines.index(found.machine or machine)
            step = stamps.index(found.time_ns if message.timed else message.time_ns)
            for name, value in found.values.items():
                read[step, row, farm.sensors.index(name)] = value
    assert np.isnan(values).any()
    assert np.array_equal(read, values, equal_nan=True)


def test_truth_is_told_at_its_onset() -> None:
    faults = [parse_fault("overheating@T02:30m"), parse_fault("sensor_stuck@T01:1h")]
    farm = Farm(machines=2, faults=faults)
    messages = list(with_truth(farm.truth(2), telemetry(farm, 2)))
    told = [i for i, message in enumerate(messages) if message.topic.startswith("sim/")]
    assert [messages[i].topic for i in told] == ["sim/truth/T02", "sim/truth/T01"]
    assert [messages[i].readings for i in told] == [0, 0]
    for i in told:
        assert messages[i - 1].time_ns < parse_time(messages[i].payload["t_onset"])
        assert messages[i + 1].time_ns == parse_time(messages[i].payload["t_onset"])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_line_of_a_file_is_a_message(dialect: str, tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    batch = 7 if dialect in {"array", "gateway"} else 1
    messages = list(telemetry(FARM, HOURS, dialect, batch))
    write_messages(str(path), messages)
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [(line["topic"], line["payload"]) for line in lines] == [m[:2] for m in messages]
    assert [parse_time(line["tst"]) for line in lines] == [m.time_ns for m in messages]
    assert not any("retain" in line for line in lines)


def test_a_line_says_when_it_was_sent_and_whether_it_was_kept() -> None:
    farm = Farm(machines=1, faults=[parse_fault("stale_retained@T01:0h")])
    lines = [json.loads(line(message)) for message in telemetry(farm, 10)]
    stale = [said for said in lines if said.get("retain") == 1]
    assert 10 < len(stale) < 200
    assert {said["payload"]["ts"] for said in stale} == {"2026-01-01T00:00:00Z"}
    assert all(said["tst"] > said["payload"]["ts"] for said in stale)
    assert all(said["tst"] == said["payload"]["ts"] for said in lines if said not in stale)


class TestWholeFile:
    def test_nothing_is_left_of_a_failed_run(self, tmp_path: Path) -> None:
        path = tmp_path / "day.jsonl"
        path.write_text("the old day")

        def broken() -> object:
            yield Message("t", 1.0, 0, 1)
            raise RuntimeError

        with pytest.raises(RuntimeError):
            write_messages(str(path), broken())
        assert path.read_text() == "the old day"
        assert list(tmp_path.iterdir()) == [path]

    def test_what_is_no_file_is_not_replaced(self, tmp_path: Path) -> None:
        with (
            pytest.raises(OSError, match="is there and is not a file"),
            whole_file(str(tmp_path)),
        ):
            pass
