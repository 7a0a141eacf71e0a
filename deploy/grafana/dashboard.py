"""The dashboard of one machine: severity and alerts, scores with their limits, readings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import queries
from queries import SOURCE, Json

from streamer.config import Config

WIDTH = 24
"""Columns of Grafana's grid."""

Sized = tuple[int, int, Json]
"""Width and height in that grid, and a panel."""


def dashboard(config: Config) -> Json:
    """Classic JSON, which Grafana 10 and later reads."""
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
        "annotations": {"list": marks(config)},
        "panels": _placed(panels(config)),
    }


def variables(config: Config) -> list[Json]:
    """Class, labels of the machine, sensors; each offers what the ones before it leave."""
    found = [_variable("class", queries.classes(), "/^(?!alerts$).+/")]
    found += [_variable(n, queries.values_of(config, n)) for n in queries.labels(config)]
    sensors = _variable("sensor", queries.fields(), f"/^(?!{queries.NOT_SENSORS}).+/")
    return [*found, sensors | {"multi": True, "includeAll": True}]


def _variable(name: str, query: str, regex: str = "") -> Json:
    asked = {"datasource": SOURCE, "query": query, "regex": regex}
    return {"name": name, "type": "query", **asked, "refresh": 1, "sort": 1}


def marks(config: Config) -> list[Json]:
    """Annotations: lines across all panels."""
    return [
        _mark("Alerts that begin", "red", queries.changes(config, "firing")),
        _mark("Alerts that end", "green", queries.changes(config, "resolved")),
        _mark("Telltale itself", "blue", queries.events_of_telltale()),
    ]


def _mark(name: str, colour: str, query: str) -> Json:
    target: Json = {"refId": "Anno", "query": query, "rawQuery": True, "textEditor": True}
    target |= {"fromAnnotations": True, "textColumn": "reason", "tagsColumn": "rule,state"}
    shown = {"name": name, "iconColor": colour, "enable": True}
    return shown | {"datasource": SOURCE, "target": target}


def panels(config: Config) -> list[Sized]:
    """From what matters most to what it rests on; the alert rule links to the first."""
    return [
        (16, 8, _severity(config)),
        (8, 8, _table("Alerts now", queries.alerts_now(config))),
        (WIDTH, 1, _row("Scores and their limits")),
        *((8, 7, _scores(config, name, limits)) for name, limits in _limits(config).items()),
        (8, 7, _health(config)),
        (WIDTH, 8, _table("Alerts in this time", queries.events(config))),
        (WIDTH, 1, _row("Readings")),
        # Last, for it becomes as many panels as there are sensors.
        (WIDTH, 7, _readings(config)),
    ]


def _placed(sized: Iterable[Sized]) -> list[Json]:
    """Panels from left to right, on a new line where one does not fit."""
    x = y = line = 0
    placed = []
    for number, (width, height, panel) in enumerate(sized, 1):
        if x + width > WIDTH:
            x, y, line = 0, y + line, 0
        placed.append({"id": number, "gridPos": {"x": x, "y": y, "w": width, "h": height}} | panel)
        x, line = x + width, max(line, height)
    return placed


def _severity(config: Config) -> Json:
    panel = _series(config, "Severity (limit 1)", queries.severity(config), limits=[1.0])
    why = "The largest score / limit of all detectors. From 1 on a reading is strange."
    return panel | {"description": why}


def _scores(config: Config, detector: str, limits: Sequence[float]) -> Json:
    title = f"{detector.replace('_', ' ')} (limit {', '.join(f'{limit:g}' for limit in limits)})"
    panel = _series(config, title, queries.scores(config, detector), limits=limits)
    # A column is max_<detector>_<sensor>, or max_<detector> where it looks at all sensors.
    renamed = {"regex": f"max_(?:{re.escape(detector)}_)?(.*)", "renamePattern": "$1"}
    return panel | {"transformations": [{"id": "renameByRegex", "options": renamed}]}


def _health(config: Config) -> Json:
    panel = _series(config, "Health of components", queries.health(config))
    panel["fieldConfig"]["defaults"] |= {"min": 0, "max": 100}
    renamed = {"regex": "min_health_(.*)", "renamePattern": "$1"}
    told = {"transformations": [{"id": "renameByRegex", "options": renamed}]}
    return panel | told | {"description": "100: as new; 67: at the limit; 0: at four times it."}


def _limits(config: Config) -> dict[str, list[float]]:
    """Detector → its limits; more than one where classes differ."""
    found: dict[str, set[float]] = {}
    for one in config.classes.values():
        for name, detector in one.detectors.items():
            found.setdefault(name, set()).add(detector.limit)
    return {name: sorted(limits) for name, limits in found.items()}


def _readings(config: Config) -> Json:
    panel = _series(config, "${sensor}", queries.reading(config), overrides=_units(config))
    return panel | {"repeat": "sensor", "repeatDirection": "h", "maxPerRow": 3}


def _units(config: Config) -> list[Json]:
    """The unit of every sensor that has the same one in all classes."""
    units: dict[str, set[str]] = {}
    for one in config.classes.values():
        for name, sensor in one.sensors.items():
            units.setdefault(name, set()).add(sensor.unit)
    return [_unit(name, unit) for name, (unit, *others) in units.items() if unit and not others]


def _unit(sensor: str, unit: str) -> Json:
    shown = {"id": "unit", "value": f"suffix: {unit}"}
    return {"matcher": {"id": "byName", "options": sensor}, "properties": [shown]}


def _series(
    config: Config,
    title: str,
    query: str,
    *,
    limits: Sequence[float] = (),
    overrides: Sequence[Json] = (),
) -> Json:
    """Lines over time, with a red line at each limit."""
    # A value older than max_age_s is not believed, so no line is drawn across such a gap.
    gap_s = max(one.max_age_s for one in config.classes.values())
    custom: Json = {"drawStyle": "line", "lineWidth": 1, "showPoints": "auto"}
    custom |= {"spanNulls": round(1000 * gap_s)}
    defaults: Json = {"custom": custom}
    if limits:
        custom |= {"thresholdsStyle": {"mode": "line"}, "axisSoftMin": 0}
        custom |= {"axisSoftMax": 1.1 * limits[-1]}
        defaults["thresholds"] = _thresholds(limits)
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
    return {
        "type": "timeseries",
        "title": title,
        "datasource": SOURCE,
        "targets": [_target(query, "time_series") | {"alias": "$col"}],
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": {"legend": legend, "tooltip": {"mode": "multi", "sort": "none"}},
    }


def _thresholds(limits: Sequence[float]) -> Json:
    steps = [{"color": "red", "value": limit} for limit in limits]
    return {"mode": "absolute", "steps": [{"color": "green", "value": None}, *steps]}


def _table(title: str, query: str) -> Json:
    return {
        "type": "table",
        "title": title,
        "datasource": SOURCE,
        "targets": [_target(query, "table")],
        "fieldConfig": {"defaults": {"noValue": "none"}, "overrides": []},
        "options": {"showHeader": True},
    }


def _row(title: str) -> Json:
    return {"type": "row", "title": title, "collapsed": False, "panels": []}


def _target(query: str, result: str) -> Json:
    asked = {"query": query, "rawQuery": True, "resultFormat": result}
    return {"refId": "A", "datasource": SOURCE, **asked}
