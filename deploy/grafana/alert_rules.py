"""Grafana's alert rules. It takes the queries as they stand and expands ``${…}`` in annotations."""

from __future__ import annotations

from queries import SOURCE, Json, active, judged, labels

from streamer.config import Config
from streamer.config.classes import MachineClass, SilentRule

EXPRESSION: Json = {"type": "__expr__", "uid": "__expr__"}
LONGEST_ALERT_S = 90 * 86_400
"""For so long an alert may fire without another event before Grafana forgets it."""
QUIET_S = 900.0
UID_CHARS = 40
"""Grafana takes no longer ones."""


def alert_rules(config: Config) -> Json:
    """One rule for what Telltale says, and one per class for when it says nothing."""
    quiet = [_quiet(name, one) for name, one in config.classes.items()]
    group = {"orgId": 1, "name": "telltale", "folder": "Telltale", "interval": "1m"}
    return {"apiVersion": 1, "groups": [group | {"rules": [_active(config), *quiet]}]}


def _active(config: Config) -> Json:
    """Fires while the last event of an alert says so; one instance per machine and rule."""
    name = "/".join(f"{{{{ $labels.{label} }}}}" for label in labels(config))
    return {
        "uid": "telltale-active",
        "title": "A machine needs a look",
        "condition": "C",
        "data": _data(active(), LONGEST_ALERT_S, {"type": "gt", "params": [0]}),
        "for": "0s",
        "noDataState": "OK",
        "execErrState": "Error",
        "dashboardUid": "telltale-machine",
        "panelId": 1,
        "annotations": {"summary": f"{name}: {{{{ $labels.rule }}}}"},
        "labels": {"source": "telltale"},
    }


def _quiet(name: str, one: MachineClass) -> Json:
    """Fires while no machine of a class is judged."""
    # A machine may be silent for so long before that is an alert.
    silent_s = [rule.after_s for rule in one.alerts.values() if isinstance(rule, SilentRule)]
    why = f"No {name} is judged: look at Telltale, its broker and its InfluxDB sink"
    return {
        "uid": f"telltale-quiet-{name}"[:UID_CHARS],
        "title": f"No {name} is judged",
        "condition": "C",
        "data": _data(judged(name), max(silent_s, default=QUIET_S), {"type": "lt", "params": [1]}),
        "for": "5m",
        "noDataState": "Alerting",
        "execErrState": "Error",
        "annotations": {"summary": why},
        "labels": {"source": "telltale"},
    }


def _data(query: str, seconds: float, evaluator: Json) -> list[Json]:
    """The query, its last value per series, and when that is an alert."""
    asked: Json = {"query": query, "rawQuery": True, "resultFormat": "time_series"}
    asked |= {"intervalMs": 60_000, "maxDataPoints": 43_200}
    last: Json = {"type": "reduce", "expression": "A", "reducer": "last"}
    compared: Json = {"type": "threshold", "expression": "B"}
    compared |= {"conditions": [{"evaluator": evaluator}]}
    steps = {"A": (SOURCE, asked), "B": (EXPRESSION, last), "C": (EXPRESSION, compared)}
    return [
        {
            "refId": name,
            "relativeTimeRange": {"from": round(seconds), "to": 0},
            "datasourceUid": source["uid"],
            "model": {"refId": name, "datasource": source, **step},
        }
        for name, (source, step) in steps.items()
    ]
