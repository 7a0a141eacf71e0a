"""What an operator asks, made out: which machines and sensors are meant, and may it be done now?

Names become rows and columns here, and what cannot be done is refused with a sentence before
anything is journalled, so that a verb in the journal can always be obeyed.
"""

from __future__ import annotations

import difflib
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from streamer.condition import health_of, progress
from streamer.control import Answer, Asked, Caller, MachineState, Request, StandingAlert
from streamer.labels import shown
from streamer.pipeline import Pipeline
from streamer.records import AlertEvent, Verb, VerbName

log = logging.getLogger(__name__)

Place = tuple[str, int]
"""Class and row of a machine."""


class Refusal(Exception):
    """It cannot be done; the sentence says why."""


def hear(asked: Asked, pipeline: Pipeline) -> list[Verb]:
    """The verbs in a request; one that only looks, or cannot be granted, is answered at once."""
    request, caller = asked.request, asked.caller
    try:
        places = _places(request, pipeline)
        match request.verb:
            case "list" | "show":
                asked.answer.set_result(Answer(done=True, machines=_states(places, pipeline)))
                return []
            case name:
                verbs = [_verb(name, request, caller, place, pipeline) for place in places]
    except Refusal as refusal:
        log.warning("refused to %s: %s: %s", caller, request.verb, refusal)
        asked.answer.set_result(Answer(done=False, sentences=[str(refusal)]))
        return []
    names = ", ".join(map(shown, request.machines))
    log.info("%s tells: %s of %s %s", caller, request.verb, names, shown(request.note))
    return verbs


def done(asked: Asked, alerts: Sequence[AlertEvent]) -> None:
    """Answer a request whose verbs are committed; ``alerts`` are the events of their turn."""
    told = [f"{event.machine}: {event.reason}" for event in alerts if event.kind == "operator"]
    asked.answer.set_result(Answer(done=True, sentences=told))


# Which machines?


def _places(request: Request, pipeline: Pipeline) -> list[Place]:
    if request.verb == "list":
        rosters = pipeline.rosters.items()
        return [(name, row) for name, roster in rosters for row in range(len(roster))]
    if not request.machines:
        raise Refusal("no machine is named")
    places = [_place(name, request.machine_class, pipeline) for name in request.machines]
    return list(dict.fromkeys(places))


def _place(name: str, machine_class: str, pipeline: Pipeline) -> Place:
    if machine_class and machine_class not in pipeline.rosters:
        raise Refusal(f"no class {shown(machine_class)}; there are {', '.join(pipeline.rosters)}")
    asked = [machine_class] if machine_class else [*pipeline.rosters]
    found = [(one, pipeline.rosters[one].names) for one in asked]
    places = [(one, names.index(name)) for one, names in found if name in names]
    if not places:
        raise Refusal(_no_machine(name, [known for _, names in found for known in names]))
    if len(places) > 1:
        classes = " and ".join(one for one, _ in places)
        raise Refusal(f"{name} is in classes {classes}: say which with --class")
    return places[0]


def _no_machine(name: str, known: Sequence[str]) -> str:
    """Say that a machine is unknown, and which ones have a similar name.

    >>> _no_machine("north/T3", ["north/T03", "south/T11"])
    "no machine 'north/T3' has been heard; near to it is north/T03"
    """
    near = difflib.get_close_matches(name[:100], known[:10_000], cutoff=0.7)
    hint = f"; near to it is {' or '.join(near)}" if near else ""
    return f"no machine {shown(name)} has been heard{hint}"


# May it be done?


def _verb(
    name: VerbName, request: Request, caller: Caller, place: Place, pipeline: Pipeline
) -> Verb:
    machine_class, row = place
    machine = pipeline.rosters[machine_class].names[row]
    since_ns = pipeline.monitors[machine_class].stages.service.since_ns(row)
    if name == "maintenance_start" and since_ns is not None:
        raise Refusal(f"{machine} is in maintenance already, since {time_of(since_ns)}")
    if name == "maintenance_done" and since_ns is None:
        raise Refusal(f"{machine} is not in maintenance")
    return Verb(
        name=name,
        machine_class=machine_class,
        row=row,
        time_ns=pipeline.clock.now_ns(),
        uid=caller.uid,
        user=caller.user,
        sensors=_columns(request.sensors, machine_class, pipeline),
        note=request.note,
    )


def _columns(names: Sequence[str], machine_class: str, pipeline: Pipeline) -> tuple[int, ...]:
    known = pipeline.intakes[machine_class].sensors
    for name in names:
        if name not in known:
            raise Refusal(
                f"{shown(name)} is no sensor of class {machine_class}, which has {', '.join(known)}"
            )
    return tuple(sorted({known.index(name) for name in names}))


# How does it stand?


def _states(places: Sequence[Place], pipeline: Pipeline) -> list[MachineState]:
    seen = {name: intake.order.last_seen().tolist() for name, intake in pipeline.intakes.items()}
    alerts: dict[Place, list[StandingAlert]] = defaultdict(list)
    for name, monitor in pipeline.monitors.items():
        monitor.stages.reserve(len(pipeline.rosters[name]))
        for (row, rule), alert in monitor.book.active.items():
            state = "firing" if alert.firing else "pending"
            told = StandingAlert(rule, state, alert.since_ns, alert.reason)
            alerts[name, row].append(told)
    return [_state(pipeline, place, seen[place[0]][place[1]], alerts[place]) for place in places]


def _state(
    pipeline: Pipeline, place: Place, last_seen_ns: int, alerts: list[StandingAlert]
) -> MachineState:
    machine_class, row = place
    stages = pipeline.monitors[machine_class].stages
    return MachineState(
        machine_class=machine_class,
        machine=pipeline.rosters[machine_class].names[row],
        in_service_since_ns=stages.service.since_ns(row),
        last_seen_ns=None if last_seen_ns < 0 else last_seen_ns,
        ready=stages.ready(row),
        alerts=alerts,
        progress=progress(stages, row),
        health=health_of(stages, row),
    )


def time_of(time_ns: int) -> str:
    """For a person.

    >>> time_of(1_700_000_060_000_000_000)
    '2023-11-14 22:14:20 UTC'
    """
    return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%F %T} UTC"
