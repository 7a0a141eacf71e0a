"""Run lengths by experiment: each run is a machine of one fleet, and they walk on together."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from detectors.base import FleetDetector

S_NS = 1_000_000_000
Draw = Callable[[np.ndarray, int], np.ndarray]


def noise(n_sensors: int, shift: float = 0.0, seed: int = 8) -> Draw:
    """Independent standard normal readings, f8[runs, block, S]; the first sensor is shifted."""
    rng = np.random.default_rng(seed)

    def draw(on: np.ndarray, block: int) -> np.ndarray:
        values = rng.normal(size=(len(on), block, n_sensors))
        values[..., 0] += shift
        return values

    return draw


def ar1(n_sensors: int, phi: float, runs: int, seed: int = 8) -> Draw:
    """Autocorrelated readings with variance 1 that go on where they stopped."""
    rng = np.random.default_rng(seed)
    last = rng.normal(size=(runs, n_sensors))

    def draw(on: np.ndarray, block: int) -> np.ndarray:
        values = math.sqrt(1 - phi * phi) * rng.normal(size=(len(on), block, n_sensors))
        x = last[on]
        for k in range(block):
            values[:, k] = x = phi * x + values[:, k]
        last[on] = x
        return values

    return draw


def teach(fleet: FleetDetector, draw: Draw, runs: int, n: int, block: int = 200) -> None:
    """Let every run learn so many readings."""
    on = np.arange(runs, dtype=np.int32)
    for start in range(0, n, block):
        rows, times, values = _columns(on, start, draw(on, block))
        fleet.learn(rows, times, values)


def run_lengths(
    fleet: FleetDetector, draw: Draw, runs: int, limit: float = 1.0, block: int = 50
) -> np.ndarray:
    """Readings until the first score above the limit."""
    fleet.reserve(runs)
    lengths, on, start = np.zeros(runs), np.arange(runs, dtype=np.int32), 0
    while len(on):
        rows, times, values = _columns(on, start, draw(on, block))
        scores = fleet.walk(rows, times, values, np.ones(len(rows), np.uint8))
        alarms = (scores.reshape(len(on), block, -1) > limit).any(axis=2)
        alarmed = alarms.any(axis=1)
        lengths[on] += np.where(alarmed, alarms.argmax(axis=1) + 1, block)
        on, start = on[~alarmed], start + block
    return lengths


def assert_mean(lengths: np.ndarray, published: float) -> None:
    """Within 3 standard errors of what is published."""
    error = lengths.std(ddof=1) / math.sqrt(len(lengths))
    assert abs(lengths.mean() - published) < 3 * error, (lengths.mean(), error)


def _columns(on: np.ndarray, start: int, values: np.ndarray):
    runs, block, n_sensors = values.shape
    times = np.tile(np.arange(start, start + block, dtype=np.int64) * S_NS, runs)
    return np.repeat(on, block), times, values.reshape(-1, n_sensors)
