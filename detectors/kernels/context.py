# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the regression on context; what they compute stands in `detectors.context`."""

import cython
from cython.cimports.libc.math import exp, fabs, isnan, sqrt


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    values: cython.const[cython.double][:, ::1],
    full: cython.const[cython.double][:, ::1],
    features: cython.const[cython.double][:, ::1],
    valid: cython.const[cython.int][::1],
    learn: cython.const[cython.uchar][::1],
    depth: cython.const[cython.int][::1],
    assured: cython.const[cython.int][::1],
    start: cython.const[cython.int][::1],
    floor: cython.const[cython.double][::1],
    moment_s: cython.double,
    least: cython.double,
    largest: cython.double,
    learn_moments: cython.double,
    renew_moments: cython.double,
    hold_moments: cython.double,
    per_day: cython.double,
    in_all: cython.double,
    familiar: cython.double,
    spell: cython.double,
    level_s: cython.double,
    ridge: cython.double,
    nan: cython.double,
    marks: cython.const[cython.int][::1],
    learnt_ns: cython.longlong[::1],
    moments: cython.double[::1],
    extended: cython.double[::1],
    factor: cython.float[:, ::1],
    origin: cython.double[:, ::1],
    target: cython.float[:, ::1],
    squares: cython.float[:, ::1],
    freedom: cython.float[:, ::1],
    level: cython.float[:, ::1],
    level_ns: cython.longlong[:, ::1],
    renewing: cython.float[:, :, ::1],
    held: cython.float[:, :, ::1],
    age: cython.double[::1],
    day: cython.int[::1],
    moved: cython.double[:, ::1],
    gained: cython.float[:, ::1],
    span: cython.float[:, :, ::1],
    phi: cython.double[::1],
    y: cython.double[::1],
    z: cython.double[::1],
    aim: cython.double[::1],
    lever: cython.double[::1],
    sure: cython.double[::1],
    mean: cython.double[:, ::1],
    residuals: cython.double[:, ::1],
    expected: cython.double[:, ::1],
    band: cython.double[:, ::1],
    news: cython.double[:, ::1],
    solved: cython.double[:, ::1],
) -> cython.Py_ssize_t:
    """Predict each value from its context, compare, and learn where the context is not known yet.

    Scratch: ``phi``, ``y``, ``z`` [p] features and their solution; ``aim``, ``lever`` [S] the
    prediction of every sensor and how far it is from what is known; ``sure`` [S] the same of those
    features that must be; ``mean`` [1, S] what sensors read on average while a block was held.
    ``solved`` [n, p] takes y where it is wanted; else it has no rows. Returns how many rows of
    ``news`` were written.
    """
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    row: cython.Py_ssize_t
    p: cython.Py_ssize_t = phi.shape[0]
    known: cython.int
    weight: cython.double
    enough: cython.double
    worst: cython.double
    far: cython.double
    told: cython.Py_ssize_t = 0
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            if factor[row, 0] == 0.0:
                begin(row, p, times[i], ridge, learnt_ns, factor)
            known = valid[i] if valid[i] < p else cython.cast(cython.int, p)
            far = 0.0
            for j in range(known):
                phi[j] = y[j] = features[i, j]
                far = max(far, fabs(phi[j]))
            solve(row, known, p, factor, y)
            if i < solved.shape[0]:
                for j in range(known):
                    solved[i, j] = y[j]
            worst = predict(row, known, full, i, nan, depth, assured, start, origin, target, y, aim,
                            lever, sure, learn_moments / 20.0, moments, renewing)  # fmt: skip
            judge(
                row, times[i], i, values, familiar, renew_moments, level_s, floor, squares, freedom,
                level, level_ns, renewing, aim, lever, sure, residuals, expected, band,
            )  # fmt: skip
            if not learn[i] or known < p or far > largest:
                continue
            enough = least if moments[row] < learn_moments else least / spell
            weight = weigh(row, times[i], moment_s, enough, learnt_ns)
            if weight < enough:
                continue
            follow(row, i, known, weight, learn_moments, full, depth, start, floor, target, squares,
                   freedom, moments, y, aim, lever, renewing)  # fmt: skip
            renew(
                row, i, weight, renew_moments, full, depth, start, factor, origin, target, squares,
                freedom, moments, aim, lever, familiar, renewing,
            )  # fmt: skip
            if moments[row] < learn_moments:
                moments[row] += weight
                teach(row, i, weight, full, depth, floor, squares, freedom, aim, lever, familiar)
                include(row, p, sqrt(weight), depth, start, factor, origin, target, phi, aim)
                continue
            told = extend(
                row, i, times[i], told, weight, spell, worst, hold_moments, per_day, in_all,
                familiar, learn_moments, ridge, full, depth, start, floor, moments, extended,
                factor, origin, target, squares, freedom, level, held, age, day, moved, gained,
                span, marks, phi, y, z, aim, lever, mean, news,
            )  # fmt: skip
    return told


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def said(x: cython.double) -> cython.bint:
    """Whether a value is known, and one that single precision can hold."""
    return -1e30 < x < 1e30


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def begin(
    row: cython.Py_ssize_t,
    p: cython.Py_ssize_t,
    time: cython.longlong,
    ridge: cython.double,
    learnt_ns: cython.longlong[::1],
    factor: cython.float[:, ::1],
) -> cython.void:
    """Begin as if features had been seen a little already, all of them with nothing to show."""
    j: cython.Py_ssize_t
    at: cython.Py_ssize_t = 0
    for j in range(p):
        factor[row, at] = ridge if j else 1e-9
        at += p - j
    learnt_ns[row] = time


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def solve(
    row: cython.Py_ssize_t,
    valid: cython.Py_ssize_t,
    p: cython.Py_ssize_t,
    factor: cython.float[:, ::1],
    y: cython.double[::1],
) -> cython.void:
    """Solve ``Rᵀ y = φ`` in place, R upper triangular, stored by rows; two rows at a time."""
    j: cython.Py_ssize_t
    k: cython.Py_ssize_t
    at: cython.Py_ssize_t = 0
    below: cython.Py_ssize_t
    one: cython.double
    two: cython.double
    for j in range(0, valid - 1, 2):
        below = at + p - j
        one = y[j] / factor[row, at]
        two = (y[j + 1] - factor[row, at + 1] * one) / factor[row, below]
        for k in range(2, valid - j):
            y[j + k] = y[j + k] - factor[row, at + k] * one - factor[row, below + k - 1] * two
        y[j] = one
        y[j + 1] = two
        at = below + p - j - 1
    if valid % 2:
        y[valid - 1] /= factor[row, at]


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def predict(
    row: cython.Py_ssize_t,
    valid: cython.int,
    full: cython.const[cython.double][:, ::1],
    i: cython.Py_ssize_t,
    nan: cython.double,
    depth: cython.const[cython.int][::1],
    assured: cython.const[cython.int][::1],
    start: cython.const[cython.int][::1],
    origin: cython.double[:, ::1],
    target: cython.float[:, ::1],
    y: cython.double[::1],
    aim: cython.double[::1],
    lever: cython.double[::1],
    sure: cython.double[::1],
    late: cython.double,
    moments: cython.double[::1],
    renewing: cython.float[:, :, ::1],
) -> cython.double:
    """Prediction and leverage of every judged sensor, NaN where its context is; the largest one."""
    s: cython.Py_ssize_t
    n: cython.int = 0
    h: cython.double = 0.0
    worst: cython.double = 0.0
    for s in range(depth.shape[0]):
        aim[s] = lever[s] = sure[s] = nan
        if depth[s] == 0 or depth[s] > valid:
            continue
        if isnan(origin[row, s]) and said(full[i, s]):
            origin[row, s] = full[i, s]
            if moments[row] > late:
                renewing[row, s, 0] = -1e-9
        if depth[s] != n:  # mostly the same for many sensors
            n = depth[s]
            h = length2(y, n)
        aim[s] = origin[row, s] + along(y, row, start[s], n, target)
        lever[s] = h
        sure[s] = h if assured[s] == n else length2(y, assured[s])
        worst = max(worst, h)
    return worst


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def length2(y: cython.double[::1], n: cython.Py_ssize_t) -> cython.double:
    """|y|² of the first ``n``."""
    j: cython.Py_ssize_t
    h: cython.double = 0.0
    for j in range(n):
        h += y[j] * y[j]
    return h


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def along(
    y: cython.double[::1],
    row: cython.Py_ssize_t,
    first: cython.Py_ssize_t,
    n: cython.Py_ssize_t,
    target: cython.float[:, ::1],
) -> cython.double:
    """yᵀ d of the first ``n``, in four lanes, because each addition waits for the one before."""
    j: cython.Py_ssize_t
    fours: cython.Py_ssize_t = n - n % 4
    a: cython.double = 0.0
    b: cython.double = 0.0
    c: cython.double = 0.0
    d: cython.double = 0.0
    for j in range(0, fours, 4):
        a += y[j] * target[row, first + j]
        b += y[j + 1] * target[row, first + j + 1]
        c += y[j + 2] * target[row, first + j + 2]
        d += y[j + 3] * target[row, first + j + 3]
    for j in range(fours, n):
        a += y[j] * target[row, first + j]
    return (a + b) + (c + d)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def variance(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    squares: cython.float[:, ::1],
    freedom: cython.float[:, ::1],
) -> cython.double:
    """σ²; divided in double precision, as Python does."""
    square: cython.double = squares[row, s]
    return square / freedom[row, s]


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def judge(
    row: cython.Py_ssize_t,
    time: cython.longlong,
    i: cython.Py_ssize_t,
    values: cython.const[cython.double][:, ::1],
    familiar: cython.double,
    renew_moments: cython.double,
    level_s: cython.double,
    floor: cython.const[cython.double][::1],
    squares: cython.float[:, ::1],
    freedom: cython.float[:, ::1],
    level: cython.float[:, ::1],
    level_ns: cython.longlong[:, ::1],
    renewing: cython.float[:, :, ::1],
    aim: cython.double[::1],
    lever: cython.double[::1],
    sure: cython.double[::1],
    residuals: cython.double[:, ::1],
    expected: cython.double[:, ::1],
    band: cython.double[:, ::1],
) -> cython.void:
    """Standardise what is left of each reported value, where its context is familiar."""
    s: cython.Py_ssize_t
    z: cython.double
    share: cython.double = 0.0
    since_ns: cython.longlong = time
    for s in range(values.shape[1]):
        if not sure[s] <= familiar or freedom[row, s] < 30.0:
            continue
        if renewing[row, s, 0] < 0.0 or 0.0 < renewing[row, s, 0] < renew_moments + 1.0:
            continue
        expected[i, s] = aim[s]
        band[i, s] = max(sqrt(variance(row, s, squares, freedom)), floor[s]) * sqrt(1.0 + lever[s])
        if isnan(values[i, s]):
            continue
        z = (values[i, s] - aim[s]) / band[i, s]
        residuals[i, s] = z
        if level_ns[row, s] != since_ns:  # mostly the same for all sensors
            since_ns = level_ns[row, s]
            share = 1.0 - exp(min(since_ns - time, 0) * 1e-9 / level_s)
        level[row, s] += share * (max(-4.0, min(4.0, z)) - level[row, s])
        level_ns[row, s] = max(time, level_ns[row, s])


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def weigh(
    row: cython.Py_ssize_t,
    time: cython.longlong,
    moment_s: cython.double,
    least: cython.double,
    learnt_ns: cython.longlong[::1],
) -> cython.double:
    """How much of a moment has gone by since a row was learnt; less than ``least`` waits."""
    weight: cython.double = min((time - learnt_ns[row]) * 1e-9 / moment_s, 1.0)
    if weight >= least:
        learnt_ns[row] = time
    return weight


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def follow(
    row: cython.Py_ssize_t,
    i: cython.Py_ssize_t,
    known: cython.Py_ssize_t,
    weight: cython.double,
    learn_moments: cython.double,
    full: cython.const[cython.double][:, ::1],
    depth: cython.const[cython.int][::1],
    start: cython.const[cython.int][::1],
    floor: cython.const[cython.double][::1],
    target: cython.float[:, ::1],
    squares: cython.float[:, ::1],
    freedom: cython.float[:, ::1],
    moments: cython.double[::1],
    y: cython.double[::1],
    aim: cython.double[::1],
    lever: cython.double[::1],
    renewing: cython.float[:, :, ::1],
) -> cython.void:
    """Teach a sensor that began late what its machine knows already: a step of 2/n along ``y``.

    The products of all y that were learnt add up to one, so the mean of ``y · error`` points at
    what is missing, and no direction is slower than others. Two, to forget the first steps.
    """
    s: cython.Py_ssize_t
    j: cython.Py_ssize_t
    n: cython.double
    error: cython.double
    most: cython.double
    step: cython.double
    for s in range(depth.shape[0]):
        if depth[s] == 0 or depth[s] > known or not said(full[i, s]):
            continue
        if renewing[row, s, 0] >= 0.0:
            continue
        n = weight - renewing[row, s, 0]
        renewing[row, s, 0] = -n
        error = full[i, s] - aim[s]
        if freedom[row, s] >= 30.0:
            most = 4.0 * max(sqrt(variance(row, s, squares, freedom)), floor[s])
            error = max(-most, min(most, error))
        if freedom[row, s] >= 500.0:
            squares[row, s] *= 1.0 - weight / freedom[row, s]
            freedom[row, s] -= weight
        squares[row, s] += weight * error * error
        freedom[row, s] += weight
        step = 2.0 * weight * max(moments[row], 1.0) / (n + 1.0)
        step *= error / (1.0 + step * lever[s])
        for j in range(depth[s]):
            target[row, start[s] + j] += step * y[j]
        aim[s] += step * lever[s]
        if n >= learn_moments:
            renewing[row, s, 0] = 0.0


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def suspected(
    row: cython.Py_ssize_t, depth: cython.const[cython.int][::1], level: cython.float[:, ::1]
) -> cython.bint:
    """Whether residuals have long been away from zero: then what is new may be the fault."""
    s: cython.Py_ssize_t
    for s in range(depth.shape[0]):
        if depth[s] > 0 and not -1.5 < level[row, s] < 1.5:
            return True
    return False


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def drawn(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    error: cython.double,
    lever: cython.double,
    floor: cython.const[cython.double][::1],
    squares: cython.float[:, ::1],
    freedom: cython.float[:, ::1],
) -> cython.double:
    """An error no further out than four standard deviations, where these are known."""
    most: cython.double
    if freedom[row, s] < 30.0:
        return error
    most = 4.0 * max(sqrt(variance(row, s, squares, freedom)), floor[s]) * sqrt(1.0 + lever)
    return max(-most, min(most, error))


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def widen(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    square: cython.double,
    weight: cython.double,
    squares: cython.float[:, ::1],
    freedom: cython.float[:, ::1],
) -> cython.void:
    """Add to the squares of errors, of which those of some 500 moments count."""
    if freedom[row, s] >= 500.0:
        squares[row, s] *= 1.0 - weight / freedom[row, s]
        freedom[row, s] -= weight
    squares[row, s] += square
    freedom[row, s] += weight


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def teach(
    row: cython.Py_ssize_t,
    i: cython.Py_ssize_t,
    weight: cython.double,
    full: cython.const[cython.double][:, ::1],
    depth: cython.const[cython.int][::1],
    floor: cython.const[cython.double][::1],
    squares: cython.float[:, ::1],
    freedom: cython.float[:, ::1],
    aim: cython.double[::1],
    lever: cython.double[::1],
    familiar: cython.double,
) -> cython.void:
    """Spread of the errors made before learning them; and what each sensor is to be fitted to.

    From then on ``aim`` is the value less far out than four standard deviations, the prediction
    where there is none, so that it changes nothing.
    """
    s: cython.Py_ssize_t
    error: cython.double
    told: cython.double
    for s in range(depth.shape[0]):
        if depth[s] == 0 or not said(full[i, s]) or isnan(aim[s]):
            continue
        told = full[i, s] - aim[s]
        error = drawn(row, s, told, lever[s], floor, squares, freedom)
        if lever[s] <= 0.5:
            widen(row, s, weight * error * error / (1.0 + lever[s]), weight, squares, freedom)
        aim[s] += error if lever[s] <= familiar else told


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def include(
    row: cython.Py_ssize_t,
    p: cython.Py_ssize_t,
    root: cython.double,
    depth: cython.const[cython.int][::1],
    start: cython.const[cython.int][::1],
    factor: cython.float[:, ::1],
    origin: cython.double[:, ::1],
    target: cython.float[:, ::1],
    phi: cython.double[::1],
    aim: cython.double[::1],
) -> cython.void:
    """Rotate one more row into the triangular factor and into every sensor's right-hand side."""
    j: cython.Py_ssize_t
    k: cython.Py_ssize_t
    s: cython.Py_ssize_t
    at: cython.Py_ssize_t = 0
    length: cython.double
    cosine: cython.double
    sine: cython.double
    old: cython.double
    for j in range(p):
        phi[j] *= root
    for s in range(depth.shape[0]):
        if depth[s] > 0:
            aim[s] = root * (aim[s] - origin[row, s])
    for j in range(p):
        if phi[j] != 0.0:
            old = factor[row, at]
            length = sqrt(old * old + phi[j] * phi[j])
            cosine = old / length
            sine = phi[j] / length
            factor[row, at] = length
            for k in range(j + 1, p):
                old = factor[row, at + k - j]
                factor[row, at + k - j] = cosine * old + sine * phi[k]
                phi[k] = cosine * phi[k] - sine * old
            for s in range(depth.shape[0]):
                if j < depth[s] and not isnan(aim[s]):
                    old = target[row, start[s] + j]
                    target[row, start[s] + j] = cosine * old + sine * aim[s]
                    aim[s] = cosine * aim[s] - sine * old
        at += p - j


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def renew(
    row: cython.Py_ssize_t,
    i: cython.Py_ssize_t,
    weight: cython.double,
    renew_moments: cython.double,
    full: cython.const[cython.double][:, ::1],
    depth: cython.const[cython.int][::1],
    start: cython.const[cython.int][::1],
    factor: cython.float[:, ::1],
    origin: cython.double[:, ::1],
    target: cython.float[:, ::1],
    squares: cython.float[:, ::1],
    freedom: cython.float[:, ::1],
    moments: cython.double[::1],
    aim: cython.double[::1],
    lever: cython.double[::1],
    familiar: cython.double,
    renewing: cython.float[:, :, ::1],
) -> cython.void:
    """Gather what sensors read on which somebody has worked, and fit them anew now and then.

    ``renewing`` holds per sensor: weight + 1, Σe, Σx, Σe², Σex, Σx² over predictions e, values x;
    or minus the weight of what a sensor that began late has learnt.
    """
    s: cython.Py_ssize_t
    k: cython.Py_ssize_t
    e: cython.double
    x: cython.double
    n: cython.double
    mark: cython.double
    for s in range(depth.shape[0]):
        if renewing[row, s, 0] <= 0.0 or not lever[s] <= familiar or not said(full[i, s]):
            continue
        if freedom[row, s] < 30.0:  # nothing was learnt that could be learnt anew
            continue
        e = aim[s] - origin[row, s]
        x = full[i, s] - origin[row, s]
        n = renewing[row, s, 0] - 1.0
        renewing[row, s, 0] += weight
        renewing[row, s, 1] += weight * e
        renewing[row, s, 2] += weight * x
        renewing[row, s, 3] += weight * e * e
        renewing[row, s, 4] += weight * e * x
        renewing[row, s, 5] += weight * x * x
        for k in range(4):
            mark = renew_moments * (1 << k)
            if n < mark <= n + weight:
                fit(row, s, n + weight, k, depth, start, factor, target, squares, freedom,
                    moments[row], renewing)  # fmt: skip


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def fit(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    n: cython.double,
    stage: cython.Py_ssize_t,
    depth: cython.const[cython.int][::1],
    start: cython.const[cython.int][::1],
    factor: cython.float[:, ::1],
    target: cython.float[:, ::1],
    squares: cython.float[:, ::1],
    freedom: cython.float[:, ::1],
    moments: cython.double,
    renewing: cython.float[:, :, ::1],
) -> cython.void:
    """Give a sensor a new level and gain; the gain only as far as its context has moved since.

    One that reads as before keeps what it has.
    """
    j: cython.Py_ssize_t
    e: cython.double = renewing[row, s, 1] / n
    x: cython.double = renewing[row, s, 2] / n
    ee: cython.double = renewing[row, s, 3] / n
    ex: cython.double = renewing[row, s, 4] / n
    xx: cython.double = renewing[row, s, 5] / n
    spread: cython.double = variance(row, s, squares, freedom)
    old: cython.double
    usual: cython.double = 0.0
    gain: cython.double = 1.0
    error: cython.double = xx - 2.0 * ex + ee
    if stage == 0 and (x - e) * (x - e) < 0.25 * spread and error < 2.0 * spread:
        for j in range(6):
            renewing[row, s, j] = 0.0
        return
    for j in range(1, depth[s]):
        old = target[row, start[s] + j]
        usual += old * old
    usual *= 0.03 / moments
    if usual > 0.0:
        gain = (ex - e * x + usual) / (ee - e * e + usual)
    x -= gain * e
    for j in range(depth[s]):
        target[row, start[s] + j] *= gain
    target[row, start[s]] += x * factor[row, 0]
    renewing[row, s, 1] = n * (gain * e + x)
    renewing[row, s, 3] = n * (gain * gain * ee + 2.0 * gain * x * e + x * x)
    renewing[row, s, 4] = n * (gain * ex + x * renewing[row, s, 2] / n)
    error = xx - 2.0 * renewing[row, s, 4] / n + renewing[row, s, 3] / n
    squares[row, s] = max(0.25 * spread, min(4.0 * spread, error)) * freedom[row, s]
    if stage == 3:
        for j in range(6):
            renewing[row, s, j] = 0.0


# What is new once the learning time is over waits in blocks, is learnt from their means, and costs.


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def extend(
    row: cython.Py_ssize_t,
    i: cython.Py_ssize_t,
    time: cython.longlong,
    told: cython.Py_ssize_t,
    weight: cython.double,
    spell: cython.double,
    worst: cython.double,
    hold_moments: cython.double,
    per_day: cython.double,
    in_all: cython.double,
    familiar: cython.double,
    learn_moments: cython.double,
    ridge: cython.double,
    full: cython.const[cython.double][:, ::1],
    depth: cython.const[cython.int][::1],
    start: cython.const[cython.int][::1],
    floor: cython.const[cython.double][::1],
    moments: cython.double[::1],
    extended: cython.double[::1],
    factor: cython.float[:, ::1],
    origin: cython.double[:, ::1],
    target: cython.float[:, ::1],
    squares: cython.float[:, ::1],
    freedom: cython.float[:, ::1],
    level: cython.float[:, ::1],
    held: cython.float[:, :, ::1],
    age: cython.double[::1],
    day: cython.int[::1],
    moved: cython.double[:, ::1],
    gained: cython.float[:, ::1],
    span: cython.float[:, :, ::1],
    marks: cython.const[cython.int][::1],
    phi: cython.double[::1],
    y: cython.double[::1],
    z: cython.double[::1],
    aim: cython.double[::1],
    lever: cython.double[::1],
    mean: cython.double[:, ::1],
    news: cython.double[:, ::1],
) -> cython.Py_ssize_t:
    """Hold a row that is new, throw out what waits if something is odd, learn what has waited."""
    today: cython.int = cython.cast(cython.int, time // 1000000000 // 86400)
    if today > day[row]:
        if gained[row, 0] > 0.0:
            told = report(row, i, 0.0, told, day, moved, gained, span, news)
        begin_day(row, today, day, moved, gained, span)
    if suspected(row, depth, level):
        throw_out(row, held, age)
        return told
    if worst > familiar:
        hold(row, i, spell * weight, full, depth, floor, origin, squares, freedom, aim, lever, phi,
             held)  # fmt: skip
    age[row] += weight
    if age[row] < hold_moments:
        return told
    age[row] = 0.0
    return release(
        row, i, told, spell, per_day, in_all, familiar, learn_moments, ridge, depth, start, floor,
        moments, extended, factor, origin, target, squares, freedom, held, day, moved,
        gained, span, marks, phi, y, z, aim, lever, mean, news,
    )  # fmt: skip


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def begin_day(
    row: cython.Py_ssize_t,
    today: cython.int,
    day: cython.int[::1],
    moved: cython.double[:, ::1],
    gained: cython.float[:, ::1],
    span: cython.float[:, :, ::1],
) -> cython.void:
    """Nothing learnt or moved yet on this day (UTC, of event time), and its budget is whole."""
    c: cython.Py_ssize_t
    day[row] = today
    moved[row, 0] = 0.0
    gained[row, 0] = 0.0
    if gained[row, 1] == 1.0:
        gained[row, 1] = 0.0
    for c in range(span.shape[1]):
        span[row, c, 0] = span[row, c, 1] = 0.0


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def report(
    row: cython.Py_ssize_t,
    i: cython.Py_ssize_t,
    what: cython.double,
    told: cython.Py_ssize_t,
    day: cython.int[::1],
    moved: cython.double[:, ::1],
    gained: cython.float[:, ::1],
    span: cython.float[:, :, ::1],
    news: cython.double[:, ::1],
) -> cython.Py_ssize_t:
    """Tell what was learnt in a day (0), or that the budget of a day (1) or of all (2) is spent."""
    c: cython.Py_ssize_t
    news[told, 0] = i
    news[told, 1] = what
    news[told, 2] = day[row]
    news[told, 3] = gained[row, 0]
    news[told, 4] = moved[row, 0]
    news[told, 5] = moved[row, 1]
    for c in range(span.shape[1]):
        news[told, 6 + 2 * c] = span[row, c, 0]
        news[told, 7 + 2 * c] = span[row, c, 1]
    return told + 1


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def throw_out(
    row: cython.Py_ssize_t, held: cython.float[:, :, ::1], age: cython.double[::1]
) -> cython.void:
    """Forget what waits."""
    b: cython.Py_ssize_t
    k: cython.Py_ssize_t
    age[row] = 0.0
    for b in range(held.shape[1]):
        if held[row, b, 0] > 0.0:
            for k in range(held.shape[2]):
                held[row, b, k] = 0.0


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def hold(
    row: cython.Py_ssize_t,
    i: cython.Py_ssize_t,
    weight: cython.double,
    full: cython.const[cython.double][:, ::1],
    depth: cython.const[cython.int][::1],
    floor: cython.const[cython.double][::1],
    origin: cython.double[:, ::1],
    squares: cython.float[:, ::1],
    freedom: cython.float[:, ::1],
    aim: cython.double[::1],
    lever: cython.double[::1],
    phi: cython.double[::1],
    held: cython.float[:, :, ::1],
) -> cython.void:
    """Add a row to the block that is filling.

    ``held`` has per block its weight, Σ w φ, and for each judged sensor Σ w x, counted from its
    origin; then squares of errors and their weight. Where x is missing what is expected stands for
    it, so that it changes nothing; what was never heard is NaN.
    """
    j: cython.Py_ssize_t
    s: cython.Py_ssize_t
    k: cython.Py_ssize_t = 1 + phi.shape[0]
    error: cython.double
    held[row, 0, 0] += weight
    for j in range(phi.shape[0]):
        held[row, 0, 1 + j] += weight * phi[j]
    for s in range(depth.shape[0]):
        if depth[s] == 0:
            continue
        if not said(full[i, s]):
            held[row, 0, k] += weight * (aim[s] - origin[row, s])
        else:
            held[row, 0, k] += weight * (full[i, s] - origin[row, s])
            if lever[s] <= 0.5:
                error = drawn(row, s, full[i, s] - aim[s], lever[s], floor, squares, freedom)
                held[row, 0, k + 1] += weight * error * error / (1.0 + lever[s])
                held[row, 0, k + 2] += weight
        k += 3


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def release(
    row: cython.Py_ssize_t,
    i: cython.Py_ssize_t,
    told: cython.Py_ssize_t,
    spell: cython.double,
    per_day: cython.double,
    in_all: cython.double,
    familiar: cython.double,
    learn_moments: cython.double,
    ridge: cython.double,
    depth: cython.const[cython.int][::1],
    start: cython.const[cython.int][::1],
    floor: cython.const[cython.double][::1],
    moments: cython.double[::1],
    extended: cython.double[::1],
    factor: cython.float[:, ::1],
    origin: cython.double[:, ::1],
    target: cython.float[:, ::1],
    squares: cython.float[:, ::1],
    freedom: cython.float[:, ::1],
    held: cython.float[:, :, ::1],
    day: cython.int[::1],
    moved: cython.double[:, ::1],
    gained: cython.float[:, ::1],
    span: cython.float[:, :, ::1],
    marks: cython.const[cython.int][::1],
    phi: cython.double[::1],
    y: cython.double[::1],
    z: cython.double[::1],
    aim: cython.double[::1],
    lever: cython.double[::1],
    mean: cython.double[:, ::1],
    news: cython.double[:, ::1],
) -> cython.Py_ssize_t:
    """Learn the mean of the block that has waited, if the budget has room for it; shift the other.

    Scratch as in `walk`.
    """
    last: cython.Py_ssize_t = held.shape[1] - 1
    k: cython.Py_ssize_t
    weight: cython.double = held[row, last, 0]
    cost: cython.double
    spent: cython.double
    if weight > 0.0:
        unpack(row, weight, depth, start, factor, origin, target, held, phi, y, aim, lever, mean)
        cost = draw_in(row, weight, familiar, learn_moments, ridge, depth, floor, factor, squares,
                       freedom, y, z, aim, lever, mean)  # fmt: skip
        spent = 0.0
        if moved[row, 0] + cost > per_day:
            spent = 1.0
        elif gained[row, 1] == 2.0 or moved[row, 1] + cost > in_all:
            spent = 2.0
        if spent > 0.0:
            if gained[row, 1] < spent:
                gained[row, 1] = spent
                told = report(row, i, spent, told, day, moved, gained, span, news)
        else:
            enlarge(row, marks, phi, gained, span)
            settle(row, last, depth, held, squares, freedom)
            include(row, phi.shape[0], sqrt(weight), depth, start, factor, origin, target, phi, aim)
            moments[row] += weight
            extended[row] += weight
            gained[row, 0] += weight / spell
            moved[row, 0] += cost
            moved[row, 1] += cost
    for k in range(held.shape[2]):
        if last > 0:
            held[row, last, k] = held[row, 0, k]
        held[row, 0, k] = 0.0
    return told


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def unpack(
    row: cython.Py_ssize_t,
    weight: cython.double,
    depth: cython.const[cython.int][::1],
    start: cython.const[cython.int][::1],
    factor: cython.float[:, ::1],
    origin: cython.double[:, ::1],
    target: cython.float[:, ::1],
    held: cython.float[:, :, ::1],
    phi: cython.double[::1],
    y: cython.double[::1],
    aim: cython.double[::1],
    lever: cython.double[::1],
    mean: cython.double[:, ::1],
) -> cython.void:
    """Means of the block that has waited, and what is expected and known of them by now."""
    j: cython.Py_ssize_t
    s: cython.Py_ssize_t
    p: cython.Py_ssize_t = phi.shape[0]
    k: cython.Py_ssize_t = 1 + p
    last: cython.Py_ssize_t = held.shape[1] - 1
    for j in range(p):
        phi[j] = y[j] = held[row, last, 1 + j] / weight
    solve(row, p, p, factor, y)
    for s in range(depth.shape[0]):
        if depth[s] > 0:
            aim[s] = origin[row, s] + along(y, row, start[s], depth[s], target)
            lever[s] = length2(y, depth[s])
            mean[0, s] = origin[row, s] + held[row, last, k] / weight
            k += 3


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def draw_in(
    row: cython.Py_ssize_t,
    weight: cython.double,
    familiar: cython.double,
    learn_moments: cython.double,
    ridge: cython.double,
    depth: cython.const[cython.int][::1],
    floor: cython.const[cython.double][::1],
    factor: cython.float[:, ::1],
    squares: cython.float[:, ::1],
    freedom: cython.float[:, ::1],
    y: cython.double[::1],
    z: cython.double[::1],
    aim: cython.double[::1],
    lever: cython.double[::1],
    mean: cython.double[:, ::1],
) -> cython.double:
    """Turn ``aim`` into what each sensor is to be fitted to; returns how far it moves the farthest.

    Learning an error e with weight w turns β by ``R⁻¹ y · w e / (1 + w h)``, and so what is
    expected over all that is known, root mean square, by ``|y|² - ρ |R⁻¹ y|²`` of that; the second
    term is what the ridge pretends to have seen.
    """
    s: cython.Py_ssize_t
    n: cython.int = 0
    error: cython.double
    sigma: cython.double
    known: cython.double = 0.0
    most: cython.double = 0.0
    for s in range(depth.shape[0]):
        if depth[s] == 0 or isnan(mean[0, s]) or isnan(aim[s]):
            continue
        error = mean[0, s] - aim[s]
        if lever[s] <= familiar:
            error = drawn(row, s, error, lever[s], floor, squares, freedom)
        aim[s] += error
        if freedom[row, s] < 30.0:
            continue
        if depth[s] != n:
            n = depth[s]
            known = lever[s] - ridge * ridge * pretended(row, n, factor, y, z)
        sigma = max(sqrt(variance(row, s, squares, freedom)), floor[s])
        most = max(most, weight * fabs(error) / (1.0 + weight * lever[s]) / sigma
                   * sqrt(max(known, 0.0) / learn_moments))  # fmt: skip
    return most


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def pretended(
    row: cython.Py_ssize_t,
    n: cython.Py_ssize_t,
    factor: cython.float[:, ::1],
    y: cython.double[::1],
    z: cython.double[::1],
) -> cython.double:
    """|R⁻¹ y|² of the first ``n`` but for the leading 1, which has no ridge."""
    j: cython.Py_ssize_t
    k: cython.Py_ssize_t
    p: cython.Py_ssize_t = y.shape[0]
    at: cython.Py_ssize_t
    total: cython.double = 0.0
    for j in range(n - 1, 0, -1):
        at = j * p - j * (j - 1) // 2
        z[j] = y[j]
        for k in range(j + 1, n):
            z[j] -= factor[row, at + k - j] * z[k]
        z[j] /= factor[row, at]
        total += z[j] * z[j]
    return total


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def settle(
    row: cython.Py_ssize_t,
    last: cython.Py_ssize_t,
    depth: cython.const[cython.int][::1],
    held: cython.float[:, :, ::1],
    squares: cython.float[:, ::1],
    freedom: cython.float[:, ::1],
) -> cython.void:
    """Let the errors that were made in a block count for the spread."""
    s: cython.Py_ssize_t
    k: cython.Py_ssize_t = held.shape[2]
    for s in range(depth.shape[0] - 1, -1, -1):
        if depth[s] > 0:
            k -= 3
            if held[row, last, k + 2] > 0.0:
                widen(row, s, held[row, last, k + 1], held[row, last, k + 2], squares, freedom)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def enlarge(
    row: cython.Py_ssize_t,
    marks: cython.const[cython.int][::1],
    phi: cython.double[::1],
    gained: cython.float[:, ::1],
    span: cython.float[:, :, ::1],
) -> cython.void:
    """Where it was that something was learnt today."""
    c: cython.Py_ssize_t
    for c in range(marks.shape[0]):
        if gained[row, 0] == 0.0:
            span[row, c, 0] = span[row, c, 1] = phi[marks[c]]
        else:
            span[row, c, 0] = min(span[row, c, 0], phi[marks[c]])
            span[row, c, 1] = max(span[row, c, 1], phi[marks[c]])
