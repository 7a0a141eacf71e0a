"""Is the simulated world like a real one? Its shapes, beside published and recorded figures.

``python -m benchmarks.reality`` simulates nine turbines for a year at a reading a minute, four for
twenty days at one every 10 s, and nine pumps for a month, all healthy; measures them as
`benchmarks.shapes` says; and writes the table of docs/simulator.md. It takes about two minutes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.shapes import measure, simulated
from docs.generated import SIMULATOR, with_part

PUBLISHED = Path(__file__).with_name("reality.json")
SEED = 3


def main() -> None:
    """Measure, and write the table into the page."""
    measured = measure(
        simulated(9, SEED, period_s=60.0, hours=365 * 24.0),
        simulated(4, SEED, period_s=10.0, hours=20 * 24.0),
        simulated(9, SEED, period_s=60.0, hours=30 * 24.0, machine_class="pump"),
    )
    table = markdown(measured, published())
    SIMULATOR.write_text(with_part(SIMULATOR.read_text("utf-8"), "reality", table), "utf-8")
    sys.stdout.write(table)


def published() -> dict[str, dict[str, str]]:
    """Figure → what was published, and where it was read."""
    rows: dict[str, dict[str, str]] = json.loads(PUBLISHED.read_text("utf-8"))
    return rows


def markdown(measured: Mapping[str, str], known: Mapping[str, Mapping[str, str]]) -> str:
    """The table, in the order of the published figures.

    >>> rows = {"wind": {"figure": "mean wind", "real": "8 m/s", "source": "a mast"}}
    >>> print(markdown({"wind": "7.9 m/s"}, rows), end="")
    | figure | simulator | recorded or published | source |
    |---|---|---|---|
    | mean wind | 7.9 m/s | 8 m/s | a mast |

    Raises:
        ValueError: a figure is measured but not published, or the other way round.
    """
    if set(measured) != set(known):
        raise ValueError(f"on one side only: {sorted(set(measured) ^ set(known))}")
    lines = ["| figure | simulator | recorded or published | source |", "|---|---|---|---|"]
    lines += [
        f"| {about['figure']} | {measured[what]} | {about['real']} | {about['source']} |"
        for what, about in known.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
