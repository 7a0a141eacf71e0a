"""How a class's stages are tied together: what may be learnt, and who is renewed with whom."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.context import RegressionContext
from detectors.mean_leverage import MeanLeverage
from detectors.quality import NOISE, OK, SPIKE
from streamer.config import load
from streamer.inverse import Inverse
from streamer.resources import config_path
from streamer.stage_settings import flicker_of, zero_of
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


def test_what_the_yield_chart_averages_is_in_doubt_by_the_average_that_it_takes():
    text = TEXT.replace("range: [0, 100]}", "range: [0, 100], shown_by: [pressure]}").replace(
        "ewma_multichart: {},", "ewma_multichart: {}, yield_chart: {scale_s: 1234},"
    )
    inverse = Inverse.of(configured(text=text).classes["pump"])
    assert inverse is not None
    doubt = inverse.fleets()["inverse.doubt"]
    assert isinstance(doubt, MeanLeverage)
    assert doubt.scale_s == 1234


def test_what_is_familiar_at_the_least_is_so_to_the_yield_chart_too():
    text = TEXT.replace("range: [0, 100]}", "range: [0, 100], shown_by: [pressure]}").replace(
        "ewma_multichart: {},", "ewma_multichart: {}, yield_chart: {},"
    )
    spec = configured(text=text, classes__pump__context__familiar=0.0001).classes["pump"]
    assert Inverse.of(spec) is not None


TURBINE = (
    TEXT.replace("pump", "turbine")
    .replace("pressure: {unit: bar,", "speed: {unit: rpm, role: both,")
    .replace("heat: {unit: K,", "power: {unit: kW, role: both,")
)


def test_who_explains_others_is_felt_by_the_next_that_does_unless_it_is_slow():
    speed, oil, power = range(3)  # of those that are judged
    spec = configured(text=TURBINE).classes["turbine"]
    assert flicker_of(spec).pairs == [(speed, power)]
    slow = configured(text=TURBINE.replace("unit: kW,", "unit: kW, inert: true,"))
    assert flicker_of(slow.classes["turbine"]).pairs == []
    assert oil not in (speed, power)


def test_what_rests_and_is_not_inert_has_a_zero():
    spec = configured(text=TURBINE).classes["turbine"]
    assert zero_of(spec).columns.tolist() == [2]  # power, the third that is judged
    spec = configured(text=TURBINE.replace("unit: kW,", "unit: kW, rests: false,"))
    assert zero_of(spec.classes["turbine"]).columns.tolist() == []


def test_an_accepted_sensor_has_a_new_zero():
    made = Stages(configured(text=TURBINE).classes["turbine"])
    made.reserve(1)
    made.zero.state["off"][0] = 1
    made.accept(0, [OIL])
    made.renew(0, [HEAT])
    assert not made.zero.state["off"].any()


def test_a_sensor_that_flickers_unfelt_is_noisy_where_it_would_be_believed():
    made = Stages(configured(text=TURBINE).classes["turbine"])
    made.reserve(1)
    rows, times = np.zeros(2, np.int32), np.arange(2) * 10**10
    values, codes = np.full((2, 4), 10.0), np.array([[OK] * 4, [OK, SPIKE, OK, OK]], np.uint8)
    found = made.findings(rows, times, values, codes, np.zeros(2, np.bool_))
    made.flicker.state["flickers"][0] = 1
    told = made.with_flicker(rows, times, codes, found)
    assert told.tolist() == [[OK, NOISE, OK, OK], [OK, SPIKE, OK, OK]]
    made.renew(0, [HEAT])  # its partner was exchanged
    assert not made.flicker.state["flickers"].any()


def test_a_loss_of_a_percent_is_told_only_where_the_context_is_twice_as_familiar():
    turbine = load(config_path("benchmarks/turbine.yaml")).classes["turbine"]
    inverse = Inverse.of(turbine)
    assert inverse is not None
    regression = inverse.fleets()["inverse.regression"]
    assert isinstance(regression, RegressionContext)
    assert regression.familiar == turbine.context.familiar / 2
