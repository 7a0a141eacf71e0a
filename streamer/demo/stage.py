"""What the demo runs on: a broker and a daemon, each a child process, and what they tell us."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from streamer.resources import config_path

HOST = "127.0.0.1"
START_S = 60.0
STOP_S = 30.0


class StageError(Exception):
    """Something the demo stands on did not start or did not end as it should."""


class AlertRow(NamedTuple):
    """An alert event as the SQLite sink stored it."""

    time_ns: int
    since_ns: int
    machine: str
    rule: str
    kind: str
    state: str
    reason: str
    sensor: str = ""


class Stage:
    """A broker and a daemon for the length of a ``with`` block.

    Parameters
    ----------
    folder
        Where the daemon keeps its state, and where both write what they log.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.daemon_cpu_s = 0.0
        self._broker: subprocess.Popen[bytes] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._broker = self._start("broker", ["streamer.demo.broker", str(self.port)])
            self._await_broker()
            self._start_daemon()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._end()

    def _start(self, name: str, module: list[str], **environment: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, "-m", *module],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,  # Ctrl-C is ours to pass on, in the right order
            )

    def _await_broker(self) -> None:
        def answers() -> bool:
            try:
                socket.create_connection((HOST, self.port), 0.2).close()
            except OSError:
                return False
            return True

        self._await("broker", answers)

    def _start_daemon(self) -> None:
        """Start it and wait until it says that it has subscribed, as it would say to systemd."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
            # Linux names it: no path that may be too long, no file that stays behind.
            ear.bind("")
            ear.settimeout(0.0)
            name: bytes = ear.getsockname()
            overrides = {
                "state_dir": str(self.folder),
                "mqtt.host": HOST,
                "mqtt.port": str(self.port),
            }
            words = [f"--set={key}={value}" for key, value in overrides.items()]
            config = str(config_path("demo.yaml"))
            self._daemon = self._start(
                "daemon",
                ["streamer", "run", config, *words],
                NOTIFY_SOCKET=f"@{name[1:].decode()}",
            )
            self._await("daemon", lambda: b"STATUS=subscribed" in _heard(ear))

    def _await(self, name: str, ready: object) -> None:
        assert callable(ready)
        deadline = time.monotonic() + START_S
        while not ready():
            process = self._broker if name == "broker" else self._daemon
            assert process is not None
            if process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / f"{name}.log").read_text(errors="replace").strip()
                raise StageError(f"the {name} did not start; it said:\n{said or '(nothing)'}")
            time.sleep(0.05)

    # What the daemon has told so far.

    def counters(self) -> dict[str, int]:
        """The daemon's account of its readings, as of its last commit."""
        return dict(_query(self.folder / "journal.db", "SELECT name, value FROM counters"))

    def alerts(self, after: int = 0) -> list[tuple[int, AlertRow]]:
        """(row number, alert event) of those stored since row ``after``."""
        found = _query(
            self.folder / "scores.db",
            "SELECT rowid, time_ns, since_ns, machine, rule, kind, state, reason FROM alert_events"
            " WHERE rowid > ? ORDER BY rowid",
            after,
        )
        return [(row, AlertRow(*rest)) for row, *rest in found]

    # The end.

    def stop_daemon(self) -> int:
        """Ask the daemon to finish; returns its exit status and notes the CPU time it took."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        while time.monotonic() < deadline:
            pid, status, usage = os.wait4(self._daemon.pid, os.WNOHANG)
            if pid:
                self.daemon_cpu_s = usage.ru_utime + usage.ru_stime
                self._daemon.returncode = os.waitstatus_to_exitcode(status)
                return self._daemon.returncode
            time.sleep(0.05)
        raise StageError(f"the daemon did not end within {STOP_S:.0f} s of being asked to")

    def _end(self) -> None:
        for process in (self._daemon, self._broker):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        return int(sock.getsockname()[1])


def _heard(ear: socket.socket) -> bytes:
    try:
        return ear.recv(4096)
    except BlockingIOError:
        return b""


def _query(path: Path, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Rows of a file that another process writes; none while it is not there yet."""
    if not path.exists():
        return []
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10.0)
    try:
        return db.execute(query, parameters).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise
    finally:
        db.close()
