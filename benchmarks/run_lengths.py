"""``python -m benchmarks.run_lengths``: do the control charts alarm as rarely as they were asked?

Healthy readings of an AR(1) process, and each chart's mean number of them to the first false alarm
by the number that was asked; and to the first alarm after a shift. With ``--write`` the tables go
into docs/tuning.md. Some ten minutes.

A chart's reference is known, or learnt with its defaults before the readings are counted. Runs are
machines of one fleet, so whatever one alone would have learnt is in it.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.budget import PAGE
from benchmarks.report import circumstances, table
from detectors.base import FleetDetector, Rows, Values
from detectors.cusum import CusumFleet
from detectors.ewma_chart import EwmaChartFleet
from detectors.hotelling_t2 import HotellingT2Fleet
from detectors.mewma import MewmaFleet
from detectors.spe import SpeFleet
from docs.generated import with_part
from tests.detectors.runs import Draw, ar1, run_lengths, teach

ARL0 = 5000.0
TAUGHT = {0.0: 3000, 0.5: 6000, 0.8: 12_000, 0.9: 24_000, 0.95: 48_000}
"""φ → readings by which a reference is frozen."""
SHIFTS = (1.0, 3.0)
RUNS = 1000

FOUND = """\
Mean readings until a lasting shift of one sensor, in σ of a reading, is found by charts that know
their reference and have just begun:"""

CHARTS: Mapping[str, Callable[..., Any]] = {
    "ewma_chart": lambda **known: EwmaChartFleet(1, **known),
    "cusum": lambda **known: CusumFleet(1, arl0=ARL0, **known),
    "hotelling_t2": lambda **known: HotellingT2Fleet(4, arl0=ARL0, **known),
    "mewma": lambda **known: MewmaFleet(4, arl0=ARL0, **known),
    "spe": lambda: SpeFleet(4, arl0=ARL0),
}


class Found(NamedTuple):
    """Readings to the first alarm: the mean of the runs, and its standard error."""

    mean: float
    error: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write where that is asked."""
    parser = argparse.ArgumentParser("python -m benchmarks.run_lengths", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, metavar="N", help=f"default: {RUNS}")
    parser.add_argument("--write", action="store_true", help=f"put it into {PAGE.name}")
    args = parser.parse_args(arguments)
    lines = circumstances(os.getloadavg()[0])[:3]
    told = "\n".join([*_parts(args.runs), "", *(f"* {line}" for line in lines)])
    print(told)
    if args.write:
        PAGE.write_text(with_part(PAGE.read_text("utf-8"), "run lengths", told), "utf-8")
    return 0


def _parts(runs: int) -> list[str]:
    kept = [
        (name, "known" if known else "learnt", *map(_ratio, _row(name, runs, known=known)))
        for name in CHARTS
        for known in (True, False)
        if not (known and name == "spe")
    ]
    found = [
        (name, f"{shift:g} σ", *map(_readings, _row(name, runs, known=True, shift=shift)))
        for name in CHARTS
        for shift in SHIFTS
        if name != "spe"
    ]
    phis = [f"φ = {phi:g}" for phi in TAUGHT]
    asked = f"Mean run length, of {ARL0:,.0f} readings asked, ± its standard error; {runs} runs:"
    kept_table = table(("chart", "reference", *phis), kept)
    return [asked, "", kept_table, "", FOUND, "", table(("chart", "shift", *phis), found)]


def _ratio(found: Found) -> str:
    return f"{found.mean / ARL0:.2f} ± {found.error / ARL0:.2f}"


def _readings(found: Found) -> str:
    return f"{found.mean:.0f}"


def _row(name: str, runs: int, *, known: bool, shift: float = 0.0) -> list[Found]:
    sys.stderr.write(f"{name}, {'known' if known else 'learnt'}, {shift:g} σ\n")
    return [measured(name, phi, runs, known=known, shift=shift) for phi in TAUGHT]


def measured(name: str, phi: float, runs: int, *, known: bool, shift: float = 0.0) -> Found:
    """Mean run length of a chart on readings with this lag-1 autocorrelation, and its error."""
    fleet = CHARTS[name](centre=0.0, sigma=1.0, phi=phi) if known else CHARTS[name]()
    fleet.reserve(runs)
    draw = moved(ar1(fleet.n_sensors, phi, runs), shift)
    if name == "spe":
        draw = together(ar1(fleet.n_sensors + 1, phi, runs))
    if not known:
        teach(fleet, draw, runs, TAUGHT[phi])
        begin_anew(fleet)
    lengths = run_lengths(fleet, draw, runs, limit=fleet.limit_for(ARL0), block=200)
    return Found(float(lengths.mean()), float(lengths.std(ddof=1)) / math.sqrt(runs))


def together(draw: Draw) -> Draw:
    """Sensors that follow one load, and have a little of their own."""
    return lambda on, block: _loaded(draw(on, block))


def _loaded(values: Values) -> Values:
    return np.asarray(values[..., :1] + 0.5 * values[..., 1:])


def moved(draw: Draw, shift: float) -> Draw:
    """The same readings, of which those of the first sensor are so much higher."""

    def readings(on: Rows, block: int) -> Values:
        values = draw(on, block)
        values[..., 0] += shift
        return values

    return readings


def begin_anew(fleet: FleetDetector) -> None:
    """Let each chart begin as if nothing had been charted, from the reference it has."""
    for name, field in fleet.schema().items():
        if name in {"ewma", "variance", "high", "low", "distance"}:
            fleet.state[name][:] = field.fill


if __name__ == "__main__":
    sys.exit(main())
