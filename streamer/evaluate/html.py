"""The report: one HTML file with the tables and a picture of the machines that tell most.

Nothing in it is fetched and nothing runs, so it can be mailed, kept for years and opened anywhere.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import zip_longest
from pathlib import Path
from typing import Any

from detectors.metrics import AlertSpan, FaultSpan, false_alarms, match
from streamer.evaluate.engines import OURS
from streamer.evaluate.figure import picture
from streamer.evaluate.outcome import SETTLE_S
from streamer.evaluate.studies import Study
from streamer.evaluate.trace import Trace
from streamer.files import whole

FIGURES_MAX = 24

SORTS = {
    "missed": "a fault that could be seen, and no alert",
    "false alarm": "an alert, and nothing wrong",
    "found": "a fault, and an alert that tells of it",
    "quiet": "nothing to tell, and nothing told",
}
"""What became of a machine, the worst first."""

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1240px; color: #222;
       padding: 0 1em }
table { border-collapse: collapse; font-size: 13px; margin: 1em 0 }
th, td { padding: .3em .7em; border-bottom: 1px solid #ddd; text-align: right }
th { border-bottom: 2px solid #888; vertical-align: bottom }
th:first-child, td:first-child { text-align: left; white-space: nowrap }
tr:first-child td { background: #f2f6fa; font-weight: 600 }
div.wide { overflow-x: auto }
dt { float: left; clear: left; width: 11em; color: #666 }
dd { margin-left: 12em; overflow-wrap: anywhere }
img { max-width: 100% }
h3 span { font-weight: normal; padding: .1em .6em; border-radius: 1em; background: #eee }
h3 .missed, h3 .false-alarm { background: #f8cfcb }
h3 .found { background: #d3ecd0 }
pre { font-size: 12px; overflow-x: auto }
"""

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_report(path: Path, study: Study) -> None:
    """Write a study as one HTML file, which is there whole or not at all.

    The same study gives the same bytes, as long as matplotlib stays the same.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    OSError
        The file cannot be written.
    """
    with whole(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(page(study))


def page(study: Study) -> Iterator[str]:
    """The report, piece by piece."""
    title = escape(f"{OURS} evaluate {study.data.get('on', '')}".strip())
    yield (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    )
    yield facts((key, value) for key, value in study.data.items() if key != "entrants")
    yield "<h2>Figures</h2>\n"
    yield from (table(block) for block in study.text.split("\n\n"))
    yield "<h2>Who is compared</h2>\n"
    yield facts((one["entrant"], one["about"]) for one in study.data["entrants"])
    yield from _machines(study)
    yield (
        "<details><summary>The same for programs: JSON</summary>\n"
        f"<pre>{escape(json.dumps(study.data, indent=1, ensure_ascii=False))}</pre>\n</details>\n"
        "</body>\n</html>\n"
    )


def facts(pairs: Iterable[tuple[str, Any]]) -> str:
    """A list of names with what there is to say of each.

    >>> print(facts([("seeds", [1, 2]), ("file", "a<b.csv")]), end="")
    <dl>
    <dt>seeds</dt><dd>1, 2</dd>
    <dt>file</dt><dd>a&lt;b.csv</dd>
    </dl>
    """
    lines = [f"<dt>{escape(key)}</dt><dd>{escape(_said(value))}</dd>\n" for key, value in pairs]
    return f"<dl>\n{''.join(lines)}</dl>\n"


def table(markdown: str) -> str:
    r"""A table of Markdown as one of HTML; anything else as a paragraph.

    >>> print(table("| who |   n |\n|:----|----:|\n| <b> | 3.5 |"), end="")
    <div class="wide"><table>
    <thead><tr><th>who</th><th>n</th></tr></thead>
    <tbody>
    <tr><td>&lt;b&gt;</td><td>3.5</td></tr>
    </tbody></table></div>
    """
    head, *lines = markdown.splitlines() or [""]
    if not head.startswith("|"):
        return f"<p>{escape(markdown)}</p>\n"
    rows = "".join(f"{_row(line, 'td')}\n" for line in lines[1:])
    return (
        f'<div class="wide"><table>\n<thead>{_row(head, "th")}</thead>\n'
        f"<tbody>\n{rows}</tbody></table></div>\n"
    )


def sort_of(trace: Trace) -> str:
    """Which of `SORTS` became of a machine, by the product's alerts."""
    alerts = trace.alerts.get(OURS, ())
    results = match([fault for fault in trace.faults if not fault.benign], alerts)
    if any(not one.found and one.span.detectable_ns is not None for one in results):
        return "missed"
    if false_alarms(trace.faults, alerts, settle_s=SETTLE_S):
        return "false alarm"
    return "found" if any(one.found for one in results) else "quiet"


def most_telling(traces: Sequence[Trace], most: int = FIGURES_MAX) -> list[tuple[str, Trace]]:
    """Some of each sort, the worst first; quiet ones only where there is room left."""
    by_sort: dict[str, list[tuple[str, Trace]]] = {sort: [] for sort in SORTS}
    for trace in traces:
        sort = sort_of(trace)
        by_sort[sort].append((sort, trace))
    quiet = by_sort.pop("quiet")
    in_turn = [one for turn in zip_longest(*by_sort.values()) for one in turn if one is not None]
    chosen = (in_turn + quiet)[:most]
    return sorted(chosen, key=lambda one: [*SORTS].index(one[0]))


def _machines(study: Study) -> Iterator[str]:
    chosen = most_telling(study.traces)
    left_out = len(study.traces) + study.untraced - len(chosen)
    yield "<h2>Machines</h2>\n"
    yield (
        f"<p>{len(chosen)} are shown: by turns those of which {OURS} missed a fault, alarmed for "
        f"nothing, and found what there was. {left_out} are left out.</p>\n"
    )
    for sort, trace in chosen:
        yield _section(sort, trace)


def _section(sort: str, trace: Trace) -> str:
    name = escape(trace.machine)
    told = [*map(_fault, trace.faults, [trace] * len(trace.faults)), *_false(trace)]
    items = "".join(f"<li>{escape(line)}</li>\n" for line in told)
    image = base64.b64encode(picture(trace)).decode()
    css = sort.replace(" ", "-")
    return (
        f'<section>\n<h3>{name} <span class="{css}" title="{SORTS[sort]}">{sort}</span></h3>\n'
        f'<ul>\n{items}</ul>\n<img alt="Sensors, severity and alerts of {name}" '
        f'src="data:image/png;base64,{image}">\n</section>\n'
    )


def _fault(fault: FaultSpan, trace: Trace) -> str:
    """One line on a fault: what, when, and who told of it."""
    what = " of ".join(filter(None, (fault.fault, fault.component)))
    there = f"{_when(fault.onset_ns)} to {_when(fault.repair_ns)}"
    if fault.benign:
        return f"{what}, {there}: should raise no alarm"
    seen_ns = fault.detectable_ns
    seen = "never visible" if seen_ns is None else f"visible from {_when(seen_ns)}"
    delays = {name: _delay_h(fault, alerts) for name, alerts in trace.alerts.items()}
    told = [f"{name} after {delay:.1f} h" for name, delay in delays.items() if delay is not None]
    line = f"{what}, severity {fault.severity:g}, {there}, {seen}; told by {_listed(told)}"
    before = [
        name
        for name, alerts in trace.alerts.items()
        if delays[name] is None
        and any(one.kind == fault.kind and one.firing(fault.onset_ns) for one in alerts)
    ]
    return f"{line}; alarming since before: {_listed(before)}" if before else line


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nobody"


def _delay_h(fault: FaultSpan, alerts: Sequence[AlertSpan]) -> float | None:
    """From when it was visible, or from the onset where it never was. [h]"""
    (result,) = match([fault], alerts)
    if result.alert is None:
        return None
    since_ns = fault.onset_ns if fault.detectable_ns is None else fault.detectable_ns
    return (result.alert.fired_ns - since_ns) / 3600e9


def _false(trace: Trace) -> Iterator[str]:
    for alert in false_alarms(trace.faults, trace.alerts.get(OURS, ()), settle_s=SETTLE_S):
        ended = "still firing" if alert.resolved_ns is None else f"to {_when(alert.resolved_ns)}"
        named = f" about {alert.sensor}" if alert.sensor else ""
        yield f"false {alert.kind} alert{named}, {_when(alert.fired_ns)} {ended}"


def _when(time_ns: int) -> str:
    return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%Y-%m-%d %H:%M}"


def _row(line: str, cell: str) -> str:
    cells = (escape(text.strip()) for text in line.strip().strip("|").split("|"))
    return f"<tr>{''.join(f'<{cell}>{text}</{cell}>' for text in cells)}</tr>"


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_said(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
