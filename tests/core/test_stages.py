"""How a class's stages are tied together: what may be learnt, and who is renewed with whom."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.quality import NOISE, OK, SPIKE
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
    context: {warm_s: 0, moment_s: 10, learn_s: 10000, familiar: 0.5, lags_s: [5], knots: 0}
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
    """What heat, 20 K give or take two and 26 at last, is expected to read after a while of this."""
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
