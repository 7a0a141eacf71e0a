r"""Points and alert events as InfluxDB line protocol.

One wide line per reading: measurement = machine class, tags = the machine's labels, fields = its
values, its scores, ``severity`` and, of a late reading, ``late``. All fields are floats, always, so
that no field can ever clash with its own type; a value that is NaN is a field that is not there.
Floats are written with the fewest digits that read back as the same float.

Names come from strangers and may hold anything. Space, comma and equals sign are escaped; what line
protocol has no way to write is replaced: control characters and half surrogates by ``_``, and by
``/`` a backslash where it would be taken for an escape (before one of those signs or at the end).

Source: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/, and the parser of
InfluxDB 1.x where that page is silent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamer.records import LATE, AlertEvent, Machine, Points, Schema, Times

_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ESCAPING_BACKSLASH = re.compile(r'\\(?=[,= "\\]|$)')
_ESCAPED = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})


def lines(points: Points, machines: Sequence[Machine]) -> list[str]:
    r"""One line per reading that has at least one field, in the order of the readings.

    >>> from streamer.records import Columns
    >>> one = lambda value, dtype: np.array([value], dtype)
    >>> readings = Columns(one(0, "i4"), one(1_700_000_000_000_000_000, "i8"),
    ...                    one([1.5], "f8"), one(0, "u1"))
    >>> points = Points(Schema("turbine", ("vibration",), ("half_space_trees",)), readings,
    ...                 one([float("nan")], "f8"), one(0.25, "f8"), one([0], "u1"))
    >>> lines(points, [Machine("turbine", (("site", "north sea"), ("machine", "T01")))])
    ['turbine,machine=T01,site=north\\ sea vibration=1.5,severity=0.25 1700000000000000000']
    """
    readings = points.readings
    late = np.where(readings.flags & LATE, 1.0, np.nan)
    table = np.column_stack([readings.values, points.scores, points.severity, late])
    keys = _field_keys(points.schema)
    series = np.array([_series(machines[row]) for row in readings.rows.tolist()], dtype=object)
    found = np.empty(len(table), dtype=object)
    for columns, alike in _with_the_same_fields(np.isfinite(table)):
        form = _form([keys[column] for column in columns])
        numbers = table[np.ix_(alike, columns)]
        found[alike] = _fill(form, series[alike], numbers, readings.times[alike])
    return [line for line in found.tolist() if line is not None]


def _with_the_same_fields(
    written: NDArray[np.bool_],
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """(columns, readings): readings with the very same fields, which are most of a turn."""
    left = np.flatnonzero(written.any(axis=1))
    while len(left):
        alike = (written[left] == written[left[0]]).all(axis=1)
        yield np.flatnonzero(written[left[0]]), left[alike]
        left = left[~alike]


def _form(keys: Sequence[str]) -> str:
    """A line with these fields in which series, numbers and time are yet to be filled in."""
    return "%s " + ",".join(key.replace("%", "%%") + "%s" for key in keys) + " %d"


def _fill(
    form: str, series: NDArray[np.object_], numbers: NDArray[np.float64], times: Times
) -> list[str]:
    # One call formats all floats of the turn: some 40 ns each, where repr() takes 300.
    texts = msgspec.json.encode(numbers.ravel().tolist())[1:-1].decode().split(",")
    width = numbers.shape[1]
    columns = [texts[column::width] for column in range(width)]
    return list(map(form.__mod__, zip(series.tolist(), *columns, times.tolist(), strict=True)))


def alert_lines(events: Iterable[AlertEvent]) -> list[str]:
    """One line of measurement ``alerts`` per event; ``active`` is 1 while the alert is firing."""
    return [_alert_line(event) for event in events]


def _alert_line(event: AlertEvent) -> str:
    tags = {
        **event.labels,
        "machine_class": event.machine_class,
        "rule": event.rule,
        "kind": event.kind,
    }
    why = event.evidence
    texts = {
        "state": event.state,
        "reason": event.reason,
        "sensor": why.sensor,
        "detector": why.detector,
    }
    numbers = {
        "active": float(event.state == "firing"),
        "since_s": event.since_ns / 1e9,
        "value": why.value,
        "expected": why.expected,
        "score": why.score,
        "limit": why.limit,
    }
    fields = [f"{key}={string(text)}" for key, text in texts.items() if text]
    fields += [
        f"{key}={float(number)!r}"
        for key, number in numbers.items()
        if number is not None and math.isfinite(number)
    ]
    return f"{measurement('alerts')}{_tags(tags.items())} {','.join(fields)} {event.time_ns}"


@lru_cache(maxsize=65536)
def _series(machine: Machine) -> str:
    return measurement(machine.machine_class) + _tags(machine.labels)


@lru_cache(maxsize=1024)
def _field_keys(schema: Schema) -> list[str]:
    names = [*schema.sensors, *schema.scores, "severity", "late"]
    return [key(name) + "=" for name in names]


def _tags(labels: Iterable[tuple[str, str]]) -> str:
    """``,key=value`` of each label that has a value, sorted, as the server wants them."""
    escaped = sorted((key(name), tag_value(value)) for name, value in labels)
    return "".join(f",{name}={value}" for name, value in escaped if value)


def measurement(name: str) -> str:
    """A measurement's name; one that began with ``#`` would make its line a comment."""
    escaped = tag_value(name)
    return "_" + escaped[1:] if escaped.startswith("#") else escaped


def key(name: str) -> str:
    """The key of a tag or field; InfluxDB refuses the key ``time``."""
    return "time_" if name == "time" else tag_value(name)


def tag_value(text: str) -> str:
    r"""A tag's value.

    >>> print(tag_value("hall 3, a=b"), tag_value("C:\\dir\\"), tag_value("two\nlines"))
    hall\ 3\,\ a\=b C:\dir/ two_lines
    """
    if text.isalnum() and text.isascii():
        return text
    return _ESCAPING_BACKSLASH.sub("/", _UNWRITABLE.sub("_", text)).translate(_ESCAPED)


def string(text: str) -> str:
    r"""A string field's value, in quotes.

    >>> print(string('say "a\\b"'))
    "say \"a\\b\""
    """
    quoted = _UNWRITABLE.sub(" ", text).replace("\\", r"\\").replace('"', r"\"")
    return f'"{quoted}"'
