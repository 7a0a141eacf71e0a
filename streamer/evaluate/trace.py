"""One machine's way through a run, kept to be looked at: for the report and for ``--scores``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.base import Values
from detectors.metrics import AlertSpan, FaultSpan
from streamer.records import Times

BAND_SIGMA = 3.0
"""Half the width of the band that is shown, in standard deviations about what is expected."""


@dataclass(frozen=True)
class Trace:
    """All readings of one machine, what was expected of them, and what was said."""

    machine: str
    sensors: tuple[str, ...]
    units: tuple[str, ...]
    health: tuple[str, ...]
    """The sensors that are judged."""
    times: Times
    """``[n]``, ns since the epoch."""
    values: Values
    """``[n, sensors]``, NaN where not reported."""
    expected: Values
    """``[n, sensors]``, what the product expected; NaN where it knew nothing."""
    band: Values
    """``[n, sensors]``, half the width of the band of ±3 σ around it."""
    severity: Mapping[str, NDArray[np.float64]]
    """Entrant → ``[n]``, 1.0 is its limit."""
    alerts: Mapping[str, Sequence[AlertSpan]] = field(default_factory=dict)
    """Entrant → its alerts on this machine."""
    faults: Sequence[FaultSpan] = ()
    """What was really there."""
