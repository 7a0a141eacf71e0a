"""Faults of the clock that stamps the readings: they change times and nothing else.

A reading is falsified if its own time falls into the fault, however late it is sent. A payload
without times, a bare number, shows nothing of it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from simulators.clock import EPOCH, NS_PER_S, iso_time, since_1970
from simulators.faults.base import Episode, Expected, TransportFault
from simulators.faults.links import severity_now
from simulators.faults.sensors import sign
from simulators.machines import MachineClass
from simulators.messages import Message

NS_PER_MS = 1_000_000
SKEW_S = 7200.0
STEP_S = 86400.0
UNITS_NS = {"ms": NS_PER_MS, "s": NS_PER_S, "us": 1000, "ns": 1}
JUMPS_S = {"step": 0, "1970": 0, "2036": 2_085_978_496, "2038": 2_147_483_648}
"""Seconds from 1970 at which a clock begins anew: its first moment, NTP's 32 bits, Unix's 31."""


class Moment(NamedTuple):
    """How bad a fault is when a reading is taken, and what is said about that time."""

    was: Any
    severity: float
    episode: Episode


@dataclass(frozen=True, kw_only=True)
class ClockFault(TransportFault):
    """A fault by which readings carry other times than their own."""

    @property
    def place(self) -> tuple[str, ...]:
        """The one clock there is: of a time that is false already, none could say when it was."""
        return (self.machine, "clock")

    def on_message(self, t_s: float, message: Message, episode: Episode) -> Iterable[Message]:
        if self.severity == 0 or not message.timed:
            return (message,)
        start_ns = episode.memory.setdefault("start_ns", message.time_ns - round(t_s * NS_PER_S))

        def stamp(text: Any) -> Any:
            time_ns = read_time(text)
            severity = severity_now(self, (time_ns - start_ns) / NS_PER_S)
            return self.stamped(time_ns, Moment(text, severity, episode)) if severity > 0 else text

        return (message._replace(payload=_restamped(message.payload, stamp)),)

    def signals(self, machine_class: type[MachineClass]) -> tuple[str, tuple[str, ...]]:
        """The clock, and no sensor."""
        return "clock", ()

    @abstractmethod
    def stamped(self, time_ns: int, at: Moment) -> Any:
        """What stands in the payload for the time of a reading."""


@dataclass(frozen=True, kw_only=True)
class ClockSkew(ClockFault):
    """A device's clock is fast or slow, at severity 1 by two hours; chance decides which."""

    name: ClassVar[str] = "clock_skew"
    fault_id: ClassVar[str] = "M4"
    expected: ClassVar[Expected] = "data_quality"

    def stamped(self, time_ns: int, at: Moment) -> Any:
        return write_time(time_ns + _whole_ms(sign(at.episode) * at.severity * SKEW_S), at.was)


@dataclass(frozen=True, kw_only=True)
class ClockJump(ClockFault):
    """A device's clock jumps, and runs on wrong until it is repaired.

    ``step`` goes forward or back by a day at severity 1 (an hour at 0.0417), ``1970`` begins where
    clocks without a battery do, ``2036`` and ``2038`` where NTP's and Unix's seconds overflow. It
    happens at once.
    """

    name: ClassVar[str] = "clock_jump"
    fault_id: ClassVar[str] = "M5"
    expected: ClassVar[Expected] = "data_quality"

    @classmethod
    def targets(cls, machine_class: type[MachineClass]) -> tuple[str, ...]:
        """Where to."""
        return tuple(JUMPS_S)

    def stamped(self, time_ns: int, at: Moment) -> Any:
        if self.target == "step":
            return write_time(
                time_ns + _whole_ms(sign(at.episode) * self.severity * STEP_S), at.was
            )
        onset_ns = at.episode.memory["start_ns"] + round(self.onset_s * NS_PER_S)
        since_ns = (time_ns - onset_ns) // NS_PER_MS * NS_PER_MS
        return write_time(JUMPS_S[self.target] * NS_PER_S + since_ns, at.was)


@dataclass(frozen=True, kw_only=True)
class EpochUnit(ClockFault):
    """Times come as numbers since 1970, in ms, s, us or ns, instead of ISO 8601.

    There is no half of it.
    """

    name: ClassVar[str] = "epoch_unit"
    fault_id: ClassVar[str] = "M6"

    @classmethod
    def targets(cls, machine_class: type[MachineClass]) -> tuple[str, ...]:
        """The units."""
        return tuple(UNITS_NS)

    def stamped(self, time_ns: int, at: Moment) -> Any:
        return since_1970(UNITS_NS[self.target], time_ns)


def read_time(stamp: str | float) -> int:
    """Nanoseconds since 1970 of a payload's time, a text or a number whose size tells its unit.

    >>> read_time("2026-01-01T00:00:00Z") == read_time(1767225600) == read_time(1767225600000)
    True
    """
    if isinstance(stamp, int):
        return stamp * _unit_ns(stamp)
    if isinstance(stamp, float):
        # It carries 53 bits, which is less than a microsecond and more than nanoseconds.
        return round(stamp * (_unit_ns(stamp) / 1000)) * 1000
    moment = datetime.fromisoformat(stamp).astimezone(UTC)
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


def write_time(time_ns: int, like: str | float) -> str | float:
    """A payload's time, a text or a number in the same unit as ``like`` is.

    >>> write_time(60_000_000_000, "2026-01-01T00:00:00Z"), write_time(60_500_000_000, 1767225600)
    ('1970-01-01T00:01:00Z', 60.5)
    """
    return iso_time(time_ns) if isinstance(like, str) else since_1970(_unit_ns(like), time_ns)


def _unit_ns(number: float) -> int:
    """Of a number that is a time of our days."""
    if number < 1e11:
        return NS_PER_S
    if number < 1e14:
        return NS_PER_MS
    return 1000 if number < 1e17 else 1


def _whole_ms(seconds: float) -> int:
    """In ns; payloads say no time more exactly than to the millisecond."""
    return round(seconds * 1000) * NS_PER_MS


def _restamped(payload: Any, stamp: Callable[[Any], Any]) -> Any:
    """The payload with the time of each of its readings changed."""
    if isinstance(payload, list):
        return [_restamped(reading, stamp) for reading in payload]
    return payload | {"ts": stamp(payload["ts"])}
