"""A farm: some machines of one class under one weather, with the faults they are given."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from simulators.clock import LAST_NS, NS_PER_S, parse_time
from simulators.faults.base import Episode, Fault, SensorFault
from simulators.instruments import Instruments
from simulators.machines import MachineClass, machine_name
from simulators.processes import Floats
from simulators.pump import Pump
from simulators.streams import Streams
from simulators.truth import Truth, truth_of
from simulators.turbine import Turbine
from simulators.weather import Climate, Weather

MACHINE_CLASSES: dict[str, type[MachineClass]] = {
    "turbine": Turbine,
    "pump": Pump,
}

START = "2026-01-01T00:00:00Z"

_SITE = re.compile(r"[\w.-]+", re.ASCII)

MACHINES_MAX = 100_000
BLOCK_READINGS = 16_384
"""Readings simulated at once: enough for NumPy, few enough for the processor's cache."""
BLOCK_STEPS_MAX = 1024


class Block(NamedTuple):
    """Consecutive steps of the whole farm."""

    times: NDArray[np.int64]
    """``[k]``, ns since the epoch."""
    values: Floats
    """``[k, machines, sensors]``, what the instruments report."""


class Farm:
    """Some machines of one class under one weather, with the faults they are given.

    Args:
        machines: how many.
        seed: of all chance; same seed and arguments, same values in any process.
        period_s: time between two readings of a machine.
        start: time of the first reading, ISO 8601 or ns since the epoch.
        faults: what shall go wrong, e.g. from `simulators.parse_fault`.
        site: name of the farm, for topics.
        machine_class: one of `MACHINE_CLASSES`.
        climate: the weather in the long run.
        sensors: those that are reported, in this order; ``None`` for the class's usual ones,
            ``"all"`` for all it has. Which are reported does not change what they say.

    Raises:
        ValueError: in one sentence, which argument cannot be and why.

    >>> import simulators
    >>> wear = simulators.parse_fault("bearing_wear@T02:1h+2h:0.8")
    >>> farm = Farm(machines=3, seed=1, period_s=600, faults=[wear])
    >>> farm.machines, farm.sensors[:2]
    (('T01', 'T02', 'T03'), ('wind_speed', 'power'))
    >>> for block in farm.run(hours=12):
    ...     print(block.times.shape, block.values.shape)
    (72,) (72, 3, 6)
    >>> farm.truth(hours=12)[0].t_onset
    '2026-01-01T01:00:00Z'
    """

    def __init__(
        self,
        machines: int = 12,
        seed: int = 1,
        *,
        period_s: float = 60.0,
        start: str | int = START,
        faults: Sequence[Fault] = (),
        site: str = "demo",
        machine_class: str = "turbine",
        climate: Climate = Climate(),  # noqa: B008 - frozen
        sensors: Sequence[str] | None = None,
    ) -> None:
        if machines < 1:
            raise ValueError(f"machines is {machines}, at least 1 is needed")
        if machines > MACHINES_MAX:
            raise ValueError(f"machines is {machines}, at most {MACHINES_MAX} are allowed")
        if not 1e-3 <= period_s < math.inf:
            raise ValueError(f"period_s is {period_s:g}, at least 0.001 s is needed")
        if machine_class not in MACHINE_CLASSES:
            raise ValueError(
                f"there is no machine class {machine_class!r}: {list(MACHINE_CLASSES)}"
            )
        self.machine_class = MACHINE_CLASSES[machine_class]
        self.machines = tuple(machine_name(self.machine_class, i) for i in range(machines))
        self._rows = {name: row for row, name in enumerate(self.machines)}
        self.sensors = _sensors(self.machine_class, sensors)
        self.seed = Streams(seed).seed
        self.noise = True
        self.period_s = period_s
        if not _SITE.fullmatch(site):
            raise ValueError(f"site is {site!r}, it may hold letters, digits, '_', '.' and '-'")
        self.start_ns = parse_time(start) if isinstance(start, str) else int(start)
        if not 0 <= self.start_ns <= LAST_NS:
            raise ValueError(f"start is {start}, ns since the epoch are 0 … {LAST_NS}")
        self.site = site
        self.climate = climate
        self.faults = self._placed(faults)

    def steps(self, hours: float) -> float:
        """Readings that each machine gives in a run; the first is at the start."""
        if not hours > 0:
            raise ValueError(f"hours is {hours:g}, it must be more than 0")
        if self._hours_left < hours < math.inf:
            raise ValueError(f"hours is {hours:g}, the run would end after 2262-04-11")
        # The small term keeps 0.1 h of 60 s at 6 steps, whatever binary fractions make of it.
        steps = hours * 3600 / self.period_s + 1e-9
        if steps < 1:
            raise ValueError(f"{hours:g} h are less than one period of {self.period_s:g} s")
        return math.floor(steps) if math.isfinite(steps) else math.inf

    def run(self, hours: float = math.inf, block_steps: int | None = None) -> Iterator[Block]:
        """The farm from its start for some hours, block by block; every call starts anew.

        How it is cut into blocks does not change the values.
        """
        steps = min(self.steps(hours), self.steps(self._hours_left))
        if block_steps is not None and block_steps < 1:
            raise ValueError(f"block_steps is {block_steps}, at least 1 is needed")
        longest = block_steps or min(max(BLOCK_READINGS // len(self.machines), 1), BLOCK_STEPS_MAX)
        return _World(self).blocks(steps, longest)

    def truth(self, hours: float = math.inf) -> list[Truth]:
        """The faults that begin within a run of some hours, in order of onset.

        It does not say when they become detectable: `simulators.detectability.truth` does, which
        has to run the farm for it.
        """
        end_s = min(hours, self._hours_left) * 3600
        begun = [fault for fault in self.faults if fault.onset_s < end_s]
        about = (self.machine_class, self.site, self.start_ns, self.sensors)
        return [truth_of(fault, *about) for fault in begun]

    @property
    def _hours_left(self) -> float:
        """From the start until the last time there is."""
        return (LAST_NS - self.start_ns) / NS_PER_S / 3600

    def with_faults(self, faults: Sequence[Fault]) -> Self:
        """The same farm, to the last draw of chance, with these faults instead."""
        other = copy.copy(self)
        other.faults = self._placed(faults)
        return other

    def expectation(self) -> Self:
        """Its healthy twin in the same wind with all noise gone.

        No roughness and no error of an instrument: what somebody who knows the machines, and the
        wind that every rotor felt, would expect to read.
        """
        other = self.with_faults(())
        other.noise = False
        return other

    def _placed(self, faults: Sequence[Fault]) -> tuple[Fault, ...]:
        """Each fault once for each of its machines, aimed at what it befalls there."""
        placed = [
            replace(fault, machine=machine).aimed(self.machine_class)
            for fault in faults
            for machine in self._named(fault)
        ]
        for fault in placed:
            self._check_visible(fault)
        placed.sort(key=lambda fault: fault.onset_s)
        _check_overlaps(placed)
        return tuple(placed)

    def _named(self, fault: Fault) -> list[str]:
        """The machines that ``T03``, ``T03,T05``, ``T03..T07`` or ``all`` mean here."""
        if fault.machine == "all":
            return list(self.machines)
        named: list[str] = []
        for part in fault.machine.split(","):
            first, _, last = part.partition("..")
            start, end = (self._row(name, fault) for name in (first, last or first))
            if end < start:
                raise ValueError(f"{fault}: {part} goes backwards")
            named += self.machines[start : end + 1]
        return list(dict.fromkeys(named))

    def _row(self, machine: str, fault: Fault) -> int:
        if machine in self._rows:
            return self._rows[machine]
        first, last = self.machines[0], self.machines[-1]
        raise ValueError(f"{fault}: there is no machine {machine!r}, there are {first} … {last}")

    def _check_visible(self, fault: Fault) -> None:
        """Refuse a fault whose every trace is in sensors that are not reported."""
        if not fault.shows_in(self.machine_class, self.sensors):
            _, signals = fault.signals(self.machine_class)
            raise ValueError(
                f"{fault}: it shows in {', '.join(signals)}, and none of them is reported"
            )


def _check_overlaps(faults: Sequence[Fault]) -> None:
    """Refuse a fault at a place where another still is; faults by onset."""
    last: dict[tuple[str, ...], Fault] = {}
    for later in faults:
        earlier = last.get(later.place)
        if earlier is not None and later.onset_s < earlier.end_s:
            raise ValueError(f"{earlier} overlaps {later}: end the first before the second")
        last[later.place] = later


def _sensors(machine_class: type[MachineClass], asked: Sequence[str] | None) -> tuple[str, ...]:
    """Names of the sensors to report."""
    every = tuple(instrument.name for instrument in machine_class.instruments)
    if asked is None or asked == "all":
        return machine_class.usual if asked is None else every
    if isinstance(asked, str):
        raise TypeError(f"sensors is {asked!r}, a list of names or 'all' is needed")
    for name in asked:
        if name not in every:
            kind = machine_class.__name__.lower()
            raise ValueError(f"a {kind} has no sensor {name!r}, it has {', '.join(every)}")
    if not asked or len(set(asked)) < len(asked):
        raise ValueError(f"sensors is {list(asked)}, each name is needed once")
    return tuple(asked)


def _read(farm: Farm) -> tuple[str, ...]:
    """The sensors that are reported, then those that an instrument fault mixes with them."""
    faults = [fault for fault in farm.faults if isinstance(fault, SensorFault)]
    mixed = [name for fault in faults for name in fault.signals(farm.machine_class)[1]]
    return tuple(dict.fromkeys((*farm.sensors, *mixed)))


class _World:
    """The state of one run."""

    def __init__(self, farm: Farm) -> None:
        streams = Streams(farm.seed, noise=farm.noise)
        self._farm = farm
        self._weather = Weather(streams, farm.period_s, farm.climate)
        self._read = _read(farm)
        wanted = frozenset(self._read)
        self._fleet = farm.machine_class(len(farm.machines), streams, farm.period_s, wanted)
        known = {sensor.name: sensor for sensor in farm.machine_class.instruments}
        self._instruments = Instruments([known[name] for name in self._read], streams)
        rows = {name: row for row, name in enumerate(farm.machines)}
        episodes = [
            (fault, Episode(rows[fault.machine], streams(f"fault/{fault!r}")))
            for fault in farm.faults
        ]
        self._worsening = [life for life in episodes if life[0].conditions()]
        self._falsifying = [life for life in episodes if isinstance(life[0], SensorFault)]
        self._touched = {key for fault in farm.faults for key in fault.conditions()}

    def blocks(self, steps: float, longest: int) -> Iterator[Block]:
        done = 0
        while done < steps:
            count = int(min(longest, steps - done))
            yield self._block(np.arange(done, done + count))
            done += count

    def _block(self, index: NDArray[np.int64]) -> Block:
        """Weather → hidden conditions → machines → instruments → what falsifies them."""
        farm = self._farm
        times = farm.start_ns + index * round(farm.period_s * NS_PER_S)
        t_s = index.astype(np.float64) * farm.period_s
        weather = self._weather.advance(times)
        true = self._fleet.advance(weather, self._conditions(t_s))
        values = self._instruments.read(true)
        self._falsify(t_s, values)
        return Block(times, values[:, :, : len(farm.sensors)])

    def _conditions(self, t_s: Floats) -> Mapping[str, Floats]:
        """Hidden conditions of all machines as the faults leave them, ``[k, machines]`` each."""
        whole, untouched = (len(t_s), len(self._farm.machines)), (1, 1)
        conditions = {
            key: np.zeros(whole if key in self._touched else untouched)
            for key in self._farm.machine_class.conditions
        }
        for fault, episode in self._worsening:
            of_machine = {key: conditions[key][:, episode.row] for key in fault.conditions()}
            fault.on_machine(t_s, of_machine)
        return conditions

    def _falsify(self, t_s: Floats, values: Floats) -> None:
        for fault, episode in self._falsifying:
            sensors = {name: values[:, episode.row, i] for i, name in enumerate(self._read)}
            fault.on_instrument(t_s, sensors, episode)
