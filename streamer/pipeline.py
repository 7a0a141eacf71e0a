"""One turn of the loop: messages in, one transaction out.

A turn decodes what came, sorts it (stored, duplicate, rejected), scores and judges it, and commits
all of it at once. The caller acknowledges the messages when `turn` has returned, never before.

Everything that changes state is in the journal, so that `streamer.recovery` can walk the same
readings and ticks through `judge` and arrive at the same bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from streamer.clock import NS, Clock, DataClock, WallClock
from streamer.config import Config
from streamer.decode import decode
from streamer.identity import EventOrder, Redelivered, digest
from streamer.intake import Intake
from streamer.journal import DeadLetter, Journal, Turn
from streamer.labels import shown
from streamer.ledger import Ledger
from streamer.monitor import ClassMonitor
from streamer.records import (
    AlertEvent,
    Fault,
    Inputs,
    Message,
    Points,
    Reading,
    Tick,
    Verb,
)
from streamer.roster import Roster
from streamer.topics import Route, Router, Rule, Template


class Aside(NamedTuple):
    """What the daemon has to say in a turn's transaction beside the readings."""

    alerts: Sequence[AlertEvent] = ()
    dead_letters: Sequence[DeadLetter] = ()
    cursors: Mapping[str, int] = {}
    meta: Mapping[str, str] = {}


NO_ASIDE = Aside()


class Pipeline:
    """All machine classes of one configuration, and the journal under them.

    Parameters
    ----------
    config
        The whole configuration.
    journal
        Where turns are made durable; None for a dry run over recordings, where nothing is kept.
    """

    def __init__(self, config: Config, journal: Journal | None) -> None:
        self.config = config
        self.journal = journal
        self.clock: Clock = _clock(config)
        self.router = router(config)
        self.ledger = Ledger(journal.counters() if journal else {})
        self.redelivered = Redelivered()
        self._arrived_ns = 0
        self.owed_alerts: list[AlertEvent] = []
        """What a recovery has to tell, with the next turn."""
        self.rosters: dict[str, Roster] = {}
        self.intakes: dict[str, Intake] = {}
        self.monitors: dict[str, ClassMonitor] = {}
        self.last_turn = journal.last_turn() if journal else 0
        for name in config.classes:
            self._open_class(name)

    def _open_class(self, name: str) -> None:
        spec = self.config.classes[name]
        allowed = None if spec.machines == "any" else spec.machines
        roster = Roster(name, allowed, spec.max_machines)
        self.rosters[name] = roster
        order = EventOrder(
            len(spec.sensors), self.remember, under_way=self.config.mqtt.receive_maximum
        )
        self.intakes[name] = Intake(name, tuple(spec.sensors), roster, order)
        self.unlearn(name)

    def unlearn(self, name: str) -> None:
        """Let a class learn afresh; its machines keep their rows and their times."""
        self.monitors[name] = ClassMonitor(
            name, self.config.classes[name], self.rosters[name].machines
        )

    @property
    def remember(self) -> int:
        """Readings whose identity is kept at least: twice what may be under way, one a message."""
        return 2 * (self.config.mqtt.receive_maximum + self.config.turn_readings)

    @property
    def remembered(self) -> int:
        """Readings whose identity a restart must find in the journal."""
        return max(self.remember, sum(intake.order.kept for intake in self.intakes.values()))

    # A turn.

    def turn(
        self,
        messages: Sequence[Message],
        hearing_since_ns: int | None,
        aside: Aside = NO_ASIDE,
        verbs: Sequence[Verb] = (),
    ) -> Sequence[AlertEvent]:
        """Take messages all the way into the journal; returns the alert events of the turn.

        ``hearing_since_ns`` is None while we cannot hear the machines: then silence is not judged.
        ``verbs`` are obeyed before the messages are looked at.
        If the commit raises, the same turn can be tried again with `commit_again`.
        """
        unstamped = [identity for message in messages for identity in self._ingest(message)]
        readings = {
            name: columns
            for name, intake in self.intakes.items()
            if (columns := intake.take(len(messages))) is not None
        }
        tick = self._tick(hearing_since_ns)
        inputs = Inputs(readings, tick, unstamped, len(messages), verbs)
        for verb in verbs:
            self.ledger.count(f"verb_{verb.name}")
        points, alerts = self.judge(inputs)
        self._pending = Turn(
            inputs=inputs,
            points=points,
            alerts=[*self.owed_alerts, *alerts, *aside.alerts],
            machines=list(chain.from_iterable(r.take_new() for r in self.rosters.values())),
            dead_letters=[*self.ledger.take_letters(), *aside.dead_letters],
            counters=dict(self.ledger.counters),
            cursors=aside.cursors,
            meta=aside.meta,
        )
        self.owed_alerts = []
        self.commit_again()
        return self._pending.alerts

    def commit_again(self) -> None:
        """Commit the turn that was made last, once more if the first attempt failed."""
        turn = self._pending
        if self.journal is not None:
            self.last_turn = self.journal.commit(turn)

    @property
    def last_points(self) -> Sequence[Points]:
        """The scored readings of the turn made last."""
        return self._pending.points

    @property
    def last_alerts(self) -> Sequence[AlertEvent]:
        """The alert events of the turn made last."""
        return self._pending.alerts

    def _tick(self, hearing_since_ns: int | None) -> Tick | None:
        now = self.clock.now_ns()
        if hearing_since_ns is None or not now:
            return None
        return Tick(now, self.clock.heard_since(hearing_since_ns))

    def tick_matters(self, hearing_since_ns: int | None) -> bool:
        """Whether a turn without messages would find that somebody fell silent."""
        tick = self._tick(hearing_since_ns)
        return tick is not None and any(
            monitor.tick_matters(tick, self.intakes[name].order.last_seen())
            for name, monitor in self.monitors.items()
        )

    def judge(self, inputs: Inputs) -> tuple[list[Points], list[AlertEvent]]:
        """Obey verbs, score, judge and learn readings; the part of a turn that a replay repeats."""
        points: list[Points] = []
        alerts: list[AlertEvent] = []
        for verb in inputs.verbs:
            alerts += self.monitors[verb.machine_class].obey(verb)
        for name, columns in inputs.readings.items():
            judged = self.monitors[name].step(columns)
            points.append(judged.points)
            alerts += judged.alerts
        if inputs.tick is not None:
            for name, monitor in self.monitors.items():
                alerts += monitor.tick(inputs.tick, self.intakes[name].order.last_seen())
        return points, alerts

    # Messages → readings.

    def _ingest(self, message: Message) -> list[tuple[int, bytes]]:
        """Sort one message's readings; returns the identity of one that has no time of its own."""
        route = self.router.route(message.topic)
        if isinstance(route, Fault):
            self.ledger.rejected(message, route)
            return []
        found = decode(
            route.dialect,
            message.payload,
            time_field=route.time_field,
            machine_field=route.machine_field,
            sensor=route.sensor,
            recording=route.recording,
            max_payload_bytes=self.config.mqtt.max_payload_bytes,
        )
        again: bool | None = None  # asked only for readings that bring no time
        for reading in found:
            if isinstance(reading, Fault):
                self.ledger.rejected(message, reading)
                continue
            if reading.time_ns is None and again is None:
                again = self.redelivered.seen(message)
            if reading.time_ns is None and again:
                self.ledger.duplicate()
            else:
                self._admit(message, route, reading)
        if again is not False or not message.mid:
            return []
        identity = [(message.mid, digest(message))]
        # At once, not after the commit: it may come again within this very turn.
        self.redelivered.remember(identity)
        return identity

    def _admit(self, message: Message, route: Route, reading: Reading) -> None:
        intake = self.intakes[route.machine_class]
        layout = intake.layout(reading.values)
        if not layout.mask:
            self.ledger.rejected(message, _nothing(reading, layout.unknown, route.machine_class))
            return
        time_ns = self._arrival_ns(message) if reading.time_ns is None else reading.time_ns
        row = intake.machine(route.labels, reading.machine, route.machine_field)
        if isinstance(row, Fault):
            self.ledger.rejected(message, row)
            return
        fault = self.clock.admit(intake.roster.names[row], time_ns, message.received_ns)
        if fault is not None:
            self.ledger.rejected(message, fault)
            return
        if reading.faults or layout.unknown:
            for refused in (*reading.faults, *_unknown(layout.unknown, route.machine_class)):
                self.ledger.field_rejected(message, refused)
        stored, late = intake.add(row, time_ns, layout, reading.values)
        if stored:
            self.ledger.stored(late=late)
        else:
            self.ledger.duplicate()

    def _arrival_ns(self, message: Message) -> int:
        """The time of a reading that brings none: its arrival, and a nanosecond after the last.

        Messages that are read from the network at once have arrived at once; two values of a sensor
        at the same time would be taken for one. A clock that is set back by more is followed.
        """
        behind = self._arrived_ns - message.received_ns
        self._arrived_ns = self._arrived_ns + 1 if 0 <= behind < NS else message.received_ns
        return self._arrived_ns


def router(config: Config) -> Router:
    """The topic templates of a configuration, first match wins."""
    return Router(
        Rule(
            Template(t.topic),
            t.machine_class,
            t.dialect,
            t.time_field,
            t.machine_field,
            t.recording(config.classes[t.machine_class].sensors),
        )
        for t in config.mqtt.topics
    )


def _clock(config: Config) -> Clock:
    if config.clock == "data":
        return DataClock(config.max_ahead_s)
    return WallClock(config.max_ahead_s)


def _unknown(names: Iterable[str], machine_class: str) -> list[Fault]:
    return [
        Fault("unknown_sensor", f"{shown(name)} is no sensor of class {machine_class}")
        for name in names
    ]


def _nothing(reading: Reading, unknown: Sequence[str], machine_class: str) -> Fault:
    """Why a reading with no usable value is refused: its first trouble names it."""
    return next(
        iter([*reading.faults, *_unknown(unknown, machine_class)]),
        Fault("empty", "there is no value in it"),
    )
