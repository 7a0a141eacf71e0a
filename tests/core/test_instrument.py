"""Which instruments are doubted: the last verdict on a sensor stands until its next."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.quality import MISSING, OK, OUT_OF_RANGE, SPIKE, STUCK
from streamer.instrument import Doubt, InstrumentWatch


def watch(machines: int = 3, sensors: int = 2) -> InstrumentWatch:
    made = InstrumentWatch(sensors)
    made.reserve(machines)
    return made


def walk(stage: InstrumentWatch, verdicts, first_s: int = 0):
    """Verdicts are (row, codes), one a second."""
    rows = np.array([row for row, _ in verdicts], "i4")
    codes = np.array([codes for _, codes in verdicts], "u1").reshape(-1, stage.n_sensors)
    times = np.arange(first_s, first_s + len(verdicts), dtype="i8")
    severity, doubts = stage.walk(rows, times, codes)
    return severity.tolist(), doubts


def test_a_doubt_stands_until_the_same_sensor_is_believed():
    severity, doubts = walk(
        watch(),
        [
            (0, [OK, STUCK]),
            (0, [OK, MISSING]),  # another sensor's good value is no all-clear
            (0, [MISSING, MISSING]),
            (1, [OK, OK]),  # nor is another machine's
            (0, [OK, OK]),
            (0, [OK, MISSING]),
        ],
    )
    assert severity == [1, 1, 1, 0, 0, 0]
    assert doubts == {i: Doubt(1, STUCK, 0) for i in (0, 1, 2)}


def test_what_was_not_reported_is_not_doubted():
    assert walk(watch(), [(0, [MISSING, MISSING]), (0, [OK, MISSING])]) == ([0, 0], {})


def test_the_longest_doubt_is_told():
    _, doubts = walk(
        watch(),
        [
            (0, [OK, SPIKE]),
            (0, [OUT_OF_RANGE, SPIKE]),
            (0, [OUT_OF_RANGE, OK]),
            (0, [SPIKE, MISSING]),
        ],
    )
    assert doubts == {
        0: Doubt(1, SPIKE, 0),
        1: Doubt(1, SPIKE, 0),
        2: Doubt(0, OUT_OF_RANGE, 1),
        3: Doubt(0, SPIKE, 3),
    }


def test_a_doubt_stands_over_turns():
    stage = watch()
    walk(stage, [(0, [OK, STUCK])])
    assert walk(stage, [(0, [OK, MISSING])], 1) == ([1], {0: Doubt(1, STUCK, 0)})
    assert walk(stage, [(1, [OK, MISSING])], 2) == ([0], {})
    assert walk(stage, [(0, [MISSING, OK])], 3) == ([0], {})


codes = st.lists(st.sampled_from([OK, MISSING, MISSING, SPIKE, STUCK]), min_size=2, max_size=2)
verdicts = st.lists(st.tuples(st.integers(0, 2), codes), max_size=40)


@given(verdicts, st.integers(0, 100))
@settings(deadline=None)
def test_turns_do_not_matter_and_neither_does_a_restart(stream, per_cent):
    cut = per_cent * len(stream) // 100
    whole, first, second = watch(), watch(), watch()
    severity, doubts = walk(whole, stream)
    before, before_doubts = walk(first, stream[:cut])
    second.restore(first.state)
    after, after_doubts = walk(second, stream[cut:], first_s=len(stream[:cut]))
    assert before + after == severity
    assert before_doubts | {i + len(before): d for i, d in after_doubts.items()} == doubts
    for name, array in whole.state.items():
        assert array.tobytes() == second.state[name].tobytes()
