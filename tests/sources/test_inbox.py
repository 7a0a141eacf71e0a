"""The queue between the threads is bounded twice and keeps its order."""

from __future__ import annotations

import threading

from streamer.records import Message
from streamer.sources.inbox import Inbox


def message(i, size=1):
    return Message("t", b"%d".ljust(size) % i, i)


def test_it_is_full_by_messages_and_by_bytes():
    by_messages, by_bytes = Inbox(3, 10**6), Inbox(100, 1000)
    by_messages.put([message(i) for i in range(3)])
    by_bytes.put([message(0, 600)])
    assert by_messages.full
    assert not by_bytes.full
    by_bytes.put([message(1, 600)])
    assert by_bytes.full
    by_bytes.take(1, timeout_s=0)
    assert not by_bytes.full


def test_batches_come_out_in_order_in_any_portion():
    inbox = Inbox(100, 10**6)
    inbox.put([message(i) for i in range(5)])
    inbox.put([message(i) for i in range(5, 8)])
    portions = [inbox.take(limit, timeout_s=0) for limit in (2, 4, 100, 1)]
    assert [[m.received_ns for m in part] for part in portions] == [
        [0, 1],
        [2, 3, 4, 5],
        [6, 7],
        [],
    ]


def test_room_is_told_once_when_a_full_queue_has_some_again():
    told = []
    inbox = Inbox(3, 10**6, lambda: told.append(inbox.full))
    inbox.put([message(i) for i in range(4)])
    inbox.take(1, timeout_s=0)
    assert told == []
    inbox.take(1, timeout_s=0)
    inbox.take(1, timeout_s=0)
    assert told == [False]


def test_a_waiting_taker_is_woken():
    inbox, taken = Inbox(3, 10**6), []
    taker = threading.Thread(target=lambda: taken.extend(inbox.take(5, timeout_s=30)))
    taker.start()
    inbox.put([message(1)])
    taker.join(10)
    assert [m.received_ns for m in taken] == [1]


def test_waiting_for_room_ends():
    inbox = Inbox(1, 10**6)
    assert inbox.wait_for_room(0)
    inbox.put([message(1)])
    assert not inbox.wait_for_room(0)
