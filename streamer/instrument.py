"""Which instruments of a machine are doubted right now?

`detectors.quality` judges values as they come; a machine's sensors may come in different messages.
An instrument alert must neither end because another sensor's good value arrived, nor begin because
a sensor was merely absent from a message. So the last verdict on each sensor stands until the next.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.base import Field, Fleet, Mask, Rows, Times, Values
from detectors.quality import MISSING, OUT_OF_RANGE


class Doubt(NamedTuple):
    """The sensor in question, the verdict, and since when it stands."""

    sensor: int
    code: int
    since_ns: int


class InstrumentWatch(Fleet):
    """The standing verdict per machine and sensor.

    Examples
    --------
    >>> watch = InstrumentWatch(2)
    >>> watch.reserve(1)
    >>> rows, times = np.zeros(3, np.int32), np.array([0, 1, 2])
    >>> watch.walk(rows, times, np.array([[0, 4], [0, 1], [0, 0]], np.uint8))[0]
    array([1., 1., 0.])
    """

    def schema(self) -> dict[str, Field]:
        """``code``: the standing verdict; ``since``: event time from which it stands, ns."""
        return {
            "code": Field("u1", (self.n_sensors,)),
            "since": Field("i8", (self.n_sensors,)),
        }

    def walk(self, rows: Rows, times: Times, codes: Mask) -> tuple[Values, dict[int, Doubt]]:
        """Follow a turn's verdicts u1[n, S] in order.

        Returns severity f8[n] (1 where any sensor of the machine is doubted, 0 where none is) and,
        for each reading of a doubted machine, the sensor that has been doubted longest.
        """
        severity = np.zeros(len(rows))
        doubts: dict[int, Doubt] = {}
        standing = (self.state["code"][rows] >= OUT_OF_RANGE).any(axis=1)
        doubted_now = np.isin(rows, rows[(codes >= OUT_OF_RANGE).any(axis=1)])
        troubled = np.flatnonzero(standing | doubted_now)
        for i in troubled.tolist():
            doubt = self._follow(int(rows[i]), int(times[i]), codes[i])
            if doubt is not None:
                severity[i], doubts[i] = 1.0, doubt
        return severity, doubts

    def _follow(self, row: int, time_ns: int, codes: Mask) -> Doubt | None:
        standing, since = self.state["code"][row], self.state["since"][row]
        changed = (codes != MISSING) & (codes != standing)
        since[changed] = time_ns
        standing[changed] = codes[changed]
        doubted = np.flatnonzero(standing >= OUT_OF_RANGE)
        if not len(doubted):
            return None
        first = int(doubted[np.argmin(since[doubted])])
        return Doubt(first, int(standing[first]), int(since[first]))
