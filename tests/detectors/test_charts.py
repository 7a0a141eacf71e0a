"""Rolling z, EWMA chart and Page-Hinkley test, each against its definition at every step."""

import math
import random

import numpy as np
import pytest
from river import drift

import detectors
from detectors import ewma_chart, kernels, page_hinkley, rolling_zscore
from detectors.ewma_chart import EwmaChartFleet
from detectors.page_hinkley import PageHinkleyFleet
from detectors.rolling_zscore import RollingZScoreFleet
from tests.detectors.runs import noise, run_lengths


def one_signal(fleet, values):
    """Scores of one sensor of one machine, each value scored, then learnt."""
    fleet.reserve(1)
    column = np.array(values, dtype=np.float64)[:, None]
    n = len(column)
    return fleet.walk(np.zeros(n, np.int32), seconds(n), column, np.ones(n, np.uint8))[:, 0]


def seconds(n):
    return np.arange(n, dtype=np.int64) * 10**9


def ar1(n, phi, seed=1):
    """Autocorrelated noise with variance 1."""
    rng = np.random.default_rng(seed)
    values = [rng.normal()]
    for shock in rng.normal(size=n - 1):
        values.append(phi * values[-1] + math.sqrt(1 - phi * phi) * shock)
    return np.array(values)


@pytest.mark.parametrize(
    ("module", "fleet"),
    [
        (rolling_zscore, lambda: RollingZScoreFleet(2, window_size=30, grace_period=7)),
        (ewma_chart, lambda: EwmaChartFleet(2, grace_period=25)),
        (ewma_chart, lambda: EwmaChartFleet(2, centre=0.5, sigma=2.0, fading_factor=0.3)),
        (page_hinkley, lambda: PageHinkleyFleet(2, min_instances=5, threshold=8.0)),
        (page_hinkley, lambda: PageHinkleyFleet(2, min_instances=3, alpha=0.9, mode="down")),
    ],
)
def test_compiled_and_interpreted_kernels_give_the_same_bits(
    module, fleet, compiled_kernel, monkeypatch
):
    rng = np.random.default_rng(2)
    rows, learn = rng.integers(0, 3, 600).astype(np.int32), rng.integers(0, 5, 600) > 0
    values = rng.normal(1e3, 1.0, (600, 2)) ** rng.choice([1, 1, 1, 2, -1], (600, 2))
    values[rng.random((600, 2)) < 0.05] = np.nan
    name = module.__name__.rpartition(".")[2]
    results = []
    for kernel in (compiled_kernel(name), kernels.interpreted(name)):
        monkeypatch.setattr(module, "kernel", kernel)
        one = fleet()
        one.reserve(3)
        scores = one.walk(rows, seconds(600), values, learn.astype(np.uint8))
        assert np.isfinite(scores).sum() > 100
        results.append([scores.tobytes(), *(array.tobytes() for array in one.state.values())])
    assert results[0] == results[1]


# Rolling z-score.


def z_by_numpy(values, window_size, grace_period):
    scores = np.full(len(values), np.nan)
    for i in range(grace_period, len(values)):
        window = values[max(0, i - window_size) : i]
        scores[i] = abs(values[i] - window.mean()) / window.std(ddof=1)
    return scores


@pytest.mark.parametrize("window_size", [2, 5, 24, 250])
@pytest.mark.parametrize("offset", [0.0, 1e9, -1e12])
def test_rolling_z_is_its_definition_at_every_step(window_size, offset):
    values = np.random.default_rng(3).normal(size=600) + offset
    grace_period = min(4, window_size)
    fleet = RollingZScoreFleet(1, window_size=window_size, grace_period=grace_period)
    # NumPy gets what is left of the values without the offset, which is exact: at 1e12 its own
    # mean of them would be wrong in the fourth digit.
    expected = z_by_numpy(values - offset, window_size, grace_period)
    np.testing.assert_allclose(one_signal(fleet, values), expected, rtol=1e-12, atol=1e-12)


def test_rolling_z_forgets_a_spike_entirely():
    values = np.random.default_rng(4).normal(size=300)
    spiked = values.copy()
    spiked[50] = 1e12
    a, b = (
        one_signal(RollingZScoreFleet(1, window_size=40, grace_period=10), v)
        for v in (values, spiked)
    )
    assert a[91:].tobytes() == b[91:].tobytes()
    assert b[50] > 1e11


def test_rolling_z_of_a_ramp_tends_to_root_3_however_steep():
    for slope in (1e-3, 1.0, 1e6):
        ramp = slope * np.arange(600.0)
        assert one_signal(RollingZScoreFleet(1), ramp)[-1] == pytest.approx(math.sqrt(3), rel=0.01)


def test_rolling_z_of_a_step_after_silence_is_set_by_the_floor():
    scores = one_signal(RollingZScoreFleet(1, min_std=0.1), [20.0] * 300 + [20.5])
    assert scores[299] == 0.0
    assert scores[300] == pytest.approx(5.0)


def test_rolling_z_of_one_machine_is_that_of_its_strangest_feature():
    detector = detectors.RollingZScore(window_size=20, grace_period=3)
    for i in range(10):
        detector.learn_one({"a": i % 3, "b": i % 2})
    a, b = detector.score_one({"a": 9.0, "b": math.nan}), detector.score_one({"b": 9.0})
    assert detector.score_one({"b": 9.0, "a": 9.0, "other": 1e6}) == max(a, b)
    assert math.isnan(detector.score_one({"other": 1.0}))


# EWMA chart.


def reference_by_numpy(values, grace_period, *, autocorrelated, min_std=1e-6):
    """How many values are needed, their centre, σ, and φ from one to the next."""
    needed = 0
    for spacing in 2 ** np.arange(7):
        needed += spacing * (grace_period if spacing == 1 else grace_period // 2)
        grace = values[needed - 1 - spacing * (grace_period - 1) : needed : spacing]
        centre = np.median(grace)
        sigma = max(1.4826 * np.median(np.abs(grace - centre)), min_std)
        near = grace[np.abs(grace - centre) <= 3 * sigma]
        centre, sigma, phi = near.mean(), max(near.std() / 0.98658, min_std), 0.0
        if autocorrelated:
            d = np.clip((grace - centre) / sigma, -3, 3)
            phi = (d[1:] * d[:-1]).sum() / (d * d).sum()
            phi = np.clip(phi + (1 + 4 * phi) / grace_period, 0, 0.99)
        if phi <= 0.3 + 2 / np.sqrt(grace_period) or spacing == 64:
            break
    if phi > 0:
        sigma /= np.sqrt(1 - 1 / max(grace_period * (1 - phi) / (1 + phi), 2.5))
    return needed, centre, sigma, min(phi ** (1 / spacing), 0.99)


def deviations_by_numpy(values, reference, fading_factor):
    needed, centre, sigma, phi = reference
    kept = phi * (1 - fading_factor)
    sigma *= np.sqrt((1 + kept) / (1 - kept))
    rarity = max(0, 2 * np.log(0.85 * np.sqrt((1 + kept) / (1 - phi))))
    scores, z = [np.nan] * needed, 0.0
    for t, x in enumerate(values[needed:] - centre, start=1):
        z = fading_factor * x + (1 - fading_factor) * z
        spread = fading_factor / (2 - fading_factor) * (1 - (1 - fading_factor) ** (2 * t))
        u = abs(z) / (sigma * np.sqrt(spread))
        scores.append(np.sqrt(u * u + rarity * (1 - np.exp(-u * u))))
    return np.array(scores)


@pytest.mark.parametrize("autocorrelated", [True, False])
@pytest.mark.parametrize("fading_factor", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("grace_period", [2, 51, 100])
@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_ewma_chart_is_its_definition_at_every_step(
    autocorrelated, fading_factor, grace_period, phi
):
    values = 1e3 + ar1(2500, phi)
    fleet = EwmaChartFleet(
        1,
        fading_factor=fading_factor,
        grace_period=grace_period,
        autocorrelated=autocorrelated,
    )
    reference = reference_by_numpy(values, grace_period, autocorrelated=autocorrelated)
    assert (reference[0] > grace_period) == (grace_period > 2 and autocorrelated and phi > 0)
    expected = deviations_by_numpy(values, reference, fading_factor)
    np.testing.assert_allclose(one_signal(fleet, values), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.99])
def test_a_known_phi_is_as_a_measured_one(phi):
    values = ar1(300, phi)
    fleet = EwmaChartFleet(1, fading_factor=0.2, centre=0.5, sigma=2.0, phi=phi)
    expected = deviations_by_numpy(values, (0, 0.5, 2.0, phi), 0.2)
    np.testing.assert_allclose(one_signal(fleet, values), expected, rtol=1e-10, atol=1e-10)


def test_ewma_chart_freezes_on_what_most_of_the_grace_period_was_like():
    values = ar1(400, 0.0)
    spiked = values.copy()
    spiked[[0, 40, 41, 42, 200]] = [1e12, -500.0, -500.0, 1e9, 30.0]
    clean, dirty = EwmaChartFleet(1), EwmaChartFleet(1)
    one_signal(clean, values)
    one_signal(dirty, spiked)
    assert dirty.state["centre"] == pytest.approx(clean.state["centre"], abs=0.05)
    assert dirty.state["sigma"] == pytest.approx(clean.state["sigma"], rel=0.1)


def test_ewma_chart_never_moves_its_centre_line():
    chart = EwmaChartFleet(1)
    one_signal(chart, ar1(400, 0.0))
    centre, sigma = chart.state["centre"].copy(), chart.state["sigma"].copy()
    assert np.isfinite(centre)
    creep = one_signal(chart, np.linspace(0.0, 5.0, 5000))
    assert chart.state["centre"] == centre
    assert chart.state["sigma"] == sigma
    assert creep[-1] > 15.0


def test_ewma_chart_lets_go_of_the_grace_values():
    chart = EwmaChartFleet(1, grace_period=20)
    one_signal(chart, ar1(19, 0.0))
    assert chart.state["grace"].any()
    one_signal(chart, [1.0])
    assert not chart.state["grace"].any()


def test_ewma_chart_keeps_at_most_3300_bytes_per_sensor():
    chart = EwmaChartFleet(3)
    chart.reserve(10)
    assert sum(array.nbytes for array in chart.state.values()) <= 10 * 3 * 3300


def test_ewma_chart_widens_for_autocorrelation():
    """One that does not alarms many times as often; one that does, no more than nominally."""
    values = ar1(40_000, 0.8, seed=6)
    crossings = {}
    for autocorrelated in (True, False):
        chart = EwmaChartFleet(1, grace_period=5000, autocorrelated=autocorrelated)
        scores = one_signal(chart, values)[5000:]
        crossings[autocorrelated] = (scores > 2.814).mean()
    assert crossings[True] < 0.007
    assert crossings[False] > 0.1


def test_a_known_centre_line_needs_no_grace_period():
    chart = EwmaChartFleet(1, centre=10.0, sigma=2.0, fading_factor=0.2)
    assert one_signal(chart, [13.0])[0] == pytest.approx(1.5)
    assert chart.ready(0) == 1.0
    assert chart.state["grace"].nbytes == 0
    chart.forget(0)
    assert one_signal(chart, [13.0])[0] == pytest.approx(1.5)


# Exact limits, known μ and σ, shifts of 0, ½, 1 and 3 σ. The last row is Steiner's (1999), Journal
# of Quality Technology 31; the others have the limits for an ARL0 of 500 with fixed limits.
EXACT_LIMITS = {
    (0.4, 3.054): (498.1, 70.5, 13.84, 1.66),
    (0.25, 2.998): (495.9, 47.1, 10.38, 1.62),
    (0.2, 2.962): (494.4, 40.3, 9.55, 1.59),
    (0.1, 2.814): (486.4, 28.5, 8.16, 1.50),
    (0.05, 2.615): (469.5, 23.2, 7.20, 1.40),
    (0.05, 3.0): (1353, 32.5, 9.0, 1.6),
}


@pytest.mark.parametrize("chart", EXACT_LIMITS)
def test_run_lengths_are_the_published_ones(chart, compiled_kernel, monkeypatch):
    """Mean readings to the first alarm; within 3 standard errors and half of the last place."""
    monkeypatch.setattr(ewma_chart, "kernel", compiled_kernel("ewma_chart"))
    fading_factor, limit = chart
    for shift, published in zip((0.0, 0.5, 1.0, 3.0), EXACT_LIMITS[chart], strict=True):
        fleet = EwmaChartFleet(1, fading_factor=fading_factor, centre=0.0, sigma=1.0)
        lengths = run_lengths(fleet, noise(1, shift), runs=3000, limit=limit)
        error = lengths.std(ddof=1) / math.sqrt(len(lengths))
        places = 0.05 if published == round(published, 1) else 0.005
        assert abs(lengths.mean() - published) < 3 * error + places


# Page-Hinkley test.


def switching_signal(n, seed):
    """Levels that change up and down now and then."""
    rng = random.Random(seed)
    level, signal = 0.0, []
    for _ in range(n):
        if rng.random() < 0.01:
            level = rng.choice([-6.0, -1.0, 0.0, 2.0, 40.0])
        signal.append(rng.gauss(level, 1.0))
    return signal


@pytest.mark.parametrize("mode", ["up", "down", "both"])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"threshold": 10.0, "delta": 0.5},
        {"threshold": 5.0, "min_instances": 1, "alpha": 0.99},
        {"threshold": 0.0, "min_instances": 2},
    ],
)
def test_page_hinkley_detects_what_rivers_does_at_every_step(mode, parameters):
    ours = detectors.PageHinkley(mode=mode, **parameters)
    theirs = drift.PageHinkley(mode=mode, **parameters)
    found = 0
    for x in switching_signal(3000, seed=5):
        ours.update(x)
        theirs.update(x)
        assert ours.drift_detected == theirs.drift_detected
        found += ours.drift_detected
    assert found > 2


def test_page_hinkley_keeps_rivers_sums_to_the_last_bit():
    fleet = PageHinkleyFleet(1)
    theirs = drift.PageHinkley()
    for x in switching_signal(500, seed=6):
        score = one_signal(fleet, [x])[0]
        theirs.update(x)
        up = theirs._sum_increase - theirs._min_increase
        down = theirs._max_decrease - theirs._sum_decrease
        assert score == max(up, down) or theirs._x_mean.n < 30


def test_page_hinkley_is_deaf_to_nan():
    gappy, clean = detectors.PageHinkley(threshold=5.0), detectors.PageHinkley(threshold=5.0)
    changes = 0
    for x in switching_signal(500, seed=7):
        clean.update(x)
        gappy.update(x)
        assert gappy.drift_detected == clean.drift_detected
        changes += gappy.drift_detected
        gappy.update(math.nan)
        assert not gappy.drift_detected
    assert changes > 2


def test_page_hinkley_refuses_nonsense_and_can_be_cloned():
    with pytest.raises(ValueError, match="threshold is -1"):
        detectors.PageHinkley(threshold=-1)
    assert detectors.PageHinkley(threshold=7.0).clone().threshold == 7.0
