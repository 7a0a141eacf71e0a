"""Dialect number: one bare number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.decode import decode
from streamer.decode.number import MAX_CHARACTERS
from streamer.records import Reading


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"12.3", 12.3),
        (b" -12.3\r\n", -12.3),
        (b"+7", 7.0),
        (b".5", 0.5),
        (b"5.", 5.0),
        (b"1e3", 1000.0),
        (b"1E-3", 0.001),
        (b"0", 0.0),
    ],
)
def test_a_number_is_a_reading_of_the_topics_sensor(payload, value):
    assert decode("number", payload, sensor="power") == [Reading(None, None, {"power": value})]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"nan", "nonfinite"),
        (b"-INF", "nonfinite"),
        (b"Infinity", "nonfinite"),
        (b"1e999", "nonfinite"),
        (b"12,3", "not_number"),
        (b"1_000", "not_number"),
        (b"0x10", "not_number"),
        (b"12.3 kW", "not_number"),
        (b'"12.3"', "not_number"),
        (b"true", "not_number"),
        (b"\xff\xfe", "not_number"),
        ("١٢".encode(), "not_number"),
        (b"1" * (MAX_CHARACTERS + 1), "not_number"),
        (b"1" * 262_145, "too_large"),
    ],
)
def test_anything_else_is_refused_with_its_reason(payload, reason):
    (fault,) = decode("number", payload, sensor="power")
    assert fault.reason == reason
    assert fault.detail.isprintable()
    assert len(fault.detail) < 150


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_comes_through_exactly(value):
    assert decode("number", repr(value).encode(), sensor="s")[0].values == {"s": value}


def test_a_route_without_a_sensor_is_our_own_mistake():
    with pytest.raises(ValueError, match="needs the name of its sensor"):
        decode("number", b"1")
