"""Makes `scored_series.json`: small made-up series with the scores that are right for them.

    python tests/data/make_scored_series.py

Run it again only if a definition was wrong, and look at what changed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.detectors import plain_scores  # noqa: E402 — the checkout is not always installed

PROFILES = tuple(plain_scores.NAB_WEIGHTS)
THRESHOLDS = (0.3, 0.6, 0.9)
WINDOWS = [[(60, 75), (110, 119)], [(20, 49), (150, 160)], [], [(9, 9), (40, 79)]]
LENGTHS = (120, 200, 90, 100)


def nab(rng: np.random.Generator) -> dict:
    """Noise that swells in windows, sometimes late; two decimals, so that readings tie."""
    corpus = []
    for n, windows in zip(LENGTHS, WINDOWS, strict=True):
        scores = rng.beta(1, 4, n)
        for first, last in windows:
            late = rng.integers(first, last + 1)
            scores[late : last + 1] += rng.uniform(0, 0.5)
        corpus.append((scores.round(2).tolist(), windows))
    right = {
        profile: {
            "best": round(plain_scores.nab_best(corpus, profile), 6),
            **{str(t): round(plain_scores.nab(corpus, profile, t), 6) for t in THRESHOLDS},
        }
        for profile in PROFILES
    }
    return {"series": [{"scores": s, "windows": w} for s, w in corpus], "right": right}


def skab(rng: np.random.Generator) -> dict:
    """Seconds with gaps; alarms that come late, end late and sometimes lie."""
    experiments = []
    for n in (500, 640):
        times = np.cumsum(rng.choice([1, 1, 1, 2, 5], n)).astype(float)
        edges = np.sort(rng.choice(np.arange(420, n), 4, replace=False))
        truth = np.zeros(n, bool)
        truth[edges[0] : edges[1]] = truth[edges[2] : edges[3]] = True
        alarm = np.roll(truth, 7) ^ (rng.random(n) < 0.02)
        changes, marks = np.isin(np.arange(n), edges), np.diff(alarm, prepend=False) != 0
        experiments.append((times, truth, alarm, changes, marks))
    judged, alarmed = (np.concatenate([e[k][400:] for e in experiments]) for k in (1, 2))
    changepoints = [(t.tolist(), c.tolist(), m.tolist()) for t, _, _, c, m in experiments]
    right = {
        "tp": int((judged & alarmed).sum()),
        "fp": int((~judged & alarmed).sum()),
        "tn": int((~judged & ~alarmed).sum()),
        "fn": int((judged & ~alarmed).sum()),
        "changepoints": {
            profile: round(plain_scores.changepoints(changepoints, profile, 400, 60), 6)
            for profile in PROFILES
        },
    }
    columns = ("times", "truth", "alarm", "changepoints", "marks")
    rows = [dict(zip(columns, map(_listed, e), strict=True)) for e in experiments]
    return {"experiments": rows, "right": right}


def care(rng: np.random.Generator) -> dict:
    """A fault seen late, one not seen, a quiet turbine, one that cries wolf; some in service."""
    sets = []
    for event, seen in (((60, 299), 0.9), ((100, 259), 0.1), (None, 0.05), (None, 0.6)):
        normal = rng.random(320) > 0.1
        alarm = rng.random(320) < (0.03 if event else seen)
        if event:
            late = event[0] + 90
            alarm[late : event[1] + 1] = rng.random(event[1] + 1 - late) < seen
        sets.append((_listed(alarm), _listed(normal), event))
    right = {name: round(value, 6) for name, value in plain_scores.care(sets).items()}
    return {"sets": [{"alarm": a, "normal": n, "event": e} for a, n, e in sets], "right": right}


def _listed(column: np.ndarray) -> list:
    return column.astype(int).tolist()


def main() -> None:
    """Write the file beside this one."""
    rng = np.random.default_rng(20)
    data = {"nab": nab(rng), "skab": skab(rng), "care": care(rng)}
    path = Path(__file__).with_name("scored_series.json")
    path.write_text(json.dumps(data, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
