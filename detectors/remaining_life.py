"""How long will it last? First passage of a limit by wear that goes ever faster.

From an unknown onset on, damage is taken to grow exponentially, as cracks, spalls and leaks do.
With τ in hours from now, now being 0::

    h(τ) = φ                          before the onset τ0
    h(τ) = φ + θ g(τ)                 after it
    g(τ) = (e^βτ - e^βτ0) / (1 - e^βτ0)        so that g(0) = 1

Over the two parameters that are not linear, growth β and onset τ0, a grid is laid, uniform in ln β
and τ0; for each pair φ and θ follow by weighted least squares. A value's weight is 1/ĥ², for noise
grows with what it is the noise of (ĥ: the median of five neighbours). With RSS, what is left over,
the weight of a pair is its likelihood with the spread unknown::

    p(β, τ0) ∝ RSS^(-(m-3)/2)         m = n (1-ρ)/(1+ρ)

ρ is the lag-1 autocorrelation of the best pair's residuals: of values that resemble each other,
fewer count. A second grid looks closer at where the first found the weight. Each pair passes the
limit H when h(τ) = H::

    τ* = ln(e^βτ0 + (1 - e^βτ0) (H - φ)/θ) / β

The spread of θ is put in at five quantiles, and so is how far a machine is from its law: standard
deviations of 0.3 in ln τ* and of two of the finest distances between values. P10, P50 and P90 are
those of all τ* by weight. They answer only if there is a trend: of a healthy series they would be
an invention. Ask `detectors.trend` first.

How often the truth is within P10 … P90, on simulated lives, is measured by
``benchmarks/remaining_life.py`` and told in docs/vibration.md.

Gebraeel, N. Z. et al. (2005), Residual-life distributions from component degradation signals: a
Bayesian approach, IIE Transactions 37.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import check_number

Floats = NDArray[np.float64]
_Values = tuple[Floats, Floats, Floats]

VALUES_MIN = 8
GROWTHS, ONSETS = 40, 24
"""Size of the grid."""
GROWTH_MAX = 0.5
"""Of β, per finest spacing: what grows faster has passed any limit before it is forecast."""
MODEL_SPREAD, TIME_SPREAD = 0.3, 2.0
"""Standard deviations of what the law leaves out: of ln τ*, and of τ* in finest distances. With
them the band held 86 of 100 simulated lives, without them about 60."""
QUANTILES = np.array([-1.2816, -0.5244, 0.0, 0.5244, 1.2816])
"""Of the normal distribution: the middles of five equal parts."""


class RemainingLife(NamedTuple):
    """Hours from now until the limit: in 10, 50 and 90 of 100 cases it is passed by then."""

    p10_h: float
    p50_h: float
    p90_h: float


UNKNOWN = RemainingLife(math.nan, math.nan, math.nan)


def remaining_life(
    hours: Floats, severity: Floats, *, failed: float, horizon_h: float
) -> RemainingLife:
    """First passage of ``failed`` by a series that degrades; pure.

    Parameters
    ----------
    hours
        f8[n], ascending and at most 0: how long before now each value was, in operating hours.
    severity
        f8[n], positive; NaNs are passed over.
    failed
        H, the severity at which the life is over.
    horizon_h
        Nobody looks further ahead; what lasts longer is told as this. [h]

    Returns
    -------
    RemainingLife
        NaN where fewer than 8 values speak.

    Examples
    --------
    Wear that doubles every 50 h and is at a quarter of the limit has 100 h left:

    >>> hours = np.arange(-200.0, 0.0, 4.0)
    >>> life = remaining_life(hours, 2 ** (hours / 50), failed=4, horizon_h=1000)
    >>> life.p10_h < 100 < life.p90_h, 90 < life.p50_h < 110
    (True, True)
    """
    check_number("failed", failed, 1e-9, 1e9)
    check_number("horizon_h", horizon_h, 0, 1e9)
    spoken = np.isfinite(severity) & (severity > 0)
    t, h = hours[spoken], severity[spoken]
    if len(h) < VALUES_MIN:
        return UNKNOWN
    weights = 1 / _smooth(h) ** 2
    fit = _fitted(t, h, weights / weights.sum())
    passages, p = _passages(fit, failed)
    return RemainingLife(*_quantiles(np.clip(passages, 0.0, horizon_h), p).tolist())


def _smooth(h: Floats) -> Floats:
    """Running median of five; the ends stand for what is beyond them."""
    padded = np.pad(h, 2, mode="edge")
    median: Floats = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    return median


class _Fit(NamedTuple):
    """What is known of each pair, f8[GROWTHS, ONSETS]; ``growth`` f8[GROWTHS, 1]."""

    spacing: float
    """The finest distance between values, in hours."""
    growth: Floats
    begun: Floats
    """e^βτ0."""
    p: Floats
    theta: Floats
    theta_std: Floats
    mean: float
    """Weighted mean of the values, which is φ + θ · mean_g of every pair."""
    mean_g: Floats


def _fitted(t: Floats, h: Floats, w: Floats) -> _Fit:
    """A first grid over all that may be, then one over what the first left likely."""
    spacing = float(np.diff(t).min())
    log_growth = np.linspace(-math.log(3 * -t[0]), math.log(GROWTH_MAX / spacing), GROWTHS)
    onset = t[np.linspace(0, len(t) - 4, ONSETS).astype(np.intp)]
    values = (t, h, w)
    first, independent = _grid(log_growth, onset, values)
    fit, _ = _grid(*_closer(log_growth, onset, first.p), values, independent)
    return fit


def _grid(
    log_growth: Floats, onset: Floats, values: _Values, independent: float | None = None
) -> tuple[_Fit, float]:
    """Weighted least squares of φ and θ for each pair, and how many values count as independent."""
    t, h, w = values
    growth = np.exp(log_growth)[:, None]
    begun = np.exp(growth * onset)
    g = np.exp(growth * t)[:, None, :] - begun[:, :, None]
    g = np.maximum(g, 0.0) / (1 - begun)[:, :, None]
    mean, mean_g = float(w @ h), g @ w
    g -= mean_g[:, :, None]
    s_gg, s_gh = np.maximum(g**2 @ w, 1e-300), g @ (w * (h - mean))
    s_hh = float(w @ (h - mean) ** 2)
    theta = s_gh / s_gg
    rss = np.maximum(s_hh - theta * s_gh, 1e-9 * s_hh + 1e-300)
    if independent is None:
        best = np.unravel_index(int(rss.argmin()), rss.shape)
        independent = _independent((h - mean - theta[best] * g[best]) * np.sqrt(w))
    log_p = -(independent - 3) / 2 * np.log(rss / rss.min())
    log_p = np.where(theta > 0, log_p, -np.inf)
    p = np.exp(log_p - max(float(log_p.max()), -1e300))
    theta_std = np.sqrt(rss / (independent - 3) / s_gg / independent)
    spacing = float(np.diff(t).min())
    return _Fit(spacing, growth, begun, p, theta, theta_std, mean, mean_g), independent


def _independent(residuals: Floats) -> float:
    """How many independent values these are worth: n (1-ρ)/(1+ρ)."""
    n, square = len(residuals), float(residuals @ residuals)
    rho = float(residuals[1:] @ residuals[:-1]) / square if square > 0 else 0.0
    rho = min(max(rho + 2 / n, 0.0), 0.9)
    return max(n * (1 - rho) / (1 + rho), 5.0)


def _closer(log_growth: Floats, onset: Floats, p: Floats) -> tuple[Floats, Floats]:
    """The part of both axes that holds nearly all weight, cut as finely as the whole was."""
    if not p.any():
        return log_growth, onset
    by_growth, by_onset = p.sum(1) / p.sum(), p.sum(0)
    middle = float(by_growth @ log_growth)
    step = log_growth[1] - log_growth[0]
    spread = 3 * (math.sqrt(float(by_growth @ (log_growth - middle) ** 2)) + step)
    likely = np.flatnonzero(by_onset > 1e-3 * by_onset.max())
    first, last = max(likely[0] - 1, 0), min(likely[-1] + 1, len(onset) - 1)
    return (
        np.linspace(
            max(middle - spread, log_growth[0]), min(middle + spread, log_growth[-1]), GROWTHS
        ),
        np.linspace(onset[first], onset[last], ONSETS),
    )


def _passages(fit: _Fit, failed: float) -> tuple[Floats, Floats]:
    """τ* of each pair at each quantile, and the weight of each; both flat."""
    theta = np.maximum(fit.theta + QUANTILES[:, None, None] * fit.theta_std, 1e-12)
    phi = fit.mean - theta * fit.mean_g
    ratio = np.maximum((failed - phi) / theta, 0.0)
    passage = np.log(np.maximum(fit.begun + (1 - fit.begun) * ratio, 1e-300)) / fit.growth
    off = QUANTILES[:, None, None, None]
    passages = passage * np.exp(MODEL_SPREAD * off) + TIME_SPREAD * fit.spacing * off
    return passages.ravel(), np.broadcast_to(fit.p, passages.shape).ravel()


def _quantiles(passages: Floats, p: Floats) -> Floats:
    order = np.argsort(passages, kind="stable")
    shares = np.cumsum(p[order])
    if not shares[-1] > 0:  # nothing rises: as far as anybody looks
        return np.full(3, passages.max())
    at = np.searchsorted(shares, np.array([0.1, 0.5, 0.9]) * shares[-1])
    found: Floats = passages[order[np.minimum(at, len(order) - 1)]]
    return found
