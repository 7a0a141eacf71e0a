"""What plants live with: each figure by hand, and the laws of the whole score."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.metrics import (
    AlertSpan,
    EventScore,
    FaultSpan,
    Share,
    Spread,
    alarm_minutes,
    benign_raised,
    chattering,
    delays_s,
    detected,
    false_alarms,
    healthy_machine_days,
    instrument_as_machine,
    leads_s,
    match,
    refired,
    right_kind,
    right_machine,
    right_sensor,
    score_events,
    still_firing,
    warned_before_failure,
)

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

WEAR = FaultSpan(
    "bearing_wear",
    "T01",
    "machine",
    10 * DAY,
    40 * DAY,
    component="gearbox",
    signals=("gearbox_vibration", "gearbox_temperature"),
    severity=0.8,
    detectable_ns=14 * DAY,
    failure_ns=38 * DAY,
)
STUCK = FaultSpan(
    "sensor_stuck",
    "T02",
    "instrument",
    20 * DAY,
    21 * DAY,
    signals=("power",),
    detectable_ns=20 * DAY,
    expected="data_quality",
    category="sensor",
)
OIL_CHANGE = FaultSpan(
    "oil_change",
    "T03",
    "machine",
    30 * DAY,
    35 * DAY,
    expected="no_alarm",
    category="maintenance",
)


def alert(machine: str, fired: float, resolved: float | None, kind="machine", sensor=""):
    """Times in days."""
    ended = None if resolved is None else round(resolved * DAY)
    return AlertSpan(machine, kind, round(fired * DAY), ended, sensor=sensor)


def moves(*times_s: float, machine="T01", kind="machine", rule="r") -> list[AlertSpan]:
    """Alerts of one rule: raised, resolved, raised, … at these seconds."""
    ends = [*times_s, None] if len(times_s) % 2 else list(times_s)
    return [
        AlertSpan(
            machine,
            kind,
            round(fired * SECOND),
            None if ended is None else round(ended * SECOND),
            rule=rule,
        )
        for fired, ended in zip(ends[::2], ends[1::2], strict=True)
    ]


def score(faults, alerts, **others):
    return score_events(faults, alerts, machines=4, start_ns=0, end_ns=50 * DAY, **others)


def test_a_good_run_by_hand():
    told = [
        alert("T01", 16, 40, sensor="gearbox_temperature"),
        alert("T02", 20.5, 21, kind="instrument", sensor="power"),
    ]
    good = score([WEAR, STUCK, OIL_CHANGE], told)
    assert good.detected == Share(2, 2)
    assert good.delay_s == Spread.of([2 * 86_400, 0.5 * 86_400])
    assert good.lead_s == Spread.of([22 * 86_400])
    assert good.warned_before_failure == Share(1, 1)
    assert good.healthy_machine_days == 4 * 50 - 30 - 1
    assert (good.false_alarms, good.alarm_minutes, good.early) == (0, 0.0, 0)
    assert good.benign_raised == Share(0, 1)
    assert good.right_machine == good.right_sensor == good.right_kind == Share(2, 2)
    assert good.instrument_as_machine == Share(0, 1)
    assert good.still_firing == Share(1, 1)
    assert [(line.fault, line.severity, line.detected) for line in good.by_fault] == [
        ("bearing_wear", 0.8, Share(1, 1)),
        ("sensor_stuck", 1.0, Share(1, 1)),
    ]


def test_a_bad_run_by_hand():
    told = [
        alert("T01", 39, None, sensor="power"),  # too late, wrong sensor, never resolved
        alert("T02", 20.5, 21),  # blames the machine
        alert("T03", 31, 32),  # the oil was changed, nothing else
        alert("T04", 1, 2),
    ]
    bad = score([WEAR, STUCK, OIL_CHANGE], told)
    assert bad.detected == Share(1, 2)
    assert bad.warned_before_failure == Share(0, 1)
    assert bad.lead_s.median == -86_400
    assert bad.false_alarms == 2
    assert bad.false_alarms_per_machine_day == pytest.approx(2 / 169)
    assert bad.false_alarms_per_machine_month == pytest.approx(2 * 30.4375 / 169)
    assert bad.alarm_minutes == (1 + 1 + 10) * 1440  # T03, T04, and T01 after its repair
    assert bad.benign_raised == Share(1, 1)
    assert bad.right_machine == Share(2, 4)
    assert bad.right_sensor == Share(0, 1)
    assert bad.right_kind == Share(1, 2)
    assert bad.instrument_as_machine == Share(1, 1)
    assert bad.still_firing == Share(0, 1)


def test_what_could_not_be_seen_is_listed_apart():
    hidden = replace(WEAR, machine="T04", detectable_ns=None)
    run = score([WEAR, hidden], [alert("T01", 20, 40), alert("T04", 20, 40)])
    assert run.detected == Share(1, 1)
    assert run.found_though_undetectable == Share(1, 1)
    assert run.delay_s.count == 1
    (line,) = run.by_fault
    assert (line.injected, line.detected) == (2, Share(1, 1))


def test_severities_are_listed_apart():
    faint = replace(WEAR, machine="T04", severity=0.2)
    found = {line.severity: line.detected for line in score([WEAR, faint], []).by_fault}
    assert found == {0.2: Share(0, 1), 0.8: Share(0, 1)}


def test_an_alert_between_onset_and_detectable_is_early_and_its_delay_negative():
    results = match([WEAR], [alert("T01", 12, 40)])
    assert delays_s(results) == [-2 * 86_400]
    assert detected(results) == Share(1, 1)
    assert score([WEAR], [alert("T01", 12, 40)]).early == 1


def test_who_was_not_warned_has_no_lead():
    assert leads_s(match([WEAR], [])) == []
    assert warned_before_failure(match([WEAR], [])) == Share(0, 1)
    assert warned_before_failure(match([STUCK], [])) == Share(0, 0)


def test_machine_time_leaves_out_faults_once_and_their_settling():
    twice = [WEAR, replace(WEAR, onset_ns=35 * DAY, repair_ns=45 * DAY)]
    assert healthy_machine_days(twice, 2, 0, 50 * DAY) == 100 - 35
    assert healthy_machine_days(twice, 2, 0, 50 * DAY, settle_s=86_400) == 100 - 36
    assert healthy_machine_days(twice, 2, 20 * DAY, 30 * DAY) == 20 - 10
    assert healthy_machine_days([OIL_CHANGE], 2, 0, 50 * DAY) == 100


def test_alarm_minutes_count_each_minute_of_a_machine_once():
    told = [alert("T01", 1, 3), alert("T01", 2, 4, kind="instrument"), alert("T02", 48, None)]
    told += [alert("T03", 5, 6, kind="silent")]
    assert alarm_minutes([], told, 0, 50 * DAY) == (3 + 2) * 1440


def test_an_alert_that_outlasts_its_fault_is_an_alarm_on_a_healthy_machine():
    told = [alert("T01", 20, 45)]
    assert alarm_minutes([WEAR], told, 0, 50 * DAY) == 5 * 1440
    assert alarm_minutes([WEAR], told, 0, 50 * DAY, settle_s=3 * 86_400) == 2 * 1440
    assert false_alarms([WEAR], told) == []


def test_a_harmless_change_excuses_no_alarm():
    told = [alert("T03", 31, 32)]
    assert false_alarms([OIL_CHANGE], told) == told


def test_a_change_is_held_against_its_own_alerts_only():
    assert benign_raised([OIL_CHANGE], [alert("T03", 29, 36)]) == Share(0, 1)
    assert benign_raised([OIL_CHANGE], [alert("T03", 31, 32, kind="instrument")]) == Share(0, 1)
    assert benign_raised([OIL_CHANGE], [alert("T01", 31, 32)]) == Share(0, 1)
    late = [alert("T03", 35.5, 36)]
    assert benign_raised([OIL_CHANGE], late) == Share(0, 1)
    assert benign_raised([OIL_CHANGE], late, settle_s=86_400) == Share(1, 1)
    meanwhile = replace(WEAR, machine="T03")
    assert benign_raised([OIL_CHANGE, meanwhile], [alert("T03", 31, 32)]) == Share(0, 1)


def test_the_healthy_twin_of_a_fault_is_neither_fault_nor_change():
    """Severity 0: nothing to find, nothing that changes."""
    nothing = replace(WEAR, severity=0.0, expected="no_alarm")
    run = score([nothing], [])
    assert (run.detected, run.benign_raised, run.by_fault) == (Share(0, 0), Share(0, 0), ())
    assert run.healthy_machine_days == 200


def test_the_first_thing_said_is_what_people_go_by():
    told = [
        alert("T01", 17, 18, kind="instrument", sensor="power"),
        alert("T01", 19, 40, sensor="gearbox_vibration"),
    ]
    assert match([WEAR], told)[0].found
    assert right_kind([WEAR], told) == Share(0, 1)
    assert right_sensor([WEAR], told) == Share(0, 1)
    assert right_sensor([WEAR], told[1:]) == Share(1, 1)
    assert right_machine([WEAR], told) == Share(2, 2)


def test_an_alert_that_names_no_sensor_is_not_asked_which():
    assert right_sensor([WEAR], [alert("T01", 17, 18)]) == Share(0, 0)
    assert right_sensor([replace(WEAR, signals=())], [alert("T01", 17, 18, sensor="a")]).whole == 0


def test_beside_a_fault_of_the_machine_itself_nobody_is_wrongly_blamed():
    beside = replace(WEAR, machine="T02")
    told = [alert("T02", 20.5, 21)]
    assert instrument_as_machine([STUCK], told) == Share(1, 1)
    assert instrument_as_machine([STUCK, beside], told) == Share(0, 0)


@pytest.mark.parametrize(
    ("times_s", "chatters"),
    [
        ((0, 20, 60), True),  # raised, resolved, raised within the minute
        ((0, 20, 61), False),
        ((0, 20), False),
        ((0, 3000, 3020, 3040), True),
        ((0, 1000, 2000, 3000), False),
    ],
)
def test_three_transitions_within_a_minute_are_chattering(times_s, chatters):
    assert chattering(moves(*times_s)) == chatters


def test_each_chattering_alert_counts_once_and_each_for_itself():
    once = moves(*range(0, 100, 10))
    assert chattering(once) == 1
    assert chattering(once + moves(0, 20, 40, rule="other") + moves(0, 20, 40, machine="T9")) == 3
    spread = [*moves(0, 20), *moves(30, 50, rule="other")]
    assert chattering(spread) == 0
    assert chattering(moves(0, 20, 40, kind="silent")) == 0


def test_alerts_that_come_back_within_the_hour():
    assert refired(moves(0, 100, 100 + 3600, 4000)) == 1
    assert refired(moves(0, 100, 100 + 3601, 4000)) == 0
    assert refired(moves(0, 100, 200, 300, 400)) == 2
    assert refired(moves(0, 100) + moves(200, 300, rule="other")) == 0
    assert refired(moves(0, 100, 200), within_s=50) == 0


def test_a_detector_that_learns_the_fault_no_longer_tells_of_it():
    """Detectable at day 14, so asked at day 21."""
    assert still_firing([WEAR], [alert("T01", 15, 20)]) == Share(0, 1)
    assert still_firing([WEAR], [alert("T01", 15, None)]) == Share(1, 1)
    assert still_firing([WEAR], [alert("T01", 15, 16), alert("T01", 20, 22)]) == Share(1, 1)
    assert still_firing([WEAR], [alert("T01", 9, None)]) == Share(0, 1)  # told of something else
    assert still_firing([WEAR], [alert("T01", 15, None, kind="instrument")]) == Share(0, 1)
    assert still_firing([WEAR], [alert("T01", 15, 20)], days=5) == Share(1, 1)
    assert still_firing([WEAR], [], days=26) == Share(0, 0)  # repaired by then


def test_alerts_outside_the_run_are_judged_by_nobody():
    told = [alert("T04", 4, 12), alert("T04", 60, None)]
    run = score_events([], told, machines=1, start_ns=10 * DAY, end_ns=50 * DAY)
    assert run.false_alarms == 0
    assert run.right_machine == Share(0, 0)
    assert run.alarm_minutes == 2 * 1440


def test_where_there_is_nothing_to_take_a_share_of_there_is_none():
    always_ill = replace(WEAR, onset_ns=0, repair_ns=50 * DAY)
    empty = score_events([always_ill], [], machines=1, start_ns=0, end_ns=50 * DAY)
    assert math.isnan(empty.false_alarms_per_machine_month)
    assert math.isnan(empty.delay_s.median)
    assert math.isnan(empty.right_kind.value)


def test_the_score_as_json():
    data = json.loads(json.dumps(score([WEAR], []).to_dict(), allow_nan=False))
    assert data["detected"] == {"share": 0.0, "part": 0, "whole": 1}
    assert data["right_kind"] == {"share": None, "part": 0, "whole": 0}
    assert data["delay_s"]["median"] is None
    assert data["by_fault"][0]["fault"] == "bearing_wear"
    assert data["by_fault"][0]["lead_s"]["count"] == 0


def test_a_run_must_have_a_machine_and_a_length():
    with pytest.raises(ValueError, match="0 machines from 0 to 5 ns"):
        score_events([], [], machines=0, start_ns=0, end_ns=5)
    with pytest.raises(ValueError, match="1 machines from 5 to 5 ns"):
        score_events([], [], machines=1, start_ns=5, end_ns=5)


def test_the_page_explains_every_figure():
    page = (Path(__file__).parents[2] / "docs/scoring.md").read_text("utf-8")
    unexplained = [name for name in EventScore.__slots__ if f"`{name}`" not in page]
    assert unexplained == []


machines = st.sampled_from(["A", "B", "C"])
kinds = st.sampled_from(["machine", "instrument"])
faults = st.builds(
    lambda machine, kind, onset, length, detectable, expected: FaultSpan(
        "f",
        machine,
        kind,
        onset * DAY,
        (onset + length) * DAY,
        signals=("s",),
        detectable_ns=None if detectable is None else (onset + detectable) * DAY,
        expected=expected,
        category="drift" if expected == "no_alarm" else "fault",
    ),
    machines,
    kinds,
    st.integers(0, 40),
    st.integers(1, 20),
    st.none() | st.integers(0, 10),
    st.sampled_from(["alarm", "no_alarm"]),
)
alerts = st.builds(
    lambda machine, kind, fired, length, sensor: alert(
        machine, fired, length and fired + length, kind, sensor
    ),
    machines,
    kinds,
    st.integers(0, 49),
    st.none() | st.integers(1, 20),
    st.sampled_from(["", "s", "t"]),
)
some_faults = st.lists(faults, max_size=5)
some_alerts = st.lists(alerts, max_size=8)


@given(some_faults, some_alerts, st.randoms())
def test_the_order_of_faults_and_alerts_does_not_matter(faults, alerts, random):
    # Of two alerts raised at the same moment on one machine, either may be called the first.
    first = {(a.machine, a.fired_ns): a for a in alerts}
    alerts = list(first.values())
    once = score(faults, alerts)
    shuffled = score(random.sample(faults, len(faults)), random.sample(alerts, len(alerts)))
    assert shuffled.to_dict() == once.to_dict()


@given(some_faults, some_alerts)
def test_shares_are_shares_and_times_are_not_negative(faults, alerts):
    run = score(faults, alerts)
    shares = [getattr(run, name) for name in run.__slots__]
    assert all(0 <= s.part <= s.whole for s in shares if isinstance(s, Share))
    assert 0 <= run.healthy_machine_days <= 200
    assert 0 <= run.alarm_minutes <= run.healthy_machine_days * 1440
    assert run.right_machine.whole - run.right_machine.part == run.false_alarms


@given(some_faults, some_alerts)
def test_alarm_minutes_by_asking_every_day(faults, alerts):
    """All times here are whole days, so a day is wholly one thing or the other."""
    minutes = 0
    for machine in "ABC":
        for moment in range(0, 50 * DAY, DAY):
            ill = any(
                f.machine == machine and not f.benign and f.onset_ns <= moment < f.repair_ns
                for f in faults
            )
            told = any(a.machine == machine and a.firing(moment) for a in alerts)
            minutes += 1440 * (told and not ill)
    assert score(faults, alerts).alarm_minutes == minutes


@given(some_faults, some_alerts, alerts)
def test_one_more_alert_finds_no_less_and_raises_no_fewer_false_alarms(faults, alerts, another):
    before, after = score(faults, alerts), score(faults, [*alerts, another])
    assert after.detected.part >= before.detected.part
    assert after.false_alarms >= before.false_alarms
    assert after.alarm_minutes >= before.alarm_minutes
    assert after.benign_raised.part >= before.benign_raised.part
