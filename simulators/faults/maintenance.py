"""What people do to machines and instruments for their good: it shows, and it is no fault."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simulators.faults.base import Episode, Expected, Kind, MachineFault
from simulators.faults.sensors import FalseValue, deviation, sigma, sign
from simulators.machines import MachineClass
from simulators.processes import Floats

STOP = "service"
"""The condition of a machine that people work on."""

CALIBRATION_SHARE = 0.2
"""Of an instrument's `deviation`: 2 σ of its noise or 1 % of its range, as data sheets allow."""
NOISE_TIMES = 2.0


@dataclass(frozen=True, kw_only=True)
class Service(MachineFault):
    """Technicians stop the machine and turn it by hand, for six hours unless an end is given.

    A machine is stopped or not: any severity above 0 stops it, at once.
    """

    name: ClassVar[str] = "service"
    fault_id: ClassVar[str] = "D3"
    kind: ClassVar[Kind] = "maintenance"
    expected: ClassVar[Expected] = "no_alarm"
    condition: ClassVar[str] = STOP
    usual_s: ClassVar[float] = 6 * 3600.0

    def __post_init__(self) -> None:
        if math.isinf(self.end_s):
            object.__setattr__(self, "end_s", self.onset_s + self.usual_s)
        super().__post_init__()

    def on_machine(self, t_s: Floats, conditions: Mapping[str, Floats]) -> None:
        stopped = self.active(t_s) & (self.severity > 0)
        conditions[STOP][:] = np.maximum(conditions[STOP], stopped)


@dataclass(frozen=True, kw_only=True)
class Repair(MachineFault):
    """A change for the better that needs the machine stopped for some hours from its onset."""

    kind: ClassVar[Kind] = "maintenance"
    expected: ClassVar[Expected] = "no_alarm"
    stop_s: ClassVar[float]

    @classmethod
    def targets(cls, machine_class: type[MachineClass]) -> tuple[str, ...]:
        """The parts that have the condition, of machines that can be stopped for it."""
        return super().targets(machine_class) if STOP in machine_class.conditions else ()

    def signals(self, machine_class: type[MachineClass]) -> tuple[str, tuple[str, ...]]:
        """The component that is changed; its own signals, then those that the stop moves."""
        component, own = super().signals(machine_class)
        return component, tuple(dict.fromkeys((*own, *machine_class.conditions[STOP].signals)))

    def conditions(self) -> tuple[str, ...]:
        """The one that changes, and that of a stopped machine."""
        return (*super().conditions(), STOP)

    def on_machine(self, t_s: Floats, conditions: Mapping[str, Floats]) -> None:
        super().on_machine(t_s, conditions)
        worked_on = self.active(t_s) & (t_s < self.onset_s + self.stop_s) & (self.severity > 0)
        conditions[STOP][:] = np.maximum(conditions[STOP], worked_on)


@dataclass(frozen=True, kw_only=True)
class OilChange(Repair):
    """The gearbox gets fresh oil, stopped for four hours: afterwards it runs some 5 K cooler."""

    name: ClassVar[str] = "oil_change"
    fault_id: ClassVar[str] = "D3"
    condition: ClassVar[str] = "oil_change"
    stop_s: ClassVar[float] = 4 * 3600.0


@dataclass(frozen=True, kw_only=True)
class BearingReplacement(Repair):
    """A bearing is replaced, stopped for eight hours: afterwards it vibrates half as much."""

    name: ClassVar[str] = "bearing_replacement"
    fault_id: ClassVar[str] = "D3"
    condition: ClassVar[str] = "bearing_renewed"
    stop_s: ClassVar[float] = 8 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Recalibration(FalseValue):
    """A sensor is calibrated anew and reads a little higher or lower from then on.

    At severity 1 by 2 σ of its noise or 1 % of its range, whichever is larger; chance decides up or
    down.
    """

    name: ClassVar[str] = "recalibration"
    fault_id: ClassVar[str] = "D3"
    kind: ClassVar[Kind] = "maintenance"
    expected: ClassVar[Expected] = "no_alarm"

    def falsified(self, t_s: Floats, values: Floats, severity: Floats, episode: Episode) -> Floats:
        return self.possible(values + self._shift(severity, episode))

    def _shift(self, severity: Floats, episode: Episode) -> Floats:
        return sign(episode) * CALIBRATION_SHARE * deviation(self.instrument) * severity


@dataclass(frozen=True, kw_only=True)
class SensorReplacement(Recalibration):
    """A sensor is replaced by another, which reads a little higher or lower and is noisier.

    At severity 1 it is off as after a `Recalibration` and has twice the noise.
    """

    name: ClassVar[str] = "sensor_replacement"
    fault_id: ClassVar[str] = "D5"

    def falsified(self, t_s: Floats, values: Floats, severity: Floats, episode: Episode) -> Floats:
        shift = self._shift(severity, episode)
        errors = episode.chance.standard_normal(len(values))
        # Independent errors add in squares, and one σ is there already.
        more = np.sqrt((1 + (NOISE_TIMES - 1) * severity) ** 2 - 1)
        return self.possible(values + shift + more * sigma(self.instrument, values) * errors)
