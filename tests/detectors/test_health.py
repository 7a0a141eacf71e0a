"""The health index and its outlook, held to their definitions and to told stories."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import health, kernels
from detectors.health import BLOCKS, RATIO, RINGS, HealthIndex
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
PALETTE = [NAN, 0.0, 0.3, 0.5, 0.9, 1.0, 1.7, 3.0, 8.0, 1e9]
S = 3


def two_components(**parameters) -> HealthIndex:
    """Two sensors and one, readings a second apart; the last two have zones."""
    given_s = {"smooth_s": 20, "block_s": 4, "max_gap_s": 3} | parameters
    zones = [None, (1.0, 2.0), (0.5, 4.0)]
    return HealthIndex(S, components=[[0, 1], [2]], zones=zones, **given_s)


def walk(stage: HealthIndex, stream: Readings):
    """Severities, which are the values as well; the machine stands where the first is large."""
    operating = (~(stream.values[:, 0] > 2)).astype(np.uint8)
    return [stage.walk(stream.rows, stream.times, stream.values, operating, stream.values)]


def one(hours=1.0, **parameters) -> HealthIndex:
    """One component of one sensor, blocks of so many hours."""
    stage = HealthIndex(1, components=[[0]], block_s=3600 * hours, **parameters)
    stage.reserve(3)
    return stage


def run(stage, severity, every_s=600, operating=None):
    stream = story(np.asarray(severity)[:, None], every_s)
    active = np.ones(len(stream), np.uint8) if operating is None else operating
    return stage.walk(stream.rows, stream.times + 1, stream.values, active)[:, 0]


@settings(max_examples=60)
@given(readings(S, PALETTE, max_size=80), st.lists(st.integers(0, 80), max_size=4))
def test_it_keeps_the_laws_of_every_stage(stream, cuts):
    assert_laws(two_components, walk, stream, cuts)


def test_compiled_and_interpreted_are_the_same(compiled_kernel, monkeypatch):
    rng = np.random.default_rng(5)
    n = 6000
    stream = Readings(
        rng.integers(0, 3, n).astype(np.int32),
        np.cumsum(rng.choice([0, 1, 1, 9], n)) * S_NS // 4,
        rng.choice(PALETTE, (n, S)),
    )
    outcomes = []
    for kernel in (compiled_kernel("health"), kernels.interpreted("health")):
        monkeypatch.setattr(health, "kernel", kernel)
        stage = two_components()
        outcomes.append([*walked(stage, walk, stream), *stage.state.values()])
    assert np.isfinite(outcomes[0][0]).mean() > 0.9
    assert np.isfinite(outcomes[0][-1]).any(axis=(0, 1, 3)).all(), "no block of the longest"
    assert_same_bits(*outcomes)


@pytest.mark.parametrize(
    ("severity", "index"), [(0, 100), (0.5, 100), (1, 200 / 3), (2, 100 / 3), (4, 0), (1e30, 0)]
)
def test_each_doubling_beyond_half_the_limit_costs_a_third(severity, index):
    found = run(one(), [severity] * 6)
    assert np.isnan(found[:4]).all()
    assert found[4:] == pytest.approx(index)


def test_it_is_a_median_of_five_then_an_ewma_over_time():
    severity = np.random.default_rng(1).uniform(0.6, 3.5, 60)
    level, expected = NAN, []
    for i in range(4, 60):
        median = float(np.median(severity[i - 4 : i + 1].astype(np.float32)))
        weight = 1 - math.exp(-600 / 7200)
        level = median if math.isnan(level) else level + weight * (median - level)
        expected.append(100 * (1 - math.log(level / 0.5) / math.log(8)))
    found = run(one(smooth_s=7200), severity)
    assert found[4:] == pytest.approx(expected)


def test_two_outliers_in_five_do_not_show():
    severity = np.full(50, 0.8)
    severity[[10, 11, 30]] = 1e9
    found = run(one(), severity)
    assert len(set(found[4:])) == 1


def test_a_parked_machine_neither_wears_nor_gets_well():
    stage = one()
    before = run(stage, [1.2] * 20)[-1]
    clock = stage.operating_h(0)
    assert clock == pytest.approx(19 / 6)
    parked = story(np.full((500, 1), 0.1), 600)
    found = stage.walk(
        parked.rows, parked.times + 21 * 600 * S_NS, parked.values, np.zeros(500, np.uint8)
    )
    assert (found == before).all()
    assert stage.operating_h(0) == clock


def test_a_long_silence_counts_as_no_operation():
    stage = one(max_gap_s=900)
    stream = story(np.ones((4, 1)), times_s=[1, 601, 1502, 2002])
    stage.walk(stream.rows, stream.times, stream.values, np.ones(4, np.uint8))
    assert stage.operating_h(0) == pytest.approx(1100 / 3600)


@pytest.mark.parametrize(
    ("value", "cap"), [(3.4, 100), (3.6, 60), (5.5, 60), (5.7, 30), (99, 30), (NAN, 100), (-1, 100)]
)
def test_a_zone_caps_the_index(value, cap):
    stage = HealthIndex(1, components=[[0]], zones=[(3.5, 5.6)])
    stage.reserve(1)
    stream = story(np.full((10, 1), 0.2), 600)
    values = np.full((10, 1), float(value))
    found = stage.walk(stream.rows, stream.times, stream.values, np.ones(10, np.uint8), values)
    assert found[-1, 0] == cap


def test_a_component_is_as_ill_as_its_worst_sensor():
    stage = HealthIndex(3, components=[[0, 2], [1]])
    stage.reserve(1)
    stream = story([[0.3, 0.3, 2.0]] * 6, 600)
    found = stage.walk(stream.rows, stream.times, stream.values, np.ones(6, np.uint8))
    assert found[-1] == pytest.approx([100 / 3, 100])


def test_rings_hold_the_means_of_ever_longer_blocks():
    severity = np.random.default_rng(2).uniform(0, 2, 6 * 600)
    stage = one(quiet=0.01)
    run(stage, severity)
    medians = np.array([np.median(severity[max(i - 4, 0) : i + 1]) for i in range(len(severity))])
    medians[:4] = NAN
    length = 6
    for ring in range(RINGS):
        means = [np.nanmean(medians[a:b]) for a, b in pairwise(range(0, len(severity), length))]
        held = stage._ring(0, 0, ring)
        known = held[np.isfinite(held)]
        assert len(known) == min(BLOCKS, len(means))
        tolerance = 2e-2 if ring else 1e-5  # the first block of all is a reading short
        np.testing.assert_allclose(known, means[-BLOCKS:][: len(known)], rtol=tolerance)
        length *= RATIO


def test_history_is_told_once_and_in_order():
    stage = one()
    run(stage, np.linspace(0.1, 2, 6 * 24 * 60))
    hours, severity = stage.history(0, 0)
    assert (np.diff(hours) > 0).all()
    assert (np.diff(severity) > 0).all()
    assert -24 * 60 < hours[0] < -24 * 50
    assert -1.5 <= hours[-1] <= -0.5
    np.testing.assert_allclose(severity, 2 + hours * 1.9 / (24 * 60), atol=0.01)


def wearing(days=30, life_h=400, seed=3, noise=0.1):
    """Health for some days, then damage that takes the severity to four limits."""
    rng = np.random.default_rng(seed)
    hours = np.arange((24 * days + life_h) * 6) / 6
    age = np.maximum(hours - 24 * days, 0) / life_h
    true = 0.3 + 3.7 * np.expm1(4 * age) / math.expm1(4)
    return true * rng.lognormal(0, noise, len(true))


def test_the_story_of_a_bearing_from_new_to_worn_and_new_again():
    severity = wearing()
    stage = one()
    run(stage, severity[: 6 * 10])
    assert stage.outlook(0, 0).trend == "not ready"

    stage = one()
    healthy, end = 6 * 24 * 30, len(severity)
    index = run(stage, severity[:healthy])
    assert index[-1] == 100
    assert stage.outlook(0, 0).trend == "no trend"
    assert math.isnan(stage.outlook(0, 0).p50_h)

    stage = one()
    left_h = 80
    index = run(stage, severity[: end - 6 * left_h])
    outlook = stage.outlook(0, 0)
    assert 20 < index[-1] < 67
    assert outlook.trend == "degrading"
    assert outlook.p10_h < left_h < outlook.p90_h
    assert outlook.p50_h == pytest.approx(left_h, rel=0.4)

    stage.reset(0)
    assert stage.outlook(0, 0).trend == "not ready"
    assert stage.operating_h(0) > 0
    after = stage.walk(
        np.zeros(5, np.int32),
        10**18 + np.arange(5) * 600 * S_NS,
        np.full((5, 1), 0.3),
        np.ones(5, np.uint8),
    )
    np.testing.assert_array_equal(np.isnan(after[:, 0]), [1, 1, 1, 1, 0])


def test_a_repaired_component_leaves_the_others_alone():
    stage = two_components()
    stage.reserve(2)
    stream = story(np.random.default_rng(1).uniform(0, 1.9, (100, S)))
    walk(stage, stream)
    before = {name: array.copy() for name, array in stage.state.items()}
    stage.reset(0, 1)
    for name, array in stage.state.items():
        assert array[1].tobytes() == before[name][1].tobytes()
        if array.ndim > 1:
            assert array[0, 0].tobytes() == before[name][0, 0].tobytes()
    assert math.isnan(stage.state["level"][0, 1])


def test_what_degrades_where_it_has_been_before_is_no_trend():
    """A swing that comes every week rises for days, but to nowhere new."""
    hours = np.arange(6 * 24 * 60) / 6
    rng = np.random.default_rng(6)
    swing = (0.9 + 0.4 * np.sin(2 * np.pi * hours / 168)) * rng.lognormal(0, 0.05, len(hours))
    stage = one()
    found = []
    for begin in range(0, len(hours), 36):
        part = story(swing[begin : begin + 36, None], 600)
        stage.walk(
            part.rows, part.times + begin * 600 * S_NS + 1, part.values, np.ones(36, np.uint8)
        )
        found.append(stage.outlook(0, 0).trend)
    assert "degrading" not in found[4 * 10 :]


@pytest.mark.parametrize(("first", "rises"), [(1.0, True), (3.0, False)])
def test_a_trend_needs_two_passes_in_succession(first, rises):
    """With high blocks four passes ago, only the newest pass sees a rise."""
    ring = np.concatenate([np.full(4, first), np.full(10, 1.0), np.linspace(1.1, 3.5, 14)])
    restless = ring * np.where(np.arange(28) % 2, 1.05, 0.95)
    assert health._rises(restless, 0.25, 0.0) is rises


def test_healthy_noise_is_not_told_a_remaining_life():
    rng = np.random.default_rng(8)
    found = []
    for _ in range(5):
        stage = one()
        severity = 0.45 * np.abs(1 + 0.2 * rng.normal(size=6 * 24 * 30))
        for begin in range(0, len(severity), 36):
            part = story(severity[begin : begin + 36, None], 600)
            stage.walk(
                part.rows, part.times + begin * 600 * S_NS + 1, part.values, np.ones(36, np.uint8)
            )
            found.append(stage.outlook(0, 0).trend)
    assert found.count("degrading") == 0
    assert found.count("no trend") > 0.9 * len(found)


def test_a_machine_of_three_components_takes_less_than_two_kilobytes():
    stage = HealthIndex(8, components=[[0, 1], [2, 3, 4], [5, 6, 7]])
    stage.reserve(1)
    assert sum(array.nbytes for array in stage.state.values()) < 2000


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"components": []}, "components is empty"),
        ({"components": [[]]}, "components holds"),
        ({"components": [[1]]}, r"components holds \[1\], columns of sensors 0 to 0"),
        ({"zones": []}, "zones has 0 entries, 1 are needed"),
        ({"zones": [(2, 1)]}, "0 < B/C < C/D is needed"),
        ({"quiet": 0}, "quiet is 0"),
        ({"failed": 0.5}, "failed is 0.5"),
        ({"smooth_s": 0}, "smooth_s is 0"),
        ({"block_s": 0}, "block_s is 0"),
        ({"max_gap_s": 7200}, "max_gap_s is 7200"),
        ({"rise": -1}, "rise is -1"),
        ({"horizon_h": 0}, "horizon_h is 0"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(parameters, sentence):
    with pytest.raises(ValueError, match=sentence):
        HealthIndex(1, **{"components": [[0]], **parameters})
