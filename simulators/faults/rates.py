"""Faults at random: so many per machine and year, each as bad, slow and lasting as its kind is.

For each machine and each rate, onsets are a Poisson process. Severity is drawn evenly from the
range of the fault, its ramp and the time until its repair evenly on a logarithmic scale, and its
target evenly among those that show in the reported sensors, unless the rate names one. What would
befall a part before it is repaired of the same is left out. For the ranges see `RANGES`.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile

import numpy as np

from simulators.faults.base import Fault
from simulators.faults.grammar import fault_kind
from simulators.faults.ranges import log_uniform, ranges_of
from simulators.machines import MachineClass
from simulators.streams import Streams
from simulators.turbine import Turbine

RATE_EXAMPLE = "bearing_wear=2/machine-year"
FAULTS_MAX = 100_000
"""More are not drawn for one run: a fault each day in a farm of 270 machines for a year."""

HOUR_S, DAY_S = 3600.0, 86_400.0
UNITS_S = {"day": DAY_S, "week": 7 * DAY_S, "month": 365.25 / 12 * DAY_S, "year": 365.25 * DAY_S}

_NUMBER_PER = re.compile(
    r"(?P<number>-?\d+(?:\.\d+)?)(?:\s*/\s*|\s+per\s+)(?P<unit>[\w-]+)", re.ASCII
)
_NAMED = re.compile(r"(?P<what>[\w.]+)\s*=\s*(?P<rate>.*)", re.ASCII)


@dataclass(frozen=True)
class Rate:
    """So many faults per machine and second."""

    per_s: float

    @classmethod
    def parse(cls, text: object) -> Rate:
        """The rate that ``2 per machine-year`` or ``2/machine-year`` is.

        Raises:
            ValueError: it is negative, or cannot be read, and what is allowed.

        >>> Rate.parse("3 per machine-day") == Rate.parse("21/machine-week")
        True
        """
        match = _NUMBER_PER.fullmatch(text.strip()) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f"rate {text!r} cannot be read: write e.g. 2 per machine-year")
        machine, _, unit = match["unit"].partition("-")
        if machine != "machine" or unit not in UNITS_S:
            units = ", ".join(f"machine-{unit}" for unit in UNITS_S)
            raise ValueError(
                f"rate {text!r}: there is no unit {match['unit']!r}, there are {units}"
            )
        if match["number"].startswith("-"):
            raise ValueError(f"rate {text!r}: it must not be negative")
        return cls(float(match["number"]) / UNITS_S[unit])


def parse_rate(text: str) -> tuple[str, Rate]:
    """What is typed at ``--random``: the fault, perhaps with its target, and how often.

    Raises:
        ValueError: in one sentence, what of the text cannot be read and what is allowed.

    >>> what, rate = parse_rate("bearing_wear.main=2/machine-year")
    >>> what, round(rate.per_s * UNITS_S["year"])
    ('bearing_wear.main', 2)
    """
    match = _NAMED.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"rate {text!r} cannot be read: write e.g. {RATE_EXAMPLE}")
    fault_kind(match["what"].partition(".")[0])
    return match["what"], Rate.parse(match["rate"])


def draw(
    rates: Mapping[str, str | Rate],
    machines: Sequence[str],
    hours: float,
    seed: int,
    *,
    machine_class: type[MachineClass] = Turbine,
    sensors: Sequence[str] | None = None,
    beside: Sequence[Fault] = (),
) -> list[Fault]:
    """Faults at random for a run, in order of onset.

    What befalls one machine by one rate depends on nothing else than these two and the seed.

    Args:
        rates: how often what happens, by NAME or NAME.TARGET, e.g.
            ``{"bearing_wear.main": "2 per machine-year"}``.
        machines: their names.
        hours: how long the run is; every onset lies within.
        seed: of all chance.
        machine_class: of the machines.
        sensors: those that are reported, by default the usual ones: no fault is drawn that shows
            in none of them.
        beside: faults that are scheduled already, each of one machine; what is drawn keeps clear
            of them.

    Raises:
        ValueError: in one sentence, which rate cannot be and why.

    >>> faults = draw({"overheating": "6 per machine-year"}, ["T01", "T02"], hours=2000, seed=1)
    >>> for fault in faults:
    ...     print(fault, f"severity {fault.severity:g}")
    overheating of T01 at 1285.13h severity 0.75
    overheating of T01 at 1599.3h severity 0.33
    """
    if not 0 < hours < math.inf:
        raise ValueError(f"hours is {hours:g}: faults are drawn at random for a run that ends")
    reported = machine_class.usual if sensors is None else sensors
    sources = [_Source(what, rate, machine_class, reported) for what, rate in rates.items()]
    expected = sum(source.rate.per_s for source in sources) * len(machines) * hours * HOUR_S
    if expected > FAULTS_MAX:
        raise ValueError(
            f"these rates make {expected:.0f} faults, at most {FAULTS_MAX} are allowed"
        )
    streams = Streams(seed)
    drawn = [
        fault
        for source in sources
        for machine in machines
        for fault in source.faults(machine, hours, streams(f"rates/{source.what}/{machine}"))
    ]
    return _apart(sorted(drawn, key=lambda fault: fault.onset_s), beside)


class _Source:
    """One rate of one fault, and what it may befall."""

    def __init__(
        self,
        what: str,
        rate: str | Rate,
        machine_class: type[MachineClass],
        reported: Sequence[str],
    ) -> None:
        name, _, target = what.partition(".")
        self.what = what
        self.kind = fault_kind(name)
        self.rate = rate if isinstance(rate, Rate) else Rate.parse(rate)
        self._ranges = ranges_of(self.kind)
        choice = [target] if target else self.kind.targets(machine_class) or [""]
        aimed = [
            self.kind(machine="all", target=one, onset_s=0).aimed(machine_class) for one in choice
        ]
        self._targets = [one.target for one in aimed if one.shows_in(machine_class, reported)]
        if not self._targets:
            raise ValueError(f"rate of {what}: it shows in none of the reported sensors")

    def faults(self, machine: str, hours: float, stream: np.random.Generator) -> Iterator[Fault]:
        """Those of one machine, one after the other."""
        if self.rate.per_s == 0:
            return
        gaps = iter(lambda: stream.exponential(1 / self.rate.per_s), None)
        for onset_s in takewhile(lambda onset_s: onset_s < hours * HOUR_S, accumulate(gaps)):
            yield self._fault(machine, math.floor(onset_s), stream.random(4).tolist())

    def _fault(self, machine: str, onset_s: float, chance: Sequence[float]) -> Fault:
        low, high = self._ranges.severity
        ramp_s = log_uniform(self._ranges.ramp_s, chance[1])
        return self.kind(
            machine=machine,
            target=self._targets[int(chance[3] * len(self._targets))],
            onset_s=onset_s,
            ramp_s=ramp_s,
            end_s=onset_s + ramp_s + log_uniform(self._ranges.lasts_s, chance[2]),
            severity=round(low + (high - low) * chance[0], 2),
        )


def _apart(drawn: Sequence[Fault], beside: Sequence[Fault]) -> list[Fault]:
    """Those that overlap no earlier one of the same kind at the same place."""
    taken: defaultdict[tuple[str, ...], list[Fault]] = defaultdict(list)
    for fault in beside:
        taken[fault.place].append(fault)
    apart = []
    for fault in drawn:
        place = taken[fault.place]
        if all(fault.onset_s >= other.end_s or other.onset_s >= fault.end_s for other in place):
            place.append(fault)
            apart.append(fault)
    return apart
