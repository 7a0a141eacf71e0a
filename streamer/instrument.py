"""Which instruments of a machine are doubted, and how much does that matter?

`detectors.quality` judges values as they come; a machine's sensors may come in different messages.
An instrument alert must neither end because another sensor's good value arrived, nor begin because
a sensor was merely absent from a message, nor because of one lone spike. So

* what lasts (stuck, a gap, another unit, noise) stands from its first verdict to the sensor's next
  good value, with severity 1;
* what is single (out of range, a sentinel, a spike from which the value came back) is counted, each
  one forgotten by 0.1 % with every value that follows; severity is this count over 2.5: three in
  some 300 values, or four in 700. A lasting fault counts once when it begins, so that a flickering
  one adds up too.

Where several sensors leap in one reading, or most of them are late, it is the machine that leaps or
has another rhythm, and no instrument is to blame. Nor is one for two values that may have been the
first of a new level.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from detectors.base import Field, Fleet, Mask, Rows, Times, Values, named_views
from detectors.kernels import instrument as kernel


class Doubt(NamedTuple):
    """The sensor in question, the last verdict, since when it goes on, and the value it fell on."""

    sensor: int
    code: int
    since_ns: int
    value: float


class InstrumentWatch(Fleet):
    """The severity of a machine's doubts, and the sensor to blame.

    Examples
    --------
    One value of the second sensor is out of range: that is not yet a faulty instrument.

    >>> from detectors.quality import OK, OUT_OF_RANGE, STUCK
    >>> watch = InstrumentWatch(2)
    >>> watch.reserve(1)
    >>> rows, times = np.zeros(3, np.int32), np.array([0, 1, 2])
    >>> codes = np.array([[OK, OUT_OF_RANGE], [STUCK, OK], [OK, OK]], np.uint8)
    >>> severity, doubts = watch.walk(rows, times, np.zeros((3, 2)), codes)
    >>> severity.round(2), doubts[1].sensor
    (array([0.4, 1. , 0.4]), 0)
    """

    def schema(self) -> dict[str, Field]:
        """Per sensor: the last doubt (+128 while it stands), spikes in a row, the count, since."""
        shape = (self.n_sensors,)
        return {
            "code": Field("u1", shape),
            "run": Field("u1", shape),
            "count": Field("f4", shape),
            "value": Field("f4", shape),
            "since_ns": Field("i8", shape),
        }

    def walk(
        self, rows: Rows, times: Times, values: Values, codes: Mask
    ) -> tuple[Values, dict[int, Doubt]]:
        """Follow a turn's verdicts u1[n, S] on values f8[n, S] in order.

        Returns severity f8[n], that of the machine's worst sensor, and for each reading where it is
        1 or more, that sensor's doubt; of equal ones the oldest.
        """
        self.check(rows, times, values, codes)
        n = len(rows)
        severity, value = np.zeros(n), np.zeros(n)
        sensor, since = np.zeros(n, dtype=np.int32), np.zeros(n, dtype=np.int64)
        code = np.zeros(n, dtype=np.uint8)
        kernel.follow(
            **named_views(rows=rows, times=times, values=values, codes=codes),
            **named_views(severity=severity, sensor=sensor, told_code=code),
            **named_views(told_value=value, told_ns=since),
            **named_views(**self.state),
        )
        doubts = {
            int(i): Doubt(int(sensor[i]), int(code[i]), int(since[i]), _decimal(value[i]))
            for i in np.flatnonzero(severity >= 1.0)
        }
        return severity, doubts


def _decimal(value: float) -> float:
    """The shortest decimal of a number kept in single precision: 68.4 and not 68.4000015."""
    return float(str(np.float32(value)))
