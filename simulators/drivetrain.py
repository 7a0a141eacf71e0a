"""Temperatures along the drive train: each part warms over what surrounds it, after a while.

``τ·dT/dt = T_s + ΔT·(f·s + (1−f)·l^n)·h − T``

| symbol | quantity | unit |
|---|---|---|
| T, T_s | the part, what surrounds it | °C |
| ΔT | rise at rated speed and power | K |
| s, l | speed and power, of the rated ones | 1 |
| f, n | share of the heat that comes with speed; exponent of the load: 2 for copper | 1 |
| h | heat compared with a sound part's | 1 |

The form is that of `simulators.thermal`, with R·α·P_rated and R·μ·ω_rated put together as a rise,
which is what is known of these parts. Rises and times are engineering judgement, within what
turbine operators report.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulators.processes import Floats, Follower


class Warmth(NamedTuple):
    """How a kind of part warms."""

    rise_k: tuple[float, float]
    """ΔT from machine to machine."""
    tau_s: tuple[float, float]
    """τ from machine to machine."""
    friction_share: float
    exponent: int


NACELLE = Warmth((5.0, 12.0), (3600.0, 7200.0), 0.0, 1)
"""Air in the nacelle, over the air outside."""
GEARBOX_BEARING = Warmth((10.0, 15.0), (300.0, 600.0), 0.4, 1)
"""Bearing of the high-speed shaft, over the oil that lubricates it."""
MAIN_BEARING = Warmth((10.0, 16.0), (3600.0, 5400.0), 0.7, 1)
"""Over the nacelle's air."""
GENERATOR_BEARING = Warmth((22.0, 32.0), (1200.0, 2400.0), 0.6, 1)
"""Over the nacelle's air."""
GENERATOR_WINDING = Warmth((60.0, 85.0), (1200.0, 2400.0), 0.05, 2)
"""Over the air outside, which cools them; copper's losses go with the square of the current."""

WEAR_HEAT_K = 15.0
"""A bearing at its end is warmer by so much at rated speed (5 to 20 K in the literature)."""
DRY_HEAT_K = 12.0
"""… and so is one that its lubrication has left."""
SHORTED_HEAT = 0.6
"""Full heating of a winding: 1.6 times the heat …"""
NEIGHBOUR_HEAT = 0.08
"""… and a little of it in the two others."""
PHASE_SPREAD = 0.015
"""How differently the windings of one generator are built."""
CONVERTER_HEAT = 0.25
"""A converter that has lost 6 % of efficiency has the generator give a quarter more heat."""


def steady_part(
    surround: Floats, rise_k: Floats, speed: Floats, load: Floats, kind: Warmth
) -> Floats:
    """Temperature [°C] a part settles at, ``T_s + ΔT·(f·s + (1−f)·l^n)``.

    >>> at = np.array([10.0]), np.array([80.0]), np.array([1.0]), np.array([0.5])
    >>> steady_part(*at, GENERATOR_WINDING)
    array([33.])
    """
    work = load * load if kind.exponent == 2 else load
    return surround + rise_k * (kind.friction_share * speed + (1 - kind.friction_share) * work)


def winding_heat(own: Floats, *others: Floats) -> Floats:
    """Heat of one of three windings compared with sound ones, from how ill each is, 0 … 1.

    >>> winding_heat(np.array([1.0]), np.array([0.0]), np.array([1.0]))
    array([1.68])
    """
    return 1 + SHORTED_HEAT * own + NEIGHBOUR_HEAT * (others[0] + others[1])


class Part:
    """One kind of part in a number of machines; begins settled."""

    def __init__(
        self, kind: Warmth, period_s: float, machines: int, individuals: np.random.Generator
    ) -> None:
        self._kind = kind
        self._rise_k = individuals.uniform(*kind.rise_k, machines)
        self._keep = np.exp(-period_s / individuals.uniform(*kind.tau_s, machines))
        self._follower = Follower()

    def advance(
        self,
        surround: Floats,
        speed: Floats,
        load: Floats,
        heat: Floats | float = 1.0,
        extra_k: Floats | float = 0.0,
    ) -> Floats:
        """Temperature [°C]; everything ``[k, machines]`` or what fits it.

        Args:
            surround: T_s.
            speed: s.
            load: l.
            heat: h.
            extra_k: what an illness adds at rated speed [K].
        """
        rise_k = self._rise_k * heat
        settled = steady_part(surround, rise_k, speed, load, self._kind) + extra_k * speed
        return self._follower.advance(settled, self._keep)
