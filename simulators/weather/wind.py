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

CALMEST_M_S, FASTEST_M_S = 0.5, 50.0
"""Outside these mean winds the eddies pass no slower or faster: the time scale stays finite in a
calm, and in any storm above the lag of the rotor."""


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
    """Standard deviation of turbulence, ``σ_u = I_ref·(0.75·U + 5.6)`` [m/s].

    The 90 % quantile of the normal turbulence model (IEC 61400-1 ed. 3, eq. 11).

    >>> turbulence_sigma(np.array([15.0]), REFERENCE_INTENSITY["A"]).round(3)
    array([2.696])
    """
    return intensity * (0.75 * mean_wind + 5.6)


def turbulence_time_s(mean_wind: Floats) -> Floats:
    """Integral time scale of turbulence, ``T = L_u/U`` [s].

    The Kaimal spectrum ``f·S/σ² = (4fL/U)/(1+6fL/U)^(5/3)`` has ``S(0) = 4Lσ²/U``; a first-order
    process has ``S(0) = 4Tσ²``. With T = L/U both have the same energy in the slow eddies.

    >>> turbulence_time_s(np.array([10.0])).round(1)
    array([34.])
    """
    return LENGTH_SCALE_M / np.clip(mean_wind, CALMEST_M_S, FASTEST_M_S)


class Turbulence:
    """Deviation from the mean wind, at a point (u) and averaged by the rotor (r), per machine.

    u is a first-order process of the time scale T = L_u/U; the rotor's disc averages over eddies,
    and its blades' inertia over time, which a first-order lag stands for (see `NoiseAndLag`).

    Args:
        stream: where the shocks come from; nobody else may draw from it.
        rotor_tau_s: time constant of the lag.
    """

    def __init__(
        self, stream: np.random.Generator, period_s: float, machines: int, rotor_tau_s: float = 5.0
    ) -> None:
        self._noise = NoiseAndLag(stream, period_s, rotor_tau_s, machines)

    def advance(self, mean_wind: Floats) -> tuple[Floats, Floats]:
        """Deviations u and r in units of σ_u, for a mean wind; ``[k, machines]`` each."""
        return self._noise.advance(turbulence_time_s(mean_wind))
