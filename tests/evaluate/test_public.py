"""The public data sets' own formats, from small folders made here; the sets are not needed."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.config import load
from streamer.evaluate.nab import nab_line, nab_series
from streamer.evaluate.outcome import Said
from streamer.evaluate.recording import BadRecording
from streamer.evaluate.series import Labelled, evaluate, scores, walk_series
from streamer.evaluate.skab import skab_line, skab_series, slug
from streamer.resources import config_path
from tests.evaluate.made import SENSORS, write_nab, write_skab

NAB_SPEC = load(config_path("benchmarks/nab.yaml")).classes["series"]
SKAB_SPEC = load(config_path("benchmarks/skab.yaml")).classes["pump"]


@pytest.mark.parametrize("below", ["", "labels"])
def test_nab_is_read_as_its_authors_publish_it(tmp_path, below) -> None:
    write_nab(tmp_path, windows=((200, 249), (600, 649)), below=below)
    (series,) = nab_series(tmp_path)
    assert series.name == "realThings/jump.csv"
    assert (series.sensors, series.readings.shape) == (("value",), (1000, 1))
    assert list(series.windows) == [(200, 249), (600, 649)]
    assert series.times[0] == 1_396_310_400 * 10**9
    assert series.readings[200:250].mean() > 99


def test_a_detector_that_marks_the_window_scores_almost_100(tmp_path) -> None:
    write_nab(tmp_path)
    (series,) = nab_series(tmp_path)
    severity = np.zeros(1000, np.float32)
    severity[600] = 3.0
    line = nab_line([series], [Said("marks it", severity, [], 1.0)], None)
    assert line.profiles["standard"].score == pytest.approx(100)
    assert (line.profiles["standard"].threshold, line.cpu_us_per_reading) == (3.0, 1000)
    assert line.to_dict()["profiles"]["low_fp"]["caught"] == 1
    silent = nab_line([series], [Said("is silent", np.zeros(1000, np.float32), [], 1.0)], 0.5)
    assert silent.profiles["standard"].score == 0


def test_skab_is_read_as_its_authors_publish_it(tmp_path) -> None:
    write_skab(tmp_path / "data")
    series = list(skab_series(tmp_path))
    assert [one.name for one in series] == ["other/3.csv", "valve1/0.csv"]
    assert series[0].sensors == tuple(SKAB_SPEC.sensors)
    assert np.flatnonzero(series[0].changepoint).tolist() == [450]
    assert np.flatnonzero(series[0].anomaly).tolist() == list(range(450, 500))
    assert [one.name for one in skab_series(tmp_path / "data")] == [one.name for one in series]


def test_a_detector_that_marks_the_rows_has_an_f1_of_1(tmp_path) -> None:
    write_skab(tmp_path)
    corpus = list(skab_series(tmp_path))
    severity = np.where(np.arange(500) >= 450, 1.5, 0.2).astype(np.float32)
    line = skab_line(corpus, [Said("marks them", severity, [], 1.0)] * 2)
    assert (line.outliers.tp, line.outliers.fp, line.outliers.fn) == (100, 0, 0)
    assert (line.outliers.f1, line.roc_auc) == (1, 1)
    assert line.to_dict()["outliers"] | {"tn": 0} == {
        "tp": 100, "fp": 0, "tn": 0, "fn": 0, "f1": 1.0, "far": 0.0, "mar": 0.0, "skill": 1.0,
    }  # fmt: skip


def test_every_series_is_a_machine_nobody_has_seen_before(tmp_path) -> None:
    write_skab(tmp_path)
    corpus = list(skab_series(tmp_path))
    told: list[int] = []
    said, traces = evaluate(
        [*corpus, corpus[0]],
        SKAB_SPEC,
        "pump",
        ["rolling_zscore"],
        traced=True,
        progress=told.append,
    )
    assert told == [1, 2, 3]
    for name, parts in said.items():
        np.testing.assert_array_equal(parts[0].severity, parts[2].severity, err_msg=name)
        assert [len(part.severity) for part in parts] == [500] * 3
    assert [trace.machine for trace in traces] == ["other/3.csv", "valve1/0.csv", "other/3.csv"]
    (fault,) = traces[0].faults
    assert (fault.onset_ns, fault.repair_ns) == (traces[0].times[450], traces[0].times[499] + 1)


def test_rows_keep_their_places_where_a_sensor_is_silent() -> None:
    """The labels count rows, so a row of which nothing is known must not close up."""
    values = np.random.default_rng(3).normal(0, 1, (300, 1))
    values[100:110] = np.nan
    series = Labelled("s", ("value",), np.arange(300) * 60 * 10**9, values, windows=[(200, 210)])
    walked = walk_series(series, NAB_SPEC, "series", ["rolling_zscore"], traced=True)
    assert {len(said.severity) for said in walked.said.values()} == {300}
    assert [(f.onset_ns, f.repair_ns) for f in walked.run.faults] == [
        (200 * 60 * 10**9, 210 * 60 * 10**9 + 1)
    ]


def test_not_ready_is_not_strange_here() -> None:
    said = Said("", np.array([np.nan, 0.5, np.inf], np.float32), [], 0.0)
    assert scores(said).tolist() == [0.0, 0.5, 1e30]


def test_a_sensor_that_the_data_lack_is_named(tmp_path) -> None:
    write_skab(tmp_path, sensors=SENSORS[:-1])
    with pytest.raises(BadRecording, match=r"3\.csv has no sensor 'volume_flow_raterms', which is"):
        evaluate(list(skab_series(tmp_path)), SKAB_SPEC, "pump")


def test_names_are_as_a_configuration_can_have_them() -> None:
    assert tuple(map(slug, SENSORS)) == tuple(SKAB_SPEC.sensors)


def spoil(path, text: str) -> None:
    path.write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("combined_windows.json", "{", r"combined_windows\.json cannot be read as JSON"),
        ("combined_windows.json", "{}", "data holds no series that the labels name"),
        ("data/realThings/jump.csv", "timestamp,x\n1,2\n", "jump.csv has no column value"),
        ("data/realThings/jump.csv", "timestamp,value\n2014-04-01,2\n", "jump.csv holds 1 rows"),
        (
            "data/realThings/jump.csv",
            "timestamp,value\n2014-04-01,2\nnever,2\n",
            "jump.csv, row 3: timestamp is no time",
        ),
        (
            "combined_windows.json",
            '{"realThings/jump.csv": [["2014-04-01 00:00:30", "2014-04-01 01:00:00"]]}',
            "jump.csv has no reading at 2014-04-01 00:00:30, where a window of its labels ends",
        ),
    ],
)
def test_what_is_wrong_with_a_copy_of_nab_is_said(tmp_path, name, text, sentence) -> None:
    write_nab(tmp_path)
    spoil(tmp_path / name, text)
    with pytest.raises(BadRecording, match=sentence):
        list(nab_series(tmp_path))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a;b\n1;2\n", "0.csv has no column datetime"),
        ("datetime;anomaly\n1;2\n", "0.csv has no column changepoint"),
        ("", "0.csv cannot be read as CSV"),
        ("datetime;Current;anomaly;changepoint\nx;1;0;0\ny;1;0;0", "0.csv, row 2: datetime is no"),
    ],
)
def test_what_is_wrong_with_a_copy_of_skab_is_said(tmp_path, text, sentence) -> None:
    write_skab(tmp_path)
    spoil(tmp_path / "valve1/0.csv", text)
    with pytest.raises(BadRecording, match=sentence):
        list(skab_series(tmp_path))


def test_a_folder_that_is_no_data_set_is_refused(tmp_path) -> None:
    with pytest.raises(BadRecording, match=r"holds no combined_windows\.json: a copy of NAB is"):
        list(nab_series(tmp_path))
    with pytest.raises(BadRecording, match=r"holds no experiments, files like valve1/0\.csv are"):
        list(skab_series(tmp_path))
