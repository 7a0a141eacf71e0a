"""Dialect ``json``: one object of measurements per machine, or an array of such objects.

``{"ts": 1700000000, "vibration": 2.1}``, or ``[{"machine": "T03", "ts": …, "vibration": …}, …]`` as
gateways send batches. msgspec reads what is proper JSON; where it refuses (``NaN``, ``1e999``, a
byte order mark), the standard library reads the payload again, so that one bad literal costs only
its own field.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

from streamer.decode.timestamps import timestamp_ns
from streamer.labels import shown, valid_label
from streamer.records import Fault, Reading

MAX_ELEMENTS = 10_000
"""Readings in one message."""
MAX_FIELDS = 1_000
"""Fields of one object."""
MAX_DEPTH = 20
"""Nesting that is still called a field of the wrong type; deeper is called an attack."""
MAX_INT_DIGITS = 40
"""More digits than any measurement has; turning them into an integer costs their square."""

_fast = msgspec.json.Decoder()
_TYPES = {bool: "a boolean", str: "a string", dict: "an object", list: "an array"}


def decode_json(
    payload: bytes,
    time_field: str,
    machine_field: str | None,
    sensor: str | None,
    recording: object,
) -> list[Reading | Fault]:
    """Read an object or an array of objects; ``null`` means not reported."""
    del sensor, recording
    try:
        content = _fast.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        content = _patiently(payload)
    if type(content) is dict:
        return [_reading(content, time_field, machine_field)]
    if isinstance(content, Fault):
        return [content]
    if type(content) is not list:
        return [Fault("wrong_type", f"the payload is {_kind(content)}, an object is needed")]
    return _elements(content, time_field, machine_field)


def _elements(
    content: list[Any], time_field: str, machine_field: str | None
) -> list[Reading | Fault]:
    if not content:
        return [Fault("empty", "the array has no element")]
    if len(content) > MAX_ELEMENTS:
        return [Fault("too_many", f"the array has more than {MAX_ELEMENTS} elements")]
    return [
        _reading(element, time_field, machine_field)
        if type(element) is dict
        else Fault("wrong_type", f"an element is {_kind(element)}, an object is needed")
        for element in content
    ]


def _reading(fields: dict[str, Any], time_field: str, machine_field: str | None) -> Reading | Fault:
    if len(fields) > MAX_FIELDS:
        return Fault("too_many", f"the object has more than {MAX_FIELDS} fields")
    time = fields.pop(time_field, None)
    time_ns = None if time is None else timestamp_ns(time)
    if isinstance(time_ns, Fault):
        return time_ns
    machine = None if machine_field is None else _machine(fields.pop(machine_field, None))
    if isinstance(machine, Fault):
        return machine
    for value in fields.values():
        if type(value) is not float or value - value != 0.0:
            return _unusual(machine, time_ns, fields)
    return Reading(machine, time_ns, fields) if fields else _EMPTY


_EMPTY = Fault("empty", "the object has no measurement")


def _unusual(machine: str | None, time_ns: int | None, fields: dict[str, Any]) -> Reading | Fault:
    """A reading with integers, with nulls, or with fields that are no measurement."""
    values: dict[str, float] = {}
    faults: list[Fault] = []
    for name, value in fields.items():
        if value is None:
            continue
        number = _number(name, value)
        if isinstance(number, Fault):
            faults.append(number)
        else:
            values[name] = number
    return Reading(machine, time_ns, values, faults or ()) if values or faults else _EMPTY


def _number(name: str, value: object) -> float | Fault:
    if type(value) is float or type(value) is int:
        number = _float(value)
        if math.isfinite(number):
            return number
        return Fault("nonfinite", f"{shown(name)} is not a finite number")
    if _too_deep(value):
        return Fault("too_deep", f"{shown(name)} is nested deeper than {MAX_DEPTH} levels")
    return Fault("wrong_type", f"{shown(name)} is {_kind(value)}, a number is needed")


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _machine(value: object) -> str | Fault:
    if value is None:
        return Fault("no_machine", "the object does not name its machine")
    name = str(value) if type(value) is int else value
    if isinstance(name, str) and valid_label(name):
        return name
    return Fault("bad_machine", f"machine {shown(value)} is not a valid name")


def _kind(value: object) -> str:
    return "null" if value is None else _TYPES.get(type(value), "a number")


def _too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        level = [part for whole in level for part in _parts(whole)]
    return bool(level)


def _parts(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _patiently(payload: bytes) -> Any:
    """What the standard library reads in it, or a fault."""
    try:
        text = payload.decode("utf-8-sig")
        return json.loads(text, parse_int=_int, object_pairs_hook=_fields)
    except UnicodeDecodeError:
        return Fault("not_json", "the payload is not UTF-8 text")
    except RecursionError:
        return Fault("too_deep", f"the payload is nested deeper than {MAX_DEPTH} levels")
    except json.JSONDecodeError as error:
        return Fault("not_json", f"not JSON: {error.msg} at character {error.pos}")


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # An escaped half of a surrogate pair is a name that nobody could ever write down again.
    return {name.encode("utf-8", "replace").decode(): value for name, value in pairs}


def _int(digits: str) -> float:
    return int(digits) if len(digits) <= MAX_INT_DIGITS else float(digits)
