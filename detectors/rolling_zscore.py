"""Rolling z-score: how many standard deviations is a value from the mean of those before it?

With the last W values x of a sensor, the one being scored not among them::

    mean = Σ x / W        std = √(Σ (x - mean)² / (W - 1))        score = |value - mean| / std

While fewer than W values have come, they are the window. Both sums are taken anew over the window
for each score, of differences to one of its values: nothing is ever added to a sum and taken out of
it again, so the score is right at an offset of 1e9, and a spike that has left the window has left
no trace. That costs a walk along the window for each value (0.1 µs for 96 values).

The window follows the signal. So a value that jumps is found, but a fault that stays is normal
after W values, and one that creeps never shows: for a straight ramp the score tends to √3, however
steep it is. Spikes within the window hide the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

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
    views,
)
from detectors.kernels import rolling_zscore as kernel


class RollingZScoreFleet(FleetDetector):
    """Rolling z-score of each sensor of each machine, in standard deviations, 0 … ∞.

    Parameters
    ----------
    window_size
        W, values that a sensor remembers; 8 bytes each.
    grace_period
        Values that a sensor must have learnt before it is scored, 2 … ``window_size``.
    min_std
        Floor of ``std``, in the sensor's unit: a signal that was constant and now differs by d
        scores ``d / min_std``, so the sensor's resolution is a good floor.

    Examples
    --------
    >>> import numpy as np
    >>> fleet = RollingZScoreFleet(n_sensors=1, window_size=4, grace_period=2)
    >>> fleet.reserve(1)
    >>> values = np.array([[1e9 + 1], [1e9 + 3], [1e9 + 1], [1e9 + 3], [1e9 + 12]])
    >>> rows, times, learn = np.zeros(5, np.int32), np.arange(5) * 10**9, np.ones(5, np.uint8)
    >>> fleet.walk(rows, times, values, learn).round(3).ravel().tolist()
    [nan, nan, 0.707, 1.155, 8.66]
    """

    name: ClassVar[str] = "rolling_zscore"
    univariate: ClassVar[bool] = True

    def __init__(
        self,
        n_sensors: int,
        *,
        window_size: int = 96,
        grace_period: int = 96,
        min_std: float = 1e-6,
    ) -> None:
        super().__init__(n_sensors)
        check_count("window_size", window_size, 2, 65536)
        check_count("grace_period", grace_period, 2, window_size)
        check_number("min_std", min_std, 1e-100, 1e100)
        self.window_size = window_size
        self.grace_period = grace_period
        self.min_std = min_std

    def schema(self) -> dict[str, Field]:
        """Hold the window of each sensor as a ring, and how many values have gone into it."""
        return {
            "ring": Field("f8", (self.n_sensors, self.window_size)),
            "learnt": Field("i8", (self.n_sensors,)),
        }

    def ready(self, row: int) -> float:
        """Share of the grace period, averaged over the sensors."""
        return self._share(row, self.grace_period)

    def _walk(
        self,
        rows: Rows,
        times: Times,  # noqa: ARG002
        values: Values,
        learn: Mask,
        scores: Values,
        *,
        score: bool,
    ) -> None:
        kernel.walk(
            *views(rows, values, learn, *self.state.values(), scores),
            score=score,
            grace_period=self.grace_period,
            min_std=self.min_std,
        )


class RollingZScore(OneMachine):
    """Rolling z-score for one machine, as a River detector.

    Parameters
    ----------
    window_size, grace_period, min_std
        As for `RollingZScoreFleet`.

    Examples
    --------
    >>> detector = RollingZScore(window_size=10, grace_period=5)
    >>> for x in [20.1, 20.2, 19.9, 20.0, 20.3]:
    ...     detector.learn_one({"temperature": x})
    >>> round(detector.score_one({"temperature": 20.6}), 2)
    3.16
    """

    def __init__(
        self, *, window_size: int = 96, grace_period: int = 96, min_std: float = 1e-6
    ) -> None:
        self.window_size = window_size
        self.grace_period = grace_period
        self.min_std = min_std
        self._fleet(["any"])

    def _fleet(self, features: Sequence[Any]) -> RollingZScoreFleet:
        return RollingZScoreFleet(len(features), **self._get_params())
