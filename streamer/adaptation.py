"""What a machine's reference has learnt after its learning time, told as events.

Nothing that is known is learnt again, but what a machine never did before is, after a quarantine
and within a budget (`detectors.context`). Each day on which that happened has one event, and each
budget that is spent. They are no alerts: nothing fires.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from detectors.context import Adaptation
from streamer.records import LEARNT, AlertEvent, Evidence, Machine, Rows, Times

STOPPED = "learning_stopped"
"""Rule of the event that says that a budget is spent; that of a day's account is `LEARNT`."""


class Adapted(NamedTuple):
    """What one regression of a class tells of its learning, and in which words."""

    news: Sequence[Adaptation]
    where: Sequence[str]
    """Per piece of news: at which contexts; empty where it is not known."""
    day: float
    """The budget of a day … [σ]"""
    total: float
    """… and in all. [σ]"""
    of: str = ""
    """The sensor whose expectation it is; empty: all that are judged by their context."""


def events(
    told: Sequence[Adapted], rows: Rows, times: Times, machines: Sequence[Machine]
) -> list[tuple[int, AlertEvent]]:
    """The news of a turn, each with its reading."""
    return [
        (one.reading, _event(machines[int(rows[one.reading])], times, one, where, regression))
        for regression in told
        for one, where in zip(regression.news, regression.where, strict=True)
    ]


def _event(
    machine: Machine, times: Times, one: Adaptation, where: str, regression: Adapted
) -> AlertEvent:
    rule = STOPPED if one.spent else LEARNT
    return AlertEvent(
        machine_class=machine.machine_class,
        machine=machine.name,
        labels=dict(machine.labels),
        rule=f"{rule}_{regression.of}" if regression.of else rule,
        kind="learning",
        state="done",
        time_ns=int(times[one.reading]),
        since_ns=one.day_ns,
        reason=sentence(one, where, regression),
        evidence=Evidence(sensor=regression.of),
    )


def sentence(one: Adaptation, where: str, regression: Adapted) -> str:
    """For a person.

    >>> import numpy as np
    >>> day = Adaptation(0, "", 1_772_582_400_000_000_000, 18.0, 0.031, 0.412, np.zeros((0, 2)))
    >>> sentence(day, "wind_speed 21 … 24", Adapted([], [], 0.25, 2))
    'learnt 18 moments of what it never did before on 2026-03-04 (wind_speed 21 … 24): expected \
values moved by 0.031 σ at most, by 0.41 of 2 in all'
    >>> sentence(day._replace(spent="day"), "", Adapted([], [], 0.25, 2))
    'does not learn all that it never did before today: expected values would move by more than \
0.25 σ a day'
    >>> felt = Adapted([], [], 0.25, 2, of="wind_speed")
    >>> sentence(day._replace(spent="total", total=1.99), "", felt)
    'wind_speed: learns no more of what it never did before: expected values have moved by up to \
1.99 of 2 σ; look at the machine, then accept what it reads, or let it relearn'
    """
    before = f"{regression.of}: " if regression.of else ""
    match one.spent:
        case "day":
            return (
                f"{before}does not learn all that it never did before today: expected values would "
                f"move by more than {regression.day:g} σ a day"
            )
        case "total":
            return (
                f"{before}learns no more of what it never did before: expected values have moved "
                f"by up to {one.total:.3g} of {regression.total:g} σ; look at the machine, then "
                "accept what it reads, or let it relearn"
            )
    date = datetime.fromtimestamp(one.day_ns // 10**9, UTC)
    there = f" ({where})" if where else ""
    return (
        f"{before}learnt {one.moments:,.0f} moments of what it never did before on {date:%F}"
        f"{there}: expected values moved by {one.day:.2g} σ at most, by {one.total:.2g} of "
        f"{regression.total:g} in all"
    )
