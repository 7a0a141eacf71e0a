# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the self-starting references, of single sensors and of vectors.

What they compute stands in `detectors.self_starting` and `detectors.self_starting_vectors`. Both
are in one file because a compiled kernel shares its functions with no other.
"""

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

# Places in ``moments``; all but the first are distances from the first. A single sensor has its
# Σ (y - mean)² there; of vectors that is in ``scatter``, but who told how much of a block is not.
ANCHOR = cython.declare(cython.Py_ssize_t, 0)
MEAN = cython.declare(cython.Py_ssize_t, 1)
PRODUCT = cython.declare(cython.Py_ssize_t, 2)
BEFORE = cython.declare(cython.Py_ssize_t, 3)
TOTAL = cython.declare(cython.Py_ssize_t, 4)
SPREAD = cython.declare(cython.Py_ssize_t, 5)
TOLD = cython.declare(cython.Py_ssize_t, 5)

# Places in ``work`` of vectors, each with a number per sensor; Cholesky's factor stands behind.
SAMPLE = cython.declare(cython.Py_ssize_t, 0)
THERE = cython.declare(cython.Py_ssize_t, 1)
PHI = cython.declare(cython.Py_ssize_t, 2)
LEFT = cython.declare(cython.Py_ssize_t, 3)
FACTOR = cython.declare(cython.Py_ssize_t, 4)


def walk(
    rows: cython.const[cython.int][::1],
    values: cython.const[cython.double][:, ::1],
    learn: cython.const[cython.uchar][::1],
    start: cython.double[:, ::1],
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, ::1],
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
    k: cython.Py_ssize_t
    with cython.nogil:
        for i in range(rows.shape[0]):
            for s in range(values.shape[1]):
                k = rows[i] * values.shape[1] + s
                if values[i, s] != values[i, s]:
                    continue
                if not fill(k, values[i, s], learn[i], counts, moments, work):
                    if counts[k, SEEN] > start.shape[1]:
                        due[i, s] = 1 + 8 * doublings(counts[k, BLOCK])
                elif counts[k, SEEN] >= start.shape[1]:
                    due[i, s] = 8 * doublings(counts[k, BLOCK])
                    due[i, s] += judge(
                        i,
                        s,
                        k,
                        work[0],
                        counts[k, LEARNT] < grace_period and learn[i],
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
                        counts[k, SEEN] = start.shape[1] + 1
                elif learn[i]:
                    start[k, counts[k, SEEN]] = work[0]
                    counts[k, SEEN] += 1
                    if counts[k, SEEN] == start.shape[1]:
                        begin(k, min_std, start, counts, moments, work)


def walk_vectors(
    rows: cython.const[cython.int][::1],
    values: cython.const[cython.double][:, ::1],
    learn: cython.const[cython.uchar][::1],
    start: cython.double[:, :, ::1],
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, :, ::1],
    scatter: cython.double[:, :, ::1],
    far: cython.const[cython.double][::1],
    work: cython.double[:, ::1],
    column: cython.double[::1],
    u: cython.double[:, ::1],
    due: cython.uchar[::1],
    *,
    grace_period: cython.longlong,
    autocorrelated: cython.bint,
    max_block: cython.longlong,
    inherited: cython.double,
    min_std: cython.double,
):
    """Standardise each sample against those before it, then learn it while the reference is open.

    ``far`` is the |u|² from which on a sample is not learnt, by how many sensors it has; ``due``
    is as in `walk`; ``work`` and ``column`` are working space.
    """
    i: cython.Py_ssize_t
    row: cython.int
    present: cython.Py_ssize_t
    whole: cython.bint
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            present = fill_vector(i, row, learn[i], values, counts, moments, work)
            whole = present == values.shape[1]
            if present < 0:
                if counts[row, SEEN] > start.shape[1]:
                    due[i] = 1 + 8 * doublings(counts[row, BLOCK])
            elif present > 0 and counts[row, SEEN] >= start.shape[1]:
                due[i] = 8 * doublings(counts[row, BLOCK])
                due[i] += judge_vector(
                    i,
                    row,
                    whole and learn[i] and counts[row, LEARNT] < grace_period,
                    far[present],
                    autocorrelated,
                    max_block,
                    inherited,
                    min_std,
                    counts,
                    moments,
                    scatter,
                    work,
                    u,
                )
                if learn[i] and due[i] & 4 == 0:
                    counts[row, SEEN] = start.shape[1] + 1
            elif whole and learn[i]:
                keep(row, start, counts, work)
                if counts[row, SEEN] == start.shape[1]:
                    begin_vector(row, min_std, start, counts, moments, scatter, work, column)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def fill(
    k: cython.Py_ssize_t,
    x: cython.double,
    learn: cython.bint,
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, ::1],
    sample: cython.double[::1],
) -> cython.bint:
    """Whether this value completes its block, whose mean then stands in ``sample[0]``.

    The first value of all becomes the anchor.
    """
    if counts[k, BLOCK] == 0:
        if learn:
            moments[k, ANCHOR] = x
            counts[k, BLOCK] = 1
        sample[0] = 0.0
        return True
    sample[0] = moments[k, TOTAL] + (x - moments[k, ANCHOR])
    if counts[k, FILLED] + 1 < counts[k, BLOCK]:
        if learn:
            counts[k, FILLED] += 1
            moments[k, TOTAL] = sample[0]
        return False
    sample[0] /= counts[k, BLOCK]
    if learn:
        counts[k, FILLED] = 0
        moments[k, TOTAL] = 0.0
    return True


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def judge(
    i: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    k: cython.Py_ssize_t,
    y: cython.double,
    learn: cython.bint,
    autocorrelated: cython.bint,
    max_block: cython.longlong,
    inherited: cython.double,
    min_std: cython.double,
    outlier: cython.double,
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, ::1],
    u: cython.double[:, ::1],
) -> cython.uchar:
    """Write the deviate of a sample, and learn the sample where that is wanted; returns 2 or 6."""
    phi: cython.double = 0.0
    if autocorrelated:
        phi = autocorrelation(k, moments[k, PRODUCT], moments[k, MEAN], moments[k, SPREAD], counts)
    z: cython.double = deviate(k, y, phi, min_std, counts, moments)
    u[i, s] = z / widening(phi, inherited, counts[k, BLOCK])
    if not learn:
        return 2
    if fabs(z) > outlier:
        return suspect(k, counts)
    absorb(k, y, counts, moments)
    return accept(k, phi, max_block, counts)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def begin(
    k: cython.Py_ssize_t,
    min_std: cython.double,
    start: cython.double[:, ::1],
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, ::1],
    work: cython.double[::1],
) -> cython.void:
    """Take the first samples for the reference, without those far from most; anchor at the middle.

    Far is 6 robust standard deviations from the median.
    """
    j: cython.Py_ssize_t
    n: cython.Py_ssize_t = start.shape[1]
    for j in range(n):
        work[j] = start[k, j]
    mid: cython.double = median(work, n)
    for j in range(n):
        work[j] = fabs(start[k, j] - mid)
    far: cython.double = 6.0 * robust_std(work, n, min_std)
    moments[k, ANCHOR] += mid
    moments[k, MEAN] = moments[k, SPREAD] = moments[k, PRODUCT] = 0.0
    counts[k, LEARNT] = counts[k, PAIRS] = counts[k, LINKED] = 0
    for j in range(n):
        if fabs(start[k, j] - mid) <= far:
            absorb(k, start[k, j] - mid, counts, moments)
        else:
            counts[k, LINKED] = 0
        start[k, j] = 0.0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def absorb(
    k: cython.Py_ssize_t,
    y: cython.double,
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, ::1],
) -> cython.void:
    """Welford's update of mean and Σ (y - mean)², and Σ y[k] y[k-1] over neighbours."""
    delta: cython.double = y - moments[k, MEAN]
    counts[k, LEARNT] += 1
    moments[k, MEAN] += delta / counts[k, LEARNT]
    moments[k, SPREAD] += delta * (y - moments[k, MEAN])
    if counts[k, LINKED]:
        counts[k, PAIRS] += 1
        moments[k, PRODUCT] += y * moments[k, BEFORE]
    counts[k, LINKED] = 1
    moments[k, BEFORE] = y


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def deviate(
    k: cython.Py_ssize_t,
    y: cython.double,
    phi: cython.double,
    min_std: cython.double,
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, ::1],
) -> cython.double:
    """Normal deviate of a sample among those learnt, which are worth fewer where φ > 0."""
    n: cython.double = counts[k, LEARNT]
    worth: cython.double = n
    if phi > 0.0:
        worth = max(n * (1.0 - phi) / (1.0 + phi), 2.5)
    std: cython.double = max(sqrt(moments[k, SPREAD] / (n * (1.0 - 1.0 / worth))), min_std)
    return normal((y - moments[k, MEAN]) / (std * sqrt(1.0 + 1.0 / worth)), worth - 1.0)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def fill_vector(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    learn: cython.bint,
    values: cython.const[cython.double][:, ::1],
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, :, ::1],
    work: cython.double[:, ::1],
) -> cython.Py_ssize_t:
    """Add a reading to its block; the means of one that is full become the sample.

    Returns how many sensors the sample has, those that told at least half of the block, -1 within
    a block, and 0 where nothing was told. The first complete reading of all becomes the anchor.
    """
    s: cython.Py_ssize_t
    n: cython.Py_ssize_t = values.shape[1]
    told: cython.Py_ssize_t = 0
    present: cython.Py_ssize_t = 0
    for s in range(n):
        told += values[i, s] == values[i, s]
    if told == 0:
        return 0
    if counts[row, BLOCK] == 0:
        return first(i, row, told, learn, values, counts, moments, work)
    for s in range(n):
        work[SAMPLE, s] = moments[row, TOTAL, s]
        work[THERE, s] = moments[row, TOLD, s]
        if values[i, s] == values[i, s]:
            work[SAMPLE, s] += values[i, s] - moments[row, ANCHOR, s]
            work[THERE, s] += 1.0
    if counts[row, FILLED] + 1 < counts[row, BLOCK]:
        if learn:
            hold(row, n, counts, moments, work)
        return -1
    if learn:
        counts[row, FILLED] = 0
    for s in range(n):
        present += finish(row, s, learn, counts, moments, work)
    return present


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def hold(
    row: cython.Py_ssize_t,
    n: cython.Py_ssize_t,
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, :, ::1],
    work: cython.double[:, ::1],
) -> cython.void:
    s: cython.Py_ssize_t
    counts[row, FILLED] += 1
    for s in range(n):
        moments[row, TOTAL, s] = work[SAMPLE, s]
        moments[row, TOLD, s] = work[THERE, s]


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def finish(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    learn: cython.bint,
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, :, ::1],
    work: cython.double[:, ::1],
) -> cython.bint:
    """The mean of one sensor's block; whether the sensor told enough of it."""
    if learn:
        moments[row, TOTAL, s] = moments[row, TOLD, s] = 0.0
    if 2.0 * work[THERE, s] < counts[row, BLOCK]:
        work[THERE, s] = 0.0
        return False
    work[SAMPLE, s] /= work[THERE, s]
    return True


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def first(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    told: cython.Py_ssize_t,
    learn: cython.bint,
    values: cython.const[cython.double][:, ::1],
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, :, ::1],
    work: cython.double[:, ::1],
) -> cython.Py_ssize_t:
    s: cython.Py_ssize_t
    if told < values.shape[1]:
        return 0
    for s in range(values.shape[1]):
        work[SAMPLE, s] = 0.0
        work[THERE, s] = 1.0
        if learn:
            moments[row, ANCHOR, s] = values[i, s]
    if learn:
        counts[row, BLOCK] = 1
    return values.shape[1]


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def judge_vector(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    learn: cython.bint,
    far: cython.double,
    autocorrelated: cython.bint,
    max_block: cython.longlong,
    inherited: cython.double,
    min_std: cython.double,
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, :, ::1],
    scatter: cython.double[:, :, ::1],
    work: cython.double[:, ::1],
    u: cython.double[:, ::1],
) -> cython.uchar:
    """Write the deviates of a sample, learn the sample where that is wanted; returns 2 or 6."""
    s: cython.Py_ssize_t
    n: cython.Py_ssize_t = u.shape[1]
    average: cython.double = 0.0
    worst: cython.double = 0.0
    for s in range(n):
        work[PHI, s] = 0.0
        if autocorrelated:
            work[PHI, s] = autocorrelation(
                row, moments[row, PRODUCT, s], moments[row, MEAN, s], scatter[row, s, s], counts
            )
        average += work[PHI, s] / n
        worst = max(worst, work[PHI, s])
    size: cython.double = deviate_vector(i, row, worst, min_std, counts, moments, scatter, work, u)
    wider: cython.double = widening(average, inherited, counts[row, BLOCK])
    for s in range(n):
        if work[THERE, s] > 0.0:
            u[i, s] /= wider
    if not learn:
        return 2
    if size > far:
        return suspect(row, counts)
    absorb_vector(row, counts, moments, scatter, work)
    return accept(row, worst, max_block, counts)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def deviate_vector(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    phi: cython.double,
    min_std: cython.double,
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, :, ::1],
    scatter: cython.double[:, :, ::1],
    work: cython.double[:, ::1],
    u: cython.double[:, ::1],
) -> cython.double:
    """Regress each sensor on those before it that are there, and judge what is left: |u|²."""
    a: cython.Py_ssize_t
    b: cython.Py_ssize_t
    rank: cython.double = 0.0
    variance: cython.double
    z: cython.double
    length: cython.double = 0.0
    size: cython.double = 0.0
    worth: cython.double = counts[row, LEARNT] * (1.0 - phi) / (1.0 + phi)
    scale: cython.double = worth / counts[row, LEARNT]
    for a in range(u.shape[1]):
        if work[THERE, a] == 0.0:
            continue
        rank += 1.0
        variance = scale * scatter[row, a, a]
        z = work[SAMPLE, a] - moments[row, MEAN, a]
        for b in range(a):
            if work[THERE, b] > 0.0:
                work[FACTOR + a, b] = project(a, b, scale * scatter[row, a, b], work)
                variance -= work[FACTOR + a, b] * work[FACTOR + a, b]
                z -= work[FACTOR + a, b] * work[LEFT, b]
        # A sensor that the others say altogether leaves nothing but rounding.
        variance = max(variance, 1e-10 * scale * scatter[row, a, a])
        work[FACTOR + a, a] = sqrt(max(variance, min_std * min_std * worth))
        z /= work[FACTOR + a, a]
        work[LEFT, a] = z
        u[i, a] = normal(
            z * sqrt(max(worth - rank, 1.5) / (1.0 + 1.0 / worth + length)), max(worth - rank, 1.5)
        )
        length += z * z
        size += u[i, a] * u[i, a]
    return size


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def project(
    a: cython.Py_ssize_t, b: cython.Py_ssize_t, x: cython.double, work: cython.double[:, ::1]
) -> cython.double:
    """Element a, b of Cholesky's factor, from that of the matrix and the factor's so far."""
    k: cython.Py_ssize_t
    for k in range(b):
        if work[THERE, k] > 0.0:
            x -= work[FACTOR + a, k] * work[FACTOR + b, k]
    return x / work[FACTOR + b, b]


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def keep(
    row: cython.Py_ssize_t,
    start: cython.double[:, :, ::1],
    counts: cython.longlong[:, ::1],
    work: cython.double[:, ::1],
) -> cython.void:
    s: cython.Py_ssize_t
    for s in range(start.shape[2]):
        start[row, counts[row, SEEN], s] = work[SAMPLE, s]
    counts[row, SEEN] += 1


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def begin_vector(
    row: cython.Py_ssize_t,
    min_std: cython.double,
    start: cython.double[:, :, ::1],
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, :, ::1],
    scatter: cython.double[:, :, ::1],
    work: cython.double[:, ::1],
    column: cython.double[::1],
) -> cython.void:
    """Take the first samples, without those in which a sensor is far from its median; anchor there.

    Far is 6 robust standard deviations.
    """
    s: cython.Py_ssize_t
    k: cython.Py_ssize_t
    near: cython.bint
    mid: cython.double
    counts[row, LEARNT] = counts[row, PAIRS] = counts[row, LINKED] = 0
    for s in range(start.shape[2]):
        for k in range(start.shape[1]):
            column[k] = start[row, k, s]
        mid = median(column, start.shape[1])
        for k in range(start.shape[1]):
            start[row, k, s] -= mid
            column[k] = fabs(start[row, k, s])
        work[PHI, s] = 6.0 * robust_std(column, start.shape[1], min_std)
        moments[row, ANCHOR, s] += mid
        moments[row, MEAN, s] = moments[row, PRODUCT, s] = 0.0
        for k in range(start.shape[2]):
            scatter[row, s, k] = 0.0
    for k in range(start.shape[1]):
        near = True
        for s in range(start.shape[2]):
            work[SAMPLE, s] = start[row, k, s]
            start[row, k, s] = 0.0
            near = near and fabs(work[SAMPLE, s]) <= work[PHI, s]
        if near:
            absorb_vector(row, counts, moments, scatter, work)
        else:
            counts[row, LINKED] = 0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def absorb_vector(
    row: cython.Py_ssize_t,
    counts: cython.longlong[:, ::1],
    moments: cython.double[:, :, ::1],
    scatter: cython.double[:, :, ::1],
    work: cython.double[:, ::1],
) -> cython.void:
    """Welford's update of mean and scatter, the lower triangle; and Σ y[k] y[k-1] per sensor."""
    a: cython.Py_ssize_t
    b: cython.Py_ssize_t
    counts[row, LEARNT] += 1
    share: cython.double = 1.0 / counts[row, LEARNT]
    for a in range(scatter.shape[1]):
        work[LEFT, a] = work[SAMPLE, a] - moments[row, MEAN, a]
        for b in range(a + 1):
            scatter[row, a, b] += (1.0 - share) * work[LEFT, a] * work[LEFT, b]
        moments[row, MEAN, a] += share * work[LEFT, a]
        if counts[row, LINKED]:
            moments[row, PRODUCT, a] += work[SAMPLE, a] * moments[row, BEFORE, a]
        moments[row, BEFORE, a] = work[SAMPLE, a]
    counts[row, PAIRS] += counts[row, LINKED]
    counts[row, LINKED] = 1


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def suspect(k: cython.Py_ssize_t, counts: cython.longlong[:, ::1]) -> cython.uchar:
    """Leave out a sample that is far out; 6 where as many follow each other as were learnt."""
    counts[k, LINKED] = 0
    counts[k, SUSPECTS] += 1
    return anew(k, counts) if counts[k, SUSPECTS] >= counts[k, LEARNT] else 2


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def accept(
    k: cython.Py_ssize_t,
    phi: cython.double,
    max_block: cython.longlong,
    counts: cython.longlong[:, ::1],
) -> cython.uchar:
    """After a sample was learnt: 6 where neighbours still resemble each other and blocks double."""
    counts[k, SUSPECTS] = 0
    if phi < 0.3 + 2.0 / sqrt(counts[k, LEARNT]) or 2 * counts[k, BLOCK] > max_block:
        return 2
    counts[k, BLOCK] *= 2
    return anew(k, counts)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def anew(k: cython.Py_ssize_t, counts: cython.longlong[:, ::1]) -> cython.uchar:
    """Gather the first samples once more."""
    counts[k, SUSPECTS] = counts[k, SEEN] = 0
    return 6


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def autocorrelation(
    k: cython.Py_ssize_t,
    product: cython.double,
    mean: cython.double,
    squares: cython.double,
    counts: cython.longlong[:, ::1],
) -> cython.double:
    """φ̂ of neighbouring samples, with Kendall's correction of its bias, within -0.5 … 0.99."""
    n: cython.double = counts[k, LEARNT]
    if counts[k, PAIRS] < 2 or squares <= 0.0:
        return 0.0
    phi: cython.double = (product / counts[k, PAIRS] - mean * mean) / (squares / n)
    return max(-0.5, min(phi + (1.0 + 4.0 * phi) / n, 0.99))


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def widening(phi: cython.double, inherited: cython.double, block: cython.longlong) -> cython.double:
    """How many times as far as independent samples these carry a statistic that inherits so much.

    Readings as an AR(1) process; means of blocks of one forget faster, φ³ after two and so on.
    """
    kept: cython.double = phi * inherited
    if block > 1 and phi > 0.0:
        return sqrt(1.0 + 2.0 * kept / (1.0 - phi * kept))
    return sqrt((1.0 + kept) / (1.0 - kept))


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
