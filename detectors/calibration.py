"""Limits from a false-alarm budget, in the user's words: "1 per machine-month".

A chart's *average run length* (ARL) is how many samples it takes on average until it alarms: with
nothing wrong (ARL0) it should be long, after a shift short. A budget of false alarms is an ARL0,
and an ARL0 is a limit. 3σ limits at 1 Hz would alarm every 6 minutes and signal.

All of it holds for independent Gaussian residuals. Those of a machine are neither: neighbours in
time are alike, tails are heavy. Take a limit from here as the least that can do.
"""

from __future__ import annotations

import functools
import math
import re
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from detectors.base import check_number

DAY_S = 86_400.0
PERIODS_S = {
    "hour": 3600.0,
    "day": DAY_S,
    "week": 7 * DAY_S,
    "month": 30 * DAY_S,
    "year": 365 * DAY_S,
}


def arl0_for(budget: str, sample_s: float, n_charts: int = 1) -> float:
    """ARL0 each of a machine's ``n_charts`` charts needs for a budget of false alarms. [samples]

    ``budget`` is ``"<number> per machine-<hour|day|week|month|year>"``, with months of 30 days;
    ``sample_s`` is the time between samples of a chart. [s]

    Ten charts on 10-minute means:

    >>> arl0_for("1 per machine-month", sample_s=600, n_charts=10)
    43200.0
    """
    check_number("sample_s", sample_s, 1e-9, 1e9)
    check_number("n_charts", n_charts, 1, 1e6)
    words = re.fullmatch(r"(\d+(?:\.\d+)?) per machine-([a-z]+)", budget.strip())
    if words is None or words[2] not in PERIODS_S or float(words[1]) == 0:
        raise ValueError(
            f"budget is {budget!r}, it reads like '1 per machine-month' "
            f"({', '.join(PERIODS_S)}; a number above 0)"
        )
    return PERIODS_S[words[2]] / sample_s * n_charts / float(words[1])


def shewhart_limit(arl0: float) -> float:
    """Limit k, in σ, of a chart that looks at one sample at a time, for a wanted ARL0. [samples]

    >>> round(shewhart_limit(370.4), 3)
    3.0
    """
    check_number("arl0", arl0, 1.0001, 1e10)
    return -NormalDist().inv_cdf(0.5 / arl0)


def ewma_limit(fading_factor: float, arl0: float) -> float:
    """Limit L of the EWMA chart, in σ of its statistic, for a wanted ARL0. [samples]

    >>> round(ewma_limit(0.1, 500), 3)
    2.814
    """
    low, high = 0.0, shewhart_limit(arl0)
    while high - low > 1e-6:
        middle = (low + high) / 2
        if ewma_arl(fading_factor, middle) < arl0:
            low = middle
        else:
            high = middle
    return high


def shewhart_arl(limit: float, shift: float = 0.0) -> float:
    """ARL of a two-sided Shewhart chart, ``1 / (Φ(δ - k) + Φ(-δ - k))``. [samples]

    ``limit`` k and ``shift`` δ of the mean are in σ of the samples.

    >>> round(shewhart_arl(3), 1)
    370.4
    """
    check_number("limit", limit, 0, 38)
    return 1 / (_below(shift - limit) + _below(-shift - limit))


def ewma_arl(fading_factor: float, limit: float, shift: float = 0.0) -> float:
    """Zero-state ARL of the two-sided EWMA chart with fixed limits. [samples]

    The chart follows ``z ← λ x + (1 - λ) z`` from 0 and alarms outside ``±h``,
    ``h = L √(λ / (2 - λ))``. Its ARL from a start at u solves (Crowder 1987)::

        A(u) = 1 + 1/λ ∫ A(y) φ((y - (1 - λ) u) / λ - δ) dy    over -h … h

    taken at the nodes of a Gauss-Legendre rule (Nyström's method), close enough for the narrow
    bell that a small λ makes of φ. Exact time-varying limits alarm a little sooner: at λ = .1 and
    L = 2.814, ARL0 is 486 instead of 500.

    Parameters
    ----------
    fading_factor
        λ, 0.0001 … 1; at 1 this is the Shewhart chart.
    limit
        L, in σ of the statistic once it has settled.
    shift
        δ of the mean, in σ of the samples.

    Examples
    --------
    >>> round(ewma_arl(0.25, 3, shift=1), 3)
    11.154
    """
    check_number("fading_factor", fading_factor, 1e-4, 1)
    check_number("limit", limit, 0, 38)
    half = limit * math.sqrt(fading_factor / (2 - fading_factor))
    nodes, weights = _rule(max(101, math.ceil(4 * half / fading_factor)))
    ends, widths = half * nodes, half * weights

    def reach(start: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weight with which the statistic, now at each start, will next be at each node."""
        z = (ends - (1 - fading_factor) * start[:, None]) / fading_factor - shift
        return np.exp(-z * z / 2) * widths / (fading_factor * math.sqrt(2 * math.pi))

    arl = np.linalg.solve(np.eye(len(ends)) - reach(ends), np.ones(len(ends)))
    return float(1 + (reach(np.zeros(1)) @ arl)[0])


@functools.cache
def _rule(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return nodes, weights


def _below(z: float) -> float:
    """Φ(z), as precise far below as near the middle."""
    return math.erfc(-z / math.sqrt(2)) / 2
