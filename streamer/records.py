"""The few types that travel along the path of a reading.

Axes, stated once: ``n`` readings of one turn, ``S`` sensors of a machine class in the order of its
config, ``K`` score columns of the class (one per sensor for a univariate detector, one for a
multivariate one). Times are event times in integer nanoseconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]
Times = NDArray[np.int64]
Values = NDArray[np.float64]
Codes = NDArray[np.uint8]

LATE = 1
"""Flag of a reading older than what its sensor has told: stored, neither scored nor learnt."""


class Message(NamedTuple):
    """One MQTT message as it came off the wire, before anybody has believed a byte of it."""

    topic: str
    payload: bytes
    received_ns: int
    mid: int = 0
    """Packet identifier; 0 for QoS 0, where there is nothing to acknowledge."""
    dup: bool = False
    retain: bool = False
    generation: int = 0
    """Number of the connection it came on; an acknowledgement is worth nothing on another."""


class Fault(NamedTuple):
    """Why something of a message was refused: a counted ``reason`` and a sentence for a person."""

    reason: str
    detail: str


class Reading(NamedTuple):
    """What a dialect read out of a payload: one machine's measurements at one time.

    ``machine`` is None where the topic names it, ``time_ns`` None where the payload has no time.
    ``values`` holds finite floats only; a field that was not one stands in ``faults`` instead, and
    a reading with no values at all is a refused reading.
    """

    machine: str | None
    time_ns: int | None
    values: dict[str, float]
    faults: Sequence[Fault] = ()


class Machine(NamedTuple):
    """Who a row is: the class and the labels from topic and payload, e.g. site and machine."""

    machine_class: str
    labels: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """All label values, in the template's order: ``north/T03``."""
        return "/".join(value for _, value in self.labels)


class Tick(NamedTuple):
    """The clock as an input: silence is judged at ticks and nowhere else."""

    now_ns: int
    hearing_since_ns: int
    """Since when we could have heard the machines; our own deafness is not their silence."""


VerbName = Literal["maintenance_start", "maintenance_done", "accept", "relearn"]


class Verb(msgspec.Struct, frozen=True, array_like=True):
    """What an operator told us of one machine; an input of the turn that took it."""

    name: VerbName
    machine_class: str
    row: int
    time_ns: int
    """The daemon's clock when it was taken."""
    uid: int
    """Who told it, as the kernel says."""
    user: str = ""
    """That user's name then; empty where the system knew none."""
    sensors: tuple[int, ...] = ()
    """Columns of the sensors it is about; empty: all of the machine."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Readings of one machine class in order of arrival, as columns; NaN means not reported."""

    rows: Rows
    times: Times
    values: Values
    flags: Codes


@dataclass(frozen=True, slots=True)
class Schema:
    """What the columns of a class are called; stored beside them, because configs change."""

    machine_class: str
    sensors: tuple[str, ...]
    scores: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Points:
    """Scored readings of one class: what a sink writes."""

    schema: Schema
    readings: Columns
    scores: Values
    """``[n, K]``; NaN where a detector cannot speak."""
    severity: Values
    """``[n]``, the largest score/limit; 1.0 is the limit, NaN where nothing could speak."""
    quality: Codes
    """``[n, S]``, the verdicts of `detectors.quality`."""


AlertState = Literal["pending", "firing", "resolved", "started", "done"]
"""The life of an alert; or of what an operator did, which is no alert: ``started``, ``done``."""
AlertKind = Literal["machine", "instrument", "silent", "fleet", "system", "operator", "learning"]
"""What it is about; ``fleet``: many machines of a class at once, and no fault of any of them;
``learning``: what was learnt of a machine once its learning time was over."""


LEARNT = "learnt"
"""Rule of events of kind ``learning`` that are the account of a day, and need nobody's answer."""


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an alert rests on, in the units of the sensor where there is one."""

    sensor: str = ""
    value: float | None = None
    expected: float | None = None
    detector: str = ""
    score: float | None = None
    limit: float | None = None
    band: float | None = None
    """One standard deviation about what is expected."""
    direction: Literal["", "above", "below"] = ""
    """On which side of what is expected the sensor is."""
    onset_ns: int | None = None
    """Since when, as the chart that found it estimates."""
    contributions: dict[str, float] = {}
    """Severities of the machine's other sensors, the five largest, falling."""
    component: str = ""
    """The worst component that the sensor belongs to, …"""
    health: float | None = None
    """… and its health index, 0 … 100."""


class AlertEvent(msgspec.Struct, frozen=True):
    """One change of state of one alert; the key of the alert is (machine, rule)."""

    machine_class: str
    machine: str
    labels: dict[str, str]
    rule: str
    kind: AlertKind
    state: AlertState
    time_ns: int
    since_ns: int
    """When the condition began, so the same episode has the same ``since`` in all its events."""
    reason: str
    evidence: Evidence = Evidence()

    @property
    def id(self) -> str:
        """Names the event for ever: a second delivery of it can be recognised."""
        parts = (self.machine_class, self.machine, self.rule, str(self.since_ns), self.state)
        return "/".join(parts)

    @property
    def sensor(self) -> str:
        """The sensor it names first; empty where it names none."""
        return self.evidence.sensor


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a turn was given: replaying these through the same code gives the same state."""

    readings: Mapping[str, Columns] = field(default_factory=dict)
    tick: Tick | None = None
    unstamped: Sequence[tuple[int, bytes]] = ()
    """(packet identifier, digest) of messages without a time, to know their redelivery again."""
    messages: int = 1
    """In how many messages they came: so many the broker may send again."""
    verbs: Sequence[Verb] = ()
    """What operators told; obeyed before the readings."""

    def __len__(self) -> int:
        return sum(len(columns.rows) for columns in self.readings.values())


@dataclass(frozen=True, slots=True)
class Batch:
    """One committed turn as a sink or notifier sees it."""

    turn: int
    points: Sequence[Points] = ()
    alerts: Sequence[AlertEvent] = ()
    machines: Mapping[str, Sequence[Machine]] = field(default_factory=dict)
    """Class name → machines by row; append-only, so a row's name never changes."""
