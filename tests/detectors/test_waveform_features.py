"""Features of recordings, held to signals whose features can be worked out by hand."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.waveform_features import BANDS, LINES, SLIP, Band, Bearing, features
from simulators.bearing_geometry import BEARINGS
from simulators.waveform import record

RATE = 20_000
T = np.arange(RATE) / RATE
CWRU = Bearing(balls=9, ball_mm=7.94, pitch_mm=39.04)


def tone(hz, amplitude=1.0):
    return amplitude * np.sin(2 * np.pi * hz * T)


def noise(seed=1, n=RATE):
    return np.random.default_rng(seed).normal(size=n)


def test_a_sine_is_what_the_book_says():
    found = features(3 + tone(250, 2.0), RATE)
    assert found["rms"] == pytest.approx(2 / math.sqrt(2), rel=1e-12)
    assert found["peak"] == pytest.approx(2.0, rel=1e-12)
    assert found["crest_factor"] == pytest.approx(math.sqrt(2), rel=1e-12)
    assert found["kurtosis"] == pytest.approx(1.5, rel=1e-12)


def test_a_square_wave_has_the_lowest_shape_there_is():
    found = features(np.tile([1.0, -1.0], 500), RATE)
    assert (found["crest_factor"], found["kurtosis"]) == (1.0, 1.0)


def test_gaussian_noise_has_a_kurtosis_of_three():
    found = np.array([features(noise(seed), RATE, bands={})["kurtosis"] for seed in range(30)])
    assert abs(found.mean() - 3) < 3 * math.sqrt(24 / RATE / 30)


def test_one_blow_in_a_hundred_samples():
    x = np.zeros(10_000)
    x[::100] = 1.0
    p = 0.01
    found = features(x, RATE)
    assert found["rms"] == pytest.approx(math.sqrt(p * (1 - p)))
    assert found["kurtosis"] == pytest.approx(1 / (p * (1 - p)) - 3)


@pytest.mark.parametrize("hz", [100, 160.5, 999])
def test_a_velocity_is_the_acceleration_integrated(hz):
    found = features(tone(hz, 5.0), RATE)["velocity_rms"]
    assert found == pytest.approx(1000 * 5 / (2 * np.pi * hz) / math.sqrt(2), rel=2e-3)


def test_what_is_slower_than_a_band_does_not_leak_into_it():
    slow = features(tone(3.3, 5.0) + tone(100), RATE)["velocity_rms"]
    assert slow == pytest.approx(features(tone(100), RATE)["velocity_rms"], rel=0.02)


def test_bands_share_out_the_energy():
    edges = [0, 100, 1000, 5000, RATE / 2]
    bands = {f"b{i}": Band(a + 1e-6, b) for i, (a, b) in enumerate(pairwise(edges))}
    x = tone(50, 1.0) + tone(500, 2.0) + tone(2000, 3.0)
    found = features(x, RATE, bands=bands)
    expected = [1 / math.sqrt(2), 2 / math.sqrt(2), 3 / math.sqrt(2), 0]
    assert [found[name] for name in bands] == pytest.approx(expected, abs=1e-9)
    loud = features(noise(), RATE, bands=bands)
    assert math.hypot(*(loud[name] for name in bands)) == pytest.approx(loud["rms"], rel=0.02)


def test_a_band_that_was_not_recorded_is_not_known():
    found = features(noise(), RATE, bands={"high": Band(1000, 12_000), "none": Band(10.2, 10.4)})
    assert math.isnan(found["high"])
    assert math.isnan(found["none"])


@pytest.mark.parametrize(
    ("bearing", "orders"),
    [
        # Bearing data center of the Case Western Reserve University; theirs is the ball's line.
        (Bearing(9, 25.4 * 0.3126, 25.4 * 1.537), (3.5848, 5.4152, 4.7135 / 2, 0.39828)),
        (Bearing(8, 25.4 * 0.2656, 25.4 * 1.122), (3.0530, 4.9469, 3.9874 / 2, 0.3817)),
        # Rexnord ZA-2115 of the IMS data set, at 2000 rpm: 236.4, 296.9, 139.9 and 14.8 Hz.
        (
            Bearing(16, 25.4 * 0.331, 25.4 * 2.815, 15.17),
            (236.4 * 0.03, 296.9 * 0.03, 139.9 * 0.03, 14.78 * 0.03),
        ),
    ],
)
def test_published_bearings(bearing, orders):
    found = bearing.orders()
    assert tuple(found) == LINES
    assert tuple(found.values()) == pytest.approx(orders, rel=5e-4)


@pytest.mark.parametrize("depth", [0.3, 0.6])
def test_a_line_is_the_depth_of_the_swing(depth):
    """(1 + m cos)² = 1 + m²/2 + 2m cos + m²/2 cos 2, the last at twice the frequency."""
    hz = 107.0
    speed = hz / CWRU.orders()["bpfo"]
    x = noise() * (1 + depth * np.cos(2 * np.pi * hz * T))
    found = features(x, RATE, speed_hz=speed, bearing=CWRU)
    assert found["bpfo"] == pytest.approx(2 * depth / (1 + depth**2 / 2), rel=0.05)
    assert max(found["bpfi"], found["bsf"], found["ftf"]) < 0.06


def struck(hz, seed=2, height=6.0):
    """Noise, and a resonance at 6 kHz that is struck so often."""
    x = noise(seed)
    for start in range(0, RATE, round(RATE / hz)):
        t = T[: RATE - start]
        x[start:] += height * np.exp(-2000 * t) * np.sin(2 * np.pi * 6000 * t)
    return x


@pytest.mark.parametrize("name", LINES)
def test_blows_show_at_their_own_line(name):
    order = CWRU.orders()[name] * (2 if name == "bsf" else 1)
    found = features(struck(100.0), RATE, speed_hz=100 / order, bearing=CWRU)
    others = [found[other] for other in LINES if other != name]
    assert found[name] > 0.15
    # What strikes the cage strikes n times as often too, which is the outer race's line.
    assert found[name] > (1 if name == "ftf" else 3) * np.nanmax(others)


@pytest.mark.parametrize("slip", [-0.015, 0.015])
def test_slip_is_forgiven_within_two_percent(slip):
    speed = 100 / CWRU.orders()["bpfo"] * (1 + slip)
    assert features(struck(100.0), RATE, speed_hz=speed, bearing=CWRU)["bpfo"] > 0.15
    speed = 100 / CWRU.orders()["bpfo"] * (1 + 3 * np.sign(slip) * SLIP)
    assert features(struck(100.0), RATE, speed_hz=speed, bearing=CWRU)["bpfo"] < 0.08


def test_a_tone_of_the_gear_does_not_pass_for_a_bearing():
    """Tones beat at the differences of their frequencies, which may be a bearing's."""
    gears = 40 * sum(tone(hz) for hz in (1000, 1100, 1200, 1300, 1400))
    speed = 100 / CWRU.orders()["bpfo"]
    quiet = features(noise() + gears, RATE, speed_hz=speed, bearing=CWRU)["bpfo"]
    assert quiet < 0.06
    found = features(struck(100.0) + gears, RATE, speed_hz=speed, bearing=CWRU)["bpfo"]
    assert found > 3 * quiet


@pytest.mark.parametrize("speed_hz", [math.nan, 0.0, 0.5, 1e5])
def test_without_a_speed_that_can_be_resolved_there_is_no_line(speed_hz):
    found = features(noise(), RATE, speed_hz=speed_hz, bearing=CWRU)
    assert math.isnan(found["ftf"])
    assert np.isfinite([found["rms"], found["kurtosis"]]).all()


def test_what_does_not_move_has_no_shape():
    found = features(np.full(1000, 0.1), RATE, speed_hz=30, bearing=CWRU)
    still = {"rms": 0, "peak": 0, "velocity_rms": 0}
    for name, value in found.items():
        assert value == still[name] if name in still else math.isnan(value)


@given(st.sampled_from([1e-300, 1e-30, 1e-3, 1e3, 1e100]), st.integers(16, 400))
def test_shapes_do_not_know_the_unit(scale, n):
    x = noise(3, n)
    once = features(x, RATE, speed_hz=3000, bearing=CWRU)
    again = features(scale * x, RATE, speed_hz=3000, bearing=CWRU)
    assert (
        again.keys()
        == once.keys()
        == {"rms", "peak", "crest_factor", "kurtosis"}
        | {
            *BANDS,
            *LINES,
        }
    )
    for name in ("crest_factor", "kurtosis", *LINES):
        assert again[name] == pytest.approx(once[name], rel=1e-9, nan_ok=True)
    for name in ("rms", "peak"):
        assert again[name] == pytest.approx(scale * once[name], rel=1e-9)


@pytest.mark.parametrize(
    ("x", "rate_hz", "sentence"),
    [
        (np.zeros(15), 100.0, r"waveform is \[15\], \[16\] or more is needed"),
        (np.zeros((4, 16)), 100.0, "waveform is"),
        (np.array([math.nan] * 20), 100.0, "not finite"),
        (np.zeros(20), 0.0, "rate_hz is 0.0"),
        (np.zeros(20), math.inf, "rate_hz is inf"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(x, rate_hz, sentence):
    with pytest.raises(ValueError, match=sentence):
        features(x, rate_hz)


@pytest.mark.parametrize(
    ("dimensions", "sentence"),
    [
        ((0, 5, 50), "balls is 0"),
        ((9, 50, 50), "ball_mm is 50 and pitch_mm 50"),
        ((9, 0, 50), "ball_mm is 0"),
        ((9, 5, 50, 90), "contact_deg is 90"),
    ],
)
def test_what_is_no_bearing_is_refused_in_a_sentence(dimensions, sentence):
    with pytest.raises(ValueError, match=sentence):
        Bearing(*dimensions)


@pytest.mark.parametrize("part", ["generator", "gearbox"])
def test_a_worn_bearing_is_seen_by_its_line_long_before_it_is_loud(part):
    """At 2 % of wear the line is beyond all that health shows; the RMS has grown by a tenth."""
    built = BEARINGS["turbine", part]
    own = built.geometry
    bearing = Bearing(own.balls, own.ball_mm, own.pitch_mm, own.contact_deg)

    def heard(wear, seed):
        x = record(
            seed, "T01", 1_767_268_800_000_000_000, "turbine", part, rpm=12.1, load=1.0, wear=wear
        )
        found = features(x, 25_600, speed_hz=built.shaft_hz(12.1), bearing=bearing)
        return found["bpfo"], found["rms"]

    healthy = np.array([heard(0.0, seed) for seed in range(20)])
    worn = np.array([heard(0.02, seed) for seed in range(20, 30)])
    assert np.median(worn[:, 0]) > healthy[:, 0].max()
    assert (worn[:, 1] < 1.12 * np.median(healthy[:, 1])).all()
