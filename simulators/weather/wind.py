"""Wind: a slow mean with a Weibull distribution, and turbulence around it that the rotor smooths.

Symbols: U mean wind [m/s], u instantaneous deviation from it, r the deviation that the rotor feels,
both in units of the standard deviation σ_u [m/s].
"""

from __future__ import annotations

import math

import numpy as np

from simulators.processes import Floats, NoiseAndLag

LENGTH_SCALE_M = 340.2
"""Kaimal integral length L_u = 8.1·Λ1 with Λ1 = 42 m, hub at 60 m or above (IEC 61400-1 ed. 3)."""

REFERENCE_INTENSITY = {"A": 0.16, "B": 0.14, "C": 0.12}
"""Expected turbulence intensity at 15 m/s by turbulence class (IEC 61400-1 ed. 3, table 1)."""

EXPECTED_M_S, SPREAD_M_S = 3.8, 1.4
"""Of the normal turbulence model, in units of I_ref (IEC 61400-1 ed. 3, 6.3.1.3)."""

CALMEST_M_S, FASTEST_M_S = 0.5, 50.0
"""Outside these mean winds the eddies pass no slower or faster."""


def weibull_wind(gauss: Floats, shape: float, scale: float) -> Floats:
    """Mean wind [m/s] whose distribution is Weibull, from a standard Gaussian process.

    ``U = A·(−ln(1−Φ(y)))^(1/k)``: the Gaussian's quantile is read off the Weibull distribution, so
    the process keeps its order and its memory (a Gaussian copula).

    Args:
        gauss: ``[k]``, y, standard normal at any time.
        shape: k of the Weibull distribution, about 2 in temperate climates.
        scale: A of the Weibull distribution [m/s]; the mean is A·Γ(1+1/k).

    >>> weibull_wind(np.array([0.0]), shape=2.0, scale=9.0).round(2)  # the median, A·(ln 2)^(1/k)
    array([7.49])
    """
    exceedance = np.array([math.erfc(y / math.sqrt(2)) / 2 for y in gauss])
    wind: Floats = scale * (-np.log(exceedance)) ** (1 / shape)
    return wind


def turbulence_sigma(mean_wind: Floats, intensity: float) -> Floats:
    """Standard deviation of turbulence in the mean, ``σ_u = I_ref·(0.75·U + 3.8)`` [m/s].

    What the normal turbulence model expects; at 15 m/s it is I_ref·U (IEC 61400-1 ed. 3, 6.3.1.3).

    >>> turbulence_sigma(np.array([15.0]), REFERENCE_INTENSITY["A"]).round(3)
    array([2.408])
    """
    return intensity * (0.75 * mean_wind + EXPECTED_M_S)


def turbulence_sigma_90(mean_wind: Floats, intensity: float) -> Floats:
    """The σ_u that nine of ten stay below, ``I_ref·(0.75·U + 5.6)`` [m/s] (eq. 11).

    Turbines are designed for it; here it is a check on what `roughness` makes of the mean.

    >>> turbulence_sigma_90(np.array([15.0]), REFERENCE_INTENSITY["A"]).round(3)
    array([2.696])
    """
    return intensity * (0.75 * mean_wind + 5.6)


def roughness(gauss: Floats, mean_wind: Floats) -> Floats:
    """Turbulence compared with what is expected: lognormal, its mean 1, never negative.

    Its standard deviation is that of σ_u, ``1.4·I_ref`` m/s, over the mean of σ_u (IEC 61400-1
    ed. 3, 6.3.1.3, which assumes the lognormal distribution too).

    Args:
        gauss: standard normal at any time.
        mean_wind: U [m/s].

    >>> roughness(np.array([-1.0, 0.0, 1.0]), np.array([8.0, 8.0, 8.0])).round(2)
    array([0.86, 0.99, 1.14])
    """
    variance = np.log1p((SPREAD_M_S / (0.75 * mean_wind + EXPECTED_M_S)) ** 2)
    rough: Floats = np.exp(np.sqrt(variance) * gauss - variance / 2)
    return rough


def turbulence_time_s(mean_wind: Floats) -> Floats:
    """Integral time scale of turbulence, ``T = L_u/U`` [s].

    The Kaimal spectrum ``f·S/σ² = (4fL/U)/(1+6fL/U)^(5/3)`` has ``S(0) = 4Lσ²/U``; a first-order
    process has ``S(0) = 4Tσ²``. With T = L/U both have the same energy in the slow eddies.

    >>> turbulence_time_s(np.array([10.0])).round(1)
    array([34.])
    """
    return LENGTH_SCALE_M / np.clip(mean_wind, CALMEST_M_S, FASTEST_M_S)


DISC_M = 157.0
"""Path of wind over which a disc of 126 m averages. Two of its points are s = 57 m apart on
average, and their coherence falls as ``exp(−12·f·s/U)`` (IEC 61400-1 ed. 3, annex B): by half at
``f = ln 2·U/(12·s)``, where a lag of ``1/(2π·f) = 157 m/U`` lets half the variance through."""
INERTIA_M = 65.0
"""The rotor's speed lags by ``J/(3·K·ω)`` where the torque is ``K·ω²``: 65 m/U for the NREL 5 MW
(J = 4.4·10⁷ kg m², 0.74 MW at 7.3 rpm in 6 m/s), 8 s at 8 m/s."""
COHERENT = 0.79
"""Share of the slowest eddies' variance that those points have in common,
``exp(−12·0.12·s/L_u)``."""


def rotor_lag_s(mean_wind: Floats) -> Floats:
    """By how much [s] the rotor lags the turbulence that sweeps it, ``(157 + 65 m)/U``.

    >>> rotor_lag_s(np.array([6.0, 10.0])).round(1)
    array([37. , 22.2])
    """
    return (DISC_M + INERTIA_M) / LENGTH_SCALE_M * turbulence_time_s(mean_wind)


class Turbulence:
    """Deviation from the mean wind, at a point (u) and averaged by the rotor (r), per machine.

    u is a first-order process of the time scale T = L_u/U. The rotor's disc averages over eddies,
    and its speed, which its power goes with, follows by inertia: a first-order lag stands for both
    (see `rotor_lag_s` and `NoiseAndLag`), and what even slow eddies differ over the disc is lost.

    Args:
        stream: where the shocks come from; nobody else may draw from it.
    """

    def __init__(self, stream: np.random.Generator, period_s: float, machines: int) -> None:
        self._noise = NoiseAndLag(stream, period_s, machines)

    def advance(self, mean_wind: Floats) -> tuple[Floats, Floats]:
        """Deviations u and r in units of σ_u, for a mean wind; ``[k, machines]`` each."""
        point, rotor = self._noise.advance(turbulence_time_s(mean_wind), rotor_lag_s(mean_wind))
        rotor *= math.sqrt(COHERENT)
        return point, rotor
