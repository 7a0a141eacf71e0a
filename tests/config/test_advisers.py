"""River's drift detectors advise: what they say is in no alert that does not ask for it."""

import pytest

from detectors.river_drift import RiverDriftFleet
from streamer.config import describe, parse
from tests.config.config_texts import errors, text

ADWIN = "river.drift.ADWIN: {delta: 0.01, recent: 50}"


def pump(detectors, alerts=""):
    return parse(text(pump=f"detectors: {{{detectors}}}{alerts}")).classes["pump"]


def test_a_drift_detector_of_river_takes_its_own_parameters_and_scores_each_sensor():
    section = pump(f"{ADWIN}, shewhart: {{}}")
    built = section.detectors["river.drift.ADWIN"].build(1)
    assert isinstance(built, RiverDriftFleet)
    assert (built.parameters, built.recent) == ({"delta": 0.01}, 50)
    assert section.detectors["river.drift.ADWIN"].limit == 1.0
    assert section.score_columns[0] == f"river.drift.ADWIN_{section.health[0]}"


@pytest.mark.parametrize(
    ("others", "asked"),
    [
        ("ewma_multichart: {}, rolling_zscore: {}", ("ewma_multichart",)),
        ("cusum: {}", ("cusum",)),
        ("rolling_zscore: {}, half_space_trees: {}", ("rolling_zscore", "half_space_trees")),
    ],
)
def test_no_machine_alert_asks_an_adviser_by_default(others, asked):
    rules = pump(f"{ADWIN}, {others}").machine_rules
    assert [rule.detectors for rule in rules] == [asked]


def test_a_class_with_an_adviser_alone_must_say_who_raises_its_machine_alert():
    lines = errors(text(pump=f"detectors: {{{ADWIN}}}"))
    assert all("alerts.machine_fault.detectors" in line for line in lines)


def test_a_machine_alert_may_ask_an_adviser_by_name():
    alerts = "\n    alerts: {moved: {kind: machine, detectors: [river.drift.ADWIN]}}"
    (rule,) = pump(f"{ADWIN}, cusum: {{}}", alerts).machine_rules
    assert rule.detectors == ("river.drift.ADWIN",)


def test_its_limit_does_not_come_from_a_budget():
    config = parse(
        text(pump=f"false_alarms: 1 per machine-month\n    detectors: {{{ADWIN}, cusum: {{}}}}")
    )
    assert config.classes["pump"].detectors["river.drift.ADWIN"].limit == 1.0
    assert parse(describe(config)) == config


def test_an_unknown_parameter_is_an_error():
    (line,) = errors(text(pump="detectors: {river.drift.ADWIN: {alpha: 1}, cusum: {}}"))
    assert "ADWIN refuses its parameters" in line
