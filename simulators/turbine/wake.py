"""Wakes: behind another turbine there is less wind, and more turbulence.

The farm stands in a square grid of 7 rotor diameters. Which neighbours are upwind depends on the
direction of the wind alone, so everything about the grid is worked out beforehand.

| symbol | quantity | unit |
|---|---|---|
| x, y | distance downwind and beside the wake's axis | rotor diameters |
| C_T | thrust coefficient of the neighbour | 1 |
| k | how fast the wake widens, 0.075 on land | 1 |
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulators.processes import Floats

SPACING_D = 7.0
REACH = 2
"""Neighbours farther than so many places are forgotten: 5 % of the wind at most."""
DECAY = 0.075
"""On land; at sea it would be 0.04 to 0.05."""
THRUST = 0.8
"""C_T while the rotor takes the most power out of the wind (NREL 5 MW: 0.75 to 0.81)."""
THRUST_RATED_M_S = 11.0
"""Above it the blades pitch and the thrust falls with about the third power of the wind."""
STEP_DEG = 5
MEANDER_DEG = 5.0
"""Standard deviation of the direction in which a wake lies, about the farm's: it meanders, and the
wind turns on its way and within minutes (4 to 7°; Gaumond et al., Wind Energy 17, 2014)."""


def thrust_coefficient(wind: Floats) -> Floats:
    """C_T of a working rotor, ``0.8·min(1, (11/U)³)``; the NREL 5 MW's within 0.05.

    >>> thrust_coefficient(np.array([8.0, 15.0, 25.0])).round(2)
    array([0.8 , 0.32, 0.07])
    """
    return THRUST * np.minimum(1, (THRUST_RATED_M_S / np.maximum(wind, 1)) ** 3)


def jensen_deficit(thrust: Floats, distance_d: Floats) -> Floats:
    """Missing share of the wind, ``(1 − √(1−C_T))/(1 + 2·k·x)²`` (Jensen, Risø-M-2411, 1983).

    >>> jensen_deficit(np.array([0.8]), np.array([7.0])).round(3)
    array([0.132])
    """
    return (1 - np.sqrt(1 - thrust)) / (1 + 2 * DECAY * distance_d) ** 2


def added_intensity(thrust: Floats | float, distance_d: Floats) -> Floats:
    """Turbulence intensity a wake adds in squares, ``1/(1.5 + 0.8·x/√C_T)``.

    Frandsen's model (Risø-R-1188, 2007), as in IEC 61400-1 annex D.

    >>> added_intensity(0.8, np.array([7.0])).round(3)
    array([0.129])
    """
    return 1 / (1.5 + 0.8 * distance_d / np.sqrt(thrust))


def overlap(downwind_d: Floats, aside_d: Floats) -> Floats:
    """Share of the rotor's width that a wake covers, 0 … 1; none for who is not downwind.

    >>> overlap(np.array([7.0, 7.0, -7.0]), np.array([0.0, 1.025, 0.0])).round(2)
    array([1. , 0.5, 0. ])
    """
    wake_radius = 0.5 + DECAY * np.maximum(downwind_d, 0)
    share = np.clip(wake_radius + 0.5 - np.abs(aside_d), 0, 1)
    return np.where(downwind_d > 0.1, share, 0.0)


def grid(machines: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Column (to the east) and row (to the north) of each machine in a grid near a square.

    >>> [places.tolist() for places in grid(5)]
    [[0, 1, 2, 0, 1], [0, 0, 0, 1, 1]]
    """
    columns = math.ceil(math.sqrt(machines))
    index = np.arange(machines)
    return index % columns, index // columns


def meandering(directions: Floats) -> Floats:
    """Weights ``[directions, 360]`` of each whole degree: Gaussian, none beyond 3 σ.

    >>> weights = meandering(np.array([90.0]))[0]
    >>> int(weights.argmax()), round(float(weights[75:106].sum()), 9)
    (90, 1.0)
    """
    off = (np.arange(360) - directions[:, np.newaxis] + 180) % 360 - 180
    weights = np.where(np.abs(off) <= 3 * MEANDER_DEG, np.exp(-((off / MEANDER_DEG) ** 2) / 2), 0)
    meant: Floats = weights / weights.sum(axis=1, keepdims=True)
    return meant


class Wakes:
    """What a machine's neighbours leave it of the wind, by the wind's direction.

    Each wake meanders: what it takes is a mean over some degrees, see `meandering`. Several wakes
    add in squares (Katic et al. 1986), of the deficit as of the turbulence.
    """

    def __init__(self, machines: int) -> None:
        directions = np.arange(0, 360 + STEP_DEG, STEP_DEG)
        self._deficit = np.zeros((len(directions), machines))
        self._added = np.zeros((len(directions), machines))
        if machines > 1:
            self._stand(meandering(directions.astype(np.float64)), *grid(machines))

    def _stand(self, weights: Floats, column: NDArray[np.int64], row: NDArray[np.int64]) -> None:
        """Fill the tables, neighbour by neighbour."""
        directions = np.radians(np.arange(360))
        columns, machines = column.max() + 1, len(column)
        for east in range(-REACH, REACH + 1):
            for north in range(-REACH, REACH + 1):
                there = (column + east >= 0) & (column + east < columns) & (row + north >= 0)
                there &= column + east + columns * (row + north) < machines
                if (east, north) == (0, 0) or not there.any():
                    continue
                downwind = SPACING_D * (east * np.sin(directions) + north * np.cos(directions))
                aside = SPACING_D * (east * np.cos(directions) - north * np.sin(directions))
                covered = overlap(downwind, aside)
                behind = np.maximum(downwind, 1)
                taken = weights @ (covered / (1 + 2 * DECAY * behind) ** 2)
                added = weights @ (covered * added_intensity(THRUST, behind) ** 2)
                self._deficit += there * taken[:, np.newaxis] ** 2
                self._added += there * added[:, np.newaxis]
        np.sqrt(self._deficit, out=self._deficit)

    def deficit(self, wind: Floats, direction: Floats) -> Floats:
        """Missing share of the wind ``[k, machines]``, of the farm's wind and direction ``[k]``."""
        strength = 1 - np.sqrt(1 - thrust_coefficient(wind))
        return strength[:, np.newaxis] * _between(self._deficit, direction)

    def added_variance(self, wind: Floats, direction: Floats) -> Floats:
        """Variance of turbulence that is added, ``[k, machines]`` [m²/s²].

        It goes with the thrust, as the deficit does.
        """
        strength = wind**2 * thrust_coefficient(wind) / THRUST
        return strength[:, np.newaxis] * _between(self._added, direction)


def _between(table: Floats, direction: Floats) -> Floats:
    """Linear between the directions of a table ``[directions, machines]``."""
    place = direction / STEP_DEG
    before = place.astype(np.int64)
    share = (place - before)[:, np.newaxis]
    return (1 - share) * table[before] + share * table[before + 1]
