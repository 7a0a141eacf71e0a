"""Faults of bearings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulators.faults.failing import FailingFault, accelerating
from simulators.processes import Floats

ACCELERATION = 4.0
"""β: at half of the ramp, 12 % of the wear is there."""

FAILING_WEAR = 0.8
"""Wear at which the bearing no longer does its work: vibration is beyond all zones by then."""


@dataclass(frozen=True, kw_only=True)
class BearingWear(FailingFault):
    """A bearing wears, ever faster until the end of the ramp: it vibrates and rubs.

    ``w(x) = s·(e^{βx} − 1)/(e^β − 1)``, x the elapsed share of the ramp, β = 4. The exponential
    form is the one that degradation models fit to bearings' health indicators (Gebraeel et al.,
    IIE Transactions 37, 2005).
    """

    name: ClassVar[str] = "bearing_wear"
    fault_id: ClassVar[str] = "F1"
    condition: ClassVar[str] = "bearing_wear"
    failing: ClassVar[float] = FAILING_WEAR

    def growth(self, elapsed: Floats) -> Floats:
        return accelerating(elapsed, ACCELERATION)
