"""Sources that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from streamer.sources.mqtt import MqttSource
from tests.servers.mosquitto import mosquitto, start_mosquitto
from tests.servers.wire import Peer, Publisher, ScriptedBroker
from tests.sources._listening import Ear, Settings

__all__ = ["mosquitto", "start_mosquitto"]

FILTER = "plant/+/+/telemetry"


@pytest.fixture(params=[True, False], ids=["tap", "paho"])
def tap(request: pytest.FixtureRequest) -> bool:
    """Both ways of a message through the source keep one contract."""
    return bool(request.param)


@pytest.fixture(params=["5", "3.1.1"], ids=["v5", "v311"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def listen() -> Iterator[Callable[..., Ear]]:
    """Start a source on a port and return what hears its events."""
    sources: list[MqttSource] = []

    def start(port: int, *filters: str, tap: bool = True, **settings: Any) -> Ear:
        expect_session = settings.pop("expect_session", False)
        source = MqttSource(
            Settings(port, **settings),
            filters or [FILTER],
            tap=tap,
            expect_session=expect_session,
            coalesce_s=0.001,
            backoff_s=(0.05, 0.2),
        )
        sources.append(source)
        source.start()
        return Ear(source)

    yield start
    for source in sources:
        source.stop()


@pytest.fixture
def publisher() -> Iterator[Callable[[int], Publisher]]:
    publishers: list[Publisher] = []

    def connect(port: int) -> Publisher:
        publishers.append(Publisher(port, f"publisher{len(publishers)}"))
        return publishers[-1]

    yield connect
    for one in publishers:
        one.close()


@pytest.fixture
def scripted() -> Iterator[Callable[[Callable[[Peer], None]], ScriptedBroker]]:
    """A broker that does what the test's script says; its failed assertions fail the test."""
    brokers: list[ScriptedBroker] = []

    def start(script: Callable[[Peer], None]) -> ScriptedBroker:
        brokers.append(ScriptedBroker(script))
        return brokers[-1]

    yield start
    for broker in brokers:
        broker.close()
    assert [broker.failure for broker in brokers] == [None] * len(brokers)
