"""What is learnt after the learning time, as a person hears of it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from streamer.condition import progress
from streamer.config import Config
from streamer.notifiers import webhook
from streamer.pipeline import Pipeline
from streamer.records import LEARNT, AlertEvent, Message
from streamer.recovery import take_snapshot
from tests.core.plant import Run, configured, dry, opened, telling, turns_of, walk

TEXT = """
state_dir: state
clock: data
max_ahead_s: 1.0e+9
mqtt:
  host: localhost
  topics: [{topic: "plant/{site}/{machine}/telemetry", class: pump}]
classes:
  pump:
    max_age_s: 1800
    sensors:
      flow: {unit: l/s, role: context, range: [0, 200]}
      pressure: {unit: bar, range: [-50, 200]}
    context:
      {learn_s: 180000, warm_s: 20000, moment_s: 600, lags_s: [600], knots: 0, quarantine_s: 3600}
    detectors: {ewma_multichart: {scales_s: [3600], learn_s: 36000, limit: 9}}
"""
USUAL, FLOODS = 500, 60
"""Readings, one in ten minutes: nearly four days of flows up to 60 l/s, then higher ones."""


def plant(directory: Path = Path(), **overrides: object) -> Config:
    return configured(directory, TEXT, **overrides)


@cache
def flood() -> tuple[Message, ...]:
    """Two machines that learn, then meet floods, and a day later are as ever."""
    rng, found = np.random.default_rng(1), []
    for i in range(USUAL + FLOODS + 200):
        for machine in ("P1", "P2"):
            flows = (100, 120) if USUAL <= i < USUAL + FLOODS else (20, 60)
            flow = float(rng.uniform(*flows))
            pressure = flow / 5 + float(rng.normal(0, 0.2))
            found.append(telling(machine, 600 * i, flow=flow, pressure=pressure))
    return tuple(found)


def learnt(run: Run) -> list[AlertEvent]:
    return [event for event in run.alerts if event.kind == "learning"]


def test_what_was_learnt_in_a_day_is_an_event_that_says_how_much_and_where():
    run = dry(flood(), 100, plant())
    for machine in ("north/P1", "north/P2"):
        told = [e for e in learnt(run) if e.machine == machine and e.rule == LEARNT]
        assert len(told) > 1
        days = [event.since_ns for event in told]
        assert len(days) == len(set(days)), "one a day at most"
        assert {event.state for event in told} == {"done"}
        assert all("moments of what it never did before on 2023-11-1" in e.reason for e in told)
        assert re.search(r"\(flow [\d.]+ … 1\d\d\)", told[-1].reason), "which floods they were"
    assert not any(event.state == "firing" for event in run.alerts)


def test_what_is_shown_is_the_sum_of_what_was_told():
    pipeline = Pipeline(plant(), None)
    told = [e.reason for e in learnt(walk(pipeline, turns_of(flood(), 100))) if "P1" in e.machine]
    moments = sum(int(re.match(r"learnt (\d+) moments", reason)[1]) for reason in told)
    shown = re.search(
        r"(\d+) moments of what was new", progress(pipeline.monitors["pump"].stages, 0)
    )
    assert abs(int(shown[1]) - moments) <= len(told), "each day's sum is rounded"
    assert moments > 20


def test_a_budget_that_is_spent_is_told_and_shown():
    pipeline = Pipeline(plant(classes__pump__context__adapt_total=0.05), None)
    run = walk(pipeline, turns_of(flood(), 100))
    stopped = [e for e in learnt(run) if "then accept" in e.reason]
    assert {event.rule for event in stopped} == {"learning_stopped"}
    assert sorted(event.machine for event in stopped) == ["north/P1", "north/P2"], "once each"
    assert "look at the machine, then accept" in stopped[0].reason
    said = progress(pipeline.monitors["pump"].stages, 0)
    assert "of 0.05 σ at most: nothing new is learnt until accept" in said
    pipeline.monitors["pump"].stages.accept(0)
    assert "nothing new" not in progress(pipeline.monitors["pump"].stages, 0)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_events_do_not_depend_on_turns(size: int):
    whole, cut = dry(flood(), 100, plant()), dry(flood(), size, plant())
    assert whole.alerts == cut.alerts
    assert whole.bits() == cut.bits()


def test_a_restart_in_the_middle_of_a_flood_changes_nothing(tmp_path: Path):
    whole = dry(flood(), 50, plant())
    config, at = plant(tmp_path), 2 * USUAL + 53
    pipeline, journal = opened(config)
    before = walk(pipeline, turns_of(flood()[:at], 50))
    take_snapshot(pipeline, config.state_dir / "snapshots")
    journal.close()
    pipeline, journal = opened(config)
    after = walk(pipeline, turns_of(flood()[at:], 50))
    journal.close()
    ids = [event.id for event in (*learnt(before), *learnt(after))]
    assert sorted(ids) == sorted(event.id for event in learnt(whole))


def test_a_day_that_needs_no_answer_is_not_posted(monkeypatch: pytest.MonkeyPatch):
    posted = []
    notifier = webhook.WebhookNotifier(webhook.Config(url="http://127.0.0.1:9/"))
    monkeypatch.setattr(notifier, "_post", lambda payload: posted.append(payload) or (200, "", 0))
    config = plant(classes__pump__context__adapt_total=0.05)
    events = [*learnt(dry(flood(), 100, plant())), *learnt(dry(flood(), 100, config))]
    for event in events:
        notifier.notify(event)
    assert 0 < len(posted) == sum(event.rule == "learning_stopped" for event in events)
