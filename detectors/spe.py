"""SPE chart: do the sensors of this sample still hang together as they use to?

The sensors of a machine follow a few causes: load, speed, weather. So most of what their
correlation matrix R = P Λ P' says lies in its first k principal components, those that explain the
wanted share of the variance; the others, P̃, hold what no cause moves. With y the standardised
sample, the *squared prediction error*, or Q, is the squared length of what the first k leave::

    e = P̃ P̃' y        SPE = e'e        score = √(SPE / limit)

A score above 1 is an alarm; it grows in proportion to what is unexplained. It is T²'s other half:
load beyond anything known makes T² large and not SPE, a sensor that no longer follows its fellows
leaves the plane and makes both large. It is no sooner than T²: eight sensors of one load, one of
them moved by 3, 4 or 5 of the σ that the load leaves it, take 331, 29 or 6 samples (T² 255, 25 or
6); and where some sensors are noisier by nature than others they drown what is left of those, and
it is far later. `contributions` says which one it was.

y is taken from the sample's independent standard normal deviates u as y = L u with R = L L'
(`detectors.self_starting_vectors`), so that SPE is distributed as Σ λ[j] u[j]² over the components
left out, however few samples the reference is from; that sum's own quantile at 1 - 1/arl0 is the
limit (`detectors.calibration.spe_limit`). Components are found once, when the reference freezes;
there is no score before. A sample that lacks a sensor has none either.

On readings that resemble their neighbours, AR(1) with φ 0 … .95, which are aggregated to blocks, it
alarms after .9 to 1.4 times ``arl0`` readings, once a reference of 1,000 samples is frozen; after
one of 500, at φ = .5, 1.8 times.

It cannot see what moves within the plane: a fault that looks like more load, or a sensor that
follows no cause and so has a component of its own that is kept. All that is
`detectors.hotelling_t2`'s, and where it is small `detectors.mewma`'s.

Jackson, J. E. & Mudholkar, G. S. (1979), Control procedures for residuals associated with principal
component analysis, Technometrics 21. Nomikos, P. & MacGregor, J. F. (1995), Multivariate SPC charts
for monitoring batch processes, Technometrics 37.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.base import Field, Mask, Rows, Times, Values, check_count, check_number, views
from detectors.calibration import spe_limit, t2_limit
from detectors.kernels import spe as kernel
from detectors.self_starting import FEWEST, OneChart, SelfStarting, Turn
from detectors.self_starting_vectors import SelfStartingVectors

SEEN, LEARNT, BLOCK, FILLED = 0, 1, 5, 6
"""Places in ``counts``: samples gathered to begin with, and learnt; readings in a block, and in the
one that is being filled."""

WINDOW = 4096
"""Readings that are looked through at once for the one that completes a reference."""

LEAST = 1e-8
"""Variances below this are rounding; of that size is what sensors that say the same leave."""


@dataclass(kw_only=True, eq=False, repr=False)
class SpeFleet(SelfStartingVectors):
    """SPE of each sample of each machine, as distance in units of its limit, 0 … ∞.

    For 2 to 32 sensors. Its reference's parameters, but that it must be learnt:
    `SelfStartingVectors`.

    Parameters
    ----------
    explained
        Share of the variance that the kept components explain at least, 0.1 … 0.999; one component
        is always left.

    Examples
    --------
    >>> fleet = SpeFleet(n_sensors=3, grace_period=300)
    >>> fleet.reserve(1)
    >>> rng, rows, times = np.random.default_rng(1), np.zeros(500, np.int32), np.arange(500) * 10**9
    >>> load = rng.normal(size=(500, 1))
    >>> fleet.learn(rows, times, load + 0.1 * rng.normal(size=(500, 3)))
    >>> much_load, odd = [[5.0, 5.0, 5.0], [0.0, 0.0, 1.0]]
    >>> fleet.score(rows[:2], times[:2], np.array([much_load, odd])).round(1).ravel().tolist()
    [0.1, 1.5]
    >>> fleet.contributions(0, np.array(odd)).round(1).tolist()
    [-0.4, -0.4, 0.7]
    """

    name: ClassVar[str] = "spe"

    explained: float = 0.9
    centre: float = field(default=math.nan, init=False)
    sigma: float = field(default=math.nan, init=False)
    phi: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("n_sensors", self.n_sensors, 2, 32)
        check_number("explained", self.explained, 0.1, 0.999)

    @property
    def inherited(self) -> float:
        """Nothing: a sample is judged by itself."""
        return 0.0

    def chart_schema(self) -> dict[str, Field]:
        """Hold P̃' L, zero rows first, SPE's limit, and the last score, which stands for a block."""
        return {
            "outside": Field("f8", (self.n_sensors, self.n_sensors)),
            "limit": Field("f8", fill=math.nan),
            "distance": Field("f8", fill=math.nan),
        }

    def ready(self, row: int) -> float:
        """Share of ``grace_period``; from the start where blocks double."""
        counts = self.state["counts"][row]
        return float(counts[LEARNT] / self.grace_period) if counts[SEEN] >= self.warm_up else 0.0

    def limit_for(self, arl0: float) -> float:
        """A score that is passed at most once in ``arl0`` independent readings without a fault.

        How much further out that is depends on how many components were left, machine by machine;
        this is the larger of what one and all but one of them need.
        """
        return max(
            math.sqrt(t2_limit(n, arl0) / t2_limit(n, self.arl0)) for n in (1, self.n_sensors - 1)
        )

    def contributions(self, row: int, values: Values) -> Values:
        """What the kept components leave of each sensor, e, signed, in its σ: f8[S].

        NaN for all where a sensor is missing or there are no components yet.
        """
        if self.ready(row) < 1:
            return np.full(self.n_sensors, np.nan)
        std, left, _ = self._components(row)
        return np.asarray(left @ (left.T @ ((values - self.mean(row)) / std)))

    def _design(self, n_sensors: int, arl0: float) -> float:
        return t2_limit(n_sensors, arl0)

    def _walk(
        self, rows: Rows, times: Times, values: Values, learn: Mask, scores: Values, *, score: bool
    ) -> None:
        for part in self._parts(rows):
            super()._walk(
                rows[part], times[part], values[part], learn[part], scores[part], score=score
            )
            for row in np.flatnonzero(self._open() & self._complete()):
                self._settle(int(row))

    def _parts(self, rows: Rows) -> Iterator[slice]:
        """Parts of a turn, each up to the first reading with which a reference can be complete."""
        start = 0
        while start < len(rows):
            end = start + self._until_complete(rows[start : start + WINDOW])
            yield slice(start, end)
            start = end

    def _until_complete(self, rows: Rows) -> int:
        counts = self.state["counts"]
        # The first samples are learnt all at once, when they have been gathered.
        samples = self.grace_period - counts[:, [SEEN, LEARNT]].max(axis=1)
        left = np.maximum(samples * counts[:, BLOCK] - counts[:, FILLED], 1)
        soon = self._open() & (np.bincount(rows, minlength=self.capacity) >= left)
        ends = [np.flatnonzero(rows == row)[left[row] - 1] + 1 for row in np.flatnonzero(soon)]
        return min([len(rows), *map(int, ends)])

    def _open(self) -> NDArray[np.bool_]:
        return np.isnan(self.state["limit"])

    def _complete(self) -> NDArray[np.bool_]:
        # Where blocks doubled, what was learnt before stands until the first samples are gathered.
        counts = self.state["counts"]
        return (counts[:, SEEN] >= self.warm_up) & (counts[:, LEARNT] >= self.grace_period)

    def _settle(self, row: int) -> None:
        """Find the components of a reference that is frozen, and the limit of what is outside."""
        std, left, variances = self._components(row)
        root = np.linalg.cholesky(self._correlation(row, std))
        self.state["outside"][row, -left.shape[1] :] = left.T @ root
        samples = max(self.arl0 / self.state["counts"][row, BLOCK], FEWEST)
        self.state["limit"][row] = spe_limit(variances.tolist(), samples)

    def _components(self, row: int) -> tuple[Values, Values, Values]:
        """Each sensor's σ; P̃, the components left out; and their variances, which rise."""
        std = np.sqrt(np.diag(self.covariance(row)))
        variances, components = np.linalg.eigh(self._correlation(row, std))
        kept = np.cumsum(variances[::-1]) / self.n_sensors
        k = min(int(np.searchsorted(kept, self.explained)) + 1, self.n_sensors - 1)
        n = self.n_sensors - k
        return std, components[:, :n], np.maximum(variances[:n], LEAST)

    def _correlation(self, row: int, std: Values) -> Values:
        identity = np.eye(self.n_sensors)
        return np.asarray(self.covariance(row) / np.outer(std, std) + LEAST * identity)

    def _chart(self, turn: Turn, u: Values, due: Mask, scores: Values) -> None:
        state = [self.state[name] for name in self.chart_schema()]
        kernel.walk(*views(turn.rows, u, due, turn.learn, *state, scores))


@dataclass(kw_only=True, eq=False, repr=False)
class Spe(OneChart):
    """SPE chart for one machine, as a River detector.

    Parameters
    ----------
    explained, arl0, warm_up, grace_period, autocorrelated
        As for `SpeFleet`.

    Examples
    --------
    >>> chart = Spe(warm_up=5, grace_period=8, arl0=1000)
    >>> for x in [1.0, 1.2, 0.9, 1.1, 1.0, 0.8, 1.0, 1.1]:
    ...     chart.learn_one({"a": x, "b": 2 * x})
    >>> chart.score_one({"a": 1.0, "b": 2.0}) < 1 < chart.score_one({"a": 1.0, "b": 2.5})
    True
    """

    explained: float = 0.9
    arl0: float = 100_000.0

    kind: ClassVar[type[SelfStarting]] = SpeFleet

    def __post_init__(self) -> None:
        self._fleet(["any", "other"])
