"""Identity: a reading that was here before is known again, however the stream is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.identity import MASKS_KEPT, EventOrder, Parts, Redelivered, bits, digest
from streamer.intake import Intake
from streamer.records import Columns
from streamer.roster import Roster
from tests.core.plant import arriving

ALL = 10**6
"""More readings than any of these tests has: nothing is forgotten."""


class Oracle:
    """The rule in its plainest form: every identity is kept, and each sensor's newest time."""

    def __init__(self) -> None:
        self.here: set[tuple[int, int, int]] = set()
        self.newest: dict[tuple[int, int], int] = {}

    def admit(self, row: int, time_ns: int, mask: int) -> Parts:
        fresh = late = duplicate = 0
        for bit in bits(mask):
            if (row, bit, time_ns) in self.here:
                duplicate |= bit
            elif time_ns <= self.newest.get((row, bit), -1):
                late |= bit
            else:
                fresh |= bit
                self.newest[row, bit] = time_ns
            self.here.add((row, bit, time_ns))
        return Parts(fresh, late, duplicate)


@st.composite
def streams(draw, n_sensors: int = 4):
    one = st.tuples(st.integers(0, 2), st.integers(0, 12), st.integers(1, 2**n_sensors - 1))
    return draw(st.lists(one, max_size=60))


@given(streams())
@settings(deadline=None)
def test_every_reading_is_what_the_rule_says(stream):
    order, oracle = EventOrder(4, ALL), Oracle()
    for reading in stream:
        assert order.admit(*reading) == oracle.admit(*reading)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 2**80 - 1)), max_size=150))
@settings(max_examples=20, deadline=None)
def test_the_rule_holds_for_many_sensors_in_many_combinations(stream):
    order, oracle = EventOrder(80, ALL), Oracle()
    for time_ns, mask in stream:
        assert order.admit(0, time_ns, mask) == oracle.admit(0, time_ns, mask)


def test_folding_many_combinations_forgets_nothing():
    order, oracle = EventOrder(9, ALL), Oracle()
    once = 1 << 8  # a sensor that speaks but once, before all the others
    stream = [(5, once), *((10 + t, t % 255 + 1) for t in range(3 * MASKS_KEPT)), (4, once)]
    stream += [(10 + t, 0b11) for t in range(0, 3 * MASKS_KEPT, 5)]
    for time_ns, mask in stream:
        assert order.admit(0, time_ns, mask) == oracle.admit(0, time_ns, mask)
    assert order.state()[0].tolist() == [oracle.newest[0, 1 << s] for s in range(9)]


def stored(order: EventOrder, stream, n_sensors: int) -> Columns:
    """What the journal would hold of a stream: a line for what is fresh, one for what is late."""
    lines = []
    for row, time_ns, mask in stream:
        parts = order.admit(row, time_ns, mask)
        lines += [(row, time_ns, part, late) for late, part in enumerate(parts[:2]) if part]
    values = np.full((len(lines), n_sensors), np.nan)
    for i, (_, _, mask, _) in enumerate(lines):
        values[i, [s for s in range(n_sensors) if mask >> s & 1]] = 1.0
    rows, times, _, flags = zip(*lines, strict=True) if lines else ((), (), (), ())
    return Columns(np.array(rows, "i4"), np.array(times, "i8"), values, np.array(flags, "u1"))


def part(columns: Columns, chosen: slice) -> Columns:
    return Columns(
        columns.rows[chosen], columns.times[chosen], columns.values[chosen], columns.flags[chosen]
    )


@given(streams(), st.integers(0, 60), streams(), st.sampled_from([3, ALL]))
@settings(deadline=None)
def test_a_restart_does_not_show(before, cut, after, remember):
    there = EventOrder(4, remember)
    journal = stored(there, before, 4)
    snapshot = EventOrder(4, remember)
    snapshot.replay(part(journal, slice(cut)))

    again = EventOrder(4, remember)
    again.restore(snapshot.state())
    again.recall(part(journal, slice(cut)))
    again.replay(part(journal, slice(cut, None)))

    assert again.state().tolist() == there.state().tolist()
    assert again.last_seen().tolist() == there.last_seen().tolist()
    for reading in after:
        assert again.admit(*reading) == there.admit(*reading)


@pytest.mark.parametrize("n_sensors", [1, 8, 62, 63, 64, 65, 256])
def test_a_restart_does_not_show_with_any_number_of_sensors(n_sensors: int):
    last, everything = 1 << (n_sensors - 1), (1 << n_sensors) - 1
    there = EventOrder(n_sensors, ALL)
    columns = stored(there, [(0, 5, last), (0, 9, everything), (0, 9, last)], n_sensors)
    for again in (EventOrder(n_sensors, ALL), EventOrder(n_sensors, ALL)):
        again.replay(columns)
        assert again.admit(0, 5, last) == Parts(0, 0, last)
        assert again.admit(0, 9, everything) == Parts(0, 0, everything)
        assert again.admit(0, 10, everything) == Parts(everything, 0, 0)
    recalled = EventOrder(n_sensors, ALL)
    recalled.restore(there.state())
    recalled.recall(columns)
    assert recalled.admit(0, 9, everything) == Parts(0, 0, everything)


def test_only_so_many_identities_are_kept():
    order = EventOrder(1, remember=3)
    for time_ns in range(5):
        order.admit(0, time_ns, 1)
        order.end_turn()
    assert [order.admit(0, time_ns, 1).duplicate for time_ns in (4, 3, 2)] == [1, 1, 1]
    assert order.admit(0, 1, 1) == Parts(0, 1, 0)  # forgotten, so late
    order.end_turn()
    assert len(order._recent) == order.kept == 3


def test_none_of_the_last_two_turns_is_forgotten_however_many_readings_they_hold():
    order = EventOrder(1, remember=3)
    for turn in range(3):
        for time_ns in range(10 * turn, 10 * turn + 10):
            order.admit(0, time_ns, 1)
        order.end_turn()
    assert order.kept == 20
    assert [order.admit(0, time_ns, 1).duplicate for time_ns in range(30)] == [0] * 10 + [1] * 20


def test_a_time_that_was_told_is_not_fresh_even_when_its_identity_is_forgotten():
    order = EventOrder(1, remember=1)
    for row in range(3):
        order.admit(row, 5, 1)
        order.end_turn()
    assert order.admit(0, 5, 1) == Parts(0, 1, 0)


def test_newest_times_are_known_by_row():
    order = EventOrder(2, ALL)
    order.admit(2, 7, 0b01)
    order.admit(2, 5, 0b10)
    assert [order.newest(row) for row in range(4)] == [-1, -1, 7, -1]
    assert order.last_seen().tolist() == [-1, -1, 7]
    assert order.state().tolist() == [[-1, -1], [-1, -1], [7, 5]]


@given(streams(3))
@settings(deadline=None)
def test_an_intake_stores_what_is_new_and_marks_what_is_late(stream):
    intake = Intake("pump", ("a", "b", "c"), Roster("pump", None, 9), EventOrder(3, ALL))
    oracle = Oracle()
    expected = []
    for row, time_ns, mask in stream:
        values = {name: float(time_ns) for s, name in enumerate("abc") if mask >> s & 1}
        parts = oracle.admit(row, time_ns, mask)
        got = intake.add(row, time_ns, intake.layout(values), values)
        assert got == (bool(parts.fresh | parts.late), bool(parts.late))
        expected += [
            (row, time_ns, late, [time_ns if part >> s & 1 else None for s in range(3)])
            for late, part in enumerate(parts[:2])
            if part
        ]
    columns = intake.take(1)
    found = (
        []
        if columns is None
        else [
            (int(row), int(time_ns), int(flag), [None if np.isnan(v) else v for v in values])
            for row, time_ns, flag, values in zip(
                columns.rows, columns.times, columns.flags, columns.values, strict=True
            )
        ]
    )
    assert found == expected
    assert intake.take(1) is None


# Messages without a time.

FIRST = arriving("plant/a", b"12.3", 5)


def committed(*messages) -> Redelivered:
    known = Redelivered()
    known.remember([(message.mid, digest(message)) for message in messages])
    return known


def test_a_message_marked_as_a_duplicate_is_known_again():
    assert committed(FIRST).seen(FIRST._replace(dup=True))


@pytest.mark.parametrize(
    "other",
    [
        FIRST,  # not marked: the identifier is in use again
        FIRST._replace(dup=True, mid=6),
        FIRST._replace(dup=True, payload=b"12.4"),
        FIRST._replace(dup=True, topic="plant/b"),
        FIRST._replace(dup=True, topic="plant", payload=b"/a12.3"),
    ],
)
def test_another_message_is_not(other):
    assert not committed(FIRST).seen(other)


def test_an_identifier_names_its_last_message_only():
    known = committed(FIRST, FIRST._replace(payload=b"12.4"))
    assert not known.seen(FIRST._replace(dup=True))
    assert known.seen(FIRST._replace(dup=True, payload=b"12.4"))


def test_a_new_session_has_no_past():
    known = committed(FIRST)
    known.forget()
    assert not known.seen(FIRST._replace(dup=True))
