# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the binned context; what they compute stands in `detectors.slots`."""

import cython
from cython.cimports.libc.math import exp, isnan, sqrt


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    values: cython.const[cython.double][:, ::1],
    full: cython.const[cython.double][:, ::1],
    context: cython.const[cython.int][::1],
    first: cython.const[cython.int][::1],
    low: cython.const[cython.double][::1],
    width: cython.const[cython.double][::1],
    lag_s: cython.const[cython.double][::1],
    floor: cython.const[cython.double][::1],
    bin_readings: cython.int,
    lagged: cython.double[:, ::1],
    lagged_ns: cython.longlong[:, ::1],
    since_ns: cython.longlong[:, ::1],
    count: cython.ushort[:, ::1],
    centre: cython.double[:, ::1],
    mean: cython.double[:, ::1],
    spread: cython.double[:, ::1],
    pooled: cython.double[:, ::1],
    freedom: cython.double[:, ::1],
    residuals: cython.double[:, ::1],
    expected: cython.double[:, ::1],
) -> None:
    """Compare each value with the frozen bin of its context, or let a bin not yet frozen learn it.

    Sensor s owns the bins ``first[s] … first[s + 1] - 1``: none where it is not judged, one where
    it has no context.
    """
    i: cython.Py_ssize_t
    s: cython.Py_ssize_t
    b: cython.Py_ssize_t
    row: cython.Py_ssize_t
    x: cython.double
    c: cython.double
    settled: cython.bint
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            for s in range(values.shape[1]):
                x = values[i, s]
                c = full[i, context[s]] if context[s] >= 0 else 0.0
                settled = not isnan(c)
                if lag_s[s] > 0.0 and settled:
                    settled = lag(c, times[i], row, s, lag_s[s], lagged, lagged_ns, since_ns)
                    c = lagged[row, s]
                if first[s] == first[s + 1] or isnan(x) or not settled:
                    continue
                b = bin_of((c - low[s]) / width[s], first[s], first[s + 1])
                if count[row, b] < bin_readings:
                    count[row, b] += 1
                    learn(x, c, row, b, count[row, b], centre, mean, spread)
                    if count[row, b] == bin_readings:
                        freeze(row, s, b, bin_readings, spread, pooled, freedom)
                else:
                    expected[i, s] = expect(
                        c, row, b, first[s], first[s + 1], bin_readings, count, centre, mean
                    )
                    residuals[i, s] = (x - expected[i, s]) / max(spread[row, b], floor[s])


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def lag(
    c: cython.double,
    time: cython.longlong,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    lag_s: cython.double,
    lagged: cython.double[:, ::1],
    lagged_ns: cython.longlong[:, ::1],
    since_ns: cython.longlong[:, ::1],
) -> cython.bint:
    """Follow the context with a first-order low-pass; whether its start is forgotten by now."""
    step: cython.double = (time - lagged_ns[row, s]) * 1e-9 / lag_s
    if isnan(lagged[row, s]) or step > 5.0:
        lagged[row, s] = c
        lagged_ns[row, s] = since_ns[row, s] = time
    elif step > 0.0:
        lagged[row, s] += (1.0 - exp(-step)) * (c - lagged[row, s])
        lagged_ns[row, s] = time
    return (time - since_ns[row, s]) * 1e-9 >= 3.0 * lag_s


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def bin_of(
    position: cython.double, first: cython.Py_ssize_t, end: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """Which of a sensor's bins holds the position, counted in bins; the outer ones have no end."""
    if position < 1.0:
        return first
    if position >= end - first:
        return end - 1
    return first + cython.cast(cython.Py_ssize_t, position)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def learn(
    x: cython.double,
    c: cython.double,
    row: cython.Py_ssize_t,
    b: cython.Py_ssize_t,
    n: cython.double,
    centre: cython.double[:, ::1],
    mean: cython.double[:, ::1],
    spread: cython.double[:, ::1],
) -> cython.void:
    """Welford's step as the n-th value of the bin: no large squares are ever subtracted."""
    from_mean: cython.double = x - mean[row, b]
    mean[row, b] += from_mean / n
    spread[row, b] += from_mean * (x - mean[row, b])
    centre[row, b] += (c - centre[row, b]) / n


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def freeze(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    b: cython.Py_ssize_t,
    n: cython.double,
    spread: cython.double[:, ::1],
    pooled: cython.double[:, ::1],
    freedom: cython.double[:, ::1],
) -> cython.void:
    """Turn the sum of squares into the standard deviation the bin keeps for good."""
    pooled[row, s] += spread[row, b]
    freedom[row, s] += n - 1.0
    prior: cython.double = pooled[row, s] / freedom[row, s]
    spread[row, b] = sqrt((spread[row, b] + n * prior) / (2.0 * n - 1.0))


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def expect(
    c: cython.double,
    row: cython.Py_ssize_t,
    b: cython.Py_ssize_t,
    first: cython.Py_ssize_t,
    end: cython.Py_ssize_t,
    bin_readings: cython.int,
    count: cython.ushort[:, ::1],
    centre: cython.double[:, ::1],
    mean: cython.double[:, ::1],
) -> cython.double:
    """The bin's mean, on the line to the mean of the frozen neighbour on the context's side."""
    other: cython.Py_ssize_t = b + 1 if c > centre[row, b] else b - 1
    if other < first or other >= end or count[row, other] < bin_readings:
        return mean[row, b]
    gap: cython.double = centre[row, other] - centre[row, b]
    if gap == 0.0:
        return mean[row, b]
    return mean[row, b] + (c - centre[row, b]) / gap * (mean[row, other] - mean[row, b])
