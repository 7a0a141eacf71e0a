"""False alarms of readings that resemble their neighbours: by experiment, and by theory."""

import math

import numpy as np
import pytest

from detectors import (
    cusum,
    ewma_chart,
    hotelling_t2,
    mewma,
    self_starting,
    self_starting_vectors,
    spe,
)
from detectors.cusum import CusumFleet
from detectors.ewma_chart import EwmaChartFleet
from detectors.hotelling_t2 import HotellingT2Fleet
from detectors.mewma import MewmaFleet
from detectors.self_starting import known_block
from detectors.spe import SpeFleet
from tests.detectors.runs import S_NS, ar1, run_lengths, teach

ARL0 = 4000.0
PHIS = [0.0, 0.5, 0.8, 0.9, 0.95]
CHARTS = {
    "ewma_chart": lambda **more: EwmaChartFleet(1, **more),
    "cusum": lambda **more: CusumFleet(1, arl0=ARL0, **more),
    "hotelling_t2": lambda **more: HotellingT2Fleet(3, arl0=ARL0, **more),
    "mewma": lambda **more: MewmaFleet(3, arl0=ARL0, **more),
}


@pytest.fixture(autouse=True)
def compiled(compiled_kernel, monkeypatch):
    for module in (
        cusum,
        ewma_chart,
        hotelling_t2,
        mewma,
        self_starting,
        self_starting_vectors,
        spe,
    ):
        name = module.kernel.__name__.rpartition(".")[2]
        monkeypatch.setattr(module, "kernel", compiled_kernel(name))


def ratio(fleet, draw, runs):
    """Mean run length by what was asked, and its standard error."""
    lengths = run_lengths(fleet, draw, runs, limit=fleet.limit_for(ARL0), block=200) / ARL0
    return lengths.mean(), lengths.std(ddof=1) / math.sqrt(runs)


def calm(fleet):
    """Let charts begin once more, from the reference they have."""
    anew = fleet.chart_schema() if hasattr(fleet, "chart_schema") else ("ewma", "variance")
    for name in anew:
        fleet.state[name][:] = fleet.schema()[name].fill


@pytest.mark.parametrize("phi", PHIS)
@pytest.mark.parametrize("chart", CHARTS)
def test_a_known_reference_keeps_the_budget(chart, phi):
    """Surely: three standard errors from being 1.5 times the design, or 1.5 times less."""
    fleet = CHARTS[chart](centre=0.0, sigma=1.0, phi=phi)
    mean, error = ratio(fleet, ar1(fleet.n_sensors, phi, runs=300), runs=300)
    assert mean - 3 * error > 1 / 1.5
    assert mean + 3 * error < 1.5


@pytest.mark.parametrize("phi", PHIS)
@pytest.mark.parametrize("chart", CHARTS)
def test_a_learnt_reference_keeps_the_budget(chart, phi):
    """Up to chance, which is larger: what was learnt differs from run to run."""
    fleet = CHARTS[chart](grace_period=600)
    draw = ar1(fleet.n_sensors, phi, runs=200)
    fleet.reserve(200)
    teach(fleet, draw, runs=200, n=1200 if phi == 0 else 24 * round(100 / (1 - phi)))
    calm(fleet)
    mean, error = ratio(fleet, draw, runs=200)
    assert mean + error > 1 / 1.5
    assert mean - error < 1.5


@pytest.mark.parametrize("phi", [0.5, 0.95])
@pytest.mark.parametrize("fading_factor", [0.05, 0.2, 0.4])
def test_a_known_phi_keeps_the_budget_of_any_ewma_chart(fading_factor, phi):
    fleet = EwmaChartFleet(1, fading_factor=fading_factor, centre=0.0, sigma=1.0, phi=phi)
    mean, error = ratio(fleet, ar1(1, phi, runs=300), runs=300)
    assert mean - 2 * error > 1 / 1.5
    assert mean + 2 * error < 1.5


# An AR(1) process whose φ nobody knows, or takes into account: what all that is for.


@pytest.mark.parametrize("chart", ["ewma_chart", "cusum", "mewma"])
def test_a_chart_that_takes_neighbours_as_independent_does_not(chart):
    fleet = CHARTS[chart](centre=0.0, sigma=1.0, phi=0.9, autocorrelated=False)
    mean, _ = ratio(fleet, ar1(fleet.n_sensors, 0.9, runs=200), runs=200)
    assert mean < 0.1


# Known references.


@pytest.mark.parametrize("phi", [0.1, 0.45, 0.8, 0.97, 0.99])
@pytest.mark.parametrize("longest", [1, 8, 1024])
def test_the_means_of_a_known_block_are_those_of_an_ar1_process(phi, longest):
    block, variance, left = known_block(phi, longest)
    lags = np.arange(2 * block)
    covariance = phi ** np.abs(lags[:, None] - lags)
    whole, next_one = covariance[:block, :block].mean(), covariance[:block, block:].mean()
    assert variance == pytest.approx(whole)
    assert left == pytest.approx(next_one / whole)
    assert block == longest or (left <= 0.3 and block < longest)
    assert block == 1 or known_block(phi, block // 2)[2] > 0.3


@pytest.mark.parametrize("kind", [CusumFleet, HotellingT2Fleet, MewmaFleet])
def test_a_known_reference_judges_the_means_of_blocks(kind):
    """And forgetting a machine forgets what was heard of it, not what was given."""
    fleet = kind(2, centre=5.0, sigma=2.0, phi=0.8)
    fleet.reserve(3)
    block, variance, _ = known_block(0.8)
    values = 5.0 + np.random.default_rng(1).normal(size=(3 * block, 2))
    rows, learn = np.full(len(values), 2, np.int32), np.ones(len(values), np.uint8)
    for _ in range(2):
        u, due = fleet.standardise(rows, values, learn)
        ends = slice(block - 1, None, block)
        means = values.reshape(3, block, 2).mean(axis=1) - 5.0
        wider = u[ends] / (means / (2.0 * math.sqrt(variance)))
        np.testing.assert_allclose(wider, wider[0, 0], rtol=1e-5)
        assert wider[0, 0] <= 1 + 1e-6
        assert (due[ends] & 2).all()
        assert np.isnan(np.delete(u, np.arange(len(u))[ends], axis=0)).all()
        fleet.forget(2)


def test_nothing_is_said_before_the_first_block_of_a_known_reference():
    fleet = MewmaFleet(2, centre=0.0, sigma=1.0, phi=0.8)
    fleet.reserve(1)
    times, learn = np.arange(20) * S_NS, np.ones(20, np.uint8)
    scores = fleet.walk(np.zeros(20, np.int32), times, np.ones((20, 2)), learn)
    assert np.isfinite(scores[:, 0]).tolist() == [False] * 15 + [True] * 5


def test_rows_that_come_later_know_the_reference_too():
    fleet = CusumFleet(1, centre=3.0, sigma=1.0, phi=0.5)
    fleet.reserve(1)
    fleet.reserve(5)
    assert (fleet.state["moments"] == fleet.state["moments"][0]).all()
    assert fleet.state["moments"][4, 0, 0] == 3.0


@pytest.mark.parametrize("chart", CHARTS)
def test_phi_is_for_a_reference_that_is_known(chart):
    with pytest.raises(ValueError, match=r"phi is 0.5, it is measured unless centre and sigma"):
        CHARTS[chart](phi=0.5)
    with pytest.raises(ValueError, match=r"phi is 1.0, 0 … 0.99 is allowed"):
        CHARTS[chart](centre=0.0, sigma=1.0, phi=1.0)


def test_spe_has_no_reference_that_is_known():
    with pytest.raises(TypeError, match="phi"):
        SpeFleet(3, phi=0.5)


# The grace period of the EWMA chart.


@pytest.mark.parametrize(("phi", "spacing"), [(0.0, 1), (0.5, 2), (0.9, 16), (0.95, 32)])
def test_the_grace_period_goes_on_until_its_values_are_worth_enough(phi, spacing):
    fleet = EwmaChartFleet(1)
    fleet.reserve(50)
    teach(fleet, ar1(1, phi, runs=50), runs=50, n=20_000)
    found = 2.0 ** fleet.state["doublings"]
    assert spacing / 2 <= np.median(found) <= spacing
    assert np.isfinite(fleet.state["centre"]).mean() > 0.9


def test_the_grace_period_ends_in_any_case():
    wandering = np.cumsum(np.random.default_rng(3).normal(size=(20_001, 1)), axis=0)
    for longest, needed in ((20_000, 12_800), (5000, 3200), (799, 400)):
        fleet = EwmaChartFleet(1, longest_grace=longest)
        fleet.reserve(1)
        rows, times = np.zeros(20_001, np.int32), np.arange(20_001) * S_NS
        scores = fleet.walk(rows, times, wandering, np.ones(20_001, np.uint8))
        assert np.isnan(scores).sum() == needed
