"""``python -m benchmarks.cost``: what a machine of eight sensors weighs, and what a reading costs.

Everything is on: the stages and detectors of `config/benchmarks/eight.yaml` as the product wires
them. Bytes are those of the state arrays, which no run can change. CPU is of the product's own
monitor, once all of it speaks, over readings of a simulated farm in turns of a few thousand, as the
daemon takes them when it is busy; beside it, in windows that alternate with ours, River's
Half-Space Trees alone on the same readings. Writes COST.md.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.report import circumstances, table
from streamer.config import MachineClass, load
from streamer.evaluate.walk import columns
from streamer.monitor import ClassMonitor
from streamer.records import Columns, Machine
from streamer.resources import config_path
from streamer.stages import Stages

PAGE = Path(__file__).with_name("COST.md")
PERIOD_S, LEARNING_DAYS = 600.0, 35
"""Between readings, and until every detector speaks."""
DAY_S = 86_400
TURN, SEED = 4000, 3
HEAVY = 100
"""Bytes from which on an array is shown by itself."""
RIVERS = 1000
"""River's readings in one window."""

TEXT = """\
# What a machine of eight sensors weighs and costs

Written by `python -m benchmarks.cost`, of `config/benchmarks/eight.yaml`: two context sensors, two
that are judged as well, four that are only judged; everything on, at its default.

{circumstances}

| | bytes per machine | CPU, µs per reading |
|---|---|---|
| Telltale, everything on | {bytes:,} | {ours_us:.1f} |
| River's Half-Space Trees alone, `window_size` 250 | {river_bytes:,} | {river_us:.1f} |

CPU is user + system time: the median of {windows} days of {machines} machines in turns of {turn:,}
readings, with River's one model in between on the same readings. Journal, sinks and MQTT are not in
it: [RESULTS.md](RESULTS.md).

## By stage

{stages}

What no stage has spent is mostly NumPy's: columns made, compared and joined between them.

## The heaviest arrays

{arrays}
"""


class Weight(NamedTuple):
    """One state array of one machine."""

    stage: str
    array: str
    kind: str
    nbytes: int


def weights(spec: MachineClass) -> list[Weight]:
    """All that is remembered of one machine of a class, the heaviest array first."""
    found = [
        Weight(
            name.partition("/")[0],
            name.partition("/")[2],
            f"{array.dtype.str[1:]}{list(array.shape[1:])}",
            array.nbytes,
        )
        for name, array in Stages(spec).arrays(1).items()
    ]
    return sorted(found, key=lambda one: -one.nbytes)


class Cost(NamedTuple):
    """CPU per reading in µs, and bytes per machine."""

    ours_us: float
    stages_us: dict[str, float]
    river_us: float
    river_bytes: int


def measure(spec: MachineClass, machines: int, windows: int) -> Cost:
    """Learn for weeks, then time windows of ours and River's in turn."""
    monitor = ClassMonitor("turbine", spec, _machines(machines))
    model, trees_bytes = _rivers(spec)
    clock, measured = _Clock(), 0
    ours, rivers, spent = list[float](), list[float](), list[dict[str, float]]()
    for day, turn in _turns(spec, machines, LEARNING_DAYS + windows):
        if day < LEARNING_DAYS:
            monitor.step(turn)
            continue
        if not measured:
            _watch(monitor, clock)
        before = clock.spent.copy()
        took_s = _cpu_s(partial(monitor.step, turn))
        n = len(turn.rows)
        ours.append(1e6 * took_s / n)
        spent.append({k: 1e6 * (v - before[k]) / n for k, v in clock.spent.items()})
        if day > measured:
            measured = day
            rivers.append(_time_river(model, turn.values[:RIVERS]))
    by_stage = {name: statistics.median(one[name] for one in spent) for name in clock.spent}
    return Cost(statistics.median(ours), by_stage, statistics.median(rivers), trees_bytes)


def _machines(n: int) -> list[Machine]:
    return [Machine("turbine", (("machine", f"T{i:03}"),)) for i in range(n)]


def _turns(spec: MachineClass, machines: int, days: int) -> Iterator[tuple[int, Columns]]:
    """Readings of a healthy farm, all machines at each time; and on which day, from 0 on."""
    from simulators import Farm

    farm = Farm(machines, SEED, period_s=PERIOD_S, sensors=list(spec.sensors))
    steps = min(max(1, TURN // machines), round(DAY_S / PERIOD_S))
    rows = np.arange(machines, dtype=np.int32)
    for block in farm.run(24.0 * days):
        for first in range(0, len(block.times), steps):
            times, values = block.times[first : first + steps], block.values[first : first + steps]
            day = int((times[0] - farm.start_ns) / (DAY_S * 1e9))
            values = values.reshape(-1, values.shape[2]).astype(np.float64)
            yield day, columns(np.tile(rows, len(times)), np.repeat(times, machines), values)


class _Clock:
    """CPU seconds spent in each stage."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)

    def watch(self, stage: str, owner: Any, method: str) -> None:
        """From now on, count what this method costs."""
        plain: Callable[..., Any] = getattr(owner, method)

        def timed(*args: Any, **named: Any) -> Any:
            began_s = time.thread_time()
            found = plain(*args, **named)
            self.spent[stage] += time.thread_time() - began_s
            return found

        setattr(owner, method, timed)


def _watch(monitor: ClassMonitor, clock: _Clock) -> None:
    stages = monitor.stages
    for stage, owner, method in (
        ("quality", stages.quality, "judge"),
        ("flicker", stages.flicker, "walk"),
        ("zero", stages.zero, "walk"),
        ("instrument", stages.instrument, "walk"),
        ("assemble, samples, severities", stages.assemble, "assemble"),
        ("assemble, samples, severities", stages.samples, "assemble"),
        ("assemble, samples, severities", stages.severities, "assemble"),
        ("basis, context", stages.context, "explain"),
        ("adjustment", stages.adjustment, "walk"),
        ("attribution", stages.attribution, "walk"),
        ("siblings", stages.siblings, "walk"),
        ("health", stages.condition, "walk"),
        ("gate", stages.gate, "walk"),
        ("alerts", monitor.book, "judge"),
    ):
        clock.watch(stage, owner, method)
    if stages.inverse is not None:
        clock.watch("inverse.basis, inverse.regression, inverse.doubt", stages.inverse, "walk")
    for key, detector in stages.detectors.items():
        method = "walk_signed" if hasattr(detector, "walk_signed") else "walk"
        clock.watch(f"detector.{key}", detector, method)


def _cpu_s(work: Callable[[], object]) -> float:
    began_s = time.process_time()
    work()
    return time.process_time() - began_s


def _rivers(spec: MachineClass) -> tuple[Any, int]:
    """River's trees for one machine, and the bytes that they hold."""
    from river.anomaly import HalfSpaceTrees

    rng = np.random.default_rng(SEED)
    limits: dict[Any, tuple[float, float]] = dict.fromkeys(range(len(spec.sensors)), (-8.0, 8.0))
    tracemalloc.start()
    model: Any = HalfSpaceTrees(seed=42, limits=limits)
    for x in rng.standard_normal((2 * model.window_size, len(limits))):
        model.learn_one(dict(enumerate(x.tolist())))
    nbytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return model, nbytes


def _time_river(model: Any, values: np.ndarray[Any, Any]) -> float:
    readings = [dict(enumerate(x)) for x in np.nan_to_num(values).tolist()]

    def walk() -> None:
        for x in readings:
            model.score_one(x)
            model.learn_one(x)

    return 1e6 * _cpu_s(walk) / len(readings)


def page(spec: MachineClass, cost: Cost, lines: Sequence[str], machines: int, windows: int) -> str:
    """The Markdown of all of it."""
    found = weights(spec)
    return TEXT.format(
        circumstances="\n".join(f"* {line}" for line in lines),
        bytes=sum(one.nbytes for one in found),
        ours_us=cost.ours_us,
        river_bytes=cost.river_bytes,
        river_us=cost.river_us,
        windows=windows,
        machines=machines,
        turn=TURN,
        stages=table(("stage", "bytes", "µs"), _stage_rows(found, cost)),
        arrays=table(
            ("stage", "array", "per machine", "bytes"),
            [(*one[:3], f"{one.nbytes:,}") for one in found if one.nbytes >= HEAVY],
        ),
    )


def _stage_rows(found: Sequence[Weight], cost: Cost) -> list[tuple[str, str, str]]:
    """Stages that share a clock in one row; what no stage has spent in the last but one."""
    alone = {one.stage for one in found}
    names = {name: [part for part in name.split(", ") if part in alone] for name in cost.stages_us}
    counted = {part for parts in names.values() for part in parts}
    names["all else"] = sorted(alone - counted)
    spent = cost.stages_us | {"all else": cost.ours_us - math.fsum(cost.stages_us.values())}
    rows = [
        (name, sum(one.nbytes for one in found if one.stage in parts), spent[name])
        for name, parts in names.items()
    ]
    rows.sort(key=lambda row: -row[2])
    rows.append(("all", sum(one.nbytes for one in found), cost.ours_us))
    return [(name, f"{nbytes:,}", f"{us:.2f}") for name, nbytes, us in rows]


def main(arguments: Sequence[str] | None = None) -> int:
    """Weigh and measure; write the page, or print it where the run was a quick one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, default=100)
    parser.add_argument("--windows", type=int, default=10, help="days that are measured")
    parser.add_argument("--print", action="store_true", help="write no file")
    order = parser.parse_args(arguments)
    lines = circumstances(os.getloadavg()[0])
    spec = load(config_path("benchmarks/eight.yaml")).classes["turbine"]
    cost = measure(spec, order.machines, order.windows)
    text = page(spec, cost, lines, order.machines, order.windows)
    if order.print:
        sys.stdout.write(text)
    else:
        PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
