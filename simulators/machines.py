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
    """The sensors that it moves."""


class MachineClass(Protocol):
    """A number of machines of one kind, simulated together.

    Made with ``(machines, streams, period_s)``; then `advance` is called with one block after the
    other and keeps its state between them.
    """

    prefix: ClassVar[str]
    """Of the machines' names: ``T`` gives T01, T02, …"""
    instruments: ClassVar[tuple[Instrument, ...]]
    conditions: ClassVar[Mapping[str, Condition]]

    def __init__(self, machines: int, streams: Streams, period_s: float) -> None: ...

    def advance(
        self, weather: WeatherBlock, conditions: Mapping[str, Floats]
    ) -> Mapping[str, Floats]:
        """True values by sensor name, from hidden conditions by name; ``[k, machines]`` each."""
        ...


def machine_name(machine_class: type[MachineClass], index: int) -> str:
    """Name of a machine, independent of how many there are: T01 … T99, T100."""
    return f"{machine_class.prefix}{index + 1:02d}"
