"""The controller: does a machine work, start, stop or wait, and what does it say it does?

It decides on the mean wind, so a gust above cut-out does not stop a machine.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulators.processes import Floats
from simulators.turbine.power import CUT_IN_M_S, CUT_OUT_M_S, RATED_POWER_KW, STALL_M_S

Flags = NDArray[np.bool_]

RESTART_M_S = 22.0
"""Below it a machine starts again that a storm above `CUT_OUT_M_S` stopped."""
RUN_UP_S = (60.0, 90.0)
"""From idling to the grid, machine by machine."""
RUN_DOWN_S = 40.0
CONNECT_S, DISCONNECT_S = 15.0, 10.0
"""How long power takes to come once the generator is on the grid, and to go."""

CURTAILMENT = 0.6
"""Share of the rated power that full curtailment takes away."""
DERATE_C, RECOVER_C = 80.0, 75.0
"""Gearbox oil above the first derates a machine until it is below the second."""
DERATED_KW = 0.75 * RATED_POWER_KW

NORMAL, DERATED, IDLING, SERVICE, STORM, TRANSIENT = range(6)
"""Status codes; the last is starting or stopping."""


def walk_running(mean_wind: Floats, held: Flags, running: Flags) -> Flags:
    """Does the controller let each machine run? Decided on the mean wind, with hysteresis.

    Args:
        mean_wind: ``[k, machines]`` [m/s].
        held: ``[k, machines]`` or ``[1, 1]``, kept from running whatever the wind.
        running: ``[machines]``, before the block.

    Returns:
        ``[k, machines]``; the last row is the state for the next block.

    >>> wind = np.array([[2.7], [3.1], [2.7], [2.4], [2.7]])
    >>> walk_running(wind, np.array([[False]]), np.array([False])).ravel().tolist()
    [False, True, True, False, False]
    """
    may_start = (mean_wind >= CUT_IN_M_S) & (mean_wind <= RESTART_M_S)
    may_run = (mean_wind >= STALL_M_S) & (mean_wind <= CUT_OUT_M_S) & ~held
    walked = np.empty(mean_wind.shape, dtype=np.bool_)
    for i in range(len(mean_wind)):
        running = walked[i] = (running | may_start[i]) & may_run[i]
    return walked


def steps_since_change(flags: Flags, before: Flags, steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """For how many steps each flag has been what it is, itself included.

    Args:
        flags: ``[k, machines]``.
        before: ``[machines]``, the flags before the block.
        steps: ``[machines]``, for how many they had been so.

    >>> flags = np.array([[True], [True], [False], [False]])
    >>> steps_since_change(flags, np.array([True]), np.array([7])).ravel().tolist()
    [8, 9, 1, 2]
    """
    index = np.arange(len(flags))[:, np.newaxis]
    changed = flags != np.concatenate((before[np.newaxis], flags[:-1]))
    last = np.maximum.accumulate(np.where(changed, index, -1 - steps), axis=0)
    return index - last + (last >= 0)


class Regime(NamedTuple):
    """``[k, machines]`` each."""

    running: Flags
    engaged: Floats
    """How far it is from idling (0) to work (1), while it starts and stops."""
    connected: Floats
    """Share of its power that goes to the grid."""
    serviced: Flags
    """Or a single one for all."""

    def status(self, mean_wind: Floats, limited: Flags) -> Floats:
        """The status code: `NORMAL`, `DERATED`, `IDLING`, `SERVICE`, `STORM` or `TRANSIENT`.

        A machine that waits above the restart wind waits for a storm to pass.
        """
        idle = np.where(mean_wind > RESTART_M_S, STORM, IDLING)
        settled = np.where(self.running, np.where(limited, DERATED, NORMAL), idle)
        moving = (self.engaged > 0) & (self.engaged < 1)
        return np.where(self.serviced, SERVICE, np.where(moving, TRANSIENT, settled)).astype(
            np.float64
        )


class Operation:
    """Start, run and stop of a number of machines, block by block; they begin settled."""

    def __init__(self, period_s: float, run_up_s: Floats) -> None:
        self._period_s = period_s
        self._run_up_s = run_up_s
        self._running: Flags | None = None
        self._steps = np.full(len(run_up_s), 10**12)

    def advance(self, mean_wind: Floats, serviced: Flags) -> Regime:
        """What each machine does in a mean wind ``[k, machines]``, unless somebody works on it."""
        if self._running is None:
            idle = np.zeros(len(self._steps), dtype=np.bool_)
            self._running = walk_running(mean_wind[:1], serviced[:1], idle)[0]
        running = walk_running(mean_wind, serviced, self._running)
        steps = steps_since_change(running, self._running, self._steps)
        self._running, self._steps = running[-1], steps[-1]
        return self._regime(running, steps.astype(np.float64) * self._period_s, serviced)

    def _regime(self, running: Flags, since_s: Floats, serviced: Flags) -> Regime:
        """Run up, then connect; disconnect, and run down meanwhile."""
        up = since_s / self._run_up_s
        on = (since_s - self._run_up_s) / CONNECT_S
        down, off = 1 - since_s / RUN_DOWN_S, 1 - since_s / DISCONNECT_S
        return Regime(
            running,
            engaged=np.clip(np.where(running, up, down), 0, 1),
            connected=np.clip(np.where(running, on, off), 0, 1),
            serviced=serviced,
        )
