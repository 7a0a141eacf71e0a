"""How a fault is written: on one line, as at ``--fault``, or as a mapping, as in YAML.

::

    NAME[.TARGET]@MACHINE[..LAST][,…]|all:ONSET[+RAMP][-END][:SEVERITY]

    bearing_wear@T03:40h+12h:0.8            wear of T03 from hour 40, 0.8 reached after 12 hours
    overheating@T07:50h+3h-80h:0.9          … and repaired at hour 80 of the run
    sensor_stuck.vibration@T10:54h-60h      this sensor of T10 stands still for six hours
    bearing_wear.main@T01..T03,T09:40h      the main bearings of four machines
    season.warmer@all:0s+26w                half a year passes for the whole farm

    {fault: bearing_wear.main, machines: T01..T03, onset: 40h, ramp: 12h, end: 80h, severity: 0.8}

TARGET is a part of the machine or a sensor. Times are a number and a unit (s, m, h, d or w); ONSET
and END count from the start of the run, RAMP from the onset. Without RAMP the fault is there at
once (but seasons and ageing take their time), without END it stays, and SEVERITY, 0 … 1, is 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from simulators.faults import FAULTS, Fault

GRAMMAR = "NAME[.TARGET]@MACHINE:ONSET[+RAMP][-END][:SEVERITY]"
EXAMPLE = "bearing_wear@T03:40h+12h-80h:0.8"
KEYS = ("fault", "machines", "onset", "ramp", "end", "severity")

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}

_NUMBER = r"\d+(?:\.\d+)?"
_TIME = rf"{_NUMBER}[smhdw]"
_WHAT = r"(?P<name>\w+)(?:\.(?P<target>\w+))?"
_MACHINES = r"[\w.,]+"
_FAULT = re.compile(
    rf"{_WHAT}@(?P<machine>{_MACHINES})"
    rf":(?P<onset>{_TIME})(?:\+(?P<ramp>{_TIME}))?(?:-(?P<end>{_TIME}))?"
    rf"(?::(?P<severity>{_NUMBER}))?",
    re.ASCII,
)


def parse_fault(text: str) -> Fault:
    """The fault that one line describes.

    Raises:
        ValueError: in one sentence, what of the text cannot be read and what is allowed.

    >>> parse_fault("bearing_wear@T03:40h+12h-80h:0.8")
    BearingWear(machine='T03', target='', onset_s=144000.0, ramp_s=43200.0, end_s=288000.0, \
severity=0.8)
    >>> parse_fault("bearing_ware@T3:4h")
    Traceback (most recent call last):
    ValueError: fault 'bearing_ware@T3:4h': there is no 'bearing_ware', did you mean bearing_wear?
    """
    match = _FAULT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"fault {text!r} cannot be read: write {GRAMMAR}, e.g. {EXAMPLE}")
    try:
        return _build(**match.groupdict())
    except ValueError as error:
        raise ValueError(f"fault {text!r}: {error}") from None


def fault_from_mapping(entry: Mapping[str, Any]) -> Fault:
    """The fault that a mapping describes, with the words of the one line as its keys.

    Raises:
        ValueError: in one sentence, which key or value cannot be and what is allowed.

    >>> fault_from_mapping({"fault": "overheating", "machines": "T03..T05", "onset": "40h"})
    Overheating(machine='T03..T05', target='', onset_s=144000.0, ramp_s=0.0, end_s=inf, \
severity=1.0)
    >>> fault_from_mapping({"fault": "overheating", "machines": "T3", "onset": "4h", "rmap": "3h"})
    Traceback (most recent call last):
    ValueError: fault 'overheating': there is no key 'rmap', did you mean ramp?
    """
    what = entry.get("fault")
    try:
        return _build(**_arguments(entry))
    except ValueError as error:
        raise ValueError(f"fault {what!r}: {error}" if what else f"fault: {error}") from None


def read_fault(entry: object) -> Fault:
    """The fault that an entry of a YAML list describes, in either form.

    >>> read_fault("icing@T02:3d:0.5") == read_fault(
    ...     {"fault": "icing", "machines": "T02", "onset": "3d", "severity": 0.5}
    ... )
    True

    Raises:
        ValueError: as `parse_fault` and `fault_from_mapping`, or the entry is of neither form.
    """
    match entry:
        case str():
            return parse_fault(entry)
        case Mapping() if len(entry) == 1 and "@" in str(*entry):
            # With a blank behind its first colon, YAML takes the one line for a mapping.
            ((what, when),) = entry.items()
            return parse_fault(f"{what}:{when}")
        case Mapping():
            return fault_from_mapping(entry)
    raise ValueError(f"fault {entry!r} cannot be read: write {EXAMPLE}, or keys {', '.join(KEYS)}")


def fault_kind(name: str) -> type[Fault]:
    """The class of the fault of this name.

    Raises:
        ValueError: there is none, and which one may be meant.
    """
    if name not in FAULTS:
        raise ValueError(f"there is no {name!r}, {instead_of(name, FAULTS)}")
    return FAULTS[name]


def seconds(time: str) -> float:
    """Seconds that a number and a unit are.

    >>> seconds("1.5h"), seconds("2w")
    (5400.0, 1209600.0)
    """
    return float(time[:-1]) * SECONDS[time[-1]]


def duration(key: str, text: object) -> float:
    """Seconds that a text says, such as 40h.

    Raises:
        ValueError: it cannot be read; ``key`` says what it is of.
    """
    return seconds(_time(key, text))


def _build(
    *,
    name: str,
    target: str | None,
    machine: str,
    onset: str,
    ramp: str | None = None,
    end: str | None = None,
    severity: str | None = None,
) -> Fault:
    """Make the fault; what is not given is left to the class."""
    arguments: dict[str, Any] = {"machine": machine, "onset_s": seconds(onset)}
    given: tuple[tuple[str, str | None, Callable[[str], Any]], ...] = (
        ("target", target, str),
        ("ramp_s", ramp, seconds),
        ("end_s", end, seconds),
        ("severity", severity, float),
    )
    arguments |= {key: read(text) for key, text, read in given if text is not None}
    return fault_kind(name)(**arguments)


def _arguments(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What `_build` takes, from the values of a mapping."""
    for key in entry:
        if key not in KEYS:
            raise ValueError(f"there is no key {key!r}, {instead_of(str(key), KEYS)}")
    for key in KEYS[:3]:
        if entry.get(key) is None:
            raise ValueError(f"{key} is missing")
    what = re.fullmatch(_WHAT, str(entry["fault"]), re.ASCII)
    if what is None:
        raise ValueError("fault must be NAME or NAME.TARGET, e.g. bearing_wear.main")
    times = {key: _time(key, entry[key]) for key in KEYS[2:5] if entry.get(key) is not None}
    severity = entry.get("severity")
    more = {} if severity is None else {"severity": _severity(severity)}
    return {**what.groupdict(), "machine": _machines(entry["machines"]), **times, **more}


def _machines(value: object) -> str:
    """``T03..T05``, also given as a list of names."""
    names = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    if not re.fullmatch(_MACHINES, names, re.ASCII):
        raise ValueError(f"machines is {value!r}, write T03, T03..T05, T03,T07 or all")
    return names


def _time(key: str, value: object) -> str:
    text = str(value).strip()
    if re.fullmatch(_TIME, text, re.ASCII):
        return text
    if re.fullmatch(rf"-{_NUMBER}[smhdw]?", text, re.ASCII):
        raise ValueError(f"{key} is {text}, it must not be negative")
    raise ValueError(f"{key} is {value!r}, write a number and s, m, h, d or w, e.g. 40h")


def _severity(value: object) -> str:
    try:
        return str(float(str(value)))
    except ValueError:
        raise ValueError(f"severity is {value!r}, it must be a number within 0 … 1") from None


def instead_of(name: str, choices: Iterable[str]) -> str:
    """What to write instead of a name that does not exist."""
    choices = tuple(choices)
    near = get_close_matches(name, choices, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(choices) or 'none'}"
