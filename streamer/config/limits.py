"""From a budget of false alarms to the limits of a class's detectors.

Alerts about machines go by two kinds of charts that have a law, and one budget is for both. A
quarter of it is the yield chart's, by `detectors.calibration.yield_chart_limit`, and what that
leaves is the EWMA multicharts', which share one limit, by `detectors.calibration.multichart_limit`;
it is higher where the class may have too few machines to be compared with each other. The yield
chart's limit stays within `YIELD`: it is too slow to use up more than the lower one gives, and
beyond the upper one it no longer finds what it is there for.
Charts with theory, those that have ``limit_for``, have it where it is known how often they are
asked: ``sample_s``. All others keep the limit of the table of limits, and a limit that the
configuration names wins over all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from detectors.calibration import (
    ALONE,
    TOGETHER,
    Delays,
    Law,
    arl0_for,
    multichart_limit,
    multichart_rate,
    per_month,
    yield_chart_limit,
    yield_chart_rate,
)
from detectors.ewma_multichart import EwmaMultichartFleet
from detectors.siblings import LEAST
from detectors.yield_chart import YieldChartFleet
from streamer.config.detectors import DetectorConfig

if TYPE_CHECKING:
    from streamer.config.classes import MachineClass, MachineRule


YIELD = 2.0, 2.6
"""The least and the largest limit of the yield chart that a budget makes."""
SHARE = 0.25
"""Of the budget, the yield chart's."""


def within_budget(spec: MachineClass, budget: str) -> dict[str, DetectorConfig]:
    """The class's detectors, those without a limit of their own with that of the budget."""
    limits = {
        key: _limit(key, spec, budget)
        for key, one in spec.detectors.items()
        if "limit" not in one.model_fields_set
    }
    return {
        key: one if limits.get(key) is None else one.model_copy(update={"limit": limits[key]})
        for key, one in spec.detectors.items()
    }


def budget_of(limits: Mapping[str, float], spec: MachineClass) -> float | None:
    """False alarms per machine-month that these limits stand for; None where there is no law.

    There is one where all of them are of EWMA multicharts, or of the yield chart.
    """
    multicharts, yields = [0.0], [0.0]
    for key, limit in limits.items():
        config, rule = spec.detectors[key], _rule(key, spec)
        if rule is not None and _is_yield_chart(config):
            yields.append(yield_chart_rate(limit, _scale_s(config), _delays(rule)))
        elif rule is not None and _is_multichart(config):
            multicharts.append(multichart_rate(limit, len(spec.health), _delays(rule), _law(spec)))
        else:
            return None
    return max(multicharts) + max(yields) if limits else None


def _limit(key: str, spec: MachineClass, budget: str) -> float | None:
    """The limit of one detector, None where neither law nor theory knows it."""
    config, rule = spec.detectors[key], _rule(key, spec)
    if not spec.health:
        return None
    if _is_yield_chart(config):
        return _of_yield(config, rule, per_month(budget))
    if _is_multichart(config):
        left = per_month(budget) - _taken(rule, spec, per_month(budget))
        return multichart_limit(left, len(spec.health), _delays(rule), _law(spec))
    if spec.sample_s == 0:
        return None
    charts = len(config.columns(key, spec.health)) * (1 if rule is None else len(rule.detectors))
    return _in_theory(config, len(spec.health), arl0_for(budget, spec.sample_s, charts))


def _of_yield(config: DetectorConfig, rule: MachineRule | None, budget: float) -> float:
    least, most = YIELD
    limit = yield_chart_limit(SHARE * budget, _scale_s(config), _delays(rule))
    return min(max(limit, least), most)


def _taken(rule: MachineRule | None, spec: MachineClass, budget: float) -> float:
    """How much of the budget of an alert its yield chart takes; never more than its share."""
    named = () if rule is None else rule.detectors
    for one in (spec.detectors[key] for key in named if key in spec.detectors):
        if _is_yield_chart(one):
            own = one.limit if "limit" in one.model_fields_set else _of_yield(one, rule, budget)
            return min(yield_chart_rate(own, _scale_s(one), _delays(rule)), SHARE * budget)
    return 0.0


def _scale_s(config: DetectorConfig) -> float:
    """Its time constant, where it is one: a wrong one is told with the rest of what is wrong."""
    return min(max(float(config.parameters["scale_s"]), 1e-3), 1e9)


def _in_theory(config: DetectorConfig, n_sensors: int, arl0: float) -> float | None:
    try:
        detector = config.build(n_sensors)
    except (ValueError, TypeError, ImportError, AttributeError):
        return None  # what is wrong with it is told with the rest of the configuration
    limit_for = getattr(detector, "limit_for", None)
    return None if limit_for is None else float(limit_for(arl0))


def _is_multichart(config: DetectorConfig) -> bool:
    """Whether the law is that of a detector: not of the yield chart, which has one of its own."""
    kind = getattr(config, "detector", object)
    return issubclass(kind, EwmaMultichartFleet) and not issubclass(kind, YieldChartFleet)


def _is_yield_chart(config: DetectorConfig) -> bool:
    return issubclass(getattr(config, "detector", object), YieldChartFleet)


def _law(spec: MachineClass) -> Law:
    """Whether the machines of the class have siblings that weather can be told by."""
    named = spec.max_machines if spec.machines == "any" else len(spec.machines)
    return ALONE if min(named, spec.max_machines) <= LEAST else TOGETHER


def _rule(key: str, spec: MachineClass) -> MachineRule | None:
    """The first alert that goes by a detector."""
    return next((rule for rule in spec.machine_rules if key in rule.detectors), None)


def _delays(rule: MachineRule | None) -> Delays:
    """Those of an alert; a detector that raises none is taken for one with the default ones."""
    return Delays() if rule is None else Delays(rule.hold_s, rule.keep_firing_s, rule.clear)
