# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the attribution; what they decide stands in `detectors.attribution`."""

import cython
from cython.cimports.libc.math import fabs, isnan

DAY_NS = cython.declare(cython.longlong, 86_400_000_000_000)


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    z: cython.const[cython.double][:, ::1],
    alone: cython.const[cython.double][:, ::1],
    beside: cython.const[cython.double][:, ::1],
    codes: cython.uchar[:, ::1],
    inert: cython.const[cython.uchar][::1],
    harmless: cython.const[cython.schar][::1],
    follower: cython.const[cython.int][::1],
    explainer: cython.const[cython.int][::1],
    explains: cython.const[cython.uchar][::1],
    confirm_s: cython.double,
    noise_ratio: cython.double,
    told_ns: cython.longlong[::1],
    silent_s: cython.float[:, ::1],
    last: cython.float[:, ::1],
    rough: cython.float[:, ::1],
    record: cython.float[:, ::1],
    heard_s: cython.float[:, ::1],
    before: cython.float[:, ::1],
    first: cython.float[:, ::1],
    level: cython.float[:, ::1],
    age_s: cython.float[:, ::1],
    known: cython.ushort[:, ::1],
    phase: cython.uchar[:, ::1],
    latched: cython.uchar[:, ::1],
    calm_ns: cython.longlong[:, ::1],
) -> None:
    """Follow level and roughness of every residual, then judge the machine as a whole."""
    i: cython.Py_ssize_t
    s: cython.Py_ssize_t
    row: cython.Py_ssize_t
    step_s: cython.double
    calm: cython.bint
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            step_s = (times[i] - told_ns[row]) * 1e-9 if told_ns[row] else 0.0
            step_s = min(max(step_s, 0.0), 1e7)
            told_ns[row] = times[i]
            for s in range(z.shape[1]):
                silent_s[row, s] = silent_s[row, s] + step_s
                age_s[row, s] = age_s[row, s] + step_s
                if isnan(z[i, s]):
                    continue
                calm = larger(alone[i, s], beside[i, s]) < 0.5
                listen(z[i, s], row, s, calm, silent_s, last, rough, record, heard_s)
                follow(z[i, s], row, s, calm, silent_s, before, first, level, age_s, known, phase)
                silent_s[row, s] = 0.0
            release(i, row, alone, beside, harmless, explains, noise_ratio, rough, record, times[i],
                    latched, calm_ns)  # fmt: skip
            name_noise(i, row, alone, beside, inert, noise_ratio, rough, record, heard_s, latched)
            name(
                i, row, alone, beside, inert, harmless, follower, explainer, explains, confirm_s,
                age_s, phase, latched,
            )  # fmt: skip
            for s in range(z.shape[1]):
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
def listen(
    x: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    calm: cython.bint,
    silent_s: cython.float[:, ::1],
    last: cython.float[:, ::1],
    rough: cython.float[:, ::1],
    record: cython.float[:, ::1],
    heard_s: cython.float[:, ::1],
) -> cython.void:
    """Mean square of successive differences over 6 h, and its largest in the first calm week."""
    gone_s: cython.double = silent_s[row, s]
    square: cython.double = (x - last[row, s]) * (x - last[row, s])
    last[row, s] = x
    if isnan(square) or gone_s > 7200.0:
        return
    if heard_s[row, s] > 172800.0:
        # A wild value counts twice, there and back; a single one must not look like noise.
        square = min(square, 16.0 * record[row, s])
    rough[row, s] = rough[row, s] + min(1.0 / 40.0, gone_s / (gone_s + 21600.0)) * (
        square - rough[row, s]
    )
    if calm and heard_s[row, s] < 604800.0:
        heard_s[row, s] = heard_s[row, s] + gone_s
        record[row, s] = max(record[row, s], rough[row, s])


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def follow(
    x: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    calm: cython.bint,
    silent_s: cython.float[:, ::1],
    before: cython.float[:, ::1],
    first: cython.float[:, ::1],
    level: cython.float[:, ::1],
    age_s: cython.float[:, ::1],
    known: cython.ushort[:, ::1],
    phase: cython.uchar[:, ::1],
) -> cython.void:
    """Take a residual into its story: 0 steady, 1 leapt, 2 leapt on, 3 level since, 4 climbing."""
    gone_s: cython.double = silent_s[row, s]
    if gone_s > 7200.0:
        # Whatever happened meanwhile, nobody saw how fast.
        phase[row, s] = 0
        known[row, s] = 0
    if phase[row, s] == 0:
        stand(x, row, s, calm, gone_s, before, first, level, age_s, known, phase)
    elif phase[row, s] <= 2:
        land(x, row, s, before, first, level, age_s, known, phase)
    else:
        stay(x, row, s, gone_s, before, first, level, age_s, known, phase)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def stand(
    x: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    calm: cython.bint,
    gone_s: cython.double,
    before: cython.float[:, ::1],
    first: cython.float[:, ::1],
    level: cython.float[:, ::1],
    age_s: cython.float[:, ::1],
    known: cython.ushort[:, ::1],
    phase: cython.uchar[:, ::1],
) -> cython.void:
    """Steady: far from the last hour and from the last minutes is a leap, out of calm only."""
    fresh: cython.double = 1.0 / (known[row, s] + 1.0)
    was: cython.double = before[row, s]
    lately: cython.double = level[row, s]
    if calm and known[row, s] >= 10 and fabs(x - was) >= 4.0 and fabs(x - lately) >= 3.0:
        age_s[row, s] = 0.0
        start(x, row, s, 1, first, level, known, phase)
        return
    before[row, s] = was + max(gone_s / (gone_s + 3600.0), fresh) * (x - was)
    level[row, s] = lately + max(gone_s / (gone_s + 120.0), fresh) * (x - lately)
    known[row, s] = min(known[row, s] + 1, 60000)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def land(
    x: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    before: cython.float[:, ::1],
    first: cython.float[:, ::1],
    level: cython.float[:, ::1],
    age_s: cython.float[:, ::1],
    known: cython.ushort[:, ::1],
    phase: cython.uchar[:, ::1],
) -> cython.void:
    """Just leapt: back again, there to stay, once more further, or on and on."""
    was: cython.double = before[row, s]
    there: cython.double = first[row, s]
    if fabs(x - was) < 2.0:
        start(x, row, s, 0, first, level, known, phase)
    elif fabs(x - there) <= max(4.0, 0.35 * fabs(there - was)):
        start(0.5 * (x + there), row, s, 3, first, level, known, phase)
    elif phase[row, s] == 1 or age_s[row, s] <= 120.0:
        start(x, row, s, 2, first, level, known, phase)
    else:
        start(x, row, s, 4, first, level, known, phase)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def stay(
    x: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    gone_s: cython.double,
    before: cython.float[:, ::1],
    first: cython.float[:, ::1],
    level: cython.float[:, ::1],
    age_s: cython.float[:, ::1],
    known: cython.ushort[:, ::1],
    phase: cython.uchar[:, ::1],
) -> cython.void:
    """Level or climbing: is it still where it landed?"""
    was: cython.double = before[row, s]
    there: cython.double = first[row, s]
    now: cython.double = level[row, s]
    now += max(gone_s / (gone_s + 1800.0), 1.0 / (known[row, s] + 1.0)) * (x - now)
    level[row, s] = now
    known[row, s] = min(known[row, s] + 1, 60000)
    if age_s[row, s] <= 120.0:
        first[row, s] = now
    if fabs(now - was) < min(2.0, 0.5 * fabs(there - was)):
        start(x, row, s, 0, first, level, known, phase)
    elif phase[row, s] == 4 and age_s[row, s] > 86400.0:
        before[row, s] = now
        start(x, row, s, 0, first, level, known, phase)
    elif fabs(now - there) > max(2.5, 0.35 * fabs(there - was)):
        phase[row, s] = 4


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def start(
    x: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    now: cython.uchar,
    first: cython.float[:, ::1],
    level: cython.float[:, ::1],
    known: cython.ushort[:, ::1],
    phase: cython.uchar[:, ::1],
) -> cython.void:
    """Begin a phase at this level."""
    phase[row, s] = now
    level[row, s] = x
    if now:
        first[row, s] = x
        known[row, s] = 2 if now == 3 else 1
    else:
        known[row, s] = 10


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def beyond(
    severity: cython.const[cython.double][:, ::1],
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    least: cython.double,
    latched: cython.uchar[:, ::1],
) -> cython.int:
    """How many sensors are that strange alone, those not counted that have plainly leapt."""
    s: cython.Py_ssize_t
    n: cython.int = 0
    for s in range(severity.shape[1]):
        if latched[row, s] != 1 and fabs(severity[i, s]) >= least:
            n += 1
    return n


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def gone_that_way(
    alone: cython.const[cython.double][:, ::1],
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    way: cython.int,
    least: cython.double,
    harmless: cython.const[cython.schar][::1],
    latched: cython.uchar[:, ::1],
) -> cython.int:
    """How many of them went the harmless way (1), or against it (-1)."""
    s: cython.Py_ssize_t
    n: cython.int = 0
    for s in range(alone.shape[1]):
        if (
            latched[row, s] != 1
            and fabs(alone[i, s]) >= least
            and alone[i, s] * harmless[s] * way > 0
        ):
            n += 1
    return n


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
def release(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    alone: cython.const[cython.double][:, ::1],
    beside: cython.const[cython.double][:, ::1],
    harmless: cython.const[cython.schar][::1],
    explains: cython.const[cython.uchar][::1],
    noise_ratio: cython.double,
    rough: cython.float[:, ::1],
    record: cython.float[:, ::1],
    time: cython.longlong,
    latched: cython.uchar[:, ::1],
    calm_ns: cython.longlong[:, ::1],
) -> cython.void:
    """Take back what has been calm for a day, and what others strange as well have contradicted."""
    s: cython.Py_ssize_t
    top: cython.Py_ssize_t = strangest(i, alone, beside)
    if top < 0:
        return
    least: cython.double = max(0.6, 0.45 * larger(alone[i, top], beside[i, top]))
    strange: cython.bint = beyond(alone, i, row, 1.0, latched) > 1
    bad: cython.bint = gone_that_way(alone, i, row, -1, least, harmless, latched) > 0
    noise: cython.bint
    misled: cython.bint = False
    for s in range(alone.shape[1]):
        if latched[row, s] == 2:
            noise = rough[row, s] >= 0.5 * noise_ratio * record[row, s]
            if not noise or beyond(alone, i, row, 1.0, latched):
                latched[row, s] = 0
        elif not (latched[row, s] == 4 and explains[s]) and (
            rested(i, row, s, time, alone, beside, latched, calm_ns)
            or (3 <= latched[row, s] <= 4 and strange)
            or (latched[row, s] >= 5 and bad)
        ):
            latched[row, s] = 0
            calm_ns[row, s] = 0
        misled = misled or latched[row, s] == 5
    for s in range(alone.shape[1]):
        if latched[row, s] == 4 and explains[s] and not misled:
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
    if silent(alone, beside, i, s):
        return False
    if not larger(alone[i, s], beside[i, s]) < 0.5:
        calm_ns[row, s] = 0
        return False
    if latched[row, s] >= 5:
        return True
    if calm_ns[row, s] == 0:
        calm_ns[row, s] = time
    return time - calm_ns[row, s] >= DAY_NS


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def silent(
    alone: cython.const[cython.double][:, ::1],
    beside: cython.const[cython.double][:, ::1],
    i: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
) -> cython.bint:
    """Whether no chart of the sensor says anything."""
    return isnan(alone[i, s]) and isnan(beside[i, s])


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def name_noise(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    alone: cython.const[cython.double][:, ::1],
    beside: cython.const[cython.double][:, ::1],
    inert: cython.const[cython.uchar][::1],
    noise_ratio: cython.double,
    rough: cython.float[:, ::1],
    record: cython.float[:, ::1],
    heard_s: cython.float[:, ::1],
    latched: cython.uchar[:, ::1],
) -> cython.void:
    """Name the one sensor that is far rougher than ever, on a machine that is calm otherwise."""
    s: cython.Py_ssize_t
    loud: cython.Py_ssize_t = -1
    ratio: cython.double
    loudest: cython.double = 0.0
    second: cython.double = 0.0
    for s in range(alone.shape[1]):
        if heard_s[row, s] < 604800.0 or record[row, s] <= 0:
            continue
        ratio = rough[row, s]
        ratio = ratio / record[row, s]
        if ratio > loudest:
            second = loudest
            loudest = ratio
            loud = s
        elif ratio > second:
            second = ratio
    if loudest < noise_ratio or second >= 0.5 * loudest or not inert[loud]:
        return
    s = strangest(i, alone, beside)
    # A NaN compares False: where the charts of that sensor are silent, its mean may have moved.
    if fabs(alone[i, loud]) < 0.5 and larger(alone[i, s], beside[i, s]) < 0.8:
        latched[row, loud] = 2


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def name(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    alone: cython.const[cython.double][:, ::1],
    beside: cython.const[cython.double][:, ::1],
    inert: cython.const[cython.uchar][::1],
    harmless: cython.const[cython.schar][::1],
    follower: cython.const[cython.int][::1],
    explainer: cython.const[cython.int][::1],
    explains: cython.const[cython.uchar][::1],
    confirm_s: cython.double,
    age_s: cython.float[:, ::1],
    phase: cython.uchar[:, ::1],
    latched: cython.uchar[:, ::1],
) -> cython.void:
    """Latch a code for every strange sensor that the evidence puts down to an instrument."""
    s: cython.Py_ssize_t
    top: cython.Py_ssize_t = strangest(i, alone, beside)
    if top < 0 or larger(alone[i, top], beside[i, top]) < 1.0:
        return
    least: cython.double = max(0.6, 0.45 * larger(alone[i, top], beside[i, top]))
    good: cython.int = gone_that_way(alone, i, row, 1, least, harmless, latched)
    bad: cython.int = gone_that_way(alone, i, row, -1, least, harmless, latched)
    moved: cython.int = beyond(alone, i, row, 0.6, latched)
    stirred: cython.int = beyond(alone, i, row, 0.4, latched)
    culprit: cython.int = -1
    named: cython.bint = False
    size: cython.double
    if good >= 3 and bad == 0 and alone[i, top] * harmless[top] > 0:
        culprit = explainer[top]
    for s in range(alone.shape[1]):
        named = named or 1 <= latched[row, s] <= 4
    for s in range(alone.shape[1]):
        size = fabs(alone[i, s])
        if larger(size, beside[i, s]) < 1.0 or 1 <= latched[row, s] <= 2:
            continue
        if named and not size >= 0.75 and (latched[row, s] == 0 or latched[row, s] == 5):
            latched[row, s] = 5
        elif size >= 0.35 and moved - (size >= 0.6) == 0:
            name_single(
                i, row, s, alone, stirred - (size >= 0.4) == 0,
                inert[s] and phase[row, s] == 3 and age_s[row, s] >= confirm_s,
                harmless, follower, explainer, explains, latched,
            )  # fmt: skip
        elif good >= 2 and bad == 0 and latched[row, s] < 3:
            latched[row, s] = 6
            if culprit >= 0:
                latched[row, s] = 5
                latched[row, culprit] = 4


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def name_single(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    alone: cython.const[cython.double][:, ::1],
    quiet: cython.bint,
    leapt: cython.bint,
    harmless: cython.const[cython.schar][::1],
    follower: cython.const[cython.int][::1],
    explainer: cython.const[cython.int][::1],
    explains: cython.const[cython.uchar][::1],
    latched: cython.uchar[:, ::1],
) -> cython.void:
    """Latch a code for the only sensor that has moved; quiet: no other has even stirred."""
    if leapt:
        latched[row, s] = 1
    elif follower[s] >= 0 and fabs(alone[i, follower[s]]) < 0.35:
        latched[row, s] = 3
    elif quiet and alone[i, s] * harmless[s] >= 0.6:
        if explains[s] and explainer[s] >= 0:
            latched[row, s] = 5
            latched[row, explainer[s]] = 4
        else:
            latched[row, s] = 4
