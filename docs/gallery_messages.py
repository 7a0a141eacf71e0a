"""Pictures of messages: when they were sent, and what they say of when they were taken."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs.gallery_pictures import Picture
from docs.gallery_sheet import DAY_S, FAULTY, SHIFT, TWIN, Scale, finished, mark, scale, sheet
from simulators import Farm
from simulators.faults.clocks import read_time
from simulators.outputs.payloads import telemetry
from simulators.processes import Floats


def drawn_messages(picture: Picture) -> Figure:
    """When messages were sent, and what they say of when their readings were taken."""
    farm, hours = picture.farm(), 24 * picture.days
    time = scale(3600 * hours)
    drawn = {"epoch_unit": _draw_numbers, "clock_jump": _draw_jumps}.get(
        farm.faults[0].name, _draw_times
    )
    heights = 2 if drawn is _draw_jumps else 1
    figure, axes = sheet(heights, tall=2.0 / heights)
    drawn(axes, farm, stamps(farm, hours), time)
    fault = farm.faults[0]
    moments = {"onset": fault.onset_s, "repaired": fault.end_s}
    mark(axes, moments, 3600 * hours, time)
    return finished(figure, axes, f"sent, {time.unit} since the start of the run")


class Stamps(NamedTuple):
    """Of the messages of one machine: when they were sent, and what their payloads say."""

    sent_s: Floats
    said: list[Any]
    retained: list[bool]


def stamps(farm: Farm, hours: float) -> dict[str, Stamps]:
    """Machine → its messages, in the order in which they were sent."""
    found: dict[str, Stamps] = {}
    messages = list(telemetry(farm, hours))
    for machine in farm.machines:
        own = [message for message in messages if message.machine == machine]
        found[machine] = Stamps(
            np.array([(message.time_ns - farm.start_ns) / 1e9 for message in own]),
            [message.payload["ts"] for message in own],
            [message.retain for message in own],
        )
    return found


def _draw_times(axes: list[Axes], farm: Farm, seen: dict[str, Stamps], time: Scale) -> None:
    (axis,), own = axes, seen[farm.faults[0].machine]
    said = np.array([(read_time(one) - farm.start_ns) / 1e9 for one in own.said])
    kept = np.array(own.retained)
    axis.plot(own.sent_s / time.seconds, own.sent_s / time.seconds, color=TWIN, lw=1.4)
    axis.plot(own.sent_s / time.seconds, said / time.seconds, ".", color=FAULTY, ms=3)
    axis.plot(own.sent_s[kept] / time.seconds, said[kept] / time.seconds, "x", color=SHIFT, ms=5)
    axis.set_ylabel(f"reading taken,\nas it says, {time.unit}")


def _draw_jumps(axes: list[Axes], farm: Farm, seen: dict[str, Stamps], time: Scale) -> None:
    for fault in farm.faults:
        axis = axes[0] if fault.target == "step" else axes[1]
        own = seen[fault.machine]
        said_s = np.array([read_time(one) / 1e9 for one in own.said])
        year = 1970 + said_s / (365.2425 * DAY_S)
        told = (said_s - farm.start_ns / 1e9) / time.seconds if fault.target == "step" else year
        axis.plot(own.sent_s / time.seconds, told, ".", color=FAULTY, ms=3)
        if fault.target != "step":
            _say(
                axis,
                f".{fault.target}",
                own.sent_s[len(told) // 2] / time.seconds,
                told[len(told) // 2],
            )
    axes[0].plot(own.sent_s / time.seconds, own.sent_s / time.seconds, color=TWIN, lw=1.4)
    axes[0].set_ylabel(f"taken, as it\nsays, {time.unit}")
    axes[1].set_ylabel("year\nthat it says")


def _draw_numbers(axes: list[Axes], farm: Farm, seen: dict[str, Stamps], time: Scale) -> None:
    (axis,) = axes
    for fault in farm.faults:
        own = seen[fault.machine]
        numbers = np.array(
            [read_time(one) / 1e9 if isinstance(one, str) else one for one in own.said]
        )
        spoken = np.array([isinstance(one, str) for one in own.said])
        axis.plot(own.sent_s[spoken] / time.seconds, numbers[spoken], ".", color=TWIN, ms=3)
        axis.plot(own.sent_s[~spoken] / time.seconds, numbers[~spoken], ".", color=FAULTY, ms=3)
        _say(axis, f".{fault.target}", own.sent_s[-1] / 2 / time.seconds, numbers.max())
    axis.set_yscale("log")
    axis.set_ylabel("time as a number\n(grey: a text)")


def _say(axis: Axes, text: str, x: float, y: float) -> None:
    """A word above a row of dots; below it for the year 2036, which is close to 2038."""
    below = text == ".2036"
    offset = (0, -4 if below else 3)
    where = {"textcoords": "offset points", "va": "top" if below else "bottom"}
    axis.annotate(text, (x, y), xytext=offset, ha="center", fontsize=8, **where)
