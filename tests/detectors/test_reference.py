"""The gate: what may be learnt."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import kernels, reference
from detectors.reference import Gate
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
PALETTE = [NAN, 0.1, 0.1, 0.79, 0.8, 0.95, 1.0, 3.0]


def walk(stage: Gate, stream: Readings):
    return (stage.walk(stream.rows, stream.times, np.ascontiguousarray(stream.values[:, 0])),)


def learnt(severity, hold_s: float = 20.0, **when) -> list[int]:
    (learn,) = walked(Gate(hold_s=hold_s), walk, story(np.reshape(severity, (-1, 1)), **when))
    return learn.tolist()


def by_definition(stream: Readings, clear: float, hold_s: float) -> np.ndarray:
    """Open, unless since the last alarm no time has been calm for long enough."""
    learn = np.ones(len(stream), dtype=np.uint8)
    for row in np.unique(stream.rows):
        mine = np.flatnonzero(stream.rows == row)
        closed, calm_since = False, None
        for i in mine:
            now, severity = stream.times[i] / S_NS, stream.values[i, 0]
            if severity >= 1:
                closed = True
            if severity >= clear:
                calm_since = None
            elif severity < clear:
                calm_since = now if calm_since is None else calm_since
                if now - calm_since >= hold_s:
                    closed = False
            learn[i] = not closed
    return learn


@settings(max_examples=200, deadline=None)
@given(readings(1, PALETTE, max_size=120), st.sampled_from([0, 5, 30]))
def test_every_decision_follows_from_its_definition(stream: Readings, hold_s: int):
    (learn,) = walked(Gate(clear=0.8, hold_s=hold_s), walk, stream)
    np.testing.assert_array_equal(learn, by_definition(stream, 0.8, hold_s))


@settings(max_examples=60, deadline=None)
@given(readings(1, PALETTE), st.lists(st.integers(0, 60), max_size=5))
def test_the_laws_of_a_stage(stream: Readings, cuts: list[int]):
    assert_laws(lambda: Gate(clear=0.8, hold_s=5), walk, stream, cuts)


def test_compiled_and_interpreted_decisions_and_states_are_the_same(compiled_kernel, monkeypatch):
    rng = np.random.default_rng(11)
    n = 3000
    stream = Readings(
        rng.integers(0, 3, n).astype(np.int32),
        np.cumsum(rng.choice([0, 1, 20], n)) * S_NS,
        rng.choice(PALETTE, (n, 1), p=[0.1, 0.4, 0.3, 0.1, 0.03, 0.03, 0.03, 0.01]),
    )
    outcomes = []
    for kernel in (compiled_kernel("gate"), kernels.interpreted("gate")):
        monkeypatch.setattr(reference, "kernel", kernel)
        stage = Gate(hold_s=30)
        outcomes.append([*walked(stage, walk, stream), *stage.state.values()])
    assert 0.1 < outcomes[0][0].mean() < 0.9
    assert_same_bits(*outcomes)


def test_it_closes_at_the_limit_and_opens_after_a_calm_spell():
    severity = [0.5, 0.99, 1.0, 0.9, 0.7, 0.7, 0.7, 0.7]
    assert learnt(severity, every_s=10) == [1, 1, 0, 0, 0, 0, 1, 1]


def test_a_calm_spell_that_is_broken_starts_again():
    severity = [1.5, 0.7, 0.7, 0.85, 0.7, 0.7, 0.7]
    assert learnt(severity, every_s=10) == [0, 0, 0, 0, 0, 0, 1]


def test_a_fault_that_stays_is_never_learnt_however_long():
    assert set(learnt([2.0] + [0.9] * 5000, every_s=3600)) == {0}


def test_charts_that_cannot_speak_yet_do_not_stop_the_others_from_learning():
    assert learnt([NAN] * 5) == [1] * 5


def test_silence_does_not_open_a_closed_gate():
    assert set(learnt([1.2] + [NAN] * 100, every_s=600)) == {0}
    assert learnt([1.2, 0.1, NAN, NAN, 0.1], every_s=10) == [0, 0, 0, 0, 1]


def test_the_gate_says_whether_it_is_closed():
    gate = Gate()
    gate.reserve(2)
    gate.walk(np.array([1], np.int32), np.array([0]), np.array([1.0]))
    assert [gate.closed(row) for row in (0, 1)] == [False, True]


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"clear": 0}, "clear is 0, above 0 and at most 1 is needed"),
        ({"clear": 1.1}, "clear is 1.1, above 0 and at most 1 is needed"),
        ({"hold_s": -1}, "hold_s is -1, 0 … "),
    ],
)
def test_wrong_parameters_are_named(parameters, sentence):
    with pytest.raises(ValueError, match=sentence):
        Gate(**parameters)
