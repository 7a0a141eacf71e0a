"""Half-Space Trees: River's trees, River's scores, in a hundredth of the memory."""

import random

import numpy as np
import pytest
from river import anomaly
from river.tree.padded import make_padded_tree

import detectors
from detectors import half_space_trees, kernels
from detectors.half_space_trees import HalfSpaceTreesFleet, grow_forest

LIMITS = [(0.0, 1.0), (-3.0, 9.0), (0.2, 0.25)]
"""Of three features, as different as limits can be."""


@pytest.fixture(params=["compiled", "interpreted"])
def kernel(request, compiled_kernel, monkeypatch):
    """Run the test once with the kernel as C and once with the same file as Python."""
    make = compiled_kernel if request.param == "compiled" else kernels.interpreted
    monkeypatch.setattr(half_space_trees, "kernel", make("half_space_trees"))


def interleaved(n, machines, seed):
    """Readings of several machines in random order, some far beyond the limits, some not learnt."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, machines, n).astype(np.int32)
    low, high = np.array(LIMITS).T
    values = low + (high - low) * rng.normal(0.5, 0.4, (n, len(LIMITS)))
    return rows, np.arange(n) * 10**9, values, (rng.random(n) < 0.9).astype(np.uint8)


def by_river(rows, values, learn, **parameters):
    """One River object per machine; NaN where River, not ready, says 0."""
    limits = dict(enumerate(LIMITS))
    rivers = [anomaly.HalfSpaceTrees(limits=limits, **parameters) for _ in range(rows.max() + 1)]
    scores = np.full((len(rows), 1), np.nan)
    for i, row in enumerate(rows):
        x = dict(enumerate(values[i].tolist()))
        if not rivers[row]._first_window:
            scores[i] = rivers[row].score_one(x)
        if learn[i]:
            rivers[row].learn_one(x)
    return scores


@pytest.mark.parametrize("n_features", [1, 3, 7])
def test_the_forest_is_rivers(n_features):
    limits = [(float(-k), 2.0 * k + 1) for k in range(n_features)]
    forest = grow_forest(limits, n_trees=3, height=5, rng=random.Random(12))
    rng = random.Random(12)
    for tree in range(3):
        root = make_padded_tree(dict(enumerate(limits)), 5, 0.15, rng, l_mass=0, r_mass=0)
        branches = [node for node in root.iter_bfs() if hasattr(node, "threshold")]
        assert forest.features[tree].tolist() == [node.feature for node in branches]
        assert forest.thresholds[tree].tolist() == [node.threshold for node in branches]


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize(
    ("n", "parameters"),
    [
        (12_000, {"seed": 7, "height": 8}),
        (3_000, {"seed": 1, "n_trees": 4, "height": 2, "window_size": 7}),
        (4_000, {"seed": 2, "n_trees": 3, "height": 10, "window_size": 300}),
        (200, {"seed": 3, "n_trees": 1, "height": 1, "window_size": 10}),
    ],
)
def test_scores_are_rivers_to_the_last_bit(n, parameters):
    rows, times, values, learn = interleaved(n, machines=5, seed=3)
    fleet = HalfSpaceTreesFleet.between(LIMITS, **parameters)
    fleet.reserve(5)
    scores = fleet.walk(rows, times, values, learn)
    assert np.isfinite(scores).sum() > n / 3
    np.testing.assert_array_equal(scores, by_river(rows, values, learn, **parameters))


def test_one_machine_scores_like_river():
    limits = {"speed": (0.0, 30.0), "heat": (-40.0, 90.0)}
    ours = detectors.HalfSpaceTrees(window_size=50, limits=limits, seed=5)
    theirs = anomaly.HalfSpaceTrees(window_size=50, limits=limits, seed=5)
    rng = random.Random(1)
    for i in range(300):
        x = {"speed": rng.gauss(15, 6), "heat": rng.gauss(60, 20), "load": rng.random()}
        if i < 50:
            assert np.isnan(ours.score_one(x))
        else:
            assert ours.score_one(x) == theirs.score_one(x)
        ours.learn_one(x)
        theirs.learn_one(x)


def test_a_clone_is_a_new_detector_with_the_same_trees():
    ours = detectors.HalfSpaceTrees(n_trees=3, window_size=5, seed=5)
    for x in (0.1, 0.2, 0.3, 0.4, 0.5):
        ours.learn_one({"x": x})
    clone = ours.clone()
    assert np.isnan(clone.score_one({"x": 0.1}))
    for x in (0.1, 0.2, 0.3, 0.4, 0.5):
        clone.learn_one({"x": x})
    assert clone.score_one({"x": 0.9}) == ours.score_one({"x": 0.9})


def test_without_a_seed_trees_differ():
    a, b = (HalfSpaceTreesFleet.between([(0.0, 1.0)], seed=None).forest for _ in range(2))
    assert (a.thresholds != b.thresholds).any()


@pytest.mark.parametrize(
    ("parameters", "nbytes"),
    [
        ({}, 3_848),
        ({"height": 8}, 7_688),
        ({"height": 8, "window_size": 255}, 7_688),
        ({"height": 8, "window_size": 256}, 10_248),
        ({"height": 8, "window_size": 258}, 15_368),
    ],
)
def test_a_machine_takes_as_little_as_its_window_allows(parameters, nbytes):
    fleet = HalfSpaceTreesFleet(3, **parameters)
    fleet.reserve(10)
    assert sum(array.nbytes for array in fleet.state.values()) == 10 * nbytes


@pytest.mark.parametrize(
    ("window_size", "height"),
    [(255, 1), (256, 1), (65535, 1), (257, 8), (258, 8), (65535, 15)],
)
def test_counts_and_sums_hold_a_whole_window(window_size, height):
    fleet = HalfSpaceTreesFleet(1, n_trees=1, height=height, window_size=window_size)
    fleet.reserve(1)
    rows, times = np.zeros(window_size, np.int32), np.arange(window_size) * 10**9
    fleet.learn(rows, times, np.full((window_size, 1), -50.0))
    # All in one leaf: its path is as heavy as any can be, the path of 50 ends below the root.
    scores = fleet.score(rows[:2], times[:2], np.array([[-50.0], [50.0]]))[:, 0]
    assert scores == pytest.approx([0.0, 1 - 1 / (2 ** (height + 1) - 1)], abs=1e-12)
