"""YAML as plain data that remembers where everything stood.

`read` walks the parser's events itself, so what a stranger's file can do is bounded here: its
size, its depth (libyaml's own composer recurses and dies of 100,000 brackets), what aliases may
expand to, and which tags exist at all. Keys are always their text (`on:` is no boolean) and never
come twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

MAX_BYTES = 1 << 20
MAX_DEPTH = 20
MAX_NODES = 100_000
"""How many values a file may hold, each alias counted as all that it stands for."""

Path = tuple[str | int, ...]
"""Where a value is: keys of mappings and positions in lists, from the top."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STANDARD = "tag:yaml.org,2002:"
_PLAIN = {_STANDARD + name for name in ("null", "bool", "int", "float")}
_TEXT = {_STANDARD + name for name in ("str", "timestamp", "value", "merge")}


class Mark(NamedTuple):
    """A place in a file, counted from 1."""

    line: int
    column: int


class Fault(NamedTuple):
    """A value that could not be taken as it stands, though the rest of the file could."""

    path: Path
    mark: Mark
    sentence: str


class Unreadable(Exception):
    """The text is no YAML document that we take; nothing of it was read."""

    def __init__(self, sentence: str, mark: Mark = Mark(1, 1)) -> None:  # noqa: B008 - immutable
        super().__init__(sentence)
        self.mark = mark


@dataclass
class Document:
    """What a file says, and where."""

    data: object = None
    keys: dict[Path, Mark] = field(default_factory=dict)
    scalars: dict[Path, Mark] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def mark(self, path: Path, *, of_key: bool = False) -> Mark:
        """Where a value stands, or its key, or else the nearest thing around it that was written.

        A mapping or list is found by its key: that is where the eye looks for it.
        """
        if path in self.scalars and not of_key:
            return self.scalars[path]
        if path in self.keys:
            return self.keys[path]
        return self.mark(path[:-1]) if path else Mark(1, 1)


def read(text: str) -> Document:
    """Read one YAML document.

    >>> document = read("mqtt: {host: localhost, port: 1883}")
    >>> document.data
    {'mqtt': {'host': 'localhost', 'port': 1883}}
    >>> document.mark(("mqtt", "port"))
    Mark(line=1, column=31)
    """
    if len(text) > MAX_BYTES:
        raise Unreadable(f"is larger than the {MAX_BYTES} bytes allowed")
    try:
        return _Reader(text).document()
    except yaml.MarkedYAMLError as error:
        context = f" {error.context}" if error.context else ""
        where = error.problem_mark or error.context_mark
        raise Unreadable(
            f"is not YAML: {error.problem}{context}", _mark(where) if where else Mark(1, 1)
        ) from None
    except yaml.reader.ReaderError as error:
        raise Unreadable(f"is not YAML: {error.reason}", _position(text, error)) from None
    except UnicodeEncodeError as error:
        raise Unreadable(f"is not Unicode text: {error.reason}") from None


class _Reader:
    def __init__(self, text: str) -> None:
        self._events = _Loader(text)
        self._document = Document()
        self._anchors: dict[str, tuple[object, int]] = {}
        self._nodes = 0

    def document(self) -> Document:
        self._events.get_event()  # the stream starts
        if not self._events.check_event(yaml.StreamEndEvent):
            self._events.get_event()  # the document starts
            self._document.data = self._value(())
            self._events.get_event()  # the document ends
        if not self._events.check_event(yaml.StreamEndEvent):
            mark = _mark(self._events.peek_event().start_mark)
            raise Unreadable("holds a second document, one is allowed", mark)
        return self._document

    def _value(self, path: Path) -> object:
        event = self._events.get_event()
        before = self._nodes
        self._count(1, event, path)
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event, path)
        if isinstance(event, yaml.MappingStartEvent):
            value: object = self._mapping(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._list(event, path)
        else:
            value = self._scalar(event, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._nodes - before
        return value

    def _count(self, nodes: int, event: yaml.Event, path: Path) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise Unreadable(
                f"holds more than the {MAX_NODES} values allowed", _mark(event.start_mark)
            )
        if len(path) > MAX_DEPTH:
            raise Unreadable(
                f"is nested deeper than the {MAX_DEPTH} levels allowed", _mark(event.start_mark)
            )

    def _aliased(self, event: yaml.AliasEvent, path: Path) -> object:
        mark = _mark(event.start_mark)
        if event.anchor not in self._anchors:
            raise Unreadable(f"refers to *{event.anchor} before &{event.anchor} is complete", mark)
        value, nodes = self._anchors[event.anchor]
        self._count(nodes, event, path)
        self._document.scalars[path] = mark
        return value

    def _mapping(self, event: yaml.MappingStartEvent, path: Path) -> dict[str, object]:
        self._check_tag(event, path, event.tag, {_STANDARD + "map"})
        found: dict[str, object] = {}
        while not self._events.check_event(yaml.MappingEndEvent):
            key, mark = self._key()
            below = (*path, key)
            first = self._document.keys.setdefault(below, mark)
            value = self._value(below)
            if key in found:
                self._fault(below, mark, f"stands here again, first in line {first.line}")
            elif key == "<<":
                self._fault(below, mark, "merging is not supported, write the keys out")
            else:
                found[key] = value
        self._events.get_event()
        return found

    def _key(self) -> tuple[str, Mark]:
        event = self._events.get_event()
        mark = _mark(event.start_mark)
        if not isinstance(event, yaml.ScalarEvent):
            raise Unreadable("has a key that is not plain text", mark)
        return event.value, mark

    def _list(self, event: yaml.SequenceStartEvent, path: Path) -> list[object]:
        self._check_tag(event, path, event.tag, {_STANDARD + "seq"})
        found: list[object] = []
        while not self._events.check_event(yaml.SequenceEndEvent):
            below = (*path, len(found))
            self._document.keys[below] = _mark(self._events.peek_event().start_mark)
            found.append(self._value(below))
        self._events.get_event()
        return found

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> object:
        mark = self._document.scalars[path] = _mark(event.start_mark)
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._events.resolve(yaml.ScalarNode, event.value, event.implicit)
        self._check_tag(event, path, tag, _PLAIN | _TEXT)
        if tag not in _PLAIN:
            return event.value
        try:
            return self._events.construct_object(yaml.ScalarNode(tag, event.value))
        except (ValueError, KeyError):
            self._fault(path, mark, f"is {shown(event.value)}, which {_short(tag)} does not hold")
            return event.value

    def _check_tag(self, event: yaml.Event, path: Path, tag: str | None, allowed: set[str]) -> None:
        if tag not in (None, "!", *allowed):
            mark = _mark(event.start_mark)
            self._fault(path, mark, f"has the tag {_short(str(tag))}, no tags are needed here")

    def _fault(self, path: Path, mark: Mark, sentence: str) -> None:
        self._document.faults.append(Fault(path, mark, sentence))


def shown(value: object) -> str:
    """Show a value as an error line does: in YAML's words, short, and on one line.

    >>> shown("no"), shown(True), shown({"a": 1}), shown(None)
    ("'no'", 'true', 'a mapping', 'empty')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    text = "empty" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _short(tag: str) -> str:
    return tag.replace(_STANDARD, "!!")


def _mark(mark: Any) -> Mark:  # PyYAML and libyaml each have a class of their own
    return Mark(mark.line + 1, mark.column + 1)


def _position(text: str, error: yaml.reader.ReaderError) -> Mark:
    before = text[: error.position]
    return Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))
