"""Faults: each moves what it should and nothing else, and none at all at severity 0."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import FAULTS, Farm, Fault, parse_fault
from simulators.faults import BearingWear, Overheating, SensorFault, SensorStuck
from simulators.faults.bearings import FAILING_WEAR
from simulators.scenarios import (
    DEMO_HEALTHY_HOURS,
    DEMO_HOURS,
    DEMO_MACHINES,
    DEMO_PERIOD_S,
    demo,
    demo_farm,
)

HOUR = 3600.0
HOURS = 30
ONSET, END = 8 * HOUR, 22 * HOUR


def make(name: str, severity: float = 1.0) -> Fault:
    return FAULTS[name](machine="T02", onset_s=ONSET, ramp_s=2 * HOUR, end_s=END, severity=severity)


def values(faults: list[Fault]) -> np.ndarray:
    farm = Farm(machines=3, seed=2, period_s=60, faults=faults)
    return np.concatenate([block.values for block in farm.run(HOURS)])


@pytest.fixture(scope="module")
def healthy() -> np.ndarray:
    return values([])


@pytest.mark.parametrize("name", FAULTS)
class TestEveryFault:
    def test_nothing_at_severity_0(self, name: str, healthy: np.ndarray) -> None:
        assert values([make(name, severity=0)]).tobytes() == healthy.tobytes()

    def test_it_moves_its_signals_and_no_other(self, name: str, healthy: np.ndarray) -> None:
        farm = Farm(machines=3, faults=[make(name)])
        (truth,) = farm.truth()
        moved = np.abs(values([make(name)]) - healthy)
        spread = healthy.std(axis=0)
        for i, sensor in enumerate(farm.sensors):
            if sensor in truth.signal:
                assert moved[:, 1, i].max() > 0.3 * spread[1, i], sensor
                moved[:, 1, i] = 0
        assert (moved <= 0.1 * spread).all()

    def test_nothing_before_onset(self, name: str, healthy: np.ndarray) -> None:
        before = slice(0, int(ONSET / 60))
        np.testing.assert_array_equal(values([make(name)])[before], healthy[before])

    def test_its_truth_says_who_where_and_when(self, name: str) -> None:
        farm = Farm(machines=3, start="2026-01-01", faults=[make(name)])
        (truth,) = farm.truth(hours=HOURS)
        told = truth.to_dict()
        assert list(told) == [
            "ts", "site", "machine", "component", "signal", "fault", "fault_id", "kind", "t_onset",
            "t_detectable", "t_functional_failure", "t_end", "severity", "expected",
        ]  # fmt: skip
        assert (told["machine"], told["fault"], told["severity"]) == ("T02", name, 1.0)
        assert (told["t_onset"], told["t_end"]) == ("2026-01-01T08:00:00Z", "2026-01-01T22:00:00Z")
        assert set(told["signal"]) <= set(farm.sensors)
        assert told["expected"] == ("data_quality" if told["kind"] == "sensor" else "alarm")
        assert farm.truth(hours=7) == []

    def test_severity_0_expects_no_alarm(self, name: str) -> None:
        (truth,) = Farm(machines=3, faults=[make(name, severity=0)]).truth()
        assert truth.expected == "no_alarm"

    def test_it_explains_itself_in_a_line(self, name: str) -> None:
        assert len((FAULTS[name].__doc__ or "").partition("\n")[0]) > 20


class TestBearingWear:
    def test_growth_is_exponential_and_ends_at_1(self) -> None:
        wear = BearingWear(machine="T01", onset_s=0, ramp_s=10, severity=0.8)
        grown = wear.severity_at(np.array([0.0, 5, 10, 1000]))
        np.testing.assert_allclose(grown, [0, 0.8 * math.expm1(2) / math.expm1(4), 0.8, 0.8])

    def test_functional_failure_is_where_the_growth_law_passes_it(self) -> None:
        wear = BearingWear(machine="T01", onset_s=100, ramp_s=1000, severity=0.9)
        assert 100 < wear.failure_s < 1100
        assert wear.severity_at(np.array([wear.failure_s]))[0] == pytest.approx(FAILING_WEAR)

    def test_no_failure_if_mild_or_repaired_in_time(self) -> None:
        mild = BearingWear(machine="T01", onset_s=100, ramp_s=1000, severity=0.5)
        repaired = BearingWear(machine="T01", onset_s=100, ramp_s=1000, end_s=900)
        assert math.isinf(mild.failure_s)
        assert math.isinf(repaired.failure_s)

    def test_vibration_grows_several_times_and_oil_warms_a_little(
        self, healthy: np.ndarray
    ) -> None:
        worn = values([make("bearing_wear")])
        at_end = slice(12 * 60, int(END / 60))
        vibration = worn[at_end, 1, 5] / healthy[at_end, 1, 5]
        oil = worn[at_end, 1, 3] - healthy[at_end, 1, 3]
        assert np.median(vibration) == pytest.approx(5, rel=0.02)
        assert 1 < np.median(oil) < 10

    def test_repair_ends_the_vibration_at_once_and_the_heat_slowly(
        self, healthy: np.ndarray
    ) -> None:
        worn = values([make("bearing_wear")])
        end = int(END / 60)
        np.testing.assert_array_equal(worn[end:, 1, 5], healthy[end:, 1, 5])
        warmer = worn[:, 1, 3] - healthy[:, 1, 3]
        assert warmer[end : end + 5].mean() > 0.8 * warmer[end - 60 : end].mean()
        assert np.abs(warmer[-30:]).mean() < 0.2


class TestOverheating:
    def test_heat_finds_up_to_1_8_times_the_resistance(self, healthy: np.ndarray) -> None:
        """Over hours, in which the lags cancel, the rise over the air is 1.8 times as high."""
        hours = slice(11 * 60, int(END / 60))
        hot = values([make("overheating")])[hours, 1]
        cool = healthy[hours, 1]
        rise = (hot[:, 3] - hot[:, 4]).mean() / (cool[:, 3] - cool[:, 4]).mean()
        assert rise == pytest.approx(1.8, rel=0.05)

    def test_the_ramp_is_linear(self) -> None:
        fault = Overheating(machine="T01", onset_s=10, ramp_s=10, severity=0.6, end_s=40)
        grown = fault.severity_at(np.array([9.0, 10, 15, 20, 39, 40]))
        np.testing.assert_allclose(grown, [0, 0, 0.3, 0.6, 0.6, 0])

    def test_without_ramp_it_is_a_step(self) -> None:
        fault = Overheating(machine="T01", onset_s=10)
        assert fault.severity_at(np.array([9.0, 10, 11])).tolist() == [0, 1, 1]


class TestSensorStuck:
    def test_it_repeats_the_value_it_had(self, healthy: np.ndarray) -> None:
        stuck = values([make("sensor_stuck")])
        during = slice(int(ONSET / 60), int(END / 60))
        assert set(stuck[during, 1, 3]) == {healthy[int(ONSET / 60), 1, 3]}
        np.testing.assert_array_equal(stuck[during.stop :], healthy[during.stop :])

    def test_any_sensor_can_stick(self, healthy: np.ndarray) -> None:
        fault = SensorStuck(machine="T02", onset_s=ONSET, sensor="vibration")
        stuck = values([fault])
        assert len(set(stuck[int(ONSET / 60) :, 1, 5])) == 1
        assert (stuck[:, 1, 3] == healthy[:, 1, 3]).all()


class TestGrammar:
    def test_all_of_it(self) -> None:
        assert parse_fault("sensor_stuck.vibration@T10:54.5h+30m-3d:0.25") == SensorStuck(
            machine="T10",
            onset_s=54.5 * HOUR,
            ramp_s=1800,
            end_s=3 * 86400,
            severity=0.25,
            sensor="vibration",
        )

    def test_the_least_of_it(self) -> None:
        assert parse_fault("overheating@T1:0s") == Overheating(machine="T1", onset_s=0)

    @given(
        name=st.sampled_from(sorted(FAULTS)),
        onset=st.integers(0, 1000),
        ramp=st.integers(0, 1000),
        last=st.none() | st.integers(1, 1000),
        percent=st.integers(0, 100),
    )
    def test_what_is_written_is_read(
        self, name: str, onset: int, ramp: int, last: int | None, percent: int
    ) -> None:
        end = "" if last is None else f"-{onset + last}m"
        fault = parse_fault(f"{name}@T03:{onset}m+{ramp}m{end}:{percent / 100}")
        assert (fault.name, fault.onset_s, fault.ramp_s) == (name, onset * 60, ramp * 60)
        assert fault.end_s == (math.inf if last is None else (onset + last) * 60)
        assert fault.severity == percent / 100

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "cannot be read: write NAME"),
            ("bearing_wear", "cannot be read"),
            ("bearing_wear@T03", "cannot be read"),
            ("bearing_wear@T03:40", "cannot be read"),
            ("bearing_wear@T03:-1h", "cannot be read"),
            ("bearing_wear@T03:40h+12h:x", "cannot be read"),
            ("bearing_wear@T03:nanh", "cannot be read"),
            ("bearing_ware@T03:40h", "not 'bearing_ware'; did you mean bearing_wear?"),
            ("fire@T03:40h", "there are bearing_wear, overheating, sensor_stuck, not 'fire'"),
            ("bearing_wear@T03:40h:1.5", "severity is 1.5, it must be within 0"),
            ("bearing_wear@T03:40h-30h", "it ends before it begins"),
            ("bearing_wear.vibration@T03:40h", "takes no sensor"),
        ],
    )
    def test_refusals_are_one_sentence(self, text: str, sentence: str) -> None:
        with pytest.raises(ValueError, match=r"^fault ") as refused:
            parse_fault(text)
        assert sentence in str(refused.value)
        assert "\n" not in str(refused.value)


class TestSchedules:
    @pytest.mark.parametrize(
        ("faults", "sentence"),
        [
            (["overheating@T04:1h"], "overheating of T04 at 1h: there is no such machine"),
            (["sensor_stuck.oil@T01:1h"], "there is no such sensor"),
            (
                ["overheating@T01:1h", "overheating@T01:2h"],
                "at 1h overlaps overheating of T01 at 2h",
            ),
            (["overheating@T01:2h", "overheating@T01:1h-3h"], "overlaps"),
            (["sensor_stuck@T01:1h", "sensor_stuck.gearbox_temperature@T01:9h"], "overlaps"),
        ],
    )
    def test_what_cannot_be(self, faults: list[str], sentence: str) -> None:
        with pytest.raises(ValueError, match=re.escape(sentence)):
            Farm(machines=3, faults=[parse_fault(text) for text in faults])

    @pytest.mark.parametrize(
        "faults",
        [
            ["overheating@T01:1h-2h", "overheating@T01:2h"],
            ["overheating@T01:1h", "overheating@T02:1h"],
            ["overheating@T01:1h", "bearing_wear@T01:1h"],
            ["sensor_stuck@T01:1h", "sensor_stuck.vibration@T01:1h"],
        ],
    )
    def test_what_can(self, faults: list[str]) -> None:
        Farm(machines=3, faults=[parse_fault(text) for text in faults])

    def test_faults_of_one_machine_add_up(self, healthy: np.ndarray) -> None:
        both = values([make("overheating"), make("bearing_wear")])
        hot, worn = values([make("overheating")]), values([make("bearing_wear")])
        np.testing.assert_array_equal(both[:, 1, 5], worn[:, 1, 5])
        late = slice(15 * 60, int(END / 60))
        assert both[late, 1, 3].mean() > max(hot[late, 1, 3].mean(), worn[late, 1, 3].mean())

    def test_a_fault_is_immutable(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            make("overheating").severity = 0.5  # type: ignore[misc]


class TestDemo:
    def test_its_three_faults(self) -> None:
        faults = demo()
        assert [(fault.name, fault.machine) for fault in faults] == [
            ("bearing_wear", "T03"),
            ("overheating", "T07"),
            ("sensor_stuck", "T10"),
        ]
        assert min(fault.onset_s for fault in faults) == DEMO_HEALTHY_HOURS * HOUR
        assert max(fault.end_s for fault in faults) < DEMO_HOURS * HOUR
        assert DEMO_MACHINES * DEMO_HOURS * HOUR / DEMO_PERIOD_S == 34_560

    def test_another_seed_moves_them_on(self) -> None:
        assert [fault.machine for fault in demo(12, seed=4)] == ["T06", "T10", "T01"]

    def test_the_demo_farm_has_them_unless_told_otherwise(self) -> None:
        assert list(demo_farm(seed=3).faults) == demo(seed=3)
        assert demo_farm(faults=[]).faults == ()
        assert demo_farm().steps(DEMO_HOURS) * DEMO_MACHINES == 34_560

    @given(machines=st.integers(1, 300), seed=st.integers(0, 1000))
    def test_fits_any_farm(self, machines: int, seed: int) -> None:
        faults = demo(machines, seed)
        assert len({fault.machine for fault in faults}) == len(faults) == min(machines, 3)
        Farm(machines=machines, seed=seed, faults=faults)

    def test_sensor_faults_are_told_from_machine_faults(self) -> None:
        assert [isinstance(fault, SensorFault) for fault in demo()] == [False, False, True]
