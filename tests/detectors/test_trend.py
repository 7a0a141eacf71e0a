"""The trend test, held to its definition and to what it promises of chance."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from detectors.trend import NO_TREND, VALUES_MIN, mann_kendall

series = st.lists(
    st.floats(-100, 100).map(lambda x: round(x, 2)) | st.sampled_from([0.0, 1.0]),
    min_size=VALUES_MIN,
    max_size=40,
).map(np.array)


def autoregressive(rng, n, phi):
    x = np.zeros(n + 100)
    for i in range(1, len(x)):
        x[i] = phi * x[i - 1] + rng.normal()
    return x[100:]


@given(series)
def test_it_is_what_the_definition_says(x):
    n = len(x)
    s = sum(np.sign(x[j] - x[i]) for i in range(n) for j in range(i + 1, n))
    ties = [int((x == one).sum()) for one in set(x.tolist())]
    variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    found = mann_kendall(x)
    assert found.correction >= 1
    expected = (s - np.sign(s)) / math.sqrt(found.correction * variance) if variance else 0.0
    assert found.z == pytest.approx(expected)
    assert found.slope == pytest.approx(stats.theilslopes(x)[0])


@given(series)
def test_what_falls_is_what_rises_turned_over(x):
    up, down = mann_kendall(x), mann_kendall(-x)
    assert down.slope == pytest.approx(-up.slope)
    assert math.copysign(1, down.z) == -math.copysign(1, up.z) or up.z == 0


@pytest.mark.parametrize(("phi", "most"), [(0.0, 0.012), (0.3, 0.025), (0.6, 0.05), (0.8, 0.08)])
def test_noise_has_a_trend_as_seldom_as_is_said(phi, most):
    rng = np.random.default_rng(1)
    z = np.array([mann_kendall(autoregressive(rng, 24, phi)).z for _ in range(1500)])
    assert (z > 2.33).mean() <= most
    # Without the correction, one in ten at 0.6.
    assert (z > 2.33).mean() >= 0.2 * most


def test_memory_is_seen_and_allowed_for():
    rng = np.random.default_rng(2)
    found = [mann_kendall(autoregressive(rng, 60, 0.7)).correction for _ in range(100)]
    assert 2.5 < np.median(found) < 7


@pytest.mark.parametrize("growth", [0.01, 2.0, 4.0])
def test_wear_that_goes_ever_faster_is_found(growth):
    rng = np.random.default_rng(3)
    x = np.expm1(growth * np.linspace(0, 1, 24)) / math.expm1(growth)
    found = [mann_kendall(x + 0.1 * rng.normal(size=24)).z for _ in range(100)]
    assert np.mean(np.array(found) > 2.33) > 0.95


def test_what_rises_without_noise_rises_most():
    assert mann_kendall(np.arange(24.0)).z == pytest.approx(275 / math.sqrt(24 * 23 * 53 / 18))
    assert mann_kendall(np.full(24, 3.0)).z == 0


def test_gaps_are_passed_over_but_count_as_time():
    x = np.arange(30.0)
    x[[0, 3, 4, 5, 20]] = np.nan
    found = mann_kendall(x)
    assert found.slope == pytest.approx(1.0)
    assert found.z > 5


def test_of_few_values_nothing_is_said():
    found = mann_kendall(np.append(np.arange(VALUES_MIN - 1.0), np.nan))
    assert math.isnan(found.z)
    assert found is NO_TREND
