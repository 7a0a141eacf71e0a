"""``python -m benchmarks.budget``: does a false-alarm budget keep what it says?

Healthy farms of seeds that no law was fitted to, 30 machines for 110 days each: 4, 10 and 25
judged sensors, two climates, two pairs of delays, with all charts that raise alerts about machines.
Told are the alerts that were measured, over those asked for: 1 is right, 2 is twice as many; and
between what that lies nine times in ten. The tables stand in docs/tuning.md.

    python -m benchmarks.budget                     # four minutes; --write puts it on the page
    python -m benchmarks.budget --fit               # the constants of the law, from its seeds

What budgets cost in faults and hours, `benchmarks.budget_cost` tells.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.healthy_farms import MILD, ROUGH, SENSORS, WHOLE, Farm, Limits, Walked, within
from benchmarks.report import table
from detectors.calibration import Delays, Law, multichart_rate, per_month
from detectors.calibration.budget import MONTH_S
from docs.generated import with_part

PAGE = Path(__file__).parent.parent / "docs" / "tuning.md"
SIZES = (*SENSORS, WHOLE)
CLIMATES = (MILD, ROUGH)
FITTED, HELD_OUT = (1, 21, 41), (121, 141)
"""Seeds of farms."""
LEAST_EXPECTED = 10.0
"""Of fewer alerts that were to be expected nothing is told."""
BUDGETS = {
    f"1 a {period}": f"1 per machine-{period}" for period in ("day", "week", "month", "year")
}
QUICK, SLOW = Delays(), Delays(3600.0, 3 * 86_400.0)
"""The default delays of an alert, and those of the shipped wind farm."""
LIMITS = (2.5, 3.0, 3.6, 4.3, 5.0, 5.8, 6.6, 7.5, 8.5)
FITTED_DELAYS = [Delays(0, 0), QUICK, Delays(600, 21_600), Delays(3600, 3600), SLOW]
START = Law(4.0, 0.5, 0.7, 0.03, 0.1, 1.4, 0.6)
"""Where the fit begins: from the middle of what farms have had it finds the best there is."""
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
    tables: dict[str, list[tuple[str, ...]]] = {}
    for question in _questions():
        tables.setdefault(question.title, []).append(_line(question, list(cells.values())))
    parts = [[title, "", table(head, lines), ""] for title, lines in tables.items()]
    return "\n".join(itertools.chain(*parts))


class Question(NamedTuple):
    """Is a budget kept …"""

    siblings: bool
    delays: Delays
    words: str
    """The budget's, in the table."""

    @property
    def title(self) -> str:
        """Of the table in which its answer stands."""
        among, delays = "Among 30 siblings" if self.siblings else "Alone", self.delays
        return f"{among}, held {delays.hold_s:g} s, kept firing {delays.keep_firing_s:g} s:"

    @property
    def per_month(self) -> float:
        """Alerts asked for."""
        return per_month(BUDGETS[self.words])


class Counted(NamedTuple):
    """What was counted in farms of one kind."""

    months: float
    """Machine-months."""
    alerts: Mapping[Question, NDArray[np.int64]]
    """Of each machine."""


def _cell(n_sensors: int, climate: str, seeds: Sequence[int]) -> Counted:
    months, alerts = 0.0, {question: np.zeros(0, np.int64) for question in _questions()}
    for seed in seeds:
        walked = Walked(Farm(n_sensors, climate, seed))
        months += walked.months
        for question, before in alerts.items():
            siblings, delays, words = question
            limits = within(n_sensors, BUDGETS[words], delays, siblings=siblings)
            (told,) = walked.alarms(limits, [delays], siblings=siblings)
            alerts[question] = np.concatenate([before, told])
        sys.stderr.write(
            f"{n_sensors} sensors, {climate}, seed {seed}: {walked.months:.0f} months\n"
        )
    return Counted(months, alerts)


def _questions() -> Iterator[Question]:
    """In the order of the tables; slow alerts only where so many of them fit in."""
    for siblings, delays in ((True, QUICK), (True, SLOW), (False, QUICK)):
        for words in BUDGETS:
            question = Question(siblings, delays, words)
            if question.per_month * delays.keep_firing_s <= ROOM * MONTH_S:
                yield question


def _line(question: Question, cells: Sequence[Counted]) -> tuple[str, ...]:
    told = [(cell.alerts[question], cell.months * question.per_month) for cell in cells]
    everything = np.concatenate([alerts for alerts, _ in told]), sum(months for _, months in told)
    return (question.words, *(_ratio(*one) for one in told), _ratio(*everything))


def _ratio(alerts: NDArray[np.int64], expected: float) -> str:
    """Measured over asked, and within what it lies nine times in ten; a dash where it says nothing.

    >>> _ratio(np.array([1] * 8 + [0] * 12), 16.0)
    '0.50 (0.25-0.90)'
    >>> _ratio(np.array([8] + [0] * 19), 16.0), _ratio(np.array([8] + [0] * 19), 9.0)
    ('0.50 (0.03-2.29)', '–')
    """
    if expected < LEAST_EXPECTED:
        return "–"
    low, high = interval(alerts)
    return f"{alerts.sum() / expected:.2f} ({low / expected:.2f}-{high / expected:.2f})"


def interval(alerts: NDArray[np.int64]) -> tuple[float, float]:
    """What so many alerts of so many machines may be of: 90 % limits of their expected number.

    Those of a Poisson law (Garwood 1936), for alerts that come in bunches: by ``φ``, the variance
    of the machines' counts over their mean, fewer of them are chance of their own.

    >>> low, high = interval(np.array([1] * 10 + [0] * 20))
    >>> round(low, 1), round(high, 1)
    (5.4, 17.0)
    """
    from scipy.special import gammaincinv

    count = float(alerts.sum())
    bunch = max(float(alerts.var() / alerts.mean()), 1.0) if count else 1.0
    low = bunch * float(gammaincinv(count / bunch, 0.05)) if count else 0.0
    return low, bunch * float(gammaincinv(count / bunch + 1, 0.95))


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
                FITTED_DELAYS,
                walked.alarms(Limits(limit), FITTED_DELAYS, siblings=siblings).sum(axis=1),
                strict=True,
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

    start = np.log(np.array(START))
    found: Any = minimize(unlikely, start, method="Nelder-Mead", options={"maxiter": 1500})
    return Law(*(float(f"{constant:.3g}") for constant in np.exp(found.x)))


def _expected(row: Floats, law: Law) -> float:
    limit, n_sensors, hold_s, keep_s, months, _ = row
    return float(months) * multichart_rate(limit, int(n_sensors), Delays(hold_s, keep_s), law)


if __name__ == "__main__":
    sys.exit(main())
