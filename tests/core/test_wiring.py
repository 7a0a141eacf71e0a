"""The monitor's wires: each stage may be right, and its word not reach those who need it.

Every story here fails where one wire is cut: who is asked before whom, and who hears of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from detectors.attribution import AT_REST, DRIFT, MACHINE, MISLED, STEP, WRONG_WAY
from detectors.siblings import Shared
from streamer.monitor import ClassMonitor, Judged
from streamer.records import Columns, Machine, Verb
from streamer.stages import Block, Charted
from tests.core.plant import at, configured

TEXT = """
state_dir: state
clock: data
mqtt:
  host: localhost
  topics: [{topic: "plant/{machine}", class: pump}]
classes:
  pump:
    max_age_s: 1500
    sensors:
      flow: {unit: l/s, role: context, range: [0, 100]}
      oil: {unit: °C, range: [-50, 150], follower: bearing}
      bearing: {unit: °C, range: [-50, 150]}
      pressure: {unit: bar, range: [-50, 50]}
    context:
      {learn_s: 120000, warm_s: 18000, moment_s: 600, lags_s: [900], knots: 0, familiar: 0.3,
       adjust_s: 30000}
    detectors:
      ewma_multichart: {scales_s: [3600], learn_s: 60000, limit: 6}
      adjusted_multichart: {scales_s: [3600], learn_s: 60000, limit: 6}
    alerts:
      machine_fault: {kind: machine, hold_s: 3600}
      instrument_fault: {kind: instrument, hold_s: 3600}
"""
NAN = float("nan")
STEP_S = 600
ILL = 320
"""The reading at which a story takes its turn; all charts speak by then."""
END = 420


def watch(machines: int = 1, **overrides: object) -> ClassMonitor:
    """A monitor of so many machines; ``sensors=…`` overrides that key of their class."""
    keys = {f"classes__pump__{key}": value for key, value in overrides.items()}
    pump = configured(text=TEXT, **keys).classes["pump"]
    farm = [Machine("pump", (("machine", f"M{i}"),)) for i in range(machines)]
    return ClassMonitor("pump", pump, farm)


def judged(monitor: ClassMonitor, *machines: np.ndarray, first: int = 0) -> Judged:
    """What is said of the readings f8[n, S] of machines that speak in turn, every ten minutes."""
    values = np.stack(machines, axis=1)
    n, m, sensors = values.shape
    rows = np.tile(np.arange(m, dtype=np.int32), n)
    times = np.repeat(at(first * STEP_S) + np.arange(n) * STEP_S * 10**9, m)
    flags = np.zeros(n * m, dtype=np.uint8)
    return monitor.step(Columns(rows, times, values.reshape(n * m, sensors), flags))


def well(number: int = 0) -> np.ndarray:
    """Flow wanders, all else follows it with some noise."""
    rng = np.random.default_rng(number)
    flow = np.clip(rng.normal(50, 15, END), 5, 95)
    oil, bearing, pressure = rng.normal(0, [0.5, 0.5, 0.2], (END, 3)).T
    return np.column_stack(
        [flow, 50 + flow / 5 + oil, 60 + flow / 5 + bearing, flow / 10 + pressure]
    )


FLOW, OIL, BEARING, PRESSURE = range(4)


def fired(said: Judged, machine: str = "M0") -> set[tuple[str, str]]:
    """The alerts of a machine that fired: kind and sensor."""
    return {
        (one.kind, one.evidence.sensor)
        for one in said.alerts
        if one.machine == machine and one.state == "firing"
    }


def remembered(monitor: ClassMonitor) -> dict[str, bytes]:
    """All that is kept of its first machine."""
    return {name: array[0].tobytes() for name, array in monitor.arrays().items()}


def creeping(size: float, since: int = ILL) -> np.ndarray:
    """What comes on top of a sensor that drifts away within some hours."""
    return np.clip((np.arange(END) - since) / 24, 0, 1) * size


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
    assert {(one.kind, one.rule) for one in said.alerts} == {("fleet", "fleet_drift_pressure")}
    (alone,) = {one.kind for one in judged(watch(1), machines[0]).alerts}
    assert alone == "machine"


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


# What should it read?


def swaying(role: str) -> dict[str, object]:
    return {
        "flow": {"unit": "l/s", "role": "context", "range": [0, 100]},
        "sway": {"unit": "mm/s²", "role": role, "range": [0, 100]},
        "heat": {"unit": "K", "range": [-50, 150]},
    }


def test_beyond_all_that_a_covariate_was_who_follows_it_is_judged_all_the_same():
    """Ice makes the tower sway as never before: were the others silent, nobody would find it."""
    values = well()[:, [FLOW, PRESSURE, OIL]]
    values[:, 1] = np.random.default_rng(9).uniform(10, 15, END)
    values[ILL:, 1] += 20
    values[:, 2] += values[:, 1] / 2 + creeping(8.0)
    covariate, context = (judged(watch(sensors=swaying(role)), values)
                          for role in ("covariate", "context"))  # fmt: skip
    assert fired(covariate) == {("machine", "heat")}
    assert np.isfinite(covariate.block.residuals[ILL:, 2]).all()
    assert np.isnan(context.block.residuals[ILL, 2]), "what must be familiar silences them"


STATES = {
    "flow": {"unit": "l/s", "role": "context", "range": [0, 100]},
    "status": {"role": "state", "range": [0, 9]},
    "heat": {"unit": "K", "range": [-50, 150]},
}


def told(status: np.ndarray) -> Judged:
    """Heat has a level of its own in state 2, and in state 9 it reads anything."""
    values = well()[:, [FLOW, PRESSURE, OIL]]
    values[:, 1] = status
    values[:, 2] += np.select([status == 2, status == 9], [30.0, np.arange(END) % 7 * 9.0], 0.0)
    states = {"sensor": "status", "judged": [0, 2]}
    return judged(watch(sensors=STATES, regime=states), values)


def test_each_state_in_which_a_machine_is_judged_has_a_level_of_its_own():
    said = told(np.where(np.arange(END) % 40 < 10, 2, 0))
    assert fired(said) == set()
    assert np.isfinite(said.block.residuals[ILL:, 2]).all()
    assert said.block.band[ILL:, 2].max() < 1, "K; were there one level, it would be about 13"


def test_in_a_state_that_is_not_judged_nothing_is_judged_or_learnt():
    status = np.where(np.arange(END) % 40 < 10, 9, 0)
    said = told(status)
    assert fired(said) == set()
    assert np.isnan(said.block.residuals[status == 9]).all()
    assert np.nanmax(said.block.band[ILL:, 2]) < 1


WINDY = {
    "wind": {"unit": "m/s", "role": "context", "range": [0, 50], "shown_by": ["power", "speed"]},
    "speed": {"unit": "rpm", "role": "both", "range": [0, 50], "harm": "down"},
    "power": {"unit": "kW", "role": "both", "range": [-10, 5000], "harm": "down"},
}
YIELDING = {
    "ewma_multichart": {"scales_s": [3600], "learn_s": 60000, "limit": 20},
    "yield_chart": {"scale_s": 14400, "learn_s": 60000, "limit": 3},
}


def turbine(number: int = 0, lost: float = 0.0) -> np.ndarray:
    """Wind as a gusty anemometer has it, and a rotor that from some time on feels less of it."""
    rng = np.random.default_rng(number)
    felt = rng.uniform(4, 10, END)
    wind = felt * (1 + 0.1 * rng.normal(size=END))
    felt = np.where(np.arange(END) < ILL, felt, felt * (1 - lost))
    return np.column_stack([wind, 2 * felt, felt**3])


def windy(machines: int = 1, **more: object) -> ClassMonitor:
    moving = {"sensor": "speed", "above": 1}
    return watch(machines, **{"sensors": WINDY, "detectors": YIELDING, "moving": moving} | more)


def test_what_is_given_and_not_felt_is_missed_of_the_first_that_shows_it():
    assert fired(judged(windy(), turbine())) == set()
    said = judged(windy(), turbine(lost=0.2))
    assert fired(said) == {("machine", "power")}
    told = next(one for one in said.alerts if one.state == "firing")
    assert told.evidence.detector == "yield_chart"
    assert told.evidence.direction == "below"
    assert "on average too little for what is given" in told.reason


def test_what_a_rotor_at_rest_does_not_feel_is_not_missed():
    """At rest speed and power tell nothing of the wind: neither is it judged, nor learnt."""
    values = turbine()
    values[np.arange(END) % 10 < 4, 1:] = 0.0
    monitor = windy()
    said = judged(monitor, values)
    assert fired(said) == set()
    scored = np.isfinite(said.block.scores[:, -1])
    works = values[:, 1] > 0
    assert scored[works][-50:].all()
    assert not scored[~works].any()
    assert (monitor.stages.inverse.fleets()["inverse.basis"].state["low"] > 3).all()


def test_what_a_quarter_of_the_fleet_lacks_is_the_weather():
    machines = [turbine(i, lost=0.2) for i in range(6)]
    said = judged(windy(6), *machines)
    assert {one.kind for one in said.alerts} == {"fleet"}
    assert {one.rule for one in said.alerts} == {"fleet_drift_power"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("context__learn_s", 90_000),
        ("context__warm_s", 24_000),
        ("context__moment_s", 900),
        ("context__knots", 2),
        ("context__familiar", 0.02),
        ("sensors__wind__resolution", 2.0),
        ("sensors__power__resolution", 5000.0),
    ],
)
def test_the_keys_of_context_count_for_what_is_given_too(key: str, value: float):
    scores = [
        judged(monitor, turbine()).block.scores[:, -1]
        for monitor in (windy(), windy(**{key: value}))
    ]
    assert np.isfinite(scores[0]).any()
    assert scores[0].tobytes() != scores[1].tobytes()


def test_without_a_yield_chart_nothing_is_regressed_on_what_shows_it():
    plain = windy(detectors={"ewma_multichart": {}})
    assert plain.stages.inverse is None
    assert not [name for name in plain.arrays() if name.startswith("inverse")]


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


@pytest.mark.parametrize("sample_s", [0, 300])
def test_who_goes_on_learning_learns_nothing_of_a_machine_in_maintenance(sample_s: int):
    monitor, values = watch(detectors=LEARNING, sample_s=sample_s), well()
    judged(monitor, values[:ILL])
    before = remembered(monitor)
    monitor.obey(Verb("maintenance_start", "pump", 0, at(ILL * STEP_S), uid=0))
    values[ILL:, 1:] += 30.0
    assert judged(monitor, values[ILL:], first=ILL).alerts == []
    changed = {name for name, bits in remembered(monitor).items() if bits != before[name]}
    # Clocks go on, and what is missing is known.
    assert {name.split("/")[0] for name in changed} <= {
        *("quality", "instrument", "assemble", "service", "basis", "attribution", "health"),
    }


# Who is renewed with whom?


def test_new_parts_of_what_shows_the_yield_renew_what_is_expected_of_the_wind():
    monitor = windy()
    judged(monitor, turbine())
    (renewing,) = (
        fleet.state["renewing"]
        for name, fleet in monitor.stages.inverse.fleets().items()
        if name == "inverse.regression"
    )
    monitor.stages.accept(0, [1])
    assert renewing[0, 0, 0] > 0, "speed shows it"


def test_what_is_accepted_is_no_longer_blamed_on_its_instrument():
    monitor, values = watch(), well()
    values[:, OIL] += creeping(4.0)
    assert judged(monitor, values).block.blame[-1].tolist() == [DRIFT, MACHINE, MACHINE]
    monitor.stages.accept(0, [OIL])
    again = judged(monitor, values[-3:], first=END)
    assert again.block.blame[-1].tolist() == [MACHINE, MACHINE, MACHINE]


CLOCK = {"health/last_ns", "health/running", "health/clock_ns"}


def test_who_is_to_learn_anew_has_nothing_left_of_what_was_learnt():
    monitor, values = windy(), turbine(lost=0.2)
    judged(monitor, values)
    fresh = windy()
    fresh.stages.reserve(1)
    assert len([n for n, bits in remembered(monitor).items() if bits != remembered(fresh)[n]]) > 40
    monitor.stages.relearn(0)
    kept = {name for name, bits in remembered(monitor).items() if bits != remembered(fresh)[name]}
    assert {name.split("/")[0] for name in kept - CLOCK} == {"quality", "assemble"}
