"""Scenarios: those that are shipped, and what a file may and may not say."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from simulators import FAULTS, MACHINE_CLASSES, Farm, Scenario, load_scenario, parse_fault
from simulators.outputs.payloads import telemetry
from simulators.scenarios.file import KEYS, shipped_scenarios
from simulators.scenarios.spread import laid_out

NAMES = tuple(shipped_scenarios())
WANTED = {
    "bad_transport",
    "bearing_wear_slow",
    "benign_changes",
    "every_fault",
    "healthy_month",
    "icing_winter",
    "instrument_faults",
    "storm_week",
}
QUICK_READINGS_MAX = 60_000
DAY_S = 86_400.0


def written(directory: Path, said: dict[str, Any] | str, name: str = "mine.yaml") -> Path:
    path = directory / name
    path.write_text(said if isinstance(said, str) else yaml.safe_dump(said), "utf-8")
    return path


class TestShipped:
    def test_all_are_there(self) -> None:
        assert set(NAMES) >= WANTED

    @pytest.mark.parametrize("name", NAMES)
    def test_it_leaves_weeks_to_learn_from_and_says_what_it_is_about(self, name: str) -> None:
        scenario = load_scenario(name)
        assert scenario.name == name
        assert scenario.about.endswith(".")
        farm = scenario.farm("all")
        assert scenario.invisible == ()
        assert all(fault.onset_s >= 20 * DAY_S for fault in farm.faults)
        assert farm.steps(scenario.hours) * len(farm.machines) < 2_000_000
        spared = set(farm.machines) - {fault.machine for fault in farm.faults}
        assert spared, "somebody stays healthy"

    @pytest.mark.parametrize("name", NAMES)
    def test_its_quick_variant_runs(self, name: str) -> None:
        scenario = load_scenario(name, quick=True)
        farm = scenario.farm()
        steps = int(farm.steps(scenario.hours))
        assert steps * len(farm.machines) <= QUICK_READINGS_MAX
        assert all(fault.onset_s >= 5 * DAY_S for fault in farm.faults)
        assert all(fault.onset_s < scenario.hours * 3600 for fault in farm.faults)
        shapes = [block.values.shape for block in farm.run(scenario.hours)]
        assert sum(shape[0] for shape in shapes) == steps
        assert {shape[1:] for shape in shapes} == {(len(farm.machines), len(farm.sensors))}

    def test_every_fault_of_a_turbine_happens_somewhere(self) -> None:
        turbine = MACHINE_CLASSES["turbine"]
        possible = {name for name, kind in FAULTS.items() if kind.targets(turbine)}
        for quick in (False, True):
            happening = {
                fault.name for name in NAMES for fault in load_scenario(name, quick=quick).faults
            }
            assert happening == possible

    def test_every_fault_of_a_machine_comes_at_several_severities_and_ramps(self) -> None:
        faults = [*load_scenario("every_fault").faults, *load_scenario("icing_winter").faults]
        for name in {name for name, kind in FAULTS.items() if kind.fault_id.startswith("F")}:
            own = [fault for fault in faults if fault.name == name]
            assert len({fault.machine for fault in own}) >= 5, name
            assert len({fault.severity for fault in own}) >= 2, name

    def test_transport_is_not_all_that_fails_behind_a_bad_link(self) -> None:
        scenario = load_scenario("bad_transport", quick=True)
        farm = scenario.farm()
        messages = list(telemetry(farm, scenario.hours))
        readings = int(farm.steps(scenario.hours)) * len(farm.machines)
        assert len(messages) > readings, "some come twice"
        assert {fault.kind for fault in farm.faults} == {"transport", "fault"}


class TestScenario:
    def test_a_file_says_what_the_farm_is(self, tmp_path: Path) -> None:
        said = {
            "about": "Mine.",
            "machine_class": "turbine",
            "machines": 4,
            "hours": 50,
            "period_s": 600,
            "seed": 5,
            "start": "2026-03-01T00:00:00Z",
            "site": "north",
            "climate": {"air_mean": 2, "turbulence_class": "A"},
            "faults": [
                "overheating@T01:1h",
                {"fault": "sensor_stuck", "machines": "T02..T03", "onset": "1d", "severity": 1},
            ],
            "spread": {"faults": ["bearing_wear"], "onset": "20h", "each": 2},
            "random": {"sensor_drift.power": "20 per machine-year"},
            "quick": {"hours": 30},
        }
        assert set(said) | {"days"} == {*KEYS, "quick"}
        scenario = load_scenario(written(tmp_path, said))
        farm = scenario.farm(["power", "vibration", "gearbox_temperature"])
        assert (scenario.name, scenario.about, scenario.hours) == ("mine", "Mine.", 50)
        assert (farm.site, farm.seed, farm.period_s) == ("north", 5, 600)
        assert farm.start_ns == Farm(start="2026-03-01").start_ns
        assert (farm.climate.air_mean, farm.climate.turbulence_class) == (2, "A")
        assert farm.sensors == ("power", "vibration", "gearbox_temperature")
        scheduled = {(fault.name, fault.machine) for fault in farm.faults}
        assert scheduled - {("sensor_drift", machine) for machine in farm.machines} == {
            ("overheating", "T01"),
            ("sensor_stuck", "T02"),
            ("sensor_stuck", "T03"),
            ("bearing_wear", "T01"),
            ("bearing_wear", "T02"),
        }

    def test_times_need_no_quotes(self, tmp_path: Path) -> None:
        path = written(tmp_path, "days: 1\nstart: 2026-03-01 06:00:00+01:00\n")
        assert load_scenario(path).farm().start_ns == Farm(start="2026-03-01T05:00:00Z").start_ns

    def test_quick_replaces_what_it_names_and_nothing_else(self, tmp_path: Path) -> None:
        said = {"days": 30, "machines": 7, "seed": 3, "quick": {"hours": 5, "machines": 2}}
        path = written(tmp_path, said)
        full, quick = load_scenario(path), load_scenario(path, quick=True)
        assert (full.hours, full.machines, full.seed) == (720, 7, 3)
        assert (quick.hours, quick.machines, quick.seed) == (5, 2, 3)

    def test_the_seed_can_be_another(self) -> None:
        ours, other = (load_scenario("healthy_month", quick=True, seed=seed) for seed in (None, 9))
        assert (ours.seed, other.seed) == (1, 9)
        blocks = [next(scenario.farm().run(scenario.hours)) for scenario in (ours, other)]
        assert not np.array_equal(blocks[0].values, blocks[1].values, equal_nan=True)

    def test_same_seed_same_values_same_faults(self, tmp_path: Path) -> None:
        path = written(tmp_path, {"days": 60, "random": {"sensor_stuck": "2 per machine-month"}})
        a, b = (load_scenario(path).farm() for _ in range(2))
        assert a.faults == b.faults != load_scenario(path, seed=2).farm().faults
        assert np.array_equal(next(a.run()).values, next(b.run()).values, equal_nan=True)

    def test_what_no_sensor_shows_is_left_out_and_told(self) -> None:
        faults = [parse_fault(text) for text in ("pitch_offset.1@T01:1h", "overheating@T02:1h")]
        rates = {"pitch_actuator": "500 per machine-year", "overheating": "50 per machine-year"}
        scenario = Scenario("mine", 500, machines=9, faults=faults, random=rates)
        farm = scenario.farm(["gearbox_temperature"])
        assert {fault.name for fault in farm.faults} == {"overheating"}
        assert scenario.invisible == (faults[0],)
        farm = scenario.farm("all")
        assert scenario.invisible == ()
        assert {fault.name for fault in farm.faults} == {
            "overheating",
            "pitch_offset",
            "pitch_actuator",
        }
        link = Scenario("mine", 5, faults=[parse_fault("link_late@T01:1h")])
        assert link.farm(["power"]).faults, "a fault of messages shows in no sensor, but shows"


@given(
    faults=st.lists(st.sampled_from(["overheating", "icing"]), min_size=1, max_size=2, unique=True),
    severities=st.lists(st.floats(0, 1), min_size=1, max_size=3, unique=True),
    ramps=st.lists(st.sampled_from(["1h", "2d"]), min_size=1, max_size=2, unique=True),
    each=st.integers(1, 3),
    stagger_h=st.integers(0, 9),
)
def test_a_spread_has_each_combination_on_machines_of_its_own(
    faults: list[str], severities: list[float], ramps: list[str], each: int, stagger_h: int
) -> None:
    entry = {"faults": faults, "severities": severities, "ramps": ramps, "each": each}
    entry |= {"onset": "20d", "end": "45d", "stagger": f"{stagger_h}h"}
    placed = laid_out([entry], lambda i: f"T{i}", machines=100)
    assert [fault.machine for fault in placed] == [f"T{i}" for i in range(len(placed))]
    seconds = {"1h": 3600.0, "2d": 2 * DAY_S}
    assert [(fault.name, fault.severity, fault.ramp_s) for fault in placed] == [
        (name, severity, seconds[ramp])
        for name, severity, ramp in product(faults, severities, ramps)
        for _ in range(each)
    ]
    for i, fault in enumerate(placed):
        assert fault.onset_s == 20 * DAY_S + i * stagger_h * 3600
        assert fault.end_s - fault.onset_s == 25 * DAY_S


def test_entries_of_a_spread_follow_each_other_on_the_machines() -> None:
    entries = [
        {"faults": ["overheating"], "onset": "1d", "each": 2},
        {"faults": ["icing", "service"], "onset": "2d"},
    ]
    placed = laid_out(entries, lambda i: f"T{i}", machines=4)
    assert [str(fault) for fault in placed] == [
        "overheating of T0 at 24h",
        "overheating of T1 at 24h",
        "icing of T2 at 48h",
        "service of T3 at 48h",
    ]
    season = laid_out([{"faults": ["season"], "onset": "1d"}], lambda i: f"T{i}", machines=1)
    assert season[0].ramp_s > 180 * DAY_S, "a ramp of its own stays where none is given"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({}, "either days or hours is needed: how long the run is"),
        ({"days": 1, "hours": 2}, "either days or hours is needed"),
        ({"days": 1, "machins": 3}, "there is no key 'machins', did you mean machines?"),
        ({"days": 1, "quick": {"dais": 3}}, "quick: there is no key 'dais', did you mean days?"),
        ({"days": 1, "quick": {"quick": {}}}, "quick: there is no key 'quick'"),
        ({"days": 1, "quick": 3}, "quick is 3, a mapping of keys to values is needed"),
        ({"days": "many"}, "days is 'many', a number is needed"),
        ({"days": True}, "days is True, a number is needed"),
        ({"days": -1}, "hours is -24, it must be more than 0"),
        ({"days": 1, "machines": 2.5}, "machines is 2.5, a whole number is needed"),
        ({"days": 1, "machines": 0}, "machines is 0, at least 1 is needed"),
        ({"days": 1, "about": 5}, "about is 5, a text is needed"),
        ({"days": 1, "site": False}, "site is False, a text is needed"),
        ({"days": 1, "start": "soon"}, "start 'soon' is not a time like"),
        ({"days": 1, "seed": -1}, "seed is -1, it must not be negative"),
        ({"days": 1, "machine_class": "turbin"}, "no 'turbin', did you mean turbine?"),
        ({"days": 1, "climate": {"air_main": 1}}, "climate: there is no key 'air_main', did you"),
        ({"days": 1, "climate": {"air_mean": "hot"}}, "climate: air_mean is 'hot', a number is"),
        ({"days": 1, "climate": {"turbulence_class": "D"}}, "climate: turbulence_class is 'D'"),
        ({"days": 1, "climate": []}, "climate is [], a mapping of keys to values is needed"),
        ({"days": 1, "faults": "icing@T01:1h"}, "faults is 'icing@T01:1h', a list is needed"),
        ({"days": 1, "faults": ["iceing@T01:1h"]}, "faults: fault 'iceing@T01:1h': there is no"),
        ({"days": 1, "faults": [3]}, "faults: fault 3 cannot be read"),
        ({"days": 1, "faults": [{"fault": "icing"}]}, "faults: fault 'icing': machines is missing"),
        ({"days": 1, "faults": ["icing@T99:1h"]}, "there is no machine 'T99', there are T01 … T12"),
        ({"days": 1, "faults": ["icing@T01:30h"]}, "icing of T01 at 30h begins after the run's 24"),
        ({"days": 2, "faults": ["icing@T01:1h", "icing@all:9h"]}, "overlaps icing of T01 at 9h"),
        ({"days": 1, "random": {"icing": 3}}, "random: icing is 3, a text is needed"),
        ({"days": 1, "random": {"icing": "-1 per machine-year"}}, "it must not be negative"),
        ({"days": 1, "random": {"snow": "1 per machine-year"}}, "there is no 'snow'"),
        ({"days": 1, "spread": "icing"}, "spread is 'icing', a mapping"),
        ({"days": 1, "spread": {"faults": ["icing"], "ofset": "1h"}}, "no key 'ofset', did you"),
        ({"days": 1, "spread": {"onset": "1h"}}, "spread: faults is missing"),
        ({"days": 1, "spread": {"faults": "icing", "onset": "1h"}}, "faults is 'icing', a list is"),
        ({"days": 1, "spread": {"faults": [], "onset": "1h"}}, "spread: faults is [], a list is"),
        ({"days": 1, "spread": {"faults": ["icing"]}}, "fault 'icing': onset is missing"),
        ({"days": 1, "spread": {"faults": ["snow"], "onset": "1h"}}, "there is no 'snow'"),
        (
            {"days": 1, "spread": {"faults": ["icing"], "onset": 5}},
            "onset is 5, write a number and",
        ),
        (
            {"days": 1, "spread": {"faults": ["icing"], "onset": "1h", "each": 0}},
            "spread: each is 0, a number of machines is needed",
        ),
        (
            {"days": 1, "spread": {"faults": ["icing"], "onset": "1h", "stagger": "soon"}},
            "spread: stagger is 'soon', write a number and s, m, h, d or w",
        ),
        (
            {"days": 1, "spread": {"faults": ["icing"], "onset": "1h", "severities": [2]}},
            "severity is 2, it must be within 0 … 1",
        ),
        (
            {"days": 1, "spread": {"faults": ["icing"], "onset": "1h", "each": 13}},
            "spread: 13 machines are needed, one for each fault of the spread, and machines is 12",
        ),
        (
            {"days": 1, "spread": {"faults": ["icing"], "onset": "1h", "stagger": "1e1h"}},
            "spread: stagger is '1e1h', write a number and s, m, h, d or w",
        ),
        (
            {"days": 1, "spread": {"faults": ["icing"], "onset": "1h", "each": 10**9}},
            "spread: each is 1000000000, at most 100000 machines are allowed",
        ),
        (
            {
                "days": 9,
                "spread": {"faults": ["icing"], "onset": "1d", "end": "3d", "ramps": ["2h", "3d"]},
            },
            "ramp 3d does not fit between onset and end",
        ),
        ("days: 1\ndays: 2\n", "line 2: the key days stands there twice"),
        ("days: 1\nclimate: {air_mean: 1, air_mean: 2}\n", "line 2: the key air_mean stands there"),
        ("days: [1\n", "line 2: "),
        ("- 1\n", "a mapping of keys to values is needed"),
        ("", "a mapping of keys to values is needed"),
        ("days: !!python/object/apply:os.system [true]\n", "line 1: could not determine a"),
        ("[a, b]: 1\n", "line 1: "),
        ("hours: .inf\n", "a scenario has an end, and its hours or days are inf"),
        (f"hours: 1{400 * '0'}\n", "hours has more digits than any number needs"),
        ("hours: 1\nmachines: -4\n", "machines is -4, at least 1 is needed"),
        ("start: !!timestamp soon\n", "a value is not what its tag !! says"),
        ("seed: !!bool soon\n", "a value is not what its tag !! says"),
        (f"faults: {2000 * '['}\n", "lists and mappings stand too deep in one another"),
    ],
)
def test_what_a_file_may_not_say_is_one_sentence_with_its_name(
    said: dict[str, Any] | str, sentence: str, tmp_path: Path
) -> None:
    path = written(tmp_path, said)
    with pytest.raises(ValueError, match=r"^[^\n]*\Z") as refused:
        load_scenario(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert sentence in str(refused.value)


def test_binary_files_missing_files_and_unknown_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not text in UTF-8"):
        load_scenario(tmp_path / "mine.yaml")
    with pytest.raises(FileNotFoundError):
        load_scenario(tmp_path / "other.yaml")
    with pytest.raises(ValueError, match=r"no scenario 'every_falt' .* did you mean every_fault\?"):
        load_scenario("every_falt")


def test_without_a_quick_variant_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="it has no quick variant: say under the key quick"):
        load_scenario(written(tmp_path, {"days": 1}), quick=True)
