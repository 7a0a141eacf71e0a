"""The scores of the Skoltech Anomaly Benchmark, a testbed of pump, valves and tank.

An experiment is one recording: its first rows (400 in the benchmark) are for learning, the others
are judged. *Outliers*: is each row rightly alarmed? Counts are pooled over all experiments. More
than half of the benchmark's rows are anomalous, so a siren that never stops has an F1 of 0.7: read
F1 beside FAR, or `SkabOutliers.skill`, which is 0 for every blind detector.

*Changepoints*: every true one opens a window of 60 s to its right; one that would begin inside
the window before begins where that ends. Only the first mark in a window counts. Its worth falls
from A_TP at the left edge to -A_FP at the right one::

    x = -π/2 + π j / 999,   j = ⌊1000 (mark - left) / (right - left)⌋, 999 at most
    worth = (A_TP - A_FP) / 2 - (A_TP + A_FP) / 2 · tanh x / tanh(π/2)

A mark outside windows costs A_FP, a window without a mark A_FN, with the profiles of `nab`. The sum
S is put on a scale where silence is 0 and a mark at every changepoint, and no other, is 100::

    score = 100 (S + A_FN n) / ((A_TP + A_FN) n)        n windows

Katser, I. and Kozitsin, V. (2020), Skoltech Anomaly Benchmark (SKAB), Kaggle,
doi:10.34740/KAGGLE/DSV/1693952.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.metrics.nab import PROFILES, Profile
from detectors.metrics.records import ratio

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

LEARNING_ROWS = 400
WINDOW_S = 60.0
GRID = 1000


@dataclass(frozen=True, slots=True)
class SkabOutliers:
    """Counts of judged rows; the shares are NaN where there is nothing to take one of."""

    tp: int
    fp: int
    tn: int
    fn: int

    @property
    def f1(self) -> float:
        """``TP / (TP + (FP + FN) / 2)``, 0 … 1."""
        return ratio(self.tp, self.tp + (self.fp + self.fn) / 2)

    @property
    def far(self) -> float:
        """False alarm rate, ``FP / (FP + TN)``, 0 … 1; the leaderboard prints it in percent."""
        return ratio(self.fp, self.fp + self.tn)

    @property
    def mar(self) -> float:
        """Missing alarm rate, ``FN / (FN + TP)``, 0 … 1; the leaderboard prints it in percent."""
        return ratio(self.fn, self.fn + self.tp)

    @property
    def skill(self) -> float:
        """``1 - FAR - MAR``: 1 perfect, 0 blind, -1 always wrong (Peirce 1884)."""
        return 1 - self.far - self.mar


@dataclass(frozen=True, slots=True)
class SkabChangepoints:
    """The changepoint score of each profile, 0 silent, 100 perfect, and what it was made of."""

    scores: Mapping[str, float]
    windows: int
    missed: int
    """Windows without a mark."""
    false: int
    """Marks outside windows."""


def outlier_score(
    experiments: Sequence[tuple[Flags, Flags]], *, learning_rows: int = LEARNING_ROWS
) -> SkabOutliers:
    """Pool the rows of all experiments, each given as ``(truth [n], alarm [n])``.

    >>> truth = np.array([False, False, True, True, False])
    >>> alarm = np.array([True, False, True, False, False])
    >>> score = outlier_score([(truth, alarm)], learning_rows=1)
    >>> score
    SkabOutliers(tp=1, fp=0, tn=2, fn=1)
    >>> round(score.f1, 4), score.skill
    (0.6667, 0.5)
    """
    tp = fp = tn = fn = 0
    for truth, alarm in experiments:
        _check_lengths(truth, alarm)
        judged, alarmed = truth[learning_rows:], alarm[learning_rows:]
        tp += int((judged & alarmed).sum())
        fp += int((~judged & alarmed).sum())
        tn += int((~judged & ~alarmed).sum())
        fn += int((judged & ~alarmed).sum())
    return SkabOutliers(tp, fp, tn, fn)


def changepoints_of(alarm: Flags, *, learning_rows: int = LEARNING_ROWS, width: int = 30) -> Flags:
    """Where a row's alarm ``[n]`` begins or ends, as the leaderboard makes marks from alarms.

    After the learning rows, in which there are none, the alarm is held for ``width`` rows, and is
    not heard before as many have passed; a mark is where that changes, and at the first row if that
    is alarmed.

    >>> alarm = np.zeros(12, bool)
    >>> alarm[[5, 7]] = True
    >>> np.flatnonzero(changepoints_of(alarm, learning_rows=1, width=3)).tolist()
    [5, 10]
    """
    judged = alarm[learning_rows:]
    held = np.zeros(len(judged), np.bool_)
    if len(judged) >= width:
        held[width - 1 :] = np.lib.stride_tricks.sliding_window_view(judged, width).any(axis=1)
    changes = np.diff(held, prepend=held[:1])
    changes[:1] = judged[:1]
    marks = np.zeros(len(alarm), np.bool_)
    marks[learning_rows:] = changes
    return marks


def changepoint_score(
    experiments: Sequence[tuple[Floats, Flags, Flags]],
    *,
    learning_rows: int = LEARNING_ROWS,
    window_s: float = WINDOW_S,
) -> SkabChangepoints:
    """Score marks, each experiment given as ``(times [n] in s, truth [n], marks [n])``.

    >>> times = np.arange(300.0)
    >>> truth, marks = times == 100, times == 103
    >>> score = changepoint_score([(times, truth, marks)], learning_rows=0)
    >>> {name: round(value, 2) for name, value in score.scores.items()}
    {'standard': 99.13, 'low_fp': 99.04, 'low_fn': 99.42}
    """
    found: list[float] = []
    missed = false = 0
    for times, truth, marks in experiments:
        _check_lengths(times, truth, marks)
        judged = slice(learning_rows, None)
        marked = times[judged][marks[judged]]
        windows = _windows(times[judged][truth[judged]], window_s)
        steps = [_first_mark(marked, left, right) for left, right in windows]
        found += [step for step in steps if step is not None]
        missed += steps.count(None)
        false += int((~_within(marked, windows)).sum())
    windows_n = len(found) + missed
    scores = {
        name: _scaled(_sum(profile, found, missed, false), profile, windows_n)
        for name, profile in PROFILES.items()
    }
    return SkabChangepoints(scores, windows_n, missed, false)


def _windows(changepoints: Floats, window_s: float) -> list[tuple[float, float]]:
    windows: list[tuple[float, float]] = []
    for at in changepoints.tolist():
        left = max(at, windows[-1][1]) if windows else at
        windows.append((left, at + window_s))
    return windows


def _first_mark(marked: Floats, left: float, right: float) -> float | None:
    """Where in the window its first mark is: x between -π/2 and π/2; None: there is none."""
    inside = marked[(left <= marked) & (marked <= right)]
    if not inside.size:
        return None
    step = (
        min(int((float(inside[0]) - left) / (right - left) * GRID), GRID - 1) if right > left else 0
    )
    return -math.pi / 2 + math.pi * step / (GRID - 1)


def _within(marked: Floats, windows: Sequence[tuple[float, float]]) -> Flags:
    inside = np.zeros(len(marked), np.bool_)
    for left, right in windows:
        inside |= (left <= marked) & (marked <= right)
    return inside


def _sum(profile: Profile, found: Sequence[float], missed: int, false: int) -> float:
    middle = (profile.true_positive - profile.false_positive) / 2
    half = (profile.true_positive + profile.false_positive) / 2
    worth = sum(middle - half * math.tanh(x) / math.tanh(math.pi / 2) for x in found)
    return worth - profile.false_negative * missed - profile.false_positive * false


def _scaled(total: float, profile: Profile, windows: int) -> float:
    perfect = (profile.true_positive + profile.false_negative) * windows
    return 100 * ratio(total + profile.false_negative * windows, perfect)


def _check_lengths(*columns: Floats | Flags) -> None:
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise ValueError(f"columns of one experiment have {lengths} rows; they must be equal")
