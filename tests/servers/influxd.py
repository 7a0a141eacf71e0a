"""InfluxDB 1.6.7 of Debian, written to through `influx_v2_shim`, read back by InfluxQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.servers._process import Process, binary, free_port
from tests.servers.influx_v2_shim import Shim

CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{root}/meta"
[data]
  dir = "{root}/data"
  wal-dir = "{root}/wal"
  query-log-enabled = false
  max-series-per-database = 0
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
"""


class Influxd:
    """The server with one database; ``url`` speaks the v2 write API, ``shim`` can be misused."""

    database = "telltale"

    def __init__(self, root: Path) -> None:
        program = binary("influxd", "influxdb")
        self.port = free_port()
        config = root / "influxd.conf"
        config.write_text(CONFIG.format(port=self.port, rpc=free_port(), root=root))
        self._process = Process(
            [program, "-config", str(config)], [self.port], root / "influxd.log"
        )
        self._process.start()
        self.shim = Shim(self.port)
        self.query(f'CREATE DATABASE "{self.database}"')

    @property
    def url(self) -> str:
        return self.shim.url

    def query(self, influxql: str) -> list[dict[str, Any]]:
        """Rows of one statement as column → value; times in ns; tags of a group are columns."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        asked = urlencode({"db": self.database, "q": influxql, "epoch": "ns"})
        try:
            connection.request("POST", "/query", asked, _FORM)
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        (result,) = answer["results"]
        assert "error" not in result, f"{influxql}: {result['error']}"
        return [
            dict(zip(series["columns"], row, strict=True)) | series.get("tags", {})
            for series in result.get("series", [])
            for row in series["values"]
        ]

    def start(self) -> None:
        """Again, on the same port and data."""
        self._process.start()

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    """A fresh InfluxDB 1.6 behind the shim."""
    server = Influxd(tmp_path_factory.mktemp("influxd"))
    yield server
    server.shim.close()
    server.stop()
