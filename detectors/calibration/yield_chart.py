"""How often the yield chart of a healthy machine alarms: theory, for once, nearly holds.

What it averages has no memory, and is drawn in by what its regression leaves in doubt
(`detectors.mean_leverage`). So the average, in its own spreads, is an Ornstein-Uhlenbeck process of
time constant τ, the EWMA of long averages. From one alert to the next it has to fall from the limit
to where an alert ends, and to rise again. By Siegert's formula the mean time of both together is::

    E[T] = τ √(2π) ∫ exp(u²/2) du    over    clear · L - √(π keep/τ)  …  L

The root is the off-delay: that the average must stay below a level for so long puts off the end of
the alert as a level that is so much lower would (Dassios and Wu's Parisian times, to the first
order). On-delays are short beside τ, and only who falls below ``clear · L`` meanwhile gets away. A
healthy machine is alarmed ``1 / (E[T] + hold + keep)`` times as time goes by.

The spread is learnt in some days of averages that last for days, is never taken for less than
theory's, and residuals are clipped, those of gusts often: so the chart stands farther off than its
limit says, by a factor that simulated healthy wind farms tell.

Sources: Siegert 1951, "On the first passage time probability problem", Physical Review 81; Dassios
and Wu 2010, "Perturbed Brownian motion and its application to Parisian option pricing", Finance
and Stochastics 14, for times beyond a level.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.base import check_number
from detectors.calibration.budget import MONTH_S
from detectors.calibration.multichart import Delays
from detectors.calibration.numbers import limit_where, rule

FARTHER = 1.25
"""By how much farther off the chart stands than its limit says."""
DEFAULT = Delays()
HIGHEST = 30.0
SHORTEST_S = 600.0
"""An off-delay is taken for no less: of what comes between two readings nobody hears."""


def yield_chart_rate(
    limit: float, scale_s: float, delays: Delays = DEFAULT, farther: float = FARTHER
) -> float:
    """False alerts per machine-month of 30 days at a limit.

    ``scale_s`` is the chart's τ; with ``farther`` 1 it is the law of an average of independent
    residuals with a spread that is known.

    >>> round(12 * yield_chart_rate(3.0, 6 * 86400), 2)
    0.08
    """
    check_number("limit", limit, 0, 1e9)
    check_number("scale_s", scale_s, 1e-3, 1e9)
    high = min(farther * limit, HIGHEST)
    off_s = max(delays.keep_firing_s, SHORTEST_S)
    low = max(delays.clear * high - math.sqrt(math.pi * off_s / scale_s), -high)
    nodes, weights = rule(200)
    half = (high - low) / 2
    # exp(u²/2) in terms of its end: at thirty spreads it is no number any more.
    u = low + half * (nodes + 1)
    share = half * float(weights @ np.exp((u * u - high * high) / 2))
    passage_s = math.sqrt(2 * math.pi) * scale_s * share * math.exp(min(high * high / 2, 700))
    return MONTH_S / (passage_s + delays.hold_s + off_s)


def yield_chart_limit(
    per_month: float, scale_s: float, delays: Delays = DEFAULT, farther: float = FARTHER
) -> float:
    """The least limit that keeps a budget of false alerts per machine-month of 30 days.

    So slow a chart alarms seldom whatever its limit: a budget larger than that makes it 0.

    >>> round(yield_chart_limit(0.1 / 12, 6 * 86400), 2)
    2.95
    """
    check_number("per_month", per_month, 1e-9, 1e9)
    return limit_where(
        lambda limit: 1 / yield_chart_rate(limit, scale_s, delays, farther), 1 / per_month, HIGHEST
    )
