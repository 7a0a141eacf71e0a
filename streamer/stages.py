"""The stages that a machine class is watched by, built from its configuration.

What they do stands in `detectors`; in which order they are asked, in `streamer.monitor`. Here is
how sensors by name become columns by number, and all that the stages remember as one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.assemble import Assembler
from detectors.attribution import MACHINE, Attribution
from detectors.base import Fleet, Mask, Rows, Values
from detectors.quality import Quality
from detectors.reference import Gate
from detectors.regression_adjustment import RegressionAdjustment
from streamer.explaining import context_of
from detectors.siblings import Siblings
from streamer.config import MachineClass
from streamer.instrument import Doubt, InstrumentWatch
from streamer.records import Times
from streamer.service import STAGE, ServiceWatch, hidden


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
    blame: Mask
    """Per judged sensor: what its strangeness is put down to, a code of `detectors.attribution`."""
    together: Mask
    """Per judged sensor: whether other machines share its strangeness."""
    doubts: dict[int, Doubt]

    @property
    def excused(self) -> NDArray[np.bool_]:
        """Per judged sensor: whether its strangeness is not put down to the machine."""
        excused: NDArray[np.bool_] = (self.blame != MACHINE) | (self.together != 0)
        return excused


class Findings(NamedTuple):
    """What there is to be judged of a turn's readings, each f8[n, H] over the health sensors."""

    values: Values
    """As reported and believed."""
    residuals: Values
    """What the context does not explain of them, standardised."""
    adjusted: Values
    """What the other sensors do not explain of those either; only where a row is whole."""
    whole: NDArray[np.intp]
    """The readings that complete a row of all sensors, …"""
    samples: Values
    """… and the residuals of those rows, f8[whole, H]."""
    expected: Values
    """In each sensor's unit, f8[n, S]."""


class Stages:
    """One fleet per stage, for all machines of a class.

    Attributes
    ----------
    health
        Columns of the sensors that are judged.
    detectors
        Name → detector over the health sensors' residuals.
    service
        Which machines are in maintenance.
    """

    def __init__(self, config: MachineClass) -> None:
        names, sensors = list(config.sensors), list(config.sensors.values())
        self.health = [names.index(name) for name in config.health]
        n, judged = len(sensors), [i in self.health for i in range(len(sensors))]
        explaining = [name in config.explaining for name in names]
        age_s, sample_s = config.max_age_s, config.sample_s
        self.quality = _quality(config, names)
        self.instrument = InstrumentWatch(n)
        self.assemble = Assembler(
            n,
            max_age_s=age_s,
            sample_s=sample_s,
            required=explaining if any(explaining) else judged,
        )
        self.context = context_of(config)
        self.samples = Assembler(n, max_age_s=age_s, sample_s=sample_s, required=judged)
        self.adjustment = RegressionAdjustment(
            len(self.health), learn_s=config.context.adjust_s, moment_s=config.context.moment_s
        )
        self.attribution = _attribution(config)
        self.siblings = Siblings(len(self.health))
        self.gate = Gate()
        self.service = ServiceWatch()
        self.detectors = {key: one.build(len(self.health)) for key, one in config.detectors.items()}

    def findings(
        self, rows: Rows, times: Times, believed: Values, in_service: NDArray[np.bool_]
    ) -> Findings:
        """What there is to be judged of believed values: residuals, and how they fit together."""
        full, due = self.assemble.assemble(rows, times, believed)
        due[in_service] = 0
        shown = hidden(believed, in_service)
        residuals, expected = self.context.explain(rows, times, shown, full, due)
        sampled, complete = self.samples.assemble(rows, times, residuals)
        whole = np.flatnonzero(complete)
        samples = self.judged(sampled[whole])
        adjusted = np.full((len(rows), len(self.health)), np.nan)
        if any(detector.reads == "adjusted" for detector in self.detectors.values()):
            learn = np.ones(len(whole), dtype=np.uint8)
            adjusted[whole] = self.adjustment.walk(rows[whole], times[whole], samples, learn)
        return Findings(
            self.judged(shown), self.judged(residuals), adjusted, whole, samples, expected
        )

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

    # What an operator asks for. ``sensors`` are columns; none: all of the machine.

    def accept(self, row: int, sensors: Sequence[int] = ()) -> None:
        """What the machine reads from now on is its new normal; how it answers its context stays.

        Where only sensors are named that nobody judges, everything that follows them is meant.
        """
        judged = [self.health.index(sensor) for sensor in sensors if sensor in self.health]
        self.context.accept(row, [self.health[i] for i in judged])
        for fleet in (self.attribution, *self.detectors.values()):
            fleet.accept(row, judged)

    def renew(self, row: int, sensors: Sequence[int] = ()) -> None:
        """The machine is back from maintenance, with parts that read differently."""
        self.accept(row, sensors)

    def relearn(self, row: int, sensors: Sequence[int] = ()) -> None:
        """Forget what was learnt of a machine: how it answers its context too.

        The context ties its sensors together, so naming some of them forgets no less.
        """
        del sensors
        stages = (self.samples, self.adjustment, self.attribution, self.siblings, self.gate)
        for fleet in (*self.context.fleets().values(), *stages, *self.detectors.values()):
            fleet.forget(row)

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
            **self.context.fleets(),
            "samples": self.samples,
            "adjustment": self.adjustment,
            "attribution": self.attribution,
            "siblings": self.siblings,
            "gate": self.gate,
            STAGE: self.service,
            **{f"detector.{key}": detector for key, detector in self.detectors.items()},
        }


def _quality(config: MachineClass, names: list[str]) -> Quality:
    sensors, moving = config.sensors.values(), config.moving
    return Quality(
        len(sensors),
        low=[s.low for s in sensors],
        high=[s.high for s in sensors],
        stuck_s=[_or_learnt(s.stuck_s) for s in sensors],
        resolution=[s.resolution for s in sensors],
        max_step=[_or_learnt(s.max_step) for s in sensors],
        moving_sensor=-1 if moving is None else names.index(moving.sensor),
        moving_above=np.nan if moving is None else moving.above,
    )


def _or_learnt(limit: float | None) -> float:
    return np.nan if limit is None else limit


def _attribution(config: MachineClass) -> Attribution:
    judged = list(config.health)
    sensors = [config.sensors[name] for name in judged]
    both = [name for name in config.explaining if name in judged]
    return Attribution(
        len(judged),
        inert=[sensor.slow for sensor in sensors],
        harmless=[sensor.harmless for sensor in sensors],
        follower=[
            -1 if sensor.follower is None else judged.index(sensor.follower) for sensor in sensors
        ],
        explainer=[_explainer(name, both, judged) for name in judged],
    )


def _explainer(name: str, both: Sequence[str], judged: Sequence[str]) -> int:
    """The judged sensor on which a sensor's expectation chiefly rests: the last that explains it."""
    before = both[: both.index(name)] if name in both else both
    return judged.index(before[-1]) if before else -1
