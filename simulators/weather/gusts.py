"""Gusts and lulls: events of the weather that come now and then and strike the whole farm."""

from __future__ import annotations

import numpy as np

from simulators.processes import Floats

GUST_S = 10.5
"""Duration of the extreme operating gust (IEC 61400-1 ed. 3, eq. 17)."""
GUST_SIGMAS = 3.3 / (1 + 0.1 * 126 / 42)
"""Its height in standard deviations of turbulence, for a rotor of 126 m and Λ1 = 42 m (eq. 16)."""
FOLLOW_S = 8.0
"""Time constant of a rotor's speed, see `simulators.weather.wind.INERTIA_M`."""
FORGOTTEN_S = GUST_S + 20 * FOLLOW_S
"""So long after its beginning nothing of a gust is left."""
LULL_S = (1200.0, 5400.0)
LULL_DEPTH = (0.3, 0.7)
"""How much of the wind is missing in the middle of a lull."""
DAY_S = 86_400.0


def operating_gust(t_s: Floats) -> Floats:
    """The extreme operating gust, a dip, a peak and a dip, as a share of its height.

    ``−0.37·sin(3πt/T)·(1 − cos(2πt/T))`` for 0 ≤ t ≤ T = 10.5 s, else 0 (IEC 61400-1 ed. 3, eq.
    17; for its looks also called the Mexican hat).

    >>> operating_gust(np.array([-1.0, 0.0, 5.25, 20.0])).round(2) + 0.0
    array([0.  , 0.  , 0.74, 0.  ])
    """
    x = np.clip(t_s / GUST_S, 0, 1)
    gust: Floats = -0.37 * np.sin(3 * np.pi * x) * (1 - np.cos(2 * np.pi * x))
    return gust


def followed_gust(t_s: Floats) -> Floats:
    """What a rotor of `FOLLOW_S` follows of the gust, as a share of its height; exact at any step.

    ``sin a·(1 − cos b)`` is a sum of three sines, and ``τ·dy/dt = sin(ωt) − y`` from 0 gives
    ``y = (sin ωt − ωτ·cos ωt + ωτ·exp(−t/τ))/(1 + (ωτ)²)``; after the gust it fades.

    >>> followed_gust(np.array([-1.0, 0.0, 5.25, 7.5, 200.0])).round(2) + 0.0
    array([0.  , 0.  , 0.05, 0.11, 0.  ])
    """
    inside = np.clip(t_s, 0, GUST_S)
    followed = np.zeros(len(t_s))
    for half_turns, weight in ((3, 1.0), (5, -0.5), (1, -0.5)):
        omega = half_turns * np.pi / GUST_S
        lag = omega * FOLLOW_S
        wave = np.sin(omega * inside) - lag * (np.cos(omega * inside) - np.exp(-inside / FOLLOW_S))
        followed -= 0.37 * weight * wave / (1 + lag**2)
    fading = followed * np.exp((inside - np.maximum(t_s, 0)) / FOLLOW_S)
    return np.where(t_s > FORGOTTEN_S, 0.0, fading)


def lull(t_s: Floats, duration_s: float) -> Floats:
    """Share of a lull's depth that is there ``t_s`` after it began, ``(1 − cos(2πt/T))/2``.

    >>> lull(np.array([0.0, 900.0, 1800.0, 3600.0, 4000.0]), 3600.0).round(9)
    array([0. , 0.5, 1. , 0. , 0. ])
    """
    return (1 - np.cos(2 * np.pi * np.clip(t_s / duration_s, 0, 1))) / 2


class Events:
    """Events of a Poisson process, each with two numbers of its own, uniform within 0 … 1.

    They are drawn one after the other, so they are the same at every sampling period and however
    a run is cut into blocks.

    Args:
        stream: where they come from; nobody else may draw from it.
        per_day: how many there are on average.
        longest_s: none lasts longer.
    """

    def __init__(self, stream: np.random.Generator, per_day: float, longest_s: float) -> None:
        self._stream = stream
        self._per_day = per_day
        self._longest_s = longest_s
        self._drawn: list[tuple[float, float, float]] = []

    def during(self, begin_s: float, end_s: float) -> list[tuple[float, float, float]]:
        """Start [s] and the two numbers of all that may be going on at some time in between."""
        if self._per_day == 0:
            return []
        while not self._drawn or self._drawn[-1][0] <= end_s:
            last_s = self._drawn[-1][0] if self._drawn else 0.0
            gap_s = self._stream.exponential(DAY_S / self._per_day)
            self._drawn.append((last_s + gap_s, *self._stream.uniform(size=2).tolist()))
        self._drawn = [event for event in self._drawn if event[0] >= begin_s - self._longest_s]
        return [event for event in self._drawn if event[0] <= end_s]


class Gusts:
    """Extreme operating gusts, half to wholly as high as the standard has them."""

    def __init__(self, stream: np.random.Generator, per_day: float) -> None:
        self._events = Events(stream, per_day, FORGOTTEN_S)

    def advance(self, t_s: Floats) -> tuple[Floats, Floats]:
        """Above the mean wind, in standard deviations of turbulence, ``[k]`` each.

        What there is at a point, and what a rotor follows of it.
        """
        height, followed = np.zeros((2, len(t_s)))
        for start_s, size, _ in self._events.during(t_s[0], t_s[-1]):
            highest = GUST_SIGMAS * (0.5 + 0.5 * size)
            height += highest * operating_gust(t_s - start_s)
            followed += highest * followed_gust(t_s - start_s)
        return height, followed


class Lulls:
    """The wind falls away for some 20 to 90 minutes, and comes back."""

    def __init__(self, stream: np.random.Generator, per_day: float) -> None:
        self._events = Events(stream, per_day, LULL_S[1])

    def advance(self, t_s: Floats) -> Floats:
        """What is left of the mean wind, ``[k]``, 0 … 1."""
        left = np.ones(len(t_s))
        for start_s, depth, duration in self._events.during(t_s[0], t_s[-1]):
            duration_s = float(np.interp(duration, (0, 1), LULL_S))
            left *= 1 - np.interp(depth, (0, 1), LULL_DEPTH) * lull(t_s - start_s, duration_s)
        return left
