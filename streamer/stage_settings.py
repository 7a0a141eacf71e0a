"""How the configuration of a class becomes the parameters of its stages.

Sensors have names in the configuration; stages know columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from detectors.attribution import Attribution
from detectors.flicker import Flicker
from detectors.health import HealthIndex
from detectors.quality import Quality
from detectors.zero import Zero
from streamer.config import MachineClass

BLOCK_S = 3600.0
"""Operating time of the shortest blocks in which a component's history is kept."""


def quality_of(config: MachineClass, names: list[str]) -> Quality:
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
        restless=[s.role == "context" for s in sensors],
    )


def _or_learnt(limit: float | None) -> float:
    return np.nan if limit is None else limit


def flicker_of(config: MachineClass) -> Flicker:
    """Each sensor that explains others is felt by the next that rests on it and explains as well.

    Those that are slow are none of them: what takes hours follows no step and makes none.
    """
    judged = list(config.health)
    steps = [
        judged.index(name)
        for name in config.explaining
        if name in judged and not config.sensors[name].slow
    ]
    felt = dict(pairwise(steps))
    return Flicker(
        len(judged),
        felt_by=[felt.get(column, -1) for column in range(len(judged))],
        resolution=[config.sensors[name].resolution for name in judged],
    )


def zero_of(config: MachineClass) -> Zero:
    """What rests and is not inert, as power: that of a vibration is never as still."""
    sensors = [config.sensors[name] for name in config.health]
    return Zero(len(sensors), rests=[one.silent_at_rest and not one.slow for one in sensors])


def condition_of(config: MachineClass) -> HealthIndex:
    judged = list(config.health)
    gap_s = min(config.max_age_s, 1e7)
    return HealthIndex(
        len(judged),
        components=[[judged.index(name) for name in part] for part in config.parts.values()],
        zones=[config.sensors[name].zones for name in judged],
        block_s=max(BLOCK_S, gap_s),
        max_gap_s=gap_s,
    )


def attribution_of(config: MachineClass) -> Attribution:
    judged = list(config.health)
    sensors = [config.sensors[name] for name in judged]
    both = [name for name in config.explaining if name in judged]
    return Attribution(
        len(judged),
        inert=[sensor.slow for sensor in sensors],
        rests=[sensor.silent_at_rest for sensor in sensors],
        harmless=[sensor.harmless for sensor in sensors],
        follower=[
            -1 if sensor.follower is None else judged.index(sensor.follower) for sensor in sensors
        ],
        explainer=[_explainer(name, both, judged) for name in judged],
    )


def _explainer(name: str, both: Sequence[str], judged: Sequence[str]) -> int:
    """The judged sensor that an expectation chiefly rests on: the last that explains it."""
    before = [other for other in both if judged.index(other) < judged.index(name)]
    return judged.index(before[-1]) if before else -1
