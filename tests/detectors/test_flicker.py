"""Who steps while the one that would feel it holds still has a faulty instrument."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import flicker, kernels
from detectors.flicker import Flicker
from tests.detectors.laws import Readings, assert_laws, assert_same_bits, readings, story, walked

NAN = math.nan
MINUTES_5 = 300.0
DAY = 288
PALETTE = [NAN, 6.9, 7.0, 7.3, 12.0, 12.1, 12.2, 20.0]


def walk(stage: Flicker, stream: Readings):
    return (
        stage.walk(
            stream.rows,
            stream.times,
            stream.values,
            np.nan_to_num(stream.values[:, 0] > 1).astype(np.uint8),
        ),
    )


def eager() -> Flicker:
    return Flicker(3, felt_by=[1, -1, 0], resolution=[0.01, 1, 0], learn_s=5000.0)


def turbine(days: float = 40, seed: int = 1, noise: float = 0.02) -> np.ndarray:
    """Speed and power by a gusty wind: speed has a lowest and a highest, power a highest."""
    rng = np.random.default_rng(seed)
    n = int(days * DAY)
    wind, season = np.zeros(n), 9 + 4 * np.sin(np.arange(n) / (0.7 * DAY) + seed)
    for i in range(1, n):
        wind[i] = 0.7 * wind[i - 1] + 0.7 * rng.normal()
    wind = np.clip(season + wind, 3.0, 20.0)
    speed = np.clip(1.07 * wind, 6.9, 12.1) + noise * rng.normal(size=n)
    power = np.minimum(7.0 * wind**3, 5000.0) * (1 + 0.003 * rng.normal(size=n))
    return np.column_stack([speed, power]).round(2)


def share(values: np.ndarray, **parameters) -> float:
    """Of the readings after day 25, those at which speed is said to flicker."""
    stage = Flicker(2, **{"felt_by": [1, -1], "resolution": [0.01, 1]} | parameters)
    (found,) = walked(stage, walk, story(values, every_s=MINUTES_5))
    assert not found[:, 1].any()
    return float(found[25 * DAY :, 0].mean())


@given(stream=readings(3, PALETTE, max_size=300), cuts=st.lists(st.integers(0, 300), max_size=5))
@settings(max_examples=60, deadline=None)
def test_the_laws_of_a_stage(stream: Readings, cuts: list[int]):
    assert_laws(eager, walk, stream, cuts)


def test_compiled_and_interpreted_say_and_remember_the_same(monkeypatch: pytest.MonkeyPatch):
    values = turbine(30)
    values[24 * DAY :, 0] += np.random.default_rng(3).normal(0, 0.2, 6 * DAY)
    stream = story(values, every_s=MINUTES_5)
    runs = []
    for kernel in (flicker.kernel, kernels.interpreted("flicker")):
        monkeypatch.setattr(flicker, "kernel", kernel)
        stage = Flicker(2, felt_by=[1, -1], resolution=[0.01, 1])
        runs.append([*walked(stage, walk, stream), *stage.state.values()])
    assert runs[0][0].any()
    assert_same_bits(*runs)


@pytest.mark.parametrize("seed", range(6))
def test_gusts_and_seasons_are_no_flicker(seed: int):
    assert share(turbine(60, seed=seed)) == 0


@pytest.mark.parametrize(("times", "least"), [(10, 0.7), (30, 0.85)])
@pytest.mark.parametrize("seed", range(3))
def test_a_speed_that_power_does_not_follow_flickers(seed: int, times: float, least: float):
    values, noisy = turbine(40, seed=seed), turbine(40, seed=seed, noise=0.02 * times)
    values[25 * DAY :] = noisy[25 * DAY :]
    assert share(values) > least


def test_a_speed_that_takes_power_along_does_not_flicker():
    values = turbine(40)
    hunts = 1 + 0.03 * np.random.default_rng(9).normal(size=15 * DAY)
    values[25 * DAY :] *= hunts[:, np.newaxis]
    assert share(values) == 0


def test_what_is_calm_is_frozen_when_it_is_learnt():
    values = turbine(40)
    stream = story(values, every_s=MINUTES_5)
    stage = Flicker(2, felt_by=[1, -1], resolution=[0.01, 1])
    walked(stage, walk, stream[: 21 * DAY])
    calm, record = (stage.state[name].copy() for name in ("calm", "record"))
    walked(stage, walk, stream[21 * DAY :])
    assert_same_bits([calm, record], [stage.state["calm"], stage.state["record"]])


def test_it_ends_with_the_flicker():
    values, noisy = turbine(60), turbine(60, noise=0.2)
    values[25 * DAY : 32 * DAY] = noisy[25 * DAY : 32 * DAY]
    stage = Flicker(2, felt_by=[1, -1], resolution=[0.01, 1])
    (found,) = walked(stage, walk, story(values, every_s=MINUTES_5))
    assert found[31 * DAY, 0]
    assert not found[45 * DAY :, 0].any()


def test_what_the_machine_does_at_rest_tells_nothing():
    values = turbine(40)
    rng = np.random.default_rng(2)
    # Nobody is heard at work any more: it idles, turned slowly by the wind.
    values[25 * DAY :] = np.column_stack([rng.uniform(0, 1, 15 * DAY), np.zeros(15 * DAY)])
    assert share(values) == 0


def test_steps_over_an_outage_are_nobodys():
    values, times_s = turbine(40), np.arange(40 * DAY) * MINUTES_5
    values[25 * DAY :: 2, 0] += 1.0
    times_s[25 * DAY :] += np.arange(15 * DAY) * 7200.0
    stage = Flicker(2, felt_by=[1, -1], resolution=[0.01, 1])
    (found,) = walked(stage, walk, story(values, times_s=times_s))
    assert not found.any()


def test_a_step_of_nothing_tells_nothing_where_no_resolution_is_known():
    values = turbine(40)
    values[: 25 * DAY, 0] = values[: 25 * DAY, 0].round(1)
    stage = Flicker(2, felt_by=[1, -1])
    walked(stage, walk, story(values, every_s=MINUTES_5))
    assert stage.state["record"][0, 0] >= 0.05


def test_who_begins_at_a_standstill_learns_what_is_calm_all_the_same():
    values = turbine(3)
    values[1] = values[0]
    stage = Flicker(2, felt_by=[1, -1])
    walked(stage, walk, story(values, every_s=MINUTES_5))
    assert stage.state["calm"][0, 0] > 1


def test_an_exchanged_sensor_is_learnt_anew_and_other_pairs_are_kept():
    stage = Flicker(4, felt_by=[1, -1, 3, -1])
    both = np.hstack([turbine(30), turbine(30, seed=2)])
    walked(stage, walk, story(both, every_s=MINUTES_5))
    before = {name: array.copy() for name, array in stage.state.items()}
    stage.accept(0, [1])
    for name, spec in stage.schema().items():
        if spec.shape:
            assert stage.state[name][0, 0] == spec.fill or math.isnan(spec.fill)
            assert stage.state[name][0, 1] == before[name][0, 1]
    stage.accept(0)
    assert not stage.state["record"][0].any()


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"felt_by": [1]}, r"felt_by has shape \[1\], \[2\] is needed"),
        ({"felt_by": [2, -1]}, "felt_by is .2.0, -1.0., columns or -1 are allowed"),
        ({"felt_by": [0, -1]}, "felt_by is .0.0, -1.0., a sensor cannot feel itself"),
        ({"resolution": [-1, 0]}, "resolution is .-1.0, 0.0., at least 0 is needed"),
        ({"ratio": 1.0}, "ratio is 1"),
        ({"learn_s": -1}, "learn_s is -1"),
    ],
)
def test_wrong_parameters_are_named(parameters, sentence):
    with pytest.raises(ValueError, match=sentence):
        Flicker(2, **{"felt_by": [1, -1]} | parameters)
