"""A multivariate reference that starts by itself: independent deviates from whole samples.

The sensors of a sample are taken one after the other, each by what its fellows before it let
expect. With the mean m and the scatter A = Σ (x - m)(x - m)' of the n samples that were learnt and
A = L L' (Hawkins & Maboudou-Tchao 2007)::

    z = L⁻¹ (x - m)      T[j] = z[j] √(n - j) / √(1 + 1/n + z[1]² + … + z[j-1]²)
    u[j] = Φ⁻¹(F(T[j]))          F: Student's t, n - j degrees

Where nothing changes and samples are independent and normal, u is a vector of independent standard
normal numbers from the start, however the sensors depend on each other, and its length does not
depend on their order. A sensor that is missing is passed over: the others are judged among
themselves. Only complete samples are learnt. After ``grace_period`` of them the reference freezes.

Bad beginnings, faults while it learns and neighbours that resemble each other are met as in
`detectors.self_starting`: the first ``warm_up`` samples are cleaned by median and MAD; a sample as
far out as an ``outlier`` is not learnt unless as many follow as had been learnt; blocks double
until the largest φ among the sensors is no longer significantly above .3. A block's sample lacks
the sensors that told less than half of it.

Σ, where it is needed for an explanation, is A / (n - 1).

Hawkins, D. M. & Maboudou-Tchao, E. M. (2007), Self-starting multivariate exponentially weighted
moving average control charting, Technometrics 49.
"""

from __future__ import annotations

import abc
import functools
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from detectors.base import Field, Mask, Rows, Values, check_number, named_views, views
from detectors.calibration import shewhart_arl, t2_limit
from detectors.kernels import self_starting as kernel
from detectors.self_starting import SAMPLE, SelfStarting, by_block


@dataclass(kw_only=True, eq=False, repr=False)
class SelfStartingVectors(SelfStarting):
    """A multivariate chart over standard normal vectors from a self-starting reference.

    ``warm_up`` is taken as at least twice the sensors and 4, and a sample is an ``outlier`` that is
    as improbable as a single value so far out. Other parameters: `SelfStarting`.

    Parameters
    ----------
    arl0
        Readings between false alarms at a score of 1.
    """

    arl0: float = 100_000.0

    univariate: ClassVar[bool] = False
    longest_warm_up: ClassVar[int] = 1000
    farthest_outlier: ClassVar[float] = 6.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("arl0", self.arl0, 10.0, 1e9)
        self.warm_up = max(self.warm_up, 2 * self.n_sensors + 4)
        self.grace_period = max(self.grace_period, self.warm_up)
        numbers = range(1, self.n_sensors + 1)
        limits = [by_block(functools.partial(self._design, n), self.arl0) for n in numbers]
        # By how often the block was doubled, then by how many sensors there are; none is not asked.
        self._limits = np.column_stack([np.ones(len(limits[0])), *limits])
        self._far = np.array([1.0, *(t2_limit(n, shewhart_arl(self.outlier)) for n in numbers)])
        self._work = np.empty((self.n_sensors + 4, self.n_sensors))
        self._column = np.empty(self.warm_up)

    @abc.abstractmethod
    def _design(self, n_sensors: int, arl0: float) -> float:
        """The chart's limit for so many sensors and ``arl0`` samples."""

    def limit_for(self, arl0: float) -> float:
        """The score that is passed once in ``arl0`` independent readings without a fault."""
        return math.sqrt(self._design(self.n_sensors, arl0) / self._limits[0, self.n_sensors])

    def reference_schema(self) -> dict[str, Field]:
        """Hold the running moments of the samples, and the block that is being filled."""
        if self._independent:
            return {}
        n = self.n_sensors
        return {
            "start": Field("f8", (self.warm_up, n)),
            "counts": Field("i8", (7,)),
            "moments": Field("f8", (6, n)),
            "scatter": Field("f8", (n, n)),
        }

    def _know_moments(self, rows: slice, squares: float, products: float) -> None:
        moments = np.array([self.centre, 0.0, products, 0.0, 0.0, 0.0])
        self.state["moments"][rows] = moments[:, None]
        self.state["scatter"][rows] = squares * np.eye(self.n_sensors)

    def standardise(self, rows: Rows, values: Values, learn: Mask) -> tuple[Values, Mask]:
        """U f8[n, S] of each reading that completes a sample, else NaN; and ``due`` u1[n]."""
        if self._independent:
            u = (values - self.centre) / self.sigma
            return u, np.where(np.isfinite(u).any(axis=1), SAMPLE, 0).astype(np.uint8)
        u, due = np.full(values.shape, np.nan), np.zeros(len(values), dtype=np.uint8)
        reference = {name: self.state[name] for name in self.reference_schema()}
        kernel.walk_vectors(
            *views(rows, values, learn),
            **named_views(
                **reference, far=self._far, work=self._work, column=self._column, u=u, due=due
            ),
            grace_period=self.grace_period,
            autocorrelated=self.autocorrelated,
            max_block=self.longest_block,
            inherited=self.inherited,
            min_std=self.min_std,
        )
        return u, due

    def contributions(self, row: int, values: Values) -> Values:
        """How far each sensor is from what all others let expect, signed, in σ: f8[S].

        The last term of Mason, Young and Tracy's decomposition of T², (Σ⁻¹d)[j] / √(Σ⁻¹[j, j]) for
        d = values - m. Where one sensor alone has moved, its term is the largest. NaN for a sensor
        that is missing, and for all before there is a reference.

        Mason, R. L., Tracy, N. D. & Young, J. C. (1995), Decomposition of T² for multivariate
        control chart interpretation, Journal of Quality Technology 27.
        """
        if self._known:
            return np.asarray((values - self.centre) / self.sigma)
        if self.ready(row) < 1:
            return np.full(self.n_sensors, np.nan)
        return self._conditional(row, values - self.mean(row))

    def mean(self, row: int) -> Values:
        """Mean f8[S] of a machine's samples, as far as it is learnt."""
        moments = self.state["moments"][row]
        return np.asarray(moments[0] + moments[1])

    def covariance(self, row: int) -> Values:
        """Σ f8[S, S] of a machine's samples, as far as it is learnt."""
        lower = np.tril(self.state["scatter"][row])
        floor = self.min_std**2 * np.eye(self.n_sensors)
        whole = lower + np.tril(lower, -1).T
        return np.asarray(whole / max(self.state["counts"][row, 1] - 1, 1) + floor)

    def _conditional(self, row: int, deviations: Values) -> Values:
        there = np.flatnonzero(np.isfinite(deviations))
        inverse = np.linalg.pinv(self.covariance(row)[np.ix_(there, there)], hermitian=True)
        result = np.full(self.n_sensors, np.nan)
        result[there] = inverse @ deviations[there] / np.sqrt(np.diag(inverse))
        return result
