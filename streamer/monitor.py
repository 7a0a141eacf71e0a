"""From readings to scores and alerts, for all machines of one class. No I/O, no clock.

The order of the stages is the design::

    quality → assemble → context → frozen charts → gate → learning detectors → judge

A value that is not believed reaches no learner. Everything after ``context`` works on standardised
residuals: what is left of a value when the operating point has explained its share. The charts
whose reference freezes by itself speak first; where they find a machine strange, the gate keeps the
detectors that go on learning from learning it.

Every stage walks the readings in order and keeps its state in arrays, so the same readings give the
same bits however they were cut into turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors import quality
from detectors.assemble import Assembler
from detectors.base import Fleet, FleetDetector, Mask, Rows, Values
from detectors.context import BinnedContext
from detectors.reference import Gate
from streamer.alerts import NS, AlertBook, Rule, Why
from streamer.config import InstrumentRule, MachineClass, MachineRule, SilentRule
from streamer.instrument import Doubt, InstrumentWatch
from streamer.records import (
    AlertEvent,
    Columns,
    Evidence,
    Machine,
    Points,
    Schema,
    Tick,
    Times,
)


class Judged(NamedTuple):
    """What became of one turn's readings of a class."""

    points: Points
    alerts: list[AlertEvent]


class _Block(NamedTuple):
    """The columns of one turn as the stages see them: fresh readings only."""

    rows: Rows
    times: Times
    values: Values
    codes: Mask
    expected: Values
    scores: Values
    doubts: dict[int, Doubt]


class ClassMonitor:
    """Scores and judges the readings of one machine class.

    Parameters
    ----------
    name, config
        The class and its section of the configuration.
    machines
        The roster's list, by row; it may grow between turns.
    """

    def __init__(self, name: str, config: MachineClass, machines: Sequence[Machine]) -> None:
        self.name = name
        self.schema = Schema(name, tuple(config.sensors), config.score_columns)
        self._config = config
        self._machines = machines
        self._sensors = list(config.sensors.values())
        self._health = [self.schema.sensors.index(sensor) for sensor in config.health]
        self._build_stages(config)
        self._plan_scores(config)
        self.book = AlertBook(machines, self._rules(), self._silent_s())

    def _build_stages(self, config: MachineClass) -> None:
        low, high = zip(*(s.range for s in self._sensors), strict=True)
        resolution = [s.resolution for s in self._sensors]
        n, context = len(self._sensors), self._context_indices()
        judged = [i in self._health for i in range(n)]
        self._quality = quality.Quality(
            n,
            low=low,
            high=high,
            stuck_s=[s.stuck_s for s in self._sensors],
            resolution=resolution,
            max_step=[s.max_step for s in self._sensors],
            **self._moving(),
        )
        self._watch = InstrumentWatch(n)
        self._assembler = Assembler(n, max_age_s=config.max_age_s, sample_s=config.sample_s)
        self._context = BinnedContext(
            n,
            low=low,
            high=high,
            context=context,
            judged=judged,
            lag_s=[s.context_lag_s for s in self._sensors],
            resolution=resolution,
            bins=config.context.bins,
            bin_readings=config.context.bin_readings,
        )
        self._samples = Assembler(
            n, max_age_s=config.max_age_s, sample_s=config.sample_s, required=judged
        )
        names = self.schema.sensors
        self._relative = [
            (i, names.index(s.relative_to))
            for i, s in enumerate(self._sensors)
            if s.relative_to is not None
        ]
        self._gate = Gate()
        self._detectors = {
            key: one.build(len(self._health)) for key, one in config.detectors.items()
        }

    def _context_indices(self) -> list[int]:
        names = self.schema.sensors
        return [-1 if s.context is None else names.index(s.context) for s in self._sensors]

    def _moving(self) -> dict[str, Any]:
        moving = self._config.moving
        if moving is None:
            return {}
        index = self.schema.sensors.index(moving.sensor)
        return {"moving_sensor": index, "moving_above": moving.above}

    def _plan_scores(self, config: MachineClass) -> None:
        """Which score columns each detector fills, and what each column is divided by."""
        self._columns: dict[str, slice] = {}
        self._limits = np.empty(len(self.schema.scores))
        self._owner: list[tuple[str, int]] = []
        start = 0
        for key, detector in self._detectors.items():
            columns = slice(start, start + detector.n_scores)
            self._columns[key] = columns
            self._limits[columns] = config.detectors[key].limit
            self._owner += [(key, k) for k in range(detector.n_scores)]
            start = columns.stop
        self._frozen = [key for key, d in self._detectors.items() if d.frozen]
        self._learning = [key for key, d in self._detectors.items() if not d.frozen]

    def _rules(self) -> list[Rule]:
        return [
            Rule(name, rule.kind, rule.hold_s, rule.keep_firing_s, getattr(rule, "clear", 0.8))
            for name, rule in self._config.alerts.items()
            if not isinstance(rule, SilentRule)
        ]

    def _silent_s(self) -> float:
        silent = [r for r in self._config.alerts.values() if isinstance(r, SilentRule)]
        return min((rule.after_s for rule in silent), default=0.0)

    # One turn.

    def step(self, readings: Columns) -> Judged:
        """Score and judge a turn's readings, then learn them. Late ones are passed over."""
        self.reserve(len(self._machines))
        fresh = np.flatnonzero(readings.flags == 0)
        everything = len(fresh) == len(readings.rows)
        block, severities = self._score(readings if everything else _take(readings, fresh))
        alerts = self.book.judge(
            block.rows, block.times, severities, lambda i, r: self._why(block, i, r)
        )
        points = self._points(readings, block, fresh)
        return Judged(points, alerts)

    def reserve(self, machines: int) -> None:
        """Make room for so many machines in every stage."""
        for stage in self._stages().values():
            stage.reserve(machines)

    def tick(self, tick: Tick, last_seen: Times) -> list[AlertEvent]:
        """Judge silence; ``last_seen`` is the newest event time of each machine."""
        return self.book.tick(tick, last_seen)

    def tick_matters(self, tick: Tick, last_seen: Times) -> bool:
        """Whether `tick` would change anything."""
        return self.book.tick_matters(tick, last_seen)

    def _score(self, readings: Columns) -> tuple[_Block, list[NDArray[np.float64]]]:
        rows, times, values = readings.rows, readings.times, readings.values
        codes = self._quality.judge(rows, times, values)
        instrument, doubts = self._watch.walk(rows, times, codes)
        believed = quality.believed(values, codes)
        full, _ = self._assembler.assemble(rows, times, believed)
        residuals, expected = self._explain(rows, times, believed, full)
        scores = np.full((len(rows), len(self._limits)), np.nan)
        self._run_frozen(rows, residuals, scores)
        learn = self._gate.walk(rows, times, self._severity(scores, self._frozen))
        self._run_learning(rows, times, residuals, learn, scores)
        block = _Block(rows, times, values, codes, expected, scores, doubts)
        return block, [self._rule_severity(rule, scores, instrument) for rule in self.book.rules]

    def _explain(
        self, rows: Rows, times: Times, believed: Values, full: Values
    ) -> tuple[Values, Values]:
        """Residuals and expected values; a sensor relative to another is compared by difference."""
        if not self._relative:
            return self._context.walk(rows, times, believed, full)
        offsets = np.zeros_like(full)
        for sensor, other in self._relative:
            offsets[:, sensor] = full[:, other]
        residuals, expected = self._context.walk(rows, times, believed - offsets, full)
        return residuals, expected + offsets

    def _run_frozen(self, rows: Rows, residuals: Values, scores: Values) -> None:
        health = np.ascontiguousarray(residuals[:, self._health])
        always = np.ones(len(rows), dtype=np.uint8)
        for key in self._frozen:
            scores[:, self._columns[key]] = self._detectors[key].walk(rows, health, always)

    def _run_learning(
        self, rows: Rows, times: Times, residuals: Values, learn: Mask, scores: Values
    ) -> None:
        health = np.ascontiguousarray(residuals[:, self._health])
        sampled, due = self._samples.assemble(rows, times, residuals)
        whole = np.flatnonzero(due)
        samples = np.ascontiguousarray(sampled[whole][:, self._health])
        for key in self._learning:
            detector, columns = self._detectors[key], self._columns[key]
            if detector.univariate:
                scores[:, columns] = detector.walk(rows, health, learn)
            else:
                scores[whole, columns] = detector.walk(rows[whole], samples, learn[whole])

    def _severity(self, scores: Values, keys: Sequence[str]) -> NDArray[np.float64]:
        """Largest score/limit over the columns of these detectors, f8[n]; NaN where none spoke."""
        columns = [k for key in keys for k in range(*self._columns[key].indices(len(self._limits)))]
        if not columns:
            return np.full(len(scores), np.nan)
        severity: Values = np.fmax.reduce(scores[:, columns] / self._limits[columns], axis=1)
        return severity

    def _rule_severity(
        self, rule: Rule, scores: Values, instrument: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        spec = self._config.alerts[rule.name]
        if isinstance(spec, InstrumentRule):
            return instrument
        assert isinstance(spec, MachineRule)
        return self._severity(scores, spec.detectors)

    def _points(self, readings: Columns, block: _Block, fresh: NDArray[np.intp]) -> Points:
        severity = self._severity(block.scores, list(self._detectors))
        if len(fresh) == len(readings.rows):
            return Points(self.schema, readings, block.scores, severity, block.codes)
        n = len(readings.rows)
        scores = np.full((n, len(self._limits)), np.nan)
        strangeness = np.full(n, np.nan)
        codes = np.zeros((n, len(self._sensors)), dtype=np.uint8)
        scores[fresh], strangeness[fresh], codes[fresh] = block.scores, severity, block.codes
        return Points(self.schema, readings, scores, strangeness, codes)

    # Why.

    def _why(self, block: _Block, i: int, r: int) -> Why:
        rule = self.book.rules[r]
        if rule.kind == "instrument":
            return self._why_instrument(block, i)
        return self._why_machine(block, i, self._config.alerts[rule.name])

    def _why_instrument(self, block: _Block, i: int) -> Why:
        doubt = block.doubts.get(i)
        if doubt is None:  # a good value while the alert is still on: its story does not change
            return Why("", Evidence())
        sensor, name = self._sensors[doubt.sensor], self.schema.sensors[doubt.sensor]
        value = float(block.values[i, doubt.sensor])
        stuck_s = sensor.stuck_s if doubt.code == quality.STUCK else 0.0
        minutes = (stuck_s + (int(block.times[i]) - doubt.since_ns) / NS) / 60
        sentence = quality.explain(
            doubt.code,
            value,
            unit=sensor.unit,
            low=sensor.range[0],
            high=sensor.range[1],
            max_step=sensor.max_step,
            minutes=minutes,
        )
        return Why(f"{name}: {sentence}", Evidence(sensor=name, value=_finite(value)))

    def _why_machine(self, block: _Block, i: int, rule: object) -> Why:
        assert isinstance(rule, MachineRule)
        k = self._strongest(block.scores[i], rule.detectors)
        key, which = self._owner[k]
        score, limit = float(block.scores[i, k]), float(self._limits[k])
        if not self._detectors[key].univariate:
            return Why(
                f"{key} scores {score:.3g}, limit {limit:.3g}",
                Evidence(detector=key, score=score, limit=limit),
            )
        sensor = self._health[which]
        return self._why_sensor(block, i, sensor, Evidence(detector=key, score=score, limit=limit))

    def _why_sensor(self, block: _Block, i: int, sensor: int, found: Evidence) -> Why:
        name, unit = self.schema.sensors[sensor], self._sensors[sensor].unit
        value, expected = float(block.values[i, sensor]), float(block.expected[i, sensor])
        sentence = (
            f"{name} is {value:.4g} {unit}, expected {expected:.4g} {unit} "
            f"({found.detector} {found.score:.3g}, limit {found.limit:.3g})"
        )
        return Why(
            sentence,
            Evidence(
                sensor=name,
                value=_finite(value),
                expected=_finite(expected),
                detector=found.detector,
                score=found.score,
                limit=found.limit,
            ),
        )

    def _strongest(self, scores: Values, keys: Sequence[str]) -> int:
        allowed = np.array([owner in keys for owner, _ in self._owner])
        ratio = np.where(allowed, scores / self._limits, np.nan)
        return int(np.nanargmax(ratio))

    # State.

    def _stages(self) -> dict[str, Fleet]:
        return {
            "quality": self._quality,
            "instrument": self._watch,
            "assemble": self._assembler,
            "context": self._context,
            "samples": self._samples,
            "gate": self._gate,
            **{f"detector.{key}": detector for key, detector in self._detectors.items()},
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything learnt, for the snapshot: ``stage/array`` → array."""
        rows = len(self._machines)
        self.reserve(rows)  # a class that nobody has spoken of yet has no arrays
        return {
            f"{stage}/{name}": array[:rows]
            for stage, fleet in self._stages().items()
            for name, array in fleet.state.items()
        }

    def restore(self, arrays: dict[str, NDArray[Any]], alerts: bytes) -> None:
        """Take over what an earlier run learnt; ValueError where it does not fit."""
        for stage, fleet in self._stages().items():
            prefix = f"{stage}/"
            state = {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}
            fleet.restore(state)
        self.book.restore(alerts)

    def ready(self, row: int) -> float:
        """Share of a machine's learning that is done, 0 … 1: its slowest stage decides."""
        detectors: list[FleetDetector] = list(self._detectors.values())
        stages: list[Callable[[int], float]] = [self._context.ready, *(d.ready for d in detectors)]
        return min(ready(row) for ready in stages)


def _take(readings: Columns, which: NDArray[np.intp]) -> Columns:
    return Columns(
        readings.rows[which], readings.times[which], readings.values[which], readings.flags[which]
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
