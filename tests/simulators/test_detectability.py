"""From when on a fault could be seen: the definition, by hand, on runs small enough to check."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest

from simulators import Farm, parse_fault
from simulators.clock import parse_time
from simulators.detectability import detectable_s, truth

HOURS = 72.0


def farm(*faults: str, period_s: float = 300.0, machines: int = 3) -> Farm:
    return Farm(machines, seed=7, period_s=period_s, faults=[parse_fault(text) for text in faults])


def values(farm: Farm) -> np.ndarray:
    return np.concatenate([block.values for block in farm.run(HOURS)])


def by_hand(farm: Farm) -> float | None:
    """The definition as it is written, with loops, for a farm with one fault."""
    (fault,) = farm.faults
    row = farm.machines.index(fault.machine)
    faulty, healthy, expected = (
        values(run)[:, row] for run in (farm, farm.with_faults(()), farm.expectation())
    )
    window = round(3600 / farm.period_s)
    earliest = math.inf
    for name in farm.truth()[0].signal:
        i = farm.sensors.index(name)
        residual = healthy[:, i] - expected[:, i]
        hourly = [residual[k : k + window].mean() for k in range(0, len(residual), window)]
        limit = 3 * np.std(hourly)
        for k in range(window - 1, len(faulty)):
            last_hour = faulty[k - window + 1 : k + 1, i] - healthy[k - window + 1 : k + 1, i]
            t_s = k * farm.period_s
            if fault.onset_s <= t_s < fault.end_s and abs(last_hour.mean()) > limit:
                earliest = min(earliest, t_s)
                break
    return earliest if math.isfinite(earliest) else None


@pytest.mark.parametrize(
    "fault",
    [
        "bearing_wear@T02:20h+30h:0.8",
        "overheating@T01:20h-60h:0.5",
        "sensor_stuck.vibration@T03:30h-50h",
        "bearing_wear@T02:20h+30h:0.01",
    ],
)
def test_it_is_the_definition(fault: str) -> None:
    one = farm(fault)
    expected = by_hand(one)
    assert detectable_s(one, one.faults, HOURS) == [expected]
    assert (expected is None) == fault.endswith("0.01")


def test_worse_is_seen_sooner_and_faster_is_seen_sooner() -> None:
    times = [
        detectable_s(one, one.faults, HOURS)[0]
        for one in (
            farm("bearing_wear@T02:20h+40h:0.4"),
            farm("bearing_wear@T02:20h+40h:0.8"),
            farm("bearing_wear@T02:20h+10h:0.8"),
        )
    ]
    assert times == sorted(times, key=lambda t: -(t or math.inf))
    assert len(set(times)) == 3


def test_each_fault_of_a_machine_is_looked_at_by_itself() -> None:
    """The vibration of a worn bearing says nothing about the cooler of the same machine."""
    both = farm("bearing_wear@T02:20h+2h:0.9", "overheating@T02:24h+20h:0.9")
    alone = farm("overheating@T02:24h+20h:0.9")
    assert detectable_s(both, both.faults, HOURS)[1] == detectable_s(alone, alone.faults, HOURS)[0]


def test_faults_of_different_machines_are_told_together() -> None:
    texts = ("bearing_wear@T01:20h+5h:0.9", "overheating@T03:22h+5h:0.9")
    together = farm(*texts)
    assert detectable_s(together, together.faults, HOURS) == [
        detectable_s(alone, alone.faults, HOURS)[0] for alone in map(farm, texts)
    ]


def test_the_truth_carries_it_and_never_before_onset() -> None:
    seen, unseen = truth(farm("overheating@T01:20h:0.9", "overheating@T02:30h:0"), HOURS)
    assert seen.t_detectable is not None
    delay_s = (parse_time(seen.t_detectable) - parse_time(seen.t_onset)) / 1e9
    assert 0 < delay_s < timedelta(hours=24).total_seconds()
    assert unseen.t_detectable is None


def test_a_fault_after_the_end_of_the_run_is_no_part_of_it() -> None:
    assert truth(farm("overheating@T01:100h:0.9"), HOURS) == []


def test_what_moves_no_sensor_is_never_detectable() -> None:
    (told,) = truth(farm("link_duplicates@T01:10h"), HOURS)
    assert (told.signal, told.t_detectable) == ([], None)


def test_a_silent_sensor_is_seen_after_half_an_hour() -> None:
    from simulators.detectability import _TrailingMean

    mean = _TrailingMean(window=4, columns=1)
    spoken = mean.advance(np.array([[0.0], [0.0], [math.nan], [math.nan], [math.nan], [1.0]]))
    np.testing.assert_array_equal(spoken[:, 0], [0, 0, 0, 0, math.inf, math.inf])


@pytest.mark.parametrize("hours", [0.5, 1.5])
def test_what_is_usual_cannot_be_told_from_one_hour(hours: float) -> None:
    """A spread of 0 would make all the world detectable."""
    hot = farm("overheating@T01:5m:0.9")
    assert detectable_s(hot, hot.faults, hours) == [None]
    assert detectable_s(hot, hot.faults, 5.0) != [None]


def test_what_cannot_be_seen_costs_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    unseen = farm("link_late@T01:10h", "overheating@T02:10h:0")
    monkeypatch.setattr(Farm, "run", lambda *_: pytest.fail("it ran"))
    assert detectable_s(unseen, unseen.faults, HOURS) == [None, None]
