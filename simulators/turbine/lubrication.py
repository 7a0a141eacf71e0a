"""Lubrication of the gearbox: pressure of the oil, and what its filter costs of it."""

from __future__ import annotations

import numpy as np

from simulators.processes import Floats

PRESSURE_BAR = (2.6, 3.4)
"""At rated speed and 50 °C, from machine to machine."""
FILTER_DROP_BAR = (0.5, 0.9)
"""The same, of a clean filter."""
STANDBY_FLOW = 0.35
"""An electric pump keeps up so much of the flow while the rotor stands."""
VISCOSITY_PER_K = 0.025
"""ISO VG 320 halves its viscosity every 28 K around 50 °C."""
VISCOSITY_COLDEST_C = 0.0
"""Below it the heater works: the oil is not let grow stiffer."""

CLOGGED_GAIN = 2.0
"""A clogged filter drops three times the pressure …"""
STARVED_SHARE = 0.4
"""… and the bearings get less of it."""


def relative_viscosity(oil: Floats) -> Floats:
    """Viscosity compared with that at 50 °C, ``exp(−0.025·(T − 50))``.

    >>> relative_viscosity(np.array([50.0, 78.0])).round(2)
    array([1. , 0.5])
    """
    return np.exp(-VISCOSITY_PER_K * (np.maximum(oil, VISCOSITY_COLDEST_C) - 50))


def pump_flow(speed: Floats) -> Floats:
    """Flow compared with that at rated speed: a pump on the shaft, and an electric one.

    >>> pump_flow(np.array([0.0, 1.0])).tolist()
    [0.35, 1.0]
    """
    return STANDBY_FLOW + (1 - STANDBY_FLOW) * speed


def oil_pressure(base: Floats, flow: Floats, viscosity: Floats, lost: Floats) -> Floats:
    """Pressure before the bearings [bar], ``p0·q·η^0.3·(1 − 0.4·c)``.

    Orifices at the bearings make it nearly independent of viscosity; the exponent is engineering
    judgement.

    Args:
        base: p0 at rated speed and 50 °C.
        flow: q, from `pump_flow`.
        viscosity: η, from `relative_viscosity`.
        lost: c, 0 … 1.
    """
    return base * flow * viscosity**0.3 * (1 - STARVED_SHARE * lost)


def filter_drop(base: Floats, flow: Floats, viscosity: Floats, clogged: Floats) -> Floats:
    """Pressure drop [bar] of laminar flow through a filter (Darcy), ``Δp0·q·η·(1 + 2·c)``."""
    return base * flow * viscosity * (1 + CLOGGED_GAIN * clogged)
