"""Rolling bearings: how often their parts meet, from their dimensions, and those of our machines.

Rolling without slip, inner ring turning, outer ring at rest. Real bearings slip by 1 to 2 %.
Source: Randall & Antoni, *Rolling element bearing diagnostics - a tutorial*, Mechanical Systems and
Signal Processing 25 (2011).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

Place = Literal["outer", "inner", "ball", "cage"]
"""Where a bearing can be damaged; a ball is a roller where there are rollers."""
PLACES: tuple[Place, ...] = get_args(Place)


@dataclass(frozen=True)
class BearingGeometry:
    """Dimensions of a bearing; all frequencies in Hz, at a shaft frequency f_r in Hz.

    Args:
        balls: n, number of balls or rollers (of one row).
        ball_mm: d, their diameter.
        pitch_mm: D, diameter of the circle on which their centres run.
        contact_deg: φ, contact angle, between the line of load and the radial plane.

    Raises:
        ValueError: no such bearing can be built.

    The bearing 6205-2RS of the Case Western Reserve University's data set, at 1 Hz:

    >>> bearing = BearingGeometry(balls=9, ball_mm=25.4 * 0.3126, pitch_mm=25.4 * 1.537)
    >>> [round(bearing.defect_hz(place, 1.0), 3) for place in PLACES]
    [3.585, 5.415, 4.713, 0.398]
    """

    balls: int
    ball_mm: float
    pitch_mm: float
    contact_deg: float = 0.0

    def __post_init__(self) -> None:
        if self.balls < 1:
            raise ValueError(f"a bearing has at least 1 ball, not {self.balls}")
        if not 0 <= self.contact_deg < 90:
            raise ValueError(f"contact angle is {self.contact_deg:g}°, it must be within 0 … 90")
        room_mm = math.pi * self.pitch_mm / self.balls
        if not 0 < self.ball_mm < min(room_mm, self.pitch_mm):
            raise ValueError(
                f"{self.balls} balls of {self.ball_mm:g} mm do not fit a pitch of"
                f" {self.pitch_mm:g} mm"
            )

    @property
    def ratio(self) -> float:
        """``γ = d/D·cos φ``, 0 … 1: what all the frequencies below hang on."""
        return self.ball_mm / self.pitch_mm * math.cos(math.radians(self.contact_deg))

    def ftf(self, shaft_hz: float) -> float:
        """Fundamental train frequency, of the cage: ``f_r/2·(1 − γ)``."""
        return shaft_hz / 2 * (1 - self.ratio)

    def bpfo(self, shaft_hz: float) -> float:
        """Ball pass frequency, outer race: ``n·f_r/2·(1 − γ)``."""
        return self.balls * shaft_hz / 2 * (1 - self.ratio)

    def bpfi(self, shaft_hz: float) -> float:
        """Ball pass frequency, inner race: ``n·f_r/2·(1 + γ)``."""
        return self.balls * shaft_hz / 2 * (1 + self.ratio)

    def bsf(self, shaft_hz: float) -> float:
        """Ball spin frequency, a ball's turns about itself: ``D·f_r/(2·d)·(1 − γ²)``."""
        return self.pitch_mm / self.ball_mm * shaft_hz / 2 * (1 - self.ratio**2)

    def defect_hz(self, place: Place, shaft_hz: float) -> float:
        """How often a defect is struck; one of a ball twice a turn, by the outer and inner race.

        Raises:
            ValueError: a bearing has no such place.
        """
        match place:
            case "outer":
                return self.bpfo(shaft_hz)
            case "inner":
                return self.bpfi(shaft_hz)
            case "ball":
                return 2 * self.bsf(shaft_hz)
            case "cage":
                return self.ftf(shaft_hz)
        raise ValueError(f"a bearing has no place {place!r}: {list(PLACES)}")

    def travel_hz(self, place: Place, shaft_hz: float) -> float:
        """How often a defect passes through the load zone; 0 where it does not travel."""
        match place:
            case "inner":
                return shaft_hz
            case "ball":
                return self.ftf(shaft_hz)
        return 0.0


@dataclass(frozen=True)
class Bearing:
    """A bearing where it is built in.

    Args:
        geometry: its kinematics.
        rated_rpm: speed that the machine reports at full load …
        shaft_ratio: … and how many turns the bearing's own shaft makes for one of those.
        rms: acceleration [m/s²] at rated speed without load, when healthy.
        resonance_hz: of the structure between bearing and sensor.
        damping: ζ of that resonance, 0 … 1.
        tones: (order of the shaft's frequency, RMS as a share of all the acceleration).

    Raises:
        ValueError: no structure is like that.
    """

    geometry: BearingGeometry
    rated_rpm: float
    shaft_ratio: float
    rms: float
    resonance_hz: float
    damping: float
    tones: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not (self.rated_rpm > 0 and self.shaft_ratio > 0 and self.resonance_hz > 0):
            raise ValueError("rated speed, shaft ratio and resonance must be more than 0")
        if not 0 < self.damping < 1:
            raise ValueError(f"damping is {self.damping:g}, it must be between 0 and 1")
        if not sum(share**2 for _, share in self.tones) < 1:
            raise ValueError("the tones' shares must leave something to the noise")

    def shaft_hz(self, rpm: float) -> float:
        """Frequency f_r [Hz] of the bearing's shaft when the machine reports ``rpm``."""
        return rpm / 60 * self.shaft_ratio


BEARINGS: dict[tuple[str, str], Bearing] = {
    # Bores, outer diameters and the 24 teeth of the last pinion are those of the 5 MW reference
    # gearbox (Nejad, Guo, Gao & Moan, Wind Energy 19, 2016): spherical rollers 750/1220 mm, tapered
    # rollers 410/550 mm. The pitch lies half-way; rollers, levels and resonances are engineering
    # judgement. Large castings ring low and long.
    ("turbine", "main"): Bearing(
        BearingGeometry(balls=26, ball_mm=105, pitch_mm=985, contact_deg=10),
        rated_rpm=12.1,
        shaft_ratio=1,
        rms=0.3,
        resonance_hz=1500,
        damping=0.03,
        tones=((1, 0.02), (2, 0.02)),
    ),
    ("turbine", "gearbox"): Bearing(
        BearingGeometry(balls=36, ball_mm=34, pitch_mm=480, contact_deg=15),
        rated_rpm=12.1,
        shaft_ratio=97,
        rms=3.0,
        resonance_hz=5500,
        damping=0.08,
        tones=((1, 0.1), (2, 0.05), (24, 0.2), (48, 0.1)),
    ),
    # A deep groove ball bearing 6330 (150/320 mm), usual in generators of this size.
    ("turbine", "generator"): Bearing(
        BearingGeometry(balls=8, ball_mm=54, pitch_mm=235),
        rated_rpm=12.1,
        shaft_ratio=97,
        rms=4.0,
        resonance_hz=4000,
        damping=0.05,
        tones=((1, 0.15), (2, 0.08)),
    ),
    # A process pump with six vanes: 7312 (angular contact) at the coupling, 6312 at the other end;
    # both 60/130 mm.
    ("pump", "drive_end"): Bearing(
        BearingGeometry(balls=12, ball_mm=22.2, pitch_mm=95, contact_deg=40),
        rated_rpm=1480,
        shaft_ratio=1,
        rms=1.5,
        resonance_hz=4500,
        damping=0.05,
        tones=((1, 0.15), (2, 0.08), (6, 0.2)),
    ),
    ("pump", "non_drive_end"): Bearing(
        BearingGeometry(balls=8, ball_mm=22.2, pitch_mm=95),
        rated_rpm=1480,
        shaft_ratio=1,
        rms=1.5,
        resonance_hz=3500,
        damping=0.05,
        tones=((1, 0.15), (2, 0.08), (6, 0.2)),
    ),
}
"""By machine class and part of the machine: the parts that bearing wear can befall."""
