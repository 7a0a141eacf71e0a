"""Every fault there is, by name: the list that the command line, the tests and the docs read."""

from __future__ import annotations

from simulators.faults.base import Fault, MachineFault, SensorFault
from simulators.faults.bearings import BearingWear
from simulators.faults.cooling import Overheating
from simulators.faults.sensors import SensorStuck

FAULTS: dict[str, type[Fault]] = {
    kind.name: kind
    for kind in (
        BearingWear,
        Overheating,
        SensorStuck,
    )
}

__all__ = [
    "FAULTS",
    "BearingWear",
    "Fault",
    "MachineFault",
    "Overheating",
    "SensorFault",
    "SensorStuck",
]
