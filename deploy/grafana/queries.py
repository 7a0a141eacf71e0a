"""What is asked of the database, in InfluxQL. Grafana fills in what begins with ``$``.

Measurements, tags and fields are those of `streamer.sinks.line_protocol`.
"""

# ruff: noqa: S608 - the names put into queries are those of a checked configuration

from __future__ import annotations

import re
from typing import Any

from detectors import DETECTORS
from streamer.config import Config
from streamer.topics import MACHINE, SENSOR, Template

Json = dict[str, Any]

SOURCE: Json = {"type": "influxdb", "uid": "telltale"}
"""The data source as everything else names it."""

EVENT = ("state", "kind", "rule", "reason", "sensor", "value", "expected", "score", "limit")
NOT_SENSORS = rf"({'|'.join(DETECTORS)}|river\.|health_)|(severity|late)$"
"""Fields of a reading that are not its values: a regular expression for their beginnings."""


def labels(config: Config) -> list[str]:
    """The labels by which machines are named, in the order of the topics."""
    topics = config.mqtt.topics
    names = [name for topic in topics for name in Template(topic.topic).names]
    names += [MACHINE for topic in topics if topic.machine_field]
    return [name for name in dict.fromkeys(names) if name != SENSOR]


def machine(config: Config) -> str:
    """The condition that a row is of the machine chosen on the dashboard.

    Regular expressions, because only there is whatever a stranger put into a topic escaped; and
    the variable of a label that a class does not have is empty, which matches its absence.
    """
    return _are(labels(config))


def _are(names: list[str]) -> str:
    return " AND ".join(f'"{name}" =~ /^${{{name}:regex}}$/' for name in names)


def classes() -> str:
    """Every measurement: the classes, and ``alerts``."""
    return "SHOW MEASUREMENTS"


def values_of(config: Config, label: str) -> str:
    """The values of a label, among the machines that the labels before it leave."""
    names = labels(config)
    query = f'SHOW TAG VALUES FROM "${{class}}" WITH KEY = "{label}"'
    before = _are(names[: names.index(label)])
    return f"{query} WHERE {before}" if before else query


def fields() -> str:
    """Every field of a class: sensors, scores, ``severity``, ``late``."""
    return 'SHOW FIELD KEYS FROM "${class}"'


def severity(config: Config) -> str:
    """The worst of each interval: a mean would hide what is short."""
    return _per_interval(config, 'max("severity") AS "severity"')


def scores(config: Config, detector: str) -> str:
    """The worst of each interval, of all columns of a detector: ``max_<column>``."""
    return _per_interval(config, f"max(/^{re.escape(detector)}(_|$)/)")


def health(config: Config) -> str:
    """The worst of each interval, of all components: ``min_health_<component>``."""
    return _per_interval(config, "min(/^health_/)")


def reading(config: Config) -> str:
    """One sensor."""
    return _per_interval(config, 'mean("${sensor}") AS "${sensor}"')


def _per_interval(config: Config, selected: str) -> str:
    return (
        f'SELECT {selected} FROM "${{class}}" WHERE {machine(config)} AND $timeFilter'
        " GROUP BY time($__interval) fill(null)"
    )


def alerts_now(config: Config) -> str:
    """What fires now, however long ago it began: hence no time filter."""
    last = 'SELECT last("active") AS "active", "reason" FROM "alerts"'
    return (
        f'SELECT "rule", "reason" FROM ({last} WHERE {machine(config)} GROUP BY "rule")'
        ' WHERE "active" = 1'
    )


def events(config: Config) -> str:
    """Every change of an alert with its evidence, newest first."""
    selected = ", ".join(f'"{name}"' for name in EVENT)
    where = f"{machine(config)} AND $timeFilter"
    return f'SELECT {selected} FROM "alerts" WHERE {where} ORDER BY time DESC LIMIT 200'


def changes(config: Config, state: str) -> str:
    """Events that say ``firing`` or ``resolved``, as annotations."""
    return _annotation(f"\"state\" = '{state}' AND {machine(config)}")


def events_of_telltale() -> str:
    """What happened to Telltale itself, as annotations."""
    return _annotation("\"kind\" = 'system'")


def _annotation(where: str) -> str:
    return f'SELECT "reason", "rule", "state" FROM "alerts" WHERE {where} AND $timeFilter'


def active() -> str:
    """1 or 0 for each alert there ever was, by all its labels; for the alert rule."""
    return (
        'SELECT last("active") AS "active" FROM "alerts"'
        " WHERE \"kind\" != 'system' AND $timeFilter GROUP BY *"
    )


def judged(machine_class: str) -> str:
    """How many readings of a class were judged; nothing at all where none was."""
    return f'SELECT count("severity") AS "judged" FROM "{machine_class}" WHERE $timeFilter'
