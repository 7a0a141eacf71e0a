"""scikit-learn's Isolation Forest, refitted every night on the last two weeks.

The batch job that a data team writes: whole readings of all sensors, 100 trees on 256 readings each
(scikit-learn's defaults), trained at midnight UTC on the last 14 days on which the machine spoke,
used the day after. First fitted when 256 readings are there. A sensor that says nothing is put at
its median of the training readings.

The limit is what ``contamination=0.001`` does: the score that one in a thousand training readings
passes. Scores lie close together, so severity says where a score stands between the median of the
training readings, 0, and the limit, 1.

The forest is trained on whatever there is. A fault that came yesterday is part of normal today.
Source: Liu, Ting, Zhou, *Isolation Forest*, ICDM 2008.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from streamer.evaluate.baselines.base import NS, TINY, Floats, OneByOne, SensorFacts, Times

DAY_NS = 86_400 * NS
DAYS = 14
READINGS_MIN = 256
CONTAMINATION = 0.001


class NightlyIsolationForest(OneByOne):
    """One forest per machine and day."""

    name: ClassVar[str] = "isolation_forest"
    about: ClassVar[str] = (
        "scikit-learn's Isolation Forest, refitted nightly on 14 days; contamination 0.001"
    )

    def __init__(
        self, sensors: Sequence[SensorFacts], machines: int, period_s: float, seed: int = 42
    ) -> None:
        super().__init__(sensors, machines, period_s, seed)
        _library()
        self._nights = [_Nights(seed) for _ in range(machines)]

    def _judge_one(self, row: int, times: Times, values: Floats) -> Floats:
        days = times // DAY_NS
        severity = np.full(len(times), np.nan)
        said = np.flatnonzero(~np.isnan(values).all(axis=1))
        for lot in np.split(said, np.flatnonzero(np.diff(days[said])) + 1):
            if len(lot):
                severity[lot] = self._nights[row].judge(int(days[lot[0]]), values[lot])
        return severity


class _Nights:
    """The days that one machine remembers, and what the last night made of them."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._day = -1
        self._days: deque[list[Floats]] = deque(maxlen=DAYS)
        self._forest: _Forest | None = None

    def judge(self, day: int, values: Floats) -> Floats:
        """Severities of readings of one day."""
        if day != self._day:
            self._refit()
            self._day = day
            self._days.append([])
        self._days[-1].append(values)
        if self._forest is None:
            return np.full(len(values), np.nan)
        return self._forest.severity(values)

    def _refit(self) -> None:
        parts = [part for day in self._days for part in day]
        if sum(map(len, parts)) >= READINGS_MIN:
            self._forest = _Forest(np.concatenate(parts), self._seed)


class _Forest:
    """A fitted forest, with the scores that mean 0 and 1."""

    def __init__(self, training: Floats, seed: int) -> None:
        silent = np.isnan(training).all(axis=0)
        self._median = np.zeros(training.shape[1])
        self._median[~silent] = np.nanmedian(training[:, ~silent], axis=0)
        whole = self._whole(training)
        self._forest = _library()(random_state=seed).fit(whole)
        scores = self._scores(whole)
        self._usual, self._limit = np.quantile(scores, [0.5, 1 - CONTAMINATION])

    def severity(self, values: Floats) -> Floats:
        width = max(float(self._limit - self._usual), TINY)
        severity: Floats = (self._scores(self._whole(values)) - self._usual) / width
        return severity

    def _scores(self, whole: Floats) -> Floats:
        """The paper's score, 0 … 1: large is strange. scikit-learn has it with a minus."""
        return -np.asarray(self._forest.score_samples(whole), dtype=np.float64)

    def _whole(self, values: Floats) -> Floats:
        return np.where(np.isnan(values), self._median, values)


def _library() -> Any:
    """scikit-learn's class; imported when it is asked for, because it takes a second."""
    try:
        from sklearn.ensemble import IsolationForest
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "isolation_forest needs scikit-learn: pip install 'telltale[evaluate]'",
            name=error.name,
        ) from error
    return IsolationForest
