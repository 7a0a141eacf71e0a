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
    "rolling z, 60 readings",
    "rolling z, 300 readings",
    "exponential z, λ = 0.01",
    ramp.TREES,
)
FROZEN = ("reference_chart", "cusum", "ewma_multichart")


@pytest.fixture(scope="module")
def entrants():
    return ramp.calibrated(RUNS)


def found(entrant, slope):
    """Delay of each run, ∞ where the ramp is not found."""
    return ramp.delays(ramp.scores_of(entrant, slope, RUNS), entrant.limit)


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
def test_what_goes_on_learning_finds_none(entrants, name, slope):
    assert np.median(found(entrants[name], slope)) == np.inf


@pytest.mark.parametrize(
    ("name", "tends_to"), [("rolling z, 60 readings", 3**0.5), ("exponential z, λ = 0.01", 1.0)]
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
    told = np.array([[0.02, np.inf, 7, 5, 3, 2], [0.0, 9, 8, 6, 4, 1]])
    adaptive, frozen = ramp.part(entrants, told, ["measured today"]).splitlines()[2:4]
    assert [cell.strip() for cell in adaptive.split("|")][2:4] == ["never", "7"]
    assert [cell.strip() for cell in frozen.split("|")][1:3] == ["**cusum**", "9"]
    assert adaptive.rstrip("| ").endswith("2%")


def test_drawing_writes_one_picture_where_it_is_told(tmp_path):
    names = ("exponential z, λ = 0.01", "reference_chart")
    ramp.draw({name: ramp.ENTRANTS[name] for name in names}, tmp_path / "ramp.png")
    with Image.open(tmp_path / "ramp.png") as drawn, Image.open(ramp.PICTURE) as kept:
        assert drawn.size == kept.size
        assert len(drawn.convert("RGB").getcolors(2**24)) > 4  # lines, not an empty sheet
