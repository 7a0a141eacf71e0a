"""The benchmark's score: by hand, by its words, on frozen series, and the laws it must obey."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.metrics import PROFILES, Profile, Series, nab_score
from tests.detectors import plain_scores

FROZEN = json.loads((Path(__file__).parents[1] / "data/scored_series.json").read_text("utf-8"))
CORPUS = [
    Series(np.array(one["scores"]), [tuple(window) for window in one["windows"]])
    for one in FROZEN["nab"]["series"]
]
N = 100
LEARNT = 15
"""Readings of the first 15 % of N."""
WINDOW = (40, 49)


def sigmoid(y: float) -> float:
    return 2 / (1 + math.exp(5 * y)) - 1


def detections(*places: int, windows=(WINDOW,), n=N) -> Series:
    return Series(np.isin(np.arange(n), places).astype(float), windows)


def scored(series: Series, profile="standard") -> float:
    return nab_score([series], profile, threshold=1.0).score


@st.composite
def corpora(draw) -> list[Series]:
    """Some series with at least one window to find; few distinct scores, so that readings tie."""
    corpus = [Series(np.full(60, 0.2), [(30, 39)])]
    for _ in range(draw(st.integers(0, 2))):
        n = draw(st.integers(20, 60))
        levels = st.lists(st.integers(0, 6), min_size=n, max_size=n)
        edges = sorted(draw(st.sets(st.integers(0, n - 1), max_size=6)))
        windows = list(zip(edges[::2], edges[1::2], strict=False))
        corpus.append(Series(np.array(draw(levels)) / 5, windows))
    return corpus


def plainly(corpus: list[Series]) -> list[tuple[list[float], list[tuple[int, int]]]]:
    return [(series.scores.tolist(), list(series.windows)) for series in corpus]


@pytest.mark.parametrize("profile", PROFILES)
def test_frozen_series_have_their_right_scores(profile):
    for threshold, right in FROZEN["nab"]["right"][profile].items():
        at = None if threshold == "best" else float(threshold)
        assert nab_score(CORPUS, profile, at).score == pytest.approx(right, abs=1e-4)


@pytest.mark.parametrize("profile", PROFILES)
@given(corpus=corpora(), threshold=st.integers(-1, 7).map(lambda level: level / 5))
def test_the_sweep_agrees_with_the_words_of_the_definition(profile, corpus, threshold):
    ours = nab_score(corpus, profile, threshold).score
    assert ours == pytest.approx(plain_scores.nab(plainly(corpus), profile, threshold), abs=1e-9)
    best = nab_score(corpus, profile)
    assert best.score == pytest.approx(plain_scores.nab_best(plainly(corpus), profile), abs=1e-9)
    assert nab_score(corpus, profile, best.threshold) == best
    assert best.score >= max(0.0, ours) - 1e-9


@pytest.mark.parametrize("profile", PROFILES)
def test_perfect_is_100_and_silent_is_0(profile):
    assert scored(detections(40), profile) == pytest.approx(100)
    assert scored(detections(), profile) == 0
    assert nab_score([detections(40)], profile).threshold == 1.0


def test_a_late_detection_by_hand():
    """The last reading of a window of ten: one reading from the end, itself."""
    worth = sigmoid(-0.1) / sigmoid(-1)
    assert scored(detections(49)) == pytest.approx(100 * (worth + 1) / 2)
    assert scored(detections(49), "low_fn") == pytest.approx(100 * (worth + 2) / 3)


@pytest.mark.parametrize(
    ("place", "cost"),
    [
        (30, 1.0),  # before the first window
        (50, -sigmoid(1 / 9)),  # right after it: hardly anything
        (76, -sigmoid(27 / 9)),
        (77, 1.0),  # beyond three widths
    ],
)
def test_what_a_false_alarm_costs_by_hand(place, cost):
    assert scored(detections(40, place)) == pytest.approx(100 - 100 * 0.11 * cost / 2)
    assert scored(detections(40, place), "low_fp") == pytest.approx(100 - 100 * 0.22 * cost / 2)


def test_nothing_counts_while_learning():
    assert scored(detections(0, LEARNT - 1, 40)) == pytest.approx(100)
    assert scored(detections(LEARNT, 40)) < 100


def test_a_window_that_ends_while_learning_does_not_exist():
    early = detections(5, 40, windows=((2, LEARNT - 1), WINDOW))
    assert scored(early) == pytest.approx(100)
    assert nab_score([early]).windows == 1


def test_a_window_half_in_the_learning_time_can_be_found_in_the_other_half():
    halved = detections(12, 17, windows=((10, 19),))
    assert scored(halved) == pytest.approx(100 * (sigmoid(-0.3) / sigmoid(-1) + 1) / 2)


def test_one_threshold_serves_the_whole_corpus():
    """Lowering it for the second series would let the first one cry wolf."""
    loud = Series(np.where(np.arange(N) == 40, 9.0, 5.0), [WINDOW])
    quiet = Series(np.where(np.arange(N) == 40, 2.0, 0.0), [WINDOW])
    both = nab_score([loud, quiet])
    assert (both.threshold, both.caught, both.windows, both.false_detections) == (9.0, 1, 2, 0)


def test_who_does_not_speak_detects_nothing_and_who_shouts_does():
    scores = np.full(N, math.nan)
    assert nab_score([Series(scores, [WINDOW])]).score == 0
    scores[40] = math.inf
    assert nab_score([Series(scores, [WINDOW])]).score == pytest.approx(100)
    scores[30] = math.inf
    assert nab_score([Series(scores, [WINDOW])]).score == pytest.approx(100 - 11 / 2)
    assert nab_score([Series(scores, [WINDOW])], threshold=math.inf).score == 0


def test_without_windows_there_is_no_score():
    assert math.isnan(nab_score([detections(40, windows=())]).score)
    assert math.isnan(nab_score([]).score)


def test_an_application_may_have_its_own_weights():
    dear = Profile(true_positive=1, false_positive=0.5, false_negative=1)
    assert scored(detections(30, 40), dear) == pytest.approx(75)


@pytest.mark.parametrize("windows", [[(20, 10)], [(10, 20), (20, 30)], [(90, 100)], [(-1, 3)]])
def test_windows_must_make_sense(windows):
    with pytest.raises(ValueError, match=r"windows come in order, .* 0 … 99"):
        Series(np.zeros(N), windows)


@given(st.integers(*WINDOW), st.integers(*WINDOW))
def test_earlier_detection_never_scores_less(one, other):
    early, late = sorted((one, other))
    assert scored(detections(early)) >= scored(detections(late))
    assert scored(detections(early, late)) == scored(detections(early))


@given(st.sets(st.integers(0, N - 1)), st.integers(0, N - 1))
def test_another_false_alarm_never_raises_the_score(places, place):
    if not WINDOW[0] <= place <= WINDOW[1]:
        assert scored(detections(*places, place)) <= scored(detections(*places)) + 1e-12


@given(corpora(), st.randoms())
def test_the_order_of_series_and_the_scale_of_scores_do_not_matter(corpus, random):
    best = nab_score(corpus).score
    shuffled = random.sample(corpus, len(corpus))
    assert nab_score(shuffled).score == pytest.approx(best)
    stretched = [Series(np.exp(series.scores), series.windows) for series in corpus]
    assert nab_score(stretched).score == pytest.approx(best)
