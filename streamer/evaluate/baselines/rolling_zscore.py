"""Rolling z-score: an alarm where a value is over 3 standard deviations from the last 300 values.

The first thing anybody writes, in pandas ``(x - x.rolling(300).mean()) / x.rolling(300).std()``,
here with the window ending before the value that is judged. As there, nothing is said before the
window is full. Per sensor; severity is the largest |z| over 3.

The window follows the signal: a fault that stays is normal after 300 values, one that creeps is
never seen, and turbulence crosses 3 all day.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from streamer.evaluate.baselines.base import TINY, Floats, InStep, Judged, Rows, SensorFacts, Times

WINDOW_SIZE = 300
LIMIT = 3.0


class RollingZScore(InStep):
    """|z| of each sensor against its last values."""

    name: ClassVar[str] = "rolling_zscore"
    about: ClassVar[str] = "z-score against the last 300 values of the sensor; limit |z| = 3"

    def __init__(
        self, sensors: Sequence[SensorFacts], machines: int, period_s: float, seed: int = 42
    ) -> None:
        super().__init__(sensors, machines, period_s, seed)
        shape = (machines, len(self.columns))
        self._window = np.zeros((*shape, WINDOW_SIZE))
        self._learnt = np.zeros(shape, dtype=np.int64)

    def _judge(self, rows: Rows, times: Times, values: Floats) -> Judged:  # noqa: ARG002
        window = self._window[rows]
        spread = np.maximum(window.std(axis=-1, ddof=1), TINY)
        z = np.abs(values - window.mean(axis=-1)) / spread
        full = self._learnt[rows] >= WINDOW_SIZE
        self._learn(rows, values)
        return self._worst(np.where(full, z / LIMIT, np.nan))

    def _learn(self, rows: Rows, values: Floats) -> None:
        reading, column = np.nonzero(~np.isnan(values))
        row = rows[reading]
        oldest = self._learnt[row, column] % WINDOW_SIZE
        self._window[row, column, oldest] = values[reading, column]
        self._learnt[row, column] += 1
