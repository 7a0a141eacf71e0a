"""The truth about a run: which fault was where, when, and what ought to be said about it.

It is for scoring, and goes to a file or to MQTT topics of its own; who watches the machines must
not see it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from simulators.clock import LAST_NS, iso_time
from simulators.faults.base import Expected, Fault, Kind
from simulators.machines import MachineClass


@dataclass(frozen=True)
class Truth:
    """One fault as it was; times are ISO 8601, UTC, None for never (in this run, as scheduled)."""

    ts: str
    """When this became true: the onset."""
    site: str
    machine: str
    component: str
    signal: list[str]
    """The reported sensors that the fault moves, the most telling first; it moves no other."""
    fault: str
    fault_id: str
    kind: Kind
    t_onset: str
    t_detectable: str | None
    """From when on it could be seen; see `simulators.detectability`."""
    t_functional_failure: str | None
    t_end: str | None
    severity: float
    expected: Expected

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON's kinds, under the names above."""
        return asdict(self)


def truth_of(
    fault: Fault,
    machine_class: type[MachineClass],
    site: str,
    start_ns: int,
    reported: Sequence[str],
) -> Truth:
    """What there is to know of a fault, for a run that starts at ``start_ns``."""
    component, signals = fault.signals(machine_class)
    onset = _time(start_ns, fault.onset_s)
    assert onset is not None
    return Truth(
        ts=onset,
        site=site,
        machine=fault.machine,
        component=component,
        signal=[sensor for sensor in signals if sensor in reported],
        fault=fault.name,
        fault_id=fault.fault_id,
        kind=fault.kind,
        t_onset=onset,
        t_detectable=None,
        t_functional_failure=_time(start_ns, fault.failure_s),
        t_end=_time(start_ns, fault.end_s),
        severity=fault.severity,
        expected=fault.expected if fault.severity > 0 else "no_alarm",
    )


def _time(start_ns: int, offset_s: float) -> str | None:
    # What lies behind the last time there is happens as little as what never does.
    never = math.isinf(offset_s) or start_ns + offset_s * 1e9 >= LAST_NS
    return None if never else iso_time(start_ns + round(offset_s * 1e9))
