"""k-means per metric in Netdata's manner: all models of the last two days must find it strange.

Each sensor by itself, with the parameters of Netdata's ``[ml]`` section in brackets:

1. Values are differenced (``num samples to diff = 1``), smoothed over 3 (``num samples to smooth``)
   and lagged by 5 (``num samples to lag``), so each gives a vector of 6.
2. Every 3 h (``train every``) two means are sought among the vectors of the last 6 h (``maximum num
   samples to train = 21600`` seconds). The model keeps them, and the range of the training
   vectors' mean distance to the two centres.
3. A vector's score is its mean distance to the two centres, placed in that range: 0 … 1. A value is
   anomalous when all of the last 18 models (``number of models per dimension``) score it at 0.99 or
   more (``dimension anomaly score threshold``).
4. A machine is anomalous when 1 % (``host anomaly rate threshold``) of its values of the last five
   minutes (``anomaly detection grouping duration``) are. Severity is the share over that 1 %.

Parameters: Netdata's *ML configuration* page. Differences to Netdata: at most 4,320 training
vectors are taken evenly, not by lot (``random sampling ratio = 0.2``); the training window has 36
values where 6 h have fewer; a metric is never silenced for being anomalous half of the time.

Netdata knows thousands of metrics a node, each every second. With a dozen sensors a single
anomalous value is over 1 %; and what is differenced does not show a drift at all, nor a step once
it is nine readings old.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamer.evaluate.baselines.base import NS, Floats, InStep, Judged, Rows, SensorFacts, Times

SMOOTH = 3
LAG = 5
NEEDED = 1 + SMOOTH + LAG
"""Values that one vector is made of."""
TRAIN_EVERY_NS = 3 * 3600 * NS
TRAIN_WINDOW_S = 6 * 3600
TRAIN_VALUES_MIN = 36
TRAIN_VECTORS_MAX = 4320
MODELS = 18
SCORE_LIMIT = 0.99
RATE_LIMIT = 0.01
RATE_WINDOW_S = 300
ITERATIONS_MAX = 1000


class KMeansNetdata(InStep):
    """Two means per sensor and training; consensus over the trainings, rate over the sensors."""

    name: ClassVar[str] = "kmeans_netdata"
    about: ClassVar[str] = (
        "two-means per sensor on differenced windows, trained every 3 h, 18 must agree; "
        "limit: 1 % of the values of 5 min, Netdata's defaults"
    )

    def __init__(
        self, sensors: Sequence[SensorFacts], machines: int, period_s: float, seed: int = 42
    ) -> None:
        super().__init__(sensors, machines, period_s, seed)
        shape = (machines, len(self.columns))
        window = max(round(TRAIN_WINDOW_S / period_s), TRAIN_VALUES_MIN)
        self._history = np.full((*shape, window), np.nan)
        self._last = np.full(shape, np.nan)
        self._heard = np.zeros(machines, dtype=np.int64)
        self._recent = np.full((*shape, NEEDED), np.nan)
        self._train_at = np.full(machines, -1, dtype=np.int64)
        self._trained = np.zeros(machines, dtype=np.int64)
        self._models = Models(
            np.full((*shape, MODELS, 2, LAG + 1), np.nan),
            np.full((*shape, MODELS), np.nan),
            np.full((*shape, MODELS), np.nan),
        )
        self._bits = np.full((*shape, max(round(RATE_WINDOW_S / period_s), 1)), np.nan)
        """1 anomalous, 0 normal, NaN not scored; the last ones of each sensor."""

    def _judge(self, rows: Rows, times: Times, values: Floats) -> Judged:
        self._recent[rows] = _pushed(self._recent[rows], values)
        self._bits[rows] = _pushed(self._bits[rows], self._anomalous(rows))
        self._remember(rows, values)
        new = self._train_at[rows] < 0
        self._train_at[rows[new]] = times[new] + TRAIN_EVERY_NS
        due = self._train_at[rows] <= times
        if due.any():
            self._train(rows[due])
            self._train_at[rows[due]] = times[due] + TRAIN_EVERY_NS
        return self._rate(rows)

    def _anomalous(self, rows: Rows) -> Floats:
        """Do all models find the newest vector of each sensor strange? 1, 0, or NaN for no say."""
        vector = vectors(self._recent[rows])
        centres, near, far = (part[rows] for part in self._models)
        distance = _distance(centres, vector[..., np.newaxis, :]).mean(axis=-1)
        width = far - near
        score = np.where(width > 0, distance - near, 0.0) / np.where(width > 0, width, 1.0)
        trained = ~np.isnan(far)
        agree = (~trained | (score >= SCORE_LIMIT)).all(axis=-1)
        heard = trained.any(axis=-1) & ~np.isnan(vector).any(axis=(-2, -1))
        return np.where(heard, agree.astype(np.float64), np.nan)

    def _rate(self, rows: Rows) -> Judged:
        """Share of anomalous values in the machine's window, over its limit."""
        bits = self._bits[rows]
        silent = np.isnan(bits[..., -1]).all(axis=1)
        heard = (~np.isnan(bits)).sum(axis=(1, 2))
        strange = (bits > 0).sum(axis=2)
        rate = strange.sum(axis=1) / np.maximum(heard, 1)
        nobody = silent | ~strange.any(axis=1)
        strangest = np.where(nobody, -1, self.columns[strange.argmax(axis=1)])
        severity = np.where(silent, np.nan, rate / RATE_LIMIT)
        return Judged(severity, strangest.astype(np.int32))

    def _remember(self, rows: Rows, values: Floats) -> None:
        """Keep the readings for training; where a sensor said nothing, its last value stands."""
        last = np.where(np.isnan(values), self._last[rows], values)
        self._last[rows] = last
        self._history[rows, :, self._heard[rows] % self._history.shape[-1]] = last
        self._heard[rows] += 1

    def _train(self, rows: Rows) -> None:
        window = self._history.shape[-1]
        in_order = (self._heard[rows, np.newaxis] + np.arange(window)) % window
        values = np.take_along_axis(self._history[rows], in_order[:, np.newaxis, :], axis=-1)
        found = vectors(values)
        thin = -(-found.shape[-2] // TRAIN_VECTORS_MAX)
        found = found[..., ::thin, :]
        slot = self._trained[rows] % MODELS
        models = two_means(found.reshape(-1, *found.shape[-2:]))
        for kept, new in zip(self._models, models, strict=True):
            kept[rows, :, slot] = new.reshape(*found.shape[:2], *new.shape[1:])
        self._trained[rows] += 1


class Models(NamedTuple):
    """Two centres each, and the range of the training vectors' mean distance to them."""

    centres: Floats
    near: Floats
    far: Floats


def vectors(values: Floats) -> Floats:
    """Values [..., n] → differenced, smoothed and lagged vectors [..., n - 8, 6].

    The mean of 3 differences is the difference over 3, by 3.

    >>> vectors(np.array([0.0, 0, 0, 3, 3, 3, 3, 3, 3, 3])).tolist()
    [[1.0, 1.0, 1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]]
    """
    smooth = (values[..., SMOOTH:] - values[..., :-SMOOTH]) / SMOOTH
    return np.lib.stride_tricks.sliding_window_view(smooth, LAG + 1, axis=-1)


def two_means(found: Floats) -> Models:
    """Two-means of each metric's vectors [metrics, n, 6]; NaN where it has fewer than two.

    It begins with the first vector and one far from it, the 99th percentile.
    """
    valid = np.isfinite(found.sum(axis=-1))
    found = np.where(valid[..., np.newaxis], found, 0.0)
    centres = _first_centres(found, valid)
    nearest = np.full(valid.shape, -1)
    for _ in range(ITERATIONS_MAX):
        distance = _distance(centres[:, np.newaxis], found[:, :, np.newaxis])
        before, nearest = nearest, np.where(valid, distance.argmin(axis=-1), -1)
        if (nearest == before).all():
            break
        centres = np.stack([_mean(found, nearest == k, centres[:, k]) for k in (0, 1)], axis=1)
    spread = _distance(centres[:, np.newaxis], found[:, :, np.newaxis]).mean(axis=-1)
    enough = valid.sum(axis=-1) > 1
    near = np.where(valid, spread, np.inf).min(axis=-1)
    far = np.where(valid, spread, -np.inf).max(axis=-1)
    return Models(centres, np.where(enough, near, np.nan), np.where(enough, far, np.nan))


def _first_centres(found: Floats, valid: NDArray[np.bool_]) -> Floats:
    every = np.arange(len(found))
    first = found[every, valid.argmax(axis=-1)]
    distance = np.where(valid, _distance(found, first[:, np.newaxis]), np.inf)
    rank = (0.99 * np.maximum(valid.sum(axis=-1) - 1, 0)).astype(np.intp)
    other = np.argsort(distance, axis=-1, kind="stable")[every, rank]
    return np.stack([first, found[every, other]], axis=1)


def _mean(found: Floats, members: NDArray[np.bool_], before: Floats) -> Floats:
    """Mean of a cluster's vectors; an empty one stays where it is."""
    count = members.sum(axis=-1)[:, np.newaxis]
    total = np.where(members[..., np.newaxis], found, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), before)


def _distance(a: Floats, b: Floats) -> Floats:
    length: Floats = np.sqrt(np.square(a - b).sum(axis=-1))
    return length


def _pushed(kept: Floats, newest: Floats) -> Floats:
    """[..., n] with the oldest gone and the newest at the end."""
    return np.concatenate([kept[..., 1:], newest[..., np.newaxis]], axis=-1)
