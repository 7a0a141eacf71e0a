"""What a machine may weigh: 20 kB for eight sensors, everything on; in bytes of its state."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.cost import weights
from streamer.config import MachineClass, load
from streamer.resources import config_path

BUDGET = 20_000
RAW_WINDOW = 250
"""Values of one sensor that may be kept one by one."""
ROOT = Path(__file__).parents[2]


def turbine(name: str) -> MachineClass:
    return load(config_path(name)).classes["turbine"]


@pytest.mark.parametrize("name", ["benchmarks/eight.yaml", "turbines.yaml"])
def test_everything_on_fits_into_the_budget_of_a_machine(name: str) -> None:
    found = weights(turbine(name))
    total = sum(one.nbytes for one in found)
    assert {"context", "detector.rolling_zscore", "health"} < {one.stage for one in found}
    assert total <= BUDGET, f"{total:,} bytes; the heaviest: {found[:5]}"


def test_eight_sensors_that_are_all_judged_weigh_little_more() -> None:
    spec = turbine("benchmarks/eight.yaml")
    judged = {name: one.model_copy(update={"role": "both"}) for name, one in spec.sensors.items()}
    held = {"role": "health"}
    judged |= {name: one.model_copy(update=held) for name, one in [*judged.items()][4:]}
    weight = sum(one.nbytes for one in weights(spec.model_copy(update={"sensors": judged})))
    assert weight <= 1.2 * BUDGET


def test_no_detector_on_by_default_keeps_a_longer_window() -> None:
    for key, one in turbine("turbines.yaml").detectors.items():
        assert one.parameters.get("window_size", 0) <= RAW_WINDOW, key


def test_the_page_of_costs_tells_the_bytes_of_today() -> None:
    page = (ROOT / "benchmarks" / "COST.md").read_text("utf-8")
    (told,) = re.findall(r"Telltale, everything on \| ([\d,]+) \|", page)
    total = sum(one.nbytes for one in weights(turbine("benchmarks/eight.yaml")))
    assert int(told.replace(",", "")) == total
