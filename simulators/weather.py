"""The weather that all machines of a farm share: mean wind and air temperature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.processes import Floats, SmoothNoise
from simulators.streams import Streams
from simulators.thermal import daily_cycle
from simulators.wind import weibull_wind

DAY_NS = 86_400_000_000_000
HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True)
class Climate:
    """What the weather is like in the long run; the defaults are a temperate coast in spring."""

    weibull_shape: float = 2.0
    weibull_scale: float = 9.0
    """[m/s]; a mean wind of 8 m/s."""
    wind_tau_h: float = 6.0
    """Correlation time of the mean wind: 6 to 12 h as weather systems pass."""
    wind_lag_h: float = 1.0
    """Below it the mean wind is smooth: the spectral gap between weather and turbulence."""
    air_mean: float = 11.0
    """[°C]"""
    air_daily: float = 3.5
    """Half the difference between afternoon and night [K]."""
    air_spread: float = 2.5
    """Standard deviation of the days among themselves [K]."""
    air_tau_h: float = 36.0
    air_lag_h: float = 3.0


class WeatherBlock(NamedTuple):
    """``[k]`` each: what every machine of the farm is given."""

    wind: Floats
    """Mean wind at hub height [m/s]."""
    air: Floats
    """Air temperature [°C]."""


class Weather:
    """The weather as it goes on, block by block."""

    def __init__(self, streams: Streams, period_s: float, climate: Climate) -> None:
        self._climate = climate
        self._wind = SmoothNoise(
            streams("weather/wind"), period_s, climate.wind_tau_h * 3600, climate.wind_lag_h * 3600
        )
        self._air = SmoothNoise(
            streams("weather/air"), period_s, climate.air_tau_h * 3600, climate.air_lag_h * 3600
        )

    def advance(self, times: NDArray[np.int64]) -> WeatherBlock:
        """Weather at ``times [k]``, ns since the epoch, the next ones of an even series."""
        climate = self._climate
        gauss = self._wind.advance(len(times))
        days = climate.air_spread * self._air.advance(len(times))
        hours = daily_cycle((times % DAY_NS) / HOUR_NS, climate.air_daily)
        return WeatherBlock(
            wind=weibull_wind(gauss, climate.weibull_shape, climate.weibull_scale),
            air=climate.air_mean + days + hours,
        )
