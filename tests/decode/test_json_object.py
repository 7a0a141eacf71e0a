"""Dialect json: what lives on, what is refused, and with which reason."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.decode import DIALECTS, decode
from streamer.decode.json_object import MAX_DEPTH, MAX_ELEMENTS, MAX_FIELDS
from streamer.records import Fault, Reading


def one(payload, **how):
    (result,) = decode("json", payload, **how)
    return result


def reasons(reading):
    return [fault.reason for fault in reading.faults]


def test_an_object_is_a_reading():
    assert one(b'{"ts": 1700000000.5, "vibration": 2.5, "power": 1800}') == Reading(
        None, 1_700_000_000_500_000_000, {"vibration": 2.5, "power": 1800.0}
    )


def test_values_are_floats_in_the_order_of_the_payload():
    reading = one(b'{"b": 2, "a": 1.5, "c": -0}')
    assert list(reading.values) == ["b", "a", "c"]
    assert [type(value) for value in reading.values.values()] == [float, float, float]


def test_an_array_is_many_readings():
    payload = b'[{"id": "T01", "t": 1700000000, "v": 1.5}, {"id": 7, "t": 1700000001, "v": 2.5}]'
    first, second = decode("json", payload, time_field="t", machine_field="id")
    assert first == Reading("T01", 1_700_000_000_000_000_000, {"v": 1.5})
    assert second == Reading("7", 1_700_000_001_000_000_000, {"v": 2.5})


@pytest.mark.parametrize("payload", [b'{"v": 1.5}', b'{"ts": null, "v": 1.5}'])
def test_a_missing_time_is_none(payload):
    assert one(payload) == Reading(None, None, {"v": 1.5})


def test_null_is_not_reported():
    assert one(b'{"v": 1.5, "w": null}') == Reading(None, None, {"v": 1.5})


@pytest.mark.parametrize(
    ("literal", "reason"),
    [
        (b"NaN", "nonfinite"),
        (b"Infinity", "nonfinite"),
        (b"-Infinity", "nonfinite"),
        (b"1e999", "nonfinite"),
        (b"-1e999", "nonfinite"),
        (b"9" * 400, "nonfinite"),
        (b"9" * 100_000, "nonfinite"),
        (b'"12.3"', "wrong_type"),
        (b'"12,3"', "wrong_type"),
        (b'""', "wrong_type"),
        (b"true", "wrong_type"),
        (b"false", "wrong_type"),
        (b'{"x": 1}', "wrong_type"),
        (b"[1, 2]", "wrong_type"),
        (b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1), "wrong_type"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "too_deep"),
    ],
)
def test_a_bad_field_costs_only_itself(literal, reason):
    reading = one(b'{"ts": 1700000000, "a": 1.5, "bad": ' + literal + b', "z": 2}')
    assert reading.time_ns == 1_700_000_000_000_000_000
    assert reading.values == {"a": 1.5, "z": 2.0}
    assert reasons(reading) == [reason]
    assert "'bad'" in reading.faults[0].detail
    assert len(reading.faults[0].detail) < 200


def test_a_reading_of_bad_fields_only_is_a_refused_reading():
    reading = one(b'{"a": "x", "b": NaN}')
    assert reading.values == {}
    assert reasons(reading) == ["wrong_type", "nonfinite"]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not_json"),
        (b'{"v": 1', "not_json"),
        (b'{"v": 1} x', "not_json"),
        (b"{'v': 1}", "not_json"),
        (b'{"v": 0x10}', "not_json"),
        (b"\xff\xfe{\x00}\x00", "not_json"),
        (b'{"v": "\xff"}', "not_json"),
        (b"{}", "empty"),
        (b"[]", "empty"),
        (b'{"ts": 1700000000}', "empty"),
        (b'{"v": null}', "empty"),
        (b"12.5", "wrong_type"),
        (b'"text"', "wrong_type"),
        (b"null", "wrong_type"),
        (b"true", "wrong_type"),
        (b"NaN", "wrong_type"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 30_000, "too_deep"),
        (b'{"ts": "yesterday", "v": 1}', "bad_time"),
        (b'{"ts": true, "v": 1}', "bad_time"),
        (b'{"ts": NaN, "v": 1}', "bad_time"),
        (b'{"ts": {"t": 1}, "v": 1}', "bad_time"),
        (b'{"ts": -5, "v": 1}', "bad_time"),
        (b'{"ts": 1e999, "v": 1}', "bad_time"),
        (b"[" + b'{"v":1},' * MAX_ELEMENTS + b'{"v":1}]', "too_many"),
        (json.dumps({f"s{i}": i for i in range(MAX_FIELDS + 1)}).encode(), "too_many"),
        (b'{"v": 1.5}' + b" " * 300_000, "too_large"),
    ],
)
def test_what_cannot_be_read_at_all_has_a_reason(payload, reason):
    fault = one(payload)
    assert isinstance(fault, Fault), fault
    assert fault.reason == reason
    assert fault.detail.isprintable()


def test_as_much_as_is_allowed_is_read():
    elements = decode("json", b"[" + b'{"v":1},' * (MAX_ELEMENTS - 1) + b'{"v":1}]')
    assert len(elements) == MAX_ELEMENTS
    fields = {f"s{i}": float(i) for i in range(MAX_FIELDS)}
    assert one(json.dumps(fields).encode()).values == fields
    assert one(b"{" + b" " * 89 + b'"v": 1.5}', max_payload_bytes=99).values == {"v": 1.5}


def test_a_bad_element_costs_only_itself():
    payload = b'[{"v": 1.5}, 7, {"ts": "x", "v": 1}, null, {}, {"v": NaN, "w": 2}, {"v": 3.5}]'
    results = decode("json", payload)
    assert [r.reason for r in results if isinstance(r, Fault)] == [
        *("wrong_type", "bad_time", "wrong_type", "empty")
    ]
    assert [r.values for r in results if isinstance(r, Reading)] == [
        {"v": 1.5},
        {"w": 2},
        {"v": 3.5},
    ]


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (b"", "no_machine"),
        (b'"machine": null, ', "no_machine"),
        (b'"machine": "a/b", ', "bad_machine"),
        (b'"machine": "", ', "bad_machine"),
        (b'"machine": true, ', "bad_machine"),
        (b'"machine": 1.5, ', "bad_machine"),
        (b'"machine": ["T03"], ', "bad_machine"),
    ],
)
def test_a_reading_without_a_machine_is_refused(machine, reason):
    fault = one(b"{" + machine + b'"v": 1}', machine_field="machine")
    assert fault.reason == reason


def test_the_last_of_two_equal_keys_wins_on_both_ways():
    assert one(b'{"v": 1.5, "v": 2.5}').values == {"v": 2.5}
    assert one(b'{"v": 1.5, "v": 2.5, "x": NaN}').values == {"v": 2.5}


def test_a_byte_order_mark_is_forgiven():
    assert one(b'\xef\xbb\xbf{"v": 1.5}').values == {"v": 1.5}


def test_names_can_be_written_down():
    reading = one(b'{"\\ud800": 1.5, "a\\u0000": 2.5, "bad": NaN}')
    assert ["".join(reading.values).encode()] == [b"?a\0"]


def test_every_dialect_stands_in_the_table():
    assert list(DIALECTS) == ["json", "number", "waveform"]


values = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), values, max_size=8))
def test_every_finite_number_comes_through_exactly(fields):
    fields.pop("ts", None)
    result = one(json.dumps(fields).encode())
    if fields:
        assert result == Reading(None, None, {k: float(v) for k, v in fields.items()})
    else:
        assert result.reason == "empty"


@given(st.dictionaries(st.sampled_from("abcdef"), values, min_size=1))
def test_a_literal_that_is_not_json_changes_nothing_else(fields):
    whole = one(json.dumps(fields).encode())
    patient = one(json.dumps({**fields, "bad": math.nan}).encode())
    assert patient.values == whole.values
