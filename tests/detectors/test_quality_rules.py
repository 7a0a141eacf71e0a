"""What a sensor teaches about itself, rule by rule, on either side of where it changes its mind."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.quality import GAP, MISSING, OK, SPIKE, STUCK, UNIT, Quality
from tests.detectors.laws import story, walked
from tests.detectors.test_quality import MINUTES_5, NAN, judge, oil, said, share

DAY = 288
"""Readings in one, at one per five minutes."""


def codes_of(stage: Quality, values: np.ndarray, every_s: float = MINUTES_5) -> np.ndarray:
    values = np.reshape(values, (-1, stage.n_sensors))
    times_s = 1e9 + np.arange(len(values)) * every_s
    (codes,) = walked(stage, judge, story(values, times_s=times_s))
    return codes


@pytest.mark.parametrize(("day", "code"), [(2, OK), (4, SPIKE)])
def test_what_a_spike_is_takes_three_days_to_learn(day: int, code: int):
    values = oil()
    values[day * DAY] += 25.0
    assert codes_of(Quality(1), values)[day * DAY] == code


def ramps(n: int = 2000) -> np.ndarray:
    """One up, one down, always by one."""
    return 50.0 + np.abs(np.arange(n) % 100 - 50)


@pytest.mark.parametrize(("step", "code"), [(8.0, OK), (12.0, SPIKE)])
def test_ten_usual_steps_are_a_spike(step: float, code: int):
    values = ramps()
    values[1500] = values[1499] + step
    assert codes_of(Quality(1), values)[1500] == code


@pytest.mark.parametrize("every_s", [60.0, 300.0])
def test_nobody_is_stuck_sooner_than_in_half_an_hour_and_twenty_readings(every_s: float):
    values = oil(every_s=every_s)
    values[2000:] = values[2000]
    least = max(1800.0 / every_s, 20)
    first = np.flatnonzero(said(values, every_s=every_s) == STUCK)[0] - 2000
    assert least <= first <= least + 2


@pytest.mark.parametrize(("stands", "stuck"), [(44, False), (50, True)])
def test_who_has_stood_for_long_may_stand_three_times_as_long(stands: int, stuck):
    values = oil(every_s=60.0)
    values[2000:2016] = values[2000]  # a quarter of an hour
    values[4000 : 4000 + stands] = values[4000]
    codes = said(values, every_s=60.0)
    assert (codes[:4000] != STUCK).all()
    assert (STUCK in codes) == stuck


def test_a_sensor_that_was_stuck_for_long_is_found_again_as_soon():
    values = oil(30)
    values[2000:5000] = values[2000]
    values[7000:] = values[7000]
    codes = said(values)
    assert STUCK in codes[2000:2030]
    assert STUCK in codes[7000:7060]


def test_what_stands_at_nothing_is_stuck_only_where_the_machine_is_known_to_move():
    values = np.column_stack([oil(), 20.0 + np.arange(len(oil())) % 7])
    values[2000:, 0] = 0.0
    asks = Quality(2, moving_sensor=1, moving_above=5.0)
    assert (codes_of(asks, values)[2100:, 0] == STUCK).all()
    assert STUCK not in codes_of(Quality(2), values)


def test_five_other_whole_steps_and_it_speaks_in_its_old_unit_again():
    values = oil()
    values[2000:2100] = np.round(values[2000:2100] / 1000, 4)
    values[2100:2106] = 50.0 + np.arange(6)
    codes = said(values, resolution=[0.1, 0])
    assert (codes[2002:2104] == UNIT).all()
    assert codes[2105] == OK


@pytest.mark.parametrize(("silent", "code"), [(20, MISSING), (28, GAP)])
def test_a_gap_is_three_times_longer_than_any_before(silent: int, code: int):
    values = oil()
    for first in range(50, 400, 50):
        values[first : first + 8] = NAN
    values[2000 : 2000 + silent] = NAN
    assert said(values)[1999 + silent] == code


def test_one_long_silence_does_not_make_the_next_one_usual():
    values = oil()
    for first in (1500, 2000, 2500):
        values[first : first + 40] = NAN
    codes = said(values)
    for first in (1500, 2000, 2500):
        assert (codes[first + 10 : first + 40] == GAP).all()
    assert share(codes, GAP) < 100 / len(codes)


def test_who_loses_values_is_late_only_when_it_should_have_spoken():
    """Every second message is another sensor's: what does not stand in that is not lost."""
    values = np.full((6000, 2), 20.0)
    values[:, 1] += np.arange(6000) % 7
    values[:, 0] = NAN
    mine = np.arange(0, 6000, 2)
    values[mine, 0] = oil(11)[: len(mine)]
    lost = mine[(mine > 3000) & (mine % 8 == 0)]
    values[lost, 0] = NAN
    codes = codes_of(Quality(2), values, every_s=60.0)[:, 0]
    assert (codes[lost[lost > 4000]] == GAP).all()
    between = np.setdiff1d(np.arange(4001, 6000, 2), lost + 1)
    assert (codes[between] == MISSING).all()
