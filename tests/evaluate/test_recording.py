"""Somebody's own CSV: what it may look like, and what is said where it cannot be taken."""

from __future__ import annotations

import numpy as np
import pytest

from streamer.config import Sensor, load
from streamer.evaluate.engines import Product
from streamer.evaluate.recording import BadRecording, course_of
from streamer.resources import config_path

SPEC = load(config_path("benchmarks/nab.yaml")).classes["series"]
TWO = SPEC.model_copy(
    update={"sensors": {name: Sensor(range=(-100.0, 100.0)) for name in ("flow", "heat")}}
)
NEW_YEAR_NS = 1_767_225_600 * 10**9
MINUTE_NS = 60 * 10**9


@pytest.fixture
def write(tmp_path):
    def write_file(name: str, *lines: str):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    return write_file


def seen(course, spec=TWO):
    """The readings as the monitor gets them: rows, minutes since New Year, values."""
    product = Product("pump", spec, course.machines)
    blocks = [judged.block for judged in course.feed(product)]
    minutes = [(block.times - NEW_YEAR_NS) / MINUTE_NS for block in blocks]
    return (
        np.concatenate([block.rows for block in blocks]).tolist(),
        np.concatenate(minutes).tolist(),
        np.concatenate([block.values for block in blocks]),
    )


def test_rows_come_in_order_of_time_and_sensors_in_that_of_the_configuration(write) -> None:
    path = write(
        "pump.csv",
        "heat,machine,note,time,flow",
        "1,P2,x,2026-01-01T00:02:00Z,2",
        "3,P1,y,2026-01-01T00:00:00Z,4",
        "5,P2,,2026-01-01T00:01:00Z,6",
    )
    course = course_of(path, None, TWO, "pump")
    rows, minutes, values = seen(course)
    assert [machine.name for machine in course.machines] == ["P1", "P2"]
    assert (rows, minutes) == ([0, 1, 1], [0, 1, 2])
    assert values.tolist() == [[4, 3], [6, 5], [2, 1]]
    assert (course.start_ns, course.end_ns) == (NEW_YEAR_NS, NEW_YEAR_NS + 2 * MINUTE_NS + 1)
    assert course.readings == 3


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("time", ["2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"]),
        ("timestamp", ["2026-01-01 00:00:00", "2026-01-01 00:01:30"]),
        ("datetime", ["2026-01-01T05:30:00+05:30", "2025-12-31T19:01:30-05:00"]),
        ("time", ["1767225600", "1767225690"]),
        ("time", ["1767225600.0", "1767225690.000"]),
    ],
)
def test_times_with_a_zone_without_one_or_as_seconds(write, column, cells) -> None:
    path = write("pump.csv", f"{column},flow,heat", *(f"{cell},1,2" for cell in cells))
    assert seen(course_of(path, None, TWO, "pump"))[1] == [0, 1.5]


def test_fractions_of_a_second_are_kept(write) -> None:
    path = write("p.csv", "time,flow,heat", "2026-01-01T00:00:00.25Z,1,2", "1767225600.5,1,2")
    with pytest.raises(BadRecording, match=r"row 3: time is '1767225600\.5'"):
        course_of(path, None, TWO, "pump")
    path = write("p.csv", "time,flow,heat", "1767225600.25,1,2", "1767225600.5,1,2")
    course = course_of(path, None, TWO, "pump")
    assert (course.start_ns - NEW_YEAR_NS, course.period_s) == (250_000_000, 0.25)


def test_a_cell_without_a_number_was_not_reported(write) -> None:
    path = write(
        "pump.csv",
        "time,flow,heat",
        "2026-01-01T00:00Z,1,",
        "2026-01-01T00:01Z,broken,inf",
        "2026-01-01T00:02Z,NaN,4",
    )
    _, minutes, values = seen(course_of(path, None, TWO, "pump"))
    assert minutes == [0, 2]
    np.testing.assert_array_equal(values, [[1, np.nan], [np.nan, 4]])


def test_a_machine_is_called_as_it_is_written(write) -> None:
    rows = ["2026-01-01T00:00Z,007,1,2", "2026-01-01T00:00Z,7,1,2"]
    path = write("pump.csv", "time,machine,flow,heat", *rows)
    labels = write("labels.csv", "machine,start,end", "007,2026-01-01,2026-01-02")
    course = course_of(path, labels, TWO, "pump")
    assert [machine.name for machine in course.machines] == ["007", "7"]
    assert [fault.machine for fault in course.faults] == ["007"]


def test_labels_hold_both_their_ends(write) -> None:
    rows = [f"2026-01-01T00:0{i}:00Z,1,2" for i in range(6)]
    path = write("pump.csv", "time,flow,heat", *rows)
    labels = write(
        "labels.csv",
        "start,end",
        "2026-01-01T00:01:00Z,2026-01-01T00:02:00Z",
        "2026-01-01T01:04:00+01:00,2026-01-01T09:00:00Z",
    )
    first, second = course_of(path, labels, TWO, "pump").faults
    assert (first.machine, first.kind, first.fault) == ("recording", "machine", "labelled")
    assert (first.onset_ns - NEW_YEAR_NS, first.repair_ns - NEW_YEAR_NS) == (
        MINUTE_NS,
        2 * MINUTE_NS + 1,
    )
    assert first.detectable_ns == first.onset_ns
    assert second.repair_ns - NEW_YEAR_NS == 5 * MINUTE_NS + 1, "no longer than the recording"


HEAD, ROW = "time,machine,flow,heat", "2026-01-01T00:01:00Z,P1,1,2"
LABEL = "2026-01-01T00:01:00Z,2026-01-01T00:02:00Z"


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([HEAD], "pump.csv holds no rows"),
        (["when,flow,heat", "1,2,3"], "pump.csv has no column time, timestamp or datetime"),
        (
            ["time,heat", "1,2"],
            "pump.csv has no column 'flow', which is a sensor of the configuration; it has time",
        ),
        (
            [HEAD, ROW, "yesterday,P1,1,2"],
            "row 3: time is 'yesterday', a time like 2026-01-01T00:00:00Z or seconds since 1970 is",
        ),
        ([HEAD, ROW, ",P1,1,2"], "pump.csv, row 3: time is empty, a time like"),
        (["time,flow,heat", "1e30,1,2"], "pump.csv, row 2: time is '1e.30', a time like"),
        (
            [HEAD, ROW, "2026-01-01T00:01:00Z,,1,2"],
            "pump.csv, row 3: it does not say which machine",
        ),
        (
            [HEAD, "2026-01-01T00:01:00Z,P1,,x"],
            "pump.csv holds no number in the columns flow, heat",
        ),
        ([HEAD, ROW + ",5,6,7"], "pump.csv has rows with more cells than its header"),
        ([HEAD, ROW, ROW + ",5"], "pump.csv cannot be read as CSV: "),
    ],
)
def test_what_is_wrong_with_a_recording_is_said_in_one_sentence(write, lines, sentence) -> None:
    with pytest.raises(BadRecording, match=sentence) as error:
        course_of(write("pump.csv", *lines), None, TWO, "pump")
    assert "\n" not in str(error.value).strip()


@pytest.mark.parametrize(
    ("rows", "lines", "sentence"),
    [
        ([ROW], ["start", "2026-01-01"], "labels.csv has no column end"),
        ([ROW], ["end", "2026-01-01"], "labels.csv has no column start"),
        ([ROW], ["start,end"], "labels.csv holds no rows"),
        ([ROW], ["start,end", "soon,2026-01-01"], "labels.csv, row 2: start is 'soon', a time"),
        ([ROW], ["start,end", "2026-01-01,late"], "labels.csv, row 2: end is 'late', a time"),
        (
            [ROW, "2026-01-01T00:01:00Z,P2,1,2"],
            ["start,end", LABEL],
            "labels.csv has no column machine, but there are 2 of them",
        ),
        (
            [ROW],
            ["start,end,machine", f"{LABEL},P1", f"{LABEL},P9"],
            "labels.csv, row 3: there is no machine 'P9' in the recording",
        ),
        ([ROW], ["start,end,machine", f"{LABEL},"], "labels.csv, row 2: it does not say which"),
        (
            [ROW],
            ["start,end", "2026-01-01T00:02:00Z,2026-01-01T00:01:00Z"],
            "labels.csv, row 2: it ends before it starts",
        ),
        (
            [ROW],
            ["start,end", "2027-01-01,2027-01-02"],
            "labels.csv, row 2: nothing of it lies within the recording",
        ),
    ],
)
def test_what_is_wrong_with_labels_is_said_in_one_sentence(write, rows, lines, sentence) -> None:
    with pytest.raises(BadRecording, match=sentence):
        course_of(write("pump.csv", HEAD, *rows), write("labels.csv", *lines), TWO, "pump")


def test_a_file_that_is_not_there(tmp_path, write) -> None:
    with pytest.raises(BadRecording, match=r"nix\.csv: there is no such file"):
        course_of(tmp_path / "nix.csv", None, TWO, "pump")
    with pytest.raises(BadRecording, match="cannot be read as CSV"):
        course_of(tmp_path, None, TWO, "pump")
    (tmp_path / "picture.csv").write_bytes(b"\xff\xd8\xff\xe0\x00")
    with pytest.raises(BadRecording, match=r"picture\.csv cannot be read as CSV"):
        course_of(tmp_path / "picture.csv", None, TWO, "pump")


def test_the_period_is_that_of_a_machine_not_of_the_file(write) -> None:
    rows = [f"2026-01-01T00:{i:02}:00Z,P{i % 2},1,2" for i in range(20)]
    assert course_of(write("pump.csv", HEAD, *rows), None, TWO, "pump").period_s == 120
    assert course_of(write("pump.csv", HEAD, ROW), None, TWO, "pump").period_s == 1
