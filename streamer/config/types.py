"""What the sections of a configuration are made of: their base class and their kinds of value.

Each kind checks itself and says in one clause what is wrong and what is allowed; the clause follows
the name of the key, as in ``mqtt.port: is 70000, at most 65535 is allowed``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sized
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    model_validator,
)

from streamer.config.yaml_marks import shown


class Section(BaseModel):
    """A mapping of the configuration. Subclass it; each field has a type from here and a docstring.

    Unknown keys are refused, types are not guessed, and a key with nothing under it is a section
    with all its defaults.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_all_defaults(cls, data: object) -> object:
        return empty_is_on(data)


def empty_is_on(data: object) -> object:
    """``web:`` with nothing under it asks for the section; leaving it out does not."""
    return {} if data is None else data


_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_SIZE = re.compile(r"(\d{1,19}(?:\.\d{1,6})?) ?([kKMGT]i?B|B)")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def _to_bytes(value: object) -> object:
    """A number of bytes out of ``1 GiB``.

    >>> _to_bytes("1.5 KiB"), _to_bytes("64 kB"), _to_bytes(17)
    (1536, 64000, 17)
    """
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value)
    if match is None or match[2] not in _UNITS:
        units = ", ".join(_UNITS)
        raise ValueError(f"is {shown(value)}, a number of bytes or one with {units} is needed")
    return round(Decimal(match[1]) * _UNITS[match[2]])


def _from_bytes(value: int) -> int | str:
    """The size as a person would write it, where that is exact.

    >>> _from_bytes(1 << 30), _from_bytes(1000)
    ('1 GiB', 1000)
    """
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if value and value % _UNITS[unit] == 0:
            return f"{value // _UNITS[unit]} {unit}"
    return value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"is {shown(value)}, a name is 1 to 63 of a-z, 0-9 and _, and begins with a letter"
        )
    return value


def some(value: Sized) -> Sized:
    """Refuse a mapping or list with nothing in it."""
    if not value:
        raise ValueError("is empty, at least one entry is needed")
    return value


def at_most(most: int) -> Callable[[Sized], Sized]:
    """Refuse a mapping or list of more entries."""

    def few(value: Sized) -> Sized:
        if len(value) > most:
            raise ValueError(f"has {len(value)} entries, at most {most} are allowed")
        return value

    return few


def _words(value: str) -> str:
    if not value or not value.isprintable():
        raise ValueError(f"is {shown(value)}, printable text is needed")
    return value


def _path(value: object) -> object:
    return _words(value) if isinstance(value, str) else value


def _below(root: str) -> Callable[[Path, ValidationInfo], Path]:
    def resolved(path: Path, info: ValidationInfo) -> Path:
        context: dict[str, Any] = info.context or {}
        return Path(context.get(root, "")) / path

    return resolved


def _url(value: str) -> str:
    try:
        parts = urlsplit(_words(value))
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or " " in value:
        raise ValueError(f"is {shown(value)}, http://host:port/… or https://… is needed")
    if "@" in parts.netloc:
        raise ValueError("holds a user or password, which belong in a file of their own")
    return value


Text = Annotated[str, Field(max_length=1024), AfterValidator(_words)]
"""Printable text, not empty."""
Name = Annotated[str, AfterValidator(_name)]
"""A name of ours, which becomes a column, a key or part of a topic."""
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
Bytes = Annotated[
    int,
    BeforeValidator(_to_bytes),
    PlainSerializer(_from_bytes, when_used="json"),
    Field(ge=1, le=2**62),
]
"""A size: an integer, or text such as ``64 KiB``."""
Seconds = Annotated[float, Field(ge=0, le=1e9)]
PositiveSeconds = Annotated[float, Field(gt=0, le=1e9)]
Port = Annotated[int, Field(ge=1, le=65535)]
Url = Annotated[str, AfterValidator(_url)]
"""An http or https address without user and password: what is secret stands in files only."""
ConfigPath = Annotated[
    Path, BeforeValidator(_path), Field(strict=False), AfterValidator(_below("directory"))
]
"""A path; a relative one is looked for beside the configuration file."""
StatePath = Annotated[
    Path, BeforeValidator(_path), Field(strict=False), AfterValidator(_below("state_dir"))
]
"""A path; a relative one is looked for in ``state_dir``."""
