"""The detectors of a machine class side by side: who reads what, and how strange each sensor is.

Charts whose reference freezes by itself speak first; what they say decides what the others may
learn, and whether a sensor or the machine is to blame.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.base import FleetDetector, Mask, Rows, Times, Values
from detectors.ewma_multichart import EwmaMultichartFleet
from streamer.findings import Charted, Findings
from streamer.score_columns import ScoreColumns


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
        shape = found.residuals.shape
        silent, never = np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
        told = dict.fromkeys(("alone", "beside", "taken"), (silent, never))
        always = np.ones(len(rows), dtype=np.uint8)
        for key in self.frozen:
            detector = self._detectors[key]
            if not isinstance(detector, EwmaMultichartFleet):
                self._run(key, rows, times, found, always, scores)
                continue
            said = detector.walk_signed(rows, times, _read(detector, found), always)
            scores[:, self.columns.of[key]] = np.abs(said.scores)
            told[_side(detector)] = (said.scores / self._limits[key], said.onsets)
        (alone, alone_since), (beside, beside_since), (taken, taken_since) = told.values()
        return Charted(alone, beside, alone_since, beside_since, taken, taken_since)

    def severities(self, scores: Values, excused: NDArray[np.bool_]) -> Values:
        """The largest severity of each sensor's frozen charts f8[n, H], 0 where it is excused."""
        kept = self.columns.without(scores, excused)
        return self.columns.per_sensor(kept, self.frozen, excused.shape[1])

    def run_learning(
        self, rows: Rows, times: Times, found: Findings, learn: Mask, scores: Values
    ) -> None:
        """Run the detectors that go on learning, on what the gate lets through."""
        for key in self._detectors:
            if key not in self.frozen:
                self._run(key, rows, times, found, learn, scores)

    def _run(  # noqa: PLR0917 - the columns of one turn
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


def sides(charted: Charted, detector: FleetDetector) -> tuple[Values, Times]:
    """What a multichart says: its signed severities, and since when."""
    side = _side(detector)
    return getattr(charted, side), getattr(charted, f"{side}_since")


def _side(detector: FleetDetector) -> str:
    """Where in `Charted` it stands."""
    return {"adjusted": "beside", "yields": "taken"}.get(detector.reads, "alone")


def _read(detector: FleetDetector, found: Findings) -> Values:
    columns: Values = getattr(found, detector.reads)
    return columns
