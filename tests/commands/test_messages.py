"""What a command says when it cannot do as asked: one sentence, and the status beside it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from streamer import cli
from streamer.web import server
from tests.core.plant import TEXT

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "pumps.yaml"
    path.write_text(TEXT + "sinks:\n  sqlite:\nweb:\n")
    return path


@pytest.fixture
def fails(capsys):
    """Runs a command; its status and the one sentence it says."""

    def run(*words: object) -> tuple[int, str]:
        status = cli.main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        return status, err.rstrip("\n")

    return run


@pytest.fixture
def scores(tmp_path):
    """A store of scores with two rows of the pumps."""
    (tmp_path / "state").mkdir()
    db = sqlite3.connect(tmp_path / "state" / "scores.db")
    db.execute("CREATE TABLE t (machine TEXT, time_ns INTEGER, severity REAL)")
    db.executemany("INSERT INTO t VALUES ('P1', ?, 0.5)", [(1,), (2,)])
    db.execute("CREATE VIEW readings_pump AS SELECT * FROM t")
    db.commit()
    db.close()


# run


def test_a_page_that_is_not_installed_is_told_in_one_line(fails, config, monkeypatch):
    monkeypatch.setattr(server, "find_spec", lambda name: None if name == "uvicorn" else name)
    said = (2, "web: the status page needs uvicorn: pip install 'telltale[web]'")
    assert fails("check", config) == said
    assert fails("run", config, "--log-level", "error") == said


class FullDisk:
    def __init__(self, config):
        pass

    def stop_on_signals(self):
        pass

    def run(self):
        raise sqlite3.OperationalError("database or disk is full")


def test_a_stop_while_the_disk_is_full(fails, config, monkeypatch):
    monkeypatch.setattr("streamer.daemon.Daemon", FullDisk)
    status, said = fails("run", config, "--log-level", "error")
    assert status == 1
    assert "cannot be written (database or disk is full)" in said
    assert "will come again" in said


@pytest.mark.parametrize(
    ("state", "why"),
    [("file", "{}/file is not a folder"), ("file/state", "{}/file/state is not a folder")],
)
def test_a_state_directory_that_is_none(fails, config, tmp_path, state, why):
    (tmp_path / "file").write_text("")
    status, said = fails("run", config, "--set", f"state_dir={tmp_path / state}")
    assert (status, said) == (
        1,
        f"state_dir {tmp_path / state} cannot be used: {why.format(tmp_path)}",
    )


def test_a_state_directory_that_cannot_be_made(fails, config):
    status, said = fails("run", config, "--set", "state_dir=/proc/telltale")
    assert status == 1
    assert said.startswith("state_dir /proc/telltale cannot be used: /proc/telltale: ")
    assert "Errno" not in said


# export


def test_an_export_before_there_are_scores(fails, config, tmp_path):
    store = tmp_path / "state" / "scores.db"
    said = (1, f"telltale export: no scores yet in {store}")
    assert fails("export", config, "--out", tmp_path / "a.csv") == said
    store.parent.mkdir()
    sqlite3.connect(store).close()
    assert fails("export", config, "--out", tmp_path / "a.csv") == said
    assert not list(tmp_path.glob("a.*"))


def test_an_export_without_pyarrow(fails, config, tmp_path, scores, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    status, said = fails("export", config, "--out", tmp_path / "a.parquet")
    assert (status, said[-42:]) == (1, "needs pyarrow: pip install 'telltale[parquet]'"[-42:])


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59", "0001-01-01T00:00Z", "soon"])
def test_a_time_that_is_none(fails, config, tmp_path, time):
    status, said = fails("export", config, "--since", time, "--out", tmp_path / "a.csv")
    assert status == 2
    assert said.startswith(f"telltale export: --since {time}: a time like ")


def test_an_export_that_breaks_off_leaves_nothing(fails, config, tmp_path, scores):
    db = sqlite3.connect(tmp_path / "state" / "scores.db")
    db.execute("ALTER TABLE t RENAME COLUMN severity TO severe")
    db.execute("DROP VIEW readings_pump")
    db.execute("CREATE VIEW readings_pump AS SELECT machine, time_ns, abs(-1 << 63) FROM t")
    db.commit()
    db.close()
    status, said = fails("export", config, "--out", tmp_path / "a.csv")
    assert status == 1
    assert "integer overflow" in said
    assert not list(tmp_path.glob("a.*"))


@pytest.mark.parametrize("ending", [".csv", *[".parquet"] * bool(find_spec("pyarrow"))])
def test_an_export_of_nothing_is_a_file_of_no_rows(capsys, config, tmp_path, scores, ending):
    out = tmp_path / f"a{ending}"
    words = ["export", str(config), "--machine", "P9", "--out", str(out)]
    assert cli.main(words) == 0
    assert capsys.readouterr().out == f"0 rows in {out}\n"
    assert out.stat().st_size
    assert list(tmp_path.glob("*.tmp")) == []


def test_a_folder_that_is_not_there(fails, config, tmp_path):
    (tmp_path / "a.jsonl").write_text("")
    out = tmp_path / "nope" / "x.csv"
    sentence = f"--out {out}: there is no folder {tmp_path / 'nope'}"
    assert fails("export", config, "--out", out) == (2, f"telltale export: {sentence}")
    assert fails("replay", config, tmp_path / "a.jsonl", "--out", out) == (2, sentence)


# replay


def test_what_cannot_be_replayed(fails, config, tmp_path):
    said = (2, f"{tmp_path}: is a directory, a file is needed")
    assert fails("replay", config, tmp_path) == said
    assert fails("replay", config, "/dev/null") == (2, "/dev/null: is not a regular file")


# simulate


@pytest.mark.parametrize("program", ["simulators", "streamer"])
def test_a_reader_of_a_simulation_that_goes_away_is_no_failure(program):
    words = ["simulate"] if program == "streamer" else []
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", program, *words, "--hours", "1", "--out", "-"],
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        timeout=240,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
