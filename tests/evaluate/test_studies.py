"""The comparisons: what is walked, which seeds, and what the JSON of each holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators import load_scenario
from streamer.config import load
from streamer.evaluate import studies
from streamer.evaluate.studies import Setting, WrongUse, on_nab, on_skab, recorded, simulated
from streamer.resources import config_path
from tests.evaluate.made import SCENARIO, write_nab, write_skab

PAGE = Path(__file__).parents[2] / "docs" / "evaluate.md"

SIX = ["wind_speed", "power", "rotor_speed", "gearbox_temperature", "ambient_temperature"]


@pytest.fixture
def scenario(tmp_path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(SCENARIO, "utf-8")
    return str(path)


@pytest.fixture
def setting(turbines) -> Setting:
    return Setting(turbines, "turbine", ["rolling_zscore"])


def entrant(study, name: str = "telltale") -> dict[str, Any]:
    return next(one for one in study.data["entrants"] if one["entrant"] == name)


def untimed(data: Any) -> Any:
    """Without what the clock says."""
    one = json.loads(json.dumps(data))
    for line in one["entrants"]:
        line["cpu_us_per_reading"] = 0
    return one


def test_a_study_tells_what_was_walked(setting, scenario) -> None:
    study = simulated(setting, scenario)
    about = {key: value for key, value in study.data.items() if key != "entrants"}
    learnt = about.pop("learnt")
    assert 0 < learnt < 1
    assert study.text.endswith("until it has learnt a machine the product says nothing of it.")
    assert f"had done {100 * learnt:.0f} % of its learning" in study.text
    assert about == {
        "format": 1,
        "on": "simulator",
        "scenario": "small",
        "quick": False,
        "seeds": [1],
        "machines": 3,
        "days": 2,
        "period_s": 600.0,
        "invisible": ["bearing_wear.main of T01 at 10h"],
        "readings": 3 * 288,
    }
    assert [one["entrant"] for one in study.data["entrants"]][-1] == "rolling_zscore"
    assert study.traces == []


def test_what_none_of_the_sensors_shows_is_invisible_and_not_missed(setting, scenario) -> None:
    found = entrant(simulated(setting, scenario))["events"]["by_fault"]
    assert {line["fault"] for line in found} == {"overheating", "sensor_stuck"}


def test_the_same_study_twice_is_the_same(setting, scenario) -> None:
    first, second = simulated(setting, scenario), simulated(setting, scenario)
    assert untimed(first.data) == untimed(second.data)


def test_several_seeds_are_summed(setting, scenario, tmp_path) -> None:
    both = simulated(setting, scenario, seeds=2)
    assert both.data["seeds"] == [1, 2]
    assert both.data["readings"] == 2 * 3 * 288
    second = tmp_path / "second.yaml"
    second.write_text(SCENARIO + "seed: 2\n", "utf-8")
    parts = [simulated(setting, scenario), simulated(setting, str(second))]
    for name in ("telltale", "rolling_zscore"):
        whole = entrant(both, name)
        alone = [entrant(part, name) for part in parts]
        for key in ("false_alarms", "healthy_machine_days", "alarm_minutes"):
            total = sum(one["events"][key] for one in alone)
            assert whole["events"][key] == pytest.approx(total), key
        for key in ("normal", "anomalous"):
            assert whole["points"][key] == sum(one["points"][key] for one in alone), key
        assert whole["events"]["detected"]["whole"] == 4


def test_seeds_have_sites_of_their_own(turbines, scenario) -> None:
    study = simulated(Setting(turbines, "turbine", traced=True), scenario, seeds=2, quick=True)
    assert [trace.machine for trace in study.traces] == [
        "hill-1/T02", "hill-1/T01", "hill-2/T02", "hill-2/T01"
    ]  # fmt: skip


def test_machines_with_faults_are_traced_first_and_the_rest_is_counted(
    turbines, scenario, monkeypatch
) -> None:
    readings, sensors, severities = 288, 6, 4
    monkeypatch.setattr(studies, "TRACED_MAX", 2 * readings * (1 + 3 * sensors + severities))
    study = simulated(Setting(turbines, "turbine", traced=True), scenario)
    assert [trace.machine for trace in study.traces] == ["hill-1/T02", "hill-1/T03"]
    assert study.untraced == 1


def test_progress_reaches_the_whole(turbines, scenario, tmp_path) -> None:
    told: list[tuple[str, float]] = []
    setting = Setting(turbines, "turbine", progress=lambda what, share: told.append((what, share)))
    simulated(setting, scenario, quick=True)
    assert told[-1] == ("small, seed 1", 1.0)
    path = tmp_path / "own.csv"
    names = [*SIX, "vibration"]
    rows = [f"2026-01-01T00:{i:02}Z,{','.join('1' * len(names))}" for i in range(30)]
    path.write_text("\n".join([f"time,{','.join(names)}", *rows]), "utf-8")
    recorded(setting, path, None)
    assert told[-1] == ("own.csv", 1.0)


@pytest.mark.parametrize(
    ("name", "more", "sentence"),
    [
        ("nix", {}, "there is no scenario 'nix'"),
        ("nix.yaml", {}, r"nix\.yaml: there is no such file"),
        ("every_fault", {"seeds": 0}, "--seeds is 0, at least 1 is needed"),
    ],
)
def test_what_cannot_be_walked_is_refused(setting, name, more, sentence) -> None:
    with pytest.raises(WrongUse, match=sentence):
        simulated(setting, name, **more)


def test_a_class_whose_sensors_the_machines_lack_is_refused(scenario) -> None:
    skab = load(config_path("benchmarks/skab.yaml"))
    with pytest.raises(WrongUse, match="a turbine has no sensor 'accelerometer1rms'"):
        simulated(Setting(skab, "pump"), scenario)


def test_the_shipped_configuration_sees_every_fault_of_a_machine() -> None:
    spec = load(config_path("benchmarks/turbine.yaml")).classes["turbine"]
    every = load_scenario("every_fault", quick=True)
    every.farm(list(spec.sensors))
    assert not every.invisible


# The JSON, held to the tables of docs/evaluate.md.

KINDS = {
    "text": str,
    "whole": int,
    "number": (int, float),
    "number or null": (int, float, type(None)),
    "yes or no": bool,
}
PARTS = {
    "share": {"share": "number or null", "part": "whole", "whole": "whole"},
    "spread": {
        "count": "whole",
        "least": "number or null",
        "median": "number or null",
        "p90": "number or null",
        "greatest": "number or null",
    },
    "NAB score": {
        "score": "number or null",
        "threshold": "number or null",
        "windows": "whole",
        "caught": "whole",
        "false_detections": "whole",
    },
}


def documented(heading: str) -> dict[str, str]:
    """Path → kind, of the first table under a heading."""
    text = PAGE.read_text("utf-8").split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    found = dict(re.findall(r"(?m)^\| `([^`]+)` \| ([^|]+?) \|", text))
    for path, kind in list(found.items()):
        if kind in PARTS:
            del found[path]
            found |= {f"{path}.{key}": part for key, part in PARTS[kind].items()}
    return found


def leaves(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(data, list):
        for value in data:
            yield from leaves(value, f"{path}[]")
    else:
        yield path, data


def hold_to(heading: str, data: Any, on: str) -> None:
    there = documented("All forms") | documented(heading)
    seen = set()
    for path, value in leaves(json.loads(json.dumps(data, allow_nan=False))):
        assert path in there, f"{path} is not in {PAGE.name}"
        kind = KINDS[there[path]]
        assert isinstance(value, kind), f"{path} is {value!r}, {there[path]} is promised"
        assert isinstance(value, bool) == (kind is bool), path
        seen.add(path)
    optional = {path for path in there if path.endswith("[]")}
    assert set(there) - seen - optional == set(), f"{on}: promised and not there"


def test_the_json_of_a_farm_is_as_documented(setting, scenario) -> None:
    data = simulated(setting, scenario).data
    hold_to("`simulator`", {k: v for k, v in data.items() if k != "entrants"}, "simulator")
    hold_to("Entrants of `simulator` and `csv`", only_entrants(data), "simulator")


def only_entrants(data: Any) -> dict[str, Any]:
    """With the keys of all forms, which stand in a table of their own."""
    return {key: data[key] for key in ("format", "on", "readings", "entrants")}


def test_the_json_of_a_recording_is_as_documented(turbines, tmp_path) -> None:
    path, labels = tmp_path / "own.csv", tmp_path / "labels.csv"
    rows = [f"2026-01-01T{i // 60:02}:{i % 60:02}Z,1,2,3,4,5,6" for i in range(120)]
    path.write_text("\n".join([f"time,{','.join([*SIX, 'vibration'])}", *rows]), "utf-8")
    labels.write_text("start,end\n2026-01-01T01:00Z,2026-01-01T01:30Z\n", "utf-8")
    data = recorded(Setting(turbines, "turbine"), path, labels).data
    hold_to("`csv`", {k: v for k, v in data.items() if k != "entrants"}, "csv")
    hold_to("Entrants of `simulator` and `csv`", only_entrants(data), "csv")


def test_the_json_of_the_public_sets_is_as_documented(tmp_path) -> None:
    write_nab(tmp_path / "nab")
    write_skab(tmp_path / "skab")
    nab = on_nab(Setting(load(config_path("benchmarks/nab.yaml")), "series"), tmp_path / "nab")
    skab = on_skab(Setting(load(config_path("benchmarks/skab.yaml")), "pump"), tmp_path / "skab")
    hold_to("`nab`", nab.data, "nab")
    hold_to("`skab`", skab.data, "skab")
    assert (nab.data["on"], nab.data["series"], nab.data["readings"]) == ("nab", 1, 1000)
    assert (skab.data["on"], skab.data["series"], skab.data["readings"]) == ("skab", 2, 1000)
