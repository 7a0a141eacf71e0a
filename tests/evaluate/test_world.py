"""A simulated farm as a course: over the wire where messages suffer, with the truth in spans."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from simulators import parse_fault
from simulators.clock import iso_time
from simulators.outputs.jsonl import write_messages
from simulators.outputs.payloads import telemetry
from simulators.truth import Truth
from streamer import cli
from streamer.config import load
from streamer.evaluate.engines import OURS, Product
from streamer.evaluate.scores import frame
from streamer.evaluate.walk import walk
from streamer.evaluate.world import _directly, _over_the_wire, course_of, span_of
from streamer.records import Machine
from tests.evaluate.made import HOURS

DAY_NS = 86_400 * 10**9
SHORT_H = 12.0


def product_of(farm, config) -> Product:
    machines = [
        Machine("turbine", (("site", farm.site), ("machine", name))) for name in farm.machines
    ]
    return Product("turbine", config.classes["turbine"], machines)


def judged_by(course, config) -> pd.DataFrame:
    """What the product's monitor saw and said of a course."""
    product = Product("turbine", config.classes["turbine"], course.machines)
    seen = []
    for judged in course.feed(product):
        block = judged.block
        about = pd.DataFrame({"row": block.rows, "time": block.times})
        values = pd.DataFrame(block.values).add_prefix("value")
        scores = pd.DataFrame(block.scores).add_prefix("score")
        seen.append(pd.concat([about, values, scores], axis=1))
    return pd.concat(seen).sort_values(["time", "row"]).reset_index(drop=True)


def with_faults(farm, *texts: str):
    return farm.with_faults([parse_fault(text) for text in texts])


@pytest.fixture(scope="module")
def config_file(tmp_path_factory, turbines):
    """The fixture's configuration as a file, for `telltale replay`."""
    from streamer.resources import config_path

    text = config_path("demo.yaml").read_text("utf-8")
    text = text.replace("{method: slots}", "{method: slots, bins: 12}")
    text = text.replace("keep_firing_s: 172800", "keep_firing_s: 7200")
    text = re.sub(r"(?m)^notifiers:\n(?:[ #].*\n|\n)*", "", text)
    path = tmp_path_factory.mktemp("config") / "demo.yaml"
    path.write_text(text, "utf-8")
    assert load(path).classes == turbines.classes
    return path


def test_evaluate_says_what_replay_says(farm, walked, config_file, tmp_path, capsys) -> None:
    """The same farm through files, decoding, clock, identity and the daemon's own turns."""
    recording, out = tmp_path / "farm.jsonl", tmp_path / "scores.csv"
    write_messages(str(recording), telemetry(farm, HOURS))
    assert cli.main(["replay", str(config_file), str(recording), "--out", str(out)]) == 0
    lines = [line.split(":  ")[0] for line in capsys.readouterr().out.splitlines()]
    told = {tuple(line.split()[:5]) for line in lines if re.search(r" (firing|resolved) ", line)}
    assert told == {event for alert in walked.said[OURS].alerts for event in events_of(alert)}
    replayed = pd.read_csv(out)
    for trace in walked.traces:
        there = replayed[replayed["machine"] == trace.machine]
        ours = frame(trace)
        np.testing.assert_array_equal(there["time"], trace.times)
        for sensor in trace.sensors:
            np.testing.assert_array_equal(there[sensor], ours[sensor], err_msg=sensor)
        charts = there[[name for name in there if name.startswith("ewma_chart")]].max(axis=1) / 8
        np.testing.assert_array_equal(charts, ours[f"severity: {OURS}: ewma_chart"])
        np.testing.assert_array_equal(charts, ours["score"])


def events_of(alert):
    """As `telltale replay` prints them."""
    for state, time_ns in (("firing", alert.fired_ns), ("resolved", alert.resolved_ns)):
        if time_ns is not None:
            when = datetime.fromtimestamp(time_ns / 1e9, UTC)
            yield f"{when:%Y-%m-%d}", f"{when:%H:%M:%S}", state, alert.machine, f"{alert.rule}:"


def test_over_the_wire_or_directly_is_the_same(farm, turbines) -> None:
    direct = course_of(farm, SHORT_H, turbines, "turbine")
    wired = direct._replace(
        feed=lambda product: _over_the_wire(farm, SHORT_H, turbines, product, direct.machines)
    )
    pd.testing.assert_frame_equal(
        judged_by(direct, turbines), judged_by(wired, turbines), check_exact=True
    )


def test_what_befalls_messages_goes_over_the_wire(farm, turbines) -> None:
    doubled = with_faults(farm, "link_duplicates@T01:1h-10h")
    jumped = with_faults(farm, "clock_jump.1970@T01:2h-4h")
    whole = judged_by(course_of(with_faults(farm), SHORT_H, turbines, "turbine"), turbines)
    deduplicated = judged_by(course_of(doubled, SHORT_H, turbines, "turbine"), turbines)
    pd.testing.assert_frame_equal(whole, deduplicated, check_exact=True)
    refused = judged_by(course_of(jumped, SHORT_H, turbines, "turbine"), turbines)
    lost = set(whole.index[whole["row"] == 0]) - set(
        whole.index[whole["time"].isin(refused["time"][refused["row"] == 0])]
    )
    assert len(lost) == 24, "two hours of readings every five minutes"


def test_late_readings_are_judged_by_nobody(farm, turbines) -> None:
    """Their severity is not put down to somebody else's reading."""
    disordered = with_faults(farm, "clock_jump.step@T02:2h-4h")
    course = course_of(disordered, SHORT_H, turbines, "turbine")
    walked = walk(course, turbines.classes["turbine"], baselines=["rolling_zscore"])
    readings = len(walked.run.rows)
    assert readings < 3 * 144
    assert {len(said.severity) for said in walked.said.values()} == {readings}


def test_a_list_of_machines_keeps_the_farm_from_nobody(farm, turbines) -> None:
    spec = turbines.classes["turbine"]
    strict = spec.model_copy(update={"machines": ("elsewhere/T99",), "max_machines": 1})
    config = turbines.model_copy(update={"classes": {"turbine": strict}})
    course = course_of(with_faults(farm, "link_duplicates@T01:1h-2h"), SHORT_H, config, "turbine")
    assert set(judged_by(course, config)["row"]) == {0, 1, 2}


def test_blocks_become_readings_machine_by_machine(farm, turbines) -> None:
    first = next(_directly(farm, SHORT_H, product_of(farm, turbines), []))
    assert first.block.rows[:4].tolist() == [0, 1, 2, 0]
    assert np.diff(first.block.times[:4]).tolist() == [0, 0, 300 * 10**9]
    _, values = next(farm.run(SHORT_H))
    np.testing.assert_array_equal(first.points.readings.values[:3], values[0])  # noqa: PD011


def truth(**changes) -> Truth:
    said = {
        "ts": iso_time(DAY_NS),
        "site": "north",
        "machine": "T03",
        "component": "gearbox",
        "signal": ["vibration"],
        "fault": "bearing_wear",
        "fault_id": "F1",
        "kind": "fault",
        "t_onset": iso_time(DAY_NS),
        "t_detectable": iso_time(2 * DAY_NS),
        "t_functional_failure": iso_time(3 * DAY_NS),
        "t_end": iso_time(4 * DAY_NS),
        "severity": 0.5,
        "expected": "alarm",
    }
    return Truth(**said | changes)


def test_truth_becomes_a_span() -> None:
    span = span_of(truth(), 10 * DAY_NS)
    assert (span.fault, span.machine, span.kind) == ("bearing_wear", "north/T03", "machine")
    assert (span.component, span.signals, span.severity) == ("gearbox", ("vibration",), 0.5)
    times = (span.onset_ns, span.detectable_ns, span.failure_ns, span.repair_ns)
    assert times == (DAY_NS, 2 * DAY_NS, 3 * DAY_NS, 4 * DAY_NS)


def test_what_lies_beyond_the_run_is_not_in_it() -> None:
    span = span_of(truth(t_end=None, t_detectable=None), 3 * DAY_NS)
    assert (span.repair_ns, span.detectable_ns, span.failure_ns) == (3 * DAY_NS, None, None)
    assert span_of(truth(), round(2.5 * DAY_NS)).repair_ns == round(2.5 * DAY_NS)


@pytest.mark.parametrize(
    ("kind", "expected", "of", "benign"),
    [
        ("fault", "alarm", "machine", False),
        ("sensor", "data_quality", "instrument", False),
        ("transport", "data_quality", "instrument", False),
        ("drift", "no_alarm", "machine", True),
        ("maintenance", "no_alarm", "machine", True),
    ],
)
def test_each_kind_of_truth_asks_for_its_alert(kind, expected, of, benign) -> None:
    span = span_of(truth(kind=kind, expected=expected), 10 * DAY_NS)
    assert (span.kind, span.benign, span.category) == (of, benign, kind)


def test_truth_comes_in_order_with_what_befalls_messages(farm, turbines) -> None:
    many = with_faults(
        farm, "link_late@T01:3h-5h", "overheating@T02:1h-9h:0.9", "sensor_stuck.vibration@T03:6h-9h"
    )
    faults = course_of(many, SHORT_H, turbines, "turbine").faults
    assert [fault.fault for fault in faults] == ["overheating", "link_late", "sensor_stuck"]
    assert faults[1].detectable_ns is None
