"""Every query that Grafana is told to ask finds what Telltale wrote, in the real InfluxDB."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from simulators.outputs.payloads import telemetry
from simulators.scenarios import demo_farm
from streamer.config import Config, load
from streamer.health import happened
from streamer.journal import Journal, Outbox
from streamer.pipeline import Aside, Pipeline
from streamer.records import Message
from streamer.sinks.influxdb import Config as Sink
from streamer.sinks.influxdb import open_sink
from tests.deploy import grafana
from tests.servers.influxd import Influxd

EXAMPLE = grafana.FOLDER.parents[1] / "config" / "turbines.yaml"
HOURS = 172
"""By then the alert of one machine is over, and that of the other fires."""

HOUR_S = 3600
CHART = {"scales_s": [HOUR_S, 3 * HOUR_S]}
HASTY = {
    "classes.turbine.context": {
        "warm_s": 6 * HOUR_S,
        "lags_s": [HOUR_S / 2],
        "knots": 1,
        "learn_s": 60 * HOUR_S,
        "familiar": 0.3,
        "adjust_s": 24 * HOUR_S,
    },
    "classes.turbine.detectors.ewma_multichart": {"learn_s": 24 * HOUR_S, **CHART},
    "classes.turbine.detectors.adjusted_multichart": {"learn_s": 12 * HOUR_S, **CHART},
    "classes.turbine.alerts.machine_fault": {"kind": "machine"},
}
"""The farm tells something every five minutes and for a week only, so it is judged sooner."""

Row = dict[str, Any]


class Plant(NamedTuple):
    """A database as Telltale leaves it, and what is chosen on the dashboard."""

    influxd: Influxd
    config: Config
    chosen: dict[str, str]

    def ask(self, query: str, **chosen: str) -> list[Row]:
        """The rows of a query that hold something, with its variables filled in."""
        rows = self.influxd.query(grafana.filled(query, self.chosen | chosen))
        return [row for row in rows if any(row[name] is not None for name in row.keys() - {"time"})]


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """Two turbines, both with a fault, watched by the pipeline and written by the sink."""
    folder = tmp_path_factory.mktemp("plant")
    server = Influxd(folder)
    config = load(EXAMPLE, overrides={"clock": "data", "state_dir": folder, **HASTY})
    farm = demo_farm(machines=2)
    watch(config, folder / "journal.db", farm)
    deliver(folder / "journal.db", server)
    start_ms = farm.start_ns // 1_000_000
    end_ms = start_ms + HOURS * 3_600_000
    chosen = {
        "class": "turbine",
        "site": "demo",
        "machine": "T01",
        "sensor": "vibration",
        "timeFilter": f"time >= {start_ms}ms and time <= {end_ms}ms",
        "__interval": "10m",
    }
    yield Plant(server, config, chosen)
    server.shim.close()
    server.stop()


def watch(config: Config, path: Path, farm: Any) -> None:
    journal = Journal(path)
    pipeline = Pipeline(config, journal)
    told = happened("session_lost", "the broker has no session for us", farm.start_ns)
    messages = (
        Message(message.topic, message.encoded().encode(), message.time_ns)
        for message in telemetry(farm, HOURS)
    )
    while turn := list(islice(messages, 1024)):
        pipeline.turn(turn, hearing_since_ns=0, aside=Aside(alerts=told))
        told = []
    journal.close()


def deliver(path: Path, server: Influxd) -> None:
    outbox = Outbox(path, "points and alerts")
    sink = open_sink(Sink(url=server.url, bucket=server.database))
    assert sink.write(outbox.batches(0, 1_000_000)) == []
    sink.close()
    outbox.close()


def targets() -> list[Any]:
    """Every query of panels and annotations, under the name it has there."""
    board = grafana.dashboard()
    found = {p["title"]: target for p in board["panels"] for target in p.get("targets", [])}
    found |= {mark["name"]: mark["target"] for mark in board["annotations"]["list"]}
    assert len(found) == 12
    return [pytest.param(target, id=name) for name, target in found.items()]


@pytest.mark.parametrize("target", targets())
def test_every_panel_and_every_annotation_shows_something(
    plant: Plant, target: dict[str, Any]
) -> None:
    rows = plant.ask(target["query"])
    assert rows
    for column in ("textColumn", "tagsColumn"):
        for name in filter(None, target.get(column, "").split(",")):
            assert all(row[name] for row in rows), name


def test_the_variables_lead_from_class_to_machine_and_sensors(plant: Plant) -> None:
    spec = plant.config.classes["turbine"]
    offered = {
        "class": {"turbine"},
        "site": {"demo"},
        "machine": {"T01", "T02"},
        "sensor": set(spec.sensors),
    }
    for variable in grafana.dashboard()["templating"]["list"]:
        assert options(plant, variable) == offered[variable["name"]]


def options(plant: Plant, variable: dict[str, Any]) -> set[str]:
    """What a variable offers: the first column, of tag values the second, if the regex matches."""
    rows = plant.influxd.query(grafana.filled(variable["query"], plant.chosen))
    found = {row.get("value") or next(iter(row.values())) for row in rows}
    wanted = re.compile(variable["regex"].strip("/"))
    return {option for option in found if wanted.search(option)}


def test_every_sensor_has_a_panel_of_its_own(plant: Plant) -> None:
    (readings,) = (panel for panel in grafana.dashboard()["panels"] if "repeat" in panel)
    units = {
        unit["matcher"]["options"]: unit["properties"][0]["value"]
        for unit in readings["fieldConfig"]["overrides"]
    }
    for name, sensor in plant.config.classes["turbine"].sensors.items():
        rows = plant.ask(readings["targets"][0]["query"], sensor=name)
        assert {column for row in rows for column in row} == {"time", name}
        assert units[name] == f"suffix: {sensor.unit}"


def test_the_scores_of_every_sensor_are_named_after_it(plant: Plant) -> None:
    spec = load(EXAMPLE).classes["turbine"]
    shown: set[str] = set()
    for panel in grafana.dashboard()["panels"]:
        for step in panel.get("transformations", []):
            renamed = re.compile(step["options"]["regex"])
            for row in plant.ask(panel["targets"][0]["query"]):
                columns = [name for name in row if name != "time"]
                shown |= {(panel["title"], renamed.fullmatch(name)[1]) for name in columns}
    names = {
        (f"{name.replace('_', ' ')} (limit {one.limit:g})", column.removeprefix(f"{name}_"))
        for name, one in spec.detectors.items()
        for column in one.columns(name, spec.health)
    }
    assert shown == names | {("Health of components", name) for name in spec.parts}


def test_only_what_fires_now_is_an_alert_now(plant: Plant) -> None:
    (panel,) = (p for p in grafana.dashboard()["panels"] if p["title"] == "Alerts now")
    query = panel["targets"][0]["query"]
    (row,) = plant.ask(query)
    assert row["rule"] == "machine_fault"
    assert row["reason"].startswith("vibration is")
    assert plant.ask(query, machine="T02") == []


def test_a_name_is_no_regular_expression(plant: Plant) -> None:
    for target in targets():
        query = target.values[0]["query"]
        if "machine" in grafana.names_in(query):
            assert plant.ask(query, machine="T0.") == []
            assert plant.ask(query, machine="T01/ OR 1=1 --") == []


def test_a_label_that_a_class_does_not_have_is_no_obstacle(plant: Plant, pumps: Path) -> None:
    nothing = {"hall": "", "line": ""}
    panels = [p for p in grafana.dashboard(pumps)["panels"] if p["type"] != "row"]
    severity, now, chart, _, health, events, readings = (p["targets"][0]["query"] for p in panels)
    for query in (severity, now, chart, health, events, readings):
        assert plant.ask(query, **nothing)
        assert plant.ask(query, **nothing | {"hall": "A"}) == []


def rule(uid: str) -> dict[str, Any]:
    (found,) = (one for one in grafana.rules() if one["uid"] == uid)
    return found


def verdicts(rows: list[Row], found: dict[str, Any]) -> dict[tuple[tuple[str, str], ...], bool]:
    """Labels → whether the rule fires, as reduce and threshold have it; labels must differ."""
    _, last, threshold = (step["model"] for step in found["data"])
    assert (last["type"], last["reducer"], threshold["type"]) == ("reduce", "last", "threshold")
    (condition,) = threshold["conditions"]
    (limit,) = condition["evaluator"]["params"]
    fires = {"gt": limit.__lt__, "lt": limit.__gt__}[condition["evaluator"]["type"]]
    found = {}
    for row in rows:
        (value,) = (v for v in row.values() if isinstance(v, int | float) and v != row["time"])
        labels = tuple(sorted((k, v) for k, v in row.items() if isinstance(v, str)))
        assert labels not in found, "Grafana refuses two series with the same labels"
        found[labels] = fires(value) is True
    return found


def test_the_alert_rule_repeats_what_telltale_says(plant: Plant) -> None:
    active = rule("telltale-active")
    told = verdicts(plant.ask(active["data"][0]["model"]["query"]), active)
    firing = {dict(one)["machine"] for one, fires in told.items() if fires}
    assert (firing, {dict(one)["machine"] for one in told}) == ({"T01"}, {"T01", "T02"})
    summary = active["annotations"]["summary"]
    for labels in told:
        assert set(re.findall(r"\$labels\.(\w+)", summary)) <= dict(labels).keys()


def test_a_class_that_is_judged_is_not_quiet_and_one_that_is_not_is_no_data(plant: Plant) -> None:
    quiet = rule("telltale-quiet-turbine")
    query = quiet["data"][0]["model"]["query"]
    assert verdicts(plant.ask(query), quiet) == {(): False}
    assert plant.ask(query, timeFilter="time >= 1ms and time <= 2ms") == []
