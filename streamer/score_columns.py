"""Which score columns each detector fills, and what each column is divided by to be a severity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.base import FleetDetector, Values


class ScoreColumns:
    """The columns of f8[n, K] scores, in the order of the detectors.

    Parameters
    ----------
    detectors
        Name → detector; a univariate one fills a column per sensor, the others fill one.
    limits
        Name → the score at which its severity is 1.

    Attributes
    ----------
    of
        Name → its slice of the columns.
    owner
        Per column: the detector's name, and which of its columns it is.
    limits
        f8[K], per column.
    """

    def __init__(self, detectors: Mapping[str, FleetDetector], limits: Mapping[str, float]) -> None:
        self.of: dict[str, slice] = {}
        self.owner: list[tuple[str, int]] = []
        for key, detector in detectors.items():
            self.of[key] = slice(len(self.owner), len(self.owner) + detector.n_scores)
            self.owner += [(key, k) for k in range(detector.n_scores)]
        self.limits = np.array([limits[key] for key, _ in self.owner])

    def empty(self, n: int) -> Values:
        """Columns for ``n`` readings of which nothing is known yet."""
        return np.full((n, len(self.owner)), np.nan)

    def severity(self, scores: Values, keys: Sequence[str]) -> NDArray[np.float64]:
        """Largest score/limit over the columns of these detectors, f8[n]; NaN where none spoke."""
        severity = np.full(len(scores), np.nan)
        for where in (self.of[key] for key in keys):
            # Column by column: across the few of a reading NumPy is eight times as slow.
            for column, limit in zip(scores[:, where].T, self.limits[where], strict=True):
                np.fmax(severity, column / limit, out=severity)
        return severity

    def per_sensor(self, scores: Values, keys: Sequence[str], sensors: int) -> Values:
        """Largest score/limit of each sensor over the columns that are its own, f8[n, sensors]."""
        largest = np.full((len(scores), sensors), np.nan)
        for where in (self.of[key] for key in keys):
            if where.stop - where.start == sensors:
                np.fmax(largest, scores[:, where] / self.limits[where], out=largest)
        return largest

    def without(self, scores: Values, sensors: NDArray[np.bool_]) -> Values:
        """Scores with 0 for every spoken one of ``sensors`` bool[n, H], which are not to count."""
        if not sensors.any():
            return scores
        kept = scores.copy()
        which = np.nonzero(sensors)
        for where in self.of.values():
            if where.stop - where.start == sensors.shape[1]:
                own = kept[:, where]
                own[which] = np.where(np.isfinite(own[which]), 0.0, own[which])
        return kept

    def strongest(self, scores: Values, keys: Sequence[str]) -> int:
        """The column of these detectors in which one reading's score is farthest over its limit."""
        allowed = np.array([owner in keys for owner, _ in self.owner])
        return int(np.nanargmax(np.where(allowed, scores / self.limits, np.nan)))
