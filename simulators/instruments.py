"""Instruments: what a sensor reports is not what is. Noise, limits and resolution, nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulators.processes import Floats
from simulators.streams import Streams


@dataclass(frozen=True)
class Instrument:
    """One sensor of a machine class."""

    name: str
    unit: str
    resolution: float
    """Step between two values it can report, in its unit."""
    noise: float = 0.0
    """Standard deviation of its error, in its unit."""
    noise_relative: float = 0.0
    """Standard deviation of its error, as a share of the value: a tachometer at rest says 0."""
    low: float = -math.inf
    high: float = math.inf


def report(instrument: Instrument, true: Floats, errors: Floats) -> Floats:
    """What the instrument says: ``round(clip(x + σ·ε) / resolution) · resolution``.

    Args:
        instrument: which one.
        true: what is, in the sensor's unit, any shape.
        errors: ε, standard Gaussian, same shape.

    >>> thermometer = Instrument("oil", "°C", resolution=0.1, noise=0.3, low=-40, high=150)
    >>> report(thermometer, np.array([55.57, 200.0]), np.array([1.0, 0.0])).tolist()
    [55.9, 150.0]
    """
    sigma = instrument.noise + instrument.noise_relative * np.abs(true)
    # Dividing by whole steps per unit gives the double nearest to the decimal, so 55.9 prints as
    # 55.9; adding 0.0 makes -0.0 a 0.
    steps_per_unit = 1 / instrument.resolution
    clipped = np.clip(true + sigma * errors, instrument.low, instrument.high)
    return np.rint(clipped * steps_per_unit) / steps_per_unit + 0.0


class Instruments:
    """All sensors of all machines of a class, each sensor with a noise stream of its own."""

    def __init__(self, instruments: Sequence[Instrument], streams: Streams) -> None:
        self._instruments = instruments
        self._streams = [streams(f"instrument/{sensor.name}") for sensor in instruments]

    def read(self, true: Mapping[str, Floats]) -> Floats:
        """Reported values ``[k, machines, sensors]`` of true ones, ``[k, machines]`` by sensor."""
        columns = []
        for instrument, stream in zip(self._instruments, self._streams, strict=True):
            is_so = true[instrument.name]
            columns.append(report(instrument, is_so, stream.standard_normal(is_so.shape)))
        return np.stack(columns, axis=-1)
