"""Hotelling's T² chart: is this sample, all sensors together, where samples use to be?

T² is the squared distance from the mean in units of the covariance, so a sample that breaks with
how the sensors go together is far out although each of them alone is not. Here it is the squared
length of the sample's independent standard normal deviates u (`detectors.self_starting_vectors`),
which is T² for a known reference, and χ² with as many degrees as there are sensors from the start::

    T² = Σ u[j]²        score = √(T² / limit)        limit: χ²'s quantile at 1 - 1/arl0

A score above 1 is an alarm; it grows in proportion to the distance. A missing sensor takes its term
and its degree with it. Each sample is judged by itself: it finds jumps of anything, and small
shifts late (`detectors.mewma` remembers). `contributions` says which sensors did it.

Hotelling, H. (1947), Multivariate quality control, in Techniques of Statistical Analysis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from detectors.base import Field, Mask, OneMachine, Rows, Values, views
from detectors.calibration import t2_limit
from detectors.kernels import hotelling_t2 as kernel
from detectors.self_starting_vectors import SelfStartingVectors


class HotellingT2Fleet(SelfStartingVectors):
    """T² of each sample of each machine, as distance in units of its limit, 0 … ∞.

    Parameters
    ----------
    arl0
        Readings between false alarms at a score of 1.
    warm_up
        Samples that are gathered before the first is judged, at least 4 and twice the sensors.
    grace_period
        Samples after which the reference freezes.
    autocorrelated
        Aggregate readings that resemble their neighbours to blocks; False takes all as independent.
    outlier
        Samples farther out than so many σ are not learnt unless as many follow as had been learnt.
    min_std
        Floor of σ, in the sensor's unit; its resolution is a good one.
    centre, sigma
        Mean and σ where they are known, of all sensors alike, which are
        then taken as independent of each other. NaN: learn them.

    Examples
    --------
    >>> import numpy as np
    >>> fleet = HotellingT2Fleet(n_sensors=2, grace_period=300)
    >>> fleet.reserve(1)
    >>> rng, rows, times = np.random.default_rng(1), np.zeros(500, np.int32), np.arange(500) * 10**9
    >>> power = rng.normal(size=500)
    >>> fleet.learn(rows, times, np.column_stack([power, power + 0.1 * rng.normal(size=500)]))
    >>> usual, odd = [[1.5, 1.5], [1.5, -1.5]]
    >>> fleet.score(rows[:2], times[:2], np.array([usual, odd])).round(1).ravel().tolist()
    [0.4, 4.0]
    >>> fleet.contributions(0, np.array([0.0, 1.0])).round().tolist()
    [-9.0, 9.0]
    """

    name: ClassVar[str] = "hotelling_t2"

    def __init__(
        self,
        n_sensors: int,
        *,
        arl0: float = 100_000.0,
        warm_up: int = 12,
        grace_period: int = 400,
        autocorrelated: bool = True,
        outlier: float = 4.0,
        min_std: float = 1e-6,
        centre: float = math.nan,
        sigma: float = math.nan,
    ) -> None:
        super().__init__(
            n_sensors,
            arl0=arl0,
            warm_up=warm_up,
            grace_period=grace_period,
            autocorrelated=autocorrelated,
            outlier=outlier,
            min_std=min_std,
            centre=centre,
            sigma=sigma,
        )

    @property
    def inherited(self) -> float:
        """Nothing: a sample is judged by itself."""
        return 0.0

    def chart_schema(self) -> dict[str, Field]:
        """Hold the last score, which stands until the next block is full."""
        return {"distance": Field("f8")}

    def _design(self, n_sensors: int, arl0: float) -> float:
        return t2_limit(n_sensors, arl0)

    def _chart(self, rows: Rows, u: Values, due: Mask, learn: Mask, scores: Values) -> None:
        kernel.walk(*views(rows, u, due, learn, self._limits, self.state["distance"], scores))


class HotellingT2(OneMachine):
    """T² chart for one machine, as a River detector.

    Parameters
    ----------
    arl0, warm_up, grace_period, autocorrelated
        As for `HotellingT2Fleet`.

    Examples
    --------
    >>> chart = HotellingT2(warm_up=5, arl0=1000)
    >>> for x in [1.0, 1.2, 0.9, 1.1, 1.0, 0.8, 1.0, 1.1]:
    ...     chart.learn_one({"a": x, "b": 2 * x})
    >>> chart.score_one({"a": 1.0, "b": 2.0}) < 1 < chart.score_one({"a": 1.0, "b": 2.5})
    True
    """

    def __init__(
        self,
        *,
        arl0: float = 100_000.0,
        warm_up: int = 12,
        grace_period: int = 400,
        autocorrelated: bool = True,
    ) -> None:
        self.arl0 = arl0
        self.warm_up = warm_up
        self.grace_period = grace_period
        self.autocorrelated = autocorrelated
        self._fleet(["any"])

    def _fleet(self, features: Sequence[Any]) -> HotellingT2Fleet:
        return HotellingT2Fleet(len(features), **self._get_params())
