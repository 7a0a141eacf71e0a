"""``python -m benchmarks.budget``: does a false-alarm budget keep what it says?

Healthy farms of a seed that the law was not fitted to, 30 machines for 110 days each: 4, 10 and 26
judged sensors, two climates, two pairs of delays. Told are the alerts about machines that were
measured, over those asked for: 1 is right, 2 is twice as many. The tables stand in docs/tuning.md.

    python -m benchmarks.budget                     # ten minutes; --write puts it on the page
    python -m benchmarks.budget --fit               # the constants of the law, from its seeds

What budgets cost in faults and hours, `benchmarks.budget_cost` tells.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.healthy_farms import MILD, ROUGH, SENSORS, Farm, Walked
from benchmarks.report import table
from detectors.calibration import (
    ALONE,
    TOGETHER,
    Delays,
    Law,
    multichart_limit,
    multichart_rate,
    per_month,
)
from detectors.calibration.budget import MONTH_S
from docs.generated import with_part

PAGE = Path(__file__).parent.parent / "docs" / "tuning.md"
SIZES = (*SENSORS, 26)
CLIMATES = (MILD, ROUGH)
FITTED, HELD_OUT = (1, 21, 41), (61,)
"""Seeds of farms."""
BUDGETS = {
    f"1 a {period}": f"1 per machine-{period}" for period in ("day", "week", "month", "year")
}
QUICK, SLOW = Delays(), Delays(3600.0, 86_400.0)
"""The default delays of an alert, and those of the shipped wind farm."""
LIMITS = (2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0, 9.0)
FITTED_DELAYS = [Delays(0, 0), QUICK, Delays(600, 21_600), Delays(3600, 3600), SLOW]
ROOM = 0.1
"""Alerts kept firing for more than this share of the time cannot come as often as asked."""
SPREAD = 6.0
"""Farms differ more than chance: the shape of the negative binomial law of counts."""

Floats = NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser("python -m benchmarks.budget", description=__doc__)
    parser.add_argument("--seeds", nargs="*", type=int, metavar="N", help="of the farms")
    parser.add_argument("--fit", action="store_true", help="print the constants of the law")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE.name}")
    args = parser.parse_args(arguments)
    if args.fit:
        print(fit(args.seeds or FITTED))
        return 0
    told = kept(args.seeds or HELD_OUT)
    print(told)
    if args.write:
        PAGE.write_text(with_part(PAGE.read_text("utf-8"), "kept", told), "utf-8")
    return 0


# Is a budget kept?


def kept(seeds: Sequence[int]) -> str:
    """Measured over asked, by size and climate, among siblings and alone."""
    cells = {(n, climate): _cell(n, climate, seeds) for n in SIZES for climate in CLIMATES}
    head = ("budget, per machine", *(f"{n}, {climate}" for n, climate in cells), "all together")
    parts = []
    for law, delays in ((TOGETHER, QUICK), (TOGETHER, SLOW), (ALONE, QUICK)):
        lines = [_line(words, list(cells.values()), law, delays) for words in BUDGETS]
        parts += [_title(law, delays), "", table(head, [line for line in lines if line]), ""]
    return "\n".join(parts)


def _title(law: Law, delays: Delays) -> str:
    among = "Among 30 siblings" if law is TOGETHER else "Alone"
    return f"{among}, held {delays.hold_s:g} s, kept firing {delays.keep_firing_s:g} s:"


Counted = tuple[float, dict[tuple[Law, Delays, str], int]]
"""Machine-months, and the alerts for each law, delays and budget."""


def _cell(n_sensors: int, climate: str, seeds: Sequence[int]) -> Counted:
    months, counts = 0.0, dict.fromkeys(_questions(), 0)
    for seed in seeds:
        walked = Walked(Farm(n_sensors, climate, seed))
        months += walked.months
        for law, delays, words in counts:
            limit = multichart_limit(per_month(BUDGETS[words]), n_sensors, delays, law)
            told = walked.alarms(limit, [delays], siblings=law is TOGETHER)
            counts[law, delays, words] += told[0]
        sys.stderr.write(
            f"{n_sensors} sensors, {climate}, seed {seed}: {walked.months:.0f} months\n"
        )
    return months, counts


def _questions() -> Iterator[tuple[Law, Delays, str]]:
    for words, budget in BUDGETS.items():
        yield TOGETHER, QUICK, words
        yield ALONE, QUICK, words
        if per_month(budget) * SLOW.keep_firing_s < ROOM * MONTH_S:
            yield TOGETHER, SLOW, words


def _line(words: str, cells: Sequence[Counted], law: Law, delays: Delays) -> tuple[str, ...]:
    """A budget's line; empty where so many alerts do not fit in."""
    question = law, delays, words
    if question not in cells[0][1]:
        return ()
    asked = per_month(BUDGETS[words])
    ratios = [counts[question] / months / asked for months, counts in cells]
    pooled = sum(c[question] for _, c in cells) / sum(m for m, _ in cells) / asked
    return (words, *(f"{ratio:.2f}" for ratio in ratios), f"{pooled:.2f}")


# Where the constants come from.


def fit(seeds: Sequence[int]) -> str:
    """The constants of the law by maximum likelihood, as they stand in the code."""
    farms = [Farm(n, climate, seed) for n in SIZES for climate in CLIMATES for seed in seeds]
    counted = [_counted(farm) for farm in farms]
    together, alone = (np.concatenate(part) for part in zip(*counted, strict=True))
    return f"TOGETHER = {fitted(together)}\nALONE = {fitted(alone)}"


def _counted(farm: Farm) -> tuple[Floats, Floats]:
    """Limit, sensors, hold, keep, months, alerts; among siblings and alone, f8[n, 6] each."""
    walked = Walked(farm)
    sys.stderr.write(f"{farm}\n")
    parts = []
    for siblings in (True, False):
        rows = [
            (limit, farm.n_sensors, delays.hold_s, delays.keep_firing_s, walked.months, alerts)
            for limit in LIMITS
            for delays, alerts in zip(
                FITTED_DELAYS, walked.alarms(limit, FITTED_DELAYS, siblings=siblings), strict=True
            )
        ]
        parts.append(np.array(rows, dtype=np.float64))
    return parts[0], parts[1]


def fitted(counted: Floats) -> Law:
    """The law under which so many alerts, rows as `_counted` has them, are likeliest."""
    from scipy.optimize import minimize

    def unlikely(constants: Floats) -> float:
        law = Law(*np.exp(constants))
        expected = np.array([_expected(row, law) for row in counted])
        seen = counted[:, 5]
        parts = (seen + SPREAD) * np.log(expected + SPREAD) - seen * np.log(expected + 1e-12)
        return float(parts.sum())

    start = np.log(np.array(TOGETHER))
    found: Any = minimize(unlikely, start, method="Nelder-Mead", options={"maxiter": 1500})
    return Law(*(float(f"{constant:.3g}") for constant in np.exp(found.x)))


def _expected(row: Floats, law: Law) -> float:
    limit, n_sensors, hold_s, keep_s, months, _ = row
    return float(months) * multichart_rate(limit, int(n_sensors), Delays(hold_s, keep_s), law)


if __name__ == "__main__":
    sys.exit(main())
