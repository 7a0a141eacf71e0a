"""Recordings of the same bearing of every machine of a farm, for people who extract features.

Each is what an accelerometer on the bearing's housing records (`simulators.waveform`) at the speed,
the load and the wear that the farm's own run has at that time. What is wrong with an instrument or
with a message leaves recordings as they are.

    >>> from simulators import Farm, parse_fault
    >>> wear = parse_fault("bearing_wear.generator@T02:6h+6h:0.8")
    >>> farm = Farm(machines=2, seed=1, sensors="all", faults=[wear])
    >>> for burst in waveforms(farm, hours=24, part="generator", every_s=12 * 3600):
    ...     print(burst.machine, burst.wear, burst.place, burst.acceleration.std() > 10)
    T01 0.0  False
    T02 0.0  False
    T01 0.0  False
    T02 0.8 inner True
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from simulators.bearing_geometry import BEARINGS, PLACES, Place
from simulators.farm import Block, Farm
from simulators.faults.bearings import BearingWear
from simulators.processes import Floats
from simulators.pump import MOTOR_EFFICIENCY, RATED_SHAFT_KW
from simulators.streams import Streams
from simulators.turbine.power import RATED_POWER_KW
from simulators.waveform import DURATION_S, RATE_HZ, record, sample_count

PLACE_SHARES: Mapping[Place, float] = {"outer": 0.45, "inner": 0.35, "ball": 0.15, "cage": 0.05}
"""How often wear is where: most on the races, seldom on the cage; engineering judgement."""


class Running(NamedTuple):
    """Which sensors of a machine class say what its bearings have to bear."""

    speed: str
    """[rpm], of the shaft that `Bearing.rated_rpm` is of."""
    power: str
    """[kW]"""
    rated_kw: float
    """What that sensor says at a load of 1."""


RUNNING: Mapping[str, Running] = {
    "turbine": Running("rotor_speed", "power", RATED_POWER_KW),
    "pump": Running("speed", "power", RATED_SHAFT_KW / MOTOR_EFFICIENCY),
}
"""By machine class: those that have `BEARINGS`."""


class Burst(NamedTuple):
    """One recording, and what the machine was doing."""

    time_ns: int
    machine: str
    part: str
    rpm: float
    load: float
    """Share of the rated power."""
    wear: float
    """0 sound … 1 spent."""
    place: Place | Literal[""]
    """Of the damage, if there is any."""
    acceleration: Floats
    """``[samples]``, m/s²."""


def waveforms(
    farm: Farm,
    hours: float,
    part: str,
    every_s: float,
    *,
    rate_hz: float = RATE_HZ,
    duration_s: float = DURATION_S,
) -> Iterator[Burst]:
    """The recordings of a run in order of time, then machine; the first are of its start.

    A bearing's `BearingWear` is wherever chance, a stream of its own for each fault, has put it;
    how severe the fault is changes neither that nor any other chance. So at severity 0 all bytes
    are those of the healthy farm.

    Args:
        farm: whose; it needs not report any certain sensor.
        hours: length of the run; may be infinite.
        part: of the machine, e.g. generator; see `BEARINGS`.
        every_s: time between two recordings of a machine, a whole number of the farm's periods.
        rate_hz: samples per second.
        duration_s: of each recording.

    Raises:
        ValueError: in one sentence, which argument cannot be and why.
    """
    return Campaign(farm, hours, part, every_s, rate_hz, duration_s).run()


@dataclass(frozen=True)
class Campaign:
    """Who is recorded, what, when and how; the arguments are those of `waveforms`.

    Raises:
        ValueError: in one sentence, which argument cannot be and why.
    """

    farm: Farm
    hours: float
    part: str
    every_s: float
    rate_hz: float = RATE_HZ
    duration_s: float = DURATION_S

    def __post_init__(self) -> None:
        parts = [part for of, part in BEARINGS if of == self.machine_class]
        if self.part not in parts:
            raise ValueError(
                f"part is {self.part!r}, a {self.machine_class} has bearings {', '.join(parts)}"
            )
        period_s = self.farm.period_s
        # Not every decimal fraction is a whole number of periods in binary.
        if not (
            period_s <= self.every_s < math.inf
            and abs(self._stride * period_s - self.every_s) < 1e-6
        ):
            raise ValueError(
                f"every is {self.every_s:g} s, it must be a whole number of the farm's periods of"
                f" {period_s:g} s"
            )
        if self.duration_s > self.every_s:
            raise ValueError(
                f"duration is {self.duration_s:g} s, recordings every {self.every_s:g} s would"
                " overlap"
            )
        # What cannot be recorded or run is refused now rather than at the first recording.
        self._count_samples()
        self.farm.steps(self.hours)

    @property
    def machine_class(self) -> str:
        """Its name."""
        return self.farm.machine_class.__name__.lower()

    @property
    def samples(self) -> int:
        """Of each recording."""
        return self._count_samples()

    @property
    def bursts(self) -> float:
        """How many recordings there are, of all machines; infinite if the run is."""
        each = self.farm.steps(self.hours) / self._stride
        return len(self.farm.machines) * (math.ceil(each) if math.isfinite(each) else each)

    def run(self, heard: Callable[[Block], None] = lambda _: None) -> Iterator[Burst]:
        """All recordings, in order of time, then machine; ``heard`` hears of each block."""
        done = 0
        for block in self._bare_farm.run(self.hours):
            for step in range(-done % self._stride, len(block.times), self._stride):
                yield from self._record_all(int(block.times[step]), block.values[step])
            done += len(block.times)
            heard(block)

    def _count_samples(self) -> int:
        bearing = BEARINGS[self.machine_class, self.part]
        return sample_count(bearing, self.rate_hz, self.duration_s)

    @property
    def _stride(self) -> int:
        """Steps of the farm from one recording to the next."""
        return round(self.every_s / self.farm.period_s)

    @property
    def _bare_farm(self) -> Farm:
        """The farm in which only the machines can be at fault, as its bearings know it."""
        running = RUNNING[self.machine_class]
        bare = copy.copy(self.farm)
        bare.sensors = (running.speed, running.power)
        bare.faults = tuple(fault for fault in self.farm.faults if fault.conditions())
        return bare

    @cached_property
    def _wears(self) -> Mapping[str, list[tuple[BearingWear, Place]]]:
        """What befalls the part in the course of the run, by machine, and where."""
        wears: dict[str, list[tuple[BearingWear, Place]]] = {}
        for fault in self.farm.faults:
            if isinstance(fault, BearingWear) and fault.target == self.part:
                wears.setdefault(fault.machine, []).append((fault, self._place(fault)))
        return wears

    def _place(self, fault: BearingWear) -> Place:
        # Not by its severity or its ramp: a study that varies these looks at the same damage.
        about = f"waveform/{fault.machine}/{fault.target}/wear/{fault.onset_s!r}"
        shares = [PLACE_SHARES[place] for place in PLACES]
        return PLACES[Streams(self.farm.seed)(about).choice(len(PLACES), p=shares)]

    def _record_all(self, time_ns: int, readings: Floats) -> Iterator[Burst]:
        """All machines at one time; readings ``[machines, speed and power]``."""
        for machine, (rpm, power) in zip(self.farm.machines, readings.tolist(), strict=True):
            load = max(power, 0.0) / RUNNING[self.machine_class].rated_kw
            wear, place = self._wear(machine, time_ns)
            acceleration = record(
                self.farm.seed,
                machine,
                time_ns,
                self.machine_class,
                self.part,
                rpm=rpm,
                load=load,
                wear=wear,
                place=place or "outer",  # without wear any will do
                rate_hz=self.rate_hz,
                duration_s=self.duration_s,
            )
            yield Burst(time_ns, machine, self.part, rpm, load, wear, place, acceleration)

    def _wear(self, machine: str, time_ns: int) -> tuple[float, Place | Literal[""]]:
        """How worn the bearing is, and where."""
        t_s = np.array((time_ns - self.farm.start_ns) / 1e9)
        worn = [
            (float(fault.severity_at(t_s)), place) for fault, place in self._wears.get(machine, ())
        ]
        wear = min(sum((severity for severity, _ in worn), 0.0), 1.0)
        return wear, max(worn)[1] if wear > 0 else ""
