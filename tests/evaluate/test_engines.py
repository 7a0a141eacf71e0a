"""All entrants are judged alike: only the scores differ."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.alert_spans import alert_spans
from streamer.config import InstrumentRule, MachineRule
from streamer.evaluate.engines import OURS, Usual, machine_rule, sensor_facts
from streamer.evaluate.outcome import Said
from streamer.evaluate.walk import Walked, walk
from streamer.evaluate.world import course_of
from streamer.records import Machine
from tests.evaluate.made import HOURS

KEYS = ["ewma_chart", "rolling_zscore", "half_space_trees"]


def lives(said: Said, kind: str = "machine") -> list[tuple[str, int, int | None, str]]:
    """What became of alerts, without the rules' names."""
    return sorted(
        (a.machine, a.fired_ns, a.resolved_ns or 0, a.sensor) for a in said.alerts if a.kind == kind
    )


class Parrot:
    """A baseline that says what it was told to."""

    name, about = "parrot", "says what it was told"

    def __init__(self, severity, sensor: int) -> None:
        self._severity, self._sensor = severity, sensor

    def score(self, rows, times, values):
        return self._severity

    def strangest(self):
        return np.full(len(self._severity), self._sensor, np.int32)


def usual(walked: Walked, spec, sensor: int = -1) -> Said:
    """The product's own severities, given as a baseline."""
    run, severity = walked.run, walked.said[OURS].severity.astype(np.float64)
    machines = [
        Machine("turbine", tuple(zip(("site", "machine"), name.split("/"), strict=True)))
        for name in run.machines
    ]
    parrot = Usual(
        "parrot", Parrot(severity, sensor), machines, machine_rule(spec), list(spec.sensors)
    )
    verdict = parrot.judge(run.rows, run.times, np.zeros((len(run.rows), 6)))
    return Said("", severity.astype(np.float32), alert_spans(verdict.alerts), 0.0)


def test_something_was_said(walked: Walked) -> None:
    assert lives(walked.said[OURS])
    assert lives(walked.said[OURS], "instrument")
    assert set(walked.said) == {
        OURS,
        *(f"{OURS}: {key}" for key in KEYS),
        "static_limits",
        "rolling_zscore",
    }


@pytest.mark.parametrize("key", KEYS)
def test_a_detector_alone_is_the_product_whose_alert_hears_it_only(
    key, walked, farm, turbines
) -> None:
    spec = turbines.classes["turbine"]
    rule = spec.alerts["machine_fault"].model_copy(update={"detectors": (key,)})
    only = spec.model_copy(update={"alerts": {"only": rule}})
    again = walk(
        course_of(farm.with_faults([]), HOURS, turbines, "turbine")._replace(
            feed=course_of(farm, HOURS, turbines, "turbine").feed
        ),
        only,
    )
    alone = walked.said[f"{OURS}: {key}"]
    np.testing.assert_array_equal(again.said[OURS].severity, alone.severity)
    assert lives(again.said[OURS]) == lives(alone)


def test_a_baseline_that_scores_as_the_product_alarms_as_the_product(walked, turbines) -> None:
    said = usual(walked, turbines.classes["turbine"])
    assert [life[:3] for life in lives(said)] == [life[:3] for life in lives(walked.said[OURS])]


def test_a_baseline_names_its_strangest_sensor_or_none(walked, turbines) -> None:
    spec = turbines.classes["turbine"]
    assert {alert.sensor for alert in usual(walked, spec, sensor=5).alerts} == {"vibration"}
    assert {alert.sensor for alert in usual(walked, spec, sensor=-1).alerts} == {""}


def test_instrument_alerts_are_the_products_alone(walked) -> None:
    for name, said in walked.said.items():
        assert bool(lives(said, "instrument")) == (name == OURS), name


def test_the_delays_of_all_are_those_of_the_first_machine_alert(turbines) -> None:
    spec = turbines.classes["turbine"]
    rules = {
        "instrument": InstrumentRule(kind="instrument", hold_s=1),
        "first": MachineRule(
            kind="machine", detectors=("ewma_chart",), hold_s=2, keep_firing_s=3, clear=0.5
        ),
        "second": MachineRule(kind="machine", detectors=("ewma_chart",), hold_s=4),
    }
    assert machine_rule(spec.model_copy(update={"alerts": rules}))[1:] == ("machine", 2, 3, 0.5)
    del rules["first"], rules["second"]
    assert machine_rule(spec.model_copy(update={"alerts": rules}))[1:] == (
        "machine",
        600,
        1800,
        0.8,
    )


def test_a_baseline_is_told_what_the_configuration_says_of_the_sensors(turbines) -> None:
    facts = {fact.name: fact for fact in sensor_facts(turbines.classes["turbine"])}
    assert facts["power"].context
    assert not facts["vibration"].context
    assert facts["gearbox_temperature"][1:4] == ("°C", -40, 150)
