"""Instrument or machine? When residuals become strange, whose fault is it?

A bearing cannot cool its neighbour by lying about it. What a machine does shows on several sensors
and takes an hour at least; what an instrument does shows on one, often at one stroke. Of every
sensor three things are given: the standardised residual z (what it reads less what it should read),
and the signed severity, 1 = the limit, of its charts, once of z ``alone`` and once of z ``beside``
the others: regression-adjusted, so that what all of them share is taken out (Hawkins 1991).

The first of these that holds for a strange sensor is its code:

* ``STEP``: out of calm it leapt by 4 σ or more from one reading to the next, has stayed level for
  ``confirm_s``, and no other sensor is near its limit, 0.8 of it. Only sensors that are ``inert``,
  of what cannot leap in a machine: temperatures, the vibration of a bearing. A step as an outage
  ends is none.
* ``NOISE``: of an inert sensor, the mean square of successive differences of z over some 6 h is
  ``noise_ratio`` times the largest in the first calm week, twice that of any other sensor, and no
  chart of the machine is near its limit. The only one that needs no strangeness: the mean is well.
* ``AT_REST``: a sensor that ``rests``, of what is heard of a machine only as long as it turns, has
  been off by 0.7 σ or more over the last hour at rest, and by half of what it is off at work at
  least; so an instrument's zero is told from wear, which a machine that stands does not show. Or
  its zero is ``off`` by `detectors.zero`, which needs no strangeness.
* ``DRIFT``: it moves, its ``follower``, which the machine would take along, does not, nor does
  another. The bearing stands in the oil: an oil that is hot alone is not hot.
* ``WRONG_WAY``: it moves in its ``harmless`` direction, where no fault of the machine takes it, and
  no other has so much as stirred. Nothing that breaks makes a bearing quieter.
* ``MISLED``: not this sensor lies, but one its expectation rests on. That is its ``explainer``, or
  the explainer's, where that has one of the codes above and what it misleads does not look like
  harm. Or three sensors or more have all moved in their harmless direction: then the explainer of
  the strangest is to blame and gets ``WRONG_WAY`` (the whole machine cold for its power: the power
  meter). A sensor that is an explainer itself and moves so alone (more power than the wind brings)
  blames its own. Or it is strange only ``beside`` one of the above: the liar is in its regression.
* ``HARMLESS``: several have moved, all in their harmless direction, and nobody is to blame for
  sure; who joins them in that direction is meant too. No instrument, but no fault of the machine
  either: fresh oil, a new bearing.

Moved is 0.6 of the limit alone, of a ``DRIFT`` 0.35, as its follower has moved; stirred is 0.4; in
judging directions, 0.45 of the strangest count at least. Who is misled is no witness: an oil
pressure that seems wrong because the oil's thermometer lies does not make the thermometer right.
Nor is who is strange together with all machines of the class: weather proves nothing, and nobody
is blamed for it.

Codes are latched until the sensor has been calm, below 0.5, for a day; ``MISLED`` and ``HARMLESS``
until it is. A second sensor that becomes strange takes ``DRIFT`` and ``WRONG_WAY`` back, one that
moves in the harmful direction ``MISLED`` and ``HARMLESS``. What nothing speaks for stays the
machine's: that is the safe side.

What it cannot see: one sensor alone that climbs in the harmful direction, has no follower, and is
never seen at rest (vibration): that is how wear begins. So does one that reads too high by a share
of its value, which at rest is nothing: a bearing whose raceway is rough all over is as loud and no
spikier, so that kurtosis and crest factor, which no gain moves, do not acquit it. An anemometer
that reads too high looks like a rotor that faces away from the wind. A tachometer's noise is lost
in the gusts here: see `detectors.flicker`. A machine fault at one stroke on one inert sensor looks
like its instrument.

Source: Hawkins, D. M. (1991), Multivariate quality control based on regression-adjusted variables,
Technometrics 33; von Neumann, J. (1941), for the mean square successive difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import (
    Field,
    Fleet,
    Mask,
    Rows,
    Times,
    Values,
    check_number,
    named_views,
    per_sensor,
)
from detectors.kernels import attribution as kernel
from detectors.kernels import story

MACHINE, STEP, NOISE, AT_REST, DRIFT, WRONG_WAY, MISLED, HARMLESS = range(8)

CODES = ("machine", "step", "noise", "at_rest", "drift", "wrong_way", "misled", "harmless")
"""What each code is called in counters and columns: ``CODES[STEP] == "step"``."""

INSTRUMENT = (STEP, NOISE, AT_REST, DRIFT, WRONG_WAY)
"""The codes that put it down to the instrument of the sensor that has them."""

REASONS = {
    STEP: "{sensor} leapt from one reading to the next and has stayed level, all others as usual",
    NOISE: "{sensor} is far noisier than ever, its mean and all others as usual",
    AT_REST: "{sensor} is off no less while the machine rests, all others as usual",
    DRIFT: "{sensor} has moved, {other}, which would follow, has not",
    WRONG_WAY: "{sensor} has moved as no fault of the machine moves it",
    MISLED: "{sensor} is strange only through {other}, which is not believed",
    HARMLESS: "{sensor} has moved with others, all as no fault of the machine moves them",
}
"""Why it is not put down to the machine, for a person; `explain` fills in the names."""


AT_WORK, RESTS, UNKNOWN = range(3)
"""What a machine is known to do at a reading."""

OF_STORY = (
    *("told_ns", "silent_s", "last", "rough", "record", "heard_s"),
    *("before", "first", "level", "age_s", "known", "phase", "rest_s", "at_rest", "at_work"),
)
"""What is kept of each residual by itself; the rest is who is blamed."""

LARGEST_Z = 1e15
"""A residual of so many σ is taken as not known: its square would overflow the state."""


class Attribution(Fleet):
    """Says of every sensor that is strange whether its instrument, or another's, is to blame.

    Parameters
    ----------
    inert
        Which sensors can neither leap nor become noisy by a fault of the machine; ``None``: none.
    rests
        Which sensors have nothing to tell while the machine rests: what is worn is heard only when
        it turns; ``None``: none.
    harmless
        The direction in which no fault of the machine moves a sensor: -1 down, 1 up, 0 not known;
        ``None``: of none known.
    follower
        The index of the sensor that moves when this one does, -1 where there is none.
    explainer
        The index of the context sensor that its expectation chiefly rests on, -1 where none.
    confirm_s
        How long a step must have stayed level. Less than an alert is held, or it comes too late.
        [s]
    noise_ratio
        How many times rougher than its record a sensor is when it is called noisy.

    Raises
    ------
    ValueError
        A parameter out of its range or not one per sensor.

    Examples
    --------
    Two temperatures, every ten minutes; the first leaps by 8 σ, the chart crosses its limit later:

    >>> attribution = Attribution(2, inert=[1, 1])
    >>> attribution.reserve(1)
    >>> z = np.zeros((40, 2))
    >>> z[20:, 0] = 8.0
    >>> alone = np.zeros((40, 2))
    >>> alone[24:, 0] = 1.2
    >>> rows, times = np.zeros(40, np.int32), np.arange(1, 41) * 600_000_000_000
    >>> codes = attribution.walk(rows, times, z, alone, alone)
    >>> codes[23:26].tolist()
    [[0, 0], [0, 0], [1, 0]]
    >>> explain(int(codes[25, 0]), "oil temperature")
    'oil temperature leapt from one reading to the next and has stayed level, all others as usual'
    """

    def __init__(
        self,
        n_sensors: int,
        *,
        inert: Sequence[bool] | None = None,
        rests: Sequence[bool] | None = None,
        harmless: Sequence[int] | None = None,
        follower: Sequence[int] | None = None,
        explainer: Sequence[int] | None = None,
        confirm_s: float = 2700.0,
        noise_ratio: float = 3.0,
    ) -> None:
        super().__init__(n_sensors)
        check_number("confirm_s", confirm_s, 0.0, 1e9)
        check_number("noise_ratio", noise_ratio, 1.0, 1e6)
        self.confirm_s = confirm_s
        self.noise_ratio = noise_ratio
        index = (-1, n_sensors - 1)
        explainers = _whole("explainer", per_sensor("explainer", explainer, n_sensors, -1), *index)
        self._traits = {
            "inert": _whole("inert", per_sensor("inert", inert, n_sensors, 0), 0, 1, "u1"),
            "rests": _whole("rests", per_sensor("rests", rests, n_sensors, 0), 0, 1, "u1"),
            "harmless": _whole(
                "harmless", per_sensor("harmless", harmless, n_sensors, 0), -1, 1, "i1"
            ),
            "follower": _whole("follower", per_sensor("follower", follower, n_sensors, -1), *index),
            "explainer": explainers,
            "explains": np.isin(np.arange(n_sensors), explainers).astype(np.uint8),
        }

    def schema(self) -> dict[str, Field]:
        """Per sensor: when and what it said last, its roughness, its story, the code it has."""
        shape = (self.n_sensors,)
        return {
            "told_ns": Field("i8"),
            "silent_s": Field("f4", shape),
            "last": Field("f4", shape, math.nan),
            "rough": Field("f4", shape),
            "record": Field("f4", shape),
            "heard_s": Field("f4", shape),
            "before": Field("f4", shape),
            "first": Field("f4", shape),
            "level": Field("f4", shape),
            "age_s": Field("f4", shape),
            "known": Field("u2", shape),
            "phase": Field("u1", shape),
            "latched": Field("u1", shape),
            "calm_ns": Field("i8", shape),
            "rest_s": Field("f4"),
            "at_rest": Field("f4", shape),
            "at_work": Field("f4", shape),
        }

    def walk(  # noqa: PLR0917 - the columns of one turn
        self,
        rows: Rows,
        times: Times,
        z: Values,
        alone: Values,
        beside: Values,
        resting: Mask | None = None,
        shared: Mask | None = None,
        off: Mask | None = None,
    ) -> Mask:
        """Codes u1[n, S] of readings in order, 0 = strange or not, it is the machine's.

        ``z`` f8[n, S] are standardised residuals; ``alone`` and ``beside`` f8[n, S] the signed
        severities of the strangest chart of each, of z and of the regression-adjusted z. NaN: not
        known; it neither names nor releases a sensor, nor speaks for or against another.
        ``resting`` u1[n] is `AT_WORK`, `RESTS` or, as without it, `UNKNOWN`. ``shared`` u1[n, S]:
        which strangeness all machines share, see `detectors.siblings`; it is no evidence. ``off``
        u1[n, S]: whose zero is off, see `detectors.zero`.
        """
        self.check(rows, times, z, alone, beside)
        if resting is None:
            resting = np.full(len(rows), UNKNOWN, dtype=np.uint8)
        if shared is None:
            shared = np.zeros(z.shape, dtype=np.uint8)
        if off is None:
            off = np.zeros(z.shape, dtype=np.uint8)
        codes, leapt, idle = (np.zeros(z.shape, dtype=np.uint8) for _ in range(3))
        found = named_views(leapt=leapt, idle=idle, noise=np.empty(z.shape))
        charts = named_views(rows=rows, times=times, alone=alone, beside=beside)
        views = named_views(**self.state, **self._traits)
        story.walk(
            confirm_s=self.confirm_s,
            **named_views(z=_bounded(z), resting=resting),
            **charts,
            **found,
            **{name: views[name] for name in (*OF_STORY, "inert", "rests")},
        )
        kernel.walk(
            noise_ratio=self.noise_ratio,
            **named_views(codes=codes, shared=shared, off=off),
            **charts,
            **found,
            **{name: views[name] for name in views if name not in (*OF_STORY, "rests")},
        )
        return codes

    def accept(self, row: int, sensors: Sequence[int] = ()) -> None:
        """Take what these sensors read from now on as normal: their story begins anew."""
        chosen = list(sensors) or list(range(self.n_sensors))
        self.forget_columns(row, chosen)


def explain(code: int, sensor: str, other: str = "another sensor") -> str:
    """Why the strangeness of a sensor is not put down to the machine.

    ``other`` is its follower of a `DRIFT`, and the sensor to blame where it is `MISLED`.

    >>> explain(DRIFT, "oil temperature", "bearing temperature")
    'oil temperature has moved, bearing temperature, which would follow, has not'
    """
    return REASONS[code].format(sensor=sensor, other=other)


def _bounded(z: Values) -> Values:
    """The residuals without those that say nothing of the machine."""
    return np.where(np.abs(z) < LARGEST_Z, z, math.nan)


def _whole(name: str, array: Values, low: int, high: int, dtype: str = "i4") -> NDArray[Any]:
    """A parameter of one whole number per sensor, each in ``low … high``."""
    if not ((array >= low) & (array <= high) & (array == np.round(array))).all():
        raise ValueError(f"{name} is {array.tolist()}, whole numbers {low} … {high} are allowed")
    return array.astype(dtype)
