"""That the benchmark of budgets counts what the product would have done."""

import numpy as np
import pytest

from benchmarks import budget, budget_cost
from benchmarks.healthy_farms import MILD, Farm, Limits, Walked, watched, within
from detectors.calibration import TOGETHER, Delays, Law, multichart_rate
from simulators import load_scenario
from streamer.config import MachineRule, load
from streamer.evaluate.walk import columns
from streamer.monitor import ClassMonitor
from streamer.resources import config_path

FARM = Farm(10, MILD, seed=3, machines=6, days=26)
LIMITS, DELAYS = Limits(1.5, 0.3), Delays(3600, 7200, 0.7)


@pytest.fixture(scope="module")
def walked():
    return Walked(FARM)


def fired(walked, limits, delays):
    """Alerts about each machine by the product's own monitor, told limits by its configuration."""
    spec = walked.spec
    rule = MachineRule(kind="machine", detectors=tuple(spec.detectors), **delays._asdict())
    charts = {
        key: one.model_copy(
            update={"limit": limits.taken if key == "yield_chart" else limits.charts}
        )
        for key, one in spec.detectors.items()
    }
    spec = spec.model_copy(update={"detectors": charts, "alerts": {"machine_fault": rule}})
    monitor = ClassMonitor("turbine", spec, walked.machines)
    farm, told = FARM.story().farm(list(spec.sensors)), []
    for block in farm.run(FARM.days * 24):
        turn = columns(
            np.tile(np.arange(FARM.machines, dtype=np.int32), len(block.times)),
            np.repeat(block.times, FARM.machines),
            block.values.reshape(-1, len(spec.sensors)),
        )
        told += monitor.step(turn).alerts
    fired = [one.machine for one in told if one.kind == "machine" and one.state == "firing"]
    return [fired.count(machine.name) for machine in walked.machines]


def test_a_replayed_limit_raises_the_alerts_that_the_monitor_raises(walked):
    (replayed,) = walked.alarms(LIMITS, [DELAYS])
    assert replayed.tolist() == fired(walked, LIMITS, DELAYS)
    assert replayed.sum() > 0


HIGH = 3.0
"""A limit that leaves room between the multicharts' alerts."""


def test_the_yield_chart_is_replayed_too(walked):
    (without,) = walked.alarms(Limits(HIGH), [DELAYS])
    (alone,) = walked.alarms(Limits(1e9, LIMITS.taken), [DELAYS])
    assert alone.sum() > 0
    assert walked.alarms(Limits(HIGH, LIMITS.taken), [DELAYS]).tolist() != [without.tolist()]


def test_a_machine_alone_is_not_excused_with_its_siblings(walked):
    limits = Limits(2.5)  # below it nearly all is put down to instruments
    alone, among = (walked.alarms(limits, [DELAYS], siblings=one).sum() for one in (False, True))
    assert alone > among


def test_the_farm_has_so_many_judged_sensors_and_the_healthy_scenario():
    assert [len(watched(n).health) for n in (4, 10, 25)] == [4, 10, 25]
    story, shipped = FARM.story(), load_scenario("healthy_month")
    assert (story.faults, story.climate, story.period_s) == (
        shipped.faults,
        shipped.climate,
        shipped.period_s,
    )


def test_limits_are_those_that_the_product_takes_for_a_budget():
    words = "1 per machine-month"
    path = config_path("benchmarks/turbine.yaml")
    spec = load(path, overrides={"classes.turbine.false_alarms": words}).classes["turbine"]
    rule = spec.alerts["machine_fault"]
    shipped = Delays(rule.hold_s, rule.keep_firing_s, rule.clear)
    asked = spec.detectors["ewma_multichart"].limit, spec.detectors["yield_chart"].limit
    assert within(25, words, shipped, siblings=True) == asked
    assert within(25, words, shipped, siblings=False).charts > asked[0]
    assert within(4, words, shipped, siblings=True).taken > 1e9


def test_bunches_of_alerts_tell_less_than_as_many_single_ones():
    single, bunched = np.array([1] * 12 + [0] * 18), np.array([6, 6] + [0] * 28)
    (low, high), (lowest, highest) = budget.interval(single), budget.interval(bunched)
    assert lowest < low < 12 < high < highest
    assert budget.interval(np.zeros(30, int)) == (0.0, pytest.approx(2.996, abs=1e-3))


def test_the_fit_finds_the_law_that_the_counts_came_from():
    law = Law(5.0, 0.5, 0.8, 0.1, 0.05, 1.2, 0.3)
    counted = np.array(
        [
            (limit, n, hold_s, keep_s, 1e4, 1e4 * multichart_rate(limit, n, delays, law))
            for limit in budget.LIMITS
            for n in (4, 10, 25)
            for delays in budget.FITTED_DELAYS
            for hold_s, keep_s in [delays[:2]]
        ]
    )
    found = budget.fitted(counted)
    for limit in (4.0, 5.5, 7.0):
        rate = multichart_rate(limit, 10, law=law)
        assert multichart_rate(limit, 10, law=found) == pytest.approx(rate, rel=0.1)
        assert multichart_rate(limit, 10, law=TOGETHER) != pytest.approx(rate, rel=0.1)


def test_the_table_of_costs_has_a_line_for_a_budget(capsys):
    assert budget_cost.main(["--quick", "--budgets", "1 per machine-month"]) == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("| 1 per")]
    assert len(line.split("|")) == len(budget_cost.HEAD) + 2
