"""Of the yield chart: what it regresses on, and that it says when it is ready."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.calibration import per_month
from detectors.yield_chart import InverseRegression, YieldChartFleet


@pytest.mark.parametrize(("shown_by", "knots"), [(1, 0), (2, 3), (3, 1)])
def test_it_regresses_on_levels_and_bends_and_on_no_low_pass(shown_by: int, knots: int):
    """A constant, and of each sensor its level, its bends and two beyond its usual span."""
    p = 1 + shown_by * (knots + 3)
    regression = InverseRegression(shown_by, knots=knots).fleets()["regression"]
    regression.reserve(1)
    assert regression.state["factor"].shape == (1, p * (p + 1) // 2)


def test_it_is_ready_by_the_one_sensor_that_it_speaks_of():
    chart = YieldChartFleet(3, scale_s=10, learn_s=1000)
    chart.reserve(1)
    n = 2000
    z = np.full((n, 3), np.nan)
    z[:, 1] = np.random.default_rng(1).standard_normal(n)
    rows, times, ones = np.zeros(n, np.int32), np.arange(n) * 10**9, np.ones(n, np.uint8)
    assert chart.ready(0) == 0.0
    chart.walk(rows[:501], times[:501], z[:501], ones[:501])
    assert chart.ready(0) == pytest.approx(0.5, abs=0.01)
    chart.walk(rows[501:], times[501:], z[501:], ones[501:])
    assert chart.ready(0) == 1.0


def test_one_wild_residual_counts_as_two_sigma():
    def last(wild: float) -> float:
        chart = YieldChartFleet(1, scale_s=10, learn_s=1000)
        chart.reserve(1)
        z = np.random.default_rng(2).standard_normal((1301, 1))
        z[1290:1300], z[1300] = 1.0, wild
        rows, times = np.zeros(1301, np.int32), np.arange(1301) * 10**9
        return float(chart.walk(rows, times, z, np.ones(1301, np.uint8))[-1, 0])

    assert last(2.0) == last(50.0) > last(1.9)


@pytest.mark.parametrize(
    ("period", "a_month"),
    [("hour", 720.0), ("day", 30.0), ("week", 30 / 7), ("month", 1.0), ("year", 30 / 365)],
)
def test_a_month_has_thirty_days(period: str, a_month: float):
    assert per_month(f"1 per machine-{period}") == pytest.approx(a_month)
