"""EWMA control chart with limits from the first hour, as put up at commissioning.

With mean μ and standard deviation σ of a sensor's first hour, or of its first 25 values where an
hour has fewer::

    z ← λ x + (1 - λ) z        |z - μ| ≤ L σ √(λ / (2 - λ))        λ = 0.2, L = 3

Severity is the left side over the right side, the largest over the sensors. The λ and L are the
textbook's (NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.4; limits in their steady state),
and so are 25 values to begin with. The textbook also wants independent values and a process that
stands still; an hour of a machine whose load follows the wind gives limits far too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from streamer.evaluate.baselines.base import (
    NS,
    TINY,
    Floats,
    InStep,
    Judged,
    Rows,
    SensorFacts,
    Times,
)

HOUR_NS = 3600 * NS
VALUES_MIN = 25
LAMBDA = 0.2
L = 3.0
WIDTH = L * (LAMBDA / (2 - LAMBDA)) ** 0.5
"""Half the distance between the control limits, in σ."""


class EwmaFirstHour(InStep):
    """One EWMA chart per sensor."""

    name: ClassVar[str] = "ewma_first_hour"
    about: ClassVar[str] = "EWMA chart per sensor, λ = 0.2; limits 3 σ of its first hour"

    def __init__(
        self, sensors: Sequence[SensorFacts], machines: int, period_s: float, seed: int = 42
    ) -> None:
        super().__init__(sensors, machines, period_s, seed)
        shape = (machines, len(self.columns))
        self._until = np.full(shape, -1, dtype=np.int64)
        self._count = np.zeros(shape)
        self._mean = np.zeros(shape)
        self._squares = np.zeros(shape)
        """Σ (x - mean)², by Welford's recurrence."""
        self._ewma = np.zeros(shape)

    def _judge(self, rows: Rows, times: Times, values: Floats) -> Judged:
        said = ~np.isnan(values)
        until = self._until[rows]
        until = np.where(said & (until < 0), times[:, np.newaxis] + HOUR_NS, until)
        self._until[rows] = until
        learning = (times[:, np.newaxis] < until) | (self._count[rows] < VALUES_MIN)
        self._learn(rows, values, said & learning)
        return self._worst(self._ratios(rows, values, said & ~learning))

    def _learn(self, rows: Rows, values: Floats, chosen: NDArray[np.bool_]) -> None:
        count = self._count[rows] + chosen
        change = np.where(chosen, values - self._mean[rows], 0.0)
        mean = self._mean[rows] + change / np.maximum(count, 1)
        self._squares[rows] += np.where(chosen, change * (values - mean), 0.0)
        self._count[rows], self._mean[rows] = count, mean
        self._ewma[rows] = np.where(chosen, mean, self._ewma[rows])

    def _ratios(self, rows: Rows, values: Floats, chosen: NDArray[np.bool_]) -> Floats:
        ewma = self._ewma[rows]
        ewma = np.where(chosen, LAMBDA * values + (1 - LAMBDA) * ewma, ewma)
        self._ewma[rows] = ewma
        variance = self._squares[rows] / np.maximum(self._count[rows] - 1, 1)
        limit = WIDTH * np.maximum(np.sqrt(variance), TINY)
        return np.where(chosen, np.abs(ewma - self._mean[rows]) / limit, np.nan)
