"""``python -m benchmarks.ramp``: who sees a slow ramp? Draws docs/pictures/ramp.png.

A sensor reads independent standard normal noise, as a standardised residual does, and then begins
to climb by 1 to 20 σ per 1000 readings, as wear does. Everything that goes on learning follows
it: a rolling z-score tends to √3 however steep the ramp is, an exponentially weighted one to 1, and
Half-Space Trees are silent again while it still climbs. What was frozen while the sensor was well
sees every one, to its end. The table goes into docs/detectors.md.

Limits: 4.5 for z-scores; for Half-Space Trees the score that healthy readings exceed as rarely; for
the frozen charts their defaults. How often each alarms where nothing climbs is told beside it.
Where the trees happen to cut decides whether they find a ramp, so one run in 20 has the same trees.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import FleetDetector
from detectors.cusum import CusumFleet
from detectors.ewma_multichart import EwmaMultichartFleet
from detectors.half_space_trees import HalfSpaceTreesFleet
from detectors.reference_chart import ReferenceChartFleet
from detectors.rolling_zscore import RollingZScoreFleet

Floats = NDArray[np.float64]
SLOPES = (1.0, 2.0, 5.0, 10.0, 20.0)
"""σ per 1000 readings."""
HEALTHY, CLIMB = 60_000, 3000
"""Readings before the ramp, and of it."""
SHORT = 6000
"""Healthy readings for charts whose reference is frozen after 400."""
LAST = 1000
"""Readings of the end of a ramp, where nobody should have got used to it."""
RUNS, SEED = 100, 7
FORESTS = 20
SHOWN_SLOPE = 10.0
Z_LIMIT = 4.5
TREES = "Half-Space Trees"
SCALES_S = (60.0, 600.0, 6000.0)

DOCS = Path(__file__).parent.parent / "docs"
PAGE, PICTURE = DOCS / "detectors.md", DOCS / "pictures" / "ramp.png"


class Entrant(NamedTuple):
    """Somebody who scores; it is first shown ``needs`` healthy readings."""

    frozen: bool
    limit: float
    needs: int
    score: Callable[[Floats], Floats]
    """Readings f8[runs, n] → scores of the same shape, each made before its reading is learnt."""


def scored_by(build: Callable[[], FleetDetector], values: Floats) -> Floats:
    """Scores of one of our detectors, each run a machine of its fleet, a reading a second."""
    runs, n = values.shape
    fleet = build()
    fleet.reserve(runs)
    rows = np.repeat(np.arange(runs, dtype=np.int32), n)
    times = np.tile(np.arange(n, dtype=np.int64) * 10**9, runs)
    learn = np.ones(runs * n, dtype=np.uint8)
    return fleet.walk(rows, times, values.reshape(-1, 1), learn).reshape(runs, n)


def exponential_z(fading_factor: float, values: Floats) -> Floats:
    """Distance from the exponentially weighted mean, in exponentially weighted deviations."""
    mean, variance = np.zeros(len(values)), np.ones(len(values))
    scores = np.empty_like(values)
    for i, x in enumerate(values.T):
        scores[:, i] = np.abs(x - mean) / np.sqrt(variance)
        change = fading_factor * (x - mean)
        variance = (1 - fading_factor) * (variance + change * (x - mean))
        mean = mean + change
    return scores


def forests(limits: Floats, values: Floats) -> Floats:
    """Scores of Half-Space Trees in units of their limits; run i has forest i mod ``limits``."""
    severities = np.empty_like(values)
    for forest, limit in enumerate(limits[: len(values)]):
        mine = slice(forest, None, len(limits))
        severities[mine] = forest_of(forest).score(values[mine]) / limit
    return severities


def forest_of(seed: int) -> Entrant:
    """Half-Space Trees drawn from this seed, without a limit as yet."""
    return ours(partial(HalfSpaceTreesFleet, 1, seed=seed), math.nan, 1000)


def ours(
    build: Callable[[], FleetDetector], limit: float, needs: int, *, frozen: bool = False
) -> Entrant:
    """One of our detectors."""
    return Entrant(frozen, limit, needs, partial(scored_by, build))


def rolling(window: int) -> Entrant:
    """Our rolling z-score, learning freely."""
    build = partial(RollingZScoreFleet, 1, window_size=window, grace_period=window)
    return ours(build, Z_LIMIT, window)


ENTRANTS: dict[str, Entrant] = {
    **{f"rolling z, {window} readings": rolling(window) for window in (100, 300, 1000)},
    "exponential z, λ = 0.01": Entrant(
        frozen=False, limit=Z_LIMIT, needs=1000, score=partial(exponential_z, 0.01)
    ),
    TREES: forest_of(0),
    "reference_chart": ours(partial(ReferenceChartFleet, 1), 1.0, SHORT, frozen=True),
    "cusum": ours(partial(CusumFleet, 1), 1.0, SHORT, frozen=True),
    "ewma_multichart": ours(
        partial(EwmaMultichartFleet, 1, scales_s=SCALES_S, learn_s=HEALTHY),
        7.0,
        HEALTHY,
        frozen=True,
    ),
}


def scores_of(entrant: Entrant, slope: float, runs: int, seed: int = SEED) -> Floats:
    """What it says during the ramp, f8[runs, CLIMB]; the noise is the same for all."""
    noise = np.random.default_rng(seed).standard_normal((runs, HEALTHY + CLIMB))
    noise[:, HEALTHY:] += slope / 1000 * np.arange(1, CLIMB + 1)
    return entrant.score(noise[:, HEALTHY - entrant.needs :])[:, entrant.needs :]


def delays(scores: Floats, limit: float) -> Floats:
    """Readings from the start of the ramp to the first score above the limit; ∞: never."""
    above = scores > limit
    return np.where(above.any(axis=1), above.argmax(axis=1) + 1.0, np.inf)


def still(scores: Floats, limit: float) -> float:
    """Share of the ramp's last readings at which it is in alarm."""
    return float((scores[:, -LAST:] > limit).mean())


def calibrated(runs: int, n_forests: int = FORESTS) -> dict[str, Entrant]:
    """The entrants, each forest with a limit that as few scores of other healthy runs exceed."""
    calm = 1 - math.erfc(Z_LIMIT / math.sqrt(2))
    healthy = (scores_of(forest_of(seed), 0.0, runs, SEED + 1) for seed in range(n_forests))
    limits = np.array([np.quantile(scores, calm) for scores in healthy])
    trees = ENTRANTS[TREES]._replace(limit=1.0, score=partial(forests, limits))
    return ENTRANTS | {TREES: trees}


def measured(entrants: dict[str, Entrant], runs: int) -> Floats:
    """f8[entrants, slopes + 2]: median delays, share in alarm at the end, calm runs with one."""
    return np.array([_measured(entrant, runs) for entrant in entrants.values()])


def _measured(entrant: Entrant, runs: int) -> list[float]:
    limit = entrant.limit
    ramps = [scores_of(entrant, slope, runs) for slope in SLOPES]
    found = [float(np.median(delays(scores, limit))) for scores in ramps]
    last = float(np.mean([still(scores, limit) for scores in ramps]))
    calm = delays(scores_of(entrant, 0.0, runs), limit)
    return [*found, last, float(np.isfinite(calm).mean())]


def part(entrants: dict[str, Entrant], told: Floats, lines: Sequence[str]) -> str:
    """The Markdown that stands between the marks of the page."""
    from benchmarks.report import table

    slopes = (f"{slope:g}" for slope in SLOPES)
    head = ("σ per 1000 readings", *slopes, "in alarm at the end", "0: runs with an alarm")
    rows = [
        (_label(name, one), *map(_delay, found), f"{last:.0%}", f"{calm:.0%}")
        for (name, one), (*found, last, calm) in zip(entrants.items(), told, strict=True)
    ]
    return "\n".join([table(head, rows), "", *(f"* {line}" for line in lines)])


def _label(name: str, entrant: Entrant) -> str:
    return f"**{name}**" if entrant.frozen else name


def _delay(readings: float) -> str:
    return f"{readings:.0f}" if np.isfinite(readings) else "never"


def draw(entrants: dict[str, Entrant], path: Path) -> None:
    """One ramp, and what each says of it: the median of its runs, in units of its limit."""
    from matplotlib.figure import Figure

    from docs.gallery_sheet import FAULTY, LIMIT, SHIFT, TWIN

    figure = Figure(figsize=(7.6, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2))
    time, noise = np.arange(1, CLIMB + 1), np.random.default_rng(SEED).standard_normal(CLIMB)
    above.plot(time, noise + SHOWN_SLOPE / 1000 * time, color=FAULTY, lw=0.6)
    above.set_ylabel("residual, σ")
    styles = {False: iter((":", "--", "-", "-.", (0, (1, 3)))), True: iter((":", "--", "-"))}
    for name, entrant in entrants.items():
        said = np.median(scores_of(entrant, SHOWN_SLOPE, 20), axis=0) / entrant.limit
        colour = SHIFT if entrant.frozen else TWIN
        below.plot(time, said, color=colour, ls=next(styles[entrant.frozen]), lw=1.2, label=name)
    below.axhline(1.0, color=LIMIT, lw=0.9)
    below.set(ylim=(0, 3), ylabel="severity (1 = limit)", xlabel="readings since the ramp began")
    below.legend(fontsize=7, frameon=False, ncols=2, loc="upper right")
    for axis in (above, below):
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.01)
    figure.savefig(path, dpi=96)


def main() -> int:
    """Measure, draw, and write the part of the page."""
    from benchmarks.report import circumstances
    from docs.generated import with_part

    lines = circumstances(os.getloadavg()[0])[:3]
    entrants = calibrated(RUNS)
    told = part(entrants, measured(entrants, RUNS), lines)
    PAGE.write_text(with_part(PAGE.read_text("utf-8"), "ramp", told), "utf-8")
    draw(entrants, PICTURE)
    sys.stderr.write(f"wrote {PAGE.name} and {PICTURE.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
