"""``python -m benchmarks.quality_run [--quick] [--nab DIR] [--skab DIR]``: write QUALITY.md.

Every entrant on every shipped scenario, and on copies of NAB and SKAB where they are given. The
whole takes about an hour on one core, most of it spent by River's detectors and the isolation
forest; ``--quick`` a few minutes, on the scenarios' short variants.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
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
    for name in args.scenarios:
        yield _section(f"Scenario {name}", _scenario(name, args))
    for name, folder, study in (("nab", args.nab, on_nab), ("skab", args.skab, on_skab)):
        if folder is not None:
            setting = _setting(name, args.baselines)
            told = study(setting, folder)
            yield _section(f"{name.upper()}, {told.data['series']} series", told)


def _scenario(name: str, args: argparse.Namespace) -> Study:
    return simulated(_setting("turbine", args.baselines), name, quick=args.quick)


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
