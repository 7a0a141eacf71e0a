"""docs/detectors.md has a section for everything that judges, and names only what exists."""

import inspect
import json
import re
from pathlib import Path

import pytest

from detectors import DETECTORS
from detectors.siblings import Siblings
from streamer.config.classes import Context, Sensor
from streamer.config.detectors import detector_model

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "detectors.md").read_text("utf-8")
STAGES = {
    "quality": Sensor,
    "context": Context,
    "adjustment": Context,
    "attribution": Sensor,
    "health": Sensor,
}
WORDS = {"learnt", "by unit", "none"}
"""What stands for a default of None."""


def section(name):
    found = re.findall(
        rf"^## `{re.escape(name)}`\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE
    )
    assert len(found) == 1, f"docs/detectors.md has {len(found)} sections of {name}"
    return found[0]


def parameters(name):
    """Parameter → default, as the section's table has them."""
    return dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", section(name), re.MULTILINE))


def value(text):
    return None if text in WORDS else json.loads(text)


def plain(default):
    return list(default) if isinstance(default, tuple) else default


def stated(model, name):
    """What the page says and what the models say of the same keys."""
    told = parameters(name)
    assert told.keys() <= model.model_fields.keys()
    needed = {key for key in told if model.model_fields[key].is_required()}
    assert needed == {key for key, default in told.items() if default == "needed"}
    keys = told.keys() - needed
    is_so = {key: plain(model.model_fields[key].default) for key in keys}
    return {key: value(told[key]) for key in keys}, is_so


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_has_its_section_with_parameters_and_defaults_as_they_are(name):
    told, is_so = stated(detector_model(name), name)
    assert told
    assert told == is_so
    assert told.keys() - {"limit"} <= inspect.signature(DETECTORS[name]).parameters.keys()


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_has_its_section_with_keys_and_defaults_as_they_are(name):
    told, is_so = stated(STAGES[name], name)
    assert told == is_so


def test_the_advisers_have_their_section_with_keys_and_defaults_as_they_are():
    told, is_so = stated(detector_model("river.drift.ADWIN"), "river.drift.<class>")
    assert told.keys() >= {"limit", "recent"}
    assert told == is_so


def test_the_siblings_arguments_are_those_of_their_constructor():
    arguments = inspect.signature(Siblings).parameters
    assert parameters("siblings")
    for name, default in parameters("siblings").items():
        assert json.loads(default) == arguments[name].default


@pytest.mark.parametrize("name", [*DETECTORS, *STAGES, "siblings"])
def test_every_section_says_what_it_sees_what_not_and_whence(name):
    for word in ("Sees", "Cannot see", "Source"):
        assert f"\n* {word}: " in section(name)


@pytest.mark.parametrize("name", DETECTORS)
def test_the_table_at_the_top_says_whether_it_freezes_and_what_it_scores(name):
    (row,) = re.findall(rf"^\| \[`{name}`\]\(#{name}\) \| (.*) \|$", TEXT, re.MULTILINE)
    _, frozen, per, *_, size, _ = (cell.strip() for cell in row.split("|"))
    detector = DETECTORS[name](8)
    assert (frozen == "yes") == detector.frozen
    assert (per == "sensor") == detector.univariate
    detector.reserve(1)
    assert int(size.replace(",", "")) == sum(array.nbytes for array in detector.state.values())


def test_every_link_leads_somewhere():
    for page, place in re.findall(r"\]\(([\w./]*)#([^)]+)\)", TEXT):
        text = (DOCS / page).read_text("utf-8") if page else TEXT
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        assert place in {anchor(heading) for heading in headings}, f"{page}#{place}"


def anchor(heading):
    """The name of a heading in a link, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
