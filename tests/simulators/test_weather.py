"""The weather of a farm: its distribution, its days and years, its gusts and lulls, its air."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import Climate
from simulators.clock import parse_time
from simulators.streams import Streams
from simulators.weather import Weather, WeatherBlock
from simulators.weather.gusts import GUST_S, LULL_DEPTH, LULL_S, Events, Gusts, Lulls
from simulators.weather.wind import turbulence_sigma, turbulence_sigma_90

EVEN = Climate(
    wind_daily=0, wind_seasonal=0, lulls_per_day=0, gusts_per_day=0, air_daily=0, air_seasonal=0
)
"""A climate without days, seasons and events."""


def weather(
    climate: Climate, days: float, period_s: float = 600, seed: int = 1, start: str = "2026-01-01"
) -> WeatherBlock:
    period_ns = int(period_s * 1e9)
    times = parse_time(start) + np.arange(int(days * 86_400 / period_s)) * period_ns
    return Weather(Streams(seed), period_s, climate).advance(times)


def test_wind_has_the_moments_of_its_weibull_distribution() -> None:
    """Mean A·Γ(1+1/k); twenty years."""
    wind = weather(EVEN, 365 * 20, period_s=3600).wind
    mean = 9 * math.gamma(1.5)
    assert wind.mean() == pytest.approx(mean, rel=0.03)
    assert wind.var() == pytest.approx(81 * math.gamma(2) - mean**2, rel=0.06)


def test_the_mean_wind_remembers_as_recorded_winds_do() -> None:
    """0.5-0.65 after 6 h, 0.15-0.35 after a day; twenty years of hours."""
    wind = weather(EVEN, 365 * 20, period_s=3600).wind
    after = {lag: np.corrcoef(wind[:-lag], wind[lag:])[0, 1] for lag in (1, 6, 24, 24 * 30)}
    assert 0.85 < after[1] < 0.98
    assert 0.5 < after[6] < 0.65
    assert 0.15 < after[24] < 0.35
    assert abs(after[24 * 30]) < 0.05


def test_without_weather_systems_the_wind_forgets_within_a_day() -> None:
    wind = weather(replace(EVEN, wind_slow_share=0.0), 365 * 20, period_s=3600).wind
    assert np.corrcoef(wind[:-24], wind[24:])[0, 1] < 0.06


def test_days_and_seasons_have_their_amplitude_and_place() -> None:
    """Fitted by least squares to years of hours: air and wind, daily and yearly."""
    climate = replace(Climate(), air_spread=0.0, wind_daily=0.2, wind_seasonal=0.3)
    hours = np.arange(365 * 24 * 4)
    block = weather(climate, 365 * 4, period_s=3600)
    waves = [
        wave(2 * np.pi * hours / period)
        for period in (24, 365.2425 * 24)
        for wave in (np.cos, np.sin)
    ]
    design = np.stack([np.ones(len(hours)), *waves], axis=1)
    _, *air = np.linalg.lstsq(design, block.air, rcond=None)[0]
    mean, *wind = np.linalg.lstsq(design, block.wind, rcond=None)[0]
    assert math.hypot(*air[:2]) == pytest.approx(3.5, rel=0.02)
    assert math.hypot(*air[2:]) == pytest.approx(6.0, rel=0.02)
    assert math.atan2(air[1], air[0]) * 24 / (2 * np.pi) % 24 == pytest.approx(15, abs=0.1)
    assert math.atan2(air[3], air[2]) * 365 / (2 * np.pi) % 365 == pytest.approx(200, abs=2)
    assert math.hypot(*wind[:2]) / mean == pytest.approx(0.2, abs=0.03)
    assert math.hypot(*wind[2:]) / mean == pytest.approx(0.3, abs=0.06)


def test_runs_begin_in_a_january_of_11_degrees() -> None:
    block = weather(replace(Climate(), air_spread=0.0), days=10)
    assert block.air.mean() == pytest.approx(11.1, abs=0.2)


def test_density_follows_pressure_and_temperature() -> None:
    climate = replace(EVEN, pressure_spread=0.0, pressure_mean=1013.25, air_mean=15.0)
    block = weather(climate, days=20)
    np.testing.assert_allclose(block.density, 1.225 * 288.15 / (block.air + 273.15), rtol=1e-4)


@given(st.integers(0, 2**31), st.floats(0.0, 2.0), st.floats(0, 360))
@settings(max_examples=20, deadline=None)
def test_moisture_and_direction_stay_what_they_are(
    seed: int, humidity: float, direction: float
) -> None:
    climate = replace(Climate(), humidity_mean=humidity, direction_mean=direction)
    block = weather(climate, days=5, seed=seed)
    assert ((block.humidity > 0) & (block.humidity <= 1)).all()
    assert ((block.direction >= 0) & (block.direction < 360)).all()
    assert (block.wind >= 0).all()


def test_the_farms_turbulence_is_the_standards_in_mean_spread_and_quantile() -> None:
    """Three years at about 8 m/s, class C: intensity 0.147 ± 0.021, nine of ten below 0.174."""
    block = weather(EVEN, 365 * 3)
    here = np.abs(block.wind - 8) < 0.5
    sigma = (turbulence_sigma(block.wind, block.intensity) * block.roughness)[here]
    assert sigma.mean() / 8 == pytest.approx(0.147, abs=0.003)
    assert sigma.std() / 8 == pytest.approx(0.021, abs=0.003)
    normal = turbulence_sigma_90(block.wind[here], block.intensity)
    assert np.mean(sigma < normal) == pytest.approx(0.9, abs=0.02)


def test_rough_air_lasts_for_hours() -> None:
    """Correlated after one hour and no more after two days."""
    log = np.log(weather(EVEN, 365).roughness)
    assert np.corrcoef(log[:-6], log[6:])[0, 1] > 0.75
    assert abs(np.corrcoef(log[:-288], log[288:])[0, 1]) < 0.1


@pytest.mark.parametrize("cut", [1, 7, 100])
def test_blocks_have_no_seams(cut: int) -> None:
    climate = replace(Climate(), gusts_per_day=500.0, lulls_per_day=20.0)
    times = parse_time("2026-02-27") + np.arange(400) * 10**10
    whole = Weather(Streams(5), 10.0, climate).advance(times)
    parts = Weather(Streams(5), 10.0, climate)
    blocks = [parts.advance(times[i : i + cut]) for i in range(0, 400, cut)]
    for i, name in enumerate(WeatherBlock._fields[:-1]):
        joined = np.concatenate([block[i] for block in blocks])
        np.testing.assert_array_equal(whole[i], joined, err_msg=name)


class TestEvents:
    def test_they_come_as_often_as_said(self) -> None:
        events = Events(np.random.default_rng(1), per_day=4.0, longest_s=10.0)
        starts = [start for start, *_ in events.during(0, 86_400.0 * 1000)]
        assert len(starts) == pytest.approx(4000, rel=0.05)
        gaps = np.diff(starts)
        assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05), "a Poisson process"

    def test_none_are_none(self) -> None:
        assert Events(np.random.default_rng(1), 0.0, 10.0).during(0, 1e9) == []

    def test_they_are_the_same_at_every_period(self) -> None:
        """Between two samples of a slow series, the quick one has the gust it missed."""
        quick = Gusts(np.random.default_rng(3), 200.0).advance(np.arange(0, 40_000.0, 1))
        slow = Gusts(np.random.default_rng(3), 200.0).advance(np.arange(0, 40_000.0, 8))
        for one, other in zip(slow, quick, strict=True):
            np.testing.assert_allclose(one, other[::8], atol=1e-12)
            assert (np.abs(one) > 0.1).any()

    def test_a_gust_is_as_high_as_the_standard_has_it(self) -> None:
        """3.3/(1 + 0.1·126/42)·0.74 = 1.9 σ at most, over in 10.5 s."""
        gusts, followed = Gusts(np.random.default_rng(3), 100.0).advance(np.arange(0, 86_400.0, 1))
        assert 0.5 * 1.87 < gusts.max() <= 1.88
        assert np.mean(gusts != 0) == pytest.approx(100 * GUST_S / 86_400, rel=0.3)
        assert 0.1 * gusts.max() < followed.max() < 0.4 * gusts.max()

    def test_a_lull_takes_wind_away_and_gives_it_back(self) -> None:
        left = Lulls(np.random.default_rng(3), 0.5).advance(np.arange(0, 86_400.0 * 60, 60))
        depths = 1 - left
        assert LULL_DEPTH[0] < depths.max() < 1
        assert np.median(depths) == 0
        share = np.mean(depths > 0)
        assert share == pytest.approx(0.5 * np.mean(LULL_S) / 86_400, rel=0.5)


class TestRefusals:
    def test_no_such_class(self) -> None:
        with pytest.raises(ValueError, match="turbulence_class is 'D', there are A, B, C"):
            Climate(turbulence_class="D")

    @pytest.mark.parametrize("share", [-0.1, 1.5])
    def test_more_than_all(self, share: float) -> None:
        with pytest.raises(ValueError, match=f"wind_slow_share is {share}, it must be"):
            Climate(wind_slow_share=share)

    @pytest.mark.parametrize("name", ["gusts_per_day", "lulls_per_day"])
    def test_less_than_never(self, name: str) -> None:
        with pytest.raises(ValueError, match=f"{name} is -1, it must not be negative"):
            Climate(**{name: -1.0})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("weibull_scale", math.nan, "weibull_scale is nan, a finite number is needed"),
        ("air_mean", math.inf, "air_mean is inf, a finite number is needed"),
        ("weibull_shape", 0.0, "weibull_shape is 0, it must be more than 0"),
        ("wind_tau_h", 0.0, "wind_tau_h is 0, it must be more than 0"),
        ("air_spread", -1.0, "air_spread is -1, it must not be negative"),
    ],
)
def test_a_climate_that_cannot_be_is_refused(name: str, value: float, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Climate(**{name: value})
    assert Climate(air_mean=-20.0, direction_mean=-90.0).air_mean == -20
