"""A wind turbine: the laws put together, and how one machine differs from the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from simulators.instruments import Instrument
from simulators.machines import Condition
from simulators.power import (
    RATED_POWER_KW,
    RATED_SPEED_RPM,
    power_running,
    rotor_speed,
    walk_running,
)
from simulators.processes import Floats, Lag, OrnsteinUhlenbeck, first_order
from simulators.streams import Streams
from simulators.thermal import steady_temperature, thermal_memory
from simulators.vibration import CORRELATION_S, vibration_rms
from simulators.weather import WeatherBlock
from simulators.wind import REFERENCE_INTENSITY, Turbulence, turbulence_sigma

TURBULENCE_INTENSITY = REFERENCE_INTENSITY["C"]
ROTOR_INERTIA_S = 8.0

RATED_RISE_K = (35.0, 45.0)
"""Gearbox oil above the air at rated power."""
TIME_CONSTANT_S = (2400.0, 5400.0)
"""R·C of gearbox and oil: 40 to 90 minutes."""
RATED_HEAT_KW = 50.0
"""Heat the gearbox gives to its oil at rated power: 1 % of it, as in good gearboxes."""
FRICTION_SHARE = 0.25
"""Part of that heat that comes with speed rather than with load."""
FRICTION_KW_PER_RPM = FRICTION_SHARE * RATED_HEAT_KW / RATED_SPEED_RPM
LOAD_LOSS = (1 - FRICTION_SHARE) * RATED_HEAT_KW / RATED_POWER_KW

WEAR_VIBRATION_GAIN = 4.0
"""A bearing at its end vibrates five times as much (2 to 6 times in the literature)."""
WEAR_FRICTION_GAIN = 0.6
"""… and has 1.6 times the friction, 6 K more oil temperature at rated power."""
COOLING_RESISTANCE_GAIN = 0.8
"""With the cooler blocked, heat finds 1.8 times the resistance."""


class _Individuals:
    """What makes each machine its own, drawn once; ``[machines]`` each."""

    def __init__(self, machines: int, draw: np.random.Generator) -> None:
        self.exposure = 1 + 0.03 * draw.standard_normal(machines)
        """Its mean wind as a share of the farm's."""
        self.anemometer_gain = 1 + 0.02 * draw.standard_normal(machines)
        """The anemometer stands behind the rotor and is calibrated for that, more or less."""
        self.resistance = draw.uniform(*RATED_RISE_K, machines) / RATED_HEAT_KW
        self.capacity = draw.uniform(*TIME_CONSTANT_S, machines) / self.resistance
        self.air_offset = 0.3 * draw.standard_normal(machines)
        self.vibration_base = draw.uniform(1.2, 2.0, machines)
        self.vibration_spread = draw.uniform(0.08, 0.15, machines)


class Turbine:
    """A number of NREL 5 MW turbines with a gearbox; see `simulators.machines.MachineClass`."""

    prefix: ClassVar[str] = "T"
    instruments: ClassVar[tuple[Instrument, ...]] = (
        Instrument("wind_speed", "m/s", resolution=0.1, noise=0.3, low=0, high=60),
        Instrument("power", "kW", resolution=1, noise_relative=0.003, low=-200, high=6000),
        Instrument("rotor_speed", "rpm", resolution=0.01, noise_relative=0.002, low=0, high=30),
        Instrument("gearbox_temperature", "°C", resolution=0.1, noise=0.3, low=-40, high=150),
        Instrument("ambient_temperature", "°C", resolution=0.1, noise=0.2, low=-40, high=60),
        Instrument("vibration", "mm/s", resolution=0.01, noise_relative=0.02, low=0, high=50),
    )
    usual: ClassVar[tuple[str, ...]] = (
        "wind_speed",
        "power",
        "rotor_speed",
        "gearbox_temperature",
        "ambient_temperature",
        "vibration",
    )
    exemplar: ClassVar[str] = "gearbox_temperature"
    conditions: ClassVar[Mapping[str, Condition]] = {
        "bearing_wear.gearbox": Condition("gearbox_bearing", ("vibration", "gearbox_temperature")),
        "cooling_loss": Condition("gearbox_cooler", ("gearbox_temperature",)),
    }

    def __init__(
        self,
        machines: int,
        streams: Streams,
        period_s: float,
        wanted: frozenset[str] | None = None,
    ) -> None:
        self._period_s = period_s
        self._own = _Individuals(machines, streams("turbine/individuals"))
        self._turbulence = Turbulence(streams("turbine/turbulence"), period_s, machines)
        self._inertia = Lag(period_s, ROTOR_INERTIA_S)
        self._roughness = OrnsteinUhlenbeck(
            streams("turbine/roughness"), period_s, CORRELATION_S, machines
        )
        self._running = np.zeros(machines, dtype=np.bool_)
        self._gearbox: Floats | None = None

    def advance(
        self, weather: WeatherBlock, conditions: Mapping[str, Floats]
    ) -> Mapping[str, Floats]:
        """True values ``[k, machines]`` by sensor name."""
        own = self._own
        mean_wind = weather.wind[:, np.newaxis] * own.exposure
        air = weather.air[:, np.newaxis] + own.air_offset
        at_point, at_rotor = self._winds(mean_wind)
        power, speed = self._turn(mean_wind, at_rotor)
        wear = conditions["bearing_wear.gearbox"]
        return {
            "wind_speed": own.anemometer_gain * at_point,
            "power": power,
            "rotor_speed": speed,
            "gearbox_temperature": self._warm(air, speed, power, wear, conditions["cooling_loss"]),
            "ambient_temperature": air,
            "vibration": self._vibrate(speed, power, wear),
        }

    def _winds(self, mean_wind: Floats) -> tuple[Floats, Floats]:
        """Wind at the anemometer's place and averaged over the rotor [m/s]."""
        sigma = turbulence_sigma(mean_wind, TURBULENCE_INTENSITY)
        point, rotor = self._turbulence.advance(mean_wind)
        return np.maximum(mean_wind + sigma * point, 0), np.maximum(mean_wind + sigma * rotor, 0)

    def _turn(self, mean_wind: Floats, at_rotor: Floats) -> tuple[Floats, Floats]:
        """Power [kW] and rotor speed [rpm]."""
        running = walk_running(mean_wind, self._running)
        self._running = running[-1]
        speed = self._inertia.advance(rotor_speed(at_rotor, running))
        return power_running(at_rotor, running), speed

    def _warm(
        self, air: Floats, speed: Floats, power: Floats, wear: Floats, cooling_loss: Floats
    ) -> Floats:
        """Gearbox oil temperature [°C], lagging what heat and cooling would settle at."""
        own = self._own
        resistance = own.resistance * (1 + COOLING_RESISTANCE_GAIN * cooling_loss)
        settled = steady_temperature(
            air,
            speed,
            power,
            resistance=resistance,
            friction=FRICTION_KW_PER_RPM * (1 + WEAR_FRICTION_GAIN * wear),
            loss=LOAD_LOSS,
        )
        memory = thermal_memory(self._period_s, resistance, own.capacity)
        before = settled[0] if self._gearbox is None else self._gearbox
        warmed = first_order(before, memory, (1 - memory) * settled)
        self._gearbox = warmed[-1].copy()
        return warmed

    def _vibrate(self, speed: Floats, power: Floats, wear: Floats) -> Floats:
        """Gearbox vibration [mm/s RMS]."""
        healthy = vibration_rms(
            self._own.vibration_base,
            speed / RATED_SPEED_RPM,
            power / RATED_POWER_KW,
            self._own.vibration_spread,
            self._roughness.advance(len(speed)),
        )
        return healthy * (1 + WEAR_VIBRATION_GAIN * wear)
