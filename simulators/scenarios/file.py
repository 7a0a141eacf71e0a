"""Scenarios: a whole farm, its run and its faults, as a YAML file says.

`KEYS` are the keys of a file. ``faults`` holds faults as `simulators.faults.grammar` reads them,
``spread`` lays out many of them (`simulators.scenarios.spread`), ``random`` draws some
(`simulators.faults.rates`), and what stands under ``quick`` replaces the same keys above it for a
run of seconds.

    >>> scenario = load_scenario("healthy_month", quick=True)
    >>> farm = scenario.farm()
    >>> farm.faults, next(farm.run(scenario.hours)).values.shape[1:] == (len(farm.machines), 6)
    ((), True)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any

from simulators.farm import MACHINE_CLASSES
from simulators.faults import Fault
from simulators.faults.grammar import instead_of, read_fault
from simulators.machines import machine_name
from simulators.scenarios import Scenario, check_begins
from simulators.scenarios.spread import KEYS as SPREAD_KEYS
from simulators.scenarios.spread import laid_out
from simulators.weather import Climate

# A wheel carries them inside the package; in a checkout they stand where people look for them.
_INSTALLED = Path(__file__).parents[1] / "share" / "scenarios"
_CHECKOUT = Path(__file__).parents[2] / "config" / "scenarios"


def load_scenario(
    name_or_path: str | Path,
    quick: bool = False,  # noqa: FBT001, FBT002 - as a word it reads well at its place, too
    seed: int | None = None,
) -> Scenario:
    """The scenario of a file.

    Args:
        name_or_path: of one that is shipped, see `shipped_scenarios`, or a path that ends in
            ``.yaml``.
        quick: the short variant that its key ``quick`` describes.
        seed: instead of the file's.

    Raises:
        ValueError: in one sentence, the file, the key, what is wrong and what is allowed.
        OSError: the file cannot be read.
    """
    from simulators.scenarios.strict_yaml import read_mapping

    path = _path(name_or_path)
    try:
        said = _chosen(read_mapping(path), quick=quick)
        if seed is not None:
            said["seed"] = seed
        return _checked(_scenario(path.stem, said))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def shipped_scenarios() -> dict[str, Path]:
    """The files that come along, by name."""
    home = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    return {path.stem: path for path in sorted(home.glob("*.yaml"))}


def _path(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix == ".yaml":
        return path
    shipped = shipped_scenarios()
    if str(name_or_path) not in shipped:
        raise ValueError(
            f"there is no scenario {str(name_or_path)!r} (a file of your own ends in .yaml), "
            f"{instead_of(str(name_or_path), shipped)}"
        )
    return shipped[str(name_or_path)]


def _chosen(said: dict[str, Any], *, quick: bool) -> dict[str, Any]:
    """The settings of the full variant or of the quick one."""
    short: dict[str, Any] = _mapping("quick", said.pop("quick", {}))
    _check_keys(said, (*KEYS, "quick"))
    _check_keys(short, KEYS, "quick: ")
    if not quick:
        return said
    if not short:
        raise ValueError("it has no quick variant: say under the key quick what is different there")
    if {"days", "hours"} & set(short):
        said = {key: value for key, value in said.items() if key not in {"days", "hours"}}
    return said | short


def _scenario(name: str, said: dict[str, Any]) -> Scenario:
    read = {key: KEYS[key](key, value) for key, value in said.items()}
    if ("days" in read) == ("hours" in read):
        raise ValueError("either days or hours is needed: how long the run is")
    hours = read.pop("hours") if "hours" in read else 24 * read.pop("days")
    spread = read.pop("spread", [])
    scenario = Scenario(name, hours, **read)
    if scenario.machine_class not in MACHINE_CLASSES:
        raise ValueError(
            f"machine_class: there is no {scenario.machine_class!r}, "
            f"{instead_of(scenario.machine_class, MACHINE_CLASSES)}"
        )
    kind = MACHINE_CLASSES[scenario.machine_class]
    try:
        spread = laid_out(spread, partial(machine_name, kind), scenario.machines)
    except ValueError as error:
        raise ValueError(f"spread: {error}") from None
    scenario.faults = [*scenario.faults, *spread]
    return scenario


def _checked(scenario: Scenario) -> Scenario:
    """The scenario, if its farm can be built and all its faults can happen."""
    farm = scenario.farm("all")
    if math.isinf(scenario.hours):
        raise ValueError("a scenario has an end, and its hours or days are inf")
    farm.steps(scenario.hours)
    for fault in farm.faults:
        check_begins(fault, scenario.hours)
    return scenario


# How the values of the keys are read: functions of key and value.


def _of(kinds: type | UnionType, what: str) -> Callable[[str, object], Any]:
    def read(key: str, value: object) -> Any:
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise ValueError(f"{key} is {value!r}, {what} is needed")  # noqa: TRY004 - of a file
        return value

    return read


_text = _of(str, "a text")
_real = _of(int | float, "a number")
_whole = _of(int, "a whole number")
_list = _of(list, "a list")
_mapping = _of(dict, "a mapping of keys to values")


def _number(key: str, value: object) -> float:
    try:
        return float(_real(key, value))
    except OverflowError:
        raise ValueError(f"{key} has more digits than any number needs") from None


def _climate(key: str, value: object) -> Climate:
    said = _mapping(key, value)
    reads = {each.name: _text if each.type == "str" else _number for each in fields(Climate)}
    _check_keys(said, reads, f"{key}: ")
    try:
        read: dict[str, Any] = {name: reads[name](name, each) for name, each in said.items()}
        return Climate(**read)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _faults(key: str, value: object) -> list[Fault]:
    try:
        return [read_fault(entry) for entry in _list(key, value)]
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _random(key: str, value: object) -> dict[str, str]:
    said = _mapping(key, value)
    return {str(name): _text(f"{key}: {name}", rate) for name, rate in said.items()}


def _spread(key: str, value: object) -> list[dict[str, Any]]:
    entries = [_mapping(key, entry) for entry in (value if isinstance(value, list) else [value])]
    for entry in entries:
        _check_keys(entry, SPREAD_KEYS, f"{key}: ")
    return entries


KEYS: dict[str, Callable[[str, object], Any]] = {
    "about": _text,
    "machine_class": _text,
    "machines": _whole,
    "days": _number,
    "hours": _number,
    "period_s": _number,
    "seed": _whole,
    "start": _text,
    "site": _text,
    "climate": _climate,
    "faults": _faults,
    "spread": _spread,
    "random": _random,
}


def _check_keys(said: Mapping[str, Any], known: Iterable[str], where: str = "") -> None:
    known = tuple(known)
    for key in said:
        if key not in known:
            raise ValueError(f"{where}there is no key {key!r}, {instead_of(str(key), known)}")
