"""The Skoltech Anomaly Benchmark, a pump test bed, as published: github.com/waico/SKAB."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from detectors.metrics import (
    SkabChangepoints,
    SkabOutliers,
    changepoint_score,
    changepoints_of,
    outlier_score,
    roc_auc,
)
from detectors.metrics.records import plain
from detectors.metrics.skab import LEARNING_ROWS
from streamer.evaluate.outcome import Said
from streamer.evaluate.recording import BadRecording
from streamer.evaluate.series import (
    Labelled,
    cpu_us_per_reading,
    numbers_of,
    read,
    scores,
    times_of,
)

NOT_SENSORS = ("datetime", "anomaly", "changepoint")


class SkabLine(NamedTuple):
    """One entrant's line of the SKAB table."""

    about: str
    outliers: SkabOutliers
    changepoints: SkabChangepoints
    roc_auc: float
    cpu_us_per_reading: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, the shares beside the counts they are of."""
        shares = {name: getattr(self.outliers, name) for name in ("f1", "far", "mar", "skill")}
        outliers = plain(self.outliers) | plain(shares)
        return {**plain(self._asdict()), "outliers": outliers}


def skab_line(corpus: Sequence[Labelled], said: Sequence[Said]) -> SkabLine:
    """Score one entrant; it alarms at its own limit, severity 1."""
    pairs = list(zip(corpus, said, strict=True))
    alarms = [scores(one) >= 1.0 for one in said]
    judged = slice(LEARNING_ROWS, None)
    return SkabLine(
        said[0].about,
        outlier_score([(s.anomaly, alarm) for s, alarm in zip(corpus, alarms, strict=True)]),
        changepoint_score(
            [
                ((s.times - s.times[0]) / 1e9, s.changepoint, changepoints_of(alarm))
                for s, alarm in zip(corpus, alarms, strict=True)
            ]
        ),
        roc_auc(
            np.concatenate([s.anomaly[judged] for s, _ in pairs]),
            np.concatenate([scores(one)[judged] for _, one in pairs]),
        ),
        cpu_us_per_reading(said),
    )


def skab_series(folder: Path) -> Iterator[Labelled]:
    """The experiments below ``folder`` (or ``folder/data``), all but the anomaly-free one.

    Raises
    ------
    BadRecording
        Where it is not such a folder.
    """
    data = folder / "data" if (folder / "data").is_dir() else folder
    found = [path for path in sorted(data.rglob("*.csv")) if "anomaly-free" not in path.as_posix()]
    if not found:
        raise BadRecording(f"{data} holds no experiments, files like valve1/0.csv are needed")
    for path in found:
        table = read(path, ";", NOT_SENSORS)
        sensors = [name for name in table.columns if name not in NOT_SENSORS]
        yield Labelled(
            path.relative_to(data).as_posix(),
            tuple(map(slug, sensors)),
            times_of(table, "datetime", path),
            numbers_of(table, sensors),
            anomaly=table["anomaly"].to_numpy() == 1,
            changepoint=table["changepoint"].to_numpy() == 1,
        )


def slug(sensor: str) -> str:
    """A sensor's name as a configuration can have it.

    >>> slug("Volume Flow RateRMS")
    'volume_flow_raterms'
    """
    return re.sub(r"\W+", "_", sensor.lower()).strip("_")
