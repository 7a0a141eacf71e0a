"""Faults of bearings and their lubrication."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simulators.faults.base import MachineFault
from simulators.processes import Floats

ACCELERATION = 4.0
"""β: at half of the ramp, 12 % of the wear is there."""

FAILING_WEAR = 0.8
"""Wear at which the bearing no longer does its work: vibration is beyond all zones by then."""


@dataclass(frozen=True, kw_only=True)
class BearingWear(MachineFault):
    """A bearing wears, ever faster until the end of the ramp: it vibrates and rubs.

    ``w(x) = s·(e^{βx} − 1)/(e^β − 1)``, x the elapsed share of the ramp, β = 4. The exponential
    form is the one that degradation models fit to bearings' health indicators (Gebraeel et al.,
    IIE Transactions 37, 2005).
    """

    name: ClassVar[str] = "bearing_wear"
    fault_id: ClassVar[str] = "F1"
    condition: ClassVar[str] = "bearing_wear"

    def growth(self, elapsed: Floats) -> Floats:
        return np.expm1(ACCELERATION * elapsed) / math.expm1(ACCELERATION)

    @property
    def failure_s(self) -> float:
        """When wear passes `FAILING_WEAR`: the growth law solved for x; never if it stays below."""
        if self.severity < FAILING_WEAR:
            return math.inf
        elapsed = math.log1p(FAILING_WEAR / self.severity * math.expm1(ACCELERATION)) / ACCELERATION
        failing_s = self.onset_s + elapsed * self.ramp_s
        return failing_s if failing_s < self.end_s else math.inf
