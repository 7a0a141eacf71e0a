"""``false_alarms`` of a class: how a budget becomes limits."""

import pytest

from detectors.calibration import (
    ALONE,
    TOGETHER,
    Delays,
    multichart_limit,
    multichart_rate,
    per_month,
    yield_chart_limit,
    yield_chart_rate,
)
from streamer.config import parse
from streamer.config.limits import SHARE, YIELD, budget_of
from tests.config.config_texts import errors, text


def limits(pump):
    detectors = parse(text(pump=pump)).classes["pump"].detectors
    return {key: one.limit for key, one in detectors.items()}


FELT = "rate: {range: [0, 9], role: context, shown_by: [flow]}"
"""A sensor that makes the yield chart one of the defaults."""
SCALE_S, LONG = 6 * 86_400.0, "\n    alerts: {sick: {kind: machine, keep_firing_s: 259200}}"


def shared(budget, more=LONG):
    """The class among whose charts is the yield chart, with a budget."""
    return parse(text(pump=f"false_alarms: {budget}{more}", sensors=FELT)).classes["pump"]


def test_one_budget_is_for_all_charts_that_alerts_go_by():
    spec = shared("2 per machine-year")
    limits = {key: spec.detectors[key].limit for key in spec.alerts["sick"].detectors}
    assert set(limits) == {"ewma_multichart", "adjusted_multichart", "yield_chart"}
    asked, delays = per_month("2 per machine-year"), Delays(600, 259_200)
    assert limits["yield_chart"] == yield_chart_limit(SHARE * asked, SCALE_S, delays)
    assert YIELD[0] < limits["yield_chart"] < YIELD[1]
    assert budget_of(limits, spec) == pytest.approx(asked, rel=1e-3)
    without = multichart_limit(asked, 1, delays)
    assert limits["ewma_multichart"] == limits["adjusted_multichart"] > without


def test_a_large_budget_is_for_the_charts_that_can_use_it_up():
    spec = shared("1 per machine-month")
    left = 1.0 - yield_chart_rate(YIELD[0], SCALE_S, Delays(600, 259_200))
    assert spec.detectors["yield_chart"].limit == YIELD[0]
    asked = multichart_limit(left, 1, Delays(600, 259_200))
    assert spec.detectors["ewma_multichart"].limit == asked
    assert left > SHARE


def test_a_small_budget_does_not_make_the_yield_chart_blind():
    spec = shared("0.2 per machine-year")
    assert spec.detectors["yield_chart"].limit == YIELD[1]
    left = (1 - SHARE) * per_month("0.2 per machine-year")
    asked = multichart_limit(left, 1, Delays(600, 259_200))
    assert spec.detectors["ewma_multichart"].limit == pytest.approx(asked)


def test_a_yield_chart_with_a_limit_of_its_own_takes_what_that_costs():
    own = LONG + "\n    detectors: {ewma_multichart: {}, yield_chart: {limit: 9}}"
    spec = shared("1 per machine-year", own)
    assert spec.detectors["yield_chart"].limit == 9
    year = per_month("1 per machine-year")
    asked = multichart_limit(year, 1, Delays(600, 259_200))
    assert spec.detectors["ewma_multichart"].limit == pytest.approx(asked)


def test_a_scale_that_is_none_is_said_and_nothing_falls_over():
    own = "\n    detectors: {ewma_multichart: {}, yield_chart: {scale_s: 0}}"
    yaml = text(pump=f"false_alarms: 1 per machine-year{own}", sensors=FELT)
    assert any("scale_s" in line for line in errors(yaml))


def test_without_a_budget_limits_are_those_of_the_table():
    assert limits("false_alarms: null")["ewma_multichart"] == 7.0


def test_a_class_that_says_nothing_has_one_false_alarm_in_five_machine_years():
    assert limits("") == limits("false_alarms: 0.2 per machine-year")
    assert limits("")["ewma_multichart"] == multichart_limit(0.2 * 30 / 365, 1)


@pytest.mark.parametrize(
    ("fleet", "law"),
    [
        ("", TOGETHER),
        ("max_machines: 5", TOGETHER),
        ("max_machines: 4", ALONE),
        ("machines: [north/T1, north/T2]", ALONE),
        ("machines: [n/T1, n/T2, n/T3, n/T4, n/T5]", TOGETHER),
    ],
)
def test_machines_with_too_few_siblings_have_the_law_of_those_alone(fleet, law):
    found = limits(f"false_alarms: 1 per machine-month\n    {fleet}")
    assert found["ewma_multichart"] == multichart_limit(1.0, 1, law=law)
    assert multichart_limit(1.0, 1, law=ALONE) > multichart_limit(1.0, 1) + 1


def test_a_budget_is_the_limit_of_the_multicharts_and_of_no_other_without_a_law():
    found = limits("false_alarms: 1 per machine-week")
    asked = multichart_limit(per_month("1 per machine-week"), 1)
    assert found["ewma_multichart"] == found["adjusted_multichart"] == asked
    assert (found["rolling_zscore"], found["half_space_trees"]) == (8.0, 0.95)


def test_a_limit_of_ones_own_wins():
    own = "false_alarms: 1 per machine-year\n    detectors: {ewma_multichart: {limit: 5}}"
    assert limits(own) == {"ewma_multichart": 5.0}


def test_theory_is_asked_only_where_the_time_between_samples_is_known():
    charts = "\n    detectors: {ewma_chart: {}, cusum: {}}"
    assert limits(f"false_alarms: 1 per machine-month{charts}") == {"ewma_chart": 6.0, "cusum": 1.0}
    known = "\n    sample_s: 600"
    month, year = (
        limits(f"false_alarms: 1 per machine-{p}{known}{charts}") for p in ("month", "year")
    )
    assert all(month[key] < year[key] for key in month)
    assert 2 < month["ewma_chart"] < 6


def test_what_is_no_budget_is_said():
    (line,) = errors(text(pump="false_alarms: seldom"))
    assert "false_alarms: is 'seldom', it reads like '1 per machine-month'" in line


def test_limits_stand_for_the_budget_they_were_made_of():
    spec = parse(text(pump="false_alarms: 1 per machine-month")).classes["pump"]
    found = {key: spec.detectors[key].limit for key in ("ewma_multichart", "adjusted_multichart")}
    assert budget_of(found, spec) == pytest.approx(1.0, rel=1e-3)
    assert budget_of({"rolling_zscore": 8.0}, spec) is None


@pytest.mark.parametrize("budget", [30.0, 1.0, 1 / 12, 1e-3])
@pytest.mark.parametrize("n_sensors", [1, 26, 200])
@pytest.mark.parametrize("delays", [Delays(), Delays(3600, 86400), Delays(0, 0)])
@pytest.mark.parametrize("law", [TOGETHER, ALONE])
def test_a_multichart_limit_keeps_the_budget_by_its_own_law(budget, n_sensors, delays, law):
    limit = multichart_limit(budget, n_sensors, delays, law)
    assert limit == 40.0 or multichart_rate(limit * 1.001, n_sensors, delays, law) <= max(
        budget, multichart_rate(limit, n_sensors, delays, law)
    )
    assert multichart_limit(budget / 10, n_sensors, delays, law) >= limit


@pytest.mark.parametrize("law", [TOGETHER, ALONE])
def test_more_sensors_and_shorter_holds_alarm_more_often(law):
    def rate(n_sensors, hold_s):
        return multichart_rate(5.0, n_sensors, Delays(hold_s, 0), law)

    assert rate(4, 600) < rate(10, 600) < rate(26, 600)
    assert rate(10, 3600) < rate(10, 600) < rate(10, 0)
