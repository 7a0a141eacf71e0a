"""Decoded readings → the columns of one class, each sorted into stored, late or duplicate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from streamer.identity import EventOrder
from streamer.records import LATE, Columns, Fault
from streamer.roster import Roster

LAYOUTS_KEPT = 1024
UNKNOWN_REMEMBERED = 1024
"""Characters; a layout with more unknown names is worked out anew each time, and not kept."""
_NAN = float("nan")


class Layout(NamedTuple):
    """Where the fields of payloads with these names belong."""

    mask: int
    names: tuple[str, ...]
    """Known fields; all of them in column order when ``whole``."""
    columns: tuple[int, ...]
    whole: bool
    unknown: tuple[str, ...]


class Intake:
    """Collects one turn's readings of one machine class.

    Parameters
    ----------
    machine_class, sensors
        Name and columns of the class.
    roster
        Gives machines their rows.
    remember
        How many of the newest readings are known again when they are delivered a second time.
    """

    def __init__(
        self, machine_class: str, sensors: Sequence[str], roster: Roster, remember: int
    ) -> None:
        self.machine_class = machine_class
        self.sensors = tuple(sensors)
        self.roster = roster
        self.order = EventOrder(len(self.sensors), remember)
        self._column = {name: i for i, name in enumerate(self.sensors)}
        self._layouts: dict[tuple[str, ...], Layout] = {}
        self._begin()

    def _begin(self) -> None:
        self._rows: list[int] = []
        self._times: list[int] = []
        self._values: list[list[float]] = []
        self._late: list[int] = []

    def layout(self, values: Mapping[str, float]) -> Layout:
        """Which columns these fields fill, and which of them nobody knows."""
        names = tuple(values)
        found = self._layouts.get(names)
        return self._lay_out(names) if found is None else found

    def _lay_out(self, names: tuple[str, ...]) -> Layout:
        known = tuple(name for name in names if name in self._column)
        columns = tuple(self._column[name] for name in known)
        layout = Layout(
            mask=sum(1 << column for column in columns),
            names=known,
            columns=columns,
            whole=names == self.sensors,
            unknown=tuple(name for name in names if name not in self._column),
        )
        if len(self._layouts) >= LAYOUTS_KEPT:
            self._layouts.clear()
        if sum(map(len, layout.unknown)) <= UNKNOWN_REMEMBERED:
            self._layouts[names] = layout
        return layout

    def add(
        self, row: int, time_ns: int, layout: Layout, values: Mapping[str, float]
    ) -> tuple[bool, bool]:
        """Take one reading in → (was any of it stored, was any of that late)."""
        parts = self.order.admit(row, time_ns, layout.mask)
        if parts.fresh:
            self._append(row, time_ns, self._line(layout, values, parts.fresh), late=False)
        if parts.late:
            self._append(row, time_ns, self._line(layout, values, parts.late), late=True)
        return bool(parts.fresh | parts.late), bool(parts.late)

    def _line(self, layout: Layout, values: Mapping[str, float], mask: int) -> list[float]:
        if layout.whole and mask == layout.mask:
            return list(values.values())
        line = [_NAN] * len(self.sensors)
        for name, column in zip(layout.names, layout.columns, strict=True):
            if mask >> column & 1:
                line[column] = values[name]
        return line

    def _append(self, row: int, time_ns: int, line: list[float], *, late: bool) -> None:
        if late:
            self._late.append(len(self._rows))
        self._rows.append(row)
        self._times.append(time_ns)
        self._values.append(line)

    def take(self) -> Columns | None:
        """The turn's columns in order of arrival, or None where nothing came; begins a new turn."""
        if not self._rows:
            return None
        flags = np.zeros(len(self._rows), dtype=np.uint8)
        flags[self._late] = LATE
        columns = Columns(
            np.array(self._rows, dtype=np.int32),
            np.array(self._times, dtype=np.int64),
            np.array(self._values, dtype=np.float64),
            flags,
        )
        self._begin()
        self.order.end_turn()
        return columns

    def machine(
        self, labels: tuple[tuple[str, str], ...], named: str | None, field: str | None
    ) -> int | Fault:
        """The row of the machine that topic and payload name together."""
        if named is not None and field is not None:
            labels = (*labels, ("machine", named))
        return self.roster.row(labels)
