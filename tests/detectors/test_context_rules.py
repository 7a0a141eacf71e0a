"""What a sensor learns anew after maintenance, on either side of where it changes its mind."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.context import RegressionContext
from tests.detectors.test_context import plant, run, taught, usual

SIGMA = 0.1
"""Noise of the plant's sensors."""


def renewed(changed: np.ndarray):
    """A machine that has learnt its usual contexts, and after work on sensor 2 reads this."""
    stage = taught()
    stage.accept(0, [2])
    run(stage, changed, start_s=5000)
    return stage


@pytest.mark.parametrize(("shift", "kept"), [(0.3, True), (0.8, False)])
def test_half_a_sigma_off_is_a_new_level(shift, kept):
    changed = usual(150)
    changed[:, 2] += shift * SIGMA
    before = taught().state["target"][0]
    assert (renewed(changed).state["target"][0].tobytes() == before.tobytes()) == kept


def test_a_new_level_has_the_spread_that_it_shows():
    changed = usual(300)
    changed[:, 2] += 5.0
    said = run(renewed(changed), usual(20), start_s=10_000)
    assert said.band[:, 2] == pytest.approx(SIGMA, rel=0.2)


@pytest.mark.parametrize(("times", "least", "most"), [(0.0, 0.45, 0.55), (30.0, 1.8, 2.2)])
def test_the_spread_moves_by_no_more_than_two_at_a_time(times: float, least: float, most: float):
    """What is gathered is little: neither shall one quiet day make a sensor an alarm for good."""
    x = np.random.default_rng(3).uniform(0, 1, 150)
    exact = plant(x)
    exact[:, 2] = 12 - x + 3 * x * x + times * (exact[:, 2] - (5 - x + 3 * x * x))
    known = run(taught(), usual(20), start_s=10_000).band[:, 2].mean()
    new = run(renewed(exact), usual(20), start_s=10_000).band[:, 2].mean()
    assert least < new / known < most


def test_the_gain_moves_only_as_far_as_the_context_has():
    """Seen at one context alone, what has changed is a level: nobody knows of a gain."""
    changed = plant(np.random.default_rng(2).normal(0.5, 0.002, 300))
    changed[:, 2] = 1.5 * changed[:, 2]
    asked = plant(np.linspace(0, 1, 5))
    before = run(taught(), asked, start_s=10_000).expected[:, 2]
    after = run(renewed(changed), asked, start_s=10_000).expected[:, 2]
    np.testing.assert_allclose(after - before, after[2] - before[2], atol=0.15)
    assert after[2] == pytest.approx(1.5 * before[2], abs=0.1)


def test_many_features_are_added_up_as_few_are():
    """Predictions are summed in four lanes, and what is left over."""
    n, p = 400, 11
    rng = np.random.default_rng(4)
    phi = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    beta = rng.normal(size=p)
    x = (phi @ beta + rng.normal(0, 0.01, n))[:, np.newaxis]
    stage = RegressionContext(1, depth=[p], moment_s=1, learn_s=n, familiar=1.0)
    stage.reserve(1)
    times, rows = np.arange(n) * 10**9, np.zeros(n, np.int32)
    valid, ones = np.full(n, p, np.int32), np.ones(n, np.uint8)
    said = stage.walk(rows, times, x, x, phi, valid, ones)
    np.testing.assert_allclose(said.expected[300:, 0], phi[300:] @ beta, atol=0.02)
