"""Topic templates: which machine does a topic name, and what must we subscribe to?

``plant/{site}/{machine}/telemetry`` matches topics of four levels and names two of them. Whatever
stands in a named level was written by a stranger, so it is data: `streamer.labels` has the one rule
for it, and a message on a topic that breaks the rule is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streamer.decode import DIALECTS
from streamer.decode.waveform import Recording
from streamer.labels import shown, valid_label
from streamer.records import Fault

MACHINE = "machine"
"""The label under which a machine named inside the payload stands."""
SENSOR = "sensor"
"""The label that is no part of a machine's name: it says which sensor a bare number belongs to."""
ROUTES_KEPT = 65_536
MAX_TOPIC_BYTES = 65_535
_NAMED = re.compile(r"\{([a-z][a-z0-9_]{0,31})\}")


class Route(NamedTuple):
    """What a topic says about the messages on it."""

    machine_class: str
    labels: tuple[tuple[str, str], ...]
    """Names and values in the order of the template, without the sensor."""
    sensor: str | None
    dialect: str
    time_field: str
    machine_field: str | None
    recording: Recording | None = None


class Rule(NamedTuple):
    """One line of ``mqtt.topics``: how to read the messages of one template."""

    template: Template
    machine_class: str
    dialect: str = "json"
    time_field: str = "ts"
    machine_field: str | None = None
    recording: Recording | None = None


class Router:
    """Finds the route of a topic; the first rule whose template matches decides.

    Routes are remembered per topic, at most `ROUTES_KEPT` of them.

    Raises
    ------
    ValueError
        If a rule cannot name a machine or a sensor, in one sentence.

    Examples
    --------
    >>> rule = Rule(Template("plant/{site}/{machine}/telemetry"), "turbine")
    >>> router = Router([rule])
    >>> router.route("plant/north/T03/telemetry").labels
    (('site', 'north'), ('machine', 'T03'))
    >>> router.route("plant/north/T03/status").reason
    'no_route'
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = list(rules)
        self._routes: dict[str, Route] = {}
        for rule in self._rules:
            _check(rule)

    def route(self, topic: str) -> Route | Fault:
        """How to read messages on this topic, or why not: ``no_route``, ``bad_topic``."""
        found = self._routes.get(topic)
        return self._look_up(topic) if found is None else found

    def _look_up(self, topic: str) -> Route | Fault:
        route = self._find(topic)
        if isinstance(route, Fault):  # a stranger's topic may be long: not worth remembering
            return route
        if len(self._routes) >= ROUTES_KEPT:
            self._routes.clear()
        self._routes[topic] = route
        return route

    def _find(self, topic: str) -> Route | Fault:
        for rule in self._rules:
            labels = rule.template.match(topic)
            if labels is not None:
                return _route(rule, labels)
        return Fault("no_route", f"no topic of the config matches {shown(topic)}")


class Template:
    """A topic with named levels; each level is plain text or one ``{name}``.

    Parameters
    ----------
    text
        For example ``plant/{site}/{machine}/telemetry``.

    Attributes
    ----------
    subscription
        The MQTT topic filter that hears it: ``plant/+/+/telemetry``.
    names
        Its names in order, ``sensor`` among them if it is there.

    Raises
    ------
    ValueError
        If it is not a template, in one sentence.

    Examples
    --------
    >>> template = Template("plant/{site}/{machine}/telemetry")
    >>> template.subscription, template.names
    ('plant/+/+/telemetry', ('site', 'machine'))
    >>> template.match("plant/north/T03/telemetry")
    (('site', 'north'), ('machine', 'T03'))
    """

    def __init__(self, text: str) -> None:
        self.text = text
        levels = [_level(text, level) for level in text.split("/")]
        self.names = tuple(level.name for level in levels if level.name is not None)
        _check_template(text, self.names)
        self.subscription = "/".join("+" if level.name else level.text for level in levels)
        # The specification keeps a leading wildcard from hearing $SYS; so does the pattern.
        self._pattern = re.compile(r"(?!\$)" + "/".join(level.pattern for level in levels) + r"\Z")

    @property
    def has_sensor(self) -> bool:
        """Whether the topic names a single sensor."""
        return SENSOR in self.names

    def match(self, topic: str) -> tuple[tuple[str, str], ...] | None:
        """Names and values of the topic's labels, unchecked; None where it does not match."""
        found = self._pattern.match(topic)
        return tuple(zip(self.names, found.groups(), strict=True)) if found else None

    def __repr__(self) -> str:
        return f"Template({self.text!r})"


def subscriptions(templates: Iterable[Template]) -> list[str]:
    """The fewest filters that hear all templates, in order.

    A filter that another one covers is left out: a broker may deliver a message once per filter
    that matches it.

    >>> subscriptions([Template("plant/{site}/{machine}/telemetry"),
    ...                Template("plant/{site}/{machine}/{sensor}")])
    ['plant/+/+/+']
    """
    filters = list(dict.fromkeys(template.subscription for template in templates))
    return [one for one in filters if not any(_covers(other, one) for other in filters)]


def _covers(wide: str, narrow: str) -> bool:
    pairs = list(zip(wide.split("/"), narrow.split("/"), strict=False))
    same_depth = wide.count("/") == narrow.count("/")
    return same_depth and wide != narrow and all(w in ("+", n) for w, n in pairs)


class _Level(NamedTuple):
    text: str
    name: str | None

    @property
    def pattern(self) -> str:
        return re.escape(self.text) if self.name is None else "([^/]*)"


def _level(template: str, text: str) -> _Level:
    named = _NAMED.fullmatch(text)
    if named is None and set(text) & set("{}+#\0"):
        raise ValueError(
            f"topic {template!r}: level {text!r} must be plain text or one {{name}} of small "
            "letters, digits and _; + and # are not allowed, a {name} stands for any one level"
        )
    return _Level(text, named.group(1) if named else None)


def _check_template(text: str, names: Sequence[str]) -> None:
    if not text or len(text.encode()) > MAX_TOPIC_BYTES:
        raise ValueError(f"topic {text[:40]!r} must be 1 to {MAX_TOPIC_BYTES} bytes long")
    if text.startswith("$"):
        raise ValueError(
            f"topic {text!r} begins with $: shared subscriptions break the order of a machine's "
            "readings, and the broker's own topics are not machines"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"topic {text!r} names {{{twice[0]}}} twice, each name must be its own")


def _check(rule: Rule) -> None:
    text = rule.template.text
    dialect = DIALECTS.get(rule.dialect)
    if dialect is None:
        known = ", ".join(DIALECTS)
        raise ValueError(f"topic {text!r}: dialect {rule.dialect!r} is not known, known: {known}")
    if dialect.one_sensor != rule.template.has_sensor:
        needs = "needs {sensor} in the topic" if dialect.one_sensor else "allows no {sensor} in it"
        raise ValueError(f"topic {text!r}: dialect {rule.dialect} {needs}")
    if dialect.one_sensor and rule.machine_field is not None:
        raise ValueError(f"topic {text!r}: dialect {rule.dialect} has no machine_field")
    if rule.machine_field is not None and MACHINE in rule.template.names:
        raise ValueError(f"topic {text!r} names {{machine}}, and so would machine_field")
    if not set(rule.template.names) - {SENSOR} and rule.machine_field is None:
        raise ValueError(
            f"topic {text!r} names no machine: put {{machine}} in it, or machine_field"
        )


def _route(rule: Rule, labels: tuple[tuple[str, str], ...]) -> Route | Fault:
    for name, value in labels:
        if not valid_label(value):
            return Fault("bad_topic", f"{name} {shown(value)} of the topic is not a valid name")
    return Route(
        rule.machine_class,
        tuple(label for label in labels if label[0] != SENSOR),
        dict(labels).get(SENSOR),
        rule.dialect,
        rule.time_field,
        rule.machine_field,
        rule.recording,
    )
