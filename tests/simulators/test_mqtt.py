"""Publishing to real brokers: everything arrives and is acknowledged, and nothing hangs."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sized
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from simulators import Farm, parse_fault
from simulators.command import add_arguments, main
from simulators.messages import Message
from simulators.outputs import mqtt as simulators_mqtt
from simulators.outputs.access import Access
from simulators.outputs.mqtt import BrokerError, Pace, Publisher, publish
from simulators.outputs.payloads import telemetry, with_truth
from tests.servers._process import free_port
from tests.servers.mosquitto import PASSWORD, Mosquitto, MosquittoFactory, password_lines

ROOT = Path(__file__).parents[2]
SOON_S = 60.0
FARM = Farm(machines=4, period_s=60, faults=[parse_fault("overheating@T02:30m-1h")])


class Subscriber:
    """Hears everything a broker says, in a session that outlives its connection."""

    def __init__(self, port: int, access: Access) -> None:
        self.heard: list[paho.MQTTMessage] = []
        self.distinct: set[tuple[str, bytes]] = set()
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id="subscriber", clean_session=False
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=2)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        access.give(self._client)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(SOON_S)

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        with self._changed:
            self.heard.append(message)
            self.distinct.add((message.topic, message.payload))
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        self._wait(count, self.heard)

    def wait_for_distinct(self, count: int) -> None:
        self._wait(count, self.distinct)

    def _wait(self, count: int, what: Sized) -> None:
        with self._changed:
            enough = self._changed.wait_for(lambda: len(what) >= count, SOON_S)
        assert enough, f"{len(what)} of {count} messages"

    def close(self) -> None:
        client = self._client
        del self._client  # which calls us back: held, neither would go before the other
        client.disconnect()
        client.loop_stop()


@contextlib.contextmanager
def subscriber(broker: Mosquitto, access: Access | None = None) -> Iterator[Subscriber]:
    hearing = Subscriber(broker.port, access or Access())
    try:
        yield hearing
    finally:
        hearing.close()


def sent_set(messages: list[Message]) -> set[tuple[str, bytes]]:
    return {(message.topic, message.encoded().encode()) for message in messages}


def simulate(*arguments: object) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return main(parser.parse_args([str(argument) for argument in arguments]))


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize(
    ("dialect", "batch"), [("json", 1), ("array", 7), ("gateway", 20), ("number", 1)]
)
def test_every_message_arrives_and_is_acknowledged(
    mosquitto: Mosquitto, dialect: str, batch: int, qos: int
) -> None:
    messages = list(with_truth(FARM.truth(2), telemetry(FARM, 2, dialect, batch)))
    with subscriber(mosquitto) as hearing, Publisher("127.0.0.1", mosquitto.port, qos) as publisher:
        sent = publish(publisher, messages)
        hearing.wait_for(len(messages))
    assert (sent.messages, sent.acknowledged, sent.lost) == (len(messages), len(messages), 0)
    assert sent.readings == 480 * (6 if dialect == "number" else 1)
    assert [(m.topic, m.payload) for m in hearing.heard] == [
        (m.topic, m.encoded().encode()) for m in messages
    ]
    assert {message.qos for message in hearing.heard} == {qos}
    assert not any(message.retain for message in hearing.heard)
    (truth,) = [m for m in hearing.heard if m.topic == "sim/truth/T02"]
    assert json.loads(truth.payload)["fault"] == "overheating"


@pytest.mark.parametrize("qos", [1, 2])
def test_nothing_is_lost_when_the_broker_restarts(
    start_mosquitto: MosquittoFactory, qos: int
) -> None:
    broker = start_mosquitto(persistence=True)
    messages = list(telemetry(FARM, 2))

    def restart_on_the_way() -> Iterator[Message]:
        for i, message in enumerate(messages):
            if i == len(messages) // 2:
                broker.stop()
                broker.start()
            yield message

    with subscriber(broker) as hearing, Publisher("127.0.0.1", broker.port, qos) as publisher:
        sent = publish(publisher, restart_on_the_way())
        hearing.wait_for_distinct(len(messages))
    assert sent.acknowledged == sent.messages == len(messages)
    assert hearing.distinct == sent_set(messages)


def test_qos_0_does_not_hang_on_what_a_restart_swallowed(
    start_mosquitto: MosquittoFactory,
) -> None:
    broker = start_mosquitto()

    def restart_on_the_way() -> Iterator[Message]:
        for i, message in enumerate(telemetry(FARM, 6)):
            if i == 700:
                broker.kill()
                broker.start()
            yield message

    with Publisher("127.0.0.1", broker.port, qos=0, window=50, patience_s=SOON_S) as publisher:
        sent = publish(publisher, restart_on_the_way())
    assert sent.messages == 1440
    assert sent.acknowledged + sent.lost == 1440


def test_the_command_publishes_and_sums_up(
    mosquitto: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = tmp_path / "truth.jsonl"
    address = f"127.0.0.1:{mosquitto.port}"
    with subscriber(mosquitto) as hearing:
        assert simulate(
            "--mqtt", address, "--machines", 3, "--hours", 1, "--speed", 1e6,
            "--fault", "bearing_wear@T01:10m", "--truth", truth,
        ) == 0  # fmt: skip
        hearing.wait_for(181)
    said = capsys.readouterr().err
    assert said == f"180 readings in 181 messages to {address}, 181 acknowledged\n"
    (told,) = [m for m in hearing.heard if m.topic.startswith("sim/")]
    assert truth.read_text("utf-8") == told.payload.decode() + "\n"


def test_what_a_broker_keeps_is_told_to_who_comes_later(mosquitto: Mosquitto) -> None:
    kept = Message("plant/demo/T01/telemetry", {"ts": 1, "power": 2.0}, 0, 1, retain=True)
    with Publisher("127.0.0.1", mosquitto.port) as publisher:
        publish(publisher, [kept])
    with subscriber(mosquitto) as hearing:
        hearing.wait_for(1)
    assert hearing.heard[0].retain


class TestAccess:
    def test_a_user_logs_in_with_a_password_from_a_file(
        self, start_mosquitto: MosquittoFactory, tmp_path: Path
    ) -> None:
        broker = start_mosquitto(*password_lines(tmp_path, "farm"))
        secret = tmp_path / "secret"
        secret.write_text(f"{PASSWORD}\n")
        login = ("--user", "farm", "--password-file", secret, "--qos", 2)
        with subscriber(broker, Access("farm", PASSWORD)) as hearing:
            address = f"127.0.0.1:{broker.port}"
            assert simulate("--mqtt", address, "--machines", 2, "--hours", 1, *login) == 0
            hearing.wait_for(120)
        assert {message.qos for message in hearing.heard} == {2}

    def test_a_wrong_password_is_refused_in_one_sentence(
        self,
        start_mosquitto: MosquittoFactory,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        broker = start_mosquitto(*password_lines(tmp_path, "farm"))
        secret = tmp_path / "secret"
        secret.write_text("wrong\n")
        address = f"127.0.0.1:{broker.port}"
        login = ("--user", "farm", "--password-file", secret)
        assert simulate("--mqtt", address, "--hours", 1, *login) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"error: the broker at {address} refuses the connection: Not auth")
        assert said.count("\n") == 1
        assert "wrong" not in said

    def test_the_way_is_encrypted(
        self, start_mosquitto: MosquittoFactory, authority: Path, tmp_path: Path
    ) -> None:
        broker = start_mosquitto(*tls_lines(authority))
        believed = authority / "ca.crt"
        with subscriber(broker, Access(ca_file=str(believed))) as hearing:
            address = f"127.0.0.1:{broker.port}"
            arguments = ("--machines", 2, "--hours", 1, "--ca-file", believed)
            assert simulate("--mqtt", address, *arguments) == 0
            hearing.wait_for(120)

    # paho leaves the closing of a socket that was refused to the garbage collector.
    @pytest.mark.filterwarnings("ignore:.*ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
    def test_a_broker_whose_authority_is_unknown_is_not_believed(
        self,
        start_mosquitto: MosquittoFactory,
        authority: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        broker = start_mosquitto(*tls_lines(authority))
        address = f"127.0.0.1:{broker.port}"
        assert simulate("--mqtt", address, "--hours", 1, "--tls") == 1
        said = capsys.readouterr().err
        assert said.startswith(f"error: the broker at {address} is not believed: ")
        assert said.count("\n") == 1

    def test_what_is_no_certificate_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "ca.crt").write_text("-----BEGIN NONSENSE-----")
        access = Access(ca_file=str(tmp_path / "ca.crt"))
        with pytest.raises(ValueError, match=r"ca\.crt holds no certificate in PEM form"):
            Publisher("127.0.0.1", access=access)

    def test_a_password_is_not_shown(self) -> None:
        assert "secret" not in repr(Access("farm", "secret"))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority with a server's certificate, made by openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    where = tmp_path_factory.mktemp("tls")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=where, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test CA")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server")
    (where / "names").write_text("subjectAltName=IP:127.0.0.1")
    signer = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    openssl("x509", "-req", "-in", "server.csr", *signer, "-out", "server.crt")
    return where


def tls_lines(authority: Path) -> tuple[str, ...]:
    files = {"cafile": "ca.crt", "certfile": "server.crt", "keyfile": "server.key"}
    return tuple(f"{key} {authority / name}" for key, name in files.items())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_endless_run_cleanly(
    mosquitto: Mosquitto, number: signal.Signals, tmp_path: Path
) -> None:
    truth = tmp_path / "truth.jsonl"
    command = [
        sys.executable, "-m", "simulators", "--mqtt", f"127.0.0.1:{mosquitto.port}", "--hours",
        "inf", "--speed", "6000", "--machines", "2", "--truth", str(truth),
        "--fault", "overheating@T01:1m", "--fault", "bearing_wear@T02:999d",
    ]  # fmt: skip
    with subscriber(mosquitto) as hearing:
        running = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        try:
            hearing.wait_for(20)
            running.send_signal(number)
            _, said = running.communicate(timeout=SOON_S)
        finally:
            running.kill()
            running.wait()
        assert running.returncode == 130
        counts = re.search(r"^(\d+) readings in (\d+) messages .* (\d+) acknowledged$", said)
        assert counts, said
        readings, messages, acknowledged = map(int, counts.groups())
        hearing.wait_for(messages)
    assert messages == acknowledged == readings + 1 == len(hearing.heard)
    told = [json.loads(line)["fault"] for line in truth.read_text("utf-8").splitlines()]
    assert told == ["overheating"], "only what had begun by then is true"


class TestFailures:
    def test_no_broker(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        truth = tmp_path / "truth.jsonl"
        address = f"127.0.0.1:{free_port()}"
        assert simulate("--mqtt", address, "--truth", truth) == 1
        assert capsys.readouterr().err == f"error: no broker at {address}: Connection refused\n"
        assert list(tmp_path.iterdir()) == []

    def test_a_broker_that_refuses(self, start_mosquitto: MosquittoFactory, tmp_path: Path) -> None:
        broker = start_mosquitto(*password_lines(tmp_path, "somebody"))
        with (
            pytest.raises(BrokerError, match="refuses the connection: Not authorized"),
            Publisher("127.0.0.1", broker.port),
        ):
            pass

    def test_a_listener_that_is_no_broker(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(simulators_mqtt, "CONNECT_TIMEOUT_S", 0.2)
        with (
            socket.create_server(("127.0.0.1", 0)) as mute,
            pytest.raises(BrokerError, match="does not answer"),
            Publisher("127.0.0.1", mute.getsockname()[1]),
        ):
            pass

    def test_a_broker_that_never_acknowledges(self) -> None:
        """No more than the window goes out, and waiting ends with a sentence."""
        with silent_broker() as (port, received):
            publisher = Publisher("127.0.0.1", port, window=20, patience_s=0.3)
            with (
                pytest.raises(BrokerError, match=r"nothing for 0\.3 s: 20 of 20 messages are not"),
                publisher,
            ):
                publish(publisher, telemetry(FARM, 1))
        assert bytes(received).count(b"plant/demo/") == 20


@contextlib.contextmanager
def silent_broker() -> Iterator[tuple[int, bytearray]]:
    """Lets a client in, and then only listens."""
    received = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"\x20\x02\x00\x00")
                while heard := connection.recv(65536):
                    received.extend(heard)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], received
        thread.join(SOON_S)


class TestPace:
    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        now = [100.0]
        monkeypatch.setattr("simulators.outputs.mqtt.time.monotonic", lambda: now[0])
        return now

    def test_as_fast_as_it_goes(self, clock: list[float]) -> None:
        assert Pace(0).wait_s(10**18) == 0

    def test_faster_than_real_time(self, clock: list[float]) -> None:
        pace = Pace(60)
        assert pace.wait_s(0) == 0
        assert pace.wait_s(120 * 10**9) == 2
        clock[0] += 1.5
        assert pace.wait_s(120 * 10**9) == 0.5

    def test_being_late_is_made_up_for(self, clock: list[float]) -> None:
        pace = Pace(1)
        pace.wait_s(0)
        clock[0] += 90
        assert pace.wait_s(60 * 10**9) == 0
        assert pace.wait_s(120 * 10**9) == 30
