"""Draws the gallery of docs/simulator.md, and writes what that page says of faults and sensors.

``python -m docs.gallery`` draws every picture of `docs.gallery_pictures` into docs/gallery; with
names of faults, only theirs. Same seed, same data; another version of matplotlib may draw it
otherwise.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from docs.gallery_messages import drawn_messages
from docs.gallery_page import page
from docs.gallery_pictures import PICTURES, Picture
from docs.gallery_sheet import FAULTY, HOUR_S, LIMIT, SHIFT, TWIN, finished, mark, scale, sheet
from docs.generated import SIMULATOR
from simulators import FAULTS, Farm, Fault
from simulators.clock import parse_time
from simulators.detectability import PASSES_SIGMA, truth
from simulators.processes import Floats

HOME = Path(__file__).with_name("gallery")
DPI = 96
COLOURS = 32
"""Enough for lines on white; a picture then takes some 20 kB."""


def main(names: Sequence[str]) -> None:
    """Draw, and write the parts of the page."""
    SIMULATOR.write_text(page(SIMULATOR.read_text("utf-8")), "utf-8")
    for name in names or PICTURES:
        sys.stderr.write(f"{name}\n")
        draw(name, HOME)


def draw(name: str, home: Path) -> Path:
    """Draw one fault's picture into a folder; its file."""
    picture = PICTURES[name]
    of_messages = FAULTS[name].fault_id.startswith("M")
    figure = drawn_messages(picture) if of_messages else drawn_twins(picture)
    raster, path = BytesIO(), home / f"{name}.png"
    figure.savefig(raster, format="png", dpi=DPI)
    few = (
        Image.open(raster)
        .convert("RGB")
        .quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    )
    few.save(path, optimize=True)
    return path


class Twins(NamedTuple):
    """A machine with its fault, without it, and without any noise; ``[k, sensors]`` each."""

    t_s: Floats
    faulty: Floats
    healthy: Floats
    expected: Floats


def twins(farm: Farm, fault: Fault, hours: float) -> Twins:
    """The three runs of a farm that tell what a fault does to its machine."""
    row = farm.machines.index(fault.machine)
    runs = (farm, farm.with_faults(()), farm.expectation())
    blocks = [list(run.run(hours)) for run in runs]
    faulty, healthy, expected = (
        np.concatenate([block.values[:, row] for block in run]) for run in blocks
    )
    times = np.concatenate([block.times for block in blocks[0]])
    return Twins((times - farm.start_ns) / 1e9, faulty, healthy, expected)


def drawn_twins(picture: Picture) -> Figure:
    """A faulty machine and its healthy twin, and when what was the case."""
    farm, hours = picture.farm(), 24 * picture.days
    (fault,) = farm.faults
    seen = twins(farm, fault, hours)
    time = scale(seen.t_s[-1])
    figure, axes = sheet(len(picture.panels) + picture.shift + picture.energy)
    below = iter(axes[len(picture.panels) :])
    for axis, name in zip(axes, picture.panels, strict=False):
        _draw_sensor(axis, farm, seen, name, picture)
    if picture.energy:
        _draw_energy(next(below), farm, seen)
    if picture.shift:
        _draw_shift(next(below), farm, seen, picture.panels[0])
    mark(axes, _moments(farm, fault, hours), seen.t_s[-1], time)
    return finished(figure, axes, f"since the start of the run, {time.unit}")


def _draw_sensor(axis: Axes, farm: Farm, seen: Twins, name: str, picture: Picture) -> None:
    column, steps = farm.sensors.index(name), _steps(farm, picture.mean_h)
    t = _means(seen.t_s, steps) / scale(seen.t_s[-1]).seconds
    if not picture.dots:
        axis.plot(t, _means(seen.healthy[:, column], steps), color=TWIN, lw=1.8)
    look = {"ls": "", "marker": ".", "ms": 2} if picture.dots else {"lw": 0.9}
    axis.plot(t, _means(seen.faulty[:, column], steps), color=FAULTY, **look)
    axis.set_ylabel(_label(farm, name))


def _draw_shift(axis: Axes, farm: Farm, seen: Twins, name: str) -> None:
    """What the fault has moved of one sensor, beside what is detectable."""
    column, steps = farm.sensors.index(name), _steps(farm, 1.0)
    shift = _means((seen.faulty - seen.healthy)[:, column], steps)
    limit = PASSES_SIGMA * np.nanstd(_means((seen.healthy - seen.expected)[:, column], steps))
    for one in (-limit, limit):
        axis.axhline(one, color=LIMIT, lw=0.9, ls="--")
    axis.plot(_means(seen.t_s, steps) / scale(seen.t_s[-1]).seconds, shift, color=SHIFT, lw=0.9)
    axis.set_ylabel(f"shift of\n{_label(farm, name)}")


def _draw_energy(axis: Axes, farm: Farm, seen: Twins) -> None:
    """Of each day, compared with what the twin gave."""
    column, steps = farm.sensors.index("power"), _steps(farm, 24.0)
    faulty, healthy = (_means(of[:, column], steps) for of in (seen.faulty, seen.healthy))
    noon = _means(seen.t_s, steps) / scale(seen.t_s[-1]).seconds
    axis.axhline(0, color=TWIN, lw=1.8)
    axis.plot(noon, 100 * (faulty / healthy - 1), "o-", color=FAULTY, ms=2, lw=0.9)
    axis.set_ylabel("energy against\nthe twin, %")


def _moments(farm: Farm, fault: Fault, hours: float) -> dict[str, float]:
    """Seconds since the start at which something became true of a fault."""
    (told,) = truth(farm, hours)
    failure = fault.failure_s
    detectable = told.t_detectable
    seen = np.inf if detectable is None else (parse_time(detectable) - farm.start_ns) / 1e9
    return {"onset": fault.onset_s, "detectable": seen, "failure": failure, "repaired": fault.end_s}


def _steps(farm: Farm, hours: float) -> int:
    """Readings of a machine in some hours; at least one."""
    return max(round(hours * HOUR_S / farm.period_s), 1)


def _means(values: Floats, steps: int) -> Floats:
    """Means of so many steps each; of what is reported."""
    whole = values[: len(values) // steps * steps].reshape(-1, steps)
    told = ~np.isnan(whole)
    sums = np.where(told, whole, 0).sum(axis=1)
    return np.where(told.any(axis=1), sums / np.maximum(told.sum(axis=1), 1), np.nan)


def _label(farm: Farm, sensor: str) -> str:
    """Its name on two lines if it is long, and its unit."""
    (unit,) = (one.unit for one in farm.machine_class.instruments if one.name == sensor)
    words = sensor.split("_")
    half = (len(words) + 1) // 2
    name = (
        " ".join(words)
        if len(sensor) < 16
        else " ".join(words[:half]) + "\n" + " ".join(words[half:])
    )
    return name if unit == "1" else f"{name}, {unit}"


if __name__ == "__main__":
    main(sys.argv[1:])
