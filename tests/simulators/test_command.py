"""The command line, as a user meets it: in a process of its own where that matters."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simulators import FAULTS
from simulators.command import add_arguments, main, parse_address

ROOT = Path(__file__).parents[2]


def simulate(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return main(parser.parse_args([str(argument) for argument in arguments]))


def as_process(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "simulators", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_says_all_that_is_needed() -> None:
    shown = as_process("--help")
    assert shown.returncode == 0
    for option in re.findall(r'"(--[a-z-]+)"', (ROOT / "simulators/command.py").read_text("utf-8")):
        assert option in shown.stdout
    for name in FAULTS:
        assert re.search(rf"^  {name}  +[A-Z]", shown.stdout, re.MULTILINE)
    assert "NAME[.TARGET]@MACHINE:ONSET[+RAMP][-END][:SEVERITY]" in shown.stdout


def test_a_day_and_its_truth(tmp_path: Path) -> None:
    out, truth = tmp_path / "day.jsonl", tmp_path / "truth.jsonl"
    done = as_process(
        "--machines", 4, "--hours", 6, "--period-s", 300, "--seed", 5, "--out", out,
        "--truth", truth, "--fault", "bearing_wear@T03:4h+1h:0.8", "--fault", "sensor_stuck@T01:2h",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"288 readings of 4 machines in {out}\n"
    lines = out.read_text("utf-8").splitlines()
    assert len(lines) == 288
    assert {json.loads(line)["topic"] for line in lines} == {
        f"plant/demo/T0{i}/telemetry" for i in range(1, 5)
    }
    told = [json.loads(line) for line in truth.read_text("utf-8").splitlines()]
    assert [(record["fault"], record["machine"]) for record in told] == [
        ("sensor_stuck", "T01"),
        ("bearing_wear", "T03"),
    ]


def test_the_same_arguments_write_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert as_process("--hours", 1, "--out", tmp_path / name).returncode == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert simulate("--hours", 1, "--seed", 2, "--out", tmp_path / "c") == 0
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_standard_output() -> None:
    done = as_process("--hours", 1, "--machines", 1, "--out", "-")
    assert len(done.stdout.splitlines()) == 60


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--machines", "0"], "machines is 0, at least 1 is needed"),
        (["--machines", "1000000000"], "machines is 1000000000, at most 100000 are allowed"),
        (["--hours", "0"], "hours is 0, it must be more than 0"),
        (["--hours", "nan"], "hours is nan, it must be more than 0"),
        (["--hours", "inf"], "hours is inf, but only a run to a broker can be endless"),
        (["--period-s", "-5"], "period_s is -5, at least 0.001 s is needed"),
        (["--speed", "-1"], "speed is -1, it must not be negative"),
        (["--speed", "nan"], "speed is nan, it must not be negative"),
        (["--speed", "5"], "speed is for --mqtt"),
        (["--seed", "-1"], "seed is -1, it must not be negative"),
        (["--site", "#"], "site is '#'"),
        (["--start", "soon"], "start 'soon' is not a time"),
        (["--start", "2262-04-12"], "start '2262-04-12' is after 2262-04-11"),
        (["--start", "2262-04-11"], "hours is 24, the run would end after 2262-04-11"),
        (["--batch", "3"], "batch is 3, but only the dialect array"),
        (["--dialect", "array", "--batch", "0"], "batch is 0, at least 1 is needed"),
        (["--fault", "fire@T01:1h"], "there are bearing_wear, overheating, sensor_stuck"),
        (["--fault", "overheating@T13:1h"], "there are T01 … T12"),
        (["--fault", "overheating@T01:1h", "--fault", "overheating@T01:2h"], "overlaps"),
        (["--fault", "overheating@T01:40h"], "begins after the run's 24 h: give more --hours"),
        (["--truth", "OUT"], "out and truth are the same file"),
    ],
)
def test_wrong_use_is_one_sentence_and_leaves_nothing(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "day.jsonl")
    arguments = [out if argument == "OUT" else argument for argument in arguments]
    assert simulate("--out", out, *arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert sentence in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--out", "a", "--mqtt", "b"],
        ["--out", "a", "--qos", "2"],
        ["--out", "a", "--hours", "x"],
    ],
)
def test_argparse_refuses_the_rest(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        simulate(*arguments)
    assert exited.value.code == 2


def test_a_file_that_cannot_be_written_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate("--hours", 1, "--out", tmp_path / "nowhere" / "day.jsonl") == 1
    assert "error: " in capsys.readouterr().err


def test_truth_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    truth = tmp_path / "nowhere" / "truth.jsonl"
    assert simulate("--hours", 1, "--out", tmp_path / "day.jsonl", "--truth", truth) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["", ":1883", "host:", "host:x", "host:0", "host:70000"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ValueError, match=r"is not HOST\[:PORT\]"):
        parse_address(address)


def test_progress_is_for_terminals_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert simulate("--hours", 2, "--out", tmp_path / "day.jsonl") == 0
    shown = capsys.readouterr().err
    assert re.match(r"\r +\d+ %, \d+ readings \r1440 readings of 12 machines", shown)
