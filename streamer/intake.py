"""Decoded readings → the columns of one class, each sorted into stored, late or duplicate."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
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
    order
        Knows what of a reading is new.
    """

    def __init__(
        self, machine_class: str, sensors: Sequence[str], roster: Roster, order: EventOrder
    ) -> None:
        self.machine_class = machine_class
        self.sensors = tuple(sensors)
        self.roster = roster
        self.order = order
        self._column = {name: i for i, name in enumerate(self.sensors)}
        self._layouts: dict[tuple[str, ...], Layout] = {}
        self._begin()

    def _begin(self) -> None:
        # Numbers side by side, as NumPy will want them: nothing for the garbage collector to visit.
        self._rows = array("i")
        self._times = array("q")
        self._values = array("d")
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
        if layout.whole and self.order.advance(row, time_ns, layout.mask):
            self._append(row, time_ns, values.values())
            return True, False
        parts = self.order.admit(row, time_ns, layout.mask)
        if parts.fresh:
            self._append(row, time_ns, self._line(layout, values, parts.fresh))
        if parts.late:
            self._late.append(len(self._rows))
            self._append(row, time_ns, self._line(layout, values, parts.late))
        return bool(parts.fresh | parts.late), bool(parts.late)

    def _line(self, layout: Layout, values: Mapping[str, float], mask: int) -> list[float]:
        line = [_NAN] * len(self.sensors)
        for name, column in zip(layout.names, layout.columns, strict=True):
            if mask >> column & 1:
                line[column] = values[name]
        return line

    def _append(self, row: int, time_ns: int, line: Iterable[float]) -> None:
        self._rows.append(row)
        self._times.append(time_ns)
        self._values.extend(line)

    def take(self, messages: int) -> Columns | None:
        """The turn's columns in order of arrival, or None where nothing came; begins a new turn.

        ``messages`` is how many the turn was made of.
        """
        if not self._rows:
            return None
        flags = np.zeros(len(self._rows), dtype=np.uint8)
        flags[self._late] = LATE
        columns = Columns(
            np.frombuffer(self._rows, dtype=np.int32),
            np.frombuffer(self._times, dtype=np.int64),
            np.frombuffer(self._values, dtype=np.float64).reshape(-1, len(self.sensors)),
            flags,
        )
        self._begin()
        self.order.end_turn(messages)
        return columns

    def machine(
        self, labels: tuple[tuple[str, str], ...], named: str | None, field: str | None
    ) -> int | Fault:
        """The row of the machine that topic and payload name together."""
        if named is not None and field is not None:
            labels = (*labels, ("machine", named))
        return self.roster.row(labels)
