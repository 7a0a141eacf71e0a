"""What a recording of vibration says, in a few numbers that the detectors can follow.

A recording x of N samples, N / rate_hz seconds long, is compared with its own mean x̄::

    rms          = √(1/N Σ (x - x̄)²)              how strong
    peak         = max |x - x̄|                    how hard the hardest blow
    crest_factor = peak / rms                      √2 of a sine, about 4 of noise
    kurtosis     = (1/N Σ (x - x̄)⁴) / rms⁴        1.5 of a sine, 3 of Gaussian noise (not 0)

Crest factor and kurtosis rise with the first blows of a damaged bearing and fall again when the
blows become many, while the RMS goes on rising: they belong together. A band's RMS comes from the
spectrum X of x under a Hann window; a velocity, which ISO 20816 judges machines by, from X/(2πif).

Long before a damaged bearing is loud, it is regular. Each ball that meets the damage makes the
structure ring at some kHz, and how often that happens follows from the bearing's dimensions, in
*orders*, that is times per turn of the shaft. With n balls of diameter d on a circle of diameter D,
and γ = d/D cos(contact angle)::

    outer race  bpfo = n/2 (1 - γ)          cage  ftf = 1/2 (1 - γ)
    inner race  bpfi = n/2 (1 + γ)          ball  bsf = D/(2d) (1 - γ²)

So the spectrum is whitened (each line divided by the mean of its surroundings, lines of shaft and
gear cut down to a few times that), the squared envelope taken and its own spectrum looked at::

    e = |analytic signal of the whitened x|²        line(f) = 2 |E(f)| / E(0)

``line`` is how deeply the loudness swings at f: 0 not at all, 1 between nothing and double. Balls
slip by 1 to 2 %, so the largest line within 2 % of each frequency is taken; a ball meets both races
and is looked for at twice its own frequency. It needs the speed, steady while it is recorded; of a
healthy bearing it is small but not 0, about 3/√(N/2), and it must be compared with its own past.

Randall, R. B. & Antoni, J. (2011), Rolling element bearing diagnostics - a tutorial, Mechanical
Systems and Signal Processing 25. Whitening: Borghesani, P. et al. (2013), Application of cepstrum
pre-whitening for the diagnosis of bearing faults under variable speed conditions, ibid. 36.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
Lines = NDArray[np.float64]
Spectrum = NDArray[np.complex128]

SLIP = 0.02
"""How far a bearing's true frequencies may be from those of rolling without slip, as a share."""
WHITENING_HZ = 200.0
"""Width of the surroundings that a line is compared with: wide beside a tone, narrow beside the
resonances of a structure."""
TONE = 3.0
"""A line that stands out further is a tone of shaft or gear: noise does so once in 8000 lines."""
CYCLES_MIN = 4
"""A recording must last so many periods before a line can be told from the mean."""
SAMPLES_MIN = 16
ROUNDING = 1e-12
"""A swing smaller than this share of the mean is that of the arithmetic."""
LINES = ("bpfo", "bpfi", "bsf", "ftf")
"""What `features` calls the envelope's lines of outer race, inner race, ball and cage."""


@dataclass(frozen=True)
class Bearing:
    """A rolling bearing's dimensions, its inner ring turning.

    Parameters
    ----------
    balls
        n, number of balls or rollers of one row.
    ball_mm, pitch_mm
        d and D, diameters of a ball and of the circle of their centres. [mm]
    contact_deg
        Contact angle. [°]

    Raises
    ------
    ValueError
        No bearing has such dimensions.

    Examples
    --------
    The bearing 6205 of the Case Western Reserve University's test rig:

    >>> orders = Bearing(balls=9, ball_mm=7.94, pitch_mm=39.04).orders()
    >>> {name: round(order, 3) for name, order in orders.items()}
    {'bpfo': 3.585, 'bpfi': 5.415, 'bsf': 2.357, 'ftf': 0.398}
    """

    balls: int
    ball_mm: float
    pitch_mm: float
    contact_deg: float = 0.0

    def __post_init__(self) -> None:
        if self.balls < 1:
            raise ValueError(f"balls is {self.balls}, at least 1 is needed")
        if not 0 <= self.contact_deg < 90:
            raise ValueError(f"contact_deg is {self.contact_deg:g}, 0 up to below 90 is allowed")
        if not 0 < self.ball_mm < self.pitch_mm < math.inf:
            raise ValueError(
                f"ball_mm is {self.ball_mm:g} and pitch_mm {self.pitch_mm:g}, a ball is smaller "
                "than the circle it runs on"
            )

    def orders(self) -> dict[str, float]:
        """How often parts meet per turn of the shaft, without slip, by the names of `LINES`."""
        ratio = self.ball_mm / self.pitch_mm * math.cos(math.radians(self.contact_deg))
        return {
            "bpfo": self.balls / 2 * (1 - ratio),
            "bpfi": self.balls / 2 * (1 + ratio),
            "bsf": self.pitch_mm / (2 * self.ball_mm) * (1 - ratio**2),
            "ftf": (1 - ratio) / 2,
        }


class Band(NamedTuple):
    """A part of the spectrum: its RMS in the unit of the samples, or as velocity.

    A velocity is in mm/s where the samples are in m/s².
    """

    low_hz: float
    high_hz: float
    velocity: bool = False


BANDS: Mapping[str, Band] = {"velocity_rms": Band(10.0, 1000.0, velocity=True)}
"""The band of ISO 20816 for machines that turn faster than 600 times a minute."""


def features(
    waveform: Samples,
    rate_hz: float,
    *,
    speed_hz: float = math.nan,
    bearing: Bearing | None = None,
    bands: Mapping[str, Band] = BANDS,
) -> dict[str, float]:
    """All features of one recording by name; pure. NaN: this recording cannot say.

    Parameters
    ----------
    waveform
        Samples f8[N], finite, acceleration in m/s² where velocities are wanted.
    rate_hz
        Samples per second. [Hz]
    speed_hz
        Turns per second of the bearing's shaft; NaN: unknown, then no line of it is. [Hz]
    bearing
        Its dimensions; ``None``: no lines are looked for.
    bands
        Name → part of the spectrum whose RMS is wanted.

    Raises
    ------
    ValueError
        Fewer than 16 samples, samples that are not finite, or no sampling rate.

    Examples
    --------
    >>> t = np.arange(20_000) / 20_000
    >>> sine = features(10 * np.sin(2 * np.pi * 100 * t), 20_000)
    >>> {name: round(value, 2) for name, value in sine.items()}
    {'rms': 7.07, 'peak': 10.0, 'crest_factor': 1.41, 'kurtosis': 1.5, 'velocity_rms': 11.25}
    """
    x = np.asarray(waveform, dtype=np.float64)
    if x.ndim != 1 or len(x) < SAMPLES_MIN:
        raise ValueError(f"waveform is {list(x.shape)}, [{SAMPLES_MIN}] or more is needed")
    if not 0 < rate_hz < math.inf:
        raise ValueError(f"rate_hz is {rate_hz}, more than 0 is needed")
    mean = x.mean()
    peak = float(np.abs(x - mean).max())
    if not math.isfinite(peak):
        raise ValueError("waveform holds values that are not finite")
    if peak <= ROUNDING * abs(mean):
        return _silence(bands, bearing)
    # In units of the peak, no power of it can overflow or vanish.
    x = (x - mean) / peak
    found = _shape(x, peak)
    if not bands and bearing is None:
        return found
    import scipy.fft

    spectrum = scipy.fft.rfft(x)
    for name, band in bands.items():
        found[name] = peak * _band_rms(spectrum, len(x), rate_hz, band)
    if bearing is not None:
        found |= _bearing_lines(spectrum, len(x), rate_hz, speed_hz, bearing)
    return found


def _silence(bands: Mapping[str, Band], bearing: Bearing | None) -> dict[str, float]:
    """A signal that does not move: no strength, and no shape that could be told."""
    found = {"rms": 0.0, "peak": 0.0, "crest_factor": math.nan, "kurtosis": math.nan}
    found |= dict.fromkeys(bands, 0.0)
    return found | dict.fromkeys(LINES if bearing is not None else (), math.nan)


def _shape(x: Samples, peak: float) -> dict[str, float]:
    """Features of the samples themselves, x̄ taken away and in units of the peak."""
    square = x**2
    mean = float(square.mean())
    return {
        "rms": peak * math.sqrt(mean),
        "peak": peak,
        "crest_factor": 1 / math.sqrt(mean),
        "kurtosis": float((square**2).mean()) / mean**2,
    }


def _band_rms(spectrum: Spectrum, n: int, rate_hz: float, band: Band) -> float:
    """RMS of a band, by Parseval's theorem; NaN where the recording does not reach it."""
    hz = np.arange(len(spectrum)) * (rate_hz / n)
    inside = (hz >= band.low_hz) & (hz <= band.high_hz) & (hz > 0)
    if not inside.any() or band.high_hz > rate_hz / 2:
        return math.nan
    # A Hann window in the time is this in the spectrum; without it, what leaks to low frequencies
    # would be blown up there by the integration.
    padded = np.concatenate([spectrum[1:2].conj(), spectrum, [0]])
    windowed = (spectrum - (padded[:-2] + padded[2:]) / 2)[inside] / 2
    if band.velocity:
        windowed = windowed / (2 * np.pi * hz[inside]) * 1000
    power = 2 * np.sum(np.abs(windowed) ** 2) / n**2
    return float(np.sqrt(power / 0.375))  # the mean square of the window


def _bearing_lines(
    spectrum: Spectrum, n: int, rate_hz: float, speed_hz: float, bearing: Bearing
) -> dict[str, float]:
    if not speed_hz > 0:
        return dict.fromkeys(LINES, math.nan)
    lines = envelope_lines(spectrum, n, rate_hz)
    orders = bearing.orders()
    orders["bsf"] *= 2
    per_turn = rate_hz / n / speed_hz
    return {name: _largest_near(lines, order, per_turn) for name, order in orders.items()}


def envelope_lines(spectrum: Spectrum, n: int, rate_hz: float) -> Lines:
    """How deeply the squared envelope of a whitened recording swings, at k · rate_hz / n each.

    Parameters
    ----------
    spectrum
        c16[n//2 + 1], as `scipy.fft.rfft` gives it.
    n
        Number of samples that it came from.
    rate_hz
        Samples per second. [Hz]
    """
    import scipy.fft

    analytic = np.zeros(n, dtype=np.complex128)
    analytic[: len(spectrum)] = _whitened(spectrum, round(WHITENING_HZ * n / rate_hz))
    envelope = np.abs(scipy.fft.ifft(analytic)) ** 2
    # A Hann window: a line between two others loses 15 %, not 36.
    window = 1 - np.cos(2 * np.pi * np.arange(n) / n)
    mean = envelope.mean()
    lines: Lines = 2 * np.abs(scipy.fft.rfft((envelope / mean - 1) * window)) / n
    return lines


def _whitened(spectrum: Spectrum, width: int) -> Spectrum:
    """Divide each line by the RMS of the ``width`` around it, and cut tones down to `TONE`."""
    power = np.abs(spectrum) ** 2
    half = min(max(width // 2, 1), len(power))
    sums = np.concatenate([[0.0], np.cumsum(power)])
    at = np.arange(len(power))
    first, last = np.maximum(at - half, 0), np.minimum(at + half + 1, len(power))
    # Sums of large and small powers may leave nothing of the small; such a line is silence.
    around = np.maximum((sums[last] - sums[first]) / (last - first), 1e-12 * power.max())
    white: Spectrum = spectrum / np.sqrt(np.maximum(around, power / TONE**2))
    return white


def _largest_near(lines: Lines, order: float, per_turn: float) -> float:
    """The largest line within `SLIP` of an order, or the nearest; lines are ``per_turn`` apart."""
    low, high = order * (1 - SLIP) / per_turn, order * (1 + SLIP) / per_turn
    if low < CYCLES_MIN or high > (len(lines) - 1) / 2:
        return math.nan
    first, last = math.ceil(low), math.floor(high)
    if first > last:
        first = last = round(order / per_turn)
    return float(lines[first : last + 1].max())
