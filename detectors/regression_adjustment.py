"""Regression-adjusted variables: does a sensor still agree with the others?

Three pitch angles move together, and a bearing follows its oil: what one of them reads says what
the others should. Let P be the inverse of the covariance of a machine's standardised residuals z,
learnt while it was well and then frozen. What is left of residual j when all others have said what
they know of it is::

    a_j = (P z)_j / √P_jj                unit variance, as z has

A single pitch angle that is half a degree off is lost among the starts and stops of all three, and
a dozen σ away from the other two. So a chart over a sees the fault that moves one sensor alone,
sooner than any multivariate chart, and names it; a fault that moves several together shows in z.

``T² = zᵀ P z`` is the whole strangeness of a row, and ``a_j²`` is what a shift of sensor j alone
would explain of it. `detectors.attribution` hears what charts of z and of a say, side by side.

P is ``(Σ w z zᵀ / Σ w + shrink · I)⁻¹`` with z no further out than 5 σ. Where a sensor is missing,
those that it has much to say about (a partial correlation above 0.1) are left out, the others taken
as if it read what they expect.

Source: Hawkins 1991, "Multivariate quality control based on regression-adjusted variables".
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from detectors.base import (
    Field,
    Fleet,
    Mask,
    Rows,
    Times,
    Values,
    check_number,
    named_views,
)
from detectors.kernels import regression_adjustment as kernel

MUCH = 0.1
"""Partial correlation from which a sensor has much to say about another."""


class RegressionAdjustment(Fleet):
    """Each residual adjusted for all others of the same machine.

    Parameters
    ----------
    learn_s
        Over how much time of residuals their covariance is learnt. [s]
    moment_s
        So long is one moment: rows closer together count for less. [s]
    shrink
        What is added to every variance, so that no sensor is ever taken to be known from others
        better than it can be.

    Raises
    ------
    ValueError
        A parameter out of its range.

    Examples
    --------
    Two sensors that move together; then one moves alone, by half of what both usually do:

    >>> adjustment = RegressionAdjustment(2, learn_s=500, moment_s=1)
    >>> adjustment.reserve(1)
    >>> z = np.random.default_rng(1).standard_normal(600)[:, None] * [1, 1]
    >>> z += 0.1 * np.random.default_rng(2).standard_normal((600, 2))
    >>> z[599] = [0.5, 0.0]
    >>> rows, times = np.zeros(600, np.int32), np.arange(600) * 10**9
    >>> adjusted = adjustment.walk(rows, times, z, np.ones(600, np.uint8))
    >>> adjusted[599].round(0)
    array([ 2., -2.])
    """

    def __init__(
        self,
        n_sensors: int,
        *,
        learn_s: float = 3 * 86400.0,
        moment_s: float = 600.0,
        shrink: float = 0.02,
    ) -> None:
        super().__init__(n_sensors)
        check_number("moment_s", moment_s, 1e-6, 1e7)
        check_number("learn_s", learn_s, moment_s, 1e9)
        check_number("shrink", shrink, 1e-9, 10)
        self.learn_s, self.moment_s, self.shrink = learn_s, moment_s, shrink
        self._work = np.zeros((n_sensors, n_sensors))

    def schema(self) -> dict[str, Field]:
        """The upper triangle of Σ w z zᵀ, and of P once it is frozen; and its weight."""
        return {
            "moments": Field("f8"),
            "heard_ns": Field("i8"),
            "matrix": Field("f8", (self.n_sensors * (self.n_sensors + 1) // 2,)),
        }

    def walk(self, rows: Rows, times: Times, values: Values, learn: Mask) -> Values:
        """Adjusted residuals f8[n, S] of whole rows of residuals; NaN until P is frozen."""
        self.check(rows, times, values)
        adjusted = np.full(values.shape, math.nan)
        kernel.walk(
            moment_s=self.moment_s,
            learn_moments=self.learn_s / self.moment_s,
            shrink=self.shrink,
            much=MUCH,
            **named_views(rows=rows, times=times, values=values, learn=learn),
            **named_views(adjusted=adjusted, work=self._work),
            **named_views(**self.state),
        )
        return adjusted

    def tied(self, row: int, sensors: Sequence[int]) -> list[int]:
        """These sensors, and those whose adjusted residuals say much of them, once P is frozen.

        Where one of them reads differently than before, all of these are at odds with it.
        """
        n = self.n_sensors
        if not sensors or self.ready(row) < 1:
            return list(sensors)
        precision = np.zeros((n, n))
        precision[np.triu_indices(n)] = self.state["matrix"][row]
        precision = precision + np.triu(precision, 1).T
        own = np.diag(precision)
        among = list(sensors)
        ties = precision[:, among] ** 2 > MUCH**2 * np.outer(own, own[among])
        return [s for s in range(n) if s in among or ties[s].any()]

    def accept(self, row: int, sensors: Sequence[int] = ()) -> None:
        """What sensors know of each other outlasts new levels."""
        del row, sensors

    def ready(self, row: int) -> float:
        """Share of the learning that is done, 0 … 1."""
        return float(min(self.state["moments"][row] * self.moment_s / self.learn_s, 1.0))
