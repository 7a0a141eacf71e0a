"""The programs under test: Telltale's daemon and the obvious program, as child processes.

What they cost is what the kernel has counted for the whole process with all its threads.
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.sink import Counter
from tests.servers._process import Process, free_port

START_S = 60.0
STOP_S = 60.0

CONFIG = """\
state_dir: {state_dir}
mqtt:
  host: 127.0.0.1
  port: {broker}
  protocol: "5"
  topics:
    - {{topic: "{root}/{{site}}/{{machine}}/telemetry", class: turbine}}
classes:
  turbine:
    sensors:
      vibration: {{unit: mm/s, range: [0, 50]}}
      temperature: {{unit: °C, range: [-40, 150]}}
      speed: {{unit: rpm, range: [0, 3000]}}
sinks:
  influxdb: {{url: "{url}", bucket: bench}}
"""
"""All else as it comes: QoS 1, journal on disk, the default detectors."""


class Usage(NamedTuple):
    """What a process has used since it was started, and the memory it has now."""

    cpu_s: float
    written_bytes: int
    rss_bytes: int


class Contestant:
    """A program, the folder it works in, and the sink it writes to."""

    name: str
    root: str
    """First level of its topics."""
    warm_up: int
    """Readings of a machine after which all of its detectors speak."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        folder.mkdir()
        self.folder = folder
        self.broker_port = broker_port
        self._sink_port = free_port()
        count = folder / "count"
        self.counted = Counter(count)
        """Readings that have come out as lines so far."""
        sink = _python("sink", str(self._sink_port), str(count))
        self._sink_server = Process(sink, [self._sink_port], folder / "sink.log")
        self._sink_server.start()
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its sink listens."""
        return f"http://127.0.0.1:{self._sink_port}"

    def command(self) -> list[str]:
        """How it is started."""
        raise NotImplementedError

    def start(self) -> float:
        """Start it; returns the seconds it took until it had subscribed."""
        with _ear(self.folder / "ear") as ear, (self.folder / "log").open("ab") as log:
            began = time.monotonic()
            self._running = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": ear.getsockname()},
            )
            while b"STATUS=subscribed" not in _heard(ear):
                if self._running.poll() is not None or time.monotonic() - began > START_S:
                    raise RuntimeError(f"{self.name} did not start; it said:\n{self.said()}")
            return time.monotonic() - began

    def said(self) -> str:
        """The end of what it has logged."""
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def usage(self) -> Usage:
        """What it has used so far; OSError once it has gone."""
        assert self._running is not None
        proc = Path("/proc", str(self._running.pid))
        io = dict(line.split(": ") for line in (proc / "io").read_text().splitlines())
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        return Usage(
            time.clock_gettime(_cpu_clock(self._running.pid)),
            int(io["write_bytes"]),
            1024 * int(status["VmRSS"].split()[0]),
        )

    def stop(self) -> int | None:
        """Ask it to end, and wait for it; its exit status, None if it was not running."""
        running, self._running = self._running, None
        if running is None:
            return None
        running.send_signal(signal.SIGTERM)
        try:
            return running.wait(STOP_S)
        except subprocess.TimeoutExpired:
            running.kill()
            return running.wait()

    def close(self) -> None:
        """End it and its sink."""
        self.stop()
        self._sink_server.stop()

    def settle(self) -> int:
        """Finish what is written but not done with; bytes that this wrote to disk in its place."""
        return 0


class Telltale(Contestant):
    """``python -m streamer run``, the daemon as it is."""

    name = "Telltale"
    root = "ours"
    warm_up = 400

    def command(self) -> list[str]:
        config = self.folder / "config.yaml"
        config.write_text(
            CONFIG.format(
                state_dir=self.state, broker=self.broker_port, root=self.root, url=self.url
            )
        )
        return [sys.executable, "-m", "streamer", "run", str(config), "--log-level=warning"]

    @property
    def state(self) -> Path:
        """Its state directory."""
        return self.folder / "state"

    def settle(self) -> int:
        """Carry what waits in the write-ahead log into the journal, which it would do later."""
        before = _own_written_bytes()
        db = sqlite3.connect(self.state / "journal.db", timeout=30)
        db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        db.close()
        return _own_written_bytes() - before

    def counters(self) -> dict[str, int]:
        """Its account of all readings, as of its last commit."""
        db = sqlite3.connect(self.state / "journal.db", timeout=30)
        try:
            return dict(db.execute("SELECT name, value FROM counters"))
        finally:
            db.close()

    def snapshot_bytes(self) -> int:
        """Size of what it writes down every hour."""
        snapshots = (self.state / "snapshots").glob("snapshot-*.npz")
        return max((path.stat().st_size for path in snapshots), default=0)


class Obvious(Contestant):
    """`benchmarks.obvious`."""

    name = "obvious"
    root = "theirs"
    warm_up = 260

    def command(self) -> list[str]:
        return _python("obvious", str(self.broker_port), self.url, self.root)


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{module}", *arguments]


@contextmanager
def _ear(path: Path) -> Iterator[socket.socket]:
    """Hears what a service tells systemd."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(path))
        ear.settimeout(0.1)
        yield ear
    path.unlink()


def _heard(ear: socket.socket) -> bytes:
    try:
        return ear.recv(4096)
    except TimeoutError:
        return b""


def _cpu_clock(pid: int) -> int:
    """The clock of a process's CPU time, in ns: clock_getcpuclockid(3), which Python lacks."""
    return (~pid << 3) | 2


def _own_written_bytes() -> int:
    io = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(io["write_bytes"])
