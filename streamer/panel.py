"""The detectors of a machine class side by side: who reads what, and how strange each sensor is.

Charts whose reference freezes by itself speak first; what they say decides what the others may
learn, and whether a sensor or the machine is to blame.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from detectors.base import FleetDetector, Mask, Rows, Times, Values
from detectors.ewma_multichart import EwmaMultichartFleet
from streamer.score_columns import ScoreColumns
from streamer.stages import Findings


class Charted(NamedTuple):
    """Signed severities of each judged sensor's charts, f8[n, H]; NaN where they are silent."""

    alone: Values
    """Of its residual."""
    beside: Values
    """Of its residual adjusted for the others."""


class Panel:
    """Runs detectors over a turn's findings and writes their scores.

    Parameters
    ----------
    detectors
        Name → detector over the judged sensors.
    limits
        Name → the score at which severity is 1.
    """

    def __init__(self, detectors: Mapping[str, FleetDetector], limits: Mapping[str, float]) -> None:
        self.columns = ScoreColumns(detectors, limits)
        self.frozen = [key for key, detector in detectors.items() if detector.frozen]
        self._detectors = detectors
        self._limits = limits

    def run_frozen(self, rows: Rows, times: Times, found: Findings, scores: Values) -> Charted:
        """Run all charts whose reference freezes by itself; they need no gate."""
        charted = Charted(*(np.full(found.residuals.shape, np.nan) for _ in range(2)))
        always = np.ones(len(rows), dtype=np.uint8)
        for key in self.frozen:
            detector = self._detectors[key]
            if not isinstance(detector, EwmaMultichartFleet):
                self._run(key, rows, times, found, always, scores)
                continue
            signed = detector.walk_signed(rows, times, _read(detector, found), always)
            scores[:, self.columns.of[key]] = np.abs(signed)
            side = charted.beside if detector.reads == "adjusted" else charted.alone
            side[:] = signed / self._limits[key]
        return charted

    def run_learning(
        self, rows: Rows, times: Times, found: Findings, learn: Mask, scores: Values
    ) -> None:
        """Run the detectors that go on learning, on what the gate lets through."""
        for key in self._detectors:
            if key not in self.frozen:
                self._run(key, rows, times, found, learn, scores)

    def _run(
        self, key: str, rows: Rows, times: Times, found: Findings, learn: Mask, scores: Values
    ) -> None:
        detector, columns, whole = self._detectors[key], self.columns.of[key], found.whole
        if detector.univariate:
            values = _read(detector, found)
            scores[:, columns] = detector.walk(rows, times, values, learn)
        else:
            scores[whole, columns] = detector.walk(
                rows[whole], times[whole], found.samples, learn[whole]
            )


def _read(detector: FleetDetector, found: Findings) -> Values:
    columns: Values = getattr(found, detector.reads)
    return columns
