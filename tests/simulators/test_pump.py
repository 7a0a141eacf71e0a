"""The second machine class: its laws, a sound pump, and what each hidden condition does to it."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import FAULTS, Climate, Farm, Fault, parse_fault
from simulators.detectability import truth
from simulators.faults.base import MachineFault
from simulators.outputs.payloads import telemetry
from simulators.pump import (
    CONDITIONS,
    DELIVERY_M,
    DISCHARGE_RESISTANCE,
    DROOP,
    RATED_CURRENT_A,
    RATED_FLOW,
    RATED_SHAFT_KW,
    SHUTOFF_M,
    SUCTION_RESISTANCE,
    SUPPLY_M,
    Pump,
)
from simulators.pump.bearing import ENDS
from simulators.pump.duty import on_duty, usual_demand
from simulators.pump.hydraulics import (
    cavitation_loss,
    efficiency,
    flow_share,
    motor_current,
    npsh_available,
    npsh_required,
    operating_flow,
    pump_head,
    shaft_power,
    speed_for_flow,
)
from simulators.streams import Streams
from simulators.weather import Weather

ROOT = Path(__file__).parents[2]
HOUR = 3600.0
NAMES = tuple(instrument.name for instrument in Pump.instruments)

flows = st.floats(0, 800)
speeds = st.floats(0.1, 1.2)
ratios = st.floats(0.2, 2)


def one(value: float) -> np.ndarray:
    return np.array([value])


def plant(machines: int = 6, hours: float = 24 * 14, **more: object) -> dict[str, np.ndarray]:
    """A farm's readings by sensor, ``[k, machines]`` each."""
    farm = Farm(machines, machine_class="pump", sensors="all", **({"seed": 5} | more))  # type: ignore[arg-type]
    values = np.concatenate([block.values for block in farm.run(hours)])
    return dict(zip(NAMES, np.moveaxis(values, 2, 0), strict=True))


@cache
def healthy() -> dict[str, np.ndarray]:
    """Two weeks from a Thursday on, in minutes."""
    return plant()


class TestAffinity:
    """Q ∝ n, H ∝ n², P ∝ n³ (any pump textbook; ISO 9906 converts tests to rated speed by them)."""

    @given(flow=flows, speed=speeds, ratio=ratios)
    def test_head_goes_with_the_square(self, flow: float, speed: float, ratio: float) -> None:
        slow = pump_head(one(flow), one(speed), SHUTOFF_M, DROOP)[0]
        fast = pump_head(one(ratio * flow), one(ratio * speed), SHUTOFF_M, DROOP)[0]
        assert fast == pytest.approx(ratio**2 * slow, rel=1e-9, abs=1e-9)

    @given(share=st.floats(0, 1.5), speed=speeds, ratio=ratios)
    def test_power_goes_with_the_cube(self, share: float, speed: float, ratio: float) -> None:
        def power(s: float) -> float:
            head = pump_head(one(share * 400 * s), one(s), SHUTOFF_M, DROOP)
            return float(shaft_power(one(share), one(s), head, 0.8, 400)[0])

        assert power(ratio * speed) == pytest.approx(ratio**3 * power(speed), rel=1e-9)

    @given(speed=speeds, ratio=ratios)
    def test_flow_goes_with_speed_where_nothing_is_lifted(self, speed: float, ratio: float) -> None:
        slow, fast = (operating_flow(one(s), 60, 1e-4, 0, 2e-4)[0] for s in (speed, ratio * speed))
        assert fast == pytest.approx(ratio * slow)

    @given(flow=flows, speed=speeds, ratio=ratios)
    def test_efficiency_stays(self, flow: float, speed: float, ratio: float) -> None:
        shares = [flow_share(one(k * flow), one(k * speed), 400)[0] for k in (1, ratio)]
        assert shares[0] == pytest.approx(shares[1])


class TestHydraulics:
    @given(speed=speeds, static=st.floats(0, 30), resistance=st.floats(1e-5, 1e-2))
    def test_the_curves_cross_where_it_works(
        self, speed: float, static: float, resistance: float
    ) -> None:
        flow = operating_flow(one(speed), SHUTOFF_M, DROOP, static, resistance)
        pump = pump_head(flow, one(speed), SHUTOFF_M, DROOP)[0]
        if flow[0] > 0:
            assert pump == pytest.approx(static + resistance * flow[0] ** 2)
        else:
            assert pump <= static

    def test_rated_is_400_cubic_metres_an_hour_and_50_metres(self) -> None:
        resistance = SUCTION_RESISTANCE + DISCHARGE_RESISTANCE
        flow = operating_flow(one(1.0), SHUTOFF_M, DROOP, DELIVERY_M - SUPPLY_M, resistance)
        head = pump_head(flow, one(1.0), SHUTOFF_M, DROOP)
        assert (flow[0], head[0]) == (pytest.approx(RATED_FLOW), pytest.approx(50))
        power = shaft_power(one(1.0), one(1.0), head, 0.8, RATED_FLOW)
        assert power[0] == pytest.approx(RATED_SHAFT_KW, rel=1e-3)

    @given(flow=st.floats(1, 500), static=st.floats(0, 30))
    def test_speed_for_flow_undoes_operating_flow(self, flow: float, static: float) -> None:
        curves = (SHUTOFF_M, DROOP, static, 2e-4)
        assert operating_flow(speed_for_flow(one(flow), *curves), *curves)[0] == pytest.approx(flow)

    @given(share=st.floats(0.05, 1.9), speed=speeds, head=st.floats(1, 100))
    def test_shaft_power_is_that_in_the_water_over_the_efficiency(
        self, share: float, speed: float, head: float
    ) -> None:
        water_kw = 998.2 * 9.80665 * (share * 400 * speed / 3600) * head / 1000
        power = shaft_power(one(share), one(speed), one(head), 0.8, 400)[0]
        assert power == pytest.approx(water_kw / efficiency(one(share), 0.8)[0])

    @given(st.floats(0, 2))
    def test_nowhere_is_it_more_efficient_than_at_its_best_flow(self, share: float) -> None:
        assert 0 <= efficiency(one(share), 0.8)[0] <= 0.8 == efficiency(one(1), 0.8)[0]

    def test_three_per_cent_of_head_are_lost_at_npsh3(self) -> None:
        """The definition of NPSH3 (ANSI/HI 9.6.1)."""
        assert cavitation_loss(one(4.0), one(4.0))[0] == pytest.approx(0.03)
        assert cavitation_loss(one(-1.0), one(4.0))[0] == 1
        assert cavitation_loss(one(9.0), one(4.0))[0] < 0.001
        assert npsh_required(one(1.0), one(0.5), 4.0)[0] == pytest.approx(1)

    def test_water_boils_at_full_vacuum(self) -> None:
        """At 20 °C it has 2.34 kPa of vapour pressure, at sea level 101.325 kPa above it."""
        vapour_m = (2.339e3 - 101.325e3) / (998.2 * 9.80665)
        assert npsh_available(one(vapour_m))[0] == pytest.approx(0, abs=0.01)

    def test_current_with_and_without_load(self) -> None:
        current = motor_current(np.array([0.0, 1.0]), RATED_CURRENT_A, 0.35)
        np.testing.assert_allclose(current, [0.35 * RATED_CURRENT_A, RATED_CURRENT_A])


class TestDuty:
    def test_two_of_three_work_at_any_time_and_each_rests(self) -> None:
        working = on_duty(np.arange(0.0, 24 * 30, 0.5), machines=6)
        assert (working.sum(axis=1) == 4).all()
        np.testing.assert_allclose(working.mean(axis=0), 2 / 3, atol=0.03)

    def test_nobody_jumps_between_day_night_and_weekend(self) -> None:
        hours = np.arange(0, 2 * 168, 1 / 60)
        demand = usual_demand(hours)
        assert np.abs(np.diff(demand)).max() < 0.003
        np.testing.assert_allclose(demand[: 168 * 60], demand[168 * 60 :], atol=1e-9)
        saturday, tuesday = usual_demand(one(5 * 24 + 13)), usual_demand(one(24 + 13))
        assert saturday[0] == pytest.approx(0.8 * tuesday[0])


class TestHealthyPump:
    def working(self, sensor: str) -> np.ndarray:
        """While it has been at work for an hour at least."""
        turning = healthy()["speed"] > 500
        whole = np.lib.stride_tricks.sliding_window_view(turning, 60, axis=0).all(axis=-1)
        return healthy()[sensor][59:][whole]

    def test_the_days_are_seen_in_the_flow(self) -> None:
        """Highest about 13 h, lowest about 1 h, and by a third."""
        flow = np.where(healthy()["flow"] > 0, healthy()["flow"], np.nan)
        weekdays = flow[4 * 1440 : 9 * 1440].reshape(5, 24, 60, -1)
        by_hour = np.nanmean(weekdays, axis=(0, 2, 3))
        assert 10 <= by_hour.argmax() <= 16
        assert by_hour.argmin() in {22, 23, 0, 1, 2, 3, 4}
        assert 1.2 < by_hour.max() / by_hour.min() < 1.6

    def test_weekends_are_calmer(self) -> None:
        flow = np.where(healthy()["flow"] > 0, healthy()["flow"], np.nan)
        saturday = np.nanmean(flow[2 * 1440 + 540 : 3 * 1440])
        friday = np.nanmean(flow[1440 + 540 : 2 * 1440])
        assert 0.7 < saturday / friday < 0.92

    @pytest.mark.parametrize("end", [end.name for end in ENDS])
    def test_vibration_is_in_zone_a_or_b(self, end: str) -> None:
        """Zone C begins at 5.1 mm/s (ISO 10816-7, category II, up to 200 kW)."""
        vibration = self.working(f"{end}_vibration")
        assert vibration.max() < 5.1
        assert 0.8 < np.median(vibration) < 3.2

    @pytest.mark.parametrize("end", [end.name for end in ENDS])
    def test_kurtosis_and_crest_factor_are_those_of_noise(self, end: str) -> None:
        assert 3 <= np.median(self.working(f"{end}_kurtosis")) < 3.4
        assert 3 < np.median(self.working(f"{end}_crest_factor")) < 4

    @pytest.mark.parametrize("end", [end.name for end in ENDS])
    def test_bearings_are_15_to_45_k_over_the_air_at_work(self, end: str) -> None:
        """20 to 40 K when they work hard."""
        rise = self.working(f"{end}_temperature") - self.working("ambient_temperature")
        assert rise.min() > 10
        assert rise.max() < 45
        hard = self.working("speed") > 1400
        assert 20 < np.median(rise[hard]) < 40

    def test_the_winding_is_warmer_the_more_current_flows(self) -> None:
        rise = self.working("winding_temperature") - self.working("ambient_temperature")
        current = self.working("motor_current")
        assert rise.max() < 95
        assert np.median(rise[current > 110]) > 1.5 * np.median(rise[current < 90])

    def test_nothing_flows_turns_or_is_taken_on_standby(self) -> None:
        flow, speed = healthy()["flow"], healthy()["speed"]
        resting = speed == 0
        assert 0.25 < resting.mean() < 0.4
        for sensor in ("flow", "motor_current", "power"):
            assert (healthy()[sensor][resting] == 0).all()
        assert (flow[speed > 800] > 0).all()
        assert (healthy()["drive_end_vibration"][resting] < 0.5).all()

    def test_power_over_the_water_is_a_plausible_efficiency(self) -> None:
        lift = self.working("discharge_pressure") - self.working("suction_pressure")
        water_kw = self.working("flow") / 3600 * lift * 100
        share = water_kw / self.working("power")
        assert share.min() > 0.65
        assert share.max() < 0.82

    def test_it_runs_up_within_a_minute(self) -> None:
        """The third pump is at work from midnight and rests from 6 h on; the first takes over."""
        readings = plant(machines=3, hours=6.2, period_s=1.0)
        speed, six = readings["speed"], int(6 * HOUR)
        assert speed[six - 10, 0] == 0 < speed[six - 10, 2]
        assert 0 < speed[six + 15, 0] < 0.75 * speed[six + 120, 0]
        assert speed[six + 60, 0] > 0.97 * speed[six + 120, 0]
        assert (np.diff(speed[six : six + 45, 0]) > -5).all()
        shut = (speed[six : six + 60, 0] > 0) & (readings["flow"][six : six + 60, 0] == 0)
        assert shut.sum() >= 5, "the check valve opens only against the static head"
        assert speed[six + 120, 2] == 0

    def test_no_two_features_share_their_chance(self) -> None:
        """What scatters about a sound pump's expectation does so for each sensor alone."""
        of_first = [
            healthy()[f"{end.name}_{of}"][:, 0]
            for end in ENDS
            for of in ("kurtosis", "crest_factor")
        ]
        assert np.abs(np.corrcoef(of_first) - np.eye(4)).max() < 0.1


class TestThermalTimes:
    def test_bearings_warm_with_15_to_30_minutes(self) -> None:
        """A step in heat (from a full wear at once): 63 % of it is there after τ."""
        fault = parse_fault("bearing_wear@P02:12h-20h")
        faulty = plant(3, 20, period_s=30.0, faults=[fault])["drive_end_temperature"][:, 1]
        sound = plant(3, 20, period_s=30.0)["drive_end_temperature"][:, 1]
        extra = (faulty - sound)[(12 * 120) :]
        settled = np.median(extra[-240:])
        tau_s = 30.0 * float(np.argmax(extra > (1 - math.exp(-1)) * settled))
        assert 10 < settled < 16
        assert 12 * 60 < tau_s < 35 * 60

    def test_a_stopped_pump_cools_to_the_air(self) -> None:
        stopped = plant(3, 20, faults=[parse_fault("service@P02:12h-20h")])
        air = stopped["ambient_temperature"][:, 1]
        for sensor in ("drive_end_temperature", "winding_temperature"):
            over = (stopped[sensor][:, 1] - air)[720:]
            assert 0.1 < over[25] / over[0] < 0.6, sensor
            assert abs(over[-60:].mean()) < 1, sensor


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    period_s=st.sampled_from([1.0, 60.0, 600.0]),
    air_mean=st.sampled_from([-25.0, 17.0, 40.0]),
)
def test_values_stay_in_the_ranges_of_their_instruments(
    seed: int, period_s: float, air_mean: float
) -> None:
    climate = Climate(air_mean=air_mean)
    values = plant(4, 48 * period_s / 60, seed=seed, period_s=period_s, climate=climate)
    for instrument in Pump.instruments:
        sensor = values[instrument.name]
        assert np.isfinite(sensor).all()
        assert (sensor >= instrument.low).all()
        assert (sensor <= instrument.high).all()
        steps = sensor / instrument.resolution
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)


@pytest.mark.parametrize("period_s", [1.0, 60.0, 3600.0])
def test_every_condition_at_its_worst_leaves_finite_values(period_s: float) -> None:
    """Also a pump that everything befalls at once."""
    streams = Streams(1)
    pumps = Pump(4, streams, period_s)
    start = np.int64(1_767_225_600 * 10**9) + np.arange(500) * int(period_s * 1e9)
    weather = Weather(streams, period_s, Climate()).advance(start)
    worst = {key: np.full((500, 4), 1.0) for key in CONDITIONS if key != "service"}
    true = pumps.advance(weather, worst | {"service": np.zeros((1, 1))})
    assert set(true) == set(NAMES)
    for sensor, values in true.items():
        assert np.isfinite(values).all(), sensor


def digest(**more: object) -> str:
    values = plant(machines=4, hours=60, period_s=120.0, **more)
    return hashlib.sha256(b"".join(values[name].tobytes() for name in NAMES)).hexdigest()


def test_the_same_in_any_process() -> None:
    program = "from tests.simulators.test_pump import digest; print(digest(seed=9))"
    for hash_seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=240,
        )
        assert there.stdout.strip() == digest(seed=9)
    assert digest(seed=10) != digest(seed=9)


@pytest.mark.parametrize("block_steps", [1, 7, 500])
def test_blocks_have_no_seams(block_steps: int) -> None:
    faults = [
        parse_fault("bearing_wear@P01:10h+10h"),
        parse_fault("cavitation@P02:10h+10h-30h"),
        parse_fault("service@P03:3h-7h"),
    ]
    farm = Farm(4, 3, period_s=300, machine_class="pump", sensors="all", faults=faults)
    whole, cut = (
        np.concatenate([block.values for block in farm.run(60, steps)])
        for steps in (None, block_steps)
    )
    np.testing.assert_array_equal(whole, cut)


@pytest.mark.parametrize("sensor", NAMES)
def test_what_is_reported_changes_nothing(sensor: str) -> None:
    everything = plant(machines=3, hours=12)[sensor]
    alone = Farm(3, 5, machine_class="pump", sensors=[sensor])
    values = np.concatenate([block.values for block in alone.run(12)])[:, :, 0]
    np.testing.assert_array_equal(values, everything)


def test_the_expectation_keeps_the_demand_and_loses_the_noise() -> None:
    farm = Farm(3, 5, machine_class="pump", sensors=["flow", "drive_end_vibration"])
    real, expected = (
        np.concatenate([block.values for block in each.run(96)])
        for each in (farm, farm.expectation())
    )
    at_work = (real[:, 0, 0] > 100) & (expected[:, 0, 0] > 100)
    flow, ought = real[at_work, 0, 0], expected[at_work, 0, 0]
    assert np.corrcoef(flow, ought)[0, 1] > 0.97
    assert 0.5 < (flow - ought).std() / (0.01 * ought.mean()) < 3
    assert np.corrcoef(real[at_work, 0, 1], expected[at_work, 0, 1])[0, 1] > 0.9


def cases() -> list[str]:
    """Every fault that a pump can have, once for each part that it befalls."""
    found = []
    for name, kind in FAULTS.items():
        if issubclass(kind, MachineFault):
            parts = kind.targets(Pump)
            found += [f"{name}.{part}" if part else name for part in parts]
    return found


CASES = cases()
ONSET, RAMP, END, HOURS, PERIOD_S = 48 * HOUR, 6 * HOUR, 192 * HOUR, 240, 600.0


def make(case: str, severity: float = 1.0) -> Fault:
    name, _, target = case.partition(".")
    machine = f"P{2 * CASES.index(case) + 1:02d}"
    times = {"onset_s": ONSET, "ramp_s": RAMP, "end_s": END}
    return FAULTS[name](machine=machine, target=target, severity=severity, **times).aimed(Pump)


@cache
def simulated(severity: float | None) -> np.ndarray:
    """Every fault on a pump of its own, every other pump well; at ``None`` all are."""
    faults = [] if severity is None else [make(case, severity) for case in CASES]
    farm = Farm(
        2 * len(CASES),
        seed=2,
        period_s=PERIOD_S,
        machine_class="pump",
        sensors="all",
        faults=faults,
    )
    return np.concatenate([block.values for block in farm.run(HOURS)])


def shift(case: str) -> np.ndarray:
    """The largest difference from the sound twin, in σ of a pump at work; ``[sensors]``."""
    row = 2 * CASES.index(case)
    sound = simulated(None)[:, row]
    at_work = sound[:, NAMES.index("speed")] > 100
    moved = np.abs(simulated(1.0)[:, row] - sound)
    return moved.max(axis=0) / sound[at_work].std(axis=0)


def test_faults_reach_every_condition() -> None:
    assert {key for case in CASES for key in make(case).conditions()} == set(CONDITIONS)


def test_the_sensors_of_conditions_exist() -> None:
    for condition in CONDITIONS.values():
        assert set(condition.signals) <= set(NAMES)
        assert len(set(condition.signals)) == len(condition.signals)
    assert Pump.exemplar in Pump.usual
    assert len(Pump.usual) == 9


@pytest.mark.parametrize("case", CASES)
class TestEveryFault:
    def test_it_moves_its_signals_and_no_other(self, case: str) -> None:
        _, signals = make(case).signals(Pump)
        moved = dict(zip(NAMES, shift(case), strict=True))
        for sensor in NAMES:
            if sensor in signals:
                assert moved[sensor] > 0.1, sensor
            else:
                assert moved[sensor] <= 0.1, sensor

    def test_nothing_before_its_onset(self, case: str) -> None:
        before, row = int(ONSET / PERIOD_S), 2 * CASES.index(case)
        np.testing.assert_array_equal(simulated(1.0)[:before, row], simulated(None)[:before, row])

    def test_nothing_long_after_its_end(self, case: str) -> None:
        after, row = int((END + 24 * HOUR) / PERIOD_S), 2 * CASES.index(case)
        np.testing.assert_array_equal(simulated(1.0)[after:, row], simulated(None)[after:, row])


def test_other_pumps_feel_nothing() -> None:
    np.testing.assert_array_equal(simulated(1.0)[:, 1::2], simulated(None)[:, 1::2])


def test_severity_0_is_the_healthy_run() -> None:
    assert simulated(0.0).tobytes() == simulated(None).tobytes()


def shifts(case: str) -> dict[str, np.ndarray]:
    """Faulty minus sound by sensor, at full severity and work."""
    row = 2 * CASES.index(case)
    full = slice(int((ONSET + RAMP + 3 * HOUR) / PERIOD_S), int(END / PERIOD_S))
    faulty, sound = (simulated(s)[full, row] for s in (1.0, None))
    at_work = sound[:, NAMES.index("speed")] > 500
    return dict(zip(NAMES, (faulty - sound)[at_work].T, strict=True))


class TestPhysicsOfFaults:
    def test_cavitation_takes_head_and_shakes(self) -> None:
        moved = shifts("cavitation")
        assert np.median(moved["suction_pressure"]) < -0.7
        assert np.median(moved["discharge_pressure"]) < -0.5
        assert np.median(moved["flow"]) < -30
        assert np.median(moved["drive_end_vibration"]) > 1

    def test_it_is_the_harder_working_pump_that_cavitates(self) -> None:
        row = 2 * CASES.index("cavitation")
        moved = shifts("cavitation")["drive_end_vibration"]
        full = slice(int((ONSET + RAMP + 3 * HOUR) / PERIOD_S), int(END / PERIOD_S))
        speed = simulated(None)[full, row, NAMES.index("speed")]
        speed = speed[speed > 500]
        assert np.corrcoef(speed, moved)[0, 1] > 0.6

    def test_a_worn_impeller_gives_less_head_flow_and_efficiency(self) -> None:
        row, moved = 2 * CASES.index("impeller_wear"), shifts("impeller_wear")
        assert np.median(moved["discharge_pressure"]) < -0.3
        assert np.median(moved["flow"]) < -20
        full = slice(int((ONSET + RAMP) / PERIOD_S), int(END / PERIOD_S))
        faulty, sound = (simulated(s)[full, row] for s in (1.0, None))

        def lifted(values: np.ndarray) -> float:
            of = dict(zip(NAMES, values.T, strict=True))
            at_work = of["speed"] > 500
            lift = of["discharge_pressure"] - of["suction_pressure"]
            return float(np.median((of["flow"] * lift)[at_work] / of["power"][at_work]))

        assert lifted(faulty) / lifted(sound) == pytest.approx(0.85, abs=0.02)

    def test_a_clogged_strainer_starves_and_a_clogged_filter_dams(self) -> None:
        strainer, dam = shifts("filter_clogging.suction"), shifts("filter_clogging.discharge")
        assert np.median(strainer["suction_pressure"]) < -0.2
        assert np.median(strainer["discharge_pressure"]) < -0.1
        assert np.median(dam["discharge_pressure"]) > 0.2
        assert np.median(dam["suction_pressure"]) > 0
        assert max(np.median(strainer["flow"]), np.median(dam["flow"])) < -10

    def test_misalignment_shakes_both_ends_most_at_the_coupling(self) -> None:
        moved = shifts("misalignment")
        drive_end, other = moved["drive_end_vibration"], moved["non_drive_end_vibration"]
        assert np.median(drive_end) > np.median(other) > 1
        assert 3 < np.median(moved["drive_end_temperature"]) < 8

    @pytest.mark.parametrize("end", [end.name for end in ENDS])
    def test_wear_is_heard_first_as_spikes_and_stays_at_its_end(self, end: str) -> None:
        moved = shifts(f"bearing_wear.{end}")
        assert np.median(moved[f"{end}_vibration"]) > 3
        assert 5 < np.median(moved[f"{end}_temperature"]) < 20
        row = 2 * CASES.index(f"bearing_wear.{end}")
        kurtosis = simulated(1.0)[:, row, NAMES.index(f"{end}_kurtosis")]
        growing = slice(int(ONSET / PERIOD_S), int((ONSET + RAMP) / PERIOD_S))
        assert kurtosis[growing].max() > 7
        assert np.median(kurtosis[growing.stop : int(END / PERIOD_S)]) < 4.5

    def test_blocked_cooling_and_shorted_turns_are_of_the_motor_alone(self) -> None:
        assert 15 < np.median(shifts("overheating")["winding_temperature"]) < 60
        assert 10 < np.median(shifts("winding_overheating")["winding_temperature"]) < 45

    def test_a_renewed_bearing_vibrates_half_as_much(self) -> None:
        row, sensor = 2 * CASES.index("bearing_replacement.drive_end"), "drive_end_vibration"
        later = slice(int((ONSET + 24 * HOUR) / PERIOD_S), int(END / PERIOD_S))
        new, old = (simulated(s)[later, row, NAMES.index(sensor)] for s in (1.0, None))
        at_work = old > 0.8
        assert np.median(new[at_work] / old[at_work]) == pytest.approx(0.5, abs=0.02)


class TestInTheFarm:
    def test_payloads_carry_a_pump(self) -> None:
        farm = Farm(2, 1, machine_class="pump", site="plant1")
        message = next(iter(telemetry(farm, 1, "json")))
        assert message.topic == "plant/plant1/P01/telemetry"
        reading = message.payload
        assert set(Pump.usual) <= set(reading)

    def test_it_can_be_told_when_a_fault_was_to_be_seen(self) -> None:
        fault = parse_fault("cavitation@P02:8h+2h:0.9")
        farm = Farm(3, 1, machine_class="pump", period_s=300, faults=[fault])
        (told,) = truth(farm, hours=30)
        assert (told.fault_id, told.component) == ("P1", "suction")
        assert told.t_detectable is not None
        assert told.t_onset < told.t_detectable < "2026-01-01T12"

    def test_a_turbine_does_not_cavitate(self) -> None:
        with pytest.raises(ValueError, match="a turbine cannot have this fault"):
            Farm(3, faults=[parse_fault("cavitation@T01:1h")])

    def test_a_pump_does_not_ice_up(self) -> None:
        with pytest.raises(ValueError, match="a pump cannot have this fault"):
            Farm(3, machine_class="pump", faults=[parse_fault("icing@P01:1h")])

    def test_the_command_line_simulates_it(self, tmp_path: Path) -> None:
        out, told = tmp_path / "day.jsonl", tmp_path / "truth.jsonl"
        asked = ["--class", "pump", "--machines", "3", "--hours", "12", "--period-s", "600"]
        command = [sys.executable, "-m", "simulators", *asked, "--out", str(out)]
        command += ["--truth", str(told), "--fault", "misalignment@P02:2h"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=240)
        assert len(out.read_text().splitlines()) == 3 * 72
        assert json.loads(told.read_text())["fault_id"] == "P3"


def test_the_plant_knows_what_day_it_is_wherever_the_run_starts() -> None:
    """2026-01-01 is a Thursday: a run that starts on the Saturday starts with a weekend."""
    weekend = Farm(3, machine_class="pump", start="2026-01-03", period_s=600)
    week = Farm(3, machine_class="pump", start="2026-01-05", period_s=600)
    at = weekend.sensors.index("flow")
    calm, busy = (next(farm.run(24)).values[:, :, at].sum() for farm in (weekend, week))
    assert calm < 0.93 * busy
