"""The daemon: source → pipeline → deliveries, turn by turn, until told to stop.

One thread, the loop, owns all state. The source's thread only queues, each delivery's thread only
reads the outbox. The order in a turn is the promise of the product: commit first, then acknowledge,
then wake the deliveries.
"""

from __future__ import annotations

import importlib
import logging
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import FrameType

from streamer import operators
from streamer.config import Config
from streamer.control import Control
from streamer.delivery import Delivery, Progress, Telling
from streamer.health import (
    META_KEY,
    DeliveryTroubles,
    SystemAlerts,
    happened,
    tell_systemd,
    untried,
)
from streamer.housekeeping import Housekeeping
from streamer.journal import DeadLetter, Journal, Outbox
from streamer.notifiers import NOTIFIERS
from streamer.pipeline import Aside, Pipeline
from streamer.records import Message
from streamer.recovery import SESSION_LOST, recover
from streamer.sinks import SINKS
from streamer.sources import Source, SourceEvent
from streamer.sources.mqtt import MqttSource
from streamer.topics import Template, subscriptions
from streamer.web.server import WebServer
from streamer.web.status import look

log = logging.getLogger(__name__)

IDLE_COMMIT_S = 5.0
"""How often cursors are stored while no readings come."""
RETRY_COMMIT_S = 1.0
TURN_BYTES = 1 << 20
"""A turn ends at so many bytes of payload too: one message may hold thousands of readings."""
TAKEN_AT_ONCE = 64
STALL_S = 0.05
"""A source that is silent for so long, while it waits for acknowledgements, has no more to give."""
DRAIN_S = 10.0
"""How long a stop waits for the deliveries; what is left is delivered after the next start."""


class Daemon:
    """Everything that `telltale run` runs.

    Parameters
    ----------
    config
        The whole configuration.
    source
        Where messages come from; the configuration's broker unless given.
    """

    def __init__(self, config: Config, source: Source | None = None) -> None:
        self.config = config
        self.journal = Journal(config.state_dir / "journal.db")
        self.pipeline = Pipeline(config, self.journal)
        folder = config.state_dir / "snapshots"
        stored = recover(self.pipeline, self.journal, folder)
        turn = stored.turn if stored else 0
        self.housekeeping = Housekeeping(config, self.pipeline, self.journal, folder, turn)
        self.system = SystemAlerts(self.journal.meta(META_KEY))
        self.source = source or _mqtt_source(config, expect_session=self.pipeline.last_turn > 0)
        self.deliveries = _deliveries(config, self.journal)
        self.troubles = DeliveryTroubles()
        self.happened: list[SourceEvent] = []
        self.control = Control(config.state_dir)
        self.web = WebServer(config.web.host, config.web.port) if config.web else None
        self._stop = threading.Event()
        self._committed_at = time.monotonic()
        self._cursors: Mapping[str, int] = self.journal.cursors()

    def run(self) -> None:
        """Work until `stop`; then finish the turn, snapshot, drain, and return.

        After an exception nothing more is written down: what was learnt may be ahead of the journal
        then, and the messages of the turn in hand will come again.
        """
        self.source.start()
        for delivery in self.deliveries:
            delivery.start()
        if self.web is not None:
            self.web.start()
        self.control.start()
        tell_systemd("READY=1")
        try:
            while not self._stop.is_set():
                self._turn()
                self._show_status()
                tell_systemd("WATCHDOG=1")
        except BaseException:
            self.source.stop()
            self.control.close()
            self.journal.close()
            raise
        self._shut_down()

    def stop(self) -> None:
        """End after the turn in hand; safe to call from a signal handler or another thread."""
        self._stop.set()

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT stop; a second one ends at once."""

        def on_signal(number: int, frame: FrameType | None) -> None:
            del frame
            if self._stop.is_set():
                raise SystemExit(128 + number)
            self.stop()

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)

    # A turn.

    def _turn(self) -> None:
        messages = self._gather()
        asked = self.control.take()
        verbs = operators.hear(asked, self.pipeline) if asked is not None else []
        progress = {delivery.name: delivery.progress() for delivery in self.deliveries}
        self._note_events()
        aside = self._aside(progress)
        if not verbs and self._is_idle(messages, aside):
            return
        hearing = self.source.hearing_since_ns
        self._commit(partial(self.pipeline.turn, messages, hearing, aside, verbs))
        self._settle(messages, progress)
        if asked is not None and verbs:
            operators.done(asked, self.pipeline.last_alerts)

    def _show_status(self) -> None:
        if self.web is not None and self.web.due:
            status = look(
                self.pipeline,
                self.deliveries,
                hearing=self.source.hearing_since_ns is not None,
                journal_used=self.housekeeping.used_share,
                system=self.system.active,
            )
            self.web.show(status)

    def _is_idle(self, messages: list[Message], aside: Aside) -> bool:
        """Whether this turn would change nothing worth a write to flash."""
        if messages or aside.alerts or aside.dead_letters or self.pipeline.owed_alerts:
            return False
        if self.pipeline.tick_matters(self.source.hearing_since_ns):
            return False
        if time.monotonic() - self._committed_at < IDLE_COMMIT_S:
            return True
        # While blocked, a commit is how housekeeping gets to see whether there is room again.
        return aside.cursors == self._cursors and not self.housekeeping.blocked

    def _gather(self) -> list[Message]:
        """Messages of one turn: until ``commit_s`` is over or as many as a turn may hold."""
        if self.housekeeping.blocked:
            self._stop.wait(self.config.commit_s)
            return []
        deadline = time.monotonic() + self.config.commit_s
        most, messages, bytes_ = self.config.turn_readings, list[Message](), 0
        while len(messages) < most and bytes_ < TURN_BYTES and not self._stop.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            # A broker that has lent all it lends goes on only when some of it is acknowledged.
            lent = len(messages) >= self.source.window // 2
            taken = self.source.take(
                min(most - len(messages), TAKEN_AT_ONCE), min(left, STALL_S) if lent else left
            )
            if lent and not taken:
                break
            messages += taken
            bytes_ += sum(len(message.payload) for message in taken)
        return messages

    def _note_events(self) -> None:
        for event in self.source.events():
            self.happened.append(event)
            self.pipeline.ledger.count(f"source_{event.kind}")
            tell_systemd(f"STATUS={event.kind}: {event.sentence}")
            if event.kind == "session_lost":
                self.pipeline.redelivered.forget()

    def _aside(self, progress: dict[str, Progress]) -> Aside:
        now, lost = time.time_ns(), {}
        unknown = set().union(*(untried(one.name, one.state) for one in self.deliveries))
        alerts = self.system.judge(self._conditions(progress), now, unknown)
        for event in self.happened:
            if event.kind in ("session_lost", "subscription_refused", "taken_over"):
                alerts += happened(event.kind, event.sentence, event.time_ns)
        if any(event.kind == "session_lost" for event in self.happened):
            lost = {SESSION_LOST: str(self.pipeline.last_turn)}
        self.happened.clear()
        return Aside(
            alerts=alerts,
            dead_letters=[
                DeadLetter(name, refused.reason, refused.detail, refused.payload)
                for name, one in progress.items()
                for refused in one.refused
            ],
            cursors={name: one.cursor for name, one in progress.items()},
            meta={**lost, **(self.system.state() if alerts else {})},
        )

    def _conditions(self, progress: dict[str, Progress]) -> dict[str, str]:
        found, now_s = self.housekeeping.conditions(), time.monotonic()
        for one in self.deliveries:
            refused = progress[one.name].refused
            found |= self.troubles.look(one.name, one.state, refused, now_s=now_s)
        return found

    def _commit(self, attempt: Callable[[], object]) -> None:
        """Commit, again and again while the disk refuses: nothing is acknowledged meanwhile."""
        warned = False
        while True:
            try:
                attempt()
            except sqlite3.OperationalError as error:
                if not warned:
                    log.warning("the journal cannot be written (%s); nothing is read on", error)
                warned, attempt = True, self.pipeline.commit_again
                tell_systemd("WATCHDOG=1")
                if self._stop.wait(RETRY_COMMIT_S):
                    raise
            else:
                self._committed_at = time.monotonic()
                return

    def _settle(self, messages: list[Message], progress: dict[str, Progress]) -> None:
        self.source.acknowledge(messages)
        self._cursors = {name: one.cursor for name, one in progress.items()}
        for delivery in self.deliveries:
            delivery.settled(progress[delivery.name])
            delivery.wake(self.pipeline.last_turn)
        sinks = [one.cursor for one in self.deliveries if one.name in self.config.sinks]
        notifiers = [one.cursor for one in self.deliveries if one.name in self.config.notifiers]
        self.housekeeping.after_turn(sinks, notifiers)

    # The end.

    def _shut_down(self) -> None:
        tell_systemd("STOPPING=1")
        self.control.close()
        if self.web is not None:
            self.web.stop()
        self.source.stop()
        for delivery in self.deliveries:
            delivery.stop()
        deadline = time.monotonic() + DRAIN_S
        for delivery in self.deliveries:
            delivery.close(max(0.0, deadline - time.monotonic()))
        try:
            self._commit_last_cursors()
            self.housekeeping.snapshot()
        except (OSError, sqlite3.Error) as error:
            log.warning("the end cannot be written down (%s): the next start repeats more", error)
        self.journal.close()

    def _commit_last_cursors(self) -> None:
        progress = {delivery.name: delivery.progress() for delivery in self.deliveries}
        self.pipeline.turn((), None, self._aside(progress))


def _mqtt_source(config: Config, *, expect_session: bool) -> MqttSource:
    filters = subscriptions(Template(topic.topic) for topic in config.mqtt.topics)
    # Readings wait for the commit anyway: gathering them a tenth of that time spares wake-ups.
    coalesce_s = config.commit_s / 10
    return MqttSource(config.mqtt, filters, expect_session=expect_session, coalesce_s=coalesce_s)


def _deliveries(config: Config, journal: Journal) -> list[Delivery]:
    cursors = journal.cursors()
    found = []
    for name, section in config.sinks.items():
        open_sink = importlib.import_module(SINKS[name]).open_sink
        outbox = Outbox(journal.path, "points and alerts")
        linger_s = getattr(section, "flush_s", 0.0)
        found.append(
            Delivery(
                name, partial(open_sink, section), outbox, _start(cursors, name), linger_s=linger_s
            )
        )
    for name, section in config.notifiers.items():
        found.append(_notifier(name, section, config, journal.path, _start(cursors, name)))
    return found


def _notifier(name: str, section: object, config: Config, path: Path, cursor: int) -> Delivery:
    open_notifier = importlib.import_module(NOTIFIERS[name]).open_notifier
    return Delivery(
        name, lambda: Telling(open_notifier(section, config.mqtt)), Outbox(path, "alerts"), cursor
    )


def _start(cursors: dict[str, int], name: str) -> int:
    return cursors.get(name, 0)
