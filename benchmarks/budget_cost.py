"""``python -m benchmarks.budget_cost``: what a false-alarm budget costs in faults and in hours.

The product on four scenarios, with one budget after the other; the table stands in docs/tuning.md.
Some ten minutes; ``--seeds 2`` walks two farms of each, and takes twice as long.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.budget import PAGE
from benchmarks.report import table
from docs.generated import with_part
from streamer.config import load
from streamer.evaluate.studies import Setting, simulated
from streamer.resources import config_path

BUDGETS = (
    "1 per machine-month",
    "1 per machine-year",
    "0.2 per machine-year",
)
HEAD = (
    "budget",
    "limit",
    "found",
    "median delay",
    "false alarms per machine-month, no faults",
    "harmless changes alarmed",
    "instrument faults alarmed as the machine's",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser("python -m benchmarks.budget_cost", description=__doc__)
    parser.add_argument("--budgets", nargs="*", default=BUDGETS, metavar="WORDS")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="farms of each scenario")
    parser.add_argument("--quick", action="store_true", help="the scenarios' short variants")
    parser.add_argument("--write", action="store_true", help=f"put it into {PAGE.name}")
    args = parser.parse_args(arguments)
    rows = [_costs(budget, args.seeds, quick=args.quick) for budget in args.budgets]
    told = table(HEAD, rows)
    print(told)
    if args.write:
        PAGE.write_text(with_part(PAGE.read_text("utf-8"), "cost", told), "utf-8")
    return 0


def _costs(budget: str, seeds: int, *, quick: bool) -> tuple[str, ...]:
    config = load(
        config_path("benchmarks/turbine.yaml"), overrides={"classes.turbine.false_alarms": budget}
    )
    setting = Setting(config, "turbine")

    def figures(scenario: str) -> Mapping[str, Any]:
        sys.stderr.write(f"{budget}: {scenario}\n")
        study = simulated(setting, scenario, seeds=seeds, quick=quick)
        events: Mapping[str, Any] = study.data["entrants"][0]["events"]
        return events

    faults, healthy = figures("every_fault"), figures("healthy_month")
    delay_s = faults["delay_s"]["median"]
    return (
        budget,
        f"{setting.spec.detectors['ewma_multichart'].limit:.2f}",
        _share(faults["detected"]),
        "–" if delay_s is None else f"{delay_s / 3600:.1f} h",
        f"{healthy['false_alarms_per_machine_month']:.2f}",
        _share(figures("benign_changes")["benign_raised"]),
        _share(figures("instrument_faults")["instrument_as_machine"]),
    )


def _share(part: Mapping[str, int]) -> str:
    return f"{part['part']} of {part['whole']}"


if __name__ == "__main__":
    sys.exit(main())
