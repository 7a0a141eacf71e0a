"""Faults of lubrication."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulators.faults.failing import FailingFault, accelerating
from simulators.processes import Floats

ACCELERATION = 3.0
"""β: at half of the ramp, 18 % of the clogging is there."""

FAILING_LUBRICATION = 0.9
"""Judgement: the filter's bypass is open and oil pressure is below what a controller runs with."""


@dataclass(frozen=True, kw_only=True)
class LubricationLoss(FailingFault):
    """The gearbox's oil filter clogs and the pressure falls: bearings warm, and late they rattle.

    It grows as `accelerating` with β = 3, the shape of pressure drop over retained dirt in the
    multi-pass test of filters (ISO 16889): long nothing, then steeply.
    """

    name: ClassVar[str] = "lubrication_loss"
    fault_id: ClassVar[str] = "F11"
    condition: ClassVar[str] = "lubrication_loss"
    failing: ClassVar[float] = FAILING_LUBRICATION

    def growth(self, elapsed: Floats) -> Floats:
        return accelerating(elapsed, ACCELERATION)
