"""How bad, how slow and how lasting each fault is when it comes at random.

The ranges are engineering judgement. Ramps of machine faults follow the lead times that condition
monitoring reports: hours to days for electrical faults, weeks for cooling and lubrication, months
for bearings and blades. Repairs wait for people, parts and calm weather.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from simulators.faults.base import Fault, Kind

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86_400.0

Range = tuple[float, float]

AT_ONCE: Range = (0.0, 0.0)
FOR_EVER: Range = (math.inf, math.inf)


def hours(low: float, high: float) -> Range:
    """A range of hours in seconds."""
    return low * HOUR_S, high * HOUR_S


def days(low: float, high: float) -> Range:
    """A range of days in seconds."""
    return low * DAY_S, high * DAY_S


class Ranges(NamedTuple):
    """From … to."""

    severity: Range
    ramp_s: Range
    lasts_s: Range
    """From the end of the ramp until the repair."""


RANGES: dict[str, Ranges] = {
    "bearing_wear": Ranges((0.5, 1.0), days(20, 120), days(1, 10)),
    "overheating": Ranges((0.3, 1.0), days(1, 30), days(1, 10)),
    "winding_overheating": Ranges((0.3, 1.0), days(0.1, 10), days(1, 10)),
    "mass_imbalance": Ranges((0.3, 1.0), AT_ONCE, days(5, 60)),
    "pitch_offset": Ranges((0.3, 1.0), AT_ONCE, days(5, 60)),
    "pitch_actuator": Ranges((0.5, 1.0), days(0.1, 10), days(0.5, 5)),
    "yaw_misalignment": Ranges((0.3, 1.0), AT_ONCE, days(10, 90)),
    "icing": Ranges((0.3, 1.0), AT_ONCE, days(1, 7)),
    "efficiency_loss": Ranges((0.3, 1.0), days(1, 30), days(2, 30)),
    "blade_erosion": Ranges((0.3, 1.0), days(60, 365), days(10, 60)),
    "lubrication_loss": Ranges((0.3, 1.0), days(5, 40), days(0.5, 5)),
    "cavitation": Ranges((0.3, 1.0), AT_ONCE, hours(1, 72)),
    "impeller_wear": Ranges((0.3, 1.0), days(60, 365), days(10, 60)),
    "misalignment": Ranges((0.3, 1.0), AT_ONCE, days(5, 60)),
    "filter_clogging": Ranges((0.3, 1.0), days(2, 40), days(0.5, 10)),
    "season": Ranges((0.3, 1.0), days(90, 183), FOR_EVER),
    "firmware": Ranges((0.5, 1.0), AT_ONCE, FOR_EVER),
    "oil_change": Ranges((0.5, 1.0), AT_ONCE, days(180, 365)),
    "bearing_replacement": Ranges((0.5, 1.0), AT_ONCE, FOR_EVER),
    "service": Ranges((1.0, 1.0), AT_ONCE, hours(2, 12)),
    "recalibration": Ranges((0.3, 1.0), AT_ONCE, FOR_EVER),
    "curtailment": Ranges((0.3, 1.0), AT_ONCE, days(5, 90)),
    "sensor_replacement": Ranges((0.3, 1.0), AT_ONCE, FOR_EVER),
    "new_neighbour": Ranges((0.3, 1.0), AT_ONCE, FOR_EVER),
    "ageing": Ranges((0.5, 1.0), days(365, 366), FOR_EVER),
    "sensor_drift": Ranges((0.3, 1.0), days(10, 90), days(5, 30)),
}

OF_KIND: dict[Kind, Ranges] = {
    "fault": Ranges((0.3, 1.0), days(2, 60), days(1, 10)),
    "drift": Ranges((0.3, 1.0), AT_ONCE, days(10, 90)),
    "maintenance": Ranges((0.3, 1.0), AT_ONCE, days(10, 90)),
    "sensor": Ranges((0.3, 1.0), AT_ONCE, hours(0.5, 48)),
    "transport": Ranges((0.3, 1.0), AT_ONCE, hours(0.2, 12)),
}
"""For faults that `RANGES` does not name."""


def ranges_of(kind: type[Fault]) -> Ranges:
    """The ranges for faults of this class."""
    return RANGES[kind.name] if kind.name in RANGES else OF_KIND[kind.kind]


def log_uniform(within: Range, chance: float) -> float:
    """Whole seconds in a range, evenly by their logarithm: ``a·(b/a)^u``, u = 0 … 1.

    >>> [log_uniform((10.0, 1000.0), chance) for chance in (0.0, 0.5, 1.0)]
    [10.0, 100.0, 1000.0]
    """
    low, high = within
    return low if low == high else float(round(low * (high / low) ** chance))
