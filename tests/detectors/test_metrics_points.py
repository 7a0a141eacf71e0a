"""Average precision by hand, by the definition, and what cannot change it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from detectors.metrics import pr_auc, roc_auc
from tests.detectors import plain_scores

truths = hnp.arrays(bool, 25)
scores = hnp.arrays(float, 25, elements=st.sampled_from([-2.0, 0.0, 0.25, 1.0, 3.0, 50.0]))


@pytest.mark.parametrize(
    ("truth", "score", "area"),
    [
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 1 / 2 * 1 + 1 / 2 * 2 / 3),
        ([1, 0, 1], [3, 2, 1], 1 / 2 * 1 + 1 / 2 * 2 / 3),
        ([1, 0, 1, 0], [1, 1, 1, 1], 1 / 2),  # one level: the share of anomalous points
        ([1, 0, 1, 0, 0], [2, 2, 1, 1, 0], 1 / 2 * 1 / 2 + 1 / 2 * 2 / 4),  # ties fall together
        ([1, 1, 0], [2, 2, 1], 1.0),
        ([0, 0, 1], [3, 2, 1], 1 / 3),
    ],
)
def test_average_precision_by_hand(truth, score, area):
    assert pr_auc(np.array(truth, bool), np.array(score, float)) == pytest.approx(area)


def test_nothing_to_find_is_nothing_to_score():
    assert math.isnan(pr_auc(np.zeros(3, bool), np.arange(3.0)))
    assert math.isnan(pr_auc(np.zeros(0, bool), np.zeros(0)))


def test_a_detector_that_does_not_speak_yet_is_not_judged():
    truth = np.array([True, False, True, False])
    assert pr_auc(truth, np.array([math.nan, math.nan, 2.0, 1.0])) == 1.0


@given(truths, scores)
def test_average_precision_by_its_definition(truth, scores):
    assume(truth.any())
    expected = plain_scores.average_precision(truth.tolist(), scores.tolist())
    assert pr_auc(truth, scores) == pytest.approx(expected)


@pytest.mark.parametrize("area", [pr_auc, roc_auc])
@given(truth=truths, scores=scores, random=st.randoms())
def test_only_the_order_of_scores_counts(area, truth, scores, random):
    once = area(truth, scores)
    assert area(truth, np.arctan(scores) * 3 - 7) == pytest.approx(once, nan_ok=True)
    shuffled = random.sample(range(25), 25)
    assert area(truth[shuffled], scores[shuffled]) == pytest.approx(once, nan_ok=True)
