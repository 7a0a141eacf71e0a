"""What the machine is doing, as features: what they are, and when they may be believed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import basis, kernels
from detectors.basis import ContextBasis
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
PALETTE = [NAN, -3.0, 0.0, 0.5, 1.0, 2.0, 7.5]
LAGS_S, WARM_S, KNOTS = (5.0, 20.0, 60.0), 100.0, 2


def features(stage: ContextBasis, stream: Readings):
    return stage.walk(stream.rows, stream.times, stream.values)


def two_contexts() -> ContextBasis:
    """Sensors 2 and 0 explain; sensor 1 does not."""
    return ContextBasis(
        3, context=[2, 0], least=[0.5, 9, 0.25], knots=KNOTS, lags_s=LAGS_S, warm_s=WARM_S
    )


def one(values, every_s: float = 10.0, **parameters):
    stage = ContextBasis(1, context=[0], **{"knots": 1, "lags_s": [20], "warm_s": 0} | parameters)
    return walked(stage, features, story(np.reshape(values, (-1, 1)), every_s))


def defined(x, low, high, times_s) -> np.ndarray:
    """The features of one context by NumPy, without its products with others; f8[n, each]."""
    u = (x - low) / (high - low)
    at = [k / (KNOTS + 1) for k in range(1, KNOTS + 1)] + [1, 1.5]
    columns = [u, *(np.maximum(u - bend, 0) for bend in at)]
    for k, lag_s in enumerate(LAGS_S):
        passed = np.array([low_pass(times_s[: i + 1], u[: i + 1], lag_s) for i in range(len(u))])
        columns += [passed, passed**2] if k == 1 else [passed]
    return np.column_stack(columns)


def low_pass(times_s, u, lag_s: float) -> float:
    """Its closed form: each value weighs by how much of it the later ones have left."""
    left = np.exp(-np.diff(times_s) / lag_s)
    share = np.append(1.0, 1 - left)
    return float(share * np.append(np.cumprod(left[::-1])[::-1], 1.0) @ u)


def test_features_are_those_of_the_definition():
    rng = np.random.default_rng(1)
    times_s = np.cumsum(rng.choice([1.0, 7.0, 30.0], 120))
    values = rng.uniform(0, 10, (120, 3))
    values[60:] *= 1.8  # beyond the span of the first 100 s
    found, valid = walked(two_contexts(), features, story(values, times_s=times_s))
    settled = times_s - times_s[0] >= 2 * max(LAGS_S)
    spoken = np.flatnonzero(settled)
    early = times_s - times_s[0] < WARM_S
    blocks = [
        defined(x, x[early].min(), x[early].max(), times_s)[spoken]
        for x in (values[:, 2], values[:, 0])
    ]
    product = blocks[0][:, :1] * blocks[1][:, :1]
    wanted = np.column_stack([np.ones(len(spoken)), *blocks, product])
    assert wanted.shape[1] == two_contexts().n_features
    np.testing.assert_allclose(found[spoken], wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(valid, np.where(settled, wanted.shape[1], 0))


def test_a_missing_context_leaves_those_before_it():
    values = np.ones((40, 3))
    values[30:, 2], values[35:, 0] = NAN, NAN
    stage = two_contexts()
    turned = ContextBasis(
        3, context=[0, 2], least=[0.5, 9, 0.25], knots=KNOTS, lags_s=LAGS_S, warm_s=WARM_S
    )
    valid = [walked(one_, features, story(values, 10))[1] for one_ in (stage, turned)]
    assert valid[0][29:].tolist() == [stage.n_features] + [1] * 10
    assert valid[1][29:].tolist() == [stage.n_features] + [int(stage.start[1])] * 5 + [1] * 5


def test_the_usual_span_is_that_of_the_first_days_and_no_smaller_than_least():
    for spread, width in ((4.0, 4.0), (0.0, 0.5)):
        x = [3.0, 3.0 + spread, *[5.0] * 10]
        found, _ = one(x, least=[0.5], warm_s=20)
        assert found[-1, 1] == pytest.approx((5.0 - 3.0) / width)


def test_nothing_is_said_after_a_gap_until_low_passes_have_settled():
    times_s = [*range(0, 100, 10), *range(200, 300, 10)]
    stage = ContextBasis(1, context=[0], knots=1, lags_s=[20], warm_s=20)
    x = np.array([0.0, 1.0] * 5 + [3.0] * 10)
    found, valid = walked(stage, features, story(x[:, None], times_s=times_s))
    assert np.flatnonzero(valid == 0).tolist() == [*range(4), *range(10, 14)]
    np.testing.assert_array_equal(found[14:, 5], 3.0)  # nothing of the zeros and ones is left


def test_a_context_that_was_away_is_away_for_as_long_again_and_its_low_passes_catch_up():
    values = np.ones((60, 3)) * np.arange(60)[:, np.newaxis] % 2
    values[30:35, 2] = NAN  # 50 s, and the step back
    values[35:, 2] = 4.0
    stage = two_contexts()
    found, valid = walked(stage, features, story(values, 10))
    assert valid[29:41].tolist() == [stage.n_features] + [1] * 10 + [stage.n_features]
    usual, lagged = found[29], found[40]
    at = int(stage.start[0]) + KNOTS + 3 + len(LAGS_S)  # of the longest, in spans of 0 … 1
    assert lagged[at] == pytest.approx(4.0 + math.exp(-110 / 60) * (usual[at] - 4.0))


def test_a_context_that_stays_away_for_long_is_believed_after_settling():
    values = np.ones((120, 3)) * np.arange(120)[:, np.newaxis] % 2
    values[30:90, 2] = NAN
    stage = two_contexts()
    _, valid = walked(stage, features, story(values, 10))
    settle = round(2 * max(LAGS_S) / 10)
    assert (valid[30 : 90 + settle] == 1).all()
    assert (valid[90 + settle :] == stage.n_features).all()


def test_who_reads_no_low_passes_need_not_wait():
    values = np.arange(30.0) % 2
    values[20:25] = NAN
    for lags_s, again in (([20], 29), ([], 25)):
        _, valid = one(values, lags_s=lags_s)
        assert np.flatnonzero(valid[20:] > 1)[0] == again - 20


def test_a_context_that_first_speaks_late_is_missing_until_its_span_is_known():
    values = np.column_stack([np.arange(60.0), np.zeros(60), np.arange(60.0) % 7])
    values[:30, 0] = NAN
    stage = two_contexts()
    found, valid = walked(stage, features, story(values, 10))
    assert valid.tolist() == [0] * 12 + [int(stage.start[1])] * 28 + [stage.n_features] * 20
    assert np.isfinite(found).all()
    assert found[-1, stage.start[1]] == pytest.approx((59 - 30) / 9)


def test_without_low_passes_and_products_there_are_levels_and_bends():
    values = np.random.default_rng(2).uniform(0, 10, (40, 3))
    spoken, plain = {"context": [2, 0], "knots": KNOTS, "warm_s": WARM_S}, 4 + KNOTS
    bare = ContextBasis(3, **spoken, lags_s=[], settle_s=50.0, products=False)
    whole = ContextBasis(3, **spoken, lags_s=[25.0])
    found, valid = walked(bare, features, story(values, 10))
    more, _ = walked(whole, features, story(values, 10))
    assert valid.tolist() == [0] * 5 + [1] * 5 + [bare.n_features] * 30
    bends = [slice(at, at + plain - 1) for at in (1, int(whole.start[1]))]
    np.testing.assert_array_equal(found[10:, 1:], np.hstack([more[10:, at] for at in bends]))
    assert bare.n_features == 1 + 2 * (plain - 1)


def test_without_context_there_is_a_constant_at_once():
    stage = ContextBasis(2)
    found, valid = walked(stage, features, story([[1.0, NAN]] * 3))
    assert (found.tolist(), valid.tolist()) == ([[1.0]] * 3, [1] * 3)


def states() -> ContextBasis:
    """Sensor 1 tells what sensor 0's machine does: 1 as usual, 2 or 0.5 something else."""
    parameters = {"lags_s": [0.5], "warm_s": 0, "knots": 0}
    return ContextBasis(3, context=[0], state=1, levels=[2.0, 0.5], **parameters)


def test_each_state_but_the_first_has_a_level_of_its_own():
    values = np.array([[3.0, told, 0.0] for told in (1, 2, 0.5, 7, 1)])
    found, valid = walked(states(), features, story(values, 1))
    assert found[1:, :3].tolist() == [[1, 1, 0], [1, 0, 1], [1, 0, 0], [1, 0, 0]]
    assert valid[1:].tolist() == [states().n_features] * 4


def test_who_tells_a_state_has_no_features_while_it_does_not():
    values = np.array([[3.0, told, 0.0] for told in (NAN, NAN, 1, NAN, 2)])
    _, valid = walked(states(), features, story(values, 1))
    everything = states().n_features
    assert valid.tolist() == [0, everything, everything, 0, everything], "unknown is not the first"


@pytest.mark.parametrize("make", [two_contexts, states])
@given(stream=readings(3, PALETTE), cuts=st.lists(st.integers(0, 60), max_size=6))
@settings(max_examples=60, deadline=None)
def test_it_keeps_the_laws(make, stream, cuts):
    assert_laws(make, features, stream, cuts)


def test_compiled_and_interpreted_features_and_states_are_the_same(compiled_kernel, monkeypatch):
    rng = np.random.default_rng(5)
    n = 3000
    stream = Readings(
        rng.integers(0, 3, n).astype(np.int32),
        np.cumsum(rng.choice([0, 1, 3, 40], n, p=[0.1, 0.5, 0.39, 0.01])) * S_NS,
        rng.normal(5, 3, (n, 3)),
    )
    stream.values[rng.random((n, 3)) < 0.1] = NAN
    outcomes = []
    for kernel in (compiled_kernel("basis"), kernels.interpreted("basis")):
        monkeypatch.setattr(basis, "kernel", kernel)
        stage = two_contexts()
        outcomes.append([*walked(stage, features, stream), *stage.state.values()])
    assert (outcomes[0][1] == two_contexts().n_features).mean() > 0.5
    assert_same_bits(*outcomes)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"knots": 33}, "knots is 33"),
        ({"lags_s": [1.0] * 9}, "lags_s, how many, is 9"),
        ({"lags_s": [0.0]}, "lags_s is 0.0"),
        ({"settle_s": -1.0}, "settle_s is -1.0"),
        ({"warm_s": -1.0}, "warm_s is -1.0"),
        ({"context": [2]}, "context is 2, a whole number in 0 … 1 is allowed"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        ContextBasis(2, **{"context": [0]} | wrong)
