"""The contract of every detector, and the axes, stated once.

All machines of a class live in one *fleet*: a struct of arrays whose leading axis is the machine's
row. A turn's readings are columns::

    rows   i4[n]     which machine each reading belongs to
    times  i8[n]     event time, ns since the epoch, increasing for one machine and sensor
    values f8[n, S]  one column per sensor, NaN = not reported or not believed
    learn  u1[n]     may this reading be learnt?

A kernel walks the readings in order, one after the other, and touches only the row of each, so a
machine's result depends on its own readings alone, never on how they were batched.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from river import base as river_base

Rows = NDArray[np.int32]
Times = NDArray[np.int64]
Values = NDArray[np.float64]
Mask = NDArray[np.uint8]
State = dict[str, NDArray[Any]]


LARGEST = 1e150
"""A value this large is taken as not reported: no instrument reads it, and its square overflows."""


def check_number(name: str, value: float, low: float, high: float) -> None:
    """Refuse a parameter outside ``low … high`` with a sentence that names it.

    >>> check_number("delta", -0.5, 0, 10)
    Traceback (most recent call last):
    ValueError: delta is -0.5, 0 … 10 is allowed
    """
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}, {low:g} … {high:g} is allowed")


def check_count(name: str, value: float, low: int, high: int) -> None:
    """Refuse a parameter that is no whole number in ``low … high`` with a sentence that names it.

    >>> check_count("n_trees", 0, 1, 1000)
    Traceback (most recent call last):
    ValueError: n_trees is 0, a whole number in 1 … 1000 is allowed
    """
    if not isinstance(value, (int, np.integer)) or not low <= value <= high:
        raise ValueError(f"{name} is {value}, a whole number in {low} … {high} is allowed")


def check_reference(centre: float, sigma: float, phi: float) -> bool:
    """Whether a chart's reference is known, not to be learnt: centre line, σ, and φ of AR(1).

    >>> check_reference(math.nan, math.nan, 0.0), check_reference(20.0, 0.5, 0.9)
    (False, True)
    >>> check_reference(20.0, math.nan, 0.0)
    Traceback (most recent call last):
    ValueError: centre is 20.0 and sigma nan, both or neither must be known
    """
    if math.isnan(centre) != math.isnan(sigma):
        raise ValueError(f"centre is {centre} and sigma {sigma}, both or neither must be known")
    known = not math.isnan(sigma)
    if known:
        check_number("centre", centre, -1e100, 1e100)
        check_number("sigma", sigma, 1e-100, 1e100)
    check_number("phi", phi, 0.0, 0.99)
    if phi > 0 and not known:
        raise ValueError(f"phi is {phi}, it is measured unless centre and sigma are known")
    return known


def views(*arrays: NDArray[Any]) -> list[memoryview]:
    """Arrays as a kernel wants them: compiled, it reads their memory; as Python, plain numbers.

    A transposed or sliced input is copied into order; state and results are in order already.
    """
    return [np.ascontiguousarray(array).data for array in arrays]


def named_views(**arrays: NDArray[Any]) -> dict[str, memoryview]:
    """`views` of arrays that a kernel takes by name."""
    return dict(zip(arrays, views(*arrays.values()), strict=True))


@dataclass(frozen=True, slots=True)
class Field:
    """One state array: its dtype, the shape of one machine's share, and what a new one holds."""

    dtype: str
    shape: tuple[int, ...] = ()
    fill: float = 0.0


class Fleet(abc.ABC):
    """Struct-of-arrays state of one stage for all machines of a class.

    Everything a stage remembers stands in ``state``, laid out by ``schema``; so growing, forgetting
    a machine and taking a snapshot are written once, here.
    """

    def __init__(self, n_sensors: int) -> None:
        if n_sensors < 1:
            raise ValueError(f"n_sensors is {n_sensors}, at least 1 is needed")
        self.n_sensors = n_sensors
        self.capacity = 0
        self.state: State = {}

    @abc.abstractmethod
    def schema(self) -> dict[str, Field]:
        """Name → layout of each state array; a constant of the parameters."""

    def reserve(self, machines: int) -> None:
        """Make room for rows ``0 … machines-1``; capacity doubles, rows keep their place."""
        if machines <= self.capacity and self.state:
            return
        capacity = max(machines, 2 * self.capacity, 1)
        for name, spec in self.schema().items():
            # Zeros take no memory before they are written: rows in reserve cost next to nothing.
            grown = np.zeros((capacity, *spec.shape), dtype=spec.dtype)
            if spec.fill != 0:
                grown[:] = spec.fill
            if name in self.state:
                grown[: self.capacity] = self.state[name]
            self.state[name] = grown
        self.capacity = capacity

    def check(self, rows: Rows, *columns: NDArray[Any]) -> None:
        """Refuse columns that a kernel would walk out of, for kernels look at no bounds.

        Raises `ValueError` for columns that are neither [n] nor [n, S], `IndexError` for a row
        that is not reserved.
        """
        n = len(rows)
        for column in columns:
            if column.shape not in ((n,), (n, self.n_sensors)):
                raise ValueError(
                    f"a column is {list(column.shape)}, [{n}] or [{n}, {self.n_sensors}] is needed"
                )
        if n and not 0 <= rows.min() <= rows.max() < self.capacity:
            raise IndexError(
                f"rows are {rows.min()} to {rows.max()}, 0 to {self.capacity - 1} are reserved"
            )

    def forget(self, row: int) -> None:
        """Make the row as if its machine had never been seen; nobody else notices."""
        for name, spec in self.schema().items():
            self.state[name][row] = spec.fill

    def forget_columns(self, row: int, columns: Any) -> None:
        """The same for what is kept of these columns; what is kept of the machine stays."""
        for name, spec in self.schema().items():
            if spec.shape:
                self.state[name][row, columns] = spec.fill

    def accept(self, row: int, sensors: Sequence[int] = ()) -> None:
        """Take what these sensors of a machine read from now on as its new normal; none: all.

        A stage that does not know how to keep the rest learns the machine anew.
        """
        del sensors
        self.forget(row)

    def restore(self, state: State) -> None:
        """Take over arrays of an earlier run; refuses any that this schema would not have made."""
        schema = self.schema()
        if state.keys() != schema.keys():
            raise ValueError(f"state holds {sorted(state)}, this stage needs {sorted(schema)}")
        for name, spec in schema.items():
            array = state[name]
            if array.dtype != np.dtype(spec.dtype) or array.shape[1:] != spec.shape:
                raise ValueError(
                    f"state array {name} is {array.dtype}{list(array.shape[1:])} per machine, "
                    f"this stage needs {spec.dtype}{list(spec.shape)}"
                )
        self.state = {name: np.ascontiguousarray(state[name]).copy() for name in schema}
        self.capacity = len(next(iter(self.state.values()))) if schema else 0


class FleetDetector(Fleet):
    """One method for all machines of a class: how strange is each reading?

    Scoring comes first and changes nothing; learning follows. A score is NaN where the detector
    cannot speak: not enough learnt, or the reading itself is NaN.
    """

    name: ClassVar[str]
    """Key in `detectors.DETECTORS`, in configs and in score columns."""
    univariate: ClassVar[bool]
    """True: one score per sensor, each value taken as it comes. False: one score per reading."""
    frozen: ClassVar[bool] = False
    """True where the reference freezes by itself after the grace period: such a detector follows
    every believed value and needs no gate; False where learning goes on and the gate decides."""

    reads: ClassVar[str] = "residuals"
    """What its values are: ``values`` as reported and believed, ``residuals`` standardised against
    the context, ``adjusted``, what is left of those when the other sensors are known too, or
    ``yields``, how much more it was given than the machine shows to have felt."""

    @property
    def n_scores(self) -> int:
        """``K``, the number of score columns."""
        return self.n_sensors if self.univariate else 1

    def walk(
        self, rows: Rows, times: Times, values: Values, learn: Mask, *, score: bool = True
    ) -> NDArray[np.float64]:
        """For each reading in order: score it, then learn it where ``learn`` says so.

        Returns f8[n, K]; all NaN where ``score`` is False. Every row must have been reserved.
        """
        rows = np.ascontiguousarray(rows, dtype=np.int32)
        times = np.ascontiguousarray(times, dtype=np.int64)
        values = np.ascontiguousarray(values, dtype=np.float64)
        learn = np.ascontiguousarray(learn, dtype=np.uint8)
        n = len(rows)
        if values.shape != (n, self.n_sensors) or not times.shape == learn.shape == rows.shape:
            raise ValueError(
                f"times are {list(times.shape)}, values {list(values.shape)} and learn is "
                f"{list(learn.shape)}, [{n}], [{n}, {self.n_sensors}] and [{n}] are needed"
            )
        self.check(rows)
        if not (np.abs(values) < LARGEST).all():
            values = np.where(np.abs(values) < LARGEST, values, np.nan)
        scores = np.full((n, self.n_scores), np.nan)
        if n:
            self._walk(rows, times, values, learn, scores, score=score)
        return scores

    @abc.abstractmethod
    def _walk(
        self, rows: Rows, times: Times, values: Values, learn: Mask, scores: Values, *, score: bool
    ) -> None:
        """Walk columns that are checked and contiguous; write what can be said into ``scores``."""

    def score(self, rows: Rows, times: Times, values: Values) -> NDArray[np.float64]:
        """Scores f8[n, K] of readings that nobody learns; pure."""
        return self.walk(rows, times, values, np.zeros(len(rows), dtype=np.uint8))

    def learn(self, rows: Rows, times: Times, values: Values) -> None:
        """Learn readings whose scores nobody wants."""
        self.walk(rows, times, values, np.ones(len(rows), dtype=np.uint8), score=False)

    @abc.abstractmethod
    def ready(self, row: int) -> float:
        """Share of the learning that is done before the detector speaks for this machine, 0 … 1."""

    def _share(self, row: int, needed: int) -> float:
        """Share of the needed readings that ``learnt`` counts, averaged over the sensors."""
        return float(np.minimum(self.state["learnt"][row] / needed, 1.0).mean())


class OneMachine(river_base.AnomalyDetector):
    """River's face of a `FleetDetector`: one machine, one reading at a time.

    Features take their columns from the sorted names of the first learnt reading; a feature that a
    later reading lacks is NaN there, a feature it adds is ignored. With several features, the score
    of a univariate detector is the largest over its features; NaN until it can speak.

    River knows no event time: learnt readings are taken as ``sample_s`` apart, and one that is
    scored as the next after them.
    """

    sample_s: float = 1.0

    @abc.abstractmethod
    def _fleet(self, features: Sequence[Any]) -> FleetDetector:
        """Build a fleet whose columns are these features."""

    def _columns(self, x: dict[Any, float]) -> Values:
        if not hasattr(self, "_features"):
            self._features = sorted(x)
            self._one = self._fleet(self._features)
            self._one.reserve(1)
            self._learnt = 0
        values = [x.get(name, float("nan")) for name in self._features]
        return np.array([values], dtype=np.float64)

    def learn_one(self, x: dict[Any, float]) -> None:
        """Learn one reading."""
        values = self._columns(x)
        self._one.learn(np.zeros(1, dtype=np.int32), self._next_time(), values)
        self._learnt += 1

    def score_one(self, x: dict[Any, float]) -> float:
        """How strange one reading is; changes nothing that a later score could show."""
        if not hasattr(self, "_features"):
            return float("nan")
        row, values = np.zeros(1, dtype=np.int32), self._columns(x)
        scores = self._one.score(row, self._next_time(), values)[0]
        spoken = scores[~np.isnan(scores)]
        return float(spoken.max()) if len(spoken) else float("nan")

    def _next_time(self) -> Times:
        return np.array([self._learnt * to_ns("sample_s", self.sample_s)], dtype=np.int64)


def per_sensor(
    name: str, values: Sequence[float] | None, n_sensors: int, default: float
) -> NDArray[np.float64]:
    """A parameter that has one value for each sensor, as f8[S]; ``None`` is the default for all."""
    if values is None:
        return np.full(n_sensors, default)
    array = np.array(values, dtype=np.float64)
    if array.shape != (n_sensors,):
        raise ValueError(f"{name} has shape {list(array.shape)}, [{n_sensors}] is needed")
    return array


def to_ns(name: str, seconds: float) -> int:
    """A parameter in seconds as whole nanoseconds."""
    check_number(name, seconds, 0, 1e9)
    return round(seconds * 1e9)
