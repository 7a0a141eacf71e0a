"""EWMA control chart: has the level of a sensor left the centre line on which it was frozen?

The chart follows an exponentially weighted moving average of the values x and judges it by the
spread that the average would have if nothing had changed. With λ, here called ``fading_factor`` as
in River, centre line μ and standard deviation σ::

    z[0] = μ        z[t] = λ x[t] + (1 - λ) z[t-1]
    score = |z[t] - μ| / (σ √(λ/(2-λ) · (1 - (1-λ)**(2t))))

The spread is the exact one for each t, so the first values are judged as sharply as later ones. The
score is in units of L: a chart with control limits at L alarms where score > L. For independent
normal values λ = 0.1 with L = 2.814 alarms once in 486 values and finds a shift of one σ after 8.2
on average; λ = 0.2 with L = 2.962 once in 494, and after 9.6. `EwmaChartFleet.limit_for` has L for
any run length.

μ and σ come from the first ``grace_period`` values and never change again: a reference that
followed the signal would swallow every slow fault. They are those of the values that lie within
3 · 1.4826 MAD of the median, so a few outliers do not move them. Steps within the grace period are
not noticed. Until it is over a sensor keeps its values, 8 bytes each.

Values that resemble the ones before them make z wander further than the formula says.
``autocorrelated`` measures their lag-1 autocorrelation φ, cut off at ±3 σ, 0 ≤ φ ≤ 0.99, and widens
σ as for an AR(1) process (Schmid 1997)::

    σ := σ √((1 + φ(1-λ)) / (1 - φ(1-λ)))

Such limits are left r times as rarely as those of independent values, since z then also returns
more slowly: 5 times at φ = .95. r follows the rate at which a Gaussian process crosses a level
(Rice 1945), with a factor fitted to simulated run lengths, and the score s is made from s' so that
L means the same run length for every φ::

    r = .85 √((1 + φ(1-λ)) / (1 - φ)), at least 1        s² = s'² + 2 log r · (1 - exp(-s'²))

With μ, σ and φ known, run lengths are .8 to 1.25 of those of independent values, for λ of .1 to .4,
φ up to .95 and L of 2.4 and more.

n such values are worth n (1-φ)/(1+φ) independent ones. Where φ is significantly above .3, the
grace period goes on with every second of them, and so on, up to every 64th and for
``longest_grace`` readings: at φ = .95 it takes some 25 times as long, as it must for μ and σ to be
known as well.

Roberts, S. W. (1959), Control chart tests based on geometric moving averages, Technometrics 1.
Lucas, J. M. & Saccucci, M. S. (1990), Exponentially weighted moving average control schemes:
properties and enhancements, Technometrics 32. Schmid, W. (1997), On EWMA charts for time series,
Frontiers in Statistical Quality Control 5. Rice, S. O. (1945), Mathematical analysis of random
noise, Bell System Technical Journal 24.
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
    check_reference,
    views,
)
from detectors.calibration import ewma_limit
from detectors.kernels import ewma_chart as kernel


class EwmaChartFleet(FleetDetector):
    """EWMA chart of each sensor of each machine, in units of L, 0 … ∞.

    Parameters
    ----------
    fading_factor
        λ, weight of the newest value, 0 < λ ≤ 1; at 1 it is Shewhart's chart.
    grace_period
        Values from which a sensor's μ and σ are estimated; it is not scored before.
    longest_grace
        Readings that the grace period may take where they resemble their neighbours; less than
        twice ``grace_period``: it freezes on the first, and alarms more often than it should.
    autocorrelated
        Measure how far those values resemble their neighbours, and judge by that.
    min_std
        Floor of σ before it is widened, in the sensor's unit: more than half of the values may have
        been equal, and σ would be 0. The sensor's resolution is a good floor.
    centre, sigma
        μ and σ where they are known, of all sensors alike; then there is no grace period. NaN:
        estimate them.
    phi
        φ, 0 … 0.99, where μ and σ are known; it counts where values are ``autocorrelated``.

    Examples
    --------
    >>> fleet = EwmaChartFleet(n_sensors=1, fading_factor=0.2, centre=10.0, sigma=2.0)
    >>> fleet.reserve(1)
    >>> values = np.array([[12.0], [12.0], [np.nan], [18.0]])
    >>> rows, times, learn = np.zeros(4, np.int32), np.arange(4) * 10**9, np.ones(4, np.uint8)
    >>> fleet.walk(rows, times, values, learn).round(3).ravel().tolist()
    [1.0, 1.406, nan, 3.8]
    >>> round(fleet.limit_for(arl0=500), 3)
    2.962
    """

    name: ClassVar[str] = "ewma_chart"
    univariate: ClassVar[bool] = True
    frozen: ClassVar[bool] = True

    def __init__(
        self,
        n_sensors: int,
        *,
        fading_factor: float = 0.1,
        grace_period: int = 400,
        longest_grace: int = 20_000,
        autocorrelated: bool = True,
        min_std: float = 1e-6,
        centre: float = math.nan,
        sigma: float = math.nan,
        phi: float = 0.0,
    ) -> None:
        super().__init__(n_sensors)
        check_number("fading_factor", fading_factor, 1e-6, 1.0)
        check_count("grace_period", grace_period, 2, 65536)
        check_count("longest_grace", longest_grace, 1, 2**31)
        check_number("min_std", min_std, 1e-100, 1e100)
        self._known = check_reference(centre, sigma, phi)
        self.fading_factor = fading_factor
        self.grace_period = grace_period
        self.longest_grace = longest_grace
        self.autocorrelated = autocorrelated
        self.min_std = min_std
        self.centre = centre
        self.sigma = sigma
        self.phi = phi
        self._work = np.empty(grace_period)

    def schema(self) -> dict[str, Field]:
        """Hold the chart, as distance from μ and variance in σ², and what it is frozen on.

        ``centre``, the median, from which μ is ``off`` so far, and ``sigma``, which is widened, are
        NaN until the grace period is over, ``grace`` is 0 after it. ``doublings`` says that every
        2^doublings-th value is kept, ``passed`` how many were not since the last one; ``rarity`` is
        2 log r.
        """
        sensors = (self.n_sensors,)
        phi = self.phi if self.autocorrelated else 0.0
        wide = kernel.widening(self.fading_factor, phi)
        return {
            "grace": Field("f8", (self.n_sensors, 0 if self._known else self.grace_period)),
            "learnt": Field("i8", sensors),
            "doublings": Field("u1", sensors),
            "passed": Field("u1", sensors),
            "centre": Field("f8", sensors, self.centre),
            "off": Field("f8", sensors),
            "sigma": Field("f8", sensors, self.sigma * wide),
            "rarity": Field("f8", sensors, kernel.rareness(self.fading_factor, phi)),
            "ewma": Field("f8", sensors),
            "variance": Field("f8", sensors),
        }

    def ready(self, row: int) -> float:
        """Share of the grace period, averaged over the sensors; from half where it goes on."""
        return 1.0 if self._known else self._share(row, self.grace_period)

    def limit_for(self, arl0: float) -> float:
        """The score that is passed once in ``arl0`` readings without a fault, whatever their φ."""
        return ewma_limit(self.fading_factor, arl0)

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
            longest_grace=self.longest_grace,
            min_std=self.min_std,
        )


class EwmaChart(OneMachine):
    """EWMA chart for one machine, as a River detector.

    Parameters
    ----------
    fading_factor, grace_period, longest_grace, autocorrelated, min_std, centre, sigma, phi
        As for `EwmaChartFleet`.

    Examples
    --------
    >>> chart = EwmaChart(fading_factor=0.2, grace_period=5, autocorrelated=False)
    >>> for x in [20.1, 20.2, 19.9, 20.0, 20.3]:
    ...     chart.learn_one({"temperature": x})
    >>> round(chart.score_one({"temperature": 20.6}), 2)
    3.49
    """

    def __init__(
        self,
        *,
        fading_factor: float = 0.1,
        grace_period: int = 400,
        longest_grace: int = 20_000,
        autocorrelated: bool = True,
        min_std: float = 1e-6,
        centre: float = math.nan,
        sigma: float = math.nan,
        phi: float = 0.0,
    ) -> None:
        self.fading_factor = fading_factor
        self.grace_period = grace_period
        self.longest_grace = longest_grace
        self.autocorrelated = autocorrelated
        self.min_std = min_std
        self.centre = centre
        self.sigma = sigma
        self.phi = phi
        self._fleet(["any"])

    def _fleet(self, features: Sequence[Any]) -> EwmaChartFleet:
        return EwmaChartFleet(len(features), **self._get_params())
