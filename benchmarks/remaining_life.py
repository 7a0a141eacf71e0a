"""Is what is told of remaining lives true? Run it with ``python -m benchmarks.remaining_life``.

Severities every ten minutes: a month of health, φ of 0.2 … 0.5 with log-normal noise of 15 % that
remembers two hours; then exponential damage, in L hours up to four times the limit. ``walking``
lives have a random walk in the logarithm of the damage besides, of 0.1 … 0.5 in all. It is asked
a hundred times a life whether the component degrades, and at 60, 80 and 90 % of it how long it will
last.
α-λ: P50 within 30 % of the truth. Healthy machines are asked each hour for 90 days.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.health import HealthIndex

Floats = NDArray[np.float64]
NOISE, MEMORY_H, HEALTHY_H, FAILED = 0.15, 2.0, 720, 4.0
ASKED = (0.6, 0.8, 0.9)


class Life(NamedTuple):
    """What was told of one life."""

    first: float
    """Share of the life after which it was first called degrading; 1: never."""
    inside: list[bool]
    near: list[bool]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=60)
    parser.add_argument("--machines", type=int, default=20)
    order = parser.parse_args()
    rng = np.random.default_rng(20)
    print("| life after onset | law | told at, median | never told | in P10 … P90 | α-λ |")
    print("|---|---|---|---|---|---|")
    for hours in (24, 100, 500, 2000):
        for law in ("exact", "walking"):
            lives = [_lived(rng, hours, walking=law == "walking") for _ in range(order.lives)]
            print(_row(hours, law, lives))
    print(
        "\n| health remembers | noise | times called degrading, per machine-year | of all hours |"
    )
    print("|---|---|---|---|")
    for memory_h, noise in ((0.0, 0.3), (2.0, 0.2), (24.0, 0.2), (24.0, 0.3), (240.0, 0.2)):
        per_year, share = _healthy(rng, order.machines, memory_h, noise)
        print(f"| {memory_h:g} h | {noise:.0%} | {per_year:.1f} | {share:.2%} |")


def _row(hours: int, law: str, lives: list[Life]) -> str:
    first = np.array([life.first for life in lives])
    inside = np.concatenate([life.inside for life in lives])
    near = np.concatenate([life.near for life in lives])
    return (
        f"| {hours} h | {law} | {np.median(first):.0%} | {(first == 1).mean():.0%} |"
        f" {inside.mean():.0%} of {len(inside)} | {near.mean():.0%} |"
    )


def _lived(rng: np.random.Generator, hours: float, *, walking: bool) -> Life:
    t = np.arange(int((HEALTHY_H + 1.6 * hours) * 6)) / 6
    age = np.maximum(t - HEALTHY_H, 0) / hours
    growth, usual = rng.uniform(2, 6), rng.uniform(0.2, 0.5)
    damage = (FAILED - usual) * np.expm1(growth * age) / np.expm1(growth)
    if walking:
        steps = rng.normal(size=len(t)) * (age > 0) * rng.uniform(0.1, 0.5) / np.sqrt(6 * hours)
        damage *= np.exp(np.cumsum(steps))
    true = usual + damage
    severity = true * np.exp(NOISE * _noise(rng, len(t), MEMORY_H))
    return _told(
        t, severity, float(t[np.argmax(true >= FAILED)] if true.max() >= FAILED else t[-1])
    )


def _told(t: Floats, severity: Floats, end_h: float) -> Life:
    health = HealthIndex(1, components=[[0]], failed=FAILED)
    health.reserve(1)
    first, inside, near = 1.0, list[bool](), list[bool]()
    every = 6 * max(1, int(end_h - HEALTHY_H) // 100)
    for begin in range(0, int(end_h * 6), 6):
        _hour(health, begin, severity[begin : begin + 6, None])
        age, left = (t[begin + 5] - HEALTHY_H) / (end_h - HEALTHY_H), end_h - t[begin + 5]
        asked = any(abs(age - share) * (end_h - HEALTHY_H) <= 0.5 for share in ASKED)
        if age < 0.1 or not (asked or begin % every == 0):
            continue
        outlook = health.outlook(0, 0)
        if outlook.trend != "degrading":
            continue
        first = min(first, age)
        if asked:
            inside.append(outlook.p10_h <= left <= outlook.p90_h)
            near.append(abs(outlook.p50_h - left) <= 0.3 * left)
    return Life(first, inside, near)


def _healthy(
    rng: np.random.Generator, machines: int, memory_h: float, noise: float, days: int = 90
) -> tuple[float, float]:
    """How often healthy machines are called degrading, and for what share of the time."""
    times, hours = 0, 0
    for _ in range(machines):
        severity = np.abs(0.45 * (1 + noise * _noise(rng, 144 * days, memory_h)))
        health = HealthIndex(1, components=[[0]])
        health.reserve(1)
        was = False
        for begin in range(0, len(severity), 6):
            _hour(health, begin, severity[begin : begin + 6, None])
            now = health.outlook(0, 0).trend == "degrading"
            times, hours, was = times + (now and not was), hours + now, now
    return times / machines / days * 365, hours / machines / days / 24


def _hour(health: HealthIndex, begin: int, severity: Floats) -> None:
    n = len(severity)
    times = (np.arange(begin, begin + n) * 600 + 1) * 10**9
    health.walk(np.zeros(n, np.int32), times, severity, np.ones(n, np.uint8))


def _noise(rng: np.random.Generator, n: int, memory_h: float) -> Floats:
    """Standard normal noise, every ten minutes, of an AR(1) process."""
    phi = np.exp(-1 / (6 * memory_h)) if memory_h else 0.0
    fresh = np.sqrt(1 - phi**2) * rng.normal(size=n)
    fresh[0] /= np.sqrt(1 - phi**2)
    found = np.empty(n)
    last = 0.0
    for i, x in enumerate(fresh.tolist()):
        last = phi * last + x
        found[i] = last
    return found


if __name__ == "__main__":
    main()
