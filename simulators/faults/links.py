"""Faults of the way to the broker: messages come twice, late, in disorder, or from the past.

No reading is changed and none is lost; when it is repaired, all that was held up is sent at once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from simulators.clock import LAST_NS, NS_PER_S
from simulators.faults.base import Episode, Expected, TransportFault
from simulators.messages import Message

COPIES_MAX = 3
COPIED_WITHIN_S = 30.0
OUTAGE_S = 86400.0
BETWEEN_OUTAGES_S = 6 * 3600.0
DELAY_S = 300.0
STALE_SHARE = 0.1
THROWN_OUT_S = 600.0
"""Longest time for which one of two gateways of one name keeps the other out, and is let be."""


class Moment(NamedTuple):
    """How bad a fault is when a message is sent."""

    severity: float
    repaired_ns: int
    """When all is well again."""
    episode: Episode


@dataclass(frozen=True, kw_only=True)
class LinkFault(TransportFault):
    """A fault by which messages are sent later, or again."""

    def on_message(self, t_s: float, message: Message, episode: Episode) -> Iterable[Message]:
        start_ns = episode.memory.setdefault("start_ns", message.time_ns - round(t_s * NS_PER_S))
        severity = severity_now(self, t_s)
        if severity == 0:
            return (message,)
        end_s = min(self.end_s, (LAST_NS - start_ns) / NS_PER_S)
        repaired_ns = start_ns + round(end_s * NS_PER_S)
        return self.carried(message, Moment(severity, repaired_ns, episode))

    @abstractmethod
    def carried(self, message: Message, at: Moment) -> Iterable[Message]:
        """What becomes of a message while the fault is there."""


@dataclass(frozen=True, kw_only=True)
class LinkDuplicates(LinkFault):
    """Messages are sent again, as at QoS 1 when acknowledgements are lost.

    The severity is the share of them that is; each one to three times, within half a minute.
    """

    name: ClassVar[str] = "link_duplicates"
    fault_id: ClassVar[str] = "M1"

    def carried(self, message: Message, at: Moment) -> Iterable[Message]:
        yield message
        if at.episode.chance.random() < at.severity:
            copies = int(at.episode.chance.integers(1, COPIES_MAX + 1))
            for delay_s in COPIED_WITHIN_S * np.sort(at.episode.chance.random(copies)):
                yield delayed(message, delay_s, at.repaired_ns)


@dataclass(frozen=True, kw_only=True)
class LinkLate(LinkFault):
    """The link is down again and again; what was meanwhile stored comes in one burst afterwards.

    It goes down at onset. At severity 1 it is down for up to a day, and up for up to six hours.
    """

    name: ClassVar[str] = "link_late"
    fault_id: ClassVar[str] = "M2"
    expected: ClassVar[Expected] = "data_quality"
    """Nobody hears of the machine for hours."""

    def carried(self, message: Message, at: Moment) -> Iterable[Message]:
        outages = _absences(at.episode, message, BETWEEN_OUTAGES_S)
        return (held(message, outages.until_ns(message, OUTAGE_S * at.severity), at.repaired_ns),)


@dataclass(frozen=True, kw_only=True)
class LinkOutOfOrder(LinkFault):
    """Each message takes a time of its own, at severity 1 up to five minutes, and may overtake."""

    name: ClassVar[str] = "link_out_of_order"
    fault_id: ClassVar[str] = "M3"

    def carried(self, message: Message, at: Moment) -> Iterable[Message]:
        return (
            delayed(message, DELAY_S * at.severity * at.episode.chance.random(), at.repaired_ns),
        )


@dataclass(frozen=True, kw_only=True)
class StaleRetained(LinkFault):
    """An old message that the broker has kept comes again between the new ones, marked retained.

    It is the first one since the onset, of its topic. At severity 1 it comes after one of ten. A
    subscriber who is there when it is published sees no mark on it; who comes later does.
    """

    name: ClassVar[str] = "stale_retained"
    fault_id: ClassVar[str] = "M7"

    def carried(self, message: Message, at: Moment) -> Iterable[Message]:
        yield message
        kept = at.episode.memory.setdefault(message.topic, message)
        again = at.episode.chance.random() < STALE_SHARE * at.severity
        if again and kept is not message:
            yield kept._replace(time_ns=message.time_ns, retain=True)


@dataclass(frozen=True, kw_only=True)
class SameClientId(LinkFault):
    """Another gateway has the same client id, and the broker throws out one for the other.

    Thrown out, ours is silent, at severity 1 for up to ten minutes; back again, it repeats the last
    message that it had sent, and then sends what had come up.
    """

    name: ClassVar[str] = "same_client_id"
    fault_id: ClassVar[str] = "M8"

    def carried(self, message: Message, at: Moment) -> Iterable[Message]:
        absences = _absences(at.episode, message, THROWN_OUT_S)
        back_ns = absences.until_ns(message, THROWN_OUT_S * at.severity)
        if back_ns is None:
            at.episode.memory["last"] = message
        elif "last" in at.episode.memory:
            yield held(at.episode.memory.pop("last"), back_ns, at.repaired_ns)
        yield held(message, back_ns, at.repaired_ns)


class Absences:
    """When somebody is away: for random times, with random times between; the first at once.

    Args:
        begin_ns: of the first absence.
        between_s: longest time between two.
        chance: what decides.
    """

    def __init__(self, begin_ns: int, between_s: float, chance: np.random.Generator) -> None:
        self._next_ns = self._begin_ns = self._end_ns = begin_ns
        self._between_s = between_s
        self._chance = chance

    def until_ns(self, message: Message, longest_s: float) -> int | None:
        """End of the absence into which a message falls, if it does; call in order of time."""
        while message.time_ns >= self._next_ns:
            away_s, between_s = self._chance.uniform(0.1, 1, 2) * (longest_s, self._between_s)
            self._begin_ns = self._next_ns
            self._end_ns = self._begin_ns + round(away_s * NS_PER_S)
            self._next_ns = self._end_ns + round(between_s * NS_PER_S)
        return self._end_ns if message.time_ns < self._end_ns else None


def _absences(episode: Episode, message: Message, between_s: float) -> Absences:
    """Those of an episode, which begin with the first message that falls into it."""
    if "absences" not in episode.memory:
        episode.memory["absences"] = Absences(message.time_ns, between_s, episode.chance)
    absences: Absences = episode.memory["absences"]
    return absences


def severity_now(fault: TransportFault, t_s: float) -> float:
    """Its severity at one moment; without arrays, where they are not needed."""
    if not fault.onset_s <= t_s < fault.end_s:
        return 0.0
    if t_s >= fault.onset_s + fault.ramp_s:
        return fault.severity
    return float(fault.severity_at(np.array(t_s)))


def delayed(message: Message, delay_s: float, repaired_ns: int) -> Message:
    """The message, sent so much later, or when all is well again."""
    return held(message, message.time_ns + round(delay_s * NS_PER_S), repaired_ns)


def held(message: Message, until_ns: int | None, repaired_ns: int) -> Message:
    """The message, sent at this time, or when all is well again; never before its own time."""
    if until_ns is None:
        return message
    return message._replace(time_ns=max(message.time_ns, min(until_ns, repaired_ns)))
