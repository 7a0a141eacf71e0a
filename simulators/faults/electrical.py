"""Faults between the shaft and the grid: generator and converter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulators.faults.base import MachineFault
from simulators.faults.failing import FailingFault

FAILING_WINDING = 0.9
"""Judgement: at rated power on a warm day the winding then passes the 155 °C that insulation of
class F stands (IEC 60034-1), and is tripped or lost. On calm or cold days it lives longer."""


@dataclass(frozen=True, kw_only=True)
class WindingOverheating(FailingFault):
    """One phase of the generator heats more, by shorted turns or blocked air.

    The phase runs away from its two neighbours; that spread is the tell (Tveten et al.,
    arXiv:2406.08030, watch a motor's stator in this way).
    """

    name: ClassVar[str] = "winding_overheating"
    fault_id: ClassVar[str] = "F3"
    condition: ClassVar[str] = "winding_heating"
    failing: ClassVar[float] = FAILING_WINDING


@dataclass(frozen=True, kw_only=True)
class EfficiencyLoss(MachineFault):
    """The converter turns some per cent of the power into heat instead of current."""

    name: ClassVar[str] = "efficiency_loss"
    fault_id: ClassVar[str] = "F9"
    condition: ClassVar[str] = "efficiency_loss"
