"""What should this sensor read, given what the machine is doing?

A gearbox of 70 °C is right at full power and wrong at idle, so no chart should look at the
temperature itself but at its *residual*: how far it is from what the machine's own past says of the
present context.

The physical range of the context sensor is cut into ``bins`` of equal width. For each machine and
judged sensor, each bin learns the first ``bin_readings`` values that fall into it (mean ``m_b``,
sum of squares ``Q_b`` about it, mean context ``c_b``) and is then **frozen**: nothing it holds
ever changes again, so a slow fault cannot pull the reference along. A frozen bin speaks:

    expected = m_b + (c - c_b) / (c_q - c_b) · (m_q - m_b)
    residual = (x - expected) / max(σ_b, floor)

with ``q`` the neighbouring bin on the context's side; without that term where ``q`` is not frozen.
On a wind-driven gearbox temperature the line between bins takes away half to two thirds of the
residual's spread, on vibration nothing; a straight line fitted inside each bin was worse than
either, because a machine crosses a bin too quickly to show its slope.

``bin_readings`` values in succession say little about a spread, and neighbours share their noise,
so at freezing the bin's variance is drawn half-way to that of all bins of the sensor frozen so far,
its own included:

    s² = Σ Q / Σ (n - 1)        σ_b² = (Q_b + n s²) / (2 n - 1)        n = bin_readings

The floor is the ``resolution``: one step of the instrument is never more than one σ. Where it is
unknown, that of a 16-bit converter over the sensor's range is taken.

A temperature follows power with a delay. With ``lag_s`` = τ the context is what a first-order
low-pass makes of it in event time, ``λ = 1 - exp(-Δt / τ)``. It starts anew after a gap of more
than 5 τ, and says nothing until 3 τ have passed since its start: what went on before is unknown. A
sensor whose times are behind those of the others moves it neither forwards nor back.

This is a first form: one context for each sensor, and no season. A bin first visited during a fault
learns the fault; readings in quick succession fill a bin with one moment of it, so ``bin_readings``
should span hours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from detectors.base import (
    Field,
    Fleet,
    Rows,
    Times,
    Values,
    check_count,
    named_views,
    per_sensor,
)
from detectors.kernels import slots as kernel


class SlotContext(Fleet):
    """Standardised residuals of each judged sensor against bins of its context.

    All sequences have one value for each sensor.

    Parameters
    ----------
    low, high
        Physical range, in the sensor's unit.
    context
        Index of the sensor that explains this one, -1 for none: then it has a single bin, its own
        mean and spread. ``None``: nobody has a context.
    judged
        Whether the sensor gets residuals; false for those that only explain others. ``None``: all.
    lag_s
        Time constant with which the sensor follows its context, 0 for none. [s]
    resolution
        Smallest step the instrument can show, in its unit; 0 where it is unknown.
    bins
        Number of bins over the range of the context sensor.
    bin_readings
        Values a bin learns before it is frozen and speaks.

    Raises
    ------
    ValueError
        A parameter of the wrong length or out of its range, or nothing judged.

    Examples
    --------
    A vibration that grows with power learns two regimes, and then doubts the third reading:

    >>> context = SlotContext(
    ...     2, low=[0, 0], high=[5000, 50], context=[-1, 0], judged=[False, True], bin_readings=4
    ... )
    >>> context.reserve(1)
    >>> power = [1000, 1000, 1000, 1000, 4000, 4000, 4000, 4000, 1000, 4000, 1000]
    >>> vibration = [1.1, 0.9, 1.0, 1.0, 3.1, 2.9, 3.0, 3.0, 1.0, 3.0, 3.0]
    >>> values = np.array([power, vibration]).T
    >>> rows, times = np.zeros(11, np.int32), np.arange(11)
    >>> residuals, expected = context.walk(rows, times, values, values)
    >>> expected[8:, 1]
    array([1., 3., 1.])
    >>> residuals[8:, 1].round(1)
    array([ 0. ,  0. , 24.5])
    """

    def __init__(
        self,
        n_sensors: int,
        *,
        low: Sequence[float],
        high: Sequence[float],
        context: Sequence[int] | None = None,
        judged: Sequence[bool] | None = None,
        lag_s: Sequence[float] | None = None,
        resolution: Sequence[float] | None = None,
        bins: int = 24,
        bin_readings: int = 60,
    ) -> None:
        super().__init__(n_sensors)
        check_count("bins", bins, 1, 1000)
        check_count("bin_readings", bin_readings, 2, 65535)
        self.bins = bins
        self.bin_readings = bin_readings
        lows = per_sensor("low", low, n_sensors, math.nan)
        spans = per_sensor("high", high, n_sensors, math.nan) - lows
        if not (spans > 0).all():
            raise ValueError("low must be below high for every sensor")
        contexts = per_sensor("context", context, n_sensors, -1.0).astype(np.int32)
        if not ((contexts >= -1) & (contexts < n_sensors)).all():
            raise ValueError(f"context is {contexts}, -1 to {n_sensors - 1} is allowed")
        some = contexts >= 0
        sizes = np.where(some, bins, 1) * (per_sensor("judged", judged, n_sensors, 1.0) > 0)
        if not sizes.any():
            raise ValueError("judged names no sensor, at least 1 is needed")
        steps = _positive("resolution", resolution, n_sensors)
        self._first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        self._parameters = {
            "context": contexts,
            "first": self._first,
            "low": np.where(some, lows[contexts], 0.0),
            "width": np.where(some, spans[contexts] / bins, 1.0),
            "lag_s": np.where(some, _positive("lag_s", lag_s, n_sensors), 0.0),
            "floor": np.where(steps > 0, steps, spans / 2**16),
        }

    def schema(self) -> dict[str, Field]:
        """Per bin what it learnt, the bins of all sensors in a row; per sensor the lagged context.

        ``spread`` is Q while a bin learns and σ once it is frozen.
        """
        sensors, bins = (self.n_sensors,), (int(self._first[-1]),)
        return {
            "lagged": Field("f8", sensors, math.nan),
            "lagged_ns": Field("i8", sensors),
            "since_ns": Field("i8", sensors),
            "count": Field("u2", bins),
            "centre": Field("f8", bins),
            "mean": Field("f8", bins),
            "spread": Field("f8", bins),
            "pooled": Field("f8", sensors),
            "freedom": Field("f8", sensors),
        }

    def walk(self, rows: Rows, times: Times, values: Values, full: Values) -> tuple[Values, Values]:
        """Compare each value with its reference, then learn it if its bin is not frozen yet.

        ``full`` f8[n, S] holds the context, as `detectors.assemble.Assembler` fills it in. Returns
        residuals in σ and what was expected in the sensor's unit, both f8[n, S]; NaN where the
        sensor is not judged, did not report, its context is unknown, or the bin is not frozen.
        """
        self.check(rows, times, values, full)
        residuals = np.full(values.shape, math.nan)
        expected = np.full(values.shape, math.nan)
        kernel.walk(
            bin_readings=self.bin_readings,
            **named_views(rows=rows, times=times, values=values, full=full),
            **named_views(residuals=residuals, expected=expected),
            **named_views(**self._parameters),
            **named_views(**self.state),
        )
        return residuals, expected

    def ready(self, row: int) -> float:
        """Share of the learning that is done in the bins the machine has visited, 0 … 1.

        A machine that meets a new context has more to learn than before, so this can fall.
        """
        count = self.state["count"][row]
        visited = int((count > 0).sum())
        return float(count.sum() / (visited * self.bin_readings)) if visited else 0.0


def _positive(name: str, values: Sequence[float] | None, n_sensors: int) -> Values:
    array = per_sensor(name, values, n_sensors, 0.0)
    if not (array >= 0).all():
        raise ValueError(f"{name} is {array.min():g}, at least 0 is needed")
    return array
