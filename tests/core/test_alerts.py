"""Alerts, told as stories: what severity does, and what somebody hears of it."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.alerts import NS, AlertBook, Rule, Why
from streamer.records import Evidence, Machine, Tick

NAN = math.nan
FAULT = Rule("machine_fault", "machine", hold_s=60, keep_firing_s=120, clear=0.8)
AT_ONCE = Rule("at_once", "machine")
MACHINES = [Machine("pump", (("site", "north"), ("machine", f"P{i}"))) for i in range(4)]


class Story:
    """One machine's severity over time and what was told of it; times in seconds."""

    def __init__(self, rule: Rule = FAULT) -> None:
        self.book = AlertBook(MACHINES, [rule], silent_s=0)
        self.rule = rule
        self.told: list[tuple[float, str]] = []
        self._now = 0.0

    def at(self, second: float, severity: float) -> Story:
        self._now = second
        for event in judge(self.book, [(0, round(second * NS), [severity])]):
            self.told.append((event.time_ns / NS, event.state))
        return self

    def every(self, step: float, until: float, *severities: float) -> Story:
        """These severities again and again, from the next step until a time."""
        n = 0
        while self._now + step <= until:
            self.at(self._now + step, severities[n % len(severities)])
            n += 1
        return self

    def expect(self, state: str) -> Story:
        assert self.state == state, f"at {self._now} s"
        return self

    @property
    def state(self) -> str:
        alert = self.book.active.get((0, self.rule.name))
        return "inactive" if alert is None else "firing" if alert.firing else "pending"


def judge(book: AlertBook, readings) -> list:
    """Readings are (row, time_ns, [severity per rule]); the reason names the reading's time."""
    rows = np.array([row for row, _, _ in readings], "i4")
    times = np.array([time_ns for _, time_ns, _ in readings], "i8")
    severities = np.array([s for _, _, s in readings], "f8").reshape(len(readings), len(book.rules))

    def why(i: int, r: int) -> Why:
        reason = f"{book.rules[r].name} {severities[i, r]:g} at {times[i] / NS:g}"
        return Why(reason, Evidence("heat", score=float(severities[i, r])))

    return book.judge(rows, times, list(severities.T), why)


def test_a_fault_is_held_then_fires_then_is_kept_then_resolved():
    story = Story()
    story.at(0, 0.5).expect("inactive")
    story.at(10, 1.2).expect("pending")
    story.at(40, 3.0).expect("pending")
    story.at(69, 1.1).expect("pending")
    story.at(70, 1.1).expect("firing")
    story.at(100, 0.1).expect("firing")
    story.at(219, 0.1).expect("firing")
    story.at(220, 0.1).expect("inactive")
    assert story.told == [(70, "firing"), (220, "resolved")]


def test_a_peak_is_nobodys_business():
    story = Story().at(0, 9.0).expect("pending").at(30, 0.2).expect("inactive")
    story.at(70, 9.0).expect("pending").at(110, 0.79).expect("inactive")
    assert story.told == []


def test_between_clear_and_limit_nothing_begins_and_nothing_ends():
    story = Story()
    story.at(0, 0.99).expect("inactive")
    story.at(1, 1.0).expect("pending")
    story.at(30, 0.85).expect("pending")
    story.at(61, 0.85).expect("firing")
    story.every(50, 1000, 0.8).expect("firing")
    story.at(1010, 0.79).at(1100, 0.8).at(1140, 0.79).expect("firing")  # the quiet begins anew
    story.at(1259, 0.79).expect("firing").at(1260, 0.79).expect("inactive")


def test_silence_is_no_all_clear():
    story = Story().at(0, 2.0).at(60, 2.0).expect("firing")
    story.every(60, 9_000, NAN).expect("firing")
    story.at(9_010, 0.1).every(60, 9_120, NAN).expect("firing")
    story.at(9_130, 0.1).expect("inactive")
    assert story.told == [(60, "firing"), (9_130, "resolved")]


def test_nan_begins_nothing_and_does_not_hold():
    Story().at(0, NAN).expect("inactive")
    story = Story().at(0, 1.5).every(10, 100, NAN).expect("pending")
    story.at(110, 1.5).expect("firing")


def test_chattering_around_the_limit_is_one_alert_at_most():
    story = Story()
    for second in range(3_600):
        story.at(second, 1.05 if second % 2 else 0.95)
    assert story.told == [(61, "firing")]

    story = Story()
    for second in range(3_600):
        story.at(second, 1.05 if second % 2 else 0.75)
    assert story.told == []


def test_without_a_hold_the_first_reading_fires():
    story = Story(AT_ONCE).at(0, 1.0).expect("firing").at(1, 0.5).expect("inactive")
    assert story.told == [(0, "firing"), (1, "resolved")]


def test_a_fault_that_comes_back_is_a_new_episode():
    book = AlertBook(MACHINES, [AT_ONCE], 0)
    events = judge(book, [(0, t * NS, [s]) for t, s in enumerate([1.0, 0.0, 2.0, 0.0])])
    assert [(e.state, e.since_ns // NS) for e in events] == [
        ("firing", 0), ("resolved", 0), ("firing", 2), ("resolved", 2)
    ]  # fmt: skip
    assert len({event.id for event in events}) == 4


def test_an_alert_tells_of_its_worst_moment():
    book = AlertBook(MACHINES, [FAULT], 0)
    readings = [(0, t * NS, [s]) for t, s in [(0, 1.0), (10, 5.0), (20, 3.0), (60, 2.0)]]
    (fired,) = judge(book, readings)
    assert fired.reason == "machine_fault 5 at 10"
    assert fired.evidence == Evidence("heat", score=5.0)
    assert (fired.time_ns, fired.since_ns) == (60 * NS, 0)
    assert (fired.machine, fired.labels) == ("north/P0", {"site": "north", "machine": "P0"})
    assert (fired.machine_class, fired.rule, fired.kind) == ("pump", "machine_fault", "machine")


def test_there_is_one_alert_for_each_machine_and_rule():
    book = AlertBook(MACHINES, [AT_ONCE, FAULT], 0)
    events = judge(book, [(row, t * NS, [2.0, 2.0]) for t in (0, 30, 60) for row in (0, 1)])
    told = [(e.machine, e.rule, e.time_ns // NS) for e in events]
    assert told == [
        ("north/P0", "at_once", 0),
        ("north/P1", "at_once", 0),
        ("north/P0", "machine_fault", 60),
        ("north/P1", "machine_fault", 60),
    ]


severity = st.sampled_from([0.0, 0.5, 0.79, 0.8, 0.9, 1.0, 1.5, NAN, math.inf])
one_reading = st.tuples(st.integers(0, 3), st.lists(severity, min_size=2, max_size=2))


@given(st.lists(one_reading, max_size=80), st.lists(st.integers(0, 80), max_size=6))
@settings(deadline=None)
def test_how_readings_are_cut_into_turns_does_not_matter(stream, cuts):
    readings = [(row, 15 * i * NS, severities) for i, (row, severities) in enumerate(stream)]
    whole, cut = (AlertBook(MACHINES, [AT_ONCE, FAULT], 0) for _ in range(2))
    expected = judge(whole, readings)
    edges = [0, *sorted(cuts), len(readings)]
    found = [e for a, b in pairwise(edges) for e in judge(cut, readings[a:b])]
    assert found == expected
    assert cut.state() == whole.state()


@given(st.lists(one_reading, max_size=60), st.integers(0, 60))
@settings(deadline=None)
def test_a_restart_does_not_show(stream, cut):
    readings = [(row, 15 * i * NS, severities) for i, (row, severities) in enumerate(stream)]
    whole, first, second = (AlertBook(MACHINES, [AT_ONCE, FAULT], 0) for _ in range(3))
    expected = judge(whole, readings)
    before = judge(first, readings[:cut])
    second.restore(first.state(), 0)
    assert before + judge(second, readings[cut:]) == expected


def test_alerts_of_rules_that_are_gone_are_dropped():
    book = AlertBook(MACHINES, [AT_ONCE, FAULT], 0)
    judge(book, [(0, 0, [2.0, 2.0])])
    other = AlertBook(MACHINES, [FAULT], 0)
    other.restore(book.state(), 0)
    assert list(other.active) == [(0, "machine_fault")]


# Silence.


class Ears:
    """Machines last heard at some second, and what is told at ticks."""

    def __init__(self, after_s: float = 100) -> None:
        self.book = AlertBook(MACHINES, [], after_s)

    def tick(self, now: float, last_seen: list[float], hearing_since: float = 0) -> list[tuple]:
        seen = np.array([round(s * NS) if s >= 0 else -1 for s in last_seen], "i8")
        tick = Tick(round(now * NS), round(hearing_since * NS))
        matters = self.book.tick_matters(tick, seen)
        events = self.book.tick(tick, seen)
        assert matters == bool(events)
        return [(event.machine, event.state, event.reason) for event in events]


def test_a_machine_that_falls_silent_is_missed_until_it_speaks():
    ears = Ears()
    assert ears.tick(1000, [900, 950]) == []
    assert ears.tick(1001, [900, 950]) == [("north/P0", "firing", "silent for 2 min")]
    assert ears.tick(1040, [900, 1040]) == []
    assert ears.tick(1050, [1045, 1040]) == [("north/P0", "resolved", "silent for 2 min")]
    assert ears.tick(1051, [1045, 1040]) == []


def test_our_own_deafness_is_not_their_silence():
    ears = Ears()
    assert ears.tick(5000, [900], hearing_since=4950) == []
    assert ears.tick(5051, [900], hearing_since=4950) == [
        ("north/P0", "firing", "silent for 69 min")
    ]


def test_a_machine_that_never_spoke_is_not_silent():
    assert Ears().tick(5000, [-1, 4950, -1]) == []
    assert [name for name, *_ in Ears().tick(5000, [-1, 1, -1])] == ["north/P1"]


def test_silence_can_be_switched_off_and_there_may_be_nobody():
    assert Ears(after_s=0).tick(5000, [1]) == []
    assert Ears().tick(5000, []) == []


def test_silence_survives_a_restart():
    ears, again = Ears(), Ears()
    ears.tick(1001, [900])
    again.book.restore(ears.book.state(), 0)
    assert again.tick(1002, [900]) == []
    assert again.tick(1003, [1002]) == [("north/P0", "resolved", "silent for 2 min")]


@pytest.mark.parametrize("now", [2**63 - 1, 1001 * NS])
def test_no_time_is_too_late(now):
    book = AlertBook(MACHINES, [], 100)
    (event,) = book.tick(Tick(now, 0), np.array([0], "i8"))
    assert event.time_ns == now
