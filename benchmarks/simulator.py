"""How fast the simulated world goes: readings per second of CPU, and a year of a farm.

A reading is one turbine at one time step, whatever the number of its sensors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from simulators import Farm
from simulators.turbine import Turbine

DOZEN = (*Turbine.usual, "generator_speed", "pitch_angle_1", "gearbox_bearing_temperature")
DOZEN += ("main_bearing_temperature", "generator_winding_temperature_u", "generator_vibration")
PERIOD_S = 60.0
YEAR_H = 365 * 24.0
YEAR_MACHINES = 50
WARM_BLOCKS = 8
DAY_STEPS = 86_400 / PERIOD_S


class WorldResult(NamedTuple):
    """One farm's speed."""

    machines: int
    sensors: int
    readings: int
    cpu_s: float

    @property
    def per_s(self) -> float:
        """Readings per second of CPU."""
        return self.readings / self.cpu_s

    @property
    def turbine_days_per_min(self) -> float:
        """Days of a turbine, at a reading a minute, simulated in a minute."""
        return 60 * self.per_s / DAY_STEPS


def measure_world(
    readings: int, year_hours: float, tell: Callable[[str], None]
) -> list[WorldResult]:
    """Farms of 1,000 turbines with ever more sensors, and a farm's year.

    Args:
        readings: how many to simulate of each large farm, after it is warm.
        year_hours: of the farm of 50.
        tell: hears what is measured.
    """
    found = []
    every = tuple(instrument.name for instrument in Turbine.instruments)
    for sensors in (Turbine.usual, DOZEN, every):
        tell(f"simulator: 1,000 turbines × {len(sensors)} sensors")
        found.append(_speed(1_000, sensors, readings))
    for sensors in (Turbine.usual, DOZEN):
        tell(f"simulator: {YEAR_MACHINES} turbines × {len(sensors)} sensors, {year_hours:g} h")
        found.append(_whole(YEAR_MACHINES, sensors, year_hours))
    return found


def _speed(machines: int, sensors: Sequence[str], readings: int) -> WorldResult:
    blocks = Farm(machines, period_s=PERIOD_S, sensors=sensors).run()
    for _ in range(WARM_BLOCKS):
        next(blocks)
    done, began_s = 0, time.process_time()
    while done < readings:
        done += next(blocks).values[:, :, 0].size
    return WorldResult(machines, len(sensors), done, time.process_time() - began_s)


def _whole(machines: int, sensors: Sequence[str], hours: float) -> WorldResult:
    began_s = time.process_time()
    farm = Farm(machines, period_s=PERIOD_S, sensors=sensors)
    done = sum(block.values[:, :, 0].size for block in farm.run(hours))
    return WorldResult(machines, len(sensors), done, time.process_time() - began_s)
