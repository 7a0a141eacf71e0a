"""Does a series rise, or is it only restless? The test of Mann and Kendall, honest about memory.

Of all pairs of values x[i], x[j] with i < j, S counts those that rise minus those that fall; ties
count 0. In n independent values without a trend S has mean 0 and a known variance, so::

    S = Σ sign(x[j] - x[i])      V = (n (n-1) (2n+5) - Σ t (t-1) (2t+5)) / 18
    z = (S - sign(S)) / √(c V)   t: sizes of the groups of equal values

z is compared with quantiles of the normal distribution; it asks for no straight line and does not
care how far a single value is out. Values that resemble the ones before them wander further than
independent ones, so Hamed and Rao correct the variance by the autocorrelation ρ of the ranks of
what is left when the trend is taken away::

    c = 1 + 2/(n (n-1) (n-2)) Σ_k (n-k) (n-k-1) (n-k-2) ρ[k]

Of few values ρ[k] is too small and mostly noise. So it is taken here as that of an AR(1) process,
ρ[k] = ρ^k; what is taken away is a parabola, for wear goes ever faster; the lag-1 estimate is
raised by (2 + 4ρ)/n, about what the parabola and the fewness of values cost it, and kept within
0 … 0.8: of 24 values that rise without a break, z is still 2.9. How fast it rises is the median of
the slopes of all pairs (Theil and Sen), in units of x per value.

A trend found is no cause of alarm by itself. At φ = 0.8 a process without one passes z > 2.33 in 6
of 100 series of 24 values, and something as regular as a day's heat in a window shorter than a day
nearly always: ask besides whether the rise is large enough to matter.

Mann, H. B. (1945), Nonparametric tests against trend, Econometrica 13. Sen, P. K. (1968), Estimates
of the regression coefficient based on Kendall's tau, JASA 63. Hamed, K. H. & Rao, A. R. (1998), A
modified Mann-Kendall trend test for autocorrelated data, Journal of Hydrology 204.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

VALUES_MIN = 10
"""The normal approximation of S holds from here on (Mann)."""
MEMORY_MAX = 0.8
ROUNDING = 1e-9
"""What is left of a parabola by the arithmetic, as a share of its range, is no memory."""
VALUES_MAX = 2000
"""All pairs of so many are looked at."""


class Trend(NamedTuple):
    """What `mann_kendall` found."""

    z: float
    """Standardised: above 2.33 by chance in 1 of 100 series without a trend; NaN: too few."""
    slope: float
    """Median slope, in units of the series per value; NaN with z."""
    correction: float
    """c, by how much memory widens the variance: 1 for independent values."""


NO_TREND = Trend(math.nan, math.nan, math.nan)


def mann_kendall(series: NDArray[np.float64]) -> Trend:
    """Test the last `VALUES_MAX` values of a series f8[n], equally spaced; NaNs are passed over.

    >>> noise = np.array([0.2, -0.4, 0.1, 0.5, -0.3, 0.0, 0.4, -0.1, -0.5, 0.3, -0.2, 0.1])
    >>> round(mann_kendall(noise).z, 2), round(mann_kendall(noise + np.arange(12) / 5).z, 2)
    (-0.27, 3.38)
    """
    at = np.flatnonzero(np.isfinite(series))[-VALUES_MAX:]
    if len(at) < VALUES_MIN:
        return NO_TREND
    x = np.asarray(series, dtype=np.float64)[at]
    first, second = np.triu_indices(len(x), 1)
    rises = x[second] - x[first]
    s = float(np.sign(rises).sum())
    slope = float(np.median(rises / (at[second] - at[first])))
    correction = _correction(x, at / at[-1])
    spread = math.sqrt(correction * _variance(x))
    z = (s - math.copysign(min(abs(s), 1.0), s)) / spread if spread > 0 else 0.0
    return Trend(z, slope, correction)


def _variance(x: NDArray[np.float64]) -> float:
    n, ties = len(x), np.unique(x, return_counts=True)[1]
    return float(n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18


def _correction(x: NDArray[np.float64], t: NDArray[np.float64]) -> float:
    n, k = len(x), np.arange(1, len(x))
    rho = _memory(x, t)
    return 1 + 2 / (n * (n - 1) * (n - 2)) * float(((n - k) * (n - k - 1) * (n - k - 2)) @ rho**k)


def _memory(x: NDArray[np.float64], t: NDArray[np.float64]) -> float:
    """Lag-1 autocorrelation of the ranks of what a parabola leaves, its bias taken away."""
    parabola = np.stack([np.ones(len(t)), t, t**2], axis=1)
    left = x - parabola @ np.linalg.lstsq(parabola, x, rcond=None)[0]
    if np.abs(left).max() <= ROUNDING * np.ptp(x):
        return 0.0
    ranks = np.argsort(np.argsort(left, kind="stable"), kind="stable") - (len(x) - 1) / 2
    rho = float(ranks[1:] @ ranks[:-1]) / float(ranks @ ranks)
    return min(max(rho + (2 + 4 * rho) / len(x), 0.0), MEMORY_MAX)
