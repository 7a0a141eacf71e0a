"""A small plant for the tests of the core: one configuration, messages, and runs to compare."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from hypothesis import strategies as st

from streamer.config import Config, parse
from streamer.journal import Journal
from streamer.pipeline import Pipeline
from streamer.records import AlertEvent, Message, Points
from streamer.recovery import recover

S_NS = 1_000_000_000
START_S = 1_700_000_000
MACHINES = ("P1", "P2", "P3")
SENSORS = ("flow", "pressure", "heat")

TEXT = """
state_dir: state
clock: data
max_ahead_s: 1.0e+9
commit_s: 0.01
mqtt:
  host: localhost
  receive_maximum: 50
  topics:
    - {topic: "plant/{site}/{machine}/telemetry", class: pump}
    - {topic: "gateway/{site}", class: pump, machine_field: machine}
    - {topic: "plant/{site}/{machine}/one/{sensor}", class: pump, dialect: number}
turn_readings: 50
classes:
  pump:
    max_machines: 8
    max_age_s: 300
    sensors:
      flow: {unit: l/s, role: context, range: [0, 100]}
      pressure: {unit: bar, range: [-50, 50], context: flow}
      heat:
        {unit: K, range: [-50, 150], context: flow, context_lag_s: 20, stuck_s: 60, max_step: 40}
    context: {method: slots, bins: 2, bin_readings: 10}
    detectors:
      ewma_chart: {grace_period: 20, longest_grace: 20, limit: 4}
      rolling_zscore: {window_size: 8, grace_period: 4, limit: 6}
      half_space_trees: {n_trees: 4, height: 4, window_size: 6, limit: 0.99}
    alerts:
      machine_fault: {kind: machine, hold_s: 20, keep_firing_s: 30}
      instrument_fault: {kind: instrument, hold_s: 20, keep_firing_s: 30}
      silent: {kind: silent, after_s: 600}
"""
"""Learns in a few dozen readings, so that a short stream sees every stage speak."""


def configured(directory: Path = Path(), text: str = TEXT, **overrides: object) -> Config:
    """The plant's configuration; ``mqtt__port=1`` overrides ``mqtt.port``."""
    dotted = {key.replace("__", "."): value for key, value in overrides.items()}
    return parse(text, directory=directory, overrides=dotted)


def telling(machine: str, t_s: float | None, **fields: Any) -> Message:
    """One reading of one machine as its own message."""
    content = fields if t_s is None else {"ts": at(t_s), **fields}
    return arriving(f"plant/north/{machine}/telemetry", content)


def arriving(topic: str, content: Any, mid: int = 0, *, dup: bool = False) -> Message:
    """A message, received at the start of time; content that is no bytes is sent as JSON."""
    payload = content if isinstance(content, bytes) else msgspec.json.encode(content)
    return Message(topic, payload, at(0), mid, dup)


def at(t_s: float) -> int:
    """Seconds of a story → event time, ns."""
    return START_S * S_NS + round(t_s * S_NS)


def humming(seconds: Iterable[float], machines: Sequence[str] = MACHINES) -> list[Message]:
    """Machines that are well: flow wanders, pressure and heat follow it with some noise."""
    rng = np.random.default_rng(1)
    found = []
    for t_s in seconds:
        for number, machine in enumerate(machines):
            flow = 50 + 40 * math.sin(t_s / 500 + number)
            pressure, heat = flow / 5 + rng.normal(0, 0.2), 20 + flow / 4 + rng.normal(0, 0.3)
            found.append(telling(machine, t_s, flow=flow, pressure=pressure, heat=heat))
    return found


@dataclass
class Run:
    """What a pipeline said of a stream, class by class put together again."""

    points: dict[str, list[Points]] = field(default_factory=dict)
    alerts: list[AlertEvent] = field(default_factory=list)

    def bits(self) -> dict[str, tuple[bytes, ...]]:
        """All that was scored, for comparing to the last bit."""
        return {
            name: tuple(
                np.concatenate(columns).tobytes()
                for columns in zip(*(_columns(one) for one in said), strict=True)
            )
            for name, said in self.points.items()
        }

    def column(self, name: str, machine_class: str = "pump") -> np.ndarray:
        """One score column over all readings."""
        said = self.points[machine_class]
        k = said[0].schema.scores.index(name)
        return np.concatenate([one.scores[:, k] for one in said])

    def states(self) -> list[tuple[str, str, str]]:
        return [(event.machine, event.rule, event.state) for event in self.alerts]


def _columns(points: Points) -> tuple[np.ndarray, ...]:
    r = points.readings
    return r.rows, r.times, r.values, r.flags, points.scores, points.severity, points.quality


def walk(
    pipeline: Pipeline, turns: Iterable[Sequence[Message]], hearing_since_ns: int | None = None
) -> Run:
    """Take turns of messages through a pipeline."""
    run = Run()
    for messages in turns:
        run.alerts += pipeline.turn(messages, hearing_since_ns)
        for points in pipeline.last_points:
            run.points.setdefault(points.schema.machine_class, []).append(points)
    return run


def turns_of(messages: Sequence[Message], size: int) -> list[Sequence[Message]]:
    return [messages[i : i + size] for i in range(0, len(messages), size)]


def dry(messages: Sequence[Message], size: int, config: Config | None = None) -> Run:
    """A run without a journal in turns of ``size`` messages."""
    return walk(Pipeline(config or configured(), None), turns_of(messages, size))


def opened(config: Config) -> tuple[Pipeline, Journal]:
    """A pipeline on the journal of the configuration's state directory, as a start makes it."""
    journal = Journal(config.state_dir / "journal.db")
    pipeline = Pipeline(config, journal)
    recover(pipeline, journal, config.state_dir / "snapshots")
    return pipeline, journal


# Streams that nobody would think of.

VALUES = st.sampled_from([0.0, -0.0, 1.0, 1.5, 2.0, 10.0, 49.9, 50.1, 90.0, 1e300, -1e-300])


@st.composite
def readings(draw: st.DrawFn) -> Message:
    """A message that holds a reading, perhaps of few sensors, perhaps late, perhaps here before."""
    names = draw(st.lists(st.sampled_from(SENSORS), min_size=1, unique=True))
    machine = draw(st.sampled_from(MACHINES))
    t_s = draw(st.integers(0, 40)) * 10
    return telling(machine, t_s, **{name: draw(VALUES) for name in names})


def streams(max_size: int = 120) -> st.SearchStrategy[list[Message]]:
    """Many such, mostly in order of time."""
    return st.lists(readings(), max_size=max_size).map(_mostly_in_order)


def _mostly_in_order(messages: list[Message]) -> list[Message]:
    """Sort all but every seventh by their times, so that late ones are the exception they are."""
    ordered = sorted(messages, key=lambda m: msgspec.json.decode(m.payload)["ts"])
    late = ordered[::7]
    return [message for i, message in enumerate(ordered) if i % 7] + late
