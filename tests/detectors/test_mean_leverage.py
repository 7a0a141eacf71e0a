"""Averages of residuals that one regression has judged spread as if they were independent."""

import numpy as np
import pytest

from detectors.mean_leverage import MeanLeverage

SCALE_S, MACHINES, N = 100.0, 300, 1500
SECOND_NS = 1_000_000_000
NAN = float("nan")


def doubt(machines=MACHINES, n_features=3):
    fleet = MeanLeverage(n_features, scale_s=SCALE_S)
    fleet.reserve(machines)
    return fleet


def averaged(z):
    """The EWMA at the end of f8[n, machines], in the spread of independent values."""
    share = 1 - np.exp(-1 / SCALE_S)
    weights = share * (1 - share) ** np.arange(len(z))[::-1]
    return weights @ z / np.sqrt((weights**2).sum())


def test_whatever_the_regression_is_wrong_by_averages_spread_as_if_independent():
    """300 machines, each with an error of its own in a season that was not the learning's."""
    rng = np.random.default_rng(1)
    season = np.array([0.05, -0.2, 0.1])
    wrong = rng.standard_normal((MACHINES, 3)) @ season
    z = rng.standard_normal((N, MACHINES)) + wrong
    rows = np.tile(np.arange(MACHINES, dtype=np.int32), N)
    times = np.repeat((1 + np.arange(N)) * SECOND_NS, MACHINES)
    drawn = doubt().walk(rows, times, z.reshape(-1), np.tile(season, (N * MACHINES, 1)))
    assert averaged(z).std() > 2.5
    assert averaged(drawn.reshape(N, MACHINES)).std() == pytest.approx(1, abs=0.15)


def test_contexts_that_cancel_leave_nothing_in_doubt():
    """Each moment's leverage is as large as above; that of their mean is not."""
    solved = np.where(np.arange(N) % 2, 0.2, -0.2)[:, None] * np.ones((1, 3))
    z, rows = np.ones(N), np.zeros(N, np.int32)
    times = (1 + np.arange(N)) * SECOND_NS
    assert doubt(1).walk(rows, times, z, solved)[-500:].min() > 0.95
    assert doubt(1).walk(rows, times, z, np.abs(solved))[-500:].max() < 0.3


def test_what_is_not_known_is_no_part_of_it_and_stays_unknown():
    solved = np.full((N, 3), 0.1)
    z = np.where(np.arange(N) % 3 == 0, NAN, 1.0)
    rows, times = np.zeros(N, np.int32), (1 + np.arange(N)) * SECOND_NS
    wild = np.where(np.isnan(z)[:, None], 1e3, solved)
    drawn = doubt(1).walk(rows, times, z, wild)
    assert np.array_equal(np.isnan(drawn), np.isnan(z))
    known = np.isfinite(z)
    alone = doubt(1).walk(rows[known], times[known], z[known], solved[known])
    assert np.array_equal(drawn[known], alone)


def test_turns_make_no_difference_and_a_snapshot_changes_no_bit():
    rng = np.random.default_rng(3)
    n = 600
    rows = rng.integers(0, 4, n).astype(np.int32)
    times, z = (1 + np.arange(n)) * SECOND_NS, rng.standard_normal(n)
    solved = rng.standard_normal((n, 3)) / 5
    whole = doubt(4).walk(rows, times, z, solved)
    first, second = doubt(4), doubt(4)
    parts = [first.walk(rows[:250], times[:250], z[:250], solved[:250])]
    second.restore(first.state)
    parts += [second.walk(rows[250:], times[250:], z[250:], solved[250:])]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_columns_that_do_not_fit_are_refused():
    rows, times, z = np.zeros(2, np.int32), np.arange(2), np.ones(2)
    with pytest.raises(ValueError, match=r"solved is \[2, 2\], \[2, 3\] is needed"):
        doubt(1).walk(rows, times, z, np.ones((2, 2)))
    with pytest.raises(ValueError, match="scale_s"):
        MeanLeverage(3, scale_s=0.0)
