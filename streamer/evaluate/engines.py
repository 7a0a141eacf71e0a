"""What is compared: the product's monitor, each of its detectors alone, and what people use today.

All of them see the same readings in the same order, and all raise their alerts through the same
alert engine, so that only the scores differ.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamer.alerts import AlertBook, Rule, Why
from streamer.config import MachineClass, MachineRule
from streamer.evaluate.baselines import Baseline, SensorFacts
from streamer.monitor import ClassMonitor, Judged
from streamer.records import AlertEvent, Columns, Evidence, Machine, Rows, Times, Values, Verb
from streamer.score_columns import ScoreColumns

OURS = "telltale"

Severity = NDArray[np.float64]


class Verdict(NamedTuple):
    """What one entrant says of a stretch of readings."""

    severity: Severity
    """``[n]``, 1.0 is its limit; NaN where it cannot speak."""
    alerts: list[AlertEvent]


class Product:
    """The product's own monitor: one entrant as configured, and one for each detector alone.

    The detectors share one run: who hears which of them does not change what they say.

    Parameters
    ----------
    machine_class, config
        The class and its section of the configuration.
    machines
        By row.
    """

    def __init__(
        self, machine_class: str, config: MachineClass, machines: Sequence[Machine]
    ) -> None:
        alone = {f"{OURS}: {key}": key for key in config.detectors}
        self.entrants = {OURS: "the product as configured"} | {
            entrant: f"our {key} alone, limit {config.detectors[key].limit:g}"
            for entrant, key in alone.items()
        }
        self._rules = {OURS: _heard(config)} | {name: (key,) for name, key in alone.items()}
        self._entrant_of = dict.fromkeys(config.alerts, OURS) | {name: name for name in alone}
        self.monitor = Recording(machine_class, _with_alone(config, alone), machines)
        limits = {key: config.detectors[key].limit for key in config.detectors}
        self._columns = ScoreColumns(self.monitor.stages.detectors, limits)

    def verdicts(self, judged: Judged) -> Mapping[str, Verdict]:
        """What a step of the monitor means for each entrant."""
        # The block's, not the points': late readings are stored, and judged by nobody.
        block = judged.block
        told = {OURS: self._columns.without(block.scores, block.excused)}
        return {
            entrant: Verdict(
                self._columns.severity(told.get(entrant, block.scores), keys),
                self._alerts(entrant, judged.alerts),
            )
            for entrant, keys in self._rules.items()
        }

    def _alerts(self, entrant: str, alerts: Sequence[AlertEvent]) -> list[AlertEvent]:
        return [a for a in alerts if self._entrant_of.get(a.rule, OURS) == entrant]


class Recording(ClassMonitor):
    """The monitor, which also keeps what it said last, and what it has cost."""

    heard: Judged
    cpu_s: float = 0.0
    _settled: Sequence[AlertEvent] = ()

    def obey(self, verb: Verb) -> list[AlertEvent]:
        """As ever; what it settles is said with the next step."""
        events = super().obey(verb)
        self._settled = [*self._settled, *events]
        return events

    def step(self, readings: Columns) -> Judged:
        """As ever."""
        began_s = time.process_time()
        judged = super().step(readings)
        self.heard = judged._replace(alerts=[*self._settled, *judged.alerts])
        self._settled = ()
        self.cpu_s += time.process_time() - began_s
        return self.heard


class Usual:
    """A baseline: its severity per reading, made alerts by the same engine as the product's.

    Parameters
    ----------
    name, baseline
        The entrant.
    machines
        By row.
    rule
        The delays; the product's own rule, so that they are the same.
    sensors
        Their names, by column.
    """

    def __init__(
        self,
        name: str,
        baseline: Baseline,
        machines: Sequence[Machine],
        rule: Rule,
        sensors: Sequence[str],
    ) -> None:
        self.about = baseline.about
        self.name, self._baseline, self._sensors = name, baseline, sensors
        self._book = AlertBook(machines, [rule._replace(name=name)], silent_s=0.0)

    def judge(self, rows: Rows, times: Times, values: Values) -> Verdict:
        """Score the readings, then see what that means for the alerts."""
        severity = self._baseline.score(rows, times, values)
        strangest = self._baseline.strangest()
        alerts = self._book.judge(
            rows, times, [severity], lambda i, _: self._why(int(strangest[i]), float(severity[i]))
        )
        return Verdict(severity, alerts)

    def _why(self, sensor: int, severity: float) -> Why:
        named = self._sensors[sensor] if sensor >= 0 else ""
        evidence = Evidence(sensor=named, detector=self.name, score=severity, limit=1.0)
        return Why(f"{self.name} is at {severity:.3g} of its limit", evidence)


def machine_rule(config: MachineClass) -> Rule:
    """The delays of the first alert about machines, or the defaults where there is none."""
    rules = (rule for rule in config.alerts.values() if isinstance(rule, MachineRule))
    first = next(rules, None) or MachineRule(kind="machine", detectors=("any",))
    return Rule("", "machine", first.hold_s, first.keep_firing_s, first.clear)


def sensor_facts(config: MachineClass) -> list[SensorFacts]:
    """What a baseline is told of the sensors: nothing that the product is not told too."""
    return [
        SensorFacts(
            name, sensor.unit, sensor.low, sensor.high, sensor.role in ("context", "covariate")
        )
        for name, sensor in config.sensors.items()
    ]


def _heard(config: MachineClass) -> tuple[str, ...]:
    """The detectors that the configured alerts listen to."""
    rules = (rule for rule in config.alerts.values() if isinstance(rule, MachineRule))
    return tuple(dict.fromkeys(key for rule in rules for key in rule.detectors))


def _with_alone(config: MachineClass, alone: Mapping[str, str]) -> MachineClass:
    """The class with one more rule for each detector, which hears that detector only."""
    delays = machine_rule(config)
    rules = {
        entrant: MachineRule(
            kind="machine",
            detectors=(key,),
            hold_s=delays.hold_s,
            keep_firing_s=delays.keep_firing_s,
            clear=delays.clear,
        )
        for entrant, key in alone.items()
    }
    return config.model_copy(update={"alerts": {**config.alerts, **rules}})
