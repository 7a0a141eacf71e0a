"""Why is somebody told? A sentence and the evidence behind one severity."""

from __future__ import annotations

import numpy as np

from detectors import quality
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
        return self._machine(block, i, self._columns.strongest(block.scores[i], spec.detectors))

    def _instrument(self, block: Block, i: int) -> Why:
        doubt = block.doubts.get(i)
        if doubt is None:  # a good value while the alert is still on: its story does not change
            return Why("", Evidence())
        sensor, name = self._sensors[doubt.sensor], self._names[doubt.sensor]
        value = float(block.values[i, doubt.sensor])
        stuck_s = sensor.stuck_s if doubt.code == quality.STUCK else 0.0
        sentence = quality.explain(
            doubt.code,
            value,
            unit=sensor.unit,
            low=sensor.low,
            high=sensor.high,
            max_step=sensor.max_step,
            minutes=(stuck_s + (int(block.times[i]) - doubt.since_ns) / NS) / 60,
        )
        return Why(f"{name}: {sentence}", Evidence(sensor=name, value=_finite(value)))

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
