"""Where scored points go. A sink writes; `streamer.delivery` owns batching, cursors and retry.

One file per sink and one line in `SINKS`. A sink's module offers ``Config``, the pydantic model of
its section under ``sinks:``, and ``open_sink(config) -> Sink``; a heavy library is imported in
``open_sink``, never at the top.

Life of a sink: *open → write … write → close*, all on one thread, so it needs no lock. ``close`` is
not called when the process dies; whatever was not reported as written is then written again, so a
second write of the same batch must do no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from streamer.records import Batch


class Retry(Exception):
    """Nothing certain was written and time may heal it: the same batches will come again.

    ``reason`` is one word for the counter and the health page: ``unreachable``, ``overloaded``,
    ``failing`` (the server's own fault), ``full`` (no space) or ``misconfigured`` (only a person
    can heal it, so nothing is dropped and somebody is told). ``after_s`` is how long the server
    itself asked us to wait.
    """

    def __init__(self, detail: str, *, reason: str = "unreachable", after_s: float = 0.0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason
        self.after_s = after_s


class Refused(NamedTuple):
    """Something the server will never take: it becomes a dead letter with the server's reason."""

    reason: str
    detail: str
    payload: bytes


class Sink(Protocol):
    """Takes whole batches; returns what was refused for good; everything else is written."""

    def write(self, batches: Sequence[Batch]) -> Sequence[Refused]: ...

    def close(self) -> None: ...


SINKS = {
    "influxdb": "streamer.sinks.influxdb",
    "sqlite": "streamer.sinks.sqlite",
}
