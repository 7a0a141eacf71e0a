"""Any River estimator as a detector, and the cost of River only where it is asked for."""

import subprocess
import sys

import numpy as np
import pytest
from river import anomaly, base

from detectors.river_adapter import RiverFleet


class Confused(base.AnomalyDetector):
    """Raises until it has learnt ten readings, and on all that is negative."""

    def __init__(self):
        self.n = 0

    def learn_one(self, x):
        self.n += 1

    def score_one(self, x):
        if self.n < 10 or x[0] < -90:
            raise ZeroDivisionError
        return x[0] / self.n


class Mute(Confused):
    def score_one(self, x):
        raise ValueError


@pytest.fixture
def here(monkeypatch):
    """Make this file's classes findable by name, as a user's own would be."""
    module = type(sys)("my_detectors")
    module.Confused, module.Mute = Confused, Mute
    monkeypatch.setitem(sys.modules, "my_detectors", module)


def readings(n, machines=3, sensors=2, seed=1):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, machines, n).astype(np.int32)
    times = np.arange(n) * 10**9
    return rows, times, rng.normal(size=(n, sensors)), np.ones(n, np.uint8)


def test_scores_are_those_of_one_object_per_machine():
    rows, times, values, learn = readings(200)
    fleet = RiverFleet(2, estimator="river.anomaly.LocalOutlierFactor", n_neighbors=5)
    fleet.reserve(3)
    scores = fleet.walk(rows, times, values, learn)[:, 0]
    objects = [anomaly.LocalOutlierFactor(n_neighbors=5) for _ in range(3)]
    seen = [0, 0, 0]
    for i, row in enumerate(rows):
        x = dict(enumerate(values[i].tolist()))
        assert scores[i] == objects[row].score_one(x) or (seen[row] == 0 and np.isnan(scores[i]))
        objects[row].learn_one(x)
        seen[row] += 1


@pytest.mark.parametrize("target", [0, 1])
def test_a_target_is_one_of_the_sensors(target):
    rows, times, values, learn = readings(100, machines=1)
    fleet = RiverFleet(
        2, estimator="river.anomaly.GaussianScorer", target=target, warm_up=20, grace_period=20
    )
    fleet.reserve(1)
    scores = fleet.walk(rows, times, values, learn)[:, 0]
    theirs = anomaly.GaussianScorer(grace_period=20)
    for i, y in enumerate(values[:, target]):
        assert scores[i] == theirs.score_one(None, y) if i >= 20 else np.isnan(scores[i])
        theirs.learn_one(None, y)


@pytest.mark.parametrize("warmup_period", [0, 500])
def test_scoring_that_is_not_pure_is_refused(warmup_period):
    with pytest.raises(ValueError, match="PredictiveAnomalyDetection cannot be used: its scores"):
        RiverFleet(
            2, estimator="river.anomaly.PredictiveAnomalyDetection", warmup_period=warmup_period
        )


@pytest.mark.parametrize(
    ("estimator", "sentence"),
    [
        ("river.linear_model.LinearRegression", "is no anomaly detector"),
        ("river.anomaly.QuantileFilter", "is no anomaly detector"),
        ("river.anomaly.hst", "is no anomaly detector"),
        ("river.anomaly.Nothing", "cannot be found"),
        ("nowhere.Nothing", "cannot be found"),
        ("Nothing", "cannot be found"),
    ],
)
def test_what_cannot_be_a_detector_is_refused(estimator, sentence):
    with pytest.raises(ValueError, match=sentence):
        RiverFleet(2, estimator=estimator)


def test_parameters_that_the_class_does_not_know_are_refused():
    with pytest.raises(ValueError, match=r"LODA refuses its parameters: .*n_neighbours"):
        RiverFleet(2, estimator="river.anomaly.LODA", n_neighbours=3)


@pytest.mark.usefixtures("here")
def test_an_estimator_that_raises_cannot_speak():
    fleet = RiverFleet(1, estimator="my_detectors.Confused")
    fleet.reserve(1)
    rows, times, values = np.zeros(12, np.int32), np.arange(12) * 10**9, np.ones((12, 1))
    values[11] = -100.0
    scores = fleet.walk(rows, times, values, np.ones(12, np.uint8))[:, 0]
    assert np.isnan(scores).tolist() == [True] * 10 + [False, True]


@pytest.mark.usefixtures("here")
def test_an_estimator_that_never_speaks_is_refused():
    with pytest.raises(ValueError, match="gives no number"):
        RiverFleet(1, estimator="my_detectors.Mute")


def test_what_is_chance_in_river_is_the_same_for_every_object_here():
    rows, times, values, learn = readings(100)
    fleets = [RiverFleet(2, estimator="river.anomaly.LODA") for _ in range(2)]
    for fleet in fleets:
        fleet.reserve(3)
    a, b = (fleet.walk(rows, times, values, learn) for fleet in fleets)
    assert np.isfinite(a).any()
    assert a.tobytes() == b.tobytes()
    other = RiverFleet(2, estimator="river.anomaly.LODA", seed=7)
    other.reserve(3)
    assert other.walk(rows, times, values, learn).tobytes() != a.tobytes()


def gaussian(memory):
    """A River object per machine that forgets all but its last eight readings."""
    fleet = RiverFleet(
        1,
        estimator="river.anomaly.GaussianScorer",
        memory=memory,
        grace_period=1,
        window_size=8,
    )
    fleet.reserve(1)
    return fleet


@pytest.mark.parametrize(("memory", "same"), [(8, True), (30, True), (4, False)])
def test_a_restored_object_has_learnt_the_last_readings_in_order(memory, same):
    rows, times, values, learn = readings(60, machines=1, sensors=1)
    fleet, restored = gaussian(memory), gaussian(memory)
    fleet.walk(rows[:50], times[:50], values[:50], learn[:50])
    restored.walk(rows[:20], times[:20], 100 + values[:20], learn[:20])
    restored.restore({name: array.copy() for name, array in fleet.state.items()})
    goes_on = fleet.walk(rows[50:], times[50:], values[50:], learn[50:])
    assert (
        np.allclose(restored.walk(rows[50:], times[50:], values[50:], learn[50:]), goes_on) == same
    )


def test_importing_the_detectors_leaves_the_heavy_parts_of_river_alone():
    code = (
        "import sys, detectors, detectors.river_adapter\n"
        "print(*(m for m in sys.modules if m.split('.')[0] in ('scipy', 'pandas')"
        " or m.startswith(('river.anomaly', 'river.drift', 'river.stats'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=True
    )
    assert done.stdout.split() == []
