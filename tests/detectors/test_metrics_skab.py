"""The pump testbed's scores: by hand, by their words, on frozen recordings, and their laws."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from detectors.metrics import (
    PROFILES,
    SkabOutliers,
    changepoint_score,
    changepoints_of,
    outlier_score,
)
from tests.detectors import plain_scores

FROZEN = json.loads((Path(__file__).parents[1] / "data/scored_series.json").read_text("utf-8"))
COLUMNS = {"times": float, "truth": bool, "alarm": bool, "changepoints": bool, "marks": bool}
EXPERIMENTS = [
    {name: np.array(one[name], kind) for name, kind in COLUMNS.items()}
    for one in FROZEN["skab"]["experiments"]
]
TIMES = np.arange(300.0)

flags = hnp.arrays(bool, 40)
experiments = st.lists(
    st.tuples(st.just(np.arange(40.0) * 2), flags, flags), min_size=1, max_size=3
)


def at(*seconds: int) -> np.ndarray:
    return np.isin(TIMES, seconds)


def changes(truth: np.ndarray, marks: np.ndarray) -> dict[str, float]:
    return dict(changepoint_score([(TIMES, truth, marks)], learning_rows=0).scores)


def test_frozen_recordings_have_their_right_scores():
    right = FROZEN["skab"]["right"]
    counts = {name: right[name] for name in ("tp", "fp", "tn", "fn")}
    pairs = [(one["truth"], one["alarm"]) for one in EXPERIMENTS]
    assert outlier_score(pairs) == SkabOutliers(**counts)
    triples = [(one["times"], one["changepoints"], one["marks"]) for one in EXPERIMENTS]
    assert changepoint_score(triples).scores == pytest.approx(right["changepoints"], abs=1e-4)


def test_shares_by_hand():
    score = SkabOutliers(tp=6, fp=2, tn=8, fn=4)
    assert score.f1 == pytest.approx(2 * 6 / (2 * 6 + 2 + 4))
    assert (score.far, score.mar) == (0.2, 0.4)
    assert score.skill == pytest.approx(0.4)


def test_a_siren_that_never_stops_has_no_skill_whatever_its_f1():
    truth = np.arange(1000) >= 540
    siren = outlier_score([(truth, np.ones(1000, bool))], learning_rows=0)
    assert siren.f1 == pytest.approx(0.63, abs=0.01)
    assert (siren.far, siren.mar, siren.skill) == (1.0, 0.0, 0.0)


def test_the_first_400_rows_are_for_learning():
    alarm = np.arange(500) < 401
    assert outlier_score([(np.zeros(500, bool), alarm)]) == SkabOutliers(0, 1, 99, 0)


def test_without_a_row_to_judge_there_is_no_share():
    nothing = outlier_score([])
    assert all(math.isnan(s) for s in (nothing.f1, nothing.far, nothing.mar, nothing.skill))
    assert math.isnan(changepoint_score([]).scores["standard"])


@pytest.mark.parametrize("profile", PROFILES)
def test_perfect_is_100_and_silent_is_0(profile):
    assert changes(at(50, 150), at(50, 150))[profile] == pytest.approx(100)
    assert changes(at(50, 150), at())[profile] == 0


def test_a_mark_in_the_middle_of_a_window_is_worth_half_way():
    """At the middle tanh is 0 (but for half a step of the grid): (1 - 0.11) / 2."""
    assert changes(at(100), at(130))["standard"] == pytest.approx(100 * 1.445 / 2, abs=0.1)


def test_a_mark_at_the_right_edge_costs_a_false_alarm_and_saves_a_miss():
    assert changes(at(100), at(160))["standard"] == pytest.approx(100 * (1 - 0.11) / 2)


def test_a_mark_outside_costs_and_the_second_one_inside_does_not():
    assert changes(at(100), at(99, 100))["low_fp"] == pytest.approx(100 - 100 * 0.22 / 2)
    assert changes(at(100), at(100, 120))["low_fp"] == pytest.approx(100)


def test_a_window_begins_where_the_one_before_ends():
    """Changepoints 20 s apart: the second window is the last 20 s of its 60."""
    score = changepoint_score([(TIMES, at(100, 120), at(100, 130))], learning_rows=0)
    assert (score.windows, score.missed, score.false) == (2, 1, 0)
    both = changepoint_score([(TIMES, at(100, 120), at(100, 160))], learning_rows=0)
    assert both.scores["standard"] == pytest.approx(100)


def test_marks_are_where_a_held_alarm_begins_and_ends():
    alarm = np.zeros(100, bool)
    alarm[[50, 55, 60]] = True
    assert np.flatnonzero(changepoints_of(alarm, learning_rows=0)).tolist() == [50, 90]
    assert np.flatnonzero(changepoints_of(alarm, learning_rows=0, width=3)).tolist() == [
        *(50, 53, 55, 58, 60, 63)
    ]


def test_marks_of_the_first_rows():
    """Not heard before a whole width has passed, except at the very first row."""
    alarm = np.zeros(60, bool)
    alarm[[0, 5, 10]] = True
    assert np.flatnonzero(changepoints_of(alarm, learning_rows=5, width=10)).tolist() == [5, 14, 20]


def test_columns_must_be_equally_long():
    with pytest.raises(ValueError, match=r"\[3, 4\] rows"):
        outlier_score([(np.zeros(3, bool), np.zeros(4, bool))])


@given(st.lists(st.tuples(flags, flags), max_size=4), st.randoms())
def test_only_the_counts_matter(pairs, random):
    once = outlier_score(pairs, learning_rows=0)
    mixed = []
    for truth, alarm in random.sample(pairs, len(pairs)):
        order = random.sample(range(40), 40)
        mixed.append((truth[order], alarm[order]))
    assert outlier_score(mixed, learning_rows=0) == once
    assert once.tp + once.fp + once.tn + once.fn == 40 * len(pairs)


@pytest.mark.parametrize("profile", PROFILES)
@given(recordings=experiments)
def test_changepoints_agree_with_the_words_of_the_definition(profile, recordings):
    ours = changepoint_score(recordings, learning_rows=5, window_s=7)
    if ours.windows:
        plain = plain_scores.changepoints(recordings, profile, 5, 7)
        assert ours.scores[profile] == pytest.approx(plain, abs=1e-9)


@given(st.integers(0, 60), st.integers(0, 60))
def test_an_earlier_mark_never_scores_less(one, other):
    early, late = sorted((100 + one, 100 + other))
    assert changes(at(100), at(early))["standard"] >= changes(at(100), at(late))["standard"]


@given(flags, flags, st.integers(0, 39))
def test_a_mark_outside_windows_never_raises_the_score(truth, marks, place):
    times = np.arange(40.0)
    near = any(0 <= place - change <= 3 for change in np.flatnonzero(truth))
    if near or not truth.any():
        return
    more = marks.copy()
    more[place] = True
    once, then = (
        changepoint_score([(times, truth, some)], learning_rows=0, window_s=3).scores["standard"]
        for some in (marks, more)
    )
    assert then <= once + 1e-9
