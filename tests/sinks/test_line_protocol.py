"""Lines as lines: what is in them, what is left out, and that no name can break out of its place.

That a real server reads them back as they were meant is shown in `test_influxdb`.
"""

from __future__ import annotations

import math
import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.records import Evidence, Machine, Schema
from streamer.sinks.line_protocol import alert_lines, key, lines, measurement, string, tag_value
from tests.batches import MACHINES, SCHEMA, START_NS, event, points

NAN = math.nan
names = st.text(st.characters(), min_size=1, max_size=20)
finite = st.floats(allow_nan=False, allow_infinity=False)


def test_a_line_holds_labels_values_scores_and_severity() -> None:
    made = points([1], [START_NS], [[7.5, 1500.0]], [[0.9]], severity=[0.94])
    fields = "vibration=7.5,power=1500.0,half_space_trees=0.9,severity=0.94"
    assert lines(made, MACHINES) == [f"turbine,machine=T01,site=north {fields} {START_NS}"]


def test_what_is_not_a_number_is_a_field_that_is_not_there() -> None:
    made = points(
        [0, 1, 2, 3],
        [1, 2, 3, 4],
        [[NAN, 1.0], [math.inf, NAN], [NAN, NAN], [2.0, -math.inf]],
        [[NAN], [NAN], [NAN], [0.5]],
        severity=[NAN, NAN, NAN, NAN],
    )
    fields = [line.split(" ")[1:] for line in lines(made, MACHINES)]
    assert fields == [["power=1.0", "1"], ["vibration=2.0,half_space_trees=0.5", "4"]]


def test_a_late_reading_says_so_in_a_number() -> None:
    made = points([0, 1], [1, 2], [[1, 2], [3, 4]], flags=[1, 0])
    assert [",late=1.0" in line for line in lines(made, MACHINES)] == [True, False]


def test_no_readings_no_lines() -> None:
    assert lines(points([], [], []), MACHINES) == []


def test_times_before_1970_and_far_ahead() -> None:
    made = points([0, 0], [-5, 2**62], [[1, 1], [1, 1]])
    assert [int(line.split(" ")[-1]) for line in lines(made, MACHINES)] == [-5, 2**62]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), finite, finite | st.just(NAN)), max_size=30))
def test_every_float_reads_back_as_the_same_float(rows: list[tuple[int, float, float]]) -> None:
    table = [[vibration, power] for _, vibration, power in rows]
    made = points([row for row, *_ in rows], list(range(len(rows))), table)
    read = []
    for line in lines(made, MACHINES):
        fields = dict(pair.split("=") for pair in line.split(" ")[1].split(","))
        read.append([float(fields.get(sensor, "nan")) for sensor in SCHEMA.sensors])
    assert np.array(read).tobytes() == np.array(table).tobytes()


@settings(deadline=None)
@given(names, names, names, names, names)
def test_no_name_breaks_out_of_its_place(
    machine_class: str, sensor: str, score: str, label: str, value: str
) -> None:
    schema = Schema(machine_class, (sensor,), (score,))
    made = points([0], [5], [[1.0]], [[2.0]], schema=schema)
    (line,) = lines(made, [Machine(machine_class, ((label, value),))])
    line.encode()
    assert not re.search(r"[\x00-\x1f\x7f]", line)
    series, fields, time = re.split(r"(?<!\\) ", line)
    assert [len(part) for part in (time, *re.findall(r"(?<!\\)#", line[:1]))] == [1]
    assert len(re.split(r"(?<!\\),", series)) == 2
    assert [pair[-4:] for pair in re.split(r"(?<!\\),", fields)] == ["=1.0", "=2.0"]
    assert len(re.split(r"(?<!\\)=", fields)) == 3


def test_names_are_kept_as_far_as_line_protocol_can_write_them() -> None:
    assert tag_value("Größe 7, x=1") == r"Größe\ 7\,\ x\=1"
    assert tag_value('say "hi"') == r"say\ \"hi\"".replace(r"\"", '"')
    assert tag_value(r"C:\temp") == r"C:\temp"
    assert [tag_value(t) for t in ("a\\", r"a\ b", r"a\,b", r"a\\b")] == [
        "a/", r"a/\ b", r"a/\,b", r"a/\b"
    ]  # fmt: skip
    assert measurement("#1") == "_1"
    assert key("time") == "time_"


def test_a_percent_sign_is_a_sign_like_any_other() -> None:
    made = points([0], [5], [[1.0, 2.0]], schema=Schema("100%", ("%s", "%d%"), ()))
    (line,) = lines(made, [Machine("100%", (("site", "%(x)s"),))])
    assert line == "100%,site=%(x)s %s=1.0,%d%=2.0 5"


def test_a_label_without_a_value_is_left_out() -> None:
    machine = Machine("turbine", (("site", ""), ("machine", "T01")))
    (line,) = lines(points([0], [5], [[1.0, NAN]]), [machine])
    assert line == "turbine,machine=T01 vibration=1.0 5"


def test_alert_events_are_lines_of_alerts() -> None:
    series = "alerts,kind=machine,machine=T03,machine_class=turbine,rule=machine_fault,site=north"
    why = 'sensor="vibration",detector="ewma_chart"'
    firing, resolved = alert_lines([event(1), event(2, state="resolved", evidence=Evidence())])
    assert firing == (
        f'{series} state="firing",reason="vibration is high",{why},active=1.0,'
        "since_s=1700000001.0,value=7.5,expected=2.0,score=9.0,limit=6.0 1700000001000000000"
    )
    assert resolved == (
        f'{series} state="resolved",reason="vibration is high",active=0.0,'
        "since_s=1700000002.0 1700000002000000000"
    )


def test_evidence_that_is_no_number_is_left_out() -> None:
    (line,) = alert_lines([event(evidence=Evidence(value=NAN, score=math.inf, limit=3.0))])
    assert "value" not in line
    assert "score" not in line
    assert "limit=3.0" in line


@settings(deadline=None)
@given(st.text(st.characters()))
def test_no_text_breaks_out_of_its_quotes(text: str) -> None:
    inner = string(text)[1:-1]
    assert not re.search(r"[\x00-\x1f]", inner)
    unescaped = inner.replace(r"\\", "").replace(r"\"", "")
    assert "\\" not in unescaped
    assert '"' not in unescaped
