"""One machine's way through a run as a picture: what was measured, said and really there.

From top to bottom on one axis of time: some sensors with the band in which the product expected
them, the product's severity, and for every entrant when its alerts were firing. Behind them stands
the truth. A long run is drawn by its envelope (`streamer.evaluate.envelope`).
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors.metrics import AlertSpan, FaultSpan
from streamer.evaluate.engines import OURS
from streamer.evaluate.envelope import DAY_NS, Drawn, Floats, drawn, stretches
from streamer.evaluate.trace import Trace
from streamer.records import Times

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SENSORS_MAX = 6
SEVERITY_LEAST, SEVERITY_MOST = 0.05, 50.0
WIDTH_IN, SENSOR_IN, SEVERITY_IN, ENTRANT_IN, REST_IN = 12.0, 1.15, 1.3, 0.2, 1.1
LEFT_IN, RIGHT_IN, TOP_IN, BOTTOM_IN = 2.1, 0.15, 0.6, 0.45
DPI = 100
COLORS = 256
"""Of a picture; edges are drawn hard, as soft ones take thousands and treble the size."""

LINE, BAND, OUTSIDE = "#1f3b57", "#a9d3a5", "#c21807"
ALERT = {"machine": "#c21807", "instrument": "#1565c0"}
TRUTH = {"machine": "#fbd9b5", "instrument": "#cfe3f7", "benign": "#e4e4e4"}


def picture(trace: Trace) -> bytes:
    """A PNG; the same bytes for the same trace and matplotlib.

    Raises
    ------
    ModuleNotFoundError
        matplotlib is not installed.
    """
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Whatever somebody has set for pictures of their own.
    with matplotlib.style.context("default", after_reset=True):
        sensors = shown_sensors(trace)
        canvas = FigureCanvasAgg(Figure((WIDTH_IN, _height_in(trace, sensors)), dpi=DPI))
        _draw(canvas.figure, trace, sensors)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return _small(pixels)


def _small(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of few colours: a third of the size, and nobody sees it."""
    from PIL import Image

    # Not by the share of the picture they have: an alert of an hour is a few pixels of blue.
    method, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
    image = Image.fromarray(pixels).convert("RGB").quantize(COLORS, method, dither=dither)
    file = BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def shown_sensors(trace: Trace) -> list[int]:
    """Columns of the sensors worth a look: those of faults, then of alerts, then the others.

    At most `SENSORS_MAX`, in the order of the configuration.
    """
    wanted = [signal for fault in trace.faults for signal in fault.signals]
    wanted += [alert.sensor for alert in trace.alerts.get(OURS, ())]
    wanted += trace.health
    known = (name for name in dict.fromkeys(wanted) if name in trace.sensors)
    return sorted([trace.sensors.index(name) for name in known][:SENSORS_MAX])


def _height_in(trace: Trace, sensors: Sequence[int]) -> float:
    return SENSOR_IN * len(sensors) + SEVERITY_IN + ENTRANT_IN * len(trace.alerts) + REST_IN


def _draw(figure: Figure, trace: Trace, sensors: Sequence[int]) -> None:
    height_in = _height_in(trace, sensors)
    heights = [SENSOR_IN] * len(sensors) + [SEVERITY_IN, ENTRANT_IN * len(trace.alerts)]
    grid = figure.add_gridspec(
        len(heights),
        height_ratios=heights,
        left=LEFT_IN / WIDTH_IN,
        right=1 - RIGHT_IN / WIDTH_IN,
        top=1 - TOP_IN / height_in,
        bottom=BOTTOM_IN / height_in,
        hspace=0.12,
    )
    first = figure.add_subplot(grid[0])
    axes = [first, *(figure.add_subplot(grid[i], sharex=first) for i in range(1, len(heights)))]
    for axis, sensor in zip(axes, sensors, strict=False):
        _sensor(axis, trace, sensor)
    _severity(axes[-2], trace)
    _alarms(axes[-1], trace)
    for axis in axes:
        _truth(axis, trace.faults)
        axis.tick_params(labelsize=8, labelbottom=axis is axes[-1])
        axis.grid(axis="x", color="#dddddd", linewidth=0.5)
    _dates(axes[-1], trace.times)
    _legend(figure)


def _sensor(axis: Axes, trace: Trace, sensor: int) -> None:
    one = drawn(trace, sensor)
    axis.fill_between(
        one.days, one.band_lowest, one.band_highest, color=BAND, alpha=0.8, linewidth=0, aa=False
    )
    axis.fill_between(
        one.days, one.lowest, one.highest, color=LINE, alpha=0.35, linewidth=0, aa=False
    )
    for edge in (one.lowest, one.highest):
        axis.plot(one.days, edge, color=LINE, linewidth=0.6, aa=False)
    _dots(axis, one.days, one.outside)
    axis.set_ylim(*_limits(one))
    unit = f"\n[{trace.units[sensor]}]" if trace.units[sensor] else ""
    _name(axis, f"{_plain(trace.sensors[sensor])}{unit}")


def _name(axis: Axes, text: str) -> None:
    axis.set_ylabel(text, fontsize=8, rotation=0, ha="right", va="center")
    axis.yaxis.set_label_coords(-0.045, 0.5)


def _dots(axis: Axes, days: Floats, values: Floats) -> None:
    axis.plot(days, values, color=OUTSIDE, marker="s", markersize=1.2, linestyle="", aa=False)


def _limits(one: Drawn) -> tuple[float, float]:
    """An axis that a lone absurd value cannot squeeze the rest on."""
    lows = np.append(one.lowest, one.band_lowest)
    highs = np.append(one.highest, one.band_highest)
    if np.isnan(lows).all():
        return 0.0, 1.0
    low, high = np.nanpercentile(lows, 1), np.nanpercentile(highs, 99)
    room = 0.5 * (high - low) or 0.5
    return (
        float(max(np.nanmin(lows) - 0.1 * room, low - room)),
        float(min(np.nanmax(highs) + 0.1 * room, high + room)),
    )


def _severity(axis: Axes, trace: Trace) -> None:
    cells, severity = stretches(trace.times), trace.severity[OURS]
    low, high = (
        np.clip(edge, SEVERITY_LEAST, SEVERITY_MOST)
        for edge in (cells.least(severity), cells.greatest(severity))
    )
    axis.fill_between(cells.days, low, high, color=LINE, alpha=0.35, linewidth=0, aa=False)
    axis.plot(cells.days, high, color=LINE, linewidth=0.6, aa=False)
    _dots(axis, cells.days, np.where(high >= 1, high, np.nan))
    axis.axhline(1.0, color=OUTSIDE, linewidth=0.9)
    axis.set_yscale("log")
    axis.set_ylim(SEVERITY_LEAST, SEVERITY_MOST)
    axis.set_yticks([0.1, 1.0, 10.0], ["0.1", "1", "10"])
    _name(axis, f"severity of\n{OURS},\nlimit 1")


def _alarms(axis: Axes, trace: Trace) -> None:
    """A row of bars for each entrant, the product's first."""
    end = float(trace.times.max()) / DAY_NS
    for row, alerts in enumerate(trace.alerts.values()):
        for alert in alerts:
            began, ended = _days(alert, end)
            # A short one is not to be lost between two pixels.
            axis.barh(row, ended - began, left=began, height=0.7, color=ALERT[alert.kind], zorder=3)
            axis.plot([began], [row], "|", color=ALERT[alert.kind], markersize=5, zorder=3)
    axis.set_ylim(len(trace.alerts) - 0.4, -0.6)
    axis.set_yticks(range(len(trace.alerts)), list(trace.alerts))
    axis.grid(axis="y", color="#eeeeee", linewidth=0.5)


def _days(alert: AlertSpan, end: float) -> tuple[float, float]:
    ended = end if alert.resolved_ns is None else alert.resolved_ns / DAY_NS
    return alert.fired_ns / DAY_NS, ended


def _truth(axis: Axes, faults: Sequence[FaultSpan]) -> None:
    for fault in faults:
        color = TRUTH["benign" if fault.benign else fault.kind]
        there = (fault.onset_ns / DAY_NS, fault.repair_ns / DAY_NS)
        axis.axvspan(*there, color=color, zorder=0, linewidth=0)
        for time_ns, style in ((fault.detectable_ns, "--"), (fault.failure_ns, "-")):
            if time_ns is not None:
                axis.axvline(time_ns / DAY_NS, color="black", linewidth=1.0, linestyle=style)


def _dates(axis: Axes, times: Times) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    start, end = float(times.min()) / DAY_NS, float(times.max()) / DAY_NS
    room = 0.005 * (end - start) or 1e-6
    axis.set_xlim(start - room, end + room)
    locator = AutoDateLocator(tz="UTC")  # type: ignore[no-untyped-call]
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(
        ConciseDateFormatter(locator, tz="UTC")  # type: ignore[no-untyped-call]
    )
    axis.text(-0.02, 0, "\nUTC", fontsize=8, ha="right", va="top", transform=axis.transAxes)


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [
        Line2D([], [], color=LINE, label="measured"),
        Patch(color=BAND, label="expected ± 3 σ"),
        Line2D([], [], color=OUTSIDE, label="outside of it", marker=".", linestyle=""),
        Patch(color=TRUTH["machine"], label="machine fault"),
        Patch(color=TRUTH["instrument"], label="instrument fault"),
        Patch(color=TRUTH["benign"], label="harmless change"),
        Line2D([], [], color="black", linestyle="--", label="visible from here"),
        Line2D([], [], color="black", label="failure"),
        Patch(color=ALERT["machine"], label="machine alert"),
        Patch(color=ALERT["instrument"], label="instrument alert"),
    ]
    figure.legend(
        handles=handles,
        loc="upper center",
        ncols=5,
        fontsize=8,
        frameon=False,
    )


def _plain(text: str) -> str:
    """A name as it is: a dollar sign is no formula; broken where it would be too long."""
    return text.replace("$", r"\$").replace("_", "_\n" if len(text) > 24 else "_")
