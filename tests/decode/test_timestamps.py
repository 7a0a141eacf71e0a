"""When was it? Every unit and every zone gives one int64 of nanoseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.decode.timestamps import LATEST_NS, timestamp_ns

SECOND = 1_700_000_000
NS = 1_000_000_000

# From March 1973, where milliseconds stop to look like seconds, to 2262.
seconds = st.integers(100_000_000, LATEST_NS // NS - 1)


@given(seconds, st.integers(0, NS - 1))
def test_integers_of_any_unit_are_exact(second, ns):
    assert timestamp_ns(second) == second * NS
    assert (
        timestamp_ns(second * 1_000 + ns // 1_000_000) == second * NS + ns // 1_000_000 * 1_000_000
    )
    assert timestamp_ns(second * 1_000_000 + ns // 1_000) == second * NS + ns // 1_000 * 1_000
    assert timestamp_ns(second * NS + ns) == second * NS + ns


@given(st.integers(100_000_000, 4_000_000_000), st.integers(0, 999_999))
def test_decimals_of_seconds_come_back_to_the_microsecond(second, us):
    assert timestamp_ns(float(f"{second}.{us:06d}")) == second * NS + us * 1_000
    assert timestamp_ns(float(f"{second * 1_000 + us // 1_000}.{us % 1_000:03d}")) == (
        second * NS + us * 1_000
    )


def test_float_microseconds_and_nanoseconds_are_times_too():
    assert timestamp_ns(1.7e15) == SECOND * NS
    assert timestamp_ns(1.7e18) == SECOND * NS


@given(
    st.integers(86_400_000_000, LATEST_NS // 1_000 - 86_400_000_000),
    st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    st.integers(0, 999),
)
def test_iso_8601_with_a_zone_is_exact(us, zone, ns):
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).astimezone(zone)
    written = f"{text:%Y-%m-%dT%H:%M:%S}.{text.microsecond:06d}{ns:03d}{text:%z}"
    assert timestamp_ns(written) == us * 1_000 + ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2023-11-14T22:13:20Z", 0),
        ("2023-11-14T22:13:20", 0),
        ("2023-11-14 22:13:20", 0),
        ("2023-11-14t22:13:20z", 0),
        ("2023-11-14T22:13:20+00:00", 0),
        ("2023-11-14T23:13:20+01:00", 0),
        ("2023-11-14T23:13:20+0100", 0),
        ("2023-11-14T23:13:20+01", 0),
        ("2023-11-14T17:13:20.5-05:00", 500_000_000),
        ("2023-11-14 22:13:20,123 Z", 123_000_000),
        ("2023-11-14T22:13:20.123456789Z", 123_456_789),
        ("2023-11-14T22:13:20.1234567899999Z", 123_456_789),
    ],
)
def test_iso_8601_as_devices_write_it(text, ns):
    assert timestamp_ns(text) == SECOND * NS + ns


def test_minutes_are_enough():
    assert timestamp_ns("2023-11-14T22:13Z") == SECOND * NS - 20 * NS


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        -1,
        -0.5,
        LATEST_NS + 1,
        10**11 - 1,
        10**400,
        float("nan"),
        float("inf"),
        1e300,
        "",
        "1700000000",
        "yesterday",
        "2023-11-14",
        "2023-13-14T00:00:00Z",
        "2023-11-14T25:00:00Z",
        "2023-11-14T22:13:20+99:00",
        "1969-12-31T23:59:59Z",
        "2300-01-01T00:00:00Z",
        "２０２３-11-14T22:13:20Z",
        "2023-11-14T22:13:20Z" + "0" * 10_000,
        [1700000000],
        {},
    ],
)
def test_what_is_no_time_of_this_age_is_refused(value):
    fault = timestamp_ns(value)
    assert fault.reason == "bad_time"
    assert fault.detail.isprintable()
    assert len(fault.detail) < 150


def test_the_ends_of_time_are_times():
    assert timestamp_ns(0) == 0
    assert timestamp_ns(LATEST_NS) == LATEST_NS
    assert timestamp_ns("2262-04-11T23:47:16.854775807Z") == LATEST_NS
