"""Is it this machine, or all of them?"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import kernels, siblings
from detectors.siblings import MOVED, WITHIN, Siblings
from tests.detectors.laws import Readings, assert_same_bits

NAN = math.nan
PALETTE = [NAN, -2.0, -1.1, -0.6, -0.5, -0.2, 0.0, 0.3, 0.5, 0.9, 1.0, 1.2, 1.3]


def stage(machines: int = 6, **parameters) -> Siblings:
    fleet = Siblings(2, **{"share": 0.5, "least": 2} | parameters)
    fleet.reserve(machines)
    return fleet


def walk(fleet: Siblings, stream: Readings):
    """The second half of the columns is what stands beside."""
    half = stream.values.shape[1] // 2
    alone, beside = stream.values[:, :half], stream.values[:, half:]
    return tuple(fleet.walk(stream.rows, alone.copy(), beside.copy()))


def one_sensor(fleet: Siblings, severities) -> list[int]:
    """Machines 0, 1, 2, … each say how strange their first sensor is, the second being silent."""
    alone = np.column_stack([severities, np.full(len(severities), NAN)])
    shared = fleet.walk(np.arange(len(alone), dtype=np.int32), alone, np.full_like(alone, NAN))
    return shared.together[:, 0].tolist()


def told(stream: Readings, share: float, least: int, moved: float = 0.5):
    """By its definition: look at what every machine said last."""
    half = stream.values.shape[1] // 2
    said: dict[int, list[float]] = {}
    for row, values in zip(stream.rows.tolist(), stream.values, strict=True):
        alone, beside = values[:half], values[half:]
        x = np.where(np.isnan(alone) | (np.abs(beside) > np.abs(alone)), beside, alone)
        spoken = ~np.isnan(x)
        if row in said or spoken.any():
            said[row] = np.where(spoken, x, said.get(row, [0.0] * half)).tolist()
        sides = np.array([np.sign(v) * (np.abs(v) >= moved) for v in map(np.array, said.values())])
        up, down = ((sides == way).sum(axis=0) if said else np.zeros(half) for way in (1, -1))
        mine = sides[[*said].index(row)] if row in said else np.zeros(half)
        others = np.where(mine > 0, up, down) - 1
        enough = max(least, share * (len(said) - 1))
        shared = (mine != 0) & spoken & (others >= enough)
        left = np.abs(said[row]) - common(said, row, enough, moved) if row in said else mine
        within = (mine != 0) & spoken & (np.abs(said.get(row, mine)) >= 1) & (left < 1)
        yield (
            np.where(shared, MOVED, np.where(within, WITHIN, 0)),
            np.where(up >= down, up, -down),
            len(said),
        )


def common(said: dict[int, list[float]], row: int, enough: float, moved: float):
    """How far enough others have gone in the machine's own direction, in quarters of ``moved``."""
    others = [values for other, values in said.items() if other != row]
    level = np.trunc(np.sign(said[row]) * np.array([said[row], *others])[1:] * 4 / moved)
    if len(others) < enough:
        return np.zeros(len(said[row]))
    return np.maximum(-np.sort(-level, axis=0)[max(math.ceil(enough), 1) - 1], 0) * moved / 4


streams = st.lists(
    st.tuples(st.integers(0, 5), st.lists(st.sampled_from(PALETTE), min_size=4, max_size=4)),
    min_size=1,
    max_size=60,
).map(
    lambda drawn: Readings(
        np.array([row for row, _ in drawn], dtype=np.int32),
        np.arange(len(drawn), dtype=np.int64),
        np.array([values for _, values in drawn]),
    )
)


@given(streams, st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_it_is_what_looking_at_all_machines_says(stream, share, least):
    found = walk(stage(share=share, least=least), stream)
    wanted = zip(*told(stream, share, least), strict=True)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(ours, np.array(theirs))


@given(streams, st.lists(st.integers(0, 60), max_size=6), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_neither_turns_nor_a_restart_show(stream, cuts, at):
    whole = walk(stage(), stream)
    edges = [0, *sorted(min(cut, len(stream)) for cut in [*cuts, at]), len(stream)]
    fleet, parts = stage(), []
    for a, b in pairwise(edges):
        parts.append(walk(fleet, stream[a:b]))
        again = stage()
        again.restore(fleet.state)
        fleet = again
    assert_same_bits(whole, [np.concatenate(column) for column in zip(*parts, strict=True)])


def test_it_is_shared_from_the_least_number_of_others_on():
    assert one_sensor(stage(least=2, share=0.0), [1.0] * 4) == [0, 0, 1, 1]


def test_it_takes_a_share_of_all_others():
    assert one_sensor(stage(9), [0.1] * 4 + [1.0] * 5) == [0] * 8 + [1]


def test_those_that_move_the_other_way_do_not_count():
    assert one_sensor(stage(share=0.0), [1.0, -1.0, 1.0, -1.0, 1.0, -1.0]) == [0, 0, 0, 0, 1, 1]


def test_weather_that_moves_the_fleet_a_little_widens_the_band_by_as_much():
    calm = [0.3] * 4  # 0.25 and a bit
    assert one_sensor(stage(share=0.5), [*calm, 1.2]) == [0] * 4 + [WITHIN]
    assert one_sensor(stage(share=0.5), [*calm, 1.3]) == [0] * 5
    assert one_sensor(stage(share=0.5), [*calm, -1.2]) == [0] * 5
    assert one_sensor(stage(share=0.5), [0.3, 0.0, 0.0, 0.0, 1.2]) == [0] * 5


def test_below_the_limit_nobody_needs_to_be_excused():
    assert one_sensor(stage(share=0.5), [0.3] * 4 + [0.9]) == [0] * 5


def test_a_loss_over_days_is_the_machine_s_own_however_the_weather_is():
    rows, calm = np.arange(5, dtype=np.int32), [-0.3] * 4
    strange = np.column_stack([[*calm, -1.2], [*calm, -1.2]])
    taken = np.full((5, 2), NAN)
    taken[4] = 1.2, 0.9
    shared = stage(share=0.5).walk(rows, strange, strange, taken)
    assert shared.together[4].tolist() == [0, WITHIN]


def test_who_is_within_the_fleet_s_is_still_evidence():
    severity = np.array([[0.3, 0.6]] * 4 + [[1.2, 1.2]])
    shared = stage(share=0.5).walk(np.arange(5, dtype=np.int32), severity, severity)
    assert shared.together[4].tolist() == [WITHIN, MOVED]
    assert shared.evidence[4].tolist() == [0, 1]


def test_a_machine_that_is_forgotten_no_longer_counts():
    fleet = stage(least=2, share=0.0)
    assert one_sensor(fleet, [1.0, 1.0, 0.1, 0.1]) == [0] * 4
    fleet.forget(0)
    alone = np.array([[1.0, NAN]])
    shared = fleet.walk(np.array([3], np.int32), alone, np.full_like(alone, NAN))
    assert (shared.together[0, 0], shared.moved[0, 0], shared.machines[0]) == (0, 2, 3)


def test_a_fleet_drift_has_the_severity_of_what_it_takes():
    fleet = stage(least=2, share=0.5)
    alone = np.column_stack([[1.0, 1.0, 1.0, -1.0], [0.0] * 4])
    shared = fleet.walk(np.arange(4, dtype=np.int32), alone, alone)
    np.testing.assert_allclose(fleet.severity(shared)[:, 0], [0, 0.5, 1, 1])
    np.testing.assert_array_equal(fleet.severity(shared)[:, 1], 0)


def test_compiled_and_interpreted_answers_and_states_are_the_same(compiled_kernel, monkeypatch):
    rng = np.random.default_rng(3)
    rows = rng.integers(0, 6, 2000).astype(np.int32)
    stream = Readings(rows, np.arange(2000), rng.choice(PALETTE, (2000, 4)))
    outcomes = []
    for kernel in (compiled_kernel("siblings"), kernels.interpreted("siblings")):
        monkeypatch.setattr(siblings, "kernel", kernel)
        fleet = stage()
        outcomes.append([*walk(fleet, stream), *fleet.state.values()])
    assert 0 < outcomes[0][0].mean() < 1
    assert_same_bits(*outcomes)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"moved": 0.0}, "moved is 0.0"),
        ({"share": 1.5}, "share is 1.5"),
        ({"least": 0}, "least is 0"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        stage(**wrong)
