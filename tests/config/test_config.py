"""What a configuration says, what may override it, and what it means to what was learnt."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from detectors import DETECTORS
from streamer.config import ConfigError, describe, load, parse, read_secret
from streamer.config import types as config_types
from tests.config.config_texts import errors, fake_sink, text

__all__ = ["fake_sink"]

# What is read.


def test_the_smallest_configuration_has_all_defaults():
    config = parse(text(), directory=Path("/etc/telltale"))
    assert config.state_dir == Path("/etc/telltale/state")
    assert (config.clock, config.commit_s, config.turn_readings) == ("wall", 0.5, 4096)
    assert (config.mqtt.port, config.mqtt.protocol, config.mqtt.qos) == (1883, "auto", 1)
    assert config.journal.quota_bytes == 1 << 30
    assert (config.sinks, config.notifiers, config.web) == ({}, {}, None)
    pump = config.classes["pump"]
    assert list(pump.detectors) == [
        "ewma_multichart",
        "adjusted_multichart",
        "rolling_zscore",
        "half_space_trees",
    ]
    assert pump.alerts["machine_fault"].detectors == ("ewma_multichart", "adjusted_multichart")
    assert pump.context.method == "regression"
    assert [rule.kind for rule in pump.alerts.values()] == ["machine", "instrument", "silent"]
    assert pump.score_columns == (
        "ewma_multichart_flow",
        "adjusted_multichart_flow",
        "rolling_zscore_flow",
        "half_space_trees",
    )


def test_a_configuration_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        parse(text()).clock = "data"


def test_a_section_with_nothing_under_it_has_all_defaults():
    config = parse(text(top="web:\njournal:\nsinks:", mqtt="tls:", pump="detectors:\n    alerts:"))
    assert (config.web.host, config.web.port) == ("127.0.0.1", 8080)
    assert config.mqtt.tls.insecure is False
    assert len(config.classes["pump"].detectors) == 4


@pytest.mark.parametrize(("mqtt", "port"), [("tls: {}", 8883), ("", 1883), ("tls:", 8883)])
def test_the_port_follows_tls(mqtt, port):
    assert parse(text(mqtt=mqtt)).mqtt.port == port


def test_a_machine_rule_watches_the_multicharts_or_the_frozen_detectors_or_else_all():
    def watched(detectors):
        pump = parse(text(pump=f"detectors: {detectors}")).classes["pump"]
        return pump.alerts["machine_fault"].detectors

    assert watched("{ewma_chart: , ewma_multichart: }") == ("ewma_multichart",)
    assert watched("{rolling_zscore: , ewma_chart: }") == ("ewma_chart",)
    assert watched("{rolling_zscore: , half_space_trees: }") == (
        "rolling_zscore",
        "half_space_trees",
    )


def test_machines_may_be_listed():
    pump = parse(text(pump="machines: [P01, P02]")).classes["pump"]
    assert pump.admits("P02")
    assert not pump.admits("P03")
    assert parse(text()).classes["pump"].admits("P03")


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("1048576", 1 << 20),
        ("1 MiB", 1 << 20),
        ("1.5MB", 1_500_000),
        ("4503599627370495 KiB", (1 << 62) - 1024),
    ],
)
def test_sizes_are_numbers_or_have_a_unit(written, size):
    assert parse(text(top=f"journal: {{quota_bytes: {written}}}")).journal.quota_bytes == size


@given(st.integers(1, 2**62))
def test_a_size_reads_back_as_it_was_written(size):
    assert config_types._to_bytes(config_types._from_bytes(size)) == size


def test_paths_begin_at_the_file_those_of_sinks_at_the_state(tmp_path, fake_sink):
    file = tmp_path / "t.yaml"
    file.write_text(
        text(
            top="sinks: {fake: {url: http://x, token_file: t, file: s.db}}",
            mqtt="username: u\n  password_file: /p",
        )
    )
    config = load(file)
    assert isinstance(config.sinks["fake"], fake_sink)
    assert config.mqtt.password_file == Path("/p")
    assert config.sinks["fake"].token_file == tmp_path / "t"
    assert config.sinks["fake"].file == tmp_path / "state" / "s.db"


# Overrides.


def test_an_override_takes_the_place_of_what_the_file_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = parse(
        text(mqtt="port: 0"),
        overrides={"mqtt.port": 1884, "state_dir": Path("here"), "journal.at_quota": "block"},
    )
    assert config.mqtt.port == 1884
    assert config.state_dir == tmp_path / "here"
    assert config.journal.at_quota == "block"


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("mqtt.port", 0, "override: mqtt.port: is 0, at least 1 is needed"),
        ("mqtt.prot", 1, "override: mqtt.prot: is no known key, did you mean port?"),
        ("clock.x", 1, "override: clock.x: is below 'wall', which is no mapping of keys"),
    ],
)
def test_an_override_may_be_wrong_too(key, value, line):
    assert errors(text(top="clock: wall"), overrides={key: value}) == [line]


# Detectors.


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_can_be_configured_with_nothing(name):
    heat = "heat: {range: [0, 9], shown_by: [flow]}"
    config = parse(text(pump=f"detectors: {{{name}: }}", sensors=heat))
    section = config.classes["pump"].detectors[name]
    assert section.limit > 0
    assert isinstance(section.build(3), DETECTORS[name])


def test_what_a_constructor_refuses_is_an_error_at_its_key():
    (line,) = errors(text(pump="detectors: {half_space_trees: {n_trees: 0}}"))
    assert line.startswith("config:9:45: classes.pump.detectors.half_space_trees.n_trees: is 0, ")


def test_what_a_constructor_refuses_in_general_is_an_error_of_the_section():
    (line,) = errors(text(pump="detectors: {half_space_trees: {lower: 1, upper: 0}}"))
    assert line.startswith(
        "config:9:17: classes.pump.detectors.half_space_trees: cannot be built: limits are "
    )


def test_parameters_reach_the_constructor():
    config = parse(text(pump="detectors: {half_space_trees: {n_trees: 3, lower: -1}}"))
    built = config.classes["pump"].detectors["half_space_trees"].build(1)
    assert (built.n_trees, built.limits) == (3, [(-1.0, 8.0)])


@pytest.mark.parametrize(
    ("parameters", "limit"), [("threshold: 20", 20), ("", 50), ("threshold: 20, limit: 10", 10)]
)
def test_the_limit_of_page_hinkley_is_its_threshold(parameters, limit):
    config = parse(text(pump=f"detectors: {{page_hinkley: {{{parameters}}}}}"))
    assert config.classes["pump"].detectors["page_hinkley"].limit == limit


def test_a_class_of_river_takes_its_own_parameters():
    config = parse(
        text(pump="detectors: {river.anomaly.GaussianScorer: {limit: 0.99, window_size: 9}}")
    )
    section = config.classes["pump"].detectors["river.anomaly.GaussianScorer"]
    assert section.parameters["window_size"] == 9
    assert section.build(1).parameters["window_size"] == 9
    assert config.classes["pump"].score_columns == ("river.anomaly.GaussianScorer",)


@pytest.mark.parametrize(
    ("detector", "says"),
    [
        ("river.anomaly.Nobody: {limit: 1}", "cannot be found"),
        ("river.anomaly.GaussianScorer: {limit: 1, nonsense: 1}", "refuses its parameters"),
        ("river.anomaly.GaussianScorer: {limit: 1, estimator: os.system}", "cannot be built"),
        ("river.anomaly.GaussianScorer: {}", "limit: is missing"),
    ],
)
def test_a_class_of_river_that_cannot_be_built_is_an_error(detector, says):
    (line,) = errors(text(pump=f"detectors: {{{detector}}}"))
    assert line.startswith("config:9:17: classes.pump.detectors.river.anomaly.")
    assert says in line


# Fingerprint, secrets, description.


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"top": "clock: data"}, True),
        ({"pump": "alerts: {}"}, True),
        ({"pump": "max_age_s: 60"}, True),
        (
            {
                "pump": "detectors: {rolling_zscore: {limit: 9}, half_space_trees: , "
                "adjusted_multichart: , ewma_multichart: }"
            },
            True,
        ),
        ({"pump": "detectors: {ewma_chart: }"}, False),
        ({"pump": "context: {method: slots}"}, False),
        ({"pump": "context: {knots: 7}"}, False),
        ({"pump": "sample_s: 60"}, False),
        ({"sensors": "rate: {range: [0, 1]}"}, False),
    ],
)
def test_the_fingerprint_names_what_was_learnt(changes, same):
    before = parse(text()).fingerprint("pump")
    assert (parse(text(**changes)).fingerprint("pump") == before) is same


def test_the_fingerprint_names_the_states_that_are_judged():
    mode = "mode: {range: [0, 9], role: state}"
    before, after = (text(pump=pump, sensors=mode)
                     for pump in ("", "regime: {sensor: mode, judged: [1]}"))  # fmt: skip
    assert parse(after).fingerprint("pump") != parse(before).fingerprint("pump")


@pytest.mark.parametrize(
    ("sensor", "same"),
    [
        ("range: [0, 9], unit: l/s", True),
        ("range: [0, 9], stuck_s: 60", True),
        ("range: [0, 9], harm: up, inert: true, rests: false", True),
        ("range: [0, 8]", False),
        ("range: [0, 9], resolution: 0.1", False),
    ],
)
def test_the_fingerprint_depends_on_a_sensor_as_far_as_it_is_learnt(sensor, same):
    before = parse(text()).fingerprint("pump")
    after = parse(text().replace("range: [0, 9]", sensor)).fingerprint("pump")
    assert (after == before) is same


def test_the_fingerprint_depends_on_the_order_of_sensors():
    one, other = "a: {range: [0, 1]}", "b: {range: [0, 1]}"
    there = parse(text(sensors=f"{one}\n      {other}")).fingerprint("pump")
    back = parse(text(sensors=f"{other}\n      {one}")).fingerprint("pump")
    assert there != back


def test_a_secret_is_the_one_line_of_its_file(tmp_path):
    path = tmp_path / "token"
    path.write_text("s3cret=\r\n")
    assert read_secret(path) == "s3cret="


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "holds 0 lines, one line with the secret is needed"),
        (b"\n", "holds 1 lines, one line with the secret is needed"),
        (b"a\nb\n", "holds 2 lines, one line with the secret is needed"),
        (b"\xff", "is not UTF-8 text, byte 0 cannot be read"),
        (b"x" * 16385, "is larger than the 16384 bytes allowed"),
    ],
)
def test_a_secret_that_cannot_be_used_is_one_sentence_without_it(tmp_path, content, says):
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_secret(path)
    assert caught.value.lines == [f"{path}: {says}"]


def test_the_description_reads_back_and_holds_no_secret(tmp_path):
    secret = tmp_path / "password"
    secret.write_text("hunter2")
    top = "web:\njournal: {quota_bytes: 5 MiB}"
    detectors = (
        "detectors: {ewma_chart: {centre: 0, sigma: 1}, ewma_multichart: {scales_s: [60, 600]}, "
        "river.anomaly.GaussianScorer: {limit: 1}}"
    )
    config = parse(
        text(top=top, mqtt=f"tls:\n  username: u\n  password_file: {secret}", pump=detectors)
    )
    assert parse(describe(config)) == config
    assert "hunter2" not in describe(config)
    assert "quota_bytes: 5 MiB" in describe(config)
