"""A reference that starts by itself: charts that speak from a few samples on, then freeze.

Each sample x is judged by those before it alone. With mean m and standard deviation s of the n
that were learnt (Hawkins 1987)::

    T = (x - m) / (s √(1 + 1/n))        U = Φ⁻¹(F(T))        F: Student's t, n - 1 degrees

Where nothing changes and samples are independent and normal, the U are independent and standard
normal from the start, however few samples m and s come from. So a chart on U needs no grace period:
it is only less sharp while n is small. After ``grace_period`` samples the reference freezes.

What would spoil such a reference, and what is done about it:

* *A bad beginning.* The first ``warm_up`` samples are gathered, and those more than 6 robust
  standard deviations (1.4826 MAD) from their median are left out. Where more than half of them
  are equal, the mean distance from the median stands in for MAD.
* *A fault while it learns.* A sample with |U| > ``outlier`` is scored, not learnt. When as many in
  a row were left out as had been learnt, the new level is confirmed and learnt from the beginning.
* *Neighbours that resemble each other.* The lag-1 autocorrelation φ of the learnt samples is
  followed too, and n of them count as n (1-φ)/(1+φ). Where the chart ``aggregates``, a sample is
  the mean of a block of readings: while φ > .3 is significant, blocks double and learning starts
  anew. What is left of φ widens U as for an AR(1) process, √((1+φw)/(1-φw)), and as for the block
  means of one, about √(1 + 2φw/(1-φ²w)), where there are blocks; w is the share of a chart's
  statistic that the next one inherits.

It takes 8 (13 + warm_up) bytes per sensor. A slow fault from the first day on is learnt like all
else; a mean from n samples is off by σ/√n for ever once it is frozen.

Hawkins, D. M. (1987), Self-starting CUSUM charts for location and scale, The Statistician 36.
F and Φ⁻¹ in one: Hill, G. W. (1970), Algorithm 395: Student's t-distribution, CACM 13.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import (
    Field,
    FleetDetector,
    Mask,
    OneMachine,
    Rows,
    Times,
    Values,
    check_count,
    check_number,
    check_reference,
    named_views,
    views,
)
from detectors.kernels import self_starting as kernel

DOUBLINGS = 10
MAX_BLOCK = 1 << DOUBLINGS
"""Readings in the longest block: seconds become a quarter of an hour, minutes a day."""

RESEMBLING = 0.3
"""Lag-1 autocorrelation above which blocks double; measured, it must be so significantly."""

FEWEST = 20.0
"""Samples between false alarms, at least, however long a block is for the readings asked."""

FOR_EVER = 1_000_000
"""Samples that stand for all there could be, where a reference is known."""

SAMPLE = 2
"""In ``due``: a sample is complete here. 1 is within a block; 4 is added where the reference, and
so the chart, starts anew after this reading, and 8 for each time that the block was doubled."""


class Turn(NamedTuple):
    """Whose readings these are, of when, and which of them a chart may learn."""

    rows: Rows
    times: Times
    learn: Mask


def by_block(limit: Callable[[float], float], arl0: float) -> NDArray[np.float64]:
    """Limits for ``arl0`` readings between false alarms, by how often the block was doubled.

    A sample of a block of 64 readings has 64 times fewer chances of a false alarm.
    """
    return np.array([limit(max(arl0 / 2**k, FEWEST)) for k in range(DOUBLINGS + 1)])


def known_block(phi: float, longest: int = MAX_BLOCK) -> tuple[int, float, float]:
    """Readings in the block whose means of an AR(1) process hardly resemble each other any more.

    And the variance of those means, in σ² of a reading, and their own lag-1 autocorrelation, which
    is at most .3 unless the block is the ``longest``::

        (b (1-φ²) - 2φ (1-φᵇ)) / (b (1-φ))²        φ (1-φᵇ)² / (b (1-φ))² / variance

    >>> known_block(0.0)
    (1, 1.0, 0.0)
    >>> block, variance, phi = known_block(0.9)
    >>> block, round(variance, 3), round(phi, 3)
    (32, 0.424, 0.193)
    """
    block = 1
    while True:
        spread, faded = (block * (1 - phi)) ** 2, 1 - math.pow(phi, block)
        variance = (block * (1 - phi * phi) - 2 * phi * faded) / spread
        left = phi * faded * faded / spread / variance
        if left <= RESEMBLING or 2 * block > longest:
            return block, variance, left
        block *= 2


@dataclass(kw_only=True, eq=False, repr=False)
class SelfStarting(FleetDetector):
    """A chart over standard normal samples from a reference that starts by itself, then freezes.

    Where the reference is known U = (x - m) / s from the first reading on, one sample per reading.

    Parameters
    ----------
    warm_up
        Samples that are gathered before the first is judged, at least 5.
    grace_period
        Samples after which the reference freezes.
    autocorrelated
        Count readings that resemble their neighbours for fewer, and aggregate them to blocks where
        the chart does so; False takes all as independent.
    outlier
        Samples farther out than so many σ are not learnt unless as many follow as had been learnt.
    min_std
        Floor of σ, in the sensor's unit; its resolution is a good one.
    centre, sigma
        Mean and σ where they are known, of all sensors alike, which are then taken as independent
        of each other. NaN: learn them.
    phi
        Lag-1 autocorrelation φ of the readings, 0 … 0.99, where mean and σ are known; it counts
        where they are ``autocorrelated``.
    """

    n_sensors: int = field(kw_only=False)
    warm_up: int = 12
    grace_period: int = 400
    autocorrelated: bool = True
    outlier: float = 4.0
    min_std: float = 1e-6
    centre: float = math.nan
    sigma: float = math.nan
    phi: float = 0.0

    frozen: ClassVar[bool] = True
    longest_warm_up: ClassVar[int]
    farthest_outlier: ClassVar[float]

    def __post_init__(self) -> None:
        super().__init__(self.n_sensors)
        check_count("warm_up", self.warm_up, 5, self.longest_warm_up)
        check_count("grace_period", self.grace_period, self.warm_up, 2**31)
        check_number("outlier", self.outlier, 2.0, self.farthest_outlier)
        check_number("min_std", self.min_std, 1e-100, 1e100)
        self._known = check_reference(self.centre, self.sigma, self.phi)
        self._independent = self._known and (self.phi == 0 or not self.autocorrelated)

    @property
    @abc.abstractmethod
    def inherited(self) -> float:
        """Share w of the chart's statistic that the next sample's inherits, 0 … 1."""

    @property
    def longest_block(self) -> int:
        """Readings in a sample, at most."""
        return MAX_BLOCK

    @abc.abstractmethod
    def reference_schema(self) -> dict[str, Field]:
        """Hold the running moments of the samples, and the block that is being filled."""

    @abc.abstractmethod
    def chart_schema(self) -> dict[str, Field]:
        """Hold what the chart itself remembers."""

    @abc.abstractmethod
    def standardise(self, rows: Rows, values: Values, learn: Mask) -> tuple[Values, Mask]:
        """U f8[n, S] of each reading that completes a sample, else NaN; and ``due``."""

    @abc.abstractmethod
    def _chart(self, turn: Turn, u: Values, due: Mask, scores: Values) -> None:
        """Score each due sample of ``u``, f8[n, S], and move the chart where it may learn."""

    def schema(self) -> dict[str, Field]:
        """Hold the reference, then the chart."""
        return self.reference_schema() | self.chart_schema()

    def reserve(self, machines: int) -> None:
        """Make room; where mean, σ and φ are known, each row is as if it had learnt for ever."""
        before = self.capacity
        super().reserve(machines)
        self._know(slice(before, None))

    def forget(self, row: int) -> None:
        """Make the row as if its machine had never been seen."""
        super().forget(row)
        self._know(slice(row, row + 1))

    def _know(self, rows: slice) -> None:
        """Write the reference that was given into new rows, as blocks of the length it needs."""
        if not self._known or self._independent:
            return
        block, variance, phi = known_block(self.phi, self.longest_block)
        learnt = max(FOR_EVER, self.grace_period)
        squares = learnt * variance * self.sigma**2
        self.state["counts"][rows] = [self.warm_up, learnt, learnt, 0, 0, block, 0]
        self._know_moments(rows, squares, phi * squares)

    @abc.abstractmethod
    def _know_moments(self, rows: slice, squares: float, products: float) -> None:
        """Write the centre, Σ (y - centre)² and the sum of products of neighbours."""

    def ready(self, row: int) -> float:
        """Share of ``warm_up``, averaged over the sensors; from the start where blocks double."""
        if self._known:
            return 1.0
        return float(np.minimum(self.state["counts"][row, ..., 0] / self.warm_up, 1.0).mean())

    def _walk(
        self, rows: Rows, times: Times, values: Values, learn: Mask, scores: Values, *, score: bool
    ) -> None:
        u, due = self.standardise(rows, values, learn)
        self._chart(Turn(rows, times, learn), u, due, scores)
        if not score:
            scores[:] = np.nan


@dataclass(kw_only=True, eq=False, repr=False)
class SelfStartingChart(SelfStarting):
    """A univariate one: a reference, and a chart, for each sensor."""

    univariate: ClassVar[bool] = True
    longest_warm_up: ClassVar[int] = 100
    farthest_outlier: ClassVar[float] = 100.0
    aggregates: ClassVar[bool]
    """Whether a sample may be the mean of a block of readings."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._work = np.empty(self.warm_up)

    def reference_schema(self) -> dict[str, Field]:
        """Hold the running moments of the samples, and the block that is being filled."""
        if self._independent:
            return {}
        return {
            "start": Field("f8", (self.n_sensors, self.warm_up)),
            "counts": Field("i8", (self.n_sensors, 7)),
            "moments": Field("f8", (self.n_sensors, 6)),
        }

    @property
    def longest_block(self) -> int:
        """Readings in a sample, at most."""
        return MAX_BLOCK if self.aggregates else 1

    def _know_moments(self, rows: slice, squares: float, products: float) -> None:
        self.state["moments"][rows] = [self.centre, 0.0, products, 0.0, 0.0, squares]

    def standardise(self, rows: Rows, values: Values, learn: Mask) -> tuple[Values, Mask]:
        """U f8[n, S] of each reading that completes a sample, else NaN; and ``due`` u1[n, S]."""
        if self._independent:
            u = (values - self.centre) / self.sigma
            return u, np.where(np.isfinite(u), SAMPLE, 0).astype(np.uint8)
        u, due = np.full(values.shape, np.nan), np.zeros(values.shape, dtype=np.uint8)
        # One row per machine and sensor, as the kernel walks them.
        shapes = self.reference_schema().items()
        reference = {k: self.state[k].reshape(-1, f.shape[-1]) for k, f in shapes}
        kernel.walk(
            *views(rows, values, learn),
            **named_views(**reference, work=self._work, u=u, due=due),
            grace_period=self.grace_period,
            autocorrelated=self.autocorrelated,
            max_block=self.longest_block,
            inherited=self.inherited,
            min_std=self.min_std,
            outlier=self.outlier,
        )
        return u, due


@dataclass(kw_only=True, eq=False, repr=False)
class OneChart(OneMachine):
    """Such a chart for one machine, as a River detector.

    Parameters
    ----------
    warm_up, grace_period, autocorrelated
        As for `SelfStarting`.
    """

    warm_up: int = 12
    grace_period: int = 400
    autocorrelated: bool = True

    kind: ClassVar[type[SelfStarting]]

    def __post_init__(self) -> None:
        self._fleet(["any"])  # refuses nonsense now rather than at the first reading

    def _fleet(self, features: Sequence[Any]) -> SelfStarting:
        return self.kind(len(features), **self._get_params())
