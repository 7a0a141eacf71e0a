"""Laws of machine faults, of changes and of maintenance: how they grow, fail, stop and act."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import Climate, Farm, Fault, parse_fault
from simulators.faults import FAULTS, BearingWear, Overheating
from simulators.faults.bearings import FAILING_WEAR
from simulators.faults.changes import CURTAILED_S, DAY_S, Ageing, Curtailment, Season
from simulators.faults.failing import FailingFault
from simulators.faults.lubrication import LubricationLoss
from simulators.faults.maintenance import (
    CALIBRATION_SHARE,
    NOISE_TIMES,
    BearingReplacement,
    OilChange,
    Service,
)
from simulators.faults.pitch import FAILING_STUCK, PitchActuator
from simulators.faults.sensors import deviation
from simulators.turbine import Turbine

HOUR = 3600.0
FAILING = [
    name
    for name, kind in FAULTS.items()
    if issubclass(kind, FailingFault) and kind is not PitchActuator
]


def conditions(fault: Fault, t_s: list[float]) -> dict[str, list[float]]:
    """What a fault makes of the conditions it names, at these times."""
    aimed = fault.aimed(Turbine)
    acted_on = {key: np.zeros(len(t_s)) for key in aimed.conditions()}
    aimed.on_machine(np.array(t_s), acted_on)
    return {key: values.tolist() for key, values in acted_on.items()}


class TestGrowth:
    def test_linear_unless_said_otherwise(self) -> None:
        fault = Overheating(machine="T01", onset_s=10, ramp_s=10, severity=0.6, end_s=40)
        grown = fault.severity_at(np.array([9.0, 10, 15, 20, 39, 40]))
        np.testing.assert_allclose(grown, [0, 0, 0.3, 0.6, 0.6, 0])

    def test_without_ramp_it_is_a_step(self) -> None:
        fault = Overheating(machine="T01", onset_s=10)
        assert fault.severity_at(np.array([9.0, 10, 11])).tolist() == [0, 1, 1]

    @pytest.mark.parametrize(("kind", "beta"), [(BearingWear, 4), (LubricationLoss, 3)])
    def test_wear_and_clogging_grow_exponentially(self, kind: type[Fault], beta: float) -> None:
        fault = kind(machine="T01", onset_s=0, ramp_s=10, severity=0.8)
        grown = fault.severity_at(np.array([0.0, 5, 10, 1000]))
        half = 0.8 * math.expm1(beta / 2) / math.expm1(beta)
        np.testing.assert_allclose(grown, [0, half, 0.8, 0.8])

    def test_a_season_comes_as_a_sinusoid(self) -> None:
        fault = Season(machine="T01", onset_s=0)
        quarter_s = 365.25 * DAY_S / 4
        grown = fault.severity_at(quarter_s * np.array([0.0, 0.5, 1, 1.5, 2]))
        np.testing.assert_allclose(grown, (1 - np.cos(np.pi * np.arange(5) / 4)) / 2)

    def test_ageing_takes_a_year(self) -> None:
        fault = Ageing(machine="T01", onset_s=0)
        assert fault.severity_at(np.array([365.25 / 2, 365.25]) * DAY_S).tolist() == [0.5, 1]

    @given(name=st.sampled_from(sorted(FAULTS)), elapsed=st.floats(0, 1), more=st.floats(0, 1))
    def test_it_never_falls_and_ends_at_1(self, name: str, elapsed: float, more: float) -> None:
        fault = FAULTS[name](machine="T01", onset_s=0, ramp_s=1)
        early, late = sorted((elapsed, more))
        share = fault.growth(np.array([0.0, early, late, 1.0]))
        assert share[0] == 0
        assert share[1] <= share[2] <= share[3] == pytest.approx(1)


class TestFailure:
    @given(
        name=st.sampled_from(FAILING),
        severity=st.floats(0, 1),
        ramp=st.floats(1, 1e7),
    )
    def test_it_is_where_the_severity_passes_what_the_machine_stands(
        self, name: str, severity: float, ramp: float
    ) -> None:
        fault = FAULTS[name](machine="T01", onset_s=100, ramp_s=ramp, severity=severity)
        assert isinstance(fault, FailingFault)
        if severity < fault.failing:
            assert math.isinf(fault.failure_s)
        else:
            assert 100 < fault.failure_s <= 100 + ramp
            at_failure = fault.severity_at(np.array([fault.failure_s]))[0]
            assert at_failure == pytest.approx(fault.failing, rel=1e-6)

    def test_of_a_bearing_by_its_own_formula(self) -> None:
        wear = BearingWear(machine="T01", onset_s=100, ramp_s=1000, severity=0.9)
        elapsed = math.log1p(FAILING_WEAR / 0.9 * math.expm1(4)) / 4
        assert wear.failure_s == pytest.approx(100 + 1000 * elapsed)

    @pytest.mark.parametrize("name", FAILING)
    def test_none_if_mild_or_repaired_in_time(self, name: str) -> None:
        mild = FAULTS[name](machine="T01", onset_s=100, ramp_s=1000, severity=0.5)
        repaired = FAULTS[name](machine="T01", onset_s=100, ramp_s=1000, end_s=900)
        at_once = FAULTS[name](machine="T01", onset_s=100)
        assert math.isinf(mild.failure_s)
        assert math.isinf(repaired.failure_s)
        assert at_once.failure_s == 100

    @pytest.mark.parametrize("target", ["leakage", "air", "stuck"])
    def test_a_pitch_drive_fails_where_it_sticks(self, target: str) -> None:
        drive = PitchActuator(machine="T01", target=target, onset_s=100, ramp_s=1000)
        fails_s = 100 + 1000 * FAILING_STUCK if target == "stuck" else math.inf
        assert drive.failure_s == pytest.approx(fails_s)

    def test_the_truth_tells_it(self) -> None:
        farm = Farm(3, start="2026-01-01", faults=[parse_fault("lubrication_loss@T02:1h")])
        (truth,) = farm.truth(hours=2)
        assert truth.t_functional_failure == "2026-01-01T01:00:00Z"


class TestCurtailment:
    def test_eight_hours_of_each_day_from_the_hour_of_its_onset(self) -> None:
        fault = Curtailment(machine="T01", onset_s=22 * HOUR, end_s=80 * HOUR, severity=0.5)
        hours = np.arange(0, 96)
        (acting,) = conditions(fault, (hours * HOUR).tolist()).values()
        at_night = [h for h in hours.tolist() if h >= 22 and (h - 22) % 24 < 8 and h < 80]
        assert hours[np.array(acting) == 0.5].tolist() == at_night
        assert CURTAILED_S == 8 * HOUR


class TestService:
    def test_it_takes_six_hours_unless_said_otherwise(self) -> None:
        assert Service(machine="T01", onset_s=HOUR).end_s == 7 * HOUR
        assert Service(machine="T01", onset_s=HOUR, end_s=2 * HOUR).end_s == 2 * HOUR

    @pytest.mark.parametrize("severity", [0.1, 1.0])
    def test_a_machine_is_stopped_or_not(self, severity: float) -> None:
        fault = Service(machine="T01", onset_s=10, ramp_s=50, end_s=20, severity=severity)
        assert conditions(fault, [9.0, 10, 19, 20]) == {"service": [0, 1, 1, 0]}

    def test_none_is_none(self) -> None:
        fault = Service(machine="T01", onset_s=10, end_s=20, severity=0)
        assert conditions(fault, [9.0, 10, 19, 20]) == {"service": [0, 0, 0, 0]}

    @pytest.mark.parametrize(
        ("kind", "condition", "hours"),
        [(OilChange, "oil_change", 4), (BearingReplacement, "bearing_renewed.gearbox", 8)],
    )
    def test_repairs_stop_the_machine_first(
        self, kind: type[Fault], condition: str, hours: float
    ) -> None:
        fault = kind(machine="T01", onset_s=HOUR, severity=0.4)
        times = [0.0, HOUR, (hours + 0.9) * HOUR, (hours + 1) * HOUR, 99 * HOUR]
        assert conditions(fault, times) == {
            condition: [0, 0.4, 0.4, 0.4, 0.4],
            "service": [0, 1, 1, 0, 0],
        }

    def test_two_at_once_stop_it_once(self) -> None:
        both = {"service": np.zeros(3), "oil_change": np.zeros(3)}
        for kind in (Service, OilChange):
            kind(machine="T01", onset_s=0).on_machine(np.arange(3.0), both)
        assert both["service"].tolist() == [1, 1, 1]


@cache
def ambient(fault: str = "") -> np.ndarray:
    """The ambient temperature that T02 reports with a fault, or without."""
    farm = Farm(2, seed=3, period_s=60, faults=[parse_fault(fault)] if fault else [])
    values = np.concatenate([block.values for block in farm.run(150)])
    return values[:, 1, farm.sensors.index("ambient_temperature")]


def shift(name: str) -> np.ndarray:
    """What maintenance of the thermometer in hour 50 does to what it reports."""
    return ambient(f"{name}.ambient_temperature@T02:50h") - ambient()


@cache
def days(fault: str = "", climate: Climate = Climate()) -> dict[str, np.ndarray]:  # noqa: B008
    """What T02 reports by sensor on nine days, of which the fault has had one to come."""
    faults = [parse_fault(fault)] if fault else []
    farm = Farm(2, seed=3, period_s=600, sensors="all", climate=climate, faults=faults)
    values = np.concatenate([block.values for block in farm.run(240)])[144:, 1]
    return dict(zip(farm.sensors, values.T, strict=True))


class TestSizes:
    """How bad severity 1 is, by the figures of the field."""

    @pytest.mark.parametrize(
        ("part", "level"),
        [
            ("gearbox", "vibration"),
            ("main", "main_bearing_vibration"),
            ("generator", "generator_vibration"),
        ],
    )
    def test_of_bearings(self, part: str, level: str) -> None:
        """Worn they vibrate 2 to 6 times as much and are 5 to 20 K warmer; renewed, half."""
        worn, renewed, healthy = (
            days(f"bearing_wear.{part}@T02:2h"),
            days(f"bearing_replacement.{part}@T02:2h"),
            days(),
        )
        assert np.median(worn[level] / healthy[level]) == pytest.approx(5, rel=0.02)
        assert np.median(renewed[level] / healthy[level]) == pytest.approx(0.5, rel=0.02)
        bearing = f"{part}_bearing_temperature"
        assert 5 < (worn[bearing] - healthy[bearing]).max() < 25

    @pytest.mark.parametrize(
        ("fault", "partial", "rated"),
        [
            ("yaw_misalignment", math.cos(math.radians(25)) ** 1.88, 1),
            ("pitch_offset", 0.96, 1),
            ("efficiency_loss", 0.94, 0.94),
            ("blade_erosion", 0.95, 1),
            ("firmware", 1.02, 1),
            ("ageing", 0.99, 1),
        ],
    )
    def test_of_what_costs_or_gains_power(self, fault: str, partial: float, rated: float) -> None:
        before = days()["power"]
        power = days(f"{fault}@T02:2h+1h")["power"]
        for regime, share in (((before > 500) & (before < 4000), partial), (before > 4990, rated)):
            assert regime.sum() > 50
            assert np.median(power[regime] / before[regime]) == pytest.approx(share, abs=0.003)

    def test_of_imbalance(self) -> None:
        """It adds 0.2 m/s² to the side-side acceleration at rated speed, in squares."""
        rated = days()["rotor_speed"] > 12
        before, after = (
            each["side_acceleration"][rated] ** 2
            for each in (days(), days("mass_imbalance@T02:2h"))
        )
        assert math.sqrt(np.median(after - before)) == pytest.approx(0.2, rel=0.05)

    def test_of_heat(self) -> None:
        """Oil rises up to 1.8 times as far above the air, a winding 1.6 times above the nacelle."""

        def rise(fault: str, hot: str, cool: str) -> float:
            after, before = days(fault), days()
            ratio = (after[hot] - after[cool]).mean() / (before[hot] - before[cool]).mean()
            return float(ratio)

        assert 1.5 < rise("overheating@T02:2h", "gearbox_temperature", "ambient_temperature") < 1.8
        winding = "generator_winding_temperature_v"
        heat = rise("winding_overheating.v@T02:2h", winding, "nacelle_temperature")
        assert heat == pytest.approx(1.6, abs=0.1)

    def test_of_fresh_oil(self) -> None:
        rated = days()["power"] > 4900
        cooler = (days("oil_change@T02:2h")["gearbox_temperature"] - days()["gearbox_temperature"])[
            rated
        ]
        assert np.median(cooler) == pytest.approx(-5, abs=0.7)

    def test_of_ice(self) -> None:
        """Down to 0.4 of the power, in frost; and none without."""
        frost = Climate(air_mean=3, humidity_mean=0.93)
        before = days("", frost)["power"]
        partial = (before > 500) & (before < 4000)
        iced = days("icing@T02:2h", frost)["power"]
        assert 0.4 < (iced[partial] / before[partial]).min() < 0.6
        assert (days("icing@T02:2h")["power"] == days()["power"]).all()

    def test_of_a_service(self) -> None:
        at_work = days("service@T02:30h-60h")
        stopped = slice(2 * 6 + 36, 36 + 30 * 6)
        assert set(at_work["status"][stopped]) == {3}
        assert (at_work["power"][stopped] <= 0).all()
        assert (at_work["rotor_speed"][stopped] < 0.5).all()

    def test_of_a_curtailment(self) -> None:
        limited = days("curtailment@T02:24h-240h")
        by_day = limited["power"].reshape(9, 24, 6)
        assert by_day[:, 1:8].max() < 0.42 * 5000 < by_day[:, 9:].max()


class TestInstruments:
    instrument = next(each for each in Turbine.instruments if each.name == "ambient_temperature")

    @pytest.mark.parametrize("name", ["recalibration", "sensor_replacement"])
    def test_they_read_a_little_otherwise(self, name: str) -> None:
        error = shift(name)
        little = CALIBRATION_SHARE * deviation(self.instrument)
        assert (error[: 50 * 60] == 0).all()
        assert abs(error[50 * 60 :].mean()) == pytest.approx(little, rel=0.05)

    def test_only_the_replaced_one_is_noisier(self) -> None:
        assert shift("recalibration")[50 * 60 :].std() < 1e-9
        added = self.instrument.noise * math.sqrt(NOISE_TIMES**2 - 1)
        rounded = self.instrument.resolution / math.sqrt(12)
        noise = shift("sensor_replacement")[50 * 60 :].std()
        assert noise == pytest.approx(math.hypot(added, rounded), rel=0.05)
