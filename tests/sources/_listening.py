"""A source under test: its settings, and patience with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streamer.records import Message
from streamer.sources import SourceEvent
from streamer.sources.mqtt import MqttSource

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Tls:
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    insecure: bool = False


@dataclass(frozen=True)
class Settings:
    port: int
    host: str = "127.0.0.1"
    protocol: str = "5"
    client_id: str = "telltale"
    username: str | None = None
    password_file: Path | None = None
    tls: Tls | None = None
    keepalive_s: int = 30
    connect_timeout_s: float = 10
    session_expiry_s: int = 3600
    receive_maximum: int = 10_000
    qos: int = 1
    max_payload_bytes: int = 262_144
    queue_messages: int = 50_000


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


class Ear:
    """Remembers what a source has told."""

    def __init__(self, source: MqttSource) -> None:
        self.source = source
        self.events: list[SourceEvent] = []

    def kinds(self) -> list[str]:
        self.events += self.source.events()
        return [event.kind for event in self.events]

    def wait(self, kind: str, times: int = 1) -> SourceEvent:
        wait_for(lambda: self.kinds().count(kind) >= times, f"{times} × {kind}: {self.events}")
        return next(event for event in reversed(self.events) if event.kind == kind)


def take_all(source: MqttSource, count: int) -> list[Message]:
    """Take exactly ``count`` messages, acknowledging none."""
    messages: list[Message] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(messages) < count:
        assert time.monotonic() < deadline, f"{len(messages)} of {count} messages came"
        messages += source.take(count - len(messages), timeout_s=0.2)
    return messages


def nothing_comes(source: MqttSource) -> bool:
    """Whether the source is subscribed and quiet."""
    wait_for(lambda: source.hearing_since_ns is not None, "the subscription")
    return source.take(100, timeout_s=0.3) == []
