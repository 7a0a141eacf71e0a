"""The configuration: a YAML file becomes a frozen `Config`, or a list of all that is wrong with it.

Every error says ``file:line:column: key: what is wrong, what is allowed``. What the keys are stands
in `streamer.config.models`, what they must agree on in `streamer.config.checks`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from streamer.config.classes import (
    Context,
    InstrumentRule,
    MachineClass,
    MachineRule,
    Sensor,
    SilentRule,
)
from streamer.config.detectors import DetectorConfig
from streamer.config.errors import ConfigError
from streamer.config.models import Config, Journal, Mqtt, Tls, Topic, Web
from streamer.config.reading import ConfigReading
from streamer.config.types import Section
from streamer.config.yaml_marks import MAX_BYTES, Unreadable, read

__all__ = [
    "Config",
    "ConfigError",
    "Context",
    "DetectorConfig",
    "InstrumentRule",
    "Journal",
    "MachineClass",
    "MachineRule",
    "Mqtt",
    "Section",
    "Sensor",
    "SilentRule",
    "Tls",
    "Topic",
    "Web",
    "describe",
    "load",
    "parse",
    "read_secret",
]

MAX_SECRET_BYTES = 16 << 10

Overrides = Mapping[str, object]
"""Dotted key → the value to take instead of the file's."""


def load(path: str | os.PathLike[str], *, overrides: Overrides | None = None) -> Config:
    """Read a configuration file.

    Parameters
    ----------
    path
        The file; its relative paths are relative to its own directory.
    overrides
        Dotted key → value, taken in place of what the file says: ``{"mqtt.port": 1884}``. A
        `pathlib.Path` among them is relative to the working directory.

    Raises
    ------
    ConfigError
        With one line for each thing that is wrong.
    """
    path = Path(path)
    text = _read_text(path, MAX_BYTES)
    return parse(text, file=str(path), directory=path.parent, overrides=overrides)


def parse(
    text: str,
    *,
    file: str = "config",
    directory: Path = Path(),
    overrides: Overrides | None = None,
) -> Config:
    """Read a configuration from text; ``directory`` is where its relative paths begin."""
    try:
        reading = ConfigReading(file, read(text), directory.absolute())
    except Unreadable as error:
        raise ConfigError([f"{file}:{error.mark.line}:{error.mark.column}: {error}"]) from None
    for key, value in (overrides or {}).items():
        reading.override(key, value)
    return reading.config()


def describe(config: Config) -> str:
    """Write the effective configuration, defaults and all, as YAML that `parse` reads back.

    It holds no secrets, because a configuration holds none.
    """
    data = config.model_dump(mode="json", by_alias=True, exclude_none=True)
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def read_secret(path: Path) -> str:
    """Read the one line of a secret's file, when it is needed and no sooner.

    Raises
    ------
    ConfigError
        With one sentence, if it cannot be read, is too large, or is not one line of text.
    """
    lines = _read_text(path, MAX_SECRET_BYTES).splitlines()
    if len(lines) != 1 or not lines[0].strip():
        raise ConfigError([f"{path}: holds {len(lines)} lines, one line with the secret is needed"])
    return lines[0]


def _read_text(path: Path, max_bytes: int) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise ConfigError([f"{path}: is larger than the {max_bytes} bytes allowed"])
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        sentence = f"is not UTF-8 text, byte {error.start} cannot be read"
        raise ConfigError([f"{path}: {sentence}"]) from None
