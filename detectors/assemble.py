"""One row of all sensors out of messages that bring a few each.

Sensors of one machine may come at different rates and in different messages. Detectors that look at
one sensor take each value as it comes; those that look at all of them together take an *assembled
row*: each sensor's last believed value that is not older than ``max_age_s``. A reading is *due* as
such a row when

1. a **round** is over: every required sensor has spoken since the last one, or one of them speaks
   again, which is how a lost message or a slower sensor shows without looking ahead;
2. no required sensor is lacking in the row; and
3. event time has reached a new **sample**, ``floor(t / sample_s)``; with ``sample_s`` 0, a new
   time. So one instant is never counted twice, however many messages tell of it.

With one message for all sensors every reading is due. With a message for each, the last of every
round is. With a fast sensor and a slow one, every value of the fast one is, once the slow one is
known. A row is never put off to wait for what may yet come: with ``sample_s`` it is the first
complete one of its sample, not the last.
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
    named_views,
    per_sensor,
    to_ns,
)
from detectors.kernels import assemble as kernel


class Assembler(Fleet):
    """Fills in what each reading left out.

    Parameters
    ----------
    max_age_s
        How old a value may be and still stand in a row. [s]
    sample_s
        At most one row is due in each such span of event time; 0: at most one for each time. [s]
    required
        One truth for each sensor: must it be in a row that is due? ``None``: all of them.

    Raises
    ------
    ValueError
        A parameter out of its range, or nothing required.

    Examples
    --------
    Power and temperature come in messages of their own, every 10 s:

    >>> assembler = Assembler(2)
    >>> assembler.reserve(1)
    >>> nan = np.nan
    >>> values = np.array([[900.0, nan], [nan, 55.0], [950.0, nan], [nan, 56.0]])
    >>> times = np.array([0, 0, 10, 10]) * 1_000_000_000
    >>> full, due = assembler.assemble(np.zeros(4, np.int32), times, values)
    >>> full
    array([[900.,  nan],
           [900.,  55.],
           [950.,  55.],
           [950.,  56.]])
    >>> due
    array([0, 1, 0, 1], dtype=uint8)
    """

    def __init__(
        self,
        n_sensors: int,
        *,
        max_age_s: float = 900.0,
        sample_s: float = 0.0,
        required: Sequence[bool] | None = None,
    ) -> None:
        super().__init__(n_sensors)
        self.max_age_s = max_age_s
        self.sample_s = sample_s
        self._required = per_sensor("required", required, n_sensors, 1.0).astype(np.uint8)
        if not self._required.any():
            raise ValueError("required names no sensor, at least 1 is needed")
        self._max_age_ns = to_ns("max_age_s", max_age_s)
        self._sample_ns = max(1, to_ns("sample_s", sample_s))

    def schema(self) -> dict[str, Field]:
        """Per sensor: the last value, its time, and whether it spoke in this round."""
        shape = (self.n_sensors,)
        return {
            "last": Field("f8", shape, math.nan),
            "last_ns": Field("i8", shape),
            "spoken": Field("u1", shape),
            "due_ns": Field("i8", fill=-(2.0**63)),
        }

    def assemble(self, rows: Rows, times: Times, values: Values) -> tuple[Values, Mask]:
        """Rows f8[n, S] with each reading included, NaN where too old; due u1[n]."""
        self.check(rows, times, values)
        full = np.full(values.shape, math.nan)
        due = np.zeros(len(rows), dtype=np.uint8)
        kernel.assemble(
            required=self._required.data,
            max_age_ns=self._max_age_ns,
            sample_ns=self._sample_ns,
            **named_views(rows=rows, times=times, values=values, full=full, due=due),
            **named_views(**self.state),
        )
        return full, due
