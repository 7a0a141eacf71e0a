"""The laws that every stage keeps, as checks that a test calls with its stage and some readings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from detectors.base import Fleet

S_NS = 1_000_000_000


@dataclass(frozen=True)
class Readings:
    """Columns of one machine class; `values` may be [n] for a stage that takes one number."""

    rows: np.ndarray
    times: np.ndarray
    values: np.ndarray

    def __getitem__(self, chosen) -> Readings:
        return Readings(self.rows[chosen], self.times[chosen], self.values[chosen])

    def __len__(self) -> int:
        return len(self.rows)


Walk = Callable[[Fleet, Readings], Sequence[np.ndarray]]


def story(values, every_s: float = 1.0, times_s=None) -> Readings:
    """Readings of one machine, one after the other."""
    values = np.asarray(values, dtype=np.float64)
    seconds = np.arange(len(values)) * every_s if times_s is None else np.asarray(times_s)
    times = np.round(seconds * S_NS).astype(np.int64)
    return Readings(np.zeros(len(values), np.int32), times, values)


def readings(n_sensors: int, palette: Sequence[float], max_size: int = 60):
    """Strategy: a few machines in any order, times that stand, step and leap, values to choose."""
    one = st.tuples(
        st.integers(0, 2),
        st.sampled_from([0, 1, 1, 1, 2, 10, 700]),
        st.lists(st.sampled_from(palette), min_size=n_sensors, max_size=n_sensors),
    )

    def columns(drawn) -> Readings:
        return Readings(
            np.array([row for row, _, _ in drawn], dtype=np.int32),
            np.cumsum([step for _, step, _ in drawn], dtype=np.int64) * S_NS,
            np.array([x for _, _, x in drawn], dtype=np.float64).reshape(len(drawn), n_sensors),
        )

    return st.lists(one, max_size=max_size).map(columns)


def walked(
    stage: Fleet, walk: Walk, stream: Readings, cuts: Sequence[int] = ()
) -> list[np.ndarray]:
    """What comes out, with the readings handed over in the turns that the cuts make of them."""
    edges = [0, *sorted({min(cut, len(stream)) for cut in cuts}), len(stream)]
    stage.reserve(3)
    turns = [walk(stage, stream[a:b]) for a, b in pairwise(edges)]
    return [np.concatenate(column) for column in zip(*turns, strict=True)]


def assert_same_bits(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert a.tobytes() == b.tobytes()


def assert_laws(make: Callable[[], Fleet], walk: Walk, stream: Readings, cuts: list[int]) -> None:
    """Batches do not matter, machines do not notice each other, a restart does not show."""
    whole, stage = _run(make, walk, stream, ())
    batched, other = _run(make, walk, stream, cuts)
    assert_same_bits(whole, batched)
    assert_same_bits(list(stage.state.values()), list(other.state.values()))

    for row in range(3):
        mine = stream.rows == row
        alone, _ = _run(make, walk, replace(stream[mine], rows=stream.rows[mine] * 0), ())
        assert_same_bits([column[mine] for column in whole], alone)

    at = cuts[0] if cuts else len(stream) // 2
    before, first = _run(make, walk, stream[:at], ())
    second = make()
    second.restore(first.state)
    after = walked(second, walk, stream[at:])
    assert_same_bits(whole, [np.concatenate(pair) for pair in zip(before, after, strict=True)])

    stage.forget(1)
    fresh = make()
    fresh.reserve(3)
    for name, array in stage.state.items():
        assert array[1].tobytes() == fresh.state[name][1].tobytes(), name


def _run(make, walk: Walk, stream: Readings, cuts) -> tuple[list[np.ndarray], Fleet]:
    stage = make()
    return walked(stage, walk, stream, cuts), stage
