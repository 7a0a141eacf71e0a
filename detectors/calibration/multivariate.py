"""Limits of the multivariate charts: T² and MEWMA."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from detectors.base import check_count, check_number
from detectors.calibration.numbers import chi2_above, limit_where, rule


def t2_limit(n_sensors: int, arl0: float) -> float:
    """Limit of T² of so many sensors with known mean and covariance: χ²'s quantile at 1 - 1/ARL0.

    >>> round(t2_limit(4, 200), 3)
    14.86
    """
    check_count("n_sensors", n_sensors, 1, 10_000)
    check_number("arl0", arl0, 1.0001, 1e10)
    high = n_sensors + 60 + 8 * math.sqrt(n_sensors)
    return limit_where(lambda limit: 1 / max(chi2_above(limit, n_sensors), 1e-12), arl0, high)


@functools.lru_cache(maxsize=1024)
def mewma_limit(fading_factor: float, n_sensors: int, arl0: float) -> float:
    """Limit H of the MEWMA chart of so many sensors for a wanted ARL0. [samples]

    >>> round(mewma_limit(0.1, 4, 200), 2)
    12.72
    """
    high = 1.05 * t2_limit(n_sensors, arl0)
    return limit_where(
        lambda limit: mewma_arl(fading_factor, max(limit, 1e-3), n_sensors), arl0, high
    )


def mewma_arl(fading_factor: float, limit: float, n_sensors: int) -> float:
    """Zero-state ARL of the MEWMA chart with nothing wrong. [samples]

    The chart follows ``z ← r u + (1 - r) z`` from 0, u standard normal vectors, and alarms where
    ``z'z (2 - r)/r > H``. In control its ARL depends on the length v = √(z'z) alone (Rigdon 1995)::

        A(v) = 1 + ∫ A(w) f(w | v) dw    over 0 … √(H r/(2-r))

    where (w/r)² is non-central χ² with ((1-r) v/r)²; taken at the nodes of a Gauss-Legendre rule.

    Parameters
    ----------
    fading_factor
        r, 0.001 … 1; at 1 this is the T² chart.
    limit
        H, of the statistic by its settled covariance.
    n_sensors
        Components of u.

    Rigdon, S. E. (1995), An integral equation for the in-control average run length of a
    multivariate exponentially weighted moving average control chart, J. Stat. Comput. Simul. 52.

    Examples
    --------
    >>> round(mewma_arl(0.1, 12.73, 4), 1)
    200.5
    """
    check_number("fading_factor", fading_factor, 1e-3, 1)
    check_number("limit", limit, 1e-3, 1e4)
    check_count("n_sensors", n_sensors, 1, 10_000)
    longest = math.sqrt(limit * fading_factor / (2 - fading_factor))
    nodes, weights = rule(max(60, math.ceil(4 * longest / fading_factor)))
    ends, widths = longest * (1 + nodes) / 2, longest * weights / 2
    reach = _lengths(ends, (1 - fading_factor) * ends, fading_factor, n_sensors) * widths
    arl = np.linalg.solve(np.eye(len(ends)) - reach, np.ones(len(ends)))
    return float(1 + (_lengths(ends, np.zeros(1), fading_factor, n_sensors) * widths @ arl)[0])


def _lengths(
    w: NDArray[np.float64], kept: NDArray[np.float64], r: float, p: int
) -> NDArray[np.float64]:
    """Density at lengths w of ``kept + r u``, for vectors of these lengths and u normal in R^p."""
    from scipy.special import gammaln, ive

    x, y = w / r, kept[:, None] / r
    if not kept.any():
        log = (p - 1) * np.log(x) - x * x / 2 - (p / 2 - 1) * math.log(2) - gammaln(p / 2)
        return np.asarray(np.exp(log)[None, :] / r)
    bell = np.exp(-((x - y) ** 2) / 2) * ive(p / 2 - 1, x * y)
    return np.asarray(bell * x * (x / y) ** (p / 2 - 1) / r)
