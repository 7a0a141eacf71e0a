"""How a machine class explains its sensors by what the machine is doing: regression, or slots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from detectors.base import Fleet, Mask, Rows, Times, Values
from detectors.basis import ContextBasis
from detectors.context import SPELL, Adaptation, Explained, RegressionContext
from detectors.slots import SlotContext
from streamer.adaptation import Adapted
from streamer.config.classes import MachineClass


class Context(Protocol):
    """Says what each sensor should read."""

    def explain(  # noqa: PLR0917 - the columns of one turn
        self, rows: Rows, times: Times, shown: Values, full: Values, known: Values, learn: Mask
    ) -> Explained:
        """Residuals in σ; expected values and one σ about them in the sensor's unit; each f8[n, S].

        ``shown`` are the values to be explained, ``full`` the same with what earlier readings left
        filled in, ``known`` these without what is doubted now; rows with ``learn`` may be learnt.
        """

    def told(self, rows: Rows, news: Sequence[Adaptation]) -> Adapted:
        """What was learnt of these readings' machines, in words."""

    def fleets(self) -> Mapping[str, Fleet]:
        """Its stages, for the snapshot."""

    def accept(self, row: int, sensors: Sequence[int]) -> None:
        """Let these sensors of a machine have a new level; none: all of them."""

    def meant(self, sensors: Sequence[int]) -> set[int]:
        """These sensors, and those that they explain."""

    def ready(self, row: int) -> float:
        """Share of the learning that is done, 0 … 1."""

    def progress(self, row: int) -> list[str]:
        """What is known and what is not, for a person; nothing where there is nothing to say."""


def context_of(config: MachineClass) -> Context:
    """The context of a class, as its configuration wants it."""
    return _Slots(config) if config.context.method == "slots" else _Regression(config)


class _Regression:
    """On all context sensors, and on those of role both or covariate that stand before it."""

    def __init__(self, config: MachineClass) -> None:
        names, sensors, settings = list(config.sensors), config.sensors.values(), config.context
        self._names = names
        resolutions = [sensor.resolution for sensor in sensors]
        explaining = list(config.explaining)
        self._explaining = [names.index(name) for name in explaining]
        self._basis = ContextBasis(
            len(names),
            context=self._explaining,
            least=resolutions,
            knots=settings.knots,
            lags_s=settings.lags_s,
            warm_s=settings.warm_s,
            state=None if config.regime is None else names.index(config.regime.sensor),
            levels=() if config.regime is None else config.regime.judged[1:],
        )
        self._regression = RegressionContext(
            len(names),
            depth=[self._depth(name, config, explaining) for name in names],
            assured=[self._depth(name, config, _sure(config)) for name in names],
            floor=resolutions,
            moment_s=settings.moment_s,
            learn_s=settings.learn_s,
            familiar=settings.familiar,
            renew_s=settings.renew_s,
            quarantine_s=settings.quarantine_s,
            adapt_day=settings.adapt_day,
            adapt_total=settings.adapt_total,
            marks=[feature for _, feature in self._marked(config)],
        )
        self._weather = [explaining[c] for c, _ in self._marked(config)]
        self._spanned = [c for c, _ in self._marked(config)]

    def _marked(self, config: MachineClass) -> list[tuple[int, int]]:
        """The contexts that are nothing but that, and the features that are their levels."""
        deepest = max(self._depth(name, config, config.explaining) for name in self._names)
        return [
            (c, int(at))
            for c, (name, at) in enumerate(zip(config.explaining, self._basis.start, strict=False))
            if config.sensors[name].role == "context" and at < deepest
        ]

    def _depth(self, name: str, config: MachineClass, explaining: Sequence[str]) -> int:
        """How many leading features explain a sensor.

        Those of the contexts, and of role both or covariate those that stand before it.
        """
        if name not in config.health:
            return 0
        names = list(config.sensors)
        known = [
            other
            for other in explaining
            if config.sensors[other].role == "context" or names.index(other) < names.index(name)
        ]
        return int(self._basis.start[len(known)])

    def explain(  # noqa: PLR0917 - the columns of one turn
        self, rows: Rows, times: Times, shown: Values, full: Values, known: Values, learn: Mask
    ) -> Explained:
        features, valid = self._basis.walk(rows, times, full)
        return self._regression.walk(rows, times, shown, known, features, valid, learn)

    def told(self, rows: Rows, news: Sequence[Adaptation]) -> Adapted:
        one = self._regression
        where = [self._where(int(rows[each.reading]), each) for each in news]
        return Adapted(news, where, one.adapt_day, one.adapt_total)

    def _where(self, row: int, told: Adaptation) -> str:
        """At which weather something was learnt."""
        low, width = self._basis.usual(row)
        said = []
        for name, c, (least, most) in zip(self._weather, self._spanned, told.spans, strict=True):
            ends = low[c] + least * width[c], low[c] + most * width[c]
            said.append(f"{name} {ends[0]:.3g} … {ends[1]:.3g}")
        return ", ".join(said)

    def fleets(self) -> Mapping[str, Fleet]:
        return {"basis": self._basis, "context": self._regression}

    def accept(self, row: int, sensors: Sequence[int]) -> None:
        self._regression.accept(row, sensors)

    def meant(self, sensors: Sequence[int]) -> set[int]:
        among = [self._explaining.index(sensor) for sensor in sensors if sensor in self._explaining]
        if not among:
            return set(sensors)
        explained = self._regression.depth > self._basis.start[min(among)]
        return {*sensors, *np.flatnonzero(explained).tolist()}

    def ready(self, row: int) -> float:
        return self._regression.ready(row)

    def progress(self, row: int) -> list[str]:
        one, state = self._regression, self._regression.state
        done, whole = float(state["moments"][row]), one.learn_s / one.moment_s
        later, said = round(float(state["extended"][row]) / SPELL), list[str]()
        if done < whole:
            said.append(f"context {int(done):,} of {whole:,.0f} moments")
        elif later:
            said.append(f"context known, {later:,} moments of what was new added since")
        if done >= whole and (state["moved"][row, 1] or state["gained"][row, 1]):
            said.append(self._adapted(row))
        gathered, renew = state["renewing"][row, :, 0], one.renew_s / one.moment_s
        for sensor in np.flatnonzero((gathered > 0) & (gathered < renew + 1)):
            share = f"{int(gathered[sensor] - 1):,} of {renew:,.0f} moments"
            said.append(f"{self._names[sensor]} learns its level anew, {share}")
        for sensor in np.flatnonzero(gathered < 0):
            share = f"{int(-gathered[sensor]):,} of {whole:,.0f} moments"
            said.append(f"{self._names[sensor]} began late, {share}")
        return said

    def _adapted(self, row: int) -> str:
        """How far what was added has moved what is expected, and whether there is room for more."""
        one, state = self._regression, self._regression.state
        spent = "" if state["gained"][row, 1] < 2 else ": nothing new is learnt until accept"
        moved = f"{state['moved'][row, 1]:.2g} of {one.adapt_total:g} σ"
        return f"expected values moved by {moved} at most{spent}"


def _sure(config: MachineClass) -> Sequence[str]:
    """The explaining sensors before the first covariate, which may go where it never was."""
    roles = [config.sensors[name].role for name in config.explaining]
    first = roles.index("covariate") if "covariate" in roles else len(roles)
    return config.explaining[:first]


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

    def explain(  # noqa: PLR0917 - the columns of one turn
        self, rows: Rows, times: Times, shown: Values, full: Values, known: Values, learn: Mask
    ) -> Explained:
        del known, learn  # what may not be learnt is not shown: a frozen slot learns nothing
        offsets = np.zeros_like(full)
        for sensor, other in self._relative:
            offsets[:, sensor] = full[:, other]
        residuals, expected = self._slots.walk(rows, times, shown - offsets, full)
        # σ is what a residual was divided by; of one that is 0 it is not told.
        off = np.where(residuals == 0, np.nan, residuals)
        return Explained(residuals, expected + offsets, np.abs((shown - offsets - expected) / off))

    def told(self, rows: Rows, news: Sequence[Adaptation]) -> Adapted:
        del rows  # a bin that is full never learns again: there is no news
        return Adapted(news, [], 0.0, 0.0)

    def fleets(self) -> Mapping[str, Fleet]:
        return {"context": self._slots}

    def accept(self, row: int, sensors: Sequence[int]) -> None:
        """Slots keep what they know: the charts after them begin anew."""

    def meant(self, sensors: Sequence[int]) -> set[int]:
        return set(sensors)

    def ready(self, row: int) -> float:
        return self._slots.ready(row)

    def progress(self, row: int) -> list[str]:
        count = self._slots.state["count"][row]
        bins, share = int((count > 0).sum()), self._slots.ready(row)
        whole = bins * self._slots.bin_readings
        if share >= 1:
            return []
        if not bins:
            return ["context has read nothing yet"]
        return [f"context {int(count.sum()):,} of {whole:,} readings in {bins} bins"]
