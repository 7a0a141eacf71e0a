"""How often the yield chart alarms: its law against simulated averages."""

import numpy as np
import pytest

from detectors.calibration import Delays, yield_chart_limit, yield_chart_rate
from detectors.calibration.yield_chart import FARTHER
from detectors.yield_chart import YieldChartFleet

SCALE_S, STEP_S = 6 * 86_400.0, 3600.0
YEAR_S = 365 * 86_400.0
SHIPPED = Delays(3600.0, 259_200.0)


def averages(machines, years, seed=1):
    """EWMAs of independent normal values, in their own spreads, f8[n, machines]."""
    rng, n = np.random.default_rng(seed), int(years * YEAR_S / STEP_S)
    share = 1 - np.exp(-STEP_S / SCALE_S)
    spread = np.sqrt(share / (2 - share))
    now, said = rng.standard_normal(machines), np.empty((n, machines))
    for i in range(n):
        now = (1 - share) * now + share / spread * rng.standard_normal(machines)
        said[i] = now
    return said


def alerts(scores, limit, delays):
    """Alerts of one machine, as `streamer.alerts` has them."""
    count, firing, since = 0, False, None
    for i, score in enumerate(scores / limit):
        if not firing and score < (1.0 if since is None else delays.clear):
            since = None
        elif not firing:
            since = i if since is None else since
            if (i - since) * STEP_S >= delays.hold_s:
                count, firing, since = count + 1, True, None
        elif score >= delays.clear:
            since = None
        else:
            since = i if since is None else since
            if (i - since) * STEP_S >= delays.keep_firing_s:
                firing, since = False, None
    return count


@pytest.fixture(scope="module")
def simulated():
    return averages(machines=100, years=1)


@pytest.mark.parametrize("delays", [SHIPPED, Delays(3600, 86_400, 0.5)])
@pytest.mark.parametrize("limit", [1.5, 2.0])
def test_the_law_is_that_of_an_average_of_independent_values(simulated, limit, delays):
    counted = sum(alerts(scores, limit, delays) for scores in simulated.T) / 100
    law = yield_chart_rate(limit, SCALE_S, delays, farther=1.0) * YEAR_S / (30 * 86_400)
    assert law == pytest.approx(counted, rel=0.15)


def test_the_chart_itself_stands_farther_off_but_not_by_more_than_the_law_says():
    """Its spread is learnt from few averages, and never below theory's."""
    machines, n = 40, int(2 * YEAR_S / STEP_S)
    z = np.random.default_rng(2).standard_normal((n * machines, 1))
    rows = np.tile(np.arange(machines, dtype=np.int32), n)
    times = np.repeat((1 + np.arange(n)) * int(STEP_S * 1e9), machines)
    chart = YieldChartFleet(1)
    chart.reserve(machines)
    scores = chart.walk(rows, times, z, np.ones(len(z), np.uint8)).reshape(n, machines)
    years = np.isfinite(scores).sum() * STEP_S / YEAR_S
    counted = sum(alerts(s[np.isfinite(s)], 2.0, SHIPPED) for s in scores.T) / years
    ideal, ours = (
        yield_chart_rate(2.0, SCALE_S, SHIPPED, farther) * YEAR_S / (30 * 86_400)
        for farther in (1.0, FARTHER)
    )
    assert ours < counted < ideal


@pytest.mark.parametrize("budget", [1.0, 1 / 12, 1 / 120])
@pytest.mark.parametrize("delays", [Delays(), SHIPPED, Delays(0, 0, 1.0), Delays(0, 1e9, 0.1)])
def test_a_limit_keeps_its_budget_and_a_lower_one_does_not(budget, delays):
    limit = yield_chart_limit(budget, SCALE_S, delays)
    assert yield_chart_rate(limit * 1.001, SCALE_S, delays) <= budget
    if limit > 0.01:
        assert yield_chart_rate(limit * 0.99, SCALE_S, delays) > budget


def test_the_faster_the_chart_the_more_alerts():
    assert yield_chart_rate(2.0, 3600.0) > 10 * yield_chart_rate(2.0, SCALE_S)


@pytest.mark.parametrize(("limit", "scale_s"), [(-1.0, 1.0), (1.0, 0.0), (float("nan"), 1.0)])
def test_what_is_no_limit_or_scale_is_refused(limit, scale_s):
    with pytest.raises(ValueError, match=r"limit|scale_s"):
        yield_chart_rate(limit, scale_s)


def test_no_limit_is_too_far_for_a_number():
    assert 0 <= yield_chart_rate(1e6, SCALE_S) < 1e-100
