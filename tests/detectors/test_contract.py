"""What every detector promises, over `detectors.DETECTORS` and an estimator of River's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import DETECTORS
from detectors.base import Fleet
from detectors.river_adapter import RiverFleet

S = 3
MACHINES = 4

SMALL = {
    "ewma_multichart": {"scales_s": (2.0, 8.0), "learn_s": 40.0, "clip": 10.0},
    "adjusted_multichart": {"scales_s": (2.0, 8.0), "learn_s": 40.0, "clip": 10.0},
    "yield_chart": {"scale_s": 8.0, "learn_s": 40.0, "clip": 10.0},
    "half_space_trees": {"n_trees": 3, "height": 4, "window_size": 20, "seed": 3},
    "rolling_zscore": {"window_size": 20, "grace_period": 8},
    "seasonal_novelty": {"step_s": 1.0, "grace_period": 8},
    "ewma_chart": {"grace_period": 12, "fading_factor": 0.3},
    "page_hinkley": {"min_instances": 5, "threshold": 15.0},
    "reference_chart": {"grace_period": 40, "fading_factor": 0.3},
    "shewhart": {"warm_up": 8, "grace_period": 30, "rules": "1234"},
    "cusum": {"warm_up": 8, "grace_period": 250, "head_start": 0.5},
    "hotelling_t2": {"warm_up": 8, "grace_period": 30, "arl0": 1000.0},
    "spe": {"warm_up": 8, "grace_period": 30, "explained": 0.5},
    "mewma": {"warm_up": 8, "grace_period": 30, "fading_factor": 0.3},
    "river": {"estimator": "river.anomaly.LODA", "n_random_cuts": 5, "memory": 400},
}
"""Parameters that let a detector speak soon; a new one in the table is tested at its defaults."""

KINDS = {**DETECTORS, "river": RiverFleet}
UNIVARIATE = [name for name, kind in KINDS.items() if kind.univariate]
ABOUT_ZERO = {"ewma_multichart", "adjusted_multichart", "yield_chart"}
"""Those that take values for residuals, which lie about zero if all is well."""

every_kind = pytest.mark.parametrize("name", KINDS)


def build(name, *, sensors=S, machines=MACHINES):
    fleet = KINDS[name](sensors, **SMALL.get(name, {}))
    fleet.reserve(machines)
    return fleet


def stream(n, *, sensors=S, machines=MACHINES, seed=1, nan_share=0.05):
    """Readings of several machines in random interleaving, some values missing, not all learnt."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, machines, n).astype(np.int32)
    values = rng.normal(size=(n, sensors))
    values[rng.random((n, sensors)) < nan_share] = np.nan
    return rows, seconds(n), values, (rng.random(n) < 0.9).astype(np.uint8)


def seconds(n):
    return np.arange(n, dtype=np.int64) * 10**9


def walk_in(fleet, size, *columns):
    parts = [slice(i, i + size) for i in range(0, len(columns[0]), size)]
    return np.concatenate([fleet.walk(*(column[p] for column in columns)) for p in parts])


def frozen_bytes(fleet):
    return {name: array.tobytes() for name, array in fleet.state.items()}


def assert_same(a, b):
    """Equal to the bit, NaN included; and not all of it NaN, or nothing would have been shown."""
    assert np.isfinite(a).any()
    assert a.tobytes() == b.tobytes()


@every_kind
def test_batches_make_no_difference(name):
    readings = stream(600)
    whole = build(name).walk(*readings)
    for size in (1, 7, 4096):
        assert_same(whole, walk_in(build(name), size, *readings))


@every_kind
def test_machines_do_not_touch_each_other(name):
    rows, times, values, learn = stream(500)
    together = build(name).walk(rows, times, values, learn)
    swapped = np.array([2, 0, 3, 1], dtype=np.int32)[rows]
    assert_same(together, build(name).walk(swapped, times, values, learn))
    mine = rows == 1
    assert_same(
        together[mine], build(name).walk(rows[mine], times[mine], values[mine], learn[mine])
    )


@every_kind
def test_scoring_changes_nothing(name):
    rows, times, values, learn = stream(400)
    asked, quiet = build(name), build(name)
    for part in np.array_split(np.arange(400), 10):
        asked.score(rows[part], times[part], 3 * values[part])
        before = frozen_bytes(asked)
        asked.score(rows[part], times[part], values[part])
        assert frozen_bytes(asked) == before
        assert asked.walk(rows[part], times[part], values[part], learn[part]).tobytes() == (
            quiet.walk(rows[part], times[part], values[part], learn[part]).tobytes()
        )
    assert frozen_bytes(asked) == frozen_bytes(quiet)


@every_kind
def test_learning_without_scores_learns_the_same(name):
    rows, times, values, _ = stream(300)
    ones = np.ones(300, dtype=np.uint8)
    scored, silent = build(name), build(name)
    scored.walk(rows, times, values, ones)
    assert np.isnan(silent.walk(rows, times, values, ones, score=False)).all()
    assert frozen_bytes(scored) == frozen_bytes(silent)


@every_kind
def test_a_new_machine_is_not_scored(name):
    fleet = build(name)
    scores = fleet.score(np.zeros(5, np.int32), seconds(5), np.ones((5, S)))
    assert scores.shape == (5, fleet.n_scores)
    assert np.isnan(scores).all()
    assert fleet.ready(0) == 0.0


@every_kind
def test_it_gets_ready_and_then_speaks(name):
    fleet = build(name)
    rows, times, values, learn = stream(200, machines=1, nan_share=0)
    shares, spoke = [], []
    for i in range(200):
        one = slice(i, i + 1)
        shares.append(fleet.ready(0))
        spoke.append(
            bool(np.isfinite(fleet.walk(rows[one], times[one], values[one], learn[one])).all())
        )
    done = shares.index(1.0)
    assert shares[0] == 0.0
    assert shares[:done] == sorted(shares[:done])
    # Page-Hinkley counts the value that it scores as well, so it speaks one value earlier.
    assert spoke.index(True) in (done, done - 1)


@every_kind
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_no_number_is_as_if_not_reported(name, bad):
    fleet = build(name)
    fleet.walk(*stream(400))
    before = frozen_bytes(fleet)
    rows, times = np.arange(MACHINES, dtype=np.int32), seconds(MACHINES)
    values = np.full((MACHINES, S), bad)
    assert np.isnan(fleet.walk(rows, times, values, np.ones(MACHINES, np.uint8))).all()
    assert frozen_bytes(fleet) == before


@pytest.mark.parametrize("name", UNIVARIATE)
def test_a_missing_sensor_does_not_hold_up_the_others(name):
    rows, times, values, learn = stream(300, nan_share=0)
    values[:, 1] = np.nan
    scores = build(name).walk(rows, times, values, learn)
    assert np.isnan(scores[:, 1]).all()
    alone = build(name, sensors=1).walk(rows, times, values[:, [2]], learn)
    assert_same(scores[:, [2]], alone)


@every_kind
def test_a_constant_signal_stays_finite(name):
    fleet = build(name, machines=1)
    rows, times, ones = np.zeros(100, np.int32), seconds(100), np.ones(100, np.uint8)
    calm = fleet.walk(rows, times, np.full((100, S), 7.5), ones)[-1]
    jump = fleet.score(rows[:2], times[:2], np.array([[7.5] * S, [8.5] * S]))
    assert np.isfinite(calm).all()
    assert np.isfinite(jump).all()
    assert (jump[1] >= jump[0]).all()


@pytest.mark.parametrize("name", sorted(set(UNIVARIATE) - ABOUT_ZERO))
def test_a_large_offset_makes_no_difference(name):
    """Values on a grid of 2⁻¹⁰ are exact at 0 and at 1e9, so only the arithmetic can differ.

    Page-Hinkley sums deviations from a running mean that is itself rounded to 1e-7 at 1e9; River's
    arithmetic, which we keep.
    """
    rows, times, values, learn = stream(500)
    values = np.round(values * 1024) / 1024
    near = build(name).walk(rows, times, values, learn)
    far = build(name).walk(rows, times, values + 1e9, learn)
    assert np.isfinite(near).any()
    if name == "page_hinkley":
        np.testing.assert_allclose(far, near, atol=1e-4, rtol=0)
    else:
        np.testing.assert_allclose(far, near, rtol=1e-12, atol=1e-12)


@every_kind
def test_state_does_not_grow(name):
    fleet = build(name)
    size = sum(array.nbytes for array in fleet.state.values())
    fleet.walk(*stream(1000))
    assert sum(array.nbytes for array in fleet.state.values()) == size


@every_kind
def test_more_room_changes_nothing(name):
    rows, times, values, learn = stream(400)
    grown = build(name)
    first = grown.walk(rows[:200], times[:200], values[:200], learn[:200])
    grown.reserve(10 * MACHINES)
    second = grown.walk(rows[200:], times[200:], values[200:], learn[200:])
    assert_same(build(name).walk(rows, times, values, learn), np.concatenate([first, second]))


@every_kind
def test_a_forgotten_machine_is_a_new_one(name):
    rows, times, values, learn = stream(800)
    fleet, others = build(name), build(name)
    fleet.walk(rows, times, values, learn)
    others.walk(rows, times, values, learn)
    fleet.forget(2)
    again = fleet.walk(rows, times, values, learn)
    new = build(name).walk(rows, times, values, learn)
    assert_same(again[rows == 2], new[rows == 2])
    undisturbed = others.walk(rows, times, values, learn)
    assert_same(again[rows != 2], undisturbed[rows != 2])


@every_kind
@given(split=st.integers(0, 300))
@settings(max_examples=15, deadline=None)
def test_a_restored_fleet_goes_on_as_if_nothing_had_happened(name, split):
    rows, times, values, learn = stream(300)
    uninterrupted = build(name).walk(rows, times, values, learn)
    first, second = build(name), build(name)
    before = first.walk(rows[:split], times[:split], values[:split], learn[:split])
    second.restore({key: array.copy() for key, array in first.state.items()})
    after = second.walk(rows[split:], times[split:], values[split:], learn[split:])
    assert_same(uninterrupted, np.concatenate([before, after]))


@every_kind
def test_same_parameters_and_readings_give_the_same_bits(name):
    readings = stream(400)
    a, b = build(name), build(name)
    assert_same(a.walk(*readings), b.walk(*readings))
    assert frozen_bytes(a) == frozen_bytes(b)


@every_kind
def test_the_strange_ranks_above_the_normal(name):
    rows, times, values, learn = stream(600, machines=1, nan_share=0)
    fleet = build(name, machines=1)
    normal = fleet.walk(rows, times, values, learn)[300:]
    strange = fleet.score(rows[:1], times[-1:] + 10**9, np.full((1, S), 60.0))
    assert (strange >= np.nanmax(normal, axis=0)).all()
    assert (strange > np.nanmedian(normal, axis=0)).all()


@every_kind
def test_what_no_kernel_could_bear_is_refused(name):
    fleet = build(name)
    one = np.ones(1, dtype=np.uint8)
    with pytest.raises(IndexError, match="rows are 4 to 4, 0 to 3 are reserved"):
        fleet.walk(np.array([MACHINES], np.int32), seconds(1), np.zeros((1, S)), one)
    with pytest.raises(IndexError, match="rows are -1 to -1"):
        fleet.walk(np.array([-1], np.int32), seconds(1), np.zeros((1, S)), one)
    with pytest.raises(ValueError, match=r"values \[1, 2\]"):
        fleet.walk(np.zeros(1, np.int32), seconds(1), np.zeros((1, S - 1)), one)
    with pytest.raises(ValueError, match=r"times are \[2\]"):
        fleet.walk(np.zeros(1, np.int32), seconds(2), np.zeros((1, S)), one)
    with pytest.raises(ValueError, match=r"learn is \[2\]"):
        fleet.walk(np.zeros(1, np.int32), seconds(1), np.zeros((1, S)), np.ones(2, np.uint8))
    assert fleet.walk(np.zeros(0, np.int32), seconds(0), np.zeros((0, S)), one[:0]).shape == (
        0,
        fleet.n_scores,
    )


@every_kind
def test_columns_that_may_only_be_read_will_do(name):
    columns = stream(300)
    for column in columns:
        column.flags.writeable = False
    assert np.isfinite(build(name).walk(*columns)).any()


@every_kind
def test_it_says_what_it_does(name):
    kind = KINDS[name]
    assert kind.name == name
    for heading in ("Parameters", "Examples", ">>>"):
        assert heading in kind.__doc__
    told = " ".join(base.__doc__ or "" for base in kind.__mro__)
    for parameter in SMALL.get(name, {}).keys() - {"n_random_cuts"}:
        assert parameter in told


@every_kind
def test_every_state_array_is_in_the_schema(name):
    fleet = build(name)
    fleet.walk(*stream(300))
    assert list(fleet.state) == list(fleet.schema())
    assert isinstance(fleet, Fleet)


NONSENSE = [
    ("half_space_trees", {"n_trees": 0}, "n_trees is 0"),
    ("half_space_trees", {"height": 16}, "height is 16, a whole number in 1 … 15 is allowed"),
    ("half_space_trees", {"height": 15, "n_trees": 40}, r"n_trees · 2\*\*height is 1310720"),
    ("half_space_trees", {"window_size": 65536}, "window_size is 65536"),
    ("half_space_trees", {"window_size": 2.5}, "window_size is 2.5"),
    ("half_space_trees", {"lower": 8.0, "upper": -8.0}, "limits are 8.0 and -8.0"),
    ("half_space_trees", {"upper": np.nan}, "upper limit is nan"),
    ("rolling_zscore", {"window_size": 1}, "window_size is 1"),
    ("rolling_zscore", {"grace_period": 251}, "grace_period is 251"),
    ("rolling_zscore", {"grace_period": 1}, "grace_period is 1"),
    ("rolling_zscore", {"min_std": 0.0}, "min_std is 0.0"),
    ("ewma_chart", {"fading_factor": 0.0}, "fading_factor is 0.0"),
    ("ewma_chart", {"fading_factor": 1.1}, "fading_factor is 1.1"),
    ("ewma_chart", {"grace_period": 1}, "grace_period is 1"),
    ("ewma_chart", {"min_std": np.nan}, "min_std is nan"),
    ("ewma_chart", {"centre": 1.0}, "centre is 1.0 and sigma nan, both or neither must be known"),
    ("ewma_chart", {"centre": 1.0, "sigma": 0.0}, "sigma is 0.0"),
    ("page_hinkley", {"min_instances": 0}, "min_instances is 0"),
    ("page_hinkley", {"delta": -1.0}, "delta is -1.0"),
    ("page_hinkley", {"threshold": np.inf}, "threshold is inf"),
    ("page_hinkley", {"alpha": 1.5}, "alpha is 1.5"),
    ("page_hinkley", {"mode": "sideways"}, "mode is 'sideways', one of up, down, both is allowed"),
    ("river", {"target": 3}, "target is 3"),
    ("river", {"memory": 0}, "memory is 0"),
    ("river", {"warm_up": 0}, "warm_up is 0"),
]


@pytest.mark.parametrize(("name", "parameters", "sentence"), NONSENSE)
def test_nonsense_is_refused_in_a_sentence(name, parameters, sentence):
    with pytest.raises(ValueError, match=sentence):
        KINDS[name](S, **parameters)


@pytest.mark.parametrize("name", DETECTORS)
def test_at_least_one_sensor_is_needed(name):
    with pytest.raises(ValueError, match="n_sensors is 0"):
        KINDS[name](0)
