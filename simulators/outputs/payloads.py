"""How readings become MQTT messages: one class per dialect, one table.

| dialect | topic | payload |
|---|---|---|
| json | plant/SITE/MACHINE/telemetry | ``{"ts": "2026-01-01T00:00:00Z", "wind_speed": 8.1, …}`` |
| array | the same | a list of such objects, from a machine that saves up readings |
| gateway | plant/SITE/gateway | ``[{"ts": …, "machine": "T03", "wind_speed": 8.1, …}, …]`` |
| number | plant/SITE/MACHINE/SENSOR | the bare number; no time |

A value that is NaN was not reported and is left out. The time is ISO 8601, or counted since 1970 in
one of the other `TIMES`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

from simulators.clock import iso_time, parse_time, since_1970
from simulators.farm import Block, Farm
from simulators.messages import Message
from simulators.outputs.transport import carried
from simulators.truth import Truth

GATEWAY = "plant/{site}/gateway"
TELEMETRY = "plant/{site}/{machine}/telemetry"
SENSOR = "plant/{site}/{machine}/{sensor}"
TRUTH = "sim/truth/{machine}"

WriteTime = Callable[[int], str | float]


TIMES: dict[str, WriteTime] = {
    "iso": iso_time,
    "s": partial(since_1970, 1_000_000_000),
    "ms": partial(since_1970, 1_000_000),
    "us": partial(since_1970, 1_000),
    "ns": partial(since_1970, 1),
}


BATCH_MAX = 10_000
"""Readings of a message: more of them no broker would take."""


class Dialect(Protocol):
    """Turns blocks of a farm into messages, in order of time, then machine."""

    def __init__(self, farm: Farm, batch: int, write_time: WriteTime) -> None: ...

    def messages(self, block: Block) -> Iterator[Message]:
        """The messages that are due in this block."""
        ...

    def rest(self) -> Iterator[Message]:
        """What is still held back when the run ends."""
        ...


class JsonArray:
    """Lists of ``batch`` consecutive readings of one machine; the last list may be shorter."""

    def __init__(self, farm: Farm, batch: int, write_time: WriteTime = iso_time) -> None:
        self._sensors = farm.sensors
        self._machines = farm.machines
        self._topics = [TELEMETRY.format(site=farm.site, machine=name) for name in farm.machines]
        self._batch = batch
        self._write_time = write_time
        self._held: list[list[dict[str, Any]]] = [[] for _ in farm.machines]
        self._last_ns = farm.start_ns

    def messages(self, block: Block) -> Iterator[Message]:
        """The messages that are due in this block."""
        for time_ns, machines in zip(block.times.tolist(), block.values.tolist(), strict=True):
            self._last_ns = time_ns
            ts = self._write_time(time_ns)
            for held, values in zip(self._held, machines, strict=True):
                held.append(reading(ts, self._sensors, values))
            if len(self._held[0]) == self._batch:
                yield from self.rest()

    def rest(self) -> Iterator[Message]:
        """What is still held back when the run ends."""
        for row, held in enumerate(self._held):
            if held:
                self._held[row] = []
                yield self._message(row, held)

    def _message(self, row: int, readings: list[dict[str, Any]]) -> Message:
        return Message(
            self._topics[row],
            readings,
            self._last_ns,
            len(readings),
            machine=self._machines[row],
        )


class JsonObject(JsonArray):
    """One object per machine and time."""

    def __init__(self, farm: Farm, batch: int, write_time: WriteTime = iso_time) -> None:
        _refuse_batch(batch)
        super().__init__(farm, batch, write_time)

    def _message(self, row: int, readings: list[dict[str, Any]]) -> Message:
        return super()._message(row, readings)._replace(payload=readings[0])


class Gateway:
    """Lists of ``batch`` consecutive readings of the farm, in order of time, then machine.

    They all come by one link, so that no fault can befall the messages of one machine.
    """

    def __init__(self, farm: Farm, batch: int, write_time: WriteTime = iso_time) -> None:
        for fault in farm.faults:
            if fault.kind == "transport":
                raise ValueError(
                    f"{fault} befalls a machine's messages, and a gateway's are shared"
                )
        self._machines = farm.machines
        self._sensors = farm.sensors
        self._topic = GATEWAY.format(site=farm.site)
        self._batch = batch
        self._write_time = write_time
        self._held: list[dict[str, Any]] = []
        self._last_ns = farm.start_ns

    def messages(self, block: Block) -> Iterator[Message]:
        """The messages that are due in this block."""
        for time_ns, machines in zip(block.times.tolist(), block.values.tolist(), strict=True):
            self._last_ns = time_ns
            ts = self._write_time(time_ns)
            for machine, values in zip(self._machines, machines, strict=True):
                self._held.append(reading(ts, self._sensors, values, machine=machine))
                if len(self._held) == self._batch:
                    yield from self.rest()

    def rest(self) -> Iterator[Message]:
        """What is still held back when the run ends."""
        if self._held:
            held, self._held = self._held, []
            yield Message(self._topic, held, self._last_ns, len(held))


class Number:
    """One bare number per sensor, machine and time, each on a topic of its own."""

    def __init__(self, farm: Farm, batch: int, write_time: WriteTime = iso_time) -> None:
        del write_time
        _refuse_batch(batch)
        self._machines = farm.machines
        self._topics = [
            [SENSOR.format(site=farm.site, machine=name, sensor=sensor) for sensor in farm.sensors]
            for name in farm.machines
        ]

    def messages(self, block: Block) -> Iterator[Message]:
        """The messages of this block."""
        for time_ns, machines in zip(block.times.tolist(), block.values.tolist(), strict=True):
            for name, topics, values in zip(self._machines, self._topics, machines, strict=True):
                for topic, value in zip(topics, values, strict=True):
                    if not math.isnan(value):
                        yield Message(topic, value, time_ns, 1, timed=False, machine=name)

    def rest(self) -> Iterator[Message]:
        """Nothing: numbers are never held back."""
        return iter(())


DIALECTS: dict[str, type[Dialect]] = {
    "json": JsonObject,
    "array": JsonArray,
    "gateway": Gateway,
    "number": Number,
}


BATCHED = ("array", "gateway")
"""The dialects that put readings together."""


def _refuse_batch(batch: int) -> None:
    if batch != 1:
        raise ValueError(
            f"batch is {batch}, but only {' and '.join(BATCHED)} put readings together"
        )


def reading(
    ts: str | float, sensors: Sequence[str], values: Sequence[float], **more: str
) -> dict[str, Any]:
    """One machine's measurements at one time, as the object that stands in a payload."""
    pairs = zip(sensors, values, strict=True)
    return {"ts": ts, **more} | {name: value for name, value in pairs if not math.isnan(value)}


def telemetry(
    farm: Farm, hours: float, dialect: str = "json", batch: int = 1, times: str = "iso"
) -> Iterable[Message]:
    """All messages of a run, as the faults on their way leave them.

    Args:
        farm: whose readings.
        hours: length of the run; may be infinite.
        dialect: one of `DIALECTS`.
        batch: readings per message; more than 1 only with the dialects `BATCHED`.
        times: one of `TIMES`: how a payload says when its readings were taken.

    Raises:
        ValueError: the dialect or the times are unknown, or the batch does not go with it.

    >>> farm = Farm(machines=1, seed=1)
    >>> first, *_ = telemetry(farm, hours=1)
    >>> first.topic, list(first.payload)[:3]
    ('plant/demo/T01/telemetry', ['ts', 'wind_speed', 'power'])
    """
    if dialect not in DIALECTS:
        raise ValueError(f"there is no dialect {dialect!r}, there are {', '.join(DIALECTS)}")
    if times not in TIMES:
        raise ValueError(f"there are no times {times!r}, there are {', '.join(TIMES)}")
    if batch < 1:
        raise ValueError(f"batch is {batch}, at least 1 is needed")
    if batch > BATCH_MAX:
        raise ValueError(f"batch is {batch}, at most {BATCH_MAX} are allowed")
    said = _messages(farm.run(hours), DIALECTS[dialect](farm, batch, TIMES[times]))
    return carried(farm, said)


def _messages(blocks: Iterable[Block], dialect: Dialect) -> Iterator[Message]:
    for block in blocks:
        yield from dialect.messages(block)
    yield from dialect.rest()


def with_truth(truths: Iterable[Truth], messages: Iterable[Message]) -> Iterator[Message]:
    """The same messages with each fault's truth among them, told at its onset."""
    coming = deque(truths)
    for message in messages:
        while coming and parse_time(coming[0].t_onset) <= message.time_ns:
            truth = coming.popleft()
            topic = TRUTH.format(machine=truth.machine)
            yield Message(topic, truth.to_dict(), message.time_ns, readings=0)
        yield message
