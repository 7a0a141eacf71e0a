"""When was it? Epoch s, ms, µs or ns by magnitude, or ISO 8601 → int64 ns since the epoch, UTC.

A number below 1e11 is seconds, below 1e14 milliseconds, below 1e17 microseconds, else nanoseconds:
from March 1973 on, no present time in one unit looks like a possible time in another. Integers are
exact. A float carries 53 bits, which is a quarter of a microsecond for seconds of our century, so
floats are rounded to the microsecond, which gives back the decimals that the sender wrote.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from streamer.labels import shown
from streamer.records import Fault

LATEST_NS = 2**63 - 1
"""The end of int64 nanoseconds: 2262-04-11T23:47:16.854775807Z."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,20}))? ?(Z|z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)


def timestamp_ns(value: object) -> int | Fault:
    """Event time in ns, or the fault ``bad_time``.

    >>> timestamp_ns(1700000000), timestamp_ns(1700000000123)
    (1700000000000000000, 1700000000123000000)
    >>> timestamp_ns(1700000000.123456)
    1700000000123456000
    >>> timestamp_ns("2023-11-14T23:13:20.000000001+01:00")
    1700000000000000001
    >>> timestamp_ns("yesterday").reason
    'bad_time'
    """
    if type(value) is int:
        time_ns = value * _unit_ns(value)
    elif type(value) is float and math.isfinite(value):
        time_ns = _rounded(value)
    elif isinstance(value, str):
        parsed = _iso_ns(value)
        if parsed is None:
            return Fault("bad_time", f"time {shown(value)} is not like 2026-01-31T12:00:00Z")
        time_ns = parsed
    else:
        return Fault("bad_time", f"time {shown(value)} is neither a number nor ISO 8601")
    if 0 <= time_ns <= LATEST_NS:
        return time_ns
    return Fault("bad_time", f"time {shown(value)} is outside of 1970 to 2262")


def _unit_ns(value: float) -> int:
    if value < 1e11:
        return 1_000_000_000
    if value < 1e14:
        return 1_000_000
    return 1_000 if value < 1e17 else 1


def _rounded(value: float) -> int:
    unit = _unit_ns(value)
    return round(value * (unit / 1_000)) * 1_000


def _iso_ns(text: str) -> int | None:
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{(zone or 'Z').upper()}")
    except ValueError:
        return None
    return (moment - _EPOCH) // _SECOND * 1_000_000_000 + int((fraction or "0").ljust(9, "0")[:9])
