"""``python -m benchmarks.run [--quick] [--world] [--out FILE]``: measure, and write RESULTS.md.

The whole takes some eight minutes and wants the machine for itself. ``--quick`` takes under a
minute: it shows that everything runs, and its figures are not to be believed. ``--world`` measures
the simulator only and leaves the rest of the page as it is.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.kernels import measure_kernels
from benchmarks.measure import Scale, measure, workplace
from benchmarks.report import circumstances, report, world_section
from benchmarks.simulator import YEAR_H, measure_world

RESULTS = Path(__file__).with_name("RESULTS.md")
WORLD_TITLE = "## The simulated world"
FULL = (
    Scale(1, ours=100_000, theirs=20_000, windows=3, at_rate_s=20),
    Scale(100, ours=100_000, theirs=20_000, windows=3, at_rate_s=20),
    Scale(1_000, ours=200_000, theirs=30_000, windows=3, at_rate_s=20),
    # By its own figures the obvious program would need 13 GB and minutes of tree building here.
    Scale(10_000, ours=200_000, theirs=0, windows=3, at_rate_s=20),
)
QUICK = (
    Scale(1, ours=5_000, theirs=2_000, windows=1, at_rate_s=2),
    Scale(10, ours=5_000, theirs=2_000, windows=1, at_rate_s=2),
    Scale(100, ours=20_000, theirs=0, windows=1, at_rate_s=2),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for."""
    args = _arguments(arguments)
    facts = circumstances(os.getloadavg()[0])
    page = _daemon_before() if args.world else _daemon(args, facts)
    worlds = measure_world(*((100_000, 24.0) if args.quick else (10_000_000, YEAR_H)), tell)
    text = f"{page.rstrip()}\n\n{world_section(worlds, facts[:3])}"
    if args.out is not None:
        args.out.write_text(text, "utf-8")
    print(text)
    return 0


def _daemon_before() -> str:
    """The same sections as they stand on the page."""
    return RESULTS.read_text("utf-8").partition(WORLD_TITLE)[0]


def _daemon(args: argparse.Namespace, facts: Sequence[str]) -> str:
    """The sections about the daemon and its detectors."""
    results = []
    for scale in args.scales:
        with workplace() as folder:
            results += measure(scale, folder, tell)
    sizes, ours, rivers = ((1, 10), 4_096, 500) if args.quick else ((1, 1_000), 200_000, 20_000)
    found = measure_kernels(sizes, ours, rivers, tell)
    return report(results, found, facts, quick=args.quick)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little of everything, in a minute")
    parser.add_argument("--world", action="store_true", help="only the simulator")
    parser.add_argument("--machines", type=int, nargs="*", help="only these sizes")
    parser.add_argument("--out", type=Path, help="where to write; default, unless --quick: RESULTS")
    args = parser.parse_args(arguments)
    if args.out is None and not args.quick and not args.machines:
        args.out = RESULTS
    scales = QUICK if args.quick else FULL
    args.scales = [s for s in scales if not args.machines or s.machines in args.machines]
    return args


def tell(sentence: str) -> None:
    """Say how it goes, on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
