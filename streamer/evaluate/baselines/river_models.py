"""A detector of River's per machine, as River's pages show it: scaler, detector, quantile.

Each reading is scaled and scored, then the scaler learns it, then the detector. River leaves the
limit to its `QuantileFilter` (0.95 in its page's example, 0.995 in its own tests). Here it is the
0.995 quantile of the scores of the first week, without those of the first 250 readings, and then
stays: a quantile that goes on is passed by 1 reading in 200 whatever the machine does.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from streamer.evaluate.baselines.base import NS, Floats, OneByOne, SensorFacts, Times

WARM_UP = 250
"""Readings before the first score that counts: the window of River's Half-Space Trees."""
LEARNING_NS = 7 * 86_400 * NS
SCORES_MIN = 250
QUANTILE = 0.995


class RiverBaseline(OneByOne):
    """One River detector per machine."""

    neutral: ClassVar[float]
    """Where a sensor that says nothing stands, on the scaler's scale."""

    def __init__(
        self, sensors: Sequence[SensorFacts], machines: int, period_s: float, seed: int = 42
    ) -> None:
        super().__init__(sensors, machines, period_s, seed)
        names = [facts.name for facts in sensors]
        self._learners = [
            Learner(dict.fromkeys(names, self.neutral), *self._model()) for _ in range(machines)
        ]

    @abc.abstractmethod
    def _model(self) -> tuple[Any, Any]:
        """A fresh scaler and detector."""

    @abc.abstractmethod
    def _severity(self, score: float, limit: float) -> float:
        """Put a score so that it is 1 at the limit and well below it for most readings."""

    def _judge_one(self, row: int, times: Times, values: Floats) -> Floats:
        learner = self._learners[row]
        severity = np.full(len(times), np.nan)
        for i, (time_ns, reading) in enumerate(zip(times.tolist(), values.tolist(), strict=True)):
            score, limit = learner.turn(time_ns, reading)
            if not math.isnan(limit):
                severity[i] = self._severity(score, limit)
        return severity


class Learner:
    """What stands behind one machine."""

    def __init__(self, neutral: dict[str, float], scaler: Any, detector: Any) -> None:
        self._neutral = neutral
        self._scaler = scaler
        self._detector = detector
        self._learnt = 0
        self._until_ns = 0
        self._scores: list[float] = []
        self._limit = math.nan

    def turn(self, time_ns: int, reading: Sequence[float]) -> tuple[float, float]:
        """Score a reading, then learn it → score and limit, NaN while there is none."""
        said = {
            name: x for name, x in zip(self._neutral, reading, strict=True) if not math.isnan(x)
        }
        if not said:
            return math.nan, math.nan
        score = self._detector.score_one(self._scaled(said)) if self._learnt else math.nan
        limit = self._limit_at(time_ns)
        if math.isnan(limit) and self._learnt >= WARM_UP:
            self._scores.append(score)
        self._scaler.learn_one(said)
        self._detector.learn_one(self._scaled(said))
        self._learnt += 1
        return score, limit

    def _scaled(self, said: dict[str, float]) -> dict[str, float]:
        """All sensors, because detectors take their features from the first reading they learn."""
        scaled: dict[str, float] = self._scaler.transform_one(said)
        return self._neutral | scaled

    def _limit_at(self, time_ns: int) -> float:
        if not self._learnt:
            self._until_ns = time_ns + LEARNING_NS
        enough = len(self._scores) >= SCORES_MIN
        if math.isnan(self._limit) and enough and time_ns >= self._until_ns:
            self._limit = float(np.quantile(self._scores, QUANTILE))
            self._scores.clear()
        return self._limit
