# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The story of every residual by itself: has it leapt, how rough is it, and how is it at rest?

What is made of it stands in `detectors.attribution`. Phases: 0 steady, 1 leapt, 2 leapt on, 3 level
since, 4 climbing.
"""

import cython
from cython.cimports.libc.math import fabs, isnan

WEEK_S = cython.declare(cython.double, 604800.0)
STOPPED_S = cython.declare(cython.double, 1800.0)
"""After so long at rest nothing of the work is left in what a sensor reads."""
NAN = cython.declare(cython.double, float("nan"))


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    z: cython.const[cython.double][:, ::1],
    alone: cython.const[cython.double][:, ::1],
    beside: cython.const[cython.double][:, ::1],
    resting: cython.const[cython.uchar][::1],
    inert: cython.const[cython.uchar][::1],
    rests: cython.const[cython.uchar][::1],
    confirm_s: cython.double,
    leapt: cython.uchar[:, ::1],
    idle: cython.uchar[:, ::1],
    noise: cython.double[:, ::1],
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
    rest_s: cython.float[::1],
    at_rest: cython.float[:, ::1],
    at_work: cython.float[:, ::1],
) -> None:
    """Write who stands where it leapt to, is off no less at rest, and how rough for its record."""
    i: cython.Py_ssize_t
    s: cython.Py_ssize_t
    row: cython.Py_ssize_t
    step_s: cython.double
    calm: cython.bint
    back: cython.bint
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            step_s = (times[i] - told_ns[row]) * 1e-9 if told_ns[row] else 0.0
            step_s = min(max(step_s, 0.0), 1e7)
            told_ns[row] = times[i]
            back = resting[i] == 0 and rest_s[row] >= STOPPED_S
            rest_s[row] = rest_s[row] + step_s if resting[i] == 1 else 0.0
            for s in range(z.shape[1]):
                silent_s[row, s] = silent_s[row, s] + step_s
                age_s[row, s] = age_s[row, s] + step_s
                if not isnan(z[i, s]):
                    calm = larger(alone[i, s], beside[i, s]) < 0.5
                    listen(z[i, s], row, s, calm, silent_s, last, rough, record, heard_s)
                    if silent_s[row, s] > 7200.0 or (rests[s] and back):
                        # What happened meanwhile, or was silent at rest: nobody heard how fast.
                        phase[row, s] = known[row, s] = 0
                    follow(
                        z[i, s], row, s, calm, silent_s, before, first, level, age_s, known, phase
                    )
                    if rests[s]:
                        stop(z[i, s], row, s, resting[i], silent_s, rest_s, at_rest, at_work)
                    silent_s[row, s] = 0.0
                leapt[i, s] = inert[s] and phase[row, s] == 3 and age_s[row, s] >= confirm_s
                idle[i, s] = rests[s] and off_at_rest(at_rest[row, s], at_work[row, s], resting[i])
                noise[i, s] = NAN
                if heard_s[row, s] >= WEEK_S and record[row, s] > 0:
                    noise[i, s] = rough[row, s]
                    noise[i, s] /= record[row, s]


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
    if calm and heard_s[row, s] < WEEK_S:
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
    """Take a residual into its story."""
    gone_s: cython.double = silent_s[row, s]
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
def stop(
    x: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    resting: cython.uchar,
    silent_s: cython.float[:, ::1],
    rest_s: cython.float[::1],
    at_rest: cython.float[:, ::1],
    at_work: cython.float[:, ::1],
) -> cython.void:
    """Mean of an hour at rest, and of one at work; 0, 1 and 2: at work, at rest, not known."""
    gone_s: cython.double = silent_s[row, s]
    share: cython.double = gone_s / (gone_s + 3600.0)
    if resting == 0:
        at_work[row, s] = at_work[row, s] + share * (x - at_work[row, s])
    elif resting == 1 and rest_s[row] >= STOPPED_S:
        at_rest[row, s] = at_rest[row, s] + share * (x - at_rest[row, s])


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def off_at_rest(rest: cython.double, work: cython.double, resting: cython.uchar) -> cython.bint:
    """Whether it is off at rest, by half of what it is off at work at least, and still is."""
    if fabs(rest) < 0.7 or fabs(rest) < 0.5 * fabs(work):
        return False
    return resting == 1 or (work * rest > 0 and fabs(work) >= 0.5 * fabs(rest))
