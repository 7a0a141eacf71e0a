"""Writes to whatever speaks InfluxDB's write API: InfluxDB 1.8, 2 and 3, VictoriaMetrics, ….

influxdb-client carries the bytes; lines are made here, because its own ``Point`` and batching cost
some ten times as much, and because a queue in memory that gives up after a few minutes is not what
the outbox is for. A line's time is the event's, so writing it again changes nothing.

What an answer means:

=======================  =====================================================================
2xx                      written
400, 413, 422            some lines are bad: halve and write again until the bad ones are alone;
                         these are refused for good, with the server's reason
408, 425, 429, 5xx,      time heals it: the same lines come again
no answer
any other                somebody must look (token, bucket, address): kept, never dropped
=======================  =====================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from streamer.config.types import ConfigPath, Count, PositiveSeconds, Seconds, Section, Text, Url
from streamer.records import Batch
from streamer.sinks import Refused, Retry
from streamer.sinks.line_protocol import alert_lines, lines

BAD_LINES = frozenset({400, 413, 422})
OVERLOADED = frozenset({408, 425, 429, 503})
UNAUTHORISED = frozenset({401, 403})
SMALLEST_REQUEST = 64
"""Lines; a server too slow for a full request is given less, down to this."""
DETAIL_CHARS = 300


class Config(Section):
    """Where to write, and how much at once."""

    url: Url
    """Address of the server, e.g. ``http://localhost:8086``."""
    org: str = ""
    """Organisation; InfluxDB 2 needs it, the others do not look at it."""
    bucket: Text
    """Bucket; of InfluxDB 1.8 ``database`` or ``database/retention_policy``."""
    token_file: ConfigPath | None = None
    """File that holds the token; read again whenever the server does not accept it."""
    gzip: bool = False
    """Compress what is sent: costs 8 µs per reading, worth it on a slow or metered line."""
    batch_lines: Count = 5000
    """Most lines in one request."""
    timeout_s: PositiveSeconds = 10.0
    """How long to wait for an answer before trying again."""
    flush_s: Seconds = 0.0
    """How long to collect readings before writing; 0 writes every turn as it comes."""


def open_sink(config: Config) -> InfluxSink:
    """Make the client; nothing is sent before the first write."""
    return InfluxSink(config, _Server(config))


class InfluxSink:
    """Remembers how far it got in the turns it is lent, so that a failure repeats little."""

    def __init__(self, config: Config, server: _Server) -> None:
        self._most = self._size = config.batch_lines
        self._server = server
        self._resume = (0, 0)
        """The turn at which the last write broke off, and how many of its lines are written."""
        self._refused: list[Refused] = []

    def write(self, batches: Sequence[Batch]) -> Sequence[Refused]:
        """Write the turns' lines, in order."""
        for request, end in self._requests(batches):
            self._refused += self._send(request)
            self._resume = end
        if self._resume[0] <= batches[-1].turn:
            self._resume = (0, 0)
        refused, self._refused = self._refused, []
        return refused

    def _requests(self, batches: Sequence[Batch]) -> Iterator[tuple[list[str], tuple[int, int]]]:
        """Lines of one request after the other, and where `_resume` stands after each."""
        resume_turn, resume_line = self._resume
        request: list[str] = []
        end = self._resume
        for batch in batches:
            if batch.turn < resume_turn:
                continue
            waiting = _lines_of(batch)
            start = resume_line if batch.turn == resume_turn else 0
            while start < len(waiting):
                taken = waiting[start : start + self._size - len(request)]
                request += taken
                start += len(taken)
                end = (batch.turn, start)
                if len(request) >= self._size:
                    yield request, end
                    request = []
        if request:
            yield request, end

    def _send(self, request: list[str]) -> list[Refused]:
        try:
            why = self._server.post("\n".join(request).encode())
        except Retry:
            self._size = max(min(self._size, SMALLEST_REQUEST), self._size // 2)
            raise
        self._size = min(self._most, 2 * self._size)
        return [] if why is None else self._sort_out(request, why)

    def _sort_out(self, request: list[str], why: _BadLines) -> list[Refused]:
        """Write the good lines of a request that was not taken as a whole."""
        if len(request) == 1 or why.dropped == len(request):
            return [Refused(f"http_{why.status}", why.detail, line.encode()) for line in request]
        middle = len(request) // 2
        return self._send(request[:middle]) + self._send(request[middle:])

    def close(self) -> None:
        """Close the connection."""
        self._server.close()


def _lines_of(batch: Batch) -> list[str]:
    # Alerts first: should the quota take a turn's points between two tries, what is left of it
    # still begins with the same lines.
    found = alert_lines(batch.alerts)
    for points in batch.points:
        found += lines(points, batch.machines[points.schema.machine_class])
    return found


class _BadLines(NamedTuple):
    """The server's complaint about some lines of a request."""

    status: int
    detail: str

    @property
    def dropped(self) -> int:
        """How many lines it says it dropped; spares us halving a lot where none is good."""
        # At the end only: before it the server may quote a line, which may say anything.
        counted = re.search(r"\bdropped=(\d+)$", self.detail)
        return int(counted[1]) if counted else 0


class _Server:
    """One request at a time to the server, its answers sorted as the table above says."""

    def __init__(self, config: Config) -> None:
        from influxdb_client.rest import ApiException
        from urllib3.exceptions import HTTPError

        self._config = config
        self._answered = ApiException
        self._unanswered = HTTPError
        self._client: Any = None

    def post(self, body: bytes) -> _BadLines | None:
        """Write lines; None if all are written. Raises Retry where they must come again."""
        try:
            self._write_api().write(self._config.bucket, self._config.org, body)
        except self._answered as answer:
            return self._judge(answer)
        except self._unanswered as error:
            raise Retry(str(error)[:DETAIL_CHARS]) from error
        return None

    def _write_api(self) -> Any:
        from influxdb_client.client.influxdb_client import InfluxDBClient
        from influxdb_client.client.write_api import SYNCHRONOUS

        if self._client is None:
            self._client = InfluxDBClient(
                self._config.url,
                _token(self._config.token_file),
                timeout=round(1000 * self._config.timeout_s),
                enable_gzip=self._config.gzip,
            )
        return self._client.write_api(write_options=SYNCHRONOUS)

    def _judge(self, answer: Any) -> _BadLines:
        status = int(answer.status or 0)
        detail = f"HTTP {status}: {_said(answer)}"
        if status in BAD_LINES:
            return _BadLines(status, detail)
        if status in OVERLOADED:
            raise Retry(detail, reason="overloaded", after_s=_asked_s(answer))
        if status >= 500:
            raise Retry(detail, reason="failing", after_s=_asked_s(answer))
        if status in UNAUTHORISED:
            self.close()  # the next request reads the token file again
        raise Retry(detail, reason="misconfigured")

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _token(file: Path | None) -> str:
    from streamer.config import ConfigError, read_secret

    if file is None:
        return ""
    try:
        return read_secret(file).strip()
    except ConfigError as error:
        raise Retry(f"token_file: {error}", reason="misconfigured") from error


class _Complaint(msgspec.Struct):
    """An error body: 2.x and 3 say ``message``, 1.x says ``error``."""

    message: str = ""
    error: str = ""


def _said(answer: Any) -> str:
    """The server's own words, short: 1.x quotes whole lines back."""
    try:
        complaint = msgspec.json.decode(answer.body or "{}", type=_Complaint)
        said = complaint.message or complaint.error
    except (msgspec.DecodeError, UnicodeError):
        said = str(answer.body)
    words = " ".join((said or str(answer.reason)).split())
    if len(words) <= DETAIL_CHARS:
        return words
    return f"{words[: DETAIL_CHARS // 2]} … {words[-DETAIL_CHARS // 2 :]}"


def _asked_s(answer: Any) -> float:
    """Its Retry-After in seconds; 0 where there is none or it is a date."""
    asked = str(answer.retry_after or "")
    return float(asked) if asked.isdecimal() else 0.0
