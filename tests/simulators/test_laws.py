"""Each law against what is published about it, or against what follows from it by algebra."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.drivetrain import GENERATOR_WINDING, WEAR_HEAT_K, Part, winding_heat
from simulators.processes import (
    Lag,
    NoiseAndLag,
    OrnsteinUhlenbeck,
    SmoothNoise,
    first_order,
    lagged_share,
    memory,
)
from simulators.thermal import daily_cycle, steady_temperature, thermal_memory, yearly_cycle
from simulators.turbine import tower
from simulators.turbine.gearbox import (
    FAN_GAIN,
    FRICTION_KW_PER_RPM,
    LOAD_LOSS,
    RATED_HEAT_KW,
    OilState,
    step_oil,
)
from simulators.turbine.icing import ice_step
from simulators.turbine.lubrication import filter_drop, oil_pressure, pump_flow, relative_viscosity
from simulators.turbine.operation import steps_since_change, walk_running
from simulators.turbine.pitch import (
    LEAKING,
    SOUND,
    follow_decay,
    pitch_schedule,
    response_time_s,
    sag,
    softness,
    unevenness,
)
from simulators.turbine.power import (
    CUT_IN_M_S,
    GEAR_RATIO,
    STALL_M_S,
    available_power,
    idling_speed,
    power_curve,
    tracked_speed,
    wind_for_power,
    yaw_loss,
)
from simulators.turbine.rotor import commanded_pitch
from simulators.turbine.wake import (
    STEP_DEG,
    Wakes,
    added_intensity,
    grid,
    jensen_deficit,
    overlap,
    thrust_coefficient,
)
from simulators.vibration import crest_factor, kurtosis, spikes, vibration_rms
from simulators.weather.air import air_density, equivalent_wind
from simulators.weather.gusts import FOLLOW_S, GUST_S, followed_gust, lull, operating_gust
from simulators.weather.wind import (
    COHERENT,
    DISC_M,
    INERTIA_M,
    LENGTH_SCALE_M,
    REFERENCE_INTENSITY,
    Turbulence,
    rotor_lag_s,
    roughness,
    turbulence_sigma,
    turbulence_sigma_90,
    turbulence_time_s,
    weibull_wind,
)


def autocorrelation(x: np.ndarray, lag: int) -> float:
    return float(np.corrcoef(x[:-lag], x[lag:])[0, 1])


class TestWind:
    def test_intensity_is_that_of_the_standard(self) -> None:
        """IEC 61400-1: I_ref is the expected intensity at 15 m/s, the 90 % quantile lies above."""
        wind, i_ref = np.array([15.0]), REFERENCE_INTENSITY["B"]
        assert turbulence_sigma(wind, i_ref)[0] / 15 == pytest.approx(0.14, rel=0.01)
        assert turbulence_sigma_90(wind, i_ref)[0] / 15 == pytest.approx(0.14 * (0.75 + 5.6 / 15))
        assert [REFERENCE_INTENSITY[c] for c in "ABC"] == [0.16, 0.14, 0.12]

    @pytest.mark.parametrize("wind", [3.0, 8.0, 15.0, 25.0])
    def test_turbulence_has_the_distribution_of_the_standard(self, wind: float) -> None:
        """Mean, standard deviation 1.4·I_ref, and nine of ten below the normal model's σ."""
        here = np.full(200_000, wind)
        gauss = np.random.default_rng(1).standard_normal(len(here))
        sigma = turbulence_sigma(here, 0.12) * roughness(gauss, here)
        assert sigma.mean() == pytest.approx(0.12 * (0.75 * wind + 3.8), rel=0.003)
        assert sigma.std() == pytest.approx(0.12 * 1.4, rel=0.02)
        assert np.quantile(sigma, 0.9) == pytest.approx(
            turbulence_sigma_90(here, 0.12)[0], rel=0.015
        )
        assert sigma.min() > 0

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
        share = float(lagged_share(np.array([time_s]), 22.2)[0])
        assert share == pytest.approx(time_s / (time_s + 22.2))
        rotor = rotor / math.sqrt(COHERENT)
        for step in (0, -1):
            assert point[step].var() == pytest.approx(1, rel=0.15)
            assert rotor[step].var() == pytest.approx(share, rel=0.15)
        assert point.var() == pytest.approx(1, rel=0.03)
        assert rotor.var() == pytest.approx(share, rel=0.03)
        assert np.mean(point * rotor) == pytest.approx(share, rel=0.03)
        assert np.mean(point[1:] * point[:-1]) == pytest.approx(
            math.exp(-period_s / time_s), abs=0.01
        )

    def test_a_disc_of_126_m_averages_as_coherence_has_it(self) -> None:
        """Mean distance of two points of a disc 0.905·R; half the variance at f = ln 2·U/(12·s)."""
        apart = 128 / (45 * math.pi) * 63
        half_hz = math.log(2) * 8.0 / (12 * apart)
        assert pytest.approx(1 / (2 * math.pi * half_hz), rel=0.01) == DISC_M / 8.0
        assert math.exp(-12 * 0.12 * apart / LENGTH_SCALE_M) == pytest.approx(COHERENT, abs=0.01)

    def test_rotor_speed_lags_by_its_inertia(self) -> None:
        """J/(3·K·ω), K = P/ω³ at the tip speed ratio of 8."""
        for wind, shaft_kw in ((6.0, 738 / 0.944), (10.0, 3448 / 0.944)):
            omega = 8 * wind / 63
            lag_s = 4.4e7 * omega**2 / (3 * shaft_kw * 1e3)
            assert INERTIA_M / wind == pytest.approx(lag_s, rel=0.05)
        assert rotor_lag_s(np.array([8.0]))[0] == pytest.approx((DISC_M + INERTIA_M) / 8)

    def test_the_rotor_smooths_what_the_anemometer_feels(self) -> None:
        """At 1 s steps the exact form must agree with a filter fed with samples of u."""
        point, rotor = Turbulence(np.random.default_rng(5), 1.0, machines=1).advance(
            np.full((20_000, 1), 10.0)
        )
        rotor = rotor / math.sqrt(COHERENT)
        keep = math.exp(-1 / 22.2)
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

    @pytest.mark.parametrize("steps", [1, 50])
    def test_one_process_is_one_of_many(self, steps: int) -> None:
        """The quick form of a lone process gives the numbers of the form for many."""
        lone, many = (NoiseAndLag(np.random.default_rng(6), 60) for _ in range(2))
        for _ in range(2):
            _, lagged = many.advance(np.full((steps, 1), 5000.0), np.full((steps, 1), 300.0))
            assert lone.advance_one(steps, 5000.0, 300.0).tolist() == lagged[:, 0].tolist()

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
        process = NoiseAndLag(np.random.default_rng(0), period_s)
        times = np.array([[time_s]]), np.array([[5.0]])
        keep, feed, keep_lagged = process._mean_step(*times)
        to_noise, to_both, to_lagged = process._shocks(*times)
        step = np.array([[keep[0, 0], 0], [feed[0, 0], keep_lagged[0, 0]]])
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
        assert power_curve(np.array([0, 2.5, 25.01, 60])).tolist() == [0, 0, 0, 0]

    def test_the_curve_has_no_step_where_machines_start(self) -> None:
        """From cut-in to where the controller stops it: the slope of the table, not a cliff."""
        lull = np.arange(STALL_M_S, CUT_IN_M_S + 0.5, 0.01)
        assert 0 < np.diff(power_curve(lull)).max() < 2
        np.testing.assert_allclose(available_power(lull), power_curve(lull), atol=1e-9)

    @given(st.floats(0, 25), st.floats(0, 25))
    def test_more_wind_is_not_less_power(self, one: float, other: float) -> None:
        low, high = sorted((one, other))
        # The published table falls by 1 kW from 11.4 to 12 m/s.
        assert power_curve(np.array([low]))[0] <= power_curve(np.array([high]))[0] + 1

    @given(st.floats(3, 11.4))
    def test_up_to_rated_wind_what_there_is_is_what_the_curve_says(self, wind: float) -> None:
        here = np.array([wind])
        assert available_power(here)[0] == pytest.approx(power_curve(here)[0], rel=1e-12)

    def test_above_rated_wind_there_is_more_by_the_third_power(self) -> None:
        there = available_power(np.array([11.4, 14.4, 22.8, 70.0]))
        assert there[1] / there[0] == pytest.approx((14.4 / 11.4) ** 3, rel=1e-3)
        assert there[2] / there[0] == pytest.approx(8, rel=1e-3)
        assert np.isfinite(there).all()

    @given(st.floats(41, 5000))
    def test_the_curve_read_the_other_way(self, power: float) -> None:
        wind = wind_for_power(np.array([power]))
        assert power_curve(wind)[0] == pytest.approx(power, rel=1e-3)

    def test_rotor_speed_holds_the_tip_speed_ratio_within_its_range(self) -> None:
        speed = tracked_speed(np.array([3.0, 8.0, 12.0]))
        assert speed[0] == 6.9
        assert speed[1] * 2 * math.pi / 60 * 63 / 8.0 == pytest.approx(8.0)
        assert speed[2] == 12.1
        assert (idling_speed(np.array([0.0, 2.0, 30.0])) <= 1).all()

    def test_the_generator_turns_at_1173_7_rpm(self) -> None:
        assert pytest.approx(1173.7) == 12.1 * GEAR_RATIO

    def test_oblique_wind_costs_the_cosine_to_the_1_88(self) -> None:
        assert yaw_loss(np.array([25.0]))[0] == pytest.approx(math.cos(math.radians(25)) ** 1.88)


class TestOperation:
    def test_the_controller_has_hysteresis_at_both_ends(self) -> None:
        wind = np.array([2.9, 3.0, 2.6, 2.4, 2.9, 10, 24, 25.5, 23, 22, 24])[:, np.newaxis]
        free, idle = np.array([[False]]), np.array([False])
        running = walk_running(wind, free, idle)[:, 0].astype(int).tolist()
        assert running == [0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]

    def test_nobody_runs_while_held(self) -> None:
        wind, idle = np.full((3, 1), 10.0), np.array([True])
        held = np.array([[False], [True], [False]])
        assert walk_running(wind, held, idle)[:, 0].tolist() == [True, False, True]

    @given(
        flags=st.lists(st.booleans(), min_size=1, max_size=20),
        before=st.booleans(),
        steps=st.integers(1, 9),
    )
    def test_steps_since_change_are_counted(
        self, *, flags: list[bool], before: bool, steps: int
    ) -> None:
        expected, last, count = [], before, steps
        for flag in flags:
            count = count + 1 if flag == last else 1
            last = flag
            expected.append(count)
        walked = steps_since_change(
            np.array(flags)[:, np.newaxis], np.array([before]), np.array([steps])
        )
        assert walked[:, 0].tolist() == expected


class TestPitch:
    @pytest.mark.parametrize(("wind", "pitch"), [(11.4, 0), (12, 3.83), (18, 14.92), (25, 23.47)])
    def test_published_points_of_the_schedule(self, wind: float, pitch: float) -> None:
        assert pitch_schedule(np.array([wind]))[0] == pitch

    def test_an_actuator_lags_a_ramp_by_its_response_time(self) -> None:
        """Of x'' + 2ζω x' + ω² x = ω² t settles at t − 2ζ/ω."""
        frequency, damping = SOUND
        step_s, position, speed = 1e-4, 0.0, 0.0
        for i in range(50_000):
            push = frequency**2 * (i * step_s - position) - 2 * damping * frequency * speed
            speed += push * step_s
            position += speed * step_s
        assert 5.0 - position == pytest.approx(response_time_s(*SOUND), abs=2e-3)

    def test_a_leaking_actuator_is_slower_and_softer(self) -> None:
        none, full = np.zeros(1), np.ones(1)
        sound, ill = follow_decay(0.5, none, none), follow_decay(0.5, full, none)
        assert sound == pytest.approx(math.exp(-0.5 / 0.108), rel=1e-3)
        assert ill == pytest.approx(math.exp(-0.5 / (2 * LEAKING[1] / LEAKING[0])))
        assert softness(none, none) == 0
        assert softness(full, none) == pytest.approx((11.11 / 3.42) ** 2 - 1)
        assert sag(np.array([8.0]), none) == 0

    def test_blades_that_agree_are_even(self) -> None:
        one, other = np.array([[3.0]]), np.array([[5.0]])
        assert unevenness([one, one, one]) == 0
        assert unevenness([one, other, one]) == 2

    def test_a_capped_machine_pitches_where_it_would_pass_its_cap(self) -> None:
        early = np.zeros((1, 1))
        at_cap = wind_for_power(np.array([3000.0]))
        assert commanded_pitch(at_cap * 0.99, 3000.0, early) == 0
        assert commanded_pitch(at_cap * 1.1, 3000.0, early) > 2
        assert commanded_pitch(np.array([15.0]), 5000.0, early) == pitch_schedule(np.array([15.0]))


class TestAir:
    @pytest.mark.parametrize(
        ("pressure", "air", "density"),
        [(1013.25, 15, 1.225), (1013.25, 0, 1.292), (900, 25, 1.0516)],
    )
    def test_density_at_known_points(self, pressure: float, air: float, density: float) -> None:
        """The ICAO standard atmosphere at sea level, and dry air at 0 °C."""
        here = air_density(np.array([pressure]), np.array([float(air)]))
        assert here[0] == pytest.approx(density, abs=1e-3)

    @given(st.floats(0.9, 1.4))
    def test_power_goes_with_density(self, density: float) -> None:
        """(V_eq)³ ∝ ρ."""
        wind = equivalent_wind(np.array([8.0]), np.array([density]))
        assert (wind / 8) ** 3 == pytest.approx(density / 1.225)


class TestGusts:
    def test_what_a_rotor_follows_of_a_gust_is_a_lag_of_it(self) -> None:
        """Against small steps of τ·dy/dt = gust − y."""
        t_s = np.arange(0, 60, 0.001)
        keep = math.exp(-0.001 / FOLLOW_S)
        lagged = first_order(np.zeros(1), keep, (1 - keep) * operating_gust(t_s)[:, np.newaxis])
        np.testing.assert_allclose(followed_gust(t_s), lagged[:, 0], atol=1e-4)

    def test_the_extreme_operating_gust_of_the_standard(self) -> None:
        """IEC 61400-1: it peaks at T/2 with 0.74 of its height and dips to −0.26 before."""
        t_s = np.linspace(-1, GUST_S + 1, 5001)
        gust = operating_gust(t_s)
        assert t_s[gust.argmax()] == pytest.approx(GUST_S / 2, abs=0.01)
        assert gust.max() == pytest.approx(0.74)
        assert gust.min() == pytest.approx(-0.26, abs=0.01)
        assert not gust[(t_s < 0) | (t_s > GUST_S)].any()

    def test_a_lull_is_deepest_in_the_middle(self) -> None:
        t_s = np.linspace(-100, 3700, 39)
        assert t_s[lull(t_s, 3600).argmax()] == 1800
        assert lull(t_s, 3600)[[0, -1]].tolist() == [0, 0]


class TestWake:
    def test_deficit_behind_one_turbine(self) -> None:
        """Jensen: U = U₀(1 − (1 − √(1−C_T))·(D/(D + 2kx))²); at 0 m it is that of the rotor."""
        seven = jensen_deficit(np.array([0.8]), np.array([7.0]))
        assert seven[0] == pytest.approx((1 - math.sqrt(0.2)) / 2.05**2)
        assert jensen_deficit(np.array([8 / 9]), np.array([0.0]))[0] == pytest.approx(2 / 3)

    def test_thrust_is_that_of_the_reference_turbine(self) -> None:
        """NREL 5 MW, C_T of FLORIS' table at 8, 15, 20 and 25 m/s."""
        at = thrust_coefficient(np.array([8.0, 15, 20, 25]))
        np.testing.assert_allclose(at, [0.8, 0.33, 0.14, 0.08], atol=0.06)

    def test_turbulence_added_at_seven_diameters(self) -> None:
        assert added_intensity(0.8, np.array([7.0]))[0] == pytest.approx(
            1 / (1.5 + 0.8 * 7 / math.sqrt(0.8))
        )

    def test_in_line_with_the_wind_a_row_has_wakes_and_its_first_has_none(self) -> None:
        """Wind from the west, three machines from west to east, then from the north."""
        wakes, wind = Wakes(3), np.array([8.0, 8.0])
        deficit = wakes.deficit(wind, np.array([270.0, 0.0]))
        # Three machines stand in two columns: T01 and T02 in a row, T03 north of T01.
        np.testing.assert_allclose(deficit[0], [0, 0.118, 0], atol=5e-3)
        np.testing.assert_allclose(deficit[1], [0.118, 0, 0], atol=5e-3)

    def test_a_row_in_line_loses_what_is_recorded_behind_its_first(self) -> None:
        """Horns Rev, 7 D: 20 to 30 % of the power of those in the wake, sometimes more."""
        along = Wakes(64).deficit(np.array([8.0]), np.array([270.0]))[0, :8]
        power = power_curve(8 * (1 - along)) / power_curve(np.array([8.0]))
        assert power[0] == 1
        assert 0.20 < 1 - power[1:].mean() < 0.35

    def test_over_all_directions_a_farm_loses_a_tenth(self) -> None:
        """8 to 13 % of a year, in a Weibull wind of A = 9 m/s and k = 2 from everywhere."""
        wind, turn = np.arange(3.0, 25.0), np.arange(0.0, 360.0, 5.0)
        often = wind * np.exp(-((wind / 9) ** 2))
        winds, turns = (of.ravel() for of in np.meshgrid(wind, turn))
        left = winds[:, np.newaxis] * (1 - Wakes(64).deficit(winds, turns))
        there = power_curve(left).mean(axis=1).reshape(len(turn), -1).mean(axis=0)
        assert 0.05 < 1 - (often @ there) / (often @ power_curve(wind)) < 0.13

    def test_a_wake_meanders(self) -> None:
        """Who is 20° off the axis is grazed now and then; at 40° nobody is."""
        deficit = Wakes(2).deficit(np.full(3, 8.0), np.array([270.0, 290.0, 310.0]))[:, 1]
        assert deficit[0] > 2 * deficit[1] > 0
        assert deficit[2] == 0

    def test_turbulence_of_a_wake_at_seven_diameters(self) -> None:
        added = Wakes(3).added_variance(np.array([8.0]), np.array([270.0]))[0]
        np.testing.assert_allclose(np.sqrt(added), [0, 0.97, 0], atol=0.03)

    def test_wakes_add_in_squares(self) -> None:
        column, row = grid(9)
        last = int(np.flatnonzero((column == 2) & (row == 1))[0])
        deficit = Wakes(9).deficit(np.array([8.0]), np.array([270.0]))[0, last]
        near = Wakes(9).deficit(np.array([8.0]), np.array([270.0]))[0, last - 1]
        far = math.sqrt(deficit**2 - near**2)
        at_axis = jensen_deficit(np.array([0.8]), np.array([7.0, 14.0]))
        assert 0.75 * at_axis[0] < near < at_axis[0]
        assert 0.75 * at_axis[1] < far < at_axis[1]

    @given(st.floats(0, 359.999), st.integers(1, 30))
    def test_somebody_always_stands_in_the_free_wind(self, direction: float, n: int) -> None:
        at_step = np.array([direction // STEP_DEG * STEP_DEG])
        deficit = Wakes(n).deficit(np.array([8.0]), at_step)
        assert deficit.min() == 0
        assert deficit.max() < 0.35

    def test_a_wake_covers_whom_it_meets(self) -> None:
        """At 7 D the wake is 2.05 D wide: it misses who stands 1.53 D beside its axis."""
        aside = np.array([0.0, 0.52, 1.53])
        np.testing.assert_allclose(overlap(np.full(3, 7.0), aside), [1, 1, 0])


class TestHeat:
    def test_time_constant_is_resistance_times_capacity(self) -> None:
        resistance, capacity = np.array([0.8]), np.array([4500.0])
        settled = np.full((60, 1), 50.0)
        keep = thermal_memory(60.0, resistance, capacity)
        warmed = first_order(np.array([10.0]), keep, (1 - keep) * settled)
        assert warmed[-1, 0] == pytest.approx(50 - 40 * math.exp(-3600 / (0.8 * 4500)))

    @given(st.floats(0.2, 2), st.floats(1, 80))
    def test_where_it_settles_heat_in_equals_heat_out(self, resistance: float, heat: float) -> None:
        settled = steady_temperature(np.array([12.0]), np.array([resistance]), np.array([heat]))
        assert (settled - 12) / resistance == pytest.approx(heat)

    def test_the_warmest_hour_is_three_in_the_afternoon(self) -> None:
        hours = np.arange(24.0)
        cycle = daily_cycle(hours, 4.0)
        assert hours[cycle.argmax()] == 15
        assert cycle.mean() == pytest.approx(0, abs=1e-12)

    def test_the_warmest_day_and_the_coldest(self) -> None:
        days = np.arange(365.0)
        cycle = yearly_cycle(days, 6.0, 200.0)
        assert days[cycle.argmax()] == 200
        assert days[cycle.argmin()] == pytest.approx(200 - 182.6, abs=1)

    def test_rated_operation_settles_at_the_rise(self) -> None:
        """Friction and load share the rated heat: R times it is the rise."""
        heat = FRICTION_KW_PER_RPM * 12.1 + LOAD_LOSS * 5000
        assert heat == pytest.approx(RATED_HEAT_KW)

    def test_hot_oil_derates_until_it_is_cool(self) -> None:
        """On above 80 °C, off below 75; 75 % of the rated power in between."""
        one = np.ones(1)
        cooling = (0.8 * one, 0.8 * (1 - FAN_GAIN) * one, 0 * one, 0 * one)
        told = []
        state = OilState(70 * one, one > 2, one > 2)
        for air in (45.0, 50.0, 50.0, 46.0, 40.0):
            state, power = step_oil(state, air * one, 12.5 * one, 5000 * one, cooling)
            told.append((round(state.oil[0], 1), power[0]))
        # 45 + 40: hot. Then derated: 50 + 0.704·(12.5 + 28.125) = 78.6, 46 + 28.6 = 74.6: cool.
        assert told == [(85.0, 5000), (78.6, 3750), (78.6, 3750), (74.6, 3750), (75.2, 5000)]

    def test_the_fan_has_hysteresis(self) -> None:
        one = np.ones(1)
        cooling = (0.8 * one, 0.5 * one, 0 * one, 0 * one)
        state = OilState(40 * one, one > 2, one > 2)
        fans = []
        for heat in (70.0, 85.0, 100.0, 85.0):
            state, _ = step_oil(state, 0 * one, heat * one, 0 * one, cooling)
            fans.append(bool(state.fan[0]))
        # 0.8·70 = 56 stays off; 68 on; 0.5·100 = 50: off again; 68: on.
        assert fans == [False, True, False, True]

    def test_a_part_warms_with_its_time_constant(self) -> None:
        part = Part(GENERATOR_WINDING, 60.0, 1, np.random.default_rng(1))
        again = np.random.default_rng(1)
        rise, tau = again.uniform(60, 85), again.uniform(1200, 2400)
        air, still, full = np.full((1, 1), 10.0), np.zeros((1, 1)), np.ones((1, 1))
        assert part.advance(air, still, still)[0, 0] == 10
        minutes = 40
        hot = part.advance(*(np.repeat(x, minutes, axis=0) for x in (air, full, full)))[-1, 0]
        assert hot == pytest.approx(10 + rise * (1 - math.exp(-60 * minutes / tau)))

    def test_copper_warms_with_the_square_of_the_load(self) -> None:
        def settled(load: float) -> float:
            part = Part(GENERATOR_WINDING, 60.0, 1, np.random.default_rng(1))
            return float(
                part.advance(np.zeros((1, 1)), np.zeros((1, 1)), np.full((1, 1), load))[0, 0]
            )

        assert settled(0.5) == pytest.approx(settled(1.0) / 4)

    def test_an_ill_winding_warms_its_neighbours_a_little(self) -> None:
        none, full = np.zeros(1), np.ones(1)
        own, other = winding_heat(full, none, none), winding_heat(none, full, none)
        assert own == 1.6
        assert 1 < other < 1.1

    def test_a_worn_bearing_is_5_to_20_kelvin_warmer(self) -> None:
        assert 5 <= WEAR_HEAT_K <= 20


class TestLubrication:
    def test_thin_oil_passes_more_easily(self) -> None:
        cold, warm = relative_viscosity(np.array([22.0, 50.0]))
        assert cold / warm == pytest.approx(2, rel=0.01)
        flow = pump_flow(np.array([1.0]))
        assert filter_drop(0.7, flow, cold, 0.0) == pytest.approx(2 * 0.7, rel=0.01)
        assert oil_pressure(3.0, flow, warm, 0.0) == 3.0

    def test_what_a_clogged_filter_drops_the_bearings_lack(self) -> None:
        flow, viscosity = np.ones(1), np.ones(1)
        assert filter_drop(0.7, flow, viscosity, 1.0) == pytest.approx(3 * 0.7)
        assert oil_pressure(3.0, flow, viscosity, 1.0) == pytest.approx(1.8)

    def test_the_electric_pump_keeps_some_flow_at_rest(self) -> None:
        assert 0 < pump_flow(np.array([0.0]))[0] < 0.5


class TestTower:
    def test_the_resonance_is_where_the_blades_pass_at_6_5_rpm(self) -> None:
        rpm = np.linspace(1, 12.1, 1000)
        gain = tower.amplification(tower.blade_passing_hz(rpm), tower.MODE_HZ, tower.DAMPING)
        assert rpm[gain.argmax()] == pytest.approx(60 * 0.324 / 3, abs=0.1)
        assert gain.max() == pytest.approx(1 / (2 * tower.DAMPING), rel=0.02)

    def test_at_rated_wind_a_sound_nacelle_has_a_tenth_of_a_metre_per_square_second(self) -> None:
        """Engineering judgement; usual are 0.05 to 0.15, and it grows with the wind."""
        wind = np.array([5.0, 8.0, 11.4, 16.0, 22.0])
        shaken = tower.shaking(turbulence_sigma(wind, 0.12), wind, tracked_speed(wind))
        assert shaken[2] == pytest.approx(0.1, abs=0.01)
        assert (np.diff(shaken) > 0).all()
        assert shaken[-1] < 0.3

    def test_at_equal_wind_the_slow_rotor_shakes_more(self) -> None:
        slow, fast = (
            tower.shaking(np.array([1.0]), np.array([8.0]), np.array([rpm]))[0]
            for rpm in (6.9, 12.1)
        )
        assert slow > 1.5 * fast

    def test_the_force_of_a_mass_grows_with_the_square_of_speed(self) -> None:
        half, full = tower.unbalanced_shaking(np.array([0.2]), np.array([6.05, 12.1]))
        assert full == pytest.approx(0.2)
        assert half == pytest.approx(0.05)


class TestIce:
    @pytest.mark.parametrize(
        ("air", "humidity", "change"),
        [(-5, 0.95, 1 / 6), (-5, 0.7, 0), (0.5, 0.95, 0), (4, 0.95, -1 / 2), (4, 0.5, -1 / 2)],
    )
    def test_it_grows_in_cold_damp_air_and_melts_in_warm(
        self, air: float, humidity: float, change: float
    ) -> None:
        """In an hour: a sixth of the worst, or half of it gone."""
        ice = ice_step(*(np.array([x]) for x in (0.5, air, humidity, 1.0)), 3600.0)
        assert ice[0] == pytest.approx(0.5 + change)

    def test_it_stays_within_0_and_1(self) -> None:
        assert ice_step(*(np.array([x]) for x in (0.01, 9.0, 0.5, 1.0)), 3600.0) == 0
        assert ice_step(*(np.array([x]) for x in (0.99, -9.0, 0.9, 1.0)), 3600.0) == 1

    def test_a_mild_case_grows_no_further_than_its_severity(self) -> None:
        ice = np.zeros(1)
        for _ in range(100):
            ice = ice_step(ice, np.array([-9.0]), np.array([0.9]), np.array([0.4]), 600.0)
        assert ice[0] == pytest.approx(0.4, abs=0.02)


class TestVibration:
    def test_kurtosis_of_sound_machinery_is_that_of_a_gaussian(self) -> None:
        sample = np.random.default_rng(1).standard_normal(1_000_000)
        assert np.mean(sample**4) / np.mean(sample**2) ** 2 == pytest.approx(3, abs=0.02)
        assert kurtosis(3.0, np.zeros(1), 0.0)[0] == 3

    def test_spikes_come_first_and_go_while_the_level_grows(self) -> None:
        """Kurtosis from 3 to 8 early in the wear, and nearly back at its end; crest the same."""
        wear = np.linspace(0, 1, 1001)
        for law, base, peak in ((kurtosis, 3.0, 8.0), (crest_factor, 3.5, 6.5)):
            course = law(base, wear, 0.0)
            assert course.max() == pytest.approx(peak, abs=0.01)
            assert wear[course.argmax()] < 0.3
            assert course[-1] < base + 0.6
        assert spikes(np.zeros(1), 0.2) == 0

    def test_shares_of_speed_and_load(self) -> None:
        quiet = vibration_rms(2.0, np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 1.0]), 0.1, 0.0)
        np.testing.assert_allclose(quiet, [0.3, 2.0, 2.6])

    def test_it_scatters_by_a_factor(self) -> None:
        noise = np.random.default_rng(1).standard_normal(100_000)
        levels = vibration_rms(1.5, np.array(0.8), np.array(0.5), 0.12, noise)
        assert np.log(levels).std() == pytest.approx(0.12, rel=0.02)
