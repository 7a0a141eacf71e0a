"""River's drift detectors as advisers: has what a sensor's residual does changed lately?

ADWIN, Page-Hinkley and KSWIN take values for independent, and residuals of machines are not: on
AR(1) noise with φ = 0.97 and a constant mean ADWIN finds a drift every 125 values. So each sensor's
residual x is whitened first, with φ, mean square and mean of its first ``grace_period`` values,
which are then frozen::

    e[t] = (x[t] - φ x[t-1]) / (σ √(1 - φ²))        score = 1 if a drift was found lately, else 0

At φ = 0.97 that leaves ADWIN 1 false drift in 27,000 values, and it still tells a step of 4 σ after
some 40; Page-Hinkley with ``delta`` = 0.1 has 1 in 10,000. A lasting shift of δ σ is one of
δ √((1-φ)/(1+φ)) in e: the more a sensor remembers, the later a small or gentle one shows.

They are advisers. They forget what was before a drift, so to them a fault becomes normal too. No
rule has them by default, nothing is learnt anew because of them, and they are told only what the
gate lets through. What is slow they find late or never. KSWIN raises a false drift every 800 values
at its default ``alpha`` and costs 300 µs for each; the others 1 µs.

An object has no arrays: kept are the last ``memory`` values that it was told, and after a restart
it is told them again, outside the promise of identical bits.

Bifet, A. & Gavaldà, R. (2007), Learning from time-changing data with adaptive windowing, SDM.
"""

from __future__ import annotations

import inspect
import math
from typing import Any, ClassVar

import numpy as np
from river import base as river_base

from detectors.base import Field, FleetDetector, Mask, Rows, State, Times, Values, check_count
from detectors.river_adapter import Parameter, river_class

LONG_AGO = 2.0**62
PHI_MAX = 0.99
SIGMA_MIN = 1e-6


class RiverDriftFleet(FleetDetector):
    """A River drift detector for each sensor of each machine; 1 where it lately found a drift.

    Parameters
    ----------
    estimator
        Dotted name of a class: a ``DriftDetector`` of River's.
    grace_period
        Values from which a sensor's φ and σ are estimated; it is not scored before.
    recent
        For so many values a drift is told.
    memory
        Values kept per sensor to tell its object again after a restart.
    parameters
        Keyword arguments of the class; a ``seed`` that it takes and is not given is 42.

    Raises
    ------
    ValueError
        The class does not exist, is no drift detector or refuses the parameters.

    Examples
    --------
    >>> fleet = RiverDriftFleet(1, estimator="river.drift.ADWIN", grace_period=200, recent=50)
    >>> fleet.reserve(1)
    >>> values = np.random.default_rng(1).standard_normal((600, 1))
    >>> values[400:] += 3
    >>> rows, times, learn = np.zeros(600, np.int32), np.arange(600) * 10**9, np.ones(600, np.uint8)
    >>> scores = fleet.walk(rows, times, values, learn)[:, 0]
    >>> np.isnan(scores[:200]).all(), scores[200:400].max(), scores[400:450].max()
    (np.True_, np.float64(0.0), np.float64(1.0))
    """

    name: ClassVar[str] = "river_drift"
    univariate: ClassVar[bool] = True

    def __init__(
        self,
        n_sensors: int,
        *,
        estimator: str = "river.drift.ADWIN",
        grace_period: int = 2000,
        recent: int = 100,
        memory: int = 1000,
        **parameters: Parameter,
    ) -> None:
        super().__init__(n_sensors)
        check_count("grace_period", grace_period, 10, 2**31)
        check_count("recent", recent, 1, 2**31)
        check_count("memory", memory, 1, 65536)
        self.estimator = estimator
        self.grace_period, self.recent, self.memory = grace_period, recent, memory
        self._class = river_class(estimator, (river_base.DriftDetector,), "drift detector")
        if "seed" in inspect.signature(self._class).parameters:
            parameters.setdefault("seed", 42)
        self.parameters = parameters
        self._models: dict[tuple[int, int], Any] = {}
        self._new()

    def schema(self) -> dict[str, Field]:
        """Per sensor: sums of the first values, φ and scale, the last value, and a ring of e."""
        sensors = (self.n_sensors,)
        return {
            "learnt": Field("i8", sensors),
            "sums": Field("f8", (self.n_sensors, 3)),
            "last": Field("f8", sensors),
            "phi": Field("f8", sensors),
            "scale": Field("f8", sensors, 1.0),
            "since": Field("i8", sensors, LONG_AGO),
            "ring": Field("f8", (self.n_sensors, self.memory)),
        }

    def ready(self, row: int) -> float:
        """Share of the grace period, averaged over the sensors."""
        return self._share(row, self.grace_period)

    def forget(self, row: int) -> None:
        """Make the row as if its machine had never been seen; its objects go too."""
        super().forget(row)
        for sensor in range(self.n_sensors):
            self._models.pop((row, sensor), None)

    def restore(self, state: State) -> None:
        """Take over what is kept; objects are told it when their machine speaks."""
        super().restore(state)
        self._models.clear()

    def _walk(
        self,
        rows: Rows,
        times: Times,  # noqa: ARG002
        values: Values,
        learn: Mask,
        scores: Values,
        *,
        score: bool,
    ) -> None:
        learnt, since = self.state["learnt"], self.state["since"]
        for i, s in np.argwhere(~np.isnan(values)).tolist():
            row = int(rows[i])
            if score and learnt[row, s] >= self.grace_period:
                scores[i, s] = float(since[row, s] < self.recent)
            if learn[i]:
                self._learn_one(row, s, float(values[i, s]))

    def _learn_one(self, row: int, s: int, x: float) -> None:
        state = self.state
        last, n = state["last"][row, s], int(state["learnt"][row, s])
        if n < self.grace_period:
            state["sums"][row, s] += x, x * x, x * last
        else:
            self._tell(row, s, (x - state["phi"][row, s] * last) / state["scale"][row, s])
        state["last"][row, s] = x
        state["learnt"][row, s] = n + 1
        if n + 1 == self.grace_period:
            self._freeze(row, s)

    def _freeze(self, row: int, s: int) -> None:
        mean, square, product = self.state["sums"][row, s] / self.grace_period
        variance = max(square - mean * mean, SIGMA_MIN**2)
        phi = min(max((product - mean * mean) / variance, 0.0), PHI_MAX)
        self.state["phi"][row, s] = phi
        self.state["scale"][row, s] = math.sqrt(variance * (1 - phi * phi))

    def _tell(self, row: int, s: int, e: float) -> None:
        model = self._model(row, s)
        told = int(self.state["learnt"][row, s]) - self.grace_period
        self.state["ring"][row, s, told % self.memory] = e
        model.update(e)
        since = self.state["since"]
        since[row, s] = 0 if model.drift_detected else min(since[row, s] + 1, int(LONG_AGO))

    def _model(self, row: int, s: int) -> Any:
        if (row, s) not in self._models:
            model = self._models[row, s] = self._new()
            told = int(self.state["learnt"][row, s]) - self.grace_period
            for k in range(max(0, told - self.memory), told):
                model.update(float(self.state["ring"][row, s, k % self.memory]))
        return self._models[row, s]

    def _new(self) -> Any:
        try:
            return self._class(**self.parameters)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.estimator} refuses its parameters: {error}") from error
