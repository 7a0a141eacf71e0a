"""The other commands, as a person calls them."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from streamer.config import load
from streamer.resources import config_path
from tests.e2e._daemon import Telltale, telltale
from tests.e2e._plant import demo_plant, machines, plant, readings, telemetry
from tests.e2e.conftest import Run
from tests.servers.mosquitto import Mosquitto
from tests.servers.wire import Publisher

SHIPPED = [config_path("turbines.yaml"), config_path("demo.yaml")]


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda path: path.name)
def test_check_says_what_a_shipped_configuration_means(shipped: Path) -> None:
    checked = telltale("check", shipped)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert f"{shipped} is right" in checked.stdout
    judged = load(shipped).classes["turbine"].health
    assert f"judges {', '.join(judged)}" in checked.stdout


def test_what_check_prints_as_effective_is_the_same_configuration(tmp_path: Path) -> None:
    effective = telltale("check", SHIPPED[0], "--effective")
    assert effective.returncode == 0
    again = tmp_path / "effective.yaml"
    again.write_text(effective.stdout, "utf-8")
    assert telltale("check", again, "--effective").stdout == effective.stdout


def test_check_names_the_place_of_a_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    lines = (
        SHIPPED[1]
        .read_text("utf-8")
        .replace("context_lag_s: 3600", "context_lags: 3600")
        .splitlines()
    )
    wrong.write_text("\n".join(lines), "utf-8")
    row = next(i for i, line in enumerate(lines, 1) if "context_lags" in line)
    checked = telltale("check", wrong)
    assert (checked.returncode, checked.stdout) == (2, "")
    (sentence,) = checked.stderr.splitlines()
    assert sentence.startswith(f"{wrong}:{row}:")
    assert "context_lags" in sentence
    assert "context_lag_s" in sentence


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda path: path.name)
def test_try_shows_how_a_message_would_be_read(shipped: Path) -> None:
    def tried(topic: str, payload: str) -> tuple[int, str]:
        found = telltale("try", shipped, "--topic", topic, "--payload", payload)
        assert found.stderr == ""
        return found.returncode, found.stdout

    topic = "plant/north/T03/telemetry"
    status, said = tried(topic, '{"ts": 1700000000, "power": 2140, "vibration": 1.93}')
    assert status == 0
    assert "machine north/T03" in said
    assert "2023-11-14T22:13:20.000000000Z" in said
    assert "vibration = 1.93 mm/s" in said
    status, said = tried(topic, '{"power": NaN, "vibration": 1.93, "colour": 3}')
    assert status == 1
    assert "vibration = 1.93 mm/s" in said
    assert "nonfinite: 'power'" in said
    assert "unknown_sensor: 'colour'" in said
    assert tried(topic, "{")[0] == 1
    assert tried("elsewhere/T03", "{}")[0] == 1


def test_a_recording_says_what_the_daemon_said_of_the_same_machines(
    mosquitto: Mosquitto, run: Run, tmp_path: Path
) -> None:
    daemon = run(demo_plant(mosquitto.port))
    story = [
        "--machines=3",
        "--hours=100",
        "--period-s=300",
        "--fault=sensor_stuck.gearbox_temperature@T02:60h-80h",
    ]
    recording, out = tmp_path / "farm.jsonl", tmp_path / "scores.csv"
    simulate(*story, "--mqtt", f"127.0.0.1:{mosquitto.port}")
    simulate(*story, "--out", recording)
    daemon.received(3600)
    daemon.kept(3600)
    assert daemon.stop() == 0
    replayed = telltale("replay", daemon.file, recording, "--out", out)
    assert (replayed.returncode, replayed.stderr) == (0, "")

    *alerts, account = replayed.stdout.splitlines()
    assert account.startswith("received 3600, stored 3600, rejected 0, duplicate 0")
    told = daemon.scores("SELECT state, machine, rule || ':' FROM alert_events ORDER BY rowid")
    assert [tuple(line.split()[2:5]) for line in alerts] == told
    assert ("firing", "demo/T02", "instrument_fault:") in told
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = ", ".join(f'"{name}"' for name in rows[0] if name not in ("class", "machine", "time"))
    stored = daemon.scores(f"SELECT time_ns, machine, {names} FROM readings_turbine")
    assert sorted(stored, key=_key) == sorted((_stored(row) for row in rows), key=_key)


def simulate(*words: object) -> None:
    done = telltale("simulate", *words)
    assert done.returncode == 0, done.stderr


def _stored(row: dict[str, str]) -> tuple[int | str | float | None, ...]:
    """A line of the replay as the SQLite sink would hold it."""
    machine, time_ns = row["machine"], int(row["time"])
    numbers = [v for name, v in row.items() if name not in ("class", "machine", "time")]
    return (time_ns, machine, *(float(number) if number else None for number in numbers))


def _key(row: tuple[object, ...]) -> tuple[object, ...]:
    return row[:2]


@pytest.fixture
def stored(mosquitto: Mosquitto, run: Run, publisher: Callable[[int], Publisher]) -> Telltale:
    """A daemon that has stored 400 whole readings and 5 lonely values, and was stopped."""
    store = {"keep_days": 36_500}
    daemon = run(plant(mosquitto.port, clock="wall", max_ahead_s=300, sinks={"sqlite": store}))
    source = publisher(mosquitto.port)
    source.send(telemetry(readings(machines(4), range(100))))
    source.send((f"plant/north/T{n}/one/vibration", b"1.5") for n in range(5))
    daemon.received(405)
    daemon.kept(405)
    assert daemon.stop() == 0
    return daemon


def test_what_is_exported_is_what_is_stored(stored: Telltale, tmp_path: Path) -> None:
    for ending in ("csv", "parquet"):
        exported = telltale("export", stored.file, "--out", tmp_path / f"scores.{ending}")
        assert (exported.returncode, exported.stderr) == (0, "")
        assert exported.stdout == f"405 rows in {tmp_path / f'scores.{ending}'}\n"
    from_parquet = pd.read_parquet(tmp_path / "scores.parquet")
    with (tmp_path / "scores.csv").open(newline="") as file:
        from_csv = pd.DataFrame(list(csv.DictReader(file)))
    assert {*from_csv.columns} == {*from_parquet.columns}
    assert {"severity", "half_space_trees", "ewma_chart_vibration"} < {*from_csv.columns}
    for name in from_csv.columns.drop("time"):
        rows = stored.scores(
            f'SELECT time_ns, "{name}" FROM readings_turbine ORDER BY time_ns, machine'
        )
        number = str if name in ("machine", "labels") else float
        for found in (from_csv, from_parquet):
            times = pd.to_datetime(found["time"], format="ISO8601", utc=True).dt.as_unit("ns")
            values = [None if v == "" or pd.isna(v) else number(v) for v in found[name].tolist()]
            assert list(zip(times.astype("int64").tolist(), values, strict=True)) == rows, name


def test_an_export_is_of_the_time_and_the_machine_that_were_asked_for(
    stored: Telltale, tmp_path: Path
) -> None:
    out = tmp_path / "some.csv"
    words = ["--since=2023-11-14T22:15Z", "--until=2023-11-14T22:20Z", "--machine=north/T002"]
    exported = telltale("export", stored.file, *words, "--out", out)
    assert exported.returncode == 0, exported.stderr
    found = pd.read_csv(out)
    assert set(found["machine"]) == {"north/T002"}
    assert len(found) == 30
    assert min(found["time"]) >= "2023-11-14T22:15"
    assert max(found["time"]) < "2023-11-14T22:20"
    wrong = telltale("export", stored.file, "--since=yesterday", "--out", out)
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)


def test_an_export_that_cannot_be_made_says_why_in_one_sentence(
    stored: Telltale, tmp_path: Path
) -> None:
    nowhere = tmp_path / "nowhere" / "scores.csv"
    for status, words, reason in (
        (1, [f"--set=state_dir={tmp_path}", "--out", tmp_path / "scores.csv"], "no scores yet in"),
        (2, ["--out", nowhere], f"there is no folder {nowhere.parent}"),
    ):
        exported = telltale("export", stored.file, *words)
        assert (exported.returncode, exported.stdout) == (status, "")
        (sentence,) = exported.stderr.splitlines()
        assert reason in sentence
    stored.scores_file.unlink()
    empty = sqlite3.connect(stored.scores_file)
    empty.execute("CREATE TABLE something(else_)")
    empty.close()
    exported = telltale("export", stored.file, "--out", tmp_path / "scores.csv")
    assert (exported.returncode, len(exported.stderr.splitlines())) == (1, 1)
    assert f"no scores yet in {stored.scores_file}" in exported.stderr


def test_where_nothing_may_be_written_a_command_says_so_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty.jsonl").touch()
    recording, out = tmp_path / "empty.jsonl", tmp_path / "file" / "scores.csv"
    for status, words in (
        (1, ["run", SHIPPED[0], f"--set=state_dir={tmp_path / 'file'}"]),
        (2, ["replay", SHIPPED[0], recording, "--out", out]),
    ):
        refused = telltale(*words)
        assert (refused.returncode, refused.stdout) == (status, "")
        (sentence,) = refused.stderr.splitlines()
        assert str(tmp_path / "file") in sentence
