"""``telltale replay CONFIG FILE…``: recorded messages through the same monitor, at full speed."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from streamer.commands.export import folder_problem
from streamer.commands.options import add_config, load_config
from streamer.files import whole
from streamer.sources.recording import BadLine, messages

if TYPE_CHECKING:
    from streamer.pipeline import Pipeline
    from streamer.records import Machine, Message, Points

MESSAGES_PER_TURN = 4096
BAD_LINES_SHOWN = 10
LONGEST_GAP_S = 30 * 86400.0
"""A recording may be of ten-minute means and have holes: further ahead is an absurd time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``CONFIG FILE… [--out scores.csv]``."""
    add_config(parser)
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help='JSON lines {"topic": …, "payload": …}, as `mosquitto_sub -F %%J` writes them',
    )
    parser.add_argument("--out", type=Path, help="write every reading with its scores as CSV")


def main(args: argparse.Namespace) -> int:
    """Print each alert and what became of the readings; event time is the only clock."""
    from streamer.pipeline import Pipeline

    problem = _problem(args)
    if problem is not None:
        print(problem, file=sys.stderr)
        return 2
    config = load_config(args, clock="data", max_ahead_s=LONGEST_GAP_S)
    pipeline = Pipeline(config, journal=None)
    bad = _Complaints()
    found = (m for path in args.files for m in bad.without(messages(path)))
    if args.out is None:
        _walk(pipeline, found, None)
    else:
        try:
            with whole(args.out) as temporary, temporary.open("w", encoding="utf-8") as out:
                _walk(pipeline, found, out)
        except OSError as error:
            if error.filename in map(str, args.files):
                raise  # it is a recording that cannot be read
            print(f"--out {args.out} cannot be written: {error}", file=sys.stderr)
            return 1
    counters = pipeline.ledger.counters
    print(", ".join(f"{name} {counters[name]}" for name in counters))
    return 1 if bad.count else 0


def _problem(args: argparse.Namespace) -> str | None:
    """Why these files cannot be replayed, or None."""
    for path in args.files:
        if path.is_dir():
            return f"{path}: is a directory, a file is needed"
        if not path.exists():
            return f"{path}: there is no such file"
        if not path.is_file():
            return f"{path}: is not a regular file"
    return None if args.out is None else folder_problem(args.out)


def _walk(pipeline: Pipeline, found: Iterator[Message], out: TextIO | None) -> None:
    scores = Scores(out) if out is not None else None
    while turn := list(islice(found, MESSAGES_PER_TURN)):
        for event in pipeline.turn(turn, hearing_since_ns=0):
            print(alert_line(event))
        if scores is not None:
            for points in pipeline.last_points:
                scores.write(points, pipeline.rosters[points.schema.machine_class].machines)


class Told(Protocol):
    """What a line about an alert says; `AlertEvent` and a stored row of it both do."""

    @property
    def time_ns(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def machine(self) -> str: ...
    @property
    def rule(self) -> str: ...
    @property
    def reason(self) -> str: ...


def alert_line(event: Told) -> str:
    """An alert event as one line for a person."""
    when = datetime.fromtimestamp(event.time_ns / 1e9, UTC)
    reason = event.reason.translate({10: " ", 13: " "})
    return f"{when:%Y-%m-%d %H:%M:%S} {event.state:8} {event.machine} {event.rule}: {reason}"


class Scores:
    """Scored readings as CSV: machine, time, values, scores, severity; one header per class."""

    def __init__(self, out: TextIO) -> None:
        import csv

        self._csv = csv.writer(out, lineterminator="\n")
        self._headed: set[str] = set()

    def write(self, points: Points, machines: list[Machine]) -> None:
        """Append one turn's readings of a class."""
        schema = points.schema
        if schema.machine_class not in self._headed:
            self._headed.add(schema.machine_class)
            columns = (*schema.sensors, *schema.scores, "severity")
            self._csv.writerow(("class", "machine", "time", *columns))
        readings = points.readings
        names = [machines[row].name for row in readings.rows.tolist()]
        numbers = zip(
            readings.values.tolist(), points.scores.tolist(), points.severity.tolist(), strict=True
        )
        for name, time_ns, (values, scores, severity) in zip(
            names, readings.times.tolist(), numbers, strict=True
        ):
            shown = ("" if math.isnan(v) else repr(v) for v in (*values, *scores, severity))
            self._csv.writerow((schema.machine_class, name, time_ns, *shown))


class _Complaints:
    """Says which lines were no messages, the first few of them, and counts all."""

    def __init__(self) -> None:
        self.count = 0

    def without(self, found: Iterable[Message | BadLine]) -> Iterator[Message]:
        for one in found:
            if isinstance(one, BadLine):
                self._complain(one)
            else:
                yield one

    def _complain(self, bad: BadLine) -> None:
        self.count += 1
        if self.count <= BAD_LINES_SHOWN:
            print(f"{bad.path}:{bad.line}: no message: {bad.detail}", file=sys.stderr)
        elif self.count == BAD_LINES_SHOWN + 1:
            print("… and more lines that are no messages", file=sys.stderr)
