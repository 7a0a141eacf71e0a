"""What a machine class lives on, and the sensors that show how much of it was felt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detectors.base import Fleet, Rows, Times, Values
from detectors.context import LEAST_FAMILIAR, Adaptation
from detectors.yield_chart import InverseRegression
from streamer.adaptation import Adapted
from streamer.config.classes import MachineClass

SURE = 0.5
"""A third of the features makes half the leverage as far out; and a percent is soon mistaken."""


class Inverse:
    """The inverse regression of a class, from all of its sensors' columns.

    Attributes
    ----------
    speaks_of
        Which of the judged sensors shows that too little is made of what is given.
    """

    def __init__(
        self, config: MachineClass, given: str, shown_by: Sequence[str], scale_s: float
    ) -> None:
        names, settings = list(config.sensors), config.context
        self.speaks_of = list(config.health).index(shown_by[0])
        self._given = names.index(given)
        self._shown = [names.index(name) for name in shown_by]
        self._regression = InverseRegression(
            len(shown_by),
            least=[config.sensors[name].resolution for name in shown_by],
            floor=config.sensors[given].resolution,
            knots=settings.knots,
            warm_s=settings.warm_s,
            moment_s=settings.moment_s,
            learn_s=settings.learn_s,
            familiar=max(settings.familiar * SURE, LEAST_FAMILIAR),
            renew_s=settings.renew_s,
            scale_s=scale_s,
            quarantine_s=settings.quarantine_s,
            adapt_day=settings.adapt_day,
            adapt_total=settings.adapt_total,
        )
        self._told = Adapted([], [], settings.adapt_day, settings.adapt_total, given)

    @classmethod
    def of(cls, config: MachineClass) -> Self | None:
        """That of a class, None where nothing reads it or no sensor is shown by others."""
        charts = [one for one in config.detectors.values() if one.detector.reads == "yields"]
        for name, sensor in config.sensors.items():
            if charts and sensor.shown_by:
                return cls(config, name, sensor.shown_by, charts[0].parameters["scale_s"])
        return None

    def walk(
        self, rows: Rows, times: Times, shown: Values, full: Values, works: NDArray[np.bool_]
    ) -> tuple[Values, Sequence[Adaptation]]:
        """How much more was given than the machine shows to have felt, and what was learnt of it.

        The first is f8[n], NaN at rest. ``shown`` and ``full`` f8[n, S] are believed values, as
        reported and filled in.
        """
        given = np.where(works, shown[:, self._given], np.nan)
        # At rest blades stand elsewhere: that belongs neither to what is usual nor to its span.
        felt = np.where(works[:, np.newaxis], full[:, self._shown], np.nan)
        return self._regression.explain(rows, times, given, felt, works.astype(np.uint8))

    def told(self, news: Sequence[Adaptation]) -> Adapted:
        """What was learnt, in words."""
        return self._told._replace(news=news, where=[""] * len(news))

    def accept(self, row: int, sensors: Sequence[int]) -> None:
        """Let what is given have a new level where these columns are, or show, it; none: all."""
        if not sensors or {self._given, *self._shown} & set(sensors):
            self._regression.accept(row)

    def fleets(self) -> dict[str, Fleet]:
        """Its stages, for the snapshot."""
        return {f"inverse.{name}": fleet for name, fleet in self._regression.fleets().items()}
