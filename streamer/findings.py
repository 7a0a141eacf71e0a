"""What the stages find in one turn of readings: the columns that pass from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.attribution import INSTRUMENT, MACHINE, MISLED, WRONG_WAY
from detectors.base import Mask, Rows, Values
from detectors.siblings import Shared
from streamer.adaptation import Adapted
from streamer.instrument import Doubt
from streamer.records import Times


class Charted(NamedTuple):
    """What the multicharts say of each judged sensor, each [n, H]; NaN and 0 where they are silent.

    Severities are signed: below zero the sensor reads less than it should.
    """

    alone: Values
    """Severity of its residual."""
    beside: Values
    """Severity of its residual adjusted for the others."""
    alone_since: Times
    """Since when it has been away, ns."""
    beside_since: Times
    taken: Values
    """Severity of what is missing of it, for what the machine is given; never below zero."""
    taken_since: Times

    @property
    def besides(self) -> Values:
        """The strangest of what speaks beside the residuals alone; what is missing is below."""
        strangest: Values = np.where(self.taken > np.abs(self.beside), -self.taken, self.beside)
        return np.where(np.isnan(self.beside), -self.taken, strangest)


class Block(NamedTuple):
    """The columns of one turn as the stages see them: fresh readings only."""

    rows: Rows
    times: Times
    values: Values
    codes: Mask
    expected: Values
    band: Values
    """One standard deviation of a value about what is expected, in the sensor's unit."""
    residuals: Values
    """What is left of each value when its context has explained its share, standardised."""
    scores: Values
    charted: Charted
    blame: Mask
    """Per judged sensor: what its strangeness is put down to, a code of `detectors.attribution`."""
    shared: Shared
    """Which strangeness other machines share."""
    severities: Values
    """Per judged sensor: what its frozen charts said last, 0 where it is excused."""
    health: Values
    """Health index of each component, 0 … 100."""
    doubts: dict[int, Doubt]
    adapted: Sequence[Adapted]
    """What was learnt after the learning time, and where a budget is spent."""

    @property
    def blamed(self) -> NDArray[np.bool_]:
        """Per judged sensor: whether its instrument is to blame, and it alone."""
        if not self.blame.any():
            return np.zeros(self.blame.shape, dtype=np.bool_)
        together = self.shared.evidence != 0
        # Who misleads sensors that all machines share is no instrument, but the weather.
        shared = ((self.blame == MISLED) & together).any(axis=1)
        blamed: NDArray[np.bool_] = np.isin(self.blame, INSTRUMENT) & ~together
        blamed &= ~((self.blame == WRONG_WAY) & shared[:, np.newaxis])
        return blamed

    @property
    def excused(self) -> NDArray[np.bool_]:
        """Per judged sensor: whether its strangeness is not put down to the machine."""
        return excused(self.blame, self.shared)


def excused(blame: Mask, shared: Shared) -> NDArray[np.bool_]:
    """Whether a sensor's strangeness is put down to its instrument or to all of the fleet."""
    found: NDArray[np.bool_] = (blame != MACHINE) | (shared.together != 0)
    return found


class Findings(NamedTuple):
    """What there is to be judged of a turn's readings, each f8[n, H] over the health sensors."""

    values: Values
    """As reported and believed."""
    residuals: Values
    """What the context does not explain of them, standardised."""
    adjusted: Values
    """What the other sensors do not explain of those either; only where a row is whole."""
    yields: Values
    """How much more was given than the machine shows to have felt, in the column that shows it."""
    whole: NDArray[np.intp]
    """The readings that complete a row of all sensors, …"""
    samples: Values
    """… and the residuals of those rows, f8[whole, H]."""
    expected: Values
    """In each sensor's unit, f8[n, S]."""
    band: Values
    """One standard deviation about it, f8[n, S]."""
    operating: Mask
    """Whether the machine does what wears it, u1[n]."""
    resting: Mask
    """Whether it is known to rest, or to work, a code of `detectors.attribution`, u1[n]."""
    adapted: Sequence[Adapted]
    """What was learnt after the learning time, and where a budget is spent."""
