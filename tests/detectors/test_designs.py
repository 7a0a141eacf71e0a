"""Limits and run lengths of CUSUM, run rules, T² and MEWMA against what the literature prints."""

import numpy as np
import pytest
from scipy import stats

from detectors.calibration import (
    cusum_arl,
    cusum_limit,
    ewma_limit,
    mewma_arl,
    mewma_limit,
    run_rules_arl,
    run_rules_limit,
    shewhart_arl,
    shewhart_limit,
    t2_limit,
)
from detectors.calibration.numbers import chi2_above

SHIFTS = (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4)

# Lucas & Crosier (1982), Technometrics 24, two-sided with k = .5: h and head start, then the ARLs.
LUCAS_CROSIER_1982 = {
    (4, 0): (167.7, 74.2, 26.6, 13.3, 8.38, 4.75, 3.34, 2.62, 2.19, 1.71),
    (4, 0.5): (148.7, 62.7, 20.1, 8.97, 5.29, 2.86, 2.01, 1.59, 1.33, 1.07),
    (5, 0): (465.4, 139.5, 38.0, 17.1, 10.38, 5.75, 4.01, 3.11, 2.57, 2.01),
    (5, 0.5): (430, 122, 28.7, 11.2, 6.35, 3.37, 2.36, 1.86, 1.54, 1.16),
    (4.774, 0): (370.1, 121.6, 35.3, 16.2, 9.93, 5.52, 3.86, 3.00, 2.49, 1.96),
}

# Champ & Woodall (1987), Technometrics 29, table 1: 3σ limits, shifts of 0, .2, .4 … 2 σ.
CHAMP_WOODALL_1987 = {
    "1": (370.40, 308.43, 200.08, 119.67, 71.55, 43.89, 27.82, 18.25, 12.38, 8.69, 6.30),
    "12": (225.44, 177.56, 104.46, 57.92, 33.12, 20.01, 12.81, 8.69, 6.21, 4.66, 3.65),
    "13": (166.05, 120.70, 63.88, 33.99, 19.78, 12.66, 8.84, 6.62, 5.24, 4.33, 3.68),
    "14": (152.73, 110.52, 59.76, 33.64, 21.07, 14.58, 10.90, 8.60, 7.03, 5.85, 4.89),
    "123": (132.89, 97.86, 52.93, 28.70, 16.93, 10.95, 7.68, 5.76, 4.54, 3.73, 3.14),
    "124": (122.05, 89.14, 48.71, 27.49, 17.14, 11.73, 8.61, 6.63, 5.27, 4.27, 3.50),
    "134": (105.78, 76.01, 40.95, 23.15, 14.62, 10.19, 7.66, 6.08, 5.01, 4.24, 3.65),
    "1234": (91.75, 66.80, 36.61, 20.90, 13.25, 9.22, 6.89, 5.42, 4.41, 3.68, 3.13),
}


@pytest.mark.parametrize("scheme", LUCAS_CROSIER_1982)
def test_cusum_run_lengths_of_lucas_and_crosier(scheme):
    h, head_start = scheme
    ours = [cusum_arl(0.5, h, shift, head_start) for shift in SHIFTS]
    assert ours == pytest.approx(LUCAS_CROSIER_1982[scheme], rel=5e-3)


def test_a_cusum_run_length_far_from_the_middle():
    # SAS/QC prints 4.15008 for one side with k = .25, h = 8, shift 2.5; the other is silent.
    assert cusum_arl(0.25, 8, shift=2.5) == pytest.approx(4.15008, abs=1e-5)


def test_a_cusum_run_length_of_brook_and_evans():
    # One side with k = .5 and h = 3 alarms once in 117.6: both together twice as often.
    assert cusum_arl(0.5, 3) == pytest.approx(117.59 / 2, abs=0.01)


@pytest.mark.parametrize("rules", CHAMP_WOODALL_1987)
def test_run_lengths_of_champ_and_woodall(rules):
    ours = [run_rules_arl(3, rules, 0.2 * fifths) for fifths in range(11)]
    assert ours == pytest.approx(CHAMP_WOODALL_1987[rules], abs=0.01)


@pytest.mark.parametrize("shift", [0, 0.4, 1, 3, -1])
def test_rule_1_alone_is_shewharts_chart(shift):
    assert run_rules_arl(2.7, "1", shift) == pytest.approx(shewhart_arl(2.7, shift))


@pytest.mark.parametrize(
    ("n_sensors", "limit"), [(2, 10.597), (3, 12.838), (4, 14.860), (5, 16.750), (10, 25.188)]
)
def test_t2_limits_are_the_quantiles_of_chi_square(n_sensors, limit):
    assert t2_limit(n_sensors, 200) == pytest.approx(limit, abs=1e-3)


@pytest.mark.parametrize("degrees", [1, 2, 3, 8, 21])
def test_the_tail_of_chi_square(degrees):
    for x in (0.0, 0.3, 5.0, 60.0, 150.0):
        assert chi2_above(x, degrees) == pytest.approx(stats.chi2.sf(x, degrees), rel=1e-9)


@pytest.mark.parametrize(("n_sensors", "limit"), [(2, 8.64), (4, 12.73), (20, 37.01)])
def test_mewma_limits_of_prabhu_and_runger_and_of_molnau(n_sensors, limit):
    assert mewma_arl(0.1, limit, n_sensors) == pytest.approx(200, rel=0.01)
    assert mewma_limit(0.1, n_sensors, 200) == pytest.approx(limit, rel=2e-3)


def test_mewma_of_one_sensor_is_the_ewma_chart_and_without_memory_it_is_t2():
    assert mewma_limit(0.2, 1, 500) ** 0.5 == pytest.approx(ewma_limit(0.2, 500), rel=1e-3)
    assert mewma_limit(1.0, 3, 500) == pytest.approx(t2_limit(3, 500), rel=1e-3)


@pytest.mark.parametrize("arl0", [25.0, 1e3, 1e5, 1e7])
def test_a_limit_has_the_run_length_that_was_asked(arl0):
    assert cusum_arl(0.5, cusum_limit(0.5, arl0)) == pytest.approx(arl0, rel=1e-4)
    assert cusum_arl(0.3, cusum_limit(0.3, arl0, 0.5), head_start=0.5) == pytest.approx(
        arl0, rel=1e-4
    )
    assert run_rules_arl(run_rules_limit(arl0, "12"), "12") == pytest.approx(arl0, rel=1e-3)
    assert mewma_arl(0.1, mewma_limit(0.1, 4, arl0), 4) == pytest.approx(arl0, rel=1e-3)
    assert shewhart_arl(shewhart_limit(arl0)) == pytest.approx(arl0, rel=1e-6)
    assert stats.chi2.sf(t2_limit(8, arl0), 8) == pytest.approx(1 / arl0, rel=1e-5)


def test_rule_4_has_no_limit():
    with pytest.raises(ValueError, match="false alarms depend on no limit"):
        run_rules_limit(1000, "14")


def test_nonsense_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="head_start is 1"):
        cusum_arl(0.5, 4, head_start=1)
    with pytest.raises(ValueError, match="n_sensors is 0"):
        mewma_arl(0.1, 9, 0)
    with pytest.raises(ValueError, match="fading_factor is nan"):
        mewma_arl(np.nan, 9, 2)
