"""One row of all sensors out of messages that bring a few each."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import assemble, kernels
from detectors.assemble import Assembler
from tests.detectors.laws import (
    S_NS,
    Readings,
    assert_laws,
    assert_same_bits,
    readings,
    story,
    walked,
)

NAN = math.nan
PALETTE = [NAN, NAN, NAN, 1.0, 2.0, 3.0]


def fill_in(stage: Assembler, stream: Readings):
    return stage.assemble(stream.rows, stream.times, stream.values)


def due_times(stage: Assembler, messages) -> list[float]:
    """Seconds at which a row was due, for messages ``(seconds, {sensor: value})``."""
    values = np.full((len(messages), stage.n_sensors), NAN)
    for i, (_, brought) in enumerate(messages):
        for sensor, value in brought.items():
            values[i, sensor] = value
    seconds = [at for at, _ in messages]
    _, due = walked(stage, fill_in, story(values, times_s=seconds))
    return [at for at, is_due in zip(seconds, due, strict=True) if is_due]


def three_sensors() -> Assembler:
    return Assembler(3, max_age_s=12, sample_s=2, required=[True, True, False])


def by_definition(stream: Readings, max_age_s: float, sample_s: float, required: set[int]):
    """Rows and due readings, with sets and divisions instead of flags."""
    full = np.full(stream.values.shape, NAN)
    due = np.zeros(len(stream), dtype=np.uint8)
    for row in np.unique(stream.rows):
        mine = np.flatnonzero(stream.rows == row)
        spoken: set[int] = set()
        last_due = -1e18
        for n, i in enumerate(mine):
            now = stream.times[i] / S_NS
            for s in range(stream.values.shape[1]):
                past = [j for j in mine[: n + 1] if not math.isnan(stream.values[j, s])]
                if past and now - stream.times[past[-1]] / S_NS <= max_age_s:
                    full[i, s] = stream.values[past[-1], s]
            brought = {s for s in required if not math.isnan(stream.values[i, s])}
            again, spoken = spoken & brought, spoken | brought
            new_sample = now > last_due if sample_s == 0 else now // sample_s > last_due // sample_s
            if (again or spoken == required) and new_sample:
                spoken = set() if spoken == required else brought
                if not any(math.isnan(full[i, s]) for s in required):
                    due[i], last_due = 1, now
    return full, due


@settings(max_examples=150, deadline=None)
@given(readings(3, PALETTE, max_size=100), st.sampled_from([0, 2]), st.sampled_from([0, 5, 12]))
def test_every_row_follows_from_its_definition(stream: Readings, sample_s, max_age_s):
    stage = Assembler(3, max_age_s=max_age_s, sample_s=sample_s, required=[True, False, True])
    full, due = walked(stage, fill_in, stream)
    expected_full, expected_due = by_definition(stream, max_age_s, sample_s, {0, 2})
    np.testing.assert_array_equal(full, expected_full)
    np.testing.assert_array_equal(due, expected_due)


@settings(max_examples=60, deadline=None)
@given(readings(3, PALETTE), st.lists(st.integers(0, 60), max_size=5))
def test_the_laws_of_a_stage(stream: Readings, cuts: list[int]):
    assert_laws(three_sensors, fill_in, stream, cuts)


@settings(max_examples=60, deadline=None)
@given(readings(3, PALETTE), st.sampled_from([0, 3]))
def test_a_due_row_is_complete_and_alone_in_its_sample(stream: Readings, sample_s: int):
    full, due = walked(Assembler(3, sample_s=sample_s), fill_in, stream)
    chosen = due == 1
    assert not np.isnan(full[chosen]).any()
    samples = stream.times[chosen] // (max(sample_s, 1) * S_NS)
    pairs = list(zip(stream.rows[chosen], samples, strict=True))
    assert len(pairs) == len(set(pairs))


def test_compiled_and_interpreted_rows_and_states_are_the_same(compiled_kernel, monkeypatch):
    rng = np.random.default_rng(3)
    n = 4000
    stream = Readings(
        rng.integers(0, 3, n).astype(np.int32),
        np.cumsum(rng.choice([0, 1, 20], n)) * S_NS,
        rng.choice(PALETTE, (n, 3)),
    )
    outcomes = []
    for kernel in (compiled_kernel("assemble"), kernels.interpreted("assemble")):
        monkeypatch.setattr(assemble, "kernel", kernel)
        stage = three_sensors()
        outcomes.append([*walked(stage, fill_in, stream), *stage.state.values()])
    assert 100 < outcomes[0][1].sum() < n
    assert_same_bits(*outcomes)


def test_with_all_sensors_in_one_message_every_message_is_due():
    messages = [(t, {0: t, 1: t}) for t in range(5)]
    assert due_times(Assembler(2), messages) == [0, 1, 2, 3, 4]


def test_with_a_message_for_each_sensor_the_last_of_each_instant_is_due():
    messages = [(t, {s: t}) for t in range(3) for s in range(3)]
    full, due = walked(
        Assembler(3),
        fill_in,
        story(
            [[b.get(s, NAN) for s in range(3)] for _, b in messages],
            times_s=[0] * 3 + [1] * 3 + [2] * 3,
        ),
    )
    np.testing.assert_array_equal(due, [0, 0, 1] * 3)
    np.testing.assert_array_equal(full[due == 1], [[0, 0, 0], [1, 1, 1], [2, 2, 2]])


def test_messages_of_one_round_may_be_stamped_a_little_apart():
    messages = [(t + 0.1 * s, {s: t}) for t in range(3) for s in range(3)]
    assert due_times(Assembler(3), messages) == [0.2, 1.2, 2.2]


def test_after_a_lost_message_time_moves_on_with_what_there_is():
    messages = [(0, {0: 1}), (0, {1: 1}), (1, {0: 2}), (2, {0: 3}), (2, {1: 3})]
    assert due_times(Assembler(2), messages) == [0, 2]


def test_a_slow_sensor_does_not_slow_down_a_fast_one():
    messages = [(0, {1: 50}), *((t, {0: t}) for t in range(10)), (9, {1: 51}), (10, {0: 10})]
    assert due_times(Assembler(2), messages) == [0, *range(2, 11)]


def test_nothing_is_due_while_a_required_sensor_is_unknown_or_too_old():
    alone = [(t, {0: t}) for t in range(3)]
    assert due_times(Assembler(2), alone) == []
    outdated = [(0, {0: 0, 1: 0}), *((t, {0: t}) for t in range(4, 20, 4))]
    assert due_times(Assembler(2, max_age_s=8), outdated) == [0, 8]
    assert due_times(Assembler(2, required=[True, False]), alone) == [0, 1, 2]


def test_one_row_for_each_sample_however_fast_the_readings_come():
    messages = [(t, {0: t}) for t in (3, 7, 12, 19.999, 20, 31, 32)]
    assert due_times(Assembler(1, sample_s=10), messages) == [3, 12, 20, 31]


def test_times_before_1970_fall_into_samples_too():
    messages = [(t, {0: t}) for t in (-21, -20, -11, -10, -1, 0)]
    assert due_times(Assembler(1, sample_s=10), messages) == [-21, -20, -10, 0]


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"max_age_s": -1}, "max_age_s is -1, 0 … 1e"),
        ({"sample_s": NAN}, "sample_s is nan"),
        ({"required": [False, False]}, "required names no sensor, at least 1 is needed"),
        ({"required": [True]}, r"required has shape \[1\], \[2\] is needed"),
    ],
)
def test_wrong_parameters_are_named(parameters, sentence):
    with pytest.raises(ValueError, match=sentence):
        Assembler(2, **parameters)
