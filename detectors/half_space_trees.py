"""Half-Space Trees: how empty is the corner of feature space in which this reading lies?

A tree halves the box of possible readings again and again, at random: each inner node draws a
feature and a threshold, without a look at any data. The *mass* of a node is how many readings of
one window fell into it. With the masses r of the last full window, a tree's score of a reading is
the sum along its path, which stops below a node lighter than a tenth of the window::

    s = Σ r[node] · 2**depth(node)
    score = 1 - Σ_trees s / (n_trees · window_size · (2**(height+1) - 1))        0 … 1

so a reading that falls where others fell scores low, one in a deserted corner near 1. The running
window fills masses of its own; when it is full they become r.

Everything a reading does depends on nothing but the leaf it reaches in each tree. So a machine
keeps only leaf counts u1 or u2[n_trees, 2**height] of the running window and, summed up once per
window, a table u2 or u4[n_trees, 2**height] of s for each leaf: to learn is one increment per
tree, to score one look-up. The table holds ``(s - window_size) / 2``: the root's mass is the whole
window and every other term of s is even, so nothing is lost, and it is half as wide. The trees are
drawn from ``seed``, the same for all machines of a fleet, so they are no state. Scores are
River's, to the last bit, once the first window is full.

It finds readings that are scattered and rare. It fails where strange readings come in blocks as
long as a window: those become the next window's normal, unless something else keeps it from
learning them. And scores are no probabilities: a limit must be found from healthy data.

Tan, S. C., Ting, K. M. & Liu, T. F. (2011), Fast anomaly detection for streaming data, IJCAI.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Self

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
    views,
)
from detectors.kernels import half_space_trees as kernel

Limits = tuple[float, float]

SIZE_LIMIT = 0.1
"""Share of a window below which a node is too light to look further down; the paper's constant."""

PADDING = 0.15
"""Share of a box, at either side, in which no threshold is drawn: slivers tell nothing. River's."""


MOST_LEAVES = 2**20
"""Of all trees: 5 to 6 MB per machine. The paper's 25 trees of height 15 are 800,000."""


class HalfSpaceTreesFleet(FleetDetector):
    """Half-Space Trees for all machines of a class; one score per reading, 0 … 1.

    Parameters
    ----------
    n_trees, height
        Number of trees, and how often each halves the box; a tree has ``2**height`` leaves, and a
        machine keeps 3 to 6 bytes for each. River's default height is 8.
    window_size
        Readings a window holds; a machine scores NaN until its first is full.
    lower, upper
        Limits of the box, the same for all features, which are standardised residuals by default.
        Readings beyond them count with the outermost leaves. `between` takes limits per feature.
    seed
        Of the trees, which all machines share.

    Examples
    --------
    >>> fleet = HalfSpaceTreesFleet(n_sensors=2, window_size=100, seed=1)
    >>> fleet.reserve(1)
    >>> rows, near_0 = np.zeros(100, np.int32), np.random.default_rng(1).normal(size=(100, 2))
    >>> times = np.arange(100) * 10**9
    >>> fleet.learn(rows, times, near_0)
    >>> fleet.score(rows[:2], times[:2], np.array([[0.1, -0.2], [7.0, -7.0]])).round(3).tolist()
    [[0.511], [0.994]]
    """

    name: ClassVar[str] = "half_space_trees"
    univariate: ClassVar[bool] = False

    def __init__(
        self,
        n_sensors: int,
        *,
        n_trees: int = 10,
        height: int = 7,
        window_size: int = 250,
        lower: float = -8.0,
        upper: float = 8.0,
        seed: int = 42,
    ) -> None:
        super().__init__(n_sensors)
        check_count("n_trees", n_trees, 1, 1000)
        check_count("height", height, 1, 15)
        check_count("window_size", window_size, 2, 65535)
        check_count("n_trees · 2**height", n_trees * 2**height, 1, MOST_LEAVES)
        self.n_trees = n_trees
        self.height = height
        self.window_size = window_size
        self.seed: int | None = seed
        self.limits: Sequence[Limits] = [(lower, upper)] * n_sensors
        _check_limits(self.limits)
        self._nodes = np.empty((2, 2 ** (height + 1) - 1), dtype=np.uint32)

    @classmethod
    def between(cls, limits: Sequence[Limits], *, seed: int | None = 42, **parameters: int) -> Self:
        """Build a fleet with limits per feature; without a seed, its trees are left to chance."""
        fleet = cls(len(limits), **parameters)
        _check_limits(limits)
        fleet.limits = limits
        fleet.seed = seed
        return fleet

    @cached_property
    def forest(self) -> Forest:
        """The trees; drawn when first needed, for that takes some time."""
        return grow_forest(self.limits, self.n_trees, self.height, random.Random(self.seed))  # noqa: S311

    def schema(self) -> dict[str, Field]:
        """Leaf counts of the running window, score table of the last, readings learnt in all."""
        leaves = (self.n_trees, 2**self.height)
        most = self.window_size * (2**self.height - 1)
        return {
            "masses": Field("u1" if self.window_size <= np.iinfo(np.uint8).max else "u2", leaves),
            "table": Field("u2" if most <= np.iinfo(np.uint16).max else "u4", leaves),
            "learnt": Field("i8"),
        }

    def ready(self, row: int) -> float:
        """Share of the first window."""
        return self._share(row, self.window_size)

    def _walk(
        self,
        rows: Rows,
        times: Times,  # noqa: ARG002
        values: Values,
        learn: Mask,
        scores: Values,
        *,
        score: bool,
    ) -> None:
        leaves = np.empty((len(rows), self.n_trees), dtype=np.int32)
        kernel.descend(*views(values, *self.forest, leaves), height=self.height)
        kernel.walk(
            *views(rows, leaves, learn, *self.state.values(), self._nodes, scores),
            score=score,
            window_size=self.window_size,
            size_limit=SIZE_LIMIT * self.window_size,
            max_score=float(self.n_trees * self.window_size * (2 ** (self.height + 1) - 1)),
        )


class HalfSpaceTrees(OneMachine):
    """Half-Space Trees for one machine: River's parameters and scores, NaN in the first window.

    Parameters
    ----------
    n_trees, height, window_size, seed
        As for `HalfSpaceTreesFleet`, with River's defaults; without a seed, the trees are left to
        chance.
    limits
        Feature → its limits; (0, 1) for a feature that is not named.

    Examples
    --------
    >>> trees = HalfSpaceTrees(n_trees=5, height=3, window_size=3, seed=42)
    >>> for x in [0.5, 0.45, 0.43]:
    ...     trees.learn_one({"x": x})
    >>> [round(trees.score_one({"x": x}), 3) for x in [0.5, 0.44, 0.0]]
    [0.107, 0.107, 0.853]
    """

    def __init__(
        self,
        n_trees: int = 10,
        height: int = 8,
        window_size: int = 250,
        limits: Mapping[Any, Limits] | None = None,
        seed: int | None = None,
    ) -> None:
        self.n_trees = n_trees
        self.height = height
        self.window_size = window_size
        self.limits = limits
        self.seed = seed
        self._fleet([*(limits or ["any"])])

    def _fleet(self, features: Sequence[Any]) -> HalfSpaceTreesFleet:
        limits = self.limits or {}
        return HalfSpaceTreesFleet.between(
            [limits.get(feature, (0.0, 1.0)) for feature in features],
            seed=self.seed,
            n_trees=self.n_trees,
            height=self.height,
            window_size=self.window_size,
        )


class Forest(NamedTuple):
    """Inner nodes of all trees; the children of node i are 2i+1 (below the threshold) and 2i+2."""

    features: NDArray[np.int32]
    """``[n_trees, 2**height - 1]``"""
    thresholds: Values
    """``[n_trees, 2**height - 1]``"""


def grow_forest(limits: Sequence[Limits], n_trees: int, height: int, rng: random.Random) -> Forest:
    """Draw trees in a box, with the draws of River's ``make_padded_tree`` in the same order."""
    shape = (n_trees, 2**height - 1)
    forest = Forest(np.empty(shape, dtype=np.int32), np.empty(shape))

    def grow(tree: int, node: int, box: list[Limits]) -> None:
        if node >= shape[1]:
            return
        feature = rng.choices(range(len(box)), weights=[high - low for low, high in box])[0]
        low, high = box[feature]
        at = rng.uniform(low + PADDING * (high - low), high - PADDING * (high - low))
        forest.features[tree, node] = feature
        forest.thresholds[tree, node] = at
        grow(tree, 2 * node + 1, [*box[:feature], (low, at), *box[feature + 1 :]])
        grow(tree, 2 * node + 2, [*box[:feature], (at, high), *box[feature + 1 :]])

    for tree in range(n_trees):
        grow(tree, 0, list(limits))
    return forest


def _check_limits(limits: Sequence[Limits]) -> None:
    for low, high in limits:
        check_number("lower limit", low, -1e100, 1e100)
        check_number("upper limit", high, -1e100, 1e100)
        if not low < high:
            raise ValueError(f"limits are {low} and {high}, the lower one must be the smaller")
