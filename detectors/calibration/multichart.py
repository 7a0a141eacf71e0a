"""How often the EWMA multicharts of a healthy machine alarm: an empirical law, fitted once.

Theory does not hold for them: residuals of machines stay alike for hours, their spread is learnt
in days, and the regression meets weather that it has not seen. What the strangest of a machine's
charts reaches has a tail of the generalised Pareto kind, the usual one of excesses over a
threshold, and what of it becomes an alert is thinned out by the on-delay and run together by the
off-delay::

    r(L) = A · S^b · (1 + ξ (L - 2) / β)^(-1/ξ) · (1 + hold / 600 s)^(-c)
    rate = r(L) · exp(-m · keep · r(clear · L, without hold))

S judged sensors, L the limit in healthy spreads. The second factor: an alert ends, so that there
can be a next, only when no chart has gone beyond ``clear · L`` for so long.

The constants were fitted by likelihood to the alerts of simulated healthy wind farms: 4, 10 and 26
judged sensors, two climates, two seeds, limits from 3 to 7, five pairs of delays. On a seed
that the fit had not seen, in those climates, all machines together had 0.7 to 1.7 times what was
asked, of a single kind of farm up to 4 times; docs/tuning.md has the table. For others it is
a first guess: `telltale tune` counts on their own recordings.

Source: Pickands 1975, "Statistical inference using extreme order statistics".
"""

from __future__ import annotations

import math
from typing import NamedTuple

from detectors.base import check_number
from detectors.calibration.budget import MONTH_S

LEAST, MOST = 2.5, 40.0
"""Limits that the law is asked about: below, alerts run together."""
PER_MONTH, SENSORS, SHAPE, SCALE, HELD, RUN_TOGETHER = 252.0, 0.519, 0.241, 0.203, 0.737, 0.350
THRESHOLD = 2.0
HOLD_S = 600.0


class Delays(NamedTuple):
    """On-delay, off-delay and hysteresis of an alert."""

    hold_s: float = 600.0
    keep_firing_s: float = 1800.0
    clear: float = 0.8


DEFAULT = Delays()


def multichart_rate(limit: float, n_sensors: int, delays: Delays = DEFAULT) -> float:
    """False alerts per machine-month of 30 days at a limit.

    >>> round(multichart_rate(5.0, 10), 1)
    0.9
    """
    check_number("n_sensors", n_sensors, 1, 1e6)
    check_number("limit", limit, THRESHOLD, 1e9)
    beyond = _beyond(limit, n_sensors) * (1 + delays.hold_s / HOLD_S) ** -HELD
    again = _beyond(delays.clear * limit, n_sensors) * delays.keep_firing_s / MONTH_S
    return float(beyond * math.exp(-RUN_TOGETHER * again))


def multichart_limit(per_month: float, n_sensors: int, delays: Delays = DEFAULT) -> float:
    """The least limit that keeps a budget of false alerts per machine-month of 30 days.

    Where delays are long, few alerts fit into a month whatever the limit, and it is `LEAST`, or the
    limit with the most alerts.

    >>> round(multichart_limit(1.0, 10), 2)
    4.92
    >>> multichart_limit(1.0, 10) < multichart_limit(1 / 12, 10) < multichart_limit(1 / 12, 26)
    True
    """
    check_number("per_month", per_month, 1e-9, 1e9)
    high = low = MOST
    while low > LEAST and multichart_rate(low, n_sensors, delays) <= per_month:
        high, low = low, max(low - 0.25, LEAST)
        if multichart_rate(low, n_sensors, delays) < multichart_rate(high, n_sensors, delays):
            return high
    while high - low > 1e-6:
        middle = (low + high) / 2
        if multichart_rate(middle, n_sensors, delays) > per_month:
            low = middle
        else:
            high = middle
    return high


def _beyond(level: float, n_sensors: int) -> float:
    """How often a month the strangest chart goes beyond a level."""
    excess = max(1 + SHAPE * (level - THRESHOLD) / SCALE, 0.1)
    return float(PER_MONTH * n_sensors**SENSORS * excess ** (-1 / SHAPE))
