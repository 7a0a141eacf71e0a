"""A series of any length as few enough points to be drawn, with no outlier lost."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamer.evaluate.trace import Trace
from streamer.records import Times

Floats = NDArray[np.float64]

COLUMNS = 900
DAY_NS = 86_400e9


class Drawn(NamedTuple):
    """What is drawn of one sensor, ``[k]`` each; NaN where there is a gap."""

    days: Floats
    """Since 1970."""
    lowest: Floats
    highest: Floats
    band_lowest: Floats
    band_highest: Floats
    outside: Floats
    """The value farthest outside the band, NaN where all are inside."""


def drawn(trace: Trace, sensor: int) -> Drawn:
    """One sensor's values and band, as few points as `COLUMNS` allows.

    The values farther outside of the band than any other of their stretch are kept by themselves:
    the band of a stretch is as wide as the widest in it, and would hide them.
    """
    values = trace.values[:, sensor]
    low = trace.expected[:, sensor] - trace.band[:, sensor]
    high = trace.expected[:, sensor] + trace.band[:, sensor]
    outside = np.where((values < low) | (values > high), values, np.nan)
    farthest = np.fmax(values - high, low - values)
    cells = stretches(trace.times)
    return Drawn(
        cells.days,
        cells.least(values),
        cells.greatest(values),
        cells.least(low),
        cells.greatest(high),
        cells.where_greatest(farthest, outside),
    )


class Stretches(NamedTuple):
    """Readings in order of time, cut into stretches."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    """Where in ``order`` each that has readings begins."""
    place: NDArray[np.intp]
    """Which of the ``days`` it is."""
    days: Floats

    def least(self, values: Floats) -> Floats:
        """Of each stretch; NaN where none is known."""
        return self._spread(np.fmin.reduceat(values[self.order], self.starts))

    def greatest(self, values: Floats) -> Floats:
        """Of each stretch; NaN where none is known."""
        return self._spread(np.fmax.reduceat(values[self.order], self.starts))

    def where_greatest(self, rank: Floats, values: Floats) -> Floats:
        """The value of each stretch at which ``rank`` is greatest."""
        ranked = np.where(np.isnan(values), -np.inf, rank)[self.order]
        sizes = np.diff(self.starts, append=len(self.order))
        best = np.repeat(np.maximum.reduceat(ranked, self.starts), sizes)
        there = np.where((ranked == best) & np.isfinite(ranked), values[self.order], np.nan)
        return self._spread(np.fmax.reduceat(there, self.starts))

    def _spread(self, known: Floats) -> Floats:
        spread = np.full(len(self.days), np.nan)
        spread[self.place] = known
        return spread


def stretches(times: Times) -> Stretches:
    """Each reading by itself, or stretches of equal length where there are too many."""
    order = np.argsort(times, kind="stable")
    days = times[order] / DAY_NS
    if len(days) <= 2 * COLUMNS:
        gap = np.diff(days, prepend=days[:1]) > 5 * np.median(np.diff(days, prepend=days[:1]))
        place = np.arange(len(days)) + np.cumsum(gap)
        spread = np.full(len(days) + int(gap.sum()), np.nan)
        spread[place] = days
        # A point without a value before what follows a gap, so that no line crosses it.
        spread[np.isnan(spread)] = days[gap]
        return Stretches(order, np.arange(len(days)), place, spread)
    edges = np.linspace(days[0], days[-1], COLUMNS + 1)
    cell = np.searchsorted(edges, days, side="right").clip(1, COLUMNS) - 1
    place, starts = np.unique(cell, return_index=True)
    return Stretches(order, starts, place, (edges[:-1] + edges[1:]) / 2)
