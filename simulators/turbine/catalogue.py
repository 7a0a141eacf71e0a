"""What a turbine can be asked for: its sensors, and the conditions its parts can be in."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.instruments import Instrument
from simulators.machines import Condition


def _temperature(name: str) -> Instrument:
    return Instrument(name, "°C", resolution=0.1, noise=0.3, low=-40, high=200)


def _pitch(blade: int) -> Instrument:
    return Instrument(f"pitch_angle_{blade}", "°", resolution=0.01, noise=0.05, low=-10, high=100)


def _level(name: str) -> Instrument:
    return Instrument(name, "mm/s", resolution=0.01, noise_relative=0.02, low=0, high=50)


def _ratio(name: str) -> Instrument:
    return Instrument(name, "1", resolution=0.01, noise_relative=0.01, low=0, high=50)


def _acceleration(name: str) -> Instrument:
    return Instrument(name, "m/s²", resolution=0.001, noise_relative=0.02, low=0, high=10)


def _pressure(name: str, high: float) -> Instrument:
    return Instrument(name, "bar", resolution=0.01, noise=0.02, low=0, high=high)


INSTRUMENTS = (
    Instrument("wind_speed", "m/s", resolution=0.1, noise=0.3, low=0, high=60),
    Instrument("power", "kW", resolution=1, noise_relative=0.003, low=-200, high=6000),
    Instrument("rotor_speed", "rpm", resolution=0.01, noise_relative=0.002, low=0, high=30),
    Instrument("gearbox_temperature", "°C", resolution=0.1, noise=0.3, low=-40, high=150),
    Instrument("ambient_temperature", "°C", resolution=0.1, noise=0.2, low=-40, high=60),
    Instrument("vibration", "mm/s", resolution=0.01, noise_relative=0.02, low=0, high=50),
    Instrument("generator_speed", "rpm", resolution=0.1, noise_relative=0.001, low=0, high=3000),
    *(_pitch(blade) for blade in (1, 2, 3)),
    Instrument("yaw_error", "°", resolution=0.1, noise=0.5, low=-180, high=180),
    Instrument("status", "1", resolution=1, low=0, high=5),
    _temperature("gearbox_bearing_temperature"),
    _temperature("main_bearing_temperature"),
    _temperature("generator_bearing_temperature"),
    *(_temperature(f"generator_winding_temperature_{phase}") for phase in "uvw"),
    _temperature("nacelle_temperature"),
    _pressure("oil_pressure", high=10),
    _pressure("filter_pressure_drop", high=10),
    _level("main_bearing_vibration"),
    _level("generator_vibration"),
    _ratio("gearbox_kurtosis"),
    _ratio("main_bearing_kurtosis"),
    _ratio("generator_kurtosis"),
    _ratio("gearbox_crest_factor"),
    _ratio("main_bearing_crest_factor"),
    _ratio("generator_crest_factor"),
    _acceleration("tower_acceleration"),
    _acceleration("side_acceleration"),
)

USUAL = tuple(instrument.name for instrument in INSTRUMENTS[:6])

SPEEDS = ("rotor_speed", "generator_speed")
PITCHES = ("pitch_angle_1", "pitch_angle_2", "pitch_angle_3")
WINDINGS = (
    "generator_winding_temperature_u",
    "generator_winding_temperature_v",
    "generator_winding_temperature_w",
)
OIL = (
    "gearbox_temperature",
    "gearbox_bearing_temperature",
    "filter_pressure_drop",
    "oil_pressure",
)
AROUND = ("main_bearing_temperature", "generator_bearing_temperature", "nacelle_temperature")
LEVELS = ("vibration", "main_bearing_vibration", "generator_vibration")
SHAKING = ("side_acceleration", "tower_acceleration")
LOAD = ("power", *WINDINGS, *OIL, *AROUND)
"""What a machine shows of the power it gives."""
WORK = (*LOAD, *LEVELS, *SPEEDS, *PITCHES, *SHAKING)
"""What it shows of the wind it turns in."""


def _worn(part: str, level: str, *more: str) -> Condition:
    return Condition(
        f"{part.removesuffix('_bearing')}_bearing",
        (level, f"{part}_kurtosis", f"{part}_crest_factor", *more),
    )


def _heated(phase: int) -> Condition:
    others = (*WINDINGS[:phase], *WINDINGS[phase + 1 :])
    return Condition("generator_winding", (WINDINGS[phase], *others))


def _askew(component: str, blade: int) -> Condition:
    return Condition(component, (PITCHES[blade - 1], *SHAKING))


DERATED_LEVELS = ("vibration", "main_bearing_vibration")
"""What is left of a derating in the levels, a little."""

CONDITIONS: Mapping[str, Condition] = {
    "bearing_wear.gearbox": _worn(
        "gearbox", "vibration", "gearbox_bearing_temperature", OIL[0], *OIL[2:]
    ),
    "bearing_wear.main": _worn(
        "main_bearing", "main_bearing_vibration", "main_bearing_temperature"
    ),
    "bearing_wear.generator": _worn(
        "generator", "generator_vibration", "generator_bearing_temperature"
    ),
    "cooling_loss": Condition(
        "gearbox_cooler",
        (
            *OIL,
            "status",
            "power",
            *WINDINGS,
            *AROUND,
            *PITCHES,
            *DERATED_LEVELS,
        ),
    ),
    "winding_heating.u": _heated(0),
    "winding_heating.v": _heated(1),
    "winding_heating.w": _heated(2),
    "mass_imbalance": Condition("rotor", ("side_acceleration",)),
    "pitch_offset.1": _askew("blade_pitch", 1),
    "pitch_offset.2": _askew("blade_pitch", 2),
    "pitch_offset.3": _askew("blade_pitch", 3),
    "pitch_actuator.leakage": _askew("pitch_actuator", 2),
    "pitch_actuator.air": _askew("pitch_actuator", 2),
    "pitch_actuator.stuck": _askew("pitch_actuator", 2),
    "yaw_misalignment": Condition("yaw", WORK),
    "icing": Condition("blades", ("power", *SHAKING, "wind_speed", *WORK[1:-2])),
    "efficiency_loss": Condition(
        "converter", ("power", *WINDINGS, "generator_bearing_temperature")
    ),
    "blade_erosion": Condition("blades", ("power",)),
    "lubrication_loss": Condition(
        "gearbox_lubrication",
        ("filter_pressure_drop", "oil_pressure", "gearbox_bearing_temperature", "vibration"),
    ),
    "season.warmer": Condition(
        "weather", ("ambient_temperature", *AROUND, *OIL, *WINDINGS, "power", "status")
    ),
    "season.colder": Condition(
        "weather", ("ambient_temperature", *AROUND, *OIL, *WINDINGS, "power")
    ),
    "firmware": Condition("controller", ("power", *PITCHES)),
    "oil_change": Condition("gearbox", OIL),
    "bearing_renewed.gearbox": Condition("gearbox_bearing", LEVELS[:1]),
    "bearing_renewed.main": Condition("main_bearing", LEVELS[1:2]),
    "bearing_renewed.generator": Condition("generator_bearing", LEVELS[2:]),
    "service": Condition("controller", ("status", *WORK)),
    "curtailment": Condition("controller", ("power", "status", *PITCHES, *LOAD[1:], *LEVELS)),
    "neighbour_wake": Condition("rotor", ("wind_speed", "status", *WORK)),
    "ageing": Condition("rotor", ("power", *LEVELS)),
}
"""What the worst of a condition moves by more than a tenth of a sensor's usual spread, in days of
some ordinary climate, the most telling first; slight ones have at least what they are named for."""
