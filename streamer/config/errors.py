"""What is wrong with a configuration, in our own words: one line per error, all of them at once."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from streamer.config.types import Section
from streamer.config.yaml_marks import Mark, Path, shown


class ConfigError(Exception):
    """A configuration that cannot be run; its text is one line per error."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(self.lines))


class Problem(NamedTuple):
    """What is wrong with the value at a path, or with its key."""

    path: Path
    sentence: str
    of_key: bool = False
    mark: Mark | None = None
    """Where it stands, if not where path says."""


SENTENCES = {
    "bool_type": "is {value}, true or false is needed",
    "dict_type": "is {value}, a mapping of keys is needed",
    "finite_number": "is {value}, a finite number is needed",
    "float_type": "is {value}, a number is needed",
    "greater_than": "is {value}, more than {gt} is needed",
    "greater_than_equal": "is {value}, at least {ge} is needed",
    "int_type": "is {value}, a whole number is needed",
    "less_than": "is {value}, less than {lt} is allowed",
    "less_than_equal": "is {value}, at most {le} is allowed",
    "literal_error": "is {value}, allowed are {expected}",
    "missing": "is missing",
    "model_type": "is {value}, a mapping of keys is needed",
    "path_type": "is {value}, a path is needed",
    "string_too_long": "is longer than the {max_length} characters allowed",
    "string_type": "is {value}, text is needed",
    "too_long": "has {actual_length} entries, at most {max_length} are allowed",
    "tuple_type": "is {value}, a list is needed",
    "value_error": "{error}",
}
"""Pydantic's error type → our clause; pydantic's own text stands in for a type not listed."""


def problems(error: ValidationError, model: type[Section], above: Path = ()) -> Iterator[Problem]:
    """Say in our words what pydantic found wrong with the section at ``above``."""
    for line in error.errors():
        of_key = line["loc"][-1:] == ("[key]",)
        below = tuple(step for step in line["loc"] if step != "[key]")
        if line["type"] == "extra_forbidden":
            known = keys_of(section_at(model, below[:-1]))
            yield Problem((*above, *below), unknown(str(below[-1]), known), of_key=True)
        elif line["type"] == "missing":
            field = keys_of(section_at(model, below[:-1])).get(str(below[-1]))
            yield Problem((*above, *below), _missing(field))
        else:
            yield Problem((*above, *below), _sentence(line), of_key)


def unknown(name: str, known: Collection[str], what: str = "key") -> str:
    """A clause for a name that is none of the known ones, with the nearest of them.

    >>> unknown("prot", ["host", "port"])
    'is no known key, did you mean port?'
    >>> unknown("x", ["host", "port"])
    'is no known key, allowed are host, port'
    """
    near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
    if near:
        return f"is no known {what}, did you mean {near[0]}?"
    return f"is no known {what}, allowed are {', '.join(known) or 'none'}"


def section_at(model: type[Section], path: Path) -> type[Section] | None:
    """The model of the section at a path below ``model``; None where there is none."""
    kind: Any = model
    for step in path:
        if isinstance(kind, type) and issubclass(kind, Section):
            field = keys_of(kind).get(str(step))
            kind = None if field is None else bare(field.annotation)
        else:
            kind = element(kind)
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def keys_of(model: type[Section] | None) -> Mapping[str, FieldInfo]:
    """The keys a section may have, as they are written in YAML."""
    fields = {} if model is None else model.model_fields
    return {field.alias or name: field for name, field in fields.items()}


def bare(kind: Any) -> Any:
    """The type without its annotations and without ``| None``."""
    if get_origin(kind) is Annotated:
        return bare(get_args(kind)[0])
    if type(None) in get_args(kind):
        return bare(Union[tuple(one for one in get_args(kind) if one is not type(None))])  # noqa: UP007 - built at run time
    return kind


def element(kind: Any) -> Any:
    """What a mapping or list holds."""
    args = get_args(kind)
    if not args:
        return None
    return bare(args[0] if get_origin(kind) is tuple else args[-1])


def _missing(field: FieldInfo | None) -> str:
    example = field.examples[0] if field is not None and field.examples else None
    return "is missing" if example is None else f"is missing, for example {example}"


def _sentence(line: ErrorDetails) -> str:
    value = line["input"]
    if line["type"] not in SENTENCES:
        return f"is {shown(value)}: {line['msg']}"
    known = {key: _plain(one) for key, one in line.get("ctx", {}).items()}
    sentence = SENTENCES[line["type"]].format(**known, value=shown(value))
    return sentence + _hint(line["type"], value)


def _plain(value: Any) -> Any:
    """A bound without needless decimals."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _hint(kind: str, value: object) -> str:
    """Why YAML read something else than the eye did."""
    if kind == "string_type" and isinstance(value, bool | int | float):
        return ": put it in quotes"
    if kind in ("float_type", "int_type") and isinstance(value, str):
        return _number(value)
    return ""


def _number(text: str) -> str:
    """Such as ``1e3``, which YAML takes for text.

    >>> _number("1e3"), _number("fast")
    (': write 1000', '')
    """
    try:
        number = float(text)
    except ValueError:
        return ""
    return f": write {number:.15g}" if abs(number) < 1e15 else ""
