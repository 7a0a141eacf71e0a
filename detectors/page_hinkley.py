"""Page-Hinkley test: has the mean of a sensor moved since the last change?

Two sums gather how far the values x lie from their running mean m, each pulled towards its quiet
side by a tolerance δ and fading with α; the test compares each with its own extreme::

    rise = α rise + (x - m) - δ        fall = α fall + (x - m) + δ
    score = max(rise - min rise, max fall - fall)

A change is where score > threshold. The test then forgets everything and starts anew, and is silent
until it has seen ``min_instances`` values again.

The mean follows the signal, so a slow drift is found late or never, and autocorrelated values raise
many false changes: use it on residuals. Its parameters are in the unit of the signal. Detections
are River's at every step, since the operations are River's in the same order. (River's extremes
start at +∞ and -1, ours at the first value: with δ ≥ 0 that is the same.)

Page, E. S. (1954), Continuous inspection schemes, Biometrika 41.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from river import base as river_base

from detectors.base import (
    Field,
    FleetDetector,
    Mask,
    Rows,
    Times,
    Values,
    check_count,
    check_number,
    views,
)
from detectors.kernels import page_hinkley as kernel

MODES = ("up", "down", "both")


class PageHinkleyFleet(FleetDetector):
    """Page-Hinkley test of each sensor of each machine, in the sensor's unit, 0 … ∞.

    Parameters
    ----------
    min_instances
        Values that a sensor must have learnt since the last change, the scored one among them.
    delta
        δ, how far from the mean a value may lie without counting.
    threshold
        A score above it is a change, after which the test starts anew.
    alpha
        α, what is left of the sums from one value to the next.
    mode
        Whether to look for changes ``up``, ``down`` or ``both``.

    Examples
    --------
    >>> fleet = PageHinkleyFleet(n_sensors=1, min_instances=3, threshold=5.0)
    >>> fleet.reserve(1)
    >>> values = np.array([[0.0], [0.1], [0.0], [4.0], [4.0], [4.0]])
    >>> rows, times, learn = np.zeros(6, np.int32), np.arange(6) * 10**9, np.ones(6, np.uint8)
    >>> fleet.walk(rows, times, values, learn).round(2).ravel().tolist()
    [nan, nan, 0.03, 2.98, 5.35, nan]
    """

    name: ClassVar[str] = "page_hinkley"
    univariate: ClassVar[bool] = True

    def __init__(
        self,
        n_sensors: int,
        *,
        min_instances: int = 30,
        delta: float = 0.005,
        threshold: float = 50.0,
        alpha: float = 1 - 0.0001,
        mode: str = "both",
    ) -> None:
        super().__init__(n_sensors)
        check_count("min_instances", min_instances, 1, 2**31)
        check_number("delta", delta, 0.0, 1e100)
        check_number("threshold", threshold, 0.0, 1e100)
        check_number("alpha", alpha, 0.0, 1.0)
        if mode not in MODES:
            raise ValueError(f"mode is {mode!r}, one of {', '.join(MODES)} is allowed")
        self.min_instances = min_instances
        self.delta = delta
        self.threshold = threshold
        self.alpha = alpha
        self.mode = mode

    def schema(self) -> dict[str, Field]:
        """Hold the running mean, both sums, and the extreme of each, since the last change."""
        sensors = (self.n_sensors,)
        return {
            "learnt": Field("i8", sensors),
            "mean": Field("f8", sensors),
            "rise": Field("f8", sensors),
            "fall": Field("f8", sensors),
            "lowest": Field("f8", sensors),
            "highest": Field("f8", sensors),
        }

    def ready(self, row: int) -> float:
        """Share of ``min_instances``, averaged over the sensors; it falls to 0 after a change."""
        return self._share(row, self.min_instances)

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
        kernel.walk(
            *views(rows, values, learn, *self.state.values(), scores),
            score=score,
            min_instances=self.min_instances,
            delta=self.delta,
            threshold=self.threshold,
            alpha=self.alpha,
            up=self.mode != "down",
            down=self.mode != "up",
        )


class PageHinkley(river_base.DriftDetector):
    """Page-Hinkley test of one signal: River's parameters, River's detections, deaf to NaN.

    Parameters
    ----------
    min_instances, delta, threshold, alpha, mode
        As for `PageHinkleyFleet`.

    Examples
    --------
    >>> test = PageHinkley(min_instances=5, threshold=3.0)
    >>> for t, x in enumerate([0, 1, 0, 1, 0, 1, 0, 1, 4, 5, 4, 5]):
    ...     test.update(x)
    ...     if test.drift_detected:
    ...         print(f"change at {t}")
    change at 8
    """

    def __init__(
        self,
        min_instances: int = 30,
        delta: float = 0.005,
        threshold: float = 50.0,
        alpha: float = 1 - 0.0001,
        mode: Literal["up", "down", "both"] = "both",
    ) -> None:
        super().__init__()
        self.min_instances = min_instances
        self.delta = delta
        self.threshold = threshold
        self.alpha = alpha
        self.mode = mode
        self._one = PageHinkleyFleet(1, **self._get_params())
        self._one.reserve(1)

    def update(self, x: float) -> None:
        """Take one value; a NaN changes nothing and is no drift."""
        row, time, learn = np.zeros(1, np.int32), np.zeros(1, np.int64), np.ones(1, np.uint8)
        score = self._one.walk(row, time, np.array([[x]], dtype=np.float64), learn)[0, 0]
        self._drift_detected = bool(score > self.threshold)
