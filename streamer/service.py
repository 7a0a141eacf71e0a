"""Which machines are in maintenance, and since when?

A machine that is being worked on reads what nobody should judge or learn: it stands still, is
turned by hand, runs with a door open. From an operator's ``maintenance start`` to ``done`` its
readings are stored and say nothing, and that it falls silent is no news.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import Field, Fleet, Rows, Times, Values

FOREVER = np.iinfo(np.int64).max
STAGE = "service"
"""Its name among the stages, in snapshots."""


class ServiceWatch(Fleet):
    """Who is in service right now, and who may be silent until when.

    Examples
    --------
    >>> watch = ServiceWatch()
    >>> watch.reserve(2)
    >>> watch.start(0, 1_000)
    >>> rows = np.array([0, 1, 0], np.int32)
    >>> watch.active(rows)
    array([ True, False,  True])
    >>> watch.since_ns(0), watch.since_ns(1)
    (1000, None)
    >>> watch.done(0, 5_000)
    >>> watch.since_ns(0), watch.spoken_for(np.array([1_000, 7_000]))
    (None, array([5000, 7000]))
    """

    def __init__(self) -> None:
        super().__init__(n_sensors=1)

    def schema(self) -> dict[str, Field]:
        """Whether in service, since when, and until when silence is excused, ns."""
        return {"in_service": Field("u1"), "since": Field("i8"), "excused": Field("i8")}

    def start(self, row: int, time_ns: int) -> None:
        """Somebody begins to work on it."""
        self._set(row, in_service=1, since=time_ns, excused=FOREVER)

    def done(self, row: int, time_ns: int) -> None:
        """They are done with it; it has until now had no reason to speak."""
        self._set(row, in_service=0, since=0, excused=time_ns)

    def _set(self, row: int, **told: int) -> None:
        for name, value in told.items():
            self.state[name][row] = value

    def active(self, rows: Rows) -> NDArray[np.bool_]:
        """Whether each reading's machine is in service, bool[n]."""
        return self.state["in_service"][rows].astype(np.bool_)

    def since_ns(self, row: int) -> int | None:
        """Since when it is in service; None where it is not."""
        self.reserve(row + 1)
        return int(self.state["since"][row]) if self.state["in_service"][row] else None

    def all(self) -> list[tuple[int, int]]:
        """(row, since when) of every machine in service."""
        if not self.state:
            return []
        rows = np.flatnonzero(self.state["in_service"])
        return list(zip(rows.tolist(), self.state["since"][rows].tolist(), strict=True))

    def spoken_for(self, last_seen: Times) -> Times:
        """Until when nobody need wonder that a machine is silent, i8[machines].

        ``last_seen``, or later where a maintenance accounts for the silence.
        """
        self.reserve(len(last_seen))
        excused = self.state["excused"][: len(last_seen)]
        return np.where(last_seen < 0, last_seen, np.maximum(last_seen, excused))

    def take_over(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take its own out of a snapshot's arrays, whatever else in there fits no more."""
        own = {name: arrays.get(f"{STAGE}/{name}") for name in self.schema()}
        if all(array is not None for array in own.values()):
            self.restore({name: array for name, array in own.items() if array is not None})


def hidden(columns: Values, which: NDArray[np.bool_]) -> Values:
    """Columns f8[n] or f8[n, S] with NaN in the readings ``which`` nobody is to see."""
    if not which.any():
        return columns
    seen = columns.copy()
    seen[which] = np.nan
    return seen
