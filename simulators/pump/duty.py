"""What a plant asks of its pumps: how much, by hour and weekday, and which of them work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.processes import Floats, SmoothNoise
from simulators.streams import Streams
from simulators.thermal import daily_cycle

USUAL_DEMAND = 0.85
"""Flow that the plant asks of a pump on a mean working day, of the rated one."""
DAILY_DEMAND, BUSIEST_HOUR = 0.15, 13.0
"""Half the difference between noon and night, as a share of the mean; when it is largest."""
WEEKEND_DEMAND = 0.2
"""What is asked less from Saturday 6 h to Monday 6 h, as a share of the mean."""
SHIFT_H = 2.0
"""How long the plant takes to run down and up again."""
WEEK_H = 168.0
SATURDAY_H, MONDAY_H = 126.0, 6.0
"""Hours since Monday's midnight."""
DEMAND_SPREAD, DEMAND_TAU_S, DEMAND_LAG_S = 0.06, 4 * 3600.0, 1800.0
"""What the demand deviates from the usual, as a share of it, and how fast."""
DEMAND_LIMITS = (0.3, 1.05)
SET, TURN_H, CHANGEOVER_H = 3, 24.0, 6.0
"""Of three pumps two work and one stands by, a day each."""
EPOCH_HOUR = 72.0
"""1970 began on a Thursday."""
HOUR_NS = 3_600_000_000_000


class Plant:
    """What all pumps share: the hours, and how much is asked."""

    def __init__(self, streams: Streams, period_s: float) -> None:
        stream = streams("weather/demand")
        self._noise = SmoothNoise(stream, period_s, DEMAND_TAU_S, DEMAND_LAG_S)

    def advance(self, times: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Hours since a Monday's midnight, and the flow asked for, of the rated one; ``[k]``."""
        hours = EPOCH_HOUR + times / HOUR_NS
        demand = usual_demand(hours) * (1 + DEMAND_SPREAD * self._noise.advance(len(times)))
        return hours, np.clip(demand, *DEMAND_LIMITS)


def usual_demand(hour: Floats) -> Floats:
    """Flow that a plant asks of a pump, of the rated one, by the hour since a Monday's midnight.

    A cosine over the day, less at night and at weekends. How much is engineering judgement.

    >>> usual_demand(np.array([37.0, 25.0, 157.0])).round(2)  # Tuesday 13 h and 1 h, Sunday 13 h
    array([0.98, 0.72, 0.78])
    """
    week = hour % WEEK_H
    ended = np.clip((week - SATURDAY_H) / SHIFT_H, 0, 1)
    begun = np.clip((week - MONDAY_H) / SHIFT_H, 0, 1)
    weekend = 1 - begun + ended
    day = 1 + daily_cycle(week % 24, DAILY_DEMAND, BUSIEST_HOUR)
    return USUAL_DEMAND * day * (1 - WEEKEND_DEMAND * weekend)


def on_duty(hours: Floats, machines: int) -> NDArray[np.bool_]:
    """Does a pump work, or stand by? ``[k, machines]``; hours since a Monday's midnight, ``[k]``.

    Of three pumps two work; each morning at 6 h another one rests.

    >>> on_duty(np.array([7.0, 31.0, 55.0]), machines=3)
    array([[ True,  True, False],
           [ True, False,  True],
           [False,  True,  True]])
    """
    turn = np.floor((hours - CHANGEOVER_H) / TURN_H)[:, np.newaxis]
    return np.not_equal((turn + np.arange(machines)) % SET, SET - 1)
