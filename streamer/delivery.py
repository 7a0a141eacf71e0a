"""The way out: one thread per sink or notifier carries committed turns to it, in order.

Turns are *lent* to the target and then accounted for: written, refused for good (a dead letter with
the server's reason), or, if nobody says so, kept and lent again. The cursor is moved by the loop,
which stores it with its next commit; so after a crash some turns are written a second time, which
every target must bear, and none is forgotten. A target may be down for days: nothing is given up
for having been tried too often, and the outbox, not memory, holds what waits.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from streamer.notifiers import Notifier
from streamer.records import Batch
from streamer.sinks import Refused, Retry, Sink

log = logging.getLogger(__name__)

LONGEST_DELAY_S = 60.0
LONGEST_ASKED_DELAY_S = 300.0
"""A server's Retry-After is honoured up to here; beyond, we ask again."""
READINGS_PER_WRITE = 8192
"""About how much is lent at once: enough to drain a backlog fast, little enough for memory."""
MOST_TURNS_PER_WRITE = 256
MOST_REFUSED = 10_000
"""Refused payloads that may wait in memory for the loop to store them; then delivery pauses."""


class Source(Protocol):
    """Committed turns in order; used by the delivery's thread alone."""

    def batches(self, after: int, limit: int) -> list[Batch]:
        """The next turns after ``after``; fewer than ``limit`` means these are all there are."""

    def close(self) -> None: ...


class Progress(NamedTuple):
    """What the loop stores with its next commit: how far, and what will never be written."""

    cursor: int
    refused: tuple[Refused, ...]


class State(NamedTuple):
    """How a delivery is, for the health page."""

    reason: str
    """One word, see `Retry`, or ``unexpected`` or ``backlogged``; "" while it works."""
    detail: str
    failing_s: float
    idle_s: float | None
    """Seconds since something was last written; None before the first time."""
    lag_turns: int

    @property
    def ok(self) -> bool:
        """Does it work?"""
        return not self.reason


class _Failure(NamedTuple):
    reason: str
    detail: str
    since: float


def backoff_s(
    failures: int, asked_s: float = 0.0, draw: Callable[[float, float], float] = random.uniform
) -> float:
    """How long to wait after so many failures in a row: exponential, with full jitter.

    The n-th wait is drawn between 0 and min(60, 2ⁿ⁻¹) seconds, so that a hundred gateways do not
    come back to a server all at once; never less than the server itself asked for.

    >>> backoff_s(3, draw=lambda low, high: high)
    4.0
    >>> backoff_s(99, draw=lambda low, high: high)
    60.0
    """
    longest = min(LONGEST_DELAY_S, 2.0 ** min(failures - 1, 10))
    return max(draw(0.0, longest), min(asked_s, LONGEST_ASKED_DELAY_S))


class Delivery:
    """Carries the turns after ``cursor`` from ``source`` to one target, on a thread of its own.

    Parameters
    ----------
    name
        Key of its cursor in the journal and name in logs.
    open_target
        Called on the thread; tried again, like a write, if it raises.
    source
        An outbox reader; closed by the thread when it ends.
    cursor
        The last turn that was written, 0 for none.
    linger_s
        How long to collect turns before a write, where many small writes are dear.
    clock, sleep, draw
        For tests: a monotonic clock, how to wait, how to jitter.
    """

    def __init__(
        self,
        name: str,
        open_target: Callable[[], Sink],
        source: Source,
        cursor: int,
        *,
        linger_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.name = name
        self._open_target = open_target
        self._target: Sink | None = None
        self._source = source
        self._linger_s = linger_s
        self._clock = clock
        self._stopping = threading.Event()
        self._sleep = sleep or self._stopping.wait
        self._draw = draw
        self._turns = 16
        self._failures = 0
        self._drained = False
        self._thread = threading.Thread(target=self._run, name=f"delivery-{name}", daemon=True)
        # Everything below is shared with the loop and guarded by this condition.
        self._changed = threading.Condition()
        self._cursor = cursor
        self._newest = cursor
        self._seen = -1
        self._refused: list[Refused] = []
        self._failure: _Failure | None = None
        self._last_success: float | None = None

    # The loop's side.

    def start(self) -> None:
        """Begin with whatever the outbox holds."""
        self._thread.start()

    def wake(self, turn: int) -> None:
        """Turn ``turn`` is committed."""
        with self._changed:
            self._newest = max(self._newest, turn)
            self._changed.notify_all()

    def progress(self) -> Progress:
        """What to store with the next commit; asking again before `settled` repeats it."""
        with self._changed:
            return Progress(self._cursor, tuple(self._refused))

    def settled(self, progress: Progress) -> None:
        """The commit that stored ``progress`` succeeded: its refused payloads can be forgotten."""
        with self._changed:
            del self._refused[: len(progress.refused)]
            self._changed.notify_all()

    @property
    def cursor(self) -> int:
        """The last turn that is written."""
        return self.progress().cursor

    @property
    def state(self) -> State:
        """How it is doing now."""
        with self._changed:
            now, failure = self._clock(), self._failure
            lag = max(0, self._newest - self._cursor)
            idle_s = None if self._last_success is None else now - self._last_success
            if failure is not None:
                failing_s = now - failure.since
                return State(failure.reason, failure.detail, failing_s, idle_s, lag)
            if not self._has_room():
                waiting = f"{len(self._refused)} refused payloads wait to be stored"
                return State("backlogged", waiting, 0.0, idle_s, lag)
            return State("", "", 0.0, idle_s, lag)

    def stop(self) -> None:
        """Ask it to deliver what there is, as long as the target takes it, and then to end."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()

    def close(self, timeout_s: float) -> bool:
        """Stop and wait for the end; True if every turn was delivered. Safe to call twice."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return self._drained and not self._thread.is_alive()

    # The thread's side.

    def _run(self) -> None:
        while self._wait_for_work():
            try:
                self._deliver()
            except Retry as retry:
                self._failed(retry)
            except Exception as surprise:  # noqa: BLE001
                # A bug in a target, or a library's exception nobody foresaw: the turns are kept,
                # the thread lives on, and the log shows where it came from.
                self._failed(Retry(_say(surprise), reason="unexpected"), surprise)
        self._close_target()
        self._source.close()

    def _wait_for_work(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping.is_set() or self._has_work())
            if self._stopping.is_set():
                return not self._drained and self._failures == 0 and self._has_room()
            collecting = self._seen >= 0 and self._failures == 0
        if collecting and self._linger_s > 0:
            self._sleep(self._linger_s)
        return True

    def _has_work(self) -> bool:
        return self._seen < self._newest and self._has_room()

    def _has_room(self) -> bool:
        return len(self._refused) < MOST_REFUSED

    def _deliver(self) -> None:
        with self._changed:
            stopping, newest = self._stopping.is_set(), self._newest
        lent = self._source.batches(self._cursor, self._turns)
        refused: Sequence[Refused] = ()
        if lent:
            self._target = self._target or self._open_target()
            refused = self._target.write(lent)
        all_seen = len(lent) < self._turns
        self._written(lent, refused, newest if all_seen else -1)
        # Only a look that began after `stop` proves that nothing is left.
        self._drained = stopping and all_seen

    def _written(self, lent: Sequence[Batch], refused: Sequence[Refused], seen: int) -> None:
        with self._changed:
            self._seen = seen
            self._refused += refused
            if lent:
                self._cursor = lent[-1].turn
                self._last_success = self._clock()
            recovered, self._failure, self._failures = self._failure, None, 0
            failing_s = self._clock() - recovered.since if recovered else 0.0
        if recovered:
            log.info("%s: works again after %.0f s", self.name, failing_s)
        if refused:
            reason, detail, _ = refused[0]
            log.warning("%s: %d refused for good: %s: %s", self.name, len(refused), reason, detail)
        self._choose_size(lent)

    def _choose_size(self, lent: Sequence[Batch]) -> None:
        readings = sum(len(points.readings.rows) for batch in lent for points in batch.points)
        if readings > READINGS_PER_WRITE:
            self._turns = max(1, self._turns // 2)
        elif len(lent) == self._turns and 2 * readings <= READINGS_PER_WRITE:
            self._turns = min(MOST_TURNS_PER_WRITE, 2 * self._turns)

    def _failed(self, retry: Retry, surprise: Exception | None = None) -> None:
        # A smaller load next time: what is too slow or too large as a whole may pass in parts.
        self._turns = max(1, self._turns // 2)
        with self._changed:
            before = self._failure
            since = before.since if before else self._clock()
            self._failure = _Failure(retry.reason, retry.detail, since)
            self._failures += 1
        news = before is None or before.reason != retry.reason
        log.log(
            logging.WARNING if news else logging.DEBUG,
            "%s: %s, keeping everything and trying again: %s",
            self.name,
            retry.reason,
            retry.detail,
            exc_info=surprise if news else None,
        )
        self._sleep(backoff_s(self._failures, retry.after_s, self._draw))

    def _close_target(self) -> None:
        target, self._target = self._target, None
        if target is None:
            return
        try:
            target.close()
        except Exception:
            log.exception("%s: could not be closed", self.name)


class Telling:
    """A notifier as a sink: events one by one, none told again because a later one failed."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._turn = 0
        self._told = 0
        """How many events of ``_turn``, and all of the turns before it, are told."""
        self._refused: list[Refused] = []

    def write(self, batches: Sequence[Batch]) -> Sequence[Refused]:
        """Tell the events of these turns that are not told yet."""
        for batch in batches:
            if batch.turn > self._turn:
                self._turn, self._told = batch.turn, 0
            if batch.turn == self._turn:
                self._tell(batch)
        refused, self._refused = self._refused, []
        return refused

    def _tell(self, batch: Batch) -> None:
        for event in batch.alerts[self._told :]:
            refused = self._notifier.notify(event)
            if refused is not None:
                self._refused.append(refused)
            self._told += 1

    def close(self) -> None:
        """Close the notifier."""
        self._notifier.close()


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
