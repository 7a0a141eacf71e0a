"""Air: how dense it is, what that does to a rotor, and how far away its dew is."""

from __future__ import annotations

import numpy as np

from simulators.processes import Floats

GAS_CONSTANT = 287.058
"""Specific, of dry air [J/(kg·K)]."""
STANDARD_DENSITY = 1.225
"""What power curves are given for [kg/m³]: 1013.25 hPa and 15 °C."""
ZERO_CELSIUS_K = 273.15


def air_density(pressure_hpa: Floats, air: Floats) -> Floats:
    """Density [kg/m³] of an ideal gas, ``ρ = p/(R·T)``; moisture, below 1 %, is left out.

    Args:
        pressure_hpa: at hub height.
        air: temperature [°C].

    >>> air_density(np.array([1013.25]), np.array([15.0])).round(3)
    array([1.225])
    """
    return 100 * pressure_hpa / (GAS_CONSTANT * (air + ZERO_CELSIUS_K))


def equivalent_wind(wind: Floats, density: Floats) -> Floats:
    """Wind [m/s] of standard air with the same power, ``V·(ρ/1.225)^(1/3)``.

    The correction for pitch-regulated turbines (IEC 61400-12-1): the curve moves sideways, its
    rated power stays.

    >>> equivalent_wind(np.array([10.0]), np.array([1.0])).round(2)
    array([9.35])
    """
    return wind * np.cbrt(density / STANDARD_DENSITY)
