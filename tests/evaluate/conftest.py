"""A small farm that is walked once for all who look at what became of it."""

from __future__ import annotations

import pytest

from simulators import Farm, parse_fault
from simulators.scenarios import DEMO_CLIMATE
from streamer.config import Config, load
from streamer.evaluate.walk import Walked, walk
from streamer.evaluate.world import course_of
from streamer.resources import config_path
from tests.evaluate.made import HOURS

FAULTS = ("overheating@T02:150h+6h-200h:0.9", "sensor_stuck.vibration@T03:160h-190h")


@pytest.fixture(scope="session")
def turbines() -> Config:
    """The demo's, quicker to know what is usual, and to forgive."""
    config = load(config_path("demo.yaml"))
    spec = config.classes["turbine"]
    context = spec.context.model_copy(update={"bins": 12})
    rule = spec.alerts["machine_fault"].model_copy(update={"keep_firing_s": 7200})
    spec = spec.model_copy(
        update={"context": context, "alerts": {**spec.alerts, "machine_fault": rule}}
    )
    return config.model_copy(update={"classes": {"turbine": spec}})


@pytest.fixture(scope="session")
def farm(turbines: Config) -> Farm:
    faults = [parse_fault(text) for text in FAULTS]
    return Farm(
        machines=3,
        seed=4,
        period_s=300,
        site="north",
        faults=faults,
        climate=DEMO_CLIMATE,
        sensors=list(turbines.classes["turbine"].sensors),
    )


@pytest.fixture(scope="session")
def walked(farm: Farm, turbines: Config) -> Walked:
    course = course_of(farm, HOURS, turbines, "turbine")
    return walk(
        course,
        turbines.classes["turbine"],
        baselines=["static_limits", "rolling_zscore"],
        traced=[machine.name for machine in course.machines],
    )
