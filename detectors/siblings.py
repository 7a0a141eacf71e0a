"""Siblings: is it this machine, or all of them?

Machines of a class that stand in one place share its weather, its grid and its software. When one
of them departs from what it should read, it may be ill; when a quarter of them depart on the same
sensor and in the same direction at the same time, it is a *fleet drift*: a heat wave, a firmware
release, a season that no context sensor tells of. That is news, but no fault of any machine.

For each machine and sensor it is kept how far its charts have gone, and which way; *moved* is half
their limit or more. For each sensor it is counted how many machines have moved up and how many
down. A sensor's strangeness is shared where ``least`` others and ``share`` of all others have moved
the same way.

Weather that takes a fleet not quite so far takes single machines over their limit: those whose
own errors point the same way. So what ``least`` others and ``share`` of them have all reached, c,
is common to all, and only what goes beyond it is a machine's own: it is *within* the fleet's as
long as ``1 ≤ x < 1 + c``. The limit is one, and the weather widens the band by as much as it moves
the fleet. A loss that a chart of days has found (``taken``) is not excused so: worn blades lose a
percent, and machines that stand in one wind wear alike.

This is the one stage in which a machine's result depends on others: scores never do, only what they
are put down to. It goes by the order in which readings came, which the journal keeps.

It cannot see a fault that befalls a quarter of a fleet at once, and takes it for a drift; where so
many have gone a part of the way, a slight fault of one more waits until it stands out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import (
    Field,
    Fleet,
    Mask,
    Rows,
    Times,
    Values,
    check_count,
    check_number,
    named_views,
)
from detectors.kernels import siblings as kernel

MOVED, WITHIN = 1, 2
"""Enough others have moved as well; or they have gone so far that what is left is no alarm."""
LEAST = 4
"""In fleets of so many machines or fewer nobody has siblings enough."""
STEPS = 4
"""How finely it is kept how far a sensor has moved: in such parts of ``moved``, …"""
TOP = 16
"""… and up to so many of them."""


class Shared(NamedTuple):
    """How a reading's machine moves among its siblings, after each reading."""

    together: Mask
    """Whether each sensor's strangeness is shared, u1[n, S]: 0, `MOVED` or `WITHIN`."""
    moved: Times
    """How many machines have moved the way that most have, i8[n, S]; below zero: down."""
    machines: Times
    """Of so many whose charts have spoken, i8[n]."""

    @property
    def evidence(self) -> Mask:
        """Where so many have moved that none of them proves anything, u1[n, S]."""
        evidence: Mask = (self.together == MOVED).astype(np.uint8)
        return evidence


class Siblings(Fleet):
    """Says which strangeness of a sensor is shared by other machines.

    Parameters
    ----------
    moved
        Severity, as a share of the limit, from which on a sensor has moved.
    share
        Of the other machines, so many must have moved the same way.
    least
        At least so many others: in smaller fleets nothing is put down to the fleet.

    Raises
    ------
    ValueError
        A parameter out of its range.

    Examples
    --------
    The same sensor of five machines rises; from the fifth on it is the fleet's:

    >>> siblings = Siblings(1)
    >>> siblings.reserve(5)
    >>> rows, severity = np.arange(5, dtype=np.int32), np.full((5, 1), 1.2)
    >>> shared = siblings.walk(rows, severity, severity)
    >>> shared.together[:, 0], shared.moved[:, 0]
    (array([0, 0, 0, 0, 1], dtype=uint8), array([1, 2, 3, 4, 5]))
    >>> siblings.severity(shared)[:, 0]
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """

    def __init__(
        self, n_sensors: int, *, moved: float = 0.5, share: float = 0.25, least: int = LEAST
    ) -> None:
        super().__init__(n_sensors)
        check_number("moved", moved, 0.01, 1)
        check_number("share", share, 0, 1)
        check_count("least", least, 1, 1_000_000)
        self.moved, self.share, self.least = moved, share, least

    def schema(self) -> dict[str, Field]:
        """Whether a machine's charts have ever spoken; where each sensor is, in ``moved``/STEPS."""
        return {"known": Field("u1"), "level": Field("i1", (self.n_sensors,))}

    def walk(
        self, rows: Rows, alone: Values, beside: Values, taken: Values | None = None
    ) -> Shared:
        """What each machine shares with its siblings, reading by reading in order.

        ``alone`` and ``beside`` f8[n, S] are signed severities, as for
        `detectors.attribution.Attribution`; the larger counts, NaN changes nothing. ``taken``
        f8[n, S] is the severity of a loss over days, which is never only `WITHIN`.
        """
        self.check(rows, alone, beside)
        losses = np.full(alone.shape, math.nan) if taken is None else taken
        shared = Shared(
            np.zeros(alone.shape, dtype=np.uint8),
            np.zeros(alone.shape, dtype=np.int64),
            np.zeros(len(rows), dtype=np.int64),
        )
        level = self.state["level"]
        kernel.walk(
            step=self.moved / STEPS,
            moved=STEPS,
            share=self.share,
            least=self.least,
            **named_views(rows=rows, alone=alone, beside=beside, taken=losses),
            **named_views(together=shared.together, moved_with=shared.moved, heard=shared.machines),
            **named_views(
                machines=np.array([self.state["known"].sum()], dtype=np.int64),
                counts=_counts(level),
                up=(level >= STEPS).sum(axis=0, dtype=np.int64),
                down=(level <= -STEPS).sum(axis=0, dtype=np.int64),
            ),
            **named_views(**self.state),
        )
        return shared

    def severity(self, shared: Shared) -> Values:
        """How near each sensor is to a fleet drift, f8[n, S]: 1 where enough machines have moved.

        That is as many others as it takes for the strangeness of one of them to be shared.
        """
        needed = np.maximum(self.share * (shared.machines - 1), self.least)
        near: Values = np.maximum(np.abs(shared.moved) - 1, 0) / needed[:, None]
        return near


def _counts(level: NDArray[np.int8]) -> NDArray[np.int64]:
    """How many machines are at each level -TOP … TOP of each sensor, i8[S, 2 TOP + 1]."""
    counts = [np.bincount(column + TOP, minlength=2 * TOP + 1) for column in level.T.astype(int)]
    return np.array(counts, dtype=np.int64)
