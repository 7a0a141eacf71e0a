"""The log notifier: one line per event, whoever chose the names in it."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.notifiers.log import Config, line, open_notifier
from streamer.records import Evidence
from tests.batches import event


def test_firing_is_a_warning_and_the_rest_is_information(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "telltale.alerts")
    notifier = open_notifier(Config(), None)
    for state in ("pending", "firing", "resolved"):
        assert notifier.notify(event(state=state)) is None
    notifier.close()
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "INFO"]
    assert caplog.messages[1] == (
        "firing: north/T03: machine_fault: vibration is high "
        "(ewma_chart 9, limit 6; since 2023-11-14T22:13:20Z)"
    )


def test_the_health_of_the_component_is_told_where_it_is_known() -> None:
    told = line(event(evidence=Evidence("vibration", component="gearbox", health=41.4)))
    assert told.endswith("vibration is high (health of gearbox 41; since 2023-11-14T22:13:20Z)")


def test_a_per_cent_sign_is_only_a_character(caplog: pytest.LogCaptureFixture) -> None:
    open_notifier(Config(), None).notify(event(reason="100 %s of %d"))
    assert "100 %s of %d" in caplog.text


@settings(deadline=None)
@given(machine=st.text(), reason=st.text())
def test_an_event_is_one_line_whatever_it_says(machine: str, reason: str) -> None:
    told = line(event(machine=machine, reason=reason))
    assert len(told.splitlines()) == 1
    assert told.isprintable()
