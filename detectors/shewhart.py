"""Shewhart's individuals chart with run rules: is this value, or are these few, too far out?

Each standardised value u is judged by itself and with those just before it, by the rules of the
Western Electric handbook. With L, the ``control_limit``, and a zone of L/3::

    rule 1   one value beyond L                          score  |u| / L
    rule 2   two of three beyond 2L/3, on one side              second largest of three / (2L/3)
    rule 3   four of five beyond L/3, on one side               fourth largest of five / (L/3)
    rule 4   eight in a row on one side of the centre           length of the run / 8

The score is the largest of the rules that are on, so that 1 is an alarm by any of them; `fired`
says by which. At L = 3 rule 1 alarms falsely once in 370 independent values, all four once in 92:
the rules find small shifts sooner and are paid for in false alarms. The default, rules 1 to 3 at
L = 5, does so once in 26,000. `run_rules_arl` has the figures for any of them.

u comes from a reference that starts by itself and then freezes, `detectors.self_starting`, one
sample per reading, never a block: this is the chart for jumps and spikes. Values that resemble
their neighbours alarm less often by rule 1, in clusters, and far more often by the others; rule 4
is for independent ones. What creeps is found late, by rule 3 or never.

Shewhart, W. A. (1931), Economic control of quality of manufactured product. Western Electric
(1956), Statistical quality control handbook. Nelson, L. S. (1984), The Shewhart control chart:
tests for special causes, Journal of Quality Technology 16.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from detectors.base import Field, Mask, Values, check_number, views
from detectors.calibration import RULES, run_rules_limit
from detectors.kernels import shewhart as kernel
from detectors.self_starting import OneChart, SelfStarting, SelfStartingChart, Turn


@dataclass(kw_only=True, eq=False, repr=False)
class ShewhartFleet(SelfStartingChart):
    """Shewhart chart of each sensor of each machine, in units of its limits, 0 … ∞.

    Its reference's parameters: `SelfStarting`.

    Parameters
    ----------
    control_limit
        L, in σ.
    rules
        Digits of the rules that are on, ``"1"`` to ``"1234"``.

    Examples
    --------
    >>> import numpy as np
    >>> fleet = ShewhartFleet(1, control_limit=3.0, rules="12", centre=10.0, sigma=2.0)
    >>> fleet.reserve(1)
    >>> values = np.array([[15.0], [np.nan], [16.0], [10.0], [2.0]])
    >>> rows, times, learn = np.zeros(5, np.int32), np.arange(5) * 10**9, np.ones(5, np.uint8)
    >>> fleet.walk(rows[:4], times[:4], values[:4], learn[:4]).round(3).ravel().tolist()
    [0.833, nan, 1.25, 1.25]
    >>> fleet.fired(0)
    ['2']
    >>> fleet.score(rows[4:], times[4:], values[4:]).round(3).tolist()
    [[1.333]]
    """

    name: ClassVar[str] = "shewhart"
    aggregates: ClassVar[bool] = False

    control_limit: float = 5.0
    rules: str = "123"
    phi: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("control_limit", self.control_limit, 0.1, 100.0)
        if not self.rules or not set(self.rules) <= set(RULES):
            raise ValueError(f"rules is {self.rules!r}, some of the digits {RULES} are needed")
        self.rules = "".join(sorted(set(self.rules)))

    @property
    def inherited(self) -> float:
        """Nothing: a value is judged against its own spread."""
        return 0.0

    def chart_schema(self) -> dict[str, Field]:
        """Hold the four values before, in thirds of a zone, the run, and which rules fired last."""
        sensors = (self.n_sensors,)
        return {
            "recent": Field("f8", (self.n_sensors, 4)),
            "run": Field("i8", sensors),
            "fired": Field("u1", sensors),
        }

    def fired(self, row: int) -> list[str]:
        """Per sensor, the digits of the rules by which the last value it learnt was too far out."""
        return [
            "".join(rule for k, rule in enumerate(RULES) if bits >> k & 1)
            for bits in self.state["fired"][row].tolist()
        ]

    def limit_for(self, arl0: float) -> float:
        """The score that is passed once in ``arl0`` independent samples without a fault."""
        return run_rules_limit(arl0, self.rules) / self.control_limit

    def _chart(self, turn: Turn, u: Values, due: Mask, scores: Values) -> None:
        state = [self.state[name] for name in self.chart_schema()]
        kernel.walk(
            *views(turn.rows, u, due, turn.learn, *state, scores),
            rules=sum(1 << int(rule) - 1 for rule in self.rules),
            control_limit=self.control_limit,
        )


@dataclass(kw_only=True, eq=False, repr=False)
class Shewhart(OneChart):
    """Shewhart chart for one machine, as a River detector.

    Parameters
    ----------
    control_limit, rules, warm_up, grace_period, autocorrelated
        As for `ShewhartFleet`.

    Examples
    --------
    >>> chart = Shewhart(warm_up=5, control_limit=3.0)
    >>> for x in [20.1, 20.2, 19.9, 20.0, 20.3]:
    ...     chart.learn_one({"temperature": x})
    >>> round(chart.score_one({"temperature": 20.9}), 2)
    0.86
    """

    control_limit: float = 5.0
    rules: str = "123"

    kind: ClassVar[type[SelfStarting]] = ShewhartFleet
