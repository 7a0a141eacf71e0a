"""Limits and run lengths against the tables that the literature prints."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.calibration import arl0_for, ewma_arl, ewma_limit, shewhart_arl, shewhart_limit

# Lucas & Saccucci (1990), Technometrics 32, Table 3: the scheme, then the ARL at each shift.
SHIFTS = (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3)
LUCAS_SACCUCCI_1990 = {
    (0.5, 3.071): (500, 255, 88.8, 35.9, 17.5, 6.53, 3.63, 2.50, 1.93),
    (0.03, 2.437): (500, 76.7, 29.3, 17.6, 12.6, 8.07, 5.99, 4.80, 4.03),
}

# Crowder (1987), Technometrics 29: λ = .5, L = 2, the ARL at each shift.
CROWDER_1987 = {0: 26.45, 0.5: 11.89, 1: 4.91, 2: 1.95, 3: 1.26}

# The schemes with ARL0 500 that Montgomery's textbook prints after Lucas and Saccucci.
LIMIT_FOR_500 = {0.40: 3.054, 0.25: 2.998, 0.20: 2.962, 0.10: 2.814, 0.05: 2.615}


@pytest.mark.parametrize("scheme", LUCAS_SACCUCCI_1990)
def test_ewma_run_lengths_of_lucas_and_saccucci(scheme):
    ours = [ewma_arl(*scheme, shift) for shift in SHIFTS]
    assert ours == pytest.approx(LUCAS_SACCUCCI_1990[scheme], rel=3e-3)


def test_ewma_run_lengths_of_crowder():
    for shift, arl in CROWDER_1987.items():
        assert ewma_arl(0.5, 2, shift) == pytest.approx(arl, abs=0.006)


def test_an_ewma_run_length_to_nine_places():
    # Printed in the manual of SAS/QC for λ = .25, L = 3 and a shift of 1.
    assert ewma_arl(0.25, 3, 1) == pytest.approx(11.154267016, abs=1e-9)


@pytest.mark.parametrize("fading_factor", LIMIT_FOR_500)
def test_ewma_limits_for_a_run_length_of_500(fading_factor):
    assert ewma_limit(fading_factor, 500) == pytest.approx(LIMIT_FOR_500[fading_factor], abs=6e-4)


@pytest.mark.parametrize("arl0", [2, 370, 1e4, 2.592e7, 1e9])
@pytest.mark.parametrize("fading_factor", [0.01, 0.1, 0.5, 1.0])
def test_a_limit_gives_the_run_length_it_was_made_for(fading_factor, arl0):
    limit = ewma_limit(fading_factor, arl0)
    assert ewma_arl(fading_factor, limit) == pytest.approx(arl0, rel=1e-4)


def test_the_run_length_is_what_a_simulation_counts():
    rng = np.random.default_rng(4)
    fading_factor, limit, runs = 0.2, 2.0, 4000
    reach = limit * np.sqrt(fading_factor / (2 - fading_factor))
    z, length, alive = np.zeros(runs), np.zeros(runs), np.ones(runs, dtype=bool)
    while alive.any():
        length += alive
        z += fading_factor * (rng.normal(size=runs) - z)
        alive &= np.abs(z) <= reach
    error = length.std() / np.sqrt(runs)
    assert abs(ewma_arl(fading_factor, limit) - length.mean()) < 3 * error


def test_shewhart_run_lengths():
    printed = {0: 370.4, 0.25: 281.2, 0.5: 155.2, 1: 43.9, 1.5: 14.97, 2: 6.30, 3: 2.00, 4: 1.19}
    for shift, arl in printed.items():
        assert shewhart_arl(3, shift) == pytest.approx(arl, rel=2e-3)
        assert shewhart_arl(3, -shift) == shewhart_arl(3, shift)


@pytest.mark.parametrize("arl0", [2, 370.4, 1e6, 1e10])
def test_a_shewhart_limit_gives_the_run_length_it_was_made_for(arl0):
    assert shewhart_arl(shewhart_limit(arl0)) == pytest.approx(arl0, rel=1e-9)


def test_an_ewma_chart_without_memory_is_a_shewhart_chart():
    for shift in (0, 1, 2.5):
        assert ewma_arl(1, 3, shift) == pytest.approx(shewhart_arl(3, shift), rel=1e-9)


@pytest.mark.parametrize(
    ("budget", "sample_s", "n_charts", "arl0"),
    [
        ("1 per machine-month", 600, 10, 43_200),
        ("1 per machine-month", 1, 10, 25_920_000),
        ("2 per machine-day", 60, 1, 720),
        ("0.5 per machine-week", 3600, 3, 1008),
        ("1 per machine-year", 3600, 1, 8760),
    ],
)
def test_a_budget_is_a_run_length(budget, sample_s, n_charts, arl0):
    assert arl0_for(budget, sample_s, n_charts) == pytest.approx(arl0)


def test_the_budget_of_the_textbook_example_leads_to_its_limit():
    arl0 = arl0_for("1 per machine-month", sample_s=600, n_charts=10)
    assert ewma_limit(0.1, arl0) == pytest.approx(4.123, abs=5e-4)


@pytest.mark.parametrize(
    "budget", ["", "once a month", "1 per month", "0 per machine-day", "1 per machine-fortnight"]
)
def test_a_budget_that_cannot_be_read_says_how_one_reads(budget):
    with pytest.raises(ValueError, match=r"it reads like '1 per machine-month'"):
        arl0_for(budget, 60)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: ewma_arl(0, 3), "fading_factor"),
        (lambda: ewma_arl(0.1, -1), "limit"),
        (lambda: ewma_limit(2, 500), "fading_factor"),
        (lambda: ewma_limit(0.1, 1), "arl0"),
        (lambda: shewhart_limit(0.5), "arl0"),
        (lambda: shewhart_arl(float("nan")), "limit"),
        (lambda: arl0_for("1 per machine-day", 0), "sample_s"),
    ],
)
def test_wrong_parameters_are_named(call, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        call()
