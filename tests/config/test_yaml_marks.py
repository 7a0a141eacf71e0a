"""What a file may do to its reader: nothing beyond these limits, and everything has its place."""

import pytest
import yaml

from streamer.config import yaml_marks
from streamer.config.yaml_marks import Mark, Unreadable, read


@pytest.fixture(params=[yaml.CSafeLoader, yaml.SafeLoader], ids=["libyaml", "python"], autouse=True)
def loader(request, monkeypatch):
    monkeypatch.setattr(yaml_marks, "_Loader", request.param)


def test_every_value_and_key_has_its_place():
    document = read("mqtt:\n  port: 1883\n  topics:\n    - a\n    - {class: b}\n")
    assert document.data == {"mqtt": {"port": 1883, "topics": ["a", {"class": "b"}]}}
    assert document.mark(("mqtt", "port")) == Mark(2, 9)
    assert document.mark(("mqtt", "port"), of_key=True) == Mark(2, 3)
    assert document.mark(("mqtt", "topics")) == Mark(3, 3)
    assert document.mark(("mqtt", "topics", 0)) == Mark(4, 7)
    assert document.mark(("mqtt", "topics", 1, "class")) == Mark(5, 15)
    assert document.mark(("mqtt", "topics", 1, "dialect")) == Mark(5, 7)
    assert document.mark(("nowhere",)) == Mark(1, 1)


def test_plain_scalars_are_read_as_safe_load_reads_them():
    text = "[1, 1.5, true, null, x, '1', 1.0e+3, 0x1f, ~, off, 3.1.1, -.inf]"
    assert read(text).data == yaml.safe_load(text)


def test_keys_are_text_and_dates_are_text():
    assert read("{on: 1, 1: 2, 2026-01-31: 2026-01-31}").data == {
        "on": 1,
        "1": 2,
        "2026-01-31": "2026-01-31",
    }


def test_an_alias_stands_where_it_is_written():
    document = read("a: &one {b: 1}\nc: *one\n")
    assert document.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert document.mark(("c", "b")) == Mark(2, 4)


@pytest.mark.parametrize(
    ("text", "mark", "sentence"),
    [
        ("a: 1\nb: 2\na: 3\n", Mark(3, 1), "stands here again, first in line 1"),
        ("a: {<<: {b: 1}}", Mark(1, 5), "merging is not supported, write the keys out"),
        ("a: !!python/name:os.system x", Mark(1, 4), "has the tag !!python/name:os.system, no"),
        ("a: !!set {x}", Mark(1, 4), "has the tag !!set, no tags are needed here"),
        ("a: !!int x", Mark(1, 4), "is 'x', which !!int does not hold"),
        ("a: " + "9" * 5000, Mark(1, 4), "is '9999"),
    ],
)
def test_a_fault_does_not_end_the_reading(text, mark, sentence):
    document = read(text + "\nz: 26")
    (fault,) = document.faults
    assert fault.mark == mark
    assert fault.sentence.startswith(sentence)
    assert document.data["z"] == 26


@pytest.mark.parametrize(
    ("text", "mark", "sentence"),
    [
        ("[" * 100_000, Mark(1, 22), "is nested deeper than the 20 levels allowed"),
        ("a: &a [*a]", Mark(1, 8), "refers to *a before &a is complete"),
        ("a: 1\n---\nb: 2", Mark(2, 1), "holds a second document, one is allowed"),
        ("? [a, b]\n: 1", Mark(1, 3), "has a key that is not plain text"),
        ("a: b: c", Mark(1, 5), "is not YAML: mapping values are not allowed"),
        ("a: 1\nb: \x07", Mark(2, 4), "is not YAML: "),
        ("a: '", Mark(1, 5), "is not YAML: found unexpected end of stream"),
        ("x" * (1 << 20) + "x", Mark(1, 1), "is larger than the 1048576 bytes allowed"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(text, mark, sentence):
    with pytest.raises(Unreadable) as caught:
        read(text)
    assert str(caught.value).startswith(sentence)
    assert caught.value.mark == mark


def test_aliases_of_aliases_are_counted_as_what_they_stand_for():
    bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
    )
    with pytest.raises(Unreadable, match="more than the 100000 values allowed"):
        read(bomb)
