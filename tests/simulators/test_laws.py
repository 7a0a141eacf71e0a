"""Each law against what is published about it, or against what follows from it by algebra."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.power import power_curve, power_running, rotor_speed, walk_running
from simulators.processes import (
    Lag,
    NoiseAndLag,
    OrnsteinUhlenbeck,
    SmoothNoise,
    first_order,
    lagged_share,
    memory,
)
from simulators.thermal import daily_cycle, steady_temperature, thermal_memory
from simulators.vibration import vibration_rms
from simulators.wind import (
    LENGTH_SCALE_M,
    REFERENCE_INTENSITY,
    Turbulence,
    turbulence_sigma,
    turbulence_time_s,
    weibull_wind,
)


def autocorrelation(x: np.ndarray, lag: int) -> float:
    return float(np.corrcoef(x[:-lag], x[lag:])[0, 1])


class TestWind:
    def test_intensity_is_that_of_the_standard(self) -> None:
        """IEC 61400-1: I_ref is the expected intensity at 15 m/s, the 90 % quantile lies above."""
        at_15 = turbulence_sigma(np.array([15.0]), REFERENCE_INTENSITY["B"]) / 15
        assert at_15[0] == pytest.approx(0.14 * (0.75 + 5.6 / 15))
        assert [REFERENCE_INTENSITY[c] for c in "ABC"] == [0.16, 0.14, 0.12]

    @pytest.mark.parametrize("wind", [4.0, 10.0, 20.0])
    def test_slow_eddies_have_the_energy_of_the_kaimal_spectrum(self, wind: float) -> None:
        """S(f→0) is 4·L/U in units of σ²; that of a first-order process is 4·T."""
        f = 1e-9
        x = f * LENGTH_SCALE_M / wind
        kaimal = 4 * x / (1 + 6 * x) ** (5 / 3) / f
        assert 4 * turbulence_time_s(np.array([wind]))[0] == pytest.approx(kaimal, rel=1e-6)

    def test_long_runs_have_the_moments_of_the_weibull_distribution(self) -> None:
        k, scale = 2.0, 9.0
        process = SmoothNoise(np.random.default_rng(3), 600, tau_s=6 * 3600, lag_s=3600)
        wind = weibull_wind(process.advance(52_560 * 10), k, scale)
        mean = scale * math.gamma(1 + 1 / k)
        variance = scale**2 * math.gamma(1 + 2 / k) - mean**2
        assert wind.mean() == pytest.approx(mean, rel=0.02)
        assert wind.var() == pytest.approx(variance, rel=0.05)
        assert np.mean(wind < 3) == pytest.approx(1 - math.exp(-((3 / scale) ** k)), rel=0.1)

    @pytest.mark.parametrize("period_s", [1.0, 10.0, 120.0])
    def test_turbulence_is_the_same_at_every_period(self, period_s: float) -> None:
        """Variances, covariance and memory are those of the continuous process, exactly."""
        mean_wind = np.full((400, 2000), 10.0)
        point, rotor = Turbulence(np.random.default_rng(1), period_s, machines=2000).advance(
            mean_wind
        )
        time_s = LENGTH_SCALE_M / 10
        share = float(lagged_share(np.array([time_s]), 5.0)[0])
        assert share == pytest.approx(time_s / (time_s + 5))
        for step in (0, -1):
            assert point[step].var() == pytest.approx(1, rel=0.15)
            assert rotor[step].var() == pytest.approx(share, rel=0.15)
        assert point.var() == pytest.approx(1, rel=0.03)
        assert rotor.var() == pytest.approx(share, rel=0.03)
        assert np.mean(point * rotor) == pytest.approx(share, rel=0.03)
        assert np.mean(point[1:] * point[:-1]) == pytest.approx(
            math.exp(-period_s / time_s), abs=0.01
        )

    def test_the_rotor_smooths_what_the_anemometer_feels(self) -> None:
        """At 1 s steps the exact form must agree with a filter fed with samples of u."""
        point, rotor = Turbulence(np.random.default_rng(5), 1.0, machines=1).advance(
            np.full((20_000, 1), 10.0)
        )
        keep = math.exp(-1 / 5.0)
        held = (point[1:] + point[:-1]) / 2
        filtered = first_order(rotor[0], keep, (1 - keep) * held)
        assert np.corrcoef(filtered[100:, 0], rotor[101:, 0])[0, 1] > 0.995

    def test_how_it_is_cut_into_blocks_does_not_matter(self) -> None:
        wind = np.linspace(3, 20, 60).reshape(30, 2)
        whole = Turbulence(np.random.default_rng(7), 60, 2).advance(wind)
        cut = Turbulence(np.random.default_rng(7), 60, 2)
        parts = [cut.advance(part) for part in (wind[:1], wind[1:8], wind[8:])]
        for i in range(2):
            np.testing.assert_array_equal(whole[i], np.concatenate([part[i] for part in parts]))


class TestProcesses:
    def test_coefficient_of_the_autoregression(self) -> None:
        """φ = exp(-Δt/τ): 0.8 from minute to minute at τ = 270 s, to two digits."""
        assert memory(60, 270) == pytest.approx(0.8, abs=0.005)
        noise = OrnsteinUhlenbeck(np.random.default_rng(2), 60, 270).advance(100_000)[:, 0]
        assert autocorrelation(noise, 1) == pytest.approx(memory(60, 270), abs=0.01)
        assert autocorrelation(noise, 5) == pytest.approx(memory(300, 270), abs=0.02)
        assert noise.std() == pytest.approx(1, abs=0.02)

    def test_it_starts_stationary(self) -> None:
        first = OrnsteinUhlenbeck(np.random.default_rng(2), 60, 6000, count=20_000).advance(1)
        assert first.std() == pytest.approx(1, abs=0.02)

    def test_a_lag_reaches_63_percent_after_its_time_constant(self) -> None:
        lag = Lag(period_s=1, tau_s=8)
        lag.advance(np.zeros((1, 1)))
        assert lag.advance(np.ones((8, 1)))[-1, 0] == pytest.approx(1 - math.exp(-1))

    @pytest.mark.parametrize("period_s", [60.0, 3600.0])
    def test_smooth_noise_has_the_autocorrelation_it_states(self, period_s: float) -> None:
        big, small = 6 * 3600.0, 3600.0
        smooth = SmoothNoise(np.random.default_rng(4), period_s, big, small)
        x = smooth.advance(int(4e8 / period_s) if period_s > 1000 else 400_000)
        assert x.std() == pytest.approx(1, rel=0.1)
        for hours in (1, 3, 6):
            delta = hours * 3600.0
            stated = (big * math.exp(-delta / big) - small * math.exp(-delta / small)) / (
                big - small
            )
            assert autocorrelation(x, int(delta / period_s)) == pytest.approx(stated, abs=0.03)

    @given(st.floats(0.1, 1000), st.floats(6, 5000))
    def test_the_exact_step_keeps_the_stationary_covariance(
        self, period_s: float, time_s: float
    ) -> None:
        """M·P·Mᵀ + Q = P, for any step and time scale: what 'exact' means."""
        process = NoiseAndLag(np.random.default_rng(0), period_s, lag_s=5.0)
        time = np.array([[time_s]])
        keep, feed, keep_lagged = process._mean_step(time)
        to_noise, to_both, to_lagged = process._shocks(time, keep, feed, keep_lagged)
        step = np.array([[keep[0, 0], 0], [feed[0, 0], keep_lagged]])
        root = np.array([[to_noise[0, 0], 0], [to_both[0, 0], to_lagged[0, 0]]])
        share = time_s / (time_s + 5)
        stationary = np.array([[1, share], [share, share]])
        np.testing.assert_allclose(
            step @ stationary @ step.T + root @ root.T, stationary, atol=1e-9
        )

    @given(st.lists(st.floats(-5, 5), min_size=2, max_size=20), st.floats(0, 1))
    def test_first_order_is_its_recursion(self, drive: list[float], decay: float) -> None:
        x, expected = 1.5, []
        for push in drive:
            x = decay * x + push
            expected.append(x)
        walked = first_order(np.array([1.5]), decay, np.array(drive)[:, np.newaxis])
        assert walked[:, 0].tolist() == expected


class TestPower:
    @pytest.mark.parametrize(
        ("wind", "power"),
        [
            (3, 40.5),
            (5, 404),
            (7, 1187),
            (8, 1771),
            (10, 3448),
            (11.4, 5001),
            (12, 5000),
            (25, 5000),
        ],
    )
    def test_published_points_of_the_curve(self, wind: float, power: float) -> None:
        assert power_curve(np.array([wind]))[0] == power

    def test_no_power_outside_the_working_range(self) -> None:
        assert power_curve(np.array([0, 2.99, 25.01, 60])).tolist() == [0, 0, 0, 0]

    @given(st.floats(0, 25), st.floats(0, 25))
    def test_more_wind_is_not_less_power(self, one: float, other: float) -> None:
        low, high = sorted((one, other))
        # The published table falls by 1 kW from 11.4 to 12 m/s.
        assert power_curve(np.array([low]))[0] <= power_curve(np.array([high]))[0] + 1

    def test_a_gust_does_not_stop_a_running_machine(self) -> None:
        gust = np.array([26.0, 26.0])
        assert power_running(gust, np.array([True, False])).tolist() == [5000, 0]

    def test_rotor_speed_holds_the_tip_speed_ratio_within_its_range(self) -> None:
        wind = np.array([3.0, 8.0, 12.0])
        speed = rotor_speed(wind, np.array([True, True, True]))
        assert speed[0] == 6.9
        assert speed[1] * 2 * math.pi / 60 * 63 / 8.0 == pytest.approx(8.0)
        assert speed[2] == 12.1
        assert (rotor_speed(wind, np.zeros(3, dtype=bool)) <= 1).all()

    def test_the_controller_has_hysteresis_at_both_ends(self) -> None:
        wind = np.array([2.9, 3.0, 2.6, 2.4, 2.9, 10, 24, 25.5, 23, 22, 24])[:, np.newaxis]
        running = walk_running(wind, np.array([False]))[:, 0].astype(int).tolist()
        assert running == [0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]


class TestHeat:
    def test_time_constant_is_resistance_times_capacity(self) -> None:
        resistance, capacity = np.array([0.8]), np.array([4500.0])
        settled = np.full((60, 1), 50.0)
        keep = thermal_memory(60.0, resistance, capacity)
        warmed = first_order(np.array([10.0]), keep, (1 - keep) * settled)
        assert warmed[-1, 0] == pytest.approx(50 - 40 * math.exp(-3600 / (0.8 * 4500)))

    @given(st.floats(0.2, 2), st.floats(0.1, 3), st.floats(0.001, 0.02))
    def test_where_it_settles_heat_in_equals_heat_out(
        self, resistance: float, friction: float, loss: float
    ) -> None:
        air, speed, power = np.array([12.0]), np.array([11.0]), np.array([4000.0])
        settled = steady_temperature(
            air, speed, power, resistance=resistance, friction=friction, loss=loss
        )
        assert (settled - air) / resistance == pytest.approx(friction * speed + loss * power)

    def test_the_warmest_hour_is_three_in_the_afternoon(self) -> None:
        hours = np.arange(24.0)
        cycle = daily_cycle(hours, 4.0)
        assert hours[cycle.argmax()] == 15
        assert cycle.mean() == pytest.approx(0, abs=1e-12)


class TestVibration:
    def test_shares_of_speed_and_load(self) -> None:
        quiet = vibration_rms(2.0, np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 1.0]), 0.1, 0.0)
        np.testing.assert_allclose(quiet, [0.3, 2.0, 2.6])

    def test_it_scatters_by_a_factor(self) -> None:
        noise = np.random.default_rng(1).standard_normal(100_000)
        levels = vibration_rms(1.5, np.array(0.8), np.array(0.5), 0.12, noise)
        assert np.log(levels).std() == pytest.approx(0.12, rel=0.02)
