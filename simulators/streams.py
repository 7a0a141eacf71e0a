"""One stream of random numbers per purpose, all from one seed.

Every source of chance in the world (the wind's slow mean, one instrument's noise, …) names its
purpose and gets a generator of its own. So whatever is added to the world, a fault, a sensor,
changes nobody else's numbers: a run with a fault of severity 0 has the bytes of the healthy run.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np


class Streams:
    """Independent random generators by purpose.

    Args:
        seed: not negative; same seed and purpose, same numbers, in any process.
        noise: without it, what is left are the weather (``weather/…``) with its turbulence
            (``…/turbulence``) and the differences between machines (``…/individuals``): the streams
            of all other purposes are silent.

    Raises:
        ValueError: the seed is negative.

    >>> Streams(seed=1)("wind").standard_normal()
    0.06752280506338323
    >>> Streams(seed=1)("rain").standard_normal() == Streams(seed=1)("wind").standard_normal()
    False
    """

    def __init__(self, seed: int, *, noise: bool = True) -> None:
        if seed < 0:
            raise ValueError(f"seed is {seed}, it must not be negative")
        self.seed = seed
        self._noise = noise

    def __call__(self, purpose: str) -> np.random.Generator:
        """A fresh generator for this purpose, always starting at the same place."""
        # crc32 rather than hash(): the latter differs from process to process.
        key = zlib.crc32(purpose.encode())
        bits = np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=(key,)))
        return np.random.Generator(bits) if self._noise or self._lasts(purpose) else Silence(bits)

    @staticmethod
    def _lasts(purpose: str) -> bool:
        """Is this what a run is about, rather than noise upon it?"""
        return purpose.startswith("weather/") or purpose.endswith(("/individuals", "/turbulence"))


class Silence(np.random.Generator):
    """Chance that never happens: every Gaussian draw is its mean.

    >>> Silence(np.random.PCG64(1)).standard_normal((1, 2)).tolist()
    [[0.0, 0.0]]
    """

    def standard_normal(self, size: Any = None, *_: Any, **__: Any) -> Any:
        """Zeros."""
        return np.zeros(() if size is None else size)
