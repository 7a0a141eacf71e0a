"""First-order processes, exact for any step: the mathematics that wind, heat and noise share.

Axes: ``k`` time steps first, then whatever the process is many of (machines, mostly).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def memory(period_s: float, tau_s: float) -> float:
    """What is left of a first-order process's past after one step: ``exp(-Δt/τ)``, 0 … 1.

    It is both the coefficient of the AR(1) that samples an Ornstein-Uhlenbeck process and the decay
    of an exponential lag, so models written with it say the same at 1 s and at 10 min.

    >>> round(memory(period_s=60, tau_s=60), 4)
    0.3679
    """
    return math.exp(-period_s / tau_s)


def first_order(state: Floats, decay: Floats | float, drive: Floats) -> Floats:
    """Walk ``x_i = decay_i · x_{i-1} + drive_i`` through a block.

    Args:
        state: ``[…]``, x before the block.
        decay: scalar or ``[k, …]``.
        drive: ``[k, …]``, at least one step, of at least one process each.

    Returns:
        ``[k, …]``; the last row is the state for the next block.

    >>> first_order(np.array([8.0]), 0.5, np.zeros((3, 1))).ravel().tolist()
    [4.0, 2.0, 1.0]
    """
    decays = np.broadcast_to(decay, drive.shape)
    walked = np.empty(drive.shape)
    for i in range(len(drive)):
        state = walked[i] = decays[i] * state + drive[i]
    return walked


class Follower:
    """A first-order lag whose decay may differ from step to step; starts settled."""

    def __init__(self) -> None:
        self._state: Floats | None = None

    def advance(self, target: Floats, decay: Floats | float) -> Floats:
        """Follow ``target [k, …]``; returns what it has become, same shape."""
        start = target[0] if self._state is None else self._state
        followed = first_order(start, decay, (1 - decay) * target)
        self._state = followed[-1].copy()
        return followed


class Lag:
    """Exponential lag ``τ·dx/dt = target − x``, the target held over each step; starts settled."""

    def __init__(self, period_s: float, tau_s: float) -> None:
        self._decay = memory(period_s, tau_s)
        self._follower = Follower()

    def advance(self, target: Floats) -> Floats:
        """Follow ``target [k, …]``; returns the lagged value, same shape."""
        return self._follower.advance(target, self._decay)


class OrnsteinUhlenbeck:
    """Gaussian noise of mean 0, variance 1 and autocorrelation ``exp(-|Δ|/τ)``; starts stationary.

    Sampled exactly: ``x_i = φ·x_{i-1} + √(1−φ²)·ε_i`` with ``φ = exp(-Δt/τ)`` (Uhlenbeck &
    Ornstein 1930; Gillespie, Phys. Rev. E 54, 1996).

    Args:
        stream: where ε comes from; nobody else may draw from it.
        count: how many independent ones.
    """

    def __init__(
        self, stream: np.random.Generator, period_s: float, tau_s: float, count: int = 1
    ) -> None:
        self._stream = stream
        self._phi = memory(period_s, tau_s)
        self._state = stream.standard_normal(count)

    def advance(self, steps: int) -> Floats:
        """The next ``[steps, count]`` values."""
        shocks = self._stream.standard_normal((steps, len(self._state)))
        walked = first_order(self._state, self._phi, math.sqrt(1 - self._phi**2) * shocks)
        self._state = walked[-1].copy()
        return walked


def lagged_share(time_s: Floats, lag_s: Floats | float) -> Floats:
    """Share of its variance that a process of time scale T keeps behind a lag: ``ρ = T/(T+τ)``.

    >>> lagged_share(np.array([34.0]), 5.0).round(2)
    array([0.87])
    """
    return time_s / (time_s + lag_s)


class NoiseAndLag:
    """Noise u of variance 1 and time scale T, and r, the same behind a lag of τ.

    Two coupled linear equations driven by white noise W::

        du = −u/T dt + √(2/T) dW        dr = (u − r)/τ dt

    Stepped exactly: the step's mean is ``exp(A·Δt)`` and its covariance what the stationary
    covariance lacks after it (Gillespie 1996). So r is right at Δt = 1 s and at Δt = 10 min, where
    a lag fed with samples of u would smooth nothing. T and τ may change from step to step.

    Args:
        stream: where the shocks come from; nobody else may draw from it.
        count: how many independent ones.
    """

    def __init__(self, stream: np.random.Generator, period_s: float, count: int = 1) -> None:
        self._stream = stream
        self._period_s = period_s
        # Two standard normals, made a point of the stationary distribution once T is known.
        self._noise, self._lagged = stream.standard_normal((2, count))
        self._started = False

    def advance(self, time_s: Floats, lag_s: Floats) -> tuple[Floats, Floats]:
        """The next u and r, ``[k, count]`` each; T and τ < T are that too, ``[k, 1]`` if shared."""
        self._start(time_s[0], lag_s[0])
        keep, feed, keep_lagged = self._mean_step(time_s, lag_s)
        to_noise, to_both, to_lagged = self._shocks(time_s, lag_s)
        shocks = self._stream.standard_normal((len(time_s), 2, len(self._noise)))
        push_noise = to_noise * shocks[:, 0]
        push_lagged = to_both * shocks[:, 0] + to_lagged * shocks[:, 1]
        noise, lagged = np.empty(push_noise.shape), np.empty(push_noise.shape)
        u, r = self._noise, self._lagged
        for i in range(len(time_s)):
            r = lagged[i] = feed[i] * u + keep_lagged[i] * r + push_lagged[i]
            u = noise[i] = keep[i] * u + push_noise[i]
        self._noise, self._lagged = u, r
        return noise, lagged

    def advance_one(self, steps: int, time_s: float, lag_s: float) -> Floats:
        """The next r ``[steps]`` of a single process that never changes; the same numbers.

        In Python's own floats, which for one number at a time are ten times as fast as NumPy.
        """
        time, lag = np.full(1, time_s), np.full(1, lag_s)
        self._start(time, lag)
        keep, feed, keep_lagged = (of.item() for of in self._mean_step(time, lag))
        to_noise, to_both, to_lagged = self._shocks(time, lag)
        shocks = self._stream.standard_normal((steps, 2))
        pushes_noise = (to_noise * shocks[:, 0]).tolist()
        pushes_lagged = (to_both * shocks[:, 0] + to_lagged * shocks[:, 1]).tolist()
        u, r = self._noise.item(), self._lagged.item()
        lagged = []
        for push_noise, push_lagged in zip(pushes_noise, pushes_lagged, strict=True):
            r = feed * u + keep_lagged * r + push_lagged
            u = keep * u + push_noise
            lagged.append(r)
        self._noise, self._lagged = np.full(1, u), np.full(1, r)
        return np.array(lagged)

    def _mean_step(self, time_s: Floats, lag_s: Floats) -> tuple[Floats, Floats, Floats]:
        """exp(A·Δt): what u keeps of itself, what of u goes to r, what r keeps of itself."""
        keep = np.exp(-self._period_s / time_s)
        keep_lagged = np.exp(-self._period_s / lag_s)
        return keep, time_s / (time_s - lag_s) * (keep - keep_lagged), keep_lagged

    def _shocks(self, time_s: Floats, lag_s: Floats) -> tuple[Floats, Floats, Floats]:
        """Cholesky factor of the step's covariance; with it Var u stays 1 and Var r stays ρ."""
        keep, feed, keep_lagged = self._mean_step(time_s, lag_s)
        share = lagged_share(time_s, lag_s)
        var_noise = 1 - keep**2
        cov = share - keep * (feed + keep_lagged * share)
        var_lagged = share - feed**2 - 2 * feed * keep_lagged * share - keep_lagged**2 * share
        to_noise = np.sqrt(var_noise)
        to_both = cov / to_noise
        # Rounding may leave a trace below 0 where the step is much shorter than the lag.
        return to_noise, to_both, np.sqrt(np.maximum(var_lagged - to_both**2, 0))

    def _start(self, time_s: Floats, lag_s: Floats) -> None:
        """Before the first block, take a state from the stationary distribution."""
        if not self._started:
            self._started = True
            share = lagged_share(time_s, lag_s)
            self._lagged = share * self._noise + np.sqrt(share * (1 - share)) * self._lagged


class SmoothNoise:
    """Gaussian noise of mean 0 and variance 1 that is smooth below its lag: r of `NoiseAndLag`.

    Its autocorrelation is ``(T·exp(−|Δ|/T) − τ·exp(−|Δ|/τ))/(T − τ)``.
    """

    def __init__(
        self, stream: np.random.Generator, period_s: float, tau_s: float, lag_s: float
    ) -> None:
        self._noise = NoiseAndLag(stream, period_s)
        self._tau_s, self._lag_s = tau_s, lag_s
        self._scale = math.sqrt(1 + lag_s / tau_s)

    def advance(self, steps: int) -> Floats:
        """The next ``[steps]`` values."""
        return self._scale * self._noise.advance_one(steps, self._tau_s, self._lag_s)
