"""Mean leverage: how unsure is the average of residuals that are all judged by one regression?

A regression that was learnt from noise is a little wrong, and goes on being wrong in the same way.
One residual does not show it: its own noise is larger. An average over days does, for the noise in
it cancels out and the error does not. With weights w, residuals ``z = ε + yᵀδ`` of independent
noise ε and an error δ of the regression along its y (`detectors.context`: y = R⁻ᵀφ, in which
whatever was learnt is as wide in every direction), both of variance 1::

    var Σ w z = v + h̄        v = Σ w²        h̄ = |Σ w y|²

h̄ is the leverage of the *mean* context. In the weather of the learning it is small beside v; in
another season, ten times v, though each moment of it is familiar. So residuals are drawn in::

    z ← z √(v / (v + h̄))

and an average of them spreads as if they were independent, in whatever weather. It is averaged as
`detectors.ewma_multichart` does, ``w = 1 - exp(-Δt / scale_s)``.

Source: Seber and Lee 2003, Linear Regression Analysis, for the variance of a mean of predictions.

It cannot see what the regression has no feature for.
"""

from __future__ import annotations

import numpy as np

from detectors.base import Field, Fleet, Rows, Times, Values, check_number, named_views
from detectors.kernels import mean_leverage as kernel


class MeanLeverage(Fleet):
    """Draws residuals in by how unsure the average is that they will be part of.

    Parameters
    ----------
    n_features
        Of the regression.
    scale_s
        Time constant of the average. [s]

    Raises
    ------
    ValueError
        A parameter out of its range.

    Examples
    --------
    A level that was learnt from 100 moments is judged by averages over some 200:

    >>> doubt = MeanLeverage(1, scale_s=100)
    >>> doubt.reserve(1)
    >>> rows, times = np.zeros(2000, np.int32), np.arange(1, 2001) * 10**9
    >>> drawn = doubt.walk(rows, times, np.ones(2000), np.full((2000, 1), 0.1))
    >>> float(drawn[-1].round(2)), round((1 / (1 + 200 / 100)) ** 0.5, 2)
    (0.58, 0.58)
    """

    def __init__(self, n_features: int, *, scale_s: float) -> None:
        super().__init__(1)
        check_number("n_features", n_features, 1, 1e6)
        check_number("scale_s", scale_s, 1e-3, 1e9)
        self.n_features, self.scale_s = n_features, scale_s

    def schema(self) -> dict[str, Field]:
        """The mean of y, v, and when a residual came last."""
        return {
            "mean": Field("f4", (self.n_features,)),
            "variance": Field("f8"),
            "heard_ns": Field("i8"),
        }

    def walk(self, rows: Rows, times: Times, z: Values, solved: Values) -> Values:
        """The residuals ``z`` f8[n], drawn in; ``solved`` f8[n, n_features] are their y.

        NaN stays, and is no part of the average.
        """
        self.check(rows, times, z)
        if solved.shape != (len(rows), self.n_features):
            raise ValueError(
                f"solved is {list(solved.shape)}, [{len(rows)}, {self.n_features}] is needed"
            )
        drawn = np.full(len(rows), np.nan)
        kernel.walk(
            scale_s=self.scale_s,
            **named_views(rows=rows, times=times, z=z, solved=solved, drawn=drawn),
            **named_views(**self.state),
        )
        return drawn
