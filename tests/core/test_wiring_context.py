"""The monitor's wires to what a sensor should read: contexts, states, and what was felt of wind.

Like those of test_wiring, these stories fail where one wire is cut.
"""

from __future__ import annotations

import numpy as np
import pytest

from detectors.quality import STUCK
from streamer.monitor import Judged
from tests.core.wires import (
    BEARING,
    END,
    FLOW,
    ILL,
    NAN,
    OIL,
    PRESSURE,
    WINDY,
    creeping,
    fired,
    judged,
    turbine,
    watch,
    well,
    windy,
)

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


def test_no_sensor_is_known_better_than_it_can_tell():
    said = judged(watch(sensors__oil__resolution=5.0), well())
    assert np.nanmin(said.block.band[:, OIL]) >= 5.0
    assert np.nanmax(said.block.band[:, BEARING]) < 1.0


def test_a_context_is_known_for_a_while_after_it_was_told():
    values = well()
    values[1::2, FLOW] = NAN
    residuals = judged(watch(), values).block.residuals
    assert np.isfinite(residuals[ILL:, OIL]).all()


def test_what_stands_within_half_its_resolution_is_stuck():
    coarse = {"sensors__pressure__stuck_s": 36_000, "sensors__pressure__resolution": 50.0}
    assert (judged(watch(**coarse), well()).block.codes[-1] == STUCK).tolist() == [
        *[False] * 3,
        True,
    ]


def test_the_world_does_not_rest_with_the_machine():
    """Wind that stands still while the rotor does is stuck; the rotor is not."""
    values = turbine()
    values[ILL:, 0] = 3.2
    values[ILL:, 1:] = 0.0
    assert (judged(windy(), values).block.codes[-1] == STUCK).tolist() == [True, False, False]


# What was felt of it?


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


def test_what_is_given_need_not_stand_first():
    heat = {"heat": {"unit": "K", "range": [-50, 150]}}
    values = np.column_stack([well()[:, OIL], turbine(lost=0.2)])
    assert fired(judged(windy(sensors=heat | WINDY), values)) == {("machine", "power")}
