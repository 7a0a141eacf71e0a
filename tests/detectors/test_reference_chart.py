"""The reference chart against its definition, and against what it is for: drift, ramps, spikes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import detectors
from detectors import kernels, reference_chart
from detectors.reference_chart import ReferenceChartFleet
from tests.detectors.laws import story, walked


def walk(fleet, stream):
    ones = np.ones(len(stream), np.uint8)
    return [fleet.walk(stream.rows, stream.times, stream.values, ones)]


def charted(values, every_s=1.0, **parameters):
    """State and scores of one machine whose sensors are the columns of the values."""
    values = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    fleet = ReferenceChartFleet(values.shape[1], **parameters)
    scores = walked(fleet, walk, story(values, every_s))[0]
    return {name: array[0] for name, array in fleet.state.items()}, scores


def noise(n, sensors=1, phi=0.0, seed=1):
    """AR(1) with variance 1."""
    shocks = np.random.default_rng(seed).normal(size=(n, sensors)) * math.sqrt(1 - phi * phi)
    shocks[0] /= math.sqrt(1 - phi * phi)
    for i in range(1, n):
        shocks[i] += phi * shocks[i - 1]
    return shocks


def by_definition(values, *, fading_factor, block, margin, drift_allowance):
    """Score each value from all before it, by the formulas of the docstring."""
    n = 20 * block
    taken = list(values[:20])
    for x in values[20:n]:
        span = (max(taken) - min(taken)) / 4
        taken.append(min(max(x, min(taken) - span), max(taken) + span))
    z, excursions = 0.0, []
    for i, x in enumerate(taken, 1):
        z += max(fading_factor, 1 / i) * (x - z)
        excursions += [z] if i * fading_factor >= 1 else []
    blocks = np.array(taken).reshape(20, block)
    means = blocks.mean(axis=1)
    centre, within = means.mean(), blocks.var(axis=1, ddof=1).mean()
    shared = means.var(ddof=1) - (np.diff(means) ** 2).mean() / 2
    wander = max(0.0, 1 - 0.2 * within / shared) if shared > 0 else 0.0
    worst = np.abs(np.array(excursions) - centre).max()
    limit = worst * math.sqrt(margin**2 + drift_allowance**2 * wander)
    scores = [math.nan] * n
    for x in values[n:]:
        z += fading_factor * (min(max(x, centre - 5 * limit), centre + 5 * limit) - z)
        scores.append(abs(z - centre) / limit)
    return np.array(scores)


@pytest.mark.parametrize("phi", [0.0, 0.9, 0.999])
@pytest.mark.parametrize("offset", [0.0, -1e6])
def test_it_is_its_definition_at_every_step(phi, offset):
    parameters = {"fading_factor": 0.2, "margin": 1.5, "drift_allowance": 6.0}
    values = noise(1500, phi=phi)[:, 0] + offset
    values[[150, 700]] += 1e4
    _, scores = charted(values, grace_period=600, **parameters)
    expected = by_definition(values - offset, block=30, **parameters)
    np.testing.assert_allclose(scores[:, 0], expected, rtol=1e-6)


def test_compiled_and_interpreted_kernels_give_the_same_bits(compiled_kernel, monkeypatch):
    values = noise(900, 3, phi=0.9) * [1.0, 1e6, 1e-6] + [0.0, 1e9, 1.0]
    values[np.random.default_rng(2).random(values.shape) < 0.1] = np.nan
    results = []
    for kernel in (compiled_kernel("reference_chart"), kernels.interpreted("reference_chart")):
        monkeypatch.setattr(reference_chart, "kernel", kernel)
        state, scores = charted(values, learn_s=400)
        assert np.isfinite(scores).sum() > 1000
        results.append([scores.tobytes(), *(array.tobytes() for array in state.values())])
    assert results[0] == results[1]


@given(
    scale=st.sampled_from([2.0**-20, 0.5, 1.0, 1024.0]),
    sign=st.sampled_from([-1, 1]),
    offset=st.integers(-(2**20), 2**20),
)
@settings(max_examples=20, deadline=None)
def test_unit_and_zero_of_an_instrument_do_not_matter(scale, sign, offset):
    values = np.round(noise(500) * 1024) / 1024
    _, scores = charted(values, min_limit=1e-30)
    _, other = charted(scale * (sign * values + offset), min_limit=1e-30)
    np.testing.assert_allclose(other, scores, rtol=1e-9)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, 0.95])
def test_steady_noise_however_autocorrelated_is_left_alone(phi):
    """No more than once in 30,000 values, where 2,000 of them have been learnt."""
    _, scores = charted(noise(5000, 12, phi), grace_period=2000)
    alarms = scores[2000:] >= 1
    onsets = (alarms[1:] & ~alarms[:-1]).sum()
    assert onsets <= alarms.size / 30_000


@pytest.mark.parametrize(
    ("slope", "within"), [(1, 2000), (2, 1000), (5, 500), (10, 250), (20, 150)]
)
def test_a_ramp_is_found_and_never_got_used_to(slope, within):
    """So many σ in 1,000 values; a rolling z-score sees none of these."""
    n, learnt = 5000, 2000
    ramps = noise(n, 5) + slope / 1000 * np.maximum(0, np.arange(n) - learnt)[:, None]
    _, scores = charted(ramps, grace_period=learnt)
    found = scores[learnt:] >= 1
    assert found.any(axis=0).all()
    assert np.median(found.argmax(axis=0)) <= within
    assert found[within * 3 // 2 :].all()


def test_a_level_that_drifts_while_it_is_learnt_may_drift_on_but_not_for_ever():
    drifting = 0.01 * np.arange(3000)[:, None] + noise(3000, 5)
    state, scores = charted(drifting)
    _, strict = charted(drifting, drift_allowance=0.0)
    assert (strict[800:] >= 1).all()
    assert (scores[400:1500] < 1).all()
    assert (scores[-100:] >= 1).all()
    worst = np.maximum(state["highest"] - state["centre"], state["centre"] - state["lowest"])
    assert (state["limit"] > 6 * worst).all()
    assert (state["limit"] <= math.hypot(2, 12) * worst).all()


def test_a_spike_alarms_nobody_and_is_soon_forgotten():
    values = noise(1000, 20)
    spiked = values.copy()
    spiked[700] = 1e12
    _, calm = charted(values)
    _, shaken = charted(spiked)
    assert (shaken[700:703] < 1.2).all()
    assert (np.abs(shaken - calm)[710:] < 0.2).all()
    assert (shaken[750:] < 1).all()


def test_a_spike_while_learning_hardly_moves_the_reference():
    values = noise(400, 20)
    spiked = values.copy()
    spiked[200] = 1e12
    (calm, _), (shaken, _) = charted(values), charted(spiked)
    assert (np.abs(shaken["centre"] - calm["centre"]) < 0.05).all()
    assert (shaken["limit"] < 2 * calm["limit"]).all()


def test_a_fault_that_is_over_is_over():
    values = noise(1000)
    values[500:600] = 1e6
    _, scores = charted(values)
    assert (scores[510:600] > 3).all()
    assert (scores[625:] < 1).all()


@pytest.mark.parametrize("every_s", [20, 60, 600])
def test_learning_lasts_as_long_as_it_is_told(every_s):
    values = noise(200_000 // every_s)
    _, scores = charted(values, every_s, grace_period=100, learn_s=172_800)
    silent = np.flatnonzero(np.isfinite(scores[:, 0]))[0] * every_s
    assert 172_800 <= silent <= 172_800 + 40 * every_s


def test_silence_is_not_learning():
    """Ten days' silence after the first readings: the reference needs its readings all the same."""
    times_s = np.concatenate([np.arange(30), 864_000 + np.arange(1000)])
    fleet = ReferenceChartFleet(1, learn_s=400)
    scores = walked(fleet, walk, story(noise(1030), times_s=times_s))[0]
    assert 395 <= np.flatnonzero(np.isfinite(scores[:, 0]))[0] <= 425


def test_a_sensor_that_stood_still_is_judged_by_the_floor():
    values = np.concatenate([np.full(400, 7.5), [7.5, 7.6]])
    _, scores = charted(values, min_limit=0.02)
    assert scores[400:, 0].tolist() == pytest.approx([0.0, 0.5])


def test_of_several_features_the_strangest_counts():
    chart = detectors.ReferenceChart(grace_period=40, fading_factor=0.5)
    for i in range(40):
        chart.learn_one({"flow": i % 3, "pressure": i % 2})
    flow = chart.score_one({"flow": 9.0, "pressure": math.nan})
    assert chart.score_one({"flow": 9.0, "pressure": 0.5}) == flow > 1
    assert chart.clone().grace_period == 40


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"fading_factor": 0.0}, "fading_factor is 0.0"),
        ({"fading_factor": 0.001}, "grace_period is 400, 4 / fading_factor = 4000 or more"),
        ({"grace_period": 39}, "grace_period is 39"),
        ({"learn_s": -1.0}, "learn_s is -1.0"),
        ({"margin": 0.0}, "margin is 0.0"),
        ({"drift_allowance": math.inf}, "drift_allowance is inf"),
        ({"min_limit": 0.0}, "min_limit is 0.0"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(parameters, sentence):
    with pytest.raises(ValueError, match=sentence):
        ReferenceChartFleet(1, **parameters)
