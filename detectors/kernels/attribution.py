# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the attribution; what they decide stands in `detectors.attribution`.

What each residual tells by itself is found out before, in `detectors.kernels.story`.
"""

import cython
from cython.cimports.libc.math import fabs, isnan

DAY_NS = cython.declare(cython.longlong, 86_400_000_000_000)

STEP = cython.declare(cython.uchar, 1)
NOISE = cython.declare(cython.uchar, 2)
AT_REST = cython.declare(cython.uchar, 3)
DRIFT = cython.declare(cython.uchar, 4)
WRONG_WAY = cython.declare(cython.uchar, 5)
MISLED = cython.declare(cython.uchar, 6)
HARMLESS = cython.declare(cython.uchar, 7)


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    alone: cython.const[cython.double][:, ::1],
    beside: cython.const[cython.double][:, ::1],
    leapt: cython.const[cython.uchar][:, ::1],
    idle: cython.const[cython.uchar][:, ::1],
    noise: cython.const[cython.double][:, ::1],
    shared: cython.const[cython.uchar][:, ::1],
    off: cython.const[cython.uchar][:, ::1],
    codes: cython.uchar[:, ::1],
    inert: cython.const[cython.uchar][::1],
    harmless: cython.const[cython.schar][::1],
    follower: cython.const[cython.int][::1],
    explainer: cython.const[cython.int][::1],
    explains: cython.const[cython.uchar][::1],
    noise_ratio: cython.double,
    latched: cython.uchar[:, ::1],
    calm_ns: cython.longlong[:, ::1],
) -> None:
    """Judge each machine as a whole: first who is to be believed again, then who is to blame."""
    i: cython.Py_ssize_t
    s: cython.Py_ssize_t
    row: cython.Py_ssize_t
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            for s in range(codes.shape[1]):
                if off[i, s] and not STEP <= latched[row, s] <= AT_REST:
                    latched[row, s] = AT_REST
            release(
                i, row, times[i], shared, off, alone, beside, noise, harmless, explainer, explains,
                noise_ratio, latched, calm_ns,
            )  # fmt: skip
            name_noise(i, row, alone, beside, noise, inert, noise_ratio, latched)
            name(
                i, row, shared, alone, beside, leapt, idle, harmless, follower, explainer,
                explains, latched,
            )  # fmt: skip
            for s in range(codes.shape[1]):
                codes[i, s] = latched[row, s]


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def larger(alone: cython.double, beside: cython.double) -> cython.double:
    """The larger severity of both charts, by size; NaN says nothing."""
    a: cython.double = 0.0 if isnan(alone) else fabs(alone)
    b: cython.double = 0.0 if isnan(beside) else fabs(beside)
    return max(a, b)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def strangest(
    i: cython.Py_ssize_t,
    alone: cython.const[cython.double][:, ::1],
    beside: cython.const[cython.double][:, ::1],
) -> cython.Py_ssize_t:
    """The sensor with the largest severity; -1 where none has any."""
    s: cython.Py_ssize_t
    top: cython.Py_ssize_t = -1
    largest: cython.double = 0.0
    for s in range(alone.shape[1]):
        if larger(alone[i, s], beside[i, s]) > largest:
            largest = larger(alone[i, s], beside[i, s])
            top = s
    return top


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def blames_instrument(code: cython.uchar) -> cython.bint:
    """Whether a code puts it down to the sensor's own instrument."""
    return STEP <= code <= WRONG_WAY


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def leans(
    severity: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    harmless: cython.const[cython.schar][::1],
    explainer: cython.const[cython.int][::1],
    latched: cython.uchar[:, ::1],
) -> cython.bint:
    """Whether what it should read rests on an instrument to blame, and it does not look like harm.

    Explainers have explainers of their own, but never more than there are sensors.
    """
    k: cython.Py_ssize_t
    above: cython.int = explainer[s]
    if severity * harmless[s] < 0:
        return False
    for k in range(latched.shape[1]):
        if above < 0:
            return False
        if blames_instrument(latched[row, above]):
            return True
        above = explainer[above]
    return False


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def testifies(
    severity: cython.double,
    least: cython.double,
    shared: cython.bint,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    harmless: cython.const[cython.schar][::1],
    explainer: cython.const[cython.int][::1],
    latched: cython.uchar[:, ::1],
) -> cython.bint:
    """Whether it is that strange, not with all machines, nor a plain liar or misled by one."""
    if (
        shared
        or not fabs(severity) >= least
        or latched[row, s] == STEP
        or latched[row, s] == AT_REST
    ):
        return False
    return not leans(severity, row, s, harmless, explainer, latched)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def beyond(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    least: cython.double,
    shared: cython.const[cython.uchar][:, ::1],
    alone: cython.const[cython.double][:, ::1],
    harmless: cython.const[cython.schar][::1],
    explainer: cython.const[cython.int][::1],
    latched: cython.uchar[:, ::1],
) -> cython.int:
    """How many witnesses are that strange alone."""
    s: cython.Py_ssize_t
    n: cython.int = 0
    for s in range(alone.shape[1]):
        n += testifies(alone[i, s], least, shared[i, s], row, s, harmless, explainer, latched)
    return n


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def gone_that_way(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    way: cython.int,
    least: cython.double,
    shared: cython.const[cython.uchar][:, ::1],
    alone: cython.const[cython.double][:, ::1],
    harmless: cython.const[cython.schar][::1],
    latched: cython.uchar[:, ::1],
) -> cython.int:
    """How many that strange went the harmless way (1), or against it (-1)."""
    s: cython.Py_ssize_t
    n: cython.int = 0
    for s in range(alone.shape[1]):
        if not shared[i, s] and latched[row, s] != STEP and latched[row, s] != AT_REST:
            n += fabs(alone[i, s]) >= least and alone[i, s] * harmless[s] * way > 0
    return n


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def release(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    time: cython.longlong,
    shared: cython.const[cython.uchar][:, ::1],
    off: cython.const[cython.uchar][:, ::1],
    alone: cython.const[cython.double][:, ::1],
    beside: cython.const[cython.double][:, ::1],
    noise: cython.const[cython.double][:, ::1],
    harmless: cython.const[cython.schar][::1],
    explainer: cython.const[cython.int][::1],
    explains: cython.const[cython.uchar][::1],
    noise_ratio: cython.double,
    latched: cython.uchar[:, ::1],
    calm_ns: cython.longlong[:, ::1],
) -> cython.void:
    """Take back what has been calm for a day, and what others strange as well have contradicted."""
    s: cython.Py_ssize_t
    code: cython.uchar
    top: cython.Py_ssize_t = strangest(i, alone, beside)
    if top < 0:
        return
    least: cython.double = max(0.6, 0.45 * larger(alone[i, top], beside[i, top]))
    strange: cython.int = beyond(i, row, 1.0, shared, alone, harmless, explainer, latched)
    bad: cython.bint = gone_that_way(i, row, -1, least, shared, alone, harmless, latched) > 0
    misled: cython.bint = False
    for s in range(alone.shape[1]):
        code = latched[row, s]
        if code == NOISE:
            if not noise[i, s] >= 0.5 * noise_ratio or strange > 0:
                latched[row, s] = 0
        elif (
            not (code == WRONG_WAY and explains[s])
            and not off[i, s]
            and (
                rested(i, row, s, time, alone, beside, latched, calm_ns)
                or (DRIFT <= code <= WRONG_WAY and strange > 1)
                or (code >= MISLED and bad)
            )
        ):
            latched[row, s] = 0
            calm_ns[row, s] = 0
        misled = misled or latched[row, s] == MISLED
    for s in range(alone.shape[1]):
        if latched[row, s] == WRONG_WAY and explains[s] and not misled:
            latched[row, s] = 0


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def rested(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    time: cython.longlong,
    alone: cython.const[cython.double][:, ::1],
    beside: cython.const[cython.double][:, ::1],
    latched: cython.uchar[:, ::1],
    calm_ns: cython.longlong[:, ::1],
) -> cython.bint:
    """Whether a sensor is calm, and where its instrument was blamed, has been so for a day."""
    if isnan(alone[i, s]) and isnan(beside[i, s]):
        return False
    if not larger(alone[i, s], beside[i, s]) < 0.5:
        calm_ns[row, s] = 0
        return False
    if latched[row, s] >= MISLED:
        return True
    if calm_ns[row, s] == 0:
        calm_ns[row, s] = time
    return time - calm_ns[row, s] >= DAY_NS


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def name_noise(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    alone: cython.const[cython.double][:, ::1],
    beside: cython.const[cython.double][:, ::1],
    noise: cython.const[cython.double][:, ::1],
    inert: cython.const[cython.uchar][::1],
    noise_ratio: cython.double,
    latched: cython.uchar[:, ::1],
) -> cython.void:
    """Name the one sensor that is far rougher than ever, on a machine that is calm otherwise."""
    s: cython.Py_ssize_t
    loud: cython.Py_ssize_t = -1
    loudest: cython.double = 0.0
    second: cython.double = 0.0
    for s in range(noise.shape[1]):
        if noise[i, s] > loudest:
            second = loudest
            loudest = noise[i, s]
            loud = s
        elif noise[i, s] > second:
            second = noise[i, s]
    if loudest < noise_ratio or second >= 0.5 * loudest or not inert[loud]:
        return
    s = strangest(i, alone, beside)
    # A NaN compares False: where the charts of that sensor are silent, its mean may have moved.
    if fabs(alone[i, loud]) < 0.5 and larger(alone[i, s], beside[i, s]) < 0.8:
        latched[row, loud] = NOISE


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def name(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    shared: cython.const[cython.uchar][:, ::1],
    alone: cython.const[cython.double][:, ::1],
    beside: cython.const[cython.double][:, ::1],
    leapt: cython.const[cython.uchar][:, ::1],
    idle: cython.const[cython.uchar][:, ::1],
    harmless: cython.const[cython.schar][::1],
    follower: cython.const[cython.int][::1],
    explainer: cython.const[cython.int][::1],
    explains: cython.const[cython.uchar][::1],
    latched: cython.uchar[:, ::1],
) -> cython.void:
    """Latch a code for every strange sensor that the evidence puts down to an instrument."""
    s: cython.Py_ssize_t
    top: cython.Py_ssize_t = strangest(i, alone, beside)
    if top < 0 or larger(alone[i, top], beside[i, top]) < 1.0:
        return
    least: cython.double = max(0.6, 0.45 * larger(alone[i, top], beside[i, top]))
    good: cython.int = gone_that_way(i, row, 1, least, shared, alone, harmless, latched)
    bad: cython.int = gone_that_way(i, row, -1, least, shared, alone, harmless, latched)
    culprit: cython.int = -1
    named: cython.bint = False
    excused: cython.bint = False
    others: cython.int
    moved: cython.double
    size: cython.double
    if good >= 3 and bad == 0 and alone[i, top] * harmless[top] > 0:
        culprit = explainer[top]
    for s in range(alone.shape[1]):
        named = named or blames_instrument(latched[row, s])
        excused = excused or latched[row, s] >= MISLED
    for s in range(alone.shape[1]):
        size = fabs(alone[i, s])
        if larger(size, beside[i, s]) < 1.0 or STEP <= latched[row, s] <= AT_REST or shared[i, s]:
            continue
        # Who leapt did so against witnesses that may have been a little strange for long.
        moved = 0.8 if leapt[i, s] else 0.6
        others = beyond(i, row, moved, shared, alone, harmless, explainer, latched)
        others -= testifies(alone[i, s], moved, shared[i, s], row, s, harmless, explainer, latched)
        if not blames_instrument(latched[row, s]) and (
            (named and not size >= 0.75) or leans(alone[i, s], row, s, harmless, explainer, latched)
        ):
            latched[row, s] = MISLED
        elif size >= 0.35 and others == 0:
            name_single(
                i, row, s, shared, alone, leapt, idle, harmless, follower, explainer, explains,
                latched,
            )  # fmt: skip
        elif (
            bad == 0
            and latched[row, s] < DRIFT
            and (good >= 2 or (excused and alone[i, s] * harmless[s] > 0))
        ):
            latched[row, s] = HARMLESS
            if culprit >= 0:
                latched[row, s] = MISLED
                latched[row, culprit] = WRONG_WAY


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def name_single(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    shared: cython.const[cython.uchar][:, ::1],
    alone: cython.const[cython.double][:, ::1],
    leapt: cython.const[cython.uchar][:, ::1],
    idle: cython.const[cython.uchar][:, ::1],
    harmless: cython.const[cython.schar][::1],
    follower: cython.const[cython.int][::1],
    explainer: cython.const[cython.int][::1],
    explains: cython.const[cython.uchar][::1],
    latched: cython.uchar[:, ::1],
) -> cython.void:
    """Latch a code for the only sensor that has moved."""
    if leapt[i, s]:
        latched[row, s] = STEP
    elif idle[i, s]:
        latched[row, s] = AT_REST
    elif follower[s] >= 0 and fabs(alone[i, follower[s]]) < 0.35:
        latched[row, s] = DRIFT
    elif alone[i, s] * harmless[s] >= 0.6 and only_one_stirs(
        i, row, s, shared, alone, harmless, explainer, latched
    ):
        if explains[s] and explainer[s] >= 0:
            latched[row, s] = MISLED
            latched[row, explainer[s]] = WRONG_WAY
        else:
            latched[row, s] = WRONG_WAY


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def only_one_stirs(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    shared: cython.const[cython.uchar][:, ::1],
    alone: cython.const[cython.double][:, ::1],
    harmless: cython.const[cython.schar][::1],
    explainer: cython.const[cython.int][::1],
    latched: cython.uchar[:, ::1],
) -> cython.bint:
    """Whether no other sensor has so much as stirred."""
    n: cython.int = beyond(i, row, 0.4, shared, alone, harmless, explainer, latched)
    return n == testifies(alone[i, s], 0.4, shared[i, s], row, s, harmless, explainer, latched)
