"""``telltale tune FILE``: what was strange in a recording, and what other limits would say."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.commands.evaluate import Progress

if TYPE_CHECKING:
    from streamer.config import Config, MachineClass
    from streamer.records import Message
    from streamer.tuning import Candidate, Episode, Recorded, Tuning

WRONG_USE = 2
MESSAGES_PER_TURN = 4096
LONGEST_GAP_S = 30 * 86400.0
"""As `telltale replay` has it."""

DEFAULT_BUDGET = "1 per machine-month"
"""What limits are compared with where the configuration asks for nothing."""

EPILOG = """
FILE is a CSV with a header (time, machine where there are several, a column per sensor) as
`telltale evaluate csv` reads it, or JSON lines as `telltale replay` and `telltale simulate` have
them. What the two tables mean stands in docs/tuning.md.

examples:
  telltale tune january.csv --config plant.yaml
  telltale tune january.jsonl --config plant.yaml --class pump --top 50
"""


class BadUse(Exception):
    """What was asked for cannot be done; why, in one sentence."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``FILE [--config CONFIG] [--class NAME] [--top N]``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("file", type=Path, metavar="FILE", help="readings as CSV or JSON lines")
    parser.add_argument(
        "--config",
        default="turbines.yaml",
        metavar="CONFIG",
        help="what the product runs with; default: the shipped %(default)s",
    )
    parser.add_argument("--class", dest="machine_class", metavar="NAME", help="default: the first")
    parser.add_argument(
        "--top", type=int, default=20, metavar="N", help="strangest episodes; default: 20"
    )


def main(args: argparse.Namespace) -> int:
    """Print the strangest readings, and what each of some limits would have said."""
    from streamer.evaluate.recording import BadRecording

    progress = Progress()
    try:
        config, name = _config(args)
        recorded = _recorded(args.file, config, name)
        told = _tune(recorded, config, name, args.top, progress)
    except (BadUse, BadRecording, ValueError) as error:
        print(f"telltale tune: {error}", file=sys.stderr)
        return WRONG_USE
    except OSError as error:
        print(f"telltale tune: {args.file} cannot be read: {error.strerror}", file=sys.stderr)
        return 1
    finally:
        progress.end()
    print("\n\n".join(_told(told, config.classes[name])))
    return 0


def _config(args: argparse.Namespace) -> tuple[Config, str]:
    from streamer.config import load
    from streamer.resources import config_path

    if args.top < 0:
        raise BadUse(f"--top is {args.top}, 0 or more is needed")
    try:
        path = Path(args.config) if Path(args.config).exists() else config_path(args.config)
    except FileNotFoundError as error:
        raise BadUse(f"--config {args.config}: there is no such file, and {error}") from None
    config = load(path, overrides={"clock": "data", "max_ahead_s": LONGEST_GAP_S})
    name = args.machine_class or next(iter(config.classes))
    if name not in config.classes:
        there = ", ".join(config.classes)
        raise BadUse(f"{args.config} has no class {name!r}, there are {there}")
    return config, name


# The recording.


def _recorded(path: Path, config: Config, name: str) -> Recorded:
    if path.is_dir():
        raise BadUse(f"{path}: is a directory, a file is needed")
    if not path.exists():
        raise BadUse(f"{path}: there is no such file")
    return _of_messages(path, config, name) if _is_json(path) else _of_csv(path, config, name)


def _is_json(path: Path) -> bool:
    with path.open("rb") as file:
        return next((line.lstrip()[:1] for line in file if line.strip()), b"") == b"{"


def _of_csv(path: Path, config: Config, name: str) -> Recorded:
    from streamer.evaluate.recording import cut, read
    from streamer.records import Machine
    from streamer.tuning import Recorded

    found = read(path, config.classes[name])
    machines = [Machine(name, (("machine", one),)) for one in found.machines]
    return Recorded(machines, list(cut(found.readings)))


def _of_messages(path: Path, config: Config, name: str) -> Recorded:
    """The readings of a class as the product's own decoding, clock and identity have them."""
    from streamer.pipeline import Pipeline
    from streamer.tuning import Recorded

    pipeline, turns = Pipeline(config, journal=None), []
    found = _messages(path)
    while turn := list(islice(found, MESSAGES_PER_TURN)):
        pipeline.turn(turn, hearing_since_ns=None)
        turns += [p.readings for p in pipeline.last_points if p.schema.machine_class == name]
    if not turns:
        raise BadUse(f"{path} holds no reading of class {name}, which its topics would bring")
    return Recorded(pipeline.rosters[name].machines, turns)


def _messages(path: Path) -> Iterator[Message]:
    from streamer.sources.recording import BadLine, messages

    for one in messages(path):
        if isinstance(one, BadLine):
            raise BadUse(f"{one.path}:{one.line}: no message: {one.detail}")
        yield one


def _tune(recorded: Recorded, config: Config, name: str, top: int, progress: Progress) -> Tuning:
    from streamer.tuning import tune

    told = tune(
        recorded,
        name,
        config.classes[name],
        top=top,
        progress=lambda share: progress("walking the recording", share),
    )
    if not told.months:
        raise BadUse(
            f"no detector of class {name} has spoken: learning is at {100 * told.ready:.0f} % at "
            "the end of the recording, a longer one is needed"
        )
    return told


# What is said.


def _told(told: Tuning, spec: MachineClass) -> Iterator[str]:
    from streamer.evaluate.tables import table

    months = f"{told.months:.3g} machine-months in which the detectors spoke"
    if told.strangest:
        yield f"The strangest of {months}, one line per episode:"
        yield table(EPISODE, [_episode(one, spec) for one in told.strangest])
    yield f"Alerts about machines that fired in {months}, false or not:"
    yield table(CANDIDATE, [_candidate(one, spec) for one in told.candidates])
    yield _verdict(told.candidates, spec)


EPISODE = ("time, UTC", "machine", "sensor", "value", "expected", "severity", "detector", "hours")


def _episode(one: Episode, spec: MachineClass) -> tuple[str, ...]:
    when = datetime.fromtimestamp(one.time_ns / 1e9, UTC)
    unit = spec.sensors[one.sensor].unit if one.sensor else ""
    return (
        f"{when:%Y-%m-%d %H:%M:%S}",
        one.machine,
        one.sensor or "all together",
        _measured(one.value, unit),
        _measured(one.expected, unit),
        f"{one.severity:.2f}",
        one.detector,
        f"{one.hours:.1f}",
    )


def _measured(value: float, unit: str) -> str:
    return "–" if math.isnan(value) else f"{value:.4g} {unit}".rstrip()


CANDIDATE = ("limits", "of those in force", "alerts", "per machine-month", "limits for a budget of")


def _candidate(one: Candidate, spec: MachineClass) -> tuple[str, ...]:
    return (
        _limits(one.limits),
        "in force" if one.factor == 1.0 else f"× {one.factor:g}",
        str(one.alerts),
        f"{one.per_month:.2f}",
        _budget(one, spec),
    )


def _limits(limits: dict[str, float]) -> str:
    """Limits by detector, in the words of the configuration."""
    return ", ".join(f"{key} {limit:.3g}" for key, limit in limits.items())


def _budget(one: Candidate, spec: MachineClass) -> str:
    from streamer.config.limits import budget_of

    rate = budget_of(one.limits, spec)
    return "–" if rate is None else f"{rate:.2g} per machine-month"


def _verdict(candidates: Sequence[Candidate], spec: MachineClass) -> str:
    """What the configuration asks for, and which of the limits would have kept it here."""
    from detectors.calibration import per_month

    in_force = next(one for one in candidates if one.factor == 1.0)
    budget = spec.false_alarms or DEFAULT_BUDGET
    kept = list(takewhile(lambda one: one.per_month <= per_month(budget), reversed(candidates)))
    asked = f"false_alarms: {spec.false_alarms or 'not set'}; in force: {_limits(in_force.limits)}."
    if not kept:
        return f"{asked} None of these limits would have kept {budget} in this recording."
    return f"{asked} In this recording {_limits(kept[-1].limits)} would have kept {budget}."
