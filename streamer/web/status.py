"""What the loop says of itself, as plain data that other threads may read."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamer.delivery import Delivery
from streamer.pipeline import Pipeline
from streamer.records import Machine

MACHINES_ASKED = 1000
"""Of how many machines per class the learning progress is looked up: it costs some µs each."""


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """One pending or firing alert."""

    machine: str
    rule: str
    state: str
    since_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class Learning:
    """How far the machines of a class are."""

    machine_class: str
    machines: int
    ready: int
    """Machines whose detectors all speak, of those asked."""
    asked: int


@dataclass(frozen=True, slots=True)
class Target:
    """A sink or notifier."""

    name: str
    ok: bool
    detail: str
    lag_turns: int


@dataclass(frozen=True, slots=True)
class Status:
    """One look at the daemon; never changed after it was made."""

    made_at: float
    """Monotonic seconds."""
    hearing: bool
    counters: Mapping[str, int]
    journal_used: float
    targets: Sequence[Target]
    learning: Sequence[Learning]
    alerts: Sequence[ActiveAlert]
    system: Mapping[str, str]


def look(
    pipeline: Pipeline,
    deliveries: Sequence[Delivery],
    *,
    hearing: bool,
    journal_used: float,
    system: Mapping[str, str],
) -> Status:
    """Take a look; called by the loop, which owns all of this."""
    return Status(
        made_at=time.monotonic(),
        hearing=hearing,
        counters=dict(pipeline.ledger.counters),
        journal_used=journal_used,
        targets=[_target(delivery) for delivery in deliveries],
        learning=[_learning(pipeline, name) for name in pipeline.monitors],
        alerts=[one for name in pipeline.monitors for one in _alerts(pipeline, name)],
        system=dict(system),
    )


def _target(delivery: Delivery) -> Target:
    state = delivery.state
    return Target(delivery.name, state.ok, state.detail, state.lag_turns)


def _learning(pipeline: Pipeline, name: str) -> Learning:
    monitor, machines = pipeline.monitors[name], len(pipeline.rosters[name])
    monitor.stages.reserve(machines)
    asked = min(machines, MACHINES_ASKED)
    ready = sum(monitor.stages.ready(row) >= 1.0 for row in range(asked))
    return Learning(name, machines, ready, asked)


def _alerts(pipeline: Pipeline, name: str) -> list[ActiveAlert]:
    machines: Sequence[Machine] = pipeline.rosters[name].machines
    service = pipeline.monitors[name].stages.service
    serviced = [
        ActiveAlert(
            machines[row].name, "maintenance", "started", since_ns, "neither judged nor learnt"
        )
        for row, since_ns in service.all()
    ]
    return serviced + [
        ActiveAlert(
            machines[row].name,
            rule,
            "firing" if alert.firing else "pending",
            alert.since_ns,
            alert.reason,
        )
        for (row, rule), alert in pipeline.monitors[name].book.active.items()
    ]
