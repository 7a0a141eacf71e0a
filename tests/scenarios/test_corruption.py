"""One bad value in a hundred changes little of what is said of a farm.

The farm's configuration names its sensors, their roles, units and ranges, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
import pytest

from detectors.quality import OK, SPIKE
from simulators import Farm, parse_fault
from streamer.config import Config, parse
from streamer.evaluate.engines import OURS, Product
from streamer.evaluate.walk import Course, columns, walk
from streamer.evaluate.world import course_of
from streamer.monitor import ClassMonitor, Judged
from streamer.records import Machine

CONFIG = """
state_dir: telltale-corruption
clock: data
mqtt:
  host: localhost
  topics:
    - {topic: "plant/{site}/{machine}/telemetry", class: turbine}
classes:
  turbine:
    sensors:
      wind_speed: {unit: m/s, role: context, range: [0, 60]}
      power: {unit: kW, role: context, range: [-200, 6000]}
      rotor_speed: {unit: rpm, role: context, range: [0, 30]}
      gearbox_temperature: {unit: °C, range: [-40, 150]}
      ambient_temperature: {unit: °C, role: context, range: [-40, 60]}
      vibration: {unit: mm/s, range: [0, 50]}
    moving: {sensor: rotor_speed, above: 1}
"""
HOURS = 40 * 24.0
CLASS = "turbine"
BAD = {"nothing": np.nan, "spike": 1e9, "sentinel": -9999.0, "sentinel in range": 127.0}
"""What stands in place of a value; text is nothing, once it is decoded."""


@cache
def config() -> Config:
    return parse(CONFIG)


@cache
def farm() -> Farm:
    faults = ["bearing_wear@T01:32d+2d", "overheating@T02:33d+1d", "bearing_wear@T03:34d+1d"]
    return Farm(
        5,
        seed=3,
        period_s=600,
        faults=[parse_fault(text) for text in faults],
        sensors=list(config().classes[CLASS].sensors),
    )


def corrupted(course: Course, bad: float, share: float = 0.01) -> Course:
    """The same readings, of which a share of all values is bad."""

    def feed(product: Product) -> Iterable[Judged]:
        rng = np.random.default_rng(1)
        rows = np.arange(len(course.machines), dtype=np.int32)
        for block in farm().run(HOURS):
            values = block.values.reshape(-1, block.values.shape[-1]).copy()
            values[rng.random(values.shape) < share] = bad
            times = np.repeat(block.times, len(rows))
            everybody = np.tile(rows, len(block.times))
            yield product.monitor.step(columns(everybody, times, values))

    return course._replace(feed=feed)


@cache
def auc(kind: str = "") -> float:
    """How well severity tells faulty readings from healthy ones."""
    course = course_of(farm(), HOURS, config(), CLASS)
    if kind:
        course = corrupted(course, BAD[kind])
    walked = walk(course, config().classes[CLASS])
    return walked.run.score(OURS, walked.said[OURS]).points.roc_auc


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_value_in_a_hundred_costs_less_than_a_hundredth(kind):
    assert auc() > 0.95
    assert auc(kind) == pytest.approx(auc(), abs=0.01)


@pytest.mark.parametrize("bad", [1e9, -9999.0, 149.0])
def test_one_spike_is_forgotten_after_ten_readings(bad):
    """After it, every severity is what it would have been, or nearly so."""
    turbine = config().classes[CLASS]
    machines = [Machine(CLASS, (("site", "demo"), ("machine", "T05")))]
    blocks = list(farm().run(HOURS * 0.75))
    values = np.concatenate([block.values[:, 4] for block in blocks])
    times = np.concatenate([block.times for block in blocks])
    at, sensor = 4200, list(turbine.sensors).index("gearbox_temperature")
    spiked = values.copy()
    spiked[at, sensor] = bad
    rows = np.zeros(len(times), dtype=np.int32)
    clean, hit = (
        ClassMonitor(CLASS, turbine, machines).step(columns(rows, times, readings))
        for readings in (values, spiked)
    )
    assert hit.block.codes[at, sensor] != OK
    assert hit.alerts == clean.alerts
    later = slice(at + 10, at + 100)
    limits = [
        one.limit
        for name, one in turbine.detectors.items()
        for _ in one.columns(name, turbine.health)
    ]
    assert np.isfinite(clean.block.scores[later]).mean() > 0.9
    before, after = (judged.block.scores[later] / limits for judged in (clean, hit))
    np.testing.assert_allclose(after, before, atol=0.05, rtol=0.05)
    assert (SPIKE in hit.block.codes[at]) == (bad == 149.0)
