"""The statistics: arrays in, arrays out. No MQTT, no clock, no files, no config format.

Start with `detectors.base`, which states the contract and the axes; then any one detector. The
fleets in `DETECTORS` judge all machines of a class at once; `HalfSpaceTrees`, `RollingZScore`,
`EwmaChart`, `Cusum` and so on are the same methods for one machine, as River detectors.
"""

from detectors.base import FleetDetector
from detectors.cusum import Cusum, CusumFleet
from detectors.ewma_chart import EwmaChart, EwmaChartFleet
from detectors.ewma_multichart import (
    AdjustedMultichartFleet,
    EwmaMultichart,
    EwmaMultichartFleet,
)
from detectors.half_space_trees import HalfSpaceTrees, HalfSpaceTreesFleet
from detectors.hotelling_t2 import HotellingT2, HotellingT2Fleet
from detectors.mewma import Mewma, MewmaFleet
from detectors.page_hinkley import PageHinkley, PageHinkleyFleet
from detectors.reference_chart import ReferenceChart, ReferenceChartFleet
from detectors.rolling_zscore import RollingZScore, RollingZScoreFleet
from detectors.seasonal_novelty import SeasonalNovelty, SeasonalNoveltyFleet
from detectors.shewhart import Shewhart, ShewhartFleet
from detectors.spe import Spe, SpeFleet
from detectors.yield_chart import YieldChartFleet

DETECTORS: dict[str, type[FleetDetector]] = {
    "ewma_multichart": EwmaMultichartFleet,
    "adjusted_multichart": AdjustedMultichartFleet,
    "yield_chart": YieldChartFleet,
    "half_space_trees": HalfSpaceTreesFleet,
    "rolling_zscore": RollingZScoreFleet,
    "ewma_chart": EwmaChartFleet,
    "reference_chart": ReferenceChartFleet,
    "shewhart": ShewhartFleet,
    "cusum": CusumFleet,
    "hotelling_t2": HotellingT2Fleet,
    "spe": SpeFleet,
    "mewma": MewmaFleet,
    "page_hinkley": PageHinkleyFleet,
    "seasonal_novelty": SeasonalNoveltyFleet,
}
"""Name in configs and score columns → the method. Any other name there is a class of River's, for
`detectors.river_adapter`."""

__all__ = [
    "DETECTORS",
    "Cusum",
    "EwmaChart",
    "EwmaMultichart",
    "HalfSpaceTrees",
    "HotellingT2",
    "Mewma",
    "PageHinkley",
    "ReferenceChart",
    "RollingZScore",
    "SeasonalNovelty",
    "Shewhart",
    "Spe",
]
