"""A server that takes whatever is written to ``/api/v2/write`` and counts the lines of readings.

``python -m benchmarks.sink PORT FILE``: the count is the first eight bytes of FILE, which is
memory, so whoever wants to know it asks nobody. Lines of alerts are no readings.
"""

from __future__ import annotations

import mmap
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COUNT = struct.Struct("<Q")


class Counter:
    """A number that one process writes and others read."""

    def __init__(self, path: Path) -> None:
        with path.open("ab+") as file:
            file.truncate(COUNT.size)
            self._memory = mmap.mmap(file.fileno(), COUNT.size)

    def __call__(self) -> int:
        found: int = COUNT.unpack_from(self._memory)[0]
        return found

    def add(self, n: int) -> None:
        """Only for the one who writes it."""
        COUNT.pack_into(self._memory, 0, self() + n)


def readings_in(body: bytes) -> int:
    """How many lines of a request are not of measurement ``alerts``."""
    lines = body.splitlines()
    return len(lines) - sum(line.startswith(b"alerts,") for line in lines)


class Handler(BaseHTTPRequestHandler):
    """204 to everything."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    counter: Counter

    def do_POST(self) -> None:
        self.counter.add(readings_in(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response_only(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main(port: str, file: str) -> None:
    Handler.counter = Counter(Path(file))
    # One request at a time is all that either program sends.
    ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
