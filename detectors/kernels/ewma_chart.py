# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the EWMA control chart; what they compute stands in `detectors.ewma_chart`."""

import cython
from cython.cimports.libc.math import exp, fabs, log, sqrt

# How often the spacing of the values that are kept may double: ``passed`` counts up to 255.
DOUBLINGS = cython.declare(cython.int, 6)


def walk(
    rows: cython.const[cython.int][::1],
    values: cython.const[cython.double][:, ::1],
    learn: cython.const[cython.uchar][::1],
    grace: cython.double[:, :, ::1],
    learnt: cython.longlong[:, ::1],
    doublings: cython.uchar[:, ::1],
    passed: cython.uchar[:, ::1],
    centre: cython.double[:, ::1],
    off: cython.double[:, ::1],
    sigma: cython.double[:, ::1],
    rarity: cython.double[:, ::1],
    ewma: cython.double[:, ::1],
    variance: cython.double[:, ::1],
    work: cython.double[::1],
    scores: cython.double[:, ::1],
    *,
    score: cython.bint,
    fading_factor: cython.double,
    autocorrelated: cython.bint,
    longest_grace: cython.longlong,
    min_std: cython.double,
):
    """Chart each value once its sensor has a centre line; until then gather it for that.

    Of values that resemble their neighbours only every second, fourth … is kept: ``passed`` counts
    those that were not. ``work`` is working space for one grace period.
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
                    z = fading_factor * (x - centre[row, sensor] - off[row, sensor])
                    z += keep * ewma[row, sensor]
                    v = fading_factor * fading_factor + keep * keep * variance[row, sensor]
                    if score:
                        scores[i, sensor] = as_rare(
                            fabs(z) / (sigma[row, sensor] * sqrt(v)), rarity[row, sensor]
                        )
                    if learn[i]:
                        ewma[row, sensor] = z
                        variance[row, sensor] = v
                        learnt[row, sensor] += 1
                elif learn[i]:
                    passed[row, sensor] += 1
                    if passed[row, sensor] < 1 << doublings[row, sensor]:
                        continue
                    passed[row, sensor] = 0
                    grace[row, sensor, learnt[row, sensor]] = x
                    learnt[row, sensor] += 1
                    if learnt[row, sensor] == grace.shape[2]:
                        settle(
                            row,
                            sensor,
                            fading_factor,
                            autocorrelated,
                            longest_grace,
                            min_std,
                            grace,
                            learnt,
                            doublings,
                            centre,
                            off,
                            sigma,
                            rarity,
                            work,
                        )


@cython.ccall
@cython.nogil
@cython.exceptval(check=False)
def widening(fading_factor: cython.double, phi: cython.double) -> cython.double:
    """How many times as wide as of independent values the average's spread is."""
    kept: cython.double = phi * (1.0 - fading_factor)
    return sqrt((1.0 + kept) / (1.0 - kept))


@cython.ccall
@cython.nogil
@cython.exceptval(check=False)
def rareness(fading_factor: cython.double, phi: cython.double) -> cython.double:
    """2 log r, r: how many times as rarely the average leaves limits that are so much wider."""
    kept: cython.double = phi * (1.0 - fading_factor)
    return max(0.0, 2.0 * log(0.85 * sqrt((1.0 + kept) / (1.0 - phi))))


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def as_rare(deviation: cython.double, rarity: cython.double) -> cython.double:
    """The deviation that a chart of independent values exceeds as rarely."""
    if rarity == 0.0:
        return deviation
    square: cython.double = deviation * deviation
    return sqrt(square + rarity * (1.0 - exp(-square)))


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def settle(
    row: cython.Py_ssize_t,
    sensor: cython.Py_ssize_t,
    fading_factor: cython.double,
    autocorrelated: cython.bint,
    longest_grace: cython.longlong,
    min_std: cython.double,
    grace: cython.double[:, :, ::1],
    learnt: cython.longlong[:, ::1],
    doublings: cython.uchar[:, ::1],
    centre: cython.double[:, ::1],
    off: cython.double[:, ::1],
    sigma: cython.double[:, ::1],
    rarity: cython.double[:, ::1],
    work: cython.double[::1],
) -> cython.void:
    """Freeze on the gathered values, or go on at twice the spacing where they are worth too few."""
    k: cython.Py_ssize_t
    n: cython.Py_ssize_t = grace.shape[2]
    for k in range(n):
        work[k] = grace[row, sensor, k]
    mid: cython.double = median(work, n)
    for k in range(n):
        work[k] = fabs(grace[row, sensor, k] - mid)
    std: cython.double = max(1.4826 * median(work, n), min_std)
    near: cython.double = 0.0
    total: cython.double = 0.0
    squares: cython.double = 0.0
    for k in range(n):
        work[k] = grace[row, sensor, k] - mid
        if fabs(work[k]) <= 3.0 * std:
            near += 1.0
            total += work[k]
            squares += work[k] * work[k]
    # A normal distribution that is cut off at 3 σ has so much less spread.
    std = max(sqrt(max(squares / near - total * total / (near * near), 0.0)) / 0.98658, min_std)
    phi: cython.double = 0.0
    if autocorrelated:
        for k in range(n):
            work[k] = max(-3.0, min(3.0, (grace[row, sensor, k] - mid - total / near) / std))
        phi = autocorrelation(work, n)
    if (
        phi > 0.3 + 2.0 / sqrt(n)
        and doublings[row, sensor] < DOUBLINGS
        and n * (2 << doublings[row, sensor]) <= longest_grace
    ):
        doublings[row, sensor] += 1
        learnt[row, sensor] = thin(row, sensor, grace)
        return
    if phi > 0.0:
        # A few values that resemble each other differ less than many would.
        std /= sqrt(1.0 - 1.0 / max(n * (1.0 - phi) / (1.0 + phi), 2.5))
        phi = min(exp(log(phi) / (1 << doublings[row, sensor])), 0.99)
    centre[row, sensor] = mid
    off[row, sensor] = total / near
    sigma[row, sensor] = std * widening(fading_factor, phi)
    rarity[row, sensor] = rareness(fading_factor, phi)
    for k in range(n):
        grace[row, sensor, k] = 0.0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def thin(
    row: cython.Py_ssize_t, sensor: cython.Py_ssize_t, grace: cython.double[:, :, ::1]
) -> cython.Py_ssize_t:
    """Keep every other value, the newest among them; returns how many are left."""
    k: cython.Py_ssize_t
    n: cython.Py_ssize_t = grace.shape[2]
    left: cython.Py_ssize_t = (n + 1) // 2
    for k in range(left):
        grace[row, sensor, k] = grace[row, sensor, 2 * k + (n - 1) % 2]
    for k in range(left, n):
        grace[row, sensor, k] = 0.0
    return left


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def autocorrelation(deviations: cython.double[::1], n: cython.Py_ssize_t) -> cython.double:
    """φ̂ = Σ d[k] d[k-1] / Σ d[k]², with Kendall's correction of its bias, within 0 … 0.99."""
    k: cython.Py_ssize_t
    products: cython.double = 0.0
    squares: cython.double = deviations[0] * deviations[0]
    for k in range(1, n):
        products += deviations[k] * deviations[k - 1]
        squares += deviations[k] * deviations[k]
    if squares == 0.0:
        return 0.0
    phi: cython.double = products / squares
    return max(0.0, min(phi + (1.0 + 4.0 * phi) / n, 0.99))


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
