"""Instrument or machine: what speaks for the one, and that all else stays the other's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import attribution, kernels
from detectors.attribution import (
    AT_REST,
    AT_WORK,
    CODES,
    DRIFT,
    HARMLESS,
    INSTRUMENT,
    MACHINE,
    MISLED,
    NOISE,
    REASONS,
    RESTS,
    STEP,
    UNKNOWN,
    WRONG_WAY,
    Attribution,
    explain,
)
from tests.detectors.laws import Readings, assert_laws, assert_same_bits, readings, story, walked

NAN = math.nan
PERIODS_S = [5, 60, 300, 600]
OIL, BEARING, WINDING, POWER, WIND = range(5)
TURBINE = {
    "inert": [1, 1, 1, 0, 0],
    "rests": [0, 0, 1, 0, 0],
    "harmless": [-1, -1, -1, 1, 0],
    "follower": [BEARING, -1, -1, -1, -1],
    "explainer": [POWER, POWER, POWER, WIND, -1],
}


def walk(stage: Attribution, stream: Readings):
    """Three columns for each sensor: z, and its severities alone and beside."""
    z, alone, beside = np.split(stream.values, 3, axis=1)
    columns = (np.ascontiguousarray(column) for column in (z, alone, beside))
    return (stage.walk(stream.rows, stream.times, *columns),)


def judged(z, alone, beside=None, every_s=600.0, stage=None) -> np.ndarray:
    """The codes of one machine, oil, bearing, winding, power and wind."""
    beside = alone if beside is None else beside
    stage = Attribution(np.shape(z)[1], **TURBINE) if stage is None else stage
    stream = story(np.hstack([z, alone, beside]), times_s=1e6 + np.arange(len(z)) * every_s)
    return walked(stage, walk, stream)[0]


def judged_at_rest(z, alone, resting, every_s=600.0) -> np.ndarray:
    """The same of a machine that rests at times."""
    stage = Attribution(5, **TURBINE)
    stage.reserve(1)
    times = (1_000_000_000_000 + np.arange(len(z)) * every_s * 1e9).astype(np.int64)
    rows = np.zeros(len(z), dtype=np.int32)
    return stage.walk(rows, times, z, alone, alone, np.asarray(resting, dtype=np.uint8))


def calm(hours: float, every_s: float = 600.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Residuals that are white, and charts that say nothing of note."""
    n = round(hours * 3600 / every_s)
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 5)) * 0.7, rng.standard_normal((n, 5)) * 0.1


def charted(z: np.ndarray, every_s: float, limit: float) -> np.ndarray:
    """Severity as of an EWMA chart of one hour."""
    weight = 1 - math.exp(-every_s / 3600)
    out, now = np.empty_like(z), np.zeros(z.shape[1])
    for i, x in enumerate(z):
        now = now + weight * (np.clip(x, -5, 5) - now)
        out[i] = now / limit
    return out


def falling_in(sensor: int, course, hours: float = 9.0, every_s: float = 600.0):
    """White residuals, one of which gets what ``course`` makes of hours, 4 h after the start."""
    z, _ = calm(hours, every_s)
    since_h = np.arange(len(z)) * every_s / 3600 - 4.0
    z[:, sensor] += np.where(since_h >= 0, course(np.maximum(since_h, 0.0)), 0.0)
    return z, charted(z, every_s, limit=2.5)


@pytest.mark.parametrize("every_s", PERIODS_S)
@pytest.mark.parametrize("size", [-30.0, -7.0, 7.0, 30.0])
def test_a_step_that_stays_is_the_instrument_before_the_alert_fires(every_s: int, size: float):
    z, alone = falling_in(WINDING, lambda h: size + 0 * h, every_s=every_s)
    codes = judged(z, alone, every_s=every_s)
    crossed = np.flatnonzero(np.abs(alone[:, WINDING]) >= 1)[0]
    assert (codes[crossed + round(3600 / every_s) :, WINDING] == STEP).all()
    assert not codes[:, [OIL, BEARING, POWER]].any()


@pytest.mark.parametrize("every_s", PERIODS_S)
@pytest.mark.parametrize("per_hour", [1.0, 5.0, 45.0])
def test_a_ramp_of_an_hour_or_more_is_the_machine(every_s: int, per_hour: float):
    z, alone = falling_in(WINDING, lambda h: np.minimum(per_hour * h, 45.0), every_s=every_s)
    assert (alone[:, WINDING] > 1).any()
    assert not judged(z, alone, every_s=every_s).any()


def test_a_step_of_what_can_leap_is_the_machine():
    z, alone = falling_in(POWER, lambda h: -8.0 + 0 * h)
    assert not judged(z, alone).any()


def test_a_step_that_others_join_is_the_machine():
    z, alone = falling_in(WINDING, lambda h: 8.0 + 0 * h)
    z[:, OIL], alone[:, OIL] = z[:, WINDING], alone[:, WINDING]
    assert not judged(z, alone).any()


def test_a_step_must_have_stayed_before_it_is_named():
    z, alone = falling_in(WINDING, lambda h: 8.0 + 0 * h)
    alone[25:, WINDING] = 2.0
    named = np.flatnonzero(judged(z, alone)[:, WINDING])
    assert named.tolist() == list(range(24 + math.ceil(2700 / 600), len(z)))


def test_a_step_as_an_outage_ends_is_none():
    z, alone = falling_in(WINDING, lambda h: 8.0 + 0 * h)
    z[12:28] = alone[12:28] = NAN
    alone[28:34] = 0
    assert not judged(z, alone).any()


def test_a_spike_is_no_step():
    z, alone = calm(12)
    z[30, WINDING] = 50.0
    alone[40:, WINDING] = 1.5
    assert not judged(z, alone).any()


def test_who_was_a_little_strange_before_it_leapt_speaks_not_against_a_step():
    z, alone = falling_in(WINDING, lambda h: 8.0 + 0 * h)
    alone[:, POWER] = -0.7
    assert judged(z, alone)[-1].tolist() == [MACHINE, MACHINE, STEP, MACHINE, MACHINE]
    alone[24:, POWER] = -0.9
    assert not judged(z, alone).any()


def test_a_step_out_of_strangeness_is_none():
    z, alone = falling_in(WINDING, lambda h: 8.0 + 0 * h)
    alone[12:, WINDING] = np.maximum(alone[12:, WINDING], 0.7)
    assert not judged(z, alone).any()


def test_who_moves_without_what_would_follow_is_an_instrument():
    z, alone = falling_in(OIL, lambda h: 2.0 * h)
    codes = judged(z, alone)
    assert set(codes[np.abs(alone[:, OIL]) >= 1, OIL]) == {DRIFT}
    alone[:, BEARING] = alone[:, OIL] / 2
    assert not judged(z, alone).any()
    alone[:, BEARING] = NAN
    assert not judged(z, alone).any()


def test_a_second_that_becomes_strange_takes_a_drift_back():
    z, alone = calm(24)
    alone[30:, OIL] = 1.5
    alone[60:, [BEARING, WINDING]] = 1.2
    codes = judged(z, alone)
    assert set(codes[30:60, OIL]) == {DRIFT}
    assert not codes[60:].any()


def test_alone_and_where_no_fault_takes_it_is_an_instrument():
    z, alone = calm(24)
    alone[30:, WINDING] = -1.5
    assert set(judged(z, alone)[30:, WINDING]) == {WRONG_WAY}
    assert not judged(z, -alone).any()


def test_more_power_than_the_wind_brings_is_the_anemometer():
    z, alone = calm(24)
    alone[30:, POWER] = 1.5
    codes = judged(z, alone)
    assert set(codes[30:, POWER]) == {MISLED}
    assert set(codes[30:, WIND]) == {WRONG_WAY}


def test_all_cold_for_its_power_is_the_power_meter():
    z, alone = calm(24)
    alone[30:, [OIL, BEARING, WINDING]] = [-2.0, -1.5, -1.0]
    codes = judged(z, alone)
    assert set(codes[30:, [OIL, BEARING, WINDING]].ravel()) == {MISLED}
    assert set(codes[30:, POWER]) == {WRONG_WAY}
    alone[60:, OIL] *= -1
    assert not judged(z, alone)[60:].any()


def test_what_a_blamed_instrument_explains_is_misled_unless_it_looks_like_harm():
    z, alone = calm(24)
    alone[30:, POWER] = 1.5
    alone[60:, OIL] = -1.2
    assert set(judged(z, alone)[60:, OIL]) == {MISLED}
    alone[60:, OIL] = 1.2
    assert not judged(z, alone)[60:].any()


def test_who_is_misled_takes_nothing_back():
    z, alone = calm(24)
    oil, pressure = 0, 2
    traits = {"harmless": [-1, -1, 0], "follower": [1, -1, -1]}
    z, alone = z[:, :3], alone[:, :3]
    alone[30:, oil] = 1.5
    alone[60:, pressure] = -1.5
    apart = judged(z, alone, stage=Attribution(3, **traits))
    assert not apart[60:].any()
    stage = Attribution(3, **traits, explainer=[-1, -1, oil])
    codes = judged(z, alone, stage=stage)
    assert (codes[60:] == [DRIFT, MACHINE, MISLED]).all()


def test_explainers_in_a_circle_are_followed_once():
    z, alone = calm(24)
    alone[30:] = 1.5
    assert not judged(z, alone, stage=Attribution(5, explainer=[1, 0, 0, 1, 2])).any()


def test_who_joins_what_is_excused_in_the_harmless_direction_is_excused_too():
    z, alone = calm(24)
    alone[30:, [OIL, BEARING]] = [-2.0, -1.5]
    alone[60:, [OIL, BEARING, WINDING]] = [-4.0, -0.5, -1.2]
    assert set(judged(z, alone)[60:, WINDING]) == {HARMLESS}
    alone[60:, WINDING] *= -1
    assert not judged(z, alone)[60:, WINDING].any()


def resting_story(at_rest: float, at_work: float, hours: float = 24.0):
    """A vibration that is off since 4 h, of a machine that rests from 8 h to 14 h."""
    z, alone = calm(hours)
    since_h = np.arange(len(z)) / 6.0
    resting = np.where((since_h >= 8) & (since_h < 14), RESTS, AT_WORK)
    z[:, WINDING] += np.where(since_h < 4, 0.0, np.where(resting == RESTS, at_rest, at_work))
    alone[30:, WINDING] = 1.5
    return z, alone, resting


def test_what_is_off_at_rest_as_it_is_at_work_is_its_instrument():
    z, alone, resting = resting_story(at_rest=3.0, at_work=3.0)
    codes = judged_at_rest(z, alone, resting)
    assert not codes[: 8 * 6].any()
    assert set(codes[10 * 6 :, WINDING]) == {AT_REST}
    assert not codes[:, [OIL, BEARING, POWER, WIND]].any()


def test_what_is_heard_at_work_only_is_the_machine():
    z, alone, resting = resting_story(at_rest=0.6, at_work=3.0)
    assert not judged_at_rest(z, alone, resting).any()


def test_wear_that_is_heard_again_after_a_rest_has_not_leapt():
    """A winding that turns to be heard: worn since 4 h, at rest from 8 h to 24 h."""
    z, alone = calm(48)
    since_h = np.arange(len(z)) / 6.0
    resting = np.where((since_h >= 8) & (since_h < 24), RESTS, AT_WORK)
    worn = np.clip((since_h - 4) * 3.0, 0, 9)
    z[:, WINDING] += np.where(resting == RESTS, 0.0, worn)
    alone[:, WINDING] = np.where(resting == RESTS, 0.0, worn / 5)
    assert not judged_at_rest(z, alone, resting).any()


def test_whether_a_machine_rests_must_be_known():
    z, alone, _ = resting_story(at_rest=3.0, at_work=3.0)
    for known in (UNKNOWN, AT_WORK):
        assert not judged_at_rest(z, alone, np.full(len(z), known)).any()


def test_an_old_rest_speaks_not_against_what_is_off_at_work_no_more():
    z, alone, resting = resting_story(at_rest=1.0, at_work=0.0)
    alone[: 20 * 6, WINDING] = 0.0
    assert not judged_at_rest(z, alone, resting).any()


def judged_off(z, alone, sensor: int, hours: slice) -> np.ndarray:
    """The codes where the zero of a sensor is off for these ten minutes each."""
    stage, off = Attribution(5, **TURBINE), np.zeros(z.shape, dtype=np.uint8)
    stage.reserve(1)
    off[hours, sensor] = 1
    times = (1_000_000_000_000 + np.arange(len(z)) * 600e9).astype(np.int64)
    return stage.walk(np.zeros(len(z), np.int32), times, z, alone, alone, off=off)


def test_whose_zero_is_off_is_an_instrument_however_little_strange():
    z, alone = calm(60)
    codes = judged_off(z, alone, POWER, slice(60, 200))
    assert (codes[60:200, POWER] == AT_REST).all()
    assert (codes[:60] == MACHINE).all()
    assert (np.delete(codes, POWER, axis=1) == MACHINE).all()
    assert codes[350, POWER] == MACHINE, "after a day of calm it is believed again"


def test_who_rests_on_a_zero_that_is_off_is_misled():
    z, alone = calm(30)
    alone[100:, WINDING] = -1.3
    assert (judged_off(z, alone, POWER, slice(0, 0))[100:, WINDING] == WRONG_WAY).all()
    codes = judged_off(z, alone, POWER, slice(60, 180))
    assert (codes[100:, WINDING] == MISLED).all()
    assert (codes[100:, POWER] == AT_REST).all()


def together(shape, sensors, first: int) -> np.ndarray:
    shared = np.zeros(shape, dtype=np.uint8)
    shared[first:, sensors] = 1
    return shared


def judged_together(z, alone, beside, shared) -> np.ndarray:
    """The codes of one machine, some of whose strangeness is shared by all."""
    stage = Attribution(5, **TURBINE)
    stage.reserve(1)
    times = (1_000_000_000_000 + np.arange(len(z)) * 600e9).astype(np.int64)
    rows = np.zeros(len(z), dtype=np.int32)
    return stage.walk(rows, times, z, alone, beside, None, shared)


def test_what_all_machines_share_speaks_not_against_an_instrument_of_one():
    z, alone = calm(24)
    alone[30:, OIL] = 1.5
    alone[60:, [WINDING, POWER]] = [1.5, -1.5]
    alone_in_it = together(z.shape, [], 0)
    assert not judged_together(z, alone, alone, alone_in_it)[60:].any()
    weather = together(z.shape, [WINDING, POWER], 60)
    codes = judged_together(z, alone, alone, weather)
    assert set(codes[30:, OIL]) == {DRIFT}
    assert not codes[:, [WINDING, POWER]].any()


def test_nobody_is_blamed_for_what_all_machines_share():
    z, alone = calm(24)
    alone[30:, WINDING] = -1.5
    assert not judged_together(z, alone, alone, together(z.shape, [WINDING], 0)).any()


def test_two_that_are_better_than_before_are_nobodys_fault():
    z, alone = calm(24)
    alone[30:, [OIL, BEARING]] = [-2.0, -1.5]
    codes = judged(z, alone)
    assert set(codes[30:, [OIL, BEARING]].ravel()) == {HARMLESS}
    assert not codes[:, [WINDING, POWER, WIND]].any()


def test_who_is_strange_only_beside_a_liar_is_misled():
    z, alone = falling_in(OIL, lambda h: 8.0 + 0 * h)
    beside = alone.copy()
    beside[:, BEARING] = -alone[:, OIL]
    codes = judged(z, alone, beside)
    assert codes[-1].tolist() == [STEP, MISLED, MACHINE, MACHINE, MACHINE]


def test_who_is_strange_only_beside_others_that_are_well_is_the_machine():
    z, alone = calm(24)
    beside = alone.copy()
    beside[30:, BEARING] = 3.0
    assert not judged(z, alone, beside).any()


@pytest.mark.parametrize("every_s", [300, 600])
def test_what_became_noisy_is_an_instrument_until_it_is_quiet(every_s: int):
    z, alone = calm(24 * 20, every_s)
    day = round(86400 / every_s)
    z[10 * day : 14 * day, WINDING] *= 4
    codes = judged(z, alone, every_s=every_s)
    assert (codes[11 * day : 14 * day, WINDING] == NOISE).all()
    assert not codes[: 10 * day].any()
    assert not codes[16 * day :].any()
    assert not codes[:, [OIL, BEARING, POWER]].any()


def test_noise_on_all_of_them_is_the_weather():
    z, alone = calm(24 * 20)
    z[1440:] *= 4
    assert not judged(z, alone).any()


def test_noise_of_what_a_machine_can_shake_is_the_machine():
    z, alone = calm(24 * 20)
    z[1440:, POWER] *= 4
    assert not judged(z, alone).any()


def test_noise_of_what_is_strange_too_is_the_machine():
    z, alone = calm(24 * 20)
    z[1440:, WINDING] *= 4
    alone[1440:, WINDING] = 1.5
    assert not judged(z, alone).any()


@pytest.mark.parametrize("wild", [1e9, 1e30, 1e200, math.inf])
def test_a_wild_residual_is_soon_forgotten(wild: float):
    z, alone = calm(24 * 20)
    stage = Attribution(5, **TURBINE)
    z[1440, WINDING] = wild
    assert not judged(z, alone, stage=stage).any()
    z, alone = falling_in(WINDING, lambda h: 8.0 + 0 * h)
    assert judged(z, alone, stage=stage)[-1, WINDING] == STEP


def test_it_is_latched_until_calm_for_a_day_and_silence_changes_nothing():
    z, alone = falling_in(WINDING, lambda h: 8.0 + 0 * h, hours=48)
    alone[80:90] = NAN
    alone[90:100, WINDING] = NAN
    alone[100:120] = 0.7
    alone[120:] = 0.4
    codes = judged(z, alone)[:, WINDING]
    assert (codes[60 : 120 + 24 * 6] == STEP).all()
    assert not codes[120 + 24 * 6 :].any()


def test_what_is_accepted_begins_anew_and_the_others_do_not():
    stage = Attribution(5, **TURBINE)
    z, alone = calm(24)
    alone[:, WINDING] = -1.5
    judged(z, alone, stage=stage)
    kept = {name: array.copy() for name, array in stage.state.items()}
    stage.accept(0, [WINDING])
    for name, spec in stage.schema().items():
        if spec.shape:
            fresh = np.array(spec.fill, dtype=spec.dtype)
            assert stage.state[name][0, WINDING].tobytes() == fresh.tobytes(), name
            assert_same_bits([stage.state[name][0, :2]], [kept[name][0, :2]])


PALETTE = [NAN, -9.0, -1.2, -0.7, -0.4, 0.0, 0.1, 0.36, 0.7, 1.2, 5.0, 9.0, 40.0]


@settings(max_examples=60, deadline=None)
@given(readings(15, PALETTE), st.lists(st.integers(0, 60), max_size=5))
def test_the_laws_of_a_stage(stream: Readings, cuts: list[int]):
    assert_laws(lambda: Attribution(5, **TURBINE, confirm_s=2), walk, stream, cuts)


@settings(max_examples=60, deadline=None)
@given(readings(15, [NAN, -0.9, 0.0, 0.9], max_size=120))
def test_who_is_not_strange_is_not_named_in_a_first_week(stream: Readings):
    assert not walked(Attribution(5, **TURBINE), walk, stream)[0].any()


@settings(max_examples=60, deadline=None)
@given(readings(15, PALETTE, max_size=120))
def test_without_knowledge_of_the_sensors_all_is_the_machines(stream: Readings):
    assert not walked(Attribution(5), walk, stream)[0].any()


def test_compiled_and_interpreted_codes_and_states_are_the_same(compiled_kernel, monkeypatch):
    rng = np.random.default_rng(7)
    n = 8_000
    values = rng.standard_normal((n, 15)) * 0.5
    values[:, :5] += np.repeat(rng.choice([0, 0, 8, -8], (n // 100, 5)), 100, axis=0)
    values[:, 5:] += np.repeat(rng.choice([0, 0, 0, 1.3, -1.3], (n // 200, 10)), 200, axis=0)
    values[:, :5] *= np.repeat(rng.choice([1, 1, 9], (n // 2000, 5)), 2000, axis=0)
    values[rng.random((n, 15)) < 0.02] = NAN
    stream = story(values, times_s=np.cumsum(rng.choice([1, 600, 9000], n, p=[0.3, 0.699, 0.001])))
    z, alone, beside = (np.ascontiguousarray(part) for part in np.split(stream.values, 3, axis=1))
    resting = np.repeat(rng.choice([AT_WORK, RESTS, UNKNOWN], n // 100), 100).astype(np.uint8)
    outcomes = []
    for make in (compiled_kernel, kernels.interpreted):
        monkeypatch.setattr(attribution, "kernel", make("attribution"))
        monkeypatch.setattr(attribution, "story", make("story"))
        stage = Attribution(5, **TURBINE)
        stage.reserve(1)
        codes = stage.walk(stream.rows, stream.times, z, alone, beside, resting)
        outcomes.append([codes, *stage.state.values()])
    named = {MACHINE, STEP, AT_REST, DRIFT, WRONG_WAY, MISLED, HARMLESS}
    assert set(np.unique(outcomes[0][0])) >= named
    assert_same_bits(*outcomes)


def test_every_code_has_a_name_and_all_but_the_first_a_reason():
    assert [CODES[code] for code in INSTRUMENT] == [
        *("step", "noise", "at_rest", "drift", "wrong_way"),
    ]
    for code in range(1, len(CODES)):
        assert "oil" in explain(code, "oil", "bearing")
    assert set(REASONS) == set(range(1, len(CODES)))


def test_a_machine_takes_no_more_than_56_bytes_per_sensor():
    schema = Attribution(28).schema()
    each = (np.dtype(spec.dtype).itemsize * math.prod(spec.shape) for spec in schema.values())
    assert sum(each) <= 56 * 28 + 12


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"confirm_s": -1}, "confirm_s is -1, 0 … 1e"),
        ({"noise_ratio": 0.5}, "noise_ratio is 0.5, 1 … 1e"),
        ({"inert": [1]}, r"inert has shape \[1\], \[2\] is needed"),
        ({"inert": [1, 2]}, r"inert is \[1.0, 2.0\], whole numbers 0 … 1 are allowed"),
        ({"harmless": [0, -2]}, "whole numbers -1 … 1 are allowed"),
        ({"harmless": [0, NAN]}, "whole numbers -1 … 1 are allowed"),
        ({"follower": [2, -1]}, "follower is .*, whole numbers -1 … 1 are allowed"),
        ({"explainer": [0.5, -1]}, "explainer is .*, whole numbers -1 … 1 are allowed"),
    ],
)
def test_wrong_parameters_are_named(parameters, sentence):
    with pytest.raises(ValueError, match=sentence):
        Attribution(2, **parameters)
