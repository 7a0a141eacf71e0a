"""The gearbox's oil, which friction and load warm and a cooler cools; too hot, it costs power.

``C·dT/dt = (T_a − T)/R + μ·ω + α·P``, and R falls while the second fan of the cooler runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from simulators.processes import Floats
from simulators.thermal import steady_temperature, thermal_memory
from simulators.turbine.operation import DERATE_C, DERATED_KW, RECOVER_C, Flags
from simulators.turbine.power import RATED_POWER_KW, RATED_SPEED_RPM

RATED_RISE_K = (35.0, 45.0)
"""Gearbox oil above the air at rated power."""
TIME_CONSTANT_S = (2400.0, 5400.0)
"""R·C of gearbox and oil: 40 to 90 minutes."""
RATED_HEAT_KW = 50.0
"""Heat the gearbox gives to its oil at rated power: 1 % of it, as in good gearboxes."""
FRICTION_SHARE = 0.25
"""Part of that heat that comes with speed rather than with load."""
FRICTION_KW_PER_RPM = FRICTION_SHARE * RATED_HEAT_KW / RATED_SPEED_RPM
LOAD_LOSS = (1 - FRICTION_SHARE) * RATED_HEAT_KW / RATED_POWER_KW
FAN_ON_C, FAN_OFF_C = 60.0, 55.0
FAN_GAIN = 0.12
"""Share of the resistance that the second fan takes away."""

COOLING_RESISTANCE_GAIN = 0.8
"""With the cooler blocked, heat finds 1.8 times the resistance."""
WEAR_FRICTION_GAIN = 0.6
"""A bearing at its end has 1.6 times the friction: 6 K more oil temperature at rated power."""
OIL_CHANGE_GAIN = 0.125
"""Fresh oil carries heat better: 5 K less at rated power."""


class GearboxBlock(NamedTuple):
    """``[k, machines]`` each."""

    oil: Floats
    """[°C]"""
    power: Floats
    """What the machine gives after derating [kW]."""
    derated: Flags


class OilState(NamedTuple):
    """``[machines]`` each."""

    oil: Floats
    fan: Flags
    derated: Flags


def step_oil(
    state: OilState, air: Floats, heat: Floats, power: Floats, cooling: Sequence[Floats]
) -> tuple[OilState, Floats]:
    """One step of oil, fan and derating, whose hystereses look at the oil; ``[machines]`` each.

    Args:
        state: before the step.
        air: temperature [°C].
        heat: of friction [kW].
        power: that the machine would give [kW].
        cooling: R with the second fan off and on [K/kW], and what is left of a difference after
            the step, with it off and on.

    Returns:
        The state after it, and the power the machine gives during it.
    """
    slow, fast, keep_slow, keep_fast = cooling
    power = np.where(state.derated, np.minimum(power, DERATED_KW), power)
    resistance = np.where(state.fan, fast, slow)
    keep = np.where(state.fan, keep_fast, keep_slow)
    settled = steady_temperature(air, resistance, heat + LOAD_LOSS * power)
    oil = keep * state.oil + (1 - keep) * settled
    fan = (oil > FAN_ON_C) | (state.fan & (oil > FAN_OFF_C))
    derated = (oil > DERATE_C) | (state.derated & (oil > RECOVER_C))
    return OilState(oil, fan, derated), power


class Gearbox:
    """Oil temperature and derating, block by block; the oil begins settled.

    Args:
        resistance: ``[machines]`` [K/kW], second fan off.
        capacity: ``[machines]`` [kJ/K].
    """

    def __init__(self, period_s: float, resistance: Floats, capacity: Floats) -> None:
        self._period_s = period_s
        self._resistance = resistance
        self._capacity = capacity
        self._state: OilState | None = None

    def advance(
        self, air: Floats, speed: Floats, power: Floats, conditions: Mapping[str, Floats]
    ) -> GearboxBlock:
        """From air [°C], rotor speed [rpm] and the power it would give [kW]."""
        wear = conditions["bearing_wear.gearbox"]
        heat = FRICTION_KW_PER_RPM * (1 + WEAR_FRICTION_GAIN * wear) * speed
        cooling = [np.broadcast_to(of, power.shape) for of in self._cooling(conditions)]
        if self._state is None:
            settled = steady_temperature(air[0], cooling[0][0], heat[0] + LOAD_LOSS * power[0])
            never = np.zeros(settled.shape, dtype=np.bool_)
            self._state = OilState(settled, never, never)
        return self._walk(air, heat, power, cooling)

    def _walk(
        self, air: Floats, heat: Floats, power: Floats, cooling: list[Floats]
    ) -> GearboxBlock:
        state = self._state
        assert state is not None
        oil, given = np.empty(power.shape), np.empty(power.shape)
        derated = np.empty(power.shape, dtype=np.bool_)
        for i in range(len(power)):
            derated[i] = state.derated
            state, given[i] = step_oil(state, air[i], heat[i], power[i], [of[i] for of in cooling])
            oil[i] = state.oil
        self._state = state
        return GearboxBlock(oil, given, derated)

    def _cooling(self, conditions: Mapping[str, Floats]) -> list[Floats]:
        """R with the second fan off and on, and what is left of a difference after a step."""
        blocked = 1 + COOLING_RESISTANCE_GAIN * conditions["cooling_loss"]
        fresh = 1 - OIL_CHANGE_GAIN * conditions["oil_change"]
        slow = self._resistance * blocked * fresh
        fast = slow * (1 - FAN_GAIN)
        keeps = (thermal_memory(self._period_s, of, self._capacity) for of in (slow, fast))
        return [slow, fast, *keeps]
