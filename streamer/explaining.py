"""How a machine class explains its sensors by what the machine is doing: regression, or slots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from detectors.base import Fleet, Mask, Rows, Times, Values
from detectors.basis import ContextBasis
from detectors.context import RegressionContext
from detectors.slots import SlotContext
from streamer.config import MachineClass


class Context(Protocol):
    """Says what each sensor should read."""

    def explain(
        self, rows: Rows, times: Times, shown: Values, full: Values, learn: Mask
    ) -> tuple[Values, Values]:
        """Residuals in σ and expected values in the sensor's unit, both f8[n, S].

        ``shown`` are the values to be explained, ``full`` the same with what earlier readings left
        filled in; rows with ``learn`` may be learnt.
        """

    def fleets(self) -> Mapping[str, Fleet]:
        """Its stages, for the snapshot."""

    def accept(self, row: int, sensors: Sequence[int]) -> None:
        """Let these sensors of a machine have a new level; none: all of them."""

    def ready(self, row: int) -> float:
        """Share of the learning that is done, 0 … 1."""


def context_of(config: MachineClass) -> Context:
    """The context of a class, as its configuration wants it."""
    return _Slots(config) if config.context.method == "slots" else _Regression(config)


class _Regression:
    """On all context sensors; those of role both on the ones that stand before them."""

    def __init__(self, config: MachineClass) -> None:
        names, sensors, settings = list(config.sensors), config.sensors.values(), config.context
        resolutions = [sensor.resolution for sensor in sensors]
        explaining = list(config.explaining)
        self._basis = ContextBasis(
            len(names),
            context=[names.index(name) for name in explaining],
            least=resolutions,
            knots=settings.knots,
            lags_s=settings.lags_s,
            warm_s=settings.warm_s,
        )
        self._regression = RegressionContext(
            len(names),
            depth=[self._depth(name, config, explaining) for name in names],
            floor=resolutions,
            moment_s=settings.moment_s,
            learn_s=settings.learn_s,
            familiar=settings.familiar,
            renew_s=settings.renew_s,
        )

    def _depth(self, name: str, config: MachineClass, explaining: Sequence[str]) -> int:
        if name not in config.health:
            return 0
        before = explaining.index(name) if name in explaining else len(explaining)
        return 1 + before * self._basis.each

    def explain(
        self, rows: Rows, times: Times, shown: Values, full: Values, learn: Mask
    ) -> tuple[Values, Values]:
        features, valid = self._basis.walk(rows, times, full)
        said = self._regression.walk(rows, times, shown, full, features, valid, learn)
        return said.residuals, said.expected

    def fleets(self) -> Mapping[str, Fleet]:
        return {"basis": self._basis, "context": self._regression}

    def accept(self, row: int, sensors: Sequence[int]) -> None:
        self._regression.accept(row, sensors)

    def ready(self, row: int) -> float:
        return self._regression.ready(row)


class _Slots:
    """In bins of one context sensor; a sensor relative to another is compared by difference."""

    def __init__(self, config: MachineClass) -> None:
        names, sensors = list(config.sensors), list(config.sensors.values())
        self._relative = [
            (i, names.index(sensor.relative_to))
            for i, sensor in enumerate(sensors)
            if sensor.relative_to is not None
        ]
        self._slots = SlotContext(
            len(sensors),
            low=[s.low for s in sensors],
            high=[s.high for s in sensors],
            context=[-1 if s.context is None else names.index(s.context) for s in sensors],
            judged=[name in config.health for name in names],
            lag_s=[s.context_lag_s for s in sensors],
            resolution=[s.resolution for s in sensors],
            bins=config.context.bins,
            bin_readings=config.context.bin_readings,
        )

    def explain(
        self, rows: Rows, times: Times, shown: Values, full: Values, learn: Mask
    ) -> tuple[Values, Values]:
        del learn  # what may not be learnt is not shown: a slot that is frozen learns nothing
        offsets = np.zeros_like(full)
        for sensor, other in self._relative:
            offsets[:, sensor] = full[:, other]
        residuals, expected = self._slots.walk(rows, times, shown - offsets, full)
        return residuals, expected + offsets

    def fleets(self) -> Mapping[str, Fleet]:
        return {"context": self._slots}

    def accept(self, row: int, sensors: Sequence[int]) -> None:
        """Slots keep what they know: the charts after them begin anew."""

    def ready(self, row: int) -> float:
        return self._slots.ready(row)
