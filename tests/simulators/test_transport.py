"""The way to the broker: what its faults do to messages, and that order and readings survive it."""

from __future__ import annotations

import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import paho.mqtt.client as paho
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import FAULTS, Farm, parse_fault
from simulators.clock import parse_time
from simulators.faults.clocks import ClockFault, read_time, write_time
from simulators.messages import Message
from simulators.outputs.jsonl import line
from simulators.outputs.mqtt import Publisher, publish
from simulators.outputs.payloads import telemetry
from simulators.outputs.transport import carried
from tests.servers.mosquitto import Mosquitto

NAMES = [name for name, kind in FAULTS.items() if kind.fault_id.startswith("M")]
CLOCKS = ["clock_skew", "clock_jump", "epoch_unit"]
REPEATING = ["link_duplicates", "stale_retained", "same_client_id"]
DELAYING = ["link_late", "link_out_of_order"]
NOTICED = {"link_late", "clock_skew", "clock_jump"}

DIALECTS = [("json", 1), ("array", 7), ("number", 1)]
HOURS = 3
S, MINUTE = 10**9, 60 * 10**9
START = parse_time("2026-01-01")
ONSET, END = START + 60 * MINUTE, START + 120 * MINUTE


def farm(*faults: str, machines: int = 2, seed: int = 1) -> Farm:
    return Farm(machines, seed, faults=[parse_fault(fault) for fault in faults])


def sent(
    *faults: str, dialect: str = "json", batch: int = 1, hours: float = HOURS, seed: int = 1
) -> list[Message]:
    return list(telemetry(farm(*faults, seed=seed), hours, dialect, batch))


def of(machine: str, messages: Iterable[Message]) -> list[Message]:
    return [message for message in messages if message.machine == machine]


def contents(messages: Iterable[Message]) -> Counter[tuple[str, str]]:
    return Counter((message.topic, message.encoded()) for message in messages)


def readings(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """The objects of all payloads, one after the other."""
    return [
        reading
        for message in messages
        for reading in (message.payload if isinstance(message.payload, list) else [message.payload])
    ]


def times(messages: Iterable[Message]) -> list[int]:
    """What the readings say, as ns."""
    return [read_time(reading["ts"]) for reading in readings(messages)]


def test_the_whole_catalogue_is_there() -> None:
    assert {FAULTS[name].fault_id for name in NAMES} == {f"M{i}" for i in range(1, 9)}


def test_without_faults_of_the_way_nothing_stands_in_it() -> None:
    healthy = iter(())
    assert carried(farm("overheating@T01:1h", "sensor_stuck@T02:1h"), healthy) is healthy


@pytest.mark.parametrize("name", NAMES)
class TestEveryFault:
    @pytest.mark.parametrize(("dialect", "batch"), DIALECTS)
    def test_nothing_at_severity_0(self, name: str, dialect: str, batch: int) -> None:
        assert sent(f"{name}@all:0s:0", dialect=dialect, batch=batch) == sent(
            dialect=dialect, batch=batch
        )

    def test_it_does_something(self, name: str) -> None:
        assert of("T02", sent(f"{name}@T02:1h-2h")) != of("T02", sent())

    def test_its_truth(self, name: str) -> None:
        (truth,) = farm(f"{name}@T02:1h-2h").truth()
        assert (truth.fault, truth.fault_id, truth.kind) == (
            name, FAULTS[name].fault_id, "transport",
        )  # fmt: skip
        assert truth.signal == []
        assert truth.component == ("clock" if name in CLOCKS else "link")
        assert truth.expected == ("data_quality" if name in NOTICED else "no_alarm")

    @pytest.mark.parametrize(("dialect", "batch"), DIALECTS)
    def test_the_machine_is_well_and_so_are_the_others(
        self, name: str, dialect: str, batch: int
    ) -> None:
        """No value is lost, none is new, and what the other machine says comes as ever."""
        healthy = sent(dialect=dialect, batch=batch)
        faulty = sent(f"{name}@T02:1h-2h", dialect=dialect, batch=batch)
        assert of("T01", faulty) == of("T01", healthy)
        assert {valued(message) for message in faulty} == {valued(message) for message in healthy}

    @pytest.mark.parametrize(("dialect", "batch"), [("json", 1), ("number", 1)])
    def test_before_onset_and_after_repair_all_is_healthy(
        self, name: str, dialect: str, batch: int
    ) -> None:
        healthy = sent(dialect=dialect, batch=batch)
        faulty = sent(f"{name}@T02:1h-2h", dialect=dialect, batch=batch)
        assert [m for m in faulty if m.time_ns < ONSET] == [m for m in healthy if m.time_ns < ONSET]
        # What was held up is sent at the moment of repair, before anything else.
        after = [m for m in faulty if m.time_ns > END]
        assert after == [m for m in healthy if m.time_ns > END]
        at_repair = [m for m in healthy if m.time_ns == END]
        assert [m for m in faulty if m.time_ns == END][-len(at_repair) :] == at_repair

    def test_the_same_in_every_run(self, name: str) -> None:
        assert sent(f"{name}@all:1h:0.7") == sent(f"{name}@all:1h:0.7")

    @given(
        severity=st.floats(0.01, 1),
        ramp=st.integers(0, 90),
        form=st.sampled_from(DIALECTS),
        seed=st.integers(0, 9),
    )
    @settings(max_examples=20, deadline=None)
    def test_sent_in_order_and_never_before_its_time(
        self, name: str, severity: float, ramp: int, form: tuple[str, int], seed: int
    ) -> None:
        dialect, batch = form
        fault = f"{name}@all:1h+{ramp}m-2h:{severity:.3f}"
        faulty = sent(fault, dialect=dialect, batch=batch, seed=seed)
        sent_at = [message.time_ns for message in faulty]
        assert sent_at == sorted(sent_at)
        said = {
            valued(m): m.time_ns for m in reversed(sent(dialect=dialect, batch=batch, seed=seed))
        }
        assert all(message.time_ns >= said[valued(message)] for message in faulty)


def valued(message: Message) -> tuple[str, str]:
    """What a message says of the machine, whenever that was."""
    if not message.timed:
        return message.topic, message.encoded()
    without = [{k: v for k, v in r.items() if k != "ts"} for r in readings([message])]
    return message.topic, json.dumps(without)


@pytest.mark.parametrize("name", REPEATING)
@pytest.mark.parametrize(("dialect", "batch"), DIALECTS)
def test_repetitions_only_add_copies(name: str, dialect: str, batch: int) -> None:
    healthy = contents(sent(dialect=dialect, batch=batch))
    faulty = contents(sent(f"{name}@all:1h-2h", dialect=dialect, batch=batch))
    assert healthy < faulty
    assert set(healthy) == set(faulty)


@pytest.mark.parametrize("name", DELAYING)
@pytest.mark.parametrize(("dialect", "batch"), DIALECTS)
def test_delays_neither_add_nor_lose_anything(name: str, dialect: str, batch: int) -> None:
    for fault in (f"{name}@all:1h-2h", f"{name}@all:1h", f"{name}@all:1h+1h:0.3"):
        faulty = sent(fault, dialect=dialect, batch=batch)
        assert contents(faulty) == contents(sent(dialect=dialect, batch=batch))


@pytest.mark.parametrize("name", CLOCKS)
class TestEveryClockFault:
    @pytest.mark.parametrize(("dialect", "batch"), [("json", 1), ("array", 7)])
    def test_only_times_change(self, name: str, dialect: str, batch: int) -> None:
        healthy = sent(dialect=dialect, batch=batch)
        faulty = sent(f"{name}@all:1h-2h", dialect=dialect, batch=batch)
        assert [m._replace(payload=valued(m)) for m in faulty] == [
            m._replace(payload=valued(m)) for m in healthy
        ]

    def test_numbers_without_time_show_nothing(self, name: str) -> None:
        assert sent(f"{name}@all:0s", dialect="number") == sent(dialect="number")

    def test_of_a_list_only_the_readings_of_its_time(self, name: str) -> None:
        """The list of 00:55 to 01:04 is sent at 01:04."""
        faulty = sent(f"{name}@all:1h-2h", dialect="array", batch=10)
        one_by_one = sent(f"{name}@all:1h-2h")
        for machine in ("T01", "T02"):
            assert readings(of(machine, faulty)) == readings(of(machine, one_by_one))

    def test_a_stored_message_has_the_time_of_when_it_was_stored(self, name: str) -> None:
        stored = sent("link_late@all:30m-2h", f"{name}@all:1h-90m")
        plain = sent(f"{name}@all:1h-90m")
        assert contents(stored) == contents(plain)


class TestDuplicates:
    def test_the_severity_is_the_share(self) -> None:
        faulty = contents(sent("link_duplicates@all:0s:0.25", hours=40))
        doubled = sum(count > 1 for count in faulty.values())
        assert doubled / len(faulty) == pytest.approx(0.25, abs=0.03)
        assert set(faulty.values()) == {1, 2, 3, 4}

    def test_the_first_is_in_time_and_the_copies_are_soon(self) -> None:
        for key, group in itertools.groupby(
            sorted(sent("link_duplicates@T02:1h-2h"), key=lambda m: (m.topic, m.payload["ts"])),
            key=lambda m: (m.topic, m.payload["ts"]),
        ):
            first, *copies = group
            assert first.time_ns == parse_time(key[1])
            assert all(copy.time_ns - first.time_ns <= 30 * S for copy in copies)


class TestLate:
    def test_silence_then_everything_at_once_and_in_order(self) -> None:
        faulty = of("T02", sent("link_late@T02:1h", hours=60))
        sent_at = [message.time_ns for message in faulty]
        outages = [b - a for a, b in itertools.pairwise(sent_at) if b - a > MINUTE]
        assert len(outages) >= 2
        assert 2 * 3600 * S < max(outages) <= 24 * 3600 * S + MINUTE
        bursts = Counter(sent_at)
        assert max(bursts.values()) > 120
        assert times(faulty) == sorted(times(faulty))

    def test_it_goes_down_at_onset(self) -> None:
        assert not [m for m in of("T02", sent("link_late@T02:1h:0.5")) if m.time_ns == ONSET]

    def test_what_is_held_at_the_end_of_the_run_is_sent(self) -> None:
        assert contents(sent("link_late@all:1h", hours=2)) == contents(sent(hours=2))

    @pytest.mark.parametrize("severity", [0.05, 1.0])
    def test_no_more_than_a_day_is_held(self, severity: float) -> None:
        """An endless run, of which 20 days are heard."""
        said: list[int] = []
        world = Farm(1, period_s=600, faults=[parse_fault(f"link_late@T01:0s:{severity}")])
        healthy = telemetry(world.with_faults(()), float("inf"))

        def counted() -> Iterator[Message]:
            for message in healthy:
                said.append(message.time_ns)
                yield message

        heard = itertools.islice(carried(world, counted()), 20 * 144)
        held = [len(said) - count for count, _ in enumerate(heard, start=1)]
        assert 0 < max(held) <= 144 * severity + 1


class TestOutOfOrder:
    def test_some_overtake_and_none_takes_longer_than_five_minutes(self) -> None:
        faulty = of("T02", sent("link_out_of_order@T02:0s"))
        assert times(faulty) != sorted(times(faulty))
        delays = [m.time_ns - said for m, said in zip(faulty, times(faulty), strict=True)]
        assert 200 * S < max(delays) < 300 * S
        assert min(delays) < 30 * S

    def test_what_is_under_way_at_the_end_of_the_run_comes_in_order(self) -> None:
        under_way = 0
        for seed in range(5):
            faulty = sent("link_out_of_order@all:0s", hours=0.2, seed=seed)
            sent_at = [message.time_ns for message in faulty]
            assert sent_at == sorted(sent_at)
            under_way += sum(time_ns >= START + 12 * MINUTE for time_ns in sent_at)
        assert under_way > 10

    def test_a_tenth_of_it_is_half_a_minute(self) -> None:
        faulty = of("T02", sent("link_out_of_order@T02:0s:0.1"))
        assert times(faulty) == sorted(times(faulty)), "less than the minute between two readings"


class TestSkew:
    @pytest.mark.parametrize(("severity", "skew_s"), [(1, 7200), (0.5, 3600), (0.001, 7.2)])
    def test_by_as_much_as_it_says(self, severity: float, skew_s: float) -> None:
        skews = {
            said - message.time_ns
            for seed in range(12)
            for message, said in zipped(sent(f"clock_skew@T02:0s:{severity}", hours=0.1, seed=seed))
        }
        assert skews == {round(skew_s * S), -round(skew_s * S)}

    def test_with_a_ramp_the_clock_runs_too_fast_or_too_slow(self) -> None:
        skews = [abs(a - m.time_ns) for m, a in zipped(sent("clock_skew@T02:1h+1h"))]
        assert skews[60] == 0
        assert skews[90] == 3600 * S
        assert skews[120] == skews[179] == 7200 * S


def zipped(messages: list[Message]) -> list[tuple[Message, int]]:
    """T02's messages, and what each says the time is."""
    mine = of("T02", messages)
    return list(zip(mine, times(mine), strict=True))


class TestJump:
    @pytest.mark.parametrize("severity", [1.0, 0.5])
    def test_a_step_forward_or_back(self, severity: float) -> None:
        steps = {
            said - message.time_ns
            for seed in range(12)
            for message, said in zipped(sent(f"clock_jump@T02:0s:{severity}", hours=0.1, seed=seed))
        }
        assert steps == {round(86400 * severity) * S, -round(86400 * severity) * S}

    @pytest.mark.parametrize(
        ("target", "moment"),
        [
            ("1970", "1970-01-01T00:00:00Z"),
            ("2036", "2036-02-07T06:28:16Z"),
            ("2038", "2038-01-19T03:14:08Z"),
        ],
    )
    def test_to_where_clocks_begin(self, target: str, moment: str) -> None:
        faulty = sent(f"clock_jump.{target}@T02:1h-2h:0.1")
        assert of("T02", faulty)[60].payload["ts"] == moment
        jumped = [said for message, said in zipped(faulty) if ONSET <= message.time_ns < END]
        assert [said - parse_time(moment) for said in jumped] == [i * MINUTE for i in range(60)]
        assert all(m.time_ns == said for m, said in zipped(faulty) if m.time_ns >= END)


class TestEpochUnit:
    @pytest.mark.parametrize(
        ("unit", "number"),
        [
            ("s", 1767225600),
            ("ms", 1767225600000),
            ("us", 1767225600000000),
            ("ns", 1767225600000000000),
        ],
    )
    def test_numbers_instead_of_iso(self, unit: str, number: int) -> None:
        first = of("T02", sent(f"epoch_unit.{unit}@T02:0s:0.1", hours=0.1))[0]
        assert first.payload["ts"] == number
        assert isinstance(first.payload["ts"], int)
        assert next(iter(first.payload)) == "ts"

    def test_parts_of_a_second(self) -> None:
        world = Farm(1, period_s=0.25, faults=[parse_fault("epoch_unit.s@T01:0s")])
        said = [message.payload["ts"] for message in telemetry(world, 1 / 3600)]
        assert said == [1767225600, 1767225600.25, 1767225600.5, 1767225600.75]

    def test_one_clock_has_one_fault_at_a_time(self) -> None:
        """Of a time that is false already nobody could say whether the second fault is there."""
        with pytest.raises(ValueError, match=r"clock_skew of T02 at 0h overlaps epoch_unit\.ms of"):
            sent("clock_skew@T02:0h", "epoch_unit.ms@T02:1h")
        sent("clock_skew@T02:0h-1h", "epoch_unit.ms@T02:1h", "clock_jump.1970@T01:0h")

    @given(st.integers(10**11, 10**15), st.sampled_from(["s", "ms", "us", "ns"]))
    def test_what_is_written_is_read(self, time_us: int, unit: str) -> None:
        like = {"s": 1.7e9, "ms": 1.7e12, "us": 1.7e15, "ns": 1.7e18}[unit]
        time_ns = 10**18 + time_us * 1000
        assert read_time(write_time(time_ns, like)) == time_ns
        assert read_time(write_time(time_ns // 10**6 * 10**6, "iso")) == time_ns // 10**6 * 10**6


class TestRetained:
    def test_the_first_since_onset_again_and_again(self) -> None:
        faulty = of("T02", sent("stale_retained@T02:1h", hours=60))
        stale = [message for message in faulty if message.retain]
        assert {message.payload["ts"] for message in stale} == {"2026-01-01T01:00:00Z"}
        assert min(message.time_ns for message in stale) > ONSET
        assert len(stale) / (59 * 60) == pytest.approx(0.1, abs=0.025)

    def test_of_every_topic_its_own(self) -> None:
        faulty = sent("stale_retained@T02:1h", dialect="number", hours=20)
        stale = {(message.topic, message.payload) for message in faulty if message.retain}
        at_onset = {(m.topic, m.payload) for m in of("T02", faulty) if m.time_ns == ONSET}
        assert stale == at_onset
        assert len(stale) == 6

    def test_a_line_of_a_file_says_so(self) -> None:
        faulty = sent("stale_retained@T02:0s")
        said = [json.loads(line(message)).get("retain", 0) for message in faulty]
        assert said == [int(message.retain) for message in faulty]
        assert 1 in said

    def test_a_broker_keeps_it_for_who_comes_later(self, mosquitto: Mosquitto) -> None:
        """Who is there sees old readings among the new; who comes later, one that is marked."""
        messages = sent("stale_retained@T02:1h", hours=3)
        with Publisher("127.0.0.1", mosquitto.port) as publisher:
            publish(publisher, messages)
        (retained,) = heard_by_a_late_subscriber(mosquitto.port)
        assert retained.retain
        assert retained.topic == "plant/demo/T02/telemetry"
        assert json.loads(retained.payload)["ts"] == "2026-01-01T01:00:00Z"


def heard_by_a_late_subscriber(port: int) -> list[paho.MQTTMessage]:
    """All that a broker has kept; a message of our own tells that it has said everything."""
    heard: list[paho.MQTTMessage] = []
    done = threading.Event()
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
    client.on_subscribe = lambda client, *_: client.publish("end", qos=1)
    client.on_message = lambda *args: (
        done.set() if args[2].topic == "end" else heard.append(args[2])
    )
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert done.wait(60)
    client.disconnect()
    client.loop_stop()
    return heard


class TestSameClientId:
    def test_silence_a_repetition_and_a_burst(self) -> None:
        faulty = of("T02", sent("same_client_id@T02:1h", hours=20))
        gaps = [b.time_ns - a.time_ns for a, b in itertools.pairwise(faulty)]
        assert MINUTE < max(gaps) <= 11 * MINUTE
        repeated = [i for i, m in enumerate(faulty[1:], 1) if m.payload in earlier(faulty, i)]
        assert len(repeated) > 20
        for i in repeated:
            assert faulty[i].payload == faulty[i - 1].payload, "the last that was sent before"
            assert faulty[i].time_ns == faulty[i + 1].time_ns, "and then what had come up"
        assert sorted(set(times(faulty))) == times(of("T02", sent(hours=20)))


def earlier(messages: list[Message], i: int) -> list[Any]:
    return [message.payload for message in messages[max(i - 3, 0) : i]]


class TestSeveral:
    def test_each_sees_what_the_earlier_left(self) -> None:
        """Whatever is sent twice while the link is down comes in the burst, twice."""
        both = sent("link_duplicates@T02:30m", "link_late@T02:1h-2h")
        burst = [m for m in of("T02", both) if m.time_ns == END]
        held = Counter(said for said in times(burst) if ONSET <= said < END)
        assert set(held.values()) == {2, 3, 4}
        assert len(held) == 60

    def test_all_of_them_at_once_lose_nothing(self) -> None:
        clocks = {name for name in NAMES if issubclass(FAULTS[name.partition(".")[0]], ClockFault)}
        some = [name for name in NAMES if name not in clocks - {"clock_skew"}]
        faults = [f"{name}@all:{i + 10}m:0.8" for i, name in enumerate(some)]
        faulty = sent(*faults)
        assert {valued(message) for message in faulty} == {valued(message) for message in sent()}
        assert [m.time_ns for m in faulty] == sorted(m.time_ns for m in faulty)
