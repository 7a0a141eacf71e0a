"""River's LODA behind its StandardScaler: histograms of 100 sparse random projections.

River's score is the mean of -log p over the histograms. Severity is exp(score - limit): how many
times less likely than the limit a reading is, by the geometric mean. Without a scaler the sensor
with the largest unit would be all that LODA sees.

The histograms never forget and never stop learning. Source: Pevný, *Loda: Lightweight On-line
Detector of Anomalies*, Machine Learning 102, 2016.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from streamer.evaluate.baselines.river_models import RiverBaseline


class RiverLoda(RiverBaseline):
    """`river.anomaly.LODA` with River's parameters."""

    name: ClassVar[str] = "river_loda"
    about: ClassVar[str] = (
        "River's LODA on its StandardScaler; limit: 0.995 quantile of the first week"
    )
    neutral: ClassVar[float] = 0.0

    def _model(self) -> tuple[Any, Any]:
        from river import anomaly, preprocessing

        return preprocessing.StandardScaler(), anomaly.LODA(seed=self.seed)

    def _severity(self, score: float, limit: float) -> float:
        return math.exp(score - limit)
