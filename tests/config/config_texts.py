"""Small configurations for tests, with something more or wrong in one place."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from streamer.config import ConfigError, Section, parse
from streamer.config.types import ConfigPath, StatePath, Url
from streamer.sinks import SINKS

TEXT = """\
state_dir: state
{top}
mqtt:
  host: localhost
  {mqtt}
  topics: [{topics}]
classes:
  pump:
    {pump}
    sensors:
      flow: {{range: [0, 9]}}
      {sensors}
"""


def text(top="", mqtt="", topics="{topic: 'plant/{machine}', class: pump}", pump="", sensors=""):
    """The smallest configuration, with something more in one of its places."""
    return TEXT.format(top=top, mqtt=mqtt, topics=topics, pump=pump, sensors=sensors)


def errors(yaml_text, **options):
    with pytest.raises(ConfigError) as caught:
        parse(yaml_text, **options)
    assert str(caught.value) == "\n".join(caught.value.lines)
    return caught.value.lines


@pytest.fixture
def fake_sink(monkeypatch):
    """A sink of our own, registered as a newcomer would register one."""

    class Config(Section):
        url: Url
        token_file: ConfigPath | None = None
        file: StatePath = Path("scores.db")

    module = ModuleType("fake_sink")
    module.Config = Config
    monkeypatch.setitem(sys.modules, "fake_sink", module)
    monkeypatch.setitem(SINKS, "fake", "fake_sink")
    return Config
