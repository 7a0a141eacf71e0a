"""SPE against its definition, and its limits against what the literature and SciPy have."""

import math

import numpy as np
import pytest
from scipy import stats

from detectors import kernels, self_starting_vectors, spe
from detectors.calibration import spe_above, spe_limit
from detectors.spe import SpeFleet
from tests.detectors.runs import S_NS, ar1, assert_mean, noise, run_lengths, teach

# Imhof (1961), Biometrika 48, table 1, Q1, and Davies (1980), Applied Statistics 29, table 3, Q2,
# Q3: variances, x, P(sum > x).
IMHOF_DAVIES = [
    ((6, 3, 1), 7, 0.5064),
    ((6, 3, 1), 20, 0.1240),
    ((6, 6, 3, 3, 1, 1), 20, 0.3998),
    ((6, 6, 3, 3, 1, 1), 60, 0.0161),
    ((6,) * 6 + (3,) * 4 + (1,) * 2, 50, 0.4353),
    ((6,) * 6 + (3,) * 4 + (1,) * 2, 120, 0.0088),
]


@pytest.mark.parametrize(("variances", "x", "published"), IMHOF_DAVIES)
def test_the_tail_of_imhof_and_of_davies(variances, x, published):
    assert spe_above(x, variances) == pytest.approx(published, abs=6e-5)


@pytest.mark.parametrize("degrees", [1, 2, 5, 31])
@pytest.mark.parametrize("share", [0.3, 1e-2, 1e-5, 1e-10])
def test_the_tail_of_equal_variances_is_that_of_chi_square(degrees, share):
    x = stats.chi2.isf(share, degrees)
    assert spe_above(0.7 * x, [0.7] * degrees) == pytest.approx(share, rel=1e-6)


@pytest.mark.parametrize("arl0", [100.0, 1e5, 1e9])
def test_a_limit_has_the_run_length_that_was_asked(arl0):
    variances = np.geomspace(1.0, 1e-4, 31).tolist()
    assert 1 / spe_above(spe_limit(variances, arl0), variances) == pytest.approx(arl0, rel=1e-5)


def test_the_usual_limit_is_near_where_false_alarms_are_common():
    """Box's, as Nomikos & MacGregor use it, at 1 in 100; far out it is not, see `spe_limit`."""
    variances = np.array([0.6, 0.3, 0.1])
    first, second = variances.sum(), (variances**2).sum()
    box = second / first * stats.chi2.isf(0.01, first**2 / second)
    assert spe_limit(variances.tolist(), 100) == pytest.approx(box, rel=0.03)


# The chart.


def mixing(p, causes, seed=6):
    """A few causes that all sensors follow, and a little of their own."""
    rng = np.random.default_rng(seed)
    return np.vstack([rng.normal(size=(causes, p)), 0.2 * np.diag(rng.uniform(0.5, 2.0, p))])


def mixed(draw, mix):
    return lambda on, block: draw(on, block) @ mix + 5.0


def sample(n, p, causes, seed=7):
    return np.random.default_rng(seed).normal(size=(n, p + causes)) @ mixing(p, causes) + 5.0


def one_machine(fleet, values, learn=1):
    fleet.reserve(1)
    n = len(values)
    rows, times = np.zeros(n, np.int32), np.arange(n) * S_NS
    return fleet.walk(rows, times, np.asarray(values), np.full(n, learn, np.uint8))[:, 0]


def left_over(values, x, kept):
    """What the first components of these values leave of the standardised x; and variances."""
    y = (x - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    variances, components = np.linalg.eigh(np.corrcoef(values.T))
    keep = components[:, ::-1][:, :kept]
    return y - y @ keep @ keep.T, variances[::-1][kept:]


def test_spe_of_a_long_reference_is_what_principal_components_leave():
    values = sample(20_000, 5, 2)
    fleet = SpeFleet(5, autocorrelated=False, grace_period=20_000, outlier=6.0)
    one_machine(fleet, values)
    x = values[:50] + np.eye(5)[np.arange(50) % 5]
    left, variances = left_over(values, x, kept=2)
    expected = np.sqrt((left**2).sum(axis=1) / spe_limit(variances.tolist(), 100_000))
    np.testing.assert_allclose(one_machine(fleet, x, learn=0), expected, rtol=5e-3)
    np.testing.assert_allclose(fleet.contributions(0, x[3]), left[3], atol=1e-6)


@pytest.mark.parametrize(("explained", "kept"), [(0.1, 1), (0.6, 1), (0.9, 2), (0.999, 4)])
def test_so_many_components_are_kept_as_explain_the_share(explained, kept):
    values = sample(2000, 5, 2)
    fleet = SpeFleet(5, autocorrelated=False, grace_period=2000, explained=explained, outlier=6.0)
    one_machine(fleet, values)
    share = np.cumsum(np.linalg.eigvalsh(np.corrcoef(values.T))[::-1]) / 5
    assert kept == 4 or share[kept - 1] >= explained
    assert kept == 1 or share[kept - 2] < explained
    assert np.linalg.matrix_rank(fleet.state["outside"][0]) == 5 - kept


def test_more_load_than_ever_is_no_prediction_error():
    rng = np.random.default_rng(7)
    fleet = SpeFleet(5, grace_period=1000)
    one_machine(fleet, rng.normal(size=(1500, 1)) + 0.2 * rng.normal(size=(1500, 5)))
    assert one_machine(fleet, np.full((1, 5), 8.0), learn=0)[0] < 1
    for sensor in range(5):
        odd = 1.5 * np.eye(5)[[sensor]]
        assert one_machine(fleet, odd, learn=0)[0] > 1
        told = fleet.contributions(0, odd[0])
        assert np.argmax(np.abs(told)) == sensor
        assert told[sensor] > 0


def test_nothing_is_said_before_the_reference_is_frozen_nor_of_what_lacks_a_sensor():
    fleet = SpeFleet(3, autocorrelated=False, grace_period=100, outlier=6.0)
    values = sample(120, 3, 1)
    values[110, 1] = np.nan
    assert np.isnan(fleet.schema()["limit"].fill)
    scores = one_machine(fleet, values)
    assert np.isfinite(scores).tolist() == [100 <= i != 110 for i in range(120)]
    assert np.isnan(fleet.contributions(0, values[110])).all()


@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_the_turn_in_which_a_reference_freezes_makes_no_difference(phi):
    """Blocks double on the way for φ = 0.9, and what was learnt before does not count."""
    draw, on = mixed(ar1(4, phi, runs=2), mixing(3, 1)), np.arange(2)
    values = draw(on, 4000).transpose(1, 0, 2).reshape(-1, 3)
    rows, times = np.tile(on, 4000).astype(np.int32), np.repeat(np.arange(4000) * S_NS, 2)
    results = []
    for size in (1, 997, 8000):
        fleet = SpeFleet(3, grace_period=60)
        fleet.reserve(2)
        turns = [slice(i, i + size) for i in range(0, 8000, size)]
        learn = np.ones(8000, np.uint8)
        scores = [fleet.walk(rows[t], times[t], values[t], learn[t]) for t in turns]
        assert np.isfinite(fleet.state["limit"]).all()
        results.append(np.concatenate(scores).tobytes() + fleet.state["outside"].tobytes())
    assert results[0] == results[1] == results[2]
    block = int(fleet.state["counts"][0, 5])
    assert (block > 1) == (phi > 0)
    _, _, variances = fleet._components(0)
    assert fleet.state["limit"][0] == spe_limit(variances.tolist(), 100_000 / block)


def test_what_was_learnt_before_blocks_doubled_is_no_reference():
    """The last sample that was wanted may be the one after which the reference starts anew."""
    fleet = SpeFleet(3, grace_period=60)
    one_machine(fleet, sample(59, 3, 1))
    fleet.state["counts"][0, :2] = [0, 60]
    one_machine(fleet, sample(1, 3, 1))
    assert np.isnan(fleet.state["limit"][0])
    assert fleet.ready(0) == 0.0


def test_sensors_that_say_the_same_leave_nothing():
    values = sample(500, 2, 1)[:, [0, 0, 0]]
    fleet = SpeFleet(3, grace_period=300)
    scores = one_machine(fleet, values)
    assert scores[-100:].max() < 1
    assert one_machine(fleet, values[0] + np.array([[0.0, 0.1, 0.0]]), learn=0)[0] > 1


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"n_sensors": 1}, "n_sensors is 1, a whole number in 2 … 32"),
        ({"n_sensors": 33}, "n_sensors is 33"),
        ({"explained": 1.0}, r"explained is 1.0, 0.1 … 0.999 is allowed"),
        ({"arl0": 1.0}, "arl0 is 1.0"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(parameters, sentence):
    with pytest.raises(ValueError, match=sentence):
        SpeFleet(**{"n_sensors": 3, **parameters})


def test_a_budget_is_kept_whatever_was_left_out():
    fleet = SpeFleet(5, arl0=1000)
    assert fleet.limit_for(1000) == 1.0
    for arl0 in (100.0, 1e6):
        for variances in ([1.0], [0.6, 0.3, 0.1], [1.0] * 4):
            ratio = math.sqrt(spe_limit(variances, arl0) / spe_limit(variances, 1000))
            assert fleet.limit_for(arl0) >= ratio - 1e-5


@pytest.fixture
def compiled(compiled_kernel, monkeypatch):
    for module in (spe, self_starting_vectors):
        name = module.kernel.__name__.rpartition(".")[2]
        monkeypatch.setattr(module, "kernel", compiled_kernel(name))


def test_compiled_and_interpreted_kernels_give_the_same_bits(compiled_kernel, monkeypatch):
    values = sample(900, 3, 1)
    values[np.random.default_rng(1).random((900, 3)) < 0.02] = np.nan
    results = []
    for kernel in (compiled_kernel("spe"), kernels.interpreted("spe")):
        monkeypatch.setattr(spe, "kernel", kernel)
        fleet = SpeFleet(3, grace_period=60)
        scores = one_machine(fleet, values)
        assert np.isfinite(scores).sum() > 500
        results.append(scores.tobytes() + fleet.state["distance"].tobytes())
    assert results[0] == results[1]


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(("p", "causes", "explained"), [(3, 1, 0.9), (6, 2, 0.7), (10, 3, 0.99)])
def test_spes_run_lengths_are_those_of_its_design(p, causes, explained):
    runs, draw = 500, mixed(noise(p + causes), mixing(p, causes))
    fleet = SpeFleet(p, arl0=200, explained=explained, autocorrelated=False, grace_period=2000)
    fleet.reserve(runs)
    teach(fleet, draw, runs, n=2100)
    assert np.isfinite(fleet.state["limit"]).all()
    assert_mean(run_lengths(fleet, draw, runs), 200.0)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("phi", [0.5, 0.95])
def test_false_alarms_of_autocorrelated_readings_keep_to_the_budget(phi):
    """Within half as many again of the design in readings, up to chance: 100 runs are ± 10 %."""
    runs, arl0 = 100, 5000.0
    fleet = SpeFleet(3, arl0=arl0, grace_period=1000)
    fleet.reserve(runs)
    draw = mixed(ar1(4, phi, runs), mixing(3, 1))
    teach(fleet, draw, runs, n=8000 if phi < 0.9 else 160_000)
    ratio = run_lengths(fleet, draw, runs, block=200).mean() / arl0
    assert 1 / 1.7 < ratio < 1.7
