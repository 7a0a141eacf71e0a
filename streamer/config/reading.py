"""One YAML document on its way to a `Config`.

The sections of a table (sinks, notifiers, detectors, alert rules) are opened first, each with the
model that its table names, and take their places in the tree as instances; then the tree is read
with the models of `streamer.config.models`, and what the keys must agree on is checked.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from streamer.config.checks import check
from streamer.config.classes import (
    ALARMING,
    DEFAULT_ALERTS,
    DEFAULT_DETECTORS,
    OF_YIELD,
    RULES,
    SilentRule,
)
from streamer.config.detectors import DRIFT, DetectorConfig, detector_model, known_detectors
from streamer.config.errors import ConfigError, Problem, problems, unknown
from streamer.config.models import Config
from streamer.config.types import Section
from streamer.config.yaml_marks import Document, shown
from streamer.config.yaml_marks import Path as Place
from streamer.notifiers import NOTIFIERS
from streamer.sinks import SINKS

Model = TypeVar("Model", bound=Section)
Choose = Callable[[Place, object], "type[Section] | Problem"]
"""Which model a section of a table has, or why it has none."""


class ConfigReading:
    """A document, what overrides it, and what is found wrong with both."""

    def __init__(self, file: str, document: Document, directory: Path) -> None:
        self._file = file
        self._document = document
        self._directory = directory
        self._data: object = {} if document.data is None else document.data
        self._overridden: set[Place] = set()
        self._problems = [
            Problem(fault.path, fault.sentence, mark=fault.mark) for fault in document.faults
        ]

    def override(self, key: str, value: object) -> None:
        """Put a value in the place of what the document says at a dotted key."""
        place: Place = tuple(key.split("."))
        self._overridden.add(place)
        plain = str(Path(value).absolute()) if isinstance(value, os.PathLike) else value
        try:
            self._data = _with(self._data, place, plain)
        except TypeError as error:
            self._problems.append(Problem(place, str(error)))

    def config(self) -> Config:
        """The configuration; raises `ConfigError` with all that is wrong."""
        config = self._read(Config, self._opened(self._data), ())
        if config is not None and not self._problems:
            self._problems += check(config)
        if config is None or self._problems:
            raise ConfigError(self._lines())
        return config

    def _read(self, model: type[Model], data: object, place: Place) -> Model | None:
        try:
            return model.model_validate(data, context=self._roots())
        except ValidationError as error:
            self._problems += problems(error, model, place)
            return None

    def _roots(self) -> dict[str, Path]:
        """Where relative paths begin."""
        state_dir = self._data.get("state_dir") if isinstance(self._data, dict) else None
        below = state_dir if isinstance(state_dir, str) else ""
        return {"directory": self._directory, "state_dir": self._directory / below}

    # Sections of a table.

    def _opened(self, data: object) -> object:
        if not isinstance(data, dict):
            return data
        opened = dict(data)
        for key, table in (("sinks", SINKS), ("notifiers", NOTIFIERS)):
            raw = _or_default(data.get(key), {})
            opened[key] = self._sections(raw, (key,), _from_table(table, key[:-1]), Section())
        if isinstance(data.get("classes"), dict):
            opened["classes"] = {
                name: self._opened_class(one, ("classes", name))
                for name, one in data["classes"].items()
            }
        return opened

    def _opened_class(self, raw: object, place: Place) -> object:
        if not isinstance(raw, dict):
            return raw
        detectors = _or_default(raw.get("detectors"), _default_detectors(raw.get("sensors")))
        alerts = _or_default(raw.get("alerts"), {n: {"kind": k} for n, k in DEFAULT_ALERTS.items()})
        names = list(detectors) if isinstance(detectors, dict) else []
        return raw | {
            "detectors": self._sections(
                detectors, (*place, "detectors"), _detector, DetectorConfig(limit=1.0)
            ),
            "alerts": self._sections(
                _with_detectors(alerts, names),
                (*place, "alerts"),
                _alert_rule,
                SilentRule(kind="silent"),
            ),
        }

    def _sections(self, raw: object, place: Place, choose: Choose, stand_in: Section) -> object:
        """Open each section; ``stand_in`` takes the place of one that has errors of its own."""
        if not isinstance(raw, dict):
            return raw
        opened = {}
        for name, section in raw.items():
            chosen = choose((*place, name), section)
            if isinstance(chosen, Problem):
                self._problems.append(chosen)
                opened[name] = stand_in
            else:
                opened[name] = self._read(chosen, section, (*place, name)) or stand_in
        return opened

    # Errors.

    def _lines(self) -> Iterable[str]:
        """One line per error, in the order of the file."""
        placed = {(self._where(problem), problem): None for problem in self._problems}
        return [self._line(where, problem) for where, problem in sorted(placed, key=_by_place)]

    def _where(self, problem: Problem) -> tuple[int, int] | None:
        """Line and column; None for what an override says."""
        path = problem.path
        if any(path[: len(place)] == place for place in self._overridden):
            return None
        return problem.mark or self._document.mark(path, of_key=problem.of_key)

    def _line(self, where: tuple[int, int] | None, problem: Problem) -> str:
        at = "override" if where is None else f"{self._file}:{where[0]}:{where[1]}"
        key = dotted(problem.path)
        return f"{at}: {key}: {problem.sentence}" if key else f"{at}: {problem.sentence}"


def dotted(path: Place) -> str:
    """A path as an error line shows it.

    >>> dotted(("mqtt", "topics", 0, "class"))
    'mqtt.topics[0].class'
    """
    steps = (f"[{step}]" if isinstance(step, int) else f".{_printable(step)}" for step in path)
    return "".join(steps).removeprefix(".")


def _printable(key: str) -> str:
    return key if key and key.isprintable() and len(key) <= 80 else shown(key)


def _by_place(placed: tuple[tuple[int, int] | None, Problem]) -> tuple[int, int]:
    return placed[0] or (0, 0)


def _or_default(raw: object, default: object) -> object:
    return default if raw is None else raw


def _default_detectors(sensors: object) -> dict[str, None]:
    """The sections of a class that names none, by its raw sensors."""
    named = sensors.values() if isinstance(sensors, dict) else ()
    shown = any(isinstance(sensor, dict) and sensor.get("shown_by") for sensor in named)
    return dict.fromkeys((*DEFAULT_DETECTORS, OF_YIELD) if shown else DEFAULT_DETECTORS)


def _with(data: object, place: Place, value: object) -> object:
    """The data with another value at a place; what is on the way there is copied."""
    if not place:
        return value
    data = {} if data is None else data
    if not isinstance(data, dict):
        raise TypeError(f"is below {shown(data)}, which is no mapping of keys")
    return data | {place[0]: _with(data.get(place[0]), place[1:], value)}


def _with_detectors(alerts: object, detectors: list[str]) -> object:
    """The raw rules, each one about the machine with its detectors, named or by default.

    Drift detectors are advisers: they are in no rule that does not name them.
    """
    if not isinstance(alerts, dict):
        return alerts
    speaking = [name for name in detectors if not name.startswith(DRIFT)]
    models = {name: detector_model(name) for name in speaking}
    frozen = [name for name, model in models.items() if model is not None and model.detector.frozen]
    frozen = [name for name in frozen if name in ALARMING] or frozen
    return {
        name: {"detectors": frozen or speaking or [*DEFAULT_DETECTORS], **rule}
        if isinstance(rule, dict) and rule.get("kind") == "machine"
        else rule
        for name, rule in alerts.items()
    }


def _from_table(table: Mapping[str, str], what: str) -> Choose:
    def choose(place: Place, _section: object) -> type[Section] | Problem:
        name = str(place[-1])
        if name not in table:
            return Problem(place, unknown(name, table, what), of_key=True)
        model: type[Section] = importlib.import_module(table[name]).Config
        return model

    return choose


def _detector(place: Place, _section: object) -> type[Section] | Problem:
    name = str(place[-1])
    model = detector_model(name)
    if model is None:
        return Problem(place, unknown(name, known_detectors(), "detector"), of_key=True)
    return model


def _alert_rule(place: Place, section: object) -> type[Section] | Problem:
    kind = section.get("kind") if isinstance(section, dict) else None
    if kind is None:
        return Problem((*place, "kind"), f"is missing, allowed are {', '.join(RULES)}")
    if not isinstance(kind, str) or kind not in RULES:
        return Problem((*place, "kind"), f"is {shown(kind)}, allowed are {', '.join(RULES)}")
    return RULES[kind]
