"""What a reading costs in each detector alone: ours as fleets in turns, River's as objects.

Both score and then learn readings of three sensors of machines in turn, after a warm-up in which
every machine's detector has filled its window. River has no control chart and no rolling z-score;
in their place stand the statistics that one would build them from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors import DETECTORS

TURN = 4096
SENSORS = ("vibration", "temperature", "speed")
HASTY: dict[str, Any] = {"scales_s": (2.5, 15.0, 60.0, 240.0), "learn_s": 500.0}
OURS: dict[str, dict[str, Any]] = {
    "ewma_multichart": HASTY,
    "adjusted_multichart": HASTY,
    "yield_chart": {"scale_s": 60.0, "learn_s": 500.0},
    "seasonal_novelty": {"step_s": 1.0},
    "half_space_trees": {"height": 8},
    "rolling_zscore": {"window_size": 250},
}
"""Parameters of those that count in hours of event time, for readings a second apart; and River's,
where the same is compared."""
WARM_UP = {
    "ewma_multichart": 502,
    "adjusted_multichart": 502,
    "yield_chart": 502,
    "half_space_trees": 251,
    "rolling_zscore": 251,
    "ewma_chart": 401,
    "reference_chart": 401,
    "shewhart": 401,
    "cusum": 401,
    "hotelling_t2": 401,
    "spe": 401,
    "mewma": 401,
    "page_hinkley": 31,
    "seasonal_novelty": 251,
}
Walk = Callable[[int, dict[str, float]], object]


class KernelResult(NamedTuple):
    """CPU time per reading, µs."""

    detector: str
    in_river: str
    machines: int
    ours_us: float
    river_us: float


def measure_kernels(
    sizes: Sequence[int], ours: int, rivers: int, tell: Callable[[str], None]
) -> list[KernelResult]:
    """Measure each detector at each number of machines, over so many readings."""
    found = []
    for machines in sizes:
        for name, (in_river, make) in RIVERS.items():
            ours_us = _time_ours(name, machines, ours)
            river_us = _time_river(make, WARM_UP[name], machines, rivers)
            found.append(KernelResult(name, in_river, machines, ours_us, river_us))
            tell(f"{name}, {machines:,} machines: {ours_us:.2f} µs, River {river_us:.1f} µs")
    return found


def _noise(n: int) -> NDArray[np.float64]:
    return np.random.default_rng(7).normal(size=(n, len(SENSORS)))


def _time_ours(name: str, machines: int, n: int) -> float:
    fleet = DETECTORS[name](len(SENSORS), **OURS.get(name, {}))
    fleet.reserve(machines)
    warm_up = machines * WARM_UP[name]
    rows, times = _turns(machines, warm_up)
    fleet.learn(rows, times, _noise(warm_up))
    rows, times = _turns(machines, n)
    values, learn = _noise(n), np.ones(n, dtype=np.uint8)
    began = time.process_time()
    for i in range(0, n, TURN):
        turn = slice(i, i + TURN)
        fleet.walk(rows[turn], times[turn], values[turn], learn[turn])
    return 1e6 * (time.process_time() - began) / n


def _turns(machines: int, n: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Rows and times of readings that come from all machines in turn, each once a second."""
    at = np.arange(n)
    return (at % machines).astype(np.int32), at // machines * 10**9


def _time_river(make: Callable[[], Walk], warm_up: int, machines: int, n: int) -> float:
    models = [make() for _ in range(machines)]
    readings = [dict(zip(SENSORS, one, strict=True)) for one in _noise(TURN).tolist()]
    for i in range(machines * warm_up):
        models[i % machines](i, readings[i % TURN])
    began = time.process_time()
    for i in range(n):
        models[i % machines](i, readings[i % TURN])
    return 1e6 * (time.process_time() - began) / n


def _half_space_trees() -> Walk:
    from river.anomaly import HalfSpaceTrees

    trees = HalfSpaceTrees(seed=42, limits=dict.fromkeys(SENSORS, (-8.0, 8.0)))

    def walk(_: int, x: dict[str, float]) -> float:
        score: float = trees.score_one(x)
        trees.learn_one(x)
        return score

    return walk


def _rolling() -> Walk:
    from river.stats import Mean, Var
    from river.utils import Rolling

    windows = {
        name: (Rolling(Mean, window_size=250), Rolling(Var, window_size=250)) for name in SENSORS
    }

    def walk(_: int, x: dict[str, float]) -> list[float]:
        scores = []
        for name, value in x.items():
            mean, var = windows[name]
            scores.append(abs(value - mean.get()) / max(var.get() ** 0.5, 1e-6))
            mean.update(value)
            var.update(value)
        return scores

    return walk


def _exponential() -> Walk:
    from river.stats import EWMean, EWVar

    charts = {name: (EWMean(0.1), EWVar(0.1)) for name in SENSORS}

    def walk(i: int, x: dict[str, float]) -> list[float]:
        scores = []
        for name, value in x.items():
            mean, var = charts[name]
            scores.append(abs(mean.get() or 0.0) / max((var.get() or 0.0) ** 0.5, 1e-6))
            mean.update(value)
            var.update(value)
        return scores if i else []

    return walk


def _exponentials() -> Walk:
    from river.stats import EWMean

    charts = {name: [EWMean(fading) for fading in (0.3, 0.06, 0.02, 0.004)] for name in SENSORS}

    def walk(i: int, x: dict[str, float]) -> list[float]:
        scores = []
        for name, value in x.items():
            scores.append(max(abs(mean.get() or 0.0) for mean in charts[name]))
            for mean in charts[name]:
                mean.update(value)
        return scores if i else []

    return walk


def _running() -> Walk:
    from river.stats import Mean, Var

    moments = {name: (Mean(), Var()) for name in SENSORS}

    def walk(_: int, x: dict[str, float]) -> list[float]:
        scores = []
        for name, value in x.items():
            mean, var = moments[name]
            scores.append(abs(value - mean.get()) / max(var.get() ** 0.5, 1e-6))
            mean.update(value)
            var.update(value)
        return scores

    return walk


def _precision() -> Walk:
    from river.covariance import EmpiricalPrecision
    from river.stats import Mean

    precision, means = EmpiricalPrecision(), {name: Mean() for name in SENSORS}

    def walk(i: int, x: dict[str, float]) -> float:
        away = {name: value - means[name].get() for name, value in x.items()}
        score = 0.0
        if precision.matrix:
            score = sum(away[a] * away[b] * precision[a, b] for a in x for b in x)
        precision.update(x)
        for name, value in x.items():
            means[name].update(value)
        return score if i else 0.0

    return walk


def _page_hinkley() -> Walk:
    from river.drift import PageHinkley

    tests = {name: PageHinkley() for name in SENSORS}

    def walk(_: int, x: dict[str, float]) -> list[bool]:
        for name, value in x.items():
            tests[name].update(value)
        return [test.drift_detected for test in tests.values()]

    return walk


RIVERS: dict[str, tuple[str, Callable[[], Walk]]] = {
    "ewma_multichart": ("four of stats.EWMean, no chart", _exponentials),
    "adjusted_multichart": ("four of stats.EWMean, no chart", _exponentials),
    "yield_chart": ("stats.EWMean and stats.EWVar, no chart", _exponential),
    "half_space_trees": ("anomaly.HalfSpaceTrees", _half_space_trees),
    "rolling_zscore": ("utils.Rolling of stats.Mean and stats.Var", _rolling),
    "ewma_chart": ("stats.EWMean and stats.EWVar, no chart", _exponential),
    "reference_chart": ("stats.EWMean and stats.EWVar, no chart", _exponential),
    "shewhart": ("stats.Mean and stats.Var, no chart", _running),
    "cusum": ("drift.PageHinkley, which adapts", _page_hinkley),
    "hotelling_t2": ("covariance.EmpiricalPrecision, no chart", _precision),
    "spe": ("covariance.EmpiricalPrecision, no chart", _precision),
    "mewma": ("covariance.EmpiricalPrecision, no chart", _precision),
    "page_hinkley": ("drift.PageHinkley", _page_hinkley),
    "seasonal_novelty": ("utils.Rolling of stats.Mean and stats.Var", _rolling),
}
"""Our detector → what stands for it in River, and how one machine's is made."""
