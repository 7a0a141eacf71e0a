"""Faults of instruments that falsify a value: the machine is well, what is said of it is not.

How much a fault moves a value is measured by the instrument itself: its `deviation`. Values stay on
the instrument's resolution and within its range, as its electronics would have it; spikes know no
range. What is not said at all is in `sensors_gaps`, what is taken for another in `sensors_mixups`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np

from simulators.faults.base import Episode, SensorFault
from simulators.instruments import Instrument, report
from simulators.machines import MachineClass
from simulators.processes import Floats

DEVIATION_SIGMAS = 10
DEVIATION_SHARE = 0.05
MONTH_S = 30 * 86400.0
GAIN = 0.3
SPIKE_RATE = 0.01
SPIKE_DEVIATIONS = (0.5, 5.0)
"""Smallest and largest spike; as a deviation is 10 σ, they are ±5 to ±50 σ."""
SENTINELS_CELSIUS = (85.0, -127.0, 127.0, -9999.0, 32767.0)
"""What thermometers say for "no value": at power-on, unplugged, full scale, and of a gateway."""
SENTINELS = (-9999.0, 32767.0, 65535.0, 0.0)
NOISE_TIMES = 10.0


def deviation(instrument: Instrument) -> float:
    """What an instrument of its kind is off by when it is badly off, in its unit.

    10 σ of its constant noise or 5 % of its range, whichever is larger; one step at least.

    >>> deviation(Instrument("oil", "°C", resolution=0.1, noise=0.3, low=-40, high=150))
    9.5
    """
    span = instrument.high - instrument.low
    share = DEVIATION_SHARE * span if math.isfinite(span) else 0.0
    return max(DEVIATION_SIGMAS * instrument.noise, share, instrument.resolution)


def sigma(instrument: Instrument, values: Floats) -> Floats:
    """Standard deviation of its error at these values; one step where it has none by nature."""
    if not instrument.noise and not instrument.noise_relative:
        return np.full_like(values, instrument.resolution)
    return instrument.noise + instrument.noise_relative * np.abs(values)


def sign(episode: Episode) -> float:
    """Up or down, drawn once for an episode, before anything else."""
    if "sign" not in episode.memory:
        episode.memory["sign"] = 1.0 if episode.chance.random() < 0.5 else -1.0
    drawn: float = episode.memory["sign"]
    return drawn


@dataclass(frozen=True, kw_only=True)
class FalseValue(SensorFault):
    """A fault of one instrument by which it says something else."""

    instrument: Instrument = field(default=Instrument("", "", 1.0), repr=False, compare=False)
    """The target, known once the fault is `aimed`."""

    def aimed(self, machine_class: type[MachineClass]) -> Self:
        fault = super().aimed(machine_class)
        known = {instrument.name: instrument for instrument in machine_class.instruments}
        return replace(fault, instrument=known[fault.target])

    def on_instrument(self, t_s: Floats, values: Mapping[str, Floats], episode: Episode) -> None:
        if self.severity == 0:
            return
        severity = self.severity_at(t_s)
        said = self.falsified(t_s, values[self.target], severity, episode)
        there = severity > 0
        values[self.target][there] = said[there]

    def falsified(self, t_s: Floats, values: Floats, severity: Floats, episode: Episode) -> Floats:
        """What is said instead of ``values``, at this severity; ``[k]`` each."""
        raise NotImplementedError

    def possible(self, values: Floats) -> Floats:
        """The nearest that the instrument can say."""
        return report(self.instrument, values, np.zeros_like(values))


@dataclass(frozen=True, kw_only=True)
class SensorOffset(FalseValue):
    """A sensor reads too high or too low by a constant.

    At severity 1 by 10 σ of its noise or 5 % of its range, whichever is larger; chance decides up
    or down.
    """

    name: ClassVar[str] = "sensor_offset"
    fault_id: ClassVar[str] = "S1"

    def falsified(self, t_s: Floats, values: Floats, severity: Floats, episode: Episode) -> Floats:
        return self.possible(values + sign(episode) * deviation(self.instrument) * severity)


@dataclass(frozen=True, kw_only=True)
class SensorDrift(FalseValue):
    """A sensor's calibration drifts away at a constant rate until it is repaired.

    At severity 1 by one `deviation` (5 % of the range, mostly) in the time of the ramp, or in 30
    days where there is none; and so on after the ramp. Chance decides up or down.
    """

    name: ClassVar[str] = "sensor_drift"
    fault_id: ClassVar[str] = "S2"

    def falsified(self, t_s: Floats, values: Floats, severity: Floats, episode: Episode) -> Floats:
        rate = self.severity * deviation(self.instrument) / (self.ramp_s or MONTH_S)
        return self.possible(values + sign(episode) * rate * (t_s - self.onset_s))


@dataclass(frozen=True, kw_only=True)
class SensorGain(FalseValue):
    """A sensor reads too high by a share of the value, at severity 1 by 30 %."""

    name: ClassVar[str] = "sensor_gain"
    fault_id: ClassVar[str] = "S3"

    def falsified(self, t_s: Floats, values: Floats, severity: Floats, episode: Episode) -> Floats:
        return self.possible(values * (1 + GAIN * severity))


@dataclass(frozen=True, kw_only=True)
class SensorStuck(SensorFault):
    """A sensor repeats the value it reported at onset until it is repaired.

    There is no half of it: any severity above 0 freezes the value wholly, and at once.
    """

    name: ClassVar[str] = "sensor_stuck"
    fault_id: ClassVar[str] = "S4"

    def on_instrument(self, t_s: Floats, values: Mapping[str, Floats], episode: Episode) -> None:
        stuck = self.active(t_s)
        if self.severity == 0 or not stuck.any():
            return
        reported = values[self.target]
        held = episode.memory.setdefault("held", reported[stuck][:1])
        reported[stuck] = held


@dataclass(frozen=True, kw_only=True)
class SensorSpikes(FalseValue):
    """Single values of a sensor are far off, at severity 1 one of a hundred.

    Half of them by 5 to 50 σ up or down, σ being a tenth of the `deviation`; the other half are a
    value that stands for none, like -9999 or a thermometer's 85, always the same of one sensor.
    """

    name: ClassVar[str] = "sensor_spikes"
    fault_id: ClassVar[str] = "S5"

    def falsified(self, t_s: Floats, values: Floats, severity: Floats, episode: Episode) -> Floats:
        nothing = self._sentinel(episode)
        happens, sentinel, size = episode.chance.random((len(values), 3)).T
        unbounded = replace(self.instrument, low=-math.inf, high=math.inf)
        height = _two_sided(size, *SPIKE_DEVIATIONS) * deviation(self.instrument)
        spikes = report(unbounded, values + height, np.zeros_like(values))
        wrong = np.where(sentinel < 0.5, nothing, spikes)
        # What was not reported has no value that could be wrong.
        return np.where((happens < SPIKE_RATE * severity) & ~np.isnan(values), wrong, values)

    def _sentinel(self, episode: Episode) -> float:
        choice = SENTINELS_CELSIUS if self.instrument.unit == "°C" else SENTINELS
        if "sentinel" not in episode.memory:
            episode.memory["sentinel"] = choice[int(episode.chance.integers(len(choice)))]
        drawn: float = episode.memory["sentinel"]
        return drawn


@dataclass(frozen=True, kw_only=True)
class SensorNoise(FalseValue):
    """A sensor is noisier than it was, at severity 1 ten times."""

    name: ClassVar[str] = "sensor_noise"
    fault_id: ClassVar[str] = "S6"

    def falsified(self, t_s: Floats, values: Floats, severity: Floats, episode: Episode) -> Floats:
        errors = episode.chance.standard_normal(len(values))
        # Independent errors add in squares, and one σ is there already.
        more = np.sqrt((1 + (NOISE_TIMES - 1) * severity) ** 2 - 1)
        return self.possible(values + more * sigma(self.instrument, values) * errors)


def _two_sided(uniform: Floats, least: float, most: float) -> Floats:
    """A uniform draw from 0 … 1 as one from ±least … ±most."""
    way = 2 * uniform - 1
    return np.copysign(least + (most - least) * np.abs(way), way)
