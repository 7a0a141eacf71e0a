"""Dialect waveform: recordings in, features out, and every bad one has its reason."""

import base64
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.waveform_features import Band, Bearing, features
from simulators.waveform import record
from streamer.config import ConfigError, parse
from streamer.decode import decode
from streamer.decode.waveform import MAX_FIELDS, MAX_SAMPLES, Recording
from streamer.pipeline import router
from streamer.records import Fault, Reading

RATE = 20_000
X = np.random.default_rng(5).normal(size=4000).astype("<f4")
BEARING = Bearing(balls=9, ball_mm=7.94, pitch_mm=39.04)


def text(samples):
    return base64.b64encode(samples.tobytes()).decode()


def payload(**fields):
    return json.dumps({"ts": 1_700_000_000, "rate_hz": RATE, "samples": text(X), **fields}).encode()


def one(raw, **how):
    (result,) = decode("waveform", raw, sensor="drive_end", **how)
    return result


def test_a_recording_becomes_its_features():
    found = one(payload(rpm=17_970), recording=Recording(bearing=BEARING))
    told = features(X, RATE, speed_hz=17_970 / 60, bearing=BEARING)
    assert found == Reading(
        None, 1_700_000_000_000_000_000, {f"drive_end_{name}": x for name, x in told.items()}
    )
    assert "drive_end_bpfo" in found.values


def test_samples_may_be_written_in_three_ways():
    whole = np.round(1000 * X).astype("<i2")
    scaled = Recording(scale=0.001)
    as_text = one(payload(samples=text(whole), dtype="i2"), recording=scaled)
    as_list = one(payload(samples=whole.tolist()), recording=scaled)
    as_float = one(payload(samples=text(whole.astype("<f4"))), recording=scaled)
    assert as_text == as_list == as_float
    assert as_text.values["drive_end_rms"] == pytest.approx(np.std(whole) / 1000)


def test_recordings_of_the_simulator_are_read_by_their_own_names():
    noon = 1_767_268_800_000_000_000
    x = record(1, "T03", noon, "turbine", "generator", rpm=12.1, load=1.0).astype("<f4")
    fields = {"ts": noon, "rate_hz": 25_600.0, "rpm": 12.1, "acceleration": text(x), "place": ""}
    found = one(json.dumps(fields).encode(), recording=Recording(bearing=BEARING, shaft_ratio=97))
    assert found.time_ns == noon
    assert found.values["drive_end_rms"] == pytest.approx(float(np.std(x.astype(float))))
    assert "drive_end_bpfo" in found.values


def test_only_names_that_are_sensors_of_the_class_count():
    sensors = frozenset({"power", "drive_end_kurtosis", "drive_end_bpfo"})
    found = one(payload(rpm=1797), recording=Recording(sensors, bearing=BEARING))
    assert set(found.values) == {"drive_end_kurtosis", "drive_end_bpfo"}
    fault = one(payload(), recording=Recording(frozenset({"power"})))
    assert fault.reason == "unknown_sensor"
    assert "drive_end_rms" in fault.detail


def test_what_cannot_be_known_is_not_reported():
    found = one(payload(), recording=Recording(bearing=BEARING))
    assert "drive_end_bpfo" not in found.values
    assert all(map(math.isfinite, found.values.values()))
    asked = Recording(frozenset({"drive_end_bpfo"}), bearing=BEARING)
    assert one(payload(), recording=asked).reason == "empty"
    assert one(payload(), recording=asked._replace(rpm=1797.0)).values["drive_end_bpfo"] < 0.2


def test_a_missing_time_is_none():
    assert one(payload(ts=None)).time_ns is None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"ts": "yesterday"}, "bad_time"),
        ({"rate_hz": None}, "bad_rate_hz"),
        ({"rate_hz": 0}, "bad_rate_hz"),
        ({"rate_hz": "20000"}, "bad_rate_hz"),
        ({"rate_hz": True}, "bad_rate_hz"),
        ({"rate_hz": 1e9}, "bad_rate_hz"),
        ({"rpm": -1}, "bad_rpm"),
        ({"rpm": "fast"}, "bad_rpm"),
        ({"rpm": 10**300}, "bad_rpm"),
        ({"samples": None}, "empty"),
        ({"samples": []}, "too_few"),
        ({"samples": ""}, "too_few"),
        ({"samples": [1.0] * 15}, "too_few"),
        ({"samples": [0] * (MAX_SAMPLES + 1)}, "too_many"),
        ({"samples": [1.0, "2"] * 20}, "wrong_type"),
        ({"samples": [1.0, None] * 20}, "wrong_type"),
        ({"samples": [1.0, True] * 20}, "wrong_type"),
        ({"samples": {"a": 1}}, "wrong_type"),
        ({"samples": 7}, "wrong_type"),
        ({"samples": [1e31] * 20}, "nonfinite"),
        ({"samples": [10**400] * 20}, "nonfinite"),
        ({"samples": text(np.full(20, np.nan, "<f4"))}, "nonfinite"),
        ({"samples": text(np.full(20, -np.inf, "<f4"))}, "nonfinite"),
        ({"samples": "not base64!"}, "bad_samples"),
        ({"samples": "Größe"}, "bad_samples"),
        ({"samples": base64.b64encode(bytes(83)).decode()}, "bad_samples"),
        ({"dtype": "f8"}, "bad_dtype"),
        ({"dtype": ["f4"]}, "bad_dtype"),
        ({f"more_{i}": 1 for i in range(MAX_FIELDS)}, "too_many"),
    ],
)
def test_what_is_no_recording_has_a_reason(fields, reason):
    fault = one(payload(**fields), max_payload_bytes=1 << 22)
    assert isinstance(fault, Fault), fault
    assert fault.reason == reason
    assert fault.detail.isprintable()
    assert len(fault.detail) < 200


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not_json"),
        (b"\xff", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"rate_hz": NaN}', "not_json"),
        (b"[]", "wrong_type"),
        (b"12.5", "wrong_type"),
        (b"{}", "bad_rate_hz"),
        (b" " * 300_000, "too_large"),
    ],
)
def test_what_is_not_even_an_object_has_a_reason(raw, reason):
    assert one(raw).reason == reason


def test_the_longest_recording_is_read():
    x = np.random.default_rng(1).normal(size=MAX_SAMPLES).astype("<f4")
    found = one(payload(samples=text(x)), max_payload_bytes=1 << 21)
    assert found.values["drive_end_rms"] == pytest.approx(1.0, abs=0.01)


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
samples = (
    st.lists(st.floats(width=32) | st.integers(-(2**70), 2**70), max_size=40)
    | st.lists(anything, max_size=20)
    | st.binary(max_size=200).map(lambda raw: base64.b64encode(raw).decode())
    | anything
)


@settings(max_examples=300)
@given(
    st.fixed_dictionaries(
        {"samples": samples, "rate_hz": st.sampled_from([1, 50, 25_600.0, 1e6]) | anything},
        optional={"rpm": st.floats(0, 1e6) | anything, "dtype": st.sampled_from(["f4", "i2", 4])},
    )
)
def test_any_recording_ends_in_finite_values_or_a_fault(fields):
    result = one(json.dumps(fields).encode(), recording=Recording(bearing=BEARING))
    if isinstance(result, Fault):
        assert result.detail.isprintable()
    else:
        assert result.values
        assert all(map(math.isfinite, result.values.values()))


CONFIG = """
state_dir: state
mqtt:
  host: localhost
  topics:
    - {topic: "plant/{site}/{machine}/telemetry", class: pump}
    - topic: plant/{site}/{machine}/waveform/{sensor}
      class: pump
      dialect: waveform
      waveform:
        scale: 9.80665
        rpm: 1480
        shaft_ratio: 2
        bearing: {balls: 9, ball_mm: 7.94, pitch_mm: 39.04}
        bands:
          high: {low_hz: 1000, high_hz: 5000}
classes:
  pump:
    sensors:
      drive_end_bpfo: {range: [0, 10]}
      drive_end_high: {range: [0, 100]}
"""


def test_the_configuration_says_what_a_recording_is():
    route = router(parse(CONFIG)).route("plant/north/P01/waveform/drive_end")
    assert route.recording == Recording(
        sensors=frozenset({"drive_end_bpfo", "drive_end_high"}),
        scale=9.80665,
        rpm=1480.0,
        shaft_ratio=2.0,
        bearing=BEARING,
        bands={"velocity_rms": Band(10, 1000, velocity=True), "high": Band(1000, 5000)},
    )
    found = one(payload(), recording=route.recording)
    assert set(found.values) == {"drive_end_bpfo", "drive_end_high"}
    assert router(parse(CONFIG)).route("plant/north/P01/telemetry").recording is None


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        ("dialect: waveform", "dialect: number", "is for the dialect waveform"),
        ("/waveform/{sensor}", "/waveform", r"dialect waveform needs \{sensor\}"),
        ("pitch_mm: 39.04", "pitch_mm: 5", "a ball is smaller"),
        ("high_hz: 5000", "high_hz: 500", "low_hz below high_hz is needed"),
        ("high: {", "kurtosis: {", "which is a feature already"),
        ("balls: 9", "balls: 0", "at least 1"),
    ],
)
def test_a_mistake_in_the_configuration_is_said(was, becomes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        parse(CONFIG.replace(was, becomes))
