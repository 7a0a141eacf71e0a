"""Real brokers, real databases, real daemons; each ends with its test, by its pid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e._daemon import Telltale
from tests.notifiers.test_webhook import Receiver
from tests.servers.influxd import influxd
from tests.servers.mosquitto import mosquitto, start_mosquitto
from tests.servers.victoria_metrics import victoria_metrics
from tests.servers.wire import Publisher

__all__ = ["influxd", "mosquitto", "start_mosquitto", "victoria_metrics"]

Run = Callable[..., Telltale]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """``run(config, name)`` starts a daemon and waits until it hears the plant."""
    daemons: list[Telltale] = []

    def start(config: dict[str, Any], name: str = "telltale", *, hearing: bool = True) -> Telltale:
        daemons.append(Telltale(tmp_path / name, config))
        daemons[-1].start()
        if hearing:
            daemons[-1].hears()
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.kill()


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    """Takes what is posted."""
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def publisher() -> Iterator[Callable[[int], Publisher]]:
    """``publisher(port)`` publishes at QoS 1 and waits for every acknowledgement."""
    made: list[Publisher] = []

    def connect(port: int) -> Publisher:
        made.append(Publisher(port, f"publisher{len(made)}"))
        return made[-1]

    yield connect
    for one in made:
        one.close()
