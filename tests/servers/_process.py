"""Start a real server for a test, wait until its port answers, stop it by its pid."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

START_S = STOP_S = 60.0
"""Far longer than any server takes, also where others keep the machine busy."""

_given: set[int] = set()


class Process:
    """One server on 127.0.0.1; ``start`` returns when every one of its ports answers.

    Starting it again after `stop` or `kill` uses the same command and ports: a restart. What it
    says goes to ``log``, and stands in the error if it does not come up.
    """

    def __init__(self, command: Sequence[str], ports: Sequence[int], log: Path) -> None:
        self.command = [str(part) for part in command]
        self.ports = list(ports)
        self.log = log
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._running is not None, "the server is not running"
        return self._running.pid

    @property
    def running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def start(self) -> None:
        assert not self.running, f"{self.command[0]} is running already"
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_S
        while not all(answers(port) for port in self.ports):
            if not self.running or time.monotonic() > deadline:
                self.kill()
                said = self.log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.command[0]} did not answer on {self.ports}: {said}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ask it to end (SIGTERM) and wait; kill it if it does not."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        if running.poll() is None:
            running.send_signal(how)
        try:
            running.wait(STOP_S)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def free_port() -> int:
    """A loopback port that nobody listens on now, and that nobody was given before."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def answers(port: int) -> bool:
    """Does anybody accept connections on this loopback port?"""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def binary(name: str, package: str) -> str:
    """Path of a server's program; skips the test with the reason, but fails where CI is true."""
    path = os.environ.get("PATH", "")
    found = shutil.which(name, path=f"{path}:/usr/sbin:/usr/local/sbin")
    if found is None:
        reason = f"{name} is not installed (Debian package {package})"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
