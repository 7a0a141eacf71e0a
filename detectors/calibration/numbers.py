"""What the designs of all charts share: normal and χ² tails, an integration rule, a search."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def limit_where(arl: Callable[[float], float], arl0: float, high: float) -> float:
    """The limit below ``high`` at which ``arl``, which grows with the limit, is ``arl0``.

    >>> round(limit_where(lambda limit: limit**2, 9.0, 10.0), 5)
    3.0
    """
    low = 0.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        if arl(middle) < arl0:
            low = middle
        else:
            high = middle
    return high


@functools.cache
def rule(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights of the Gauss-Legendre rule over -1 … 1."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return nodes, weights


def below(z: float) -> float:
    """Φ(z), as precise far below as near the middle."""
    return math.erfc(-z / math.sqrt(2)) / 2


def chi2_above(x: float, degrees: int) -> float:
    """P(χ² > x), by the sum that it is for whole degrees of freedom.

    >>> round(chi2_above(16.750, 5), 5)
    0.005
    """
    half, shape = x / 2, 0.5 if degrees % 2 else 1.0
    tail = math.erfc(math.sqrt(half)) if degrees % 2 else math.exp(-half)
    while half > 0 and shape < degrees / 2:
        tail += math.exp(shape * math.log(half) - half - math.lgamma(shape + 1))
        shape += 1
    return tail
