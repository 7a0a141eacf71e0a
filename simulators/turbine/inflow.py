"""What reaches each machine of the farm's weather: its own wind, turbulence and air."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from simulators.processes import Floats
from simulators.streams import Streams
from simulators.turbine.wake import THRUST, Wakes, added_intensity
from simulators.weather import WeatherBlock
from simulators.weather.air import STANDARD_DENSITY, ZERO_CELSIUS_K
from simulators.weather.wind import Turbulence, turbulence_sigma

EXPOSURE_SPREAD = 0.03
"""How differently machines stand in the wind, as a share of it."""
AIR_SPREAD_K = 0.3
NEIGHBOUR_DEFICIT, NEIGHBOUR_D = 0.12, 5.0
"""A turbine that is built nearby takes so much of the wind, from so many diameters away."""
SEASON_K = 15.0
"""How far a season may be from what the year so far was like."""
STRONGEST_M_S = 75.0
"""No gust is stronger: 70 m/s is the 50-year extreme of the windiest class (IEC 61400-1)."""


class InflowBlock(NamedTuple):
    """``[k, machines]`` each, or ``[k, 1]`` where machines do not differ."""

    mean: Floats
    """Wind [m/s], which the controller goes by."""
    sigma: Floats
    """Standard deviation of its turbulence [m/s]."""
    at_point: Floats
    """Where the anemometer stands [m/s]."""
    at_rotor: Floats
    """Averaged over the rotor, and as its speed follows it [m/s]."""
    air: Floats
    """Temperature [°C]."""
    density: Floats
    """Compared with standard air's."""


class Inflow:
    """Exposure, wakes, turbulence and air of a number of machines, block by block."""

    def __init__(self, machines: int, streams: Streams, period_s: float) -> None:
        own = streams("turbine/site/individuals")
        self._exposure = 1 + EXPOSURE_SPREAD * own.standard_normal(machines)
        self._air_offset = AIR_SPREAD_K * own.standard_normal(machines)
        self._wakes = Wakes(machines)
        self._turbulence = Turbulence(streams("turbine/turbulence"), period_s, machines)

    def advance(self, weather: WeatherBlock, conditions: Mapping[str, Floats]) -> InflowBlock:
        """The weather as it is here, a new neighbour's wake and an odd season included."""
        neighbour = conditions["neighbour_wake"]
        left = 1 - self._wakes.deficit(weather.wind, weather.direction)
        mean = weather.wind[:, np.newaxis] * self._exposure * left
        mean = np.minimum(mean * (1 - NEIGHBOUR_DEFICIT * neighbour), STRONGEST_M_S)
        sigma = self._sigma(weather, mean, neighbour)
        point, rotor = self._turbulence.advance(weather.wind[:, np.newaxis])
        gust, followed = weather.gust[:, np.newaxis], weather.followed[:, np.newaxis]
        warmer = SEASON_K * (conditions["season.warmer"] - conditions["season.colder"])
        kelvin = weather.air[:, np.newaxis] + ZERO_CELSIUS_K
        return InflowBlock(
            mean,
            sigma,
            at_point=np.clip(mean + sigma * (point + gust), 0, STRONGEST_M_S),
            at_rotor=np.clip(mean + sigma * (rotor + followed), 0, STRONGEST_M_S),
            air=weather.air[:, np.newaxis] + self._air_offset + warmer,
            density=weather.density[:, np.newaxis] / STANDARD_DENSITY * kelvin / (kelvin + warmer),
        )

    def _sigma(self, weather: WeatherBlock, mean: Floats, neighbour: Floats) -> Floats:
        """Turbulence of the site and of all wakes, which add in squares [m/s]."""
        ambient = turbulence_sigma(mean, weather.intensity) * weather.roughness[:, np.newaxis]
        new = neighbour * mean * added_intensity(THRUST, np.array(NEIGHBOUR_D))
        wakes = self._wakes.added_variance(weather.wind, weather.direction)
        return np.sqrt(ambient**2 + wakes + new**2)
