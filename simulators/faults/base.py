"""What a fault is: a schedule (whom, when, how bad) and a law (what it does).

A fault acts at one of three places, each a method that does nothing unless a family overrides it:
on the hidden conditions of the machine (`on_machine`), on what an instrument says
(`on_instrument`), or on a message under way (`on_message`). Adding one is a class in the file of
its family and a line in `FAULTS`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from simulators.machines import MachineClass
from simulators.messages import Message
from simulators.processes import Floats

Kind = Literal["fault", "sensor", "transport", "drift", "maintenance"]
Expected = Literal["alarm", "no_alarm", "data_quality"]


@dataclass
class Episode:
    """One fault's life in one run: what it keeps from block to block."""

    row: int
    """Of its machine."""
    chance: np.random.Generator
    """A stream of its own; what it draws must not depend on how the run is cut into blocks."""
    memory: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault of one machine, scheduled; times are seconds since the start of the run.

    Args:
        machine: its name, e.g. T03; for a farm also several, ``T03,T05``, ``T03..T07`` or ``all``.
        target: what of the machine, e.g. a bearing or a sensor; by default the first there is.
        onset_s: when it begins.
        ramp_s: how long it grows from nothing to its severity; 0 is a step.
        end_s: when it is repaired, at once and wholly; never by default.
        severity: 0 (nothing) … 1 (as bad as the law says).

    Raises:
        ValueError: a time is negative or out of order, or the severity not within 0 … 1.
    """

    machine: str
    target: str = ""
    onset_s: float
    ramp_s: float = 0.0
    end_s: float = math.inf
    severity: float = 1.0

    name: ClassVar[str]
    fault_id: ClassVar[str]
    """Id in the catalogue: F machine, S sensor, M transport, D change that is no fault."""
    kind: ClassVar[Kind]
    expected: ClassVar[Expected]

    def __post_init__(self) -> None:
        if not (0 <= self.onset_s < math.inf and 0 <= self.ramp_s < math.inf):
            raise ValueError(f"{self}: onset and ramp must not be negative")
        if not self.end_s > self.onset_s:
            raise ValueError(f"{self}: it ends before it begins")
        if not 0 <= self.severity <= 1:
            raise ValueError(f"{self}: severity is {self.severity:g}, it must be within 0 … 1")

    def __str__(self) -> str:
        """Say what, whom and when: bearing_wear.gearbox of T03 at 40h."""
        what = f"{self.name}.{self.target}" if self.target else self.name
        return f"{what} of {self.machine} at {self.onset_s / 3600:g}h"

    @classmethod
    def targets(cls, machine_class: type[MachineClass]) -> tuple[str, ...]:
        """What of a machine it can befall, the usual first; ``""`` is the machine as such.

        Empty where machines of this class cannot have it.
        """
        raise NotImplementedError

    def signals(self, machine_class: type[MachineClass]) -> tuple[str, tuple[str, ...]]:
        """The component concerned, and the sensors it moves, the most telling first.

        Only of a fault that is `aimed`.
        """
        raise NotImplementedError

    def shows_in(self, machine_class: type[MachineClass], reported: Collection[str]) -> bool:
        """Does it move a reported sensor, or is it none of the sensors' business?

        Only of a fault that is `aimed`.
        """
        _, signals = self.signals(machine_class)
        return not signals or not set(signals).isdisjoint(reported)

    def aimed(self, machine_class: type[MachineClass]) -> Self:
        """This fault with its target filled in, if machines of this class can have it.

        Raises:
            ValueError: they cannot.
        """
        targets = self.targets(machine_class)
        if not targets:
            raise ValueError(f"{self}: a {machine_class.__name__.lower()} cannot have this fault")
        if not self.target:
            return replace(self, target=targets[0])
        if self.target not in targets:
            choice = f"it befalls {', '.join(targets)}" if any(targets) else "it takes no target"
            raise ValueError(f"{self}: there is no {self.target!r}, {choice}")
        return self

    @property
    def place(self) -> tuple[str, ...]:
        """What of its machine it occupies: two faults cannot be at one place at a time."""
        return (self.machine, self.name, self.target)

    @property
    def failure_s(self) -> float:
        """When the machine can no longer do its work; infinite where the law knows no such time."""
        return math.inf

    def growth(self, elapsed: Floats) -> Floats:
        """Share of the severity reached at a share ``elapsed`` of the ramp; both 0 … 1."""
        return elapsed

    def active(self, t_s: Floats) -> NDArray[np.bool_]:
        """Is it there, at seconds ``t_s [k]`` since the start?"""
        return (t_s >= self.onset_s) & (t_s < self.end_s)

    def severity_at(self, t_s: Floats) -> Floats:
        """Severity ``[k]`` at seconds ``t_s [k]`` since the start; 0 outside onset … end."""
        elapsed = np.ones_like(t_s)
        if self.ramp_s > 0:
            elapsed = np.clip((t_s - self.onset_s) / self.ramp_s, 0, 1)
        return np.where(self.active(t_s), self.severity * self.growth(elapsed), 0.0)

    def conditions(self) -> tuple[str, ...]:
        """The hidden conditions it worsens, by their keys in the machine class."""
        return ()

    def on_machine(self, t_s: Floats, conditions: Mapping[str, Floats]) -> None:
        """Worsen hidden conditions of the machine, ``[k]`` each, in place."""

    def on_instrument(self, t_s: Floats, values: Mapping[str, Floats], episode: Episode) -> None:
        """Falsify what the machine's sensors report, ``[k]`` each, in place."""

    def on_message(self, t_s: float, message: Message, episode: Episode) -> Iterable[Message]:
        """What becomes of a message of this machine that is sent ``t_s`` after the start.

        Any number of messages, each sent at its ``time_ns``, which is not before that of the one
        that was given; the stage that calls this puts them in order.
        """
        return (message,)


@dataclass(frozen=True, kw_only=True)
class MachineFault(Fault):
    """A fault that worsens one hidden condition by its severity."""

    condition: ClassVar[str]
    """Of the machine class: its key there is ``condition``, or ``condition.target``."""
    kind: ClassVar[Kind] = "fault"
    expected: ClassVar[Expected] = "alarm"

    @classmethod
    def targets(cls, machine_class: type[MachineClass]) -> tuple[str, ...]:
        """The parts of the machine that have this condition."""
        parts = (key.partition(".") for key in machine_class.conditions)
        return tuple(part for name, _, part in parts if name == cls.condition)

    def signals(self, machine_class: type[MachineClass]) -> tuple[str, tuple[str, ...]]:
        """What the condition says."""
        (key,) = MachineFault.conditions(self)
        return machine_class.conditions[key]

    def conditions(self) -> tuple[str, ...]:
        """The one condition."""
        return (f"{self.condition}.{self.target}" if self.target else self.condition,)

    def on_machine(self, t_s: Floats, conditions: Mapping[str, Floats]) -> None:
        (key,) = MachineFault.conditions(self)
        conditions[key][:] += self.severity_at(t_s)


@dataclass(frozen=True, kw_only=True)
class SensorFault(Fault):
    """A fault of one instrument; the machine is well."""

    kind: ClassVar[Kind] = "sensor"
    expected: ClassVar[Expected] = "data_quality"

    @classmethod
    def targets(cls, machine_class: type[MachineClass]) -> tuple[str, ...]:
        """Every sensor; by default the one that the machine class gives as example."""
        names = (instrument.name for instrument in machine_class.instruments)
        return tuple(dict.fromkeys((machine_class.exemplar, *names)))

    def signals(self, machine_class: type[MachineClass]) -> tuple[str, tuple[str, ...]]:
        """The sensor alone."""
        return self.target, (self.target,)


@dataclass(frozen=True, kw_only=True)
class TransportFault(Fault):
    """A fault on the way from the machine to the broker; machine and instruments are well."""

    kind: ClassVar[Kind] = "transport"
    expected: ClassVar[Expected] = "no_alarm"

    @classmethod
    def targets(cls, machine_class: type[MachineClass]) -> tuple[str, ...]:
        """The whole link."""
        return ("",)

    def signals(self, machine_class: type[MachineClass]) -> tuple[str, tuple[str, ...]]:
        """The link to the broker, and no sensor."""
        return "link", ()
