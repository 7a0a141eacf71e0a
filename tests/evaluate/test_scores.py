"""The CSV of each machine: what was said of every reading."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.metrics import AlertSpan
from streamer.evaluate.engines import OURS
from streamer.evaluate.scores import file_name, firing, write_scores
from streamer.evaluate.trace import Trace

MINUTE_NS = 60 * 10**9
START_NS = 1_767_225_600 * 10**9


def trace_of(machine: str = "north/T01", *, sensors=("speed", "heat"), **more) -> Trace:
    times = START_NS + np.arange(6) * MINUTE_NS
    values = np.arange(12.0).reshape(6, 2)
    values[2, 1] = np.nan
    ours, other = np.linspace(0, 1.5, 6), np.array([np.nan, np.nan, 0.1, 1 / 3, 0.3, 2.0])
    alerts = [
        AlertSpan(machine, "machine", int(times[1]), int(times[3])),
        AlertSpan(machine, "instrument", int(times[4]), None),
    ]
    kept = {"times": times, "severity": {OURS: ours, "chart, λ": other}, "alerts": {OURS: alerts}}
    kept |= {"values": values, "expected": values, "band": values}
    return Trace(machine, tuple(sensors), ("", ""), tuple(sensors), **(kept | more))


def test_a_row_for_each_reading(tmp_path) -> None:
    trace = trace_of()
    write_scores(tmp_path / "new" / "folder", [trace])
    (path,) = (tmp_path / "new" / "folder").iterdir()
    table = pd.read_csv(path)
    assert list(table) == [
        "time", "speed", "heat", "score", "alert", "instrument_alert",
        f"severity: {OURS}", "severity: chart, λ",
    ]  # fmt: skip
    assert table["time"].tolist()[:2] == ["2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"]
    np.testing.assert_array_equal(table[["speed", "heat"]], trace.values)
    np.testing.assert_array_equal(table["score"], trace.severity[OURS])
    np.testing.assert_array_equal(table["severity: chart, λ"], trace.severity["chart, λ"])


def test_alerts_are_firing_from_their_reading_until_they_are_resolved(tmp_path) -> None:
    write_scores(tmp_path, [trace_of()])
    table = pd.read_csv(tmp_path / "north%2FT01.csv")
    off, on = "inactive", "firing"
    assert table["alert"].tolist() == [off, on, on, off, off, off]
    assert table["instrument_alert"].tolist() == [off, off, off, off, on, on]
    assert not firing(trace_of(alerts={}), "machine").any()


def test_times_have_the_digits_they_need(tmp_path) -> None:
    for step, shown in ((250_000_000, "00.250Z"), (1000, "00.000001Z"), (1, "00.000000001Z")):
        write_scores(tmp_path, [trace_of(times=START_NS + np.arange(6) * step)])
        times = pd.read_csv(tmp_path / "north%2FT01.csv")["time"]
        assert times[1] == f"2026-01-01T00:00:{shown}"
        assert pd.to_datetime(times[5]).value == START_NS + 5 * step


def test_a_sensor_called_as_one_of_our_columns_is_told_apart(tmp_path) -> None:
    write_scores(tmp_path, [trace_of(sensors=("score", "time"))])
    header = (tmp_path / "north%2FT01.csv").read_text("utf-8").splitlines()[0].split(",")
    assert header[:4] == ["time", "sensor: score", "sensor: time", "score"]
    assert len(set(header)) == len(header)


names = st.one_of(st.text(min_size=1), st.text("./\\%+aé", min_size=1, max_size=300))


@given(names)
def test_no_name_leaves_the_folder_or_is_too_long(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    safe = file_name(name)
    assert not set("/\\\0:") & set(safe)
    assert f"{safe}.csv" not in {".", ".."}
    assert len(f"{safe}.csv.tmp".encode()) <= 255


@given(st.lists(st.text("./\\%+aAé", min_size=1, max_size=120), unique=True, max_size=20))
def test_different_names_stay_different(several: list[str]) -> None:
    assert len({file_name(name) for name in several}) == len(several)


def test_names_too_long_for_a_file_stay_different() -> None:
    long = "a" * 500
    assert file_name(long + "b") != file_name(long + "c")


def test_names_that_try_to_escape_stay_in_the_folder(tmp_path) -> None:
    machines = ["../../escaped", "/etc/passwd", "..", ".", "a/../b", "C:\\x"]
    folder = tmp_path / "deep" / "scores"
    write_scores(folder, [trace_of(machine) for machine in machines])
    assert len(list(folder.iterdir())) == len(machines)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [
        path.name for path in folder.rglob("*") if path.is_file()
    ]


def test_a_file_is_there_whole_or_not_at_all(tmp_path, monkeypatch) -> None:
    write_scores(tmp_path, [trace_of("first")])
    before = (tmp_path / "first.csv").read_bytes()

    def half(frame, path, **options):
        path.write_text("time,spe", "utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", half)
    with pytest.raises(OSError, match="No space left"):
        write_scores(tmp_path, [trace_of("first"), trace_of("second")])
    assert [path.name for path in tmp_path.iterdir()] == ["first.csv"]
    assert (tmp_path / "first.csv").read_bytes() == before
