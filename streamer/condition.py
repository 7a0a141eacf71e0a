"""How far learning is and how healthy a machine is, as data and as sentences for a person."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from detectors.ewma_multichart import EwmaMultichartFleet
from streamer.stages import Stages


class ComponentHealth(msgspec.Struct, frozen=True):
    """The health of one component; None where nobody knows yet."""

    component: str
    index: float | None
    """0 … 100, 100 as new."""
    trend: Literal["", "not ready", "no trend", "degrading"] = ""
    """Empty where it was not asked for."""
    p10_h: float | None = None
    """Hours of operation in which the component has failed in 10, 50 and 90 of 100 cases."""
    p50_h: float | None = None
    p90_h: float | None = None


def health_of(stages: Stages, row: int) -> list[ComponentHealth]:
    """The health of each of a machine's components; some ms for each that degrades."""
    return [
        component_health(stages, row, number, float(index))
        for number, index in enumerate(stages.condition.index(row))
    ]


def component_health(stages: Stages, row: int, number: int, index: float) -> ComponentHealth:
    """One component, with its outlook."""
    outlook = stages.condition.outlook(row, number)
    return ComponentHealth(
        stages.components[number],
        None if np.isnan(index) else round(index, 1),
        outlook.trend,
        *(None if np.isnan(hours) else round(hours, 1) for hours in outlook[1:]),
    )


def sentence(one: ComponentHealth) -> str:
    """For a person.

    >>> sentence(ComponentHealth("gearbox", 41.0, "degrading", 40.0, 66.0, 92.0))
    'gearbox: 41 of 100, degrading, 40 … 92 h of operation left (P10 … P90), 66 h likely (P50)'
    >>> sentence(ComponentHealth("gearbox", 100.0, "no trend"))
    'gearbox: 100 of 100, no trend'
    >>> sentence(ComponentHealth("gearbox", None, "not ready"))
    'gearbox: not ready'
    """
    if one.index is None:
        return f"{one.component}: not ready"
    trend = {"": "", "not ready": ", trend not ready"}.get(one.trend, f", {one.trend}")
    left = ""
    if one.p50_h is not None:
        left = f", {one.p10_h:.0f} … {one.p90_h:.0f} h of operation left (P10 … P90)"
        left += f", {one.p50_h:.0f} h likely (P50)"
    return f"{one.component}: {one.index:.0f} of 100{trend}{left}"


def progress(stages: Stages, row: int) -> str:
    """What a machine has learnt and what it still has to, as in

    ``learning 43 %: context 1,210 of 2,880 moments; ewma_multichart 6.1 of 10 days; health: not
    ready``. Never 100 % before it is done.
    """
    ready = stages.ready(row)
    said = [*stages.context.progress(row), *_of_charts(stages, row)]
    unknown = np.isnan(stages.condition.index(row))
    if unknown.all():
        said.append("health: not ready")
    elif unknown.any():
        names = [name for name, lacks in zip(stages.components, unknown, strict=True) if lacks]
        said.append(f"health of {', '.join(names)}: not ready")
    how = "learning is done" if ready >= 1 else f"learning {int(100 * ready)} %"
    return f"{how}: {'; '.join(said)}" if said else how


def _of_charts(stages: Stages, row: int) -> list[str]:
    """What is still to be learnt after the context."""
    said = []
    adjustment = stages.adjustment
    if stages.adjusts and (share := adjustment.ready(row)) < 1:
        moments = adjustment.learn_s / adjustment.moment_s
        said.append(f"adjustment {int(share * moments):,} of {moments:,.0f} moments")
    for key, detector in stages.detectors.items():
        share = detector.ready(row)
        if share < 1 and isinstance(detector, EwmaMultichartFleet):
            said.append(f"{key} {_span(share, detector.learn_s)}")
        elif share < 1:
            said.append(f"{key} {int(100 * share)} %")
    return said


def _span(share: float, whole_s: float) -> str:
    """A share of a time.

    >>> _span(0.61, 10 * 86400), _span(0.5, 7200), _span(0, 60)
    ('6.1 of 10 days', '1.0 of 2 h', '0 of 60 s')
    """
    for unit, seconds in (("days", 86_400.0), ("h", 3600.0)):
        if whole_s >= 2 * seconds:
            return f"{share * whole_s / seconds:.1f} of {whole_s / seconds:.3g} {unit}"
    return f"{share * whole_s:.0f} of {whole_s:.0f} s"
