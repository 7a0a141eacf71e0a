"""A centrifugal pump in its plant: where it works, and what that takes.

Pump and plant meet where their curves cross::

    pump   H = H₀·s² − a·Q²          plant   H = H_st + k·Q²

| symbol | quantity | unit |
|---|---|---|
| Q, Q_b | flow; flow of best efficiency at rated speed | m³/h |
| H, H₀ | head; head at rated speed and no flow | m |
| s | speed, of the rated one | 1 |
| φ | flow compared with the best one at this speed, Q/(Q_b·s) | 1 |
| H_st | static head: what is lifted at no flow | m |
| a, k | droop of the pump, resistance of the plant | m/(m³/h)² |

Both curves are the usual quadratics of textbooks (Gülich, *Centrifugal Pumps*). The pump's keeps
the affinity laws for every s: with Q ∝ s also H ∝ s² and, φ and so η being the same, P ∝ s³.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulators.processes import Floats

BAR_PER_M = 998.2 * 9.80665 / 1e5
"""Pressure of a metre of water of 20 °C [bar]."""
KW_PER_M_FLOW = 998.2 * 9.80665 / 3600 / 1e3
"""Power that lifts 1 m³/h of it by a metre [kW]."""
ATMOSPHERE_M, VAPOUR_M = 10.35, 0.24
"""Pressure of the air at sea level, and of the vapour of water of 20 °C, as head [m]."""
NPSH3_LOSS = 0.03
"""Share of the head that is lost where a pump has just the NPSH3 it requires (ANSI/HI 9.6.1)."""


class Work(NamedTuple):
    """What a pump does; ``[k, machines]`` each."""

    speed: Floats
    """s, of the rated one."""
    flow: Floats
    """[m³/h]"""
    share: Floats
    """φ, of the flow that is best at this speed."""
    suction: Floats
    """Head at the inlet, over the air's pressure [m]."""
    head: Floats
    """[m]"""
    shaft_kw: Floats
    load: Floats
    """Its power, of the rated one."""
    lost: Floats
    """Share of the head that cavitation costs."""


def pump_head(flow: Floats, speed: Floats, shutoff: Floats | float, droop: float) -> Floats:
    """Head [m] at a flow and a speed, ``H₀·s² − a·Q²``.

    >>> pump_head(np.array([0.0, 200, 400]), np.array([1.0, 0.5, 1]), 62.5, 12.5 / 400**2)
    array([62.5, 12.5, 50. ])
    """
    return shutoff * speed**2 - droop * flow**2


def operating_flow(
    speed: Floats,
    shutoff: Floats | float,
    droop: Floats | float,
    static: Floats | float,
    resistance: Floats | float,
) -> Floats:
    """Flow [m³/h] where pump and plant cross, ``√((H₀·s² − H_st)/(a + k))``.

    0 where the pump does not even reach the static head: its check valve stays shut.

    >>> operating_flow(np.array([1.0, 0.4]), 62.5, 12.5 / 400**2, 15.0, 35 / 400**2)
    array([400.,   0.])
    """
    return np.sqrt(np.maximum(shutoff * speed**2 - static, 0) / (droop + resistance))


def speed_for_flow(
    flow: Floats, shutoff: float, droop: float, static: float, resistance: float
) -> Floats:
    """Speed at which a sound pump gives this flow, `operating_flow` read backwards.

    >>> speed_for_flow(np.array([400.0]), 62.5, 12.5 / 400**2, 15.0, 35 / 400**2)
    array([1.])
    """
    return np.sqrt(((droop + resistance) * flow**2 + static) / shutoff)


def flow_share(flow: Floats, speed: Floats, best_flow: float) -> Floats:
    """φ = Q/(Q_b·s), the same at every speed for the same flow pattern; 0 at rest.

    >>> flow_share(np.array([100.0, 0.0]), np.array([0.5, 0.0]), 400.0)
    array([0.5, 0. ])
    """
    share = np.zeros(np.broadcast_shapes(flow.shape, speed.shape))
    return np.divide(flow, best_flow * speed, out=share, where=speed > 0)


def efficiency(share: Floats, best: Floats | float) -> Floats:
    """η = η_b·φ·(2 − φ): best at φ = 1, nothing without flow; the parabola of textbooks.

    >>> efficiency(np.array([0.0, 0.5, 1.0]), 0.8)
    array([0. , 0.6, 0.8])
    """
    return best * share * (2 - share)


def shaft_power(
    share: Floats, speed: Floats, head: Floats, best: Floats | float, best_flow: float
) -> Floats:
    """Power [kW] that the pump takes, ``ρ·g·Q·H/η``.

    With Q = φ·Q_b·s and η as in `efficiency` it is ``ρ·g·Q_b·s·H/(η_b·(2 − φ))``, which has a value
    at a shut valve too, where nothing is pumped with no efficiency.

    >>> one = np.array([1.0])
    >>> shaft_power(one, one, np.array([50.0]), 0.8, 400.0).round(2)  # 54.38 kW in the water
    array([67.98])
    """
    return KW_PER_M_FLOW * best_flow * speed * head / (best * (2 - share))


def motor_current(torque: Floats, rated: float, idle_share: float) -> Floats:
    """Current [A] of an induction motor at constant flux, ``I_r·√(m² + (1 − m²)·τ²)``.

    Two currents at a right angle: one magnetises, the other turns.

    Args:
        torque: τ, of the rated one.
        rated: I_r [A].
        idle_share: m, the current without load as a share of the rated one.

    >>> motor_current(np.array([0.0, 1.0]), 132.0, 0.35).round(1)
    array([ 46.2, 132. ])
    """
    return rated * np.sqrt(idle_share**2 + (1 - idle_share**2) * torque**2)


def npsh_available(suction: Floats) -> Floats:
    """Net positive suction head [m]: how far the water is from boiling where it enters.

    Args:
        suction: head at the suction flange, over the air's pressure [m].

    >>> npsh_available(np.array([1.0])).round(2)
    array([11.11])
    """
    return suction + ATMOSPHERE_M - VAPOUR_M


def npsh_required(share: Floats, speed: Floats, rated: float) -> Floats:
    """NPSH3 [m], ``NPSH3_r·s²·(0.6 + 0.4·φ²)``: with s² as all heads; the shape is judgement.

    >>> npsh_required(np.array([1.0, 1.0]), np.array([1.0, 0.5]), 4.0)
    array([4., 1.])
    """
    return rated * speed**2 * (0.6 + 0.4 * share**2)


def cavitation_loss(available: Floats, required: Floats) -> Floats:
    """Share of the head that vapour in the impeller costs, ``0.03^(NPSHA/NPSH3)``.

    By definition 3 % are lost at NPSH3; that the loss changes exponentially is judgement.
    Nothing is lost at rest.

    >>> cavitation_loss(np.array([4.0, 12.0, 5.0]), np.array([4.0, 4.0, 0.0])).round(4)
    array([0.03, 0.  , 0.  ])
    """
    margin = np.full(np.broadcast_shapes(available.shape, required.shape), np.inf)
    np.divide(np.maximum(available, 0), required, out=margin, where=required > 0)
    return NPSH3_LOSS**margin


def off_design(share: Floats) -> Floats:
    """How much more a pump vibrates away from its best flow, ``1 + 1.2·(φ − 1)²``.

    1.3 at half the best flow: API 610 allows a pump 30 % more outside the preferred range.

    >>> off_design(np.array([1.0, 0.5]))
    array([1. , 1.3])
    """
    return 1 + 1.2 * (share - 1) ** 2
