"""Run lengths and limits of the tabular CUSUM."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from detectors.base import check_number
from detectors.calibration.numbers import limit_where, rule


def cusum_limit(reference_value: float, arl0: float, head_start: float = 0.0) -> float:
    """Decision interval h, in σ, of the two-sided CUSUM for a wanted ARL0. [samples]

    >>> round(cusum_limit(0.5, 370.1), 3)
    4.774
    """
    check_number("arl0", arl0, 2.5, 1e10)
    high = 1.0
    while cusum_arl(reference_value, high, head_start=head_start) < arl0:
        high *= 2
    return limit_where(
        lambda limit: cusum_arl(reference_value, max(limit, 1e-6), head_start=head_start),
        arl0,
        high,
    )


def cusum_arl(
    reference_value: float, limit: float, shift: float = 0.0, head_start: float = 0.0
) -> float:
    """ARL of the two-sided tabular CUSUM. [samples]

    The ARL A(s) of the upper side from a sum s solves, with k and h::

        A(s) = 1 + A(0) Φ(k - s - δ) + ∫ A(y) φ(y + k - s - δ) dy    over 0 … h

    taken at the nodes of a Gauss-Legendre rule. The lower side is the upper one at -δ, and both
    together (Lucas & Crosier 1982), each from its head start s::

        ARL = (A⁺(s) A⁻(0) + A⁻(s) A⁺(0) - A⁺(0) A⁻(0)) / (A⁺(0) + A⁻(0))

    Parameters
    ----------
    reference_value, limit
        k and h, in σ of the samples.
    shift
        δ of the mean, in σ of the samples.
    head_start
        s as a share of h.

    Examples
    --------
    >>> round(cusum_arl(0.5, 5), 1), round(cusum_arl(0.5, 5, shift=1), 2)
    (465.4, 10.38)
    """
    check_number("reference_value", reference_value, 0, 10)
    check_number("limit", limit, 1e-6, 1e4)
    check_number("head_start", head_start, 0, 0.999)
    up, up_ahead = _one_sided(reference_value, limit, shift, head_start * limit)
    down, down_ahead = _one_sided(reference_value, limit, -shift, head_start * limit)
    return (up_ahead * down + down_ahead * up - up * down) / (up + down)


def _one_sided(k: float, h: float, shift: float, start: float) -> tuple[float, float]:
    """A(0) and A(start) of the upper side."""
    nodes, weights = rule(max(40, math.ceil(6 * h)))
    ends, widths = h * (1 + nodes) / 2, h * weights / 2
    sums = np.concatenate([[0.0], ends])

    def reach(now: NDArray[np.float64]) -> NDArray[np.float64]:
        """Chance of the sum to be 0 next, and weight with which it will be at each node."""
        zero = np.array([[math.erfc((s + shift - k) / math.sqrt(2)) / 2] for s in now])
        z = ends + k - now[:, None] - shift
        return np.hstack([zero, np.exp(-z * z / 2) * widths / math.sqrt(2 * math.pi)])

    arl = np.linalg.solve(np.eye(len(sums)) - reach(sums), np.ones(len(sums)))
    return float(arl[0]), float(1 + (reach(np.array([start])) @ arl)[0])
