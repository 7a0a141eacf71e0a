"""From the wind at the rotor to power and rotor speed: the NREL 5 MW reference turbine.

Source of the figures: Jonkman et al., *Definition of a 5-MW Reference Wind Turbine for Offshore
System Development*, NREL/TP-500-38060 (2009), and the power curve table NREL publishes with it
(github.com/NREL/turbine-models, NREL_Reference_5MW_126).
"""

from __future__ import annotations

import numpy as np

from simulators.processes import Floats

RATED_POWER_KW = 5000.0
RATED_WIND_M_S = 11.4
RATED_SPEED_RPM = 12.1
SLOWEST_SPEED_RPM = 6.9
"""Rotor speed at which the generator comes on to the grid."""
GEAR_RATIO = 97.0
ROTOR_RADIUS_M = 63.0
TIP_SPEED_RATIO = 8.0
CUT_IN_M_S, CUT_OUT_M_S = 3.0, 25.0
STALL_M_S = 2.5
"""Below it a machine stops working that started above `CUT_IN_M_S`; there its power ends."""
IDLE_RPM_PER_M_S, IDLE_RPM_MAX = 0.3, 1.0
"""With feathered blades the rotor turns slowly in the wind: engineering judgement."""
YAW_EXPONENT = 1.88
"""Of the cosine, fitted to the NREL 5 MW's power in oblique wind (FLORIS)."""

CURVE_WIND_M_S = np.array([STALL_M_S, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11.4, 12, 25])
CURVE_POWER_KW = np.array([0, 40.5, 178, 404, 738, 1187, 1771, 2519, 3448, 4563, 5001, 5000, 5000])
"""The table, and where a machine that works on in a lull gives nothing: engineering judgement."""
RISING = CURVE_WIND_M_S <= RATED_WIND_M_S


def power_curve(wind: Floats) -> Floats:
    """Electrical power [kW] at a rotor-averaged wind [m/s], linear between the table's points.

    0 below 2.5 m/s and above cut-out (25 m/s). A machine starts at cut-in (3 m/s) only; one that
    works already gives less and less in the lulls below it.

    >>> power_curve(np.array([2.4, 3.0, 8.5, 12.0, 26.0])).tolist()
    [0.0, 40.5, 2145.0, 5000.0, 0.0]
    """
    power: Floats = np.interp(wind, CURVE_WIND_M_S, CURVE_POWER_KW, left=0.0, right=0.0)
    return power


GRID_PER_M_S = 10
"""Every point of the curve below rated lies on a grid of 0.1 m/s, so looking up is exact."""
GRID_M_S = np.arange(0, 60 * GRID_PER_M_S + 2) / GRID_PER_M_S
AVAILABLE_KW = np.where(
    GRID_M_S <= RATED_WIND_M_S, power_curve(GRID_M_S), 5001 * (GRID_M_S / RATED_WIND_M_S) ** 3
)


def available_power(wind: Floats) -> Floats:
    """Power [kW] the rotor could take out of the wind, were there no rated power.

    The power curve up to rated wind, from there on by the third power of the wind: how much more
    there is decides how far a loss below rated is felt above it.

    >>> available_power(np.array([8.5, 11.4, 22.8])).round()
    array([ 2145.,  5001., 40008.])
    """
    place = np.minimum(wind * GRID_PER_M_S, len(GRID_M_S) - 2)
    below = place.astype(np.int64)
    start = AVAILABLE_KW[below]
    power: Floats = start + (place - below) * (AVAILABLE_KW[below + 1] - start)
    return power


def wind_for_power(power_kw: Floats) -> Floats:
    """Least wind [m/s] that gives a power, the curve read the other way; 11.4 at rated.

    >>> wind_for_power(np.array([2145.0, 5000.0])).round(1)
    array([ 8.5, 11.4])
    """
    rising = np.minimum(CURVE_POWER_KW[RISING], RATED_POWER_KW)
    wind: Floats = np.interp(power_kw, rising, CURVE_WIND_M_S[RISING])
    return wind


def yaw_loss(misalignment_deg: Floats) -> Floats:
    """What oblique wind leaves of the power, ``cos(γ)^1.88``.

    >>> yaw_loss(np.array([0.0, 20.0])).round(3)
    array([1.  , 0.89])
    """
    return np.cos(np.radians(misalignment_deg)) ** YAW_EXPONENT


def tracked_speed(wind: Floats) -> Floats:
    """Speed [rpm] the controller holds at work: ``ω = λ·V/R`` within its range.

    Below rated wind that is the tip speed ratio λ at which the rotor takes the most power out of
    the wind; blade pitch holds the rated speed above.

    >>> tracked_speed(np.array([3.0, 7, 15])).round(2)
    array([ 6.9 ,  8.49, 12.1 ])
    """
    tracking = TIP_SPEED_RATIO * wind / ROTOR_RADIUS_M * 60 / (2 * np.pi)
    return np.clip(tracking, SLOWEST_SPEED_RPM, RATED_SPEED_RPM)


def idling_speed(wind: Floats) -> Floats:
    """Speed [rpm] of a rotor that is left to the wind, feathered: at most one turn a minute.

    >>> idling_speed(np.array([2.0, 28.0])).tolist()
    [0.6, 1.0]
    """
    return np.minimum(IDLE_RPM_PER_M_S * wind, IDLE_RPM_MAX)
