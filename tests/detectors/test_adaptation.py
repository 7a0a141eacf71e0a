"""What is learnt once the learning time is over: after a quarantine, within a budget, and told."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import context, kernels
from detectors.context import SPELL, Adaptation, RegressionContext
from tests.detectors.laws import S_NS, Readings, assert_laws, assert_same_bits, walked

MOMENT_S = 600.0
HOLD_S = 6 * MOMENT_S
N = 400
"""Moments of the learning time."""
NO_END = {"adapt_day": 1e9, "adapt_total": 1e9}
LEARNER = ("factor", "target", "origin", "squares", "freedom", "moments", "extended")
"""All that what is expected, and how sure that is, follows from."""


def regression(**changes) -> RegressionContext:
    """Sensor 0 is the context, x, of which 1, x and the bend at 1 are features; 1 is judged."""
    parameters = {
        "depth": [0, 3],
        "floor": [0, 0.01],
        "moment_s": MOMENT_S,
        "learn_s": (N - 1) * MOMENT_S,
        "familiar": 0.05,
        "renew_s": 1e5,
        "quarantine_s": HOLD_S,
        "marks": [1],
        **NO_END,
    }
    stage = RegressionContext(2, **parameters | changes)
    stage.reserve(3)
    return stage


def features_of(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = ~np.isnan(x)
    phi = np.column_stack([np.ones(len(x)), x, np.maximum(x - 1, 0)])
    return np.where(known[:, None], phi, 0.0), np.where(known, 3, 0).astype(np.int32)


def plant(x, seed: int) -> np.ndarray:
    """The context, and a sensor that follows it with a spread of 0.1, and bends in storms."""
    x = np.asarray(x, dtype=np.float64)
    noise = np.random.default_rng(seed).normal(0, 0.1, len(x))
    return np.column_stack([x, 1 + 2 * x + 3 * np.maximum(x - 1, 0) + noise])


def run(stage: RegressionContext, values: np.ndarray, start: int) -> context.Explained:
    """One moment after the other, the first of which has this number."""
    phi, valid = features_of(values[:, 0])
    rows, ones = np.zeros(len(values), np.int32), np.ones(len(values), np.uint8)
    times = ((start + np.arange(len(values))) * MOMENT_S * S_NS).astype(np.int64)
    return stage.walk(rows, times, values, values, phi, valid, ones)


def usual(n: int, seed: int) -> np.ndarray:
    return plant(np.random.default_rng(seed).uniform(0, 1, n), seed)


def taught(**changes) -> RegressionContext:
    stage = regression(**changes)
    run(stage, usual(N, 1), 0)
    assert stage.ready(0) == 1.0
    return stage


def expected(stage: RegressionContext, x) -> np.ndarray:
    """What a copy of the stage would expect there, whether or not it is sure enough to say so."""
    rows = np.zeros(len(x), np.int32)
    other = regression(familiar=10, quarantine_s=stage.quarantine_s)
    other.restore({name: array[:1] for name, array in stage.state.items()})
    other.state["renewing"][:] = 0.0
    values = np.column_stack([x, np.full(len(x), np.nan)])
    phi, valid = features_of(np.asarray(x, dtype=np.float64))
    nothing = np.zeros(len(x), np.uint8)
    times = np.full(len(x), 10**18)
    return other.walk(rows, times, values, values, phi, valid, nothing).expected[:, 1]


def learner(stage: RegressionContext) -> list[np.ndarray]:
    return [stage.state[name].copy() for name in LEARNER]


def storm(n: int, seed: int, fault: float = 0.0) -> np.ndarray:
    """Gusts never met before between calms, with a fault from the first gust on."""
    rng = np.random.default_rng(seed)
    values = plant(
        np.where(rng.random(n) < 0.5, rng.uniform(2, 2.5, n), rng.uniform(0, 1, n)), seed
    )
    values[:, 1] += fault
    return values


def blown(**changes) -> RegressionContext:
    """A machine that fell ill, by 8 σ, in the first gust of its first storm."""
    stage = taught(**changes)
    run(stage, storm(60, 2, fault=0.8), N)
    return stage


def test_a_fault_that_begins_in_the_first_storm_is_not_taken_for_the_storm():
    (taken,) = expected(blown(quarantine_s=0), [2.25]) - (1 + 4.5 + 3.75)
    assert taken == pytest.approx(0.8, abs=0.1), "learnt at once, so that is what storms are like"
    healthy, ill = taught(), blown(quarantine_s=12 * MOMENT_S)
    assert_same_bits(learner(healthy), learner(ill))


def test_a_storm_without_a_fault_is_learnt_all_the_same():
    stage = taught()
    said = run(stage, storm(1000, 2), N)
    silent = np.isnan(said.residuals[:, 1])
    assert silent[:6].any(), "nobody can say at first what is right"
    assert silent[-60:].mean() < 0.1
    assert expected(stage, [2.25])[0] == pytest.approx(1 + 4.5 + 3.75, abs=0.15)


def test_a_sensor_that_flickers_learns_what_is_new_by_the_values_it_tells():
    stage, sure = taught(), taught()
    gusts = storm(400, 2)
    run(sure, gusts, N)
    flickering = gusts.copy()
    flickering[np.random.default_rng(3).random(len(gusts)) < 0.1, 1] = np.nan
    run(stage, flickering, N)
    told = expected(stage, [2.25])[0], expected(sure, [2.25])[0]
    assert told == pytest.approx([1 + 4.5 + 3.75] * 2, abs=0.3)


def test_what_is_new_waits_for_the_quarantine_and_no_longer_than_twice():
    for hold in (4, 6):
        stage = taught(quarantine_s=hold * MOMENT_S)
        before = learner(stage)
        for i in range(3 * hold):
            run(stage, plant([2.2], i), N + i)
            if np.any(stage.state["extended"] > 0):
                break
            assert_same_bits(before, learner(stage))
        assert hold <= i + 1 <= 2 * hold


@pytest.mark.parametrize("odd", [0.45, 0.8])
def test_what_is_thrown_out_changes_no_bit_of_the_learner(odd: float):
    stage = taught()
    before = learner(stage)
    run(stage, plant([2.2] * 3, 2), N)
    assert stage.state["held"][0].any()
    sick = usual(60, 3)
    sick[:, 1] += odd
    # Calms beyond the gusts, in which it shows that something is wrong before these were learnt.
    stage.state["level"][0, 1] = 1.4
    run(stage, sick[:2], N + 3)
    assert stage.state["level"][0, 1] > 1.5
    assert not stage.state["held"][0].any()
    run(stage, sick, N + 5)
    assert_same_bits(before, learner(stage))


@pytest.mark.parametrize(("level", "fault"), [(-0.9, 0.3), (-1.2, -1.0), (-1.5, 0.05), (-2.5, 0.5)])
def test_what_a_block_costs_is_how_far_it_moves_what_is_known(level: float, fault: float):
    stage = taught(quarantine_s=0)
    x = usual(N, 1)[:, 0]
    before = expected(stage, x)
    sigma = math.sqrt(stage.state["squares"][0, 1] / stage.state["freedom"][0, 1])
    run(stage, np.array([[level, 1 + 2 * level + fault]]), N)
    assert stage.state["extended"][0] > 0
    moved = math.sqrt(np.mean((expected(stage, x) - before) ** 2)) / sigma
    assert stage.state["moved"][0, 1] == pytest.approx(moved, rel=0.05)


def test_what_was_never_met_at_all_moves_nothing_that_is_known():
    stage = taught(quarantine_s=0)
    x = usual(N, 1)[:, 0]
    before = expected(stage, x)
    run(stage, np.array([[3.0, 13.0 + 20.0]]), N)  # 200 σ off
    assert stage.state["extended"][0] == pytest.approx(SPELL)
    assert np.abs(expected(stage, x) - before).max() < 0.05
    assert stage.state["moved"][0, 1] < 0.5


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.5, 1.2, 2.0, 2.5, 4.0, 9.0]),
            st.sampled_from([0.0, 0.3, -0.5, 2.0, 50.0]),
            st.integers(1, 40),
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([0.0, HOLD_S]),
    st.sampled_from([0.01, 0.1, 1.0]),
)
def test_expected_values_never_move_further_than_the_budget(episodes, quarantine_s, day):
    """Root mean square over all that was learnt in the learning time; a day has 144 moments."""
    total = 1.5 * day
    stage = taught(quarantine_s=quarantine_s, adapt_day=day, adapt_total=total)
    x = usual(N, 1)[:, 0]
    frozen, at = expected(stage, x), N
    sigma = max(math.sqrt(stage.state["squares"][0, 1] / stage.state["freedom"][0, 1]), 0.01)
    morning, days = frozen, {at // 144}
    for level, fault, n in episodes:
        values = plant([level] * n, at)
        values[:, 1] += fault
        for moment in values[:, None]:
            if at // 144 not in days:
                days.add(at // 144)
                morning = expected(stage, x)
            run(stage, moment, at)
            at += 1
        # σ may have grown by what was new, never shrunk to a share of it: judged by the first.
        now = expected(stage, x)
        spread = max(sigma, math.sqrt(stage.state["squares"][0, 1] / stage.state["freedom"][0, 1]))
        assert math.sqrt(np.mean((now - frozen) ** 2)) <= total * spread * 1.01 + 1e-4
        assert math.sqrt(np.mean((now - morning) ** 2)) <= day * spread * 1.01 + 1e-4
        assert stage.state["moved"][0, 0] <= day
        assert stage.state["moved"][0, 1] <= total


def test_a_budget_that_is_spent_is_told_once_and_a_day_later_there_is_more():
    stage = taught(adapt_day=0.05, adapt_total=0.12)
    gusts = storm(6 * 144, 2)
    gusts[:, 0] += np.linspace(0, 4, len(gusts)) * (gusts[:, 0] > 1)
    gusts[:, 1] = plant(gusts[:, 0], 3)[:, 1] + 0.3 * (gusts[:, 0] > 1)
    told = run(stage, gusts, 3 * 144).adapted
    assert {one.spent for one in told} == {"", "day", "total"}
    for spent in ("", "day"):
        days = [one.day_ns for one in told if one.spent == spent]
        assert len(days) == len(set(days)), "at most once a day"
    assert [one.spent for one in told].count("total") == 1
    learnt = [one for one in told if not one.spent]
    assert len(learnt) > 1
    assert SPELL * sum(one.moments for one in learnt) <= stage.state["extended"][0] * 1.001
    stage.accept(0)
    assert not stage.state["moved"][0].any(), "of the day too"


def test_the_account_of_a_day_says_how_much_and_where():
    stage = taught()
    run(stage, plant(np.linspace(2.0, 2.4, 30), 2), 3 * 144)
    (one,) = run(stage, usual(2, 3), 4 * 144).adapted
    assert isinstance(one, Adaptation)
    assert (one.reading, one.spent, one.day_ns) == (0, "", 3 * 86400 * S_NS)
    assert one.moments == pytest.approx(24), "the last six of 30 still wait"
    assert stage.state["extended"][0] == pytest.approx(24 * SPELL)
    assert one.spans.shape == (1, 2)
    assert 2.0 < one.spans[0, 0] < one.spans[0, 1] < 2.4
    assert 0 < one.day == one.total


def eventful(n: int) -> Readings:
    rng = np.random.default_rng(5)
    values = plant(rng.uniform(0, 1, n) + rng.uniform(0, 3, n) * (rng.random(n) < 0.2), 6)
    values[rng.random((n, 2)) < 0.05] = np.nan
    values[n // 2 : n // 2 + n // 6, 1] += 0.5
    times = np.cumsum(rng.choice([0, 60, 600, 1800], n)) * S_NS
    return Readings(rng.integers(0, 3, n).astype(np.int32), times, values)


def small() -> RegressionContext:
    return regression(learn_s=60 * MOMENT_S, familiar=0.2, adapt_day=0.5, adapt_total=3)


def columns(stage: RegressionContext, stream: Readings) -> tuple[np.ndarray, ...]:
    """What it says of each reading; and of its learning, beside the reading at which it is told."""
    phi, valid = features_of(stream.values[:, 0])
    learn = (stream.times // S_NS % 7 != 0).astype(np.uint8)
    said = stage.walk(stream.rows, stream.times, stream.values, stream.values, phi, valid, learn)
    told = np.zeros((len(stream), 3))
    for one in said.adapted:
        told[one.reading] += [one.moments, one.total, float(one.spans.sum())]
    return said.residuals, said.expected, said.band, told


def test_turns_restarts_and_other_machines_change_nothing():
    stream, stage = eventful(1500), small()
    *_, told = columns(stage, stream)
    assert (stage.state["extended"] > 0).all()
    assert (told[:, 0] > 0).sum() > 5
    assert_laws(small, columns, stream, [1, 700, 701, 1200])
    for cut in range(800, 830):
        assert_laws(small, columns, stream[:900], [cut])


def test_compiled_and_interpreted_are_the_same(compiled_kernel, monkeypatch):
    outcomes = []
    for kernel in (compiled_kernel("context"), kernels.interpreted("context")):
        monkeypatch.setattr(context, "kernel", kernel)
        stage = small()
        outcomes.append([*walked(stage, columns, eventful(1500)), *stage.state.values()])
    assert_same_bits(*outcomes)
