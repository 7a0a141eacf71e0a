"""Acceleration of the nacelle, RMS over 0.1-10 Hz: fore and aft, and from side to side.

| symbol | quantity | unit |
|---|---|---|
| Ω | rotor speed | rpm |
| f₁, ζ | first mode of the tower, its damping in work | Hz, 1 |
| r | frequency of the excitation over f₁ | 1 |
"""

from __future__ import annotations

import numpy as np

from simulators.processes import Floats, OrnsteinUhlenbeck
from simulators.streams import Streams
from simulators.turbine.power import RATED_SPEED_RPM, SLOWEST_SPEED_RPM

MODE_HZ = 0.324
"""First fore-aft mode of the NREL 5 MW on its tower (NREL/TP-500-38060, table 9-1)."""
DAMPING = 0.08
"""Of the structure and, mostly, of the air."""
BLADES = 3

TURBULENT = 0.065
"""[m/s² per m/s of turbulence]; with it the nacelle of a sound machine has 0.1 m/s² at rated wind:
engineering judgement."""
PASSING = 0.035
"""What the blades' passing adds in a wind of 10 m/s, were the tower rigid [m/s²]."""
SIDE_SHARE = 0.35
"""Of the fore-aft acceleration, which turbulence and waves bring about sideways too."""
UNBALANCED = 0.2
"""Side-side acceleration of the worst mass imbalance at rated speed [m/s²]."""
OWN_UNBALANCE = (0.01, 0.03)
"""That of a rotor as it was delivered."""
CORRELATION_S = 300.0
SPREAD = 0.12
"""Standard deviation of the logarithm, and how long it keeps."""
UNEVEN_SIDE, UNEVEN_FORE_AFT = 0.015, 0.010
"""What each degree that a blade is off adds in a wind of 10 m/s at rated speed [m/s²]."""


def amplification(frequency: Floats, mode: float, damping: float) -> Floats:
    """Of a harmonic force by a mode, ``1/√((1−r²)² + (2ζr)²)`` with ``r = f/f₁``.

    >>> amplification(np.array([0.0, 0.324, 0.648]), mode=0.324, damping=0.08).round(2)
    array([1.  , 6.25, 0.33])
    """
    r2 = (frequency / mode) ** 2
    gain: Floats = 1 / np.sqrt((1 - r2) ** 2 + 4 * damping**2 * r2)
    return gain


def blade_passing_hz(rotor_rpm: Floats) -> Floats:
    """3P, how often a blade passes the tower; it crosses the first mode at 6.5 rpm.

    >>> blade_passing_hz(np.array([12.1]))
    array([0.605])
    """
    return BLADES * rotor_rpm / 60


def shaking(sigma: Floats, wind: Floats, rotor_rpm: Floats) -> Floats:
    """Acceleration [m/s² RMS] of a sound machine: by turbulence, and by the blades' passing.

    Args:
        sigma: standard deviation of turbulence [m/s].
        wind: mean, at the rotor [m/s].
        rotor_rpm: Ω.
    """
    turning = np.minimum(rotor_rpm / SLOWEST_SPEED_RPM, 1) ** 2
    mode = amplification(blade_passing_hz(rotor_rpm), MODE_HZ, DAMPING)
    passing = PASSING * (wind / 10) ** 2 * turning * mode
    shaken: Floats = np.hypot(TURBULENT * sigma, passing)
    return shaken


def uneven_shaking(per_deg: float, uneven_deg: Floats, wind: Floats, rotor_rpm: Floats) -> Floats:
    """What a blade that is off adds in squares [m/s² RMS], once per turn: ``e·δ·(V/10)²·s²``.

    Args:
        per_deg: e, at 10 m/s and rated speed.
        uneven_deg: δ, how far the blades stand apart [°].
        wind: V, mean, at the rotor [m/s].
        rotor_rpm: s is its share of the rated speed.

    >>> uneven_shaking(0.015, np.array([2.0]), np.array([10.0]), np.array([12.1]))
    array([0.03])
    """
    return per_deg * uneven_deg * (wind / 10) ** 2 * (rotor_rpm / RATED_SPEED_RPM) ** 2


def unbalanced_shaking(unbalance: Floats, rotor_rpm: Floats) -> Floats:
    """Side-side acceleration [m/s² RMS] of an imbalance: the force of a mass grows with Ω².

    Args:
        unbalance: what it brings at rated speed [m/s²]; several add in squares.
        rotor_rpm: Ω.
    """
    return unbalance * (rotor_rpm / RATED_SPEED_RPM) ** 2


class Nacelle:
    """Accelerations of the nacelles of a number of machines."""

    def __init__(self, streams: Streams, period_s: float, machines: int) -> None:
        own = streams("turbine/tower/individuals")
        self._own_unbalance = own.uniform(*OWN_UNBALANCE, machines)
        self._along = OrnsteinUhlenbeck(
            streams("turbine/fore_aft"), period_s, CORRELATION_S, machines
        )
        self._across = OrnsteinUhlenbeck(
            streams("turbine/side_side"), period_s, CORRELATION_S, machines
        )

    def fore_aft(
        self, sigma: Floats, wind: Floats, rotor_rpm: Floats, uneven_deg: Floats
    ) -> Floats:
        """[m/s² RMS], ``[k, machines]`` as everything."""
        uneven = uneven_shaking(UNEVEN_FORE_AFT, uneven_deg, wind, rotor_rpm)
        scatter = np.exp(SPREAD * self._along.advance(len(wind)))
        return np.hypot(shaking(sigma, wind, rotor_rpm), uneven) * scatter

    def side_side(
        self,
        sigma: Floats,
        wind: Floats,
        rotor_rpm: Floats,
        uneven_deg: Floats,
        unbalance: Floats,
    ) -> Floats:
        """[m/s² RMS]; a part of the shaking, and the imbalance of masses and of blades."""
        masses = np.hypot(self._own_unbalance, unbalance)
        turning = np.hypot(
            unbalanced_shaking(masses, rotor_rpm),
            uneven_shaking(UNEVEN_SIDE, uneven_deg, wind, rotor_rpm),
        )
        scatter = np.exp(SPREAD * self._across.advance(len(wind)))
        return np.hypot(SIDE_SHARE * shaking(sigma, wind, rotor_rpm), turning) * scatter
