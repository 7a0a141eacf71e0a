"""From a recording to a limit: what was strange in it, and what other limits would have said.

A recording is walked through the product's own monitor once as it is configured, and once more with
every limit that the alerts about machines go by multiplied by each of some `FACTORS`. Walked, not
only judged again: what is put down to an instrument, and what a detector may learn, hang on the
limits too. On simulated farms, judging the same scores again was five times off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamer.config import DetectorConfig, MachineClass
from streamer.monitor import ClassMonitor, Judged
from streamer.records import Columns, Machine, Times
from streamer.score_columns import ScoreColumns

FACTORS = (0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)
"""Of the limits in force."""
NS = 1_000_000_000
MONTH_NS = 30 * 86_400 * NS

Progress = Callable[[float], None]
"""Told now and then which share of the readings is through."""


class Recorded(NamedTuple):
    """A recording of one machine class."""

    machines: Sequence[Machine]
    """By row."""
    turns: Sequence[Columns]


class Episode(NamedTuple):
    """A stretch of a machine's readings that belong together, by the strangest of them."""

    time_ns: int
    machine: str
    sensor: str
    """Empty where the detector looks at all sensors at once."""
    value: float
    expected: float
    severity: float
    detector: str
    hours: float
    """From the first to the last reading half as strange."""


class Candidate(NamedTuple):
    """What came of one set of limits."""

    factor: float
    limits: dict[str, float]
    alerts: int
    """About machines, that fired."""
    per_month: float
    """NaN where no detector spoke."""


class Tuning(NamedTuple):
    """What a recording has to say about limits."""

    strangest: list[Episode]
    candidates: list[Candidate]
    months: float
    """Machine-months in which a detector that alerts go by has spoken."""
    ready: float
    """Share of its learning that the machine furthest ahead has done."""


def tune(
    recorded: Recorded,
    name: str,
    spec: MachineClass,
    *,
    top: int = 20,
    factors: Sequence[float] = FACTORS,
    progress: Progress = lambda _share: None,
) -> Tuning:
    """Walk a recording with limits as configured, and with others.

    Parameters
    ----------
    recorded
        The readings.
    name, spec
        The class and its section.
    top
        How many episodes to tell of.
    factors
        Of the limits in force; each costs another walk.
    progress
        See `Progress`.

    Raises
    ------
    ValueError
        No alert of the class is about machines.
    """
    heard = listened_to(spec)
    if not heard:
        raise ValueError(f"class {name} has no alert of kind machine, so there is no limit to tune")
    first = _Walk(recorded, name, spec)
    strange = _Strange(first.monitor, spec, heard)
    for done, judged in enumerate(first.steps(), 1):
        strange.add(judged)
        progress(done / len(recorded.turns) / (1 + len(factors)))
    months = strange.months()
    candidates = []
    for i, factor in enumerate(factors, 2):
        walk = first if factor == 1.0 else _Walk(recorded, name, _scaled(spec, heard, factor))
        alerts = walk.alerts()
        limits = {key: factor * spec.detectors[key].limit for key in heard}
        rate = alerts / months if months else np.nan
        candidates.append(Candidate(factor, limits, alerts, rate))
        progress(i / (1 + len(factors)))
    rows = range(len(recorded.machines))
    ready = max((first.monitor.stages.ready(row) for row in rows), default=0.0)
    return Tuning(strange.episodes(recorded.machines, top), candidates, months, ready)


def listened_to(spec: MachineClass) -> tuple[str, ...]:
    """The detectors that alerts about machines go by."""
    return tuple(dict.fromkeys(key for rule in spec.machine_rules for key in rule.detectors))


def _scaled(spec: MachineClass, heard: Sequence[str], factor: float) -> MachineClass:
    """The class with other limits."""

    def scaled(key: str, one: DetectorConfig) -> DetectorConfig:
        return one.model_copy(update={"limit": factor * one.limit}) if key in heard else one

    detectors = {key: scaled(key, one) for key, one in spec.detectors.items()}
    return spec.model_copy(update={"detectors": detectors})


class _Walk:
    """One walk of a recording, which counts the alerts about machines."""

    def __init__(self, recorded: Recorded, name: str, spec: MachineClass) -> None:
        self.monitor = ClassMonitor(name, spec, recorded.machines)
        self._turns = iter(recorded.turns)
        self._fired = 0

    def steps(self) -> Iterator[Judged]:
        """What the monitor says of each turn."""
        for turn in self._turns:
            judged = self.monitor.step(turn)
            self._fired += sum(a.kind == "machine" and a.state == "firing" for a in judged.alerts)
            yield judged

    def alerts(self) -> int:
        """How many fired, when all of it is walked."""
        for _ in self.steps():
            pass
        return self._fired


class _Strange:
    """Per reading: how strange, by which score column, and what it read."""

    def __init__(self, monitor: ClassMonitor, spec: MachineClass, heard: Sequence[str]) -> None:
        limits = {key: one.limit for key, one in spec.detectors.items()}
        self._columns = ScoreColumns(monitor.stages.detectors, limits)
        self._heard = np.array([key in heard for key, _ in self._columns.owner])
        self._health = monitor.stages.health
        self._sensors = list(spec.sensors)
        self._apart_ns = round(max(rule.keep_firing_s for rule in spec.machine_rules) * NS)
        self._parts: list[tuple[NDArray[Any], ...]] = []

    def add(self, judged: Judged) -> None:
        """Take in what is not put down to an instrument: that is what alerts go by."""
        block = judged.block
        kept = self._columns.without(block.scores, block.excused)
        severities = np.where(self._heard, kept / self._columns.limits, np.nan)
        spoke = np.flatnonzero(~np.isnan(severities).all(axis=1))
        column = np.nanargmax(severities[spoke], axis=1)
        sensor = np.array([self._sensor(k) for k in range(len(self._heard))])[column]
        self._parts.append(
            (
                block.rows[spoke],
                block.times[spoke],
                severities[spoke, column],
                column,
                np.where(sensor < 0, np.nan, block.values[spoke, sensor]),
                np.where(sensor < 0, np.nan, block.expected[spoke, sensor]),
            )
        )

    def _sensor(self, column: int) -> int:
        """The sensor of a score column, -1 where it is of all of them."""
        where = self._columns.of[self._columns.owner[column][0]]
        alone = where.stop - where.start == len(self._health)
        return self._health[column - where.start] if alone else -1

    def months(self) -> float:
        """Machine-months from when a machine's detectors first spoke until its end."""
        rows, times, *_ = self._joined()
        spoken = (np.ptp(times[rows == row]) for row in np.unique(rows))
        return float(sum(spoken)) / MONTH_NS

    def episodes(self, machines: Sequence[Machine], top: int) -> list[Episode]:
        """The strangest first; readings beside one that is told of are told of with it."""
        rows, times, severity, column, values, expected = self._joined()
        told: list[Episode] = []
        free = np.ones(len(rows), dtype=np.bool_)
        for i in np.argsort(-severity, kind="stable").tolist():
            if len(told) == top or not severity[i] > 0:
                break
            if not free[i]:
                continue
            own = np.flatnonzero(rows == rows[i])
            first, last = _around(times[own], severity[own], int(np.searchsorted(own, i)))
            near = (times[own] >= first - self._apart_ns) & (times[own] <= last + self._apart_ns)
            free[own[near]] = False
            key, _ = self._columns.owner[int(column[i])]
            sensor = self._sensor(int(column[i]))
            told.append(
                Episode(
                    time_ns=int(times[i]),
                    machine=machines[int(rows[i])].name,
                    sensor="" if sensor < 0 else self._sensors[sensor],
                    value=float(values[i]),
                    expected=float(expected[i]),
                    severity=float(severity[i]),
                    detector=key,
                    hours=(last - first) / NS / 3600,
                )
            )
        return told

    def _joined(self) -> tuple[NDArray[Any], ...]:
        if len(self._parts) != 1:
            self._parts = [tuple(np.concatenate(part) for part in zip(*self._parts, strict=True))]
        return self._parts[0]


def _around(times: Times, severity: NDArray[np.float64], peak: int) -> tuple[int, int]:
    """From when to when one machine's severity was at least half of its ``peak``."""
    calm = np.flatnonzero(severity < severity[peak] / 2)
    after = int(np.searchsorted(calm, peak))
    first = calm[after - 1] + 1 if after else 0
    last = calm[after] - 1 if after < len(calm) else len(times) - 1
    return int(times[first]), int(times[last])
