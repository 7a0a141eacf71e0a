"""Keys of a class that are each right alone and together mean nothing: refused, not passed over."""

from __future__ import annotations

import pytest

from streamer.config import parse
from streamer.stages import Stages
from tests.config.config_texts import errors, text

STATES = "mode: {range: [0, 9], role: state}"


@pytest.mark.parametrize("key", ["harm: up", "inert: true", "rests: false", "follower: flow"])
@pytest.mark.parametrize("role", ["context", "covariate", "state"])
def test_what_a_fault_makes_of_a_sensor_is_told_of_those_that_are_judged(key: str, role: str):
    (line,) = errors(text(sensors=f"load: {{range: [0, 9], role: {role}, {key}}}"))
    name = key.partition(":")[0]
    assert line.endswith(f"load.{name}: is for sensors that are judged, this one is not")


def test_nobody_follows_itself():
    (line,) = errors(text(sensors="rate: {range: [0, 1], follower: rate}"))
    assert line.endswith("rate.follower: is the sensor itself, another one is needed")


@pytest.mark.parametrize(
    ("regime", "sensors", "wrong"),
    [
        ("{sensor: flow, judged: [1]}", STATES,
         "regime.sensor: is no known sensor of role state, allowed are mode"),
        ("{sensor: mod, judged: [1]}", STATES,
         "regime.sensor: is no known sensor of role state, did you mean mode?"),
        ("{sensor: mode, judged: [0, 2, 0]}", STATES,
         "regime.judged[2]: is 0 once more, once is enough"),
    ],
)  # fmt: skip
def test_a_regime_is_told_by_a_state_and_each_of_its_states_once(regime, sensors, wrong):
    (line,) = errors(text(pump=f"regime: {regime}", sensors=sensors))
    assert line.endswith(wrong)


@pytest.mark.parametrize("context", ["{adjust_s: 599}", "{method: slots, adjust_s: 599}"])
def test_what_sensors_say_of_each_other_takes_a_moment_to_learn(context: str):
    (line,) = errors(text(pump=f"context: {context}"))
    assert line.endswith("context.adjust_s: is 599, one moment, 600, at least is needed")
    config = parse(text(pump=f"context: {context.replace('599', '600')}"))
    assert Stages(config.classes["pump"]).adjusts, "what passes can be built"


def test_a_yield_chart_needs_to_know_what_is_given():
    (line,) = errors(text(pump="detectors: {ewma_multichart: , yield_chart: }"))
    assert line.endswith(
        "pump.detectors.yield_chart: needs a sensor with shown_by, of which it says what is missing"
    )
    wind = "wind: {range: [0, 9], role: context, shown_by: [flow]}"
    parse(text(pump="detectors: {yield_chart: }", sensors=wind))
