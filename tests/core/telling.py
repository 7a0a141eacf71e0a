"""Operators in stories: verbs among the messages, and turns that are cut around them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from streamer import operators
from streamer.control import Answer, Asked, Caller, Request
from streamer.pipeline import Pipeline
from streamer.records import Message, Verb
from tests.core.plant import Run, walk

ANNA = Caller(1000, "anna")

Story = Sequence[Message | Request]


def want(verb: str, *machines: str, **more: Any) -> Request:
    return Request(verb, [f"north/{name}" for name in machines], **more)


def asked(pipeline: Pipeline, request: Request, caller: Caller = ANNA) -> tuple[list[Verb], Answer]:
    """The verbs of a request, and what is answered; as if it were committed already."""
    waiting = Asked(request, caller, Future())
    verbs = operators.hear(waiting, pipeline)
    if verbs:
        operators.done(waiting, [])
    return verbs, waiting.answer.result(0)


def refusal(pipeline: Pipeline, request: Request) -> str:
    verbs, answer = asked(pipeline, request)
    assert (verbs, answer.done) == ([], False)
    (sentence,) = answer.sentences
    return sentence


def turns(
    story: Story, edges: Collection[int] = ()
) -> Iterator[tuple[Request | None, list[Message]]]:
    """Turns of a story: one begins at each verb, and at each of the edges."""
    request: Request | None = None
    messages: list[Message] = []
    for i, one in enumerate(story):
        if (isinstance(one, Request) or i in edges) and (request is not None or messages):
            yield request, messages
            request, messages = None, []
        if isinstance(one, Request):
            request = one
        else:
            messages.append(one)
    yield request, messages


def take(
    pipeline: Pipeline,
    request: Request | None,
    messages: Sequence[Message],
    hearing_since_ns: int | None = None,
    caller: Caller = ANNA,
) -> Run:
    """One turn: what is told, then what is read."""
    if request is None:
        return walk(pipeline, [messages], hearing_since_ns)
    verbs, _ = asked(pipeline, request, caller)
    alerts = list(pipeline.turn(messages, hearing_since_ns, verbs=verbs))
    run = Run(alerts=alerts)
    for points in pipeline.last_points:
        run.points.setdefault(points.schema.machine_class, []).append(points)
    return run


def tell(pipeline: Pipeline, story: Story, edges: Collection[int] = ()) -> Run:
    """A whole story, turn by turn."""
    whole = Run()
    for request, messages in turns(story, edges):
        run = take(pipeline, request, messages)
        whole.alerts += run.alerts
        for name, points in run.points.items():
            whole.points.setdefault(name, []).extend(points)
    return whole
