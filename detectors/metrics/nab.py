"""The score of the Numenta Anomaly Benchmark: early is worth more, false alarms cost.

A *corpus* is a set of series, each with labelled windows around its anomalies. A reading whose
anomaly score reaches the threshold, one for the whole corpus, is a detection. With σ(y) = 2 /
(1 + e^5y) - 1, falling from almost 1 at y = -1 over 0 to almost -1:

* In a window of w readings the first detection alone counts. With d readings from it to the last,
  both included, it earns  A_TP σ(-d/w) / σ(-1):  A_TP at the left edge, little at the right one.
* A window without a detection costs A_FN.
* Every detection outside windows costs  -A_FP σ(k / (w - 1)),  k readings after the last one of the
  window before, of w readings; the full A_FP beyond three such widths, and before the first window.
* The first 15 % of a series, 750 readings at most, are for learning: nothing there counts, and a
  window that lies wholly there does not exist.

The sum S over the corpus is put on a scale where silence is 0 and a detection at the left edge of
every window, with none outside, is 100::

    score = 100 (S + A_FN n) / ((A_TP + A_FN) n)        n windows

A silent detector has 0 and a blind one may be above it, so read *standard* beside *low_fp*.

Lavin, A. and Ahmad, S. (2015), Evaluating real-time anomaly detection algorithms: the Numenta
Anomaly Benchmark, ICMLA, arXiv:1510.03336.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.metrics.records import ratio

Floats = NDArray[np.float64]
Window = tuple[int, int]
"""Indices of a window's first and last reading, both inside it."""

LEARNING_SHARE, LEARNING_MOST = 0.15, 750
FAR_AWAY = 3.0
"""Widths after a window from which on a false detection costs all of A_FP."""
STEEPNESS = 5.0


class Profile(NamedTuple):
    """What an application gains and loses; a true negative earns nothing in any of them."""

    true_positive: float
    false_positive: float
    false_negative: float


PROFILES = {
    "standard": Profile(1.0, 0.11, 1.0),
    "low_fp": Profile(1.0, 0.22, 1.0),
    "low_fn": Profile(1.0, 0.11, 2.0),
}
"""The benchmark's own: as it is, for those who mind false alarms more, or misses more."""


@dataclass(frozen=True)
class Series:
    """The anomaly scores of one series ``[n]``, and its windows in order, none upon another."""

    scores: Floats
    windows: Sequence[Window] = ()

    def __post_init__(self) -> None:
        edges = [-1, *(edge for window in self.windows for edge in window), len(self.scores)]
        for number, (first, last) in enumerate(self.windows):
            if not edges[2 * number] < first <= last < edges[2 * number + 3]:
                raise ValueError(
                    f"window {number} is {first} … {last}; windows come in order, apart from each "
                    f"other, within the readings 0 … {len(self.scores) - 1}"
                )


@dataclass(frozen=True, slots=True)
class NabScore:
    """A score on the scale of the benchmark, and what it was reached with."""

    score: float
    """0 silent, 100 perfect, below 0 worse than silent; NaN where there is no window."""
    threshold: float
    """A reading is a detection where score >= threshold; ∞ is silence."""
    windows: int
    caught: int
    """Windows with a detection in them."""
    false_detections: int
    """Readings outside windows that were detections."""


def nab_score(
    corpus: Sequence[Series], profile: Profile | str = "standard", threshold: float | None = None
) -> NabScore:
    """Score a corpus at one threshold, or at the best one there is, as the leaderboard does.

    The best threshold is chosen on the very series that are scored: fine for a place on that list,
    no promise for other data. Readings whose score is NaN are no detections. All thresholds are
    tried in one pass: n log n.

    >>> scores = np.zeros(100)
    >>> scores[[30, 42]] = 1.0, 2.0
    >>> corpus = [Series(scores, windows=[(40, 49)])]
    >>> best = nab_score(corpus)
    >>> best.threshold, best.caught, best.false_detections, round(best.score, 2)
    (2.0, 1, 0, 98.86)
    >>> lower = nab_score(corpus, threshold=1.0)  # a false detection at 30
    >>> lower.false_detections, round(lower.score, 2)
    (1, 93.36)
    """
    weights = PROFILES[profile] if isinstance(profile, str) else profile
    steps = [step for series in corpus for step in _steps(series, weights)]
    levels, gains, catches, falses = (np.concatenate(column) for column in _columns(steps))
    order = np.argsort(-levels, kind="stable")
    lowest = np.flatnonzero(np.diff(levels[order], append=-math.inf))  # of readings that tie
    levels = np.append(math.inf, levels[order][lowest])
    totals, caught, false = (
        np.append(0.0, np.cumsum(column[order])[lowest]) for column in (gains, catches, falses)
    )
    if threshold is None:
        at = int(np.argmax(totals))
    else:
        at = int(np.searchsorted(-levels, -threshold, side="right")) - 1
    windows = sum(len(_scored_windows(series)) for series in corpus)
    perfect = (weights.true_positive + weights.false_negative) * windows
    return NabScore(
        score=100 * ratio(float(totals[at]), perfect),
        threshold=float(levels[at]) if threshold is None else threshold,
        windows=windows,
        caught=round(float(caught[at])),
        false_detections=round(float(false[at])),
    )


class _Step(NamedTuple):
    """What changes as the threshold falls to each of these levels, against silence; all ``[k]``."""

    levels: Floats
    gains: Floats
    catches: Floats
    falses: Floats


def _columns(steps: Sequence[_Step]) -> list[list[Floats]]:
    nothing = np.empty(0)
    return [[nothing, *(step[column] for step in steps)] for column in range(len(_Step._fields))]


def _steps(series: Series, weights: Profile) -> list[_Step]:
    """A step for each window, and one for all that lies outside."""
    # ∞ is the threshold of silence; a score of ∞ must stay below it to be a detection.
    scores = np.nan_to_num(series.scores, nan=math.nan, posinf=np.finfo(np.float64).max)
    windows = _scored_windows(series)
    inside = [
        _inside(scores, first, last, first_scored, weights) for first, last, first_scored in windows
    ]
    costs = weights.false_positive * _falseness(len(scores), series.windows)
    counts = ~np.isnan(scores)
    counts[: learning(len(scores))] = False
    for first, last in series.windows:
        counts[first : last + 1] = False
    ones = np.ones(int(counts.sum()))
    return [*inside, _Step(scores[counts], -costs[counts], 0 * ones, ones)]


def learning(n: int) -> int:
    """How many readings at the start of a series of ``n`` are not scored.

    >>> learning(1000), learning(10_000)
    (150, 750)
    """
    return min(math.floor(LEARNING_SHARE * n), LEARNING_MOST)


def _scored_windows(series: Series) -> list[tuple[int, int, int]]:
    """First, last and first scored reading of each window that is not all in the learning time."""
    start = learning(len(series.scores))
    return [(first, last, max(first, start)) for first, last in series.windows if last >= start]


def _inside(scores: Floats, first: int, last: int, first_scored: int, weights: Profile) -> _Step:
    """The earliest detection counts, so what a lower threshold adds is what comes before it."""
    place = np.arange(first_scored, last + 1)
    place = place[~np.isnan(scores[place])]
    place = place[np.argsort(-scores[place], kind="stable")]
    left = (last - place + 1) / (last - first + 1)
    worth = weights.true_positive * _sigma(-left) / _sigma(-1.0) + weights.false_negative
    best = np.maximum.accumulate(worth)
    catch = np.zeros(len(place))
    catch[:1] = 1.0
    return _Step(scores[place], np.diff(best, prepend=0.0), catch, np.zeros(len(place)))


def _falseness(n: int, windows: Sequence[Window]) -> Floats:
    """What share of A_FP a detection would cost at each reading, were it outside of windows."""
    share = np.ones(n)
    for (first, last), (following, _) in pairwise([*windows, (n, n)]):
        after = np.arange(last + 1, following)
        away = (after - last) / max(last - first, 1)
        share[after] = np.where(away > FAR_AWAY, 1.0, -_sigma(np.minimum(away, FAR_AWAY)))
    return share


def _sigma(y: Floats | float) -> Floats:
    return np.asarray(2 / (1 + np.exp(STEEPNESS * np.asarray(y))) - 1, np.float64)
