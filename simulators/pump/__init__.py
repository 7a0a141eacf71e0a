"""A process pump with a variable-speed motor: the laws put together, and how pumps differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from simulators.drivetrain import SHORTED_HEAT, Part, Warmth
from simulators.instruments import Instrument
from simulators.machines import Condition
from simulators.processes import Floats, Lag, OrnsteinUhlenbeck
from simulators.pump.bearing import ENDS, Bearing
from simulators.pump.duty import Plant, on_duty
from simulators.pump.hydraulics import (
    BAR_PER_M,
    Work,
    cavitation_loss,
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
from simulators.weather import WeatherBlock

RATED_RPM = 1480.0
RATED_FLOW = 400.0
"""[m³/h]; also the flow of best efficiency."""
SHUTOFF_M = 62.5
DROOP = 12.5 / RATED_FLOW**2
"""50 m are left at rated flow."""
SUPPLY_M, DELIVERY_M = 2.0, 17.0
"""Levels that the pump takes from and lifts to, over its own [m]."""
SUCTION_RESISTANCE = 1.5 / RATED_FLOW**2
DISCHARGE_RESISTANCE = 33.5 / RATED_FLOW**2
"""[m/(m³/h)²]; with the levels' difference they take the 50 m at rated flow."""
BEST_EFFICIENCY = 0.8
NPSH3_M = 4.5
"""At rated flow and speed: a suction specific speed of 160, usual for such pumps."""
RATED_SHAFT_KW = 68.0
RATED_CURRENT_A = 132.0
IDLE_CURRENT = 0.35
MOTOR_EFFICIENCY = 0.94
"""A motor of 75 kW at 400 V, with its converter."""

SLOWEST, FASTEST = 0.4, 1.05
RUN_UP_S = 15.0
STANDSTILL = 0.01
"""Below this share of the rated speed the converter lets go."""
PROCESS_SPREAD, PROCESS_TAU_S = 0.03, 1200.0
"""Valves of the process move: the resistance after the pump scatters by this share."""
LEVEL_SPREAD_M, LEVEL_TAU_S = 0.25, 3 * 3600.0

WINDING = Warmth((55.0, 70.0), (1500.0, 2400.0), 0.0, 2)
"""Rise of a class F motor used as class B, at rated current."""

BLOCKED_HEAT = 0.8
"""With the motor's cooling blocked its winding warms 1.8 times as much."""
SUPPLY_LOSS_M = 9.0
"""Full cavitation: so far the level falls that the pump takes from."""
HEAD_LOSS, EFFICIENCY_LOSS = 0.15, 0.15
"""Shares that a spent impeller has lost."""
STRAINER_GAIN, FILTER_GAIN = 5.0, 1.0
"""Clogged, the way before the pump has 6 times its resistance, the way after it twice."""
AGEING_LOSS = 0.02
"""Of the efficiency, in a year."""
FIRMWARE_GAIN = 0.02
"""The new controller's table asks for so much more speed."""
SEASON_K = 15.0


def _temperature(name: str) -> Instrument:
    return Instrument(f"{name}_temperature", "°C", resolution=0.1, noise=0.2, low=-40, high=200)


def _level(name: str) -> Instrument:
    return Instrument(name, "mm/s", resolution=0.01, noise_relative=0.02, low=0, high=50)


def _ratio(name: str) -> Instrument:
    return Instrument(name, "1", resolution=0.01, noise_relative=0.01, low=0, high=50)


def _pressure(name: str, high: float) -> Instrument:
    return Instrument(name, "bar", resolution=0.01, noise=0.01, low=-1, high=high)


_BEARINGS = ("drive_end_temperature", "non_drive_end_temperature")
_SHAKING = ("drive_end_vibration", "non_drive_end_vibration")
_WARMTH = ("ambient_temperature", *_BEARINGS, "winding_temperature")
_HYDRAULIC = ("flow", "discharge_pressure", "suction_pressure")
_ELECTRIC = ("motor_current", "power", "winding_temperature")
_ALL = (*_HYDRAULIC, *_ELECTRIC, "speed", *_SHAKING, *_BEARINGS)


def _at(end: str) -> tuple[str, ...]:
    features = ("kurtosis", "vibration", "crest_factor", "temperature")
    return tuple(f"{end}_{feature}" for feature in features)


CONDITIONS: Mapping[str, Condition] = {
    "bearing_wear.drive_end": Condition("drive_end_bearing", _at("drive_end")),
    "bearing_wear.non_drive_end": Condition("non_drive_end_bearing", _at("non_drive_end")),
    "cavitation": Condition(
        "suction", ("suction_pressure", *_SHAKING, *_HYDRAULIC[:2], *_ELECTRIC, *_BEARINGS)
    ),
    "impeller_wear": Condition(
        "impeller",
        ("discharge_pressure", "flow", "suction_pressure", *_ELECTRIC, *_SHAKING, *_BEARINGS),
    ),
    "filter_clogging.suction": Condition(
        "strainer", ("suction_pressure", *_HYDRAULIC[:2], *_SHAKING, *_ELECTRIC, *_BEARINGS)
    ),
    "filter_clogging.discharge": Condition(
        "discharge_filter", (*_HYDRAULIC, *_ELECTRIC, *_SHAKING, *_BEARINGS)
    ),
    "misalignment": Condition("coupling", (*_SHAKING, *_BEARINGS)),
    "winding_heating": Condition("motor_winding", ("winding_temperature",)),
    "cooling_loss": Condition("motor_cooling", ("winding_temperature",)),
    "lubrication_loss": Condition("bearing_lubrication", (*_BEARINGS, *_SHAKING)),
    "season.warmer": Condition("weather", _WARMTH),
    "season.colder": Condition("weather", _WARMTH),
    "service": Condition("pump", _ALL),
    "bearing_renewed.drive_end": Condition("drive_end_bearing", ("drive_end_vibration",)),
    "bearing_renewed.non_drive_end": Condition(
        "non_drive_end_bearing", ("non_drive_end_vibration",)
    ),
    "firmware": Condition("controller", _ALL),
    "ageing": Condition("impeller", (*_SHAKING, *_ELECTRIC)),
}


class Pump:
    """A number of pumps of 400 m³/h and 50 m at 1480 rpm; see `simulators.machines.MachineClass`.

    They share the plant's demand. Their speed follows from it by a table in the controller, so that
    what is wrong with a pump shows in its flow and its pressures.
    """

    prefix: ClassVar[str] = "P"
    instruments: ClassVar[tuple[Instrument, ...]] = (
        Instrument("flow", "m³/h", resolution=0.1, noise_relative=0.005, low=0, high=800),
        _pressure("suction_pressure", high=6),
        _pressure("discharge_pressure", high=16),
        Instrument("speed", "rpm", resolution=1, noise_relative=0.001, low=0, high=2000),
        Instrument("motor_current", "A", resolution=0.1, noise_relative=0.005, low=0, high=300),
        _temperature("ambient"),
        _temperature("drive_end"),
        _temperature("winding"),
        _level("drive_end_vibration"),
        _level("non_drive_end_vibration"),
        _temperature("non_drive_end"),
        Instrument("power", "kW", resolution=0.1, noise_relative=0.005, low=0, high=150),
        _ratio("drive_end_kurtosis"),
        _ratio("non_drive_end_kurtosis"),
        _ratio("drive_end_crest_factor"),
        _ratio("non_drive_end_crest_factor"),
    )
    usual: ClassVar[tuple[str, ...]] = tuple(sensor.name for sensor in instruments[:9])
    exemplar: ClassVar[str] = "drive_end_temperature"
    conditions: ClassVar[Mapping[str, Condition]] = CONDITIONS

    def __init__(
        self,
        machines: int,
        streams: Streams,
        period_s: float,
        wanted: frozenset[str] | None = None,
    ) -> None:
        def noise(purpose: str, tau_s: float) -> OrnsteinUhlenbeck:
            return OrnsteinUhlenbeck(streams(f"pump/{purpose}"), period_s, tau_s, machines)

        self._own = _Individuals(machines, streams("pump/individuals"))
        self._plant = Plant(streams, period_s)
        self._run_up = Lag(period_s, RUN_UP_S)
        self._process = noise("process", PROCESS_TAU_S)
        self._level = noise("level", LEVEL_TAU_S)
        self._winding = Part(WINDING, period_s, machines, streams("pump/winding/individuals"))
        self._bearings = [Bearing(end, streams, period_s, machines, wanted) for end in ENDS]

    def advance(
        self, weather: WeatherBlock, conditions: Mapping[str, Floats]
    ) -> Mapping[str, Floats]:
        """True values ``[k, machines]`` by sensor name."""
        season = conditions["season.warmer"] - conditions["season.colder"]
        air = weather.air[:, np.newaxis] + self._own.air_offset + SEASON_K * season
        work = self._work(self._turn(weather.times, conditions), conditions)
        current = _current(work)
        true = {
            "flow": work.flow,
            "suction_pressure": BAR_PER_M * work.suction,
            "discharge_pressure": BAR_PER_M * (work.suction + work.head),
            "speed": RATED_RPM * work.speed,
            "motor_current": current,
            "power": work.shaft_kw / MOTOR_EFFICIENCY,
            "ambient_temperature": air,
            "winding_temperature": self._wind(air, work, current, conditions),
        }
        for bearing in self._bearings:
            true |= bearing.advance(air, work, conditions)
        return true

    def _turn(self, times: NDArray[np.int64], conditions: Mapping[str, Floats]) -> Floats:
        """Speed, of the rated one: what the controller's table gives for the demand."""
        hours, demand = self._plant.advance(times)
        flow = RATED_FLOW * demand[:, np.newaxis] * self._own.exposure
        resistance = SUCTION_RESISTANCE + DISCHARGE_RESISTANCE
        asked = speed_for_flow(flow, SHUTOFF_M, DROOP, DELIVERY_M - SUPPLY_M, resistance)
        asked = asked * (1 + FIRMWARE_GAIN * conditions["firmware"])
        working = on_duty(hours, flow.shape[1]) & (conditions["service"] <= 0.5)
        speed = self._run_up.advance(np.clip(asked, SLOWEST, FASTEST) * working)
        return speed * (speed > STANDSTILL)

    def _work(self, speed: Floats, conditions: Mapping[str, Floats]) -> Work:
        """Where pump and plant cross, and what that takes."""
        worn = conditions["impeller_wear"]
        head = SHUTOFF_M * self._own.head_gain * (1 - HEAD_LOSS * worn)
        strainer, filters = self._resistances(len(speed), conditions)
        supply = SUPPLY_M + LEVEL_SPREAD_M * self._level.advance(len(speed))
        supply = supply - SUPPLY_LOSS_M * conditions["cavitation"]
        plant = (DELIVERY_M - supply, strainer + filters)
        sound = operating_flow(speed, head, DROOP, *plant)
        required = npsh_required(flow_share(sound, speed, RATED_FLOW), speed, NPSH3_M)
        lost = cavitation_loss(npsh_available(supply - strainer * sound**2), required)
        flow = operating_flow(speed, head * (1 - lost), DROOP * (1 - lost), *plant)
        share = flow_share(flow, speed, RATED_FLOW)
        lifted = pump_head(flow, speed, head, DROOP) * (1 - lost)
        best = self._own.efficiency * (1 - EFFICIENCY_LOSS * worn)
        best = best * (1 - AGEING_LOSS * conditions["ageing"])
        power = shaft_power(share, speed, lifted, best, RATED_FLOW)
        suction = supply - strainer * flow**2
        return Work(speed, flow, share, suction, lifted, power, power / RATED_SHAFT_KW, lost)

    def _resistances(self, steps: int, conditions: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Of what lies before and after the pump [m/(m³/h)²]."""
        moved = np.exp(PROCESS_SPREAD * self._process.advance(steps))
        strainer = 1 + STRAINER_GAIN * conditions["filter_clogging.suction"]
        filters = 1 + FILTER_GAIN * conditions["filter_clogging.discharge"]
        return SUCTION_RESISTANCE * strainer, DISCHARGE_RESISTANCE * moved * filters

    def _wind(
        self, air: Floats, work: Work, current: Floats, conditions: Mapping[str, Floats]
    ) -> Floats:
        """Temperature of the motor's winding [°C]."""
        shorted = 1 + SHORTED_HEAT * conditions["winding_heating"]
        blocked = 1 + BLOCKED_HEAT * conditions["cooling_loss"]
        load = current / RATED_CURRENT_A
        return self._winding.advance(air, work.speed, load, shorted * blocked)


class _Individuals:
    """What makes each pump its own, drawn once; ``[machines]`` each."""

    def __init__(self, machines: int, draw: np.random.Generator) -> None:
        self.exposure = 1 + 0.02 * draw.standard_normal(machines)
        """What is asked of it as a share of the others'."""
        self.head_gain = 1 + 0.01 * draw.standard_normal(machines)
        self.efficiency = BEST_EFFICIENCY * (1 + 0.01 * draw.standard_normal(machines))
        self.air_offset = 0.5 * draw.standard_normal(machines)


def _current(work: Work) -> Floats:
    """Of the motor [A]; none at rest."""
    turning = work.speed > 0
    torque = np.zeros(work.speed.shape)
    np.divide(work.load, work.speed, out=torque, where=turning)
    return np.where(turning, motor_current(torque, RATED_CURRENT_A, IDLE_CURRENT), 0.0)
