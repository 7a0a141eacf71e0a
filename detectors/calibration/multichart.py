"""How often the EWMA multicharts of a healthy machine alarm: an empirical law, fitted once.

Theory does not hold for them: residuals of machines stay alike for hours, their spread is learnt
in days, and the regression meets weather that it has not seen. What the strangest of a machine's
charts reaches has a tail of the generalised Pareto kind, the usual one of excesses over a
threshold. What of it becomes an alert is thinned out by the on-delay and run together by the
off-delay::

    r(L, hold) = A · (S/10)^b · (1 + ξ (L - 4) (S/10)^d / β)^(-1/ξ) · (1 + hold / 1800 s)^(-c)
    rate = r(L, hold) · exp(-m · keep · r(clear · L, 0))

S judged sensors, L the limit in healthy spreads. The second factor: an alert ends, so that there
can be a next, only when no chart has gone beyond ``clear · L`` for so long.

There are two sets of constants: for machines among siblings, that are excused from weather which
befalls all of them, and for a machine alone, which is not. They are fitted by likelihood to the
alerts of simulated healthy wind farms: 4, 10 and 25 judged sensors, two climates, limits from 2.5
to 8.5, five pairs of delays. ``python -m benchmarks.budget`` counts on farms that the fit has not
seen, docs/tuning.md has its table; with ``--fit`` it fits anew. For other machines it is a first
guess: `telltale tune` counts on their own recordings.

Source: Pickands 1975, "Statistical inference using extreme order statistics".
"""

from __future__ import annotations

import math
from typing import NamedTuple

from detectors.base import check_number
from detectors.calibration.budget import MONTH_S

LEAST, MOST = 2.0, 40.0
"""Limits that the law is asked about: below, alerts run together."""
THRESHOLD, SENSORS, HOLD_S = 4.0, 10.0, 1800.0
"""The limit, the judged sensors and the on-delay that the constants of a law stand at."""


class Delays(NamedTuple):
    """On-delay, off-delay and hysteresis of an alert."""

    hold_s: float = 600.0
    keep_firing_s: float = 1800.0
    clear: float = 0.8


class Law(NamedTuple):
    """The constants."""

    per_month: float
    """A, of ten sensors at limit 4."""
    more: float
    """b, by how much more sensors reach it more often."""
    fold: float
    """β: so much higher a limit is exceeded e times as seldom."""
    shape: float
    """ξ, 0 where the tail is exponential."""
    steeper: float
    """d, by how much more sensors make the tail steeper."""
    held: float
    """c"""
    run_together: float
    """m"""


DEFAULT = Delays()
TOGETHER = Law(1.1, 0.459, 0.763, 0.149, 0.252, 1.84, 0.201)
"""Of a machine that has siblings."""
ALONE = Law(11.4, 0.265, 0.772, 0.0157, 0.0548, 0.713, 0.747)
"""Of one in a fleet too small to compare."""


def multichart_rate(
    limit: float, n_sensors: int, delays: Delays = DEFAULT, law: Law = TOGETHER
) -> float:
    """False alerts per machine-month of 30 days at a limit.

    >>> round(multichart_rate(5.0, 10), 1)
    0.2
    """
    check_number("n_sensors", n_sensors, 1, 1e6)
    check_number("limit", limit, 0, 1e9)
    beyond = _beyond(limit, n_sensors, delays.hold_s, law)
    again = _beyond(delays.clear * limit, n_sensors, 0.0, law) * delays.keep_firing_s / MONTH_S
    return float(beyond * math.exp(-law.run_together * again))


def multichart_limit(
    per_month: float, n_sensors: int, delays: Delays = DEFAULT, law: Law = TOGETHER
) -> float:
    """The least limit that keeps a budget of false alerts per machine-month of 30 days.

    Where delays are long, few alerts fit into a month whatever the limit, and it is `LEAST`, or the
    limit with the most alerts.

    >>> round(multichart_limit(1.0, 10), 2)
    3.68
    >>> round(multichart_limit(1 / 12, 10), 2)
    5.83
    """
    check_number("per_month", per_month, 1e-9, 1e9)
    high = low = MOST
    while low > LEAST and multichart_rate(low, n_sensors, delays, law) <= per_month:
        high, low = low, max(low - 0.25, LEAST)
        if multichart_rate(low, n_sensors, delays, law) < multichart_rate(
            high, n_sensors, delays, law
        ):
            return high
    while high - low > 1e-6:
        middle = (low + high) / 2
        if multichart_rate(middle, n_sensors, delays, law) > per_month:
            low = middle
        else:
            high = middle
    return high


def _beyond(level: float, n_sensors: int, hold_s: float, law: Law) -> float:
    """How often a month the strangest chart goes beyond a level, and stays for ``hold_s``."""
    size = n_sensors / SENSORS
    folds = (level - THRESHOLD) * size**law.steeper / law.fold
    tail = max(1 + law.shape * folds, 0.05) ** (-1 / law.shape)
    return float(law.per_month * size**law.more * tail * (1 + hold_s / HOLD_S) ** -law.held)
