"""The farm as a whole: reproducible, plausible, within range, cut into blocks without a seam."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators import Climate, Farm, parse_fault
from simulators.clock import LAST_NS, iso_time, parse_time
from simulators.instruments import Instrument, report

ROOT = Path(__file__).parents[2]
FAULTS = [
    parse_fault("bearing_wear@T01:1h+3h:0.8"),
    parse_fault("overheating@T02:2h+1h-6h:0.9"),
    parse_fault("sensor_stuck@T03:3h-7h"),
]


def values(farm: Farm, hours: float, block_steps: int | None = None) -> np.ndarray:
    return np.concatenate([block.values for block in farm.run(hours, block_steps)])


def column(farm: Farm, all_values: np.ndarray, sensor: str) -> np.ndarray:
    return all_values[:, :, farm.sensors.index(sensor)]


def digest(farm: Farm) -> str:
    return hashlib.sha256(values(farm, 12).tobytes()).hexdigest()


def test_the_same_in_any_process() -> None:
    here = digest(Farm(machines=5, seed=9))
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "from tests.simulators.test_farm import digest\n"
        "from simulators import Farm\n"
        "print(digest(Farm(machines=5, seed=9)))"
    )
    for hash_seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=240,
        )
        assert there.stdout.strip() == here
    assert digest(Farm(machines=5, seed=10)) != here


def test_every_run_starts_anew() -> None:
    farm = Farm(machines=3, faults=FAULTS)
    np.testing.assert_array_equal(values(farm, 8), values(farm, 8))


ILL = [
    parse_fault(f"{fault}@{machine}:2h")
    for fault, machine in (
        ("overheating", "T01"),
        ("icing", "T02"),
        ("pitch_actuator.stuck", "T03"),
        ("pitch_actuator.leakage", "T04"),
        ("curtailment", "T02"),
    )
]


@pytest.mark.parametrize(
    "climate",
    [
        Climate(weibull_scale=3.0, wind_tau_h=2),
        Climate(air_mean=40.0, gusts_per_day=100, lulls_per_day=20),
        Climate(weibull_scale=30.0, wind_tau_h=2, air_mean=5.0, humidity_mean=0.95),
    ],
    ids=["calm", "hot", "stormy"],
)
@pytest.mark.parametrize("block_steps", [1, 7, 500])
def test_blocks_have_no_seams(block_steps: int, climate: Climate) -> None:
    """Also where machines start, stop, derate, ice and stick, and the state there counts."""
    farm = Farm(
        machines=4, period_s=120, sensors="all", faults=[*FAULTS, *ILL[1:]], climate=climate
    )
    np.testing.assert_array_equal(values(farm, 30), values(farm, 30, block_steps))


def test_what_is_reported_does_not_change_what_it_says() -> None:
    """Parts of the machine that nobody looks at are not simulated, and nobody else notices."""
    every = Farm(machines=3, seed=3, period_s=600, sensors="all", faults=ILL[:2])
    said = values(every, 48)
    for i, name in enumerate(every.sensors):
        alone = Farm(machines=3, seed=3, period_s=600, sensors=[name])
        np.testing.assert_array_equal(values(alone, 48)[:, 2, 0], said[:, 2, i], err_msg=name)
    some = ("vibration", "gearbox_bearing_temperature", "power", "generator_kurtosis")
    few = Farm(machines=3, seed=3, period_s=600, sensors=some, faults=ILL[:1])
    there = [every.sensors.index(name) for name in some]
    np.testing.assert_array_equal(values(few, 48)[:, ::2], said[:, ::2, there])


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    farm = Farm(machines=3, faults=FAULTS)
    np.testing.assert_array_equal(values(farm, 5), values(farm, 9)[: 5 * 60])


def test_times_are_even_and_start_where_asked() -> None:
    farm = Farm(machines=2, period_s=0.5, start="2026-03-01T12:00:00+02:00")
    times = np.concatenate([block.times for block in farm.run(hours=0.1)])
    assert iso_time(int(times[0])) == "2026-03-01T10:00:00Z"
    assert iso_time(int(times[1])) == "2026-03-01T10:00:00.500Z"
    assert set(np.diff(times)) == {500_000_000}
    assert len(times) == 720


@pytest.mark.parametrize(("hours", "steps"), [(4.1, 246), (0.1, 6), (1 / 60, 1), (1.01, 60)])
def test_steps_of_a_run(hours: float, steps: int) -> None:
    """4.1 h are 245.99999999999997 minutes in binary fractions."""
    assert Farm(period_s=60).steps(hours) == steps


def test_an_instrument_that_rounds_to_nothing_says_0() -> None:
    thermometer = Instrument("air", "°C", resolution=0.1)
    assert str(report(thermometer, np.array([-0.01]), np.zeros(1))[0]) == "0.0"


def test_machines_are_named_alike_in_farms_of_all_sizes() -> None:
    assert Farm(machines=101).machines[:2] == ("T01", "T02")
    assert Farm(machines=101).machines[98:] == ("T99", "T100", "T101")


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    period_s=st.sampled_from([0.1, 1.0, 60.0, 600.0, 7200.0]),
    scale=st.sampled_from([1.0, 9.0, 30.0]),
    air=st.sampled_from([-25.0, 5.0, 40.0]),
)
def test_values_stay_in_the_ranges_of_their_instruments(
    seed: int, period_s: float, scale: float, air: float
) -> None:
    climate = Climate(weibull_scale=scale, air_mean=air, turbulence_class="A", humidity_mean=0.95)
    farm = Farm(machines=3, seed=seed, period_s=period_s, sensors="all", climate=climate)
    reported = values(farm, 48 * period_s / 60)
    assert np.isfinite(reported).all()
    for i, instrument in enumerate(farm.machine_class.instruments):
        sensor = reported[:, :, i]
        assert (sensor >= instrument.low).all()
        assert (sensor <= instrument.high).all()
        steps = sensor / instrument.resolution
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)


class TestHealthyTurbine:
    """Shapes that anybody in the field would look for first."""

    farm = Farm(machines=8, seed=8, period_s=60)
    reported = values(farm, 24 * 20)

    def sensor(self, name: str) -> np.ndarray:
        return column(self.farm, self.reported, name)

    def test_power_follows_the_curve(self) -> None:
        wind, power = self.sensor("wind_speed"), self.sensor("power")
        running = self.sensor("rotor_speed") > 6
        for low, expected in ((8, 1771), (10, 3448)):
            here = running & (np.abs(wind - low) < 0.5)
            assert np.median(power[here]) == pytest.approx(expected, rel=0.15)
        assert np.median(power[running & (wind > 14)]) == pytest.approx(5000, rel=0.005)
        assert (power[~running] == 0).all()

    def test_power_is_smoother_than_the_anemometer(self) -> None:
        """At a steady mean below rated, power scatters less than the anemometer would have it."""
        from simulators.turbine.power import power_curve

        farm = Farm(machines=1, seed=4, period_s=1)
        reported = values(farm, 1)
        wind, power = column(farm, reported, "wind_speed")[:, 0], column(farm, reported, "power")
        naive = power_curve(wind)
        assert np.abs(np.diff(power[:, 0])).mean() < 0.5 * np.abs(np.diff(naive)).mean()

    def test_idle_machines_do_not_work(self) -> None:
        idle = self.sensor("rotor_speed") < 2
        assert 0.02 < idle.mean() < 0.3
        assert (self.sensor("power")[idle] < 2000).mean() > 0.99

    def test_gearbox_temperature_lags_the_power_by_its_time_constant(self) -> None:
        """The lag of best correlation with power is of the order of an hour, not of minutes."""
        power, oil = self.sensor("power"), self.sensor("gearbox_temperature")
        rise = oil - self.sensor("ambient_temperature")
        for machine in range(power.shape[1]):
            lags = range(0, 181, 5)
            fits = [
                np.corrcoef(power[: len(power) - lag, machine], rise[lag:, machine])[0, 1]
                for lag in lags
            ]
            assert 15 <= lags[int(np.argmax(fits))] <= 90

    def test_rated_operation_warms_the_gearbox_by_35_to_45_kelvin(self) -> None:
        power = self.sensor("power")
        rise = self.sensor("gearbox_temperature") - self.sensor("ambient_temperature")
        window = np.ones(360) / 360
        for machine in range(power.shape[1]):
            hours = np.convolve(power[:, machine], window)[: len(power)]
            full = hours > 4950
            assert full.sum() > 100
            assert 33 < np.median(rise[full, machine]) < 47

    def test_vibration_of_a_sound_gearbox_is_below_its_alarm_zone(self) -> None:
        """3.5 mm/s is where zone C begins for gearboxes (VDI 3834-1)."""
        assert np.quantile(self.sensor("vibration"), 0.995) < 3.5

    def test_machines_share_the_weather_and_nothing_else(self) -> None:
        wind = self.sensor("wind_speed")
        hourly = wind.reshape(-1, 60, wind.shape[1]).mean(axis=1)
        assert np.corrcoef(hourly.T).min() > 0.95
        slow = np.repeat(hourly, 60, axis=0)
        assert np.abs(np.corrcoef((wind - slow).T) - np.eye(wind.shape[1])).max() < 0.2


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ({"machines": 0}, "machines is 0, at least 1 is needed"),
            ({"period_s": 0.0}, "period_s is 0, at least 0.001 s is needed"),
            ({"period_s": float("nan")}, "period_s is nan, at least 0.001 s is needed"),
            ({"seed": -1}, "seed is -1, it must not be negative"),
            ({"machine_class": "car"}, "there is no machine class 'car'"),
            ({"start": -5}, "start is -5, ns since the epoch are 0"),
            ({"start": 2**63}, "ns since the epoch are 0"),
            ({"site": "a/b"}, "site is 'a/b', it may hold letters"),
            ({"start": "yesterday"}, "start 'yesterday' is not a time"),
            ({"start": "1969-12-31"}, "start '1969-12-31' is before 1970"),
        ],
    )
    def test_impossible_farms(self, arguments: dict[str, object], sentence: str) -> None:
        with pytest.raises(ValueError, match=sentence):
            Farm(**arguments)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("hours", "sentence"),
        [(0, "more than 0"), (-1, "more than 0"), (0.01, "less than one period")],
    )
    def test_impossible_runs(self, hours: float, sentence: str) -> None:
        with pytest.raises(ValueError, match=sentence):
            Farm().run(hours)


def test_parse_time_and_iso_time_undo_each_other() -> None:
    assert iso_time(parse_time("2026-02-28T23:59:59.125Z")) == "2026-02-28T23:59:59.125Z"


def test_a_run_without_an_end_goes_on_until_the_last_time_there_is() -> None:
    farm = Farm(machines=1, period_s=1e8)
    times = np.concatenate([block.times for block in farm.run()])
    assert len(times) == int((LAST_NS - farm.start_ns) / 1e17)
    assert (np.diff(times) == 10**17).all()


@pytest.mark.parametrize("fault", ["9999999w", "1h-9999999w:0.5", "1h+9999999w"])
def test_what_lies_behind_the_last_time_there_is_never_happens(fault: str) -> None:
    farm = Farm(machines=1, faults=[parse_fault(f"bearing_wear@T01:{fault}")])
    told = farm.truth()
    assert [(each.t_end, each.t_functional_failure) for each in told] == [(None, None)] * len(told)
    assert len(told) == fault.startswith("1h")
