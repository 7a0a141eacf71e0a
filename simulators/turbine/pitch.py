"""Blade pitch: what the controller asks for, and what three actuators make of it.

| symbol | quantity | unit |
|---|---|---|
| θ | pitch angle, 0 = into the wind, 90 = feathered | ° |
| ω_n, ζ | natural frequency and damping of an actuator | rad/s, 1 |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simulators.processes import Floats, Follower
from simulators.turbine.power import RATED_WIND_M_S

SCHEDULE_WIND_M_S = np.array([11.4, *range(12, 26)])
SCHEDULE_DEG = np.array(
    [0, 3.83, 6.6, 8.7, 10.45, 12.06, 13.54, 14.92, 16.23, 17.47, 18.7, 19.94, 21.18, 22.35, 23.47]
)
"""Steady state of the NREL 5 MW (NREL/TP-500-38060, table 7-1)."""
IDLE_DEG, FEATHERED_DEG = 45.0, 90.0
"""Waiting for wind the rotor turns slowly; in storm and service it is out of the wind."""

SOUND = (11.11, 0.6)
LEAKING = (3.42, 0.9)
AERATED = (5.73, 0.45)
"""ω_n and ζ of a sound actuator, of one that leaks, and with air in its oil: the benchmark of
Odgaard, Stoustrup & Kinnaert, IEEE Trans. Control Systems Technology 21(4), 2013."""
SAG_DEG = 0.6
"""How far the wind's moment turns a sound blade at rated wind: engineering judgement."""
OFFSET_DEG = 5.0
EARLY_DEG = 1.5
"""How much sooner an updated controller pitches at the edge of rated wind."""

UNEVEN_LOSS_PER_DEG = 0.008
"""Power lost per degree that a blade is off: 1 to 4 % at 1 to 5° in the literature."""


def pitch_schedule(wind: Floats) -> Floats:
    """θ [°] that holds the rated power in a steady wind [m/s]: 0 below 11.4, 23.5 at 25.

    >>> pitch_schedule(np.array([8.0, 15.0, 25.0])).tolist()
    [0.0, 10.45, 23.47]
    """
    pitch: Floats = np.interp(wind, SCHEDULE_WIND_M_S, SCHEDULE_DEG)
    return pitch


def response_time_s(frequency: float, damping: float) -> float:
    """Time by which a second-order actuator lags a slow command, ``2·ζ/ω_n`` [s].

    For steps much longer than 1/ω_n its response is that of a first-order lag of this time.

    >>> round(response_time_s(*SOUND), 3)
    0.108
    """
    return 2 * damping / frequency


def sag(wind: Floats, softness: Floats) -> Floats:
    """How much farther [°] the wind turns a blade that a weak actuator holds.

    The moment grows with V² up to rated wind, where pitching relieves it; the stiffness is
    ``J·ω_n²``: ``0.6°·min(1, V/11.4)²·((ω_sound/ω_n)² − 1)``.

    Args:
        wind: V [m/s].
        softness: ``(ω_sound/ω_n)² − 1``.

    >>> sag(np.array([5.7, 11.4]), np.array([2.0])).round(1)
    array([0.3, 1.2])
    """
    return SAG_DEG * np.minimum(wind / RATED_WIND_M_S, 1) ** 2 * softness


def softness(leakage: Floats, air: Floats) -> Floats:
    """``(ω_sound/ω_n)² − 1`` of an actuator, in proportion to its illnesses; 0 when sound.

    >>> softness(np.array([1.0, 0.0]), np.array([0.0, 1.0])).round(1)
    array([9.6, 2.8])
    """
    leaking, aerated = ((SOUND[0] / frequency) ** 2 - 1 for frequency, _ in (LEAKING, AERATED))
    return leakage * leaking + air * aerated


def follow_decay(period_s: float, leakage: Floats, air: Floats) -> Floats:
    """What is left of a pitch error after a step, ``exp(−Δt/t)``, t in proportion to illness."""
    sound_s = response_time_s(*SOUND)
    slower_s = leakage * (response_time_s(*LEAKING) - sound_s)
    return np.exp(-period_s / (sound_s + slower_s + air * (response_time_s(*AERATED) - sound_s)))


def unevenness(blades: Sequence[Floats]) -> Floats:
    """How far [°] apart the blades stand: 0 in a rotor that is well."""
    one, two, three = blades
    return np.maximum(np.maximum(one, two), three) - np.minimum(np.minimum(one, two), three)


def uneven_loss(uneven_deg: Floats) -> Floats:
    """Share of the power left when one blade is off, ``1 − 0.008·δ``, at least 0.3.

    >>> uneven_loss(np.array([5.0])).tolist()
    [0.96]
    """
    return np.maximum(1 - UNEVEN_LOSS_PER_DEG * uneven_deg, 0.3)


class PitchSystem:
    """Three actuators that follow one command; the second may be ill."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._sound = Follower()
        self._second = Follower()
        self._held: Floats | None = None

    def advance(
        self, command: Floats, wind: Floats, conditions: Mapping[str, Floats]
    ) -> list[Floats]:
        """What the three blades make of a command θ ``[k, machines]`` in a wind; same shape."""
        leakage, air = conditions["pitch_actuator.leakage"], conditions["pitch_actuator.air"]
        none = np.zeros((1, 1))
        sound = self._sound.advance(command, follow_decay(self._period_s, none, none))
        second = self._second.advance(command, follow_decay(self._period_s, leakage, air))
        second = self._stick(second + sag(wind, softness(leakage, air)), conditions)
        return [
            blade + OFFSET_DEG * conditions[f"pitch_offset.{i}"]
            for i, blade in enumerate((sound, second, sound), 1)
        ]

    def _stick(self, free: Floats, conditions: Mapping[str, Floats]) -> Floats:
        """The angle it stays near from when it sticks, the nearer the worse it sticks."""
        stuck = np.broadcast_to(conditions["pitch_actuator.stuck"], free.shape)
        held = free[0] if self._held is None else self._held
        if not stuck.any():
            self._held = free[-1]
            return free
        angle = np.empty(free.shape)
        for i in range(len(free)):
            held = np.where(stuck[i] > 0, held, free[i])
            angle[i] = free[i] + stuck[i] * (held - free[i])
        self._held = held
        return angle
