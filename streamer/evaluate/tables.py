"""The figures of a comparison as Markdown, which reads as well on a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from detectors.metrics import FaultFigures, Share
from streamer.evaluate.nab import NabLine
from streamer.evaluate.outcome import Outcome
from streamer.evaluate.skab import SkabLine

HOUR_S = 3600.0
NOTHING = "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its columns as wide as they need; the first to the left, figures right.

    >>> print(table(["entrant", "found"], [["telltale", "3 of 4"]]))
    | entrant  |  found |
    |:---------|-------:|
    | telltale | 3 of 4 |
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *rest = cells
        padded = [first.ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        return f"| {' | '.join(padded)} |"

    rule = "".join(f"{'-' * (width + 1)}:|" for width in widths[1:])
    return "\n".join([line(head), f"|:{'-' * (widths[0] + 1)}|{rule}", *map(line, rows)])


def events_table(outcomes: Sequence[Outcome]) -> str:
    """What a plant asks for: found, how soon, how often for nothing, and whether it said where."""
    head = (
        "entrant",
        "found",
        "delay, h",
        "still firing after 7 d",
        "false alarms per machine-month",
        "alarm min per healthy day",
        "benign alarmed",
        "right sensor",
        "right kind",
        "instrument as machine",
        "chattering",
        "µs",
    )
    return table(head, [_events(one) for one in outcomes])


def _events(one: Outcome) -> list[str]:
    events = one.events
    return [
        one.entrant,
        share(events.detected),
        number(events.delay_s.median / HOUR_S),
        share(events.still_firing),
        number(events.false_alarms_per_machine_month, 2),
        number(events.alarm_minutes_per_machine_day),
        share(events.benign_raised),
        share(events.right_sensor),
        share(events.right_kind),
        share(events.instrument_as_machine),
        str(events.chattering),
        number(one.cpu_us_per_reading),
    ]


def points_table(outcomes: Sequence[Outcome]) -> str:
    """What the textbooks ask for, reading by reading, and CARE."""
    of_points = ("precision", "recall", "f1", "roc_auc", "pr_auc")
    of_care = ("care", "coverage", "accuracy", "reliability", "earliness")
    rows = []
    for one in outcomes:
        figures = [getattr(one.points, name) for name in of_points]
        figures += [getattr(one.care, name) for name in of_care]
        rows.append([one.entrant, *(number(figure, 2) for figure in figures)])
    heads = ("precision", "recall", "F1", "ROC-AUC", "PR-AUC", "CARE", *of_care[1:])
    return table(("entrant", *heads), rows)


def faults_table(outcomes: Sequence[Outcome]) -> str:
    """Found of what could be found, by fault and severity, for every entrant."""
    figures = [{(f.fault, f.severity): f for f in one.events.by_fault} for one in outcomes]
    kinds = sorted({kind for some in figures for kind in some})
    head = ["fault", "severity", *(one.entrant for one in outcomes)]
    return table(
        head,
        [
            [fault, f"{severity:g}", *(_found(some.get((fault, severity))) for some in figures)]
            for fault, severity in kinds
        ],
    )


def _found(figures: FaultFigures | None) -> str:
    if figures is None:
        return NOTHING
    if not figures.detected.whole:
        return f"({figures.injected} never visible)"
    found = f"{figures.detected.part}/{figures.detected.whole}"
    if not figures.detected.part:
        return found
    return f"{found} after {number(figures.delay_s.median / HOUR_S)} h"


def nab_table(lines: Mapping[str, NabLine]) -> str:
    """The three profiles, 0 silent … 100 perfect."""
    head = ("entrant", "standard", "low FP", "low FN", "windows caught", "false detections", "µs")
    rows = []
    for name, line in lines.items():
        standard = line.profiles["standard"]
        scores = [number(profile.score) for profile in line.profiles.values()]
        counts = [f"{standard.caught} of {standard.windows}", str(standard.false_detections)]
        rows.append([name, *scores, *counts, number(line.cpu_us_per_reading)])
    return table(head, rows)


def skab_table(lines: Mapping[str, SkabLine]) -> str:
    """Rows alarmed rightly and wrongly, and changepoints."""
    head = ("entrant", "F1", "FAR, %", "MAR, %", "skill", "ROC-AUC", "changepoints", "µs")
    rows = []
    for name, line in lines.items():
        outliers = line.outliers
        figures = [number(outliers.f1, 2), number(100 * outliers.far), number(100 * outliers.mar)]
        figures += [number(outliers.skill, 2), number(line.roc_auc, 2)]
        figures += [number(line.changepoints.scores["standard"]), number(line.cpu_us_per_reading)]
        rows.append([name, *figures])
    return table(head, rows)


def share(figure: Share) -> str:
    """As counts: nine of ten and 900 of 1000 are not the same news."""
    return f"{figure.part} of {figure.whole}" if figure.whole else NOTHING


def number(figure: float, digits: int = 1) -> str:
    """With so many digits behind the point; a dash for what is not known."""
    return f"{figure:.{digits}f}" if math.isfinite(figure) else NOTHING
