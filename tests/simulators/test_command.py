"""The command line, as a user meets it: in a process of its own where that matters."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulators import FAULTS, Farm
from simulators.command import add_arguments, main
from simulators.command.orders import parse_address
from simulators.scenarios.file import shipped_scenarios

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
        timeout=240,
    )


def test_help_says_all_that_is_needed() -> None:
    shown = as_process("--help")
    assert shown.returncode == 0
    source = (ROOT / "simulators/command/arguments.py").read_text("utf-8")
    options = re.findall(r'"(--[a-z-]+)"', source)
    assert len(options) > 20
    for option in options:
        assert re.search(rf"^  {option} ", shown.stdout, re.MULTILINE), option
    for name, kind in FAULTS.items():
        line = rf"^  {kind.fault_id} +{name} +[A-Z].*\.$"
        assert re.search(line, shown.stdout, re.MULTILINE), name
    assert max(map(len, shown.stdout.splitlines())) <= 120
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


def test_the_truth_says_since_when_a_fault_could_be_seen(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    assert simulate(
        "--machines", 3, "--hours", 72, "--period-s", 600, "--out", tmp_path / "days.csv",
        "--truth", truth, "--fault", "overheating@T02:24h:1", "--fault", "overheating@T03:24h:0",
    ) == 0  # fmt: skip
    hot, never = (json.loads(line) for line in truth.read_text("utf-8").splitlines())
    assert hot["t_onset"] == "2026-01-02T00:00:00Z"
    assert hot["t_onset"] <= hot["t_detectable"] < "2026-01-03T00:00:00Z"
    assert never["t_detectable"] is None


@pytest.mark.parametrize(
    ("sensors", "columns"),
    [
        ("usual", list(Farm(1).sensors)),
        ("all", list(Farm(1, sensors="all").sensors)),
        ("power, oil_pressure", ["power", "oil_pressure"]),
    ],
)
def test_sensors_are_chosen(sensors: str, columns: list[str], tmp_path: Path) -> None:
    out = tmp_path / "hour.csv"
    assert simulate("--machines", 1, "--hours", 1, "--sensors", sensors, "--out", out) == 0
    header = out.read_text("utf-8").partition("\n")[0]
    assert header.split(",") == ["time", "machine", *columns]


def test_faults_by_chance_are_others_for_another_seed(tmp_path: Path) -> None:
    told = []
    for seed in (1, 1, 2):
        truth = tmp_path / "truth.jsonl"
        assert simulate(
            "--machines", 5, "--hours", 500, "--period-s", 3600, "--out", tmp_path / "days.csv",
            "--random", "sensor_stuck=20/machine-month", "--seed", seed, "--truth", truth,
        ) == 0  # fmt: skip
        told.append(truth.read_text("utf-8"))
    assert told[0] == told[1] != told[2]
    assert 30 < len(told[0].splitlines()) < 110


def test_a_scenario_runs_with_what_was_asked_besides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, truth = tmp_path / "out.jsonl", tmp_path / "truth.jsonl"
    assert simulate(
        "--scenario", "every_fault", "--quick", "--hours", 240, "--site", "north", "--out", out,
        "--fault", "overheating@T32:9d", "--truth", truth, "--seed", 7,
    ) == 0  # fmt: skip
    first = json.loads(out.read_text("utf-8").partition("\n")[0])
    assert first["topic"] == "plant/north/T01/telemetry"
    said = capsys.readouterr().err
    assert said.startswith("note: 16 faults show in none of the reported sensors and are left out")
    assert said.endswith(f"\n{32 * 240 * 6} readings of 32 machines in {out}\n")
    machines = [json.loads(line)["machine"] for line in truth.read_text("utf-8").splitlines()]
    assert len(machines) == 13
    assert "T32" in machines


@pytest.mark.parametrize("what", ["faults", "targets", "sensors", "scenarios"])
def test_lists(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        simulate("--list", what)
    assert exited.value.code == 0
    shown = capsys.readouterr().out
    wanted = {
        "faults": list(FAULTS),
        "targets": [*FAULTS, ".gearbox, .main, .generator", "turbine:"],
        "sensors": [*Farm(1, sensors="all").sensors, " * power", "mm/s"],
        "scenarios": [*shipped_scenarios(), "nothing goes wrong", "healthy_month.yaml"],
    }
    for text in wanted[what]:
        assert text in shown, text


def test_the_same_arguments_write_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        assert as_process("--hours", 1, "--out", tmp_path / name).returncode == 0
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert simulate("--hours", 1, "--seed", 2, "--out", tmp_path / "c.jsonl") == 0
    assert (tmp_path / "a.jsonl").read_bytes() != (tmp_path / "c.jsonl").read_bytes()


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
        (["--batch", "3"], "batch is 3, but only array and gateway put readings together"),
        (["--dialect", "array", "--batch", "0"], "batch is 0, at least 1 is needed"),
        (["--fault", "fire@T01:1h"], "there is no 'fire'"),
        (["--fault", "overheatin@T01:1h"], "did you mean overheating?"),
        (["--fault", "oil_change"], "cannot be read: write NAME[.TARGET]@MACHINE"),
        (["--fault", "pitch_offset@T01:1h"], "shows in none of the reported sensors"),
        (["--fault", "overheating@T13:1h"], "there are T01 … T12"),
        (["--fault", "overheating@T01:1h", "--fault", "overheating@T01:2h"], "overlaps"),
        (["--fault", "overheating@T01:40h"], "begins after the run's 24 h: make the run longer"),
        (["--random", "overheating"], "rate 'overheating' cannot be read"),
        (["--random", "fire=1/machine-year"], "there is no 'fire'"),
        (["--random", "overheating=-1/machine-year"], "must not be negative"),
        (["--random", "overheating=1/machine-year"] * 2, "overheating has two rates"),
        (["--sensors", "power,wind"], "has no sensor 'wind'"),
        (["--sensors", "power,power"], "each name is needed once"),
        (["--quick"], "--quick is for --scenario"),
        (["--scenario", "healty_month"], "did you mean healthy_month?"),
        (["--scenario", "storm_week", "--machines", "3"], "--machines is the scenario's own"),
        (["--scenario", "storm_week", "--class", "turbine"], "--class is the scenario's own"),
        (["--scenario", "storm_week", "--fault", "icing@T99:1h"], "there are T01 … T20"),
        (["--qos", "0"], "--qos is for --mqtt"),
        (["--user", "me"], "--user is for --mqtt"),
        (["--password-file", "OUT"], "--password-file is for --mqtt"),
        (["--tls"], "--tls is for --mqtt"),
        (["--out", "day.xls"], "its suffix must be one of .jsonl, .csv, .parquet"),
        (["--out", "day"], "its suffix must be one of .jsonl, .csv, .parquet"),
        (["--out", "day.csv", "--times", "ms"], "--times is for messages, and day.csv is a table"),
        (["--out", "day.csv", "--dialect", "json"], "--dialect is for messages"),
        (["--out", "day.csv", "--fault", "link_late@T01:1h"], "a .csv file has none: use .jsonl"),
        (["--out", "day.parquet", "--fault", "clock_skew@T01:1h"], "clock_skew of T01 at 1h"),
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
        ["--out", "a.csv", "--mqtt", "b"],
        ["--mqtt", "a", "--qos", "3"],
        ["--out", "a.csv", "--hours", "x"],
        ["--out", "a.csv", "--class", "airship"],
        ["--list", "everything"],
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
    for form in ("jsonl", "csv", "parquet"):
        assert simulate("--hours", 1, "--out", tmp_path / "nowhere" / f"day.{form}") == 1
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert said.endswith(f"there is no directory {tmp_path / 'nowhere'}\n")


def test_without_pyarrow_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert simulate("--hours", 1, "--out", tmp_path / "day.parquet") == 1
    said = capsys.readouterr().err
    assert said == "error: a .parquet file needs pyarrow: pip install 'telltale[parquet]'\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--password-file", "EMPTY"], "holds no password"),
        (["--password-file", "SECRET"], "there is a password, but no user that it belongs to"),
        (["--ca-file", "SECRET"], "holds no certificate in PEM form"),
        (["--random", "overheating=1/machine-year", "--hours", "inf"], "for a run that ends"),
        (["--dialect", "gateway", "--fault", "link_late@T01:1h"], "a gateway's are shared"),
    ],
)
def test_wrong_use_of_a_broker_is_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "EMPTY").touch()
    (tmp_path / "SECRET").write_text("secret\n")
    names = {"EMPTY", "SECRET"}
    arguments = [str(tmp_path / text) if text in names else text for text in arguments]
    assert simulate("--mqtt", "127.0.0.1:1", *arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert sentence in said


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


def test_the_truth_tells_of_a_fault_that_silences_all(tmp_path: Path) -> None:
    """No message tells that the run went on; it did, all the same."""
    out, truth = tmp_path / "out.jsonl", tmp_path / "truth.jsonl"
    silent = ("--dialect", "number", "--sensors", "power", "--fault", "sensor_dropout.power@T01:1h")
    few = ("--machines", 1, "--hours", 3)
    assert simulate("--out", out, "--truth", truth, *few, *silent) == 0
    assert len(out.read_text().splitlines()) == 60
    assert json.loads(truth.read_text())["fault"] == "sensor_dropout"


def test_a_run_that_is_terminated_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simulators", "--out", tmp_path / "out.csv"]
    more = ["--truth", tmp_path / "truth.jsonl", "--hours", "100000"]
    run = subprocess.Popen([*command, *more], stderr=subprocess.PIPE)
    while not (tmp_path / ".out.csv.partial").exists() and run.poll() is None:
        time.sleep(0.02)
    run.terminate()
    _, said = run.communicate()
    assert (run.returncode, said, list(tmp_path.iterdir())) == (143, b"", [])
