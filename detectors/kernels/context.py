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
    familiar: cython.double,
    spell: cython.double,
    level_s: cython.double,
    ridge: cython.double,
    nan: cython.double,
    learnt_ns: cython.longlong[::1],
    moments: cython.double[::1],
    extended: cython.double[::1],
    factor: cython.float[:, ::1],
    origin: cython.double[:, ::1],
    target: cython.float[:, ::1],
    squares: cython.double[:, ::1],
    freedom: cython.double[:, ::1],
    level: cython.double[:, ::1],
    level_ns: cython.longlong[:, ::1],
    renewing: cython.double[:, :, ::1],
    phi: cython.double[::1],
    y: cython.double[::1],
    aim: cython.double[::1],
    lever: cython.double[::1],
    sure: cython.double[::1],
    residuals: cython.double[:, ::1],
    expected: cython.double[:, ::1],
    band: cython.double[:, ::1],
) -> None:
    """Predict each value from its context, compare, and learn where the context is not known yet.

    Scratch: ``phi``, ``y`` [p] features and their solution; ``aim``, ``lever`` [S] the prediction
    of every sensor and how far it is from what is known; ``sure`` [S] the same of those features
    that must be.
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
            if moments[row] >= learn_moments:
                weight *= spell
            if not admit(
                row, weight, worst, learn_moments, familiar, depth, level, moments, extended
            ):
                continue
            teach(row, i, weight, full, depth, floor, squares, freedom, aim, lever, familiar)
            include(row, p, sqrt(weight), depth, start, factor, origin, target, phi, aim)


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
    renewing: cython.double[:, :, ::1],
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
def judge(
    row: cython.Py_ssize_t,
    time: cython.longlong,
    i: cython.Py_ssize_t,
    values: cython.const[cython.double][:, ::1],
    familiar: cython.double,
    renew_moments: cython.double,
    level_s: cython.double,
    floor: cython.const[cython.double][::1],
    squares: cython.double[:, ::1],
    freedom: cython.double[:, ::1],
    level: cython.double[:, ::1],
    level_ns: cython.longlong[:, ::1],
    renewing: cython.double[:, :, ::1],
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
        band[i, s] = max(sqrt(squares[row, s] / freedom[row, s]), floor[s]) * sqrt(1.0 + lever[s])
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
def admit(
    row: cython.Py_ssize_t,
    weight: cython.double,
    worst: cython.double,
    learn_moments: cython.double,
    familiar: cython.double,
    depth: cython.const[cython.int][::1],
    level: cython.double[:, ::1],
    moments: cython.double[::1],
    extended: cython.double[::1],
) -> cython.bint:
    """Count a row that is to be learnt: while learning any, then what is neither known nor odd."""
    if moments[row] >= learn_moments:
        if worst <= familiar or suspected(row, depth, level):
            return False
        extended[row] += weight
    moments[row] += weight
    return True


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
    squares: cython.double[:, ::1],
    freedom: cython.double[:, ::1],
    moments: cython.double[::1],
    y: cython.double[::1],
    aim: cython.double[::1],
    lever: cython.double[::1],
    renewing: cython.double[:, :, ::1],
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
            most = 4.0 * max(sqrt(squares[row, s] / freedom[row, s]), floor[s])
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
    row: cython.Py_ssize_t, depth: cython.const[cython.int][::1], level: cython.double[:, ::1]
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
def teach(
    row: cython.Py_ssize_t,
    i: cython.Py_ssize_t,
    weight: cython.double,
    full: cython.const[cython.double][:, ::1],
    depth: cython.const[cython.int][::1],
    floor: cython.const[cython.double][::1],
    squares: cython.double[:, ::1],
    freedom: cython.double[:, ::1],
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
    most: cython.double
    for s in range(depth.shape[0]):
        if depth[s] == 0 or not said(full[i, s]) or isnan(aim[s]):
            continue
        error = full[i, s] - aim[s]
        told = error
        if freedom[row, s] >= 30.0:
            most = 4.0 * max(sqrt(squares[row, s] / freedom[row, s]), floor[s])
            most *= sqrt(1.0 + lever[s])
            error = max(-most, min(most, error))
        if lever[s] <= 0.5:
            if freedom[row, s] >= 500.0:
                squares[row, s] *= 1.0 - weight / freedom[row, s]
                freedom[row, s] -= weight
            squares[row, s] += weight * error * error / (1.0 + lever[s])
            freedom[row, s] += weight
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
    squares: cython.double[:, ::1],
    freedom: cython.double[:, ::1],
    moments: cython.double[::1],
    aim: cython.double[::1],
    lever: cython.double[::1],
    familiar: cython.double,
    renewing: cython.double[:, :, ::1],
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
    squares: cython.double[:, ::1],
    freedom: cython.double[:, ::1],
    moments: cython.double,
    renewing: cython.double[:, :, ::1],
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
    variance: cython.double = squares[row, s] / freedom[row, s]
    old: cython.double
    usual: cython.double = 0.0
    gain: cython.double = 1.0
    error: cython.double = xx - 2.0 * ex + ee
    if stage == 0 and (x - e) * (x - e) < 0.25 * variance and error < 2.0 * variance:
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
    squares[row, s] = max(0.25 * variance, min(4.0 * variance, error)) * freedom[row, s]
    if stage == 3:
        for j in range(6):
            renewing[row, s, j] = 0.0
