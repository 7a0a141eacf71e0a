"""Faults of cooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulators.faults.base import MachineFault


@dataclass(frozen=True, kw_only=True)
class Overheating(MachineFault):
    """A fouled cooler or too little oil: heat finds up to 1.8 times the resistance."""

    name: ClassVar[str] = "overheating"
    fault_id: ClassVar[str] = "F2"
    condition: ClassVar[str] = "cooling_loss"
