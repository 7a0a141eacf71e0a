"""Results → the Markdown of `RESULTS.md`."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.kernels import KernelResult
from benchmarks.measure import Result
from benchmarks.simulator import WorldResult
from detectors import kernels

ROOT = Path(__file__).parent.parent
LIBRARIES = ("river", "paho-mqtt", "influxdb-client", "numpy", "msgspec", "cython")
MIB = 2**20
REACH_AT = 1000
REACH_CPU, REACH_MEMORY = 5, 8

TEXT = """\
# What a reading costs

Written by `make bench`; how it is measured stands in [README.md](README.md).{quick}

{circumstances}

## The whole way: broker → scores → InfluxDB line protocol

{table}
{skipped}{reach}
CPU is user + system time of the whole process per reading, median of windows in which the program
is fed as fast as it takes readings, every machine past its first Half-Space Trees window. *At 1/s*
is the same at one reading per second and machine: few readings then share a wake-up and a commit.
*Disk* is what the process hands to the disk at one reading per second and machine, per day, without
the hourly snapshots, which are in brackets.

## Detectors alone

µs of CPU per reading of three sensors, score and learn.

{kernels}

"""

WORLD = """\
## The simulated world

{circumstances}

On one core, at a reading a minute; a reading is one turbine at one time step with all its sensors.

{world}
"""

COLUMNS = (
    "machines",
    "program",
    "CPU, µs/reading",
    "readings/s",
    "memory, MiB",
    "at 1/s, µs/reading",
    "new machine, ms",
    "start, s",
    "disk per day (snapshots)",
)
WORLD_COLUMNS = (
    "turbines",
    "sensors",
    "readings",
    "CPU, s",
    "readings/s",
    "turbine-days per minute",
)


def report(
    results: Sequence[Result],
    found: Sequence[KernelResult],
    circumstances: Sequence[str],
    *,
    quick: bool,
) -> str:
    """The whole page."""
    return TEXT.format(
        quick="\n\n**This was a quick run: too few readings to believe the figures.**"
        if quick
        else "",
        circumstances="\n".join(f"* {line}" for line in circumstances),
        table=table(COLUMNS, [row for result in results for row in _rows(result, results)]),
        skipped=_skipped(results),
        reach=_reach(results),
        kernels=table(*_kernel_table(found)),
    )


def world_section(worlds: Sequence[WorldResult], circumstances: Sequence[str]) -> str:
    """The last section of the page, which can be measured by itself."""
    return WORLD.format(
        circumstances="\n".join(f"* {line}" for line in circumstances),
        world=table(WORLD_COLUMNS, [_world_row(world) for world in worlds]),
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, aligned for those who read it as text.

    >>> print(table(("a", "b"), [("1", "two")]))
    | a | b   |
    |---|-----|
    | 1 | two |
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [[cell.ljust(width) for cell, width in zip(r, widths, strict=True)] for r in rows]
    top = [cell.ljust(width) for cell, width in zip(head, widths, strict=True)]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([_line(top), rule, *map(_line, lines)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _rows(result: Result, results: Sequence[Result]) -> list[list[str]]:
    rows = [
        [
            f"{result.machines:,}",
            result.program,
            f"{result.cpu_us:.1f}",
            f"{result.per_s:,.0f}",
            f"{result.rss_bytes / MIB:,.0f}",
            f"{result.at_rate_us:,.0f}",
            f"{result.new_machine_ms:.2f}" if result.machines >= 100 else "",
            f"{result.start_s:.2f}",
            f"{_size(result.written_per_day)} ({_size(result.snapshots_per_day)})",
        ]
    ]
    ours = _of("Telltale", result.machines, results)
    if result.program == "obvious" and ours is not None:
        rows.append(_ratios(result, ours))
    return rows


def _ratios(theirs: Result, ours: Result) -> list[str]:
    pairs = [
        (theirs.cpu_us, ours.cpu_us),
        (ours.per_s, theirs.per_s),
        (theirs.rss_bytes, ours.rss_bytes),
        (theirs.at_rate_us, ours.at_rate_us),
        (theirs.new_machine_ms, ours.new_machine_ms if ours.machines >= 100 else 0.0),
        (theirs.start_s, ours.start_s),
    ]
    return ["", "ratio", *(f"×{a / b:.1f}" if b else "" for a, b in pairs), ""]


def _of(program: str, machines: int, results: Sequence[Result]) -> Result | None:
    return next((r for r in results if (r.program, r.machines) == (program, machines)), None)


def _size(size: float) -> str:
    """Bytes for people.

    >>> _size(0), _size(1_234_567), _size(98_765_432_100)
    ('0', '1.2 MB', '99 GB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.{1 if size < 10 * factor else 0}f} {unit}"
    return f"{size:.0f}"


def _skipped(results: Sequence[Result]) -> str:
    """What was left out, and what it would have needed."""
    left_out = [r for r in results if _of("obvious", r.machines, results) is None]
    known = max((r for r in results if r.program == "obvious"), key=lambda r: r.machines)
    sentences = [
        f"The obvious program was not run at {ours.machines:,} machines: by its figures at "
        f"{known.machines:,} it would need {_memory_gib(known, ours.machines):.0f} GiB of memory "
        f"and {known.new_machine_ms * ours.machines / 60_000:.1f} min of CPU to build the trees.\n"
        for ours in left_out
    ]
    return "\n" + "".join(sentences) if sentences else ""


def _memory_gib(known: Result, machines: int) -> float:
    return known.rss_bytes / known.machines * machines / 2**30


def _reach(results: Sequence[Result]) -> str:
    ours, theirs = _of("Telltale", REACH_AT, results), _of("obvious", REACH_AT, results)
    if ours is None or theirs is None:
        return ""
    cpu, memory = theirs.cpu_us / ours.cpu_us, theirs.rss_bytes / ours.rss_bytes
    return (
        f"\nReach at {REACH_AT:,} machines: CPU ≤ 1/{REACH_CPU}, here 1/{cpu:.1f}: "
        f"{_met(cpu >= REACH_CPU)}; memory ≤ 1/{REACH_MEMORY}, here 1/{memory:.1f}: "
        f"{_met(memory >= REACH_MEMORY)}.\n"
    )


def _met(is_met: bool) -> str:  # noqa: FBT001
    return "met" if is_met else "**missed**"


def _kernel_table(found: Sequence[KernelResult]) -> tuple[list[str], list[list[str]]]:
    sizes = sorted({one.machines for one in found})
    head = ["detector", "in River"]
    for size in sizes:
        head += [f"{size:,} machine{'s' * (size > 1)}", "River", "ratio"]
    rows = []
    for name in dict.fromkeys(one.detector for one in found):
        mine = sorted((one for one in found if one.detector == name), key=lambda o: o.machines)
        row = [name, mine[0].in_river]
        for one in mine:
            row += [f"{one.ours_us:.2f}", f"{one.river_us:.1f}", _times(one)]
        rows.append(row)
    return head, rows


def _times(one: KernelResult) -> str:
    return f"×{one.river_us / one.ours_us:.0f}" if one.ours_us else ""


def _world_row(world: WorldResult) -> list[str]:
    return [
        f"{world.machines:,}",
        str(world.sensors),
        f"{world.readings:,}",
        f"{world.cpu_s:.1f}",
        f"{world.per_s:,.0f}",
        f"{world.turbine_days_per_min:,.0f}",
    ]


def circumstances(load: float) -> list[str]:
    """Where and with what; ``load`` is the load average before we began."""
    memory = re.search(r"MemTotal:\s+(\d+)", _read("/proc/meminfo"))
    cpu = re.search(r"model name\s*:\s*(.+)", _read("/proc/cpuinfo"))
    gib = int(memory[1]) / 2**20 if memory else float("nan")
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    machine = f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} CPUs, {gib:.0f} GiB"
    system = f"{platform.system()} {platform.release()}; load average before: {load:.1f}"
    return [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {_commit()}",
        f"{machine}, {system}",
        f"Python {platform.python_version()}, kernels {kernels.description()}",
        f"{libraries}, SQLite {sqlite3.sqlite_version}, mosquitto {_mosquitto()}",
    ]


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except OSError:
        return ""


def _commit() -> str:
    commit = _said("git", "-c", "safe.directory=*", "rev-parse", "--short", "HEAD")
    changed = _said("git", "-c", "safe.directory=*", "status", "--porcelain", "-uno")
    return (commit or "unknown") + (" with uncommitted changes" if changed else "")


def _mosquitto() -> str:
    path = shutil.which("mosquitto", path="/usr/local/sbin:/usr/sbin:/usr/bin:/bin")
    found = re.search(r"mosquitto version (\S+)", _said(path, "-h")) if path else None
    return found[1] if found else "unknown"


def _said(*command: str) -> str:
    try:
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip()
    except OSError:
        return ""
