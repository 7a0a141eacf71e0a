"""The real command and the real daemon, as child processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from streamer.config import Config, load
from streamer.journal import Outbox, connect, read_machines
from streamer.records import AlertEvent, Batch
from tests.e2e._plant import bits

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 180.0
"""Longer than anything takes, a pause of up to 60 s before a database is tried again included."""
COMMAND = [sys.executable, "-m", "streamer"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def telltale(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """One short command, to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=PATIENCE_S,
        check=False,
        **options,
    )


def until(condition: Callable[[], object], what: Callable[[], str]) -> None:
    """Wait for it; the test fails if it does not come."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what()}"
        time.sleep(0.005)


class Telltale:
    """``telltale run`` on a configuration in a directory of its own, started as often as wanted."""

    def __init__(self, directory: Path, config: Mapping[str, Any]) -> None:
        directory.mkdir()
        self.file = directory / "config.yaml"
        self.file.write_text(yaml.safe_dump(dict(config), allow_unicode=True, sort_keys=False))
        self.state_dir = directory / "state"
        self.scores_file = self.state_dir / "scores.db"
        self._log = directory / "log"
        self._said_before = 0
        self._running: subprocess.Popen[bytes] | None = None

    # Its life.

    def start(self, *words: str) -> None:
        """Start it, with more words on the command line; returns at once."""
        assert self._running is None, "it is running already"
        self._said_before = len(self.log)
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                [*COMMAND, "run", str(self.file), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
            )

    def says(self, words: str) -> None:
        """Wait until it has logged this since its last start."""
        self.until(lambda: words in self.log[self._said_before :], f"{words!r} in its log")

    def hears(self) -> None:
        """Wait until the broker has granted what it asked for."""
        self.says("hearing plant/")

    @property
    def pid(self) -> int:
        assert self._running is not None, "it is not running"
        return self._running.pid

    def stop(self) -> int:
        """SIGTERM; its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, at whatever it is doing."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> int:
        running, self._running = self._running, None
        if running is None:
            return 0
        running.send_signal(how)
        try:
            return running.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
            raise

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for it as long as the daemon lives."""

        def checked() -> object:
            ended = None if self._running is None else self._running.poll()
            assert ended is None, f"the daemon ended with {ended}:\n{self.log[-3000:]}"
            return condition()

        until(checked, lambda: f"{what}\n{self.counters()}\n{self.log[-3000:]}")

    # What it knows.

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def config(self) -> Config:
        return load(self.file)

    def journal(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of its journal."""
        return rows_of(self.state_dir / "journal.db", query, *parameters)

    def scores(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of its SQLite sink."""
        return rows_of(self.scores_file, query, *parameters)

    def counters(self) -> dict[str, int]:
        """Its account of the readings, as of its last commit."""
        return dict(self.journal("SELECT name, value FROM counters"))

    def count(self, name: str) -> int:
        return self.counters().get(name, 0)

    def received(self, readings: int) -> None:
        """Wait until it has committed so many readings."""
        self.until(lambda: self.count("received") >= readings, f"{readings} readings")

    def delivered(self, *targets: str) -> None:
        """Wait until these sinks and notifiers have everything that is committed now."""
        (newest,) = self.journal("SELECT seq FROM sqlite_sequence WHERE name='turns'")[0]

        def done() -> bool:
            cursors = dict(self.journal("SELECT target, turn FROM cursors"))
            return all(cursors.get(target, 0) >= newest for target in targets)

        self.until(done, f"{targets} to have turn {newest}")

    def kept(self, readings: int) -> None:
        """Wait until its SQLite sink holds so many readings."""
        count = "SELECT count(*) FROM readings_turbine"
        self.until(lambda: self.scores(count) == [(readings,)], f"{readings} rows of scores")

    def scored(self) -> dict[tuple[str, int], bytes]:
        """All that the journal says of each reading, see `bits`."""
        with closing(connect(self.state_dir / "journal.db")) as db:
            machines = read_machines(db, "turbine")
        return bits([points for batch in self._batches() for points in batch.points], machines)

    def alerts(self) -> list[AlertEvent]:
        """All alert events of the journal, in order."""
        return [event for batch in self._batches() for event in batch.alerts]

    def _batches(self) -> list[Batch]:
        with closing(Outbox(self.state_dir / "journal.db", "points and alerts")) as outbox:
            return outbox.batches(0, 1_000_000)


def rows_of(path: Path, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Rows of a file that the daemon writes; none while the table is not there yet."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30.0)) as db:
        try:
            return db.execute(query, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
