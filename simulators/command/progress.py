"""How far a run has come."""

from __future__ import annotations

import math
import sys
import time

from simulators.farm import Block, Farm
from simulators.messages import Message

SHOW_EVERY_S = 0.2


class Progress:
    """Counts readings, and shows on a terminal how far the run has come."""

    def __init__(self, farm: Farm, hours: float) -> None:
        self.readings = 0
        self.hours = 0.0
        """How much of the run is through."""
        self._start_ns = farm.start_ns
        self._period_s = farm.period_s
        self._machines = len(farm.machines)
        self._all_hours = hours
        self._shown_s = -math.inf
        self._show = sys.stderr.isatty()

    def __call__(self, message: Message) -> None:
        """Note one message."""
        self._note(message.readings, message.time_ns)

    def block(self, block: Block) -> None:
        """Note one block of readings."""
        self._note(len(block.times) * self._machines, int(block.times[-1]))

    def say(self, what: str) -> None:
        """Say on a terminal what is going on meanwhile."""
        if self._show:
            sys.stderr.write(f"\r{what} ")
            sys.stderr.flush()

    def end(self, summary: str) -> None:
        """Say in one line what came of it."""
        sys.stderr.write(f"\r{summary}\n" if self._show else f"{summary}\n")

    def _note(self, readings: int, time_ns: int) -> None:
        self.readings += readings
        # What arrives late was sent in an hour that is through already.
        hours = (time_ns - self._start_ns) / 3.6e12 + self._period_s / 3600
        self.hours = max(self.hours, hours)
        if self._show and time.monotonic() - self._shown_s > SHOW_EVERY_S:
            self._shown_s = time.monotonic()
            self.say(f"{self._how_far()}, {self.readings} readings")

    def _how_far(self) -> str:
        if math.isinf(self._all_hours):
            return f"{self.hours:.1f} h"
        return f"{min(100 * self.hours / self._all_hours, 100):3.0f} %"
