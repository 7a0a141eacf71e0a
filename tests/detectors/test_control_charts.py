"""Shewhart, CUSUM, T² and MEWMA, and their self-starting references, against their definitions."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

import detectors
from detectors import (
    cusum,
    hotelling_t2,
    kernels,
    mewma,
    self_starting,
    self_starting_vectors,
    shewhart,
)
from detectors.calibration import cusum_limit, t2_limit
from detectors.cusum import NEVER, CusumFleet
from detectors.hotelling_t2 import HotellingT2Fleet
from detectors.mewma import MewmaFleet
from detectors.shewhart import ShewhartFleet
from tests.detectors.runs import S_NS, ar1, assert_mean, noise, run_lengths, teach

KNOWN = {"centre": 0.0, "sigma": 1.0}
FREE = {"warm_up": 12, "grace_period": 60, "autocorrelated": False}


def one_machine(fleet, values, learn=None):
    """Scores of one machine that tells its readings ten seconds apart, each scored, then learnt."""
    fleet.reserve(1)
    values = np.asarray(values, dtype=np.float64).reshape(-1, fleet.n_sensors)
    n = len(values)
    learn = np.ones(n, np.uint8) if learn is None else learn
    return fleet.walk(np.zeros(n, np.int32), np.arange(n) * 10 * S_NS, values, learn)


def normal(n, n_sensors=1, seed=3):
    return np.random.default_rng(seed).normal(size=(n, n_sensors))


@pytest.mark.parametrize(
    ("module", "fleet"),
    [
        (cusum, lambda: CusumFleet(2, grace_period=60, head_start=0.5)),
        (shewhart, lambda: ShewhartFleet(2, grace_period=60, rules="1234")),
        (self_starting, lambda: CusumFleet(2, grace_period=60)),
        (hotelling_t2, lambda: HotellingT2Fleet(2, grace_period=60)),
        (mewma, lambda: MewmaFleet(2, grace_period=60)),
        (self_starting_vectors, lambda: MewmaFleet(2, grace_period=60)),
    ],
)
def test_compiled_and_interpreted_kernels_give_the_same_bits(
    module, fleet, compiled_kernel, monkeypatch
):
    """Of readings that hang together until half of them, so that blocks double."""
    rng = np.random.default_rng(2)
    rows, learn = rng.integers(0, 3, 2000).astype(np.int32), rng.integers(0, 5, 2000) > 0
    values = np.cumsum(rng.normal(size=(2000, 2)), axis=0)
    values[1000:] = rng.normal(1e3, 1.0, (1000, 2)) ** rng.choice([1, 1, 1, 2, -1], (1000, 2))
    values[rng.random((2000, 2)) < 0.05] = np.nan
    name = module.kernel.__name__.rpartition(".")[2]
    results = []
    for kernel in (compiled_kernel(name), kernels.interpreted(name)):
        monkeypatch.setattr(module, "kernel", kernel)
        one = fleet()
        one.reserve(3)
        scores = one.walk(rows, np.arange(2000) * S_NS, values, learn.astype(np.uint8))
        assert np.isfinite(scores).sum() > 100
        results.append([scores.tobytes(), *(array.tobytes() for array in one.state.values())])
    assert results[0] == results[1]


# The univariate reference.


def hawkins(values, warm_up, grace_period):
    """U of each value by its definition, from the quantiles of SciPy."""
    u = np.full(len(values), np.nan)
    for i in range(warm_up, len(values)):
        before = values[: min(i, grace_period)]
        n = len(before)
        t = (values[i] - before.mean()) / (before.std(ddof=1) * math.sqrt(1 + 1 / n))
        u[i] = stats.norm.isf(stats.t.sf(t, n - 1))
    return u


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_the_self_starting_reference_is_hawkins_at_every_step(offset):
    values = normal(100)[:, 0] + offset
    fleet = ShewhartFleet(1, rules="1", control_limit=1.0, outlier=100.0, **FREE)
    scores = one_machine(fleet, values)[:, 0]
    np.testing.assert_allclose(scores, np.abs(hawkins(values - offset, 12, 60)), atol=1e-3)


def test_its_deviates_are_standard_normal_from_the_start():
    """400 machines, the first 60 samples of each; nothing is known of any of them before."""
    fleet = CusumFleet(1, autocorrelated=False, outlier=100.0)
    fleet.reserve(400)
    values = 5.0 + 3.0 * normal(400 * 60)
    rows = np.repeat(np.arange(400, dtype=np.int32), 60)
    u, _ = fleet.standardise(rows, values, np.ones(len(rows), np.uint8))
    u = u.reshape(400, 60)[:, 12:]
    assert stats.kstest(u.ravel(), "norm").pvalue > 0.01
    assert abs((u[:, 1:] * u[:, :-1]).mean()) < 0.02


def test_a_bad_beginning_is_left_out():
    values = normal(60)[:, 0]
    spiked = values.copy()
    spiked[[0, 5]] = [1e9, -40.0]
    clean, dirty = (ShewhartFleet(1, **FREE) for _ in range(2))
    one_machine(clean, values)
    scores = one_machine(dirty, spiked)[12:]
    assert scores.max() < 1
    clean_u = clean.standardise(np.zeros(1, np.int32), np.ones((1, 1)), np.zeros(1, np.uint8))[0]
    dirty_u = dirty.standardise(np.zeros(1, np.int32), np.ones((1, 1)), np.zeros(1, np.uint8))[0]
    assert dirty_u == pytest.approx(clean_u, abs=0.1)


def test_an_instrument_of_few_steps_is_no_outlier():
    """Most of its first values may be equal, and the median distance from the median nothing."""
    fleet = ShewhartFleet(1, **FREE)
    one_machine(fleet, [7.0, 8.0] + [7.0] * 8 + [6.0, 7.0])
    assert fleet.state["counts"][0, 0, 1] == 12
    assert one_machine(fleet, [8.0, 6.0, 7.0]).max() < 1


def test_what_is_far_out_is_not_learnt_until_it_is_confirmed():
    level = normal(20)[:, 0]
    moved = 30.0 + normal(100, seed=4)[:, 0]
    fleet = ShewhartFleet(1, **FREE)
    one_machine(fleet, level)
    first = one_machine(fleet, moved[:19])
    assert (first > 1).all()
    assert fleet.state["counts"][0, 0, 1] == 20
    later = one_machine(fleet, moved[19:])
    assert np.isnan(later[1:13]).all()
    assert later[13:].max() < 1


def test_the_reference_freezes():
    fleet = ShewhartFleet(1, **FREE)
    one_machine(fleet, normal(60))
    frozen = fleet.state["moments"].copy()
    one_machine(fleet, np.linspace(0, 5, 500))
    assert fleet.state["moments"].tobytes() == frozen.tobytes()


@pytest.mark.parametrize(("phi", "least"), [(0.0, 1), (0.5, 2), (0.9, 16)])
def test_blocks_double_until_neighbours_no_longer_resemble_each_other(phi, least):
    fleet = CusumFleet(1, grace_period=200)
    fleet.reserve(20)
    teach(fleet, ar1(1, phi, runs=20), runs=20, n=200 * 4 * least)
    block = np.median(fleet.state["counts"][:, 0, 5])
    assert least <= block <= 4 * least
    assert (block == 1) == (phi == 0)


def test_a_block_says_what_the_one_before_it_said():
    fleet = CusumFleet(1, grace_period=100)
    teach_readings = ar1(1, 0.9, runs=1)(np.zeros(1, np.int32), 5000)[0]
    one_machine(fleet, teach_readings)
    block = int(fleet.state["counts"][0, 0, 5])
    assert block > 4
    scores = one_machine(fleet, 3.0 + teach_readings[:500])[:, 0]
    steps = np.flatnonzero(np.diff(scores))
    assert np.isfinite(scores).all()
    assert (np.diff(steps) % block == 0).all()


# CUSUM.


def cusum_by_numpy(values, k, h, head_start):
    high = low = head_start * h
    scores = []
    for x in values:
        if np.isfinite(x):
            high = min(max(0.0, high + x - k), 4 * h)
            low = min(max(0.0, low - x - k), 4 * h)
        scores.append(max(high, low) / h if np.isfinite(x) else np.nan)
    return np.array(scores)


@pytest.mark.parametrize("head_start", [0.0, 0.5])
def test_cusum_is_its_definition_at_every_step(head_start):
    values = np.concatenate([normal(200)[:, 0], 2 + normal(50, seed=4)[:, 0]])
    values[::17] = np.nan
    fleet = CusumFleet(1, reference_value=0.4, decision_interval=5, head_start=head_start, **KNOWN)
    scores = one_machine(fleet, values)[:, 0]
    np.testing.assert_allclose(scores, cusum_by_numpy(values, 0.4, 5, head_start), rtol=1e-12)


def test_cusum_says_since_when():
    values = np.array([[0.0, 0.0]] * 5 + [[2.0, 0.0]] * 3 + [[2.0, -3.0]] * 2)
    fleet = CusumFleet(2, **KNOWN)
    fleet.reserve(1)
    assert fleet.onset_ns(0).tolist() == [NEVER, NEVER]
    one_machine(fleet, values)
    assert (fleet.onset_ns(0) / S_NS).tolist() == [40.0, 70.0]
    one_machine(fleet, [[-9.0, 9.0]])
    fleet.forget(0)
    assert fleet.onset_ns(0).tolist() == [NEVER, NEVER]


def test_the_onset_is_near_the_change():
    """A shift of one σ, 100 times: most estimates are within 20 samples of it."""
    fleet = CusumFleet(1, arl0=1000, **KNOWN)
    fleet.reserve(100)
    values = normal(100 * 300, seed=5).reshape(100, 300)
    values[:, 200:] += 1.0
    rows = np.repeat(np.arange(100, dtype=np.int32), 300)
    times = np.tile(np.arange(300) * S_NS, 100)
    fleet.learn(rows, times, values.reshape(-1, 1))
    onsets = np.array([fleet.onset_ns(row)[0] / S_NS for row in range(100)])
    assert abs(np.median(onsets) - 199) <= 2
    assert (abs(onsets - 199) < 20).mean() > 0.85


def onsets_after(shift, runs=2000, before=100, after=150, seed=6):
    """Readings from a change of the level to where CUSUM, set to it, says that it came."""
    fleet = CusumFleet(1, reference_value=shift / 2, decision_interval=30.0, **KNOWN)
    fleet.reserve(runs)
    values = normal(runs * (before + after), seed=seed).reshape(runs, before + after)
    values[:, before:] += shift
    rows = np.repeat(np.arange(runs, dtype=np.int32), before + after)
    fleet.learn(rows, np.tile(np.arange(before + after) * S_NS, runs), values.reshape(-1, 1))
    onsets = np.array([fleet.onset_ns(row)[0] for row in range(runs)]) // S_NS
    return values, onsets, onsets - (before - 1)


def test_the_onset_is_the_maximum_likelihood_estimate():
    """Of where a known shift began: the partial sums of x - k are lowest there (Hinkley 1971)."""
    values, onsets, _ = onsets_after(1.0, runs=200)
    sums = np.cumsum(values - 0.5, axis=1)
    assert (onsets == sums.argmin(axis=1)).all()


@pytest.mark.parametrize("shift", [1.0, 1.5, 2.0])
def test_the_onset_is_as_often_right_as_theory_says(shift):
    """Hinkley (1970), Biometrika 57: neither walk away from the change may ever come back.

    The chance of each comes by Spitzer's identity, exp(-Σ Φ(-δ√n/2) / n): a shift of one σ is dated
    to the reading 28 times of 100, one of two σ 64 times. Early and late are alike.
    """
    n = np.arange(1, 2000)
    right = math.exp(-2 * (stats.norm.sf(shift / 2 * np.sqrt(n)) / n).sum())
    errors = onsets_after(shift)[2]
    assert abs((errors == 0).mean() - right) < 3 * math.sqrt(right * (1 - right) / 2000)
    early, late = (errors < 0).mean(), (errors > 0).mean()
    assert abs(early - late) < 3 * math.sqrt((1 - right) / 2000)


def test_cusum_recovers_from_a_large_fault():
    fleet = CusumFleet(1, **KNOWN)
    h = cusum_limit(0.5, 100_000)
    fault = one_machine(fleet, [50.0] * 100)
    assert fault.max() == pytest.approx(4.0)
    quiet = one_machine(fleet, [0.0] * 200)[:, 0]
    assert (quiet > 1).sum() == math.ceil(3 * h / 0.5) - 1


def test_cusums_limit_is_that_of_its_budget():
    fleet = CusumFleet(1, arl0=500, **KNOWN)
    assert fleet.limit_for(500) == pytest.approx(1.0)
    assert fleet._intervals[3] == pytest.approx(cusum_limit(0.5, 500 / 8))
    assert fleet.limit_for(50_000) == pytest.approx(
        cusum_limit(0.5, 50_000) / cusum_limit(0.5, 500)
    )


def test_river_sees_a_cusum_with_readings_a_second_apart():
    chart = detectors.Cusum(warm_up=5)
    for x in [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.5, 5.0]:
        chart.learn_one({"x": x})
    assert chart.score_one({"x": 5.0}) > chart.score_one({"x": 0.5})
    assert chart._one.onset_ns(0)[0] == 7 * S_NS


# Shewhart's chart.


def fired_by_numpy(values, limit):
    """Which rules fire at each value, each by its words."""
    zone = limit / 3
    for i in range(len(values)):
        recent = values[max(0, i - 7) : i + 1]
        sides = (recent, -recent)
        yield "".join(
            rule
            for rule, out in {
                "1": any(side[-1] >= 3 * zone for side in sides),
                "2": any((side[-3:] >= 2 * zone).sum() >= 2 for side in sides),
                "3": any((side[-5:] >= zone).sum() >= 4 for side in sides),
                "4": any(len(side) == 8 and (side > 0).all() for side in sides),
            }.items()
            if out
        )


def test_run_rules_are_their_words_at_every_step():
    values = normal(3000)[:, 0]
    values[1000:1500] += 1.0
    fleet = ShewhartFleet(1, control_limit=3.0, rules="1234", **KNOWN)
    seen = set()
    for x, expected in zip(values, fired_by_numpy(values, 3.0), strict=True):
        score = one_machine(fleet, [x])[0, 0]
        assert fleet.fired(0) == [expected]
        assert (score >= 1) == bool(expected)
        seen.add(expected)
    assert {"", "1", "2", "3", "4"} <= seen


@pytest.mark.parametrize("rules", [r for n in (1, 2, 4) for r in combinations("1234", n)])
def test_rules_that_are_off_are_silent(rules):
    on, every = "".join(rules), ShewhartFleet(1, control_limit=3.0, rules="1234", **KNOWN)
    some = ShewhartFleet(1, control_limit=3.0, rules=on, **KNOWN)
    for x in 0.7 + normal(300)[:, 0]:
        one_machine(every, [x])
        one_machine(some, [x])
        assert some.fired(0)[0] == "".join(rule for rule in every.fired(0)[0] if rule in on)


# The multivariate reference, T² and MEWMA.


def regression_deviates(x, before):
    """Deviates of a sample by least squares: each sensor is predicted from those before it."""
    n, p = before.shape
    u = []
    for j in range(p):
        design, now = np.column_stack([np.ones(n), before[:, :j]]), np.r_[1.0, x[:j]]
        beta, *_ = np.linalg.lstsq(design, before[:, j], rcond=None)
        degrees = n - j - 1
        s = math.sqrt(((before[:, j] - design @ beta) ** 2).sum() / degrees)
        reach = now @ np.linalg.inv(design.T @ design) @ now
        t = (x[j] - now @ beta) / (s * math.sqrt(1 + reach))
        u.append(stats.norm.isf(stats.t.sf(t, degrees)))
    return np.array(u)


def mixed(n, p, seed=6):
    """Readings whose sensors depend on each other."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, p)) @ rng.normal(size=(p, p)) + 7.0


@pytest.mark.parametrize("p", [1, 2, 5])
def test_the_deviates_are_those_of_regression_at_every_step(p):
    values = mixed(120, p)
    fleet = HotellingT2Fleet(p, autocorrelated=False, grace_period=80)
    scores = one_machine(fleet, values)[:, 0]
    for i in (fleet.warm_up, fleet.warm_up + 1, 50, 79, 80, 119):
        u = regression_deviates(values[i], values[: min(i, 80)])
        expected = math.sqrt(u @ u / t2_limit(p, 100_000))
        assert scores[i] == pytest.approx(expected, rel=2e-3)


def test_t2_of_a_long_reference_is_mahalanobis_distance():
    values = mixed(20_000, 3)
    fleet = HotellingT2Fleet(3, autocorrelated=False, grace_period=20_000, outlier=6.0)
    one_machine(fleet, values)
    x = np.array([9.0, 5.0, 8.0])
    d = x - values.mean(axis=0)
    t2 = d @ np.linalg.solve(np.cov(values.T), d)
    assert fleet.score(np.zeros(1, np.int32), np.zeros(1, np.int64), x[None])[
        0, 0
    ] == pytest.approx(math.sqrt(t2 / t2_limit(3, 100_000)), rel=2e-3)
    np.testing.assert_allclose(fleet.mean(0), values.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(fleet.covariance(0), np.cov(values.T), rtol=1e-9)


@pytest.mark.parametrize("kind", [HotellingT2Fleet, MewmaFleet])
def test_a_missing_sensor_leaves_the_others_judged_among_themselves(kind):
    values = mixed(300, 3)
    fleet, others = (
        kind(3, autocorrelated=False, warm_up=12),
        kind(2, autocorrelated=False, warm_up=12),
    )
    one_machine(fleet, values)
    one_machine(others, values[:, [0, 2]])
    gappy = values[:20].copy()
    gappy[:, 1] = np.nan
    learn = np.zeros(20, np.uint8)
    ours, theirs = one_machine(fleet, gappy, learn), one_machine(others, gappy[:, [0, 2]], learn)
    if kind is HotellingT2Fleet:
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    else:
        assert np.isfinite(ours).all()


def test_only_complete_samples_are_learnt():
    fleet = HotellingT2Fleet(2, autocorrelated=False)
    values = mixed(100, 2)
    values[::3, 0] = np.nan
    one_machine(fleet, values)
    assert fleet.state["counts"][0, 1] == np.isfinite(values).all(axis=1).sum()


@pytest.mark.parametrize("moved", range(4))
def test_the_sensor_that_moved_contributes_most(moved):
    values = mixed(500, 4)
    fleet = HotellingT2Fleet(4)
    one_machine(fleet, values)
    for x in values[:20] + 6 * np.eye(4)[moved] * values.std(axis=0):
        told = fleet.contributions(0, x)
        assert np.argmax(np.abs(told)) == moved
        assert told[moved] > 0
    x[(moved + 1) % 4] = np.nan
    assert np.isnan(fleet.contributions(0, x)).tolist() == [k == (moved + 1) % 4 for k in range(4)]


def test_mewma_names_the_sensor_that_drifts():
    values = mixed(700, 3)
    fleet = MewmaFleet(3, fading_factor=0.05)
    one_machine(fleet, values[:500])
    drift = values[500:].copy()
    drift[:, 1] -= 1.5 * values[:, 1].std()
    one_machine(fleet, drift)
    told = fleet.contributions(0, drift[-1])
    assert np.argmax(np.abs(told)) == 1
    assert told[1] < 0


def test_contributions_wait_for_a_reference():
    fleet = MewmaFleet(2)
    fleet.reserve(1)
    assert np.isnan(fleet.contributions(0, np.zeros(2))).all()
    assert MewmaFleet(2, **KNOWN).contributions(0, np.array([1.0, -2.0])).tolist() == [1.0, -2.0]


def test_mewma_is_its_definition_at_every_step():
    values = normal(200, 3)
    fleet = MewmaFleet(3, fading_factor=0.15, arl0=1000, **KNOWN)
    scores, z = one_machine(fleet, values)[:, 0], np.zeros(3)
    for x, score in zip(values, scores, strict=True):
        z = 0.15 * x + 0.85 * z
        assert score == pytest.approx(math.sqrt(z @ z * 1.85 / 0.15 / fleet._limits[0, 3]))


@pytest.mark.parametrize("kind", [HotellingT2Fleet, MewmaFleet])
def test_the_limit_is_that_of_the_budget(kind):
    fleet = kind(3, arl0=1000)
    assert fleet.limit_for(1000) == pytest.approx(1.0)
    assert fleet.limit_for(1e6) > 1.2
    assert fleet.limit_for(100) < 1
    assert fleet._limits.shape == (11, 4)
    blocks = [fleet.limit_for(1000 / 2**k) ** 2 for k in range(5)]
    np.testing.assert_allclose(fleet._limits[:5, 3] / fleet._limits[0, 3], blocks)


# Run lengths, by experiment.


@pytest.fixture
def compiled(compiled_kernel, monkeypatch):
    for module in (cusum, shewhart, hotelling_t2, mewma, self_starting, self_starting_vectors):
        name = module.kernel.__name__.rpartition(".")[2]
        monkeypatch.setattr(module, "kernel", compiled_kernel(name))


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(
    ("h", "head_start", "shift", "published"),
    [
        (4, 0.0, 0.0, 167.7),
        (4, 0.0, 1.0, 8.38),
        (4, 0.0, 2.0, 3.34),
        (4, 0.5, 0.0, 148.7),
        (4, 0.5, 0.5, 20.1),
        (4, 0.5, 1.0, 5.29),
        (4, 0.5, 2.0, 2.01),
        (5, 0.0, 0.0, 465.4),
        (5, 0.0, 0.5, 38.0),
        (5, 0.0, 1.0, 10.38),
        (5, 0.5, 0.0, 430.0),
        (5, 0.5, 1.0, 6.35),
    ],
)
def test_cusums_run_lengths_are_the_published_ones(h, head_start, shift, published):
    fleet = CusumFleet(1, decision_interval=h, head_start=head_start, **KNOWN)
    assert_mean(run_lengths(fleet, noise(1, shift), runs=2000), published)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(
    ("rules", "shift", "published"),
    [
        ("1", 0.0, 370.4),
        ("12", 0.0, 225.44),
        ("12", 1.0, 20.01),
        ("123", 0.0, 132.89),
        ("123", 0.6, 28.70),
        ("1234", 0.0, 91.75),
        ("1234", 1.0, 9.22),
        ("1234", 2.0, 3.13),
    ],
)
def test_run_rules_run_lengths_are_the_published_ones(rules, shift, published):
    fleet = ShewhartFleet(1, control_limit=3.0, rules=rules, **KNOWN)
    assert_mean(run_lengths(fleet, noise(1, shift), runs=2000, limit=1 - 1e-12), published)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("n_sensors", [2, 4, 10])
def test_t2s_run_lengths_are_those_of_chi_square(n_sensors):
    fleet = HotellingT2Fleet(n_sensors, arl0=200, **KNOWN)
    assert_mean(run_lengths(fleet, noise(n_sensors), runs=2000), 200.0)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(
    ("shift", "published"),
    [(0, 199.8), (0.5, 35.05), (1, 12.17), (1.5, 7.22), (2, 5.19), (3, 3.42)],
)
def test_mewmas_run_lengths_are_the_published_ones(shift, published):
    fleet = MewmaFleet(4, arl0=200, **KNOWN)
    limit = math.sqrt(12.73 / fleet._limits[0, 4])
    assert_mean(run_lengths(fleet, noise(4, shift), runs=2000, limit=limit), published)
