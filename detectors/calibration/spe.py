"""Limits of the squared prediction error: the tail of a weighted sum of squares."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from detectors.base import check_number
from detectors.calibration.multivariate import t2_limit
from detectors.calibration.numbers import limit_where

POINTS = 200
"""Where the integrand is taken; half as many will do above the mean."""


def spe_limit(variances: Sequence[float], arl0: float) -> float:
    """Limit of Σ λ[j] u[j]², u standard normal, for a wanted ARL0. [samples]

    Usually it is approximated, with θi = Σ λ[j]ⁱ: by g χ² with h degrees, g = θ2/θ1, h = θ1²/θ2
    (Box 1954, Nomikos & MacGregor 1995), or by the normal distribution of a power of the sum
    (Jackson & Mudholkar 1979). That is good at 1 in 100. At 1 in 100,000 and for λ = 0.6, 0.3, 0.1
    Box's limit alarms once in 29,000 samples and Jackson's once in 909,000, so this one comes from
    the distribution itself, `spe_above`.

    >>> round(spe_limit([1.0, 1.0, 1.0, 1.0], 200), 3)  # χ²'s own
    14.86
    >>> round(spe_limit([0.6, 0.3, 0.1], 200), 3)
    5.288
    """
    high = max(variances) * t2_limit(len(variances), arl0)
    return limit_where(lambda limit: 1 / max(spe_above(limit, variances), 1e-300), arl0, high)


def spe_above(x: float, variances: Sequence[float]) -> float:
    """P(Σ λ[j] u[j]² > x), u independent standard normal numbers, λ > 0 their ``variances``.

    The inverse of the moment generating function, along a parabola that leaves the real axis near
    the saddle point and bends away from its singularities; so the far tail keeps its digits::

        P = 1/2πi ∫ exp(-s x) / (s √Π(1 - 2 s λ[j])) ds        s = c + i y + y²/2d

    Imhof, J. P. (1961), Computing the distribution of quadratic forms in normal variables,
    Biometrika 48, has the distribution. Rice, S. O. (1980), Distribution of quadratic forms in
    normal random variables: evaluation by numerical integration, SIAM J. Sci. Stat. Comput. 1, has
    the path.

    >>> round(spe_above(2.0, [0.6, 0.3, 0.1]), 4)
    0.124
    """
    check_number("x", x, 0.0, 1e300)
    if x == 0.0:
        return 1.0
    weights = np.asarray(variances, dtype=np.float64)
    nearest = 1 / (2 * weights.max())
    c = nearest * max(1 - weights.sum() / x, 0.1)
    distance = min(nearest - c, c)
    y = math.sqrt(80 * distance / x) * (np.arange(POINTS) + 0.5) / POINTS
    s = c + 1j * y + y * y / (2 * distance)
    log = -s * x - np.log(1 - 2 * s * weights[:, None]).sum(axis=0) / 2
    step = math.sqrt(80 * distance / x) / POINTS
    return float((np.exp(log) / s * (1j + y / distance)).imag.sum() * step / math.pi)
