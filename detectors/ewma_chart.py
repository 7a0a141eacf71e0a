"""EWMA control chart: has the level of a sensor left the centre line on which it was frozen?

The chart follows an exponentially weighted moving average of the values x and judges it by the
spread that the average would have if nothing had changed. With λ, here called ``fading_factor`` as
in River, centre line μ and standard deviation σ::

    z[0] = μ        z[t] = λ x[t] + (1 - λ) z[t-1]
    score = |z[t] - μ| / (σ √(λ/(2-λ) · (1 - (1-λ)**(2t))))

The spread is the exact one for each t, so the first values are judged as sharply as later ones. The
score is in units of L: a chart with control limits at L alarms where score > L. For independent
normal values λ = 0.1 with L = 2.814 alarms once in 486 values and finds a shift of one σ after 8.2
on average; λ = 0.2 with L = 2.962 once in 494, and after 9.6.

μ and σ come from the first ``grace_period`` values and never change again: a reference that
followed the signal would swallow every slow fault. They are the median and 1.4826 · MAD, which a
few outliers do not move. Values that resemble the ones before them make z wander further than the
formula says; ``autocorrelated`` widens σ for that as for an AR(1) process, with the lag-1
autocorrelation φ of the same values, cut off at ±3 σ::

    σ := σ √((1 + φ(1-λ)) / (1 - φ(1-λ)))        0 ≤ φ ≤ 0.99

That is conservative for μ and σ known, hardly so for μ estimated from few values with a large φ,
since n of them are worth about n (1-φ)/(1+φ). Steps within the grace period are not noticed. Until
it is over a sensor keeps its values, 8 bytes each.

Roberts, S. W. (1959), Control chart tests based on geometric moving averages, Technometrics 1.
Lucas, J. M. & Saccucci, M. S. (1990), Exponentially weighted moving average control schemes:
properties and enhancements, Technometrics 32. Widening: Schmid, W. (1997), On EWMA charts for time
series, Frontiers in Statistical Quality Control 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from detectors.base import (
    Field,
    FleetDetector,
    Mask,
    OneMachine,
    Rows,
    Times,
    Values,
    check_count,
    check_number,
    views,
)
from detectors.kernels import ewma_chart as kernel


class EwmaChartFleet(FleetDetector):
    """EWMA chart of each sensor of each machine, in units of L, 0 … ∞.

    Parameters
    ----------
    fading_factor
        λ, weight of the newest value, 0 < λ ≤ 1; at 1 it is Shewhart's chart.
    grace_period
        Values from which a sensor's μ and σ are estimated; it is not scored before.
    autocorrelated
        Widen σ for the autocorrelation of those values.
    min_std
        Floor of σ before it is widened, in the sensor's unit: more than half of the values may have
        been equal, and σ would be 0. The sensor's resolution is a good floor.
    centre, sigma
        μ and σ where they are known, of all sensors alike; then there is no grace period and no
        widening. NaN: estimate them.

    Examples
    --------
    >>> fleet = EwmaChartFleet(n_sensors=1, fading_factor=0.2, centre=10.0, sigma=2.0)
    >>> fleet.reserve(1)
    >>> values = np.array([[12.0], [12.0], [np.nan], [18.0]])
    >>> rows, times, learn = np.zeros(4, np.int32), np.arange(4) * 10**9, np.ones(4, np.uint8)
    >>> fleet.walk(rows, times, values, learn).round(3).ravel().tolist()
    [1.0, 1.406, nan, 3.8]
    """

    name: ClassVar[str] = "ewma_chart"
    univariate: ClassVar[bool] = True
    frozen: ClassVar[bool] = True

    def __init__(
        self,
        n_sensors: int,
        *,
        fading_factor: float = 0.1,
        grace_period: int = 300,
        autocorrelated: bool = True,
        min_std: float = 1e-6,
        centre: float = math.nan,
        sigma: float = math.nan,
    ) -> None:
        super().__init__(n_sensors)
        check_number("fading_factor", fading_factor, 1e-6, 1.0)
        check_count("grace_period", grace_period, 2, 65536)
        check_number("min_std", min_std, 1e-100, 1e100)
        if math.isnan(centre) != math.isnan(sigma):
            raise ValueError(f"centre is {centre} and sigma {sigma}, both or neither must be known")
        self._known = not math.isnan(sigma)
        if self._known:
            check_number("centre", centre, -1e100, 1e100)
            check_number("sigma", sigma, 1e-100, 1e100)
        self.fading_factor = fading_factor
        self.grace_period = grace_period
        self.autocorrelated = autocorrelated
        self.min_std = min_std
        self.centre = centre
        self.sigma = sigma
        self._work = np.empty(grace_period)

    def schema(self) -> dict[str, Field]:
        """Hold the chart, as distance from μ and variance in σ², and what it is frozen on.

        ``centre`` and ``sigma`` are NaN until the grace period is over, ``grace`` is 0 after it.
        """
        sensors = (self.n_sensors,)
        return {
            "grace": Field("f8", (self.n_sensors, 0 if self._known else self.grace_period)),
            "learnt": Field("i8", sensors),
            "centre": Field("f8", sensors, self.centre),
            "sigma": Field("f8", sensors, self.sigma),
            "ewma": Field("f8", sensors),
            "variance": Field("f8", sensors),
        }

    def ready(self, row: int) -> float:
        """Share of the grace period, averaged over the sensors."""
        return 1.0 if self._known else self._share(row, self.grace_period)

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
            *views(rows, values, learn, *self.state.values(), self._work, scores),
            score=score,
            fading_factor=self.fading_factor,
            autocorrelated=self.autocorrelated,
            min_std=self.min_std,
        )


class EwmaChart(OneMachine):
    """EWMA chart for one machine, as a River detector.

    Parameters
    ----------
    fading_factor, grace_period, autocorrelated, min_std, centre, sigma
        As for `EwmaChartFleet`.

    Examples
    --------
    >>> chart = EwmaChart(fading_factor=0.2, grace_period=5, autocorrelated=False)
    >>> for x in [20.1, 20.2, 19.9, 20.0, 20.3]:
    ...     chart.learn_one({"temperature": x})
    >>> round(chart.score_one({"temperature": 20.6}), 2)
    3.37
    """

    def __init__(
        self,
        *,
        fading_factor: float = 0.1,
        grace_period: int = 300,
        autocorrelated: bool = True,
        min_std: float = 1e-6,
        centre: float = math.nan,
        sigma: float = math.nan,
    ) -> None:
        self.fading_factor = fading_factor
        self.grace_period = grace_period
        self.autocorrelated = autocorrelated
        self.min_std = min_std
        self.centre = centre
        self.sigma = sigma
        self._fleet(["any"])

    def _fleet(self, features: Sequence[Any]) -> EwmaChartFleet:
        return EwmaChartFleet(len(features), **self._get_params())
