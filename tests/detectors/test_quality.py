"""An instrument is doubted for a reason, and believed again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import kernels, quality
from detectors.quality import CODES, MISSING, OK, OUT_OF_RANGE, REASONS, SPIKE, STUCK, Quality
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
        max_step=[10, NAN, 1.5],
        stuck_s=[30, 40, 0],
        resolution=[0, 0.1, 1],
        moving_sensor=2,
        moving_above=20.0,
    )


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
            return OUT_OF_RANGE
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


@settings(max_examples=60, deadline=None)
@given(readings(3, PALETTE), st.lists(st.integers(0, 60), max_size=5))
def test_the_laws_of_a_stage(stream: Readings, cuts: list[int]):
    assert_laws(three_sensors, judge, stream, cuts)


def test_compiled_and_interpreted_verdicts_and_states_are_the_same(compiled_kernel, monkeypatch):
    rng = np.random.default_rng(7)
    n = 4000
    stream = Readings(
        rng.integers(0, 3, n).astype(np.int32),
        np.cumsum(rng.choice([0, 1, 2, 50], n)) * 1_000_000_000,
        rng.choice(PALETTE, (n, 3), p=[0.1, *[0.25] * 3, *[0.025] * 6]),
    )
    outcomes = []
    for kernel in (compiled_kernel("quality"), kernels.interpreted("quality")):
        monkeypatch.setattr(quality, "kernel", kernel)
        stage = three_sensors()
        (codes,) = walked(stage, judge, stream)
        outcomes.append([codes, *stage.state.values()])
    assert set(np.unique(outcomes[0][0])) == {OK, MISSING, OUT_OF_RANGE, SPIKE, STUCK}
    assert_same_bits(*outcomes)


def test_with_every_test_off_only_what_is_missing_or_no_number_is_doubted():
    values = [1.0, NAN, -1e9, 1e9, 1e9, math.inf, -math.inf, 0.0]
    expected = ["ok", "missing", "ok", "ok", "ok", "out_of_range", "out_of_range", "ok"]
    assert verdicts(Quality(1), values, every_s=1e6) == expected


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
    expected = ["ok", "spike", "missing", "spike", "out_of_range", "ok"]
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
        "out_of_range",
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


def test_believed_keeps_only_what_nobody_doubts():
    values = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]])
    codes = np.array([[OK, MISSING, OUT_OF_RANGE, SPIKE, STUCK]], dtype=np.uint8)
    np.testing.assert_array_equal(quality.believed(values, codes), [[1.0, NAN, NAN, NAN, NAN]])


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
