"""Run lengths and limits of the EWMA chart."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detectors.base import check_number
from detectors.calibration.numbers import limit_where, rule
from detectors.calibration.shewhart import shewhart_limit


def ewma_limit(fading_factor: float, arl0: float) -> float:
    """Limit L of the EWMA chart, in σ of its statistic, for a wanted ARL0. [samples]

    >>> round(ewma_limit(0.1, 500), 3)
    2.814
    """
    return limit_where(lambda limit: ewma_arl(fading_factor, limit), arl0, shewhart_limit(arl0))


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
    nodes, weights = rule(max(101, math.ceil(4 * half / fading_factor)))
    ends, widths = half * nodes, half * weights

    def reach(start: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weight with which the statistic, now at each start, will next be at each node."""
        z = (ends - (1 - fading_factor) * start[:, None]) / fading_factor - shift
        return np.exp(-z * z / 2) * widths / (fading_factor * math.sqrt(2 * math.pi))

    arl = np.linalg.solve(np.eye(len(ends)) - reach(ends), np.ones(len(ends)))
    return float(1 + (reach(np.zeros(1)) @ arl)[0])
