"""The stages that a machine class is watched by, built from its configuration.

What they do stands in `detectors`; in which order they are asked, in `streamer.monitor`. Here is
how sensors by name become columns by number, and all that the stages remember as one thing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.assemble import Assembler
from detectors.base import Fleet, Mask, Rows, Values
from detectors.context import BinnedContext
from detectors.quality import Quality
from detectors.reference import Gate
from streamer.config import MachineClass
from streamer.instrument import Doubt, InstrumentWatch
from streamer.records import Times


class Block(NamedTuple):
    """The columns of one turn as the stages see them: fresh readings only."""

    rows: Rows
    times: Times
    values: Values
    codes: Mask
    expected: Values
    residuals: Values
    """What is left of each value when its context has explained its share, standardised."""
    scores: Values
    doubts: dict[int, Doubt]


class Stages:
    """One fleet per stage, for all machines of a class.

    Attributes
    ----------
    health
        Columns of the sensors that are judged.
    relative
        (sensor, other): columns of sensors that are judged by their difference to another.
    detectors
        Name → detector over the health sensors' residuals.
    """

    def __init__(self, config: MachineClass) -> None:
        names, sensors = list(config.sensors), list(config.sensors.values())
        self.health = [names.index(name) for name in config.health]
        self.relative = [
            (i, names.index(sensor.relative_to))
            for i, sensor in enumerate(sensors)
            if sensor.relative_to is not None
        ]
        n, judged = len(sensors), [i in self.health for i in range(len(sensors))]
        age_s, sample_s = config.max_age_s, config.sample_s
        self.quality = _quality(config, names)
        self.instrument = InstrumentWatch(n)
        self.assemble = Assembler(n, max_age_s=age_s, sample_s=sample_s)
        self.context = _context(config, names, judged)
        self.samples = Assembler(n, max_age_s=age_s, sample_s=sample_s, required=judged)
        self.gate = Gate()
        self.detectors = {key: one.build(len(self.health)) for key, one in config.detectors.items()}

    def explain(
        self, rows: Rows, times: Times, believed: Values, full: Values
    ) -> tuple[Values, Values]:
        """Residuals and expected values; a sensor relative to another is compared by difference."""
        if not self.relative:
            return self.context.walk(rows, times, believed, full)
        offsets = np.zeros_like(full)
        for sensor, other in self.relative:
            offsets[:, sensor] = full[:, other]
        residuals, expected = self.context.walk(rows, times, believed - offsets, full)
        return residuals, expected + offsets

    def judged(self, columns: Values) -> Values:
        """The health sensors' columns of f8[n, S], in order."""
        return np.ascontiguousarray(columns[:, self.health])

    def reserve(self, machines: int) -> None:
        """Make room for so many machines in every stage."""
        for fleet in self._fleets().values():
            fleet.reserve(machines)

    def arrays(self, machines: int) -> dict[str, NDArray[Any]]:
        """Everything remembered of so many machines: ``stage/array`` → array."""
        self.reserve(machines)  # a class that nobody has spoken of yet has no arrays
        return {
            f"{stage}/{name}": array[:machines]
            for stage, fleet in self._fleets().items()
            for name, array in fleet.state.items()
        }

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `arrays` gave in an earlier run; ValueError where it does not fit."""
        for stage, fleet in self._fleets().items():
            prefix = f"{stage}/"
            fleet.restore(
                {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}
            )

    def ready(self, row: int) -> float:
        """Share of a machine's learning that is done, 0 … 1: its slowest stage decides."""
        stages: list[Callable[[int], float]] = [self.context.ready]
        stages += [detector.ready for detector in self.detectors.values()]
        return min(ready(row) for ready in stages)

    def _fleets(self) -> dict[str, Fleet]:
        return {
            "quality": self.quality,
            "instrument": self.instrument,
            "assemble": self.assemble,
            "context": self.context,
            "samples": self.samples,
            "gate": self.gate,
            **{f"detector.{key}": detector for key, detector in self.detectors.items()},
        }


def _quality(config: MachineClass, names: list[str]) -> Quality:
    sensors, moving = config.sensors.values(), config.moving
    return Quality(
        len(sensors),
        low=[s.low for s in sensors],
        high=[s.high for s in sensors],
        stuck_s=[s.stuck_s for s in sensors],
        resolution=[s.resolution for s in sensors],
        max_step=[s.max_step for s in sensors],
        moving_sensor=-1 if moving is None else names.index(moving.sensor),
        moving_above=np.nan if moving is None else moving.above,
    )


def _context(config: MachineClass, names: list[str], judged: list[bool]) -> BinnedContext:
    sensors = config.sensors.values()
    return BinnedContext(
        len(sensors),
        low=[s.low for s in sensors],
        high=[s.high for s in sensors],
        context=[-1 if s.context is None else names.index(s.context) for s in sensors],
        judged=judged,
        lag_s=[s.context_lag_s for s in sensors],
        resolution=[s.resolution for s in sensors],
        bins=config.context.bins,
        bin_readings=config.context.bin_readings,
    )
