"""Cutting a stream gives the same messages, however it was split."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.sources.frames import HEAD_BYTES, MAX_CONTROL_BYTES, Cutter, pubacks
from tests.servers.wire import packet, publish

LIMIT = 300

publishes = st.builds(
    lambda topic, payload, mid, dup, retain, extra: (topic, payload, mid, dup, retain, extra),
    topic=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
    payload=st.binary(max_size=200) | st.binary(min_size=250, max_size=400),
    mid=st.integers(0, 65_535),
    dup=st.booleans(),
    retain=st.booleans(),
    extra=st.binary(max_size=10) | st.binary(min_size=128, max_size=140),
)


def wire(one, *, fifth):
    topic, payload, mid, dup, retain, extra = one
    properties = extra if fifth else None
    return publish(topic, payload, mid, dup=dup, retain=retain, properties=properties)


def pieces(data, cuts):
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(
    items=st.lists(publishes | st.sampled_from([b"\xd0\0", b"\x90\x03\0\1\0"]), max_size=12),
    cuts=st.lists(st.integers(0, 100_000), max_size=12),
    fifth=st.booleans(),
)
def test_any_splitting_gives_the_same_messages_and_controls_in_order(items, cuts, fifth):
    data = b"".join(x if isinstance(x, bytes) else wire(x, fifth=fifth) for x in items)
    cutter = Cutter(properties=fifth, max_payload_bytes=LIMIT, generation=4)
    seen = []
    for piece in pieces(data, cuts):
        cutter.feed(piece)
        seen += cutter.cut(received_ns=7)
        while cutter.control:
            seen.append(cutter.control)
            assert cutter.cut(received_ns=7) == [], "cut past a frame that nobody has consumed"
            cutter.control = b""
            seen += cutter.cut(received_ns=7)
    wanted = [
        x if isinstance(x, bytes) else (x[0], x[1][: LIMIT + 1], 7, x[2], x[3], x[4], 4)
        for x in items
    ]
    assert [x if isinstance(x, bytes) else tuple(x) for x in seen] == wanted


@given(st.binary(max_size=400), st.booleans())
def test_bytes_that_are_not_mqtt_raise_nothing_but_a_connection_error(data, fifth):
    cutter = Cutter(properties=fifth, max_payload_bytes=LIMIT)
    cutter.feed(data)
    try:
        messages = cutter.cut(received_ns=1)
    except ConnectionError:
        return
    assert all(len(message.payload) <= LIMIT + 1 for message in messages)


@pytest.mark.parametrize("fifth", [False, True])
def test_an_oversized_payload_is_never_stored_and_comes_when_it_has_gone_by(fifth):
    size = 5_000_000
    frame = publish("t", b"x" * size, 9, properties=b"" if fifth else None)
    cutter = Cutter(properties=fifth, max_payload_bytes=LIMIT)
    kept = 0
    for start in range(0, len(frame) - 1, 10_000):
        cutter.feed(frame[start : min(start + 10_000, len(frame) - 1)])
        assert cutter.cut(1) == [], "it could be acknowledged before it has all arrived"
        kept = max(kept, sum(map(len, cutter._parts)))
    cutter.feed(frame[-1:] + publish("t", b"next", properties=b"" if fifth else None))
    big, small = cutter.cut(1)
    assert (big.payload, big.mid, small.payload) == (b"x" * (LIMIT + 1), 9, b"next")
    assert kept <= LIMIT + HEAD_BYTES + 20_000


def test_more_properties_than_anybody_keeps_make_a_message_too_large():
    frame = publish("t", b"1", 9, properties=b"p" * (2 * HEAD_BYTES))
    cutter = Cutter(properties=True, max_payload_bytes=LIMIT)
    cutter.feed(frame[:200_000])
    assert cutter.cut(1) == []
    cutter.feed(frame[200_000:])
    (message,) = cutter.cut(1)
    assert (message.topic, message.mid, len(message.payload)) == ("t", 9, LIMIT + 1)


def test_quality_of_service_2_is_left_to_paho():
    cutter = Cutter(properties=False, max_payload_bytes=LIMIT)
    frame = publish("t", b"1", 3, qos=2)
    cutter.feed(frame)
    assert cutter.cut(1) == []
    assert cutter.control == frame


def test_a_topic_that_is_not_utf_8_is_text_that_can_be_written_down():
    cutter = Cutter(properties=False, max_payload_bytes=LIMIT)
    cutter.feed(publish(b"a/\xff/b", b"1"))
    (message,) = cutter.cut(1)
    assert message.topic.encode() == b"a/\\xff/b"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\x30\xff\xff\xff\xff\x01", "malformed length"),
        (b"\x32\x03\0\1t", "malformed PUBLISH"),
        (b"\x30\x02\0\x09", "malformed PUBLISH"),
        (publish("t", b"1", 0, qos=1), "malformed PUBLISH"),
        (packet(0x20, b"x" * (MAX_CONTROL_BYTES + 1))[:100], "control packet of"),
    ],
)
def test_what_is_malformed_is_said(data, sentence):
    cutter = Cutter(properties=False, max_payload_bytes=LIMIT)
    cutter.feed(data)
    with pytest.raises(ConnectionError, match=sentence):
        cutter.cut(1)


def test_a_malformed_length_of_properties_is_said():
    cutter = Cutter(properties=True, max_payload_bytes=LIMIT)
    cutter.feed(packet(0x30, b"\0\1t\xff\xff\xff\xff\x01x"))
    with pytest.raises(ConnectionError, match="length of its properties"):
        cutter.cut(1)


@given(st.lists(st.integers(1, 65_535), max_size=50))
def test_acknowledgements_are_packets_in_order(mids):
    assert pubacks(mids) == b"".join(packet(0x40, mid.to_bytes(2, "big")) for mid in mids)
