"""VictoriaMetrics of Debian: takes the unmodified client, keeps ms and some 15 digits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from tests.servers._process import Process, binary, free_port


class Series(NamedTuple):
    """One field of one machine."""

    name: str
    """Measurement and field, ``turbine_vibration``."""
    labels: dict[str, str]
    samples: list[tuple[int, float]]
    """Time in ms, value."""


class VictoriaMetrics:
    """The server, empty at first; ``url`` is what a sink is given."""

    def __init__(self, root: Path) -> None:
        program = binary("victoria-metrics", "victoria-metrics")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [
            program,
            f"-httpListenAddr=127.0.0.1:{self.port}",
            f"-storageDataPath={root / 'data'}",
            "-retentionPeriod=100y",  # event times of tests are old
            "-search.latencyOffset=1ms",  # the default hides the last 30 s
            "-search.disableCache",
        ]
        self._process = Process(command, [self.port], root / "victoria-metrics.log")
        self._process.start()

    def export(self, selector: str) -> list[Series]:
        """Everything stored that matches, e.g. ``{__name__=~"turbine_.*"}``."""
        self._get("/internal/force_flush")
        asked = urlencode({"match[]": selector, "nocache": 1, "start": 0})
        found = []
        for line in self._get(f"/api/v1/export?{asked}").splitlines():
            series = json.loads(line)
            labels = series["metric"]
            samples = list(zip(series["timestamps"], series["values"], strict=True))
            found.append(Series(labels.pop("__name__"), labels, samples))
        return sorted(found, key=lambda one: (one.name, sorted(one.labels.items())))

    def _get(self, path: str) -> bytes:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == 200, f"{path}: {said[:300]!r}"
            return said
        finally:
            connection.close()

    def start(self) -> None:
        """Again, on the same port and data."""
        self._process.start()

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()


@pytest.fixture
def victoria_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VictoriaMetrics]:
    """A fresh VictoriaMetrics."""
    server = VictoriaMetrics(tmp_path_factory.mktemp("victoria-metrics"))
    yield server
    server.stop()
