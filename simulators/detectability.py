"""From when on could a fault be seen at all? What no watcher can see yet, none is late to see.

The farm is run three times in step: with its faults, as its healthy twin (same seed, so the same
weather and the same chance), and as its expectation (the twin without any noise). A fault is
detectable from the first time at which, in one of its signals, the mean over the last hour of
faulty minus healthy passes three standard deviations of what is usual there: of the hourly means of
healthy minus expected, over the whole run. A sensor that has been silent for most of an hour while
its twin spoke is detectable too.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from simulators.clock import iso_time
from simulators.farm import Block, Farm
from simulators.faults.base import Fault
from simulators.processes import Floats
from simulators.truth import Truth

PASSES_SIGMA = 3.0
HOUR_S = 3600.0
SILENT_SHARE = 0.5
ROUNDING = 1e-6
"""No instrument resolves so little: what running sums leave of a difference of nothing."""


def truth(farm: Farm, hours: float) -> list[Truth]:
    """`Farm.truth` with ``t_detectable`` filled in, for a run that ends.

    It runs the farm: about three times as long as the run itself, and longer where a machine has
    several faults, which are then looked at one by one.

    >>> from simulators import parse_fault
    >>> hot = parse_fault("overheating@T02:20h:0.9")
    >>> found, = truth(Farm(machines=2, seed=1, period_s=600, faults=[hot]), hours=48)
    >>> found.t_onset <= found.t_detectable < "2026-01-02T12"
    True
    """
    begun = [fault for fault in farm.faults if fault.onset_s < hours * HOUR_S]
    detectable = detectable_s(farm, begun, hours)
    return [
        replace(told, t_detectable=None if seen is None else iso_time(_time_ns(farm, seen)))
        for told, seen in zip(farm.truth(hours), detectable, strict=True)
    ]


def detectable_s(farm: Farm, faults: Sequence[Fault], hours: float) -> list[float | None]:
    """Seconds after the start from which each fault can be seen; None: never in these hours."""
    found: dict[Fault, float | None] = dict.fromkeys(faults)
    moving = [fault for fault in faults if fault.severity > 0 and _moves(fault, farm)]
    for layer in _layers(moving):
        watches = [_Watch(farm, fault) for fault in layer]
        runs = [farm.with_faults(layer), farm.with_faults(()), farm.expectation()]
        for faulty, healthy, expected in zip(*(run.run(hours) for run in runs), strict=True):
            for watch in watches:
                watch.see(faulty, healthy, expected)
        found |= {watch.fault: watch.detectable_s() for watch in watches}
    return [found[fault] for fault in faults]


def _moves(fault: Fault, farm: Farm) -> bool:
    """Is any sensor that is reported the fault's business?"""
    _, signals = fault.signals(farm.machine_class)
    return not set(signals).isdisjoint(farm.sensors)


def _layers(faults: Sequence[Fault]) -> Iterator[list[Fault]]:
    """The faults in groups with at most one for each machine, to tell them apart."""
    by_machine: defaultdict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        by_machine[fault.machine].append(fault)
    for layer in zip_longest(*by_machine.values()):
        yield [fault for fault in layer if fault is not None]


class _Watch:
    """One fault's signals through a run."""

    def __init__(self, farm: Farm, fault: Fault) -> None:
        self.fault = fault
        self._start_ns = farm.start_ns
        self._row = farm.machines.index(fault.machine)
        _, signals = fault.signals(farm.machine_class)
        self._columns = [farm.sensors.index(name) for name in signals if name in farm.sensors]
        self._window = max(round(HOUR_S / farm.period_s), 1)
        self._shift = _TrailingMean(self._window, len(self._columns))
        self._usual = _Spread(self._window, len(self._columns))
        self._highest = np.zeros((1, len(self._columns)))
        self._records: list[tuple[NDArray[np.float64], Floats]] = []
        """Only where a shift was larger than ever: no other can be the first to pass a limit."""

    def see(self, faulty: Block, healthy: Block, expected: Block) -> None:
        """The next block of the three runs."""
        blocks = (faulty, healthy, expected)
        was, twin, ought = (block.values[:, self._row, self._columns] for block in blocks)
        self._usual.add(twin - ought)
        shift = np.abs(self._shift.advance(was - twin))
        t_s = (faulty.times - self._start_ns) / 1e9
        there = self.fault.active(t_s)
        t_s, shift = t_s[there], shift[there]
        highest = np.maximum.accumulate(np.concatenate([self._highest, shift]))
        higher = (shift > highest[:-1]).any(axis=1)
        self._highest = highest[-1:]
        if higher.any():
            self._records.append((t_s[higher], shift[higher]))

    def detectable_s(self) -> float | None:
        """When the shift of a signal first passed its limit."""
        limit = np.maximum(PASSES_SIGMA * self._usual.std(), ROUNDING)
        for t_s, shift in self._records:
            passed = (shift > limit).any(axis=1)
            if passed.any():
                return float(t_s[passed.argmax()])
        return None


class _TrailingMean:
    """Mean of the last ``window`` rows; infinite where most of them are missing (NaN)."""

    def __init__(self, window: int, columns: int) -> None:
        self._window = window
        self._past = np.zeros((window - 1, columns))

    def advance(self, rows: Floats) -> Floats:
        """The means at each of the next rows, ``[k, columns]``."""
        known = np.concatenate([self._past, rows])
        self._past = known[len(rows) :]
        missing = self._sums(np.isnan(known).astype(np.float64))
        mean = self._sums(np.nan_to_num(known)) / np.maximum(self._window - missing, 1)
        return np.where(missing > SILENT_SHARE * self._window, math.inf, mean)

    def _sums(self, known: Floats) -> Floats:
        """Of each window: the difference of two running sums."""
        running = np.concatenate([np.zeros((1, known.shape[1])), np.cumsum(known, axis=0)])
        sums: Floats = running[self._window :] - running[: -self._window]
        return sums


class _Spread:
    """Standard deviation of the means of consecutive windows."""

    def __init__(self, window: int, columns: int) -> None:
        self._window = window
        self._rest = np.empty((0, columns))
        self._means: list[Floats] = []

    def add(self, rows: Floats) -> None:
        known = np.concatenate([self._rest, rows])
        whole = len(known) // self._window * self._window
        self._rest = known[whole:]
        hours = known[:whole].reshape(whole // self._window, self._window, known.shape[1])
        self._means.append(hours.mean(axis=1))

    def std(self) -> Floats:
        """Of one window alone, or none, nobody knows: NaN."""
        means = np.concatenate(self._means)
        return means.std(axis=0) if len(means) > 1 else np.full(means.shape[1], math.nan)


def _time_ns(farm: Farm, after_s: float) -> int:
    return farm.start_ns + round(after_s * 1e9)
