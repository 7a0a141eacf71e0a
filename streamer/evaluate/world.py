"""A simulated farm with known faults as a course to walk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from detectors.metrics import FaultSpan
from streamer.config import Config, Topic
from streamer.evaluate.engines import Product
from streamer.evaluate.walk import Course, columns
from streamer.monitor import Judged
from streamer.pipeline import Pipeline
from streamer.records import Machine, Message, Verb

if TYPE_CHECKING:
    from simulators import Farm
    from simulators.truth import Truth

TELEMETRY = "plant/{site}/{machine}/telemetry"
MESSAGES_PER_TURN = 4096
LONGEST_GAP_S = 30 * 86400.0


def course_of(farm: Farm, hours: float, config: Config, machine_class: str) -> Course:
    """A farm's run, with the truth about it.

    Where nothing befalls the messages on their way, they need not be written and read again: the
    readings are the same. Else they pass through the product's own decoding, clock and identity.

    Parameters
    ----------
    farm, hours
        The world, and for how long; it reports the sensors of the class.
    config, machine_class
        How messages are decoded, and as what.
    """
    machines = [
        Machine(machine_class, (("site", farm.site), ("machine", name))) for name in farm.machines
    ]
    wired = any(fault.kind == "transport" for fault in farm.faults)
    end_ns = farm.start_ns + round(hours * 3600e9)

    def feed(product: Product) -> Iterable[Judged]:
        if wired:
            return _over_the_wire(farm, hours, config, product, machines)
        return _directly(farm, hours, product, _verbs(farm, machine_class, config))

    faults = [span_of(one, end_ns) for one in _truth(farm, hours)]
    readings = farm.steps(hours) * len(machines)
    return Course(
        machine_class, machines, feed, faults, farm.start_ns, end_ns, farm.period_s, readings
    )


def _truth(farm: Farm, hours: float) -> list[Truth]:
    """The truth in order of onset; what befalls messages shows in no sensor, so nobody looks."""
    from simulators.detectability import truth

    sent = [one for one in farm.truth(hours) if one.kind == "transport"]
    shown = farm.with_faults([fault for fault in farm.faults if fault.kind != "transport"])
    return sorted([*truth(shown, hours), *sent], key=lambda one: one.t_onset)


def span_of(truth: Truth, end_ns: int) -> FaultSpan:
    """A record of truth as the scorer takes it; what is never repaired lasts to the end."""
    from simulators.clock import parse_time

    def time_ns(text: str | None) -> int | None:
        return None if text is None else parse_time(text)

    failure_ns = time_ns(truth.t_functional_failure)
    instrument = truth.kind == "sensor" or truth.expected == "data_quality"
    return FaultSpan(
        truth.fault,
        f"{truth.site}/{truth.machine}",
        "instrument" if instrument else "machine",
        parse_time(truth.t_onset),
        min(time_ns(truth.t_end) or end_ns, end_ns),
        component=truth.component,
        signals=tuple(truth.signal),
        severity=truth.severity,
        detectable_ns=time_ns(truth.t_detectable),
        failure_ns=failure_ns if failure_ns is not None and failure_ns < end_ns else None,
        expected=truth.expected,
        category=truth.kind,
    )


def _directly(
    farm: Farm, hours: float, product: Product, verbs: Sequence[Verb]
) -> Iterator[Judged]:
    rows = np.arange(len(farm.machines), dtype=np.int32)
    told = 0
    for block in farm.run(hours):
        _, machines, sensors = block.values.shape
        due = [verb for verb in verbs[told:] if verb.time_ns <= block.times[-1]]
        told += len(due)
        cuts = np.searchsorted(block.times, [verb.time_ns for verb in due]).tolist()
        for verb, first, last in zip([None, *due], [0, *cuts], [*cuts, None], strict=True):
            if verb is not None:
                product.monitor.obey(verb)
            times, values = block.times[first:last], block.values[first:last]
            readings = columns(
                np.tile(rows, len(times)),
                np.repeat(times, machines),
                values.reshape(-1, sensors),
            )
            if len(readings.rows):
                yield product.monitor.step(readings)


INSTRUMENT_WORK_S = 3600.0
"""How long somebody works on an instrument."""


def _verbs(farm: Farm, machine_class: str, config: Config) -> list[Verb]:
    """What an operator would tell of the planned maintenance in a farm's run, in order of time."""
    sensors = list(config.classes[machine_class].sensors)
    told = []
    for fault in farm.faults:
        if fault.kind != "maintenance":
            continue
        row = farm.machines.index(fault.machine)
        worked_s = getattr(fault, "stop_s", fault.end_s - fault.onset_s)
        if fault.target in sensors:
            worked_s = INSTRUMENT_WORK_S
        about = (sensors.index(fault.target),) if fault.target in sensors else ()
        onset_ns = farm.start_ns + round(fault.onset_s * 1e9)
        done_ns = onset_ns + round(worked_s * 1e9)
        told += [
            Verb("maintenance_start", machine_class, row, onset_ns, uid=0),
            Verb("maintenance_done", machine_class, row, done_ns, uid=0, sensors=about),
        ]
    return sorted(told, key=lambda verb: verb.time_ns)


def _over_the_wire(
    farm: Farm, hours: float, config: Config, product: Product, machines: Sequence[Machine]
) -> Iterator[Judged]:
    """The run as messages, through the product's own decoding, clock and identity."""
    from simulators.outputs.payloads import telemetry

    name = product.monitor.name
    topics = (Topic.model_validate({"topic": TELEMETRY, "class": name}),)
    # The farm's machines may register, whichever machines the configuration was written for.
    open_to_all = {"machines": "any", "max_machines": len(machines)}
    spec = config.classes[name].model_copy(update=open_to_all)
    wired = config.model_copy(
        update={
            "clock": "data",
            "max_ahead_s": LONGEST_GAP_S,
            "mqtt": config.mqtt.model_copy(update={"topics": topics}),
            "classes": {name: spec},
        }
    )
    pipeline = Pipeline(wired, journal=None)
    for machine in machines:
        pipeline.rosters[name].row(machine.labels)
    pipeline.monitors[name] = product.monitor
    sent = (
        Message(one.topic, one.encoded().encode(), one.time_ns)
        for one in telemetry(farm, hours)
        if not one.retain  # as the daemon's source passes over what a broker had kept
    )
    for turn in _turns(sent):
        pipeline.turn(turn, hearing_since_ns=0)
        if pipeline.last_points:
            yield product.monitor.heard


def _turns(messages: Iterable[Message]) -> Iterator[list[Message]]:
    messages = iter(messages)
    while turn := list(islice(messages, MESSAGES_PER_TURN)):
        yield turn
