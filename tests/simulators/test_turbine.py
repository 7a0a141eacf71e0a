"""The turbine as a whole: what its controller does, how its parts hang together, what ills show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from simulators import Climate, Farm, parse_fault
from simulators.streams import Streams
from simulators.turbine import Turbine
from simulators.turbine.operation import DERATED, IDLING, NORMAL, SERVICE, STORM, TRANSIENT
from simulators.weather import Weather, WeatherBlock


def held(steps: int, **given: float | np.ndarray) -> WeatherBlock:
    """Weather in which nothing changes but what is given."""
    usual = {"wind": 8.0, "air": 15.0, "gust": 0.0, "followed": 0.0, "direction": 0.0}
    whole = {**usual, "density": 1.225, "humidity": 0.5, "roughness": 1.0, **given}
    columns = {
        name: np.broadcast_to(value, (steps,)).astype(float) for name, value in whole.items()
    }
    return WeatherBlock(np.arange(steps, dtype=np.int64), **columns, intensity=0.12)


def turbine(period_s: float = 60.0, machines: int = 1, *, noise: bool = False) -> Turbine:
    """One without noise, its turbulence included."""
    streams = Streams(1, noise=noise)
    if not noise:
        lasting = streams._lasts
        streams._lasts = lambda purpose: lasting(purpose) and "turbulence" not in purpose  # type: ignore[method-assign]
    return Turbine(machines, streams, period_s)


def conditions(**ill: float | np.ndarray) -> dict[str, np.ndarray]:
    """All sound but those given, with ``__`` for the dot."""
    sound = {key: np.zeros((1, 1)) for key in Turbine.conditions}
    return sound | {
        key.replace("__", "."): np.atleast_2d(np.asarray(value, dtype=float)).T
        if np.ndim(value)
        else np.full((1, 1), value)
        for key, value in ill.items()
    }


def run(
    block: WeatherBlock, period_s: float = 60.0, **ill: float | np.ndarray
) -> Mapping[str, np.ndarray]:
    """True values ``[k]`` of one turbine."""
    true = turbine(period_s).advance(block, conditions(**ill))
    steps = len(block.wind)
    return {name: np.broadcast_to(of, (steps, 1))[:, 0] for name, of in true.items()}


class TestRegimes:
    def test_run_up_at_one_second(self) -> None:
        """From idling to the grid in 60 to 90 s: speed climbs, then power comes."""
        wind = np.concatenate([np.full(100, 2.0), np.full(300, 8.0)])
        seen = run(held(400, wind=wind), period_s=1.0)
        status, speed, power = seen["status"], seen["rotor_speed"], seen["power"]
        assert (status[:100] == IDLING).all()
        moving = np.flatnonzero(status == TRANSIENT)
        assert 58 <= len(moving) <= 92
        assert (np.diff(moving) == 1).all()
        assert (np.diff(speed[moving]) > 0).all()
        assert (power[moving] == 0).all()
        assert (np.diff(seen["pitch_angle_1"][moving[2:]]) < 0).all()
        assert power[-1] > 1000
        assert (status[moving[-1] + 1 :] == NORMAL).all()

    def test_a_stop_takes_half_a_minute_and_more(self) -> None:
        wind = np.concatenate([np.full(100, 8.0), np.full(200, 2.0)])
        seen = run(held(300, wind=wind), period_s=1.0)
        assert seen["power"][99] > 1000
        assert seen["power"][115] == 0
        assert seen["rotor_speed"][115] > 3
        assert seen["rotor_speed"][-1] < 1
        assert 35 <= (seen["status"] == TRANSIENT).sum() <= 40

    def test_in_a_lull_it_gives_little_and_only_the_controller_stops_it(self) -> None:
        wind = np.repeat([4.0, 2.9, 2.6, 2.4], 60)
        seen = run(held(240, wind=wind))
        assert seen["status"][[59, 119, 179, 239]].tolist() == [NORMAL, NORMAL, NORMAL, IDLING]
        at_four, below_cut_in, faint, stopped = seen["power"][[59, 119, 179, 239]]
        assert 100 < at_four < 200
        assert 10 < below_cut_in < 40
        assert 0 < faint < 15
        assert stopped == 0

    def test_a_storm_stops_it_until_the_wind_is_below_22(self) -> None:
        wind = np.repeat([20.0, 26.0, 23.0, 21.0], 60)
        seen = run(held(240, wind=wind))
        assert seen["status"][[59, 119, 179, 239]].tolist() == [NORMAL, STORM, STORM, NORMAL]
        assert seen["power"][[59, 119, 179, 239]].tolist() == [5000, 0, 0, 5000]
        assert seen["pitch_angle_1"][[119, 179]].tolist() == [90, 90]

    def test_a_gust_does_not_stop_it(self) -> None:
        gust = np.where(np.arange(60) == 30, 4.0, 0.0)
        seen = run(held(60, wind=21.0, gust=gust, followed=gust), period_s=1.0)
        assert (seen["status"] == NORMAL).all()
        assert seen["wind_speed"].max() > 25
        assert seen["pitch_angle_1"].max() == pytest.approx(23.47, abs=0.01)

    def test_service(self) -> None:
        worked_on = np.where(np.arange(120) < 60, 0.0, 1.0)
        seen = run(held(120, wind=10.0), service=worked_on)
        assert (seen["status"][60:] == SERVICE).all()
        assert seen["power"][-1] == 0
        assert seen["rotor_speed"][-1] == pytest.approx(0, abs=1e-6)

    def test_curtailment_caps_the_power_and_pitches(self) -> None:
        seen = run(held(60, wind=11.0), curtailment=0.5)
        assert (seen["status"] == DERATED).all()
        assert seen["power"][-1] == pytest.approx(0.7 * 5000)
        assert seen["pitch_angle_1"][-1] > 1


@pytest.mark.parametrize("cut", [1, 7])
def test_a_start_and_a_sticking_blade_have_no_seams(cut: int) -> None:
    """At one second, where a start takes many steps, and a block may begin in the midst of it."""
    block = held(200, wind=np.concatenate([np.full(50, 2.0), np.linspace(8, 20, 150)]))
    stuck = np.where(np.arange(200) < 154, 0.0, 1.0)
    whole, parts = turbine(1.0), turbine(1.0)
    at_once = whole.advance(block, conditions(pitch_actuator__stuck=stuck))
    bits = [
        parts.advance(
            WeatherBlock(*(of[i : i + cut] for of in block[:-1]), block.intensity),
            conditions(pitch_actuator__stuck=stuck[i : i + cut])
            if stuck[i : i + cut].any()
            else conditions(),
        )
        for i in range(0, 200, cut)
    ]
    for name, of in at_once.items():
        np.testing.assert_array_equal(
            np.broadcast_to(of, (200, 1)),
            np.concatenate([np.broadcast_to(bit[name], (len(bit["power"]), 1)) for bit in bits]),
            err_msg=name,
        )


class TestDerating:
    hot = run(
        held(24 * 60, wind=14.0, air=np.where(np.arange(1440) < 720, 38.0, 10.0)), cooling_loss=1.0
    )

    def test_hot_oil_costs_power_and_comes_back(self) -> None:
        status, power = self.hot["status"], self.hot["power"]
        assert set(np.unique(power)) == {3750.0, 5000.0}
        np.testing.assert_array_equal(status == DERATED, power == 3750)
        assert (self.hot["pitch_angle_1"][status == DERATED] > self.hot["pitch_angle_1"][-1]).all()
        assert power[-1] == 5000

    def test_it_begins_above_80_and_ends_below_75(self) -> None:
        oil, derated = self.hot["gearbox_temperature"], self.hot["status"] == DERATED
        begins = np.flatnonzero(~derated[:-1] & derated[1:])
        ends = np.flatnonzero(derated[:-1] & ~derated[1:])
        assert (oil[begins] > 80).all()
        assert (oil[begins - 1] <= 80).all() or begins[0] == 0
        assert len(ends) > 0
        assert (oil[ends] <= 75).all()

    def test_it_helps(self) -> None:
        assert self.hot["gearbox_temperature"].max() < 38 + 45 * 1.8 + 1


class TestTogether:
    """What people in the field would look for first, in a farm as it is."""

    farm = Farm(machines=6, seed=4, period_s=600, sensors="all")
    reported = np.concatenate([block.values for block in farm.run(24 * 30)])

    def sensor(self, name: str) -> np.ndarray:
        return self.reported[:, :, self.farm.sensors.index(name)]

    def test_the_generator_turns_97_times_as_fast(self) -> None:
        working = self.sensor("status") == NORMAL
        ratio = self.sensor("generator_speed")[working] / self.sensor("rotor_speed")[working]
        assert np.median(ratio) == pytest.approx(97, rel=1e-3)
        assert self.sensor("generator_speed").max() < 1173.7 * 1.01

    def test_blades_pitch_above_rated_wind_and_together(self) -> None:
        working = self.sensor("status") == NORMAL
        below = working & (self.sensor("power") < 4500)
        assert np.abs(self.sensor("pitch_angle_1")[below]).max() < 1
        one, two = self.sensor("pitch_angle_1"), self.sensor("pitch_angle_2")
        assert np.abs(one - two).max() < 0.5
        assert one[working].max() < 24

    def test_temperatures_at_rated_power(self) -> None:
        """Rises over the air after hours of rated power, by the ranges of the field."""
        power = self.sensor("power")
        full = np.min([np.roll(power, i, axis=0) for i in range(24)], axis=0) > 4900
        assert full.sum() > 50
        air = self.sensor("ambient_temperature")
        for name, low, high in (
            ("gearbox_bearing_temperature", 43, 62),
            ("generator_winding_temperature_u", 57, 90),
            ("generator_bearing_temperature", 26, 45),
            ("main_bearing_temperature", 14, 29),
            ("nacelle_temperature", 4.5, 12.5),
        ):
            rise = np.median((self.sensor(name) - air)[full])
            assert low < rise < high, name

    def test_sound_components_are_below_their_alarm_zones(self) -> None:
        """VDI 3834-1: 2.0, 3.5 and 6.0 mm/s, 0.3 m/s²."""
        for name, limit in (
            ("main_bearing_vibration", 2.0),
            ("vibration", 3.5),
            ("generator_vibration", 6.0),
            ("tower_acceleration", 0.3),
            ("side_acceleration", 0.3),
        ):
            assert np.quantile(self.sensor(name), 0.995) < limit, name

    def test_sound_components_are_not_spiky(self) -> None:
        for part in ("gearbox", "main_bearing", "generator"):
            assert 3.0 < np.median(self.sensor(f"{part}_kurtosis")) < 3.5
            assert 3.2 < np.median(self.sensor(f"{part}_crest_factor")) < 4.0

    def test_cold_oil_is_thick(self) -> None:
        still = self.sensor("status") == IDLING
        drop, oil = self.sensor("filter_pressure_drop"), self.sensor("gearbox_temperature")
        assert still.sum() > 50
        assert np.corrcoef(np.log(drop[still]), oil[still])[0, 1] < -0.3

    def test_who_stands_in_a_wake_has_less_wind_and_more_turbulence(self) -> None:
        """Wind from the west: T01 stands free in front of T02 and T03."""
        climate = Climate(direction_mean=270.0, direction_spread=0.0, weibull_scale=8.0)
        farm = Farm(machines=6, seed=2, period_s=60, climate=climate, sensors=["wind_speed"])
        wind = np.concatenate([block.values for block in farm.run(24 * 10)])[:, :, 0]
        minutes = wind[: len(wind) // 60 * 60].reshape(-1, 60, 6)
        mean = minutes.mean(axis=(0, 1))
        rough = minutes.std(axis=1).mean(axis=0)
        assert mean[0] > mean[1]
        assert mean[3] > 1.08 * mean[4]
        assert rough[4] > 1.05 * rough[3]


CLIMATES = {
    "usual": Climate(wind_tau_h=3.0, wind_slow_share=0.0),
    "cold and damp": Climate(wind_tau_h=3.0, wind_slow_share=0.0, air_mean=3.0, humidity_mean=0.93),
    "hot": Climate(wind_tau_h=3.0, wind_slow_share=0.0, air_mean=34.0),
}
DAYS = 6


@cache
def world(climate: str, ill: str = "") -> dict[str, np.ndarray]:
    """True values of two turbines through some days, one condition at its worst."""
    streams, steps = Streams(7), DAYS * 144
    times = 1_767_225_600_000_000_000 + np.arange(steps) * 600_000_000_000
    weather = Weather(streams, 600.0, CLIMATES[climate]).advance(times)
    given = conditions() | ({ill: np.ones((steps, 2))} if ill else {})
    true = Turbine(2, streams, 600.0).advance(weather, given)
    return {name: np.broadcast_to(of, (steps, 2)) for name, of in true.items()}


def spread(sound: np.ndarray) -> float:
    """Of a sensor; a status that is the same through all the days is let have a little."""
    return float(sound.std()) or 0.1


def moved(ill: str) -> dict[str, float]:
    """How far the worst of a condition moves each sensor, in its own spread; the most anywhere."""
    return {
        sensor: max(
            float(np.sqrt(np.mean((world(climate, ill)[sensor] - sound) ** 2)) / spread(sound))
            for climate in CLIMATES
            for sound in [world(climate)[sensor]]
        )
        for sensor in world("usual")
    }


@pytest.mark.parametrize("ill", sorted(Turbine.conditions))
def test_a_condition_moves_what_it_names_and_nothing_else(ill: str) -> None:
    """The slight ones (dirt, a year, a new program) move what they are named for a little."""
    effect, named = moved(ill), Turbine.conditions[ill].signals
    beyond = {name: by for name, by in effect.items() if by > 0.10 and name not in named}
    assert beyond == {}
    slight = {"blade_erosion", "firmware", "ageing"}
    assert all(effect[name] > (0.005 if ill in slight else 0.04) for name in named)
    assert ill in slight or effect[named[0]] > 0.08


@pytest.mark.parametrize("ill", sorted(Turbine.conditions))
def test_none_of_a_condition_is_nothing(ill: str) -> None:
    """A condition of 0 that is there, and one that is not, give the same bits."""
    streams = Streams(7)
    given = conditions() | {ill: np.zeros((100, 2))}
    block = held(100, wind=np.linspace(2, 27, 100), air=-3.0, humidity=0.95)
    there = Turbine(2, streams, 60.0).advance(block, given)
    absent = Turbine(2, streams, 60.0).advance(block, conditions())
    for name in absent:
        np.testing.assert_array_equal(
            np.broadcast_to(there[name], (100, 2)), np.broadcast_to(absent[name], (100, 2))
        )


def added_in_squares(ill: np.ndarray, well: np.ndarray) -> float:
    """What an ill adds to a sound machine's level, in the end."""
    return float(np.sqrt(ill[-1] ** 2 - well[-1] ** 2))


class TestIlls:
    def test_yaw_costs_power_and_the_vane_does_not_see_it(self) -> None:
        block = held(60, wind=8.0)
        well, askew = run(block), run(block, yaw_misalignment=0.8)
        ratio = askew["power"][-1] / well["power"][-1]
        assert ratio == pytest.approx(np.cos(np.radians(20)) ** 1.88)
        assert askew["yaw_error"].tolist() == well["yaw_error"].tolist()

    def test_losses_are_not_felt_far_above_rated_wind(self) -> None:
        block = held(60, wind=16.0)
        for ill in ("yaw_misalignment", "blade_erosion", "pitch_offset__1", "ageing"):
            assert run(block, **{ill: 1.0})["power"][-1] == 5000
        assert run(block, efficiency_loss=1.0)["power"][-1] == pytest.approx(0.94 * 5000)

    def test_a_stuck_blade_stays_where_it_was(self) -> None:
        wind = np.concatenate([np.full(60, 15.0), np.full(60, 8.0)])
        seen = run(
            held(120, wind=wind), pitch_actuator__stuck=np.where(np.arange(120) < 50, 0, 1.0)
        )
        assert seen["pitch_angle_1"][-1] == pytest.approx(0, abs=0.01)
        assert seen["pitch_angle_2"][-1] == pytest.approx(seen["pitch_angle_1"][40])
        assert seen["pitch_angle_2"][-1] > 9
        assert seen["pitch_angle_3"][-1] == pytest.approx(0, abs=0.01)

    def test_an_offset_blade_shows_in_its_angle_alone_and_shakes(self) -> None:
        block = held(60, wind=9.0)
        well, ill = run(block), run(block, pitch_offset__3=0.4)
        assert ill["pitch_angle_3"][-1] == pytest.approx(2.0)
        assert ill["pitch_angle_1"][-1] == 0
        added = added_in_squares(ill["side_acceleration"], well["side_acceleration"])
        speed = well["rotor_speed"][-1] / 12.1
        assert added == pytest.approx(0.015 * 2.0 * 0.9**2 * speed**2, rel=0.1)
        assert 0.96 < ill["power"][-1] / well["power"][-1] < 0.99

    def test_imbalance_goes_with_the_square_of_the_speed(self) -> None:
        blocks = [held(60, wind=wind) for wind in (6.0, 12.0)]
        slow, fast = (run(block, mass_imbalance=1.0) for block in blocks)
        ratio = fast["rotor_speed"][-1] / slow["rotor_speed"][-1]
        added = [
            added_in_squares(ill["side_acceleration"], run(block)["side_acceleration"])
            for ill, block in zip((slow, fast), blocks, strict=True)
        ]
        assert added[1] / added[0] == pytest.approx(ratio**2, rel=0.01)
        assert 0.15 < fast["side_acceleration"][-1] < 0.25

    def test_ice_needs_frost_and_damp(self) -> None:
        damp = {"humidity": 0.97}
        day = {"steps": 24 * 60, "wind": 8.0}
        cold = run(held(**day, air=-5.0, **damp), icing=1.0)  # type: ignore[arg-type]
        mild = run(held(**day, air=5.0, **damp), icing=1.0)  # type: ignore[arg-type]
        dry = run(held(**day, air=-5.0), icing=1.0)  # type: ignore[arg-type]
        sound = run(held(**day, air=-5.0))  # type: ignore[arg-type]
        assert cold["power"][-1] / sound["power"][-1] == pytest.approx(0.5, rel=0.02)
        assert cold["wind_speed"][-1] / sound["wind_speed"][-1] == pytest.approx(0.7, rel=0.01)
        assert dry["power"].tolist() == sound["power"].tolist()
        assert mild["power"].tolist() == run(held(**day, air=5.0))["power"].tolist()  # type: ignore[arg-type]

    def test_a_worn_bearing_rings_first_and_roars_later(self) -> None:
        wear = np.linspace(0, 1, 600)
        seen = run(held(600, wind=9.0), bearing_wear__main=wear)
        kurtosis = seen["main_bearing_kurtosis"]
        assert kurtosis.argmax() < 150
        assert kurtosis[-1] < 0.6 * kurtosis.max()
        assert (np.diff(seen["main_bearing_vibration"]) > 0).mean() > 0.95
        assert seen["vibration"].std() < 0.01 * seen["vibration"].mean()

    def test_an_ill_converter_warms_the_generator(self) -> None:
        block = held(600, wind=12.0)
        well, ill = run(block), run(block, efficiency_loss=0.5)
        assert ill["power"][-1] < well["power"][-1]
        assert (
            ill["generator_winding_temperature_v"][-1]
            > well["generator_winding_temperature_v"][-1] + 5
        )
        assert ill["gearbox_temperature"].tolist() == well["gearbox_temperature"].tolist()

    def test_fresh_oil_is_5_kelvin_cooler_at_rated_power(self) -> None:
        block = held(24 * 60, wind=13.0)
        well, fresh = run(block), run(block, oil_change=1.0)
        cooler = well["gearbox_temperature"][-1] - fresh["gearbox_temperature"][-1]
        assert cooler == pytest.approx(5, abs=1)

    def test_new_firmware_gives_2_percent_more_below_rated(self) -> None:
        well, new = run(held(60, wind=8.0)), run(held(60, wind=8.0), firmware=1.0)
        assert new["power"][-1] / well["power"][-1] == pytest.approx(1.02)
        edge = held(60, wind=11.0)
        assert run(edge, firmware=1.0)["pitch_angle_1"][-1] > run(edge)["pitch_angle_1"][-1] + 0.5

    def test_a_neighbour_takes_12_percent_of_the_wind(self) -> None:
        block = held(60, wind=9.0)
        well, shaded = run(block), run(block, neighbour_wake=1.0)
        assert shaded["wind_speed"][-1] / well["wind_speed"][-1] == pytest.approx(0.88)
        assert shaded["tower_acceleration"][-1] > well["tower_acceleration"][-1]

    def test_dense_air_gives_more_power(self) -> None:
        """By the third root in the wind, so in proportion where the curve is a cubic."""
        thin, dense = (run(held(60, wind=8.0, density=of))["power"][-1] for of in (1.1, 1.3))
        assert dense / thin == pytest.approx(1.3 / 1.1, rel=0.05)


def test_a_fault_ends_with_its_repair() -> None:
    """After the end, and the hours that heat takes to go, it reads as its healthy twin again."""
    farm = Farm(
        machines=2, period_s=600, sensors="all", faults=[parse_fault("overheating@T02:10h-20h")]
    )
    ill, well = (
        np.concatenate([block.values for block in of.run(24 * 5)])
        for of in (farm, farm.with_faults(()))
    )
    assert (ill[60:120] != well[60:120]).any()
    np.testing.assert_allclose(ill[-144:], well[-144:], atol=0.11)


def test_turbulence_class_is_the_climates() -> None:
    rough, smooth = (
        np.concatenate(
            [
                block.values
                for block in Farm(
                    1, period_s=1, climate=replace(Climate(), turbulence_class=of)
                ).run(0.5)
            ]
        )[:, 0, 0].std()
        for of in ("A", "C")
    )
    assert rough > 1.2 * smooth
