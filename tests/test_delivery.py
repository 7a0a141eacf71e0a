"""Delivery to targets that fail, hang, lie and crash: nothing lost, order kept, nobody blocked."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.delivery import MOST_REFUSED, Delivery, Telling, backoff_s
from streamer.records import AlertEvent, Batch
from streamer.sinks import Refused, Retry, Sink
from tests.batches import batch, event

SOON_S = 60.0
"""Far longer than anything here takes; how long a test waits before it says that it never came."""


class Outbox:
    """Committed turns in a dict, and who looked for them."""

    def __init__(self, *turns: Batch) -> None:
        self.turns = {one.turn: one for one in turns}
        self.closed = False
        self.broken: list[Exception] = []

    def batches(self, after: int, limit: int) -> list[Batch]:
        if self.broken:
            raise self.broken.pop()
        return [self.turns[turn] for turn in sorted(self.turns) if turn > after][:limit]

    def close(self) -> None:
        self.closed = True


class Target:
    """Remembers what it was lent; ``acts`` are its next answers, after them it takes everything."""

    def __init__(self, *acts: Exception | Sequence[Refused] | Callable[[], object]) -> None:
        self.acts = list(acts)
        self.written: list[int] = []
        self.lent: list[list[int]] = []
        self.closed = False

    def write(self, batches: Sequence[Batch]) -> Sequence[Refused]:
        turns = [one.turn for one in batches]
        self.lent.append(turns)
        act = self.acts.pop(0) if self.acts else ()
        if callable(act):
            act()
            act = ()
        if isinstance(act, Exception):
            raise act
        self.written += turns
        return act

    def close(self) -> None:
        self.closed = True


class Clock:
    """A monotonic clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


Start = Callable[..., Delivery]


@pytest.fixture
def start(clock: Clock) -> Iterator[Start]:
    """Start a delivery with a clock that needs no waiting; it ends with the test."""
    started: list[Delivery] = []

    def begin(target: Sink, outbox: Outbox, cursor: int = 0, **options: Any) -> Delivery:
        options = {"clock": clock, "sleep": clock.sleep, "draw": lambda low, high: high} | options
        delivery = Delivery("target", lambda: target, outbox, cursor, **options)
        started.append(delivery)
        delivery.start()
        return delivery

    yield begin
    for delivery in started:
        delivery.close(SOON_S)


def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread to make something true."""
    waiting = threading.Event()
    for _ in range(int(SOON_S / 0.005)):
        if condition():
            return
        waiting.wait(0.005)
    pytest.fail("it never happened")


def test_a_backlog_is_delivered_in_order_and_the_thread_ends(start: Start) -> None:
    target, outbox = Target(), Outbox(*(batch(turn) for turn in range(1, 101)))
    delivery = start(target, outbox)
    assert delivery.close(SOON_S)
    assert target.written == list(range(1, 101))
    assert delivery.cursor == 100
    assert target.closed
    assert outbox.closed


def test_what_was_written_before_is_not_written_again(start: Start) -> None:
    target = Target()
    assert start(target, Outbox(*map(batch, range(1, 6))), cursor=3).close(SOON_S)
    assert target.written == [4, 5]


def test_turns_are_delivered_as_they_are_committed(start: Start) -> None:
    target, outbox = Target(), Outbox()
    delivery = start(target, outbox)
    for turn in (1, 2, 5):  # the quota has taken 3 and 4
        outbox.turns[turn] = batch(turn)
        delivery.wake(turn)
        until(lambda turn=turn: delivery.cursor == turn)
    assert target.written == [1, 2, 5]
    assert delivery.state.lag_turns == 0


def test_the_target_is_opened_and_closed_on_the_thread_that_writes() -> None:
    threads = []

    class Bound(Target):
        def write(self, batches: Sequence[Batch]) -> Sequence[Refused]:
            threads.append(threading.current_thread())
            return super().write(batches)

        def close(self) -> None:
            threads.append(threading.current_thread())

    def open_target() -> Sink:
        threads.append(threading.current_thread())
        return Bound()

    delivery = Delivery("bound", open_target, Outbox(batch(1)), 0)
    delivery.start()
    assert delivery.close(SOON_S)
    assert len(threads) == 3
    assert set(threads) == {threads[0]} != {threading.current_thread()}


def test_failures_are_retried_with_longer_and_longer_pauses(start: Start, clock: Clock) -> None:
    target = Target(*[Retry("nobody there")] * 9)
    delivery = start(target, Outbox(batch(1)))
    until(lambda: delivery.cursor == 1)
    assert clock.slept == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert target.written == [1]


@settings(deadline=None)
@given(st.integers(1, 10_000), st.integers())
def test_pauses_are_jittered_over_their_whole_length(failures: int, seed: int) -> None:
    longest = min(60.0, 2.0 ** (failures - 1)) if failures < 10 else 60.0
    dice = random.Random(seed)
    drawn = [backoff_s(failures, draw=dice.uniform) for _ in range(50)]
    assert 0 <= min(drawn) < longest / 2 < max(drawn) <= longest


@pytest.mark.parametrize(("asked", "waits"), [(7.0, 7.0), (0.2, 1.0), (86_400.0, 300.0)])
def test_a_server_that_asks_for_time_gets_it_within_reason(
    start: Start, clock: Clock, asked: float, waits: float
) -> None:
    delivery = start(Target(Retry("busy", reason="overloaded", after_s=asked)), Outbox(batch(1)))
    until(lambda: delivery.cursor == 1)
    assert clock.slept == [waits]


def test_pauses_start_short_again_after_a_success(start: Start, clock: Clock) -> None:
    outbox = Outbox(batch(1))
    target = Target(Retry("a"), Retry("b"), (), Retry("c"))
    delivery = start(target, outbox)
    until(lambda: delivery.cursor == 1)
    outbox.turns[2] = batch(2)
    delivery.wake(2)
    until(lambda: delivery.cursor == 2)
    assert clock.slept == [1, 2, 1]


def test_less_is_lent_after_failures_and_more_again_when_it_works(start: Start) -> None:
    target = Target(*[Retry("too slow")] * 10)
    start(target, Outbox(*map(batch, range(1, 200))))
    until(lambda: len(target.written) == 199)
    lent = [len(turns) for turns in target.lent]
    assert lent[:5] == [16, 8, 4, 2, 1]
    assert lent[10:15] == [1, 2, 4, 8, 16]
    assert target.written == list(range(1, 200))


def test_turns_of_many_readings_are_lent_fewer_at_a_time(start: Start) -> None:
    target = Target()
    start(target, Outbox(*(batch(turn, readings=4096) for turn in range(1, 41))))
    until(lambda: len(target.written) == 40)
    assert [len(turns) for turns in target.lent][:5] == [16, 8, 4, 2, 2]


def test_the_state_says_what_is_wrong_since_when_and_how_far_behind(
    start: Start, clock: Clock
) -> None:
    paused = threading.Semaphore(0)

    def sleep(seconds: float) -> None:
        clock.now += 30
        paused.acquire(timeout=SOON_S)

    outbox = Outbox(batch(1))
    target = Target((), Retry("HTTP 401: who are you?", reason="misconfigured"), Retry("no route"))
    delivery = start(target, outbox, sleep=sleep)
    until(lambda: delivery.cursor == 1)
    clock.now += 5
    outbox.turns |= {2: batch(2), 3: batch(3)}
    delivery.wake(3)
    until(lambda: not delivery.state.ok)
    state = delivery.state
    assert (state.reason, state.detail) == ("misconfigured", "HTTP 401: who are you?")
    assert (state.failing_s, state.idle_s, state.lag_turns) == (30, 35, 2)
    paused.release()
    until(lambda: delivery.state.reason == "unreachable")
    assert delivery.state.failing_s == 60
    paused.release()
    until(lambda: delivery.state.ok)
    assert delivery.state == ("", "", 0, 0, 0)


def test_a_delivery_that_has_not_done_anything_yet_is_well() -> None:
    state = Delivery("new", Target, Outbox(), 7).state
    assert (state.ok, state.idle_s, state.lag_turns) == (True, None, 0)


def test_one_warning_per_outage_and_one_line_when_it_is_over(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "streamer.delivery")
    gone, refused = Retry("nobody there"), Retry("no token", reason="misconfigured")
    delivery = start(Target(gone, gone, gone, refused, refused), Outbox(batch(1)))
    until(lambda: delivery.cursor == 1)
    assert delivery.close(SOON_S)
    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING", "DEBUG", "DEBUG", "WARNING", "DEBUG", "INFO"]
    assert "nobody there" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_bug_in_a_target_stops_nothing_and_is_shown_once(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    target = Target(KeyError("machine"), KeyError("machine"), ZeroDivisionError())
    delivery = start(target, Outbox(batch(1), batch(2)))
    until(lambda: delivery.cursor == 2)
    assert target.written == [1, 2]
    assert caplog.text.count("Traceback") == 1
    assert "KeyError: 'machine'" in caplog.text


def test_a_target_that_cannot_be_opened_is_opened_later(clock: Clock) -> None:
    target, failures = Target(), [Retry("no file", reason="misconfigured"), ValueError("a bug")]

    def open_target() -> Sink:
        if failures:
            raise failures.pop()
        return target

    delivery = Delivery("late", open_target, Outbox(batch(1)), 0, clock=clock, sleep=clock.sleep)
    delivery.start()
    until(lambda: delivery.cursor == 1)
    assert delivery.close(SOON_S)
    assert target.written == [1]


def test_an_outbox_that_cannot_be_read_is_read_later(start: Start) -> None:
    outbox, target = Outbox(batch(1)), Target()
    outbox.broken = [OSError("disk"), OSError("disk")]
    delivery = start(target, outbox)
    until(lambda: delivery.cursor == 1)
    assert target.lent == [[1]]


def lines_refused(*payloads: bytes) -> list[Refused]:
    return [Refused("http_400", "unable to parse", payload) for payload in payloads]


def test_refused_payloads_are_kept_until_a_commit_has_stored_them(start: Start) -> None:
    outbox = Outbox(batch(1))
    delivery = start(Target(lines_refused(b"a", b"b"), lines_refused(b"c")), outbox)
    until(lambda: delivery.cursor == 1)
    first = delivery.progress()
    assert (first.cursor, [one.payload for one in first.refused]) == (1, [b"a", b"b"])
    assert delivery.progress() == first  # that commit failed
    outbox.turns[2] = batch(2)
    delivery.wake(2)
    until(lambda: delivery.cursor == 2)
    delivery.settled(first)  # the next one did not, and meanwhile there is more
    assert [one.payload for one in delivery.progress().refused] == [b"c"]


def test_the_cursor_is_never_seen_before_what_was_refused_on_the_way(start: Start) -> None:
    outbox = Outbox(*map(batch, range(1, 300)))
    target = Target()
    target.write = lambda batches: lines_refused(*(b"%d" % one.turn for one in batches))  # type: ignore[method-assign]
    delivery = start(target, outbox)
    seen: list[bytes] = []
    while delivery.cursor < 299:
        progress = delivery.progress()
        seen += [one.payload for one in progress.refused]
        assert len(seen) == progress.cursor
        delivery.settled(progress)
    delivery.close(SOON_S)
    seen += [one.payload for one in delivery.progress().refused]
    assert seen == [b"%d" % turn for turn in range(1, 300)]


def test_delivery_pauses_while_too_much_refused_waits_to_be_stored(start: Start) -> None:
    outbox = Outbox(batch(1))
    target = Target(lines_refused(*[b"x"] * MOST_REFUSED))
    delivery = start(target, outbox)
    until(lambda: delivery.cursor == 1)
    outbox.turns[2] = batch(2)
    delivery.wake(2)
    assert delivery.state.reason == "backlogged"
    assert len(target.lent) == 1
    delivery.settled(delivery.progress())
    until(lambda: delivery.cursor == 2)
    assert delivery.state.ok


def test_a_stop_does_not_wait_for_a_target_that_is_down() -> None:
    target = Target(*[Retry("down")] * 100)
    delivery = Delivery("down", lambda: target, Outbox(batch(1)), 0)
    delivery.start()
    until(lambda: not delivery.state.ok)
    assert not delivery.close(SOON_S)
    assert target.closed
    assert delivery.cursor == 0


def test_a_stop_gives_up_on_a_target_that_hangs() -> None:
    release = threading.Event()
    target = Target(lambda: release.wait(SOON_S))
    delivery = Delivery("hangs", lambda: target, Outbox(batch(1), batch(2)), 0)
    delivery.start()
    until(lambda: bool(target.lent))
    assert not delivery.close(0.05)
    assert delivery.cursor == 0
    release.set()
    assert delivery.close(SOON_S)  # asked again, it has got there after all
    assert delivery.cursor == 2


def test_turns_committed_just_before_the_stop_are_delivered(start: Start) -> None:
    outbox = Outbox(batch(1))
    target = Target()

    def commit_meanwhile() -> None:
        if len(target.lent) == 1:
            outbox.turns[2] = batch(2)  # nobody will call wake for this one

    target.acts = [commit_meanwhile]
    delivery = start(target, outbox)
    until(lambda: delivery.cursor == 1)
    assert delivery.close(SOON_S)
    assert target.written == [1, 2]


def test_lingering_collects_turns_but_not_a_backlog_nor_the_last_ones(clock: Clock) -> None:
    outbox, target = Outbox(batch(1)), Target()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        outbox.turns.update({turn: batch(turn) for turn in (3, 4)})

    delivery = Delivery("slow", lambda: target, outbox, 0, linger_s=10, clock=clock, sleep=sleep)
    delivery.start()
    until(lambda: delivery.cursor == 1)
    assert clock.slept == []
    outbox.turns[2] = batch(2)
    delivery.wake(2)
    until(lambda: delivery.cursor == 4)
    assert clock.slept == [10]
    assert target.lent == [[1], [2, 3, 4]]
    outbox.turns[5] = batch(5)
    assert delivery.close(SOON_S)
    assert target.lent[2:] == [[5]]


class Server:
    """What a chaotic target keeps: content by turn, and the order in which it was first seen."""

    def __init__(self, dice: random.Random, trouble: float) -> None:
        self.dice, self.trouble = dice, trouble
        self.kept: dict[int, int] = {}
        self.writes = 0

    def write(self, batches: Sequence[Batch]) -> Sequence[Refused]:
        self.writes += 1
        act = self.dice.choice(["nothing", "part", "all, but who knows", "bug"])
        if self.dice.random() >= self.trouble:
            act = "all"
        done = {"nothing": 0, "bug": 0, "part": self.dice.randint(0, len(batches))}
        refused = []
        for one in batches[: done.get(act, len(batches))]:
            self.kept.setdefault(one.turn, one.points[0].readings.values.size)
            if one.turn % 7 == 0:
                refused += lines_refused(b"%d" % one.turn)
        if act == "bug":
            raise RuntimeError("chaos")
        if act != "all":
            raise Retry("chaos")
        return refused

    def close(self) -> None:
        pass


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), trouble=st.sampled_from([0.0, 0.3, 0.8]))
def test_chaos_and_crashes_lose_nothing_and_keep_the_order(seed: int, trouble: float) -> None:
    logging.getLogger("streamer.delivery").disabled = True
    dice = random.Random(seed)
    server = Server(dice, trouble)
    outbox = Outbox()
    stored, dead_letters, committed = 0, [], 0

    def commit(delivery: Delivery) -> None:
        nonlocal stored, committed
        progress = delivery.progress()
        if dice.random() < 0.2:
            return  # the transaction failed
        committed += 1
        outbox.turns[committed] = batch(committed)
        stored = progress.cursor
        dead_letters.extend(progress.refused)
        delivery.settled(progress)
        delivery.wake(committed)

    for _ in range(4):  # lives of the daemon; what was not stored at its end is forgotten
        delivery = Delivery("chaos", lambda: server, outbox, stored, sleep=lambda seconds: None)
        delivery.start()
        for _ in range(25):
            commit(delivery)
        delivery.close(SOON_S)
    logging.getLogger("streamer.delivery").disabled = False

    server.trouble = 0
    last = Delivery("chaos", lambda: server, outbox, stored)
    last.start()
    assert last.close(SOON_S)
    dead_letters.extend(last.progress().refused)
    assert list(server.kept) == list(range(1, committed + 1))
    assert {one.payload for one in dead_letters} == {b"%d" % t for t in range(7, committed + 1, 7)}


class Notebook:
    """A notifier that writes down what it is told; ``acts`` as for `Target`."""

    def __init__(self, *acts: Exception | Refused | None) -> None:
        self.acts = list(acts)
        self.told: list[AlertEvent] = []
        self.closed = False

    def notify(self, event: AlertEvent) -> Refused | None:
        act = self.acts.pop(0) if self.acts else None
        if isinstance(act, Exception):
            raise act
        if act is None:
            self.told.append(event)
        return act

    def close(self) -> None:
        self.closed = True


def test_a_notifier_hears_every_event_once_and_in_order_whatever_fails(start: Start) -> None:
    events = [event(number) for number in range(9)]
    gone = Retry("nobody there")
    no = Refused("http_410", "gone", b"{}")
    notebook = Notebook(None, gone, None, gone, gone, no, None, None, gone)
    turns = [
        batch(1, readings=0, alerts=events[:4]),
        batch(2),
        batch(3, alerts=events[4:5]),
        batch(4, readings=0),
        batch(5, alerts=events[5:]),
    ]
    delivery = start(Telling(notebook), Outbox(*turns))
    until(lambda: delivery.cursor == 5)
    assert notebook.told == [*events[:2], *events[3:]]
    assert delivery.progress().refused == (no,)
    assert delivery.close(SOON_S)
    assert notebook.closed


def test_what_a_notifier_refused_before_a_failure_is_not_forgotten(start: Start) -> None:
    no = Refused("http_400", "what?", b"{}")
    notebook = Notebook(no, Retry("now I am down"), None)
    delivery = start(Telling(notebook), Outbox(batch(1, alerts=[event(0), event(1)])))
    until(lambda: delivery.cursor == 1)
    assert delivery.progress().refused == (no,)
    assert notebook.told == [event(1)]
