"""Vibration of the gearbox: broadband velocity, RMS over 10-1000 Hz."""

from __future__ import annotations

import numpy as np

from simulators.processes import Floats

CORRELATION_S = 270.0
"""Correlation time of the log-level: an AR(1) coefficient of 0.8 from one minute to the next."""


def vibration_rms(
    base: Floats, speed: Floats, load: Floats, spread: Floats, noise: Floats
) -> Floats:
    """Vibration velocity [mm/s RMS]: ``v0·(0.15 + 0.85·s^1.5)·(1 + 0.3·l)·exp(σ_v·ε)``.

    The speed's exponent lies between that of a constant force (1) and of imbalance (2); levels
    scatter by a factor, not by a sum. Exponent, shares and spread are engineering judgement, with
    v0 such that a healthy machine stays in the two lower zones of ISO 20816-21.

    Args:
        base: v0 [mm/s], level at rated speed without load.
        speed: s = ω/ω_rated, 0 … about 1.
        load: l = P/P_rated, 0 … about 1.
        spread: σ_v, standard deviation of the logarithm, 0.08 … 0.15.
        noise: ε, standard Gaussian, correlated over `CORRELATION_S`.

    >>> vibration_rms(1.6, np.array([0.0, 1.0]), np.array([0.0, 1.0]), 0.1, 0.0).round(2)
    array([0.24, 2.08])
    """
    return base * (0.15 + 0.85 * speed**1.5) * (1 + 0.3 * load) * np.exp(spread * noise)
