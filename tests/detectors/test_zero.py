"""A machine that stands gives nothing: what its power meter reads then is the meter's zero."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import kernels, zero
from detectors.attribution import AT_WORK, RESTS, UNKNOWN
from detectors.zero import Zero
from tests.detectors.laws import Readings, assert_laws, assert_same_bits, readings, story, walked

NAN = math.nan
MINUTES_10 = 600.0
DAY = 144
SPEED, POWER = range(2)


def walk(stage: Zero, stream: Readings):
    """The machine rests where its speed, the first column, is 0; nobody knows where it is NaN."""
    speed = stream.values[:, SPEED]
    resting = np.where(np.isnan(speed), UNKNOWN, np.where(speed > 0, AT_WORK, RESTS))
    values = stream.values.copy()
    return (stage.walk(stream.rows, stream.times, values, resting.astype(np.uint8)),)


def make(**parameters) -> Zero:
    return Zero(2, **{"rests": [0, 1]} | parameters)


def turbine(days: int = 40, seed: int = 1, offset: float = 0.0, from_day: float = 30) -> np.ndarray:
    """Speed and power: at work in gusts, every third day at rest, and then it takes some 20 kW."""
    rng = np.random.default_rng(seed)
    n = days * DAY
    rests = (np.arange(n) // DAY) % 3 == 2
    power = np.where(rests, -20 + 3 * rng.normal(size=n), rng.uniform(100, 5000, n))
    power[int(from_day * DAY) :] += offset
    return np.column_stack([np.where(rests, 0.0, 10.0), power.round()])


def off(values: np.ndarray, every_s: float = MINUTES_10, times_s=None, **parameters) -> np.ndarray:
    stage = make(**parameters)
    (found,) = walked(stage, walk, story(values, every_s=every_s, times_s=times_s))
    assert not found[:, SPEED].any()
    return found[:, POWER].astype(bool)


@given(
    stream=readings(2, [NAN, 0.0, 0.0, 5.0, 1000.0], max_size=120),
    cuts=st.lists(st.integers(0, 120), max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_the_laws_of_a_stage(stream: Readings, cuts: list[int]):
    assert_laws(lambda: make(learn_s=3000.0), walk, stream, cuts)


def test_compiled_and_interpreted_say_and_remember_the_same(monkeypatch: pytest.MonkeyPatch):
    stream = story(turbine(offset=100.0), every_s=MINUTES_10)
    runs = []
    for kernel in (zero.kernel, kernels.interpreted("zero")):
        monkeypatch.setattr(zero, "kernel", kernel)
        stage = make()
        runs.append([*walked(stage, walk, stream), *stage.state.values()])
    assert runs[0][0].any()
    assert_same_bits(*runs)


@pytest.mark.parametrize("seed", range(5))
def test_a_zero_that_stays_is_not_off(seed: int):
    assert not off(turbine(60, seed)).any()


@pytest.mark.parametrize("offset", [93.0, -93.0, 310.0])
def test_an_offset_of_some_percent_shows_at_the_next_rest(offset: float):
    found = off(turbine(offset=offset))
    first = int(found.argmax())
    assert found.any()
    assert 32 * DAY + 3 <= first < 32 * DAY + 18, "half an hour to settle, and some more to be sure"
    assert found[first : 35 * DAY].all(), "it goes on while the machine works"


@pytest.mark.parametrize("offset", [20.0, -30.0])
def test_what_is_within_a_hundredth_of_the_work_is_its_own_need(offset: float):
    assert not off(turbine(offset=offset)).any()


def test_what_is_off_at_work_only_says_nothing_of_the_zero():
    values = turbine()
    work = values[:, SPEED] > 0
    values[work & (np.arange(len(values)) > 30 * DAY), POWER] *= 1.3
    assert not off(values).any()


def test_it_ends_with_the_next_rest_that_is_well():
    values = turbine(60, offset=100.0)
    values[34 * DAY :, POWER] -= 100.0
    found = off(values)
    assert found[33 * DAY]
    assert not found[36 * DAY :].any()


def test_what_is_a_week_old_proves_nothing():
    values = turbine(60, offset=100.0)
    values[33 * DAY :] = [10.0, 2000.0]
    found = off(values)
    assert found[39 * DAY]
    assert not found[41 * DAY :].any()


def test_the_first_half_hour_of_a_rest_tells_nothing():
    values = turbine(offset=0.0)
    starts = np.flatnonzero(np.diff(values[:, SPEED]) < 0) + 1
    for start in starts:
        values[start : start + 2, POWER] = 800.0  # it runs down
    assert not off(values).any()


def test_who_rested_too_little_while_it_was_learnt_is_learnt_on():
    values = turbine(60)
    values[: 20 * DAY, SPEED] = 10.0
    values[20 * DAY :, POWER] += 300.0
    assert not off(values).any()


def test_where_nobody_knows_whether_it_rests_nothing_is_told():
    values = turbine(offset=500.0)
    values[30 * DAY :, SPEED] = NAN
    assert not off(values).any()


def test_what_is_accepted_is_the_new_zero():
    values = turbine(60, offset=100.0)
    stage = make()
    (found,) = walked(stage, walk, story(values[: 33 * DAY], every_s=MINUTES_10))
    assert found[-1, POWER]
    stage.accept(0, [SPEED])
    assert stage.state["off"][0].all(), "another sensor was meant"
    stage.accept(0, [POWER])
    later = story(values, every_s=MINUTES_10)[33 * DAY :]
    (found,) = walked(stage, walk, later)
    assert not found.any()


def test_what_is_accepted_at_rest_is_learnt_for_as_long_as_at_first():
    """Three hours of one night know nothing of the days, nor what the machine can give."""
    day = np.arange(60 * DAY) / DAY
    rests = (day.astype(int) % 2).astype(np.uint8)
    power = np.where(rests, -20 + 2 * np.sin(2 * np.pi * day), 3000.0)[:, np.newaxis]
    times, rows = np.arange(len(day)) * 600_000_000_000, np.zeros(len(day), np.int32)
    stage, begun = Zero(1, rests=[1]), 31 * DAY + 12
    stage.reserve(1)
    stage.walk(rows[:begun], times[:begun], power[:begun], rests[:begun])
    stage.accept(0)
    assert not stage.walk(rows[begun:], times[begun:], power[begun:], rests[begun:]).any()


def test_wrong_parameters_are_named():
    with pytest.raises(ValueError, match=r"rests has shape \[1\], \[2\] is needed"):
        Zero(2, rests=[1])
    with pytest.raises(ValueError, match="learn_s is -1"):
        Zero(1, rests=[1], learn_s=-1)
