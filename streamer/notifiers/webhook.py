"""POSTs each alert event as one JSON object, to whatever takes it from there.

2xx is told. No answer, 408, 425, 429 and 5xx are tried again for as long as it takes. Anything else
will not get better by repeating it, and must not hold up the alerts behind it: that event is given
up, with the receiver's reason, as a dead letter.
"""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from streamer.config.types import ConfigPath, PositiveSeconds, Section, Url
from streamer.notifiers import encode
from streamer.records import LEARNT, AlertEvent
from streamer.sinks import Refused, Retry

COMES_AGAIN = frozenset({408, 425, 429})
MOST_READ_BYTES = 4096
DETAIL_CHARS = 300


class Config(Section):
    """Where to post, and with which secret."""

    url: Url
    """Address that takes the events."""
    timeout_s: PositiveSeconds = 10.0
    """How long to wait for the receiver before trying again."""
    header_file: ConfigPath | None = None
    """File with one header line to send along, e.g. ``Authorization: Bearer …``."""


def open_notifier(config: Config, _mqtt: object) -> WebhookNotifier:
    """Nothing is sent before the first event."""
    return WebhookNotifier(config)


class WebhookNotifier:
    """One connection per event: alerts are rare, and receivers restart."""

    def __init__(self, config: Config) -> None:
        self._config = config
        address = urlsplit(config.url)
        self._https = address.scheme == "https"
        self._host = address.netloc
        self._target = (address.path or "/") + (f"?{address.query}" if address.query else "")

    def notify(self, event: AlertEvent) -> Refused | None:
        """Post one event; what was learnt in a day needs nobody's answer, and is not posted."""
        if event.kind == "learning" and event.rule.startswith(LEARNT):
            return None
        payload = encode(event)
        status, said, asked_s = self._post(payload)
        if 200 <= status < 300:
            return None
        detail = f"HTTP {status}: {said}"
        if status in COMES_AGAIN:
            raise Retry(detail, reason="overloaded", after_s=asked_s)
        if status >= 500:
            raise Retry(detail, reason="failing", after_s=asked_s)
        return Refused(f"http_{status}", detail, payload)

    def _post(self, payload: bytes) -> tuple[int, str, float]:
        connect = HTTPSConnection if self._https else HTTPConnection
        connection = connect(self._host, timeout=self._config.timeout_s)
        headers = {"Content-Type": "application/json", "User-Agent": "telltale"} | self._secret()
        try:
            connection.request("POST", self._target, payload, headers)
            return _answer(connection.getresponse())
        except (OSError, HTTPException) as error:
            raise Retry(f"{self._config.url}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()

    def _secret(self) -> dict[str, str]:
        """The header of ``header_file``, read each time, so that a new secret is used at once."""
        from streamer.config import ConfigError, read_secret

        if self._config.header_file is None:
            return {}
        try:
            name, colon, value = read_secret(self._config.header_file).partition(":")
        except ConfigError as error:
            raise Retry(f"header_file: {error}", reason="misconfigured") from error
        if not colon or not name.strip():
            raise Retry("header_file: one line 'Name: value' is needed", reason="misconfigured")
        return {name.strip(): value.strip()}

    def close(self) -> None:
        """Nothing is open between events."""


def _answer(response: HTTPResponse) -> tuple[int, str, float]:
    said = response.read(MOST_READ_BYTES).decode(errors="replace").split()
    asked = response.headers.get("Retry-After", "")
    return (
        response.status,
        " ".join([response.reason, *said])[:DETAIL_CHARS],
        float(asked) if asked.isdecimal() else 0.0,
    )
