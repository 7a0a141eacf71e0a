"""What is the machine doing? Its context sensors, written as features that a regression can use.

Wind, power, speed and ambient temperature explain most of what the other sensors of a machine show,
but neither linearly nor at once: vibration bends with speed, a bearing follows power in an hour.
So each context sensor c becomes a small fixed set of features of ``u = (c - low) / (high - low)``,
with ``low`` and ``high`` what it showed on this machine in its first ``warm_s``::

    u                                             level
    max(u - k / (knots + 1), 0)   k = 1 … knots   bends inside the usual span
    max(u - 1, 0), max(u - 3/2, 0)                bends at its end, and half as far again beyond
    u_τ   for each τ in lags_s                    what a first-order low-pass makes of it
    u_τ²  for the middle τ                        heat grows with the square of a current
    u · u_d   for each context d before it        pressure is speed times viscosity

and all of them stand in a row behind a leading 1. Those of the first context come first, so whoever
may use fewer contexts uses a leading part of the row.

Where the machine says of itself in which of several states it is (works, idles), each state but
the first has a level of its own: a feature next to the leading 1, which is 1 in that state, else 0.
A machine that has told once and does not now has no features. Between states everything may jump,
which no bend of a context can follow: in the wind in which a turbine starts, its blades turn by
45°.

Low-passes take event time, ``λ = 1 - exp(-Δt / τ)``. After a gap longer than ``settle_s``, twice
the longest τ, they start anew, and nothing is said until ``settle_s`` have passed: what went on
before is unknown. A context that alone was missing is taken to have been all the while as it is
when it comes back, and is missing for as long again, up to twice the longest τ: low-passes that
went on from where they stood would be the past of another weather.

Piecewise linear bases for the operating point, and lagged powers for temperatures, are the usual
stuff of normal behaviour models of wind turbines (Tautz-Weinert and Watson 2016).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.base import Field, Fleet, Rows, Times, Values, check_count, check_number, named_views
from detectors.kernels import basis as kernel


class ContextBasis(Fleet):
    """Features of each reading's context.

    Parameters
    ----------
    context
        Indices of the sensors that explain the others, in the order of the features.
    state
        Index of the sensor that tells the machine's state; none: it has only one.
    levels
        Values of that sensor that have a level of their own; in all others the machine is as usual.
    least
        Per sensor: the smallest span that is taken for one, in its unit; its resolution.
    knots
        Bends inside the usual span.
    lags_s
        Time constants of the low-passes; none for a response that comes at once. [s]
    settle_s
        How long nothing is said after a start and after a longer gap; none: twice the longest of
        ``lags_s``. [s]
    products
        Whether contexts are multiplied with those before them.
    warm_s
        How long the usual span is gathered before anything is said. [s]

    Raises
    ------
    ValueError
        A parameter out of its range, or a context that is no sensor.

    Examples
    --------
    >>> basis = ContextBasis(2, context=[0], knots=1, lags_s=[60], warm_s=180)
    >>> basis.reserve(1)
    >>> full = np.array([[0.0, 1.0], [10.0, 1.0], [10.0, 1.0], [5.0, 1.0], [10.0, 1.0]])
    >>> times = np.arange(5) * 60_000_000_000
    >>> features, valid = basis.walk(np.zeros(5, np.int32), times, full)
    >>> valid
    array([0, 0, 1, 7, 7], dtype=int32)
    >>> features[4].round(2)
    array([1.  , 1.  , 0.5 , 0.  , 0.  , 0.87, 0.75])
    """

    def __init__(
        self,
        n_sensors: int,
        *,
        context: Sequence[int] = (),
        least: Sequence[float] | None = None,
        knots: int = 3,
        lags_s: Sequence[float] = (1800.0, 7200.0),
        settle_s: float | None = None,
        products: bool = True,
        warm_s: float = 3 * 86400.0,
        state: int | None = None,
        levels: Sequence[float] = (),
    ) -> None:
        super().__init__(n_sensors)
        check_count("knots", knots, 0, 32)
        check_count("lags_s, how many,", len(lags_s), 0, 8)
        for lag_s in lags_s:
            check_number("lags_s", lag_s, 1e-3, 1e7)
        self.settle_s = 2 * max(lags_s, default=0.0) if settle_s is None else settle_s
        check_number("settle_s", self.settle_s, 0, 1e9)
        check_number("warm_s", warm_s, 0, 1e9)
        for sensor in (*context, *([] if state is None else [state])):
            check_count("context", sensor, 0, n_sensors - 1)
        spans = np.zeros(n_sensors) if least is None else np.asarray(least, dtype=np.float64)
        self.n_contexts = len(context)
        alone = 1 + knots + 2 + len(lags_s) + (1 if lags_s else 0)
        blocks = [alone + (before if products else 0) for before in range(self.n_contexts)]
        self.start = np.cumsum([1 + len(levels), *blocks]).astype(np.int32)
        """Where each context's features begin, and where the last one's end, i4[C + 1]."""
        self.n_features = int(self.start[-1])
        self.warm_s = warm_s
        self.knots, self.products = knots, products
        self._columns = {
            "context": np.array(context, dtype=np.int32),
            "start": self.start,
            "least": np.maximum(spans[list(context)], 1e-9),
            "lags_s": np.array(lags_s, dtype=np.float64),
            "levels": np.array(levels, dtype=np.float64),
        }
        self._shares, self._lags_s = np.zeros(len(lags_s)), tuple(lags_s)
        self._state_sensor = -1 if state is None else state

    def schema(self) -> dict[str, Field]:
        """Per context its usual span and low-passes; since when, and when they last moved."""
        contexts = (self.n_contexts,)
        return {
            "heard": Field("u1"),
            "first_ns": Field("i8", contexts),
            "since_ns": Field("i8"),
            "last_ns": Field("i8"),
            "low": Field("f8", contexts, math.nan),
            "high": Field("f8", contexts, math.nan),
            "lagged": Field("f8", (*contexts, len(self._columns["lags_s"])), math.nan),
            "missed_s": Field("f4", contexts),
        }

    def walk(self, rows: Rows, times: Times, full: Values) -> tuple[Values, NDArray[np.int32]]:
        """Features f8[n, p] of context ``full`` f8[n, S]; how many leading ones hold, i4[n].

        None hold while low-passes settle or the machine's state is unknown; else those up to the
        first context that is missing, or whose span is still gathered.
        """
        self.check(rows, times, full)
        features = np.zeros((len(rows), self.n_features))
        valid = np.zeros(len(rows), dtype=np.int32)
        kernel.walk(
            knots=self.knots,
            products=self.products,
            state=self._state_sensor,
            warm_s=self.warm_s,
            settle_s=self.settle_s,
            wait_s=2 * max(self._lags_s, default=0.0),
            **named_views(rows=rows, times=times, full=full),
            **named_views(features=features, valid=valid, shares=self._shares),
            **named_views(**self._columns),
            **named_views(**self.state),
        )
        return features, valid

    def usual(self, row: int) -> tuple[Values, Values]:
        """Each context's usual low and the width of its span, f8[C]: u = (c - low) / width."""
        low, high = self.state["low"][row], self.state["high"][row]
        return low, np.maximum(high - low, self._columns["least"])
