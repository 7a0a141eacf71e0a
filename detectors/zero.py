"""Does an instrument still read at rest what it always read there?

A machine that stands gives no power, whatever the weather. What its power meter reads then is its
zero, and the little that the machine takes for itself. So an offset of 2 % of full power, lost in
the gusts while the machine works, stands out once it has stood still for half an hour.

Of every sensor that ``rests`` the mean over an hour at rest is followed, and while it is learnt,
its lowest and its highest: for ``learn_s``, and until it has rested for three hours in all. After
that its zero is off where the mean lies outside of these by more than

    max(highest - lowest, 0.01 · largest value at work while learnt),

until it does no longer, or has not been at rest for a week: what is so old proves nothing.

What it cannot see: a gain, which at rest is nothing; a machine that never stands; a zero that
wanders as far while it is learnt. It is not for vibrations: a shaft that the wind creeps round is
not at rest to a worn bearing. A machine that takes far more for itself than before, as with heaters
on in its first frost, looks like a zero that is off.

Source: reading the zero is how meters are checked; in this form ours.
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
from detectors.kernels import zero as kernel

DAY_S = 86400.0


class Zero(Fleet):
    """Says which sensors read something else at rest than they used to.

    Parameters
    ----------
    rests
        Which sensors read next to nothing while the machine rests.
    learn_s
        So much event time is learnt. [s]

    Raises
    ------
    ValueError
        A parameter out of its range or not one per sensor.

    Examples
    --------
    A power meter every ten minutes, of a machine that stands every other day; on day 30 it begins
    to read 93 kW too much:

    >>> day = np.arange(40 * 144) // 144
    >>> rests = (day % 2).astype(np.uint8)
    >>> power = np.where(rests, -20.0, 3000.0) + 93 * (day >= 30)
    >>> zero = Zero(1, rests=[1])
    >>> zero.reserve(1)
    >>> times = np.arange(len(day)) * 600_000_000_000
    >>> off = zero.walk(np.zeros(len(day), np.int32), times, power[:, np.newaxis], rests)
    >>> int(day[off[:, 0].argmax()])
    31
    """

    def __init__(
        self, n_sensors: int, *, rests: Sequence[bool], learn_s: float = 20 * DAY_S
    ) -> None:
        super().__init__(n_sensors)
        check_number("learn_s", learn_s, 0.0, 1e9)
        self.learn_s = learn_s
        self.columns = np.flatnonzero(per_sensor("rests", rests, n_sensors, 0)).astype(np.int32)

    def schema(self) -> dict[str, Field]:
        """How long the machine works and rests, and of each sensor what it reads then."""
        shape = (len(self.columns),)
        return {
            "told_ns": Field("i8", fill=-1),
            "rest_s": Field("f4"),
            "work_s": Field("f4"),
            "age_s": Field("f4", shape),
            "mean": Field("f4", shape, math.nan),
            "lowest": Field("f4", shape, math.inf),
            "highest": Field("f4", shape, -math.inf),
            "largest": Field("f4", shape),
            "heard_s": Field("f4", shape),
            "off": Field("u1", shape),
        }

    def walk(self, rows: Rows, times: Times, values: Values, resting: Mask) -> Mask:
        """Whose zero is off, u1[n, S], by readings in order.

        ``values`` f8[n, S] are believed ones, NaN where there is none; ``resting`` u1[n] is 0 at
        work, 1 at rest and 2 where nobody knows, as in `detectors.attribution`.
        """
        self.check(rows, times, values, resting)
        found = np.zeros(values.shape, dtype=np.uint8)
        kernel.walk(
            learn_s=self.learn_s,
            **named_views(rows=rows, times=times, values=values, resting=resting),
            **named_views(columns=self.columns, found=found),
            **named_views(**self.state),
        )
        return found

    def accept(self, row: int, sensors: Sequence[int] = ()) -> None:
        """Learn anew what these sensors read at rest, for as long as at first; none: all."""
        meant = np.isin(self.columns, sensors) if len(sensors) else self.columns >= 0
        self.forget_columns(row, meant)
