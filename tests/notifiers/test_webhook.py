"""The webhook at a real HTTP server on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from streamer.delivery import Delivery, Telling
from streamer.notifiers.webhook import Config, open_notifier
from streamer.records import Evidence
from streamer.sinks import Refused, Retry
from tests.batches import batch, event
from tests.test_delivery import SOON_S, Outbox, until


class Receiver:
    """Takes what is posted; ``script`` holds the next statuses, then everything is 200."""

    def __init__(self) -> None:
        self.script: list[int | str] = []
        self.headers: dict[str, str] = {}
        self.got: list[dict[str, Any]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked.append((self.path, dict(self.headers)))
                act = receiver.script.pop(0) if receiver.script else 200
                if act == "hang":
                    receiver.released.wait(60)
                    return
                if act == "garbage":
                    self.wfile.write(b"what?\r\n\r\n")
                    return
                assert isinstance(act, int)
                if 200 <= act < 300:
                    receiver.got.append(json.loads(body))
                self.send_response(act)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"" if act == 204 else b"said\r\nthe  receiver")

            def log_message(self, *args: Any) -> None:
                pass

        return Handler

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_an_event_is_one_json_object(receiver: Receiver, status: int) -> None:
    receiver.script = [status]
    told = event(reason="Größe \n 7", evidence=Evidence("vibration", 7.5, None, "d", 9.0, 6.0))
    assert open_notifier(Config(url=receiver.url + "/hook?a=b"), None).notify(told) is None
    (got,) = receiver.got
    assert got == {
        "id": told.id,
        "machine_class": "turbine",
        "machine": "north/T03",
        "labels": {"site": "north", "machine": "T03"},
        "rule": "machine_fault",
        "kind": "machine",
        "state": "firing",
        "time_ns": told.time_ns,
        "since_ns": told.since_ns,
        "reason": "Größe \n 7",
        "evidence": {
            "sensor": "vibration", "value": 7.5, "detector": "d", "score": 9.0, "limit": 6.0,
        },
    }  # fmt: skip
    (path, headers) = receiver.asked[0]
    assert path == "/hook?a=b"
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "reason"),
    [(408, "overloaded"), (425, "overloaded"), (429, "overloaded"), (500, "failing"),
     (502, "failing"), (503, "failing"), (504, "failing")],
)  # fmt: skip
def test_what_time_heals_is_told_again(receiver: Receiver, status: int, reason: str) -> None:
    receiver.script = [status]
    receiver.headers = {"Retry-After": "12"}
    notifier = open_notifier(Config(url=receiver.url), None)
    with pytest.raises(Retry, match=f"HTTP {status}") as caught:
        notifier.notify(event())
    assert (caught.value.reason, caught.value.after_s) == (reason, 12)
    assert notifier.notify(event()) is None
    assert len(receiver.got) == 1


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 410, 413, 422])
def test_what_repeating_cannot_mend_is_given_up_with_the_reason(
    receiver: Receiver, status: int
) -> None:
    receiver.script = [status]
    receiver.headers = {"Location": receiver.url + "/elsewhere"}
    notifier = open_notifier(Config(url=receiver.url), None)
    refused = notifier.notify(event())
    assert isinstance(refused, Refused)
    assert refused.reason == f"http_{status}"
    assert refused.detail.endswith("said the receiver")
    assert json.loads(refused.payload)["id"] == event().id
    assert len(receiver.asked) == 1


def test_a_receiver_that_hangs_or_talks_nonsense_is_told_again(receiver: Receiver) -> None:
    receiver.script = ["hang", "garbage"]
    hasty, patient = (
        open_notifier(Config(url=receiver.url, timeout_s=s), None) for s in (0.2, SOON_S)
    )
    for notifier, left in ((hasty, ["garbage"]), (patient, [])):
        with pytest.raises(Retry) as caught:
            notifier.notify(event())
        assert caught.value.reason == "unreachable"
        until(lambda left=left: receiver.script == left)
    assert patient.notify(event()) is None


def test_nobody_there_is_told_again() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(Retry, match="refused"):
            open_notifier(Config(url=url), None).notify(event())


def test_a_server_without_a_certificate_we_trust_is_told_nothing(receiver: Receiver) -> None:
    url = receiver.url.replace("http:", "https:")
    receiver._server.handle_error = lambda request, address: None  # type: ignore[method-assign]
    with pytest.raises(Retry, match="SSL"):
        open_notifier(Config(url=url, timeout_s=SOON_S), None).notify(event())


def test_the_secret_header_is_read_when_it_is_needed(receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "header"
    notifier = open_notifier(Config(url=receiver.url, header_file=file), None)
    with pytest.raises(Retry, match="header_file") as caught:
        notifier.notify(event())
    assert caught.value.reason == "misconfigured"
    file.write_text("nonsense\n")
    with pytest.raises(Retry, match="Name: value"):
        notifier.notify(event())
    for secret in ("old", "new"):
        file.write_text(f"Authorization: Bearer {secret}\n")
        notifier.notify(event())
    assert [headers["Authorization"] for _, headers in receiver.asked] == [
        "Bearer old", "Bearer new"
    ]  # fmt: skip


def test_an_outage_loses_nothing_repeats_nothing_and_keeps_the_order(receiver: Receiver) -> None:
    receiver.script = [200, 200, 503, 429, 200, 410, 500, 500, 500]
    events = [event(number) for number in range(12)]
    turns = [batch(1, alerts=events[:5]), batch(2), batch(3, alerts=events[5:])]
    delivery = Delivery(
        "webhook",
        lambda: Telling(open_notifier(Config(url=receiver.url), None)),
        Outbox(*turns),
        0,
        draw=lambda low, high: 0.01,
    )
    delivery.start()
    until(lambda: delivery.cursor == 3)
    assert delivery.close(SOON_S)
    assert [got["id"] for got in receiver.got] == [one.id for one in events if one != events[3]]
    assert [one.reason for one in delivery.progress().refused] == ["http_410"]
