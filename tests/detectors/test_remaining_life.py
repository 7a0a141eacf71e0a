"""Remaining lives, held to lives that are known to the end."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.remaining_life import UNKNOWN, VALUES_MIN, remaining_life

HOURS = np.arange(-199.0, 1.0, 4.0)


def told(severity, hours=HOURS, failed=4.0, horizon_h=10_000.0):
    return remaining_life(hours, np.asarray(severity), failed=failed, horizon_h=horizon_h)


@pytest.mark.parametrize("left_h", [30, 100, 200])
def test_an_exact_law_is_told_within_its_band(left_h):
    rng = np.random.default_rng(1)
    true = 0.3 + 3.7 * np.exp((HOURS - left_h) / 60)
    life = told(true * rng.lognormal(0, 0.03, len(true)))
    assert life.p10_h < left_h < life.p90_h
    assert life.p50_h == pytest.approx(left_h, rel=0.3)


def test_a_straight_rise_is_the_slowest_of_the_laws():
    rng = np.random.default_rng(4)
    life = told(1.0 + 0.01 * (HOURS - HOURS[0]) + 0.02 * rng.normal(size=len(HOURS)))
    assert life.p50_h == pytest.approx(100, rel=0.3)


def test_the_band_holds_about_eighty_of_a_hundred_lives():
    """Onset, growth, level and noise by chance, asked at half, two thirds and most of the life."""
    rng = np.random.default_rng(5)
    inside, near = [], []
    for _ in range(60):
        life_h, growth, usual = rng.uniform(60, 150), rng.uniform(2, 6), rng.uniform(0.15, 0.5)
        for age in (0.5, 0.67, 0.85):
            since = np.maximum(HOURS / life_h + age, 0)
            true = usual + (4 - usual) * np.expm1(growth * since) / math.expm1(growth)
            life = told(true * rng.lognormal(0, rng.uniform(0.03, 0.12), len(true)))
            left = (1 - age) * life_h
            inside.append(life.p10_h <= left <= life.p90_h)
            near.append(abs(life.p50_h - left) <= 0.3 * left)
    assert 0.72 <= np.mean(inside) <= 0.97
    assert np.mean(near) > 0.6


@settings(max_examples=40)
@given(
    st.lists(st.floats(0.01, 10), min_size=VALUES_MIN, max_size=50),
    st.floats(0.01, 100),
)
def test_whatever_is_asked_the_answer_is_in_order_and_in_bounds(severity, failed):
    life = told(severity, HOURS[-len(severity) :], failed, horizon_h=500)
    assert 0 <= life.p10_h <= life.p50_h <= life.p90_h <= 500


@pytest.mark.parametrize("unit", [0.1, 24.0])
def test_lives_know_neither_the_unit_of_time_nor_that_of_the_severity(unit):
    severity = (0.3 + np.exp(HOURS / 60)) * np.random.default_rng(7).lognormal(0, 0.1, len(HOURS))
    life = told(severity)
    scaled = told(severity * unit, HOURS * unit, 4 * unit, 10_000 * unit)
    assert scaled == pytest.approx(tuple(unit * p for p in life), rel=1e-6)


def test_what_does_not_rise_lasts_as_long_as_anybody_looks():
    assert told(1.0 - 0.001 * (HOURS - HOURS[0]), horizon_h=777) == (777, 777, 777)


def test_what_has_failed_has_nothing_left():
    life = told(np.exp(HOURS / 50) * 40)
    assert life.p50_h == 0


def test_values_that_are_not_there_are_passed_over():
    severity = 0.3 + np.exp(HOURS / 60)
    gaps = severity.copy()
    gaps[[3, 20, 40]] = np.nan
    assert told(gaps).p50_h == pytest.approx(told(severity).p50_h, rel=0.1)
    assert told(severity[: VALUES_MIN - 1], HOURS[: VALUES_MIN - 1]) is UNKNOWN


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [({"failed": 0.0}, "failed is 0.0"), ({"horizon_h": -1.0}, "horizon_h is -1.0")],
)
def test_nonsense_is_refused_in_a_sentence(asked, sentence):
    with pytest.raises(ValueError, match=sentence):
        told(HOURS * 0 + 1, **asked)
