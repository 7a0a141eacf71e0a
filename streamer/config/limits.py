"""From a budget of false alarms to the limits of a class's detectors.

The EWMA multicharts share one budget and one limit, by `detectors.calibration.multichart_limit`; it
is higher where the class may have too few machines to be compared with each other.
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
)
from detectors.ewma_multichart import EwmaMultichartFleet
from detectors.siblings import LEAST
from detectors.yield_chart import YieldChartFleet
from streamer.config.detectors import DetectorConfig

if TYPE_CHECKING:
    from streamer.config.classes import MachineClass, MachineRule


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

    There is one where all of them are of EWMA multicharts.
    """
    rules = {key: _rule(key, spec) for key in limits}
    if not all(_is_multichart(spec.detectors[key]) and rule for key, rule in rules.items()):
        return None
    rates = [
        multichart_rate(limit, len(spec.health), _delays(rule), _law(spec))
        for (key, limit), rule in zip(limits.items(), rules.values(), strict=True)
        if rule is not None
    ]
    return max(rates, default=None)


def _limit(key: str, spec: MachineClass, budget: str) -> float | None:
    """The limit of one detector, None where neither law nor theory knows it."""
    config, rule = spec.detectors[key], _rule(key, spec)
    if not spec.health:
        return None
    if _is_multichart(config):
        delays = Delays() if rule is None else _delays(rule)
        return multichart_limit(per_month(budget), len(spec.health), delays, _law(spec))
    if spec.sample_s == 0:
        return None
    charts = len(config.columns(key, spec.health)) * (1 if rule is None else len(rule.detectors))
    return _in_theory(config, len(spec.health), arl0_for(budget, spec.sample_s, charts))


def _in_theory(config: DetectorConfig, n_sensors: int, arl0: float) -> float | None:
    try:
        detector = config.build(n_sensors)
    except (ValueError, TypeError, ImportError, AttributeError):
        return None  # what is wrong with it is told with the rest of the configuration
    limit_for = getattr(detector, "limit_for", None)
    return None if limit_for is None else float(limit_for(arl0))


def _is_multichart(config: DetectorConfig) -> bool:
    """Whether the law is that of a detector: not of the yield chart, which has one time scale."""
    kind = getattr(config, "detector", object)
    return issubclass(kind, EwmaMultichartFleet) and not issubclass(kind, YieldChartFleet)


def _law(spec: MachineClass) -> Law:
    """Whether the machines of the class have siblings that weather can be told by."""
    named = spec.max_machines if spec.machines == "any" else len(spec.machines)
    return ALONE if min(named, spec.max_machines) <= LEAST else TOGETHER


def _rule(key: str, spec: MachineClass) -> MachineRule | None:
    """The first alert that goes by a detector."""
    return next((rule for rule in spec.machine_rules if key in rule.detectors), None)


def _delays(rule: MachineRule) -> Delays:
    return Delays(rule.hold_s, rule.keep_firing_s, rule.clear)
