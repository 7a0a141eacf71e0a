"""A sheet of the gallery: panels under each other, colours, and marks of what happened when."""

from __future__ import annotations

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH_IN, PANEL_IN, MARGIN_IN = 7.6, 1.35, 0.95
TWIN, FAULTY, SHIFT, LIMIT = "#9aa5b5", "#d1495b", "#30638e", "#7d9fc0"
MARKS = {"onset": "#222222", "detectable": "#edae49", "failure": "#7b2d8e", "repaired": "#5b8c5a"}
LOOKS = {"onset": {"lw": 1.3, "ls": "--", "zorder": 3}, "detectable": {"lw": 3.0, "zorder": 0}}
"""Where both are at once, both are seen."""
DAY_S, HOUR_S, MINUTE_S = 86_400.0, 3600.0, 60.0


class Scale(NamedTuple):
    """A unit of time."""

    seconds: float
    unit: str


def scale(span_s: float) -> Scale:
    """The unit that suits a span."""
    if span_s > 4 * DAY_S:
        return Scale(DAY_S, "days")
    return Scale(HOUR_S, "hours") if span_s > 3 * HOUR_S else Scale(MINUTE_S, "minutes")


def sheet(panels: int, tall: float = 1.0) -> tuple[Figure, list[Axes]]:
    """An empty figure with panels that share their time."""
    figure = Figure(figsize=(WIDTH_IN, MARGIN_IN + PANEL_IN * panels * tall), layout="constrained")
    axes = figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
    return figure, list(axes)


def mark(axes: list[Axes], moments: dict[str, float], last_s: float, time: Scale) -> None:
    """Upright lines, and what they mean."""
    for what, at_s in moments.items():
        if at_s > last_s:
            continue
        look = {"color": MARKS[what], **LOOKS.get(what, {"lw": 1.3})}
        for axis in axes:
            axis.axvline(at_s / time.seconds, **look)
        axes[0].plot([], [], label=what, **look)


def finished(figure: Figure, axes: list[Axes], time: str) -> Figure:
    """The sheet with its legend; ``time`` is what its panels share."""
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
        axis.yaxis.label.set_size(8)
        axis.margins(x=0.01)
    axes[-1].set_xlabel(time, fontsize=8)
    axes[0].plot([], [], color=TWIN, label="as it should be", lw=2)
    axes[0].plot([], [], color=FAULTY, label="with the fault", lw=2)
    figure.legend(loc="outside upper left", ncols=6, fontsize=8, frameon=False)
    figure.align_ylabels(axes)
    return figure
