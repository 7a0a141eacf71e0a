"""That the benchmark of budgets counts what the product would have done."""

import numpy as np
import pytest

from benchmarks import budget, budget_cost
from benchmarks.healthy_farms import MILD, Farm, Walked, watched
from detectors.calibration import TOGETHER, Delays, Law, multichart_rate
from simulators import load_scenario
from streamer.config import MachineRule
from streamer.evaluate.walk import columns
from streamer.monitor import ClassMonitor

FARM = Farm(4, MILD, seed=3, machines=6, days=24)
LIMIT, DELAYS = 1.5, Delays(3600, 7200, 0.7)


@pytest.fixture(scope="module")
def walked():
    return Walked(FARM)


def fired(walked, limit, delays):
    """Alerts about machines by the product's own monitor, told the limit by its configuration."""
    spec = walked.spec
    rule = MachineRule(kind="machine", detectors=tuple(spec.detectors), **delays._asdict())
    charts = {k: one.model_copy(update={"limit": limit}) for k, one in spec.detectors.items()}
    spec = spec.model_copy(update={"detectors": charts, "alerts": {"machine_fault": rule}})
    monitor = ClassMonitor("turbine", spec, walked.machines)
    farm, count = FARM.story().farm(list(spec.sensors)), 0
    for block in farm.run(FARM.days * 24):
        turn = columns(
            np.tile(np.arange(FARM.machines, dtype=np.int32), len(block.times)),
            np.repeat(block.times, FARM.machines),
            block.values.reshape(-1, len(spec.sensors)),
        )
        told = monitor.step(turn).alerts
        count += sum(one.kind == "machine" and one.state == "firing" for one in told)
    return count


def test_a_replayed_limit_raises_the_alerts_that_the_monitor_raises(walked):
    (replayed,) = walked.alarms(LIMIT, [DELAYS])
    assert replayed == fired(walked, LIMIT, DELAYS) > 0


def test_a_machine_alone_is_not_excused_with_its_siblings(walked):
    limit = 2.5  # below it nearly all is put down to instruments
    assert walked.alarms(limit, [DELAYS], siblings=False) > walked.alarms(limit, [DELAYS])


def test_the_farm_has_so_many_judged_sensors_and_the_healthy_scenario():
    assert [len(watched(n).health) for n in (4, 10, 26)] == [4, 10, 26]
    story, shipped = FARM.story(), load_scenario("healthy_month")
    assert (story.faults, story.climate, story.period_s) == (
        shipped.faults,
        shipped.climate,
        shipped.period_s,
    )


def test_the_fit_finds_the_law_that_the_counts_came_from():
    law = Law(5.0, 0.5, 0.8, 0.1, 0.05, 1.2, 0.3)
    counted = np.array(
        [
            (limit, n, hold_s, keep_s, 1e4, 1e4 * multichart_rate(limit, n, delays, law))
            for limit in budget.LIMITS
            for n in (4, 10, 26)
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
