"""What should this sensor read, given what the machine is doing? And how sure is that?

A gearbox of 70 °C is right at full power and wrong at idle, so no chart should look at the
temperature itself but at its *residual*: how far it is from what the machine's own past says of the
present context. For each machine and judged sensor s a linear regression on the features φ of the
context (`detectors.basis`) is learnt by recursive least squares::

    expected = φᵀ β_s        h = φᵀ (Σ w φ φᵀ + ρ I)⁻¹ φ
    residual = (x - expected) / (σ_s √(1 + h))

All sensors of a machine share the triangular factor R of ``Σ w φ φᵀ + ρ I = Rᵀ R``, into which each
row is turned by Givens rotations; a sensor that may use fewer contexts uses a leading part of it.
``y = R⁻ᵀ φ`` gives all of it: ``h = |y|²`` and ``expected = yᵀ d_s`` with ``d_s = R β_s``. So p
features and S sensors cost p²/2 + p S numbers of state and as many multiplications per reading, and
nothing is ever inverted. The numbers are kept in single precision: rotations turn what that rounds
off into errors of the rows of some 1e-7 of |R|, which stay below √ρ for a million moments.

The **leverage** h says how well a context is known: 1/n for one that has been seen n times, more
for every step away from it. It decides everything:

* ``h ≤ familiar``: the context is known. The reading is judged, and once ``learn_s`` are over it
  is not learnt: where the reference is known it is *frozen*, and a slow fault cannot pull it along.
* ``h > familiar``: the machine does what it has not done before (a storm, a heat wave): drift of
  the *inputs*. Nobody can say what is right, so the residual is NaN, and the reading is learnt,
  unless residuals have long been away from zero: then what is new may be the fault. See below.

Readings in quick succession are one moment of the weather told many times. A reading weighs
``w = min(Δt / moment_s, 1)``, so that weights count moments, whatever the rate. Nor are the moments
of one spell of weather independent: while weeks are learnt spells are many, what comes later and is
new comes in one. So it weighs a fifth, or a context would be familiar after three hours of the
first storm, and the next one be judged by what that happened to be like. What is learnt is
drawn in to four σ where the context is familiar, else taken as it is: what a machine reads when it
first idles may be a hundred σ of its work away, and is right. σ² is the mean of squared errors made
*before* learning, over 1 + h.

Once ``learn_s`` are over what is new is not learnt at once. It is added to a block that fills for
``quarantine_s`` of the machine's own readings and then waits as long; a residual that has long been
away from zero empties both. What has waited is learnt as one row, the mean of the block, with a
fifth of its weight, w. That turns the regression by ``Δβ = R⁻¹ y · w e / (1 + w h)``, e the mean
error, and moves what is expected over the n moments of the learning time, root mean square, by at
most::

    w |e| / (1 + w h) · √((h - ρ |R⁻¹ y|²) / n)

(the second term: what ρ pretends to have seen). A block that would take the sum of these, of the
sensor that moves the farthest and in its σ, beyond ``adapt_day`` or ``adapt_total`` is not learnt.

After maintenance (`accept`) a sensor is silent for ``renew_s``. If it then reads as before, nothing
has changed; else it gets a new level and gain, ``expected ← a + b · expected``, and again each time
what was gathered has doubled, three times. The gain b moves only as far as its context has moved
since.

A sensor that first speaks when a twentieth of ``learn_s`` is over learns its own ``learn_s``, by
steps of 2/n along y, before it is judged: in y what was learnt is as wide in every direction.

A judged sensor that also explains others is explained by those contexts that stand before it.

Sources: Gentleman 1974 (AS 75), Miller 1992 (AS 274) for least squares by rotations; Tautz-Weinert
and Watson 2016 for normal behaviour models of turbines; Belsley, Kuh and Welsch 1980 for leverage.

It cannot see a fault that was there while it learnt; one that only shows in contexts never met
before; and it knows nothing of seasons that no context sensor tells of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import (
    Field,
    Fleet,
    Mask,
    Rows,
    Times,
    Values,
    check_count,
    check_number,
    named_views,
    per_sensor,
    to_ns,
)
from detectors.kernels import context as kernel

RIDGE = 0.1
"""√ρ: what is not known of a feature is as if it had been seen with a weight of 0.01, at zero."""
LEAST_WEIGHT = 1 / 64
"""A reading of less weight waits until so much of a moment has passed since one was learnt: added
to many moments, it would be lost in single precision."""
LARGEST_FEATURE = 1e6
"""No regression could stand beside a context a million spans away: it is not learnt."""
LEAST_MOMENTS = 50
"""From fewer no spread is known."""
SPELL = 0.2
"""Of a moment's weight, where it is learnt after ``learn_s``: five are one spell of weather."""
LEAST_FAMILIAR = 1e-4
LEVEL_S = 6 * 3600.0
"""Time constant of the level of residuals that tells whether something has long been wrong."""
SPENT: tuple[Literal["", "day", "total"], ...] = ("", "day", "total")
"""What `Adaptation.spent` says, by the kernel's numbers."""


class Adaptation(NamedTuple):
    """What a regression has learnt of a machine in a day, or why it learns no more."""

    reading: int
    """The reading at which it was found out."""
    spent: Literal["", "day", "total"]
    """Which budget had no room for more; empty: this is the account of a day."""
    day_ns: int
    """When that day began (UTC, of event time)."""
    moments: float
    """So many were learnt on that day until then."""
    day: float
    """So far what is expected may have moved on that day, … [σ]"""
    total: float
    """… and since the reference was frozen, or somebody accepted it. [σ]"""
    spans: NDArray[np.float64]
    """Between which values the features ``marks`` were where it learnt then, f8[marks, 2]."""


class Explained(NamedTuple):
    """What the context explains, each f8[n, S], NaN where it cannot say; and what was learnt."""

    residuals: Values
    """What it does not explain of a reported value, in standard deviations."""
    expected: Values
    """In the sensor's unit."""
    band: Values
    """One standard deviation of a value about what is expected, in the sensor's unit."""
    adapted: Sequence[Adaptation] = ()
    """What was told of learning once the learning time was over, in the order of the readings."""


class RegressionContext(Fleet):
    """Standardised residuals of each judged sensor against a regression on its context.

    Parameters
    ----------
    depth
        Per sensor: how many leading features explain it; 0: it is not judged.
    assured
        Per sensor: with how many of these its context must be familiar to be judged; without it,
        with all. Beyond them it is judged by what it is extrapolated to, with the larger
        ``√(1 + h)`` of that.
    floor
        Per sensor: the smallest σ, in its unit; its resolution.
    moment_s
        So long is one moment: readings closer together count for less. [s]
    learn_s
        So much time is learnt whatever the context; from then on only what is not familiar. [s]
    familiar
        Leverage up to which a context is known.
    renew_s
        So long a sensor learns its level and gain anew after `accept`. [s]
    quarantine_s
        What is new once the learning time is over waits so long at least, and twice as long at
        most, before it is learnt; 0: it does not. [s]
    adapt_day, adapt_total
        So far what is learnt then may move what is expected, within a day (UTC) and in all. [σ]
    marks
        Features of which it is told where they were when something was learnt.

    Raises
    ------
    ValueError
        A parameter of the wrong length or out of its range, or nothing judged.

    Examples
    --------
    A sensor that nothing explains learns its own mean, and knows it after so many moments:

    >>> context = RegressionContext(1, depth=[1], moment_s=1, learn_s=50, familiar=0.03)
    >>> context.reserve(1)
    >>> x = np.array([[5.0], [5.2], [4.8]] * 20 + [[6.0]])
    >>> rows, times, ones = np.zeros(61, np.int32), np.arange(61) * 10**9, np.ones(61, np.uint8)
    >>> features, valid = np.ones((61, 1)), np.ones(61, np.int32)
    >>> said = context.walk(rows, times, x, x, features, valid, ones)
    >>> np.isnan(said.residuals[:30]).all(), said.expected[60].round(3)
    (np.True_, array([5.]))
    >>> bool(said.residuals[60] > 5)
    True
    """

    def __init__(
        self,
        n_sensors: int,
        *,
        depth: Sequence[int],
        assured: Sequence[int] | None = None,
        floor: Sequence[float] | None = None,
        moment_s: float = 600.0,
        learn_s: float = 20 * 86400.0,
        familiar: float = 0.05,
        renew_s: float = 2 * 86400.0,
        quarantine_s: float = 2 * 3600.0,
        adapt_day: float = 0.25,
        adapt_total: float = 2.0,
        marks: Sequence[int] = (),
    ) -> None:
        super().__init__(n_sensors)
        check_number("moment_s", moment_s, 1e-6, 1e7)
        check_number("learn_s", learn_s, LEAST_MOMENTS * moment_s, 1e9)
        check_number("familiar", familiar, LEAST_FAMILIAR, 10)
        check_number("renew_s", renew_s, moment_s, 1e9)
        check_number("quarantine_s", quarantine_s, 0, 1e7)
        check_number("adapt_day", adapt_day, 0, 1e9)
        check_number("adapt_total", adapt_total, 0, 1e9)
        depths = per_sensor("depth", depth, n_sensors, 1).astype(np.int32)
        if not depths.any() or (depths < 0).any():
            raise ValueError(f"depth is {depths}, at least one sensor needs a feature")
        sure = depths
        if assured is not None:
            sure = per_sensor("assured", assured, n_sensors, 1).astype(np.int32)
        if (sure > depths).any() or (sure < np.minimum(depths, 1)).any():
            raise ValueError(
                f"assured is {list(map(int, sure))}, depth is {list(map(int, depths))}: "
                "1 … depth of each judged sensor is allowed"
            )
        self.moment_s, self.learn_s, self.familiar, self.renew_s = (
            moment_s,
            learn_s,
            familiar,
            renew_s,
        )
        self.quarantine_s, self.adapt_day, self.adapt_total = quarantine_s, adapt_day, adapt_total
        self.p = int(depths.max())
        for mark in marks:
            check_count("marks", mark, 0, self.p - 1)
        self._columns = {
            "depth": depths,
            "assured": sure,
            "start": np.concatenate([[0], np.cumsum(depths)[:-1]]).astype(np.int32),
            "floor": np.maximum(per_sensor("floor", floor, n_sensors, 0.0), 1e-12),
            "marks": np.array(marks, dtype=np.int32),
        }
        self._scratch = {
            "phi": np.zeros(self.p),
            "y": np.zeros(self.p),
            "z": np.zeros(self.p),
            "aim": np.zeros(n_sensors),
            "lever": np.zeros(n_sensors),
            "sure": np.zeros(n_sensors),
            "mean": np.zeros((1, n_sensors)),
        }

    def schema(self) -> dict[str, Field]:
        """The factor R by rows and each sensor's d; squares of errors and their weight; levels.

        Then the blocks that wait, how long the one that fills has done so, and the accounts of a
        day: how far it moved (and in all), how many moments were learnt and where, and whether it
        was told that a budget is spent.
        """
        sensors, judged = (self.n_sensors,), int((self._columns["depth"] > 0).sum())
        blocks = 2 if self.quarantine_s > 0 else 1
        return {
            "learnt_ns": Field("i8"),
            "moments": Field("f8"),
            "extended": Field("f8"),
            "factor": Field("f4", (self.p * (self.p + 1) // 2,)),
            "origin": Field("f8", sensors, math.nan),
            "target": Field("f4", (int(self._columns["depth"].sum()),)),
            "squares": Field("f4", sensors),
            "freedom": Field("f4", sensors),
            "level": Field("f4", sensors),
            "level_ns": Field("i8", sensors),
            "renewing": Field("f4", (self.n_sensors, 6)),
            "held": Field("f4", (blocks, 1 + self.p + 3 * judged)),
            "age": Field("f8"),
            "day": Field("i4"),
            "moved": Field("f8", (2,)),
            "gained": Field("f4", (2,)),
            "span": Field("f4", (len(self._columns["marks"]), 2)),
        }

    def walk(  # noqa: PLR0917 - the columns of one turn, in the order of the stages
        self,
        rows: Rows,
        times: Times,
        values: Values,
        full: Values,
        features: Values,
        valid: NDArray[np.int32],
        learn: Mask,
        solved: Values | None = None,
    ) -> Explained:
        """Compare each value with what its context explains, then learn the row if it is new.

        Parameters
        ----------
        values, full
            What was reported, and the same filled in by `detectors.assemble.Assembler`, f8[n, S].
        features, valid
            Of the context, f8[n, p] or wider, and i4[n], from `detectors.basis.ContextBasis`.
        learn
            May this row be learnt? It must be one that is due, u1[n].
        solved
            Takes y of each row, f8[n, p], where somebody wants to know it.
        """
        self.check(rows, times, values, full)
        if features.shape[1:] < (self.p,) or len(features) != len(valid) or len(valid) != len(rows):
            raise ValueError(
                f"features are {list(features.shape)}, [{len(rows)}, {self.p}] at least is needed"
            )
        if solved is None:
            solved = np.empty((0, self.p))
        elif solved.shape != (len(rows), self.p):
            raise ValueError(f"solved is {list(solved.shape)}, [{len(rows)}, {self.p}] is needed")
        nothing = np.full(values.shape, math.nan)
        said = Explained(nothing, nothing.copy(), nothing.copy())
        news = np.empty((2 * len(rows), 6 + 2 * len(self._columns["marks"])))
        told = kernel.walk(
            moment_s=self.moment_s,
            least=LEAST_WEIGHT,
            largest=LARGEST_FEATURE,
            learn_moments=self.learn_s / self.moment_s,
            renew_moments=self.renew_s / self.moment_s,
            hold_moments=self.quarantine_s / self.moment_s,
            per_day=self.adapt_day,
            in_all=self.adapt_total,
            familiar=self.familiar,
            spell=SPELL,
            level_s=LEVEL_S,
            ridge=RIDGE,
            nan=math.nan,
            **named_views(rows=rows, times=times, values=values, full=full),
            **named_views(features=features, valid=valid, learn=learn),
            **named_views(residuals=said.residuals, expected=said.expected, band=said.band),
            **named_views(**self._columns, **self._scratch, news=news, solved=solved),
            **named_views(**self.state),
        )
        return said._replace(adapted=[_adaptation(one) for one in news[:told]]) if told else said

    @property
    def depth(self) -> NDArray[np.int32]:
        """Per sensor: how many leading features explain it, i4[S]."""
        depth: NDArray[np.int32] = self._columns["depth"]
        return depth

    @property
    def assured(self) -> NDArray[np.int32]:
        """Per sensor: how many of them must be familiar, i4[S]."""
        assured: NDArray[np.int32] = self._columns["assured"]
        return assured

    def accept(self, row: int, sensors: Sequence[int] = ()) -> None:
        """Let sensors learn their level and gain anew, if they have changed; the shape is kept.

        What waits is forgotten, and the machine's budget, of the day and in all, is whole again.
        """
        begun = self.state["renewing"][row, :, 0] >= 0
        which = [s for s in (list(sensors) or range(self.n_sensors)) if begun[s]]
        self.state["renewing"][row, which] = 0.0
        self.state["renewing"][row, which, 0] = 1.0
        self.state["level"][row, which] = 0.0
        self.state["held"][row] = 0.0
        self.state["age"][row] = 0.0
        self.state["moved"][row] = 0.0
        self.state["gained"][row, 1] = 0.0

    def ready(self, row: int) -> float:
        """Share of the learning that is done, 0 … 1."""
        return float(min(self.state["moments"][row] * self.moment_s / self.learn_s, 1.0))


def _adaptation(told: Values) -> Adaptation:
    """As the kernel writes it."""
    spans = told[6:].reshape(-1, 2).copy()
    day_ns = int(told[2]) * to_ns("day", 86400)
    moments, day, total = map(float, told[3:6])
    return Adaptation(int(told[0]), SPENT[int(told[1])], day_ns, moments, day, total, spans)
