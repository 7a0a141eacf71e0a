"""The Numenta Anomaly Benchmark, as its authors publish it: github.com/numenta/NAB."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from detectors.metrics import PROFILES, NabScore, Series, nab_score
from detectors.metrics.records import plain
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
from streamer.records import Times


class NabLine(NamedTuple):
    """One entrant's line of the NAB table."""

    about: str
    profiles: Mapping[str, NabScore]
    cpu_us_per_reading: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, None for a threshold that nothing reaches."""
        data: dict[str, Any] = plain(self._asdict())
        return data


def nab_line(corpus: Sequence[Labelled], said: Sequence[Said], threshold: float | None) -> NabLine:
    """Score one entrant; without a threshold, at the best one for these series."""
    scored = [
        Series(scores(one), list(series.windows)) for series, one in zip(corpus, said, strict=True)
    ]
    profiles = {name: nab_score(scored, name, threshold) for name in PROFILES}
    return NabLine(said[0].about, profiles, cpu_us_per_reading(said))


def nab_series(folder: Path) -> Iterator[Labelled]:
    """The series below ``folder/data`` that ``folder/combined_windows.json`` labels.

    Raises
    ------
    BadRecording
        Where it is not such a folder.
    """
    windows = _labels(folder)
    data = folder / "data"
    found = {path.relative_to(data).as_posix(): path for path in sorted(data.rglob("*.csv"))}
    labelled = [name for name in found if name in windows]
    if not labelled:
        raise BadRecording(f"{data} holds no series that the labels name")
    for name in labelled:
        table = read(found[name], ",", ("timestamp", "value"))
        times = times_of(table, "timestamp", found[name])
        edges = [
            (_row(times, first, name), _row(times, last, name)) for first, last in windows[name]
        ]
        yield Labelled(name, ("value",), times, numbers_of(table, ["value"]), windows=edges)


def _row(times: Times, edge: str, name: str) -> int:
    """The first row of that time."""
    rows = np.flatnonzero(times == pd.Timestamp(edge, tz="UTC").as_unit("ns").value)
    if not rows.size:
        raise BadRecording(f"{name} has no reading at {edge}, where a window of its labels ends")
    return int(rows[0])


def _labels(folder: Path) -> dict[str, list[tuple[str, str]]]:
    for path in (folder / "combined_windows.json", folder / "labels" / "combined_windows.json"):
        if path.is_file():
            try:
                labels: dict[str, Any] = json.loads(path.read_text("utf-8"))
            except ValueError as error:
                raise BadRecording(f"{path} cannot be read as JSON: {error}") from None
            return labels
    raise BadRecording(f"{folder} holds no combined_windows.json: a copy of NAB is needed")
