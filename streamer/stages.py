"""The stages that a machine class is watched by, and all that they remember as one thing.

What they do stands in `detectors`; in which order they are asked, in `streamer.monitor`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors import quality
from detectors.assemble import Assembler
from detectors.attribution import AT_WORK, RESTS, UNKNOWN
from detectors.base import Fleet, Mask, Rows, Times, Values
from detectors.quality import MISSING, NOISE, OK
from detectors.reference import Gate
from detectors.regression_adjustment import RegressionAdjustment
from detectors.siblings import Siblings
from streamer.config import MachineClass
from streamer.explaining import context_of
from streamer.findings import Findings
from streamer.instrument import InstrumentWatch
from streamer.inverse import Inverse
from streamer.service import STAGE, ServiceWatch, hidden
from streamer.stage_settings import attribution_of, condition_of, flicker_of, quality_of, zero_of


class Stages:
    """One fleet per stage, for all machines of a class.

    Attributes
    ----------
    health
        Columns of the sensors that are judged.
    detectors
        Name → detector over the health sensors' residuals.
    service
        Which machines are in maintenance.
    components
        Names of those that have a health index.
    """

    def __init__(self, config: MachineClass) -> None:
        names, sensors = list(config.sensors), list(config.sensors.values())
        self.health = [names.index(name) for name in config.health]
        regime = config.regime
        self._regime = None if regime is None else (names.index(regime.sensor), regime.judged)
        moving = config.moving
        self._moving = None if moving is None else (names.index(moving.sensor), moving.above)
        n, judged = len(sensors), [i in self.health for i in range(len(sensors))]
        explaining = [name in config.explaining for name in names]
        age_s, sample_s = config.max_age_s, config.sample_s
        self.quality = quality_of(config, names)
        self.flicker = flicker_of(config)
        self.zero = zero_of(config)
        self.instrument = InstrumentWatch(n)
        self.assemble = Assembler(
            n,
            max_age_s=age_s,
            sample_s=sample_s,
            required=explaining if any(explaining) else judged,
        )
        self.context = context_of(config)
        self.inverse = Inverse.of(config)
        self.samples = Assembler(n, max_age_s=age_s, sample_s=sample_s, required=judged)
        self.adjustment = RegressionAdjustment(
            len(self.health), learn_s=config.context.adjust_s, moment_s=config.context.moment_s
        )
        self.attribution = attribution_of(config)
        self.siblings = Siblings(len(self.health))
        self.components = tuple(config.parts)
        self.severities = Assembler(len(self.health), max_age_s=age_s)
        self.condition = condition_of(config)
        self._zoned = any(sensor.zones is not None for sensor in sensors)
        self.gate = Gate()
        self.service = ServiceWatch()
        self.detectors = {key: one.build(len(self.health)) for key, one in config.detectors.items()}
        self.adjusts = any(one.reads == "adjusted" for one in self.detectors.values())

    def findings(
        self, rows: Rows, times: Times, values: Values, codes: Mask, in_service: NDArray[np.bool_]
    ) -> Findings:
        """What there is to be judged of the values that are believed: residuals, how they fit."""
        believed = quality.believed(values, codes)
        full, due = self.assemble.assemble(rows, times, believed)
        apart = in_service | self._elsewhere(full)
        due[apart] = 0
        shown = hidden(believed, apart)
        known = _learnable(full, values, codes)
        said = self.context.explain(rows, times, shown, full, known, due)
        residuals, expected, band, news = said
        adapted = [self.context.told(rows, news)] if news else []
        sampled, complete = self.samples.assemble(rows, times, residuals)
        whole = np.flatnonzero(complete)
        samples = self.judged(sampled[whole])
        adjusted = np.full((len(rows), len(self.health)), np.nan)
        if self.adjusts:
            learn = np.ones(len(whole), dtype=np.uint8)
            adjusted[whole] = self.adjustment.walk(rows[whole], times[whole], samples, learn)
        operating = self._moves(full) & ~apart
        yields = np.full(adjusted.shape, np.nan)
        if self.inverse is not None:
            yields[:, self.inverse.speaks_of], news = self.inverse.walk(
                rows, times, shown, full, due.astype(np.bool_) & operating
            )
            adapted += [self.inverse.told(news)] if news else []
        return Findings(
            values=self.judged(shown),
            residuals=self.judged(residuals),
            adjusted=adjusted,
            yields=yields,
            whole=whole,
            samples=samples,
            expected=expected,
            band=band,
            operating=operating.astype(np.uint8),
            resting=self.rests(full),
            adapted=adapted,
        )

    def with_flicker(self, rows: Rows, times: Times, codes: Mask, found: Findings) -> Mask:
        """The verdicts u1[n, S], `NOISE` in place of `OK` where a sensor flickers unfelt."""
        flickers = np.zeros(codes.shape, dtype=np.bool_)
        flickers[:, self.health] = self.flicker.walk(rows, times, found.values, found.operating)
        return np.where(flickers & (codes == OK), np.uint8(NOISE), codes)

    def health_of(
        self, rows: Rows, times: Times, severities: Values, found: Findings
    ) -> tuple[Values, Values]:
        """What is known of each sensor's severity f8[n, H], and each component's index f8[n, C].

        ``severities`` f8[n, H] are those of the sensors that spoke; the others keep what they said.
        """
        full, _ = self.severities.assemble(rows, times, severities)
        values = found.values if self._zoned else None
        return full, self.condition.walk(rows, times, full, found.operating, values)

    def _moves(self, full: Values) -> NDArray[np.bool_]:
        """Whether the machine is known to move, bool[n]."""
        if self._moving is None:
            return np.ones(len(full), dtype=np.bool_)
        moves: NDArray[np.bool_] = full[:, self._moving[0]] > self._moving[1]
        return moves

    def rests(self, full: Values) -> Mask:
        """Whether the machine is known to rest, or to work, u1[n]."""
        if self._moving is None:
            return np.full(len(full), UNKNOWN, dtype=np.uint8)
        moving = full[:, self._moving[0]]
        still = np.where(moving > self._moving[1], AT_WORK, RESTS)
        return np.where(np.isnan(moving), UNKNOWN, still).astype(np.uint8)

    def _elsewhere(self, full: Values) -> NDArray[np.bool_]:
        """Whether the machine says of itself that it does what it is not judged by, bool[n]."""
        if self._regime is None:
            return np.zeros(len(full), dtype=np.bool_)
        state, judged = full[:, self._regime[0]], self._regime[1]
        elsewhere: NDArray[np.bool_] = np.isfinite(state) & ~np.isin(state, judged)
        return elsewhere

    def judged(self, columns: Values) -> Values:
        """The health sensors' columns of f8[n, S], in order."""
        return np.take(columns, self.health, axis=1)

    def reserve(self, machines: int) -> None:
        """Make room for so many machines in every stage."""
        for fleet in self._fleets().values():
            fleet.reserve(machines)

    def arrays(self, machines: int) -> dict[str, NDArray[Any]]:
        """Everything remembered of so many machines: ``stage/array`` → array."""
        self.reserve(machines)  # a class that nobody has spoken of yet has no arrays
        return {
            f"{stage}/{name}": array[:machines]
            for stage, fleet in self._fleets().items()
            for name, array in fleet.state.items()
        }

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `arrays` gave in an earlier run; ValueError where it does not fit."""
        for stage, fleet in self._fleets().items():
            prefix = f"{stage}/"
            fleet.restore(
                {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}
            )

    # What an operator asks for. ``sensors`` are columns; none: all of the machine.

    def accept(self, row: int, sensors: Sequence[int] = ()) -> None:
        """What the machine reads from now on is its new normal; how it answers its context stays.

        With a sensor that explains others these are meant too: what it reads is what they are
        expected by. Charts of those that are judged beside one of them begin anew. Where only
        sensors are named that nobody judges, all of the machine is meant.
        """
        meant = self.context.meant(sensors)
        judged = [i for i, sensor in enumerate(self.health) if sensor in meant]
        self.context.accept(row, [self.health[i] for i in judged])
        self.attribution.accept(row, judged)
        self.zero.accept(row, judged)
        tied = self.adjustment.tied(row, judged)
        for detector in self.detectors.values():
            detector.accept(row, tied if detector.reads == "adjusted" else judged)
        if self.inverse is not None:
            self.inverse.accept(row, sensors)
        self._as_new(row, judged)

    def _as_new(self, row: int, judged: Sequence[int]) -> None:
        """Begin the health of the components of these sensors anew; none: of all."""
        if not judged:
            self.severities.forget(row)
        self.severities.state["last"][row, list(judged)] = np.nan
        for number, columns in enumerate(self.condition.columns):
            if not judged or set(columns) & set(judged):
                self.condition.reset(row, number)

    def renew(self, row: int, sensors: Sequence[int] = ()) -> None:
        """The machine is back from maintenance, with parts or instruments that read differently."""
        if sensors:  # named are those that were worked on, instruments among them
            self.quality.accept(row, sensors)
            judged = [i for i, sensor in enumerate(self.health) if sensor in sensors]
            if judged:
                self.flicker.accept(row, judged)
        self.accept(row, sensors)

    def relearn(self, row: int, sensors: Sequence[int] = ()) -> None:
        """Forget what was learnt of a machine: how it answers its context too.

        The context ties its sensors together, so naming some of them forgets no less.
        """
        del sensors
        stages = (
            self.flicker,
            self.zero,
            self.samples,
            self.adjustment,
            self.attribution,
            self.siblings,
            self.gate,
        )
        contexts = [*self.context.fleets().values(), *self._of_inverse().values()]
        for fleet in (*contexts, *stages, *self.detectors.values()):
            fleet.forget(row)
        self._as_new(row, ())

    def ready(self, row: int) -> float:
        """Share of a machine's learning that is done, 0 … 1: the mean of its stages."""
        stages: list[Callable[[int], float]] = [self.context.ready]
        stages += [detector.ready for detector in self.detectors.values()]
        stages += [self.adjustment.ready] if self.adjusts else []
        return sum(ready(row) for ready in stages) / len(stages)

    def _of_inverse(self) -> dict[str, Fleet]:
        return {} if self.inverse is None else self.inverse.fleets()

    def _fleets(self) -> dict[str, Fleet]:
        return {
            "quality": self.quality,
            "flicker": self.flicker,
            "zero": self.zero,
            "instrument": self.instrument,
            "assemble": self.assemble,
            **self.context.fleets(),
            **self._of_inverse(),
            "samples": self.samples,
            "adjustment": self.adjustment,
            "attribution": self.attribution,
            "siblings": self.siblings,
            "severities": self.severities,
            "health": self.condition,
            "gate": self.gate,
            STAGE: self.service,
            **{f"detector.{key}": detector for key, detector in self.detectors.items()},
        }


def _learnable(full: Values, values: Values, codes: Mask) -> Values:
    """A row as it may be learnt: nothing for a doubted value, least of all what came before it.

    One that flickers may: noise has no level of its own, and the context in which it set in would
    else count as known, though nobody knows what the sensor reads there.
    """
    doubted = codes > MISSING
    return np.where(codes == NOISE, values, hidden(full, doubted)) if doubted.any() else full
