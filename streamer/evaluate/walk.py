"""All entrants side by side through the same readings, in the same order."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.metrics import FaultSpan
from streamer.alert_spans import alert_spans
from streamer.config import MachineClass
from streamer.evaluate.baselines import BASELINES
from streamer.evaluate.engines import (
    OURS,
    Product,
    Severity,
    Usual,
    Verdict,
    machine_rule,
    sensor_facts,
)
from streamer.evaluate.outcome import Run, Said
from streamer.evaluate.trace import BAND_SIGMA, Trace
from streamer.monitor import Judged
from streamer.records import AlertEvent, Columns, Machine, Times, Values

Progress = Callable[[int], None]
"""Told now and then how many readings are through."""

Feed = Callable[[Product], Iterable[Judged]]
"""Steps the product's monitor through the readings, stretch by stretch."""


class Course(NamedTuple):
    """What there is to walk, and what was really there; the entrants are told only of the first."""

    machine_class: str
    machines: Sequence[Machine]
    """By row."""
    feed: Feed
    faults: Sequence[FaultSpan]
    start_ns: int
    end_ns: int
    period_s: float
    """Between two readings of a machine, as a rule."""
    readings: float = 1.0
    """How many there will be, more or less, to show how far a walk has come."""


class Walked(NamedTuple):
    """A course as all entrants saw it."""

    run: Run
    said: Mapping[str, Said]
    """By entrant."""
    traces: list[Trace]
    learnt: float
    """Share of the product's learning that was done at the end, of the machine with the least."""


def walk(
    course: Course,
    config: MachineClass,
    *,
    baselines: Sequence[str] = (),
    traced: Sequence[str] = (),
    progress: Progress = lambda _: None,
) -> Walked:
    """Let the product, each of its detectors and the baselines judge a course's readings.

    Parameters
    ----------
    course
        The readings.
    config
        The machine class that the product runs with.
    baselines
        Names in `BASELINES`.
    traced
        Names of machines to keep a trace of.
    progress
        See `Progress`.
    """
    names = [machine.name for machine in course.machines]
    product = Product(course.machine_class, config, course.machines)
    log = _Log(product, list(_usual(baselines, config, course.machines, course.period_s)))
    kept = _Kept([names.index(name) for name in traced])
    for judged in course.feed(product):
        verdicts = log.add(judged)
        kept.add(judged, verdicts)
        progress(log.readings)
    run = Run(names, course.faults, *log.when(), course.start_ns, course.end_ns, course.period_s)
    said = log.said()
    ready = product.monitor.stages.ready
    learnt = min((ready(row) for row in range(len(names))), default=1.0)
    return Walked(run, said, list(kept.traces(names, config, run.faults, said)), learnt)


def columns(rows: NDArray[np.int32], times: Times, values: Values) -> Columns:
    """Fresh readings; those in which no sensor reports are none."""
    spoke = ~np.isnan(values).all(axis=1)
    return Columns(
        rows[spoke],
        times[spoke],
        np.ascontiguousarray(values[spoke]),
        np.zeros(int(spoke.sum()), dtype=np.uint8),
    )


def _usual(
    names: Sequence[str], spec: MachineClass, machines: Sequence[Machine], period_s: float
) -> Iterator[Usual]:
    facts, rule = sensor_facts(spec), machine_rule(spec)
    for name in names:
        baseline = BASELINES[name](facts, len(machines), period_s)
        yield Usual(name, baseline, machines, rule, [fact.name for fact in facts])


class _Log:
    """All that the entrants said, until it can be scored."""

    def __init__(self, product: Product, usual: Sequence[Usual]) -> None:
        self._product, self._usual = product, usual
        self.about = {**product.entrants, **{one.name: one.about for one in usual}}
        self.readings = 0
        self._when: list[tuple[NDArray[np.int32], NDArray[np.int64]]] = []
        self._severity: dict[str, list[NDArray[np.float32]]] = {name: [] for name in self.about}
        self._alerts: dict[str, list[AlertEvent]] = {name: [] for name in self.about}
        # What the product has cost is its monitor's; its detectors have no run of their own.
        self._cpu_s = {one.name: 0.0 for one in usual}

    def add(self, judged: Judged) -> Mapping[str, Verdict]:
        """Take in what the product said, and let the others judge the same readings."""
        block = judged.block
        verdicts = dict(self._product.verdicts(judged))
        for one in self._usual:
            began_s = time.process_time()
            verdicts[one.name] = one.judge(block.rows, block.times, block.values)
            self._cpu_s[one.name] += time.process_time() - began_s
        for name, verdict in verdicts.items():
            self._severity[name].append(verdict.severity.astype(np.float32))
            self._alerts[name] += verdict.alerts
        self._when.append((block.rows, block.times))
        self.readings += len(block.rows)
        return verdicts

    def when(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Row and time of every reading."""
        rows, times = zip(*self._when, strict=True)
        return np.concatenate(rows), np.concatenate(times)

    def said(self) -> dict[str, Said]:
        """All of it, by entrant."""
        cpu_s = {OURS: self._product.monitor.cpu_s, **self._cpu_s}
        return {
            name: Said(
                about,
                np.concatenate(self._severity[name]),
                alert_spans(self._alerts[name]),
                cpu_s.get(name, math.nan),
            )
            for name, about in self.about.items()
        }


class _Part(NamedTuple):
    """One machine's share of a stretch of readings."""

    times: Times
    values: Values
    expected: Values
    band: Values
    severity: Mapping[str, Severity]


class _Kept:
    """Keeps some machines' readings and what was said of them."""

    def __init__(self, rows: Sequence[int]) -> None:
        self._parts: dict[int, list[_Part]] = {row: [] for row in rows}

    def add(self, judged: Judged, verdicts: Mapping[str, Verdict]) -> None:
        """Take in a stretch of readings."""
        if not self._parts:
            return
        block, band = judged.block, BAND_SIGMA * judged.block.band
        order = np.argsort(block.rows, kind="stable")
        ordered = block.rows[order]
        for row, parts in self._parts.items():
            own = order[np.searchsorted(ordered, row) : np.searchsorted(ordered, row, "right")]
            severity = {name: one.severity[own] for name, one in verdicts.items()}
            parts.append(
                _Part(block.times[own], block.values[own], block.expected[own], band[own], severity)
            )

    def traces(
        self,
        names: Sequence[str],
        spec: MachineClass,
        faults: Sequence[FaultSpan],
        said: Mapping[str, Said],
    ) -> Iterator[Trace]:
        """One for each machine; its parts are let go with it."""
        for row in list(self._parts):
            yield _trace(names[row], self._parts.pop(row), spec, faults, said)


def _trace(
    machine: str,
    parts: Sequence[_Part],
    spec: MachineClass,
    faults: Sequence[FaultSpan],
    said: Mapping[str, Said],
) -> Trace:
    return Trace(
        machine=machine,
        sensors=tuple(spec.sensors),
        units=tuple(sensor.unit for sensor in spec.sensors.values()),
        health=tuple(spec.health),
        times=np.concatenate([part.times for part in parts]),
        values=np.concatenate([part.values for part in parts]),
        expected=np.concatenate([part.expected for part in parts]),
        band=np.concatenate([part.band for part in parts]),
        severity={
            name: np.concatenate([part.severity[name] for part in parts])
            for name in parts[0].severity
        },
        alerts={
            name: [alert for alert in one.alerts if alert.machine == machine]
            for name, one in said.items()
        },
        faults=[fault for fault in faults if fault.machine == machine],
    )
