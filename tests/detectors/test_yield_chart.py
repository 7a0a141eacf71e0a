"""Is as much made of what is given as before? The noisy is judged by what shows it exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.yield_chart import InverseRegression, YieldChartFleet
from tests.detectors.laws import Readings, assert_same_bits, readings, walked

MINUTE_NS = 60_000_000_000
NAN = float("nan")
WEEK = 7 * 1440


def inverse(shown_by=2, **settings):
    small = {"warm_s": 6000.0, "moment_s": 60.0, "learn_s": 3 * 86_400.0}
    regression = InverseRegression(shown_by, **{**small, **settings})
    for fleet in regression.fleets().values():
        fleet.reserve(3)
    return regression


def turbine(n=WEEK, loss=0.0, seed=1, since=5 * 1440):
    """Wind as an anemometer has it, with gusts of 15 %; and speed and power of a rotor below it."""
    rng = np.random.default_rng(seed)
    slow = np.convolve(rng.normal(size=n + 600), np.ones(600) / 600, "valid")[:n]
    mean = 8 + 30 * slow
    felt = np.where(np.arange(n) >= since, mean * (1 - loss), mean)
    wind = mean * (1 + 0.15 * rng.normal(size=n))
    return wind, np.column_stack([felt**3, np.minimum(felt, 8.5)])


def missing(wind, shown, works=None):
    n = len(wind)
    learn = np.ones(n, np.uint8) if works is None else works.astype(np.uint8)
    given_ = wind if works is None else np.where(works, wind, NAN)
    rows, times = np.zeros(n, np.int32), np.arange(n) * MINUTE_NS
    z = inverse().walk(rows, times, given_, shown, learn)
    chart = YieldChartFleet(1, scale_s=6 * 3600.0, learn_s=2 * 86_400.0)
    chart.reserve(1)
    return z, chart.walk(rows, times, z[:, None], np.ones(n, np.uint8))[:, 0]


def test_a_loss_of_three_percent_shows_under_gusts_of_fifteen():
    _, healthy = missing(*turbine())
    _, ill = missing(*turbine(loss=0.03))
    assert np.nanmax(healthy) < 3 < np.nanmax(ill[5 * 1440 :])
    assert np.nanmax(ill[: 5 * 1440]) < 3


def test_what_is_left_has_no_memory_of_the_weather():
    """Judged the other way round, by the noisy one, it has: that regression is too flat."""
    wind, shown = turbine()
    z, _ = missing(wind, shown)
    rows, times, ones = (
        np.zeros(WEEK, np.int32),
        np.arange(WEEK) * MINUTE_NS,
        np.ones(WEEK, np.uint8),
    )
    turned = inverse(1).walk(rows, times, np.cbrt(shown[:, 0]), wind[:, None], ones)
    hours = [x[-2 * 1440 :].reshape(-1, 60) for x in (z, turned)]
    spread = [np.nanmean(x, axis=1).std() * np.sqrt(60) / np.nanstd(x) for x in hours]
    assert spread[0] < 1.3
    assert spread[1] > 2


def test_in_a_season_that_was_not_the_learnings_less_is_said():
    """There it is wrong by what little it learnt: eight machines, each with noise of its own."""
    n, now = WEEK, slice(-1440, None)
    said: dict[float, list[float]] = {1.0: [], 1e8: []}
    for seed in range(8):
        wind, shown = turbine(n, seed=seed)
        wind[now] = 11 + (wind[now] - wind[now].mean())
        felt = 11 + np.zeros(1440)
        shown[now] = np.column_stack([felt**3, np.minimum(felt, 8.5)])
        for scale_s, means in said.items():
            rows, times = np.zeros(n, np.int32), np.arange(n) * MINUTE_NS
            regression = inverse(scale_s=scale_s, familiar=10.0)
            z = regression.walk(rows, times, wind, shown, np.ones(n, np.uint8))
            means.append(float(np.nanmean(z[now])))
    drawn, plain = (np.abs(said[scale_s]).mean() for scale_s in (1e8, 1.0))
    assert drawn < 0.5 * plain


def test_more_made_of_less_is_no_loss():
    wind, shown = turbine(loss=-0.2)
    _, scores = missing(wind, shown)
    assert np.nanmax(scores[5 * 1440 + 600 :]) == 0


def test_what_is_not_to_be_judged_is_neither_judged_nor_learnt():
    wind, shown = turbine()
    works = np.arange(WEEK) % 100 < 50
    wild = np.where(works, wind, 40.0)
    z, _ = missing(wild, shown, works)
    assert np.isnan(z[~works]).all()
    assert_same_bits([z], [missing(wind, shown, works)[0]])
    assert abs(np.nanmean(z)) < 0.2


@settings(max_examples=30)
@given(readings(3, [NAN, 0.0, 3.0, 5.0, 8.0, 11.0]), st.lists(st.integers(0, 60), max_size=4))
def test_turns_make_no_difference_and_machines_do_not_touch(stream: Readings, cuts):
    """The regression is two stages; what each promises, both keep together."""

    def make():
        return inverse(warm_s=20.0, moment_s=1.0, learn_s=50.0)

    def run(regression, part, into=()):
        def walk(_, some):
            learn = (some.times // 10**9 % 7 != 0).astype(np.uint8)
            felt = np.ascontiguousarray(some.values[:, 1:])
            return (regression.walk(some.rows, some.times, some.values[:, 0], felt, learn),)

        return walked(regression.fleets()["basis"], walk, part, into)

    whole = run(make(), stream)
    assert_same_bits(whole, run(make(), stream, cuts))
    for row in range(3):
        mine = stream.rows == row
        assert_same_bits([whole[0][mine]], run(make(), stream[mine]))


def test_after_maintenance_a_new_level_is_learnt():
    n, back = 2 * WEEK, WEEK
    wind, shown = turbine(n, loss=0.2, since=back)
    regression = inverse(renew_s=6 * 3600.0)
    rows, times, ones = np.zeros(n, np.int32), np.arange(n) * MINUTE_NS, np.ones(n, np.uint8)
    first = slice(0, back)
    regression.walk(rows[first], times[first], wind[first], shown[first], ones[first])
    regression.accept(0)
    rest = slice(back, n)
    z = regression.walk(rows[rest], times[rest], wind[rest], shown[rest], ones[rest])
    assert np.isnan(z[:300]).all()
    assert abs(np.nanmean(z[-1440:])) < 0.3


@pytest.mark.parametrize("setting", [{"scale_s": 0.0}, {"learn_s": 1.0}, {"clip": 0.5}])
def test_a_setting_out_of_range_is_refused_by_name(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        YieldChartFleet(1, **setting)
