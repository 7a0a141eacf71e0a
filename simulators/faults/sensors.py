"""Faults of instruments: the machine is well, what is said about it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from simulators.faults.base import Episode, SensorFault
from simulators.processes import Floats


@dataclass(frozen=True, kw_only=True)
class SensorStuck(SensorFault):
    """A sensor repeats the value it reported at onset until it is repaired.

    There is no half of it: any severity above 0 freezes the value wholly, and at once.
    """

    name: ClassVar[str] = "sensor_stuck"
    fault_id: ClassVar[str] = "S4"

    def on_instrument(self, t_s: Floats, values: Mapping[str, Floats], episode: Episode) -> None:
        stuck = self.active(t_s)
        if self.severity == 0 or not stuck.any():
            return
        reported = values[self.target]
        held = episode.memory.setdefault("held", reported[stuck][:1])
        reported[stuck] = held
