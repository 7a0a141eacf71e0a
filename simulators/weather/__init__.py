"""The weather that all machines of a farm share: wind, gusts and lulls, and the air."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.processes import Floats, SmoothNoise
from simulators.streams import Streams
from simulators.thermal import WARMEST_HOUR, daily_cycle, yearly_cycle
from simulators.weather.air import air_density
from simulators.weather.gusts import Gusts, Lulls
from simulators.weather.wind import REFERENCE_INTENSITY, roughness, weibull_wind

NS_PER_S = 1_000_000_000
HOUR_NS = 3600 * NS_PER_S
DAY_NS = 24 * HOUR_NS

_ANY_SIGN = {"air_mean", "direction_mean"}

SYSTEMS_LAG_H = 6.0
"""Below it a weather system is smooth."""


@dataclass(frozen=True)
class Climate:
    """What the weather is like in the long run; the defaults are a mild, maritime one.

    Early in January, when runs begin unless told otherwise, it has 11 °C and a mean wind of 8 m/s.

    Raises:
        ValueError: there is no such turbulence class, or something is less than nothing.
    """

    weibull_shape: float = 2.0
    weibull_scale: float = 9.0
    """[m/s]; a mean wind of 8 m/s."""
    wind_tau_h: float = 6.0
    """Correlation time of the mean wind as fronts pass."""
    wind_lag_h: float = 1.0
    """Below it the mean wind is smooth: the spectral gap between weather and turbulence."""
    wind_slow_share: float = 0.35
    """Of the variance of the Gaussian behind the wind: what comes and goes with weather systems."""
    wind_slow_tau_h: float = 72.0
    """How long those last."""
    wind_daily: float = 0.03
    """Half the difference between afternoon and night, as a share of the wind."""
    wind_seasonal: float = 0.1
    """Half the difference between the windiest season and the calmest, as a share of the wind."""
    windiest_day: float = 100.0
    """Of the year: spring."""
    turbulence_class: str = "C"
    """A, B or C of IEC 61400-1, from rough to smooth."""
    turbulence_tau_h: float = 4.0
    """How long the air stays rougher, or smoother, than its class has it in the mean."""
    gusts_per_day: float = 4.0
    """Extreme operating gusts; they last 10 s."""
    lulls_per_day: float = 0.15
    air_mean: float = 17.0
    """Over the year [°C]."""
    air_daily: float = 3.5
    """Half the difference between afternoon and night [K]."""
    air_seasonal: float = 6.0
    """Half the difference between summer and winter [K]."""
    warmest_day: float = 200.0
    """Of the year: late in July; 20 on the southern half of the Earth."""
    air_spread: float = 2.5
    """Standard deviation of the days among themselves [K]."""
    air_tau_h: float = 36.0
    air_lag_h: float = 3.0
    pressure_mean: float = 1006.0
    """At hub height [hPa]."""
    pressure_spread: float = 9.0
    humidity_mean: float = 0.75
    """Relative; what is above 1 is 1: fog."""
    humidity_spread: float = 0.12
    direction_mean: float = 240.0
    """Where the wind comes from most often [°], 90 is east."""
    direction_spread: float = 60.0

    def __post_init__(self) -> None:
        if self.turbulence_class not in REFERENCE_INTENSITY:
            choice = ", ".join(REFERENCE_INTENSITY)
            raise ValueError(f"turbulence_class is {self.turbulence_class!r}, there are {choice}")
        if not 0 <= self.wind_slow_share <= 1:
            raise ValueError(f"wind_slow_share is {self.wind_slow_share:g}, it must be 0 … 1")
        numbers = {name: value for name, value in vars(self).items() if not isinstance(value, str)}
        for name, value in numbers.items():
            if not math.isfinite(value):
                raise ValueError(f"{name} is {value:g}, a finite number is needed")
            if name not in _ANY_SIGN and value < 0:
                raise ValueError(f"{name} is {value:g}, it must not be negative")
            if name.startswith("weibull_") or name.endswith(("_tau_h", "_lag_h")):
                _more_than_0(name, value)


def _more_than_0(name: str, value: float) -> None:
    if value <= 0:
        raise ValueError(f"{name} is {value:g}, it must be more than 0")


class WeatherBlock(NamedTuple):
    """``[k]`` each: what every machine of the farm is given."""

    times: NDArray[np.int64]
    """ns since the epoch."""
    wind: Floats
    """Mean wind at hub height [m/s]."""
    air: Floats
    """Air temperature [°C]."""
    gust: Floats
    """What a gust adds to the wind, in standard deviations of turbulence."""
    followed: Floats
    """What a rotor follows of the gust, in the same."""
    direction: Floats
    """Where the wind comes from [°], 0 … 360."""
    density: Floats
    """Of the air [kg/m³]."""
    humidity: Floats
    """Relative, 0 … 1."""
    roughness: Floats
    """Turbulence compared with what its class has in the mean."""
    intensity: float
    """I_ref of the climate's turbulence class."""


class Weather:
    """The weather as it goes on, block by block."""

    def __init__(self, streams: Streams, period_s: float, climate: Climate) -> None:
        def slow(purpose: str, tau_h: float, lag_h: float) -> SmoothNoise:
            stream = streams(f"weather/{purpose}")
            return SmoothNoise(stream, period_s, tau_h * 3600, lag_h * 3600)

        self._climate = climate
        self._start_ns: int | None = None
        self._wind = slow("wind", climate.wind_tau_h, climate.wind_lag_h)
        self._systems = slow("wind_slow", climate.wind_slow_tau_h, SYSTEMS_LAG_H)
        self._air = slow("air", climate.air_tau_h, climate.air_lag_h)
        self._pressure = slow("pressure", 48.0, 6.0)
        self._humidity = slow("humidity", 12.0, 2.0)
        self._direction = slow("direction", 12.0, 1.0)
        self._rough = slow("turbulence", climate.turbulence_tau_h, 0.5)
        self._gusts = Gusts(streams("weather/gusts"), climate.gusts_per_day)
        self._lulls = Lulls(streams("weather/lulls"), climate.lulls_per_day)

    def advance(self, times: NDArray[np.int64]) -> WeatherBlock:
        """Weather at ``times [k]``, ns since the epoch, the next ones of an even series."""
        climate = self._climate
        if self._start_ns is None:
            self._start_ns = int(times[0])
        t_s = (times - self._start_ns) / NS_PER_S
        hours = (times % DAY_NS) / HOUR_NS
        air = self._temperature(times, hours)
        pressure = climate.pressure_mean + climate.pressure_spread * self._pressure.advance(
            len(times)
        )
        wind = self._mean_wind(times, hours) * self._lulls.advance(t_s)
        gust, followed = self._gusts.advance(t_s)
        return WeatherBlock(
            times=times,
            wind=wind,
            air=air,
            gust=gust,
            followed=followed,
            direction=self._turn(len(times)),
            density=air_density(pressure, air),
            humidity=self._moisture(len(times)),
            roughness=roughness(self._rough.advance(len(times)), wind),
            intensity=REFERENCE_INTENSITY[climate.turbulence_class],
        )

    def _mean_wind(self, times: NDArray[np.int64], hours: Floats) -> Floats:
        climate = self._climate
        share = climate.wind_slow_share
        fronts, systems = self._wind.advance(len(times)), self._systems.advance(len(times))
        gauss = math.sqrt(1 - share) * fronts + math.sqrt(share) * systems
        wind = weibull_wind(gauss, climate.weibull_shape, climate.weibull_scale)
        season = yearly_cycle(times / DAY_NS, climate.wind_seasonal, climate.windiest_day)
        return wind * (1 + daily_cycle(hours, climate.wind_daily, WARMEST_HOUR) + season)

    def _temperature(self, times: NDArray[np.int64], hours: Floats) -> Floats:
        climate = self._climate
        days = climate.air_spread * self._air.advance(len(times))
        season = yearly_cycle(times / DAY_NS, climate.air_seasonal, climate.warmest_day)
        return climate.air_mean + season + days + daily_cycle(hours, climate.air_daily)

    def _moisture(self, steps: int) -> Floats:
        climate = self._climate
        moist = climate.humidity_mean + climate.humidity_spread * self._humidity.advance(steps)
        return np.clip(moist, 0.1, 1.0)

    def _turn(self, steps: int) -> Floats:
        climate = self._climate
        veer = climate.direction_spread * self._direction.advance(steps)
        return (climate.direction_mean + veer) % 360
