"""Every line that is wrong is named, in our own words."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from streamer.config import ConfigError, describe, load, parse
from streamer.notifiers import NOTIFIERS
from tests.config.config_texts import errors, fake_sink, text

__all__ = ["fake_sink"]

SLOTS = "context: {method: slots}"
EXAMPLE = Path(__file__).parents[2] / "config" / "turbines.yaml"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"top": "clock: data\nclock: wall"}, "3:1: clock: stands here again, first in line 2"),
        ({"top": "clock: sun"}, "2:8: clock: is 'sun', allowed are 'wall' or 'data'"),
        ({"top": "clok: wall"}, "2:1: clok: is no known key, did you mean clock?"),
        ({"top": "commit_s: 0"}, "2:11: commit_s: is 0, more than 0 is needed"),
        ({"top": "commit_s: 61"}, "2:11: commit_s: is 61, at most 60 is allowed"),
        ({"top": "commit_s: .nan"}, "2:11: commit_s: is nan, a finite number is needed"),
        ({"top": "commit_s: 5e-1"}, "2:11: commit_s: is '5e-1', a number is needed: write 0.5"),
        ({"top": "commit_s: true"}, "2:11: commit_s: is true, a number is needed"),
        ({"top": "turn_readings: 1.5"}, "2:16: turn_readings: is 1.5, a whole number is needed"),
        ({"top": "journal: 7"}, "2:10: journal: is 7, a mapping of keys is needed"),
        ({"top": "sinks: [a]"}, "2:1: sinks: is ['a'], a mapping of keys is needed"),
        (
            {"top": "sinks: {influx: }"},
            "2:9: sinks.influx: is no known sink, did you mean influxdb?",
        ),
        (
            {"top": "notifiers: {pigeon: }"},
            f"2:13: notifiers.pigeon: is no known notifier, allowed are {', '.join(NOTIFIERS)}",
        ),
        (
            {"top": "web: {listen: 8080}"},
            "2:15: web.listen: is 8080, text is needed: put it in quotes",
        ),
        (
            {"top": "web: {listen: ':80'}"},
            "2:15: web.listen: is ':80', host:port is needed, such as 127.0.0.1:8080",
        ),
        (
            {"top": "journal: {quota_bytes: 1 Gb}"},
            (
                "2:24: journal.quota_bytes: is '1 Gb', a number of bytes or one with "
                "B, kB, MB, GB, TB, KiB, MiB, GiB, TiB is needed"
            ),
        ),
        (
            {"top": "journal: {quota_bytes: 1 kB}"},
            "2:24: journal.quota_bytes: is '1 kB', at least 1048576 is needed",
        ),
        ({"mqtt": "port: 65536"}, "5:9: mqtt.port: is 65536, at most 65535 is allowed"),
        ({"mqtt": "qos: 2"}, "5:8: mqtt.qos: is 2, at most 1 is allowed"),
        (
            {"mqtt": "username: no"},
            "5:13: mqtt.username: is false, text is needed: put it in quotes",
        ),
        ({"mqtt": "password_file: p"}, "5:18: mqtt.password_file: needs a username beside it"),
        (
            {"mqtt": "tls: {key_file: k}"},
            "5:3: mqtt.tls: has one of cert_file and key_file, both or none are needed",
        ),
        (
            {"mqtt": 'client_id: "a\\nb"'},
            "5:14: mqtt.client_id: is 'a\\nb', printable text is needed",
        ),
        (
            {"mqtt": "username: u\n  password_file: 5"},
            "6:18: mqtt.password_file: is 5, a path is needed",
        ),
        (
            {"mqtt": f"client_id: {'x' * 1025}"},
            "5:14: mqtt.client_id: is longer than the 1024 characters allowed",
        ),
        ({"topics": ""}, "6:3: mqtt.topics: is empty, at least one entry is needed"),
        (
            {"topics": "{topic: '{machine}', class: pomp}"},
            "6:40: mqtt.topics[0].class: is no known class, did you mean pump?",
        ),
        (
            {"topics": "{class: pump}"},
            (
                "6:12: mqtt.topics[0].topic: is missing, "
                "for example `plant/{site}/{machine}/telemetry`"
            ),
        ),
        (
            {"topics": "{topic: '{value}/{machine}', class: pump}"},
            (
                "6:20: mqtt.topics[0].topic: names a level {value}, "
                "which is reserved for what is said of a machine"
            ),
        ),
        (
            {"topics": "{topic: '{machine}', class: pump}, {topic: '{machine}', class: pump}"},
            (
                "6:55: mqtt.topics[1].topic: is never reached, "
                "{machine} stands before it and hears the same"
            ),
        ),
        (
            {"topics": "{topic: 'a/{machine}', class: pump}, {topic: 'b/{unit}', class: pump}"},
            "8:3: classes.pump: has topics that name its machines differently: machine and unit",
        ),
        (
            {"pump": "machines: [a/..]"},
            (
                "9:5: classes.pump.machines: "
                "holds 'a/..', which is no name of a machine like north/T03"
            ),
        ),
        (
            {"pump": "moving: {sensor: flo, above: 1}"},
            "9:22: classes.pump.moving.sensor: is no known sensor, did you mean flow?",
        ),
        (
            {"pump": "detectors: {}"},
            "9:5: classes.pump.detectors: is empty, at least one entry is needed",
        ),
        (
            {"pump": "detectors: {mewm: }"},
            "9:17: classes.pump.detectors.mewm: is no known detector, did you mean mewma?",
        ),
        (
            {"pump": "detectors: {half_space_trees: {n_tree: 3}}"},
            (
                "9:36: classes.pump.detectors.half_space_trees.n_tree: "
                "is no known key, did you mean n_trees?"
            ),
        ),
        (
            {"pump": "detectors: {half_space_trees: {limit: 0}}"},
            "9:43: classes.pump.detectors.half_space_trees.limit: is 0, more than 0 is needed",
        ),
        (
            {"pump": "alerts: {fault: {kind: machine, detectors: [page_hinkley]}}"},
            (
                "9:49: classes.pump.alerts.fault.detectors[0]: is no known detector of this class, "
                "allowed are ewma_multichart, adjusted_multichart, rolling_zscore, half_space_trees"
            ),
        ),
        (
            {"pump": "alerts: {fault: {kind: pump}}"},
            (
                "9:28: classes.pump.alerts.fault.kind: "
                "is 'pump', allowed are machine, instrument, silent"
            ),
        ),
        (
            {"pump": "alerts: {fault: {hold_s: 1}}"},
            (
                "9:14: classes.pump.alerts.fault.kind: "
                "is missing, allowed are machine, instrument, silent"
            ),
        ),
        (
            {"pump": "alerts: {a: {kind: silent}, b: {kind: silent}}"},
            "9:33: classes.pump.alerts.b: is a second rule of kind silent beside a, one is allowed",
        ),
        (
            {"pump": "alerts: {fault: {kind: machine, clear: 1.1}}"},
            "9:44: classes.pump.alerts.fault.clear: is 1.1, at most 1 is allowed",
        ),
        (
            {"sensors": "Flow: {range: [0, 1]}"},
            (
                "12:7: classes.pump.sensors.Flow: is 'Flow', "
                "a name is 1 to 63 of a-z, 0-9 and _, and begins with a letter"
            ),
        ),
        (
            {"sensors": "\n".join(f"      s{i}: {{range: [0, 1]}}" for i in range(256)).lstrip()},
            "10:5: classes.pump.sensors: has 257 entries, at most 256 are allowed",
        ),
        (
            {"sensors": "rate: {range: [1, 0]}"},
            (
                "12:14: classes.pump.sensors.rate.range: "
                "is [1.0, 0.0], the lowest must come first and be smaller"
            ),
        ),
        (
            {"sensors": "rate: {range: [1]}"},
            "12:14: classes.pump.sensors.rate.range: is [1], [lowest, highest] is needed",
        ),
        (
            {"sensors": "rate: {range: [a, 1]}"},
            "12:22: classes.pump.sensors.rate.range[0]: is 'a', a number is needed",
        ),
        (
            {"sensors": "rate: {unit: m}"},
            "12:7: classes.pump.sensors.rate.range: is missing, for example `range: [0, 60]`",
        ),
        (
            {"pump": SLOTS, "sensors": "rate: {range: [0, 1], context: flo}"},
            "12:38: classes.pump.sensors.rate.context: is no known sensor, did you mean flow?",
        ),
        (
            {"pump": SLOTS, "sensors": "rate: {range: [0, 1], context: rate}"},
            "12:38: classes.pump.sensors.rate.context: is the sensor itself, another one is needed",
        ),
        (
            {"pump": SLOTS, "sensors": "rate: {range: [0, 1], context: flow, role: context}"},
            (
                "12:38: classes.pump.sensors.rate.context: "
                "is for sensors with role health, this one is not judged"
            ),
        ),
        (
            {"pump": SLOTS, "sensors": "rate: {range: [0, 1], relative_to: flo}"},
            "12:42: classes.pump.sensors.rate.relative_to: is no known sensor, did you mean flow?",
        ),
        (
            {"pump": SLOTS, "sensors": "rate: {range: [0, 1], context_lag_s: 1}"},
            "12:44: classes.pump.sensors.rate.context_lag_s: needs a context beside it",
        ),
        (
            {"sensors": "rate: {range: [0, 1], context: flow}"},
            (
                "12:38: classes.pump.sensors.rate.context: "
                "is for the context method slots, this class's is regression"
            ),
        ),
        (
            {"sensors": "rate: {range: [0, 1], follower: flo}"},
            (
                "12:39: classes.pump.sensors.rate.follower: "
                "is no known judged sensor, did you mean flow?"
            ),
        ),
        (
            {"sensors": "rate: {range: [0, 1], rests: true}"},
            (
                "12:36: classes.pump.sensors.rate.rests: "
                "needs the class's moving, which tells when the machine rests"
            ),
        ),
        (
            {"sensors": "rate: {range: [0, 1], role: context, shown_by: [flo]}"},
            (
                "12:55: classes.pump.sensors.rate.shown_by[0]: "
                "is no known judged sensor, did you mean flow?"
            ),
        ),
        (
            {"sensors": "rate: {range: [0, 1], shown_by: [flow, rate]}"},
            (
                "12:46: classes.pump.sensors.rate.shown_by[1]: is no known other sensor, "
                "allowed are flow"
            ),
        ),
        (
            {"pump": "context: {bins: 3}"},
            "9:21: classes.pump.context.bins: is for the method slots, this class's is regression",
        ),
        (
            {"pump": "context: {method: slots, knots: 7}"},
            "9:37: classes.pump.context.knots: is for the method regression, this class's is slots",
        ),
        (
            {"pump": "context: {lags_s: []}"},
            "9:15: classes.pump.context.lags_s: is empty, at least one entry is needed",
        ),
        (
            {"pump": "context: {learn_s: 600}"},
            "9:24: classes.pump.context.learn_s: is 600.0, 30000 … 1e+09 is allowed",
        ),
        (
            {"pump": "context: {lags_s: [1, 2, 3, 4, 5, 6, 7, 8, 9]}"},
            "9:15: classes.pump.context.lags_s: has 9 entries, at most 8 are allowed",
        ),
        (
            {"pump": "detectors: {ewma_multichart: {scales_s: 60}}"},
            ("9:45: classes.pump.detectors.ewma_multichart.scales_s: is 60, a list is needed"),
        ),
        (
            {"pump": "detectors: {ewma_multichart: {scales_s: []}}"},
            (
                "9:35: classes.pump.detectors.ewma_multichart.scales_s: "
                "is empty, at least one entry is needed"
            ),
        ),
    ],
)
def test_a_wrong_value_is_one_line_that_says_where_and_what_is_allowed(changes, line):
    assert errors(text(**changes)) == [f"config:{line}"]


@pytest.mark.parametrize(
    "name",
    [
        "severity",
        "state",
        "late",
        "time",
        "quality_x",
        "ewma_multichart",
        "ewma_multichart_flow",
        "machine",
        "ts",
    ],
)
def test_a_sensor_may_not_take_the_name_of_another_column_or_field(name):
    (line,) = errors(text(sensors=f"{name}: {{range: [0, 1]}}"))
    assert line == (
        f"config:12:7: classes.pump.sensors.{name}: "
        "is a name taken by another column or field, another one is needed"
    )


def test_a_class_needs_a_sensor_to_judge():
    (line,) = errors(text().replace("range: [0, 9]", "range: [0, 9], role: context"))
    assert line.endswith("classes.pump.sensors: has no sensor with role health, one is needed")


@pytest.mark.parametrize(
    ("topic", "says"),
    [
        ("{topic: 'a/+/{machine}', class: pump}", "+ and # are not allowed"),
        ("{topic: 'a/b', class: pump}", "names no machine"),
        ("{topic: '{machine}/{sensor}', class: pump}", "dialect json allows no {sensor}"),
        ("{topic: '{machine}', class: pump, dialect: number}", "needs {sensor} in the topic"),
        ("{topic: '{machine}', class: pump, dialect: xml}", "dialect 'xml' is not known"),
        ("{topic: '$share/x/{machine}', class: pump}", "begins with $"),
    ],
)
def test_a_topic_that_cannot_work_is_refused(topic, says):
    (line,) = errors(text(topics=topic))
    assert line.startswith("config:6:20: mqtt.topics[0].topic: is not usable, ")
    assert says in line


def test_a_gateway_may_name_its_machines_in_the_payload():
    topics = (
        "{topic: gateway, class: pump, machine_field: name}, {topic: 'a/{machine}', class: pump}"
    )
    assert len(parse(text(topics=topics)).mqtt.topics) == 2


def test_all_errors_come_at_once_in_the_order_of_the_file():
    lines = errors(
        text(top="clock: sun", mqtt="port: 0", pump="alerts: {a: {kind: b}}"), file="t.yaml"
    )
    assert [line.split(": ")[1] for line in lines] == [
        "clock",
        "mqtt.port",
        "classes.pump.alerts.a.kind",
    ]
    assert all(line.startswith("t.yaml:") for line in lines)


def test_an_empty_file_misses_what_is_needed():
    assert [line.split(":")[3].strip() for line in errors("")] == ["state_dir", "mqtt", "classes"]


@pytest.mark.parametrize("content", ["- 1", "just text", "7"])
def test_a_file_that_is_no_mapping_is_refused(content):
    (line,) = errors(content)
    assert re.fullmatch(r"config:1:1: is .*, a mapping of keys is needed", line)


def test_what_stands_under_an_unknown_key_is_not_repeated():
    (line,) = errors(text(mqtt="password: hunter2"))
    assert line == "config:5:3: mqtt.password: is no known key, did you mean password_file?"


def test_a_url_holds_no_password(fake_sink):
    (line,) = errors(text(top="sinks: {fake: {url: http://me:hunter2@host}}"))
    assert line.endswith(
        "sinks.fake.url: holds a user or password, which belong in a file of their own"
    )


@pytest.mark.parametrize("url", ["host:8086", "ftp://host", "http://", "http://host:port", "''"])
def test_a_url_is_http(url, fake_sink):
    (line,) = errors(text(top=f"sinks: {{fake: {{url: {url}}}}}"))
    assert "sinks.fake.url: is " in line


def test_a_file_that_cannot_be_read_is_an_error_of_one_line(tmp_path):
    for name, content, says in [
        ("missing", None, "cannot be read: No such file or directory"),
        ("latin", b"state_dir: \xe9t\xe9", "is not UTF-8 text, byte 11 cannot be read"),
        ("large", b"#" * (1 << 20) + b"\n", "is larger than the 1048576 bytes allowed"),
        ("bracket", b"mqtt: [", "is not YAML"),
    ]:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            load(path)
        (line,) = caught.value.lines
        assert line.startswith(str(path))
        assert says in line


# Whatever stands in a file.

LINE = re.compile(r"config:[1-9]\d*:[1-9]\d*: ([^\n]+: )?(is|has|holds|needs|names|cannot) [^\n]+")
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["any", "1 GiB", "{machine}", "power", "ewma_chart", "http://x", "silent"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(data, path=()):
    """Every place in the data that could hold something else."""
    found = [path] if path else []
    steps = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data if isinstance(data, list) else ())
    )
    for step, inner in steps:
        found += places(inner, (*path, step))
    return found


ORIGINAL = yaml.safe_load(EXAMPLE.read_text())


@given(st.sampled_from(places(ORIGINAL)), VALUES)
def test_any_value_in_any_place_is_read_or_refused_in_our_words(place, value):
    data = yaml.safe_load(EXAMPLE.read_text())
    inside = data
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1]] = value
    try:
        config = parse(yaml.safe_dump(data, allow_unicode=True))
    except ConfigError as error:
        for line in error.lines:
            assert LINE.fullmatch(line), line
            assert "Input should" not in line
    else:
        assert parse(describe(config)) == config


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(anything):
    with pytest.raises(ConfigError) as caught:
        parse(anything)
    assert all("\n" not in line for line in caught.value.lines)
