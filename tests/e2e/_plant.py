"""A plant for the whole path: a configuration, a stream of readings, and what must become of it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import yaml

from streamer.config import Config
from streamer.pipeline import Pipeline
from streamer.records import AlertEvent, Machine, Message, Points
from streamer.resources import config_path

S_NS = 1_000_000_000
START_S = 1_700_000_000
SENSORS = ("wind_speed", "vibration", "temperature")
SITE = "north"

Stream = list[tuple[str, bytes]]
"""(topic, payload) in order."""
Told = list[tuple[str, dict[str, Any]]]
"""(machine, measurements and their time) in order."""


def machines(count: int) -> list[str]:
    return [f"T{number:03}" for number in range(1, count + 1)]


def plant(port: int, **changes: Any) -> dict[str, Any]:
    """A configuration whose detectors speak after a few dozen readings of a machine."""
    turbine = {
        "sensors": {
            "wind_speed": {"unit": "m/s", "role": "context", "range": [0, 20]},
            "vibration": {"unit": "mm/s", "range": [-100, 100], "context": "wind_speed"},
            "temperature": {"unit": "°C", "range": [-40, 150], "context": "wind_speed"},
        },
        "context": {"method": "slots", "bins": 2, "bin_readings": 10},
        "detectors": {
            "ewma_chart": {"grace_period": 20, "longest_grace": 20, "limit": 6, "min_std": 1},
            "rolling_zscore": {"window_size": 20, "grace_period": 10},
            "half_space_trees": {"n_trees": 5, "height": 5, "window_size": 15},
        },
        "alerts": {
            "machine_fault": {"kind": "machine", "hold_s": 60, "keep_firing_s": 120},
            "instrument_fault": {"kind": "instrument", "hold_s": 60, "keep_firing_s": 120},
        },
    }
    mqtt = {
        "host": "127.0.0.1",
        "port": port,
        "topics": [
            {"topic": "plant/{site}/{machine}/telemetry", "class": "turbine"},
            {"topic": "plant/{site}/gateway", "class": "turbine", "machine_field": "machine"},
            {
                "topic": "plant/{site}/{machine}/one/{sensor}",
                "class": "turbine",
                "dialect": "number",
            },
        ],
    }
    config: dict[str, Any] = {
        "state_dir": "state",
        "clock": "data",
        "max_ahead_s": 1e6,
        "commit_s": 0.05,
        "turn_readings": 100,
        "mqtt": mqtt | changes.pop("mqtt", {}),
        "classes": {"turbine": turbine | changes.pop("turbine", {})},
        "sinks": {"sqlite": {"flush_s": 0.1}},
    }
    return config | changes


def demo_plant(port: int, **changes: Any) -> dict[str, Any]:
    """The demo's own classes and limits, with another broker."""
    config: dict[str, Any] = yaml.safe_load(config_path("demo.yaml").read_text("utf-8"))
    config["mqtt"] |= {"port": port, "protocol": "auto"}
    return config | {"state_dir": "state"} | changes


def readings(
    names: Sequence[str], steps: Iterable[int], *, sick: Container[str] = (), period_s: int = 10
) -> Told:
    """All machines step by step; who is sick trembles."""
    found = []
    for step in steps:
        rng = np.random.default_rng([step, len(names)])
        wind = 8 + 6 * np.sin(step / 25 + np.arange(len(names))) + rng.normal(0, 0.5, len(names))
        noise = rng.normal(0, 1, (2, len(names)))
        for i, name in enumerate(names):
            values = {
                "ts": (START_S + step * period_s) * S_NS + i * 1_000_000,
                "wind_speed": float(abs(wind[i])),
                "vibration": float(2 + 0.2 * noise[0, i] + 20 * (name in sick)),
                "temperature": float(30 + 0.5 * noise[1, i]),
            }
            found.append((name, values))
    return found


def telemetry(told: Told) -> Stream:
    """One message per reading."""
    return [
        (f"plant/{SITE}/{name}/telemetry", json.dumps(values).encode()) for name, values in told
    ]


def gathered(told: Told, size: int) -> Stream:
    """Arrays of so many readings, as a gateway sends them."""
    listed = [{"machine": name, **values} for name, values in told]
    chunks = [listed[i : i + size] for i in range(0, len(listed), size)]
    return [(f"plant/{SITE}/gateway", json.dumps(chunk).encode()) for chunk in chunks]


class Verdict:
    """What a pipeline without a journal makes of a stream in one go: what everybody must get."""

    def __init__(self, config: Config, stream: Stream) -> None:
        pipeline = Pipeline(config, None)
        messages = [Message(topic, payload, time.time_ns()) for topic, payload in stream]
        self.alerts: list[AlertEvent] = list(pipeline.turn(messages, None))
        self._points = pipeline.last_points
        self._machines = pipeline.rosters["turbine"].machines

    @property
    def scored(self) -> dict[tuple[str, int], bytes]:
        """See `bits`."""
        return bits(self._points, self._machines)

    @property
    def rows(self) -> dict[tuple[str, int], dict[str, float]]:
        """(machine, event time) → sensor or score → value; what is not known is left out."""
        return {
            (machine.labels[-1][1], time_ns): {n: v for n, v in line.items() if not math.isnan(v)}
            for points in self._points
            for machine, time_ns, line in _lines(points, self._machines)
        }


def bits(found: Iterable[Points], machines: Sequence[Machine]) -> dict[tuple[str, int], bytes]:
    """(machine, event time) → all that was made of a reading; none may be there twice."""
    told: dict[tuple[str, int], bytes] = {}
    for points in found:
        lines = _lines(points, machines)
        for (machine, time_ns, line), quality in zip(lines, points.quality, strict=True):
            assert (machine.name, time_ns) not in told, f"{machine} is scored twice at {time_ns}"
            told[machine.name, time_ns] = np.array([*line.values()]).tobytes() + quality.tobytes()
    return told


def _lines(
    points: Points, machines: Sequence[Machine]
) -> Iterator[tuple[Machine, int, dict[str, float]]]:
    names = [*points.schema.sensors, *points.schema.scores, "severity"]
    told = points.readings
    numbers = np.column_stack([told.values, points.scores, points.severity]).tolist()
    for row, time_ns, line in zip(told.rows.tolist(), told.times.tolist(), numbers, strict=True):
        yield machines[row], time_ns, dict(zip(names, line, strict=True))
