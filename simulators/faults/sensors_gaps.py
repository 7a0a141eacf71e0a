"""Faults of instruments that say nothing at times; what is not said is NaN and is not sent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from simulators.faults.base import Episode, SensorFault
from simulators.processes import Floats

BURST_READINGS = 10
"""Readings that a drop-out takes, on average."""
LOOSE_SHARE = 0.5
GAP_SHARE = 0.25
GAP_READINGS = 60
"""Readings for which a loose contact stays open, on average: an hour at one a minute."""


@dataclass(frozen=True, kw_only=True)
class MissingValue(SensorFault):
    """A fault of one instrument by which some of its readings are lost."""

    def on_instrument(self, t_s: Floats, values: Mapping[str, Floats], episode: Episode) -> None:
        if self.severity == 0:
            return
        # As many draws in every step, whether or not the fault is there.
        draws = episode.chance.random((len(t_s), 2)).T
        severity = self.severity_at(t_s)
        values[self.target][self.lost(severity, draws, episode)] = math.nan

    def lost(self, severity: Floats, draws: Floats, episode: Episode) -> NDArray[np.bool_]:
        """Which readings are lost; ``draws [2, k]`` are uniform."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class SensorDropout(MissingValue):
    """A sensor drops out in bursts; the severity is the share that is lost, 1 is silence."""

    name: ClassVar[str] = "sensor_dropout"
    fault_id: ClassVar[str] = "S7"

    def lost(self, severity: Floats, draws: Floats, episode: Episode) -> NDArray[np.bool_]:
        return walk_gaps(severity, BURST_READINGS, draws[0], episode)


@dataclass(frozen=True, kw_only=True)
class SensorIntermittent(MissingValue):
    """A loose contact loses single readings of a sensor, and at times all for long.

    At severity 1 it is open for a quarter of the time, for 60 readings on average, and of the rest
    it loses every second reading.
    """

    name: ClassVar[str] = "sensor_intermittent"
    fault_id: ClassVar[str] = "S9"

    def lost(self, severity: Floats, draws: Floats, episode: Episode) -> NDArray[np.bool_]:
        is_open = walk_gaps(GAP_SHARE * severity, GAP_READINGS, draws[0], episode)
        single: NDArray[np.bool_] = draws[1] < LOOSE_SHARE * severity
        return is_open | single


def walk_gaps(share: Floats, readings: float, draws: Floats, episode: Episode) -> NDArray[np.bool_]:
    """Which readings fall into gaps, ``[k]``: a chain of two states, "heard" and "lost".

    It leaves "lost" with probability ``1/L`` and "heard" with ``p/(L·(1 − p))`` for a share p to be
    lost in gaps of L readings on average; they are longer where so much must be lost that "heard"
    lasts for one reading.

    Args:
        share: p, 0 … 1, ``[k]``.
        readings: L.
        draws: uniform, ``[k]``.
        episode: remembers the state from block to block.
    """
    with np.errstate(divide="ignore"):
        begin = np.minimum(share / (readings * (1 - share)), 1.0)
    begin = np.where(share < 1, begin, 1.0)
    end = np.where(share > 0, begin * (1 - share) / np.where(share > 0, share, 1.0), 1.0)
    lost = episode.memory.get("lost", False)
    walked = np.empty(len(share), dtype=np.bool_)
    for i, draw in enumerate(draws.tolist()):
        lost = walked[i] = draw >= end[i] if lost else draw < begin[i]
    episode.memory["lost"] = lost
    return walked
