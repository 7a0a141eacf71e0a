"""EWMA multichart: has a residual left its level, within an hour, a day or a week?

A fault may be a jump or the wear of a month, and no single chart sees both: a short memory forgets
the creep, a long one sleeps through the jump. So each sensor's standardised residual z is averaged
at several time scales τ at once, and each average is measured in its own healthy spread::

    a_τ ← a_τ + λ (clip(z) - a_τ)        λ = 1 - exp(-Δt / τ)
    v_τ ← λ² + (1 - λ)² v_τ              its variance, were all z independent with variance 1
    score = max over τ of |a_τ| / √(v_τ · max(r_τ, least) · (1 + doubt · τ / T_τ))

Residuals of machines are not independent: weather and imperfect models last for hours, so that an
average over a day can spread five times as far as theory has it. ``r_τ``, the mean of ``a_τ²/v_τ``
over the first ``learn_s`` of residuals, measures that, machine by machine and sensor by sensor, and
is then frozen. It was learnt in time ``T_τ = learn_s - τ``, which for a long τ holds few
independent averages: the last factor widens the spread by what that leaves in doubt. A scale with
``T_τ < τ`` does not speak.

z is clipped, so that one absurd value moves an average no further than a few σ and is forgotten
after a few τ at most. The exact v_τ makes the first values after a start count as they should, at
any rate of readings and after gaps.

Sources: Roberts 1959 for the chart; Han and Tsung 2006 for several charts at once; Lu and Reynolds
1999 for what autocorrelation does to it.

It cannot see what shows in the spread of a sensor alone, nor what was there while it learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

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
    named_views,
)
from detectors.kernels import ewma_multichart as kernel

GAP_S = 3600.0
"""Between two residuals at most so much counts as learnt."""


class Signed(NamedTuple):
    """What the charts say of each value."""

    scores: Values
    """f8[n, S]; below zero where the average is."""
    onsets: Times
    """Since when, ns: the last time that every average was within two of its spreads; i8[n, S]."""


RELEARN = 0.7
"""What is kept of the learning where a sensor gets a new normal."""


@dataclass(kw_only=True, eq=False, repr=False)
class EwmaMultichartFleet(FleetDetector):
    """EWMA charts of standardised residuals at several time scales, of all machines of a class.

    Parameters
    ----------
    scales_s
        Time constants of the averages. [s]
    learn_s
        Over how much time of residuals the spread of each average is learnt. [s]
    clip
        Residuals count no further out than this. [σ]
    least
        The smallest factor by which an average may spread wider than over independent residuals.
    doubt
        Weight of what short learning leaves in doubt.

    Raises
    ------
    ValueError
        A parameter out of its range.

    Examples
    --------
    >>> chart = EwmaMultichartFleet(1, scales_s=[10, 100], learn_s=1000)
    >>> chart.reserve(1)
    >>> z = np.random.default_rng(1).standard_normal((1300, 1))
    >>> z[1200:] += 2
    >>> rows, times = np.zeros(1300, np.int32), np.arange(1300) * 10**9
    >>> scores = chart.walk(rows, times, z, np.ones(1300, np.uint8))[:, 0]
    >>> bool(np.isnan(scores[:1000]).all()), bool(scores[1010:1200].max() < 4 < scores[1220])
    (True, True)
    """

    name: ClassVar[str] = "ewma_multichart"
    univariate: ClassVar[bool] = True
    frozen: ClassVar[bool] = True

    n_sensors: int = field(kw_only=False)
    scales_s: Sequence[float] = (3600.0, 21600.0, 86400.0, 345600.0)
    learn_s: float = 7 * 86400.0
    clip: float = 4.0
    least: float = 1.5
    doubt: float = 16.0

    def __post_init__(self) -> None:
        super().__init__(self.n_sensors)
        check_count("scales_s, how many,", len(self.scales_s), 1, 16)
        for scale_s in self.scales_s:
            check_number("scales_s", scale_s, 1e-3, 1e9)
        check_number("learn_s", self.learn_s, 2 * min(self.scales_s), 1e9)
        check_number("clip", self.clip, 1, 1e6)
        check_number("least", self.least, 0.01, 100)
        check_number("doubt", self.doubt, 0, 1000)
        self._scales_s = np.array(sorted(self.scales_s), dtype=np.float64)
        self._shares = np.zeros(len(self._scales_s))

    def schema(self) -> dict[str, Field]:
        """Per sensor and scale: the average, its variance, its excess; since when it is away."""
        sensors, scales = (self.n_sensors,), (self.n_sensors, len(self._scales_s))
        return {
            "ewma": Field("f8", scales),
            "variance": Field("f8", scales),
            "excess": Field("f8", scales),
            "learnt_s": Field("f8", sensors),
            "heard_ns": Field("i8", sensors),
            "onset_ns": Field("i8", sensors),
            "side": Field("f8", sensors),
        }

    def walk_signed(self, rows: Rows, times: Times, values: Values, learn: Mask) -> Signed:
        """As `walk`; with the side on which each average is, and since when."""
        said = Signed(np.full(values.shape, np.nan), np.zeros(values.shape, dtype=np.int64))
        self.check(rows, times, values)
        self._chart(rows, times, values, learn, said, score=True)
        return said

    def _walk(
        self, rows: Rows, times: Times, values: Values, learn: Mask, scores: Values, *, score: bool
    ) -> None:
        said = Signed(scores, np.zeros(values.shape, dtype=np.int64))
        self._chart(rows, times, values, learn, said, score=score)
        np.abs(scores, out=scores)

    def _chart(
        self, rows: Rows, times: Times, values: Values, learn: Mask, said: Signed, *, score: bool
    ) -> None:
        kernel.walk(
            score=score,
            learn_s=self.learn_s,
            gap_s=GAP_S,
            clip=self.clip,
            least=self.least,
            doubt=self.doubt,
            **named_views(rows=rows, times=times, values=values, learn=learn),
            **named_views(**said._asdict()),
            **named_views(scales_s=self._scales_s, shares=self._shares, **self.state),
        )

    def onset_ns(self, row: int) -> Times:
        """Since when each sensor's averages have been away from zero: an estimate of the onset."""
        onset: Times = self.state["onset_ns"][row]
        return onset

    def accept(self, row: int, sensors: Sequence[int] = ()) -> None:
        """Put the averages of these sensors back to zero; a part of the learning is done again."""
        which = list(sensors) or slice(None)
        for name in ("ewma", "variance", "side"):
            self.state[name][row, which] = 0.0
        for name in ("learnt_s", "excess"):
            self.state[name][row, which] *= RELEARN

    def ready(self, row: int) -> float:
        """Share of the learning that is done before the charts speak, over all sensors."""
        return float(np.minimum(self.state["learnt_s"][row] / self.learn_s, 1.0).mean())


@dataclass(kw_only=True, eq=False, repr=False)
class AdjustedMultichartFleet(EwmaMultichartFleet):
    """The same charts over regression-adjusted residuals: does each sensor agree with the others?

    What those are stands in `detectors.regression_adjustment`; each has unit variance. Other
    parameters: `EwmaMultichartFleet`.

    Parameters
    ----------
    learn_s
        Over how much time of residuals the spread of each average is learnt; it begins when the
        adjustment is frozen. [s]

    Examples
    --------
    >>> chart = AdjustedMultichartFleet(2, scales_s=[10], learn_s=100)
    >>> chart.reads, chart.n_scores
    ('adjusted', 2)
    """

    name: ClassVar[str] = "adjusted_multichart"
    reads: ClassVar[str] = "adjusted"

    learn_s: float = 5 * 86400.0


@dataclass(eq=False, repr=False)
class EwmaMultichart(OneMachine):
    """The same for one machine, as a River detector; values must be standardised residuals."""

    scales_s: Sequence[float] = (60.0, 600.0)
    learn_s: float = 6000.0
    clip: float = 4.0
    least: float = 1.5
    doubt: float = 16.0

    def _fleet(self, features: Sequence[object]) -> FleetDetector:
        return EwmaMultichartFleet(len(features), **self._get_params())
