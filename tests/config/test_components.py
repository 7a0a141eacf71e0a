"""Components of a machine and the zones of its sensors, as a configuration names them."""

import pytest

from streamer.config import parse
from tests.config.config_texts import errors, text

TWO = "heat: {range: [0, 99]}"


def test_by_default_one_component_has_all_judged_sensors():
    one = parse(text(sensors=f"{TWO}\n      load: {{range: [0, 9], role: context}}"))
    pump = one.classes["pump"]
    assert pump.parts == {"machine": ("flow", "heat")}
    assert pump.health_columns == ("health_machine",)


def test_components_are_as_named_and_may_share_sensors():
    pump = parse(text(pump="components: {seal: [heat], all: [flow, heat]}", sensors=TWO)).classes[
        "pump"
    ]
    assert pump.parts == {"seal": ("heat",), "all": ("flow", "heat")}
    assert pump.health_columns == ("health_seal", "health_all")


def test_other_components_are_learnt_anew_and_other_zones_are_not():
    fingerprints = [
        parse(text(pump=pump, sensors=sensors)).fingerprint("pump")
        for pump, sensors in [
            ("", TWO),
            ("components: {machine: [flow, heat]}", TWO),
            ("components: {machine: [flow]}", TWO),
            ("", "heat: {range: [0, 99], zones: [5, 7]}"),
        ]
    ]
    assert fingerprints[0] == fingerprints[1] == fingerprints[3] != fingerprints[2]


@pytest.mark.parametrize(
    ("pump", "sensors", "says"),
    [
        (
            "components: {seal: [flaw]}",
            TWO,
            "components.seal[0]: is no known judged sensor, did you mean flow?",
        ),
        (
            "components: {seal: []}",
            TWO,
            "components.seal: is empty, at least one entry is needed",
        ),
        (
            "",
            "heat: {range: [0, 99], zones: [7, 5]}",
            "sensors.heat.zones: is [7.0, 5.0], 0 < B/C < C/D is needed",
        ),
        (
            "",
            "heat: {range: [0, 99], zones: 5}",
            "sensors.heat.zones: is 5, [B/C, C/D] is needed",
        ),
        (
            "",
            "load: {range: [0, 9], role: context, zones: [1, 2]}",
            "sensors.load.zones: is for sensors that are judged, this one is not",
        ),
        (
            "",
            "health_machine: {range: [0, 9]}",
            (
                "sensors.health_machine: is a name taken by another column or field,"
                " another one is needed"
            ),
        ),
    ],
)
def test_what_is_wrong_with_them_is_said(pump, sensors, says):
    (line,) = errors(text(pump=pump, sensors=sensors))
    assert line.partition(": classes.pump.")[2] == says
