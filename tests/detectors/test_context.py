"""What a sensor should read: least squares on its context, frozen where that is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import context, kernels
from detectors.context import LEAST_WEIGHT, LEVEL_S, RIDGE, SPELL, Explained, RegressionContext
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
PALETTE = [NAN, -3.0, 0.0, 0.5, 1.0, 2.0, 2.5, 7.5]
P = 3
"""Sensor 0 explains by 1, x, x²; sensor 1 may use the first two of them, sensor 2 all."""


def regression(**changes) -> RegressionContext:
    parameters = {
        "depth": [0, 2, 3],
        "floor": [0, 0.01, 0.01],
        "moment_s": 10,
        "learn_s": 1e9,
        "familiar": 10,
        "renew_s": 1000,
        # What is new is learnt at once and without end here; test_adaptation.py has the rest.
        "quarantine_s": 0,
        "adapt_day": 1e9,
        "adapt_total": 1e9,
    }
    stage = RegressionContext(3, **parameters | changes)
    stage.reserve(3)
    return stage


def features_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = values[:, 0]
    known = ~np.isnan(x)
    phi = np.column_stack([np.ones(len(x)), x, x * x])
    return np.where(known[:, None], phi, 0.0), np.where(known, P, 1).astype(np.int32)


def explain(stage: RegressionContext, stream: Readings) -> Explained:
    """Everything that is reported may be learnt, but for every seventh second."""
    phi, valid = features_of(stream.values)
    learn = (stream.times // S_NS % 7 != 0).astype(np.uint8)
    return stage.walk(stream.rows, stream.times, stream.values, stream.values, phi, valid, learn)


def columns(stage: RegressionContext, stream: Readings) -> tuple[np.ndarray, ...]:
    """What it says of every reading."""
    said = explain(stage, stream)
    return said.residuals, said.expected, said.band


def run(stage: RegressionContext, values, every_s: float = 10.0, start_s: float = 0.0) -> Explained:
    """One machine, whose every reading may be learnt."""
    values = np.asarray(values, dtype=np.float64)
    times = np.round((start_s + np.arange(len(values)) * every_s) * S_NS).astype(np.int64)
    phi, valid = features_of(values)
    rows, ones = np.zeros(len(values), np.int32), np.ones(len(values), np.uint8)
    return stage.walk(rows, times, values, values, phi, valid, ones)


def plant(x, seed: int = 0) -> np.ndarray:
    """Readings of the three sensors at these contexts."""
    rng = np.random.default_rng(seed)
    x = np.asarray(x, dtype=np.float64)
    noise = rng.normal(0, 0.1, (2, len(x)))
    return np.column_stack([x, 1 + 2 * x + noise[0], 5 - x + 3 * x * x + noise[1]])


def taught(n: int = 400, seed: int = 1, **changes) -> RegressionContext:
    """A machine that has learnt its usual contexts, 0 … 1, and is frozen there."""
    stage = regression(learn_s=(n - 1) * 10, **{"familiar": 0.1} | changes)
    run(stage, plant(np.random.default_rng(seed).uniform(0, 1, n), seed))
    assert stage.ready(0) == 1.0
    return stage


def usual(n: int, seed: int = 9) -> np.ndarray:
    return plant(np.random.default_rng(seed).uniform(0, 1, n), seed)


class Definition:
    """One sensor by NumPy: the normal equations of all that was ever learnt, solved each time."""

    def __init__(self, depth: int, floor: float) -> None:
        self.depth, self.floor, self.origin = depth, floor, NAN
        self.a = np.diag([1e-9] + [RIDGE] * (depth - 1)) ** 2
        self.b = np.zeros(depth)
        self.squares = self.weight = 0.0

    def told(self, phi: np.ndarray, x: float) -> tuple[float, float, float]:
        """Expected, leverage, σ."""
        phi = phi[: self.depth]
        if np.isnan(self.origin):
            self.origin = x
        expected = self.origin + phi @ np.linalg.solve(self.a, self.b)
        sigma = math.sqrt(self.squares / self.weight) if self.weight else NAN
        return expected, float(phi @ np.linalg.inv(self.a) @ phi), max(sigma, self.floor)

    def learn(self, phi: np.ndarray, x: float, weight: float) -> None:
        expected, h, sigma = self.told(phi, x)
        error = 0.0 if np.isnan(x) else x - expected
        if self.weight >= 30:
            most = 4 * sigma * math.sqrt(1 + h)
            error = min(max(error, -most), most)
        if h <= 0.5 and not np.isnan(x):
            self.squares += weight * error**2 / (1 + h)
            self.weight += weight
        phi = phi[: self.depth]
        self.a += weight * np.outer(phi, phi)
        self.b += weight * phi * (expected + error - self.origin)


def test_it_is_least_squares_at_every_step():
    """With the same weights and ridge; and the leverage is φᵀ A⁻¹ φ."""
    rng = np.random.default_rng(3)
    n, stage = 300, regression()
    values = plant(rng.uniform(-1, 2, n))
    values[rng.random((n, 3)) < 0.05] = NAN
    values[0], values[1] = (0.3, 1.5, 5.0), NAN
    values[100:110, 1:] += 50  # drawn in to four σ
    times_s = np.cumsum(rng.choice([1.0, 4.0, 10.0, 300.0], n))
    phi, valid = features_of(values)
    times = np.round(times_s * S_NS).astype(np.int64)
    ones, rows = np.ones(n, np.uint8), np.zeros(n, np.int32)
    said = stage.walk(rows, times, values, values, phi, valid, ones)
    one, two = Definition(2, 0.01), Definition(3, 0.01)
    heard_s, compared = times_s[0], 0
    for i in range(n):
        if valid[i] < P:
            assert np.isnan(said.expected[i]).all()
            continue
        weight, heard_s = min((times_s[i] - heard_s) / 10, 1.0), times_s[i]
        for s, definition in ((1, one), (2, two)):
            expected, h, sigma = definition.told(phi[i], values[i, s])
            spoken = h <= 10 and definition.weight >= 30
            assert np.isnan(said.expected[i, s]) != spoken
            if spoken:
                band = sigma * math.sqrt(1 + h)
                assert said.expected[i, s] == pytest.approx(expected, rel=1e-6, abs=1e-5)
                assert said.band[i, s] == pytest.approx(band, rel=1e-5)
                if not np.isnan(values[i, s]):
                    z = (values[i, s] - expected) / band
                    assert said.residuals[i, s] == pytest.approx(z, rel=1e-5, abs=1e-4)
                compared += 1
            if weight > 0:
                definition.learn(phi[i], values[i, s], weight)
    assert compared > 400


def test_where_the_context_is_known_nothing_is_learnt_any_more():
    stage = taught()
    before = {name: array.tobytes() for name, array in stage.state.items()}
    creeping = usual(600) + np.linspace(0, 3, 600)[:, None] * np.array([0, 1, 1])
    said = run(stage, creeping, start_s=5000)
    for name in ("factor", "target", "squares", "freedom", "moments"):
        assert stage.state[name].tobytes() == before[name], name
    assert (said.residuals[-50:, 1:] > 15).all()


def test_what_it_never_did_before_is_not_judged_and_then_learnt():
    stage = taught()
    news = plant(np.random.default_rng(2).uniform(2.5, 3, 900), 4)
    said = run(stage, news, start_s=5000)
    assert np.isnan(said.residuals[0, 1:]).all(), "nobody can say what is right there"
    assert stage.state["extended"][0] > 0
    assert (np.abs(said.residuals[-100:, 1:]) < 6).all()
    wanted = plant([2.7])[0]
    assert run(stage, [wanted], start_s=15_000).expected[0, 1:] == pytest.approx(
        wanted[1:], abs=0.5
    )


def test_five_moments_of_the_first_storm_count_as_one():
    """It is one spell of weather: what it happened to be like is no rule for the next."""
    stage = taught()
    known = stage.state["moments"][0]
    said = run(stage, plant(np.full(20, 2.8)), start_s=5000)
    assert stage.state["moments"][0] - known == pytest.approx(4)
    assert stage.state["extended"][0] == pytest.approx(4)
    assert np.isnan(said.residuals[:, 1:]).all(), "twenty moments, and still not familiar"
    said = run(stage, plant(np.full(60, 2.8)), start_s=6000)
    assert np.isfinite(said.residuals[-1, 1:]).all()


def test_a_storm_told_often_waits_until_it_is_enough_to_be_kept():
    """A fifth of what is just enough while learning would be lost in single precision."""
    stage, every_s = taught(), 1.5 * LEAST_WEIGHT * 10
    run(stage, plant(np.full(4, 2.8)), every_s=every_s, start_s=5000)
    assert stage.state["extended"][0] == pytest.approx(SPELL)
    run(stage, plant([2.8]), start_s=5000 + 4 * every_s)
    assert stage.state["extended"][0] == pytest.approx(SPELL * (1 + 6 * LEAST_WEIGHT))


def swaying(assured: list[int] | None) -> tuple[Explained, int]:
    """Sensor 2 follows x and a covariate, at last where that never was; and from when it is."""
    rng, n = np.random.default_rng(6), 400
    x, sway = rng.uniform(0, 1, n + 50), rng.uniform(0, 1, n + 50)
    sway[n:] += 4
    values = plant(x)
    values[:, 2] = 5 - x + 4 * sway + rng.normal(0, 0.1, n + 50)
    values[-1, 2] += 3
    phi, valid = np.column_stack([np.ones(n + 50), x, sway]), np.full(n + 50, P, np.int32)
    stage = regression(learn_s=(n - 1) * 10, familiar=0.1, assured=assured)
    learn = (np.arange(n + 50) < n).astype(np.uint8)
    rows, times = np.zeros(n + 50, np.int32), np.arange(n + 50) * 10 * S_NS
    return stage.walk(rows, times, values, values, phi, valid, learn), n


def test_what_need_not_be_familiar_is_extrapolated_with_less_trust():
    said, n = swaying(assured=[0, 2, 2])
    assert np.isfinite(said.residuals[n:, 1:]).all()
    assert (np.abs(said.residuals[n:-1, 2]) < 4).all()
    assert said.residuals[-1, 2] > 10
    assert (said.band[n:, 2] > 1.02 * said.band[n - 1, 2]).all()


def test_what_must_be_familiar_silences_only_whom_it_explains():
    said, n = swaying(assured=None)
    assert np.isnan(said.residuals[n:, 2]).all()
    assert np.isfinite(said.residuals[n:, 1]).all()


def test_what_is_new_is_not_learnt_while_something_has_long_been_wrong():
    stage = taught()
    sick = usual(100) + np.array([0, 1.0, 0])
    run(stage, sick, every_s=LEVEL_S / 50, start_s=5000)
    before = stage.state["factor"].tobytes(), stage.state["target"].tobytes()
    said = run(stage, plant(np.full(50, 3.0)), start_s=5000 + 2 * LEVEL_S)
    assert np.isnan(said.residuals[0, 1:]).all()
    assert (stage.state["factor"].tobytes(), stage.state["target"].tobytes()) == before


def test_weights_count_moments_whatever_the_rate():
    for every_s, moments in ((1.0, 9.9), (10.0, 99.0), (300.0, 99.0)):
        stage = regression()
        run(stage, usual(100), every_s=every_s)
        assert stage.state["moments"][0] == pytest.approx(moments)


def test_a_thousand_readings_a_moment_teach_as_much_as_ten():
    """Each would be too little for single precision; they wait until it is enough."""
    often, seldom = regression(), regression()
    x = np.linspace(0, 1, 100_000)
    run(often, plant(x), every_s=0.01)
    run(seldom, plant(x[::100]), every_s=1.0)
    assert often.state["moments"][0] == pytest.approx(100, abs=0.2)
    told = [run(one, plant([0.5]), start_s=2000) for one in (often, seldom)]
    assert told[0].expected == pytest.approx(told[1].expected, abs=0.05, nan_ok=True)
    assert told[0].expected[0, 1:] == pytest.approx([2.0, 5.25], abs=0.05)


@pytest.mark.parametrize("x", [1e6, 1e40, 1e140])
def test_a_context_beyond_all_reason_is_not_learnt(x):
    stage = taught()
    before = {name: array.tobytes() for name, array in stage.state.items()}
    run(stage, [[x, 1.0, 5.0]], start_s=5000)
    assert {name: array.tobytes() for name, array in stage.state.items()} == before


@pytest.mark.parametrize("at", [0, 10])
def test_a_value_beyond_single_precision_is_as_good_as_none(at):
    stage, values = regression(familiar=0.1), plant(np.random.default_rng(5).uniform(0, 1, 400))
    values[at, 1] = 1e60
    run(stage, values)
    said = run(stage, usual(20), start_s=5000)
    assert said.band[:, 1:] == pytest.approx(0.1, rel=0.2)
    assert np.isfinite(said.residuals[:, 1:]).all()


def test_readings_of_one_moment_weigh_as_much_as_one_that_is_their_mean():
    """Ten readings of one context, a second apart, are fitted as one reading every ten seconds."""
    x = np.random.default_rng(1).uniform(0, 1, 60)
    once, often = regression(), regression()
    run(once, plant(x))
    run(often, np.repeat(plant(x), 10, axis=0), every_s=1.0, start_s=-9.0)
    np.testing.assert_allclose(often.state["factor"][0], once.state["factor"][0], rtol=0.3)
    asked = plant(np.linspace(0, 1, 5))
    expected = [run(stage, asked, start_s=1000).expected for stage in (once, often)]
    np.testing.assert_allclose(expected[0][:, 1:], expected[1][:, 1:], atol=0.1)


def test_after_accept_a_sensor_learns_its_level_and_gain():
    stage = taught()
    before = stage.state["target"].copy()
    stage.accept(0, [2])
    changed = usual(400)
    changed[:, 2] = 7 + 1.5 * changed[:, 2]
    said = run(stage, changed, start_s=5000)
    assert np.isnan(said.residuals[:100, 2]).all(), "silent for renew_s"
    assert (np.abs(said.residuals[:, 1]) < 6).all(), "the others go on"
    assert stage.state["target"][0, :2].tobytes() == before[0, :2].tobytes()
    asked = plant(np.linspace(0, 1, 5))
    again = run(stage, asked, start_s=10_000)
    np.testing.assert_allclose(again.expected[:, 2], 7 + 1.5 * asked[:, 2], atol=0.6)


def test_after_accept_one_that_reads_as_before_keeps_all_it_knows():
    stage = taught()
    target = stage.state["target"].tobytes()
    stage.accept(0)
    said = run(stage, usual(300), start_s=5000)
    assert stage.state["target"].tobytes() == target
    assert np.isnan(said.residuals[:100]).all()
    assert np.isfinite(said.residuals[-100:, 1:]).all()


@pytest.mark.parametrize("life", ["compiled", "interpreted"])
def test_a_sensor_that_first_speaks_after_maintenance_breaks_nothing(
    life, compiled_kernel, monkeypatch
):
    make = compiled_kernel if life == "compiled" else kernels.interpreted
    monkeypatch.setattr(context, "kernel", make("context"))
    stage, silent = regression(learn_s=3990, familiar=0.1), usual(400)
    silent[:, 2] = NAN
    run(stage, silent)
    stage.accept(0)
    run(stage, usual(200), start_s=5000)
    assert all(np.isfinite(stage.state[name][0]).all() for name in ("target", "squares"))


def test_a_value_that_is_missing_is_expected_all_the_same():
    stage = taught()
    values = usual(1)
    full = values.copy()
    values[0, 2] = NAN
    phi, valid = features_of(full)
    at = np.array([5000 * S_NS])
    said = stage.walk(np.zeros(1, np.int32), at, values, full, phi, valid, np.ones(1, np.uint8))
    assert np.isnan(said.residuals[0]).tolist() == [True, False, True]
    assert np.isnan(said.expected[0]).tolist() == [True, False, False]


def test_a_sensor_needs_no_more_context_than_explains_it():
    stage = taught()
    values, ones = usual(1), np.ones(1, np.uint8)
    phi, _ = features_of(values)
    before = stage.state["moments"].tobytes()
    two = np.array([2], np.int32)
    said = stage.walk(np.zeros(1, np.int32), np.array([9**12]), values, values, phi, two, ones)
    assert np.isnan(said.residuals[0]).tolist() == [True, False, True]
    assert stage.state["moments"].tobytes() == before, "half a context teaches nothing"


def test_what_is_not_familiar_is_learnt_as_it_reads_what_is_familiar_is_drawn_in():
    stage = regression(familiar=0.05)
    values = plant(np.random.default_rng(4).uniform(0, 1, 400), seed=4)
    run(stage, values)
    odd = np.tile([4.0, 49.0 + 50, 0.0], (4, 1))
    found = run(stage, [*odd, [4.0, 0, 0]], start_s=4000)
    assert np.isnan(found.expected[:, 1]).all(), "not judged"
    stage.familiar = 10
    said = run(stage, odd[:1], start_s=4050).expected[0, 1]
    assert said > 50, "9 would be as before"
    known = np.tile([0.5, 2.0 + 50, 0.0], (4, 1))
    before, *_, after = run(stage, known, start_s=4060).expected[:, 1]
    assert abs(after - before) < 0.2, "an outlier among what is known"


def test_a_sensor_that_begins_late_learns_as_long_as_the_others_did():
    stage = regression(learn_s=4000, familiar=0.05)
    values = plant(np.random.default_rng(4).uniform(0, 2, 1200), seed=4)
    values[:500, 2] = NAN
    stage_said = run(stage, values)
    spoken = np.isfinite(stage_said.residuals)
    assert spoken[490:, 1].all()
    assert not spoken[:899, 2].any()
    assert spoken[902:, 2].mean() > 0.98
    wanted = 5 - values[:, 0] + 3 * values[:, 0] ** 2
    off = stage_said.expected[902:, 2] - wanted[902:]
    assert math.sqrt(np.nanmean(off**2)) < 0.1, "less than its own noise"


def test_a_sensor_that_begins_late_is_not_renewed_before_it_has_learnt():
    stage = regression(learn_s=4000, familiar=0.05)
    values = plant(np.random.default_rng(4).uniform(0, 2, 1200), seed=4)
    values[:500, 2] = NAN
    run(stage, values[:700])
    stage.accept(0)
    assert (stage.state["renewing"][0, 1:, 0] > 0).tolist() == [True, False]


def quick() -> RegressionContext:
    return regression(moment_s=1, learn_s=50, familiar=0.5, renew_s=5)


@given(readings(3, PALETTE), st.lists(st.integers(0, 60), max_size=6))
@settings(max_examples=60, deadline=None)
def test_it_keeps_the_laws(stream, cuts):
    assert_laws(quick, columns, stream, cuts)


def test_it_keeps_the_laws_when_it_speaks_too():
    stream = _eventful(900)
    assert np.isfinite(explain(quick(), stream).residuals).sum() > 100
    assert_laws(quick, columns, stream, [1, 300, 301, 700])


def test_compiled_and_interpreted_residuals_and_states_are_the_same(compiled_kernel, monkeypatch):
    outcomes = []
    for kernel in (compiled_kernel("context"), kernels.interpreted("context")):
        monkeypatch.setattr(context, "kernel", kernel)
        stage, stream = quick(), _eventful(3000)
        first = walked(stage, columns, stream[:2000])
        stage.accept(1)
        outcomes.append([*first, *walked(stage, columns, stream[2000:]), *stage.state.values()])
    assert np.isfinite(outcomes[0][0][:, 1:]).mean() > 0.2
    assert_same_bits(*outcomes)


def _eventful(n: int) -> Readings:
    rng = np.random.default_rng(5)
    values = plant(rng.uniform(0, 1, n) + (rng.random(n) < 0.1))
    values[rng.random((n, 3)) < 0.05] = NAN
    values[n // 2 :, 1] += 2 * (rng.random(n - n // 2) < 0.5)
    times = np.cumsum(rng.choice([0, 1, 2, 40], n)) * S_NS
    return Readings(rng.integers(0, 3, n).astype(np.int32), times, values)


def test_a_constant_sensor_has_the_spread_of_its_resolution():
    stage = RegressionContext(1, depth=[1], floor=[0.5], moment_s=1, learn_s=100, familiar=0.1)
    stage.reserve(1)
    n = 60
    x = np.full((n, 1), 7.0)
    x[-1] = 8.0
    times, one = story(x).times, np.ones(n, np.int32)
    rows, learn = np.zeros(n, np.int32), np.ones(n, np.uint8)
    said = stage.walk(rows, times, x, x, np.ones((n, 1)), one, learn)
    assert said.residuals[-1, 0] == pytest.approx(2.0, rel=0.02)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"depth": [0, 0, 0]}, "at least one sensor needs a feature"),
        ({"depth": [0, -1, 2]}, "at least one sensor needs a feature"),
        ({"depth": [1]}, r"depth has shape \[1\], \[3\] is needed"),
        ({"assured": [0, 2, 4]}, r"assured is \[0, 2, 4\], depth is \[0, 2, 3\]"),
        ({"assured": [0, 0, 3]}, r"assured is \[0, 0, 3\]"),
        ({"assured": [1, 2]}, r"assured has shape \[2\], \[3\] is needed"),
        ({"moment_s": 0.0}, "moment_s is 0.0"),
        ({"learn_s": 499.0}, r"learn_s is 499.0, 500 … 1e\+09 is allowed"),
        ({"familiar": 0.0}, "familiar is 0.0"),
        ({"renew_s": 5.0}, "renew_s is 5.0"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        regression(**wrong)
