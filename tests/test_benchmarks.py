"""That the benchmarks run and say what they should; never how fast anything is."""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from datetime import datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from benchmarks import cost, quality, quality_run, run
from benchmarks.contestants import Obvious, Telltale
from benchmarks.kernels import KernelResult, measure_kernels
from benchmarks.measure import Result, Scale, measure
from benchmarks.plant import Plant
from benchmarks.report import report, table, world_section
from benchmarks.run import FULL, QUICK, main
from benchmarks.simulator import WorldResult, measure_world
from benchmarks.sink import Counter, Handler, readings_in
from detectors import DETECTORS
from streamer.config import load
from streamer.monitor import ClassMonitor
from streamer.records import Columns, Machine
from streamer.resources import config_path
from tests.servers._process import binary

ROOT = Path(__file__).parents[1]


def quietly(sentence: str) -> None:
    del sentence


def frames_of(plant: Plant, n: int) -> list[tuple[str, int, dict[str, float]]]:
    """(topic, packet identifier, payload) of each frame, read by the book."""
    stream, found = plant.frames(n), []
    while stream:
        assert stream[0] == 0x32, "a PUBLISH at QoS 1"
        assert stream[1] < 128
        frame, stream = stream[2 : 2 + stream[1]], stream[2 + stream[1] :]
        end = 2 + int.from_bytes(frame[:2])
        mid = int.from_bytes(frame[end : end + 2])
        found.append((frame[2:end].decode(), mid, json.loads(frame[end + 2 :])))
    return found


def test_the_plant_speaks_for_machines_in_turn_with_times_that_never_repeat(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("time.time_ns", lambda: 1_700_000_000_123_456_000)  # faster than a tick
    plant = Plant("ours", machines=3)
    told = frames_of(plant, 4) + frames_of(plant, 3)
    assert [topic[11:17] for topic, *_ in told] == [f"T0000{i}" for i in (0, 1, 2, 0, 1, 2, 0)]
    assert [mid for _, mid, _ in told] == [1, 2, 3, 4, 5, 6, 7]
    times = [payload["ts"] for *_, payload in told]
    assert times == sorted(set(times))
    for *_, payload in told:
        assert list(payload) == ["ts", "vibration", "temperature", "speed"]
        assert 3 < payload["vibration"] < 7
        assert 50 < payload["temperature"] < 60
        assert 1450 < payload["speed"] < 1550


def test_packet_identifiers_are_never_0():
    plant = Plant("ours", machines=1)
    plant.frames(65_534)
    assert [mid for _, mid, _ in frames_of(plant, 3)] == [65_535, 1, 2]


def test_the_sink_counts_readings_and_not_alerts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert readings_in(b"alerts,a=1 x=1 1\nturbine,a=1 x=1 1\nturbine,a=1 x=1 2") == 2
    monkeypatch.setattr(Handler, "counter", Counter(tmp_path / "count"), raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}/api/v2/write"
        with urllib.request.urlopen(url, data=b"turbine x=1 1\nturbine x=1 2") as answer:
            assert answer.status == 204
        server.shutdown()
    assert Counter(tmp_path / "count")() == 2


def test_both_programs_run_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    binary("mosquitto", "mosquitto")
    monkeypatch.setattr("benchmarks.measure.STARTS", 1)
    scale = Scale(machines=2, ours=500, theirs=200, windows=1, at_rate_s=1)
    results = measure(scale, tmp_path, quietly)
    assert [one.program for one in results] == [Telltale.name, Obvious.name]
    assert all(one.cpu_us > 0 and one.rss_bytes > 0 and one.start_s > 0 for one in results)
    assert results[0].snapshots_per_day > 0


def test_every_detector_has_its_counterpart():
    found = measure_kernels((1, 2), ours=64, rivers=8, tell=quietly)
    assert [one.detector for one in found] == 2 * list(DETECTORS)
    assert all(one.in_river and one.river_us > 0 for one in found)


def test_the_world_is_measured_with_more_and_more_sensors():
    found = measure_world(2_000, 2.0, tell=quietly)
    assert [one.machines for one in found] == [1_000] * 3 + [50] * 2
    assert [one.sensors for one in found[:2]] == [6, 12]
    assert found[2].sensors > 25
    assert all(one.per_s > 0 for one in found)
    assert found[3].readings == 50 * 120


def test_turbine_days_are_of_a_reading_a_minute():
    assert WorldResult(1000, 6, readings=1_440_000, cpu_s=60.0).turbine_days_per_min == 1000


def test_the_world_can_be_measured_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    page = tmp_path / "RESULTS.md"
    page.write_text(f"# What was measured before\n\n{world_section(WORLDS, ['then'])}", "utf-8")
    monkeypatch.setattr(run, "RESULTS", page)
    monkeypatch.setattr(run, "measure_world", lambda *_: WORLDS[1:])
    assert run.main(["--world", "--out", str(page)]) == 0
    said = page.read_text("utf-8")
    assert said.startswith("# What was measured before\n\n## The simulated world\n")
    assert "* then" not in said
    assert "24,000" in said.partition("turbine-days")[2]
    assert "1,000,000" not in said
    capsys.readouterr()


def test_the_quality_page_has_every_entrant_on_every_scenario(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    out = tmp_path / "QUALITY.md"
    asked = ["--quick", "--scenarios", "healthy_month", "--baselines", "static_limits"]
    assert quality_run.main([*asked, "--out", str(out)]) == 0
    page = out.read_text("utf-8")
    assert "A quick run" in page
    assert "## Scenario healthy_month" in page
    for entrant in ("telltale", "telltale: ewma_multichart", "static_limits"):
        assert len(re.findall(rf"^\| {entrant} +\|", page, re.MULTILINE)) == 2, entrant
    assert "healthy_month, seed 1: 100 %" in capfd.readouterr().err


def test_the_quality_page_opens_with_what_a_reader_should_know():
    assert quality_run._remarks() in (ROOT / "benchmarks/QUALITY.md").read_text("utf-8")


@pytest.mark.parametrize("benchmark", [quality.nab, quality.skab])
def test_a_scorer_of_public_data_asks_the_products_own_monitor(benchmark):
    config = load(config_path(f"benchmarks/{benchmark.__name__}.yaml"))
    ((name, spec),) = config.classes.items()
    sensors = [sensor.replace("_", " ").upper() for sensor in spec.sensors]
    ((key, detector),) = spec.detectors.items()
    asked = benchmark("series", sensors)
    monitor = ClassMonitor(name, spec, [Machine(name, (("m", "x"),))])
    began = datetime(2026, 1, 1)  # noqa: DTZ001 - as data sets have it
    chance = np.random.default_rng(1)
    strangest = 0.0
    for i in range(700):
        values = chance.normal(10.0, 1.0, len(sensors)) + 9 * (i > 650)
        when = began + timedelta(minutes=i)
        time_ns = np.array([when], dtype="datetime64[ns]").astype(np.int64)
        said = asked.update(when, dict(zip(sensors, values, strict=True)))
        readings = Columns(np.zeros(1, np.int32), time_ns, values[None], np.zeros(1, np.uint8))
        scores = monitor.step(readings).points.scores[0]
        columns = [
            monitor.schema.scores.index(name) for name in detector.columns(key, spec.sensors)
        ]
        assert said == np.nan_to_num(np.fmax.reduce(scores[columns]) / detector.limit)
        strangest = max(strangest, said)
    assert strangest > 1


def result(program: str, machines: int, cpu_us: float, rss_mib: int) -> Result:
    return Result(machines, program, cpu_us, 1e5, rss_mib << 20, 26.0, 50.0, 1.0, 2e9, 3e6)


RESULTS = [
    result("Telltale", 1000, 10, 100),
    result("obvious", 1000, 120, 700),
    result("Telltale", 10_000, 12, 300),
]
KERNELS = [KernelResult("ewma_chart", "stats.EWMean", n, 0.02, 2.0) for n in (1, 1000)]
WORLDS = [WorldResult(1000, 6, 3_000_000, 2.0), WorldResult(50, 12, 1_440_000, 60.0)]


def test_the_page_says_what_was_reached_what_was_missed_and_what_was_left_out():
    page = report(RESULTS, KERNELS, ["a machine"], quick=False)
    assert "CPU ≤ 1/5, here 1/12.0: met; memory ≤ 1/8, here 1/7.0: **missed**" in page
    assert "not run at 10,000 machines" in page
    assert "7 GiB of memory and 4.3 min of CPU" in page
    assert "quick" not in page
    assert "* a machine\n" in page


def test_the_page_of_a_quick_run_says_so_and_claims_nothing():
    page = report([r._replace(machines=7) for r in RESULTS[:2]], KERNELS, [], quick=True)
    assert "quick run" in page
    assert "Reach" not in page


def test_tables_are_whole():
    page = report(RESULTS, KERNELS, [], quick=False)
    blocks = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    assert len(blocks) == 2
    for block in blocks:
        widths = {(len(line), line.count("|")) for line in block.splitlines()}
        assert len(widths) == 1, block
    assert table(("a",), []) == "| a |\n|---|"


def test_a_full_run_measures_all_sizes_and_a_quick_one_fewer_readings():
    assert [scale.machines for scale in FULL] == [1, 100, 1_000, 10_000]
    assert sum(s.ours + s.theirs for s in QUICK) < sum(s.ours for s in FULL) / 10


def test_a_quick_run_writes_only_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("benchmarks.run.measure", lambda scale, *_: RESULTS[:2])
    monkeypatch.setattr("benchmarks.run.measure_kernels", lambda *_: KERNELS)
    monkeypatch.setattr("benchmarks.run.RESULTS", tmp_path / "RESULTS.md")
    assert main(["--quick"]) == 0
    assert "quick run" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    main(["--quick", "--out", str(tmp_path / "quick.md")])
    assert "quick run" in (tmp_path / "quick.md").read_text("utf-8")
    main([])
    assert "quick run" not in (tmp_path / "RESULTS.md").read_text("utf-8")


def test_the_cost_of_eight_sensors_is_told_by_stage(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cost, "LEARNING_DAYS", 1)
    monkeypatch.setattr(cost, "RIVERS", 20)
    assert cost.main(["--machines", "2", "--windows", "1", "--print"]) == 0
    out = capsys.readouterr().out
    heaviest, total = re.search(r"\| all +\| ([\d,]+) ", out), re.search(r"on \| ([\d,]+) \|", out)
    assert heaviest
    assert total
    assert heaviest[1] == total[1]
    stages = {"quality", "basis, context", "detector.half_space_trees", "alerts", "all else"}
    assert stages < {line.split("|")[1].strip() for line in out.splitlines() if line[:2] == "| "}
