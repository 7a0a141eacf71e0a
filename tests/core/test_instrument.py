"""Which instruments are doubted: what lasts stands, what is single is counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import kernels
from detectors.quality import GAP, MISSING, NOISE, OK, OUT_OF_RANGE, SENTINEL, SPIKE, STUCK, UNIT
from streamer import instrument
from streamer.instrument import Doubt, InstrumentWatch
from tests.detectors.conftest import compiled_kernel  # noqa: F401 - a fixture


def watch(machines: int = 3, sensors: int = 2) -> InstrumentWatch:
    made = InstrumentWatch(sensors)
    made.reserve(machines)
    return made


def walk(stage: InstrumentWatch, verdicts, first: int = 0):
    """Verdicts are (row, codes), one a nanosecond; the values count up from 0."""
    n, sensors = len(verdicts), stage.n_sensors
    rows = np.array([row for row, _ in verdicts], "i4")
    codes = np.array([codes for _, codes in verdicts], "u1").reshape(-1, sensors)
    times = np.arange(first, first + n, dtype="i8")
    values = np.repeat(times, sensors).reshape(n, sensors).astype("f8")
    severity, doubts = stage.walk(rows, times, values, codes)
    return severity.tolist(), doubts


def alone(codes) -> list[float]:
    """Severity after each verdict on the only sensor of interest of one machine."""
    return walk(watch(), [(0, [OK, code]) for code in codes])[0]


@pytest.mark.parametrize("lasting", [STUCK, UNIT, NOISE, GAP])
def test_what_lasts_stands_until_the_same_sensor_is_believed(lasting):
    severity, doubts = walk(
        watch(),
        [
            (0, [OK, lasting]),
            (0, [OK, MISSING]),  # another sensor's good value is no all-clear
            (0, [MISSING, MISSING]),
            (1, [OK, OK]),  # nor is another machine's
            (0, [OK, OK]),
            (0, [OK, MISSING]),
        ],
    )
    assert severity == pytest.approx([1, 1, 1, 0, 0.4, 0.4], abs=0.01)
    assert doubts == {i: Doubt(1, lasting, 0, 0.0) for i in (0, 1, 2)}


def test_what_was_not_reported_is_not_doubted():
    assert walk(watch(), [(0, [MISSING, MISSING]), (0, [OK, MISSING])]) == ([0, 0], {})


@pytest.mark.parametrize("single", [OUT_OF_RANGE, SENTINEL])
def test_one_value_is_no_fault_and_three_are(single):
    assert alone([single, OK]) == pytest.approx([0.4, 0.4], abs=0.01)
    assert alone([single] * 3) == pytest.approx([0.4, 0.8, 1.2], abs=0.01)
    assert alone([single, *[OK] * 100] * 3)[202] > 1
    assert max(alone([single, *[OK] * 700] * 5)) < 1


def test_a_spike_counts_when_the_value_has_come_back():
    assert alone([OK, SPIKE, OK]) == pytest.approx([0, 0, 0.4], abs=0.01)


def test_two_spikes_may_be_the_first_of_a_new_level_and_more_are_not():
    assert alone([OK, SPIKE, SPIKE, OK]) == [0, 0, 0, 0]
    assert alone([SPIKE] * 5) == pytest.approx([0, 0, 0.4, 0.8, 1.2], abs=0.01)


def test_where_several_leap_at_once_it_is_the_machine():
    severity, _ = walk(watch(), [(0, [SPIKE, SPIKE]), (0, [OK, OK])] * 5)
    assert severity == [0] * 10


def test_where_most_are_late_it_is_the_machine():
    assert walk(watch(), [(0, [GAP, GAP])]) == ([0], {})
    assert walk(watch(sensors=4), [(0, [GAP, GAP, OK, OK])])[0] == [1]


def test_a_flickering_fault_adds_up():
    assert alone([STUCK, OK] * 3) == pytest.approx([1, 0.4, 1, 0.8, 1.2, 1.2], abs=0.01)


def test_the_count_has_an_end_so_that_a_repair_shows():
    severity = alone([OUT_OF_RANGE] * 1000 + [OK] * 600)
    assert max(severity) == pytest.approx(1.4)
    assert severity[-1] < 0.8


def test_the_worst_is_told_and_of_equals_the_oldest():
    _, doubts = walk(
        watch(),
        [
            (0, [OK, STUCK]),
            (0, [UNIT, STUCK]),
            (0, [UNIT, OK]),
            *[(0, [UNIT, OUT_OF_RANGE])] * 3,
        ],
    )
    assert doubts[0] == Doubt(1, STUCK, 0, 0.0)
    assert doubts[1] == Doubt(1, STUCK, 0, 1.0)
    assert doubts[2] == Doubt(0, UNIT, 1, 2.0)
    assert doubts[5] == Doubt(1, OUT_OF_RANGE, 0, 5.0)


def test_the_value_that_was_doubted_is_told_in_its_own_decimals():
    stage = watch(sensors=1)
    _, doubts = stage.walk(
        np.zeros(1, "i4"), np.zeros(1, "i8"), np.array([[68.4]]), np.array([[STUCK]], "u1")
    )
    assert doubts[0].value == 68.4


def test_a_doubt_stands_over_turns():
    stage = watch()
    walk(stage, [(0, [OK, STUCK])])
    assert walk(stage, [(0, [OK, MISSING])], 1) == ([1], {0: Doubt(1, STUCK, 0, 0.0)})
    assert walk(stage, [(1, [OK, MISSING])], 2) == ([0], {})
    assert walk(stage, [(0, [MISSING, OK])], 3)[0] == pytest.approx([0.4], abs=0.01)


every_code = [OK, OK, OK, MISSING, SPIKE, STUCK, OUT_OF_RANGE, SENTINEL, GAP, NOISE]
verdicts = st.lists(
    st.tuples(st.integers(0, 2), st.lists(st.sampled_from(every_code), min_size=2, max_size=2)),
    max_size=60,
)


@given(verdicts, st.integers(0, 100))
@settings(deadline=None)
def test_turns_do_not_matter_and_neither_does_a_restart(stream, per_cent):
    cut = per_cent * len(stream) // 100
    whole, first, second = watch(), watch(), watch()
    severity, doubts = walk(whole, stream)
    before, before_doubts = walk(first, stream[:cut])
    second.restore(first.state)
    after, after_doubts = walk(second, stream[cut:], first=len(stream[:cut]))
    assert before + after == severity
    assert before_doubts | {i + cut: doubt for i, doubt in after_doubts.items()} == doubts
    for name, array in whole.state.items():
        assert array.tobytes() == second.state[name].tobytes()


def test_compiled_and_interpreted_are_the_same(compiled_kernel, monkeypatch):  # noqa: F811
    rng = np.random.default_rng(5)
    codes = rng.choice(every_code, (3000, 2), p=[0.3, 0.3, 0.3, 0.04, *[0.01] * 6])
    stream = list(zip(rng.integers(0, 3, 3000).tolist(), codes.tolist(), strict=True))
    outcomes = []
    for kernel in (compiled_kernel("instrument"), kernels.interpreted("instrument")):
        monkeypatch.setattr(instrument, "kernel", kernel)
        stage = watch()
        severity, doubts = walk(stage, stream)
        outcomes.append((severity, doubts, {k: a.tobytes() for k, a in stage.state.items()}))
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0][1]) > 100
