"""All entrants see the same readings, and what they say does not depend on how they are cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import Farm
from simulators.scenarios import DEMO_CLIMATE
from streamer.config import load
from streamer.evaluate.engines import OURS
from streamer.evaluate.recording import feed
from streamer.evaluate.trace import BAND_SIGMA
from streamer.evaluate.walk import Course, Walked, columns, walk
from streamer.monitor import ClassMonitor
from streamer.records import Columns, Machine
from streamer.resources import config_path

SPEC = load(config_path("demo.yaml")).classes["turbine"]
QUICK = SPEC.model_copy(
    update={
        "context": SPEC.context.model_copy(update={"bins": 2, "bin_readings": 30}),
        "detectors": {
            key: one.model_copy(update={"limit": one.limit / 8})
            for key, one in SPEC.detectors.items()
        },
    }
)
BASELINES = ["static_limits", "rolling_zscore", "ewma_first_hour"]


def story() -> Columns:
    """Two machines for two days, every tenth value unreported."""
    farm = Farm(machines=2, seed=2, period_s=300, climate=DEMO_CLIMATE)
    blocks = list(farm.run(hours=48))
    times, values = (np.concatenate(column) for column in zip(*blocks, strict=True))
    values = values.reshape(-1, values.shape[2])
    values.reshape(-1)[::10] = np.nan
    return columns(np.tile(np.arange(2, dtype=np.int32), len(times)), np.repeat(times, 2), values)


STORY = story()


def cut(readings: Columns, edges: list[int]) -> list[Columns]:
    bounds = [0, *sorted(edges), len(readings.rows)]
    return [
        Columns(*(getattr(readings, name)[a:b] for name in ("rows", "times", "values", "flags")))
        for a, b in pairwise(bounds)
    ]


def walk_cut(edges: list[int], progress=lambda _: None) -> Walked:
    machines = [Machine("turbine", (("machine", name),)) for name in ("A", "B")]
    times = STORY.times
    course = Course(
        "turbine",
        machines,
        lambda product: (product.monitor.step(part) for part in cut(STORY, edges)),
        [],
        int(times[0]),
        int(times[-1]) + 1,
        300.0,
        len(times),
    )
    return walk(course, QUICK, baselines=BASELINES, traced=["B"], progress=progress)


WHOLE = walk_cut([])


def test_the_story_makes_somebody_alarm() -> None:
    assert WHOLE.said[OURS].alerts
    assert all(
        np.isfinite(said.severity).any()
        for name, said in WHOLE.said.items()
        if name != "static_limits"
    )


@given(st.lists(st.integers(0, len(STORY.rows)), max_size=6))
@settings(deadline=None, max_examples=15)
def test_no_verdict_depends_on_how_the_readings_are_cut(edges: list[int]) -> None:
    walked = walk_cut(edges)
    np.testing.assert_array_equal(walked.run.times, STORY.times)
    for name, said in walked.said.items():
        np.testing.assert_array_equal(said.severity, WHOLE.said[name].severity, err_msg=name)
        assert said.alerts == WHOLE.said[name].alerts, name
    np.testing.assert_array_equal(walked.traces[0].values, WHOLE.traces[0].values)


def test_the_run_holds_every_reading_with_its_machine_and_time() -> None:
    np.testing.assert_array_equal(WHOLE.run.rows, STORY.rows)
    np.testing.assert_array_equal(WHOLE.run.times, STORY.times)
    assert WHOLE.run.machines == ["A", "B"]


def test_a_trace_is_one_machines_share_of_it_all() -> None:
    (trace,) = WHOLE.traces
    own = STORY.rows == 1
    np.testing.assert_array_equal(trace.times, STORY.times[own])
    np.testing.assert_array_equal(trace.values, STORY.values[own])
    for name, said in WHOLE.said.items():
        np.testing.assert_array_equal(trace.severity[name].astype(np.float32), said.severity[own])
        assert trace.alerts[name] == [alert for alert in said.alerts if alert.machine == "B"]
    known = np.isfinite(trace.band) & np.isfinite(trace.values)
    assert known[:, trace.sensors.index("vibration")].any()
    assert not known[:, trace.sensors.index("power")].any(), "context is not judged"


def test_the_band_is_three_sigma_of_the_residuals() -> None:
    machines = [Machine("turbine", (("machine", name),)) for name in ("A", "B")]
    said = ClassMonitor("turbine", QUICK, machines).step(STORY).block
    off = (said.values - said.expected) / said.residuals
    told = np.isfinite(off) & (said.residuals != 0)
    np.testing.assert_allclose(said.band[told], np.abs(off[told]), rtol=1e-9)
    assert told.any()
    (trace,) = WHOLE.traces
    np.testing.assert_array_equal(trace.band, BAND_SIGMA * said.band[said.rows == 1])


def test_progress_ends_with_all_readings() -> None:
    told: list[int] = []
    walk_cut([10, 500], told.append)
    assert told == [10, 500, len(STORY.rows)]


def test_a_reading_in_which_nobody_reports_is_none() -> None:
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [np.nan, 2.0]])
    readings = columns(np.zeros(3, np.int32), np.arange(3), values)
    assert readings.times.tolist() == [0, 2]


def test_every_entrant_is_timed() -> None:
    for name, said in WHOLE.said.items():
        assert (said.cpu_s > 0) != name.startswith(f"{OURS}: "), "those have no run of their own"


def test_readings_are_fed_in_order_however_many(monkeypatch) -> None:
    monkeypatch.setattr("streamer.evaluate.recording.READINGS_AT_ONCE", 7)

    class Monitor:
        def step(self, part: Columns):
            return part

    parts = list(feed(type("Product", (), {"monitor": Monitor()})(), STORY))
    assert max(len(part.rows) for part in parts) == 7
    np.testing.assert_array_equal(np.concatenate([part.times for part in parts]), STORY.times)
