"""Short recordings of acceleration at kHz rates, as an accelerometer on a bearing's housing sees.

A healthy bearing is Gaussian noise, coloured by a resonance of the structure, with tones of the
shaft and of gear or vanes. A defect is struck again and again, and each strike makes the structure
ring. After Randall & Antoni, *Rolling element bearing diagnostics - a tutorial*, MSSP 25 (2011),
and McFadden & Smith, *Model for the vibration produced by a single point defect in a rolling
element bearing*, Journal of Sound and Vibration 96 (1984).
"""

from __future__ import annotations

import math

import numpy as np

from simulators.bearing_geometry import BEARINGS, PLACES, Bearing, Place
from simulators.processes import Floats
from simulators.streams import Streams
from simulators.vibration import vibration_rms

RATE_HZ = 25_600.0
DURATION_S = 1.0
SAMPLES_MAX = 10_000_000
SPEED_MAX = 2.0
"""Share of the rated speed up to which the laws are taken to hold."""

SLIP = 0.01
"""Standard deviation of the intervals between strikes, as a share: balls slip by 1 to 2 %."""
SCATTER = 0.2
"""Standard deviation of the logarithm of the strikes' heights: engineering judgement."""
STRIKE_HEIGHT = 18.0
"""Of the strikes at the end of wear, in units of the healthy RMS: engineering judgement."""
FLOOR_GAIN = 4.0
"""What wear adds to the noise in the end, in the same units: five times as loud."""


def record(
    seed: int,
    machine: str,
    time_ns: int,
    machine_class: str,
    part: str,
    *,
    rpm: float,
    load: float = 0.0,
    wear: float = 0.0,
    place: Place = "outer",
    rate_hz: float = RATE_HZ,
    duration_s: float = DURATION_S,
) -> Floats:
    """The recording that a machine of the farm makes of one of its bearings at a time; see `burst`.

    Same arguments, same recording, in any process; whatever else the farm draws is not touched.

    Raises:
        ValueError: there is no such bearing, or as `burst` and `Streams`.

    >>> noon = 1_767_268_800_000_000_000
    >>> sound = record(1, "T03", noon, "turbine", "generator", rpm=12.1, load=1.0)
    >>> worn = record(1, "T03", noon, "turbine", "generator", rpm=12.1, load=1.0, wear=0.3)
    >>> sound.shape, sound.std().round(1), worn.std().round(1)
    ((25600,), np.float64(5.2), np.float64(9.2))
    """
    if (machine_class, part) not in BEARINGS:
        known = ", ".join(" ".join(key) for key in BEARINGS)
        raise ValueError(f"there is no bearing {machine_class} {part}: {known}")
    return burst(
        Streams(seed)(f"waveform/{machine}/{part}/{time_ns}"),
        BEARINGS[machine_class, part],
        rpm=rpm,
        load=load,
        wear=wear,
        place=place,
        rate_hz=rate_hz,
        duration_s=duration_s,
    )


def burst(
    chance: np.random.Generator,
    bearing: Bearing,
    *,
    rpm: float,
    load: float = 0.0,
    wear: float = 0.0,
    place: Place = "outer",
    rate_hz: float = RATE_HZ,
    duration_s: float = DURATION_S,
) -> Floats:
    """Acceleration [m/s²] at a bearing, ``[rate_hz · duration_s]``: noise, tones and strikes.

    Wear makes strikes (kurtosis and crest factor rise), later noise in which they drown (both fall
    while the RMS goes on growing). Without wear the bytes are the same for any place. A bearing
    that turns slowly needs a long recording: the turbine's main bearing is struck two or three
    times a second, and late wear of its inner race drowns even in eight minutes of sound.

    Args:
        chance: where all chance comes from; drawn from anew for each burst.
        rpm: speed that the machine reports (of a turbine: the rotor's), 0 … 2 × rated.
        load: share of the rated power, 0 … about 1.
        wear: severity, 0 sound … 1 spent.
        place: of the damage.

    Raises:
        ValueError: in one sentence, which argument cannot be and why.
    """
    _check(bearing, rpm=rpm, load=load, wear=wear, place=place)
    samples = sample_count(bearing, rate_hz, duration_s)
    speed = rpm / bearing.rated_rpm
    shaft_hz = bearing.shaft_hz(rpm)
    # Velocity and acceleration grow alike with speed and load, so one law serves both.
    rms = float(vibration_rms(*map(np.asarray, (bearing.rms, speed, load, 0.0, 0.0))))

    # A standing shaft has no tones.
    shares = [(order, share * min(speed, 1)) for order, share in bearing.tones]
    gaussian = math.sqrt(1 - sum(share**2 for _, share in shares))
    noise = broadband(chance, samples, rate_hz, bearing.resonance_hz, bearing.damping)
    healthy = shaft_tones(chance, samples, rate_hz, shaft_hz, shares) + gaussian * noise
    train = strikes(
        chance,
        samples,
        rate_hz,
        defect_hz=bearing.geometry.defect_hz(place, shaft_hz),
        travel_hz=bearing.geometry.travel_hz(place, shaft_hz),
    )
    rung = ring(train, rate_hz, bearing.resonance_hz, bearing.damping)
    return rms * (healthy + (noise_floor(wear) - 1) * noise + strike_height(wear) * rung)


def strike_height(wear: float) -> float:
    """Height of the strikes in units of the healthy RMS: ``18·√w``, steep while damage is small.

    >>> strike_height(0.25)
    9.0
    """
    return STRIKE_HEIGHT * math.sqrt(wear)


def noise_floor(wear: float) -> float:
    """Noise in units of the healthy RMS: ``1 + 4·w²``, steep when the whole race is rough.

    Strikes that come thick and at random add up to Gaussian noise (Campbell's theorem), so those of
    a spread damage are drawn as such.

    >>> noise_floor(0.5), noise_floor(1.0)
    (2.0, 5.0)
    """
    return 1 + FLOOR_GAIN * wear**2


def broadband(
    chance: np.random.Generator, samples: int, rate_hz: float, resonance_hz: float, damping: float
) -> Floats:
    """Gaussian noise of mean 0 and variance 1: white, and white through a resonance, alike strong.

    Its spectrum is ``1 + |A|²`` with the accelerance ``A = r²/(1 − r² + 2iζr)``, ``r = f/f0``.
    """
    r = np.fft.rfftfreq(samples, 1 / rate_hz) / resonance_hz
    gain = np.sqrt(1 + np.abs(r**2 / (1 - r**2 + 2j * damping * r)) ** 2)
    coloured = np.fft.irfft(gain * np.fft.rfft(chance.standard_normal(samples)), samples)
    # All lines but the first and, of an even number of samples, the last stand for two.
    power = 2 * np.sum(gain**2) - gain[0] ** 2 - (gain[-1] ** 2 if samples % 2 == 0 else 0)
    return coloured / math.sqrt(power / samples)


def shaft_tones(
    chance: np.random.Generator,
    samples: int,
    rate_hz: float,
    shaft_hz: float,
    tones: list[tuple[float, float]],
) -> Floats:
    """Sum of ``√2·share·cos(2π·order·f_r·t + φ)``, the phases φ by chance; ``[samples]``."""
    turns = np.arange(samples) * (shaft_hz / rate_hz)
    phases = chance.uniform(0, 2 * np.pi, len(tones))
    total = np.zeros(samples)
    for (order, share), phase in zip(tones, phases, strict=True):
        total += math.sqrt(2) * share * np.cos(2 * np.pi * order * turns + phase)
    return total


def strikes(
    chance: np.random.Generator,
    samples: int,
    rate_hz: float,
    *,
    defect_hz: float,
    travel_hz: float,
) -> Floats:
    """Heights of the blows a defect gets, about 1 each, at the samples they fall on; else 0.

    The intervals scatter by `SLIP` and their errors add up, for the balls have no memory of where
    they ought to be. A defect that travels is struck hard only in the load zone.
    """
    at_s = strike_times(chance, samples / rate_hz, defect_hz)
    heights = np.exp(SCATTER * chance.standard_normal(len(at_s)))
    start = chance.uniform()
    if travel_hz > 0:
        heights *= load_zone(2 * np.pi * (start + travel_hz * at_s))
    train = np.zeros(samples)
    # Rounding may put the last one just behind the end.
    np.add.at(train, np.minimum((at_s * rate_hz).astype(np.intp), samples - 1), heights)
    return train


def strike_times(chance: np.random.Generator, duration_s: float, defect_hz: float) -> Floats:
    """Seconds of the strikes within a recording, ascending; none while the shaft stands."""
    expected = duration_s * defect_hz
    # A tenth more than expected and a few: the walk has then passed the end for certain.
    intervals = 1 + SLIP * chance.standard_normal(math.ceil(1.1 * expected) + 10)
    intervals[0] *= chance.uniform()
    walk = np.cumsum(intervals)
    return walk[walk < expected] / defect_hz


def load_zone(angle: Floats) -> Floats:
    """Load on a ball at an angle ψ [rad] from the load's direction: ``((1 + cos ψ)/2)^1.5``.

    Stribeck's distribution with the load parameter ε = 1: the bearing is preloaded so that the ball
    farthest from the load is just free.

    >>> load_zone(np.array([0, np.pi / 2, np.pi])).round(2).tolist()
    [1.0, 0.35, 0.0]
    """
    return ((1 + np.cos(angle)) / 2) ** 1.5


def ring(train: Floats, rate_hz: float, resonance_hz: float, damping: float) -> Floats:
    """A train of blows through the structure: ``e^(−ζω0·t)·sin(ω0·√(1−ζ²)·t)`` after each.

    What rings beyond the end rings at the beginning, as of blows before the recording.
    """
    omega_t = 2 * np.pi * resonance_hz / rate_hz * np.arange(len(train))
    response = np.exp(-damping * omega_t) * np.sin(math.sqrt(1 - damping**2) * omega_t)
    return np.fft.irfft(np.fft.rfft(train) * np.fft.rfft(response), len(train))


def _check(bearing: Bearing, *, rpm: float, load: float, wear: float, place: Place) -> None:
    """Is there such a state of the bearing?"""
    fastest = SPEED_MAX * bearing.rated_rpm
    if not 0 <= rpm <= fastest:
        raise ValueError(f"speed is {rpm:g} rpm, it must be within 0 … {fastest:g}")
    if not 0 <= load <= SPEED_MAX:
        raise ValueError(f"load is {load:g}, it must be within 0 … {SPEED_MAX:g} of the rated one")
    if not 0 <= wear <= 1:
        raise ValueError(f"wear is {wear:g}, it must be within 0 … 1")
    if place not in PLACES:
        raise ValueError(f"a bearing has no place {place!r}: {list(PLACES)}")


def sample_count(bearing: Bearing, rate_hz: float, duration_s: float) -> int:
    """How many samples a recording of a bearing has.

    Raises:
        ValueError: it cannot be made.
    """
    if not 2 * bearing.resonance_hz <= rate_hz < math.inf:
        raise ValueError(
            f"sampling rate is {rate_hz:g} Hz, it must be at least twice the resonance of"
            f" {bearing.resonance_hz:g} Hz"
        )
    if not 0.5 < duration_s * rate_hz <= SAMPLES_MAX:
        raise ValueError(
            f"duration is {duration_s:g} s, at {rate_hz:g} Hz it must give"
            f" 1 … {SAMPLES_MAX} samples"
        )
    return round(duration_s * rate_hz)
