"""What no key can be wrong about alone: names that must exist, agree, or not collide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streamer.config.classes import Context, MachineClass, MachineRule, SilentRule
from streamer.config.errors import Problem, unknown
from streamer.config.models import Config, Mqtt, Topic
from streamer.config.yaml_marks import Path
from streamer.topics import SENSOR, Router, Rule, Template, subscriptions

RESERVED_COLUMNS = {"false", "late", "machine", "severity", "state", "time", "true"}
"""Columns that stand beside the sensors in every sink, and words that SQLite takes for values even
in quotes."""
RESERVED_PREFIXES = ("quality_", "health_")
"""What the columns of verdicts and of components begin with."""
RESERVED_LABELS = RESERVED_COLUMNS - {"machine"} | {
    "active",
    "detector",
    "expected",
    "kind",
    "limit",
    "machine_class",
    "reason",
    "rule",
    "score",
    "since_s",
    "value",
}
"""What an alert says of itself where it is stored beside the labels of its machine."""
OF_METHOD = {
    "regression": (
        "learn_s",
        "warm_s",
        "moment_s",
        "knots",
        "lags_s",
        "familiar",
        "renew_s",
        "quarantine_s",
        "adapt_day",
        "adapt_total",
    ),
    "slots": ("bins", "bin_readings"),
}
"""Keys that belong to one method of context, and say nothing to the other."""
OF_JUDGED = ("harm", "inert", "rests", "follower", "zones")
"""Keys of a sensor that say nothing where it is not judged."""
RESERVED_CLASSES = {"alerts"}
"""A class's name is the name of its table, and alerts have one too."""


def check(config: Config) -> Iterator[Problem]:
    """Yield what is wrong between keys that are each right alone."""
    yield from _mqtt(config.mqtt)
    for i, topic in enumerate(config.mqtt.topics):
        yield from _topic(topic, config, ("mqtt", "topics", i))
    yield from _unreachable(config.mqtt.topics)
    for name, one in config.classes.items():
        topics = [topic for topic in config.mqtt.topics if topic.machine_class == name]
        yield from _class(name, one, topics)


def _mqtt(mqtt: Mqtt) -> Iterator[Problem]:
    if mqtt.password_file is not None and mqtt.username is None:
        yield Problem(("mqtt", "password_file"), "needs a username beside it")
    if mqtt.tls is not None and (mqtt.tls.cert_file is None) != (mqtt.tls.key_file is None):
        yield Problem(("mqtt", "tls"), "has one of cert_file and key_file, both or none are needed")


def _topic(topic: Topic, config: Config, path: Path) -> Iterator[Problem]:
    if topic.machine_class not in config.classes:
        sentence = unknown(topic.machine_class, config.classes, "class")
        yield Problem((*path, "class"), sentence)
    try:
        template = Template(topic.topic)
        Router([_rule(topic, template)])
    except ValueError as error:
        yield Problem((*path, "topic"), f"is not usable, {error}")
        return
    if topic.waveform is not None and topic.dialect != "waveform":
        sentence = f"is for the dialect waveform, this topic's is {topic.dialect}"
        yield Problem((*path, "waveform"), sentence)
    for label in _labels(topic):
        if label in RESERVED_LABELS:
            sentence = f"names a level {{{label}}}, which is reserved for what is said of a machine"
            yield Problem((*path, "topic"), sentence)


def _rule(topic: Topic, template: Template) -> Rule:
    return Rule(template, topic.machine_class, topic.dialect, topic.time_field, topic.machine_field)


def _template(topic: Topic) -> Template | None:
    try:
        return Template(topic.topic)
    except ValueError:
        return None


def _labels(topic: Topic) -> tuple[str, ...]:
    """The labels that a machine heard on this topic has, in order."""
    template = _template(topic)
    names = () if template is None else template.names
    own = ("machine",) if topic.machine_field is not None else ()
    return (*(name for name in names if name != SENSOR), *own)


def _unreachable(topics: Sequence[Topic]) -> Iterator[Problem]:
    templates = [_template(topic) for topic in topics]
    for i, later in enumerate(templates):
        for earlier in templates[:i]:
            if earlier and later and subscriptions([earlier, later]) == [earlier.subscription]:
                sentence = f"is never reached, {earlier.text} stands before it and hears the same"
                yield Problem(("mqtt", "topics", i, "topic"), sentence)
                break


def _class(name: str, one: MachineClass, topics: Sequence[Topic]) -> Iterator[Problem]:
    path: Path = ("classes", name)
    if name in RESERVED_CLASSES:
        yield Problem(
            path, "is a name taken by the table of alerts, another one is needed", of_key=True
        )
    ways = {_labels(topic) for topic in topics if _template(topic) is not None}
    if len(ways) > 1:
        shown = " and ".join("/".join(labels) for labels in sorted(ways))
        yield Problem(path, f"has topics that name its machines differently: {shown}", of_key=True)
    yield from _sensors(one, {*_fields(topics)}, path)
    contexts = [*_context(one, path), *_of_method(one.context, (*path, "context"))]
    yield from contexts
    yield from _alerts(one, path)
    yield from _components(one, path)
    if one.health:
        yield from _detectors(one, path)
        yield from () if contexts else _regression(one, (*path, "context"))
    else:
        yield Problem(
            (*path, "sensors"), "has no sensor with role health, one is needed", of_key=True
        )


def _fields(topics: Sequence[Topic]) -> Iterator[str]:
    """Names that mean something else than a sensor in the messages and points of a class."""
    for topic in topics:
        yield from _labels(topic)
        yield topic.time_field
        if topic.machine_field is not None:
            yield topic.machine_field


def _sensors(one: MachineClass, taken: set[str], path: Path) -> Iterator[Problem]:
    scores = {
        column.casefold()
        for name in one.detectors
        for column in (name, *(f"{name}_{sensor}" for sensor in one.sensors))
    }
    for name in one.sensors:
        if name in RESERVED_COLUMNS | taken or name in scores or name.startswith(RESERVED_PREFIXES):
            sentence = "is a name taken by another column or field, another one is needed"
            yield Problem((*path, "sensors", name), sentence, of_key=True)


def _context(one: MachineClass, path: Path) -> Iterator[Problem]:
    if one.moving is not None and one.moving.sensor not in one.sensors:
        sentence = unknown(one.moving.sensor, one.sensors, "sensor")
        yield Problem((*path, "moving", "sensor"), sentence)
    yield from _regime(one, (*path, "regime"))
    if one.context.adjust_s < one.context.moment_s:
        sentence = f"is {one.context.adjust_s:g}, one moment, {one.context.moment_s:g}, at least"
        yield Problem((*path, "context", "adjust_s"), f"{sentence} is needed")
    for name in one.sensors:
        at = (*path, "sensors", name)
        yield from _traits(one, name, at)
        yield from _shown_by(one, name, at)
        yield from _slots(one, name, at)


def _regime(one: MachineClass, path: Path) -> Iterator[Problem]:
    if one.regime is None:
        return
    tells, judged = one.regime.sensor, one.regime.judged
    telling = [name for name, sensor in one.sensors.items() if sensor.role == "state"]
    if tells not in telling:
        yield Problem((*path, "sensor"), unknown(tells, telling, "sensor of role state"))
    for i, state in enumerate(judged):
        if state in judged[:i]:
            yield Problem((*path, "judged", i), f"is {state:g} once more, once is enough")


def _traits(one: MachineClass, name: str, at: Path) -> Iterator[Problem]:
    sensor = one.sensors[name]
    for key in OF_JUDGED:
        if getattr(sensor, key) is not None and name not in one.health:
            yield Problem((*at, key), "is for sensors that are judged, this one is not")
    if sensor.follower == name:
        yield Problem((*at, "follower"), "is the sensor itself, another one is needed")
    elif sensor.follower is not None and sensor.follower not in one.health:
        yield Problem((*at, "follower"), unknown(sensor.follower, one.health, "judged sensor"))
    if sensor.rests and one.moving is None:
        sentence = "needs the class's moving, which tells when the machine rests"
        yield Problem((*at, "rests"), sentence)


def _shown_by(one: MachineClass, name: str, at: Path) -> Iterator[Problem]:
    shown_by = one.sensors[name].shown_by or ()
    first = next(n for n, sensor in one.sensors.items() if sensor.shown_by) if shown_by else name
    if first != name:
        yield Problem((*at, "shown_by"), f"stands at {first} already, one sensor may have it")
    for i, wanted in enumerate(shown_by):
        others = [n for n in one.sensors if n != name]
        known = one.health if i == 0 else others
        if wanted not in known or wanted == name:
            what = "judged sensor" if i == 0 else "other sensor"
            yield Problem((*at, "shown_by", i), unknown(wanted, known, what))


def _slots(one: MachineClass, name: str, at: Path) -> Iterator[Problem]:
    sensor = one.sensors[name]
    if sensor.context_lag_s and sensor.context is None:
        yield Problem((*at, "context_lag_s"), "needs a context beside it")
    for key in ("context", "relative_to"):
        wanted = getattr(sensor, key)
        if wanted is None:
            continue
        if one.context.method != "slots":
            sentence = f"is for the context method slots, this class's is {one.context.method}"
            yield Problem((*at, key), sentence)
        elif name not in one.health:
            sentence = "is for sensors with role health, this one is not judged"
            yield Problem((*at, key), sentence)
        elif wanted == name:
            yield Problem((*at, key), "is the sensor itself, another one is needed")
        elif wanted not in one.sensors:
            yield Problem((*at, key), unknown(wanted, one.sensors, "sensor"))


def _of_method(context: Context, path: Path) -> Iterator[Problem]:
    for method, keys in OF_METHOD.items():
        for key in keys:
            told = getattr(context, key) != Context.model_fields[key].default
            if told and method != context.method:
                sentence = f"is for the method {method}, this class's is {context.method}"
                yield Problem((*path, key), sentence)


def _components(one: MachineClass, path: Path) -> Iterator[Problem]:
    for name, sensors in one.components.items():
        for i, wanted in enumerate(sensors):
            if wanted not in one.health:
                at = (*path, "components", name, i)
                yield Problem(at, unknown(wanted, one.health, "judged sensor"))


def _regression(one: MachineClass, path: Path) -> Iterator[Problem]:
    from streamer.explaining import context_of  # which needs the models that are checked here

    try:
        context_of(one)
    except ValueError as error:
        word, _, rest = str(error).replace(", how many,", "").partition(" ")
        yield Problem((*path, word), rest)


def _detectors(one: MachineClass, path: Path) -> Iterator[Problem]:
    shown = any(sensor.shown_by for sensor in one.sensors.values())
    for name, detector in one.detectors.items():
        if detector.detector.reads == "yields" and not shown:
            sentence = "needs a sensor with shown_by, of which it says what is missing"
            yield Problem((*path, "detectors", name), sentence, of_key=True)
        try:
            detector.build(len(one.health))
        except (ValueError, TypeError, ImportError, AttributeError) as error:
            word, _, rest = str(error).partition(" ")
            at = (*path, "detectors", name)
            if word in detector.parameters:
                yield Problem((*at, word), rest)
            else:
                yield Problem(at, f"cannot be built: {error}")


def _alerts(one: MachineClass, path: Path) -> Iterator[Problem]:
    silent = [name for name, rule in one.alerts.items() if isinstance(rule, SilentRule)]
    for name in silent[1:]:
        sentence = f"is a second rule of kind silent beside {silent[0]}, one is allowed"
        yield Problem((*path, "alerts", name), sentence, of_key=True)
    for name, rule in one.alerts.items():
        for i, wanted in enumerate(rule.detectors if isinstance(rule, MachineRule) else ()):
            if wanted not in one.detectors:
                at = (*path, "alerts", name, "detectors", i)
                yield Problem(at, unknown(wanted, one.detectors, "detector of this class"))
