"""What each sensor of a turbine looks at.

Every part that is nobody's business but its sensor's is made here, with chance of its own, so that
it need not be simulated when nobody asks for the sensor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from simulators import drivetrain
from simulators.processes import Floats, OrnsteinUhlenbeck
from simulators.streams import Streams
from simulators.turbine import icing, lubrication
from simulators.turbine.inflow import InflowBlock
from simulators.turbine.operation import Flags, Regime
from simulators.turbine.power import GEAR_RATIO
from simulators.turbine.rotor import RotorBlock
from simulators.turbine.tower import UNBALANCED, Nacelle
from simulators.vibration import COMPONENTS, Component, Vibrations

VANE_DEG, VANE_S = 4.0, 20.0
"""How the wind's direction flickers at the nacelle, and how long."""
ANEMOMETER_SPREAD = 0.02


class Work(NamedTuple):
    """What a machine is doing: all that its sensors look at, ``[k, machines]`` each."""

    inflow: InflowBlock
    regime: Regime
    rotor: RotorBlock
    ice: Floats
    """On blades and anemometer, 0 … 1."""
    oil: Floats
    """Temperature of the gearbox's [°C]."""
    nacelle: Floats
    """Temperature of the air in it [°C]."""
    power: Floats
    """Electrical [kW]."""
    derated: Flags
    speed: Floats
    """Of the rated one."""
    load: Floats
    """Power at the shaft, of the rated one."""
    conditions: Mapping[str, Floats]


Look = Callable[[Work], Floats]


def looks(machines: int, streams: Streams, period_s: float) -> Mapping[str, Look]:
    """For every sensor, the part of the machine it looks at."""
    about = (machines, streams, period_s)
    return {
        **_of_operation(*about),
        **_of_bearings(*about),
        **_of_windings(*about),
        **_of_oil(machines, streams),
        **_of_vibration(*about),
        **_of_tower(*about),
    }


def _of_operation(machines: int, streams: Streams, period_s: float) -> dict[str, Look]:
    own = streams("turbine/nacelle/individuals")
    gain = 1 + ANEMOMETER_SPREAD * own.standard_normal(machines)
    vane_offset = own.standard_normal(machines)
    vane = OrnsteinUhlenbeck(streams("turbine/vane"), period_s, VANE_S, machines)
    return {
        "wind_speed": lambda work: (
            gain * work.inflow.at_point * (1 - icing.ANEMOMETER_LOSS * work.ice)
        ),
        "power": lambda work: work.power,
        "rotor_speed": lambda work: work.rotor.speed,
        "generator_speed": lambda work: GEAR_RATIO * work.rotor.speed,
        "pitch_angle_1": lambda work: work.rotor.blades[0],
        "pitch_angle_2": lambda work: work.rotor.blades[1],
        "pitch_angle_3": lambda work: work.rotor.blades[2],
        "yaw_error": lambda work: vane_offset + VANE_DEG * vane.advance(len(work.power)),
        "status": lambda work: work.regime.status(
            work.inflow.mean, work.derated | work.rotor.limited
        ),
        "gearbox_temperature": lambda work: work.oil,
        "ambient_temperature": lambda work: work.inflow.air,
        "nacelle_temperature": lambda work: work.nacelle,
    }


def _of_bearings(machines: int, streams: Streams, period_s: float) -> dict[str, Look]:
    def part(kind: drivetrain.Warmth, name: str) -> drivetrain.Part:
        individuals = streams(f"turbine/{name}/individuals")
        return drivetrain.Part(kind, period_s, machines, individuals)

    gearbox = part(drivetrain.GEARBOX_BEARING, "gearbox_bearing")
    main = part(drivetrain.MAIN_BEARING, "main_bearing")
    generator = part(drivetrain.GENERATOR_BEARING, "generator_bearing")

    def worn_k(work: Work, bearing: str) -> Floats:
        return drivetrain.WEAR_HEAT_K * work.conditions[f"bearing_wear.{bearing}"]

    return {
        "gearbox_bearing_temperature": lambda work: gearbox.advance(
            work.oil,
            work.speed,
            work.load,
            extra_k=worn_k(work, "gearbox")
            + drivetrain.DRY_HEAT_K * work.conditions["lubrication_loss"],
        ),
        "main_bearing_temperature": lambda work: main.advance(
            work.nacelle, work.speed, work.load, extra_k=worn_k(work, "main")
        ),
        "generator_bearing_temperature": lambda work: generator.advance(
            work.nacelle,
            work.speed,
            work.load,
            heat=_converter_heat(work),
            extra_k=worn_k(work, "generator"),
        ),
    }


def _of_windings(machines: int, streams: Streams, period_s: float) -> dict[str, Look]:
    spread = streams("turbine/phases/individuals")

    def look(phase: str) -> Look:
        # The windings of one machine are built alike, but for a little.
        individuals = streams("turbine/windings/individuals")
        part = drivetrain.Part(drivetrain.GENERATOR_WINDING, period_s, machines, individuals)
        own = 1 + drivetrain.PHASE_SPREAD * spread.standard_normal(machines)

        def temperature(work: Work) -> Floats:
            heat = drivetrain.winding_heat(
                work.conditions[f"winding_heating.{phase}"],
                *(work.conditions[f"winding_heating.{other}"] for other in "uvw" if other != phase),
            )
            surround = work.inflow.air
            return part.advance(surround, work.speed, work.load, own * heat * _converter_heat(work))

        return temperature

    return {f"generator_winding_temperature_{phase}": look(phase) for phase in "uvw"}


def _converter_heat(work: Work) -> Floats:
    return 1 + drivetrain.CONVERTER_HEAT * work.conditions["efficiency_loss"]


def _of_oil(machines: int, streams: Streams) -> dict[str, Look]:
    own = streams("turbine/lubrication/individuals")
    pressure_bar = own.uniform(*lubrication.PRESSURE_BAR, machines)
    drop_bar = own.uniform(*lubrication.FILTER_DROP_BAR, machines)

    def look(law: Callable[..., Floats], base: Floats) -> Look:
        return lambda work: law(
            base,
            lubrication.pump_flow(work.speed),
            lubrication.relative_viscosity(work.oil),
            work.conditions["lubrication_loss"],
        )

    return {
        "oil_pressure": look(lubrication.oil_pressure, pressure_bar),
        "filter_pressure_drop": look(lubrication.filter_drop, drop_bar),
    }


def _of_vibration(machines: int, streams: Streams, period_s: float) -> dict[str, Look]:
    def look(component: Component) -> dict[str, Look]:
        here = Vibrations(component, streams, period_s, machines)
        return {
            component.level: lambda work: here.rms(work.speed, work.load, work.conditions),
            component.kurtosis: lambda work: here.kurtosis(len(work.power), work.conditions),
            component.crest: lambda work: here.crest_factor(len(work.power), work.conditions),
        }

    gearbox, main, generator = (look(component) for component in COMPONENTS)
    return gearbox | main | generator


def _of_tower(machines: int, streams: Streams, period_s: float) -> dict[str, Look]:
    nacelle = Nacelle(streams, period_s, machines)

    def uneven(work: Work) -> Floats:
        return work.rotor.uneven + icing.ROUGH_DEG * work.ice

    return {
        "tower_acceleration": lambda work: nacelle.fore_aft(
            work.inflow.sigma, work.inflow.mean, work.rotor.speed, uneven(work)
        ),
        "side_acceleration": lambda work: nacelle.side_side(
            work.inflow.sigma,
            work.inflow.mean,
            work.rotor.speed,
            uneven(work),
            np.hypot(UNBALANCED * work.conditions["mass_imbalance"], icing.UNBALANCE * work.ice),
        ),
    }
