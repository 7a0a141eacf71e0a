"""What every machine class offers the farm, and the table of the classes there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple, Protocol

from simulators.instruments import Instrument
from simulators.processes import Floats
from simulators.streams import Streams
from simulators.weather import WeatherBlock


class Condition(NamedTuple):
    """A hidden state of health, 0 = sound … 1 = spent: where machine faults act, unseen."""

    component: str
    signals: tuple[str, ...]
    """The sensors that it moves, the most telling first."""


class MachineClass(Protocol):
    """A number of machines of one kind, simulated together.

    Made with ``(machines, streams, period_s)``, and with the sensors that are wanted where it may
    leave out parts of the machine none of which is reported (every part has chance of its own, so
    that changes nothing for the others); then `advance` is called with one block after the
    other and keeps its state between them.
    """

    prefix: ClassVar[str]
    """Of the machines' names: ``T`` gives T01, T02, …"""
    instruments: ClassVar[tuple[Instrument, ...]]
    """Every sensor such a machine can have."""
    usual: ClassVar[tuple[str, ...]]
    """The sensors that are reported unless others are asked for."""
    exemplar: ClassVar[str]
    """The sensor that instrument faults befall unless another is named."""
    conditions: ClassVar[Mapping[str, Condition]]
    """By name, or ``name.part`` where several parts have it, the usual part first."""

    def __init__(
        self,
        machines: int,
        streams: Streams,
        period_s: float,
        wanted: frozenset[str] | None = None,
    ) -> None: ...

    def advance(
        self, weather: WeatherBlock, conditions: Mapping[str, Floats]
    ) -> Mapping[str, Floats]:
        """True values by sensor name, from hidden conditions by key; ``[k, machines]`` each.

        Conditions that no fault of the run touches come as a single 0, ``[1, 1]``.
        """
        ...


def machine_name(machine_class: type[MachineClass], index: int) -> str:
    """Name of a machine, independent of how many there are: T01 … T99, T100."""
    return f"{machine_class.prefix}{index + 1:02d}"
