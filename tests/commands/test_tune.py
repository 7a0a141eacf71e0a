"""``telltale tune``: what it prints of a recording, and what it says when it cannot."""

from __future__ import annotations

import json

import numpy as np
import pytest

from streamer import cli
from streamer.config import load
from streamer.records import Columns, Machine
from streamer.tuning import Recorded, tune

CONFIG = """
state_dir: state
clock: data
mqtt: {host: localhost, topics: [{topic: "plant/{machine}", class: pump}]}
classes:
  pump:
    sensors: {flow: {unit: l/s, range: [-1000, 1000]}}
    context: {method: slots, bin_readings: 20}
    detectors:
      ewma_chart: {limit: 6, grace_period: 100, min_std: 1}
      rolling_zscore: {}
    alerts: {broken: {kind: machine, hold_s: 0, keep_firing_s: 3600}}
"""
MINUTES = 3000
JUMPS = {1500: 12.0, 2500: 60.0}
"""Minute → by how much the flow is off for an hour."""


def flow() -> np.ndarray:
    values = np.random.default_rng(2).normal(50, 1, MINUTES)
    for minute, off in JUMPS.items():
        values[minute : minute + 60] += off
    return values


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "plant.yaml"
    path.write_text(CONFIG, "utf-8")
    return path


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "flow.csv"
    start = np.datetime64("2026-01-01T00:00:00")
    lines = [f"{start + np.timedelta64(m, 'm')}Z,P1,{v!r}" for m, v in enumerate(flow().tolist())]
    path.write_text("\n".join(["time,machine,flow", *lines]), "utf-8")
    return path


@pytest.fixture
def told(capsys):
    def run(*words) -> tuple[int, str, str]:
        status = cli.main(["tune", *map(str, words)])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_strangest_first_and_one_line_per_episode(told, csv, config) -> None:
    status, out, err = told(csv, "--config", config, "--top", 2)
    assert (status, err) == (0, "")
    first, second = [line for line in out.splitlines() if line.startswith("| 2026-")]
    cells = [[cell.strip() for cell in line.split("|")] for line in (first, second)]
    assert [one[2:4] for one in cells] == [["P1", "flow"]] * 2
    assert "2026-01-02 17:40" <= cells[0][1] <= "2026-01-02 18:40"
    assert "2026-01-02 01:00" <= cells[1][1] <= "2026-01-02 02:00"
    assert [one[7] for one in cells] == ["ewma_chart"] * 2


def test_the_same_readings_as_json_lines_say_the_same(told, csv, config, tmp_path) -> None:
    path = tmp_path / "flow.jsonl"
    rows = [line.split(",") for line in csv.read_text().splitlines()[1:]]
    lines = [
        {"topic": "plant/P1", "payload": {"ts": time, "flow": float(value)}}
        for time, _, value in rows
    ]
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    assert told(path, "--config", config) == told(csv, "--config", config)


def test_candidates_count_what_other_limits_would_have_said(told, csv, config) -> None:
    spec = load(config).classes["pump"]
    values = flow()[:, None]
    times = np.arange(MINUTES, dtype=np.int64) * 60 * 10**9 + 10**18
    turn = Columns(np.zeros(MINUTES, np.int32), times, values, np.zeros(MINUTES, np.uint8))
    recorded = Recorded([Machine("pump", (("machine", "P1"),))], [turn])
    found = tune(recorded, "pump", spec, factors=(1.0, 15.0, 1000.0))
    assert [one.alerts for one in found.candidates] == [2, 1, 0]
    assert found.candidates[1].limits == {"ewma_chart": 90.0}
    assert found.candidates[1].per_month == pytest.approx(1 / found.months)


def test_what_cannot_be_tuned_is_said_in_one_sentence(told, csv, config, tmp_path) -> None:
    short, words = tmp_path / "short.csv", ("--config", config)
    short.write_text("\n".join(csv.read_text().splitlines()[:10]), "utf-8")
    quiet, broken = tmp_path / "quiet.yaml", tmp_path / "broken.jsonl"
    quiet.write_text(CONFIG.partition("    alerts:")[0] + "    alerts: {s: {kind: silent}}\n")
    broken.write_text('{"topic": 1}\n')
    for said, *wrong in (
        ("no detector of class pump has spoken", short, *words),
        ("there is no such file", tmp_path / "none.csv", *words),
        ("is a directory", tmp_path, *words),
        ("has no class 'fan', there are pump", csv, *words, "--class", "fan"),
        ("--top is -1", csv, *words, "--top", -1),
        ("has no alert of kind machine", csv, "--config", quiet),
        ("broken.jsonl:1: no message", broken, *words),
    ):
        status, out, err = told(*wrong)
        assert (status, out, err.count("\n")) == (2, "", 1), said
        assert said in err
