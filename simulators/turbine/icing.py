"""Ice on the blades and on the anemometer: it grows while the air is cold and humid, and melts."""

from __future__ import annotations

import numpy as np

from simulators.processes import Floats

FREEZING_C, THAW_C = 0.0, 1.0
HUMID = 0.88
GROWTH_S = 6 * 3600.0
"""From a clean rotor to the worst, in freezing fog."""
MELTING_S = 2 * 3600.0

POWER_LOSS = 0.5
"""Of the worst: rated at 0.4 to 0.9 of the curve in operators' records (IEA Wind Task 19)."""
ANEMOMETER_LOSS = 0.3
"""An iced anemometer reads low."""
UNBALANCE = 0.12
"""Ice sheds unevenly; side-side acceleration at rated speed [m/s²]."""
ROUGH_DEG = 3.0
"""… and spoils the blades' shapes as if they stood so far apart."""


def ice_step(ice: Floats, air: Floats, humidity: Floats, catch: Floats, period_s: float) -> Floats:
    """Ice after a step, 0 none … 1 the worst: grows below 0 °C in humid air, melts above 1 °C.

    Args:
        ice: before it.
        air: temperature [°C].
        humidity: relative, 0 … 1.
        catch: how well the blades catch it, 0 … 1: the condition.
        period_s: length of the step.

    >>> ice_step(np.array([0.2]), np.array([-3.0]), np.array([0.95]), np.array([1.0]), 3600.0)
    array([0.36666667])
    """
    grows = (air < FREEZING_C) & (humidity > HUMID) & (ice < catch)
    melts = air > THAW_C
    change = np.where(grows, catch * period_s / GROWTH_S, 0) - melts * (period_s / MELTING_S)
    after: Floats = np.clip(ice + change, 0, 1)
    return after


class Icing:
    """Ice on a number of machines, block by block; clean in the beginning."""

    def __init__(self, period_s: float, machines: int) -> None:
        self._period_s = period_s
        self._ice = np.zeros(machines)

    def advance(self, air: Floats, humidity: Floats, catch: Floats) -> Floats:
        """Ice ``[k, machines]``, or a single 0 where there is none and none can come.

        Args:
            air: ``[k, machines]`` [°C].
            humidity: ``[k]``.
            catch: the condition, ``[k, machines]`` or a single 0.
        """
        if not (catch.any() or self._ice.any()):
            return np.zeros((1, 1))
        catches = np.broadcast_to(catch, air.shape)
        ice = np.empty(air.shape)
        for i in range(len(air)):
            self._ice = ice[i] = ice_step(
                self._ice, air[i], humidity[i], catches[i], self._period_s
            )
        self._ice = self._ice.copy()
        return ice
