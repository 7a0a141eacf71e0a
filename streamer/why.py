"""Why is somebody told? A sentence and the evidence behind one severity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import numpy as np

from detectors import attribution, quality
from detectors.ewma_multichart import EwmaMultichartFleet
from streamer.alerts import NS, Rule, Why
from streamer.config import MachineClass, MachineRule
from streamer.findings import Block
from streamer.panel import sides
from streamer.records import Evidence
from streamer.score_columns import ScoreColumns
from streamer.stages import Stages

NAMED = 5
"""So many other sensors stand in the evidence, …"""
ALSO = 0.5
"""… and from this severity on in the sentence too."""

FLEET_HOLD_S = 3600.0
FLEET_KEEP_S = 21_600.0

Direction = Literal["", "above", "below"]


def fleet_rules(config: MachineClass) -> list[Rule]:
    """For each judged sensor the alert that many machines of the class move together on it."""
    return [
        Rule(f"fleet_drift_{name}", "fleet", FLEET_HOLD_S, FLEET_KEEP_S) for name in config.health
    ]


class Explainer:
    """Explains readings of one machine class to its alert rules."""

    def __init__(self, config: MachineClass, stages: Stages, columns: ScoreColumns) -> None:
        self._config = config
        self._names = list(config.sensors)
        self._sensors = list(config.sensors.values())
        self._fleet = {rule.name: i for i, rule in enumerate(fleet_rules(config))}
        self._stages = stages
        self._columns = columns

    def why(self, block: Block, i: int, rule: Rule) -> Why:
        """What reading ``i`` says to a rule that it matters to."""
        if rule.kind == "fleet":
            return self._drift(block, i, self._fleet[rule.name])
        if rule.kind == "instrument":
            return self._instrument(block, i)
        spec = self._config.alerts[rule.name]
        assert isinstance(spec, MachineRule)
        kept = self._columns.without(block.scores[i : i + 1], block.excused[i : i + 1])[0]
        return self._machine(block, i, self._columns.strongest(kept, spec.detectors))

    # Instruments, and all machines together.

    def _instrument(self, block: Block, i: int) -> Why:
        doubt = block.doubts.get(i)
        if doubt is None:
            return self._blamed(block, i)
        sensor, name = self._sensors[doubt.sensor], self._names[doubt.sensor]
        stuck_s = quality.STUCK_LEAST_S if sensor.stuck_s is None else sensor.stuck_s
        sentence = quality.explain(
            doubt.code,
            doubt.value,
            unit=sensor.unit,
            low=sensor.low,
            high=sensor.high,
            max_step=sensor.max_step or math.nan,
            minutes=(stuck_s + (int(block.times[i]) - doubt.since_ns) / NS) / 60,
        )
        return Why(f"{name}: {sentence}", Evidence(sensor=name, value=_finite(doubt.value)))

    def _blamed(self, block: Block, i: int) -> Why:
        """Of a sensor whose residuals give its instrument away."""
        blamed = np.flatnonzero(block.blamed[i])
        if not len(blamed):  # a good value while the alert is still on: its story does not change
            return Why("", Evidence())
        judged = int(blamed[0])
        sensor = self._stages.health[judged]
        name, value = self._names[sensor], float(block.values[i, sensor])
        other = self._sensors[sensor].follower or "what it goes with"
        sentence = attribution.explain(int(block.blame[i, judged]), name, other)
        expected = _finite(float(block.expected[i, sensor]))
        band = _finite(float(block.band[i, sensor]))
        told = Evidence(sensor=name, value=_finite(value), expected=expected, band=band)
        return Why(sentence, told)

    def _drift(self, block: Block, i: int, judged: int) -> Why:
        """Of a sensor that many machines have moved on together."""
        name = self._names[self._stages.health[judged]]
        moved, machines = int(block.shared.moved[i, judged]), int(block.shared.machines[i])
        sentence = (
            f"{name} has moved {'up' if moved > 0 else 'down'} on {abs(moved)} of {machines} "
            "machines together: what they share has changed, none of them is to blame"
        )
        return Why(sentence, Evidence(sensor=name, direction="above" if moved > 0 else "below"))

    # The machine.

    def _machine(self, block: Block, i: int, column: int) -> Why:
        key, which = self._columns.owner[column]
        score, limit = float(block.scores[i, column]), float(self._columns.limits[column])
        detector = self._stages.detectors[key]
        if not detector.univariate:
            others = self._contributions(block, i, None)
            evidence = Evidence(detector=key, score=score, limit=limit, contributions=others)
            return Why(f"{key} scores {score:.3g}, limit {limit:.3g}{_also(others)}", evidence)
        sensor = self._stages.health[which]
        value, expected = float(block.values[i, sensor]), float(block.expected[i, sensor])
        side, onset_ns = _direction(value - expected), None
        if isinstance(detector, EwmaMultichartFleet):
            signed, since = sides(block.charted, detector)
            side, onset_ns = _direction(float(signed[i, which])), int(since[i, which])
        if detector.reads == "yields":
            side = "below"  # what is missing of it
        component, health = self._health(block, i, which)
        evidence = Evidence(
            sensor=self._names[sensor],
            value=_finite(value),
            expected=_finite(expected),
            detector=key,
            score=score,
            limit=limit,
            band=_finite(float(block.band[i, sensor])),
            direction=side,
            onset_ns=onset_ns,
            contributions=self._contributions(block, i, which),
            component=component,
            health=health,
        )
        return Why(_sentence(evidence, self._sensors[sensor].unit, detector.reads), evidence)

    def _contributions(self, block: Block, i: int, which: int | None) -> dict[str, float]:
        """How strange the machine's other sensors are at that moment, the strangest first."""
        severity = np.nan_to_num(block.severities[i], nan=0.0)
        order = [int(k) for k in np.argsort(-severity, kind="stable") if severity[k] > 0]
        return {
            self._names[self._stages.health[k]]: round(float(severity[k]), 3)
            for k in [k for k in order if k != which][:NAMED]
        }

    def _health(self, block: Block, i: int, which: int) -> tuple[str, float | None]:
        """The worst of the components that a sensor belongs to, and its index."""
        parts = zip(self._stages.components, self._stages.condition.columns, strict=True)
        known = [
            (float(index), name)
            for (name, columns), index in zip(parts, block.health[i], strict=True)
            if which in columns and np.isfinite(index)
        ]
        if not known:
            return "", None
        index, name = min(known)
        return name, round(index, 1)


def _sentence(told: Evidence, unit: str, reads: str) -> str:
    """What a sensor reads, what it should, since when, and who else is strange.

    >>> also = {"gear": 0.7}
    >>> told = Evidence("oil", 66.2, 62.1, band=0.42, direction="above", contributions=also)
    >>> _sentence(told, "°C", "residuals")
    'oil is 66.2 °C, 4.1 °C above the 62.1 ± 0.42 °C that its context explains; also gear'
    >>> _sentence(told, "°C", "adjusted")
    'oil is 66.2 °C, 62.1 ± 0.42 °C expected: above what the other sensors explain; also gear'
    >>> _sentence(told, "°C", "yields")
    'oil is 66.2 °C, 62.1 ± 0.42 °C expected: on average too little for what is given; also gear'
    """
    unit = f" {unit}" if unit else ""
    is_ = f"{told.sensor} is {_number(told.value)}{unit}"
    since = "" if told.onset_ns is None else f", since {_time(told.onset_ns)}"
    return f"{is_}{_beside(told, unit, reads)}{since}{_also(told.contributions)}"


def _beside(told: Evidence, unit: str, reads: str) -> str:
    """How a value compares with what is expected of it."""
    if told.value is None or told.expected is None:
        return f" ({told.detector} {_number(told.score)}, limit {_number(told.limit)})"
    band = "" if told.band is None else f" ± {told.band:.2g}"
    expected = f"{told.expected:.4g}{band}{unit}"
    if reads == "adjusted":
        return f", {expected} expected: {told.direction} what the other sensors explain"
    if reads == "yields":
        return f", {expected} expected: on average too little for what is given"
    off = told.value - told.expected
    if _direction(off) == told.direction:
        return f", {abs(off):.2g}{unit} {told.direction} the {expected} that its context explains"
    return f", {expected} expected: on average {told.direction} what its context explains"


def _also(contributions: dict[str, float]) -> str:
    names: Sequence[str] = [name for name, one in contributions.items() if one >= ALSO]
    return f"; also {', '.join(names)}" if names else ""


def _direction(signed: float) -> Direction:
    """On which side of zero; nowhere where nobody knows."""
    return "above" if signed > 0 else "below" if signed < 0 else ""


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def _time(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // NS, UTC):%F %H:%M} UTC"


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
