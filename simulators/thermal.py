"""Heat: the air outside, and a gearbox that warms with friction and load and cools to the air.

``C·dT/dt = (T_a − T)/R + μ·ω + α·P``

| symbol | quantity | unit |
|---|---|---|
| T, T_a | gearbox oil, air outside | °C |
| C | heat capacity | kJ/K |
| R | thermal resistance to the air, cooler included | K/kW |
| μ | friction heat per rotor speed | kW/rpm |
| α | share of the power that becomes heat | 1 |

The lumped first-order form is the usual one for turbine temperatures (e.g. arXiv:2404.04126, in
discrete form); the sizes of R, C, μ and α are chosen in `simulators.turbine.gearbox`.
"""

from __future__ import annotations

import numpy as np

from simulators.processes import Floats

WARMEST_HOUR = 15.0
"""Local hour of the daily maximum; the air lags the sun by two to three hours."""
YEAR_DAYS = 365.2425


def steady_temperature(ambient: Floats, resistance: Floats, heat_kw: Floats) -> Floats:
    """Temperature [°C] at which heat in equals heat out, ``T_a + R·(μ·ω + α·P)``.

    Args:
        ambient: T_a [°C].
        resistance: R [K/kW].
        heat_kw: μ·ω + α·P, of friction and load [kW].

    >>> steady_temperature(np.array([10.0]), np.array([0.8]), np.array([50.0]))
    array([50.])
    """
    return ambient + resistance * heat_kw


def thermal_memory(period_s: float, resistance: Floats, capacity: Floats) -> Floats:
    """What is left of a temperature difference after a step, ``exp(−Δt/(R·C))``.

    The step is exact for heat and air held constant over it.

    >>> thermal_memory(3600.0, np.array([0.8]), np.array([4500.0])).round(4)  # R·C is 1 h
    array([0.3679])
    """
    return np.exp(-period_s / (resistance * capacity))


def daily_cycle(hour: Floats, amplitude: float, peak: float = WARMEST_HOUR) -> Floats:
    """Deviation from the daily mean, ``a·cos(2π(h − h0)/24)``, hours local time.

    Of the air's temperature [K] unless said otherwise.

    >>> daily_cycle(np.array([3.0, 15.0]), amplitude=4.0).tolist()
    [-4.0, 4.0]
    """
    return amplitude * np.cos(2 * np.pi * (hour - peak) / 24)


def yearly_cycle(day: Floats, amplitude: float, peak: float) -> Floats:
    """Deviation from the yearly mean, ``a·cos(2π(d − d0)/365.2425)``.

    Args:
        day: since the beginning of 1970, or of any other year: the calendar's leap days come and
            go within a day.
        amplitude: half the difference between the extremes.
        peak: day of the year on which it is largest.

    >>> yearly_cycle(np.array([200.0, 200.0 + 365.2425]), amplitude=6.0, peak=200.0).round(9)
    array([6., 6.])
    """
    return amplitude * np.cos(2 * np.pi * (day - peak) / YEAR_DAYS)
