"""``python -m benchmarks.quality_run [--quick] [--nab DIR] [--skab DIR]``: write QUALITY.md.

Every entrant on every shipped scenario, and on copies of NAB and SKAB where they are given. The
whole takes about an hour of CPU, most of it spent by LODA and the isolation forest, which are
therefore left out of all but `ALL_ENTRANTS`; ``--quick`` takes a few minutes, on the scenarios'
short variants.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from benchmarks.report import circumstances
from benchmarks.run import tell
from streamer.config import load
from streamer.evaluate.baselines import BASELINES
from streamer.evaluate.studies import Setting, Study, on_nab, on_skab, simulated
from streamer.resources import config_path

RESULTS = Path(__file__).with_name("QUALITY.md")
SCENARIOS = (
    "every_fault",
    "bearing_wear_slow",
    "icing_winter",
    "healthy_month",
    "benign_changes",
    "instrument_faults",
    "bad_transport",
    "storm_week",
)
SLOW = {"river_loda", "isolation_forest"}
ALL_ENTRANTS = {"every_fault", "healthy_month", "nab", "skab"}
"""Where the slow baselines are run too: they cost a hundred times what the others do."""

HEAD = """\
# How good is it?

Written by `make quality`; what the columns mean stands in
[docs/scoring.md](../docs/scoring.md), what the entrants are in
[docs/evaluate.md](../docs/evaluate.md).{quick}

{circumstances}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for."""
    args = _arguments(arguments)
    load_before = os.getloadavg()[0]
    sections = list(_sections(args))
    note = "\n\n**A quick run: the scenarios' short variants.**" if args.quick else ""
    facts = "\n".join(f"* {line}" for line in circumstances(load_before))
    head = HEAD.format(quick=note, circumstances=facts)
    text = "\n".join([head, *args.say, *sections])
    if args.out is not None:
        args.out.write_text(text, "utf-8")
    print(text)
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.quality_run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the scenarios' short variants")
    parser.add_argument("--scenarios", nargs="*", default=SCENARIOS, metavar="NAME")
    parser.add_argument("--baselines", nargs="*", default=list(BASELINES), metavar="NAME")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="processes")
    parser.add_argument("--nab", type=Path, metavar="DIR", help="a copy of NAB")
    parser.add_argument("--skab", type=Path, metavar="DIR", help="a copy of SKAB")
    parser.add_argument("--out", type=Path, help="default, unless --quick: benchmarks/QUALITY.md")
    args = parser.parse_args(arguments)
    if args.out is None and not args.quick:
        args.out = RESULTS
    args.say = [_remarks()] if not args.quick else []
    return args


def _remarks() -> str:
    """What a reader should know before the figures, kept by hand beside them."""
    return Path(__file__).with_name("quality_remarks.md").read_text("utf-8")


def _sections(args: argparse.Namespace) -> Iterator[str]:
    tasks = [
        partial(_scenario, name, _entrants(name, args), quick=args.quick) for name in args.scenarios
    ]
    for name, folder in (("nab", args.nab), ("skab", args.skab)):
        if folder is not None:
            tasks.append(partial(_public, name, folder, _entrants(name, args)))
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn")) as workers:
        yield from workers.map(_call, tasks)


def _call(task: Callable[[], str]) -> str:
    return task()


def _entrants(name: str, args: argparse.Namespace) -> list[str]:
    every = args.quick or name in ALL_ENTRANTS
    return [one for one in args.baselines if every or one not in SLOW]


def _scenario(name: str, baselines: Sequence[str], *, quick: bool) -> str:
    study = simulated(_setting("turbine", baselines), name, quick=quick)
    return _section(f"Scenario {name}", study)


def _public(name: str, folder: Path, baselines: Sequence[str]) -> str:
    study = {"nab": on_nab, "skab": on_skab}[name](_setting(name, baselines), folder)
    return _section(f"{name.upper()}, {study.data['series']} series", study)


def _setting(config: str, baselines: Sequence[str]) -> Setting:
    loaded = load(config_path(f"benchmarks/{config}.yaml"))
    return Setting(loaded, next(iter(loaded.classes)), baselines, progress=_progress())


def _progress() -> Callable[[str, float], None]:
    """Says what is walked, once every tenth."""
    told: set[tuple[str, int]] = set()

    def hear(what: str, share: float) -> None:
        step = (what, int(10 * share))
        if step not in told:
            told.add(step)
            tell(f"{what}: {10 * step[1]} %")

    return hear


def _section(title: str, study: Study) -> str:
    about = study.data
    known = ("machines", "days", "period_s", "seeds", "readings")
    facts = ", ".join(f"{key} {about[key]}" for key in known if key in about)
    return f"## {title}\n\n{facts}\n\n{study.text}\n"


if __name__ == "__main__":
    sys.exit(main())
