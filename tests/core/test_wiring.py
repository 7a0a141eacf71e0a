"""The monitor's wires: each stage may be right, and its word not reach those who need it.

Every story here fails where one wire is cut: who is asked before whom, and who hears of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from detectors.attribution import (
    AT_REST,
    AT_WORK,
    DRIFT,
    MACHINE,
    MISLED,
    RESTS,
    STEP,
    UNKNOWN,
    WRONG_WAY,
)
from detectors.siblings import Shared
from streamer.findings import Block, Charted
from streamer.monitor import Judged
from streamer.records import Verb
from tests.core.plant import at
from tests.core.wires import (
    BEARING,
    END,
    FLOW,
    ILL,
    NAN,
    OIL,
    PRESSURE,
    STEP_S,
    WINDY,
    YIELDING,
    creeping,
    fired,
    judged,
    remembered,
    turbine,
    watch,
    well,
    windy,
)

# Whose fault is it?


def farm(weather: float, since: int = ILL + 30) -> list[np.ndarray]:
    """Six machines: the oil of the first drifts alone, later pressure is off, on how many."""
    machines = [well(i) for i in range(6)]
    machines[0][:, OIL] += creeping(4.0)
    for one in machines if weather else machines[:1]:
        one[since:, PRESSURE] += 1.0
    return machines


def test_siblings_are_asked_first_so_that_weather_does_not_acquit_an_instrument():
    """A second sensor that is strange speaks for it, but not where all machines share that."""
    alone, shared = (judged(watch(6), *farm(weather)) for weather in (False, True))
    assert alone.block.blame[0::6][-1].tolist() == [MACHINE, MACHINE, MACHINE]
    assert ("machine", "oil") in fired(alone)
    assert shared.block.blame[0::6][-1].tolist() == [DRIFT, MACHINE, MACHINE]
    assert fired(shared) == {("instrument", "oil")}


def test_what_all_machines_share_is_told_once_and_of_none_of_them():
    machines = [well(i) for i in range(6)]
    for one in machines:
        one[:, PRESSURE] += creeping(1.0)
    said = judged(watch(6), *machines)
    told = {(one.kind, one.rule) for one in said.alerts if one.kind != "learning"}
    assert told == {("fleet", "fleet_drift_pressure")}
    alone = {one.kind for one in judged(watch(1), machines[0]).alerts} - {"learning"}
    assert alone == {"machine"}


def test_who_is_strange_only_beside_a_liar_is_misled_by_it():
    """The oil drifts; beside it the bearing, which usually goes with it, looks wrong."""
    values = well()
    both = np.random.default_rng(7).normal(0, 1.0, END)
    values[:, [OIL, BEARING]] += both[:, np.newaxis]
    values[:, OIL] += creeping(6.0)
    said = judged(watch(), values)
    assert said.block.blame[-1].tolist() == [DRIFT, MISLED, MACHINE]
    alone, beside = said.block.charted.alone[-1, 1], said.block.charted.beside[-1, 1]
    assert abs(alone) < 0.5
    assert abs(beside) > 1
    assert fired(said) == {("instrument", "oil")}
    assert (said.block.health[-1] == 100).all(), "nor do misled sensors cost a machine its health"


def test_the_traits_of_a_sensor_are_told_to_those_who_ask_whose_fault_it_is():
    leapt, cold, both = well(), well(), well()
    leapt[ILL:, BEARING] += 4.0
    cold[:, BEARING] += creeping(-4.0)
    both[ILL:, PRESSURE] += 4.0
    for values, code in ((leapt, STEP), (cold, WRONG_WAY), (both, MACHINE)):
        blame = judged(watch(), values).block.blame[-1]
        assert blame[np.nonzero(blame)].tolist() == [code] * (code != MACHINE)


LOADED = {
    "flow": {"unit": "l/s", "role": "context", "range": [0, 100]},
    "torque": {"unit": "Nm", "role": "both", "range": [-500, 500], "harm": "down"},
    "power": {"unit": "kW", "role": "both", "range": [-500, 500], "harm": "down"},
    "heat": {"unit": "°C", "range": [-50, 150]},
}


def test_what_an_expectation_chiefly_rests_on_is_the_last_that_explains_it():
    """More power than there is torque for: it is not power that lies, but what it is judged by."""
    values = well()
    values[:, OIL] += creeping(4.0) * 2
    values = values[:, [FLOW, BEARING, OIL, PRESSURE]]
    said = judged(watch(sensors=LOADED), values)
    assert said.block.blame[-1].tolist() == [WRONG_WAY, MISLED, MACHINE]
    assert fired(said) == {("instrument", "torque")}


def word(blame: Sequence[int], together: Sequence[int]) -> list[bool]:
    """Which sensors' instruments are blamed of one reading."""
    nothing: Any = None
    codes, shared = np.array([blame], np.uint8), np.array([together], np.uint8)
    block = Block(*[nothing] * len(Block._fields))._replace(
        blame=codes, shared=Shared(shared, nothing, nothing)
    )
    return block.blamed[0].tolist()


def test_no_instrument_is_blamed_for_what_all_machines_share():
    assert word([STEP, DRIFT, MACHINE], [0, 0, 0]) == [True, True, False]
    assert word([STEP, DRIFT, MACHINE], [1, 0, 0]) == [False, True, False]
    assert word([WRONG_WAY, MISLED, STEP], [0, 0, 0]) == [True, False, True]
    assert word([WRONG_WAY, MISLED, STEP], [0, 1, 0]) == [False, False, True]


def test_siblings_hear_the_strangest_of_what_is_said_beside_the_residuals():
    nothing: Any = None
    beside = np.array([[NAN, 0.5, -0.5, NAN]])
    taken = np.array([[2.0, 0.7, 0.2, NAN]])
    charted = Charted(nothing, beside, nothing, nothing, taken, nothing)
    np.testing.assert_array_equal(charted.besides, [[-2.0, -0.7, -0.5, NAN]])


RESTING = {
    "flow": {"unit": "l/s", "role": "context", "range": [0, 100]},
    "vibration": {"unit": "mm/s", "range": [-10, 50]},
    "pressure": {"unit": "bar", "range": [-50, 50]},
}


def test_whether_a_machine_rests_is_told_to_those_who_ask_whose_fault_it_is():
    """An accelerometer that is off at rest too is off; wear is heard at work only."""

    def said(at_rest: float) -> Judged:
        values = well()[:, [FLOW, OIL, PRESSURE]]
        rests = np.arange(END) % 40 < 12
        values[rests, 0] = 0.5
        values[:, 1] = 5 + np.where(rests, 0.0, values[:, 0] / 20) + 0.1 * (values[:, 1] % 1)
        values[:, 1] += creeping(1.0) * np.where(rests, at_rest, 1.0)
        return judged(watch(sensors=RESTING, moving={"sensor": "flow", "above": 1}), values)

    instrument, machine = said(at_rest=1.0), said(at_rest=0.0)
    assert instrument.block.blame[-1].tolist() == [AT_REST, MACHINE]
    assert ("instrument", "vibration") in fired(instrument)
    assert not (machine.block.blame == AT_REST).any()
    assert ("machine", "vibration") in fired(machine)


# What may be learnt?


LEARNING = {
    "ewma_multichart": {"scales_s": [3600], "learn_s": 60000, "limit": 6},
    "rolling_zscore": {"window_size": 200, "grace_period": 100, "limit": 8},
    "half_space_trees": {"n_trees": 4, "height": 4, "window_size": 50, "limit": 0.99},
}


def test_who_goes_on_learning_learns_nothing_of_a_machine_that_is_strange():
    """What frozen charts find strange stays strange to the others, however long it lasts."""
    values = well()
    values[ILL:, PRESSURE] += 2.0
    monitor = watch(detectors=LEARNING)
    said = judged(monitor, values)
    rolling = said.block.scores[:, monitor.schema.scores.index("rolling_zscore_pressure")]
    assert fired(said) == {("machine", "pressure")}
    assert np.nanmedian(rolling[ILL - 60 : ILL]) < 2
    assert np.nanmedian(rolling[-30:]) > 3
    learnt = monitor.stages.detectors["half_space_trees"].state
    before = {name: array.tobytes() for name, array in learnt.items()}
    judged(monitor, values[ILL:], first=END)
    assert {name: array.tobytes() for name, array in learnt.items()} == before


CLOCKS = ("told_ns", "age_s", "rest_s", "work_s")


@pytest.mark.parametrize("sample_s", [0, 1200, 1800])
def test_who_goes_on_learning_learns_nothing_of_a_machine_in_maintenance(sample_s: int):
    monitor, values = watch(detectors=LEARNING, sample_s=sample_s), well()
    judged(monitor, values[:ILL])
    before = remembered(monitor)
    monitor.obey(Verb("maintenance_start", "pump", 0, at(ILL * STEP_S), uid=0))
    values[ILL:, 1:] += 30.0
    assert judged(monitor, values[ILL:], first=ILL).alerts == []
    changed = {name for name, bits in remembered(monitor).items() if bits != before[name]}
    # Clocks go on, and what is missing is known.
    clocks = {f"{stage}/{clock}" for stage in ("flicker", "zero") for clock in CLOCKS}
    assert {name.split("/")[0] for name in changed - clocks} <= {
        *(
            "quality",
            "instrument",
            "assemble",
            "service",
            "basis",
            "samples",
            "attribution",
            "health",
        ),
    }


# Who is renewed with whom?


HEAT = {"heat": {"unit": "K", "range": [-50, 150]}}


@pytest.mark.parametrize(
    ("sensors", "renewed"), [([0], True), ([1], True), ([2], True), ([3], False), ([], True)]
)
def test_who_shows_the_yield_renews_what_is_expected_of_the_wind(sensors, renewed):
    monitor = windy(sensors=WINDY | HEAT)
    judged(monitor, np.column_stack([turbine(), well()[:, OIL]]))
    monitor.stages.accept(0, sensors)
    state = monitor.stages.inverse.fleets()["inverse.regression"].state
    assert (state["renewing"][0, 0, 0] > 0) == renewed


@pytest.mark.parametrize("moments", [20, 40])
def test_while_it_is_renewed_nothing_is_missed(moments: int):
    monitor = windy(context__renew_s=moments * STEP_S)
    values = turbine()
    judged(monitor, values[:ILL])
    monitor.stages.accept(0)
    said = judged(monitor, values[ILL:], first=ILL).block.scores[:, -1]
    # Its level and gain first; then the chart makes up for what it has forgotten.
    assert moments <= np.flatnonzero(np.isfinite(said))[0] <= moments + 30


def test_what_is_accepted_is_no_longer_blamed_on_its_instrument():
    monitor, values = watch(), well()
    values[:, OIL] += creeping(4.0)
    assert judged(monitor, values).block.blame[-1].tolist() == [DRIFT, MACHINE, MACHINE]
    monitor.stages.accept(0, [OIL])
    again = judged(monitor, values[-3:], first=END)
    assert again.block.blame[-1].tolist() == [MACHINE, MACHINE, MACHINE]


CLOCK = {"health/last_ns", "health/running", "health/clock_ns"}


def test_who_is_to_learn_anew_has_nothing_left_of_what_was_learnt():
    adjusted = {"adjusted_multichart": {"scales_s": [3600], "learn_s": 60000, "limit": 20}}
    monitor, fresh = (windy(detectors=YIELDING | adjusted) for _ in range(2))
    judged(monitor, turbine(lost=0.2))
    fresh.stages.reserve(1)
    assert len([n for n, bits in remembered(monitor).items() if bits != remembered(fresh)[n]]) > 40
    monitor.stages.relearn(0)
    kept = {name for name, bits in remembered(monitor).items() if bits != remembered(fresh)[name]}
    assert {name.split("/")[0] for name in kept - CLOCK} == {"quality", "assemble"}


def test_whether_a_machine_rests_is_not_known_where_it_does_not_say():
    stages = watch(moving={"sensor": "flow", "above": 1}).stages
    flows = np.array([[NAN, 0, 0, 0], [0.5, 0, 0, 0], [1.5, 0, 0, 0]])
    assert stages.rests(flows).tolist() == [UNKNOWN, RESTS, AT_WORK]
    assert watch().stages.rests(flows).tolist() == [UNKNOWN] * 3


def test_hours_in_maintenance_wear_nothing():
    monitor, values = watch(), well()
    judged(monitor, values[:ILL])
    hours = monitor.stages.condition.operating_h(0)
    monitor.obey(Verb("maintenance_start", "pump", 0, at(ILL * STEP_S), uid=0))
    judged(monitor, values[ILL:], first=ILL)
    assert monitor.stages.condition.operating_h(0) == hours


@pytest.mark.parametrize(
    ("verb", "sensors", "anew"),
    [
        ("maintenance_done", (PRESSURE,), [PRESSURE]),
        ("maintenance_done", (), []),
        ("accept", (PRESSURE,), []),
    ],
)
def test_only_work_on_a_sensor_lets_it_be_another_instrument(verb, sensors, anew):
    """What a machine newly reads may be right; that its instrument is another must be told."""
    monitor = watch()
    judged(monitor, well())
    before = monitor.stages.quality.state["seen"][0].copy()
    monitor.obey(Verb(verb, "pump", 0, at(END * STEP_S), uid=0, sensors=sensors))
    seen = monitor.stages.quality.state["seen"][0]
    assert np.flatnonzero(seen != before).tolist() == anew
    assert not seen[anew].any()


def test_who_has_still_to_learn_of_the_others_is_not_ready():
    """Adjusted charts wait for the adjustment; where nobody reads it, nobody waits for it."""
    charts = {"scales_s": [3600], "learn_s": 60000}
    adjust_s = 10 * 86_400.0

    def ready(*kinds: str) -> float:
        monitor = watch(context__adjust_s=adjust_s, detectors=dict.fromkeys(kinds, charts))
        judged(monitor, well())
        return monitor.stages.ready(0)

    assert ready("ewma_multichart") == 1.0
    learnt = END * STEP_S / adjust_s
    both = ready("ewma_multichart", "adjusted_multichart")
    assert both == pytest.approx((1 + 1 + 0 + learnt) / 4, abs=0.05), "context, charts, adjustment"
