"""The score of the wind turbines: by hand, by its words, on frozen sets, and its laws."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from detectors.metrics import CareSet, care_score, criticality, earliness
from tests.detectors import plain_scores

FROZEN = json.loads((Path(__file__).parents[1] / "data/scored_series.json").read_text("utf-8"))
N = 200
RUNNING = np.ones(N, bool)
EVENT = (100, 199)

flags = hnp.arrays(bool, 30)


def rows(*spans: tuple[int, int]) -> np.ndarray:
    """Alarms in these spans, both ends included."""
    alarm = np.zeros(N, bool)
    for first, last in spans:
        alarm[first : last + 1] = True
    return alarm


def sick(*spans: tuple[int, int]) -> CareSet:
    return CareSet(rows(*spans), RUNNING, EVENT)


def well(*spans: tuple[int, int]) -> CareSet:
    return CareSet(rows(*spans), RUNNING)


@st.composite
def sets(draw) -> CareSet:
    first, last = sorted(draw(st.tuples(st.integers(0, 29), st.integers(0, 29))))
    event = draw(st.sampled_from([None, (first, last)]))
    return CareSet(draw(flags), draw(flags), event)


def test_frozen_sets_have_their_right_scores():
    frozen = [
        CareSet(
            np.array(one["alarm"], bool),
            np.array(one["normal"], bool),
            one["event"] and tuple(one["event"]),
        )
        for one in FROZEN["care"]["sets"]
    ]
    assert asdict(care_score(frozen)) == pytest.approx(FROZEN["care"]["right"], abs=1e-5)


def test_perfect_is_1_in_everything():
    score = care_score([sick(EVENT), well()])
    assert asdict(score) == dict.fromkeys(asdict(score), 1.0)


def test_the_parts_by_hand():
    """One of two faults found in its last 80 rows; a false alarm on 20 of 200 rows."""
    score = care_score([sick((120, 199)), sick(), well((0, 19)), well()])
    assert score.coverage == pytest.approx((1.25 * 80 / (1.25 * 80 + 0.25 * 20) + 0) / 2)
    assert score.accuracy == pytest.approx((0.9 + 1) / 2)
    assert score.reliability == pytest.approx(1.25 / (1.25 + 0.25))
    assert score.earliness == pytest.approx(earliness(sick((120, 199))) / 2)
    parts = score.coverage + score.earliness + score.reliability + 2 * score.accuracy
    assert score.care == pytest.approx(parts / 5)


def test_alarms_before_the_event_cost_coverage_and_those_out_of_service_nothing():
    early = care_score([sick((0, 49), EVENT), well()])
    assert early.coverage == pytest.approx(1.25 * 100 / (1.25 * 100 + 50))
    serviced = CareSet(rows((0, 49), EVENT), np.arange(N) >= 50, EVENT)
    assert care_score([serviced, well()]).coverage == 1.0


def test_who_never_raises_an_alarm_gets_0():
    assert care_score([sick(), well()]).care == 0.0
    assert care_score([sick((120, 190)), well()]).care == 0.0  # 71 rows are not yet critical
    assert care_score([sick((120, 191)), well()]).care > 0.5


def test_worse_than_a_coin_gets_its_accuracy_and_no_more():
    score = care_score([sick(EVENT), well((0, 100))])
    assert score.care == score.accuracy == 0.495
    just = care_score([sick(EVENT), well((0, 99))])
    assert just.care == pytest.approx((1 + 1 + 1.25 / 2.25 + 2 * 0.5) / 5)


def test_a_false_alarm_that_lasts_costs_reliability():
    assert care_score([sick(EVENT), well((0, 71))]).reliability == pytest.approx(1.25 / 2.25)
    assert care_score([sick(EVENT), well((0, 70))]).reliability == 1.0


def test_criticality_forgets_slowly_and_stands_still_out_of_service():
    assert criticality(well((0, 49), (60, 99))) == 50 - 10 + 40
    assert criticality(well((0, 9), (30, 49))) == 20  # not below nothing in between
    stopped = CareSet(rows((0, 49), (60, 99)), ~rows((50, 59)), None)
    assert criticality(stopped) == 90


def test_what_comes_after_the_fault_raises_no_criticality():
    assert criticality(CareSet(rows((100, 199)), RUNNING, (50, 119))) == 20


def test_an_alarm_in_the_first_half_of_an_event_counts_in_full():
    whole = earliness(sick(EVENT))
    assert whole == 1.0
    assert earliness(sick((100, 119))) == earliness(sick((130, 149)))
    assert earliness(sick((150, 169))) > earliness(sick((180, 199))) > 0


def test_weights_may_begin_to_fall_earlier():
    """Four rows and 1/4: at 0, 4/15, 8/15 and 12/15 of the event."""
    one = CareSet(np.array([False, False, True, False]), np.ones(4, bool), (0, 3))
    weights = [1, 11 / 15 / 0.75, 7 / 15 / 0.75, 3 / 15 / 0.75]
    assert earliness(one, full_weight=(1, 4)) == pytest.approx(weights[2] / sum(weights))


def test_without_events_or_without_normal_sets_there_is_no_care():
    for some in ([well()], [sick(EVENT)], []):
        assert math.isnan(care_score(some).care)
    assert care_score([well((0, 99))]).to_dict() == {
        "care": None,
        "coverage": None,
        "accuracy": 0.5,
        "reliability": 0.0,
        "earliness": None,
    }


def test_sets_must_make_sense():
    with pytest.raises(ValueError, match="199 rows of status for 200 of alarms"):
        CareSet(rows(), RUNNING[1:])
    with pytest.raises(ValueError, match=r"event is \(5, 200\); it must lie in the rows 0 … 199"):
        CareSet(rows(), RUNNING, (5, 200))
    with pytest.raises(ValueError, match="full_weight is 1/1"):
        care_score([sick()], full_weight=(1, 1))


@given(sets())
def test_criticality_is_a_walk_that_is_stopped_at_nothing(one):
    last = one.event[1] if one.event else 29
    assert criticality(one) == plain_scores.criticality(one.alarm, one.normal, last)


@given(st.lists(sets(), max_size=5), st.randoms())
def test_all_is_within_0_and_1_and_the_order_of_sets_does_not_matter(some, random):
    score = care_score(some, critical=5)
    assert all(math.isnan(part) or 0 <= part <= 1 + 1e-12 for part in asdict(score).values())
    shuffled = care_score(random.sample(some, len(some)), critical=5)
    assert asdict(shuffled) == pytest.approx(asdict(score), nan_ok=True)


@given(flags, st.integers(0, 29), st.integers(0, 29))
def test_an_earlier_alarm_is_never_worth_less(alarm, one, other):
    early, late = sorted((one, other))
    alarm[[early, late]] = False
    first, second = alarm.copy(), alarm.copy()
    first[early] = second[late] = True
    everywhere = np.ones(30, bool)
    assert (
        earliness(CareSet(first, everywhere, (0, 29)))
        >= earliness(CareSet(second, everywhere, (0, 29))) - 1e-12
    )
