"""What there is to choose from, as texts for the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from simulators.farm import MACHINE_CLASSES
from simulators.faults import FAULTS, Fault
from simulators.machines import MachineClass
from simulators.scenarios.file import load_scenario, shipped_scenarios

FAMILIES = {
    "F": "faults of machines (F)",
    "P": "faults of pumps (P)",
    "S": "faults of instruments (S)",
    "M": "faults of messages (M)",
    "D": "changes that are no fault (D)",
}


def faults() -> str:
    """Every fault in one line, family by family."""
    lines = []
    for letter, title in FAMILIES.items():
        family = [kind for kind in FAULTS.values() if kind.fault_id.startswith(letter)]
        if family:
            lines += [f"{title}:"]
            lines += [f"  {kind.fault_id:<4}{kind.name:<20} {_idea(kind)}" for kind in family]
    return "\n".join(lines)


def targets() -> str:
    """What each fault can befall, class by class."""
    return "\n".join(line for name in MACHINE_CLASSES for line in _targets(name))


def sensors() -> str:
    """The sensors of each class; those with a star are reported unless others are asked for."""
    return "\n".join(line for name in MACHINE_CLASSES for line in _sensors(name))


def scenarios() -> str:
    """Every scenario that is shipped, with its file."""
    lines = []
    for name, path in shipped_scenarios().items():
        lines += [f"{name}", f"  {load_scenario(name).about}", f"  {path}"]
    return "\n".join(lines)


def _targets(class_name: str) -> Iterator[str]:
    machine_class = MACHINE_CLASSES[class_name]
    yield f"{class_name}:"
    for kind in FAULTS.values():
        choice = kind.targets(machine_class)
        if choice:
            yield f"  {kind.fault_id:<4}{kind.name}{_choice(choice, machine_class)}"


def _choice(choice: tuple[str, ...], machine_class: type[MachineClass]) -> str:
    if choice == ("",):
        return ""
    sensors = {instrument.name for instrument in machine_class.instruments}
    if set(choice) <= sensors:
        some = "" if set(choice) == sensors else f" ({len(choice)} of {len(sensors)} can)"
        return f"  .SENSOR{some}, by default .{choice[0]}"
    return f"  .{', .'.join(choice)}" if all(choice) else f"  alone or .{', .'.join(choice[1:])}"


def _sensors(class_name: str) -> Iterator[str]:
    machine_class = MACHINE_CLASSES[class_name]
    yield f"{class_name}:"
    for instrument in machine_class.instruments:
        star = "*" if instrument.name in machine_class.usual else " "
        yield f" {star} {instrument.name:<32} {instrument.unit}".rstrip()


def _idea(kind: type[Fault]) -> str:
    """The first sentence of a fault's docstring."""
    first, *_ = (kind.__doc__ or "").strip().splitlines()
    return first


LISTS: dict[str, Callable[[], str]] = {
    "faults": faults,
    "targets": targets,
    "sensors": sensors,
    "scenarios": scenarios,
}
