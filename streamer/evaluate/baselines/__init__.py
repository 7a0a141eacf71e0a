"""What people have today, judged by the rules the product is judged by.

Each method stands in a file of its own and in the table here, with the parameters that its authors
publish or that people commonly give it, and with the limit that goes with them. None is tuned to
our scenarios. A method tells the severity of each reading, which is 1.0 at its own limit, so the
alert engine takes theirs as it takes ours.

>>> import numpy as np
>>> facts = [SensorFacts("oil_temperature", "°C", -40.0, 150.0, context=False)]
>>> chart = BASELINES["ewma_first_hour"](facts, machines=1, period_s=600)
>>> values = np.array([59.0, 61.0] * 13 + [70.0, 70.0])[:, np.newaxis]
>>> times = np.arange(len(values)) * 600_000_000_000
>>> chart.score(np.zeros(len(values), np.int32), times, values).round(2).tolist()[-5:]
[nan, nan, 0.2, 2.13, 3.67]
>>> chart.strangest().tolist()[-5:]
[-1, -1, 0, 0, 0]
"""

from __future__ import annotations

from streamer.evaluate.baselines.base import Baseline, SensorFacts
from streamer.evaluate.baselines.ewma_first_hour import EwmaFirstHour
from streamer.evaluate.baselines.isolation_forest import NightlyIsolationForest
from streamer.evaluate.baselines.kmeans_netdata import KMeansNetdata
from streamer.evaluate.baselines.river_hst import RiverHalfSpaceTrees
from streamer.evaluate.baselines.river_loda import RiverLoda
from streamer.evaluate.baselines.rolling_zscore import RollingZScore
from streamer.evaluate.baselines.static_limits import StaticLimits

__all__ = ["BASELINES", "Baseline", "SensorFacts"]

BASELINES: dict[str, type[Baseline]] = {
    baseline.name: baseline
    for baseline in (
        StaticLimits,
        RollingZScore,
        EwmaFirstHour,
        KMeansNetdata,
        NightlyIsolationForest,
        RiverHalfSpaceTrees,
        RiverLoda,
    )
}
