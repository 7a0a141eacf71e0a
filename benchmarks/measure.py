"""One size of plant: both programs side by side on one broker, fed in turns.

The order is: start, a first reading of every machine, warm-up until every detector of every machine
speaks, then windows A B A B … in which one program is fed as fast as it takes readings while the
other idles, then a while at one reading per second and machine, then stop and start again.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.contestants import Contestant, Obvious, Telltale
from benchmarks.plant import Pace, Plant, Publisher, at_rate, saturate
from tests.servers._process import Process, free_port

DAY_S = 86_400
SNAPSHOTS_A_DAY = 24
STARTS = 3
BROKER = """\
listener {port} 127.0.0.1
allow_anonymous true
user root
persistence false
log_type error
max_queued_messages 0
max_inflight_messages 0
set_tcp_nodelay true
"""


class Scale(NamedTuple):
    """A size of plant, and how much of it is measured."""

    machines: int
    ours: int
    """Readings in one window of Telltale."""
    theirs: int
    """Readings in one window of the obvious program; 0 to leave it out."""
    windows: int
    at_rate_s: int
    """Seconds at one reading per second and machine."""


class Result(NamedTuple):
    """What one program cost at one size."""

    machines: int
    program: str
    cpu_us: float
    """Per reading, user + system, median of the windows."""
    per_s: float
    """Readings per second, median of the windows."""
    rss_bytes: int
    new_machine_ms: float
    """CPU time of a machine's first reading."""
    at_rate_us: float
    """CPU time per reading at one reading per second and machine."""
    start_s: float
    written_per_day: float
    """Bytes per day at one reading per second and machine, without snapshots."""
    snapshots_per_day: float
    """Bytes per day."""


def measure(scale: Scale, folder: Path, tell: Callable[[str], None]) -> list[Result]:
    """Measure one size in an empty folder."""
    with ExitStack() as stack:
        port = stack.enter_context(broker(folder))
        publisher = stack.enter_context(closing(Publisher(port)))
        programs: list[Contestant] = [Telltale(folder / "ours", port)]
        if scale.theirs:
            programs.append(Obvious(folder / "theirs", port))
        runs = [Run(stack.enter_context(closing(p)), publisher, scale) for p in programs]
        for run in runs:
            tell(f"{scale.machines:,} machines: {run.program.name} starts and warms up")
            run.warm_up()
        for window in range(scale.windows):
            for run in runs:
                run.window()
                cpu_us, pace = run.windows[-1]
                said = f"{cpu_us:.1f} µs/reading, {pace.per_s:,.0f} readings/s"
                tell(f"{scale.machines:,} machines: {run.program.name} {window + 1}: {said}")
        tell(f"{scale.machines:,} machines: {scale.at_rate_s} s at 1 reading/s each")
        one_a_second(runs, publisher, scale)
        return [run.result() for run in runs]


class Run:
    """One program at one size."""

    def __init__(self, program: Contestant, publisher: Publisher, scale: Scale) -> None:
        self.program = program
        self.plant = Plant(program.root, scale.machines)
        self.windows: list[tuple[float, Pace]] = []
        self.new_machine_ms = self.at_rate_us = self.written_per_day = 0.0
        self._publisher = publisher
        self._scale = scale
        self._sent = 0

    def warm_up(self) -> None:
        """Start it and feed it until all detectors speak."""
        self.program.start()
        machines = self._scale.machines
        self.new_machine_ms = self._feed(machines)[0] / 1000
        self._feed(machines * (self.program.warm_up - 1))

    def window(self) -> None:
        """Feed it for a while, and note what that cost."""
        ours = isinstance(self.program, Telltale)
        self.windows.append(self._feed(self._scale.ours if ours else self._scale.theirs))

    def _feed(self, n: int) -> tuple[float, Pace]:
        before = self.program.usage().cpu_s
        pace = saturate(self.plant, self._publisher, n, self.program.counted)
        self._sent += n
        return 1e6 * (self.program.usage().cpu_s - before) / n, pace

    def result(self) -> Result:
        """Stop it, check its account, start it again, and add up."""
        rss_bytes = self.program.usage().rss_bytes
        status = self.program.stop()
        snapshot_bytes = 0
        if isinstance(self.program, Telltale):
            assert status == 0, f"{self.program.name} ended with {status}: {self.program.said()}"
            snapshot_bytes = self._check_account()
        return Result(
            machines=self._scale.machines,
            program=self.program.name,
            cpu_us=statistics.median(cpu_us for cpu_us, _ in self.windows),
            per_s=statistics.median(pace.per_s for _, pace in self.windows),
            rss_bytes=rss_bytes,
            new_machine_ms=self.new_machine_ms,
            at_rate_us=self.at_rate_us,
            start_s=statistics.median(self._start_again() for _ in range(STARTS)),
            written_per_day=self.written_per_day,
            snapshots_per_day=SNAPSHOTS_A_DAY * snapshot_bytes,
        )

    def _check_account(self) -> int:
        assert isinstance(self.program, Telltale)
        counters, came_out = self.program.counters(), self.program.counted()
        assert counters["received"] == counters["stored"] == came_out, (counters, came_out)
        return self.program.snapshot_bytes()

    def _start_again(self) -> float:
        took_s = self.program.start()
        self.program.stop()
        return took_s


def one_a_second(runs: Sequence[Run], publisher: Publisher, scale: Scale) -> None:
    """All programs at the pace of a real plant: what a reading costs then, and what is written."""
    for run in runs:
        run.program.settle()
    before = [run.program.usage() for run in runs]
    at_rate([run.plant for run in runs], publisher, scale.machines, scale.at_rate_s)
    for run, then in zip(runs, before, strict=True):
        now = run.program.usage()
        written = now.written_bytes - then.written_bytes + run.program.settle()
        readings = scale.machines * scale.at_rate_s
        run.at_rate_us = 1e6 * (now.cpu_s - then.cpu_s) / readings
        run.written_per_day = written * DAY_S / scale.at_rate_s


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    """A mosquitto that holds nobody back; its port."""
    path = shutil.which("mosquitto", path="/usr/local/sbin:/usr/sbin:/usr/bin:/bin")
    if path is None:
        raise FileNotFoundError("mosquitto is not installed (Debian package mosquitto)")
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(BROKER.format(port=port))
    process = Process([path, "-c", str(config)], [port], folder / "mosquitto.log")
    process.start()
    try:
        yield port
    finally:
        process.stop()


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for one size, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="telltale-bench-") as folder:
        yield Path(folder)
