"""What a baseline is, and the two ways to walk readings that keep machines apart.

`InStep` takes the first reading of every machine, then the second of every machine, and so on: one
NumPy step serves all machines. `OneByOne` takes all readings of one machine, then of the next: for
methods that are one model object per machine. Either way a machine's result depends on its own
readings alone, and not on how they were cut into calls.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.base import LARGEST

NS = 1_000_000_000
TINY = 1e-9
"""Floor of a spread, so that a signal that never moved has limits a hair's breadth apart."""

Floats = NDArray[np.float64]
Rows = NDArray[np.int32]
Times = NDArray[np.int64]


class SensorFacts(NamedTuple):
    """What a baseline may know of a sensor."""

    name: str
    unit: str
    low: float
    high: float
    context: bool
    """It tells in what state the machine is, not how it fares: multivariate methods get it too,
    univariate ones look at health sensors only."""


class Baseline(Protocol):
    """A method to compare with, for all machines of a class."""

    name: ClassVar[str]
    """As in tables."""
    about: ClassVar[str]
    """One line: what it is, and where its limit comes from."""

    def __init__(
        self, sensors: Sequence[SensorFacts], machines: int, period_s: float, seed: int = 42
    ) -> None: ...

    def score(self, rows: Rows, times: Times, values: Floats) -> Floats:
        """Severity [n] of readings in order: 1.0 is the method's own limit, NaN is "not ready".

        ``rows i4[n]``, ``times i8[n]`` in ns, ``values f8[n, sensors]`` with NaN for "not
        reported". Each reading is scored, then learnt.
        """

    def strangest(self) -> NDArray[np.int32]:
        """For each reading of the last call, the sensor that says most; -1 where none can be said.

        i4[n], indices into the sensors given.
        """


class Judged(NamedTuple):
    """What a method says of some readings."""

    severity: Floats
    strangest: NDArray[np.int32]


class Walker(abc.ABC):
    """Columns that are checked, severities put together."""

    multivariate: ClassVar[bool] = False
    """True: the method sees context sensors too."""

    def __init__(
        self, sensors: Sequence[SensorFacts], machines: int, period_s: float, seed: int = 42
    ) -> None:
        seen = [i for i, facts in enumerate(sensors) if self.multivariate or not facts.context]
        if not seen:
            raise ValueError("there is no health sensor to look at")
        if machines < 1 or not period_s > 0:
            raise ValueError(
                f"machines is {machines} and period_s {period_s:g}, both must be more than 0"
            )
        self.sensors = list(sensors)
        self.machines = machines
        self.period_s = period_s
        self.seed = seed
        self.columns = np.array(seen, dtype=np.int32)
        self._strangest = np.zeros(0, dtype=np.int32)

    def score(self, rows: Rows, times: Times, values: Floats) -> Floats:
        """See `Baseline.score`."""
        self._check(rows, times, values)
        values = np.where(np.abs(values) < LARGEST, values, np.nan)[:, self.columns]
        severity = np.full(len(rows), np.nan)
        self._strangest = np.full(len(rows), -1, dtype=np.int32)
        for chosen in self._walk(rows):
            said = self._judge(rows[chosen], times[chosen], values[chosen])
            severity[chosen], self._strangest[chosen] = said
        return severity

    def strangest(self) -> NDArray[np.int32]:
        """See `Baseline.strangest`."""
        return self._strangest

    def _check(self, rows: Rows, times: Times, values: Floats) -> None:
        n, width = len(rows), len(self.sensors)
        if times.shape != (n,) or values.shape != (n, width):
            raise ValueError(
                f"times are {list(times.shape)} and values {list(values.shape)}, "
                f"[{n}] and [{n}, {width}] are needed"
            )
        if n and not 0 <= rows.min() <= rows.max() < self.machines:
            raise IndexError(
                f"rows are {rows.min()} to {rows.max()}, 0 to {self.machines - 1} are allowed"
            )

    @abc.abstractmethod
    def _walk(self, rows: Rows) -> Iterator[NDArray[np.intp]]:
        """Readings to be judged together, one lot after the other."""

    @abc.abstractmethod
    def _judge(self, rows: Rows, times: Times, values: Floats) -> Judged:
        """Score a lot, then learn it; ``values`` hold the columns the method looks at."""


class InStep(Walker):
    """A lot is one reading of each of several machines."""

    def _walk(self, rows: Rows) -> Iterator[NDArray[np.intp]]:
        return rounds(rows)

    def _worst(self, ratios: Floats) -> Judged:
        """The largest of each reading's ratios [m, columns], and whose it is."""
        heard = ~np.isnan(ratios)
        filled = np.where(heard, ratios, -np.inf)
        at = filled.argmax(axis=1)
        silent = ~heard.any(axis=1)
        severity = np.where(silent, np.nan, filled.max(axis=1))
        return Judged(severity, np.where(silent, -1, self.columns[at]).astype(np.int32))


class OneByOne(Walker):
    """A lot is all readings of one machine; the method has no say which sensor it was."""

    multivariate: ClassVar[bool] = True

    def _walk(self, rows: Rows) -> Iterator[NDArray[np.intp]]:
        return by_machine(rows)

    def _judge(self, rows: Rows, times: Times, values: Floats) -> Judged:
        severity = self._judge_one(int(rows[0]), times, values)
        return Judged(severity, np.full(len(rows), -1, dtype=np.int32))

    @abc.abstractmethod
    def _judge_one(self, row: int, times: Times, values: Floats) -> Floats:
        """Severities of one machine's readings."""


def by_machine(rows: Rows) -> Iterator[NDArray[np.intp]]:
    """Indices of each machine's readings, in order.

    >>> [lot.tolist() for lot in by_machine(np.array([1, 0, 1, 1], dtype=np.int32))]
    [[1], [0, 2, 3]]
    """
    if len(rows):
        order = np.argsort(rows, kind="stable")
        yield from np.split(order, _starts(rows[order])[1:])


def rounds(rows: Rows) -> Iterator[NDArray[np.intp]]:
    """Indices of the first reading of each machine, then of the second, …

    >>> [lot.tolist() for lot in rounds(np.array([1, 0, 1, 1], dtype=np.int32))]
    [[1, 0], [2], [3]]
    """
    if len(rows):
        order = np.argsort(rows, kind="stable")
        starts = _starts(rows[order])
        nth = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
        together = order[np.argsort(nth, kind="stable")]
        yield from np.split(together, np.cumsum(np.bincount(nth))[:-1])


def _starts(ordered: Rows) -> NDArray[np.intp]:
    return np.flatnonzero(np.diff(ordered, prepend=-1))
