"""Faults that only pumps have: of what flows through them, and of how they are set up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulators.faults.base import MachineFault
from simulators.faults.failing import accelerating
from simulators.processes import Floats

CLOGGING = 3.0
"""β: at half of the ramp, 18 % of the clogging is there."""


@dataclass(frozen=True, kw_only=True)
class Cavitation(MachineFault):
    """Too little pressure at the inlet: the water boils in the impeller, and head is lost.

    The supply's level falls. Whether the pump cavitates for that depends on how hard it works: a
    slow pump needs less.
    """

    name: ClassVar[str] = "cavitation"
    fault_id: ClassVar[str] = "P1"
    condition: ClassVar[str] = "cavitation"


@dataclass(frozen=True, kw_only=True)
class ImpellerWear(MachineFault):
    """The impeller and its sealing gap wear out, over months: head and efficiency are lost."""

    name: ClassVar[str] = "impeller_wear"
    fault_id: ClassVar[str] = "P2"
    condition: ClassVar[str] = "impeller_wear"


@dataclass(frozen=True, kw_only=True)
class Misalignment(MachineFault):
    """Pump and motor are not in line: both bearings shake twice per turn, and warm."""

    name: ClassVar[str] = "misalignment"
    fault_id: ClassVar[str] = "P3"
    condition: ClassVar[str] = "misalignment"


@dataclass(frozen=True, kw_only=True)
class FilterClogging(MachineFault):
    """The strainer before the pump, or the filter after it, clogs: less flows.

    It grows as `accelerating` with β = 3, the shape of pressure drop over retained dirt in the
    multi-pass test of filters (ISO 16889): long nothing, then steeply.
    """

    name: ClassVar[str] = "filter_clogging"
    fault_id: ClassVar[str] = "P4"
    condition: ClassVar[str] = "filter_clogging"

    def growth(self, elapsed: Floats) -> Floats:
        return accelerating(elapsed, CLOGGING)
