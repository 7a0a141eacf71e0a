"""Alert events → the alerts as spans of time: from the firing event to the resolved one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from detectors.metrics import AlertSpan
from detectors.metrics.events import KINDS


class Told(Protocol):
    """What an event says; `AlertEvent` and a stored row of it both do."""

    @property
    def time_ns(self) -> int: ...
    @property
    def since_ns(self) -> int: ...
    @property
    def machine(self) -> str: ...
    @property
    def rule(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def sensor(self) -> str: ...


def alert_spans(events: Iterable[Told]) -> list[AlertSpan]:
    """Pair the firing and resolved events of each alert, in the order in which they fired."""
    fired: dict[tuple[str, str, int], Told] = {}
    ended: dict[tuple[str, str, int], int] = {}
    for event in events:
        key = (event.machine, event.rule, event.since_ns)
        if event.kind in KINDS and event.state == "firing":
            fired[key] = event
        elif event.state == "resolved":
            ended[key] = event.time_ns
    return [
        AlertSpan(
            one.machine,
            one.kind,
            one.time_ns,
            ended.get(key),
            rule=one.rule,
            sensor=one.sensor,
        )
        for key, one in fired.items()
    ]
