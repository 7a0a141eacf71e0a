# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the EWMA multichart; what they compute stands in `detectors.ewma_multichart`."""

import cython
from cython.cimports.libc.math import exp, fabs, sqrt


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    values: cython.const[cython.double][:, ::1],
    learn: cython.const[cython.uchar][::1],
    scales_s: cython.const[cython.double][::1],
    ewma: cython.double[:, :, ::1],
    variance: cython.double[:, :, ::1],
    excess: cython.double[:, :, ::1],
    learnt_s: cython.double[:, ::1],
    heard_ns: cython.longlong[:, ::1],
    onset_ns: cython.longlong[:, ::1],
    side: cython.double[:, ::1],
    scores: cython.double[:, ::1],
    onsets: cython.longlong[:, ::1],
    shares: cython.double[::1],
    *,
    score: cython.bint,
    learn_s: cython.double,
    gap_s: cython.double,
    clip: cython.double,
    least: cython.double,
    doubt: cython.double,
) -> None:
    """Chart each value at every time scale; the spread of each is learnt first, then kept.

    ``shares`` [scales] is working space: how far a value moves each average after ``step_s``, which
    is mostly the same for all sensors of a reading.
    """
    i: cython.Py_ssize_t
    s: cython.Py_ssize_t
    row: cython.Py_ssize_t
    x: cython.double
    now: cython.double = 0.0
    step_s: cython.double
    shared_s: cython.double = -1.0
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            for s in range(values.shape[1]):
                x = values[i, s]
                if x != x:
                    continue
                x = max(-clip, min(clip, x))
                step_s = since_s(times[i], heard_ns[row, s])
                if step_s != shared_s:
                    shared_s = share(step_s, scales_s, shares)
                if learnt_s[row, s] >= learn_s:
                    now = strongest(row, s, x, learnt_s[row, s], shares, scales_s, ewma, variance,
                                    excess, least, doubt)  # fmt: skip
                    if score:
                        scores[i, s] = now
                if not learn[i]:
                    onsets[i, s] = onset_ns[row, s]
                    continue
                advance(row, s, x, shares, ewma, variance)
                heard_ns[row, s] = max(times[i], heard_ns[row, s])
                if learnt_s[row, s] < learn_s:
                    gather(row, s, min(step_s, gap_s), learnt_s, scales_s, ewma, variance, excess)
                    onset_ns[row, s] = onsets[i, s] = times[i]
                    continue
                side[row, s] = now
                if fabs(side[row, s]) < 2.0:
                    onset_ns[row, s] = times[i]
                onsets[i, s] = onset_ns[row, s]


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def since_s(time: cython.longlong, heard_ns: cython.longlong) -> cython.double:
    """Seconds since the last value; 0 for the first, and where time went back."""
    if heard_ns == 0:
        return 0.0
    return max((time - heard_ns) * 1e-9, 0.0)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def share(
    step_s: cython.double, scales_s: cython.const[cython.double][::1], shares: cython.double[::1]
) -> cython.double:
    """How far a value moves each average after so long; returns ``step_s``."""
    k: cython.Py_ssize_t
    for k in range(scales_s.shape[0]):
        shares[k] = 1.0 - exp(-step_s / scales_s[k])
    return step_s


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def advance(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    x: cython.double,
    shares: cython.double[::1],
    ewma: cython.double[:, :, ::1],
    variance: cython.double[:, :, ::1],
) -> cython.void:
    """One step of every average, and of the variance it would have over independent values."""
    k: cython.Py_ssize_t
    w: cython.double
    for k in range(shares.shape[0]):
        w = shares[k]
        ewma[row, s, k] += w * (x - ewma[row, s, k])
        variance[row, s, k] = w * w + (1.0 - w) * (1.0 - w) * variance[row, s, k]


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def gather(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    step_s: cython.double,
    learnt_s: cython.double[:, ::1],
    scales_s: cython.const[cython.double][::1],
    ewma: cython.double[:, :, ::1],
    variance: cython.double[:, :, ::1],
    excess: cython.double[:, :, ::1],
) -> cython.void:
    """Sum up how much wider each average spreads than it would over independent values."""
    k: cython.Py_ssize_t
    learnt_s[row, s] += step_s
    for k in range(scales_s.shape[0]):
        if learnt_s[row, s] > scales_s[k] and variance[row, s, k] > 0.0:
            excess[row, s, k] += step_s * ewma[row, s, k] * ewma[row, s, k] / variance[row, s, k]


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def strongest(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    x: cython.double,
    learnt_s: cython.double,
    shares: cython.double[::1],
    scales_s: cython.const[cython.double][::1],
    ewma: cython.double[:, :, ::1],
    variance: cython.double[:, :, ::1],
    excess: cython.double[:, :, ::1],
    least: cython.double,
    doubt: cython.double,
) -> cython.double:
    """The average, with x taken in, that is the most of its own spreads away; with its sign."""
    k: cython.Py_ssize_t
    w: cython.double
    average: cython.double
    spread: cython.double
    heard: cython.double
    best: cython.double = 0.0
    for k in range(scales_s.shape[0]):
        heard = learnt_s - scales_s[k]
        if heard < scales_s[k]:
            continue
        w = shares[k]
        average = ewma[row, s, k] + w * (x - ewma[row, s, k])
        spread = w * w + (1.0 - w) * (1.0 - w) * variance[row, s, k]
        spread *= max(excess[row, s, k] / heard, least) * (1.0 + doubt * scales_s[k] / heard)
        if spread > 0.0:
            average /= sqrt(spread)
            if fabs(average) > fabs(best):
                best = average
    return best
