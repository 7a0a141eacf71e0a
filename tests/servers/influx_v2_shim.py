"""A stand-in for the v2 write API in front of InfluxDB 1.6, which has only ``/write``.

Test-only. It maps ``/api/v2/write?bucket=db[/rp]`` to ``/write?db=…&rp=…`` as InfluxDB 1.8
documents it, and passes bodies and answers through untouched, so that parser, errors and storage
are the real ones. Call it "InfluxDB 1.6.7 by a test-only v2 shim", never InfluxDB 2.

It can also be a bad network or a bad server: `Shim.script` says how it treats the next requests.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

FORWARD = "forward"
LOSE = "lose"
"""Written, but the answer is lost on the way back."""
DROP = "drop"
"""The connection breaks before anything is written."""
HANG = "hang"
"""No answer until the test ends."""

Act = str | int
"""One of these, or the status to answer with."""


class Shim:
    """A loopback HTTP server; ``port`` is the port of the InfluxDB behind it."""

    def __init__(self, port: int) -> None:
        self.behind = port
        self.script: deque[Act] = deque()
        """How to treat the next requests, one after the other."""
        self.then: Act = FORWARD
        """How to treat those after the script."""
        self.headers: dict[str, str] = {}
        """Sent along with a status of the script."""
        self.answered: list[int] = []
        """Every status that was given."""
        self.lines: list[int] = []
        """How many lines each request held."""
        self.authorisations: list[str | None] = []
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.handle_error = lambda request, address: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def next_act(self) -> Act:
        return self.script.popleft() if self.script else self.then

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(shim: Shim) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            shim.lines.append(body.count(b"\n") + 1)
            shim.authorisations.append(self.headers["Authorization"])
            act = shim.next_act()
            if act == HANG:
                shim.released.wait(60)
            if act in (HANG, DROP):
                self.close_connection = True
                return
            if isinstance(act, int):
                self._answer(act, _error(act), {"Content-Type": "application/json", **shim.headers})
                return
            status, said, headers = _forward(shim.behind, self.path, self.headers, body)
            if act == LOSE:
                self.close_connection = True
                return
            self._answer(status, said, headers)

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            shim.answered.append(status)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


def _forward(port: int, path: str, headers: Any, body: bytes) -> tuple[int, bytes, dict[str, str]]:
    url = urlsplit(path)
    if url.path != "/api/v2/write":
        return 404, _error(404), {}
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    db, _, rp = query["bucket"].partition("/")
    target = {"db": db, "precision": {"ns": "n", "us": "u"}.get(query["precision"])}
    target |= {"rp": rp} if rp else {}
    passed = {n: v for n, v in headers.items() if n in ("Content-Encoding", "Content-Type")}
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", f"/write?{urlencode(target)}", body, passed)
        answer = connection.getresponse()
        kept = ("Content-Type", "X-Influxdb-Error", "Retry-After")
        return answer.status, answer.read(), {n: v for n, v in answer.getheaders() if n in kept}
    except OSError:
        return 503, _error(503), {}
    finally:
        connection.close()


def _error(status: int) -> bytes:
    return json.dumps({"code": "test", "message": f"the script says {status}"}).encode()
