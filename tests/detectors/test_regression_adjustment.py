"""What is left of a residual when all others have said what they know of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import kernels, regression_adjustment
from detectors.regression_adjustment import RegressionAdjustment
from tests.detectors.laws import (
    S_NS,
    Readings,
    assert_laws,
    assert_same_bits,
    readings,
    story,
    walked,
)

NAN = math.nan
PALETTE = [NAN, -9.0, -1.0, 0.0, 0.5, 1.0, 30.0]
LEARN_S, SHRINK, S = 500.0, 0.02, 4


def stage(learn_s: float = LEARN_S) -> RegressionAdjustment:
    adjustment = RegressionAdjustment(S, learn_s=learn_s, moment_s=1, shrink=SHRINK)
    adjustment.reserve(3)
    return adjustment


def adjust(adjustment: RegressionAdjustment, stream: Readings):
    """Every seventh second is not learnt."""
    learn = (stream.times // S_NS % 7 != 0).astype(np.uint8)
    return (adjustment.walk(stream.rows, stream.times, stream.values, learn),)


def run(adjustment: RegressionAdjustment, z, times_s=None, start_s: float = 1.0) -> np.ndarray:
    stream = story(z, times_s=start_s + np.arange(len(z)) if times_s is None else times_s)
    return adjustment.walk(stream.rows, stream.times, stream.values, np.ones(len(z), np.uint8))


def related(n: int, seed: int = 1) -> np.ndarray:
    """Residuals of which two move together, one with both, and one alone."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    own = rng.normal(size=(3, n))
    return np.column_stack([a + 0.2 * own[0], a + 0.2 * own[1], a + b, own[2]])


def precision(z, weights) -> np.ndarray:
    told = np.nan_to_num(np.clip(z, -5, 5))
    covariance = (told * weights[:, None]).T @ told / weights.sum()
    return np.linalg.inv(covariance + SHRINK * np.eye(S))


def test_it_is_the_inverse_of_the_weighted_covariance():
    rng = np.random.default_rng(2)
    n, taught = 800, stage()
    z = related(n)
    z[rng.random((n, S)) < 0.05] = NAN
    z[5], z[6] = NAN, 1e3
    times_s = 1 + np.cumsum(rng.choice([0.25, 1.0, 60.0], n))
    run(taught, z, times_s)
    heard = ~np.isnan(z).all(axis=1)
    weights = np.zeros(n)
    weights[heard] = np.minimum(np.diff(times_s[heard], prepend=times_s[heard][0]), 1.0)
    frozen = int(np.argmax(np.cumsum(weights) >= LEARN_S)) + 1
    assert frozen < n
    p = precision(z[:frozen], weights[:frozen])
    asked = related(20, seed=3)
    wanted = asked @ p / np.sqrt(np.diag(p))
    np.testing.assert_allclose(run(taught, asked, start_s=1e6), wanted, rtol=1e-9, atol=1e-12)


def test_it_says_nothing_before_it_is_frozen_and_learns_nothing_after():
    taught = stage()
    adjusted = run(taught, related(600))
    assert np.isnan(adjusted[:501]).all()
    assert np.isfinite(adjusted[501:]).all()
    assert taught.ready(0) == 1.0
    before = taught.state["matrix"].tobytes()
    run(taught, 10 * related(600, seed=2), start_s=1000)
    assert taught.state["matrix"].tobytes() == before


def test_adjusted_residuals_have_unit_variance_and_show_what_moves_alone():
    taught = stage()
    run(taught, related(600))
    well = run(taught, related(2000, seed=2), start_s=1000)
    np.testing.assert_allclose(well.std(axis=0), 1, atol=0.2)
    together, alone = run(taught, [[1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]], start_s=9000)
    assert np.abs(together).max() < 2.5 < alone[0]


def test_where_a_sensor_is_missing_those_it_says_much_about_are_left_out():
    taught = stage()
    run(taught, related(600))
    z = related(1, seed=5)
    z[0, 0] = NAN
    adjusted = run(taught, z, start_s=1000)[0]
    assert np.isnan(adjusted[:2]).all(), "the first and its twin"
    assert np.isfinite(adjusted[3]), "the one that goes with nobody"
    without = run(taught, np.nan_to_num(z), start_s=2000)[0]
    assert adjusted[3] == without[3], "as if it read what it should"


def test_a_sensor_that_never_spoke_changes_nothing_for_the_others():
    z = related(600)
    z[:, 3] = NAN
    taught = stage()
    run(taught, z)
    asked = related(5, seed=4)
    p = np.linalg.inv(np.clip(z, -5, 5)[1:501, :3].T @ np.clip(z, -5, 5)[1:501, :3] / 500
                      + SHRINK * np.eye(3))  # fmt: skip
    wanted = asked[:, :3] @ p / np.sqrt(np.diag(p))
    np.testing.assert_allclose(run(taught, asked, start_s=1000)[:, :3], wanted, rtol=1e-9)


def test_accept_keeps_what_sensors_know_of_each_other():
    taught = stage()
    run(taught, related(600))
    before = {name: array.tobytes() for name, array in taught.state.items()}
    taught.accept(0, [1])
    assert {name: array.tobytes() for name, array in taught.state.items()} == before


@given(readings(S, PALETTE), st.lists(st.integers(0, 60), max_size=6))
@settings(max_examples=60, deadline=None)
def test_it_keeps_the_laws(stream, cuts):
    assert_laws(lambda: stage(8.0), adjust, stream, cuts)


def test_compiled_and_interpreted_residuals_and_states_are_the_same(compiled_kernel, monkeypatch):
    rng = np.random.default_rng(6)
    n = 3000
    stream = Readings(
        rng.integers(0, 3, n).astype(np.int32),
        np.cumsum(rng.choice([0, 1, 3, 40], n)) * S_NS,
        related(n),
    )
    stream.values[rng.random((n, S)) < 0.05] = NAN
    outcomes = []
    name = "regression_adjustment"
    for kernel in (compiled_kernel(name), kernels.interpreted(name)):
        monkeypatch.setattr(regression_adjustment, "kernel", kernel)
        adjustment = stage()
        outcomes.append([*walked(adjustment, adjust, stream), *adjustment.state.values()])
    assert np.isfinite(outcomes[0][0]).mean() > 0.3
    assert_same_bits(*outcomes)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"moment_s": 0.0}, "moment_s is 0.0"),
        ({"learn_s": 10.0}, "learn_s is 10.0, 600 … 1e"),
        ({"shrink": 0.0}, "shrink is 0.0"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        RegressionAdjustment(2, **wrong)
