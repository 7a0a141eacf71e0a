"""Figures as people read them."""

from __future__ import annotations

import math

import numpy as np

from detectors.metrics import AlertSpan, FaultSpan, Share
from streamer.evaluate.outcome import Run, Said
from streamer.evaluate.tables import events_table, faults_table, number, points_table, share, table

H = 3600 * 10**9


def outcomes():
    """Two entrants on a machine with a fault that only the first one found."""
    fault = FaultSpan("wear", "A", "machine", 4 * H, 20 * H, severity=0.5, detectable_ns=5 * H)
    hidden = FaultSpan("ice", "B", "machine", 4 * H, 8 * H)
    rows, times = np.tile(np.arange(2, dtype=np.int32), 48), np.repeat(np.arange(48) * H, 2)
    run = Run(["A", "B"], [fault, hidden], rows, times, 0, 48 * H, 3600.0)
    quiet = np.zeros(96, np.float32)
    alarmed = np.where((rows == 0) & (times >= 6 * H) & (times < 20 * H), 2, quiet)
    found = [AlertSpan("A", "machine", 8 * H, 20 * H, sensor="x")]
    return [
        run.score("good", Said("", alarmed, found, 9.6e-4)),
        run.score("blind", Said("", quiet, [], 0)),
    ]


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_columns_are_as_wide_as_they_need_and_all_lines_alike() -> None:
    text = table(["who", "a long head"], [["somebody else", "1"], ["x", "22"]])
    assert len({len(line) for line in text.splitlines()}) == 1
    assert text.splitlines()[1] == "|:--------------|------------:|"


def test_events_are_told_in_counts_and_hours() -> None:
    head, _, good, blind = cells(events_table(outcomes()))
    line = dict(zip(head, good, strict=True))
    assert (line["entrant"], line["found"], line["delay, h"]) == ("good", "1 of 1", "3.0")
    assert (line["false alarms per machine-month"], line["µs"]) == ("0.00", "10.0")
    assert (line["benign alarmed"], line["still firing after 7 d"]) == ("–", "–")
    assert dict(zip(head, blind, strict=True))["delay, h"] == "–"


def test_faults_are_lines_and_entrants_columns() -> None:
    head, _, ice, wear = cells(faults_table(outcomes()))
    assert head == ["fault", "severity", "good", "blind"]
    assert ice == ["ice", "1", "(1 never visible)", "(1 never visible)"]
    assert wear == ["wear", "0.5", "1/1 after 3.0 h", "0/1"]


def test_points_have_two_digits() -> None:
    head, _, good, blind = cells(points_table(outcomes()))
    line = dict(zip(head, good, strict=True))
    assert (line["precision"], line["recall"]) == ("1.00", "0.93")
    assert dict(zip(head, blind, strict=True))["precision"] == "–", "nothing to take a share of"


def test_what_is_not_known_is_a_dash() -> None:
    assert (number(math.nan), number(math.inf), number(-0.25, 1)) == ("–", "–", "-0.2")
    assert (share(Share(0, 0)), share(Share(0, 3))) == ("–", "0 of 3")
