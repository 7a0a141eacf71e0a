"""A slow fault is a drift: what goes on learning follows it, what is frozen finds it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from benchmarks import ramp

RUNS = 5
GENTLE, STEEP = 2.0, 10.0
ADAPTING = (
    "rolling z, 100 readings",
    "rolling z, 300 readings",
    "exponential z, λ = 0.01",
)
FROZEN = ("reference_chart", "cusum", "ewma_multichart")


@pytest.fixture(scope="module")
def entrants():
    return ramp.calibrated(RUNS, n_forests=RUNS)


def found(entrant, slope):
    """Delay of each run, ∞ where the ramp is not found."""
    return ramp.delays(ramp.scores_of(entrant, slope, RUNS), entrant.limit)


def still(entrant, slope):
    """Share of the last readings of the ramp that are in alarm."""
    return ramp.still(ramp.scores_of(entrant, slope, RUNS), entrant.limit)


@pytest.mark.parametrize("name", FROZEN)
def test_a_frozen_chart_finds_every_ramp_and_a_steeper_one_sooner(entrants, name):
    steep, gentle = (found(entrants[name], slope) for slope in (STEEP, GENTLE))
    assert np.isfinite(gentle).all()
    assert (steep < gentle).all()
    assert np.median(steep) < 200
    assert np.median(gentle) < 700


def test_the_default_charts_are_silent_where_nothing_climbs(entrants):
    assert np.isinf(found(entrants["ewma_multichart"], 0.0)).all()


@pytest.mark.parametrize("slope", [GENTLE, STEEP])
@pytest.mark.parametrize("name", ADAPTING)
def test_a_z_score_that_goes_on_learning_finds_none(entrants, name, slope):
    assert np.median(found(entrants[name], slope)) == np.inf


@pytest.mark.parametrize("slope", [GENTLE, STEEP])
@pytest.mark.parametrize("name", [*ADAPTING, ramp.TREES])
def test_what_goes_on_learning_is_silent_at_the_end_of_a_ramp(entrants, name, slope):
    assert still(entrants[name], slope) < 0.05


@pytest.mark.parametrize("slope", [GENTLE, STEEP])
@pytest.mark.parametrize("name", FROZEN)
def test_a_frozen_chart_is_in_alarm_to_the_end_of_a_ramp(entrants, name, slope):
    assert still(entrants[name], slope) > 0.95


def test_trees_find_a_steep_ramp_before_they_take_it_for_normal(entrants):
    assert np.median(found(entrants[ramp.TREES], 20.0)) < 1000


def test_each_run_has_the_trees_and_the_limit_of_its_forest():
    values = np.random.default_rng(1).standard_normal((3, 300))
    severities = ramp.forests(np.array([0.5, 0.25]), values)
    for run, (seed, limit) in enumerate([(0, 0.5), (1, 0.25), (0, 0.5)]):
        alone = ramp.forest_of(seed).score(values[run : run + 1])[0]
        np.testing.assert_array_equal(severities[run], alone / limit)


@pytest.mark.parametrize(
    ("name", "tends_to"), [("rolling z, 100 readings", 3**0.5), ("exponential z, λ = 0.01", 1.0)]
)
def test_without_noise_a_z_score_tends_to_what_theory_says_however_steep(name, tends_to):
    for slope in (0.1, 10.0):
        climb = slope * np.arange(3000.0)[None]
        last = ramp.ENTRANTS[name].score(climb)[0, -1]
        assert last == pytest.approx(tends_to, rel=0.03)


def test_the_page_has_a_row_for_each_and_shows_the_picture():
    page = ramp.PAGE.read_text("utf-8")
    part = page.partition("<!-- begin ramp -->")[2].partition("<!-- end ramp -->")[0]
    rows = re.findall(r"^\| \**(.+?)\** +\|", part, re.MULTILINE)
    assert [row for row in rows if row in ramp.ENTRANTS] == list(ramp.ENTRANTS)
    assert f"](pictures/{ramp.PICTURE.name})" in page
    assert ramp.PICTURE.stat().st_size < 100_000


def test_the_table_says_never_where_half_of_the_runs_have_no_alarm():
    entrants = {name: ramp.ENTRANTS[name] for name in ("exponential z, λ = 0.01", "cusum")}
    told = np.array([[np.inf, 7, 5, 3, 2, 0.01, 0.02], [9, 8, 6, 4, 1, 1.0, 0.0]])
    adaptive, frozen = ramp.part(entrants, told, ["measured today"]).splitlines()[2:4]
    assert [cell.strip() for cell in adaptive.split("|")][2:4] == ["never", "7"]
    assert [cell.strip() for cell in frozen.split("|")][1:3] == ["**cusum**", "9"]
    assert [cell.strip() for cell in adaptive.split("|")][-3:-1] == ["1%", "2%"]


def test_drawing_writes_one_picture_where_it_is_told(tmp_path):
    names = ("exponential z, λ = 0.01", "reference_chart")
    ramp.draw({name: ramp.ENTRANTS[name] for name in names}, tmp_path / "ramp.png")
    with Image.open(tmp_path / "ramp.png") as drawn, Image.open(ramp.PICTURE) as kept:
        assert drawn.size == kept.size
        assert len(drawn.convert("RGB").getcolors(2**24)) > 4  # lines, not an empty sheet
