"""Does a sensor flicker that the machine would have to follow?

What truly moves takes along what rests on it: a rotor whose speed jumps by 2 % gives another power.
So a sensor that steps while the one that would feel it holds still tells of its own instrument,
however wildly both step in a gust. Every pair of such sensors keeps two quantiles of steps from one
reading to the next:

* what is *calm* of the one that feels it, the lower quartile of its own steps;
* the median step of the other at those readings where the first was calm.

What is calm is learnt over ``learn_s`` and then frozen: a machine that hunts is calm less often,
not calm by another measure. The median goes on, over some 5 hours of calm readings. Where it is
``ratio`` times the largest it was while learnt, the sensor flickers, until it is 1.2 times that or
less. Both are followed by stochastic approximation (Robbins and Monro 1951), up or down by a share
of themselves. A step of 0 is taken as one of ``resolution``; where none is known it tells nothing.

It speaks of the instrument only, and silences nobody: the mean of a flickering sensor is well.

What it cannot see: a sensor that nothing is known to feel, or whose partner comes in messages of
its own; a flicker that is smaller than twice what is usual in calm, or that began while it was
learnt. A controller that lets speed hunt while it holds power looks like a noisy tachometer. Steps
over more than two hours are nobody's.

Source: the conditional quantile is ours; noise judged at steady state is common in data
reconciliation, e.g. Cao and Rhinehart (1995), Journal of Process Control 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from detectors.base import (
    Field,
    Fleet,
    Mask,
    Rows,
    Times,
    Values,
    check_number,
    named_views,
    per_sensor,
)
from detectors.kernels import flicker as kernel

DAY_S = 86400.0


class Flicker(Fleet):
    """Says which sensors flicker without being felt.

    Parameters
    ----------
    felt_by
        For each sensor the column of the one that would feel it, -1: none is known.
    resolution
        The smallest step each instrument can show, in its unit; 0: unknown. ``None``: 0 for all.
    learn_s
        So much event time is learnt. [s]
    ratio
        How many times its record the median is when the sensor is said to flicker.

    Attributes
    ----------
    pairs
        The columns of each sensor and of the one that would feel it.

    Raises
    ------
    ValueError
        A parameter out of its range or not one per sensor, or a sensor that feels itself.

    Examples
    --------
    A speed that begins to flicker by ten times as much as ever, while power stands as it stood:

    >>> rng = np.random.default_rng(1)
    >>> speed, power = 12 + 0.02 * rng.normal(size=9000), 5000 + 15 * rng.normal(size=9000)
    >>> speed[6000:] += 0.2 * rng.normal(size=3000)
    >>> flicker = Flicker(2, felt_by=[1, -1], resolution=[0.01, 1])
    >>> flicker.reserve(1)
    >>> times = np.arange(9000) * 300_000_000_000
    >>> values = np.column_stack([speed, power])
    >>> found = flicker.walk(np.zeros(9000, np.int32), times, values, np.ones(9000, np.uint8))
    >>> int(found[:, 0].argmax()) // 288  # day 20.8 it began
    21
    """

    def __init__(
        self,
        n_sensors: int,
        *,
        felt_by: Sequence[int],
        resolution: Sequence[float] | None = None,
        learn_s: float = 20 * DAY_S,
        ratio: float = 2.0,
    ) -> None:
        super().__init__(n_sensors)
        check_number("learn_s", learn_s, 0.0, 1e9)
        check_number("ratio", ratio, 1.2, 1e6)
        feels = per_sensor("felt_by", felt_by, n_sensors, -1)
        columns = np.arange(n_sensors)
        if not ((feels >= -1) & (feels < n_sensors) & (feels == feels.round())).all():
            raise ValueError(f"felt_by is {feels.tolist()}, columns or -1 are allowed")
        if (feels == columns).any():
            raise ValueError(f"felt_by is {feels.tolist()}, a sensor cannot feel itself")
        steps = per_sensor("resolution", resolution, n_sensors, 0.0)
        if not (steps >= 0).all():
            raise ValueError(f"resolution is {steps.tolist()}, at least 0 is needed")
        self.learn_s, self.ratio = learn_s, ratio
        self._one = columns[feels >= 0].astype(np.int32)
        self._other = feels[feels >= 0].astype(np.int32)
        self.pairs = list(zip(self._one.tolist(), self._other.tolist(), strict=True))
        self._resolution = steps

    def schema(self) -> dict[str, Field]:
        """Per pair: what both said last, how far the one steps usually, and the other meanwhile."""
        shape = (len(self._one),)
        return {
            "told_ns": Field("i8", fill=-1),
            "last": Field("f8", shape, math.nan),
            "last_felt": Field("f8", shape, math.nan),
            "calm": Field("f4", shape),
            "step": Field("f4", shape),
            "record": Field("f4", shape),
            "heard_s": Field("f4", shape),
            "seen": Field("u2", shape),
            "known": Field("u2", shape),
            "flickers": Field("u1", shape),
        }

    def walk(self, rows: Rows, times: Times, values: Values, operating: Mask) -> Mask:
        """Which sensors flicker, u1[n, S], by readings in order.

        ``values`` f8[n, S] are believed ones, NaN where there is none; ``operating`` u1[n] says
        whether the machine is at work, where steps are learnt and judged.
        """
        self.check(rows, times, values, operating)
        found = np.zeros(values.shape, dtype=np.uint8)
        kernel.walk(
            learn_s=self.learn_s,
            ratio=self.ratio,
            **named_views(rows=rows, times=times, values=values, operating=operating),
            **named_views(one=self._one, other=self._other, resolution=self._resolution),
            **named_views(found=found),
            **named_views(**self.state),
        )
        return found

    def accept(self, row: int, sensors: Sequence[int] = ()) -> None:
        """Learn anew the pairs in which one of these sensors is; none: all."""
        meant = np.isin(self._one, sensors) | np.isin(self._other, sensors)
        if not len(sensors):
            meant[:] = True
        self.forget_columns(row, meant)
