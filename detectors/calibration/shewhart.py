"""Run lengths and limits of Shewhart's chart, alone and with run rules."""

from __future__ import annotations

import functools
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from detectors.base import check_number
from detectors.calibration.numbers import below, limit_where

RULES = "1234"
"""Of the Western Electric handbook; what they say stands in `detectors.shewhart`."""

Recent = tuple[tuple[int, ...], int]
"""How far out the last values were, in zones -4 … 4 without 0, newest first; and the run."""


def shewhart_limit(arl0: float) -> float:
    """Limit k, in σ, of a chart that looks at one sample at a time, for a wanted ARL0. [samples]

    >>> round(shewhart_limit(370.4), 3)
    3.0
    """
    check_number("arl0", arl0, 1.0001, 1e10)
    return -NormalDist().inv_cdf(0.5 / arl0)


def shewhart_arl(limit: float, shift: float = 0.0) -> float:
    """ARL of a two-sided Shewhart chart, ``1 / (Φ(δ - k) + Φ(-δ - k))``. [samples]

    ``limit`` k and ``shift`` δ of the mean are in σ of the samples.

    >>> round(shewhart_arl(3), 1)
    370.4
    """
    check_number("limit", limit, 0, 38)
    return 1 / (below(shift - limit) + below(-shift - limit))


def run_rules_limit(arl0: float, rules: str = "123") -> float:
    """Limit L, in σ, of Shewhart's chart with run rules for a wanted ARL0. [samples]

    Rule 4 looks at sides only: no limit makes it alarm less often, so it is refused.

    >>> round(run_rules_limit(10_000, "123"), 2)
    4.65
    """
    check_number("arl0", arl0, 1.0001, 1e10)
    if "4" in rules:
        raise ValueError("rules has a 4, whose false alarms depend on no limit")
    # Not from far above: where next to nothing alarms, the chain cannot be solved.
    high = 1.0
    while run_rules_arl(high, rules) < arl0:
        high *= 1.2
    return limit_where(lambda limit: run_rules_arl(limit, rules), arl0, high)


def run_rules_arl(limit: float, rules: str = RULES, shift: float = 0.0) -> float:
    """ARL of Shewhart's chart with run rules, from a Markov chain over all that they remember.

    ``limit`` L and ``shift`` are in σ of the samples; zones are L/3 wide. [samples]

    Champ, C. W. & Woodall, W. H. (1987), Exact results for Shewhart control charts with
    supplementary runs rules, Technometrics 29.

    >>> round(run_rules_arl(3, "1234"), 2)
    91.75
    """
    check_number("limit", limit, 1e-6, 38)
    n, moves = _chain("".join(sorted(rules)))
    cuts = limit / 3 * np.arange(-3, 4)
    rising = [0.0, *(below(cut - shift) for cut in cuts)]
    falling = [*(below(shift - cut) for cut in cuts), 0.0]
    # From the nearer tail, so that what lies far out is not 1 - (1 - nothing).
    shares = [
        (b - a) if cut < shift else (c - d)
        for a, b, c, d, cut in zip(
            rising, [*rising[1:], 1.0], [1.0, *falling[:-1]], falling, [*cuts, np.inf], strict=True
        )
    ]
    stay = np.zeros((n, n))
    np.add.at(stay, (moves[0], moves[1]), np.array(shares)[moves[2]])
    return float(np.linalg.solve(np.eye(n) - stay, np.ones(n))[0])


@functools.cache
def _chain(rules: str) -> tuple[int, NDArray[np.intp]]:
    """Number of states, and moves without an alarm [3, moves]: from, to, zone of the value."""
    numbers: dict[Recent, int] = {((), 0): 0}
    moves: list[tuple[int, int, int]] = []
    queue: list[Recent] = [((), 0)]
    for state in queue:
        for k, zone in enumerate((-4, -3, -2, -1, 1, 2, 3, 4)):
            after = _after(state, zone, rules)
            if after is None:
                continue
            if after not in numbers:
                numbers[after] = len(numbers)
                queue.append(after)
            moves.append((numbers[state], numbers[after], k))
    return len(numbers), np.array(moves, dtype=np.intp).T


def _after(state: Recent, zone: int, rules: str) -> Recent | None:
    """What the rules remember after one more value; None where one of them alarms."""
    (recent, run), side = state, 1 if zone > 0 else -1
    values = (zone, *recent)
    if "4" in rules:
        run = run + side if run * side >= 0 else side
    alarmed = ("1" in rules and abs(zone) == 4) or abs(run) == 8
    alarmed |= "2" in rules and sum(v * side >= 3 for v in values[:3]) >= 2
    alarmed |= "3" in rules and sum(v * side >= 2 for v in values[:5]) >= 4
    return None if alarmed else (_remembered(values, rules), run)


def _remembered(values: tuple[int, ...], rules: str) -> tuple[int, ...]:
    """The last values as far as a rule can still tell them apart; those near the middle are 1."""
    kept = []
    for age, value in enumerate(values[:4]):
        size, side = abs(value), 1 if value > 0 else -1
        far = 3 if "2" in rules and age < 2 and size >= 3 else 1
        near = 2 if "3" in rules and size >= 2 else 1
        kept.append(side * max(far, near) if max(far, near) > 1 else 1)
    while kept and kept[-1] == 1:
        kept.pop()
    return tuple(kept)
