# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the rolling z-score; what they compute stands in `detectors.rolling_zscore`."""

import cython
from cython.cimports.libc.math import fabs, sqrt


def walk(
    rows: cython.const[cython.int][::1],
    values: cython.const[cython.double][:, ::1],
    learn: cython.const[cython.uchar][::1],
    ring: cython.double[:, :, ::1],
    learnt: cython.longlong[:, ::1],
    scores: cython.double[:, ::1],
    *,
    score: cython.bint,
    grace_period: cython.longlong,
    min_std: cython.double,
):
    """Score each value against the ring of its sensor, then let it take the oldest one's place."""
    i: cython.Py_ssize_t
    sensor: cython.Py_ssize_t
    row: cython.int
    x: cython.double
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            for sensor in range(values.shape[1]):
                x = values[i, sensor]
                if x != x:
                    continue
                if score and learnt[row, sensor] >= grace_period:
                    scores[i, sensor] = z(
                        x, ring, row, sensor, min(learnt[row, sensor], ring.shape[2]), min_std
                    )
                if learn[i]:
                    ring[row, sensor, learnt[row, sensor] % ring.shape[2]] = x
                    learnt[row, sensor] += 1


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def z(
    x: cython.double,
    ring: cython.double[:, :, ::1],
    row: cython.Py_ssize_t,
    sensor: cython.Py_ssize_t,
    n: cython.Py_ssize_t,
    min_std: cython.double,
) -> cython.double:
    """|x - mean| / std over the first ``n`` places of the ring, in two passes.

    Both passes see differences to one value of the window, which are exact where numbers are large
    and close together, and sum into four lanes, because each addition must wait for the one before.
    """
    k: cython.Py_ssize_t
    fours: cython.Py_ssize_t = n - n % 4
    origin: cython.double = ring[row, sensor, 0]
    a: cython.double = 0.0
    b: cython.double = 0.0
    c: cython.double = 0.0
    d: cython.double = 0.0
    for k in range(0, fours, 4):
        a += ring[row, sensor, k] - origin
        b += ring[row, sensor, k + 1] - origin
        c += ring[row, sensor, k + 2] - origin
        d += ring[row, sensor, k + 3] - origin
    for k in range(fours, n):
        a += ring[row, sensor, k] - origin
    mean: cython.double = ((a + b) + (c + d)) / n
    a = b = c = d = 0.0
    for k in range(0, fours, 4):
        a += square(ring[row, sensor, k] - origin - mean)
        b += square(ring[row, sensor, k + 1] - origin - mean)
        c += square(ring[row, sensor, k + 2] - origin - mean)
        d += square(ring[row, sensor, k + 3] - origin - mean)
    for k in range(fours, n):
        a += square(ring[row, sensor, k] - origin - mean)
    std: cython.double = sqrt(((a + b) + (c + d)) / (n - 1))
    return fabs(x - origin - mean) / max(std, min_std)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def square(x: cython.double) -> cython.double:
    return x * x
