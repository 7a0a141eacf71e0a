"""The contract of every fault of the catalogue: what it moves and what not, when, and its truth."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import FAULTS, MACHINE_CLASSES, Climate, Farm, Fault, parse_fault
from simulators.faults import MachineFault, SensorFault
from simulators.scenarios import (
    DEMO_HEALTHY_HOURS,
    DEMO_HOURS,
    DEMO_MACHINES,
    DEMO_PERIOD_S,
    demo,
    demo_farm,
)
from simulators.turbine import Turbine

HOUR = 3600.0
PERIOD_S = 600.0
HOURS = 240
ONSET, RAMP, END = 48 * HOUR, 6 * HOUR, 192 * HOUR
BEFORE = slice(0, int(ONSET / PERIOD_S))
DURING = slice(BEFORE.stop, int(END / PERIOD_S))
SETTLED = slice(int((END + 36 * HOUR) / PERIOD_S), None)
"""Long after the repair: the slowest of the temperatures keeps 1e-8 of what it was."""

CATALOGUE = [
    *(f"F{i}" for i in range(1, 12)),
    *(f"S{i}" for i in range(1, 11)),
    *(f"M{i}" for i in range(1, 9)),
    *(f"D{i}" for i in range(1, 8)),
]
EXPECTED = {
    "fault": {"alarm"},
    "sensor": {"data_quality"},
    "transport": {"no_alarm", "data_quality"},
    "drift": {"no_alarm"},
    "maintenance": {"no_alarm"},
}
USUAL = Climate()
FROST = Climate(air_mean=5.0, humidity_mean=0.9)
"""For ice, and thaws."""
HEAT = Climate(air_mean=34.0)
"""For what shows only in a machine that has to do with less, because its oil is too hot."""
CLIMATES = (USUAL, FROST, HEAT)


def cases() -> list[str]:
    """Every fault, a machine's fault once for each part that it befalls."""
    found = []
    for name, kind in FAULTS.items():
        parts = kind.targets(Turbine)
        if not issubclass(kind, MachineFault):
            parts = parts and ("",)
        found += [f"{name}.{part}" if part else name for part in parts]
    return found


CASES = cases()
SENSORS = [instrument.name for instrument in Turbine.instruments]
MACHINES = 2 * len(CASES)
"""Each case has a machine of its own; every other machine stays well."""


def row(case: str) -> int:
    return 2 * CASES.index(case)


def make(case: str, severity: float = 1.0) -> Fault:
    name, _, target = case.partition(".")
    return FAULTS[name](
        machine=f"T{row(case) + 1:02d}",
        target=target,
        onset_s=ONSET,
        ramp_s=RAMP,
        end_s=END,
        severity=severity,
    )


def farm(faults: list[Fault], climate: Climate = USUAL) -> Farm:
    return Farm(MACHINES, seed=2, period_s=PERIOD_S, faults=faults, sensors="all", climate=climate)


def run(world: Farm, block_steps: int | None = None) -> np.ndarray:
    return np.concatenate([block.values for block in world.run(HOURS, block_steps)])


@cache
def simulated(severity: float | None, climate: Climate = USUAL) -> np.ndarray:
    """All cases at once, or at ``None`` a healthy farm."""
    faults = [] if severity is None else [make(case, severity) for case in CASES]
    return run(farm(faults, climate))


@cache
def expected(climate: Climate) -> np.ndarray:
    """What a healthy farm would report without any noise."""
    return run(farm([], climate).expectation())


def pair(case: str, climate: Climate = USUAL) -> tuple[np.ndarray, np.ndarray]:
    """Faulty and healthy readings of the machine of a case, ``[k, sensors]``."""
    return simulated(1.0, climate)[:, row(case)], simulated(None, climate)[:, row(case)]


def moved(case: str, climate: Climate) -> np.ndarray:
    """By how much the fault moved each reading; infinitely, if nothing is reported."""
    faulty, healthy = pair(case, climate)
    return np.nan_to_num(np.abs(faulty - healthy), nan=np.inf)


def really_moved(case: str, climate: Climate) -> np.ndarray:
    """Sensors moved by 0.3 of their spread once, or for an hour by 0.3 of what is left of it.

    Left when wind and weather are known: without them, who would see 5 % less power?
    """
    _, healthy = pair(case, climate)
    noise = hourly(healthy - expected(climate)[:, row(case)]).std(axis=0)
    at_once = moved(case, climate).max(axis=0) > 0.3 * healthy.std(axis=0)
    return at_once | (hourly(moved(case, climate)).max(axis=0) > 0.3 * noise + 1e-6)


def share_moved(case: str, climate: Climate) -> np.ndarray:
    """Root mean square of the shift while the fault is there, by the sensors' spread."""
    _, healthy = pair(case, climate)
    rms = np.sqrt((moved(case, climate)[DURING] ** 2).mean(axis=0))
    return rms / np.maximum(healthy.std(axis=0), 1e-9)


def hourly(values: np.ndarray) -> np.ndarray:
    return values.reshape(HOURS, -1, values.shape[-1]).mean(axis=1)


def signals(case: str) -> list[str]:
    """What its truth says that it moves."""
    (truth,) = farm([make(case)]).truth()
    return truth.signal


def test_the_catalogue_is_complete() -> None:
    assert {kind.fault_id for kind in FAULTS.values()} >= set(CATALOGUE)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_befalls_some_machine(name: str) -> None:
    assert FAULTS[name].name == name
    assert any(FAULTS[name].targets(machine_class) for machine_class in MACHINE_CLASSES.values())


def test_every_condition_has_one_fault() -> None:
    faults = [make(case).aimed(Turbine) for case in CASES]
    worsened = [fault.conditions()[0] for fault in faults if fault.conditions()]
    assert sorted(worsened) == sorted(Turbine.conditions)


@pytest.mark.parametrize("case", CASES)
class TestEveryFault:
    def test_it_moves_its_signals(self, case: str) -> None:
        """Each in one climate at least: ice needs frost."""
        really = np.any([really_moved(case, climate) for climate in CLIMATES], axis=0)
        assert set(signals(case)) - set(np.array(SENSORS)[really].tolist()) == set()

    @pytest.mark.parametrize("climate", CLIMATES, ids=["usual", "frost", "heat"])
    def test_it_moves_no_other(self, case: str, climate: Climate) -> None:
        share = dict(zip(SENSORS, share_moved(case, climate).round(3).tolist(), strict=True))
        told = signals(case)
        assert {name: x for name, x in share.items() if x > 0.1 and name not in told} == {}

    def test_nothing_at_severity_0(self, case: str) -> None:
        nothing = simulated(0.0)[:, row(case)]
        assert nothing.tobytes() == simulated(None)[:, row(case)].tobytes()

    def test_nothing_before_onset(self, case: str) -> None:
        faulty, healthy = pair(case)
        np.testing.assert_array_equal(faulty[BEFORE], healthy[BEFORE])

    @pytest.mark.parametrize("climate", CLIMATES, ids=["usual", "frost", "heat"])
    def test_repaired_is_healthy(self, case: str, climate: Climate) -> None:
        faulty, healthy = pair(case, climate)
        resolution = np.array([instrument.resolution for instrument in Turbine.instruments])
        assert (np.abs(faulty - healthy)[SETTLED] <= 1.01 * resolution).all()

    def test_its_truth_says_who_where_and_when(self, case: str) -> None:
        world = Farm(MACHINES, start="2026-01-01", faults=[make(case)], sensors="all")
        (truth,) = world.truth(hours=HOURS)
        told = truth.to_dict()
        assert list(told) == [
            "ts", "site", "machine", "component", "signal", "fault", "fault_id", "kind", "t_onset",
            "t_detectable", "t_functional_failure", "t_end", "severity", "expected",
        ]  # fmt: skip
        assert told["fault"] == case.partition(".")[0]
        assert (told["machine"], told["severity"]) == (world.machines[row(case)], 1.0)
        assert (told["t_onset"], told["t_end"]) == ("2026-01-03T00:00:00Z", "2026-01-09T00:00:00Z")
        assert set(told["signal"]) <= set(world.sensors)
        assert told["expected"] in EXPECTED[told["kind"]]
        assert told["component"]
        assert world.truth(hours=ONSET / HOUR) == []

    def test_severity_0_expects_no_alarm(self, case: str) -> None:
        (truth,) = farm([make(case, severity=0)]).truth()
        assert truth.expected == "no_alarm"

    def test_it_explains_itself_in_a_line(self, case: str) -> None:
        first = (FAULTS[case.partition(".")[0]].__doc__ or "").partition("\n")[0]
        assert len(first) > 20
        assert first.endswith(".")

    def test_it_names_the_conditions_it_changes(self, case: str) -> None:
        """A condition that it changes and does not name would be lost."""
        fault = make(case)
        conditions = {key: np.zeros(3) for key in Turbine.conditions}
        fault.on_machine(ONSET + HOUR * np.arange(3), conditions)
        assert {key for key, values in conditions.items() if values.any()} <= set(
            fault.aimed(Turbine).conditions()
        )


class TestAllTogether:
    def test_the_well_machines_stay_well(self) -> None:
        faulty, healthy = simulated(1.0), simulated(None)
        np.testing.assert_array_equal(faulty[:, 1::2], healthy[:, 1::2])

    def test_blocks_have_no_seams(self) -> None:
        world = farm([make(case) for case in CASES])
        whole = simulated(1.0)
        np.testing.assert_array_equal(run(world, block_steps=97), whole)

    def test_same_in_another_process(self) -> None:
        """… whose hashes are salted otherwise."""
        code = (
            "from tests.simulators.test_faults import *;"
            "print(hashlib.sha256(simulated(1.0).tobytes()).hexdigest())"
        )
        told = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        assert told == hashlib.sha256(simulated(1.0).tobytes()).hexdigest()


class TestSchedules:
    @pytest.mark.parametrize(
        ("faults", "sentence"),
        [
            (["overheating@T04:1h"], "there is no machine 'T04', there are T01 … T03"),
            (["overheating@T03..T01:1h"], "T03..T01 goes backwards"),
            (["sensor_stuck.oil@T01:1h"], "there is no 'oil', it befalls gearbox_temperature, "),
            (["bearing_wear.wing@T01:1h"], "there is no 'wing', it befalls gearbox, main, gen"),
            (["mass_imbalance.left@T01:1h"], "there is no 'left', it takes no target"),
            (["mass_imbalance@T01:1h"], "it shows in side_acceleration, and none of them is rep"),
            (
                ["overheating@T01:1h", "overheating@T01:2h"],
                "at 1h overlaps overheating of T01 at 2h",
            ),
            (["overheating@all:1h", "overheating@T02:2h"], "overlaps overheating of T02 at 2h"),
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
            ["bearing_wear@T01:1h", "bearing_wear.generator@T02:1h"],
            ["sensor_stuck@T01:1h", "sensor_stuck.vibration@T01:1h"],
        ],
    )
    def test_what_can(self, faults: list[str]) -> None:
        Farm(machines=3, faults=[parse_fault(text) for text in faults], sensors="all")

    def test_faults_of_one_machine_add_up(self) -> None:
        def oil(*faults: str) -> float:
            world = Farm(1, 2, period_s=PERIOD_S, faults=[parse_fault(text) for text in faults])
            block = next(world.run(96, block_steps=576))
            return float(block.values[-288:, 0, world.sensors.index("gearbox_temperature")].mean())

        hot, worn = "overheating@T01:1h:0.4", "bearing_wear@T01:1h:0.4"
        assert oil(hot, worn) > max(oil(hot), oil(worn)) > min(oil(hot), oil(worn)) > oil()

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
        told = [(fault.name, fault.machine, fault.onset_s) for fault in demo_farm(seed=3).faults]
        assert told == [(fault.name, fault.machine, fault.onset_s) for fault in demo(seed=3)]
        assert demo_farm(faults=[]).faults == ()
        assert demo_farm().steps(DEMO_HOURS) * DEMO_MACHINES == 34_560

    @given(machines=st.integers(1, 300), seed=st.integers(0, 1000))
    def test_fits_any_farm(self, machines: int, seed: int) -> None:
        faults = demo(machines, seed)
        assert len({fault.machine for fault in faults}) == len(faults) == min(machines, 3)
        Farm(machines=machines, seed=seed, faults=faults)

    def test_sensor_faults_are_told_from_machine_faults(self) -> None:
        assert [isinstance(fault, SensorFault) for fault in demo()] == [False, False, True]


def test_a_fault_is_there_from_its_onset_until_just_before_its_end() -> None:
    fault = parse_fault("overheating@T01:60s-180s")
    assert fault.active(np.array([59.0, 60.0, 179.0, 180.0])).tolist() == [False, True, True, False]
