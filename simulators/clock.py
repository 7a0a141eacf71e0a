"""Times at the edges of the simulator: event times are ns since the epoch, texts are ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NS_PER_S = 1_000_000_000
LAST_NS = 2**63 - 1
"""The last time there is, in April of 2262: times are 64 bits wide."""


def iso_time(time_ns: int) -> str:
    """``2026-01-01T00:00:00Z``, to the millisecond where the time is not a whole second.

    >>> iso_time(1_767_225_600_000_000_000), iso_time(1_767_225_600_250_000_000)
    ('2026-01-01T00:00:00Z', '2026-01-01T00:00:00.250Z')
    """
    moment = EPOCH + timedelta(microseconds=time_ns // 1000)
    precision = "milliseconds" if time_ns % NS_PER_S else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def parse_time(text: str) -> int:
    """Nanoseconds since the epoch of an ISO 8601 text; UTC where it names no zone.

    Raises:
        ValueError: it is not a time, before 1970, or later than 64 bits of nanoseconds reach.

    >>> parse_time("2026-01-01") == parse_time("2026-01-01T01:00:00+01:00")
    True
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"start {text!r} is not a time like 2026-01-01T00:00:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    time_ns = (moment - EPOCH) // timedelta(microseconds=1) * 1000
    if time_ns < 0:
        raise ValueError(f"start {text!r} is before 1970")
    if time_ns > LAST_NS:
        raise ValueError(f"start {text!r} is after 2262-04-11, the last day there is")
    return time_ns


def since_1970(unit_ns: int, time_ns: int) -> float:
    """A time in another unit than ns; whole where it is whole.

    >>> since_1970(1_000_000, 1_767_225_600_500_000_000), since_1970(10**9, 1_500_000_000)
    (1767225600500, 1.5)
    """
    whole, rest = divmod(time_ns, unit_ns)
    return time_ns / unit_ns if rest else whole
