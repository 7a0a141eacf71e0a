"""``telltale evaluate``: how good is it, on a simulated farm, on public data, on your own?"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from streamer.commands.export import folder_problem

if TYPE_CHECKING:
    from streamer.config import Config
    from streamer.evaluate.studies import Setting, Study

SHOW_EVERY_S = 0.2
FAILED, WRONG_USE = 1, 2

EPILOG = """
scores what a configuration would have said, reading by reading, beside each of its detectors alone
and beside what people have today; what the columns mean stands in docs/scoring.md.

examples:
  telltale evaluate simulator --scenario every_fault --baselines none
  telltale evaluate simulator --config mine.yaml --scenario mine-faults.yaml --seeds 3
  telltale evaluate nab --data NAB --baselines none --scores scores/
  telltale evaluate csv pump.csv --labels pump-faults.csv --config pump.yaml --report pump.html
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``simulator``, ``nab``, ``skab`` and ``csv``, each with what it needs."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    on = parser.add_subparsers(dest="on", metavar="ON", required=True)
    simulator = on.add_parser("simulator", help="a simulated farm whose faults are known")
    simulator.add_argument(
        "--scenario", default="every_fault", metavar="NAME|FILE.yaml", help="default: %(default)s"
    )
    simulator.add_argument("--seeds", type=int, default=1, metavar="N", help="farms; default: 1")
    simulator.add_argument("--quick", action="store_true", help="the scenario's short variant")
    _add_common(simulator, "benchmarks/turbine.yaml")
    for name, config, help_ in (
        ("nab", "benchmarks/nab.yaml", "the Numenta Anomaly Benchmark"),
        ("skab", "benchmarks/skab.yaml", "the Skoltech Anomaly Benchmark, a pump test bed"),
    ):
        public = on.add_parser(name, help=help_)
        public.add_argument("--data", type=Path, required=True, metavar="DIR", help="a copy of it")
        _add_common(public, config)
    csv = on.add_parser("csv", help="a recording of your own")
    csv.add_argument("file", type=Path, metavar="FILE", help="time, machine, a column per sensor")
    csv.add_argument("--labels", type=Path, metavar="FILE", help="start, end, machine")
    _add_common(csv, None)


def _add_common(parser: argparse.ArgumentParser, config: str | None) -> None:
    parser.add_argument(
        "--config",
        required=config is None,
        default=config,
        metavar="FILE",
        help="what the product runs with" + (f"; default: the shipped {config}" if config else ""),
    )
    parser.add_argument("--class", dest="machine_class", metavar="NAME", help="of the config")
    parser.add_argument(
        "--baselines",
        default="all",
        metavar="NAMES",
        help="all, none, or names divided by commas; default: all",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, not tables")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write plots")
    parser.add_argument("--scores", type=Path, metavar="DIR", help="write a CSV per series")


def main(args: argparse.Namespace) -> int:
    """Evaluate, and print the tables or the JSON."""
    from streamer.evaluate.recording import BadRecording
    from streamer.evaluate.studies import WrongUse

    progress = Progress()
    try:
        _check_outputs(args)
        study = _study(args, _setting(args, progress))
        _write(args, study)
    except (WrongUse, BadRecording) as error:
        return _complain(error, WRONG_USE)
    except (OSError, ModuleNotFoundError) as error:
        return _complain(error, FAILED)
    finally:
        progress.end()
    print(json.dumps(study.data, allow_nan=False) if args.json else study.text)
    return 0


def _study(args: argparse.Namespace, setting: Setting) -> Study:
    from streamer.evaluate import studies

    if args.on == "simulator":
        return studies.simulated(setting, args.scenario, seeds=args.seeds, quick=args.quick)
    if args.on == "csv":
        return studies.recorded(setting, args.file, args.labels)
    return {"nab": studies.on_nab, "skab": studies.on_skab}[args.on](setting, args.data)


def _setting(args: argparse.Namespace, progress: Progress) -> Setting:
    from streamer.evaluate.studies import Setting, WrongUse

    config = _config(args.config)
    name = args.machine_class or next(iter(config.classes))
    if name not in config.classes:
        there = ", ".join(config.classes)
        raise WrongUse(f"{args.config} has no class {name!r}, there are {there}")
    return Setting(
        config,
        name,
        _baselines(args.baselines),
        traced=args.report is not None or args.scores is not None,
        progress=progress,
    )


def _config(file: str) -> Config:
    """A file of the user's, or one of those that are shipped."""
    from streamer.config import load
    from streamer.evaluate.studies import WrongUse
    from streamer.resources import config_path

    try:
        path = Path(file) if Path(file).exists() else config_path(file)
    except FileNotFoundError as error:
        raise WrongUse(f"--config {file}: there is no such file, and {error}") from None
    return load(path)


def _baselines(names: str) -> list[str]:
    from streamer.evaluate.baselines import BASELINES
    from streamer.evaluate.studies import WrongUse

    if names in {"all", "none"}:
        return [name for name in BASELINES if _can_run(name)] if names == "all" else []
    asked = list(dict.fromkeys(name.strip() for name in names.split(",")))
    for name in asked:
        if name not in BASELINES:
            raise WrongUse(f"there is no baseline {name!r}, there are {', '.join(BASELINES)}")
        _make(name)
    return asked


def _can_run(name: str) -> bool:
    """Is the library there that it needs? All but those that lack one are still a comparison."""
    try:
        _make(name)
    except ModuleNotFoundError as error:
        print(f"left out: {error}", file=sys.stderr)
        return False
    return True


def _make(name: str) -> None:
    """Find out before hours of work whether it can be made."""
    from streamer.evaluate.baselines import BASELINES, SensorFacts

    BASELINES[name]([SensorFacts("any", "", 0.0, 1.0, context=False)], 1, 60.0)


def _check_outputs(args: argparse.Namespace) -> None:
    """Refuse before hours of work what could not be written after them."""
    if args.report is not None:
        problem = folder_problem(args.report)
        if problem is not None:
            raise OSError(problem.replace("--out", "--report", 1))
        importlib.import_module("matplotlib")
    if args.scores is not None:
        if args.scores.exists() and not args.scores.is_dir():
            raise OSError(f"--scores {args.scores}: is a file, a folder is needed")
        args.scores.mkdir(parents=True, exist_ok=True)


def _write(args: argparse.Namespace, study: Study) -> None:
    if args.report is not None:
        from streamer.evaluate.html import write_report

        write_report(args.report, study)
    if args.scores is not None:
        from streamer.evaluate.scores import write_scores

        write_scores(args.scores, study.traces)
        if study.untraced:
            print(
                f"--scores: {study.untraced} machines are left out, too much to keep in memory",
                file=sys.stderr,
            )


class Progress:
    """Shows on a terminal how far a comparison has come."""

    def __init__(self) -> None:
        self._shown_s = 0.0

    def __call__(self, what: str, share: float) -> None:
        """Note that so much of it is through."""
        if sys.stderr.isatty() and time.monotonic() - self._shown_s > SHOW_EVERY_S:
            self._shown_s = time.monotonic()
            sys.stderr.write(f"\r{what}: {100 * share:3.0f} % \033[K")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the line to what comes after."""
        if self._shown_s:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def _complain(error: Exception, status: int) -> int:
    missing = getattr(error, "name", None)
    if isinstance(error, ModuleNotFoundError) and missing:
        error = ModuleNotFoundError(f"it needs {missing}: pip install 'telltale[evaluate]'")
    print(f"telltale evaluate: {error}", file=sys.stderr)
    return status
