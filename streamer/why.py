"""Why is somebody told? A sentence and the evidence behind one severity."""

from __future__ import annotations

import math

import numpy as np

from detectors import attribution, quality
from streamer.alerts import NS, Rule, Why
from streamer.config import MachineClass, MachineRule
from streamer.records import Evidence
from streamer.score_columns import ScoreColumns
from streamer.stages import Block, Stages


class Explainer:
    """Explains readings of one machine class to its alert rules."""

    def __init__(self, config: MachineClass, stages: Stages, columns: ScoreColumns) -> None:
        self._config = config
        self._names = list(config.sensors)
        self._sensors = list(config.sensors.values())
        self._stages = stages
        self._columns = columns

    def why(self, block: Block, i: int, rule: Rule) -> Why:
        """What reading ``i`` says to a rule that it matters to."""
        if rule.kind == "instrument":
            return self._instrument(block, i)
        spec = self._config.alerts[rule.name]
        assert isinstance(spec, MachineRule)
        kept = self._columns.without(block.scores[i : i + 1], block.excused[i : i + 1])[0]
        return self._machine(block, i, self._columns.strongest(kept, spec.detectors))

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
        blamed = np.flatnonzero(np.isin(block.blame[i], attribution.INSTRUMENT))
        if not len(blamed):  # a good value while the alert is still on: its story does not change
            return Why("", Evidence())
        judged = int(blamed[0])
        sensor = self._stages.health[judged]
        name, value = self._names[sensor], float(block.values[i, sensor])
        other = self._sensors[sensor].follower or "what it goes with"
        sentence = attribution.explain(int(block.blame[i, judged]), name, other)
        expected = _finite(float(block.expected[i, sensor]))
        return Why(sentence, Evidence(sensor=name, value=_finite(value), expected=expected))

    def _machine(self, block: Block, i: int, column: int) -> Why:
        key, which = self._columns.owner[column]
        score, limit = float(block.scores[i, column]), float(self._columns.limits[column])
        if not self._stages.detectors[key].univariate:
            return Why(
                f"{key} scores {score:.3g}, limit {limit:.3g}",
                Evidence(detector=key, score=score, limit=limit),
            )
        sensor = self._stages.health[which]
        name, unit = self._names[sensor], self._sensors[sensor].unit
        value, expected = float(block.values[i, sensor]), float(block.expected[i, sensor])
        return Why(
            f"{name} is {value:.4g} {unit}, expected {expected:.4g} {unit} "
            f"({key} {score:.3g}, limit {limit:.3g})",
            Evidence(
                sensor=name,
                value=_finite(value),
                expected=_finite(expected),
                detector=key,
                score=score,
                limit=limit,
            ),
        )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
