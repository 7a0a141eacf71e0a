"""River's drift detectors as advisers on whitened residuals."""

import math

import numpy as np
import pytest
from river import drift

from detectors.river_drift import RiverDriftFleet

MACHINES, PHI = 4, 0.97
ADWIN, PAGE = "river.drift.ADWIN", "river.drift.PageHinkley"


def ar1(n, phi, runs=MACHINES, seed=3):
    """Autocorrelated noise of variance 1, f8[runs, n]."""
    shocks = math.sqrt(1 - phi * phi) * np.random.default_rng(seed).standard_normal((runs, n))
    values, x = np.empty((runs, n)), np.zeros(runs)
    for k in range(n):
        values[:, k] = x = phi * x + shocks[:, k]
    return values


def columns(values):
    """Readings of the machines in turn."""
    runs, n = values.shape
    rows, times = np.tile(np.arange(runs, dtype=np.int32), n), np.repeat(np.arange(n), runs)
    return rows, times * 10**9, values.T.reshape(-1, 1).copy(), np.ones(runs * n, np.uint8)


def built(estimator=ADWIN, sensors=1, **parameters):
    fleet = RiverDriftFleet(sensors, estimator=estimator, **parameters)
    fleet.reserve(MACHINES)
    return fleet


def said(values, estimator=ADWIN, **parameters):
    """Scores f8[machines, n]."""
    return built(estimator, **parameters).walk(*columns(values)).reshape(-1, MACHINES).T


def drifts(values, estimator, parameters):
    """How many drifts River's own class finds in plain values."""
    found = 0
    for run in values:
        detector = getattr(drift, estimator.rpartition(".")[2])(**parameters)
        for x in run.tolist():
            detector.update(x)
            found += detector.drift_detected
    return found


@pytest.mark.parametrize(("estimator", "parameters"), [(ADWIN, {}), (PAGE, {"delta": 0.1})])
def test_on_autocorrelated_noise_plain_values_drift_all_the_time_whitened_ones_hardly(
    estimator, parameters
):
    values = ar1(6000, PHI)
    assert drifts(values[:, 2000:], estimator, parameters) > 60
    onsets = np.diff(said(values, estimator, **parameters)[:, 2000:], axis=1) > 0
    assert onsets.sum() <= 3


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_a_shift_is_told_for_a_while_and_then_forgotten(phi):
    values = ar1(5000, phi)
    values[:, 3000:] += 4.0
    scores = said(values, recent=100)
    assert not scores[:, 2000:3001].any()
    assert scores[:, 3001:3200].any(axis=1).all()
    assert not scores[:, 3600:].any()


def test_the_coefficient_is_learnt_from_the_first_values_and_frozen():
    values = ar1(4000, 0.9)
    values[:, 2000:] = np.random.default_rng(1).standard_normal((MACHINES, 2000))
    early, late = built(grace_period=2000), built(grace_period=2000)
    early.walk(*columns(values[:, :2000]))
    late.walk(*columns(values))
    assert early.state["phi"] == pytest.approx(0.9, abs=0.05)
    assert late.state["phi"].tobytes() == early.state["phi"].tobytes()


def test_not_ready_is_not_normal_and_what_is_not_reported_has_no_score():
    values = ar1(600, 0.5)
    values[:, 550] = np.nan
    scores = said(values, grace_period=200)
    assert np.isnan(scores[:, :200]).all()
    assert np.isnan(scores[:, 550]).all()
    assert np.isfinite(np.delete(scores[:, 200:], 350, axis=1)).all()


def test_scores_depend_neither_on_turns_nor_on_being_asked_nor_on_what_is_not_to_be_learnt():
    values = ar1(1500, 0.5)
    values[:, 900:] += 4.0
    rows, times, x, learn = columns(values)
    learn[::7] = 0
    whole, parts = built(grace_period=500), built(grace_period=500)
    scores = whole.walk(rows, times, x, learn)
    for i in range(0, len(rows), 33):
        cut = slice(i, i + 33)
        parts.score(rows[cut], times[cut], -x[cut])
        told = parts.walk(rows[cut], times[cut], x[cut], learn[cut])
        assert told.tobytes() == scores[cut].tobytes()
    assert np.nanmax(scores) == 1.0
    before = {name: array.tobytes() for name, array in whole.state.items()}
    whole.walk(rows, times, 9 + x, np.zeros_like(learn))
    assert before == {name: array.tobytes() for name, array in whole.state.items()}


def test_a_restored_object_goes_on_where_its_values_are_all_kept():
    values = ar1(1500, 0.5)
    values[:, 1200:] += 4.0
    rows, times, x, learn = columns(values)
    half = len(rows) * 2 // 3
    fleet, restored = (built(grace_period=500, memory=1000) for _ in range(2))
    fleet.walk(rows[:half], times[:half], x[:half], learn[:half])
    restored.walk(rows, times, x[::-1], learn)
    restored.restore({name: array.copy() for name, array in fleet.state.items()})
    goes_on = fleet.walk(rows[half:], times[half:], x[half:], learn[half:])
    assert goes_on.any()
    again = restored.walk(rows[half:], times[half:], x[half:], learn[half:])
    assert again.tobytes() == goes_on.tobytes()


def test_a_forgotten_machine_is_a_new_one():
    values = ar1(1300, 0.5)
    values[:, 900:] += 4.0
    fleet = built(grace_period=500)
    first = fleet.walk(*columns(values))
    for row in range(MACHINES):
        fleet.forget(row)
    assert fleet.walk(*columns(values)).tobytes() == first.tobytes()


@pytest.mark.parametrize(
    ("estimator", "sentence"),
    [
        ("river.anomaly.LODA", "is no drift detector"),
        ("river.drift.binary.DDM", "is no drift detector"),
        ("river.drift.Nothing", "cannot be found"),
    ],
)
def test_what_cannot_be_an_adviser_is_refused(estimator, sentence):
    with pytest.raises(ValueError, match=sentence):
        RiverDriftFleet(1, estimator=estimator)


def test_parameters_that_the_class_does_not_know_are_refused():
    with pytest.raises(ValueError, match=r"ADWIN refuses its parameters: .*alpha"):
        RiverDriftFleet(1, estimator=ADWIN, alpha=0.1)


def test_kswin_gives_the_same_with_the_seed_it_was_not_given():
    values = ar1(700, 0.0)
    values[:, 600:] += 4.0
    kswin = "river.drift.KSWIN"
    a, b = (said(values, kswin, grace_period=400, alpha=1e-4) for _ in range(2))
    assert a[:, 600:].any()
    assert a.tobytes() == b.tobytes()
