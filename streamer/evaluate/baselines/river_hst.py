"""River's Half-Space Trees behind its MinMaxScaler, as on River's page.

River's score is 1 - m, m being the share of the largest mass that a reading could meet. Severity is
m at the limit over m: how many times rarer than the limit the reading's surroundings are.

The trees go on learning, so what stays becomes normal within a window of 250 readings; and a value
beyond all earlier ones is at the edge of the scaled range, not outside it. Source: Tan, Ting, Liu,
*Fast Anomaly Detection for Streaming Data*, IJCAI 2011.
"""

from __future__ import annotations

from typing import Any, ClassVar

from streamer.evaluate.baselines.river_models import RiverBaseline


class RiverHalfSpaceTrees(RiverBaseline):
    """`river.anomaly.HalfSpaceTrees` with River's parameters."""

    name: ClassVar[str] = "river_hst"
    about: ClassVar[str] = (
        "River's Half-Space Trees on its MinMaxScaler; limit: 0.995 quantile of the first week"
    )
    neutral: ClassVar[float] = 0.5

    def _model(self) -> tuple[Any, Any]:
        from river import anomaly, preprocessing

        return preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=self.seed)

    def _severity(self, score: float, limit: float) -> float:
        return (1 - limit) / (1 - score)
