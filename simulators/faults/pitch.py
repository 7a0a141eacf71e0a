"""Faults of the blades' pitch: set wrong, or moved wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from simulators.faults.base import MachineFault
from simulators.faults.failing import FailingFault

FAILING_STUCK = 0.9
"""Judgement: of what the blade is told to turn, it turns a tenth."""


@dataclass(frozen=True, kw_only=True)
class PitchOffset(MachineFault):
    """One blade stands some degrees off the other two: unbalanced forces, less power."""

    name: ClassVar[str] = "pitch_offset"
    fault_id: ClassVar[str] = "F5"
    condition: ClassVar[str] = "pitch_offset"


@dataclass(frozen=True, kw_only=True)
class PitchActuator(FailingFault):
    """The drive of one blade answers slowly (leakage), softly (air in the oil) or not (stuck).

    The three of the benchmark by Odgaard et al. (IEEE Transactions on Control Systems Technology
    21(4), 2013). Only a blade that sticks is a functional failure: it cannot be feathered, and so
    it no longer helps to stop the machine.
    """

    name: ClassVar[str] = "pitch_actuator"
    fault_id: ClassVar[str] = "F6"
    condition: ClassVar[str] = "pitch_actuator"
    failing: ClassVar[float] = FAILING_STUCK

    @property
    def failure_s(self) -> float:
        """When the blade sticks."""
        return super().failure_s if self.target == "stuck" else math.inf
