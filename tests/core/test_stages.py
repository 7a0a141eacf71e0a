"""How a class's stages are tied together: what may be learnt, and who is renewed with whom."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.context import RegressionContext
from detectors.quality import NOISE, OK, SPIKE
from streamer.config import load
from streamer.inverse import Inverse
from streamer.resources import config_path
from streamer.stages import Stages
from tests.core.plant import configured

TEXT = """
state_dir: state
clock: data
mqtt:
  host: localhost
  topics: [{topic: "plant/{site}/{machine}/telemetry", class: pump}]
classes:
  pump:
    sensors:
      flow: {unit: l/s, role: context, range: [0, 100]}
      pressure: {unit: bar, range: [-50, 50]}
      oil: {unit: °C, role: both, range: [-50, 150]}
      heat: {unit: K, range: [-50, 150]}
    context: {warm_s: 500, moment_s: 10, learn_s: 10000, familiar: 0.5, lags_s: [5], knots: 0,
      adjust_s: 2000}
    detectors: {ewma_multichart: {}, adjusted_multichart: {}}
    alerts:
      machine_fault: {kind: machine}
"""
FLOW, PRESSURE, OIL, HEAT = range(4)


def stages() -> Stages:
    made = Stages(configured(text=TEXT).classes["pump"])
    made.reserve(1)
    return made


@pytest.mark.parametrize(
    ("named", "renewed"),
    [
        ([PRESSURE], [PRESSURE]),
        ([HEAT], [HEAT]),
        ([OIL], [OIL, HEAT]),
        ([FLOW], [PRESSURE, OIL, HEAT]),
        ([PRESSURE, OIL], [PRESSURE, OIL, HEAT]),
        ([], [PRESSURE, OIL, HEAT]),
    ],
)
def test_who_explains_others_is_renewed_with_them(named, renewed):
    made = stages()
    made.accept(0, named)
    gathered = made.context.fleets()["context"].state["renewing"][0, :, 0]
    assert np.flatnonzero(gathered[1:] > 0).tolist() == [sensor - 1 for sensor in renewed]


def expected(code: int, reads: float) -> float:
    """What heat, 20 K give or take two and then 26, is expected to read after a while of this."""
    made, n = stages(), 300
    values = np.tile([10.0, 1.0, 40.0, 20.0], (n, 1))
    values[:, [FLOW, HEAT]] += np.random.default_rng(1).normal(0, 2, (n, 2))
    codes = np.full((n, 4), OK, np.uint8)
    values[199, HEAT] = 26.0
    values[200:, HEAT], codes[200:, HEAT] = reads, code
    nobody = np.zeros(n, np.bool_)
    found = made.findings(np.zeros(n, np.int32), np.arange(n) * 10**10, values, codes, nobody)
    return float(found.expected[-1, HEAT])


def test_nothing_is_learnt_for_a_doubted_value_not_even_what_came_before_it():
    assert expected(OK, 24.0) > 21.0, "a believed value is learnt"
    assert expected(SPIKE, 1e6) == pytest.approx(20.0, abs=0.5)


def test_a_sensor_that_flickers_is_learnt_as_it_reads():
    assert expected(NOISE, 24.0) == expected(OK, 24.0)


def test_charts_of_what_is_judged_beside_a_renewed_sensor_begin_anew():
    made, n = stages(), 1500
    rng = np.random.default_rng(1)
    values = np.tile([10.0, 1.0, 40.0, 20.0], (n, 1)) + rng.normal(0, 2, (n, 4))
    values[:, OIL] = 40 + 5 * (values[:, PRESSURE] - 1) + rng.normal(0, 0.2, n)
    nobody, codes = np.zeros(n, np.bool_), np.full((n, 4), OK, np.uint8)
    made.findings(np.zeros(n, np.int32), np.arange(n) * 10**10, values, codes, nobody)
    for chart in made.detectors.values():
        chart.state["learnt_s"][0] = 100.0
    made.accept(0, [PRESSURE])
    left = {name: chart.state["learnt_s"][0].tolist() for name, chart in made.detectors.items()}
    assert left["adjusted_multichart"] == [70.0, 70.0, 100.0], "oil goes with pressure"
    assert left["ewma_multichart"] == [70.0, 100.0, 100.0]


def test_who_began_late_is_told_with_its_progress():
    made, n = stages(), 300
    values = np.tile([10.0, 1.0, 40.0, 20.0], (n, 1))
    values[:200, HEAT] = np.nan
    nobody, codes = np.zeros(n, np.bool_), np.full((n, 4), OK, np.uint8)
    made.findings(np.zeros(n, np.int32), np.arange(n) * 10**10, values, codes, nobody)
    assert made.context.progress(0)[1:] == ["heat began late, 100 of 1,000 moments"]


def test_a_covariate_explains_what_stands_after_it_and_is_not_judged():
    text = TEXT.replace("oil: {unit: °C, role: both", "oil: {unit: °C, role: covariate")
    made = Stages(configured(text=text).classes["pump"])
    context = made.context.fleets()["context"]
    assert isinstance(context, RegressionContext)
    assert made.health == [PRESSURE, HEAT]
    flow, oil = context.depth[PRESSURE], context.depth[HEAT]
    assert (context.depth[OIL], oil > flow) == (0, True)
    assert context.assured.tolist() == [0, flow, 0, flow], "the covariate may go where it likes"


def test_a_loss_of_a_percent_is_told_only_where_the_context_is_twice_as_familiar():
    turbine = load(config_path("benchmarks/turbine.yaml")).classes["turbine"]
    inverse = Inverse.of(turbine)
    assert inverse is not None
    regression = inverse.fleets()["inverse.regression"]
    assert isinstance(regression, RegressionContext)
    assert regression.familiar == turbine.context.familiar / 2
