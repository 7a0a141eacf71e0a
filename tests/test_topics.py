"""Topic templates: what they hear, what they name, what they refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from streamer.labels import shown, valid_label
from streamer.records import Fault
from streamer.topics import ROUTES_KEPT, Route, Router, Rule, Template, subscriptions

TELEMETRY = Rule(Template("plant/{site}/{machine}/telemetry"), "turbine")
NUMBER = Rule(Template("plant/{site}/{machine}/{sensor}"), "turbine", dialect="number")
GATEWAY = Rule(Template("gateway/{site}"), "pump", time_field="time", machine_field="id")

levels = st.sampled_from(["a", "b", "{x}", "{y}", "{z}", "", "$"])


def test_a_topic_names_its_machine():
    route = Router([TELEMETRY]).route("plant/north/T03/telemetry")
    labels = (("site", "north"), ("machine", "T03"))
    assert route == Route("turbine", labels, None, "json", "ts", None)


def test_the_sensor_is_no_label():
    route = Router([NUMBER]).route("plant/north/T03/vibration")
    labels = (("site", "north"), ("machine", "T03"))
    assert route == Route("turbine", labels, "vibration", "number", "ts", None)


def test_the_machine_may_stand_in_the_payload():
    route = Router([GATEWAY]).route("gateway/north")
    assert route == Route("pump", (("site", "north"),), None, "json", "time", "id")


def test_the_first_rule_decides():
    assert Router([TELEMETRY, NUMBER]).route("plant/a/b/telemetry").dialect == "json"
    assert Router([NUMBER, TELEMETRY]).route("plant/a/b/telemetry").dialect == "number"
    assert Router([TELEMETRY, NUMBER]).route("plant/a/b/vibration").sensor == "vibration"


@pytest.mark.parametrize("topic", ["", "plant", "plant/a/b", "plant/a/b/telemetry/x", "$SYS/a/b/c"])
def test_other_topics_have_no_route(topic):
    fault = Router([TELEMETRY, Rule(Template("{a}/{b}/{machine}/c"), "pump")]).route(topic)
    assert fault.reason == "no_route"


@pytest.mark.parametrize(
    "name",
    ["", "a,b", "a\nb", "x" * 65, "..", ".", " a", "a ", "<script>", "a\0", '"', "+", "a\x7f"],
)
def test_a_name_that_is_no_name_is_refused(name):
    fault = Router([TELEMETRY]).route(f"plant/north/{name}/telemetry")
    assert isinstance(fault, Fault)
    assert fault.reason == "bad_topic"
    assert fault.detail.isprintable()


@pytest.mark.parametrize("name", ["T03", "Größe 7", "a.b:c@d-e_f", "x" * 64, "风机3", "..."])
def test_names_of_any_language_are_names(name):
    assert Router([TELEMETRY]).route(f"plant/north/{name}/telemetry").labels[1] == ("machine", name)


@given(st.text())
def test_a_valid_label_can_go_anywhere(text):
    if valid_label(text):
        assert 1 <= len(text) <= 64
        assert text.isprintable()
        assert text.encode()
        assert not set(text) & set("/+#\\,=\"'<>{}")


@given(st.text(max_size=200) | st.binary() | st.floats() | st.integers() | st.none())
def test_what_is_shown_is_printable_and_short(value):
    assert shown(value).isprintable()
    assert len(shown(value)) <= 60


def test_routes_are_remembered_within_bounds():
    router = Router([TELEMETRY])
    for i in range(ROUTES_KEPT + 10):
        router.route(f"plant/north/T{i}/telemetry")
    assert len(router._routes) <= ROUTES_KEPT
    assert router.route("plant/north/T1/telemetry") is router.route("plant/north/T1/telemetry")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "1 to 65535 bytes"),
        ("plant/+/telemetry", "'\\+' must be plain text or one {name}"),
        ("plant/#", "'#' must be"),
        ("plant/x{machine}", "'x{machine}' must be"),
        ("plant/{Machine}", "'{Machine}' must be"),
        ("plant/{}", "'{}' must be"),
        ("plant/{machine", "'{machine' must be"),
        ("{machine}/{machine}", "names {machine} twice"),
        ("$share/group/{machine}", "begins with \\$"),
    ],
)
def test_what_is_no_template_is_said(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        Template(text)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (
            Rule(Template("a/{machine}"), "t", dialect="xml"),
            "'xml' is not known, known: json, number",
        ),
        (Rule(Template("a/{machine}"), "t", dialect="number"), "needs {sensor}"),
        (Rule(Template("a/{machine}/{sensor}"), "t"), "allows no {sensor}"),
        (Rule(Template("a/b"), "t"), "names no machine"),
        (Rule(Template("a/{sensor}"), "t", dialect="number"), "names no machine"),
        (Rule(Template("a/{machine}"), "t", machine_field="id"), "and so would machine_field"),
        (
            Rule(Template("a/{b}/{sensor}"), "t", dialect="number", machine_field="id"),
            "has no machine_field",
        ),
    ],
)
def test_what_is_no_rule_is_said(rule, sentence):
    with pytest.raises(ValueError, match=sentence):
        Router([rule])


def test_subscriptions_are_few_and_in_order():
    texts = ["p/{a}/{machine}/x", "q/{machine}", "p/{a}/{b}/{c}", "p/{c}/{d}/x", "q/{z}"]
    assert subscriptions(map(Template, texts)) == ["q/+", "p/+/+/+"]


def _template(parts):
    names = iter("uvwxyz")
    return Template("/".join("{" + next(names) + "}" if p.startswith("{") else p for p in parts))


@given(
    st.lists(
        st.lists(levels, min_size=1, max_size=4).filter(lambda p: p[0] != "$" and p != [""]),
        min_size=1,
        max_size=6,
    ),
    st.lists(st.sampled_from(["a", "b", "c", "", "$"]), min_size=1, max_size=4),
)
def test_the_fewest_filters_hear_the_same_topics_and_a_template_hears_its_own(parts, topic_levels):
    templates = [_template(part) for part in parts]
    topic = "/".join(topic_levels)
    kept = subscriptions(templates)
    heard = [topic_matches_sub(template.subscription, topic) for template in templates]
    assert any(topic_matches_sub(one, topic) for one in kept) == any(heard)
    assert [template.match(topic) is not None for template in templates] == heard
    assert len(set(kept)) == len(kept)
