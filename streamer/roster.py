"""Names ↔ array rows: which row of its fleet is this machine, and may it have one at all?"""

from __future__ import annotations

from collections.abc import Sequence

from streamer.records import Fault, Machine

Labels = tuple[tuple[str, str], ...]


class Roster:
    """The machines of one class, by row. A machine keeps its row for life.

    Parameters
    ----------
    machine_class
        Name of the class.
    allowed
        Names (``site/machine``) that may register, or None where any well-formed name may.
    max_machines
        How many may register; the next one is refused with a reason, the others work on.

    Examples
    --------
    >>> roster = Roster("turbine", allowed=None, max_machines=1)
    >>> roster.row((("site", "north"), ("machine", "T01")))
    0
    >>> roster.row((("site", "north"), ("machine", "T02"))).reason
    'too_many_machines'
    >>> roster.take_new()
    [(0, Machine(machine_class='turbine', labels=(('site', 'north'), ('machine', 'T01'))))]
    """

    def __init__(
        self, machine_class: str, allowed: Sequence[str] | None, max_machines: int
    ) -> None:
        self.machine_class = machine_class
        self.machines: list[Machine] = []
        self.names: list[str] = []
        """``Machine.name`` by row, which every reading asks for."""
        self._allowed = None if allowed is None else frozenset(allowed)
        self._max_machines = max_machines
        self._rows: dict[Labels, int | Fault] = {}
        self._new: list[tuple[int, Machine]] = []

    def __len__(self) -> int:
        return len(self.machines)

    def row(self, labels: Labels) -> int | Fault:
        """The machine's row, given now if it has none yet; or why it cannot have one."""
        known = self._rows.get(labels)
        return self._register(labels) if known is None else known

    def _register(self, labels: Labels) -> int | Fault:
        machine = Machine(self.machine_class, labels)
        if self._allowed is not None and machine.name not in self._allowed:
            return Fault(
                "unknown_machine", f"{machine.name!r} is not among {self.machine_class}'s machines"
            )
        if len(self.machines) >= self._max_machines:
            return Fault(
                "too_many_machines",
                f"{machine.name!r} would be machine {len(self.machines) + 1} of class "
                f"{self.machine_class}, max_machines is {self._max_machines}",
            )
        row = self._add(machine)
        self._new.append((row, machine))
        return row

    def restore(self, machines: Sequence[Machine]) -> None:
        """Give the machines of an earlier run their rows back."""
        for machine in machines[len(self.machines) :]:
            self._add(machine)

    def _add(self, machine: Machine) -> int:
        row = len(self.machines)
        self.machines.append(machine)
        self.names.append(machine.name)
        self._rows[machine.labels] = row
        return row

    def take_new(self) -> list[tuple[int, Machine]]:
        """Machines registered since the last call, for the journal."""
        new, self._new = self._new, []
        return new
