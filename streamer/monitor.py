"""From readings to scores and alerts, for all machines of one class. No I/O, no clock.

The order of the stages is the design::

    quality → assemble → context → flicker → frozen charts
    → whose fault → gate → learning detectors → judge

A value that is not believed reaches no learner. Everything after ``context`` works on standardised
residuals: what is left of a value when the operating point has explained its share. The charts
whose reference freezes by itself speak first; where they find a machine strange, the gate keeps the
detectors that go on learning from learning it.

Every stage walks the readings in order and keeps its state in arrays, so the same readings give the
same bits however they were cut into turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamer.adaptation import events
from streamer.alerts import AlertBook, Rule
from streamer.config import InstrumentRule, MachineClass, MachineRule, SilentRule
from streamer.findings import Block, excused
from streamer.panel import Panel
from streamer.records import AlertEvent, Columns, Machine, Points, Schema, Tick, Times, Verb
from streamer.service import hidden
from streamer.stages import Stages
from streamer.verbs import Orders
from streamer.why import Explainer, fleet_rules


class Judged(NamedTuple):
    """What became of one turn's readings of a class."""

    points: Points
    alerts: list[AlertEvent]
    block: Block
    """The fresh readings as the stages saw them."""


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
        columns = (*config.score_columns, *config.health_columns)
        self.schema = Schema(name, tuple(config.sensors), columns)
        self.stages = Stages(config)
        self.book = AlertBook(machines, _rules(config), _silent_s(config), fleet_rules(config))
        self._config = config
        self._machines = machines
        self._orders = Orders(self.stages, self.book, machines, self.schema.sensors)
        detectors = self.stages.detectors
        limits = {key: config.detectors[key].limit for key in detectors}
        self._panel = Panel(detectors, limits)
        self._columns = self._panel.columns
        self._explainer = Explainer(config, self.stages, self._columns)

    def step(self, readings: Columns) -> Judged:
        """Score and judge a turn's readings, then learn them. Late ones are passed over."""
        self.stages.reserve(len(self._machines))
        fresh = np.flatnonzero(readings.flags == 0)
        everything = len(fresh) == len(readings.rows)
        block, severities = self._score(readings if everything else _take(readings, fresh))
        rules = [*self.book.rules, *self.book.fleet_rules]
        alerts = self.book.judge(
            block.rows,
            block.times,
            severities,
            lambda i, r: self._explainer.why(block, i, rules[r]),
            list(self.stages.siblings.severity(block.shared).T),
            beside=events(block.adapted, block.rows, block.times, self._machines),
        )
        return Judged(self._points(readings, block, fresh), alerts, block)

    def obey(self, verb: Verb) -> list[AlertEvent]:
        """Carry out what an operator told, before the readings that come after it."""
        return self._orders.obey(verb)

    def tick(self, tick: Tick, last_seen: Times) -> list[AlertEvent]:
        """Judge silence; ``last_seen`` is the newest event time of each machine."""
        return self.book.tick(tick, self.stages.service.spoken_for(last_seen))

    def tick_matters(self, tick: Tick, last_seen: Times) -> bool:
        """Whether `tick` would change anything."""
        return self.book.tick_matters(tick, self.stages.service.spoken_for(last_seen))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything learnt, for the snapshot: ``stage/array`` → array."""
        return self.stages.arrays(len(self._machines))

    # The order of the stages.

    def _score(self, readings: Columns) -> tuple[Block, list[NDArray[np.float64]]]:
        stages, rows, times = self.stages, readings.rows, readings.times
        codes = stages.quality.judge(rows, times, readings.values)
        in_service = stages.service.active(rows)
        found = stages.findings(rows, times, readings.values, codes, in_service)
        codes = stages.with_flicker(rows, times, codes, found)
        instrument, doubts = stages.instrument.walk(rows, times, readings.values, codes)
        scores = self._columns.empty(len(rows))
        charted = self._panel.run_frozen(rows, times, found, scores)
        sides = charted.alone, charted.beside
        shared = stages.siblings.walk(rows, charted.alone, charted.besides, charted.taken)
        off = stages.zero.walk(rows, times, found.values, found.resting)
        blame = stages.attribution.walk(
            rows, times, found.residuals, *sides, found.resting, shared.evidence, off
        )
        severities, health = stages.health_of(
            rows, times, self._panel.severities(scores, excused(blame, shared)), found
        )
        learn = stages.gate.walk(rows, times, self._columns.severity(scores, self._panel.frozen))
        learn[in_service] = 0
        self._panel.run_learning(rows, times, found, learn, scores)
        residuals = np.full(readings.values.shape, np.nan)
        residuals[:, stages.health] = found.residuals
        block = Block(
            rows=rows,
            times=times,
            values=readings.values,
            codes=codes,
            expected=found.expected,
            band=found.band,
            residuals=residuals,
            scores=scores,
            charted=charted,
            blame=blame,
            shared=shared,
            severities=severities,
            health=health,
            doubts=doubts,
            adapted=found.adapted,
        )
        told = [self._severity(rule, block, instrument) for rule in self.book.rules]
        return block, [hidden(severity, in_service) for severity in told]

    def _severity(
        self, rule: Rule, block: Block, instrument: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """What a rule goes by: a sensor that is not believed speaks for its instrument alone."""
        spec = self._config.alerts[rule.name]
        if isinstance(spec, InstrumentRule):
            return np.where(block.blamed.any(axis=1), np.fmax(instrument, 1.0), instrument)
        assert isinstance(spec, MachineRule)
        believed = self._columns.without(block.scores, block.excused)
        return self._columns.severity(believed, spec.detectors)

    def _points(self, readings: Columns, block: Block, fresh: NDArray[np.intp]) -> Points:
        """What the sinks get: every reading, the late ones without scores."""
        severity = self._columns.severity(block.scores, [*self.stages.detectors])
        said = np.hstack([block.scores, block.health])
        n = len(readings.rows)
        if len(fresh) == n:
            return Points(self.schema, readings, said, severity, block.codes)
        scores, strangeness = np.full((n, said.shape[1]), np.nan), np.full(n, np.nan)
        codes = np.zeros((n, len(self.schema.sensors)), dtype=np.uint8)
        scores[fresh], strangeness[fresh], codes[fresh] = said, severity, block.codes
        return Points(self.schema, readings, scores, strangeness, codes)


def _rules(config: MachineClass) -> list[Rule]:
    return [
        Rule(name, rule.kind, rule.hold_s, rule.keep_firing_s, getattr(rule, "clear", 0.8))
        for name, rule in config.alerts.items()
        if not isinstance(rule, SilentRule)
    ]


def _silent_s(config: MachineClass) -> float:
    silent = [rule for rule in config.alerts.values() if isinstance(rule, SilentRule)]
    return min((rule.after_s for rule in silent), default=0.0)


def _take(readings: Columns, which: NDArray[np.intp]) -> Columns:
    return Columns(
        readings.rows[which], readings.times[which], readings.values[which], readings.flags[which]
    )
