"""What changes a machine's readings and is no fault: season, firmware, the grid, time itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from simulators.faults.base import Expected, Kind, MachineFault
from simulators.processes import Floats

DAY_S = 86_400.0
YEAR_S = 365.25 * DAY_S

CURTAILED_S = 8 * 3600.0
"""Of each day."""


@dataclass(frozen=True, kw_only=True)
class Change(MachineFault):
    """A condition that changes without anything being wrong."""

    kind: ClassVar[Kind] = "drift"
    expected: ClassVar[Expected] = "no_alarm"


@dataclass(frozen=True, kw_only=True)
class Season(Change):
    """It gets warmer or colder outside, by up to 15 K within half a year.

    ``w(x) = s·(1 − cos πx)/2``: the year's course of the air is a sinusoid, and half a year leads
    from one end of it to the other.
    """

    ramp_s: float = YEAR_S / 2

    name: ClassVar[str] = "season"
    fault_id: ClassVar[str] = "D1"
    condition: ClassVar[str] = "season"

    def growth(self, elapsed: Floats) -> Floats:
        return (1 - np.cos(np.pi * elapsed)) / 2


@dataclass(frozen=True, kw_only=True)
class Firmware(Change):
    """A new version of the controller gets 2 % more out of the wind and pitches otherwise."""

    name: ClassVar[str] = "firmware"
    fault_id: ClassVar[str] = "D2"
    condition: ClassVar[str] = "firmware"


@dataclass(frozen=True, kw_only=True)
class Curtailment(Change):
    """The grid, or a neighbour's sleep, allows only a part of the power for 8 hours of each day.

    From the hour of its onset: with the run's start at midnight, ``curtailment@T03:22h-20d`` acts
    each night from 22 h to 6 h.
    """

    name: ClassVar[str] = "curtailment"
    fault_id: ClassVar[str] = "D4"
    condition: ClassVar[str] = "curtailment"

    def active(self, t_s: Floats) -> NDArray[np.bool_]:
        curtailed: NDArray[np.bool_] = (t_s - self.onset_s) % DAY_S < CURTAILED_S
        return super().active(t_s) & curtailed


@dataclass(frozen=True, kw_only=True)
class NewNeighbour(Change):
    """A turbine is built upwind: its wake brings less wind and more turbulence."""

    name: ClassVar[str] = "new_neighbour"
    fault_id: ClassVar[str] = "D6"
    condition: ClassVar[str] = "neighbour_wake"


@dataclass(frozen=True, kw_only=True)
class Ageing(Change):
    """The machine grows a year older: 1 % less power, a little more vibration."""

    ramp_s: float = YEAR_S

    name: ClassVar[str] = "ageing"
    fault_id: ClassVar[str] = "D7"
    condition: ClassVar[str] = "ageing"
