"""Yield chart: does the machine still make as much of what it is given as it used to?

A rotor that stands out of the wind, or whose blades are worn, loses some percent of its power, and
nothing else. Power as a function of wind cannot show that: a nacelle anemometer stands at one point
of a gusty wind, so that wind is the noisiest sensor of all, and a regression on a noisy
variable is flat (attenuated) and leaves the weather in its residuals. The other direction is the
right one: from power, speed and blade angle, which are exact, follows the wind that the rotor
feels, and what the anemometer adds to it is noise without memory (`InverseRegression`). What
the regression itself is wrong by lasts, and in a season in which it did not learn it is larger than
all the noise that days leave; by that the residual is drawn in (`detectors.mean_leverage`). It is
then averaged for days by an EWMA chart, `detectors.ewma_multichart` with one time scale,
whose own noise is then so small that one or two percent of the wind are seen::

    z = (given - felt) / σ        a ← a + λ (clip(z) - a)        score = max(0, a / spread)

z is clipped at 2 σ, for gusts of a storm are wider than σ, which is learnt in all weathers.
One-sided: only too little made of much is a loss. Too much made of little would be an instrument
that reads low, for which machines have other charts.

Sources: Krutchkoff 1967, Classical and inverse regression methods of calibration, Technometrics 9;
Soltani et al. 2013, Estimation of rotor effective wind speed, IEEE Trans. Control Systems
Technology 21; Roberts 1959 for the chart.

It cannot see what shows in the sensors that tell what was felt as it would in more input; and a
given sensor that reads high looks as a loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from detectors.base import Fleet, Mask, Rows, Times, Values, check_number
from detectors.basis import ContextBasis
from detectors.context import Adaptation, RegressionContext
from detectors.ewma_multichart import EwmaMultichartFleet, Signed
from detectors.mean_leverage import MeanLeverage

SETTLE_S = 3600.0
"""So long a machine that was silent for longer is not judged: it may just have started."""
SCALE_S = 6 * 86400.0
"""Time constant of the average: losses are of percents, and last."""


class InverseRegression:
    """What should be given, judging by what the machine shows to have felt of it?

    The regression is that of `detectors.context.RegressionContext`, on levels and bends of the
    sensors that show it: input that acts at once needs no low-passes.

    Parameters
    ----------
    shown_by
        How many sensors show what was felt.
    least
        The smallest span of each of them, in its unit; its resolution.
    floor
        The smallest σ of what is given, in its unit; its resolution.
    knots, warm_s
        As for `ContextBasis`.
    moment_s, learn_s, familiar, renew_s, quarantine_s, adapt_day, adapt_total
        As for `RegressionContext`; only readings that may be learnt count as learnt.
    scale_s
        Time constant of the average that will be taken of what is missing. [s]

    Examples
    --------
    Half of what is given is felt, exactly; what is given is read with noise. Then a fifth is lost:

    >>> inverse = InverseRegression(1, warm_s=6000, moment_s=60, learn_s=54_000, scale_s=6000)
    >>> for fleet in inverse.fleets().values():
    ...     fleet.reserve(1)
    >>> rng = np.random.default_rng(1)
    >>> wind = rng.uniform(4, 12, 1200)
    >>> felt = 0.5 * np.where(np.arange(1200) < 1100, wind, 0.8 * wind)[:, None]
    >>> given = wind + rng.normal(size=1200)
    >>> times = np.arange(1200) * 60_000_000_000
    >>> z = inverse.walk(np.zeros(1200, np.int32), times, given, felt, np.ones(1200, np.uint8))
    >>> float(np.nanmean(z[1000:1100]).round(1)), bool(np.nanmean(z[1100:]) > 1)
    (-0.1, True)
    """

    def __init__(
        self,
        shown_by: int,
        *,
        least: Sequence[float] | None = None,
        floor: float = 0.0,
        knots: int = 3,
        warm_s: float = 3 * 86400.0,
        moment_s: float = 600.0,
        learn_s: float = 20 * 86400.0,
        familiar: float = 0.025,
        renew_s: float = 2 * 86400.0,
        quarantine_s: float = 2 * 3600.0,
        adapt_day: float = 0.25,
        adapt_total: float = 2.0,
        scale_s: float = SCALE_S,
    ) -> None:
        self._basis = ContextBasis(
            shown_by,
            context=range(shown_by),
            least=least,
            knots=knots,
            lags_s=[],
            settle_s=SETTLE_S,
            products=False,
            warm_s=warm_s,
        )
        self._regression = RegressionContext(
            1,
            depth=[self._basis.n_features],
            floor=[floor],
            moment_s=moment_s,
            learn_s=learn_s,
            familiar=familiar,
            renew_s=renew_s,
            quarantine_s=quarantine_s,
            adapt_day=adapt_day,
            adapt_total=adapt_total,
        )
        self._doubt = MeanLeverage(self._regression.p, scale_s=scale_s)

    def fleets(self) -> Mapping[str, Fleet]:
        """Its stages, which hold all of its state."""
        return {"basis": self._basis, "regression": self._regression, "doubt": self._doubt}

    def walk(self, rows: Rows, times: Times, given: Values, shown: Values, learn: Mask) -> Values:
        """How much more was given than the machine shows to have felt, f8[n], in σ.

        Less than that where an average over ``scale_s`` would show what the regression is wrong by.
        ``given`` f8[n] is NaN where nobody shall judge it, ``shown`` f8[n, shown_by] what its
        sensors said last; rows with ``learn`` may be learnt.
        """
        return self.explain(rows, times, given, shown, learn)[0]

    def explain(
        self, rows: Rows, times: Times, given: Values, shown: Values, learn: Mask
    ) -> tuple[Values, Sequence[Adaptation]]:
        """As `walk`; and what was told of learning once the learning time was over."""
        features, valid = self._basis.walk(rows, times, np.ascontiguousarray(shown))
        column = np.ascontiguousarray(given)[:, np.newaxis]
        solved = np.zeros((len(rows), self._regression.p))
        said = self._regression.walk(rows, times, column, column, features, valid, learn, solved)
        missing = np.ascontiguousarray(said.residuals[:, 0])
        return self._doubt.walk(rows, times, missing, solved), said.adapted

    def accept(self, row: int) -> None:
        """Let the level and gain of what is given be learnt anew, if they have changed."""
        self._regression.accept(row)


class YieldChartFleet(EwmaMultichartFleet):
    """EWMA chart of how much less the machine makes of what it is given than it used to.

    Speaks of the sensor that shows best what was felt, and of no other.

    Parameters
    ----------
    scale_s
        Time constant of the average. [s]
    learn_s
        Over how much time of residuals its spread is learnt. [s]
    clip
        Residuals count no further out than this. [σ]
    least
        The smallest factor by which the average may spread wider than over independent residuals.

    Raises
    ------
    ValueError
        A parameter out of its range.

    Examples
    --------
    >>> chart = YieldChartFleet(1, scale_s=100, learn_s=1000)
    >>> chart.reserve(1)
    >>> z = np.random.default_rng(1).standard_normal((1900, 1))
    >>> z[1200:1500] -= 1
    >>> z[1500:] += 1
    >>> rows, times = np.zeros(1900, np.int32), np.arange(1900) * 10**9
    >>> scores = chart.walk(rows, times, z, np.ones(1900, np.uint8))[:, 0]
    >>> bool(scores[1300:1500].max() == 0), bool(scores[1700] > 3)
    (True, True)
    """

    name: ClassVar[str] = "yield_chart"
    reads: ClassVar[str] = "yields"

    def __init__(
        self,
        n_sensors: int,
        *,
        scale_s: float = SCALE_S,
        learn_s: float = 16 * 86400.0,
        clip: float = 2.0,
        least: float = 1.0,
    ) -> None:
        check_number("scale_s", scale_s, 1e-3, 1e9)
        super().__init__(
            n_sensors, scales_s=[scale_s], learn_s=learn_s, clip=clip, least=least, doubt=0.0
        )

    def _chart(
        self, rows: Rows, times: Times, values: Values, learn: Mask, said: Signed, *, score: bool
    ) -> None:
        super()._chart(rows, times, values, learn, said, score=score)
        np.maximum(said.scores, 0.0, out=said.scores)

    def ready(self, row: int) -> float:
        """Share of the learning that is done before the chart speaks of its one sensor."""
        return float(min(self.state["learnt_s"][row].max() / self.learn_s, 1.0))
