"""What brokers and networks do to a source: each is an event with a sentence, and it goes on."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from streamer.sources.connection import Connection
from tests.servers.mosquitto import PASSWORD, password_lines
from tests.servers.wire import CONNACK, CONNECT, DISCONNECT, Peer, packet, publish
from tests.sources._listening import Tls, take_all, wait_for

TOPIC = "plant/north/T03/telemetry"


@pytest.mark.parametrize("code", [b"\x84", b"\x01"], ids=["0x84", "0x01"])
def test_auto_falls_back_when_the_broker_says_that_5_is_unknown_to_it(scripted, listen, tap, code):
    levels = []

    def script(peer: Peer) -> None:
        if peer.number == 1:
            levels.append(peer.expect(CONNECT)[6])
            peer.send(packet(CONNACK, b"\0" + code + (b"\0" if code == b"\x84" else b"")))
        else:
            levels.append(peer.accept())
            peer.wait_for_end()

    ear = listen(scripted(script).port, tap=tap, protocol="auto")
    ear.wait("subscribed")
    assert levels == [5, 4]
    assert ear.kinds() == ["fallback", "connected", "subscribed"]
    assert ear.source.window == 20


def test_a_pinned_protocol_does_not_fall_back(scripted, listen):
    def script(peer: Peer) -> None:
        assert peer.expect(CONNECT)[6] == 5
        peer.send(packet(CONNACK, b"\0\x84\0"))

    ear = listen(scripted(script).port, protocol="5")
    assert "Unsupported protocol version (set mqtt.protocol)" in ear.wait("refused").sentence
    wait_for(lambda: ear.source.counters.connections > 2, "more attempts")
    assert ear.kinds() == ["refused"]


def test_a_broker_that_hangs_up_has_not_refused_mqtt_5(scripted, listen):
    levels = []

    def script(peer: Peer) -> None:
        levels.append(peer.expect(CONNECT)[6])
        if peer.number == 3:
            peer.send(packet(CONNACK, b"\0\0\0"))
            peer.wait_for_end()

    ear = listen(scripted(script).port, protocol="auto")
    ear.wait("connected")
    assert levels == [5, 5, 5]
    hint = "; if it speaks MQTT 3.1.1 only, set mqtt.protocol"
    told = ear.wait("disconnected").sentence
    assert told == f"disconnected: the broker closed the connection{hint}"


def test_a_wrong_password_is_told_once_and_a_new_one_is_read(
    start_mosquitto, listen, tmp_path, caplog, protocol
):
    caplog.set_level(logging.DEBUG, "streamer.sources.mqtt")
    broker = start_mosquitto(*password_lines(tmp_path, "telltale"))
    file = tmp_path / "password"
    file.write_text("wrong\n")
    ear = listen(broker.port, username="telltale", password_file=file, protocol=protocol)
    event = ear.wait("refused")
    assert event.sentence.startswith("the broker refuses us: ")
    assert "mqtt.password_file" in event.sentence
    wait_for(lambda: ear.source.counters.connections > 2, "more attempts")
    _put(file, PASSWORD)
    ear.wait("subscribed")
    assert ear.kinds() == ["refused", "connected", "subscribed"]
    levels = [r.levelname for r in caplog.records if r.getMessage() == event.sentence]
    assert levels[:2] == ["WARNING", "DEBUG"]
    assert "WARNING" not in levels[1:]
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    "bad",
    [
        (None, "cannot be read: No such file or directory"),
        (b"secret\xff\n", "is not UTF-8 text, byte 6 cannot be read"),
        (b"secret\n" * 10_000, "is larger than the 16384 bytes allowed"),
        (b"secret\nother\n", "holds 2 lines, one line with the secret is needed"),
    ],
)
def test_a_bad_password_file_is_told_once_and_a_good_one_is_read(
    start_mosquitto, listen, tmp_path, caplog, bad
):
    broker = start_mosquitto(*password_lines(tmp_path, "telltale"))
    file, (content, why) = tmp_path / "secret", bad
    if content is not None:
        file.write_bytes(content)
    ear = listen(broker.port, username="telltale", password_file=file)
    told = ear.wait("unreachable").sentence
    assert told.endswith(f": mqtt.password_file: {file}: {why}")
    _put(file, PASSWORD)
    ear.wait("subscribed")
    assert ear.kinds() == ["unreachable", "connected", "subscribed"]
    assert "Traceback" not in caplog.text


def _put(file: Path, secret: str) -> None:
    """All at once: the source may be reading, and an empty file would be other news."""
    new = file.with_name("new")
    new.write_text(secret + "\n")
    new.replace(file)


@pytest.mark.parametrize(
    "refusal", [("5", b"\x87", "Not authorized"), ("3.1.1", b"\x80", "Unspecified error")]
)
def test_a_refused_subscription_is_no_quiet_connection(scripted, listen, tap, refusal):
    protocol, code, why = refusal

    def script(peer: Peer) -> None:
        peer.accept(codes=b"\1" + code)
        peer.wait_for_end()

    ear = listen(scripted(script).port, "plant/+/+", "secret/+", tap=tap, protocol=protocol)
    assert f"refuses topic secret/+: {why}" in ear.wait("subscription_refused").sentence
    assert ear.source.hearing_since_ns is None
    assert "subscribed" not in ear.kinds()


def test_a_refused_subscription_is_asked_for_again(scripted, listen, monkeypatch):
    monkeypatch.setattr("streamer.sources.connection.RETRY_REFUSED_S", 0.1)
    asked = []

    def script(peer: Peer) -> None:
        peer.accept(codes=b"\1\x87")
        body = peer.expect(0x82)
        asked.append(body)
        peer.send(packet(0x90, body[:2] + b"\0\1"))
        peer.wait_for_end()

    ear = listen(scripted(script).port, "plant/+/+", "secret/+")
    ear.wait("subscribed")
    assert asked[0].endswith(b"\0\x08secret/+\x21")
    assert ear.source.hearing_since_ns is not None


def test_a_subscription_granted_at_quality_0_is_told(scripted, listen):
    def script(peer: Peer) -> None:
        peer.accept(codes=b"\0")
        peer.wait_for_end()

    ear = listen(scripted(script).port)
    assert "QoS 0 only" in ear.wait("subscription_lowered").sentence


def test_a_session_kept_too_briefly_is_told(scripted, listen):
    def script(peer: Peer) -> None:
        peer.accept(connack=b"\0\0\x05\x11\0\0\0\x3c")
        peer.wait_for_end()

    event = listen(scripted(script).port).wait("session_limited")
    assert event.sentence == "the broker will keep our session for 60 s only, 3600 s were asked for"


def test_a_broker_that_names_another_client_is_quoted(scripted, listen, tap):
    def script(peer: Peer) -> None:
        peer.accept()
        if peer.number == 1:
            peer.send(packet(DISCONNECT, b"\x8e\0"))
        else:
            peer.wait_for_end()

    ear = listen(scripted(script).port, tap=tap)
    assert "Session taken over" in ear.wait("taken_over").sentence
    ear.wait("subscribed", times=2)


def test_messages_before_the_end_of_a_connection_are_kept(scripted, listen, tap):
    def script(peer: Peer) -> None:
        peer.accept()
        if peer.number == 1:
            frames = [publish(TOPIC, b"%d" % i, properties=b"") for i in range(5)]
            peer.send(b"".join(frames) + packet(DISCONNECT, b"\x8b\0"))
        else:
            peer.wait_for_end()

    ear = listen(scripted(script).port, tap=tap)
    assert [m.payload for m in take_all(ear.source, 5)] == [b"0", b"1", b"2", b"3", b"4"]
    assert "Server shutting down" in ear.wait("disconnected").sentence


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x30\xff\xff\xff\xff\xff\xff",
        b"\x32\x02\xff\xff",
        b"\x32\x05\0\1t\0\0",
        b"\0\0\0\0",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
def test_garbage_costs_the_connection_and_no_more(scripted, listen, tap, garbage):
    def script(peer: Peer) -> None:
        peer.accept()
        if peer.number == 1:
            peer.send(garbage)
        peer.wait_for_end()

    ear = listen(scripted(script).port, tap=tap, protocol="3.1.1", keepalive_s=1)
    ear.wait("subscribed", times=2)
    assert "disconnected" in ear.kinds()


def test_a_broker_that_never_answers_is_given_up(scripted, listen):
    ear = listen(scripted(Peer.wait_for_end).port, connect_timeout_s=0.2, protocol="3.1.1")
    told = ear.wait("disconnected").sentence
    assert told == "disconnected: no answer to CONNECT within 0.2 s"


def test_a_broker_gone_deaf_is_noticed_by_its_missing_ping(scripted, listen, tap):
    def script(peer: Peer) -> None:
        peer.accept()
        peer.wait_for_end()

    ear = listen(scripted(script).port, tap=tap, keepalive_s=1)
    ear.wait("subscribed")
    assert "did not answer a ping" in ear.wait("disconnected").sentence
    ear.wait("subscribed", times=2)


def test_a_fault_of_our_own_does_not_end_the_thread(mosquitto, listen, monkeypatch, caplog):
    turn, calls = Connection.turn, []

    def faulty(self: Connection, *args: object, **kwargs: object) -> list:
        calls.append(self)
        if len(calls) == 1:
            raise ZeroDivisionError("planted")
        return turn(self, *args, **kwargs)

    monkeypatch.setattr(Connection, "turn", faulty)
    ear = listen(mosquitto.port)
    ear.wait("subscribed")
    assert "planted" in ear.wait("failed").sentence
    assert "Traceback" in caplog.text


@dataclass(frozen=True)
class Authority:
    """A certificate authority with a server's and a client's certificate, made by openssl."""

    directory: Path

    def file(self, name: str) -> Path:
        return self.directory / name

    @property
    def lines(self) -> tuple[str, ...]:
        names = {"cafile": "ca.crt", "certfile": "server.crt", "keyfile": "server.key"}
        return tuple(f"{key} {self.file(name)}" for key, name in names.items())


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("openssl is not installed")
        pytest.skip("openssl is not installed")
    where = tmp_path_factory.mktemp("tls")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=where, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-batch")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test CA")
    (where / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost")
    for name in ("server", "client"):
        openssl(
            "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}"
        )
        signer = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{name}.csr", *signer, "-out", f"{name}.crt")
    return Authority(where)


def test_messages_come_over_tls(start_mosquitto, listen, authority, tap):
    broker = start_mosquitto(*authority.lines)
    ear = listen(broker.port, tap=tap, tls=Tls(authority.file("ca.crt")))
    ear.wait("subscribed")
    _publish_over_tls(broker.port, authority, 2000)
    messages = take_all(ear.source, 2000)
    ear.source.acknowledge(messages)
    assert [len(message.payload) for message in messages] == list(range(2000))


def _publish_over_tls(port: int, authority: Authority, count: int) -> None:
    import paho.mqtt.client as paho

    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.tls_set(str(authority.file("ca.crt")))
    client.connect("127.0.0.1", port)
    client.loop_start()
    sent = [client.publish(TOPIC, b"x" * i, qos=1) for i in range(count)]
    sent[-1].wait_for_publish(30)
    client.disconnect()
    client.loop_stop()


def test_an_unknown_authority_is_refused_with_its_reason(start_mosquitto, listen, authority):
    broker = start_mosquitto(*authority.lines)
    event = listen(broker.port, tls=Tls(ca_file=None)).wait("unreachable")
    assert "TLS: the broker's certificate is refused" in event.sentence


def test_insecure_accepts_any_certificate(start_mosquitto, listen, authority):
    broker = start_mosquitto(*authority.lines)
    listen(broker.port, tls=Tls(insecure=True)).wait("subscribed")


def test_a_client_certificate_opens_a_broker_that_wants_one(start_mosquitto, listen, authority):
    broker = start_mosquitto(*authority.lines, "require_certificate true")
    known = Tls(
        authority.file("ca.crt"), authority.file("client.crt"), authority.file("client.key")
    )
    listen(broker.port, client_id="known", tls=known).wait("subscribed")
    stranger = listen(broker.port, client_id="stranger", tls=Tls(authority.file("ca.crt")))
    wait_for(lambda: {"disconnected", "unreachable"} & set(stranger.kinds()), "a refusal")
    assert "connected" not in stranger.kinds()
