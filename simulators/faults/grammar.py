"""The one-line form of a fault, as typed at ``--fault``.

::

    NAME[.TARGET]@MACHINE:ONSET[+RAMP][-END][:SEVERITY]

    bearing_wear@T03:40h+12h:0.8            wear of T03 from hour 40, 0.8 reached after 12 hours
    overheating@T07:50h+3h-80h:0.9          … and repaired at hour 80 of the run
    sensor_stuck.vibration@T10:54h-60h      this sensor of T10 stands still for six hours
    bearing_wear.main@T01..T03,T09:40h      the main bearings of four machines; also @all

TARGET is a part of the machine or a sensor. Times are a number and a unit (s, m, h or d); ONSET and END count from the start of the run, RAMP
from the onset. Without RAMP the fault is there at once, without END it stays, and SEVERITY, 0 … 1,
is 1.
"""

from __future__ import annotations

import math
import re
from difflib import get_close_matches
from typing import Any

from simulators.faults import FAULTS, Fault

GRAMMAR = "NAME[.TARGET]@MACHINE:ONSET[+RAMP][-END][:SEVERITY]"
EXAMPLE = "bearing_wear@T03:40h+12h-80h:0.8"

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_TIME = r"\d+(?:\.\d+)?[smhd]"
_FAULT = re.compile(
    rf"(?P<name>\w+)(?:\.(?P<target>\w+))?@(?P<machine>[\w.,]+)"
    rf":(?P<onset>{_TIME})(?:\+(?P<ramp>{_TIME}))?(?:-(?P<end>{_TIME}))?"
    r"(?::(?P<severity>\d+(?:\.\d+)?))?",
    re.ASCII,
)


def parse_fault(text: str) -> Fault:
    """The fault that ``text`` describes.

    Raises:
        ValueError: in one sentence, what of the text cannot be read and what is allowed.

    >>> parse_fault("bearing_wear@T03:40h+12h-80h:0.8")
    BearingWear(machine='T03', target='', onset_s=144000.0, ramp_s=43200.0, end_s=288000.0, severity=0.8)
    >>> parse_fault("icing@T3:4h")
    Traceback (most recent call last):
    ValueError: fault 'icing@T3:4h': there are bearing_wear, overheating, sensor_stuck, not 'icing'
    """
    match = _FAULT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"fault {text!r} cannot be read: write {GRAMMAR}, e.g. {EXAMPLE}")
    try:
        return _build(match)
    except ValueError as error:
        raise ValueError(f"fault {text!r}: {error}") from None


def _build(match: re.Match[str]) -> Fault:
    kind = _kind(match["name"])
    arguments: dict[str, Any] = {
        "machine": match["machine"],
        "target": match["target"] or "",
        "onset_s": _seconds(match["onset"]),
        "ramp_s": _seconds(match["ramp"]) if match["ramp"] else 0.0,
        "end_s": _seconds(match["end"]) if match["end"] else math.inf,
        "severity": float(match["severity"]) if match["severity"] else 1.0,
    }
    return kind(**arguments)


def _kind(name: str) -> type[Fault]:
    if name in FAULTS:
        return FAULTS[name]
    near = get_close_matches(name, FAULTS, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"there are {', '.join(FAULTS)}, not {name!r}{hint}")


def _seconds(time: str) -> float:
    return float(time[:-1]) * SECONDS[time[-1]]
