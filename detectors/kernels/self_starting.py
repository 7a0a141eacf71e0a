# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the self-starting reference; what they compute: `detectors.self_starting`."""

import cython
from cython.cimports.libc.math import fabs, log, sqrt

# Places in ``counts``: samples gathered to begin with, one more when the first was judged; samples
# learnt, and pairs of neighbours among them; whether the last one was learnt; suspects in a row;
# readings in a block, and in the one that is being filled.
SEEN = cython.declare(cython.Py_ssize_t, 0)
LEARNT = cython.declare(cython.Py_ssize_t, 1)
PAIRS = cython.declare(cython.Py_ssize_t, 2)
LINKED = cython.declare(cython.Py_ssize_t, 3)
SUSPECTS = cython.declare(cython.Py_ssize_t, 4)
BLOCK = cython.declare(cython.Py_ssize_t, 5)
FILLED = cython.declare(cython.Py_ssize_t, 6)

# Places in ``moments``; all but the first are distances from the first.
ANCHOR = cython.declare(cython.Py_ssize_t, 0)
MEAN = cython.declare(cython.Py_ssize_t, 1)
SPREAD = cython.declare(cython.Py_ssize_t, 2)
PRODUCT = cython.declare(cython.Py_ssize_t, 3)
BEFORE = cython.declare(cython.Py_ssize_t, 4)
TOTAL = cython.declare(cython.Py_ssize_t, 5)


def walk(
    rows: cython.const[cython.int][::1],
    values: cython.const[cython.double][:, ::1],
    learn: cython.const[cython.uchar][::1],
    start: cython.double[:, :, ::1],
    counts: cython.longlong[:, :, ::1],
    moments: cython.double[:, :, ::1],
    work: cython.double[::1],
    u: cython.double[:, ::1],
    due: cython.uchar[:, ::1],
    *,
    grace_period: cython.longlong,
    autocorrelated: cython.bint,
    max_block: cython.longlong,
    inherited: cython.double,
    min_std: cython.double,
    outlier: cython.double,
):
    """Standardise each sample against those before it, then learn it while the reference is open.

    ``due`` becomes 0 where there is nothing to say, 1 within a block, 2 at its end, and 4 more
    where the reference starts anew after this reading; and 8 more for each time that the block was
    doubled. ``work`` is space for ``start``.
    """
    i: cython.Py_ssize_t
    s: cython.Py_ssize_t
    row: cython.int
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            for s in range(values.shape[1]):
                if values[i, s] != values[i, s]:
                    continue
                if not fill(row, s, values[i, s], learn[i], counts, moments, work):
                    if counts[row, s, SEEN] > start.shape[2]:
                        due[i, s] = 1 + 8 * doublings(counts[row, s, BLOCK])
                elif counts[row, s, SEEN] >= start.shape[2]:
                    due[i, s] = 8 * doublings(counts[row, s, BLOCK])
                    due[i, s] += judge(
                        i,
                        row,
                        s,
                        work[0],
                        counts[row, s, LEARNT] < grace_period and learn[i],
                        autocorrelated,
                        max_block,
                        inherited,
                        min_std,
                        outlier,
                        counts,
                        moments,
                        u,
                    )
                    if learn[i] and due[i, s] & 4 == 0:
                        counts[row, s, SEEN] = start.shape[2] + 1
                elif learn[i]:
                    start[row, s, counts[row, s, SEEN]] = work[0]
                    counts[row, s, SEEN] += 1
                    if counts[row, s, SEEN] == start.shape[2]:
                        begin(row, s, min_std, start, counts, moments, work)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def fill(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    x: cython.double,
    learn: cython.bint,
    counts: cython.longlong[:, :, ::1],
    moments: cython.double[:, :, ::1],
    sample: cython.double[::1],
) -> cython.bint:
    """Whether this value completes its block, whose mean then stands in ``sample[0]``.

    The first value of all becomes the anchor.
    """
    if counts[row, s, BLOCK] == 0:
        if learn:
            moments[row, s, ANCHOR] = x
            counts[row, s, BLOCK] = 1
        sample[0] = 0.0
        return True
    sample[0] = moments[row, s, TOTAL] + (x - moments[row, s, ANCHOR])
    if counts[row, s, FILLED] + 1 < counts[row, s, BLOCK]:
        if learn:
            counts[row, s, FILLED] += 1
            moments[row, s, TOTAL] = sample[0]
        return False
    sample[0] /= counts[row, s, BLOCK]
    if learn:
        counts[row, s, FILLED] = 0
        moments[row, s, TOTAL] = 0.0
    return True


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def judge(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    y: cython.double,
    learn: cython.bint,
    autocorrelated: cython.bint,
    max_block: cython.longlong,
    inherited: cython.double,
    min_std: cython.double,
    outlier: cython.double,
    counts: cython.longlong[:, :, ::1],
    moments: cython.double[:, :, ::1],
    u: cython.double[:, ::1],
) -> cython.uchar:
    """Write the deviate of a sample, and learn the sample where that is wanted; returns 2 or 6."""
    phi: cython.double = 0.0
    if autocorrelated:
        phi = autocorrelation(row, s, counts, moments)
    z: cython.double = deviate(row, s, y, phi, min_std, counts, moments)
    u[i, s] = z * sqrt((1.0 - phi * inherited) / (1.0 + phi * inherited))
    if not learn:
        return 2
    if fabs(z) > outlier:
        counts[row, s, LINKED] = 0
        counts[row, s, SUSPECTS] += 1
        if counts[row, s, SUSPECTS] < counts[row, s, LEARNT]:
            return 2
    else:
        counts[row, s, SUSPECTS] = 0
        absorb(row, s, y, counts, moments)
        if phi < 0.3 + 2.0 / sqrt(counts[row, s, LEARNT]):
            return 2
        if 2 * counts[row, s, BLOCK] > max_block:
            return 2
        counts[row, s, BLOCK] *= 2
    counts[row, s, SUSPECTS] = counts[row, s, SEEN] = 0
    return 6


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def doublings(block: cython.longlong) -> cython.uchar:
    """How often a block was doubled."""
    k: cython.uchar = 0
    while block > 1:
        block //= 2
        k += 1
    return k


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def begin(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    min_std: cython.double,
    start: cython.double[:, :, ::1],
    counts: cython.longlong[:, :, ::1],
    moments: cython.double[:, :, ::1],
    work: cython.double[::1],
) -> cython.void:
    """Take the first samples for the reference, without those far from most; anchor at the middle.

    Far is 6 robust standard deviations from the median.
    """
    k: cython.Py_ssize_t
    n: cython.Py_ssize_t = start.shape[2]
    for k in range(n):
        work[k] = start[row, s, k]
    mid: cython.double = median(work, n)
    for k in range(n):
        work[k] = fabs(start[row, s, k] - mid)
    far: cython.double = 6.0 * robust_std(work, n, min_std)
    moments[row, s, ANCHOR] += mid
    moments[row, s, MEAN] = moments[row, s, SPREAD] = moments[row, s, PRODUCT] = 0.0
    counts[row, s, LEARNT] = counts[row, s, PAIRS] = counts[row, s, LINKED] = 0
    for k in range(n):
        if fabs(start[row, s, k] - mid) <= far:
            absorb(row, s, start[row, s, k] - mid, counts, moments)
        else:
            counts[row, s, LINKED] = 0
        start[row, s, k] = 0.0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def absorb(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    y: cython.double,
    counts: cython.longlong[:, :, ::1],
    moments: cython.double[:, :, ::1],
) -> cython.void:
    """Welford's update of mean and Σ (y - mean)², and Σ y[k] y[k-1] over neighbours."""
    delta: cython.double = y - moments[row, s, MEAN]
    counts[row, s, LEARNT] += 1
    moments[row, s, MEAN] += delta / counts[row, s, LEARNT]
    moments[row, s, SPREAD] += delta * (y - moments[row, s, MEAN])
    if counts[row, s, LINKED]:
        counts[row, s, PAIRS] += 1
        moments[row, s, PRODUCT] += y * moments[row, s, BEFORE]
    counts[row, s, LINKED] = 1
    moments[row, s, BEFORE] = y


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def autocorrelation(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    counts: cython.longlong[:, :, ::1],
    moments: cython.double[:, :, ::1],
) -> cython.double:
    """φ̂ of neighbouring samples, with Kendall's correction of its bias, within -0.5 … 0.99."""
    n: cython.double = counts[row, s, LEARNT]
    if counts[row, s, PAIRS] < 2 or moments[row, s, SPREAD] <= 0.0:
        return 0.0
    neighbours: cython.double = moments[row, s, PRODUCT] / counts[row, s, PAIRS]
    mean: cython.double = moments[row, s, MEAN]
    phi: cython.double = (neighbours - mean * mean) / (moments[row, s, SPREAD] / n)
    return max(-0.5, min(phi + (1.0 + 4.0 * phi) / n, 0.99))


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def deviate(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    y: cython.double,
    phi: cython.double,
    min_std: cython.double,
    counts: cython.longlong[:, :, ::1],
    moments: cython.double[:, :, ::1],
) -> cython.double:
    """Normal deviate of a sample among those learnt, which are worth fewer where φ > 0."""
    n: cython.double = counts[row, s, LEARNT]
    worth: cython.double = n
    if phi > 0.0:
        worth = max(n * (1.0 - phi) / (1.0 + phi), 2.5)
    std: cython.double = max(sqrt(moments[row, s, SPREAD] / (n * (1.0 - 1.0 / worth))), min_std)
    return normal((y - moments[row, s, MEAN]) / (std * sqrt(1.0 + 1.0 / worth)), worth - 1.0)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def normal(t: cython.double, degrees: cython.double) -> cython.double:
    """Φ⁻¹(F_t(t)): the normal deviate as far out as this t of Student's (Hill 1970)."""
    a: cython.double = degrees - 0.5
    b: cython.double = 48.0 * a * a
    y: cython.double = a * log(1.0 + t * t / degrees)
    more: cython.double = (((-0.4 * y - 3.3) * y - 24.0) * y - 85.5) / (0.8 * y * y + 100.0 + b)
    z: cython.double = ((more + y + 3.0) / b + 1.0) * sqrt(y)
    return z if t > 0.0 else -z


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def robust_std(
    deviations: cython.double[::1], n: cython.Py_ssize_t, min_std: cython.double
) -> cython.double:
    """σ from the median of distances; from their mean where most are nothing: few small steps."""
    k: cython.Py_ssize_t
    total: cython.double = 0.0
    std: cython.double = 1.4826 * median(deviations, n)
    if std > min_std:
        return std
    for k in range(n):
        total += deviations[k]
    return max(1.2533 * total / n, min_std)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def median(work: cython.double[::1], n: cython.Py_ssize_t) -> cython.double:
    """Insertion sort, then the middle; the order of ``work`` is lost."""
    k: cython.Py_ssize_t
    at: cython.Py_ssize_t
    x: cython.double
    for k in range(1, n):
        x = work[k]
        at = k
        while at > 0 and work[at - 1] > x:
            work[at] = work[at - 1]
            at -= 1
        work[at] = x
    return (work[(n - 1) // 2] + work[n // 2]) / 2.0
