"""The loop: commit first, then acknowledge, then tell; and what it does when things fail."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import sys
import threading
import time
import types
from collections.abc import Callable, Sequence

import pytest

from streamer import daemon as module
from streamer import notifiers, sinks, snapshot
from streamer.config import Section
from streamer.daemon import STALL_S, Daemon
from streamer.delivery import Delivery
from streamer.health import META_KEY, SystemAlerts
from streamer.housekeeping import Housekeeping
from streamer.journal import Journal
from streamer.records import AlertEvent, Batch, Message
from streamer.sinks import Refused, Retry
from streamer.sources import SourceEvent
from tests.core.plant import arriving, at, configured, humming, opened, telling, turns_of
from tests.test_delivery import until

Step = list[Message] | SourceEvent | Callable[[], None]
WAIT_S = 60.0
"""Longer than anything here takes; a test that waits so long has failed."""


class Script:
    """A source that plays its steps: a turn's messages, an event, or something done in between."""

    window = 10_000

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.taken: list[Message] = []
        self.acknowledged: list[Message] = []
        self.on_acknowledge: Callable[[Sequence[Message]], None] = lambda messages: None
        self.hearing_since_ns: int | None = at(0)
        self.stopped = False
        self.daemon: Daemon | None = None
        self._events: list[SourceEvent] = []
        self._turn_over = False

    def start(self) -> None:
        pass

    def take(self, limit: int, timeout_s: float) -> list[Message]:
        """One step a turn; the end of the script stops the daemon."""
        self._turn_over = not self._turn_over
        if not self._turn_over:
            time.sleep(timeout_s)
            return []
        if not self.steps:
            self.daemon.stop()
            return []
        step = self.steps.pop(0)
        if callable(step):
            step()
            return []
        if isinstance(step, SourceEvent):
            self._events.append(step)
            return []
        if len(step) > limit:
            self.steps.insert(0, step[limit:])
        self.taken += step[:limit]
        return step[:limit]

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.on_acknowledge(messages)
        self.acknowledged += messages

    def events(self) -> list[SourceEvent]:
        told, self._events = self._events, []
        return told

    def stop(self) -> None:
        self.stopped = True


class Memory:
    """A sink and a notifier that remember; they fail as told."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.events: list[AlertEvent] = []
        self.failure: Exception | None = None
        self.refuses: list[Refused] = []
        self.changed = threading.Condition()

    def write(self, batches: Sequence[Batch]) -> Sequence[Refused]:
        with self.changed:
            if self.failure is not None:
                raise self.failure
            self.batches += batches
            self.changed.notify_all()
            refused, self.refuses = self.refuses, []
            return refused

    def notify(self, event: AlertEvent) -> None:
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def close(self) -> None:
        pass

    def wait_for(self, condition: Callable[[], object]) -> Callable[[], None]:
        """A step of the script: go on when this is so."""

        def wait() -> None:
            with self.changed:
                assert self.changed.wait_for(condition, WAIT_S)

        return wait

    @property
    def readings(self) -> int:
        return sum(len(p.readings.rows) for batch in self.batches for p in batch.points)


@pytest.fixture
def memory(monkeypatch) -> Memory:
    """Where the sink ``memory`` and the notifier ``memory_too`` write."""
    made = Memory()
    fake = types.ModuleType("tests_memory")
    fake.Config = Section
    fake.open_sink = lambda config: made
    fake.open_notifier = lambda config, mqtt: made
    monkeypatch.setitem(sys.modules, "tests_memory", fake)
    monkeypatch.setitem(sinks.SINKS, "memory", "tests_memory")
    monkeypatch.setitem(notifiers.NOTIFIERS, "memory_too", "tests_memory")
    return made


@pytest.fixture
def config(tmp_path, memory):
    return configured(tmp_path, sinks={"memory": None}, notifiers={"memory_too": None})


def play(config, *steps: Step, source: Script | None = None) -> tuple[Daemon, Script]:
    script = source or Script()
    script.steps = list(steps)
    daemon = script.daemon = Daemon(config, script)
    daemon.run()
    return daemon, script


def delivery_is(source: Script, so: Callable[[Delivery], bool]) -> Callable[[], None]:
    """A step of the script: go on when this is so of the delivery to the sink ``memory``."""

    def wait() -> None:
        (delivery,) = [one for one in source.daemon.deliveries if one.name == "memory"]
        until(lambda: so(delivery))

    return wait


def journal_of(config) -> sqlite3.Connection:
    return sqlite3.connect(config.state_dir / "journal.db")


def select(config, query: str) -> list[tuple]:
    db = journal_of(config)
    found = db.execute(query).fetchall()
    db.close()
    return found


def counters(config) -> dict[str, int]:
    return dict(select(config, "SELECT name, value FROM counters"))


STREAM = [m._replace(mid=1 + i) for i, m in enumerate(humming(range(0, 200, 10)))]


# The promise.


def test_what_is_acknowledged_is_in_the_journal_and_in_order(config):
    source = Script()
    held = []

    def look(messages) -> None:
        (stored,) = select(config, "SELECT sum(readings) FROM turns")[0]
        held.append((stored, len(source.acknowledged) + len(messages)))

    source.on_acknowledge = look
    play(config, *turns_of(STREAM, 7), source=source)
    assert source.acknowledged == source.taken == STREAM
    assert held
    assert all(stored >= acknowledged for stored, acknowledged in held)
    assert counters(config)["stored"] == len(STREAM)


def test_refused_messages_are_acknowledged_too(config):
    bad = [arriving("elsewhere", b"?", 5), arriving("plant/north/P1/telemetry", b"?", 6)]
    _, source = play(config, bad)
    assert source.acknowledged == bad
    assert counters(config)["rejected"] == 2
    assert len(select(config, "SELECT * FROM dead_letters")) == 2


def test_a_turn_ends_when_the_broker_has_lent_all_it_lends(config):
    source = Script()
    source.window = 20
    asked, turns = [], []
    take = source.take
    source.take = lambda limit, timeout_s: (asked.append(timeout_s), take(limit, timeout_s))[1]
    source.on_acknowledge = lambda messages: turns.append(len(messages))
    long = config.model_copy(update={"commit_s": 3.0})
    play(long, STREAM[:10], STREAM[10:14], source=source)
    assert turns[0] == 10  # as many as may be lent, and then nothing: not 3 s of waiting
    assert asked[1] <= STALL_S


def test_a_turn_ends_at_so_many_bytes_of_payload(config, monkeypatch):
    monkeypatch.setattr("streamer.daemon.TURN_BYTES", 1)
    monkeypatch.setattr("streamer.daemon.TAKEN_AT_ONCE", 3)
    source = Script()
    turns = []
    source.on_acknowledge = lambda messages: turns.append(len(messages))
    play(config, STREAM[:7], source=source)
    assert [n for n in turns if n] == [3, 3, 1]


def test_nothing_is_acknowledged_while_the_journal_cannot_be_written(config, monkeypatch, caplog):
    monkeypatch.setattr(module, "RETRY_COMMIT_S", 0.001)
    source, tries = Script(), []
    commit = Journal.commit

    def refuses(self, turn):
        if turn.inputs.readings and len(tries) < 5:
            tries.append((turn, list(source.acknowledged)))
            raise sqlite3.OperationalError("database or disk is full")
        return commit(self, turn)

    monkeypatch.setattr(Journal, "commit", refuses)
    play(config, STREAM[:7], STREAM[7:14], source=source)
    assert {id(turn) for turn, _ in tries} == {id(tries[0][0])}  # the same turn, nothing read on
    assert [acknowledged for _, acknowledged in tries] == [[]] * 5
    assert source.acknowledged == STREAM[:14]
    assert counters(config)["stored"] == 14
    assert caplog.text.count("cannot be written") == 1


def test_a_stop_while_the_journal_cannot_be_written_leaves_no_trace_of_the_turn(
    config, monkeypatch
):
    """What was learnt from it is ahead of the journal: a snapshot of that would lose readings."""
    monkeypatch.setattr(module, "RETRY_COMMIT_S", 0.001)
    commit, source = Journal.commit, Script()

    def refuses(self, turn):
        if turn.inputs.readings:
            source.daemon.stop()
            raise sqlite3.OperationalError("disk I/O error")
        return commit(self, turn)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "commit", refuses)
        with pytest.raises(sqlite3.OperationalError):
            play(config, STREAM[:30], source=source)
    assert source.acknowledged == []
    assert source.stopped
    assert "received" not in counters(config)

    _, source = play(config, [m._replace(dup=True) for m in STREAM[:30]])
    assert counters(config)["stored"] == 30
    assert (counters(config)["duplicate"], counters(config)["late"]) == (0, 0)


def test_an_exception_in_the_middle_of_a_turn_leaves_no_trace_of_it(config, monkeypatch):
    from streamer.alerts import AlertBook

    def stumbles(*args, **also):
        raise RuntimeError("a bug of ours")

    with monkeypatch.context() as patch:
        patch.setattr(AlertBook, "judge", stumbles)
        with pytest.raises(RuntimeError, match="a bug of ours"):
            play(config, STREAM[:30])
    play(config, [m._replace(dup=True) for m in STREAM[:30]])
    assert counters(config)["stored"] == counters(config)["received"] == 30


def test_a_restart_goes_on_where_it_was(config, memory):
    play(config, STREAM[:30])
    daemon, _ = play(config, [m._replace(dup=True) for m in STREAM[20:30]], STREAM[30:])
    assert counters(config)["stored"] == len(STREAM)
    assert counters(config)["duplicate"] == 10
    assert memory.readings == len(STREAM)
    assert daemon.pipeline.ledger.balanced()


# Deliveries.


def test_everything_is_delivered_and_cursors_are_kept(config, memory):
    daemon, _ = play(config, *turns_of(STREAM, 20))
    turns = [batch.turn for batch in memory.batches]
    assert turns == sorted(set(turns))
    assert memory.readings == len(STREAM)
    last = daemon.pipeline.last_turn
    assert dict(select(config, "SELECT target, turn FROM cursors")) == {
        "memory": last,
        "memory_too": last,
    }
    play(config)
    assert memory.readings == len(STREAM)  # nothing a second time


def test_a_sink_that_is_down_gets_everything_when_it_is_back(config, memory, monkeypatch):
    monkeypatch.setattr(module, "DRAIN_S", 0.05)
    memory.failure = Retry("nobody there")
    play(config, *turns_of(STREAM[:30], 10))
    assert memory.batches == []
    memory.failure = None
    monkeypatch.setattr(module, "DRAIN_S", WAIT_S)
    play(config, STREAM[30:])
    assert memory.readings == len(STREAM)


def test_what_a_sink_refuses_is_a_dead_letter(config, memory):
    memory.refuses = [Refused("bad_line", "the server does not like it", b"line")]
    play(config, STREAM[:3], memory.wait_for(lambda: memory.batches), STREAM[3:6])
    assert select(config, "SELECT origin, reason, payload FROM dead_letters") == [
        ("memory", "bad_line", b"line")
    ]


def test_alerts_are_told_once_and_in_order(config, memory):
    stuck = [telling("P1", t, heat=33.0) for t in range(0, 200, 10)]
    well = [telling("P1", t, heat=30.0 + t / 100) for t in range(200, 400, 10)]
    play(config, stuck, well)
    told = [(e.machine, e.rule, e.state) for e in memory.events if e.kind == "instrument"]
    assert told == [
        ("north/P1", "instrument_fault", "firing"),
        ("north/P1", "instrument_fault", "resolved"),
    ]


def test_cursors_are_stored_while_nothing_comes(config, memory, monkeypatch):
    """Else a crash on a quiet day would deliver the last busy hour again."""
    monkeypatch.setattr(module, "IDLE_COMMIT_S", 0.0)
    seen = []

    def look() -> None:
        seen.extend(select(config, "SELECT turn FROM cursors WHERE target='memory'"))

    source = Script()
    moved = delivery_is(source, lambda delivery: delivery.cursor == 1)
    play(config, STREAM[:3], moved, look, source=source)
    assert seen == [(1,)]


def test_nothing_is_written_to_the_disk_while_nothing_happens(config, memory, monkeypatch):
    monkeypatch.setattr(module, "IDLE_COMMIT_S", 0.0)
    commits = []
    commit = Journal.commit
    monkeypatch.setattr(Journal, "commit", lambda j, t: commits.append(t) or commit(j, t))
    written = memory.wait_for(lambda: memory.readings == 3)
    pause = [lambda: time.sleep(0.02)] * 5
    play(config, STREAM[:3], written, *pause, *pause, lambda: commits.append("end"))
    quiet = commits[: commits.index("end")]
    assert len(quiet) <= 4  # the class's definition, the turn, the cursors


def test_silence_is_found_while_nothing_comes(tmp_path, memory):
    alerts = {"silent": {"kind": "silent", "after_s": 0.2}}
    config = configured(
        tmp_path, notifiers={"memory_too": None}, clock="wall", classes__pump__alerts=alerts
    )
    now = time.time_ns()
    spoke = arriving("plant/north/P1/telemetry", {"ts": now, "flow": 1.0})
    source = Script()
    source.hearing_since_ns = now
    wait = memory.wait_for(lambda: memory.events)
    play(config, [spoke], lambda: time.sleep(0.25), lambda: None, wait, source=source)
    assert [(e.rule, e.state) for e in memory.events] == [("silent", "firing")]


def test_while_we_are_deaf_nobody_is_silent(tmp_path, memory):
    config = configured(tmp_path, notifiers={"memory_too": None})
    source = Script()
    source.hearing_since_ns = None
    late = [telling("P2", 100_000, flow=1.0)]
    play(config, [telling("P1", 0, flow=1.0)], late, source=source)
    assert memory.events == []


# The source's news.


def told(kind: str, generation: int = 2) -> SourceEvent:
    return SourceEvent(kind, at(50), f"{kind}, it says", generation)


def test_a_lost_session_is_an_alert_and_its_identifiers_are_forgotten(config, memory):
    one = arriving("plant/north/P1/one/heat", b"21.5", 7)
    again = one._replace(dup=True, received_ns=at(1))
    play(config, [one], [again], told("session_lost"), [again._replace(received_ns=at(2))])
    event, over = [e for e in memory.events if e.kind == "system"]
    assert (event.state, over.state) == ("firing", "resolved")
    assert (event.rule, event.reason) == ("session_lost", "session_lost, it says")
    assert counters(config)["source_session_lost"] == 1
    assert (counters(config)["stored"], counters(config)["duplicate"]) == (2, 1)


def test_a_lost_session_stays_lost_after_a_crash(config, tmp_path_factory):
    one = arriving("plant/north/P1/one/heat", b"21.5", 7)
    other = arriving("plant/north/P1/one/heat", b"22.5", 8)
    crash = tmp_path_factory.mktemp("crash") / "state"
    no_socket = shutil.ignore_patterns("*.sock")
    copy = lambda: shutil.copytree(config.state_dir, crash, ignore=no_socket)  # noqa: E731
    play(config, [one], told("session_lost"), [other], copy)

    pipeline, journal = opened(config.model_copy(update={"state_dir": crash}))
    assert not pipeline.redelivered.seen(one._replace(dup=True))
    assert pipeline.redelivered.seen(other._replace(dup=True))
    journal.close()


def test_usual_news_is_counted_and_nobody_is_woken(config, memory):
    play(config, told("connected"), told("session_resumed"), [telling("P1", 0, flow=1.0)])
    assert counters(config)["source_connected"] == 1
    assert [e for e in memory.events if e.kind == "system"] == []


# System alerts.


def test_a_condition_of_ours_is_told_when_it_begins_and_when_it_ends(config, memory, monkeypatch):
    holds = {"journal_filling": "at 81 %"}
    monkeypatch.setattr(Housekeeping, "conditions", lambda keeper: dict(holds))
    began = memory.wait_for(lambda: memory.events)
    play(config, STREAM[:3], began, STREAM[3:6], holds.clear, STREAM[6:9])
    assert [(e.rule, e.state, e.reason) for e in memory.events] == [
        ("journal_filling", "firing", "at 81 %"),
        ("journal_filling", "resolved", "at 81 %"),
    ]


def test_a_condition_that_lasts_over_a_restart_is_told_once(config, memory, monkeypatch):
    monkeypatch.setattr(Housekeeping, "conditions", lambda keeper: {"journal_filling": "at 81 %"})
    play(config, STREAM[:3])
    play(config, STREAM[3:6])
    assert [(e.rule, e.state) for e in memory.events] == [("journal_filling", "firing")]
    (word,) = select(config, f"SELECT value FROM meta WHERE key='{META_KEY}'")[0]
    assert SystemAlerts(word).active == {"journal_filling": "at 81 %"}


def test_a_misconfigured_sink_is_told_through_the_others(config, memory, monkeypatch):
    monkeypatch.setattr(module, "DRAIN_S", 0.05)
    memory.failure = Retry("no such token", reason="misconfigured")
    alarm = memory.wait_for(lambda: memory.events)
    source = Script()
    failed = delivery_is(source, lambda delivery: not delivery.state.ok)
    play(config, STREAM[:3], failed, STREAM[3:6], alarm, source=source)
    (event,) = memory.events
    assert (event.rule, event.state) == ("delivery_memory", "firing")
    assert event.reason == "memory: no such token"


def test_at_a_full_journal_that_blocks_no_message_is_taken(config, monkeypatch):
    blocked = [True]
    monkeypatch.setattr(Housekeeping, "after_turn", lambda keeper, *_: None)
    source = Script()
    daemon = source.daemon = Daemon(config, source)
    daemon.housekeeping.blocked = True
    source.steps = [STREAM[:3]]

    def idle(messages, aside) -> bool:
        if blocked:
            blocked.pop()
            assert source.taken == []
            daemon.housekeeping.blocked = False
        return not messages

    monkeypatch.setattr(daemon, "_is_idle", idle)
    daemon.run()
    assert source.acknowledged == STREAM[:3]


# The end.


def test_stop_snapshots_so_that_a_start_replays_nothing(config, monkeypatch):
    play(config, STREAM)
    assert snapshot.turns(config.state_dir / "snapshots") == [2]  # two turns of at most 50
    replayed = []
    monkeypatch.setattr("streamer.pipeline.Pipeline.judge", lambda p, inputs: replayed.append(1))
    _, journal = opened(config)
    journal.close()
    assert replayed == []


def test_a_disk_that_refuses_at_the_end_only_makes_the_next_start_longer(
    config, monkeypatch, caplog
):
    def refuses(*args) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Housekeeping, "snapshot", refuses)
        _, source = play(config, STREAM[:30])
    assert source.acknowledged == STREAM[:30]
    assert "No space left on device" in caplog.text
    play(config, [m._replace(dup=True) for m in STREAM[:30]])
    assert (counters(config)["stored"], counters(config)["duplicate"]) == (30, 30)


def test_a_watchdog_hears_of_quiet_days_too(config, monkeypatch):
    heard = []
    monkeypatch.setattr(module, "tell_systemd", heard.append)
    play(config, *[lambda: None] * 3)
    assert heard[0] == "READY=1"
    assert heard.count("WATCHDOG=1") >= 3
    assert heard[-1] == "STOPPING=1"


def test_a_signal_stops_and_a_second_one_ends_at_once(config):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        source = Script()
        daemon = source.daemon = Daemon(config, source)
        daemon.stop_on_signals()
        source.steps = [STREAM[:3], lambda: signal.raise_signal(signal.SIGTERM), STREAM[3:6]]
        daemon.run()
        assert source.acknowledged == STREAM[:3]
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(signal.SIGTERM)
        assert ended.value.code == 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
