"""From the wind at the rotor to power and rotor speed: the NREL 5 MW reference turbine.

Source of the figures: Jonkman et al., *Definition of a 5-MW Reference Wind Turbine for Offshore
System Development*, NREL/TP-500-38060 (2009), and the power curve table NREL publishes with it
(github.com/NREL/turbine-models, NREL_Reference_5MW_126).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.processes import Floats

RATED_POWER_KW = 5000.0
RATED_SPEED_RPM = 12.1
SLOWEST_SPEED_RPM = 6.9
"""Rotor speed at which the generator comes on to the grid."""
ROTOR_RADIUS_M = 63.0
TIP_SPEED_RATIO = 8.0
CUT_IN_M_S, STALL_M_S = 3.0, 2.5
"""The controller starts the machine above the first and lets it idle below the second."""
CUT_OUT_M_S, RESTART_M_S = 25.0, 22.0
"""The controller stops the machine above the first and lets it start again below the second."""
IDLE_RPM_PER_M_S, IDLE_RPM_MAX = 0.3, 1.0
"""With feathered blades the rotor turns slowly in the wind: engineering judgement."""

CURVE_WIND_M_S = np.array([3.0, 4, 5, 6, 7, 8, 9, 10, 11, 11.4, 12, 25])
CURVE_POWER_KW = np.array([40.5, 178, 404, 738, 1187, 1771, 2519, 3448, 4563, 5001, 5000, 5000])


def power_curve(wind: Floats) -> Floats:
    """Electrical power [kW] at a rotor-averaged wind [m/s], linear between the table's points.

    0 below cut-in (3 m/s) and above cut-out (25 m/s).

    >>> power_curve(np.array([2.9, 3, 8, 8.5, 20, 25.1])).tolist()
    [0.0, 40.5, 1771.0, 2145.0, 5000.0, 0.0]
    """
    power: Floats = np.interp(wind, CURVE_WIND_M_S, CURVE_POWER_KW, left=0.0, right=0.0)
    return power


def power_running(wind: Floats, running: NDArray[np.bool_]) -> Floats:
    """Electrical power [kW] of a machine that its controller lets run, or not.

    A gust above cut-out does not stop a running machine: the controller looks at the mean wind.
    """
    return np.where(running, power_curve(np.minimum(wind, CUT_OUT_M_S)), 0.0)


def rotor_speed(wind: Floats, running: NDArray[np.bool_]) -> Floats:
    """Speed [rpm] the rotor settles at: ``ω = λ·V/R`` within its range; idling, a slow turn.

    Below rated wind the controller holds the tip speed ratio λ, at which the rotor takes the most
    power out of the wind; blade pitch holds the rated speed above.

    >>> rotor_speed(np.array([3.0, 7, 15, 15]), np.array([True, True, True, False])).round(2)
    array([ 6.9 ,  8.49, 12.1 ,  1.  ])
    """
    tracking = TIP_SPEED_RATIO * wind / ROTOR_RADIUS_M * 60 / (2 * np.pi)
    idling = np.minimum(IDLE_RPM_PER_M_S * wind, IDLE_RPM_MAX)
    return np.where(running, np.clip(tracking, SLOWEST_SPEED_RPM, RATED_SPEED_RPM), idling)


def walk_running(mean_wind: Floats, running: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Does the controller let each machine run? Decided on the mean wind, with hysteresis.

    Args:
        mean_wind: ``[k, machines]`` [m/s].
        running: ``[machines]``, before the block.

    Returns:
        ``[k, machines]``; the last row is the state for the next block.

    >>> wind = np.array([[2.7], [3.1], [2.7], [2.4], [2.7]])
    >>> walk_running(wind, np.array([False])).ravel().tolist()
    [False, True, True, False, False]
    """
    may_start = (mean_wind >= CUT_IN_M_S) & (mean_wind <= RESTART_M_S)
    must_stop = (mean_wind < STALL_M_S) | (mean_wind > CUT_OUT_M_S)
    walked = np.empty(mean_wind.shape, dtype=np.bool_)
    for i in range(len(mean_wind)):
        running = walked[i] = (running | may_start[i]) & ~must_stop[i]
    return walked
