"""Vibration of bearings and gears: how strong (RMS over 10-1000 Hz), and how spiky.

A new defect rings the bearing like a bell, once for every ball that passes: spikes, which kurtosis
and crest factor see while the RMS hardly moves. Later the whole raceway is rough; the RMS grows,
and in it the spikes drown, so that both indicators fall again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from simulators.processes import Floats, OrnsteinUhlenbeck
from simulators.streams import Streams

CORRELATION_S = 270.0
"""Correlation time of the log-level: an AR(1) coefficient of 0.8 from one minute to the next."""
SPREAD = (0.08, 0.15)
"""σ_v from machine to machine."""

GAUSSIAN_KURTOSIS = 3.0
SPIKY_KURTOSIS, SPIKY_WEAR = 5.0, 0.2
"""Kurtosis climbs from 3 to 8, at a fifth of the wear."""
SPIKY_CREST, SPIKY_CREST_WEAR = 3.0, 0.25

WEAR_GAIN = 4.0
"""A bearing at its end vibrates five times as much (2 to 6 times in the literature)."""
RENEWED_GAIN = -0.5
"""With a new bearing half of the vibration is gone."""
DRY_GAIN = 1.5
"""Without lubrication: 2.5 times, once more than half of it is lost."""
AGEING_GAIN = 0.02
"""In a year."""


def vibration_rms(
    base: Floats, speed: Floats, load: Floats, spread: Floats, noise: Floats
) -> Floats:
    """Vibration velocity [mm/s RMS]: ``v0·(0.15 + 0.85·s^1.5)·(1 + 0.3·l)·exp(σ_v·ε)``.

    The speed's exponent lies between that of a constant force (1) and of imbalance (2); levels
    scatter by a factor, not by a sum. Exponent, shares and spread are engineering judgement, with
    v0 such that a healthy machine stays in the two lower zones of ISO 20816-21.

    Args:
        base: v0 [mm/s], level at rated speed without load.
        speed: s = ω/ω_rated, 0 … about 1.
        load: l = P/P_rated, 0 … about 1.
        spread: σ_v, standard deviation of the logarithm, 0.08 … 0.15.
        noise: ε, standard Gaussian, correlated over `CORRELATION_S`.

    >>> vibration_rms(1.6, np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0.1, 0.0).round(2)
    array([0.24, 2.08])
    """
    return base * (0.15 + 0.85 * speed * np.sqrt(speed)) * (1 + 0.3 * load) * np.exp(spread * noise)


def spikes(wear: Floats, peak_wear: float) -> Floats:
    """How spiky a bearing's vibration is, ``(w/w₀)·e^(1 − w/w₀)``: 1 at w₀, less before and after.

    The rise and fall is what bearing tests to the end show; its form is engineering judgement.

    >>> spikes(np.array([0.0, 0.2, 1.0]), 0.2).round(2)
    array([0.  , 1.  , 0.09])
    """
    x = wear / peak_wear
    return x * np.exp(1 - x)


def kurtosis(base: Floats | float, wear: Floats, noise: Floats | float) -> Floats:
    """Fourth moment over the square of the second: 3 for a Gaussian, more with spikes.

    >>> kurtosis(GAUSSIAN_KURTOSIS, np.array([0.0, 0.2]), 0.0)
    array([3., 8.])
    """
    return (base + SPIKY_KURTOSIS * spikes(wear, SPIKY_WEAR)) * (1 + 0.03 * noise)


def crest_factor(base: Floats | float, wear: Floats, noise: Floats | float) -> Floats:
    """Peak over RMS, 3.2 to 4 in sound machinery."""
    return (base + SPIKY_CREST * spikes(wear, SPIKY_CREST_WEAR)) * (1 + 0.04 * noise)


class Component(NamedTuple):
    """One of the places where vibration is measured."""

    name: str
    base: tuple[float, float]
    """v0 from machine to machine [mm/s]."""
    level: str
    kurtosis: str
    crest: str
    """Names of its sensors."""


COMPONENTS = (
    Component("gearbox", (1.2, 2.0), "vibration", "gearbox_kurtosis", "gearbox_crest_factor"),
    Component(
        "main",
        (0.5, 0.9),
        "main_bearing_vibration",
        "main_bearing_kurtosis",
        "main_bearing_crest_factor",
    ),
    Component(
        "generator",
        (2.0, 3.0),
        "generator_vibration",
        "generator_kurtosis",
        "generator_crest_factor",
    ),
)


class Vibrations:
    """The three features of one component in a number of machines, each with its own chance."""

    def __init__(
        self, component: Component, streams: Streams, period_s: float, machines: int
    ) -> None:
        name = component.name

        def noise(feature: str) -> OrnsteinUhlenbeck:
            stream = streams(f"turbine/{name}/{feature}")
            return OrnsteinUhlenbeck(stream, period_s, CORRELATION_S, machines)

        own = streams(f"turbine/{name}/vibration/individuals")
        self._name = name
        self._base = own.uniform(*component.base, machines)
        self._spread = own.uniform(*SPREAD, machines)
        self._kurtosis = own.uniform(GAUSSIAN_KURTOSIS, 3.3, machines)
        self._crest = own.uniform(3.4, 3.8, machines)
        self._roughness = noise("roughness")
        self._spikiness = noise("spikiness")
        self._peaks = noise("peaks")

    def rms(self, speed: Floats, load: Floats, conditions: Mapping[str, Floats]) -> Floats:
        """[mm/s], at a speed and a load ``[k, machines]``, 1 when rated."""
        noise = self._roughness.advance(len(speed))
        healthy = vibration_rms(self._base, speed, load, self._spread, noise)
        worn = 1 + WEAR_GAIN * conditions[f"bearing_wear.{self._name}"]
        renewed = 1 + RENEWED_GAIN * conditions[f"bearing_renewed.{self._name}"]
        dry = 1 + DRY_GAIN * self._dry(conditions)
        return healthy * (worn * renewed * dry * (1 + AGEING_GAIN * conditions["ageing"]))

    def kurtosis(self, steps: int, conditions: Mapping[str, Floats]) -> Floats:
        """``[steps, machines]``"""
        wear = conditions[f"bearing_wear.{self._name}"]
        return kurtosis(self._kurtosis, wear, self._spikiness.advance(steps))

    def crest_factor(self, steps: int, conditions: Mapping[str, Floats]) -> Floats:
        """``[steps, machines]``"""
        wear = conditions[f"bearing_wear.{self._name}"]
        return crest_factor(self._crest, wear, self._peaks.advance(steps))

    def _dry(self, conditions: Mapping[str, Floats]) -> Floats:
        """Lost lubrication is heard late, and in the gearbox."""
        if self._name != "gearbox":
            return np.zeros((1, 1))
        return np.maximum(2 * conditions["lubrication_loss"] - 1, 0)
