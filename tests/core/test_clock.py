"""What time is it, and can this reading's time be true?"""

from __future__ import annotations

import time

from streamer.clock import INSISTENCE, NS, DataClock, WallClock


def test_a_wall_clock_judges_by_arrival():
    clock = WallClock(max_ahead_s=300)
    received = 1_000_000 * NS
    assert clock.admit("P1", received + 300 * NS, received) is None
    assert clock.admit("P1", 0, received) is None
    fault = clock.admit("P1", received + 301 * NS, received)
    assert fault.reason == "future"
    assert fault.detail == "P1: its time is 301 s ahead of the clock, at most 300 s are allowed"


def test_a_wall_clock_is_the_gateways():
    clock = WallClock(300)
    clock.resume(2**62)
    before = time.time_ns()
    assert before <= clock.now_ns() <= time.time_ns()
    assert clock.heard_since(7) == 7


def admitted(clock: DataClock, *seconds: int, name: str = "P1") -> list[bool]:
    return [clock.admit(name, second * NS, 0) is None for second in seconds]


def test_a_data_clock_is_the_newest_time_told():
    clock = DataClock(60)
    assert clock.now_ns() == 0
    assert admitted(clock, 1_000_000, 1_000_060, 5, 1_000_030) == [True] * 4
    assert clock.now_ns() == 1_000_060 * NS
    assert clock.heard_since(2**62) == 0


def test_one_absurd_time_is_a_mistake_and_insistence_is_a_gap():
    clock = DataClock(60)
    assert admitted(clock, 1000, 9000, 1001) == [True, False, True]
    assert clock.now_ns() == 1001 * NS
    far = range(9000, 9000 + INSISTENCE)
    assert admitted(clock, *far) == [False] * (INSISTENCE - 1) + [True]
    assert clock.now_ns() == far[-1] * NS


def test_several_machines_do_not_insist_for_one_another():
    clock = DataClock(60)
    admitted(clock, 1000)
    for turn in range(INSISTENCE - 1):
        assert admitted(clock, 9000 + turn, name="P1") == [False]
        assert admitted(clock, 9000 + turn, name="P2") == [False]
    assert admitted(clock, 9999, name="P3") == [False]


def test_a_data_clock_goes_on_from_an_earlier_run():
    clock = DataClock(60)
    clock.resume(1000 * NS)
    clock.resume(500 * NS)
    assert clock.now_ns() == 1000 * NS
    assert admitted(clock, 5000) == [False]
