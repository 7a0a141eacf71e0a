"""Faults that end in a functional failure: the machine can no longer do its work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simulators.faults.base import MachineFault
from simulators.processes import Floats

HALVINGS = 60
"""Of the ramp: finds the time to the last bit of a double."""


@dataclass(frozen=True, kw_only=True)
class FailingFault(MachineFault):
    """A machine fault that ends in a functional failure once it is bad enough."""

    failing: ClassVar[float]
    """Severity at which the machine, or the part, no longer does its work."""

    @property
    def failure_s(self) -> float:
        """When the severity reaches `failing`; never if it stays below or is repaired before."""
        if self.severity < self.failing:
            return math.inf
        failing_s = self.onset_s + self.ramp_s * self._elapsed_at(self.failing / self.severity)
        return failing_s if failing_s < self.end_s else math.inf

    def _elapsed_at(self, share: float) -> float:
        """Share of the ramp at which the growth, which never falls, reaches ``share``."""
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            reached = bool(self.growth(np.array(middle)) >= share)
            low, high = (low, middle) if reached else (middle, high)
        return high


def accelerating(elapsed: Floats, acceleration: float) -> Floats:
    """Growth ever faster until the end of the ramp, ``(e^{βx} − 1)/(e^β − 1)``.

    Args:
        elapsed: x, the elapsed share of the ramp, 0 … 1.
        acceleration: β > 0; the larger, the later it grows.

    >>> accelerating(np.array([0.0, 0.5, 1.0]), acceleration=4.0).round(2).tolist()
    [0.0, 0.12, 1.0]
    """
    return np.expm1(acceleration * elapsed) / math.expm1(acceleration)
