"""Faults by which the value of an instrument is taken for what it is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np

from simulators.faults.base import Episode, SensorFault
from simulators.faults.sensors import FalseValue
from simulators.machines import MachineClass
from simulators.processes import Floats

UNIT_CHANGES: Mapping[str, tuple[str, float, float]] = {
    "m/s": ("km/h", 3.6, 0.0),
    "kW": ("MW", 1e-3, 0.0),
    "rpm": ("Hz", 1 / 60, 0.0),
    "°C": ("°F", 1.8, 32.0),
    "mm/s": ("in/s", 1 / 25.4, 0.0),
    "m/s²": ("g", 1 / 9.80665, 0.0),
    "°": ("rad", math.pi / 180, 0.0),
    "bar": ("psi", 14.503773773, 0.0),
    "mbar": ("Pa", 100.0, 0.0),
    "kPa": ("bar", 0.01, 0.0),
    "m³/h": ("l/s", 1 / 3.6, 0.0),
    "l/min": ("m³/h", 0.06, 0.0),
    "A": ("mA", 1e3, 0.0),
    "V": ("mV", 1e3, 0.0),
    "%": ("1", 0.01, 0.0),
}
"""Other unit, factor and shift by unit: ``other = factor · x + shift``."""


@dataclass(frozen=True, kw_only=True)
class SensorUnit(FalseValue):
    """A sensor reports in another unit, as after a change of its firmware: °F for °C, MW for kW.

    There is no half of it. The other unit comes with as many decimals as it takes to say what the
    sensor resolves. Sensors whose unit has no other in use cannot have it.
    """

    name: ClassVar[str] = "sensor_unit"
    fault_id: ClassVar[str] = "S8"

    @classmethod
    def targets(cls, machine_class: type[MachineClass]) -> tuple[str, ...]:
        """Sensors whose unit stands in `UNIT_CHANGES`."""
        units = {instrument.name: instrument.unit for instrument in machine_class.instruments}
        every = super().targets(machine_class)
        return tuple(name for name in every if units[name] in UNIT_CHANGES)

    def severity_at(self, t_s: Floats) -> Floats:
        """The whole of it at once."""
        return np.where(self.active(t_s), self.severity, 0.0)

    def falsified(self, t_s: Floats, values: Floats, severity: Floats, episode: Episode) -> Floats:
        _, factor, shift = UNIT_CHANGES[self.instrument.unit]
        decimals = max(math.ceil(-math.log10(self.instrument.resolution * factor)), 0)
        return np.round(factor * values + shift, decimals) + 0.0


@dataclass(frozen=True, kw_only=True)
class SensorSwapped(SensorFault):
    """A sensor and another of its machine are exchanged, as by two cables at the wrong terminals.

    The other is the next of the same unit, else the next there is; the next among the usual sensors
    if it is one of them, else among all. There is no half of it.
    """

    name: ClassVar[str] = "sensor_swapped"
    fault_id: ClassVar[str] = "S10"

    other: str = field(default="", repr=False, compare=False)
    """The second sensor, known once the fault is `aimed`."""

    @property
    def place(self) -> tuple[str, ...]:
        """The pair: exchanged twice, it would be as before."""
        return (self.machine, self.name, *sorted((self.target, self.other)))

    @classmethod
    def targets(cls, machine_class: type[MachineClass]) -> tuple[str, ...]:
        """Every sensor of a machine that has two."""
        every = super().targets(machine_class)
        return every if len(every) > 1 else ()

    def aimed(self, machine_class: type[MachineClass]) -> Self:
        fault = super().aimed(machine_class)
        return replace(fault, other=exchanged_with(machine_class, fault.target))

    def signals(self, machine_class: type[MachineClass]) -> tuple[str, tuple[str, ...]]:
        """Both sensors."""
        return self.target, (self.target, exchanged_with(machine_class, self.target))

    def on_instrument(self, t_s: Floats, values: Mapping[str, Floats], episode: Episode) -> None:
        there = self.active(t_s)
        if self.severity > 0:
            one, two = values[self.target], values[self.other]
            one[there], two[there] = two[there], one[there]


def exchanged_with(machine_class: type[MachineClass], sensor: str) -> str:
    """The sensor whose cable is most easily taken for that of this one; see `SensorSwapped`."""
    every = tuple(instrument.name for instrument in machine_class.instruments)
    units = {instrument.name: instrument.unit for instrument in machine_class.instruments}
    among = machine_class.usual if sensor in machine_class.usual else every
    among = among if len(among) > 1 else every
    after = among.index(sensor) + 1
    others = [name for name in among[after:] + among[:after] if name != sensor]
    alike = [name for name in others if units[name] == units[sensor]]
    return (alike or others)[0]
