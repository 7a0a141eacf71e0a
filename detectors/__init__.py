"""The statistics: arrays in, arrays out. No MQTT, no clock, no files, no config format.

Start with `detectors.base`, which states the contract and the axes; then any one detector. The
fleets in `DETECTORS` judge all machines of a class at once; `HalfSpaceTrees`, `RollingZScore`,
`EwmaChart` and `PageHinkley` are the same methods for one machine, as River detectors.
"""

from detectors.base import FleetDetector
from detectors.ewma_chart import EwmaChart, EwmaChartFleet
from detectors.half_space_trees import HalfSpaceTrees, HalfSpaceTreesFleet
from detectors.page_hinkley import PageHinkley, PageHinkleyFleet
from detectors.rolling_zscore import RollingZScore, RollingZScoreFleet

DETECTORS: dict[str, type[FleetDetector]] = {
    "half_space_trees": HalfSpaceTreesFleet,
    "rolling_zscore": RollingZScoreFleet,
    "ewma_chart": EwmaChartFleet,
    "page_hinkley": PageHinkleyFleet,
}
"""Name in configs and score columns → the method. Any other name there is a class of River's, for
`detectors.river_adapter`."""

__all__ = ["DETECTORS", "EwmaChart", "HalfSpaceTrees", "PageHinkley", "RollingZScore"]
