"""Each of a list of faults on machines of its own, at several severities and ramps.

::

    spread:
      faults: [bearing_wear.gearbox, overheating]
      severities: [0.5, 1]
      ramps: [1h, 10d]
      onset: 20d
      end: 45d
      each: 2

puts each fault at each severity with each ramp on two machines, one after the other: 16 machines.
With ``stagger: 6h`` each begins and ends 6 h after the one before. A list of such entries goes on
where the entry before has stopped; what machines are left stay healthy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, product
from typing import Any

from simulators.farm import MACHINES_MAX
from simulators.faults import Fault
from simulators.faults.grammar import duration, fault_from_mapping

KEYS = ("faults", "severities", "ramps", "onset", "end", "each", "stagger")


def laid_out(
    entries: Sequence[Mapping[str, Any]], machine: Callable[[int], str], machines: int
) -> list[Fault]:
    """The faults of these entries on the machines of a farm.

    Args:
        entries: each with the keys above; all but ``faults`` and ``onset`` may be left out.
        machine: name of the machine of an index.
        machines: how many there are.

    Raises:
        ValueError: in one sentence, which key cannot be, or that the machines do not suffice.

    >>> twice = {"faults": ["overheating", "icing"], "onset": "20d", "severities": [0.5, 1]}
    >>> [str(fault) for fault in laid_out([twice], "T{:02d}".format, machines=4)]
    ['overheating of T00 at 480h', 'overheating of T01 at 480h', 'icing of T02 at 480h', \
'icing of T03 at 480h']
    >>> laid_out([twice], "T{:02d}".format, machines=3)
    Traceback (most recent call last):
    ValueError: 4 machines are needed, one for each fault of the spread, and machines is 3
    """
    shifted = list(chain.from_iterable(_shifted(entry) for entry in entries))
    if len(shifted) > max(machines, 0):
        raise ValueError(
            f"{len(shifted)} machines are needed, one for each fault of the spread, "
            f"and machines is {machines}"
        )
    return [replace(fault, machine=machine(i)) for i, fault in enumerate(shifted)]


def _shifted(entry: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults of an entry, each later than the one before."""
    by_s = duration("stagger", entry.get("stagger", "0s"))
    for i, fault in enumerate(_combined(entry)):
        yield replace(fault, onset_s=fault.onset_s + i * by_s, end_s=fault.end_s + i * by_s)


def _combined(entry: Mapping[str, Any]) -> Iterator[Fault]:
    each = entry.get("each", 1)
    if isinstance(each, bool) or not isinstance(each, int) or each < 1:
        raise ValueError(f"each is {each!r}, a number of machines is needed")
    if each > MACHINES_MAX:
        raise ValueError(f"each is {each}, at most {MACHINES_MAX} machines are allowed")
    names = _list(entry, "faults")
    severities = _list(entry, "severities", default=[1])
    ramps = _list(entry, "ramps", default=[None])
    for name, severity, ramp in product(names, severities, ramps):
        when = {"onset": entry.get("onset"), "ramp": ramp, "end": entry.get("end")}
        fault = fault_from_mapping(
            {"fault": name, "machines": "each", "severity": severity, **when}
        )
        if fault.onset_s + fault.ramp_s > fault.end_s:
            raise ValueError(f"fault {name!r}: ramp {ramp} does not fit between onset and end")
        yield from [fault] * each


def _list(entry: Mapping[str, Any], key: str, default: list[Any] | None = None) -> list[Any]:
    value = entry.get(key, default)
    if value is None:
        raise ValueError(f"{key} is missing")
    if not isinstance(value, list) or not value:
        raise ValueError(f"{key} is {value!r}, a list is needed, e.g. {key}: [...]")
    return value
