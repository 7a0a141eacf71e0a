"""``telltale demo --json`` from beginning to end, run once for all that is asked of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e._daemon import COMMAND, ENVIRONMENT, PATIENCE_S, rows_of, telltale, until

DEMO_S = 480.0
"""It takes about a minute; a machine that is busy with other things may take longer."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo keeps its scores and logs."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(kept: Path) -> subprocess.CompletedProcess[str]:
    with _started("--json", "--keep", kept) as running:
        out, said = running.communicate(timeout=DEMO_S)
    return subprocess.CompletedProcess(running.args, running.returncode, out, said)


@pytest.fixture(scope="module")
def report(demo: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    (line,) = demo.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_it_ends_well_and_reports_what_it_promises(
    demo: subprocess.CompletedProcess[str], report: dict[str, Any]
) -> None:
    assert demo.returncode == 0, demo.stderr
    assert {name: type(value) for name, value in report.items()} == {
        "faults": list,
        "false_alarms": int,
        "sent": int,
        "received": int,
        "stored": int,
        "rejected": int,
        "duplicate": int,
        "readings_per_s": float,
        "cpu_us_per_reading": float,
    }


def test_every_fault_is_found_and_resolved_with_hardly_a_false_alarm(
    report: dict[str, Any],
) -> None:
    told = [(one["fault"], one["machine"], one["kind"]) for one in report["faults"]]
    assert told == [
        ("bearing_wear", "demo/T03", "machine"),
        ("overheating", "demo/T07", "machine"),
        ("sensor_stuck", "demo/T10", "instrument"),
    ]
    for fault in report["faults"]:
        assert fault.keys() == {
            "fault", "machine", "kind", "onset", "found", "resolved", "delay_s",
        }  # fmt: skip
        assert fault["found"] is True
        assert fault["resolved"] is True
        assert 0 < fault["delay_s"] < 58 * 3600
    assert 0 <= report["false_alarms"] <= 2


def test_every_reading_is_accounted_for_and_kept(report: dict[str, Any], kept: Path) -> None:
    assert report["sent"] == report["received"] == 12 * 12 * 240
    assert report["stored"] == report["received"] - report["rejected"] - report["duplicate"]
    assert report["rejected"] == 0
    stored = rows_of(kept / "scores.db", "SELECT count(*) FROM readings_turbine")
    assert stored == [(report["stored"],)]
    assert report["readings_per_s"] > 0
    assert report["cpu_us_per_reading"] > 0


def test_where_nobody_sits_before_a_terminal_its_progress_is_plain_lines(
    demo: subprocess.CompletedProcess[str], kept: Path
) -> None:
    assert "\x1b" not in demo.stderr
    assert "\r" not in demo.stderr
    begins, *alerts = demo.stderr.splitlines()
    assert begins.startswith("12 turbines, one reading every 300 s")
    told = rows_of(
        kept / "scores.db", "SELECT state, machine, rule || ':' FROM alert_events ORDER BY rowid"
    )
    assert [tuple(line.split()[2:5]) for line in alerts] == told
    assert len(told) >= 6


def test_a_run_is_not_added_to_an_earlier_one(
    demo: subprocess.CompletedProcess[str], kept: Path
) -> None:
    del demo
    refused = telltale("demo", "--keep", kept)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == f"telltale demo: {kept} holds an earlier run, name a new folder\n"


def test_ended_while_it_starts_it_leaves_no_process_behind(tmp_path: Path) -> None:
    with _started("--keep", tmp_path) as running:
        log = tmp_path / "daemon.log"
        until(log.exists, lambda: "the broker to be there")
        broker = _children(running.pid)[0]
        os.kill(broker, signal.SIGSTOP)  # with which the daemon stays at its beginning
        until(lambda: "kernels" in log.read_text(), lambda: "the daemon to speak")
        children = _children(running.pid)
        running.terminate()
        until(lambda: _children(running.pid) == [broker], lambda: "the daemon to be ended")
        os.kill(broker, signal.SIGCONT)
        running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 128 + signal.SIGTERM
    assert len(children) == 2
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


@contextmanager
def _started(*words: object) -> Iterator[subprocess.Popen[str]]:
    """The demo, which ends its own children when it is asked to end."""
    pytest.importorskip("amqtt")
    running = subprocess.Popen(
        [*COMMAND, "demo", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    try:
        yield running
    finally:
        running.terminate()
        running.communicate()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    "words", [["--fault", "nonsense@T99"], ["--fault", "overheating@T99:1h"], ["--speed", "0"]]
)
def test_what_cannot_be_shown_is_refused_in_one_sentence(words: list[str]) -> None:
    refused = telltale("demo", *words)
    assert (refused.returncode, refused.stdout) == (2, "")
    (sentence,) = refused.stderr.splitlines()
    assert sentence.startswith("telltale demo: ")
