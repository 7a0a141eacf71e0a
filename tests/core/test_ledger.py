"""How many dead letters are kept: few of a kind in an hour, whatever keeps coming."""

from __future__ import annotations

import pytest

from streamer import ledger as module
from streamer.ledger import HOUR_NS, LETTERS_PER_HOUR, LETTERS_PER_TURN, Ledger
from streamer.records import Fault, Message

EXTRA = Fault("unknown_sensor", "status is no sensor of the class")
SECOND = 10**9


def message(topic: str = "plant/P1", received_ns: int = 0) -> Message:
    return Message(topic, b'{"status":"ok"}', received_ns)


def not_kept(ledger: Ledger) -> int:
    return ledger.counters.get("dead_letters_not_kept", 0)


def test_a_field_refused_in_every_message_for_a_day_leaves_few_letters_an_hour() -> None:
    ledger = Ledger({})
    kept = []
    for second in range(0, 86_400, 10):
        ledger.stored(late=False)
        ledger.field_rejected(message(received_ns=second * SECOND), EXTRA)
        kept += ledger.take_letters()
    assert len(kept) == 24 * LETTERS_PER_HOUR
    assert ledger.counters["fields_rejected_unknown_sensor"] == 8640
    assert not_kept(ledger) == 8640 - len(kept)
    assert ledger.balanced()


def test_what_is_rare_is_kept_beside_what_comes_always() -> None:
    ledger = Ledger({})
    for _ in range(LETTERS_PER_HOUR + 5):
        ledger.field_rejected(message(), EXTRA)
    ledger.field_rejected(message("plant/P2"), EXTRA)
    ledger.rejected(message(), Fault("not_json", "no JSON"))
    letters = [(one.origin, one.reason) for one in ledger.take_letters()]
    assert letters[LETTERS_PER_HOUR:] == [("plant/P2", EXTRA.reason), ("plant/P1", "not_json")]
    assert not_kept(ledger) == 5


def test_a_clock_that_is_set_back_begins_another_hour() -> None:
    ledger = Ledger({})
    for hour in (5, 2):
        for _ in range(LETTERS_PER_HOUR + 1):
            ledger.field_rejected(message(received_ns=hour * HOUR_NS), EXTRA)
    assert len(ledger.take_letters()) == 2 * LETTERS_PER_HOUR


def test_what_a_full_turn_did_not_keep_may_be_kept_of_the_next() -> None:
    ledger = Ledger({})
    for i in range(LETTERS_PER_TURN):
        ledger.rejected(message(f"stranger/{i}"), EXTRA)
    for _ in range(LETTERS_PER_HOUR):
        ledger.rejected(message(), EXTRA)
    assert len(ledger.take_letters()) == LETTERS_PER_TURN
    ledger.rejected(message(), EXTRA)
    assert [one.origin for one in ledger.take_letters()] == ["plant/P1"]


def test_topics_that_strangers_invent_do_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_ORIGINS", 30)
    ledger = Ledger({})
    for i in range(100):
        ledger.rejected(message(f"stranger/{i}"), EXTRA)
    assert len(ledger.take_letters()) == len(ledger._kept) == 30
    assert not_kept(ledger) == 70
    ledger.rejected(message("stranger/7"), EXTRA)  # who is known is still heard
    ledger.rejected(message("stranger/99", HOUR_NS), EXTRA)
    assert [one.origin for one in ledger.take_letters()] == ["stranger/7", "stranger/99"]
    assert len(ledger._kept) == 1
