"""What the loop says of itself, as plain data that other threads may read."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from streamer.alerts import FLEET, FLEET_NAME
from streamer.condition import ComponentHealth, component_health, progress
from streamer.delivery import Delivery
from streamer.pipeline import Pipeline
from streamer.records import Machine

MACHINES_ASKED = 1000
"""Of how many machines per class the learning progress is looked up: it costs some µs each."""
OUTLOOKS = 10
"""Of how many components per class it is asked how long they will last: up to 10 ms each."""


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """One pending or firing alert."""

    machine: str
    rule: str
    state: str
    since_ns: int
    reason: str
    machine_class: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Learning:
    """How far the machines of a class are."""

    machine_class: str
    machines: int
    ready: int
    """Machines whose detectors all speak, of those asked."""
    asked: int
    slowest: str = ""
    """The machine that has most to learn yet, and what."""


@dataclass(frozen=True, slots=True)
class MachineHealth:
    """A component of a machine whose health is known."""

    machine_class: str
    machine: str
    health: ComponentHealth


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
    health: Sequence[MachineHealth] = ()
    """The worst first; the outlook of the first few of each class only."""


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
        health=sorted(
            (one for name in pipeline.monitors for one in _health(pipeline, name)), key=_index
        ),
    )


def _target(delivery: Delivery) -> Target:
    state = delivery.state
    return Target(delivery.name, state.ok, state.detail, state.lag_turns)


def _learning(pipeline: Pipeline, name: str) -> Learning:
    monitor, machines = pipeline.monitors[name], len(pipeline.rosters[name])
    monitor.stages.reserve(machines)
    asked = min(machines, MACHINES_ASKED)
    ready = [monitor.stages.ready(row) for row in range(asked)]
    slowest = ""
    if asked and min(ready) < 1.0:
        row = ready.index(min(ready))
        slowest = f"{pipeline.rosters[name].names[row]}: {progress(monitor.stages, row)}"
    return Learning(name, machines, sum(one >= 1.0 for one in ready), asked, slowest)


def _health(pipeline: Pipeline, name: str) -> list[MachineHealth]:
    """The known components of a class, the worst `OUTLOOKS` of them with their outlook."""
    stages, names = pipeline.monitors[name].stages, pipeline.rosters[name].names
    index = stages.condition.index(slice(min(len(names), MACHINES_ASKED)))
    known = np.argwhere(np.isfinite(index))
    order = np.argsort(index[known[:, 0], known[:, 1]], kind="stable")
    found = []
    for rank, (row, number) in enumerate(known[order].tolist()):
        value = float(index[row, number])
        told = ComponentHealth(stages.components[number], round(value, 1))
        if rank < OUTLOOKS:
            told = component_health(stages, row, number, value)
        found.append(MachineHealth(name, names[row], told))
    return found


def _index(one: MachineHealth) -> float:
    return 100.0 if one.health.index is None else one.health.index


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
            FLEET_NAME if row == FLEET else machines[row].name,
            rule,
            "firing" if alert.firing else "pending",
            alert.since_ns,
            alert.reason,
            name,
            alert.kind,
        )
        for (row, rule), alert in pipeline.monitors[name].book.active.items()
    ]
