"""How healthy is each component, is it getting worse, and how long will it last?

A component is a group of sensors; its severity s is the largest of theirs, 1.0 being the limit. It
is taken only while the machine operates, freed of single outliers by a median of five values, and
smoothed by an EWMA over *operating* time u, the sum of steps between readings of which both were in
operation: a parked machine does not wear, and does not get well either::

    level = level + (1 - e^(-Δu/smooth)) (median - level)
    index = 100 (1 - log(level/quiet) / log(failed/quiet))       kept within 0 … 100

So the index is 100, like new, up to ``quiet`` = half the limit, 0 at ``failed`` = four times the
limit, and falls by a third with each doubling: 67 at the limit. Damage that grows exponentially
takes it down in a straight line. Where a sensor has zone boundaries B/C and C/D, as ISO 20816 has
them, being in zone C caps the index at 60 and D at 30. Zones say how bad it is, not that something
has begun: healthy machines differ by more.

Medians are kept as means over blocks of operating time, in four rings of 28 blocks, each block four
times as long as those of the ring before: with 1 h that is a day of hours, and back to 75 days of
64 h. The component *degrades* where in one of the rings

* the logarithms rise by the test of `detectors.trend` (z > 2.33), in the last 24 blocks and in the
  24 before the last four as well: two passes in succession;
* they have risen by at least a quarter of the limit from the first to the last four;
* those last four are higher than anything in the rings before: what only wanders has been there
  already; and
* the level is no longer quiet.

Only then `outlook` tells from all rings together, as `detectors.remaining_life` has it, after how
many more hours of operation the severity is expected to pass ``failed``.

What it cannot see: damage faster than about half a day of operation, which is for alerts; which
component of several that share a sensor; anything while the machine stands. A day's heat that the
context leaves unexplained looks like a trend to the ring of hours, if it is large.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Field, Fleet, Mask, Rows, Times, Values, check_number, to_ns, views
from detectors.kernels import health as kernel
from detectors.remaining_life import UNKNOWN, remaining_life
from detectors.trend import VALUES_MIN, mann_kendall

RECENT = 5
RINGS, RATIO, BLOCKS = 4, 4, 28
PASS = 4
"""Blocks from one test for a trend to the one that must confirm it."""
Z_LIMIT = 2.33
SCATTERS = 4.0
"""So many standard deviations above the middle of what was, a mean of blocks is unusual."""
LARGEST_SEVERITY = 1e6
CAPS = (60.0, 30.0)
"""Largest index in the zones C and D."""

Zones = tuple[float, float]
"""Boundaries B/C and C/D, in the sensor's unit."""


class Outlook(NamedTuple):
    """What is to be expected of a component; hours of operation from now."""

    trend: Literal["not ready", "no trend", "degrading"]
    p10_h: float
    """In 10 of 100 cases the component has failed by then; NaN unless it degrades."""
    p50_h: float
    p90_h: float


class HealthIndex(Fleet):
    """Health index of each component of each machine, 0 … 100, and its outlook.

    Parameters
    ----------
    components
        For each component the columns of its sensors; a sensor may belong to several.
    zones
        For each sensor the boundaries B/C and C/D of its zones, or None; ``None``: nobody has any.
    quiet, failed
        Severities at which the index leaves 100 and reaches 0.
    smooth_s
        Time constant of the smoothing, in operating time. [s]
    block_s
        Operating time of the shortest blocks. [s]
    max_gap_s
        A longer time between two readings counts as no operation; at most ``block_s``. [s]
    rise
        How much the severity must have risen to be called degrading.
    horizon_h
        The longest remaining life that is told. [h]

    Attributes
    ----------
    columns
        Columns of the sensors of each component.

    Examples
    --------
    >>> health = HealthIndex(2, components=[[0], [1]], max_gap_s=3600)
    >>> health.reserve(1)
    >>> n = 24 * 20
    >>> rows, times = np.zeros(n, np.int32), np.arange(n) * 3600 * 10**9
    >>> grows = 0.2 + 0.05 * np.exp(np.arange(n) / 125)
    >>> severities = np.stack([np.full(n, 0.3), grows], axis=1)
    >>> severities *= np.random.default_rng(1).lognormal(0, 0.1, size=(n, 2))
    >>> health.walk(rows, times, severities, np.ones(n, np.uint8))[-1].round().tolist()
    [100.0, 24.0]
    >>> health.outlook(0, 0).trend
    'no trend'
    >>> outlook = health.outlook(0, 1)
    >>> outlook.trend, outlook.p10_h < 66 < outlook.p90_h
    ('degrading', True)
    """

    def __init__(
        self,
        n_sensors: int,
        *,
        components: Sequence[Sequence[int]],
        zones: Sequence[Zones | None] | None = None,
        quiet: float = 0.5,
        failed: float = 4.0,
        smooth_s: float = 14_400.0,
        block_s: float = 3600.0,
        max_gap_s: float = 900.0,
        rise: float = 0.25,
        horizon_h: float = 8760.0,
    ) -> None:
        super().__init__(n_sensors)
        check_number("quiet", quiet, 1e-3, 1e3)
        check_number("failed", failed, 1.01 * quiet, 1e6)
        check_number("smooth_s", smooth_s, 1, 1e9)
        check_number("block_s", block_s, 1, 1e7)
        check_number("max_gap_s", max_gap_s, 1e-3, block_s)
        check_number("rise", rise, 0, 1e6)
        check_number("horizon_h", horizon_h, 1, 1e6)
        self.columns = [_columns(component, n_sensors) for component in components]
        if not self.columns:
            raise ValueError("components is empty, at least one group of sensors is needed")
        self._zones = _zones(zones, n_sensors)
        self.quiet, self.failed, self.rise, self.horizon_h = quiet, failed, rise, horizon_h
        self._smooth_ns, self._block_ns = to_ns("smooth_s", smooth_s), to_ns("block_s", block_s)
        self._gap_ns = to_ns("max_gap_s", max_gap_s)
        self._work = np.empty(RECENT)

    @property
    def n_components(self) -> int:
        """Number of index columns."""
        return len(self.columns)

    def schema(self) -> dict[str, Field]:
        """Per machine its operating clock; per component what is smoothed, and the rings."""
        each = (self.n_components,)
        return {
            "last_ns": Field("i8"),
            "running": Field("u1"),
            "clock_ns": Field("i8"),
            "recent": Field("f4", (*each, RECENT)),
            "seen": Field("u1", each),
            "level": Field("f8", each, math.nan),
            "level_ns": Field("i8", each),
            "position": Field("f8", each, math.nan),
            "total": Field("f8", each),
            "count": Field("i4", each),
            "blocks": Field("f4", (*each, RINGS, BLOCKS), math.nan),
        }

    def walk(
        self,
        rows: Rows,
        times: Times,
        severities: Values,
        operating: Mask,
        values: Values | None = None,
    ) -> Values:
        """Take in severities f8[n, S], and the values f8[n, S] where zones are judged.

        Returns the index f8[n, components] after each reading: the last one known while the machine
        stands, NaN until a component has had five values.
        """
        columns = [severities] if values is None else [severities, values]
        self.check(rows, times, operating, *columns)
        index = np.full((len(rows), self.n_components), math.nan)
        zones = index.copy() if values is None else self._worst(self._position(values))
        kernel.walk(
            *views(rows, times, self._worst(severities), zones, operating),
            *views(*(self.state[name] for name in self.schema()), self._work, index),
            smooth_ns=float(self._smooth_ns),
            gap_ns=self._gap_ns,
            block_ns=self._block_ns,
            ratio=RATIO,
            largest=LARGEST_SEVERITY,
            quiet=self.quiet,
            failed=self.failed,
            cap_c=CAPS[0],
            cap_d=CAPS[1],
            nan=math.nan,
        )
        return index

    def outlook(self, row: int, component: int) -> Outlook:
        """What is to be expected of a component as it is now; pure, about 1 ms, 10 if degrading."""
        if np.isfinite(self._ring(row, component, 0)).sum() < VALUES_MIN + PASS:
            return Outlook("not ready", *UNKNOWN)
        quiet = not self.state["level"][row, component] > self.quiet
        if quiet or not self._degrades(row, component):
            return Outlook("no trend", *UNKNOWN)
        hours, severity = self.history(row, component)
        life = remaining_life(hours, severity, failed=self.failed, horizon_h=self.horizon_h)
        return Outlook("degrading", *life)

    def history(self, row: int, component: int) -> tuple[Values, Values]:
        """Hours of operation before now (negative) and mean severities: the finest that is known.

        Both f8[m], ascending; at most `RINGS` · `BLOCKS` of them.
        """
        clock, length, before = int(self.state["clock_ns"][row]), self._block_ns, math.inf
        hours: list[NDArray[Any]] = []
        severity: list[NDArray[Any]] = []
        for ring in range(RINGS):
            last = clock // length
            begins = np.arange(last - BLOCKS, last) * length
            known = self._ring(row, component, ring)
            told = np.isfinite(known) & (begins + length <= before)
            hours.insert(0, (begins[told] + length / 2 - clock) / 3600e9)
            severity.insert(0, known[told])
            before, length = begins[0], length * RATIO
        return np.concatenate(hours), np.concatenate(severity)

    def index(self, row: int | slice) -> Values:
        """The index of each component of a machine as it is now, f8[components]; NaN: unknown.

        Of a slice of machines f8[machines, components].
        """
        level, position = self.state["level"][row], self.state["position"][row]
        cap = np.where(position >= 2, CAPS[1], np.where(position >= 1, CAPS[0], 100.0))
        worse = np.log(np.maximum(level, self.quiet) / self.quiet)
        share = 100 * (1 - worse / math.log(self.failed / self.quiet))
        known: Values = np.where(np.isnan(level), np.nan, np.clip(share, 0.0, cap))
        return known

    def operating_h(self, row: int) -> float:
        """Hours that the machine has been seen in operation."""
        return float(self.state["clock_ns"][row]) / 3600e9

    def reset(self, row: int, component: int | None = None) -> None:
        """A component, or all of the machine's, is as new: after maintenance."""
        chosen = slice(None) if component is None else component
        self.forget_columns(row, chosen)

    def _worst(self, columns: Values) -> Values:
        """The largest of each component's sensors, NaN where none speaks."""
        return np.stack([reduce(np.fmax, columns[:, c].T) for c in self.columns], axis=1)

    def _position(self, values: Values) -> Values:
        """Where each value is among its zones: 1 at B/C, 2 at C/D, kept within 0 … 3."""
        b_c, c_d = self._zones
        beyond = 1 + (values - b_c) / (c_d - b_c)
        position: Values = np.clip(np.where(values < b_c, values / b_c, beyond), 0.0, 3.0)
        return position

    def _degrades(self, row: int, component: int) -> bool:
        """Whether one of the rings shows a trend that matters, to where it has never been."""
        hours, severity = self.history(row, component)
        block_h = self._block_ns / 3600e9
        for ring in range(RINGS):
            earlier = severity[hours < -(BLOCKS - PASS) * block_h * RATIO**ring]
            if _rises(self._ring(row, component, ring), self.rise, _usual(earlier)):
                return True
        return False

    def _ring(self, row: int, component: int, ring: int) -> Values:
        """Blocks of a ring in order of time; NaN where there was none yet, or nothing in it."""
        done = int(self.state["clock_ns"][row]) // (self._block_ns * RATIO**ring)
        blocks = self.state["blocks"][row, component, ring]
        return np.asarray(np.roll(blocks, -(done % BLOCKS)), dtype=np.float64)


def _usual(earlier: Values) -> float:
    """How high severities have been, or by their scatter might have been, before a trend."""
    if not len(earlier):
        return 0.0
    middle = float(np.median(earlier))
    scatter = 1.4826 * float(np.median(np.abs(earlier - middle)))
    return max(float(earlier.max()), middle + SCATTERS * scatter)


def _rises(ring: Values, rise: float, usual: float) -> bool:
    """Whether two passes in succession find a trend, one that matters and that leads beyond."""
    spoken = ring[PASS:][np.isfinite(ring[PASS:])]
    if len(spoken) < VALUES_MIN:
        return False
    before, now = float(np.median(spoken[:4])), float(np.median(spoken[-4:]))
    if now < before + rise or now <= usual:
        return False
    logs = np.log(np.maximum(ring, 1e-3))
    return all(mann_kendall(one).z > Z_LIMIT for one in (logs[PASS:], logs[:-PASS]))


def _columns(component: Sequence[int], n_sensors: int) -> list[int]:
    columns = list(component)
    if not columns or not all(0 <= column < n_sensors for column in columns):
        raise ValueError(
            f"components holds {columns}, columns of sensors 0 to {n_sensors - 1} are needed"
        )
    return columns


def _zones(zones: Sequence[Zones | None] | None, n_sensors: int) -> tuple[Values, Values]:
    """B/C and C/D of each sensor; NaN where it has none, so that it never is in any."""
    pairs = [None] * n_sensors if zones is None else list(zones)
    if len(pairs) != n_sensors:
        raise ValueError(f"zones has {len(pairs)} entries, {n_sensors} are needed")
    for pair in pairs:
        if pair is not None and not 0 < pair[0] < pair[1] < math.inf:
            raise ValueError(f"zones holds {list(pair)}, 0 < B/C < C/D is needed")
    both = np.array([(math.nan, math.nan) if pair is None else pair for pair in pairs])
    return both[:, 0], both[:, 1]
