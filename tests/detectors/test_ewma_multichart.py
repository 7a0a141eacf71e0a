"""EWMA charts at several time scales: their definition, what they learn, when they speak."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import ewma_multichart, kernels
from detectors.ewma_multichart import GAP_S, RELEARN, EwmaMultichart, EwmaMultichartFleet
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
PALETTE = [NAN, -9.0, -1.0, 0.0, 0.5, 1.0, 4.0]
SCALES_S, LEARN_S, CLIP, LEAST, DOUBT = (10.0, 100.0), 400.0, 4.0, 1.5, 16.0


def charts(sensors: int = 2, **changes) -> EwmaMultichartFleet:
    parameters = {
        "scales_s": SCALES_S,
        "learn_s": LEARN_S,
        "clip": CLIP,
        "least": LEAST,
        "doubt": DOUBT,
    }
    fleet = EwmaMultichartFleet(sensors, **parameters | changes)
    fleet.reserve(3)
    return fleet


def everything(fleet: EwmaMultichartFleet, stream: Readings):
    """Signed scores and onsets; every seventh second is not learnt."""
    learn = (stream.times // S_NS % 7 != 0).astype(np.uint8)
    return tuple(fleet.walk_signed(stream.rows, stream.times, stream.values, learn))


def run(fleet: EwmaMultichartFleet, z, every_s: float = 1.0, start_s: float = 1.0):
    z = np.reshape(np.asarray(z, dtype=np.float64), (-1, fleet.n_sensors))
    times = np.round((start_s + np.arange(len(z)) * every_s) * S_NS).astype(np.int64)
    rows, ones = np.zeros(len(z), np.int32), np.ones(len(z), np.uint8)
    return fleet.walk_signed(rows, times, z, ones)


def defined(z, times_s) -> np.ndarray:
    """The signed scores of one sensor by NumPy, each average in its closed form."""
    z, steps = np.clip(z, -CLIP, CLIP), np.diff(times_s, prepend=times_s[0])
    learnt = np.cumsum(np.minimum(steps, GAP_S))
    done = int(np.argmax(learnt >= LEARN_S))
    best = np.zeros(len(z))
    for scale_s in SCALES_S:
        share = 1 - np.exp(-steps / scale_s)
        left = [np.append(np.cumprod(1 - share[i:0:-1])[::-1], 1.0) for i in range(len(z))]
        average = np.array([(share[: i + 1] * w) @ z[: i + 1] for i, w in enumerate(left)])
        spread = np.array([((share[: i + 1] * w) ** 2).sum() for i, w in enumerate(left)])
        learning = (learnt > scale_s) & (np.arange(len(z)) <= done) & (spread > 0)
        time_s = learnt[done] - scale_s
        excess = (steps * average**2 / np.where(spread > 0, spread, 1))[learning].sum() / time_s
        wide = spread * max(excess, LEAST) * (1 + DOUBT * scale_s / time_s)
        score = average / np.sqrt(np.where(wide > 0, wide, np.inf))
        best = np.where(np.abs(score) > np.abs(best), score, best)
    best[: done + 1] = NAN
    return best


def test_scores_are_those_of_the_definition():
    rng = np.random.default_rng(1)
    times_s = 1 + np.cumsum(rng.choice([1.0, 3.0, 10.0], 400))
    z = rng.normal(size=400).cumsum() * 0.3  # autocorrelated: it spreads wider than theory has it
    z[350] = 1e6
    scores = walked_one(charts(1), z, times_s)
    wanted = defined(z, times_s)
    assert np.isfinite(wanted).sum() > 200
    np.testing.assert_allclose(scores, wanted, rtol=1e-9)


def walked_one(fleet: EwmaMultichartFleet, z, times_s) -> np.ndarray:
    stream, ones = story(np.reshape(z, (-1, 1)), times_s=times_s), np.ones(len(z), np.uint8)
    return fleet.walk_signed(stream.rows, stream.times, stream.values, ones).scores[:, 0]


def test_it_is_quiet_over_noise_and_finds_both_a_jump_and_a_creep():
    rng = np.random.default_rng(2)
    for change, fast in ((np.full(600, 3.0), True), (np.linspace(0, 1.5, 600), False)):
        fleet = charts(1, least=1.0, doubt=0.0)
        healthy = run(fleet, rng.normal(size=1000)).scores
        assert np.nanmax(np.abs(healthy)) < 5
        scores = run(fleet, rng.normal(size=600) + change, start_s=1001).scores
        assert (np.argmax(scores[:, 0] > 6) < 30) == fast
        assert scores[-1, 0] > 6


def test_the_spread_is_learnt_and_then_frozen():
    fleet, rng = charts(1), np.random.default_rng(3)
    run(fleet, rng.normal(size=500))
    excess, learnt = fleet.state["excess"].tobytes(), fleet.state["learnt_s"].tobytes()
    run(fleet, rng.normal(size=500) * 10, start_s=501)
    assert fleet.state["excess"].tobytes() == excess
    assert fleet.state["learnt_s"].tobytes() == learnt


def test_a_scale_that_was_hardly_learnt_does_not_speak():
    z = np.random.default_rng(4).normal(size=600)
    with_long = run(charts(1, scales_s=(10.0, 300.0)), z).scores
    assert_same_bits([with_long], [run(charts(1, scales_s=(10.0,)), z).scores])


def test_a_gap_teaches_no_more_than_its_bound():
    fleet = charts(1, learn_s=2 * GAP_S)
    run(fleet, np.zeros(3), every_s=10 * GAP_S)
    assert fleet.state["learnt_s"][0, 0] == 2 * GAP_S


def test_the_onset_is_the_last_time_that_all_was_well():
    fleet, rng = charts(1, least=1.0, doubt=0.0), np.random.default_rng(5)
    run(fleet, rng.normal(size=1000) * 0.5)
    said = run(fleet, 3 + rng.normal(size=200) * 0.5, start_s=1001)
    assert said.onsets[-1, 0] == fleet.onset_ns(0)[0]
    assert 1000 <= said.onsets[-1, 0] / S_NS < 1010


def test_what_is_accepted_begins_anew_and_learns_a_part_again():
    fleet = charts()
    run(fleet, np.random.default_rng(6).normal((0, 3), size=(500, 2)))
    before = {name: array.copy() for name, array in fleet.state.items()}
    fleet.accept(0, [1])
    for name in ("ewma", "variance", "side"):
        assert not fleet.state[name][0, 1].any()
    for name in ("excess", "learnt_s"):
        np.testing.assert_array_equal(fleet.state[name][0, 1], RELEARN * before[name][0, 1])
    for name, array in before.items():
        assert fleet.state[name][0, 0].tobytes() == array[0, 0].tobytes(), name
    assert fleet.ready(0) == pytest.approx((1 + RELEARN) / 2, rel=0.01)


def test_signed_scores_are_the_scores_with_a_side():
    z = np.random.default_rng(7).normal(size=(600, 2))
    signed = run(charts(), z).scores
    rows, ones = np.zeros(600, np.int32), np.ones(600, np.uint8)
    scores = charts().walk(rows, (1 + np.arange(600)) * S_NS, z, ones)
    assert_same_bits([np.abs(signed)], [scores])
    assert (signed < 0).any()
    assert (signed > 0).any()


@given(readings(2, PALETTE), st.lists(st.integers(0, 60), max_size=6))
@settings(max_examples=60, deadline=None)
def test_it_keeps_the_laws(stream, cuts):
    assert_laws(lambda: charts(learn_s=20.0), everything, stream, cuts)


def test_compiled_and_interpreted_scores_and_states_are_the_same(compiled_kernel, monkeypatch):
    rng = np.random.default_rng(8)
    n = 4000
    stream = Readings(
        rng.integers(0, 3, n).astype(np.int32),
        np.cumsum(rng.choice([0, 1, 3, 40], n)) * S_NS,
        rng.normal(0, 2, (n, 2)),
    )
    stream.values[rng.random((n, 2)) < 0.1] = NAN
    outcomes = []
    for kernel in (compiled_kernel("ewma_multichart"), kernels.interpreted("ewma_multichart")):
        monkeypatch.setattr(ewma_multichart, "kernel", kernel)
        fleet = charts()
        outcomes.append([*walked(fleet, everything, stream), *fleet.state.values()])
    assert np.isfinite(outcomes[0][0]).mean() > 0.5
    assert_same_bits(*outcomes)


def test_for_one_machine_it_is_the_fleets():
    z = np.random.default_rng(9).normal(size=300)
    chart, fleet = (
        EwmaMultichart((5.0, 20.0), learn_s=100.0),
        charts(1, scales_s=(5.0, 20.0), learn_s=100.0),
    )
    scores = np.abs(run(fleet, z, start_s=0.0).scores[:, 0])
    for x, wanted in zip(z, scores, strict=True):
        said = chart.score_one({"z": x})
        assert said == wanted or (np.isnan(said) and np.isnan(wanted))
        chart.learn_one({"z": x})
    assert np.isfinite(scores).any()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"scales_s": ()}, "scales_s, how many, is 0"),
        ({"scales_s": (0.0,)}, "scales_s is 0.0"),
        ({"learn_s": 19.0}, "learn_s is 19.0, 20 … 1e"),
        ({"clip": 0.5}, "clip is 0.5"),
        ({"least": 0.0}, "least is 0.0"),
        ({"doubt": -1.0}, "doubt is -1.0"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        charts(**wrong)
