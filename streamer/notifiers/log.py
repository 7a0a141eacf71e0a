"""Writes each alert event as one line of the daemon's log."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from streamer.config.types import Section
from streamer.records import AlertEvent, Evidence

log = logging.getLogger("telltale.alerts")


class Config(Section):
    """Nothing to choose: ``log: {}``."""


def open_notifier(_config: Config, _mqtt: object) -> LogNotifier:
    """Nothing to open."""
    return LogNotifier()


class LogNotifier:
    """Firing is a warning, anything else is information."""

    def notify(self, event: AlertEvent) -> None:
        """Log it; a log refuses nothing."""
        level = logging.WARNING if event.state == "firing" else logging.INFO
        log.log(level, "%s", line(event))

    def close(self) -> None:
        """Nothing to close."""


def line(event: AlertEvent) -> str:
    r"""The event in one line, whatever stands in its names.

    >>> line(AlertEvent("turbine", "north/T03\nfake", {}, "machine_fault", "machine", "firing",
    ...                 1_700_000_060_000_000_000, 1_700_000_000_000_000_000, "vibration is high"))
    'firing: north/T03\\nfake: machine_fault: vibration is high (since 2023-11-14T22:13:20Z)'
    """
    since = datetime.fromtimestamp(event.since_ns // 10**9, UTC)
    told = f"{event.state}: {event.machine}: {event.rule}: {event.reason}"
    told = f"{told} ({_detector(event.evidence)}since {since:%FT%TZ})"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in told)


def _detector(told: Evidence) -> str:
    """Who found it, and how healthy that leaves the component."""
    found = ""
    if told.score is not None and told.limit is not None:
        found = f"{told.detector} {told.score:.3g}, limit {told.limit:.3g}; "
    health = "" if told.health is None else f"health of {told.component} {told.health:.0f}; "
    return found + health
