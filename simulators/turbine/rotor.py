"""The rotor and what feeds the grid: wind into speed, pitch and power, ills of the blades included.

The controller's part is in `simulators.turbine.operation`, the figures' source in
`simulators.turbine.power`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from simulators.processes import Floats
from simulators.turbine import icing
from simulators.turbine.inflow import InflowBlock
from simulators.turbine.operation import CURTAILMENT, DERATED_KW, RESTART_M_S, Flags, Regime
from simulators.turbine.pitch import (
    EARLY_DEG,
    FEATHERED_DEG,
    IDLE_DEG,
    PitchSystem,
    pitch_schedule,
    uneven_loss,
    unevenness,
)
from simulators.turbine.power import (
    RATED_POWER_KW,
    RATED_WIND_M_S,
    available_power,
    idling_speed,
    tracked_speed,
    wind_for_power,
    yaw_loss,
)

YAW_DEG = 25.0
EROSION_LOSS, AGEING_LOSS = 0.05, 0.01
FIRMWARE_GAIN = 0.02
"""What these conditions do at their worst."""


def aerodynamic_share(ice: Floats, conditions: Mapping[str, Floats]) -> Floats:
    """Share of the wind's power that the rotor still takes: yaw, erosion, ice, a year's dirt."""
    return (
        yaw_loss(YAW_DEG * conditions["yaw_misalignment"])
        * (1 - EROSION_LOSS * conditions["blade_erosion"])
        * (1 - icing.POWER_LOSS * ice)
        * (1 - AGEING_LOSS * conditions["ageing"])
    )


def commanded_pitch(wind: Floats, limit_kw: Floats | float, early: Floats) -> Floats:
    """Pitch [°] that holds a machine at a limit below which it would need none.

    The schedule for rated power, stretched to the wind that would give the limit: at 60 % of the
    rated power pitching begins at 60 % power's wind.

    Args:
        wind: in terms of a sound rotor in standard air [m/s].
        limit_kw: the power to hold.
        early: 0 … 1, how far the schedule is that of new firmware, which begins sooner.
    """
    stretched = wind * (RATED_WIND_M_S / wind_for_power(np.asarray(limit_kw, dtype=np.float64)))
    pitch = pitch_schedule(stretched)
    if not early.any():
        return pitch
    return pitch + early * EARLY_DEG * np.exp(-((stretched - RATED_WIND_M_S) ** 2) / 2)


class RotorBlock(NamedTuple):
    """``[k, machines]`` each, or what fits it."""

    speed: Floats
    """[rpm]"""
    power: Floats
    """What it would give, were the gearbox cool [kW]."""
    blades: list[Floats]
    """Pitch of each [°]."""
    uneven: Floats
    """How far the blades stand apart [°]."""
    limited: Flags
    """Is power capped by command?"""
    felt: Floats
    """Wind, in terms of a sound rotor in standard air [m/s]."""


class Rotor:
    """Rotors of a number of machines, block by block."""

    def __init__(self, period_s: float) -> None:
        self._pitch = PitchSystem(period_s)

    def advance(
        self, inflow: InflowBlock, regime: Regime, ice: Floats, conditions: Mapping[str, Floats]
    ) -> RotorBlock:
        """What the rotor makes of its wind in what the controller lets it do."""
        share = aerodynamic_share(ice, conditions)
        standard = inflow.at_rotor * np.cbrt(inflow.density)
        felt = standard * np.cbrt(share)
        cap = RATED_POWER_KW * (1 - CURTAILMENT * conditions["curtailment"])
        command = commanded_pitch(felt, cap, conditions["firmware"])
        blades = self._pitch.advance(
            regime.engaged * command + (1 - regime.engaged) * waiting_pitch(inflow.mean, regime),
            regime.engaged * felt,
            conditions,
        )
        uneven = unevenness(blades)
        gain = share * uneven_loss(uneven) * (1 + FIRMWARE_GAIN * conditions["firmware"])
        power = np.minimum(available_power(standard) * gain, cap) * regime.connected
        speed = rotor_speed(inflow.at_rotor, np.cbrt(share), regime)
        return RotorBlock(speed, power, blades, uneven, cap < RATED_POWER_KW, felt)


def rotor_speed(wind: Floats, share: Floats, regime: Regime) -> Floats:
    """Rotor speed [rpm], between idling and work; somebody at work on it stops it."""
    idle = np.where(regime.serviced, 0.0, idling_speed(wind))
    return idle + regime.engaged * (tracked_speed(wind * share) - idle)


def waiting_pitch(mean_wind: Floats, regime: Regime) -> Floats:
    """Pitch [°] of a machine that does not work: out of the wind in storm and service."""
    feathered = (mean_wind > RESTART_M_S) | regime.serviced
    return np.where(feathered, FEATHERED_DEG, IDLE_DEG)


def derated_blades(rotor: RotorBlock, derated: Flags, conditions: Mapping[str, Floats]) -> None:
    """Turn the blades farther in where the gearbox derates, but for one that sticks."""
    if not derated.any():
        return
    more = commanded_pitch(rotor.felt, DERATED_KW, conditions["firmware"])
    more = np.where(derated & (rotor.power > DERATED_KW), more - rotor.blades[0], 0)
    free = (1.0, 1 - conditions["pitch_actuator.stuck"], 1.0)
    for i, blade in enumerate(rotor.blades):
        rotor.blades[i] = blade + free[i] * np.maximum(more, 0)
