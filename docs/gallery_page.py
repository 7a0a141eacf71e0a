"""What docs/simulator.md says of sensors and faults, from the code."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from docs.gallery_pictures import PICTURES
from docs.generated import with_part
from simulators import FAULTS, MACHINE_CLASSES
from simulators.command.catalogue import FAMILIES
from simulators.machines import MachineClass

FEW = 8


def page(text: str) -> str:
    """The page with its lists of sensors and faults as the code has them."""
    for name, machine_class in MACHINE_CLASSES.items():
        text = with_part(text, f"sensors of a {name}", sensors(machine_class))
    return with_part(text, "faults", "\n".join(map(family, FAMILIES)))


def sensors(machine_class: type[MachineClass]) -> str:
    """A table of what such machines report; what is usual is bold."""
    lines = ["| sensor | unit | resolution | noise, 1 σ |", "|---|---|---|---|"]
    for one in machine_class.instruments:
        shares = [f"{one.noise:g}"] * (one.noise > 0)
        shares += [f"{100 * one.noise_relative:g} %"] * (one.noise_relative > 0)
        name = f"**{one.name}**" if one.name in machine_class.usual else one.name
        noise = " + ".join(shares) or "0"
        lines.append(f"| {name} | {one.unit} | {one.resolution:g} | {noise} |")
    return "\n".join(lines)


def family(letter: str) -> str:
    """The faults whose id begins with a letter."""
    of_it = [name for name in PICTURES if FAULTS[name].fault_id.startswith(letter)]
    title = FAMILIES[letter]
    return f"### {title[0].upper()}{title[1:]}\n\n" + "\n".join(map(paragraph, of_it))


def paragraph(name: str) -> str:
    """What the page says of one fault."""
    kind, picture = FAULTS[name], PICTURES[name]
    idea = inspect.cleandoc(kind.__doc__ or "").replace("``", "`")
    shown = ", ".join(f"`{fault}`" for fault in picture.fault.split())
    parts = [part for part in kind.targets(MACHINE_CLASSES[picture.machine_class]) if part]
    befalls = f"It befalls {_listed(parts)}. " if parts else ""
    return (
        f"#### {kind.fault_id} {name}\n\n{idea}\n\n![{name}](gallery/{name}.png)\n\n"
        f"Shown: {shown}. {picture.note}\n{befalls}The truth expects `{kind.expected}`.\n"
    )


def _listed(parts: Sequence[str]) -> str:
    if len(parts) > FEW:
        return f"any of {len(parts)} sensors, `.{parts[0]}` unless another is named"
    return ", ".join(f"`.{part}`" for part in parts)
