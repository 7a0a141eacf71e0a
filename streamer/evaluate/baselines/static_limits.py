"""Static limits: an alarm outside the range seen in the first week, and a little more.

What most plants have. Somebody looks at a week of data and writes two numbers per sensor into the
control system. With the lowest and highest value of that week and their span::

    limits = lowest - span / 10 … highest + span / 10

Severity is the distance from the middle of the limits over half their width, the largest over the
sensors. A fault shows when it leaves the range of *all* conditions of that week; a season that the
week did not have alarms for months.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

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

LEARNING_NS = 7 * 86_400 * NS
MARGIN = 0.1
"""Share of the span that is added on either side."""


class StaticLimits(InStep):
    """A fixed range per sensor, learnt in its first week."""

    name: ClassVar[str] = "static_limits"
    about: ClassVar[str] = "a range per sensor: that of its first week and 10 % of it on each side"

    def __init__(
        self, sensors: Sequence[SensorFacts], machines: int, period_s: float, seed: int = 42
    ) -> None:
        super().__init__(sensors, machines, period_s, seed)
        shape = (machines, len(self.columns))
        self._until = np.full(shape, -1, dtype=np.int64)
        self._lowest = np.full(shape, np.inf)
        self._highest = np.full(shape, -np.inf)

    def _judge(self, rows: Rows, times: Times, values: Floats) -> Judged:
        said = ~np.isnan(values)
        until = self._until[rows]
        until = np.where(said & (until < 0), times[:, np.newaxis] + LEARNING_NS, until)
        learning = times[:, np.newaxis] < until
        ratios = np.where(said & ~learning, self._ratios(rows, values), np.nan)
        self._until[rows] = until
        self._widen(rows, np.where(learning, values, np.nan))
        return self._worst(ratios)

    def _ratios(self, rows: Rows, values: Floats) -> Floats:
        known = self._lowest[rows] <= self._highest[rows]
        lowest = np.where(known, self._lowest[rows], 0.0)
        highest = np.where(known, self._highest[rows], 0.0)
        half_width = (0.5 + MARGIN) * (highest - lowest)
        return np.abs(values - (lowest + highest) / 2) / np.maximum(half_width, TINY)

    def _widen(self, rows: Rows, values: Floats) -> None:
        self._lowest[rows] = np.fmin(self._lowest[rows], values)
        self._highest[rows] = np.fmax(self._highest[rows], values)
