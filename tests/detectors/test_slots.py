"""What a sensor should read, given what the machine is doing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import kernels, slots
from detectors.slots import SlotContext
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
PALETTE = [NAN, -3.0, 5.0, 12.5, 33.3, 34.0, 50.0, 61.0, 66.6, 99.0, 130.0]
LOW, HIGH, BINS, N, LAG_S, RESOLUTION = 0.0, 100.0, 4, 3, 20.0, 0.5


def compare(stage: SlotContext, stream: Readings):
    return stage.walk(stream.rows, stream.times, stream.values, stream.values)


def four_sensors() -> SlotContext:
    """Power explains a vibration at once and a temperature slowly; nothing explains a level."""
    return SlotContext(
        4,
        low=[LOW] * 4,
        high=[HIGH] * 4,
        context=[-1, 0, 0, -1],
        judged=[False, True, True, True],
        lag_s=[0, 0, LAG_S, 0],
        resolution=[0, RESOLUTION, RESOLUTION, RESOLUTION],
        bins=BINS,
        bin_readings=N,
    )


def of_power(bin_readings: int = 4, **parameters) -> SlotContext:
    """Sensor 1 explained by sensor 0, a power of 0 to 100 in ten bins."""
    settings_ = {"low": [0, 0], "high": [100, 100], "context": [-1, 0], "judged": [False, True]}
    return SlotContext(2, **settings_ | {"bins": 10, "bin_readings": bin_readings} | parameters)


class Definition:
    """One judged sensor of one machine, with everything it was ever told, by NumPy."""

    def __init__(self, lag_s: float, n_bins: int) -> None:
        self.lag_s, self.n_bins = lag_s, n_bins
        self.contexts: list[tuple[float, float]] = []
        self.learnt: dict[int, list[tuple[float, float]]] = {}
        self.sigma: dict[int, float] = {}
        self.squares: list[float] = []

    def lagged(self, now: float, c: float) -> float:
        """Sum of weighted contexts since the last long gap."""
        if self.contexts and now - self.contexts[-1][0] > 5 * self.lag_s:
            self.contexts = []
        self.contexts.append((now, c))
        at, told = np.array(self.contexts).T
        fading = 1 - np.exp(-np.diff(at, prepend=at[0]) / self.lag_s)
        fading[0] = 1.0
        weights = fading * np.append(np.cumprod((1 - fading)[:0:-1])[::-1], 1.0)
        return float(weights @ told) if now - at[0] >= 3 * self.lag_s else NAN

    def frozen(self, b: int) -> bool:
        return len(self.learnt.get(b, [])) == N

    def told(self, x: float, c: float) -> tuple[float, float]:
        b = int(np.clip(np.floor((c - LOW) / (HIGH - LOW) * self.n_bins), 0, self.n_bins - 1))
        if not self.frozen(b):
            self.learnt.setdefault(b, []).append((x, c))
            if self.frozen(b):
                self.freeze(b)
            return NAN, NAN
        m, centre = np.mean(self.learnt[b], axis=0)
        other = b + 1 if c > centre else b - 1
        expected = m
        if self.frozen(other):
            m_other, centre_other = np.mean(self.learnt[other], axis=0)
            expected = m + (m_other - m) / (centre_other - centre) * (c - centre)
        return (x - expected) / max(self.sigma[b], RESOLUTION), expected

    def freeze(self, b: int) -> None:
        x = np.array(self.learnt[b])[:, 0]
        self.squares.append(np.var(x) * N)
        pooled = np.sum(self.squares) / (len(self.squares) * (N - 1))
        self.sigma[b] = np.sqrt((np.var(x) * N + N * pooled) / (2 * N - 1))


def by_definition(stream: Readings) -> tuple[np.ndarray, np.ndarray]:
    residuals = np.full(stream.values.shape, NAN)
    expected = np.full(stream.values.shape, NAN)
    machines: dict[int, list[Definition]] = {}
    for i, (row, time) in enumerate(zip(stream.rows, stream.times, strict=True)):
        fresh = [Definition(0, BINS), Definition(LAG_S, BINS), Definition(0, 1)]
        for s, sensor in enumerate(machines.setdefault(row, fresh), start=1):
            x, c = stream.values[i, s], stream.values[i, 0] if s < 3 else LOW
            if s == 2 and not math.isnan(c):
                c = sensor.lagged(time / S_NS, c)
            if not math.isnan(x) and not math.isnan(c):
                residuals[i, s], expected[i, s] = sensor.told(x, c)
    return residuals, expected


@settings(max_examples=150, deadline=None)
@given(readings(4, PALETTE, max_size=150))
def test_every_residual_follows_from_its_definition(stream: Readings):
    residuals, expected = walked(four_sensors(), compare, stream)
    wanted_residuals, wanted = by_definition(stream)
    np.testing.assert_allclose(expected, wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(residuals, wanted_residuals, rtol=1e-7, atol=1e-7)


def test_every_residual_of_a_long_story_follows_from_its_definition():
    rng = np.random.default_rng(9)
    stream = Readings(
        rng.integers(0, 3, 1500).astype(np.int32),
        np.cumsum(rng.choice([0, 1, 1, 5], 1500)) * S_NS,
        rng.normal(50, 30, (1500, 4)),
    )
    residuals, expected = walked(four_sensors(), compare, stream)
    wanted_residuals, wanted = by_definition(stream)
    np.testing.assert_allclose(expected, wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(residuals, wanted_residuals, rtol=1e-7, atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(readings(4, PALETTE), st.lists(st.integers(0, 60), max_size=5))
def test_the_laws_of_a_stage(stream: Readings, cuts: list[int]):
    assert_laws(four_sensors, compare, stream, cuts)


def test_compiled_and_interpreted_residuals_and_states_are_the_same(compiled_kernel, monkeypatch):
    rng = np.random.default_rng(5)
    n = 5000
    stream = Readings(
        rng.integers(0, 3, n).astype(np.int32),
        np.cumsum(rng.choice([0, 1, 3, 40], n)) * S_NS,
        rng.normal(50, 30, (n, 4)),
    )
    stream.values[rng.random((n, 4)) < 0.1] = NAN
    outcomes = []
    for kernel in (compiled_kernel("slots"), kernels.interpreted("slots")):
        monkeypatch.setattr(slots, "kernel", kernel)
        stage = four_sensors()
        outcomes.append([*walked(stage, compare, stream), *stage.state.values()])
    assert (~np.isnan(outcomes[0][0][:, 1:])).mean(axis=0).min() > 0.5
    assert_same_bits(*outcomes)


def test_a_bin_speaks_once_it_is_frozen_and_nothing_moves_it_then():
    stage = of_power(bin_readings=4)
    healthy = [9.0, 11.0, 9.0, 11.0]
    creeping = 10 + 0.01 * np.arange(500)
    x = np.concatenate([healthy, creeping])
    residuals, expected = walked(stage, compare, story(np.column_stack([x * 0 + 55, x])))
    assert np.isnan(residuals[:4]).all()
    np.testing.assert_array_equal(expected[4:, 1], 10.0)
    np.testing.assert_allclose(residuals[4:, 1], (creeping - 10) / np.std(healthy, ddof=1))


def test_a_context_not_yet_learnt_is_not_normal():
    stage = of_power(bin_readings=2)
    power = [15, 15, 15, 85, 85, 85, NAN]
    residuals, _ = walked(stage, compare, story([[p, 1.0] for p in power]))
    np.testing.assert_array_equal(np.isnan(residuals[:, 1]), [1, 1, 0, 1, 1, 0, 1])


def test_between_two_frozen_bins_what_is_expected_lies_on_a_line():
    stage = of_power(bin_readings=2)
    learnt = [[14, 10.0], [16, 10.0], [24, 20.0], [26, 20.0]]
    asked = [[15, 0], [17.5, 0], [19.9, 0], [20, 0], [25, 0], [29, 0], [11, 0]]
    _, expected = walked(stage, compare, story([*learnt, *asked]))
    np.testing.assert_allclose(expected[4:, 1], [10, 12.5, 14.9, 15, 20, 20, 10])


def test_a_neighbour_that_is_still_learning_has_no_say():
    stage = of_power(bin_readings=2)
    _, expected = walked(stage, compare, story([[15, 10], [15, 10], [25, 99], [18, 0]]))
    assert expected[3, 1] == 10.0


def test_sensors_that_only_explain_have_no_residual():
    stage = of_power(bin_readings=2)
    residuals, expected = walked(stage, compare, story([[50.0, 1.0]] * 10))
    assert np.isnan(residuals[:, 0]).all()
    assert np.isnan(expected[:, 0]).all()


def test_a_bin_with_little_noise_of_its_own_takes_some_from_the_others():
    stage = of_power(bin_readings=4, bins=2, resolution=[0, 1e-6])
    noisy = [[10.0, x] for x in (9.0, 11.0, 9.0, 11.0)]
    quiet = [[90.0, x] for x in (20.0, 20.0, 20.0, 20.0)]
    residuals, _ = walked(stage, compare, story([*noisy, *quiet, [90.0, 21.0]]))
    pooled = (4 + 0) / (3 + 3)
    assert residuals[-1, 1] == pytest.approx(1 / math.sqrt((0 + 4 * pooled) / 7))


def test_a_constant_signal_gives_zeros_and_one_step_of_the_instrument_is_one_sigma():
    stage = of_power(bin_readings=5, resolution=[0, 0.25])
    x = np.array([20.0] * 20 + [20.25])
    residuals, _ = walked(stage, compare, story(np.column_stack([x * 0 + 55, x])))
    np.testing.assert_array_equal(residuals[5:-1, 1], 0.0)
    assert residuals[-1, 1] == 1.0


def test_where_the_resolution_is_unknown_a_constant_signal_still_has_a_finite_step():
    stage = of_power(bin_readings=5)
    x = np.array([20.0] * 20 + [20.0 + 100 / 2**16])
    residuals, _ = walked(stage, compare, story(np.column_stack([x * 0 + 55, x])))
    assert residuals[-1, 1] == pytest.approx(1.0)


def test_an_offset_of_a_billion_does_not_matter():
    rng = np.random.default_rng(1)
    noise = np.round(rng.normal(size=(400, 1)) * 256) / 256
    power = rng.uniform(0, 100, (400, 1))
    near, far = (
        walked(
            of_power(low=[0, offset], high=[100, offset + 100]),
            compare,
            story(np.column_stack([power, noise + offset])),
        )[0][:, 1]
        for offset in (0.0, 1e9)
    )
    assert (~np.isnan(near)).sum() > 300
    np.testing.assert_allclose(near, far, atol=1e-4)


def test_a_temperature_is_compared_with_what_the_power_has_been():
    stage = of_power(bin_readings=20, lag_s=[0, 600], resolution=[0, 0.01])
    now = np.arange(0, 40_000, 10.0)
    power = np.where((now // 4000) % 2 == 0, 15.0, 85.0)
    temperature = np.empty_like(power)
    level = power[0]
    for i, p in enumerate(power):
        level += (1 - math.exp(-10 / 600)) * (p - level)
        temperature[i] = 20 + 0.5 * level
    stream = story(np.column_stack([power, temperature]), times_s=now)
    _, lagged = walked(stage, compare, stream)
    _, at_once = walked(of_power(bin_readings=20, resolution=[0, 0.01]), compare, stream)
    assert np.isnan(lagged[: 3 * 60, 1]).all()
    assert np.nanmax(np.abs(temperature - lagged[:, 1])[2000:]) < 2.5
    assert np.nanmax(np.abs(temperature - at_once[:, 1])[2000:]) > 25


def test_after_a_long_gap_the_past_of_the_power_is_unknown_again():
    stage = of_power(bin_readings=2, lag_s=[0, 10])
    times = [*range(0, 100, 5), *range(151, 200, 5)]
    residuals, _ = walked(stage, compare, story([[50.0, 1.0]] * len(times), times_s=times))
    spoken = np.array(times)[~np.isnan(residuals[:, 1])]
    assert spoken.min() == 40
    assert not ((spoken > 100) & (spoken < 181)).any()
    assert spoken.max() > 181


def test_a_context_that_was_told_earlier_explains_a_value_that_comes_alone():
    stage = of_power(bin_readings=2)
    stage.reserve(1)
    values = np.array([[55.0, NAN], [NAN, 10.0], [NAN, 10.0], [NAN, 11.0]])
    full = np.array([[55.0, NAN], [55.0, 10.0], [55.0, 10.0], [55.0, 11.0]])
    rows, times = np.zeros(4, np.int32), np.arange(4)
    _, expected = stage.walk(rows, times, values, full)
    np.testing.assert_array_equal(expected[:, 1], [NAN, NAN, NAN, 10.0])


def windy_gearbox(seed: int, days: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Minutes of power (kW) and oil temperature (°C) of a small honest turbine, for this test."""
    rng = np.random.default_rng(seed)
    n = days * 1440
    wind, warmth = 0.0, 20.0
    power, temperature = np.empty(n), np.empty(n)
    for i, (gust, noise) in enumerate(rng.normal(size=(n, 2))):
        wind += -wind / 240 + gust * math.sqrt(2 / 240)
        power[i] = 5000 / (1 + math.exp(-1.5 * wind))
        warmth += (15 + 40 * power[i] / 5000 - warmth) / 60
        temperature[i] = round(warmth + 0.3 * noise, 1)
    return power, temperature


def test_a_windy_temperature_is_explained_and_lines_between_bins_do_better_than_stairs():
    power, temperature = windy_gearbox(seed=2)
    stage = SlotContext(
        2,
        low=[-200, -40],
        high=[6000, 150],
        context=[-1, 0],
        judged=[False, True],
        lag_s=[0, 3600],
        resolution=[0, 0.1],
    )
    stream = story(np.column_stack([power, temperature]), every_s=60)
    residuals, expected = walked(stage, compare, stream)
    half = len(stream) // 2
    spoken = ~np.isnan(residuals[half:, 1])
    assert spoken.mean() > 0.9
    explained = (temperature - expected[:, 1])[half:][spoken]
    assert np.std(temperature[half:]) > 5
    assert np.std(explained) < 0.45
    stairs = np.unique(expected[half:, 1][spoken])
    assert len(stairs) > 24 * 10


def test_ready_is_the_share_learnt_of_the_bins_visited():
    stage = of_power(bin_readings=4)
    stage.reserve(2)
    assert stage.ready(0) == 0.0
    walked(stage, compare, story([[15.0, 1.0]] * 3))
    assert stage.ready(0) == 0.75
    walked(stage, compare, story([[15.0, 1.0]] * 9))
    assert stage.ready(0) == 1.0
    walked(stage, compare, story([[55.0, 1.0]]))
    assert stage.ready(0) == 5 / 8
    assert stage.ready(1) == 0.0


def test_a_machine_costs_no_more_than_its_judged_sensors_need():
    stage = SlotContext(
        3, low=[0] * 3, high=[1] * 3, context=[-1, 0, -1], judged=[False, True, True]
    )
    stage.reserve(1)
    assert sum(array.nbytes for array in stage.state.values()) == 25 * 26 + 3 * 40


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"bins": 0}, "bins is 0, a whole number in 1 … 1000 is allowed"),
        ({"bin_readings": 1}, "bin_readings is 1, a whole number in 2 … 65535 is allowed"),
        ({"high": [100, 0]}, "low must be below high for every sensor"),
        ({"context": [-1, 2]}, "context is .* -1 to 1 is allowed"),
        ({"judged": [False, False]}, "judged names no sensor, at least 1 is needed"),
        ({"lag_s": [0, -1]}, "lag_s is -1, at least 0 is needed"),
        ({"resolution": [0, NAN]}, "resolution is nan, at least 0 is needed"),
        ({"low": [0]}, r"low has shape \[1\], \[2\] is needed"),
    ],
)
def test_wrong_parameters_are_named(parameters, sentence):
    with pytest.raises(ValueError, match=sentence):
        of_power(**parameters)
