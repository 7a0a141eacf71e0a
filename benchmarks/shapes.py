"""The shapes of a simulated world: what `benchmarks.reality` holds against published figures.

Axes: ``[steps, machines]`` everywhere. Turbines are looked at as SCADA systems keep them, as means
of 10 minutes, unless a figure says otherwise.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simulators import Climate, Farm
from simulators.streams import Streams
from simulators.turbine.power import power_curve
from simulators.turbine.wake import Wakes, grid
from simulators.weather import HOUR_NS, Weather

Floats = NDArray[np.float64]
World = Mapping[str, Floats]
"""Values by sensor."""
Figures = dict[str, str]

RATED_KW = 5000.0
NORMAL, DERATED = 0, 1
"""Status codes of a machine at work."""
STORMY_M_S = 15.0
LAGS = (1, 6, 36, 144)
"""10 min, 1 h, 6 h and 24 h, in means of 10 minutes."""
IN_HOUR = 6


def simulated(
    machines: int, seed: int, *, period_s: float, hours: float, machine_class: str = "turbine"
) -> World:
    """All that a healthy farm reports."""
    farm = Farm(machines, seed, period_s=period_s, machine_class=machine_class, sensors="all")
    values = np.concatenate([block.values.astype(np.float32) for block in farm.run(hours)])
    return {name: values[:, :, i].astype(np.float64) for i, name in enumerate(farm.sensors)}


def measure(year: World, close: World, pumps: World) -> Figures:
    """Every figure.

    Args:
        year: turbines at a reading a minute.
        close: turbines at a reading every 10 s.
        pumps: at a reading a minute.
    """
    means = {name: averaged(values, 10) for name, values in year.items()}
    return {
        **of_power(means),
        **of_turbulence(close),
        **of_wind(means),
        **of_temperatures(means, close),
        **of_vibration(year),
        **of_operation(year),
        **of_the_farm(means),
        **of_wakes(),
        **of_pumps(pumps),
    }


def of_power(means: World) -> Figures:
    """Power against wind."""
    working = settled(means)
    wind, power = means["wind_speed"][working], means["power"][working]
    at = (5, 7, 9, 11, 13)
    off = 100 * (power - smooth(wind, power)) / RATED_KW
    near = [off[np.abs(wind - one) < 0.5] for one in (6, 10, 16)]
    return {
        "power": listed((power[np.abs(wind - one) < 0.25].mean() for one in at), ".0f"),
        "power_scatter": listed((np.std(one) for one in near), ".1f"),
        "power_tail": f"{tail(off, wind):.0f}",
        "power_wind": span(
            correlation(means["wind_speed"][:, i], means["power"][:, i])
            for i in range(means["power"].shape[1])
        ),
    }


def of_turbulence(close: World) -> Figures:
    """Ten minutes of readings every 10 s."""
    wind, power = in_tens(close["wind_speed"]), in_tens(close["power"])
    mean, intensity = wind.mean(axis=1), wind.std(axis=1) / wind.mean(axis=1).clip(0.5)
    hour = np.arange(len(mean)) // IN_HOUR % 24
    night = (hour < 6)[:, np.newaxis] & (np.abs(mean - 8) < 2)
    noon = ((hour >= 10) & (hour < 16))[:, np.newaxis] & (np.abs(mean - 8) < 2)
    at_eight, at_fifteen = intensity[np.abs(mean - 8) < 0.5], intensity[np.abs(mean - 15) < 0.5]
    low = (mean > 5.4) & (mean < 6.4) & (power.min(axis=1) > 0)
    steps = np.diff(close["wind_speed"], axis=0)
    return {
        "turbulence": listed(map(np.mean, (at_eight, at_fifteen)), ".3f"),
        "turbulence_spread": listed((at_eight.std(), np.quantile(at_eight, 0.9)), ".3f"),
        "turbulence_day": f"{intensity[noon].mean() / intensity[night].mean():.2f}",
        "power_within": span(
            np.quantile(100 * power.std(axis=1)[low] / power.mean(axis=1)[low], (0.1, 0.9)), ".0f"
        ),
        "increments": f"{kurtosis(steps):.1f}",
    }


def of_wind(means: World) -> Figures:
    """The mean wind at a nacelle."""
    wind = means["wind_speed"]
    return {
        "wind_memory": autocorrelations(wind),
        "weibull": f"{weibull_shape(wind.ravel()):.2f}",
        "wind_daily": f"{100 * daily(wind) / wind.mean():.0f}",
        "air_daily": f"{daily(means['ambient_temperature']):.1f}",
    }


def of_temperatures(means: World, close: World) -> Figures:
    """Heat against power."""
    oil, power = means["gearbox_temperature"], means["power"]
    edges = (50, 250, 500, 1000, 5100)
    bearings = (means["gearbox_bearing_temperature"], means["main_bearing_temperature"])
    tied = [by_bin(oil, one, power, edges) for one in bearings]
    nacelle = in_tens(close["nacelle_temperature"]).std(axis=1)
    others = oil - oil.mean(axis=1, keepdims=True)
    return {
        "oil": listed(
            (
                within(oil, power, low, high).mean()
                for low, high in itertools.pairwise((50, 250, 500, 1000, 2500, 4500, 5100))
            ),
            ".0f",
        ),
        "oil_air": f"{correlation(oil, means['ambient_temperature']):.2f}",
        "oil_bearing": listed(tied[0]),
        "oil_main_bearing": listed(tied[1]),
        "oil_model": linear_model(means),
        "nacelle": span(np.quantile(nacelle, (0.1, 0.9))),
        "oil_siblings": f"{others.mean(axis=0).std():.1f}",
    }


def of_vibration(year: World) -> Figures:
    """Every minute at rated power."""
    rated = year["power"] > 0.98 * RATED_KW
    levels = [year["vibration"][rated[:, i], i] for i in range(rated.shape[1])]
    bins = (5, 10, 15, 20)
    tower, wind = averaged(year["tower_acceleration"], 10), averaged(year["wind_speed"], 10)
    return {
        "vibration": span((level.mean() for level in levels), ".1f"),
        "vibration_spread": span((100 * level.std() / level.mean() for level in levels), ".0f"),
        "vibration_tails": f"{np.mean([kurtosis(np.log(one)) for one in levels]):.1f}",
        "kurtosis": about(year["gearbox_kurtosis"]),
        "crest_factor": about(year["gearbox_crest_factor"]),
        "tower": listed(tower[np.abs(wind - one) < 0.5].mean() for one in bins),
    }


def of_operation(year: World) -> Figures:
    """Starts and stops, at a reading a minute."""
    working = year["status"] <= DERATED
    days = working.size / 1440
    stops = working[:-1] & ~working[1:]
    storm = stops & (year["wind_speed"][1:] > STORMY_M_S)
    silent = working & (year["power"] <= 0)
    missing = np.mean([np.isnan(values).mean() for values in year.values()])
    return {
        "calms": f"{(stops.sum() - storm.sum()) / days:.2f}",
        "stops": f"{365 * storm.sum() / days:.0f}, by storms",
        "silent": f"{100 * silent.sum() / working.sum():.1f}",
        "missing": f"{100 * missing:.0f}",
    }


def of_the_farm(means: World) -> Figures:
    """Turbines beside each other, in a grid of three by three."""
    wind = means["wind_speed"]
    mean = wind.mean(axis=0)
    together = np.corrcoef(wind.T)
    place = np.stack(grid(wind.shape[1]), axis=1)
    apart = np.linalg.norm(place[:, np.newaxis] - place, axis=-1)
    return {
        "wind_together": listed(
            (together[apart == 1].mean(), together[apart == apart.max()].mean()), ".3f"
        ),
        "wind_apart": (f"{100 * mean.std() / mean.mean():.1f}"),
    }


def of_wakes(turbines: int = 64) -> Figures:
    """A large farm's year, its wakes alone: every machine in the same wind, no turbulence."""
    weather, wakes = Weather(Streams(1), 3600.0, Climate()), Wakes(turbines)
    blocks = [weather.advance(HOUR_NS * np.arange(i, i + 730)) for i in range(0, 8760, 730)]
    left = [1 - wakes.deficit(block.wind, block.direction) for block in blocks]
    power = [
        power_curve(block.wind[:, np.newaxis] * one)
        for block, one in zip(blocks, left, strict=True)
    ]
    free = np.mean([power_curve(block.wind) for block in blocks])
    side = math.isqrt(turbines)
    along = 1 - wakes.deficit(np.array([8.0]), np.array([270.0]))[0, :side]
    row = power_curve(8 * along) / power_curve(np.array([8.0]))
    return {
        "wakes": f"{100 * (1 - np.mean(power) / free):.0f}",
        "wakes_row": f"{100 * (1 - row.mean()):.0f}",
    }


def of_pumps(pumps: World) -> Figures:
    """At work, every minute."""
    level, flow = pumps["drive_end_vibration"], pumps["flow"]
    at_work = flow > 100
    steady = [level[at_work[:, i], i] for i in range(level.shape[1])]
    quick = [np.diff(one) / np.sqrt(2) / one.mean() for one in steady]
    warm = pumps["drive_end_temperature"] - pumps["ambient_temperature"]
    return {
        "pump_vibration": span((100 * one.std() / one.mean() for one in steady), ".0f"),
        "pump_vibration_quick": span((100 * one.std() for one in quick), ".1f"),
        "pump_bearing": span((warm[at_work[:, i], i].mean() for i in range(9)), ".0f"),
    }


def averaged(values: Floats, steps: int) -> Floats:
    """Means of so many steps each."""
    whole = len(values) // steps * steps
    means: Floats = values[:whole].reshape(-1, steps, values.shape[1]).mean(axis=1)
    return means


def in_tens(values: Floats) -> Floats:
    """Readings every 10 s as ``[10 minutes, 60, machines]``."""
    return values[: len(values) // 60 * 60].reshape(-1, 60, values.shape[1])


def settled(means: World) -> NDArray[np.bool_]:
    """Did a machine do the same all through the 10 minutes, and give power?"""
    return (means["status"] == NORMAL) & (means["power"] > 0)


def smooth(wind: Floats, power: Floats) -> Floats:
    """Its curve at each row: the means of bins of 0.25 m/s, and lines between them."""
    place = np.rint(wind / 0.25).astype(int)
    count = np.bincount(place).clip(1)
    return np.interp(
        wind,
        np.bincount(place, wind) / count + 1e-9 * np.arange(len(count)),
        np.bincount(place, power) / count,
    )


def tail(off: Floats, wind: Floats) -> float:
    """Of what is far off the curve, the share that lies below it [%]."""
    place = np.rint(wind).astype(int)
    spread = np.array(
        [off[place == one].std() if (place == one).any() else 1.0 for one in range(place.max() + 1)]
    )
    far = np.abs(off) > 3 * spread[place]
    return float(100 * (off[far] < 0).mean())


def linear_model(means: World) -> str:
    """Least squares of the oil by power, speed, air and nacelle, now and an hour before.

    Learnt on the first quarter of a machine's year, judged on the second.
    """
    names = ("power", "rotor_speed", "ambient_temperature", "nacelle_temperature")
    quarter = len(means["power"]) // 4
    errors, shares, ties = [], [], []
    for i in range(means["power"].shape[1]):
        now = np.stack([means[name][:, i] for name in names], axis=1)
        inputs = np.column_stack([now[6:], now[:-6], np.ones(len(now) - 6)])
        oil = means["gearbox_temperature"][6:, i]
        weights, *_ = np.linalg.lstsq(inputs[:quarter], oil[:quarter], rcond=None)
        later = slice(quarter, 2 * quarter)
        left = oil[later] - inputs[later] @ weights
        errors.append(left.std())
        shares.append(1 - left.var() / oil[later].var())
        ties.append(autocorrelation(left[:, np.newaxis], 1))
    return f"{np.mean(errors):.2f}; {np.mean(shares):.3f}; {np.mean(ties):.2f}"


def correlation(one: Floats, other: Floats) -> float:
    """Of two series, all their values taken together."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def autocorrelation(values: Floats, lag: int) -> float:
    """Mean over the machines."""
    own = values - values.mean(axis=0)
    return float(np.mean((own[lag:] * own[:-lag]).mean(axis=0) / own.var(axis=0)))


def autocorrelations(values: Floats) -> str:
    return listed(autocorrelation(values, lag) for lag in LAGS)


def kurtosis(values: Floats) -> float:
    """Fourth moment over the square of the second."""
    own = values - values.mean()
    return float(np.mean(own**4) / np.mean(own**2) ** 2)


def weibull_shape(wind: Floats) -> float:
    """Shape k of maximum likelihood, by its fixed-point equation."""
    log = np.log(wind.clip(0.05))
    k = 2.0
    for _ in range(50):
        weight = np.exp(k * log)
        k = 1 / ((weight * log).sum() / weight.sum() - log.mean())
    return float(k)


def daily(values: Floats) -> float:
    """Half the difference between the highest and the lowest hour of the mean day."""
    hours = averaged(values, IN_HOUR).mean(axis=1)
    day = hours[: len(hours) // 24 * 24].reshape(-1, 24).mean(axis=0)
    return float(np.ptp(day)) / 2


def within(values: Floats, by: Floats, low: float, high: float) -> Floats:
    """Those values for which ``by`` is in a bin."""
    return values[(by >= low) & (by < high)]


def by_bin(one: Floats, other: Floats, by: Floats, edges: Sequence[float]) -> list[float]:
    """Correlation of two series in each bin of a third, machine by machine, and its mean."""
    machines = range(one.shape[1])
    return [
        float(
            np.mean(
                [
                    correlation(*(within(of[:, i], by[:, i], low, high) for of in (one, other)))
                    for i in machines
                ]
            )
        )
        for low, high in itertools.pairwise(edges)
    ]


def listed(values: Iterable[float], form: str = ".2f") -> str:
    """As they stand in a cell."""
    return ", ".join(f"{value:{form}}" for value in values)


def span(values: Iterable[float], form: str = ".2f") -> str:
    """From the least to the greatest."""
    every = list(values)
    return f"{min(every):{form}} … {max(every):{form}}"


def about(values: Floats) -> str:
    return f"{values.mean():.2f}, {values.std():.2f}"
