"""The roster: a machine keeps its row for life, and not everybody may have one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.records import Fault, Machine
from streamer.roster import Roster


def labels(name: str) -> tuple[tuple[str, str], ...]:
    return (("site", "north"), ("machine", name))


@given(st.lists(st.sampled_from("abcdef"), max_size=30), st.integers(1, 4))
def test_rows_are_given_in_order_of_arrival_up_to_the_limit(names, most):
    roster = Roster("pump", None, most)
    order = list(dict.fromkeys(names))
    for name in names:
        row, number = roster.row(labels(name)), order.index(name)
        if number < most:
            assert row == number
        else:
            assert row.reason == "too_many_machines"
            assert f"max_machines is {most}" in row.detail
    known = [Machine("pump", labels(name)) for name in order[:most]]
    assert roster.machines == known
    assert len(roster) == len(known)


def test_new_machines_are_told_once():
    roster = Roster("pump", None, 9)
    for name in "aba":
        roster.row(labels(name))
    assert roster.take_new() == [
        (0, Machine("pump", labels("a"))),
        (1, Machine("pump", labels("b"))),
    ]
    assert roster.take_new() == []
    roster.row(labels("c"))
    assert [row for row, _ in roster.take_new()] == [2]


def test_who_is_not_listed_is_refused_by_name():
    roster = Roster("pump", ["north/a"], 9)
    assert roster.row(labels("a")) == 0
    fault = roster.row(labels("b"))
    assert isinstance(fault, Fault)
    assert fault == Fault("unknown_machine", "'north/b' is not among pump's machines")
    assert len(roster) == 1


def test_machines_of_an_earlier_run_get_their_rows_back():
    earlier = [Machine("pump", labels(name)) for name in "abc"]
    roster = Roster("pump", ["north/c", "north/d"], 3)  # the configuration has changed since
    roster.restore(earlier)
    assert [roster.row(labels(name)) for name in "cba"] == [2, 1, 0]
    assert roster.take_new() == []
    assert roster.row(labels("d")).reason == "too_many_machines"
    roster.restore(earlier)
    assert roster.machines == earlier
