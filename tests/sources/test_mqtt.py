"""The contract of the MQTT source on a real mosquitto, both with the tap and without."""

from __future__ import annotations

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from streamer.sources.tap import TappedClient
from tests.servers.wire import PUBACK, PUBCOMP, PUBREC, PUBREL, Peer, packet, publish
from tests.sources._listening import nothing_comes, take_all, wait_for

TOPIC = "plant/north/T03/telemetry"


def numbered(count, start=0):
    return [
        (f"plant/north/T{i % 100:03d}/telemetry", b"%d" % i) for i in range(start, start + count)
    ]


def test_a_message_arrives_as_it_was_sent(mosquitto, listen, publisher, tap, protocol):
    ear = listen(mosquitto.port, tap=tap, protocol=protocol)
    ear.wait("subscribed")
    publisher(mosquitto.port).send([(TOPIC, b'{"vibration": 2.5}')])
    (message,) = take_all(ear.source, 1)
    assert message.topic == TOPIC
    assert message.payload == b'{"vibration": 2.5}'
    assert message.mid > 0
    assert (message.dup, message.retain, message.generation) == (False, False, 1)
    assert ear.source.hearing_since_ns <= message.received_ns


def test_20_000_messages_arrive_in_order_and_are_acknowledged(mosquitto, listen, publisher, tap):
    ear = listen(mosquitto.port, tap=tap)
    ear.wait("subscribed")
    publisher(mosquitto.port).send(numbered(10_000))
    received = take_all(ear.source, 10_000)
    ear.source.acknowledge(received)
    publisher(mosquitto.port).send(numbered(10_000, start=10_000))
    while len(received) < 20_000:
        turn = take_all(ear.source, 500)
        ear.source.acknowledge(turn)
        received += turn
    assert [message.payload for message in received] == [b"%d" % i for i in range(20_000)]
    ear.source.stop()

    again = listen(mosquitto.port, tap=tap)
    again.wait("session_resumed")
    assert nothing_comes(again.source)


def test_what_was_not_acknowledged_comes_again(mosquitto, listen, publisher, tap, protocol):
    ear = listen(mosquitto.port, tap=tap, protocol=protocol)
    ear.wait("subscribed")
    publisher(mosquitto.port).send(numbered(10))
    first = take_all(ear.source, 10)
    ear.source.acknowledge(first[:4])
    ear.source.stop()

    again = take_all(listen(mosquitto.port, tap=tap, protocol=protocol).source, 6)
    assert [message.payload for message in again] == [b"4", b"5", b"6", b"7", b"8", b"9"]
    assert all(message.dup for message in again)
    assert [message.mid for message in again] == [message.mid for message in first[4:]]


def test_an_acknowledgement_is_worthless_on_another_connection(
    mosquitto, listen, publisher, tap, protocol
):
    """Acknowledging an old identifier would destroy the new message that now bears it."""
    ear = listen(mosquitto.port, tap=tap, protocol=protocol)
    ear.wait("subscribed")
    publisher(mosquitto.port).send(numbered(3))
    old = take_all(ear.source, 3)
    mosquitto.kill()
    mosquitto.start()
    ear.wait("subscribed", times=2)
    publisher(mosquitto.port).send(numbered(3, start=3))
    new = take_all(ear.source, 3)
    assert [message.mid for message in new] == [message.mid for message in old]

    ear.source.acknowledge(old)
    wait_for(lambda: ear.source.counters.stale_acknowledgements == 3, "the late acknowledgements")
    ear.source.stop()
    again = take_all(listen(mosquitto.port, tap=tap, protocol=protocol).source, 3)
    assert [message.payload for message in again] == [b"3", b"4", b"5"]


def test_a_lost_session_is_told_before_its_messages(mosquitto, listen, publisher, tap):
    ear = listen(mosquitto.port, tap=tap)
    ear.wait("subscribed")
    mosquitto.kill()
    ear.wait("disconnected")
    assert ear.source.hearing_since_ns is None
    mosquitto.start()
    lost = ear.wait("session_lost")
    assert lost.generation > 1
    assert "may be lost" in lost.sentence
    ear.wait("subscribed", times=2)
    assert ear.kinds()[-3:] == ["connected", "session_lost", "subscribed"]


def test_a_session_expected_from_an_earlier_run_can_be_lost_too(mosquitto, listen):
    assert "session_lost" not in listen(mosquitto.port, client_id="a").wait("subscribed").kind
    listen(mosquitto.port, client_id="b", expect_session=True).wait("session_lost")


def test_nothing_is_lost_over_a_restart_of_the_broker(start_mosquitto, listen, publisher, tap):
    broker = start_mosquitto(persistence=True)
    ear = listen(broker.port, tap=tap)
    ear.wait("subscribed")
    publisher(broker.port).send(numbered(5))
    unacknowledged = take_all(ear.source, 5)
    broker.stop()
    ear.wait("disconnected")
    broker.start()
    ear.wait("session_resumed")
    publisher(broker.port).send(numbered(5, start=5))
    messages = take_all(ear.source, 10)
    assert sorted(int(message.payload) for message in messages) == list(range(10))
    assert {message.generation for message in messages} != {unacknowledged[0].generation}


def test_a_broker_that_is_not_there_yet_is_no_error(start_mosquitto, listen, tap):
    broker = start_mosquitto()
    broker.stop()
    ear = listen(broker.port, tap=tap)
    assert f"127.0.0.1:{broker.port}: Connection refused" in ear.wait("unreachable").sentence
    wait_for(lambda: ear.source.counters.connections > 2, "more attempts")
    broker.start()
    ear.wait("subscribed")
    assert ear.kinds() == ["unreachable", "connected", "subscribed"]


def test_stored_values_are_no_news(mosquitto, listen, publisher, tap, protocol):
    sender = publisher(mosquitto.port)
    sender.send([(TOPIC, b"stored")], retain=True)
    ear = listen(mosquitto.port, tap=tap, protocol=protocol)
    ear.wait("subscribed")
    sender.send([(TOPIC, b"live")], retain=True)
    (message,) = take_all(ear.source, 1)
    assert message.payload == b"live"
    # MQTT 5 can ask not to be sent them at all.
    assert ear.source.counters.retained == (1 if protocol == "3.1.1" else 0)
    ear.source.acknowledge([message])
    ear.source.stop()
    assert nothing_comes(listen(mosquitto.port, tap=tap, protocol=protocol).source)


def test_acknowledgements_of_stored_values_keep_their_place(scripted, listen, tap):
    order = []

    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(publish(TOPIC, b"first", 7, retain=True))
        order.append(peer.expect(PUBACK))
        peer.send(publish(TOPIC, b"a", 1) + publish(TOPIC, b"stored", 2, retain=True))
        peer.send(publish(TOPIC, b"b", 3))
        order.extend(peer.expect(PUBACK) for _ in range(3))
        peer.send(publish(TOPIC, b"last", 8, retain=True))
        order.append(peer.expect(PUBACK))
        peer.wait_for_end()

    ear = listen(scripted(script).port, tap=tap, protocol="3.1.1")
    messages = take_all(ear.source, 2)
    assert [message.payload for message in messages] == [b"a", b"b"]
    ear.source.acknowledge(messages)
    wait_for(lambda: len(order) == 5, "five acknowledgements")
    assert order == [b"\0\7", b"\0\1", b"\0\2", b"\0\3", b"\0\x08"]


def test_an_oversized_payload_is_cut_and_acknowledged(mosquitto, listen, publisher, tap, protocol):
    ear = listen(mosquitto.port, tap=tap, protocol=protocol, max_payload_bytes=1000)
    ear.wait("subscribed")
    huge = b"0123456789" * 500_000
    publisher(mosquitto.port).send([(TOPIC, huge), (TOPIC, b"x" * 1000), (TOPIC, b"small")])
    messages = take_all(ear.source, 3)
    assert [message.payload for message in messages] == [huge[:1001], b"x" * 1000, b"small"]
    ear.source.acknowledge(messages)
    ear.source.stop()
    assert nothing_comes(listen(mosquitto.port, tap=tap, protocol=protocol).source)


def test_properties_of_mqtt_5_are_skipped(mosquitto, listen, tap):
    ear = listen(mosquitto.port, tap=tap)
    ear.wait("subscribed")
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "application/json"
    properties.UserProperty = [("firmware", "x" * 300)]
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    client.publish(TOPIC, b"12.5", qos=1, properties=properties).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()
    assert take_all(ear.source, 1)[0].payload == b"12.5"


def test_quality_of_service_0_has_nothing_to_acknowledge(mosquitto, listen, publisher, tap):
    ear = listen(mosquitto.port, tap=tap, qos=0)
    ear.wait("subscribed")
    publisher(mosquitto.port).send([(TOPIC, b"1")])
    (message,) = take_all(ear.source, 1)
    assert message.mid == 0
    ear.source.acknowledge([message])


def test_quality_of_service_2_of_an_older_subscription_is_completed(scripted, listen, tap):
    completed = []

    def script(peer: Peer) -> None:
        peer.accept()
        peer.send(publish(TOPIC, b"2", 5, qos=2))
        assert peer.expect(PUBREC)[:2] == b"\0\5"
        peer.send(packet(PUBREL, b"\0\5"))
        completed.append(peer.expect(PUBCOMP)[:2])
        peer.wait_for_end()

    ear = listen(scripted(script).port, tap=tap, protocol="3.1.1")
    messages = take_all(ear.source, 1)
    assert not completed
    ear.source.acknowledge(messages)
    wait_for(lambda: completed == [b"\0\5"], "PUBCOMP")


def test_a_full_queue_holds_the_broker_back_and_loses_nothing(mosquitto, listen, publisher, tap):
    ear = listen(mosquitto.port, tap=tap, queue_messages=10)
    ear.wait("subscribed")
    big = [(topic, payload.ljust(100_000)) for topic, payload in numbered(200)]
    publisher(mosquitto.port).send(big)
    wait_for(lambda: ear.source.counters.received >= 10, "a full queue")
    assert not ear.source._stopping.wait(0.3)
    assert ear.source.counters.received < 20
    messages = []
    while len(messages) < 200:
        messages += take_all(ear.source, 5)
    assert [int(message.payload) for message in messages] == list(range(200))


def test_without_the_hook_messages_take_pahos_own_way(mosquitto, listen, publisher, monkeypatch):
    monkeypatch.delattr(TappedClient, "_create_socket")
    ear = listen(mosquitto.port, tap=True)
    ear.wait("subscribed")
    publisher(mosquitto.port).send(numbered(100))
    messages = take_all(ear.source, 100)
    ear.source.acknowledge(messages)
    ear.source.stop()
    assert [message.payload for message in messages] == [b"%d" % i for i in range(100)]
    assert nothing_comes(listen(mosquitto.port).source)


def test_two_clients_of_one_name_are_told_apart(mosquitto, listen, tap):
    ear = listen(mosquitto.port, tap=tap)
    ear.wait("subscribed")
    listen(mosquitto.port, tap=tap)
    assert "'telltale'" in ear.wait("taken_over").sentence


def test_the_window_is_what_the_broker_was_told(mosquitto, listen, protocol):
    ear = listen(mosquitto.port, protocol=protocol, receive_maximum=123)
    assert ear.source.window == (123 if protocol == "5" else 20)
