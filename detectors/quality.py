"""Is the instrument believable? A verdict on every value, before any learner sees it.

A value is doubted for one of four reasons, and the first that holds is the verdict:

* ``MISSING``: the reading did not bring it. Says nothing about the instrument.
* ``OUT_OF_RANGE``: outside the sensor's physical range, so it cannot be so.
* ``SPIKE``: further than ``max_step`` from the last believed value. A machine can really have gone
  to a new level, so three doubted values in succession, each within ``max_step`` of the one
  before, are believed from the third on.
* ``STUCK``: within half a ``resolution`` of the same value for ``stuck_s``, while readings kept
  coming: one interval counts as a tenth of ``stuck_s`` at most, so that neither an outage nor two
  equal readings in a slow stream look like standing still. Ends with the first different value.

A value out of range or doubted as a spike leaves the other two judgements as they were: a sensor
that is stuck and crackles is still stuck.

Standing machines have constant readings. Where ``moving_sensor`` is given, time counts towards
``stuck_s`` only while that sensor, now or when last believed, is above ``moving_above``.

This is a first form. It does not see an instrument that is biased, drifts, or flickers by one step
of its resolution; and where the moving sensor itself is stuck low, nobody else is found stuck.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from detectors.base import (
    LARGEST,
    Field,
    Fleet,
    Mask,
    Rows,
    Times,
    Values,
    check_count,
    named_views,
    per_sensor,
    to_ns,
)
from detectors.kernels import quality as kernel

OK, MISSING, OUT_OF_RANGE, SPIKE, STUCK = range(5)

CODES = ("ok", "missing", "out_of_range", "spike", "stuck")
"""What each code is called in counters and columns: ``CODES[STUCK] == "stuck"``."""

REASONS = {
    MISSING: "was not reported",
    OUT_OF_RANGE: "{value}, outside {low} to {high}",
    SPIKE: "jumped to {value}, more than {max_step} from the last believed value",
    STUCK: "stuck at {value} for {minutes} min",
}
"""Why a value is doubted, for a person; `explain` fills in the numbers."""


class Quality(Fleet):
    """Judges every value of every machine of a class.

    Each parameter has one value per sensor; NaN switches a test off for a sensor, ``None`` for all
    of them. ``low`` and ``high`` are the physical range and ``resolution`` the smallest step the
    instrument can show, in the sensor's unit; ``max_step``, in the same unit, and ``stuck_s`` are
    also off at 0.

    Raises
    ------
    ValueError
        A parameter of the wrong length or below 0, a range that is empty, or a ``moving_sensor``
        that is no sensor or has no threshold.

    Examples
    --------
    A temperature of 0 to 150 °C that may move 20 K between readings:

    >>> quality = Quality(1, low=[0], high=[150], max_step=[20])
    >>> quality.reserve(1)
    >>> values = np.array([[60.0], [999.0], [61.0], [np.nan], [95.0], [62.0]])
    >>> codes = quality.judge(np.zeros(6, np.int32), np.arange(6), values)
    >>> [CODES[code] for code in codes[:, 0]]
    ['ok', 'out_of_range', 'ok', 'missing', 'spike', 'ok']
    """

    def __init__(
        self,
        n_sensors: int,
        *,
        low: Sequence[float] | None = None,
        high: Sequence[float] | None = None,
        stuck_s: Sequence[float] | None = None,
        resolution: Sequence[float] | None = None,
        max_step: Sequence[float] | None = None,
        moving_sensor: int = -1,
        moving_above: float = math.nan,
    ) -> None:
        super().__init__(n_sensors)
        check_count("moving_sensor", moving_sensor, -1, n_sensors - 1)
        if moving_sensor >= 0 and math.isnan(moving_above):
            raise ValueError("moving_above is missing, moving_sensor needs it")
        stuck = _off_at_zero("stuck_s", stuck_s, n_sensors, off=0.0)
        self._parameters = {
            "low": _off_at_nan(per_sensor("low", low, n_sensors, -LARGEST), -LARGEST),
            "high": _off_at_nan(per_sensor("high", high, n_sensors, LARGEST), LARGEST),
            "max_step": _off_at_zero("max_step", max_step, n_sensors, off=math.inf),
            "tolerance": _off_at_zero("resolution", resolution, n_sensors, off=0.0) / 2,
            "stuck_ns": np.array([to_ns("stuck_s", s) for s in stuck], dtype=np.int64),
        }
        self._moving_sensor = moving_sensor
        self._moving_above = moving_above
        for s, (lo, hi) in enumerate(
            zip(self._parameters["low"], self._parameters["high"], strict=True)
        ):
            if not lo < hi:
                raise ValueError(f"range of sensor {s} is {lo:g} to {hi:g}, low must be below high")

    def schema(self) -> dict[str, Field]:
        """Per sensor: the believed level, what was doubted since, what stands still since when."""
        shape = (self.n_sensors,)
        return {
            "level": Field("f8", shape, math.nan),
            "doubted": Field("f8", shape, math.nan),
            "doubts": Field("u1", shape),
            "anchor": Field("f8", shape, math.nan),
            "told_ns": Field("i8", shape),
            "stood_ns": Field("i8", shape),
        }

    def judge(self, rows: Rows, times: Times, values: Values) -> Mask:
        """Codes u1[n, S]: the verdict on each value, in order, by what its machine said so far."""
        self.check(rows, times, values)
        codes = np.zeros(values.shape, dtype=np.uint8)
        kernel.judge(
            moving_sensor=self._moving_sensor,
            moving_above=self._moving_above,
            **named_views(rows=rows, times=times, values=values, codes=codes),
            **named_views(**self._parameters),
            **named_views(**self.state),
        )
        return codes


def believed(values: Values, codes: Mask) -> Values:
    """Return the values f8[n, S] with NaN in place of every one that is doubted.

    >>> believed(np.array([[1.0, 2.0]]), np.array([[OK, STUCK]], np.uint8))
    array([[ 1., nan]])
    """
    return np.where(codes == OK, values, math.nan)


def explain(
    code: int,
    value: float,
    *,
    unit: str = "",
    low: float = math.nan,
    high: float = math.nan,
    max_step: float = math.nan,
    minutes: float = math.nan,
) -> str:
    """Why a value is doubted, as a person would say it of the sensor.

    ``minutes`` is how long the value has been stuck: ``stuck_s`` at the first `STUCK`, and what
    has passed since.

    >>> explain(STUCK, 55.25, unit="°C", minutes=60)
    'stuck at 55.25 °C for 60 min'
    >>> explain(OUT_OF_RANGE, -9999.0, unit="°C", low=-40, high=150)
    '-9999 °C, outside -40 °C to 150 °C'
    """
    quantities = {"value": value, "low": low, "high": high, "max_step": max_step}
    shown = {name: f"{number:.10g} {unit}".rstrip() for name, number in quantities.items()}
    return REASONS[code].format(**shown, minutes=f"{minutes:.0f}")


def _off_at_nan(array: Values, off: float) -> Values:
    return np.where(np.isnan(array), off, array)


def _off_at_zero(name: str, values: Sequence[float] | None, n_sensors: int, off: float) -> Values:
    array = per_sensor(name, values, n_sensors, 0.0)
    if (array < 0).any():
        raise ValueError(f"{name} is {array.min():g}, at least 0 is needed")
    return np.where(array > 0, array, off)
