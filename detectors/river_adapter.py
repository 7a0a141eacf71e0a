"""Any River estimator as a detector: one object per machine, named by its dotted class.

``river.anomaly.LocalOutlierFactor`` and its like score whole readings; estimators whose
``score_one(x, y)`` judges a target are given one sensor as y and the others as x. Features are
called 0, 1, … in the order of the sensors.

An object has no arrays, so what is kept of a machine are the last ``memory`` readings it learnt,
f8[memory, sensors]. After a restart its object learns them again, in order. It then scores as
before only if it forgets by itself within ``memory`` readings, or has learnt no more than those:
River's estimators stand outside the promise of identical bits. They also cost what they cost, some
20 to 2000 µs per reading.
"""

from __future__ import annotations

import importlib
import inspect
import random
from typing import Any, ClassVar

import numpy as np
from river import base as river_base

from detectors.base import Field, FleetDetector, Mask, Rows, State, Times, Values, check_count

Parameter = int | float | bool | str

ANOMALY_DETECTORS = (river_base.AnomalyDetector, river_base.SupervisedAnomalyDetector)

PROBE_ROUNDS = 250
"""Most rounds of `_probe`, of 16 readings each: enough to leave the usual grace periods behind."""


class RiverFleet(FleetDetector):
    """A River anomaly detector for each machine; one score per reading, larger is stranger.

    Parameters
    ----------
    estimator
        Dotted name of a class: an ``AnomalyDetector`` or ``SupervisedAnomalyDetector`` of River's.
    target
        Index of the sensor that is y, for estimators with ``score_one(x, y)``.
    memory
        Readings kept per machine to teach its object again after a restart.
    warm_up
        Readings a machine must have learnt before it is scored: until they know something, many of
        River's detectors say 0, which here would pass for normal.
    parameters
        Keyword arguments of the class; a ``seed`` that it takes and is not given is 42.

    Raises
    ------
    ValueError
        The class does not exist, is no anomaly detector, refuses the parameters, or scores
        impurely: what it says depends on how often it was asked, as with
        ``river.anomaly.PredictiveAnomalyDetection``.

    Examples
    --------
    >>> fleet = RiverFleet(1, estimator="river.anomaly.GaussianScorer", warm_up=3, grace_period=3)
    >>> fleet.reserve(1)
    >>> values = np.array([[1.0], [2.0], [3.0], [2.0], [9.0]])
    >>> rows, times, learn = np.zeros(5, np.int32), np.arange(5) * 10**9, np.ones(5, np.uint8)
    >>> fleet.walk(rows, times, values, learn).round(3).ravel().tolist()
    [nan, nan, nan, 0.0, 1.0]
    """

    name: ClassVar[str] = "river"
    univariate: ClassVar[bool] = False

    def __init__(
        self,
        n_sensors: int,
        *,
        estimator: str = "river.anomaly.LocalOutlierFactor",
        target: int = 0,
        memory: int = 1000,
        warm_up: int = 1,
        **parameters: Parameter,
    ) -> None:
        super().__init__(n_sensors)
        check_count("target", target, 0, n_sensors - 1)
        check_count("memory", memory, 1, 65536)
        check_count("warm_up", warm_up, 1, 2**31)
        self.estimator = estimator
        self.target = target
        self.memory = memory
        self.warm_up = warm_up
        self._class = river_class(estimator, ANOMALY_DETECTORS, "anomaly detector")
        self._supervised = issubclass(self._class, river_base.SupervisedAnomalyDetector)
        if "seed" in inspect.signature(self._class).parameters:
            parameters.setdefault("seed", 42)
        self.parameters = parameters
        self._models: dict[int, Any] = {}
        self._probe()

    def schema(self) -> dict[str, Field]:
        """Hold the last readings learnt as a ring, and how many were learnt in all."""
        return {"ring": Field("f8", (self.memory, self.n_sensors)), "learnt": Field("i8")}

    def ready(self, row: int) -> float:
        """Share of ``warm_up``."""
        return self._share(row, self.warm_up)

    def forget(self, row: int) -> None:
        """Make the row as if its machine had never been seen; its object goes too."""
        super().forget(row)
        self._models.pop(row, None)

    def restore(self, state: State) -> None:
        """Take over the kept readings; objects are taught them when their machine speaks."""
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
        ring, learnt = self.state["ring"], self.state["learnt"]
        for i, row in enumerate(rows.tolist()):
            if np.isnan(values[i]).any():
                continue
            model = self._model(row)
            if score and learnt[row] >= self.warm_up:
                scores[i, 0] = self._score_one(model, values[i])
            if learn[i]:
                model.learn_one(*self._arguments(values[i]))
                ring[row, learnt[row] % self.memory] = values[i]
                learnt[row] += 1

    def _model(self, row: int) -> Any:
        if row not in self._models:
            model = self._models[row] = self._new()
            learnt = int(self.state["learnt"][row])
            for k in range(max(0, learnt - self.memory), learnt):
                model.learn_one(*self._arguments(self.state["ring"][row, k % self.memory]))
        return self._models[row]

    def _new(self) -> Any:
        try:
            return self._class(**self.parameters)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.estimator} refuses its parameters: {error}") from error

    def _arguments(self, values: Values) -> tuple[Any, ...]:
        """``(x,)`` or, for an estimator that judges a target, ``(x, y)``."""
        x = dict(enumerate(values.tolist()))
        return (x, x.pop(self.target)) if self._supervised else (x,)

    def _score_one(self, model: Any, values: Values) -> float:
        """Score a reading; NaN where the estimator raises, as some do that know too little yet."""
        try:
            return float(model.score_one(*self._arguments(values)))
        except Exception:  # noqa: BLE001 (a stranger's code; `_probe` has seen it speak)
            return float("nan")

    def _probe(self) -> None:
        """Refuse an estimator that never speaks, or that scoring changes.

        Two objects learn the same readings, one is also scored in between; then both score the
        same. A round in which all scores are equal shows nothing, so there are more of them.
        """
        quiet, asked = self._new(), self._new()
        rng = random.Random(0)  # noqa: S311
        heard, telling = False, 0
        for _ in range(PROBE_ROUNDS):
            readings = np.array(
                [[rng.gauss(0, 1) for _ in range(self.n_sensors)] for _ in range(16)]
            )
            for values in readings:
                quiet.learn_one(*self._arguments(values))
                asked.learn_one(*self._arguments(values))
                self._score_one(asked, 3 * values)
            scores = [self._score_one(quiet, values) for values in readings[:4]]
            if not np.array_equal(
                scores, [self._score_one(asked, values) for values in readings[:4]], equal_nan=True
            ):
                raise ValueError(
                    f"{self.estimator} cannot be used: its scores depend on how often it was asked"
                )
            heard |= bool(np.isfinite(scores).any())
            telling += len(set(scores)) > 1
            if heard and telling == 2:
                return
        if not heard:
            raise ValueError(f"{self.estimator} cannot be used: it gives no number as a score")


def river_class(dotted: str, kinds: tuple[type[Any], ...], what: str) -> type[Any]:
    """Find the class of this name; ValueError where there is none or it is of none of the kinds."""
    module, _, name = dotted.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"estimator is {dotted!r}, which cannot be found: {error}") from error
    if not isinstance(found, type) or not issubclass(found, kinds):
        raise ValueError(  # noqa: TRY004 (it is the name that is wrong)
            f"estimator is {dotted!r}, which is no {what} of River's kind"
        )
    return found
