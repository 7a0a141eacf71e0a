"""How good was it: stories with a known answer, and what holds for every story."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from detectors.metrics import (
    AlertSpan,
    FaultSpan,
    false_alarms,
    match,
    precision_recall_f1,
    roc_auc,
)

WEAR = FaultSpan("bearing_wear", "north/T03", "machine", onset_ns=100, repair_ns=200)


def alert(fired: int, resolved: int | None, kind="machine", machine="north/T03") -> AlertSpan:
    return AlertSpan(machine, kind, fired, resolved)


spans = st.tuples(st.sampled_from("AB"), st.sampled_from(["machine", "instrument"]))
faults = st.builds(
    lambda who, onset, length: FaultSpan("f", *who, onset, onset + length),
    spans,
    st.integers(0, 50),
    st.integers(1, 30),
)
alerts = st.builds(
    lambda who, fired, length: AlertSpan(*who, fired, length and fired + length),
    spans,
    st.integers(0, 90),
    st.none() | st.integers(1, 30),
)


def test_an_alert_raised_in_the_fault_and_resolved_after_the_repair():
    (result,) = match([WEAR], [alert(130, 220)])
    assert (result.found, result.resolved) == (True, True)
    assert result.delay_s == 30e-9
    assert false_alarms([WEAR], [alert(130, 220)]) == []


def test_nobody_was_told():
    (result,) = match([WEAR], [])
    assert (result.found, result.resolved, result.delay_s) == (False, False, None)


@pytest.mark.parametrize(
    "told",
    [
        alert(99, 250),  # already firing at onset
        alert(200, 250),  # only after the repair
        alert(130, 220, kind="instrument"),
        alert(130, 220, machine="north/T04"),
        alert(130, 220, kind="silent"),
    ],
)
def test_what_does_not_count_as_finding(told):
    (result,) = match([WEAR], [told])
    assert not result.found


def test_the_edges_are_the_onset_and_just_before_the_repair():
    assert match([WEAR], [alert(100, 250)])[0].delay_s == 0
    assert match([WEAR], [alert(199, 250)])[0].found


def test_the_first_alert_counts_and_must_outlast_the_fault():
    (result,) = match([WEAR], [alert(160, 230), alert(120, 150)])
    assert result.alert == alert(120, 150)
    assert not result.resolved


def test_an_alert_that_never_ends_is_not_resolved():
    (result,) = match([WEAR], [alert(130, None)])
    assert result.found
    assert not result.resolved


def test_alerts_on_a_machine_with_no_fault_at_that_time_are_false():
    told = [
        alert(50, 60),
        alert(99, 250),
        alert(210, 220),
        alert(130, 140, machine="north/T04"),
        alert(130, 140, kind="instrument"),
        alert(50, 60, kind="silent"),
        alert(50, 60, kind="system", machine=""),
    ]
    assert false_alarms([WEAR], told) == [told[0], told[1], told[2], told[3]]


def test_a_machine_may_be_given_time_to_settle():
    told = [alert(200, 210), alert(1_000_000_199, None), alert(1_000_000_200, None)]
    assert false_alarms([WEAR], told) == told
    assert false_alarms([WEAR], told, settle_s=1) == told[2:]


@given(st.lists(faults, max_size=6), st.lists(alerts, max_size=8))
def test_what_found_a_fault_is_never_a_false_alarm(faults, alerts):
    told = {id(result.alert) for result in match(faults, alerts)}
    assert told.isdisjoint(id(alarm) for alarm in false_alarms(faults, alerts))


@given(st.lists(faults, max_size=6), st.lists(alerts, max_size=8), st.randoms())
def test_the_order_of_alerts_does_not_matter(faults, alerts, random):
    shuffled = random.sample(alerts, len(alerts))
    ours, theirs = match(faults, alerts), match(faults, shuffled)
    assert [r.delay_s for r in ours] == [r.delay_s for r in theirs]
    assert sorted(map(repr, false_alarms(faults, alerts))) == sorted(
        map(repr, false_alarms(faults, shuffled))
    )


@given(st.lists(faults, max_size=6), st.lists(alerts, max_size=8))
def test_more_alerts_never_find_less(faults, alerts):
    fewer = sum(result.found for result in match(faults, alerts[:-1]))
    assert fewer <= sum(result.found for result in match(faults, alerts))


@given(hnp.arrays(bool, (30, 2)))
def test_precision_recall_and_f1_by_counting(points):
    truth, alarm = points.T
    hits = sum(t and a for t, a in points)
    precision = hits / alarm.sum() if alarm.any() else math.nan
    recall = hits / truth.sum() if truth.any() else math.nan
    ours = precision_recall_f1(truth, alarm)
    assert ours[:2] == pytest.approx((precision, recall), nan_ok=True)
    if precision + recall > 0:
        assert ours[2] == pytest.approx(2 * precision * recall / (precision + recall))


@given(
    hnp.arrays(bool, 25),
    hnp.arrays(float, 25, elements=st.sampled_from([math.nan, -1.0, 0.0, 0.5, 2.0, math.inf])),
)
def test_roc_auc_by_comparing_every_pair(truth, scores):
    pairs = [
        1.0 if strange > normal else 0.5 if strange == normal else 0.0
        for strange in scores[truth & ~np.isnan(scores)]
        for normal in scores[~truth & ~np.isnan(scores)]
    ]
    expected = sum(pairs) / len(pairs) if pairs else math.nan
    assert roc_auc(truth, scores) == pytest.approx(expected, nan_ok=True)
