"""Writes all that Grafana is told: data source, dashboard, alert rules.

    python deploy/grafana/generate.py [CONFIG] [--out FOLDER]

The dashboard finds classes, machines and sensors in the database by itself, so the files here serve
any configuration whose machines are named by site and machine. Labels, units and limits are taken
from CONFIG (`config/turbines.yaml` unless given): write your own where those differ.
"""

# ruff: noqa: S608 - the names put into queries are those of a checked configuration

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[2]))

from detectors import DETECTORS
from streamer.config import Config, load
from streamer.config_classes import SilentRule
from streamer.topics import SENSOR, Template

Json = dict[str, Any]

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "config" / "turbines.yaml"
FOLDER = "Telltale"
DASHBOARDS = "/var/lib/grafana/dashboards/telltale"
SOURCE = {"type": "influxdb", "uid": "telltale"}
EXPRESSION = {"type": "__expr__", "uid": "__expr__"}
DAY_S = 86_400
WIDTH = 24
"""Columns of Grafana's grid."""

DATASOURCE_WHY = """\
Where Telltale's sink `influxdb` writes. InfluxQL, because 1.x, 2.x and 3 all answer it. Grafana
takes the three variables from its own environment, see README.md.
"""
PROVIDER_WHY = "Every dashboard file in `path`, read again when it changes.\n"
ALERTING_WHY = """\
Telltale has judged already, with its own delays and hysteresis: the first rule only repeats what it
says. No alert ever is no news (noDataState OK), and a database that does not answer is an error,
never an all-clear. Events about Telltale itself are left out: some of them have no end.

The others watch Telltale: where nothing is judged any more, no alert can come, so there no data is
the alarm. They also fire until the first machine of a new class has learnt what is usual.
"""


def main() -> None:
    """Write the files of a configuration."""
    parser = argparse.ArgumentParser(description="Write what Grafana is told.")
    parser.add_argument("config", nargs="?", type=Path, default=EXAMPLE, metavar="CONFIG")
    parser.add_argument("--out", type=Path, default=HERE, metavar="FOLDER")
    args = parser.parse_args()
    for name, text in files(load(args.config)).items():
        path = args.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def files(config: Config) -> dict[str, str]:
    """Path → text of every file."""
    return {
        "provisioning/datasources/telltale.yaml": _yaml(DATASOURCE_WHY, datasource()),
        "provisioning/dashboards/telltale.yaml": _yaml(PROVIDER_WHY, provider()),
        "provisioning/alerting/telltale.yaml": _yaml(ALERTING_WHY, alerting(config)),
        "dashboards/machine.json": json.dumps(dashboard(config), indent=2, ensure_ascii=False)
        + "\n",
    }


def _yaml(why: str, data: Json) -> str:
    comment = "".join(f"# {line}".rstrip() + "\n" for line in why.splitlines())
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    return f"# Written by generate.py.\n#\n{comment}{text}"


# Data source and dashboard provider. Grafana expands ${…} in these from its environment.


def datasource() -> Json:
    """The database, by InfluxQL; the header is how 2.x and 3 take a token, 1.x ignores it."""
    return {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "Telltale",
                "uid": SOURCE["uid"],
                "orgId": 1,
                "type": SOURCE["type"],
                "access": "proxy",
                "url": "${TELLTALE_INFLUXDB_URL}",
                "editable": False,
                "jsonData": {
                    "version": "InfluxQL",
                    "dbName": "${TELLTALE_INFLUXDB_DATABASE}",
                    "httpMode": "GET",
                    "httpHeaderName1": "Authorization",
                },
                "secureJsonData": {"httpHeaderValue1": "Token ${TELLTALE_INFLUXDB_TOKEN}"},
            }
        ],
    }


def provider() -> Json:
    """Where Grafana looks for the dashboard."""
    one = {"name": "telltale", "orgId": 1, "folder": FOLDER, "type": "file"}
    one |= {"allowUiUpdates": False, "options": {"path": DASHBOARDS}}
    return {"apiVersion": 1, "providers": [one]}


# Alert rules. Grafana takes queries as they stand here and expands only ${…} in annotations.


def alerting(config: Config) -> Json:
    """One rule for what Telltale says, and one per class for when it says nothing."""
    rules = [_active_rule(config), *(_quiet_rule(config, name) for name in config.classes)]
    group = {"orgId": 1, "name": "telltale", "folder": FOLDER, "interval": "1m", "rules": rules}
    return {"apiVersion": 1, "groups": [group]}


def _active_rule(config: Config) -> Json:
    """Firing while the last event of an alert says so; one instance per machine and rule."""
    query = (
        'SELECT last("active") AS "active" FROM "alerts"'
        " WHERE \"kind\" != 'system' AND $timeFilter GROUP BY *"
    )
    name = "/".join(f"{{{{ $labels.{label} }}}}" for label in labels(config))
    return {
        "uid": "telltale-active",
        "title": "A machine needs a look",
        "condition": "C",
        "for": "0s",
        # An alert may stay for weeks without another event.
        "data": _alert_data(query, 90 * DAY_S, {"type": "gt", "params": [0]}),
        "noDataState": "OK",
        "execErrState": "Error",
        "dashboardUid": "telltale-machine",
        "panelId": 1,
        "annotations": {"summary": f"{name}: {{{{ $labels.rule }}}} since the time of its event"},
        "labels": {"source": "telltale"},
    }


def _quiet_rule(config: Config, name: str) -> Json:
    """Firing while no machine of a class is judged."""
    query = f'SELECT count("severity") AS "judged" FROM "{name}" WHERE $timeFilter'
    silent = [r.after_s for r in config.classes[name].alerts.values() if isinstance(r, SilentRule)]
    return {
        "uid": f"telltale-quiet-{name:.25}",  # Grafana takes at most 40 characters
        "title": f"No {name} is judged",
        "condition": "C",
        "for": "5m",
        "data": _alert_data(query, round(max(silent, default=900)), {"type": "lt", "params": [1]}),
        "noDataState": "Alerting",
        "execErrState": "Error",
        "annotations": {
            "summary": f"No {name} is judged: look at Telltale, its broker and its InfluxDB sink"
        },
        "labels": {"source": "telltale"},
    }


def _alert_data(query: str, seconds: int, evaluator: Json) -> list[Json]:
    """The query, its last value per series, and when that is an alert."""
    asked = {"query": query, "rawQuery": True, "resultFormat": "time_series"}
    asked |= {"intervalMs": 60_000, "maxDataPoints": 43_200}
    reduced = {"type": "reduce", "expression": "A", "reducer": "last"}
    judged = {"type": "threshold", "expression": "B", "conditions": [{"evaluator": evaluator}]}
    steps = {"A": (SOURCE, asked), "B": (EXPRESSION, reduced), "C": (EXPRESSION, judged)}
    return [
        {
            "refId": ref,
            "relativeTimeRange": {"from": seconds, "to": 0},
            "datasourceUid": source["uid"],
            "model": {"refId": ref, "datasource": source, **model},
        }
        for ref, (source, model) in steps.items()
    ]


# The dashboard.


def dashboard(config: Config) -> Json:
    """One machine: severity, alerts, scores with their limits, readings."""
    return {
        "uid": "telltale-machine",
        "title": "Telltale: a machine",
        "tags": ["telltale"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "timezone": "browser",
        "time": {"from": "now-7d", "to": "now"},
        "refresh": "1m",
        "graphTooltip": 1,  # one crosshair over all panels
        "templating": {"list": variables(config)},
        "annotations": {"list": annotations(config)},
        "panels": _placed(panels(config)),
    }


def labels(config: Config) -> list[str]:
    """The labels by which machines are named, in the order of the topics."""
    names = [name for topic in config.mqtt.topics for name in Template(topic.topic).names]
    names += ["machine" for topic in config.mqtt.topics if topic.machine_field]
    return [name for name in dict.fromkeys(names) if name != SENSOR]


def _is(label: str) -> str:
    # As a regular expression: whatever stands in a topic is escaped, and of a class that has no
    # such label the variable is empty, which matches its absence.
    return f'"{label}" =~ /^${{{label}:regex}}$/'


def _machine(config: Config) -> str:
    return " AND ".join(map(_is, labels(config)))


def variables(config: Config) -> list[Json]:
    """Which class, which machine, which sensors; each asks for what the ones before leave."""
    scores = "|".join([*DETECTORS, r"river\."])
    found = [_variable("class", "SHOW MEASUREMENTS", regex="/^(?!alerts$).+/")]
    names = labels(config)
    for i, label in enumerate(names):
        query = f'SHOW TAG VALUES FROM "${{class}}" WITH KEY = "{label}"'
        before = " AND ".join(map(_is, names[:i]))
        found.append(_variable(label, f"{query} WHERE {before}" if before else query))
    sensors = _variable(
        "sensor", 'SHOW FIELD KEYS FROM "${class}"', regex=f"/^(?!({scores})|(severity|late)$).+/"
    )
    return [*found, sensors | {"multi": True, "includeAll": True}]


def _variable(name: str, query: str, regex: str = "") -> Json:
    asked = {"datasource": SOURCE, "definition": query, "query": query, "regex": regex}
    return {"name": name, "type": "query", **asked, "refresh": 1, "sort": 1}


def annotations(config: Config) -> list[Json]:
    """Alerts as lines across all panels, and what happened to Telltale itself."""
    machine = _machine(config)
    return [
        _annotation("Alerts that begin", "red", f"\"state\" = 'firing' AND {machine}"),
        _annotation("Alerts that end", "green", f"\"state\" = 'resolved' AND {machine}"),
        _annotation("Telltale itself", "blue", "\"kind\" = 'system'"),
    ]


def _annotation(name: str, colour: str, where: str) -> Json:
    query = f'SELECT "reason", "rule", "state" FROM "alerts" WHERE {where} AND $timeFilter'
    target = {"refId": "Anno", "query": query, "rawQuery": True, "textEditor": True}
    target |= {"fromAnnotations": True, "textColumn": "reason", "tagsColumn": "rule,state"}
    return {"name": name, "datasource": SOURCE, "enable": True, "iconColor": colour} | {
        "target": target
    }


Sized = tuple[int, int, Json]
"""Width and height in the grid, and a panel."""


def panels(config: Config) -> list[Sized]:
    """From what matters most to what it rests on; the alert rule links to the first."""
    return [
        (16, 8, _severity(config)),
        (8, 8, _active_alerts(config)),
        (WIDTH, 1, _row("Scores and their limits")),
        *((8, 7, _scores(config, name, limits)) for name, limits in _limits(config).items()),
        (WIDTH, 8, _events(config)),
        (WIDTH, 1, _row("Readings")),
        # Last, for it becomes as many panels as there are sensors.
        (WIDTH, 7, _readings(config)),
    ]


def _placed(sized: Iterable[Sized]) -> list[Json]:
    """Panels from left to right, a new line where one does not fit."""
    x = y = line = 0
    placed = []
    for number, (width, height, panel) in enumerate(sized, 1):
        if x + width > WIDTH:
            x, y, line = 0, y + line, 0
        placed.append({"id": number, "gridPos": {"x": x, "y": y, "w": width, "h": height}} | panel)
        x, line = x + width, max(line, height)
    return placed


def _row(title: str) -> Json:
    return {"type": "row", "title": title, "collapsed": False, "panels": []}


def _severity(config: Config) -> Json:
    description = "The largest score / limit of all detectors: from 1 on a reading is strange."
    query = _per_interval(config, 'max("severity") AS "severity"')
    return _series(config, "Severity", query, description=description, limits=[1.0])


def _scores(config: Config, detector: str, limits: Sequence[float]) -> Json:
    title = f"{detector.replace('_', ' ')} (limit {', '.join(f'{limit:g}' for limit in limits)})"
    query = _per_interval(config, f"max(/^{re.escape(detector)}(_|$)/)")
    # The columns are called max_<detector>_<sensor>, or max_<detector> where it sees all sensors.
    renamed = {"regex": rf"max_(?:{re.escape(detector)}_)?(.*)", "renamePattern": "$1"}
    panel = _series(config, title, query, limits=limits)
    return panel | {"transformations": [{"id": "renameByRegex", "options": renamed}]}


def _limits(config: Config) -> dict[str, list[float]]:
    """Detector → its limits, more than one where classes differ."""
    found: dict[str, set[float]] = {}
    for one in config.classes.values():
        for name, detector in one.detectors.items():
            found.setdefault(name, set()).add(detector.limit)
    return {name: sorted(limits) for name, limits in found.items()}


def _readings(config: Config) -> Json:
    query = _per_interval(config, 'mean("${sensor}") AS "${sensor}"')
    panel = _series(config, "${sensor}", query, overrides=_units(config))
    return panel | {"repeat": "sensor", "repeatDirection": "h", "maxPerRow": 3}


def _units(config: Config) -> list[Json]:
    """A unit for every sensor that has the same one in all classes."""
    units: dict[str, set[str]] = {}
    for one in config.classes.values():
        for name, sensor in one.sensors.items():
            units.setdefault(name, set()).add(sensor.unit)
    return [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": "unit", "value": f"suffix: {unit}"}],
        }
        for name, (unit, *others) in units.items()
        if unit and not others
    ]


def _per_interval(config: Config, selected: str) -> str:
    return (
        f'SELECT {selected} FROM "${{class}}" WHERE {_machine(config)} AND $timeFilter'
        " GROUP BY time($__interval) fill(null)"
    )


def _series(
    config: Config,
    title: str,
    query: str,
    *,
    description: str = "",
    limits: Sequence[float] = (),
    overrides: Sequence[Json] = (),
) -> Json:
    """Lines over time, with a red line at each limit."""
    # A value older than max_age_s is not believed, so no line is drawn across such a gap.
    gap_ms = round(1000 * max(one.max_age_s for one in config.classes.values()))
    custom = {"drawStyle": "line", "lineWidth": 1, "showPoints": "auto", "spanNulls": gap_ms}
    steps: list[Json] = [{"color": "green", "value": None}]
    steps += [{"color": "red", "value": limit} for limit in limits]
    defaults: Json = {"thresholds": {"mode": "absolute", "steps": steps}}
    if limits:
        custom |= {"thresholdsStyle": {"mode": "line"}, "axisSoftMax": limits[-1]}
        defaults["min"] = 0
    return {
        "type": "timeseries",
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "targets": [_target(query, "time_series") | {"alias": "$col"}],
        "fieldConfig": {"defaults": defaults | {"custom": custom}, "overrides": list(overrides)},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "none"},
        },
    }


def _active_alerts(config: Config) -> Json:
    last = 'SELECT last("active") AS "active", "reason" FROM "alerts"'
    # Without a time filter: what fires now may have begun before what is shown.
    query = f'SELECT "rule", "reason" FROM ({last} WHERE {_machine(config)} GROUP BY "rule")'
    return _table("Alerts now", f'{query} WHERE "active" = 1')


def _events(config: Config) -> Json:
    columns = ["state", "kind", "rule", "reason", "sensor", "value", "expected", "score", "limit"]
    selected = ", ".join(f'"{name}"' for name in columns)
    query = f'SELECT {selected} FROM "alerts" WHERE {_machine(config)} AND $timeFilter'
    return _table("Alerts in this time", f"{query} ORDER BY time DESC LIMIT 200")


def _table(title: str, query: str) -> Json:
    return {
        "type": "table",
        "title": title,
        "datasource": SOURCE,
        "targets": [_target(query, "table")],
        "fieldConfig": {"defaults": {"noValue": "none"}, "overrides": []},
        "options": {"showHeader": True},
    }


def _target(query: str, result: str) -> Json:
    asked = {"query": query, "rawQuery": True, "resultFormat": result}
    return {"refId": "A", "datasource": SOURCE, **asked}


if __name__ == "__main__":
    main()
