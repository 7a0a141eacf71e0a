"""Back to the same state after any stop: the last snapshot, then the journal's tail.

The turns after the snapshot are walked through the same code as when they came, with delivery off:
their scores and alerts are in the journal already. What comes out is, to the last bit, the state of
a daemon that had never stopped.

A class whose definition has changed since (its fingerprint differs) learns afresh: arrays learnt
for other sensors or parameters would be lies. The journal notes at which turn the definition
changed, so older readings are not read with the new meaning either.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from streamer import snapshot
from streamer.journal import Journal, Turn
from streamer.pipeline import Pipeline
from streamer.records import Columns, Inputs

log = logging.getLogger(__name__)

SESSION_LOST = "session_lost"
"""Word in the journal: the last turn whose packet identifiers were those of an older session."""


def recover(pipeline: Pipeline, journal: Journal, folder: Path) -> snapshot.Snapshot | None:
    """Bring a fresh pipeline to the state of the last committed turn; returns the snapshot used."""
    for name, roster in pipeline.rosters.items():
        roster.restore(journal.machines(name))
    stored = snapshot.load(folder, partial(_objection, journal))
    if stored is not None:
        _restore(pipeline, stored)
    since = {name: _defined_since(pipeline, journal, name) for name in pipeline.monitors}
    start = known = stored.turn if stored else 0
    session = int(journal.meta(SESSION_LOST) or 0)
    for turn, inputs in journal.inputs_after(0):
        if turn > known + 1:
            log.warning("turns %d to %d are gone: they cannot be replayed", known + 1, turn - 1)
        known = max(known, turn)
        if turn > session:
            pipeline.redelivered.remember(inputs.unstamped)
        # Readings from before a class was redefined are known again, but not learnt.
        for name, columns in _fitting(pipeline, inputs).items():
            _recall(pipeline, name, columns, replay=turn > max(start, since[name]))
            pipeline.intakes[name].order.end_turn(inputs.messages)
        if turn > start:
            pipeline.judge(_meant(inputs, {n: turn > since[n] for n in since}))
    log.info("recovered turn %d from a snapshot of turn %d", pipeline.last_turn, start)
    return stored


def _objection(journal: Journal, stored: snapshot.Snapshot) -> str | None:
    if stored.manifest.get("journal") != journal.id:
        return "it belongs to another journal"
    if stored.turn > journal.last_turn():
        return f"it is of turn {stored.turn}, the journal ends at {journal.last_turn()}"
    return None


def _restore(pipeline: Pipeline, stored: snapshot.Snapshot) -> None:
    pipeline.clock.resume(stored.manifest["clock_ns"])
    for name in pipeline.monitors:
        part = stored.manifest["classes"].get(name)
        if part is not None:
            _restore_class(pipeline, name, part, stored.arrays)


def _restore_class(
    pipeline: Pipeline, name: str, part: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Bring back one class: what was learnt if it still fits, and the rest in any case.

    The rest is what is true of machines and not learnt for sensors: times, alerts, maintenance.
    """
    prefix = f"{name}/"
    own = {key.removeprefix(prefix): a for key, a in arrays.items() if key.startswith(prefix)}
    order, alerts = own.pop("order"), own.pop("alerts").tobytes()
    if part["fingerprint"] != pipeline.config.fingerprint(name):
        log.warning("class %s has changed since the snapshot: it learns afresh", name)
    else:
        try:
            pipeline.monitors[name].stages.restore(own)
        except ValueError as error:
            log.warning("class %s: %s; it learns afresh", name, error)
            pipeline.unlearn(name)
    if part["sensors"] == list(pipeline.intakes[name].sensors):
        pipeline.intakes[name].order.restore(order)
    monitor = pipeline.monitors[name]
    monitor.stages.service.take_over(own)
    pipeline.owed_alerts += monitor.book.restore(alerts, pipeline.clock.now_ns())


def _defined_since(pipeline: Pipeline, journal: Journal, name: str) -> int:
    """The last turn written under another definition of the class; 0 where there is none."""
    fingerprint = pipeline.config.fingerprint(name)
    known, _, turn = (journal.meta(f"class/{name}") or "").partition(" ")
    if known == fingerprint:
        return int(turn)
    journal.commit(Turn(Inputs(), meta={f"class/{name}": f"{fingerprint} {pipeline.last_turn}"}))
    return pipeline.last_turn


def _fitting(pipeline: Pipeline, inputs: Inputs) -> dict[str, Columns]:
    """The readings of classes that are still there and have as many sensors as then."""
    return {
        name: columns
        for name, columns in inputs.readings.items()
        if name in pipeline.intakes
        and columns.values.shape[1] == len(pipeline.intakes[name].sensors)
    }


def _meant(inputs: Inputs, same: Mapping[str, bool]) -> Inputs:
    """What of the inputs still means what it meant; ``same``: which classes are defined as then.

    That a machine is in maintenance stays true however its class is defined now; which sensors a
    verb named, does not.
    """
    readings = {n: columns for n, columns in inputs.readings.items() if same.get(n, False)}
    verbs = [
        verb if same[verb.machine_class] else structs.replace(verb, sensors=())
        for verb in inputs.verbs
        if verb.machine_class in same
    ]
    return replace(inputs, readings=readings, verbs=verbs)


def _recall(pipeline: Pipeline, name: str, columns: Columns, *, replay: bool) -> None:
    order = pipeline.intakes[name].order
    if replay:
        order.replay(columns)
    else:
        order.recall(columns)
    pipeline.clock.resume(int(columns.times.max()))


def take_snapshot(pipeline: Pipeline, folder: Path) -> int:
    """Write down all that was learnt as of the last committed turn; returns that turn."""
    arrays: dict[str, NDArray[Any]] = {}
    classes = {}
    for name, monitor in pipeline.monitors.items():
        arrays |= {f"{name}/{key}": array for key, array in monitor.arrays().items()}
        arrays[f"{name}/order"] = pipeline.intakes[name].order.state()
        arrays[f"{name}/alerts"] = np.frombuffer(monitor.book.state(), dtype=np.uint8)
        classes[name] = {
            "fingerprint": pipeline.config.fingerprint(name),
            "sensors": pipeline.intakes[name].sensors,
        }
    manifest = {
        "journal": pipeline.journal.id if pipeline.journal else "",
        "clock_ns": pipeline.clock.now_ns(),
        "classes": classes,
    }
    snapshot.save(folder, snapshot.Snapshot(pipeline.last_turn, manifest, arrays))
    return pipeline.last_turn
