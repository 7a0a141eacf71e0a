"""The two bearings of a pump: how warm they are, and how they vibrate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from simulators import vibration
from simulators.drivetrain import Part, Warmth
from simulators.processes import Floats, OrnsteinUhlenbeck
from simulators.pump.hydraulics import NPSH3_LOSS, Work, off_design
from simulators.streams import Streams

BEARING = Warmth((24.0, 36.0), (900.0, 1800.0), 0.7, 1)
"""Over the air around: pumps warm up with a time constant near 15 min, by 25 K or so."""
VIBRATION_SPREAD = (0.03, 0.06)
"""σ_v from machine to machine: a pump at one operating point is steadier than a turbine."""

WEAR_HEAT_K, DRY_HEAT_K, MISALIGNED_HEAT_K = 15.0, 18.0, 6.0
"""By so much a bearing is warmer at rated speed if worn out, dry, or wholly out of line."""
CAVITATION_MM_S = 5.0
"""Broadband, once several times the 3 % of head are lost."""


class End(NamedTuple):
    """One of the two bearings."""

    name: str
    base: tuple[float, float]
    """v0 from machine to machine [mm/s]. At work that stays below 5.1 mm/s, where trade literature
    has zone C of ISO 10816-7 begin for pumps of category II up to 200 kW."""
    misaligned_mm_s: float
    """What misalignment adds twice per turn, most at the coupling."""


ENDS = (End("drive_end", (1.4, 2.0), 7.0), End("non_drive_end", (1.1, 1.7), 5.0))


class Bearing:
    """One end of the pumps: its temperature and its vibration."""

    def __init__(
        self,
        end: End,
        streams: Streams,
        period_s: float,
        machines: int,
        wanted: frozenset[str] | None,
    ) -> None:
        def noise(feature: str) -> OrnsteinUhlenbeck | None:
            if wanted is not None and f"{end.name}_{feature}" not in wanted:
                return None
            stream = streams(f"pump/{end.name}/{feature}")
            return OrnsteinUhlenbeck(stream, period_s, vibration.CORRELATION_S, machines)

        own = streams(f"pump/{end.name}/individuals")
        self._end = end
        self._part = Part(BEARING, period_s, machines, own)
        self._base = own.uniform(*end.base, machines)
        self._spread = own.uniform(*VIBRATION_SPREAD, machines)
        self._kurtosis = own.uniform(vibration.GAUSSIAN_KURTOSIS, 3.3, machines)
        self._crest = own.uniform(3.3, 3.7, machines)
        self._roughness = noise("vibration")
        self._spikiness = noise("kurtosis")
        self._peaks = noise("crest_factor")

    def advance(
        self, air: Floats, work: Work, conditions: Mapping[str, Floats]
    ) -> Mapping[str, Floats]:
        """True values ``[k, machines]`` of this end's sensors, of those that are wanted."""
        name, steps = self._end.name, len(air)
        wear = conditions[f"bearing_wear.{name}"]
        true = {f"{name}_temperature": self._warm(air, work, wear, conditions)}
        if self._roughness is not None:
            noise = self._roughness.advance(steps)
            true[f"{name}_vibration"] = self._shake(work, noise, wear, conditions)
        if self._spikiness is not None:
            spiky = vibration.kurtosis(self._kurtosis, wear, self._spikiness.advance(steps))
            true[f"{name}_kurtosis"] = spiky
        if self._peaks is not None:
            peaks = vibration.crest_factor(self._crest, wear, self._peaks.advance(steps))
            true[f"{name}_crest_factor"] = peaks
        return true

    def _warm(
        self, air: Floats, work: Work, wear: Floats, conditions: Mapping[str, Floats]
    ) -> Floats:
        """[°C]"""
        extra_k = (
            WEAR_HEAT_K * wear
            + DRY_HEAT_K * conditions["lubrication_loss"]
            + MISALIGNED_HEAT_K * conditions["misalignment"]
        )
        return self._part.advance(air, work.speed, work.load, extra_k=extra_k)

    def _shake(
        self, work: Work, noise: Floats, wear: Floats, conditions: Mapping[str, Floats]
    ) -> Floats:
        """[mm/s RMS]; what has nothing to do with one another adds in squares."""
        sound = vibration.vibration_rms(self._base, work.speed, work.load, self._spread, noise)
        turbulent = np.where(work.speed > 0, off_design(work.share), 1.0)
        worn = 1 + vibration.WEAR_GAIN * wear
        renewed = 1 + vibration.RENEWED_GAIN * conditions[f"bearing_renewed.{self._end.name}"]
        dry = 1 + vibration.DRY_GAIN * np.maximum(2 * conditions["lubrication_loss"] - 1, 0)
        aged = 1 + vibration.AGEING_GAIN * conditions["ageing"]
        own = sound * turbulent * (worn * renewed * dry * aged)
        twice = self._end.misaligned_mm_s * conditions["misalignment"] * work.speed**2
        boiling = CAVITATION_MM_S * (1 - np.exp(-work.lost / NPSH3_LOSS))
        return np.sqrt(own**2 + twice**2 + boiling**2)
