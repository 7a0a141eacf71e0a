"""What a fault is: a schedule (whom, when, how bad) and a law (what it does).

A fault acts at one of two places, each a method that does nothing unless a family overrides it:
on the hidden condition of the machine (`on_machine`), or on what an instrument says
(`on_instrument`). Adding one is a class in the file of its family and a line in `FAULTS`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from simulators.processes import Floats

Kind = Literal["fault", "sensor", "transport", "drift", "maintenance"]
Expected = Literal["alarm", "no_alarm", "data_quality"]
Memory = MutableMapping[str, Floats]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault of one machine, scheduled; times are seconds since the start of the run.

    Args:
        machine: its name, e.g. T03.
        onset_s: when it begins.
        ramp_s: how long it grows from nothing to its severity; 0 is a step.
        end_s: when it is repaired, at once and wholly; never by default.
        severity: 0 (nothing) … 1 (as bad as the law says).

    Raises:
        ValueError: a time is negative or out of order, or the severity not within 0 … 1.
    """

    machine: str
    onset_s: float
    ramp_s: float = 0.0
    end_s: float = math.inf
    severity: float = 1.0

    name: ClassVar[str]
    fault_id: ClassVar[str]
    """Id in the catalogue: F machine, S sensor, M transport, D drift that is no fault."""
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
        """Say what, whom and when: bearing_wear of T03 at 40h."""
        return f"{self.name} of {self.machine} at {self.onset_s / 3600:g}h"

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

    def on_machine(self, t_s: Floats, conditions: Mapping[str, Floats]) -> None:
        """Worsen hidden conditions of the machine, ``[k]`` each, in place."""

    def on_instrument(self, t_s: Floats, values: Mapping[str, Floats], memory: Memory) -> None:
        """Falsify what the machine's sensors report, ``[k]`` each, in place.

        ``memory`` is this fault's own for the run, for what must outlast a block.
        """


@dataclass(frozen=True, kw_only=True)
class MachineFault(Fault):
    """A fault that worsens one hidden condition by its severity."""

    condition: ClassVar[str]
    kind: ClassVar[Kind] = "fault"
    expected: ClassVar[Expected] = "alarm"

    def on_machine(self, t_s: Floats, conditions: Mapping[str, Floats]) -> None:
        conditions[self.condition][:] += self.severity_at(t_s)


@dataclass(frozen=True, kw_only=True)
class SensorFault(Fault):
    """A fault of one instrument; the machine is well."""

    sensor: str = "gearbox_temperature"

    kind: ClassVar[Kind] = "sensor"
    expected: ClassVar[Expected] = "data_quality"

    def __str__(self) -> str:
        return f"{self.name}.{self.sensor} of {self.machine} at {self.onset_s / 3600:g}h"
