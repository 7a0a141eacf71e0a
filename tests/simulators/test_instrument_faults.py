"""Instrument faults: each falsifies its own sensor by its law, and leaves the machine alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import FAULTS, MACHINE_CLASSES, Farm, Fault, parse_fault
from simulators.faults.base import Episode
from simulators.faults.sensors import SENTINELS, SENTINELS_CELSIUS, deviation
from simulators.faults.sensors_mixups import UNIT_CHANGES, exchanged_with
from simulators.instruments import Instrument

NAMES = [name for name, kind in FAULTS.items() if kind.fault_id.startswith("S")]
POSSIBLE = ["sensor_offset", "sensor_drift", "sensor_gain", "sensor_noise"]
"""What an instrument's own electronics does: it keeps to its steps and its range."""

TURBINE = MACHINE_CLASSES["turbine"]
INSTRUMENTS = {instrument.name: instrument for instrument in TURBINE.instruments}
OIL, AIR = INSTRUMENTS["gearbox_temperature"], INSTRUMENTS["ambient_temperature"]

HOURS = 30
ONSET, END = 8 * 60, 22 * 60
"""Steps of a minute."""
FAULTY = slice(ONSET, END)


def schedule(name: str, severity: float = 1.0, target: str = "") -> Fault:
    what = f"{name}.{target}" if target else name
    return parse_fault(f"{what}@T02:8h+1h-22h:{severity}")


@cache
def values(*faults: Fault) -> np.ndarray:
    farm = Farm(machines=3, seed=2, period_s=60, faults=faults)
    return np.concatenate([block.values for block in farm.run(HOURS)])


def column(sensor: str) -> int:
    return Farm().sensors.index(sensor)


@pytest.fixture(scope="module")
def healthy() -> np.ndarray:
    return values()


def applied(
    fault: str, reported: Mapping[str, np.ndarray], period_s: float = 60.0, seed: int = 1
) -> dict[str, np.ndarray]:
    """What becomes of given values when a fault befalls their instruments."""
    said = {sensor: of_sensor.copy() for sensor, of_sensor in reported.items()}
    aimed = parse_fault(fault).aimed(TURBINE)
    t_s = np.arange(len(next(iter(said.values())))) * period_s
    aimed.on_instrument(t_s, said, Episode(0, np.random.default_rng(seed)))
    return said


def oil(fault: str, reported: np.ndarray, period_s: float = 60.0, seed: int = 1) -> np.ndarray:
    return applied(fault, {"gearbox_temperature": reported}, period_s, seed)["gearbox_temperature"]


def test_the_whole_catalogue_is_there() -> None:
    assert sorted({FAULTS[name].fault_id for name in NAMES}) == sorted(
        f"S{i}" for i in range(1, 11)
    )


@pytest.mark.parametrize("name", NAMES)
class TestEveryFault:
    def test_nothing_at_severity_0(self, name: str, healthy: np.ndarray) -> None:
        assert values(schedule(name, severity=0)).tobytes() == healthy.tobytes()

    def test_it_moves_its_signals_and_no_other_bit(self, name: str, healthy: np.ndarray) -> None:
        (truth,) = Farm(machines=3, faults=[schedule(name)]).truth()
        said = values(schedule(name))
        same = (said == healthy).all(axis=0)
        assert same[[0, 2]].all()
        moved = [sensor for i, sensor in enumerate(Farm().sensors) if not same[1, i]]
        assert moved == sorted(truth.signal, key=column)
        for sensor in moved:
            was, spread = healthy[:, 1, column(sensor)], healthy[:, 1, column(sensor)].std()
            away = np.nan_to_num(np.abs(said[:, 1, column(sensor)] - was), nan=math.inf)
            assert away.max() > 0.3 * spread

    def test_nothing_before_onset_or_after_repair(self, name: str, healthy: np.ndarray) -> None:
        said = values(schedule(name))
        np.testing.assert_array_equal(said[:ONSET], healthy[:ONSET])
        np.testing.assert_array_equal(said[END:], healthy[END:])

    @pytest.mark.parametrize("block_steps", [1, 37])
    def test_no_seams_between_blocks(self, name: str, block_steps: int) -> None:
        farm = Farm(machines=2, faults=[parse_fault(f"{name}@T02:1h+1h-3h:0.7")])
        (whole,) = farm.run(4)
        cut = np.concatenate([block.values for block in farm.run(4, block_steps)])
        assert cut.tobytes() == whole.values.tobytes()

    def test_its_truth(self, name: str) -> None:
        (truth,) = Farm(machines=3, faults=[schedule(name)]).truth()
        assert (truth.fault, truth.fault_id, truth.kind, truth.expected) == (
            name, FAULTS[name].fault_id, "sensor", "data_quality",
        )  # fmt: skip
        assert truth.component == truth.signal[0] == "gearbox_temperature"

    @pytest.mark.parametrize("machine_class", MACHINE_CLASSES)
    def test_it_can_befall_every_sensor_it_says(self, name: str, machine_class: str) -> None:
        """Each of them at a machine of its own."""
        kind = MACHINE_CLASSES[machine_class]
        targets = FAULTS[name].targets(kind)
        assert targets[0] == kind.exemplar
        farm = Farm(len(targets), machine_class=machine_class, sensors="all")
        faults = [
            parse_fault(f"{name}.{target}@{machine}:10m:0.9")
            for target, machine in zip(targets, farm.machines, strict=True)
        ]
        healthy = next(farm.run(5)).values
        faulty = farm.with_faults(faults)
        changed = (next(faulty.run(5)).values != healthy).any(axis=0)
        for truth in faulty.truth():
            row = changed[farm.machines.index(truth.machine)]
            moved = [farm.sensors[i] for i in np.flatnonzero(row)]
            assert set(moved) <= set(truth.signal)

    def test_chance_is_the_same_in_every_run_and_another_for_each_machine(self, name: str) -> None:
        both = Farm(machines=3, faults=[parse_fault(f"{name}@T02..T03:1h:0.8")])
        alone = Farm(machines=3, faults=[parse_fault(f"{name}@T03:1h:0.8")])
        first, again, only = (next(farm.run(5)).values for farm in (both, both, alone))
        assert first.tobytes() == again.tobytes()
        assert first[:, 2].tobytes() == only[:, 2].tobytes()

    def test_what_is_not_reported_stays_so(self, name: str) -> None:
        missing = np.full(500, math.nan)
        said = applied(
            f"{name}@T01:1h", {"gearbox_temperature": missing, "ambient_temperature": missing}
        )
        assert np.isnan(said["gearbox_temperature"]).all()


@pytest.mark.parametrize("name", POSSIBLE)
def test_an_instrument_keeps_to_its_steps_and_its_range(name: str) -> None:
    for sensor in TURBINE.usual:
        instrument = INSTRUMENTS[sensor]
        farm = Farm(machines=1, seed=3, faults=[parse_fault(f"{name}.{sensor}@T01:1h+1h")])
        said = np.concatenate([block.values for block in farm.run(48)])[:, 0, column(sensor)]
        assert said.min() >= instrument.low
        assert said.max() <= instrument.high
        steps_per_unit = 1 / instrument.resolution
        np.testing.assert_array_equal(np.rint(said * steps_per_unit) / steps_per_unit, said)


class TestDeviation:
    def test_noise_or_range_or_a_step_whichever_is_largest(self) -> None:
        assert deviation(Instrument("a", "", 0.1, noise=0.3, low=0, high=60)) == 3
        assert deviation(Instrument("a", "", 0.1, noise=0.3, low=0, high=100)) == 5
        assert deviation(Instrument("a", "", 0.1, noise=0.3)) == 3
        assert deviation(Instrument("code", "", 1, low=0, high=5)) == 1


class TestOffset:
    @given(severity=st.floats(0.02, 1), seed=st.integers(0, 99))
    def test_it_is_constant_and_of_the_size_it_says(self, severity: float, seed: int) -> None:
        off = oil(
            f"sensor_offset@T01:0s:{severity:.4f}", np.linspace(20, 60, 401).round(1), seed=seed
        )
        away = off - np.linspace(20, 60, 401).round(1)
        np.testing.assert_allclose(np.abs(away), severity * 9.5, atol=OIL.resolution / 2 + 1e-3)
        assert len(set(np.sign(away))) == 1

    def test_chance_decides_up_or_down(self) -> None:
        ways = [
            np.sign(oil("sensor_offset@T01:0s", np.full(9, 50.0), seed=s)[0] - 50)
            for s in range(40)
        ]
        assert 8 < ways.count(1) < 32
        assert set(ways) == {-1, 1}


class TestDrift:
    def test_it_goes_on_after_the_ramp(self) -> None:
        drifting = np.abs(oil("sensor_drift@T01:10h+10h", np.full(2400, 50.0)) - 50)
        for hours, away in [(10, 0), (15, 4.75), (20, 9.5), (30, 19), (39.9, 28.4)]:
            assert drifting[round(hours * 60)] == pytest.approx(away, abs=0.06)

    def test_without_a_ramp_it_is_so_much_in_a_month(self) -> None:
        drifting = np.abs(oil("sensor_drift@T01:0s:0.5", np.full(61, 50.0), period_s=86400) - 50)
        np.testing.assert_allclose(drifting[[0, 15, 30, 60]], [0, 2.375, 4.75, 9.5], atol=0.051)


class TestGain:
    def test_up_to_30_percent(self) -> None:
        reported = np.linspace(1, 90, 100).round(1)
        np.testing.assert_allclose(oil("sensor_gain@T01:0s", reported), 1.3 * reported, atol=0.0501)
        mild = oil("sensor_gain@T01:0s:0.1667", reported)
        np.testing.assert_allclose(mild, 1.05 * reported, atol=0.0512)


class TestSpikes:
    STEPS = 400_000

    def spikes(self, severity: float, seed: int = 1) -> np.ndarray:
        said = oil(f"sensor_spikes@T01:0s:{severity}", np.full(self.STEPS, 50.0), seed=seed)
        return said[said != 50]

    @pytest.mark.parametrize("severity", [0.01, 0.2, 1.0])
    def test_their_rate(self, severity: float) -> None:
        """One of 10 000 to one of 100, within five standard deviations of the binomial."""
        rate = 0.01 * severity
        bound = 5 * math.sqrt(rate * (1 - rate) / self.STEPS)
        assert len(self.spikes(severity)) / self.STEPS == pytest.approx(rate, abs=bound)

    def test_half_of_them_stand_for_nothing_and_half_are_5_to_50_sigma(self) -> None:
        spikes = self.spikes(1.0)
        most, times = np.unique(spikes, return_counts=True)
        (none,) = most[times > 100]
        nothing = spikes == none
        assert nothing.mean() == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(len(spikes)))
        away = (spikes[~nothing] - 50) / (deviation(OIL) / 10)
        assert np.abs(away).min() >= 5 - 0.06
        assert np.abs(away).max() <= 50 + 0.06
        assert np.abs(away).mean() == pytest.approx(27.5, rel=0.05)
        assert (away > 0).mean() == pytest.approx(0.5, abs=0.06)

    def test_every_value_for_none_occurs(self) -> None:
        assert set(SENTINELS_CELSIUS) <= self.said_of("gearbox_temperature", 50.0)
        windy = self.said_of("wind_speed", 8.0)
        assert set(SENTINELS) <= windy
        assert 85.0 not in windy

    @staticmethod
    def said_of(sensor: str, value: float) -> set[float]:
        fault, reported = f"sensor_spikes.{sensor}@T01:0s", {sensor: np.full(2000, value)}
        said = [applied(fault, reported, seed=seed)[sensor] for seed in range(60)]
        return set(np.concatenate(said).tolist())


class TestNoise:
    @pytest.mark.parametrize(("severity", "times"), [(1.0, 10), (0.1111, 2)])
    def test_it_is_so_many_times_what_it_was(self, severity: float, times: float) -> None:
        quiet = np.round(50 + 0.3 * np.random.default_rng(5).standard_normal(100_000), 1)
        noisy = oil(f"sensor_noise@T01:0s:{severity}", quiet)
        assert noisy.std() / quiet.std() == pytest.approx(times, rel=0.02)
        assert noisy.mean() == pytest.approx(50, abs=5 * 3 / math.sqrt(100_000))

    def test_a_tachometer_at_rest_is_silent_and_in_motion_is_not(self) -> None:
        at_rest, turning = np.zeros(10_000), np.full(10_000, 10.0)
        fault = "sensor_noise.rotor_speed@T01:0s"
        assert not applied(fault, {"rotor_speed": at_rest})["rotor_speed"].any()
        said = applied(fault, {"rotor_speed": turning})["rotor_speed"]
        assert said.std() == pytest.approx(10 * 0.002 * math.sqrt(99), rel=0.05)


def gap_lengths(said: np.ndarray) -> list[int]:
    return [len(list(run)) for missing, run in groupby(np.isnan(said).tolist()) if missing]


class TestDropout:
    @pytest.mark.parametrize("severity", [0.05, 0.5, 0.9, 0.97])
    def test_the_severity_is_the_share_that_is_lost(self, severity: float) -> None:
        said = oil(f"sensor_dropout@T01:0s:{severity}", np.full(300_000, 50.0))
        assert np.isnan(said).mean() == pytest.approx(severity, abs=0.02)

    def test_in_bursts_of_ten(self) -> None:
        gaps = gap_lengths(oil("sensor_dropout@T01:0s:0.3", np.full(300_000, 50.0)))
        assert np.mean(gaps) == pytest.approx(10, rel=0.05)

    def test_at_severity_1_it_is_silent(self) -> None:
        said = oil("sensor_dropout@T01:5m-20m", np.full(60, 50.0))
        assert np.isnan(said[5:20]).all()
        assert (said[20:] == 50).all()


class TestIntermittent:
    @pytest.mark.parametrize("severity", [0.4, 1.0])
    def test_half_is_lost_and_at_times_all(self, severity: float) -> None:
        said = oil(f"sensor_intermittent@T01:0s:{severity}", np.full(500_000, 50.0))
        is_open = 0.25 * severity
        share = is_open + (1 - is_open) * 0.5 * severity
        assert np.isnan(said).mean() == pytest.approx(share, abs=0.03)

    def test_gaps_are_long(self) -> None:
        """Single losses hardly ever make 20 in a row (2⁻²⁰); an open contact lasts for 60."""
        gaps = gap_lengths(oil("sensor_intermittent@T01:0s", np.full(500_000, 50.0)))
        long = [gap for gap in gaps if gap > 20]
        assert np.mean(long) - 20 == pytest.approx(60, rel=0.1)
        assert len(long) > 500


class TestUnit:
    def test_celsius_to_fahrenheit_is_exact(self) -> None:
        said = oil("sensor_unit@T01:2m", np.array([0.0, 100, -40, 55.3, 100]))
        assert said.tolist() == [0.0, 100.0, -40.0, 131.5, 212.0]

    @pytest.mark.parametrize(
        ("unit", "value", "other_unit", "other"),
        [
            ("m/s", 10.0, "km/h", 36.0),
            ("kW", 5000.0, "MW", 5.0),
            ("rpm", 12.0, "Hz", 0.2),
            ("mm/s", 25.4, "in/s", 1.0),
            ("m/s²", 9.80665, "g", 1.0),
            ("bar", 1.0, "psi", 14.5038),
            ("°", 180.0, "rad", math.pi),
            ("l/min", 1000.0, "m³/h", 60.0),
            ("m³/h", 3600.0, "l/s", 1000.0),
        ],
    )
    def test_units_as_the_books_have_them(
        self, unit: str, value: float, other_unit: str, other: float
    ) -> None:
        name, factor, shift = UNIT_CHANGES[unit]
        assert name == other_unit
        assert factor * value + shift == pytest.approx(other, rel=1e-5)

    def test_no_step_of_the_sensor_is_lost_and_no_binary_dust_written(self) -> None:
        reported = {"power": np.arange(0.0, 5000.0)}
        said = applied("sensor_unit.power@T01:0s", reported)["power"]
        assert [repr(value) for value in said[[1, 1234, 4999]].tolist()] == [
            "0.001",
            "1.234",
            "4.999",
        ]
        fine = {"vibration": np.round(np.arange(0, 5, 0.01), 2)}
        inches = applied("sensor_unit.vibration@T01:0s", fine)["vibration"]
        assert len(set(inches)) == len(fine["vibration"])

    def test_a_ramp_does_not_delay_it(self) -> None:
        assert oil("sensor_unit@T01:0s+1h:0.1", np.array([50.0])).tolist() == [122.0]

    def test_sensors_without_another_unit_cannot_have_it(self) -> None:
        for target in FAULTS["sensor_unit"].targets(TURBINE):
            assert INSTRUMENTS[target].unit in UNIT_CHANGES


class TestSwapped:
    def test_both_say_what_the_other_should(self, healthy: np.ndarray) -> None:
        said = values(schedule("sensor_swapped"))
        oil_, air = column("gearbox_temperature"), column("ambient_temperature")
        np.testing.assert_array_equal(said[FAULTY, 1, oil_], healthy[FAULTY, 1, air])
        np.testing.assert_array_equal(said[FAULTY, 1, air], healthy[FAULTY, 1, oil_])

    def test_the_other_is_of_the_same_unit_where_there_is_one(self) -> None:
        assert exchanged_with(TURBINE, "gearbox_temperature") == "ambient_temperature"
        assert exchanged_with(TURBINE, "ambient_temperature") == "gearbox_temperature"

    def test_the_other_of_a_usual_sensor_is_a_usual_one(self) -> None:
        """So that it is reported unless somebody chose otherwise."""
        for sensor in TURBINE.usual:
            assert exchanged_with(TURBINE, sensor) in set(TURBINE.usual) - {sensor}

    @pytest.mark.parametrize("reported", ["gearbox_temperature", "ambient_temperature"])
    def test_where_the_other_is_not_reported_its_value_comes_all_the_same(
        self, reported: str
    ) -> None:
        fault = parse_fault("sensor_swapped@T01:30m")
        farm = Farm(machines=1, faults=[fault], sensors=[reported, "power"])
        (truth,) = farm.truth()
        assert truth.signal == [reported]
        said = next(farm.run(1)).values[:, 0]
        other = exchanged_with(TURBINE, reported)
        healthy = Farm(machines=1, sensors=[reported, other, "power"])
        here, there, power = next(healthy.run(1)).values[:, 0].T
        np.testing.assert_array_equal(said[:, 0], np.r_[here[:30], there[30:]])
        np.testing.assert_array_equal(said[:, 1], power)

    def test_none_is_its_own_other(self) -> None:
        for sensor in INSTRUMENTS:
            assert exchanged_with(TURBINE, sensor) != sensor


class TestStuck:
    def test_any_sensor_can_stick(self, healthy: np.ndarray) -> None:
        said = values(schedule("sensor_stuck", target="vibration"))
        vibration = column("vibration")
        assert set(said[FAULTY, 1, vibration]) == {healthy[ONSET, 1, vibration]}


def test_faults_of_one_sensor_add_up_in_order_of_onset() -> None:
    farm = Farm(
        machines=1,
        faults=[parse_fault("sensor_unit@T01:1h"), parse_fault("sensor_stuck@T01:2h")],
    )
    healthy = next(farm.with_faults(()).run(4)).values[:, 0, column("gearbox_temperature")]
    said = next(farm.run(4)).values[:, 0, column("gearbox_temperature")]
    np.testing.assert_array_equal(said[60:120], np.round(1.8 * healthy[60:120] + 32, 1))
    assert set(said[120:]) == {np.round(1.8 * healthy[120] + 32, 1)}


def test_a_pair_is_exchanged_once() -> None:
    """Twice would be as before, and the truth would tell of two faults where there is none."""
    faults = [
        parse_fault("sensor_swapped.gearbox_temperature@T01:1h"),
        parse_fault("sensor_swapped.ambient_temperature@T01:2h"),
    ]
    with pytest.raises(ValueError, match="overlaps"):
        Farm(machines=1, faults=faults)
