"""Is the instrument believable? A verdict on every value, before any learner sees it.

The first of these that holds is the verdict. Each test needs the sensor's range only; what else it
must know, it learns from the sensor itself:

* ``MISSING``: the reading did not bring it. Says nothing about the instrument.
* ``GAP``: it has not come for ten of its own intervals, and three times longer than it ever did,
  while other readings of its machine came; or it is late, of a sensor that was always on time and
  has lost one of seven lately. An outage of the whole machine is nobody's gap.
* ``OUT_OF_RANGE``: outside the sensor's physical range, so it cannot be so.
* ``SENTINEL``: exactly a value that stands for none, such as -9999 or a thermometer's 85, where
  that is impossible or far from the last believed value.
* ``SPIKE``: further than ``max_step`` from the last believed value; learnt, that is ten times the
  95 % quantile of the sensor's own steps, or 1.5 times its largest leap. A machine can really have
  gone to a new level, so three doubted values in succession, each within ``max_step`` of the one
  before (or, where that is learnt, two thirds of the way to it), are believed from the third on: a
  leap.
* ``UNIT``: between the steps of an instrument that had always told whole ones (kW is now MW), until
  it has told five other whole ones in succession; or gone at one stroke to what the old level is in
  another unit (°C is now °F), until it goes back.
* ``STUCK``: within half a ``resolution`` of the same value for ``stuck_s``, while readings kept
  coming: one interval counts as a tenth of ``stuck_s`` at most, so that neither an outage nor two
  equal readings in a slow stream look like standing still. Learnt, ``stuck_s`` is three times the
  longest that the sensor has stood, half an hour and 20 readings at least. Ends with the first
  different value.
* ``NOISE``: its mean step back or forth over 30 values is 2.2 times the largest it ever was, of a
  sensor that is smooth by nature: its mean distance from its mean is four usual steps or more. A
  temperature cannot begin to flicker; a vibration can, by the machine's fault, and is never called
  noisy. Where another sensor is rougher than ever as well, by half as much at least, it is the
  machine that shakes, in its first storm perhaps, and all of them take that as usual. The one
  verdict whose values are believed all the same: their mean is well.

A value out of range or doubted as a spike leaves the other judgements as they were: a sensor that
is stuck and crackles is still stuck.

Standing machines have constant readings. Where ``moving_sensor`` is given, time counts towards
``stuck_s`` only while that sensor, now or when last believed, is above ``moving_above``; that of a
``restless`` sensor counts always, except at 0: a calm is no fault of an anemometer.

What it cannot see: an instrument that is biased, drifts, is exchanged for another or flickers by
one step of its resolution: that shows only against other sensors. A wind-driven signal steps so far
by nature that only a spike far out of its range stands out. Where the moving sensor itself is stuck
low, nobody else is found stuck; where there is none, a sensor that stands at 0 may be at rest. What
is learnt is learnt from the first readings on, for spikes and noise over three days: an instrument
that is faulty from the first day is taken as one of that kind.

The tests are those of quality control in oceanography and meteorology (QARTOD: range, spike, rate
of change, flat line), with limits from the sensor's own past in place of tables.
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
)
from detectors.kernels import gaps
from detectors.kernels import quality as kernel

OK, MISSING, OUT_OF_RANGE, SPIKE, STUCK, SENTINEL, GAP, UNIT, NOISE = range(9)

CODES = (
    "ok",
    "missing",
    "out_of_range",
    "spike",
    "stuck",
    "sentinel",
    "gap",
    "unit",
    "noise",
)
"""What each code is called in counters and columns: ``CODES[STUCK] == "stuck"``."""

REASONS = {
    MISSING: "was not reported",
    OUT_OF_RANGE: "{value}, outside {low} to {high}",
    SPIKE: "jumped to {value}, more than {max_step} from the last believed value",
    STUCK: "stuck at {value} for {minutes} min",
    SENTINEL: "{value}, which stands for no value",
    GAP: "not reported for far longer than usual, though its machine is heard",
    UNIT: "{value}, as if in another unit than before",
    NOISE: "far noisier than it ever was, now {value}",
}
"""Why a value is doubted, for a person; `explain` fills in the numbers."""

SENTINELS = (-9999.0, -999.0, 999.0, 9999.0, 32767.0, -32768.0, 65535.0, 85.0, 127.0, -127.0)
"""Values that stand for none: of gateways, of 16 and 8 bits, of a thermometer at power-on."""

STUCK_LEAST_S = 1800.0
"""What is learnt of a sensor never makes it stuck sooner."""

OF_BOTH = ("rows", "times", "values", "since_s", "age_s", "nth", "codes", "marks")
OF_GAPS = ("first_ns", "heard_ns", "seen", "interval_s", "unheard_s", "lull_s", "lost")
"""What the kernels share, and what only that of the gaps knows."""

_UNITS = ((1.8, 32.0), (1 / 1.8, -32 / 1.8))
"""Factor and shift to the other unit of the same steps; other units have other steps."""


class Quality(Fleet):
    """Judges every value of every machine of a class.

    Parameters
    ----------
    low, high
        The physical range, one value per sensor, in its unit; NaN: none.
    resolution
        The smallest step the instrument can show, in its unit; 0: unknown.
    stuck_s, max_step
        Limits per sensor, in seconds and in its unit; NaN: learnt from the sensor, 0: off.
        ``None``: NaN for all.
    moving_sensor, moving_above
        The column, and its value, above which the machine moves; -1: it always does.
    restless
        Which sensors go on changing while the machine rests, as the wind does; ``None``: none.
    sentinels
        Values that stand for none.
    learning
        Where False, only what is given is judged: nothing is learnt.

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
    ['ok', 'sentinel', 'ok', 'missing', 'spike', 'ok']
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
        restless: Sequence[bool] | None = None,
        sentinels: Sequence[float] = SENTINELS,
        learning: bool = True,
    ) -> None:
        super().__init__(n_sensors)
        check_count("moving_sensor", moving_sensor, -1, n_sensors - 1)
        if moving_sensor >= 0 and math.isnan(moving_above):
            raise ValueError("moving_above is missing, moving_sensor needs it")
        steps = _at_least_0("max_step", max_step, n_sensors)
        self._parameters = {
            "low": _off_at_nan(per_sensor("low", low, n_sensors, -LARGEST), -LARGEST),
            "high": _off_at_nan(per_sensor("high", high, n_sensors, LARGEST), LARGEST),
            "max_step": np.where(steps == 0, math.inf, steps),
            "resolution": _off_at_nan(_at_least_0("resolution", resolution, n_sensors), 0.0),
            "stuck_s": _at_least_0("stuck_s", stuck_s, n_sensors),
            "restless": (per_sensor("restless", restless, n_sensors, 0) != 0).astype(np.uint8),
            "sentinels": np.array(sentinels, dtype=np.float64),
            "factors": np.array([factor for factor, _ in _UNITS]),
            "shifts": np.array([shift for _, shift in _UNITS]),
        }
        self._moving_sensor = moving_sensor
        self._moving_above = moving_above
        self._learning = learning
        for s, (lo, hi) in enumerate(
            zip(self._parameters["low"], self._parameters["high"], strict=True)
        ):
            if not lo < hi:
                raise ValueError(f"range of sensor {s} is {lo:g} to {hi:g}, low must be below high")

    def schema(self) -> dict[str, Field]:
        """Per sensor: the believed level and its doubts, standing still, and what is usual."""
        shape = (self.n_sensors,)
        return {
            "first_ns": Field("i8", fill=-1),
            "heard_ns": Field("i8", fill=-1),
            "level": Field("f8", shape, math.nan),
            "doubted": Field("f4", shape, math.nan),
            "doubts": Field("u1", shape),
            "anchor": Field("f4", shape, math.nan),
            "told_ns": Field("i8", shape),
            "stood_s": Field("f4", shape),
            "longest_s": Field("f4", shape),
            "seen": Field("u2", shape),
            "changes": Field("u2", shape),
            "usual_step": Field("f4", shape),
            "leap": Field("f4", shape),
            "interval_s": Field("f4", shape),
            "unheard_s": Field("f4", shape),
            "lull_s": Field("f4", shape),
            "lost": Field("f4", shape),
            "middle": Field("f4", shape),
            "spread": Field("f4", shape),
            "rough": Field("f4", shape),
            "roughest": Field("f4", shape),
            "grid": Field("u1", shape),
            "marks": Field("u1", shape),
        }

    def judge(self, rows: Rows, times: Times, values: Values) -> Mask:
        """Codes u1[n, S]: the verdict on each value, in order, by what its machine said so far."""
        self.check(rows, times, values)
        codes = np.zeros(values.shape, dtype=np.uint8)
        nth = np.empty(values.shape, dtype=np.uint16)
        views = {
            **named_views(rows=rows, times=times, values=values, codes=codes, nth=nth),
            **named_views(since_s=np.empty(len(rows)), age_s=np.empty(len(rows))),
            **named_views(**self._parameters),
            **named_views(**self.state),
        }
        gaps.walk(learning=self._learning, **{name: views[name] for name in (*OF_BOTH, *OF_GAPS)})
        kernel.judge(
            moving_sensor=self._moving_sensor,
            moving_above=self._moving_above,
            learning=self._learning,
            **{name: view for name, view in views.items() if name not in OF_GAPS},
        )
        return codes

    def accept(self, row: int, sensors: Sequence[int] = ()) -> None:
        """Learn anew what is usual of these sensors of a machine, as after an exchange."""
        columns = list(sensors) or list(range(self.n_sensors))
        self.forget_columns(row, columns)


def believed(values: Values, codes: Mask) -> Values:
    """Return the values f8[n, S] with NaN in place of every one that is doubted.

    Those that are only noisy stay: charts average over hours and see their mean. Taken away, wind
    after a calm month would be missing where one blade's angle flickers past its record and
    another's does not, and what each should read be learnt from other weather.

    >>> believed(np.array([[1.0, 2.0, 3.0]]), np.array([[OK, STUCK, NOISE]], np.uint8))
    array([[ 1., nan,  3.]])
    """
    return np.where((codes == OK) | (codes == NOISE), values, math.nan)


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
    has passed since. Without a ``max_step``, the sensor's own is meant.

    >>> explain(STUCK, 55.25, unit="°C", minutes=60)
    'stuck at 55.25 °C for 60 min'
    >>> explain(OUT_OF_RANGE, -200.0, unit="°C", low=-40, high=150)
    '-200 °C, outside -40 °C to 150 °C'
    >>> explain(SPIKE, 95.0, unit="°C")
    'jumped to 95 °C, more than ten times its usual step from the last believed value'
    """
    quantities = {"value": value, "low": low, "high": high, "max_step": max_step}
    shown = {name: f"{number:.10g} {unit}".rstrip() for name, number in quantities.items()}
    if not max_step > 0:
        shown["max_step"] = "ten times its usual step"
    return REASONS[code].format(**shown, minutes=f"{minutes:.0f}")


def _off_at_nan(array: Values, off: float) -> Values:
    return np.where(np.isnan(array), off, array)


def _at_least_0(name: str, values: Sequence[float] | None, n_sensors: int) -> Values:
    array = per_sensor(name, values, n_sensors, math.nan)
    if (array < 0).any():
        raise ValueError(f"{name} is {np.nanmin(array):g}, at least 0 is needed")
    return array
