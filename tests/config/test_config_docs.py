"""The code, the commented example and the page of all keys say the same."""

import re
import runpy
from pathlib import Path

import pytest

from streamer.config import Section, load, parse

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config" / "turbines.yaml"
GENERATOR = ROOT / "docs" / "generate_configuration.py"


@pytest.fixture(scope="module")
def generator():
    return runpy.run_path(str(GENERATOR))


def example(*, defaults=False, options=False):
    """The example, with its commented defaults or options taken at their word."""
    text = EXAMPLE.read_text()
    if options:
        text = re.sub(r"^( *)#\+ ", r"\1", text, flags=re.MULTILINE)
        text = text.replace("# port: 1883", "# port: 8883")  # the default beside tls
    if defaults:
        text = re.sub(r"^( *)# ", r"\1", text, flags=re.MULTILINE)
    return parse(text, file=EXAMPLE.name)


@pytest.mark.parametrize("options", [False, True])
def test_every_commented_default_is_the_default(options):
    assert example(defaults=True, options=options) == example(options=options)


def test_what_the_example_decides_is_not_the_default():
    """A key that has its default stands behind a `#`."""
    told = example().classes["turbine"].sensors["vibration"]
    assert told.model_fields_set == {"unit", "range", "resolution"}


def given_keys(section):
    """Every section that was read, and the keys it was given."""
    yield type(section), section.model_fields_set
    for value in section.__dict__.values():
        inner = (
            value.values()
            if isinstance(value, dict)
            else value
            if isinstance(value, tuple)
            else [value]
        )
        for one in inner:
            if isinstance(one, Section):
                yield from given_keys(one)


def test_every_key_stands_in_the_example(generator):
    shown = {}
    for model, keys in given_keys(example(defaults=True, options=True)):
        shown.setdefault(named(model), set()).update(keys)
    for path, model in generator["sections"](generator["Config"], ""):
        assert shown[named(model)] >= set(model.model_fields), f"of {path}"


def named(model):
    """A section's model, all classes of River's being one."""
    return re.sub(r"river\.\S+", "river", f"{model.__module__}.{model.__name__}")


def test_the_page_is_what_the_models_say(generator):
    assert generator["PAGE"].read_text() == generator["page"](), f"run {GENERATOR.name}"


def test_every_key_has_its_row_on_the_page(generator):
    page = generator["PAGE"].read_text()
    for path, model in generator["sections"](generator["Config"], ""):
        section = page.partition(f"\n## `{path}`\n" if path else "\n## Top level\n")[2]
        rows = section.partition("\n## ")[0]
        for key in generator["keys_of"](model):
            assert re.search(rf"^\| `{key}` \|.*\| \S.* \|$", rows, re.MULTILINE), f"{path}.{key}"


def test_the_demo_is_told_where_the_broker_is(tmp_path):
    overrides = {"mqtt.host": "127.0.0.1", "mqtt.port": 1884, "state_dir": tmp_path}
    config = load(ROOT / "config" / "demo.yaml", overrides=overrides)
    assert (config.clock, config.mqtt.protocol, config.mqtt.port) == ("data", "3.1.1", 1884)
    assert config.sinks["sqlite"].path == tmp_path / "scores.db"
    assert set(config.notifiers) == {"log", "mqtt"}


def test_the_shortest_file_of_the_page_runs(generator):
    (snippet,) = re.findall(r"```yaml\n(.*?)```", generator["PAGE"].read_text(), re.DOTALL)
    assert list(parse(snippet).classes) == ["pump"]
