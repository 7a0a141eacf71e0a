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
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
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
        readings = inputs.readings.items()
        meant = {n: c for n, c in readings if turn > since.get(n, pipeline.last_turn)}
        _walk(pipeline, Inputs(meant, inputs.tick), replay=turn > start)
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
        if part is None or part["fingerprint"] != pipeline.config.fingerprint(name):
            log.warning("class %s has changed since the snapshot: it learns afresh", name)
            continue
        prefix = f"{name}/"
        arrays = {
            key.removeprefix(prefix): array
            for key, array in stored.arrays.items()
            if key.startswith(prefix)
        }
        pipeline.intakes[name].order.restore(arrays.pop("order"))
        try:
            pipeline.monitors[name].restore(arrays, arrays.pop("alerts").tobytes())
        except ValueError as error:
            log.warning("class %s: %s; it learns afresh", name, error)
            pipeline.unlearn(name)


def _defined_since(pipeline: Pipeline, journal: Journal, name: str) -> int:
    """The last turn written under another definition of the class; 0 where there is none."""
    fingerprint = pipeline.config.fingerprint(name)
    known, _, turn = (journal.meta(f"class/{name}") or "").partition(" ")
    if known == fingerprint:
        return int(turn)
    journal.commit(Turn(Inputs(), meta={f"class/{name}": f"{fingerprint} {pipeline.last_turn}"}))
    return pipeline.last_turn


def _walk(pipeline: Pipeline, inputs: Inputs, *, replay: bool) -> None:
    for name, columns in inputs.readings.items():
        _recall(pipeline, name, columns, replay=replay)
    if replay:
        pipeline.judge(inputs)


def _recall(pipeline: Pipeline, name: str, columns: Columns, *, replay: bool) -> None:
    order = pipeline.intakes[name].order
    if replay:
        order.replay(columns)
    else:
        order.recall(columns)
    order.end_turn()
    pipeline.clock.resume(int(columns.times.max()))


def take_snapshot(pipeline: Pipeline, folder: Path) -> int:
    """Write down all that was learnt as of the last committed turn; returns that turn."""
    arrays: dict[str, NDArray[Any]] = {}
    classes = {}
    for name, monitor in pipeline.monitors.items():
        arrays |= {f"{name}/{key}": array for key, array in monitor.arrays().items()}
        arrays[f"{name}/order"] = pipeline.intakes[name].order.state()
        arrays[f"{name}/alerts"] = np.frombuffer(monitor.book.state(), dtype=np.uint8)
        classes[name] = {"fingerprint": pipeline.config.fingerprint(name)}
    manifest = {
        "journal": pipeline.journal.id if pipeline.journal else "",
        "clock_ns": pipeline.clock.now_ns(),
        "classes": classes,
    }
    snapshot.save(folder, snapshot.Snapshot(pipeline.last_turn, manifest, arrays))
    return pipeline.last_turn
