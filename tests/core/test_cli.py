"""The commands as a person calls them: what they print, and with which status they end."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import subprocess
import sys

import pytest

from streamer import cli
from streamer.commands import version as version_command
from tests.core.plant import TEXT, at, humming

SENSORS = "flow, pressure, heat"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "pumps.yaml"
    path.write_text(TEXT)
    return str(path)


def run(capsys, *words: object) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    try:
        status = cli.main([str(word) for word in words])
    except SystemExit as ended:  # argparse's own way
        status = ended.code
    out, err = capsys.readouterr()
    return status, out, err


# Exit status: 0 done, 1 failed, 2 wrong use or configuration.


def test_without_a_command_the_commands_are_listed(capsys):
    status, out, _ = run(capsys)
    assert status == 2
    for name, (_, purpose) in cli.COMMANDS.items():
        assert name in out
        assert purpose.split(",")[0][:40] in " ".join(out.split())


def test_an_unknown_command_is_wrong_use(capsys):
    status, out, err = run(capsys, "watch")
    assert (status, out) == (2, "")
    assert "invalid choice: 'watch'" in err


@pytest.mark.parametrize("name", ["run", "try", "machine", "replay", "version"])
def test_every_command_explains_itself(capsys, name):
    status, out, _ = run(capsys, name, "--help")
    assert status == 0
    assert cli.COMMANDS[name][1][:30].capitalize() in " ".join(out.split())


@pytest.mark.parametrize("words", [["run"], ["try"], ["replay", "x.jsonl"]])
def test_a_wrong_configuration_is_told_line_by_line(capsys, tmp_path, words):
    path = tmp_path / "wrong.yaml"
    path.write_text(TEXT.replace("role: context", "role: contxt"))
    command, *rest = words
    more = ["--topic", "t", "--payload", "p"] if command == "try" else []
    (tmp_path / "x.jsonl").write_text("")
    rest = [tmp_path / name for name in rest]
    status, out, err = run(capsys, command, path, *rest, *more)
    assert (status, out) == (2, "")
    line = TEXT.splitlines().index(next(s for s in TEXT.splitlines() if "role" in s)) + 1
    assert err.startswith(f"{path}:{line}:")
    assert "'contxt', allowed are 'health', 'context', 'both', 'covariate' or 'state'" in err
    assert "Traceback" not in err


def test_a_configuration_that_is_not_there_is_wrong_use(capsys, tmp_path):
    status, _, err = run(capsys, "run", tmp_path / "nowhere.yaml")
    assert status == 2
    assert err.count("\n") == 1
    assert "nowhere.yaml" in err


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("mqtt.port", "--set mqtt.port: KEY=VALUE is needed"),
        ("mqtt.port=[", "--set mqtt.port=[: '[' is not a YAML value"),
        ("mqtt.port=x", "mqtt.port"),
        ("mqtt.prot=1", "mqtt.prot"),
    ],
)
def test_a_wrong_setting_is_wrong_use(capsys, config, setting, sentence):
    words = ("try", config, "--topic", "t", "--payload", "p", "--set", setting)
    status, _, err = run(capsys, *words)
    assert status == 2
    assert sentence in err.splitlines()[0]


@pytest.mark.parametrize("unbuffered", ["1", ""])
def test_a_reader_that_goes_away_is_no_failure(tmp_path, config, unbuffered):
    """As in `telltale … | head`."""
    record(tmp_path / "pumps.jsonl", humming(range(0, 3000, 10)))
    code = "import sys; from streamer.cli import main; sys.exit(main(sys.argv[1:]))"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", code, "replay", config, str(tmp_path / "pumps.jsonl")],
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        check=False,
        timeout=240,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


# try


def test_try_shows_how_a_message_is_read(capsys, config):
    payload = json.dumps({"ts": at(0), "flow": 3, "heat": 21.5})
    status, out, _ = run(
        capsys, "try", config, "--topic", "plant/north/P1/telemetry", "--payload", payload
    )
    assert status == 0
    assert out.splitlines() == [
        "class pump, read as json",
        "machine north/P1 (site=north, machine=P1) at 2023-11-14T22:13:20.000000000Z",
        "  flow = 3 l/s",
        "  heat = 21.5 K",
    ]


def test_try_says_what_would_be_refused(capsys, config):
    payload = json.dumps([{"machine": "P1", "flow": "x", "oil": 1}, {"flow": 1}])
    status, out, _ = run(capsys, "try", config, "--topic", "gateway/north", "--payload", payload)
    assert status == 1
    assert out.splitlines() == [
        "class pump, read as json",
        "machine north/P1 (site=north, machine=P1) at the time it arrives",
        "  refused: wrong_type: 'flow' is a string, a number is needed",
        f"  refused: unknown_sensor: 'oil' is no sensor of class pump, which has {SENSORS}",
        "refused: no_machine: the object does not name its machine",
    ]


def test_try_says_that_nobody_listens_to_a_topic(capsys, config):
    status, out, _ = run(capsys, "try", config, "--topic", "a/b", "--payload", "1")
    assert status == 1
    assert out == "refused: no_route: no topic of the config matches 'a/b'\n"


def test_try_says_that_a_machine_is_not_listed(capsys, config):
    words = ("--topic", "plant/north/P9/one/heat", "--payload", "1.5")
    listed = ("--set", "classes.pump.machines=[north/P1]")
    status, out, _ = run(capsys, "try", config, *words, *listed)
    assert status == 1
    assert "refused: unknown_machine: 'north/P9' is not among pump's machines" in out


def test_try_reads_standard_input(capsys, config, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff1.5")))
    words = ("--topic", "plant/north/P1/one/heat", "--payload", "-")
    status, out, _ = run(capsys, "try", config, *words)
    assert status == 1
    assert "not_number" in out


# replay


def record(path, messages, *more: str) -> None:
    """Write messages as mosquitto_sub -F %J does."""
    lines = [json.dumps({"topic": m.topic, "payload": json.loads(m.payload)}) for m in messages]
    path.write_text("\n".join([*lines, *more]) + "\n")


def test_replay_prints_alerts_and_what_became_of_the_readings(capsys, tmp_path, config):
    stream = humming(range(0, 1000, 10), ["P1"])
    stuck = [m._replace(payload=m.payload.replace(b'"heat":', b'"heat":33,"was":'))
             for m in stream[50:70]]  # fmt: skip
    record(tmp_path / "a.jsonl", [*stream[:50], *stuck])
    record(tmp_path / "b.jsonl", stream[70:])
    status, out, err = run(capsys, "replay", config, tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    *alerts, counters = out.splitlines()
    assert (status, err) == (0, "")
    instrument = [line for line in alerts if "instrument_fault" in line]
    assert instrument == [
        f"2023-11-14 {change} north/P1 instrument_fault: heat: stuck at 33 K for 1 min"
        for change in ("22:23:40 firing  ", "22:25:30 resolved")
    ]
    assert counters.startswith("received 100, stored 100, rejected 0, duplicate 0, late 0")


def test_replay_writes_scores(capsys, tmp_path, config):
    record(tmp_path / "a.jsonl", humming(range(0, 1000, 10), ["P1"]))
    out = tmp_path / "scores.csv"
    status, *_ = run(capsys, "replay", config, tmp_path / "a.jsonl", "--out", out)
    assert status == 0
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 100
    assert rows[0]["machine"] == "north/P1"
    assert [int(row["time"]) for row in rows] == [at(t) for t in range(0, 1000, 10)]
    assert rows[0]["ewma_chart_heat"] == ""
    assert math.isfinite(float(rows[-1]["ewma_chart_heat"]))
    assert list(tmp_path.glob("*.tmp")) == []


def test_replay_of_ten_minute_means_refuses_nothing(capsys, tmp_path, config):
    record(tmp_path / "a.jsonl", humming(range(0, 60_000, 600)))
    _, out, _ = run(capsys, "replay", config, tmp_path / "a.jsonl", "--set", "max_ahead_s=300.0")
    assert "received 300, stored 300, rejected 0" in out


def test_replay_names_lines_that_are_no_messages(capsys, tmp_path, config):
    bad = ["{", '{"topic": "t"}', '{"topic": "t", "payload": 1, "tst": "yesterday"}', *["?"] * 20]
    record(tmp_path / "a.jsonl", humming([0]), *bad)
    status, out, err = run(capsys, "replay", config, tmp_path / "a.jsonl")
    lines = err.splitlines()
    assert status == 1
    assert "stored 3" in out
    assert [line.split(": ")[0] for line in lines[:3]] == [
        f"{tmp_path}/a.jsonl:{number}" for number in (4, 5, 6)
    ]
    assert lines[10:] == ["… and more lines that are no messages"]


def test_replay_of_a_file_that_is_not_there_is_wrong_use(capsys, tmp_path, config):
    status, out, err = run(capsys, "replay", config, tmp_path / "nowhere.jsonl")
    assert (status, out) == (2, "")
    assert err == f"{tmp_path}/nowhere.jsonl: there is no such file\n"


# machine


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "required: ACTION"),
        (["maintenance"], "required: start|done"),
        (["maintenance", "stop", "north/P1"], "invalid choice: 'stop'"),
        (["accept"], "required: MACHINE"),
        (["maintenance", "start", "north/P1", "--sensor", "flow"], "unrecognized arguments"),
    ],
)
def test_what_is_told_in_wrong_words_is_wrong_use(capsys, config, words, sentence):
    status, out, err = run(capsys, "machine", config, *words)
    assert (status, out) == (2, "")
    assert sentence in err


def test_where_nobody_runs_nothing_can_be_told(capsys, tmp_path, config):
    status, out, err = run(capsys, "machine", config, "accept", "north/P1", "--note", "ok")
    assert (status, out) == (1, "")
    assert err == (
        f"telltale machine: no telltale is running on {tmp_path / 'state'}, "
        "or it has not recovered yet\n"
    )


# run, version


def test_run_refuses_a_state_directory_in_use(capsys, tmp_path, config):
    import fcntl

    state = tmp_path / "state"
    state.mkdir()
    with (state / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        status, _, err = run(capsys, "run", config, "--log-level", "error")
    assert status == 1
    assert err == f"{state} is in use by another telltale; each needs its own\n"


@pytest.mark.parametrize("content", [b"no database, " * 500])
def test_run_says_that_its_journal_is_none(capsys, tmp_path, config, content):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "journal.db").write_bytes(content)
    status, _, err = run(capsys, "run", config, "--log-level", "error")
    assert status == 1
    assert err == f"{tmp_path}/state/journal.db cannot be used: file is not a database\n"


def test_version_says_what_this_is(capsys, monkeypatch):
    monkeypatch.setattr(version_command, "version", lambda name: f"1.2.{len(name)}")
    status, out, _ = run(capsys, "version")
    assert status == 0
    first, kernels, python, libraries = out.splitlines()
    assert first == "telltale 1.2.8"
    assert kernels.split(": ")[1].split()[0] in ("compiled", "interpreted")
    assert python.startswith("python 3.")
    assert "river 1.2.5" in libraries
