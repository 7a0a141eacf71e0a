# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the EWMA control chart; what they compute stands in `detectors.ewma_chart`."""

import cython
from cython.cimports.libc.math import fabs, sqrt


def walk(
    rows: cython.const[cython.int][::1],
    values: cython.const[cython.double][:, ::1],
    learn: cython.const[cython.uchar][::1],
    grace: cython.double[:, :, ::1],
    learnt: cython.longlong[:, ::1],
    centre: cython.double[:, ::1],
    sigma: cython.double[:, ::1],
    ewma: cython.double[:, ::1],
    variance: cython.double[:, ::1],
    work: cython.double[::1],
    scores: cython.double[:, ::1],
    *,
    score: cython.bint,
    fading_factor: cython.double,
    autocorrelated: cython.bint,
    min_std: cython.double,
):
    """Chart each value once its sensor has a centre line; until then gather it for that.

    ``work`` is working space for one grace period.
    """
    i: cython.Py_ssize_t
    sensor: cython.Py_ssize_t
    row: cython.int
    x: cython.double
    z: cython.double
    v: cython.double
    keep: cython.double = 1.0 - fading_factor
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            for sensor in range(values.shape[1]):
                x = values[i, sensor]
                if x != x:
                    continue
                if centre[row, sensor] == centre[row, sensor]:
                    z = fading_factor * (x - centre[row, sensor]) + keep * ewma[row, sensor]
                    v = fading_factor * fading_factor + keep * keep * variance[row, sensor]
                    if score:
                        scores[i, sensor] = fabs(z) / (sigma[row, sensor] * sqrt(v))
                    if learn[i]:
                        ewma[row, sensor] = z
                        variance[row, sensor] = v
                        learnt[row, sensor] += 1
                elif learn[i]:
                    grace[row, sensor, learnt[row, sensor]] = x
                    learnt[row, sensor] += 1
                    if learnt[row, sensor] == grace.shape[2]:
                        freeze(
                            row,
                            sensor,
                            fading_factor,
                            autocorrelated,
                            min_std,
                            grace,
                            centre,
                            sigma,
                            work,
                        )


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def freeze(
    row: cython.Py_ssize_t,
    sensor: cython.Py_ssize_t,
    fading_factor: cython.double,
    autocorrelated: cython.bint,
    min_std: cython.double,
    grace: cython.double[:, :, ::1],
    centre: cython.double[:, ::1],
    sigma: cython.double[:, ::1],
    work: cython.double[::1],
) -> cython.void:
    """Centre line and σ from the gathered values, which are then no longer needed."""
    k: cython.Py_ssize_t
    n: cython.Py_ssize_t = grace.shape[2]
    for k in range(n):
        work[k] = grace[row, sensor, k]
    mid: cython.double = median(work, n)
    for k in range(n):
        work[k] = fabs(grace[row, sensor, k] - mid)
    std: cython.double = max(1.4826 * median(work, n), min_std)
    phi: cython.double = 0.0
    if autocorrelated:
        for k in range(n):
            work[k] = max(-3.0, min(3.0, (grace[row, sensor, k] - mid) / std))
        phi = autocorrelation(work, n) * (1.0 - fading_factor)
    centre[row, sensor] = mid
    sigma[row, sensor] = std * sqrt((1.0 + phi) / (1.0 - phi))
    for k in range(n):
        grace[row, sensor, k] = 0.0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def autocorrelation(deviations: cython.double[::1], n: cython.Py_ssize_t) -> cython.double:
    """φ̂ = Σ d[k] d[k-1] / Σ d[k]², within 0 … 0.99."""
    k: cython.Py_ssize_t
    products: cython.double = 0.0
    squares: cython.double = deviations[0] * deviations[0]
    for k in range(1, n):
        products += deviations[k] * deviations[k - 1]
        squares += deviations[k] * deviations[k]
    if products <= 0.0:
        return 0.0
    return min(products / squares, 0.99)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def median(work: cython.double[::1], n: cython.Py_ssize_t) -> cython.double:
    """Shell's sort, then the middle; the order of ``work`` is lost."""
    gap: cython.Py_ssize_t = n // 2
    k: cython.Py_ssize_t
    at: cython.Py_ssize_t
    x: cython.double
    while gap > 0:
        for k in range(gap, n):
            x = work[k]
            at = k
            while at >= gap and work[at - gap] > x:
                work[at] = work[at - gap]
                at -= gap
            work[at] = x
        gap //= 2
    return (work[(n - 1) // 2] + work[n // 2]) / 2.0
