"""Who is told of alerts. A notifier tells; `streamer.delivery` owns order, cursors and retry.

One file per notifier and one line in `NOTIFIERS`. A notifier's module offers ``Config``, the
pydantic model of its section under ``notifiers:``, and ``open_notifier(config, mqtt) -> Notifier``;
``mqtt`` is how the daemon itself reaches its broker, for a notifier that goes there too.

Life: *open → notify … notify → close*, all on one thread. An event may be told twice (after a
crash), never lost and never out of order; `AlertEvent.id` lets a receiver see the second one.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from streamer.records import AlertEvent
from streamer.sinks import Refused


class Notifier(Protocol):
    """Tells one event; raises `streamer.sinks.Retry` when it must be told again later.

    Returns why the receiver will never take it, or None if it is told.
    """

    def notify(self, event: AlertEvent) -> Refused | None: ...

    def close(self) -> None: ...


NOTIFIERS = {
    "log": "streamer.notifiers.log",
    "mqtt": "streamer.notifiers.mqtt",
    "webhook": "streamer.notifiers.webhook",
}


def encode(event: AlertEvent) -> bytes:
    """The event as everybody outside gets it: a JSON object of its fields, its ``id`` first."""
    return msgspec.json.encode({"id": event.id, **msgspec.to_builtins(event)})
