"""An instrument is doubted for a reason, and believed again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import kernels, quality
from detectors.quality import (
    CODES,
    GAP,
    MISSING,
    NOISE,
    OK,
    OUT_OF_RANGE,
    REASONS,
    SENTINEL,
    SPIKE,
    STUCK,
    UNIT,
    Quality,
)
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
PALETTE = [NAN, 20.0, 20.0, 20.0, 20.04, 21.0, 40.0, 41.5, 60.0, 999.0]


def judge(stage: Quality, stream: Readings):
    return (stage.judge(stream.rows, stream.times, stream.values),)


def verdicts(stage: Quality, values, **when) -> list[str]:
    stream = story(np.reshape(values, (-1, stage.n_sensors)), **when)
    (codes,) = walked(stage, judge, stream)
    return [CODES[code] for code in codes[:, 0]]


def three_sensors() -> Quality:
    return Quality(
        3,
        low=[0, NAN, 0],
        high=[100, 100, NAN],
        max_step=[10, 0, 1.5],
        stuck_s=[30, 40, 0],
        resolution=[0, 0.1, 1],
        moving_sensor=2,
        moving_above=20.0,
        learning=False,
    )


def learning() -> Quality:
    """As a class that names its sensors' ranges and nothing else."""
    return Quality(3, low=[0, 0, -50], high=[100, 100, 150], resolution=[0, 0.1, 0])


class Definition:
    """One sensor of one machine, judged from all it ever said as the module's first page tells."""

    def __init__(self, low, high, max_step, stuck_s, resolution) -> None:
        self.low, self.high, self.max_step = low, high, max_step
        self.stuck_s, self.resolution = stuck_s, resolution
        self.kept: list[tuple[int, float]] = []
        self.doubted: list[float] = []
        self.anchor, self.still_s = NAN, 0.0

    def verdict(self, time: int, x: float, *, moving: bool) -> int:
        if math.isnan(x):
            return MISSING
        if x < self.low or x > self.high:
            return SENTINEL if x in quality.SENTINELS else OUT_OF_RANGE
        if x in quality.SENTINELS and self.kept and abs(x - self.kept[-1][1]) > self.max_step / 3:
            return SENTINEL
        if self.leaps(x):
            return SPIKE
        if not abs(x - self.anchor) <= self.resolution / 2:
            self.anchor, self.still_s = x, 0.0
        elif moving:
            self.still_s += min((time - self.kept[-1][0]) / S_NS, self.stuck_s / 10)
        self.kept.append((time, x))
        return STUCK if self.stuck_s and self.still_s >= self.stuck_s - 1e-9 else OK

    def leaps(self, x: float) -> bool:
        if self.kept and abs(x - self.kept[-1][1]) > self.max_step:
            if self.doubted and abs(x - self.doubted[-1]) > self.max_step:
                self.doubted = []
            self.doubted.append(x)
            if len(self.doubted) < 3:
                return True
        self.doubted = []
        return False


def by_definition(stream: Readings) -> np.ndarray:
    codes = np.zeros(stream.values.shape, dtype=np.uint8)
    machines: dict[int, list[Definition]] = {}
    for i, row in enumerate(stream.rows):
        fresh = [
            Definition(0, 100, 10, 30, 0),
            Definition(-math.inf, 100, math.inf, 40, 0.1),
            Definition(0, math.inf, 1.5, 0, 1),
        ]
        sensors = machines.setdefault(row, fresh)
        tells = stream.values[i, 2]
        if math.isnan(tells) and sensors[2].kept:
            tells = sensors[2].kept[-1][1]
        for s, sensor in enumerate(sensors):
            moving = tells > 20.0
            codes[i, s] = sensor.verdict(int(stream.times[i]), stream.values[i, s], moving=moving)
    return codes


@settings(max_examples=150, deadline=None)
@given(readings(3, PALETTE, max_size=120))
def test_every_verdict_follows_from_its_definition(stream: Readings):
    (codes,) = walked(three_sensors(), judge, stream)
    np.testing.assert_array_equal(codes, by_definition(stream))


@pytest.mark.parametrize("make", [three_sensors, learning])
@settings(max_examples=60, deadline=None)
@given(stream=readings(3, PALETTE), cuts=st.lists(st.integers(0, 60), max_size=5))
def test_the_laws_of_a_stage(make, stream: Readings, cuts: list[int]):
    assert_laws(make, judge, stream, cuts)


def eventful(n: int = 9000) -> Readings:
    """A month of three machines with a reading every 15 minutes, in which every verdict falls."""
    rng = np.random.default_rng(7)
    rows = (np.arange(n) % 3).astype(np.int32)
    slow = 50 + 30 * np.sin(np.arange(n) / 400)
    values = np.round(slow[:, None] + rng.normal(0, [0.5, 1, 0.3], (n, 3)), 1)
    odd = rng.random((n, 3))
    values[odd < 0.02] = NAN
    values[odd > 0.995] += 40
    values[odd > 0.998] = 85.0
    late = np.arange(n) > n * 0.7
    values[late & (rows == 0), 0] = 41.3
    values[late & (rows == 1), 1] /= 60
    values[late & (rows == 1), 2] = NAN
    values[late & (rows == 2), 2] += rng.normal(0, 5, (n, 3))[late & (rows == 2), 2]
    return Readings(rows, np.arange(n) * 300 * S_NS, values)


@pytest.mark.parametrize("make", [three_sensors, learning])
def test_compiled_and_interpreted_verdicts_and_states_are_the_same(
    make, compiled_kernel, monkeypatch
):
    stream, outcomes = eventful(), []
    for one in (compiled_kernel, kernels.interpreted):
        monkeypatch.setattr(quality, "kernel", one("quality"))
        monkeypatch.setattr(quality, "gaps", one("gaps"))
        stage = make()
        (codes,) = walked(stage, judge, stream)
        outcomes.append([codes, *stage.state.values()])
    learnt = {GAP, UNIT, NOISE} if make is learning else set()
    assert set(np.unique(outcomes[0][0])) >= {OK, MISSING, OUT_OF_RANGE, SPIKE, STUCK} | learnt
    assert_same_bits(*outcomes)


def test_with_every_test_off_only_what_is_missing_or_no_number_is_doubted():
    values = [1.0, NAN, -1e9, 1e9, 1e9, math.inf, -math.inf, 0.0]
    expected = ["ok", "missing", "ok", "ok", "ok", "out_of_range", "out_of_range", "ok"]
    assert verdicts(Quality(1, learning=False), values, every_s=1e6) == expected


def test_the_ends_of_the_range_belong_to_it():
    stage = Quality(1, low=[0], high=[100])
    expected = ["ok", "ok", "out_of_range", "out_of_range"]
    assert verdicts(stage, [0, 100, -0.001, 100.001]) == expected


def test_a_new_level_is_believed_from_its_third_value_on():
    stage = Quality(1, max_step=[5])
    expected = ["ok", "ok", "spike", "spike", "ok", "ok"]
    assert verdicts(stage, [20, 21, 60, 61, 60, 58]) == expected


def test_doubted_values_that_do_not_agree_never_make_a_level():
    stage = Quality(1, max_step=[5])
    assert verdicts(stage, [20, 60, 90, 60, 90, 60, 90, 22]) == ["ok", *["spike"] * 6, "ok"]


def test_a_believed_value_in_between_starts_the_counting_again():
    stage = Quality(1, max_step=[5])
    expected = ["ok", "spike", "spike", "ok", "spike", "spike"]
    assert verdicts(stage, [20, 60, 60, 20, 60, 60]) == expected


def test_missing_and_impossible_values_do_not_interrupt_a_new_level():
    stage = Quality(1, low=[0], high=[100], max_step=[5])
    expected = ["ok", "spike", "missing", "spike", "sentinel", "ok"]
    assert verdicts(stage, [20, 60, NAN, 60, 999, 60]) == expected


def test_a_value_is_stuck_after_stuck_s_and_until_the_first_other_one():
    stage = Quality(1, stuck_s=[60])
    values = [54.0, *[55.0] * 13, 55.1, 55.0]
    expected = [*["ok"] * 11, *["stuck"] * 3, "ok", "ok"]
    assert verdicts(stage, values, every_s=6) == expected


def test_an_outage_is_not_standing_still():
    stage = Quality(1, stuck_s=[3600])
    assert verdicts(stage, [55.0] * 4, times_s=[0, 60, 20_000, 40_000]) == ["ok"] * 4


def test_two_equal_readings_of_a_slow_sensor_are_not_yet_stuck():
    stage = Quality(1, stuck_s=[3600])
    expected = [*["ok"] * 10, "stuck"]
    assert verdicts(stage, [55.0] * 11, every_s=7200) == expected


def test_noise_below_half_the_resolution_is_standing_still_and_a_slow_creep_is_not():
    stage = Quality(1, stuck_s=[10], resolution=[0.5])
    assert verdicts(stage, [20.0, 20.2, 19.8] * 4)[-1] == "stuck"
    stage = Quality(1, stuck_s=[10], resolution=[0.5])
    assert set(verdicts(stage, 20 + 0.05 * np.arange(100))) == {"ok"}


def test_a_stuck_sensor_that_crackles_is_still_stuck():
    stage = Quality(1, low=[0], high=[100], max_step=[20], stuck_s=[10])
    values = [55.0] * 12 + [999.0, 55.0, 90.0, 55.0]
    assert verdicts(stage, values)[10:] == ["stuck"] * 2 + [
        "sentinel",
        "stuck",
        "spike",
        "stuck",
    ]


def test_a_machine_at_rest_may_read_the_same_for_days_and_only_running_counts():
    def judged(power: list[float]) -> list[str]:
        stage = Quality(2, stuck_s=[10, 0], moving_sensor=1, moving_above=5.0)
        return verdicts(stage, np.column_stack([[20.0] * len(power), power]))

    assert set(judged([0.0] * 300)) == {"ok"}
    assert judged([0.0] * 300 + [100.0] * 11)[-3:] == ["ok", "stuck", "stuck"]
    assert judged([100.0] * 6 + [0.0] * 300 + [100.0] * 6)[-3:] == ["ok", "stuck", "stuck"]
    assert set(judged([NAN] * 300)) == {"ok"}


def test_a_machine_moves_as_long_as_its_last_believed_value_says_so():
    stage = Quality(2, stuck_s=[10, 0], moving_sensor=1, moving_above=5.0)
    power = [100.0] + [NAN] * 11
    assert verdicts(stage, np.column_stack([[20.0] * 12, power]))[-2:] == ["stuck", "stuck"]


def test_a_stuck_sensor_does_not_heal_because_the_machine_stops():
    stage = Quality(2, stuck_s=[10, 0], moving_sensor=1, moving_above=5.0)
    power = [100.0] * 12 + [0.0] * 5
    assert verdicts(stage, np.column_stack([[20.0] * 17, power]))[-5:] == ["stuck"] * 5


# What is learnt from the sensor itself, with nothing given but its range.

MINUTES_5 = 300.0


def oil(days: float = 10, seed: int = 1, every_s: float = MINUTES_5) -> np.ndarray:
    """A temperature as an oil sump has it: it follows the load for hours, and shows 0.1 K."""
    rng = np.random.default_rng(seed)
    n = int(days * 86400 / every_s)
    slow = 50 + 12 * np.sin(np.arange(n) * every_s / 14_400) * np.sin(np.arange(n) * every_s / 5e4)
    return np.round(slow + rng.normal(0, 0.3, n), 1)


def gusty(days: float = 10, seed: int = 2) -> np.ndarray:
    """Power by the wind: steps with heavy tails, and stops."""
    rng = np.random.default_rng(seed)
    n = int(days * 86400 / MINUTES_5)
    wander = np.zeros(n)
    for i in range(1, n):
        wander[i] = 0.9 * wander[i - 1] + 150 * rng.standard_t(4)
    power = np.clip(1500 + wander, 0, 5000)
    power[(np.arange(n) // 200) % 7 == 3] = 0.0
    return np.round(power)


def said(values, *, every_s: float = MINUTES_5, **parameters) -> np.ndarray:
    """Verdicts on one sensor, whose machine tells a second one that is never missing."""
    both = np.column_stack([values, np.random.default_rng(0).normal(20, 1, len(values))])
    parameters = {"low": [-40, -100], "high": [6000, 100]} | parameters
    stream = story(both, every_s=every_s)
    (codes,) = walked(Quality(2, **parameters), judge, stream)
    return codes[:, 0]


def share(codes: np.ndarray, code: int) -> float:
    return float(np.mean(codes == code))


@pytest.mark.parametrize("healthy", [oil, gusty])
@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_sensor_is_believed(healthy, seed):
    codes = said(healthy(days=30, seed=seed))
    assert share(codes, OK) > 0.999
    assert not np.isin(codes, [STUCK, GAP, UNIT, NOISE]).any()


def test_a_spike_is_one_by_the_sensors_own_usual_steps():
    values = oil()
    values[2000] += 25.0
    values[2100] += 1.0
    codes = said(values)
    assert codes[2000] == SPIKE
    assert (np.delete(codes, 2000) == OK).all()


def test_a_step_to_a_new_level_is_a_leap_and_the_next_is_expected():
    values = oil()
    values[2000:2400] += 40.0
    codes = said(values)
    assert codes[2000:2003].tolist() == [SPIKE, SPIKE, OK]
    assert (codes[2003:] == OK).all()


def test_a_ramp_steeper_than_any_before_is_no_series_of_spikes():
    values = oil()
    values[2000:2010] += 12.0 * np.arange(1, 11)
    values[2010:] += 120.0
    codes = said(values)
    assert codes[2000:2003].tolist() == [SPIKE, SPIKE, OK]
    assert share(codes[2003:], OK) == 1


def test_a_value_that_stands_for_none_is_doubted_where_it_is_out_of_character():
    values = oil()
    values[2000:2020] = 127.0  # for as long as it stays
    values[2100:2104] = -9999.0
    codes = said(values)
    assert (codes[2000:2020] == SENTINEL).all()
    assert (codes[2100:2104] == SENTINEL).all()
    assert share(codes, OK) == 1 - 24 / len(codes)
    warm = oil() + 30
    warm[2000] = 85.0
    assert (said(warm) == OK).all()


def test_a_stuck_sensor_is_found_with_nothing_given():
    values = oil()
    values[2000:] = values[2000]
    codes = said(values)
    assert (codes[:2018] == OK).all()
    assert (codes[2030:] == STUCK).all()


def test_a_coarse_sensor_stands_for_hours_and_that_is_its_way():
    values = np.round(oil(30, every_s=60.0) / 4) * 4
    values[40_000:] = values[40_000]
    codes = said(values, every_s=60.0)
    assert (codes[:40_000] == OK).all()
    assert STUCK in codes[40_000:]


def test_a_sensor_that_never_changed_is_not_stuck():
    assert (said(np.full(3000, 7.0)) == OK).all()


def test_a_sensor_that_falls_silent_is_found_and_an_outage_of_the_machine_is_not():
    values = oil()
    values[2000:2030] = NAN
    codes = said(values)
    assert (codes[2000:2010] == MISSING).all()
    assert (codes[2010:2030] == GAP).all()
    assert (codes[2030:] == OK).all()
    stage = Quality(2, low=[-40, -40], high=[6000, 6000])
    times_s = np.arange(2000) * 300.0
    times_s[1000:] += 86_400
    both = np.column_stack([oil()[:2000], np.where(np.arange(2000) % 1000 < 2, NAN, 20.0)])
    (codes,) = walked(stage, judge, story(both, times_s=times_s))
    assert GAP not in codes


def test_each_sensor_has_its_own_interval_and_message():
    values = np.full((6000, 2), NAN)
    values[::2, 0] = oil(11)[: len(values[::2])]  # every 20 s, between the others
    values[1::60, 1] = 20.0 + np.arange(len(values[1::60])) % 7  # every 10 min
    values[4000::2, 0] = NAN
    (codes,) = walked(Quality(2), judge, story(values, every_s=10))
    assert GAP not in codes[:4000]
    assert (codes[4400::2, 0] == GAP).all()
    assert GAP not in codes[:, 1]


def test_a_sensor_that_loses_every_fourth_value_is_late():
    values = oil()
    values[2000::4] = NAN
    codes = said(values)
    assert (codes[2000:2040:4] == MISSING).all()
    assert (codes[2200::4] == GAP).all()


def test_a_sensor_that_speaks_when_it_likes_has_no_gaps():
    values = oil(30)
    values[np.random.default_rng(1).random(len(values)) < 0.7] = NAN
    assert GAP not in said(values)


@pytest.mark.parametrize(
    "there",
    [lambda x: np.round(1.8 * x + 32, 1), lambda x: np.round(x / 1000, 4)],
    ids=["other scale", "other steps"],
)
def test_another_unit_is_named_until_it_is_the_old_one_again(there):
    values = oil()
    values[2000:2500] = there(values[2000:2500])
    codes = said(values, resolution=[0.1, 0])
    assert share(codes[2005:2500], UNIT) > 0.95
    assert share(codes[2505:], OK) == 1
    assert (codes[:2000] == OK).all()


def test_a_sensor_that_always_told_more_than_its_resolution_may_go_on():
    values = oil() + 0.037
    assert (said(values, resolution=[0.1, 0]) == OK).all()


def test_noise_is_found_on_a_smooth_sensor_and_ends():
    values = oil()
    values[2000:2400] += np.random.default_rng(3).normal(0, 1.5, 400)
    codes = said(values)
    assert (codes[:2000] == OK).all()
    assert share(codes[2050:2400], NOISE) > 0.9
    assert share(codes[2460:], OK) == 1


def test_what_shakes_several_is_the_machine_and_usual_from_then_on():
    values = np.column_stack([oil(30), oil(30, seed=7) + 20.0])
    shaken = values.copy()
    for first, last in ((2000, 2400), (4000, 4400)):
        shaken[first:last] += np.random.default_rng(first).normal(0, 1.5, (400, 2))
    (codes,) = walked(Quality(2), judge, story(shaken, every_s=MINUTES_5))
    assert share(codes, NOISE) < 0.001
    alone = np.column_stack([shaken[:, 0], values[:, 1]])
    (codes,) = walked(Quality(2), judge, story(alone, every_s=MINUTES_5))
    assert share(codes[2050:2400, 0], NOISE) > 0.9
    assert NOISE not in codes[:, 1]


def test_a_whole_step_among_many_between_is_not_believed():
    values = oil()
    values[2000:2500] = np.round(values[2000:2500] / 1000, 4)
    values[2100] = 0.1
    codes = said(values, resolution=[0.1, 0])
    assert (codes[2000:2500] == UNIT).mean() > 0.99
    assert codes[2100] == UNIT


def test_the_wind_does_not_rest_with_the_machine_but_a_calm_may_last():
    wind = np.round(np.abs(oil(20, seed=3) - 45.0), 1)
    power = np.where(np.arange(len(wind)) < 3000, 100.0 + np.arange(len(wind)) % 7, 0.0)
    wind[3000:4000] = 1.8
    wind[4500:] = 0.0
    both = np.column_stack([wind, power])
    when = {"moving_sensor": 1, "moving_above": 5.0, "stuck_s": [NAN, 0]}
    (codes,) = walked(Quality(2, **when, restless=[1, 0]), judge, story(both, every_s=MINUTES_5))
    assert (codes[:3000, 0] == OK).all()
    assert (codes[3100:4000, 0] == STUCK).all()
    assert STUCK not in codes[4500:, 0]
    (codes,) = walked(Quality(2, **when), judge, story(both, every_s=MINUTES_5))
    assert STUCK not in codes


def test_a_vibration_that_grows_rougher_may_be_the_machines():
    rng = np.random.default_rng(4)
    values = np.round(2 * np.exp(rng.normal(0, 0.2, 3000)), 2)
    values[2000:] = np.round(2 * np.exp(rng.normal(0, 0.8, 1000)), 2)
    assert NOISE not in said(values)


def test_a_few_spikes_do_not_raise_what_is_usual():
    values, rng = oil(30), np.random.default_rng(5)
    odd = np.flatnonzero(rng.random(len(values)) < 0.01)
    odd = odd[odd > 1000]
    values[odd] += 30
    codes = said(values)
    assert np.isin(codes[odd], [SPIKE]).mean() > 0.97
    assert share(np.delete(codes, odd), OK) == 1


def test_an_exchanged_sensor_is_learnt_anew_and_the_others_are_kept():
    stage = learning()
    walked(stage, judge, eventful())
    before = {name: array.copy() for name, array in stage.state.items()}
    stage.accept(1, [2])
    for name, spec in stage.schema().items():
        for row in range(3):
            for s in range(3):
                if spec.shape and (row, s) == (1, 2):
                    np.testing.assert_array_equal(stage.state[name][row, s], spec.fill)
                elif spec.shape:
                    np.testing.assert_array_equal(stage.state[name][row, s], before[name][row, s])


def test_a_sensor_costs_little_memory():
    per_sensor = sum(
        np.dtype(spec.dtype).itemsize for spec in Quality(8).schema().values() if spec.shape
    )
    assert per_sensor <= 80


def test_believed_keeps_what_nobody_doubts_and_what_is_only_noisy():
    values = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    codes = np.array([[OK, MISSING, OUT_OF_RANGE, SPIKE, NOISE]], dtype=np.uint8)
    np.testing.assert_array_equal(quality.believed(values, codes), [[1.0, NAN, NAN, NAN, 5.0]])


def test_every_code_but_ok_has_a_name_and_a_sentence():
    assert set(REASONS) == set(range(len(CODES))) - {OK}
    for code in REASONS:
        sentence = quality.explain(
            code, 90.5, unit="°C", low=-40, high=80, max_step=20, minutes=61.2
        )
        assert "nan" not in sentence
        assert "{" not in sentence
    assert quality.explain(SPIKE, 90.5, unit="°C", max_step=20).startswith("jumped to 90.5 °C, ")


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"low": [0, 0]}, r"low has shape \[2\], \[1\] is needed"),
        ({"low": [5], "high": [5]}, "range of sensor 0 is 5 to 5, low must be below high"),
        ({"stuck_s": [-1]}, "stuck_s is -1, at least 0 is needed"),
        ({"max_step": [-1]}, "max_step is -1, at least 0 is needed"),
        ({"moving_sensor": 1}, "moving_sensor is 1, a whole number in -1 … 0 is allowed"),
        ({"moving_sensor": 0}, "moving_above is missing, moving_sensor needs it"),
    ],
)
def test_wrong_parameters_are_named(parameters, sentence):
    with pytest.raises(ValueError, match=sentence):
        Quality(1, **parameters)


def test_columns_of_a_wrong_shape_and_rows_nobody_reserved_are_refused():
    stage = Quality(2)
    stage.reserve(1)
    times = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match=r"a column is \[1, 3\]"):
        stage.judge(np.zeros(1, np.int32), times, np.zeros((1, 3)))
    for row in (1, -1):
        with pytest.raises(IndexError, match="0 to 0 are reserved"):
            stage.judge(np.full(1, row, np.int32), times, np.zeros((1, 2)))
