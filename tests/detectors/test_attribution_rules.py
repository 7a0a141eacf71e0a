"""The rules of the attribution one by one, on either side of where each of them changes its mind.

The stories they make together stand in test_attribution.
"""

from __future__ import annotations

import numpy as np
import pytest

from detectors.attribution import (
    AT_REST,
    AT_WORK,
    DRIFT,
    HARMLESS,
    MACHINE,
    MISLED,
    NOISE,
    RESTS,
    STEP,
    WRONG_WAY,
    Attribution,
)
from tests.detectors.test_attribution import (
    BEARING,
    NAN,
    OIL,
    POWER,
    WINDING,
    calm,
    falling_in,
    judged,
    judged_at_rest,
    judged_together,
    resting_story,
    together,
)

HOUR = 6
"""Readings in one, at one per ten minutes."""
DAY = 24 * HOUR


def after(*severities: dict[int, float], every: int = 4 * HOUR) -> list[int]:
    """The codes after so many times: each says how strange which sensors then are alone."""
    z, alone = calm(4.0 * len(severities))
    for i, severity in enumerate(severities):
        for sensor, size in severity.items():
            alone[i * every :, sensor] = size
    return judged(z, alone)[-1].tolist()


def codes(**named: int) -> list[int]:
    """All sensors' codes: the machine's, but for these."""
    sensors = ("oil", "bearing", "winding", "power", "wind")
    return [named.get(sensor, MACHINE) for sensor in sensors]


# Who is a witness?


def test_one_liar_does_not_speak_for_another():
    z, alone = falling_in(WINDING, lambda h: 8.0 + 0 * h, hours=24)
    alone[12 * HOUR :, OIL] = 1.5
    assert judged(z, alone)[-1].tolist() == codes(winding=STEP, oil=DRIFT)
    z, alone, resting = resting_story(at_rest=3.0, at_work=3.0)
    alone[16 * HOUR :, OIL] = 1.5
    assert judged_at_rest(z, alone, resting)[-1].tolist() == codes(winding=AT_REST, oil=DRIFT)


def test_what_all_machines_share_takes_back_no_excuse():
    z, alone = calm(24)
    alone[30:, [OIL, BEARING]] = [-2.0, -1.5]
    alone[60:, WINDING] = 1.5
    apart = judged_together(z, alone, alone, together(z.shape, [], 0))
    assert not apart[-1].any()
    shared = judged_together(z, alone, alone, together(z.shape, [WINDING], 60))
    assert shared[-1].tolist() == codes(oil=HARMLESS, bearing=HARMLESS)


@pytest.mark.parametrize(("stirs", "named"), [(0.38, True), (0.42, False)])
def test_where_another_has_stirred_nobody_went_the_wrong_way(stirs, named):
    found = after({}, {WINDING: -1.5, POWER: -stirs})
    assert found == (codes(winding=WRONG_WAY) if named else codes())


@pytest.mark.parametrize(("moved", "code"), [(0.33, MACHINE), (0.37, DRIFT)])
def test_who_is_strange_beside_others_must_have_moved_alone_too(moved: float, code: int):
    z, alone = calm(12)
    alone[30:, OIL] = moved
    beside = alone.copy()
    beside[30:, OIL] = 1.5
    assert judged(z, alone, beside)[-1].tolist() == codes(oil=code)


def test_charts_beside_need_not_have_spoken():
    z, alone = calm(12)
    alone[30:, OIL] = 1.5
    assert judged(z, alone, np.full_like(alone, NAN))[-1].tolist() == codes(oil=DRIFT)


def test_who_explains_others_and_is_explained_by_none_blames_itself():
    z, alone = calm(12)
    alone[30:, 0] = 1.5
    stage = Attribution(5, harmless=[1, 0, 0, 0, 0], explainer=[-1, 0, -1, -1, -1])
    z[:, 4], alone[:, 4] = 0.0, 0.0
    found = judged(z, alone, stage=stage)
    # Nobody is misled by it, so what put the blame on it is gone with the next reading.
    assert set(found[30:, 0]) <= {WRONG_WAY, MACHINE}
    assert WRONG_WAY in found[30:, 0]
    assert not found[:, 1:].any()


# In which direction?


@pytest.mark.parametrize(("second", "code"), [(-1.7, MACHINE), (-1.9, HARMLESS)])
def test_of_those_that_moved_the_way_of_no_fault_half_of_the_strangest_counts(second, code):
    assert after({}, {OIL: -4.0, BEARING: second})[:2] == [code, code]


@pytest.mark.parametrize(("harm", "code"), [(0.8, HARMLESS), (1.0, MACHINE)])
def test_a_little_harm_beside_much_that_is_better_takes_nothing_back(harm: float, code: int):
    """0.45 of the strangest, 2.0, counts."""
    found = after({}, {OIL: -2.0, BEARING: -1.5}, {WINDING: harm})
    assert found == codes(oil=code, bearing=code)


# Until when?


def test_who_is_misled_or_harmless_is_so_until_it_is_calm_and_no_day_longer():
    excused = {OIL: -2.0, BEARING: -1.5}
    assert after({}, excused) == codes(oil=HARMLESS, bearing=HARMLESS)
    assert after({}, excused, {OIL: -0.4, BEARING: -0.4}) == codes()
    misled = {POWER: 1.5}
    assert after({}, misled) == codes(power=MISLED, wind=WRONG_WAY)
    assert after({}, misled, {POWER: 0.4}) == codes()


def test_it_is_calm_too_where_only_one_of_its_charts_speaks():
    z, alone = falling_in(WINDING, lambda h: 8.0 + 0 * h, hours=48)
    beside = alone.copy()
    alone[12 * HOUR :, WINDING] = NAN
    beside[12 * HOUR :, WINDING] = 0.4
    found = judged(z, alone, beside)[:, WINDING]
    assert found[12 * HOUR] == STEP
    assert found[-1] == MACHINE


# Noise.


def flickering(loud: float = 4.0, days: int = 20, since: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """All of them alternate, winding from some day on much more: roughness is known exactly."""
    z = np.where(np.arange(days * DAY) % 2 > 0, 0.7, -0.7)[:, np.newaxis] * np.ones(5)
    z[since * DAY :, WINDING] *= loud
    return z, np.full_like(z, 0.1)


def named_noisy(z: np.ndarray, alone: np.ndarray) -> bool:
    return judged(z, alone)[-1, WINDING] == NOISE


def test_nobody_is_noisy_before_a_week_is_known():
    assert not (judged(*flickering(days=8, since=5))[: 7 * DAY] == NOISE).any()
    assert (judged(*flickering(days=12, since=8))[9 * DAY :, WINDING] == NOISE).all()


def test_the_week_that_is_known_is_a_calm_one():
    z, alone = flickering(days=12, since=5)
    beside = alone.copy()
    beside[5 * DAY :, WINDING] = 0.6
    assert not judged(z, alone, beside).any()


@pytest.mark.parametrize(("loud", "named"), [(1.7, False), (1.8, True)])
def test_three_times_the_mean_square_is_noisy(loud, named):
    assert named_noisy(*flickering(loud)) == named


@pytest.mark.parametrize(("other", "named"), [(2.7, True), (2.9, False)])
def test_who_is_noisy_is_twice_as_rough_as_any_other(other, named):
    """Roughness is a square: 2.8 times the noise is half of what four times is."""
    z, alone = flickering()
    z[10 * DAY :, POWER] *= other
    assert named_noisy(z, alone) == named


@pytest.mark.parametrize(
    ("sensor", "severity", "named"),
    [(WINDING, 0.45, True), (WINDING, 0.55, False), (OIL, 0.75, True), (OIL, 0.85, False)],
)
def test_a_noisy_sensors_mean_is_well_and_nobody_is_near_its_limit(sensor, severity, named):
    z, alone = flickering()
    alone[10 * DAY :, sensor] = severity
    assert named_noisy(z, alone) == named


@pytest.mark.parametrize(("then", "named"), [(1.3, True), (1.2, False)])
def test_noise_stays_named_until_it_is_half_as_rough(then, named):
    """1.22 times what it was has one and a half times its mean square."""
    z, alone = flickering()
    z[14 * DAY :, WINDING] *= then / 4.0
    assert named_noisy(z, alone) == named


def test_another_that_is_strange_takes_noise_back():
    z, alone = flickering()
    alone[16 * DAY :, OIL] = alone[16 * DAY :, BEARING] = 1.5
    found = judged(z, alone)[:, WINDING]
    assert (found[12 * DAY : 16 * DAY] == NOISE).all()
    assert not found[16 * DAY :].any()


# A leap.


def test_a_leap_in_two_readings_is_a_step_and_one_that_goes_on_is_none():
    def last(*levels: float) -> int:
        z, alone = calm(24)
        z[30:, WINDING] += levels[-1]
        z[30 : 30 + len(levels), WINDING] = levels
        alone[33:, WINDING] = 2.0
        return int(judged(z, alone)[-1, WINDING])

    assert last(8.0, 8.0) == STEP
    assert last(8.0, 20.0, 20.0) == STEP
    assert last(8.0, 20.0, 32.0, 44.0, 56.0) == MACHINE


def test_within_two_minutes_it_may_leap_as_often_as_it_likes():
    def last(every_s: float) -> int:
        z, alone = calm(4, every_s=30)
        z[100:, WINDING] = 44.0
        z[100:104, WINDING] = [8.0, 20.0, 32.0, 44.0]
        alone[105:, WINDING] = 2.0
        return int(judged(z, alone, every_s=every_s)[-1, WINDING])

    assert last(every_s=30.0) == STEP
    assert last(every_s=90.0) == MACHINE


def test_a_large_step_may_settle_by_a_third_of_it():
    z, alone = falling_in(WINDING, lambda h: 40.0 + np.minimum(10.0 * h, 10.0))
    assert judged(z, alone)[-1, WINDING] == STEP


@pytest.mark.parametrize(("per_hour", "code"), [(1.0, STEP), (12.0, MACHINE)])
def test_a_step_stays_where_it_landed(per_hour: float, code: int):
    z, alone = falling_in(WINDING, lambda h: 8.0 + per_hour * h)
    assert judged(z, alone)[36, WINDING] == code


def test_a_climb_that_has_ended_is_a_new_level_to_leap_from():
    z, alone = calm(96)
    z[30:, WINDING] += np.minimum(np.arange(len(z) - 30) * 12.0, 60.0)
    z[72 * HOUR :, WINDING] += 20.0
    alone[72 * HOUR + 2 :, WINDING] = 2.0
    assert judged(z, alone)[-1, WINDING] == STEP


# At rest.


@pytest.mark.parametrize(("readings", "code"), [(2, MACHINE), (3, AT_REST)])
def test_what_is_read_in_the_first_half_hour_of_a_rest_tells_nothing(readings: int, code: int):
    """What cools and runs down is not yet at rest."""
    z, alone, _ = resting_story(at_rest=3.0, at_work=3.0)
    resting = np.where(np.arange(len(z)) % 6 < readings, RESTS, AT_WORK)
    assert judged_at_rest(z, alone, resting)[-1, WINDING] == code


@pytest.mark.parametrize(
    ("at_rest", "at_work", "code"),
    [
        (0.65, 0.65, MACHINE),
        (0.75, 0.75, AT_REST),
        (3.0, 5.5, AT_REST),
        (3.0, 6.5, MACHINE),
    ],
)
def test_off_at_rest_is_seven_tenths_of_a_sigma_and_half_of_what_it_is_at_work(
    at_rest: float, at_work: float, code: int
):
    z, alone, resting = resting_story(at_rest=0.0, at_work=0.0)
    z[:, WINDING] = np.where(resting == RESTS, at_rest, at_work)
    assert judged_at_rest(z, alone, resting)[13 * HOUR, WINDING] == code
