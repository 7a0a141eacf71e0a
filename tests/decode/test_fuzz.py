"""Whatever a stranger sends, decoding ends in readings and faults that keep their contract."""

from __future__ import annotations

import json
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.decode import DIALECTS, decode
from streamer.decode.timestamps import LATEST_NS
from streamer.labels import valid_label
from streamer.records import Fault, Reading

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["2026-01-01T00:00:00Z", "T03", 1_700_000_000, 1e999, 10**500])
)
names = st.sampled_from(["ts", "machine", "a", "b"]) | st.text(max_size=5)
nested = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
documents = nested.map(lambda value: json.dumps(value).encode())
TOKENS = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"ts"', b'"a"', b"1", b"-", b".5", b"e9", b"NaN", b" "),
    *(b"null", b"true", b'"', b"\\u", b"d800", b"\xff", b"\xef\xbb\xbf", b"9" * 20),
)
jsonish = st.lists(st.sampled_from(TOKENS), max_size=30).map(b"".join)


def spoilt(payload, cut, junk):
    return payload[: cut % (len(payload) + 1)] + junk + payload[cut % (len(payload) + 1) :]


payloads = (
    st.binary(max_size=200)
    | documents
    | jsonish
    | st.builds(spoilt, documents, st.integers(0, 1000), st.binary(max_size=4))
)


def check(result, machine_field):
    if isinstance(result, Fault):
        check_fault(result)
        return
    assert type(result) is Reading
    assert result.time_ns is None or (
        type(result.time_ns) is int and 0 <= result.time_ns <= LATEST_NS
    )
    assert (result.machine is None) == (machine_field is None)
    assert result.machine is None or valid_label(result.machine)
    assert result.values or result.faults
    for name, value in result.values.items():
        assert name.encode() is not None
        assert type(value) is float
        assert math.isfinite(value)
    for fault in result.faults:
        check_fault(fault)


def check_fault(fault):
    assert type(fault) is Fault
    assert re.fullmatch("[a-z_]+", fault.reason)
    assert fault.detail.isprintable()
    assert len(fault.detail) < 250


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=500)
@given(payload=payloads, machine_field=st.none() | st.just("machine"))
def test_any_bytes_end_in_readings_and_faults(dialect, payload, machine_field):
    sensor = "s" if DIALECTS[dialect].one_sensor else None
    named = None if DIALECTS[dialect].one_sensor else machine_field
    results = decode(dialect, payload, machine_field=named, sensor=sensor)
    assert results
    for result in results:
        check(result, named)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("depth", [0, 100, 900])
def test_a_deep_caller_makes_no_difference(dialect, depth):
    """The recursion limit is shared with whoever calls; nesting must not become an exception."""

    def down(left):
        if left:
            return down(left - 1)
        payloads = [b"[" * n + b"]" * n for n in (50, 500, 950)]
        payloads += [b'{"ts": ' + p + b', "v": ' + p + b', "w": NaN}' for p in payloads]
        return [decode(dialect, p, sensor="s") for p in payloads]

    for results in down(depth // 2):
        for result in results:
            check(result, None)
