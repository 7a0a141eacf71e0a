# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loop of Shewhart's chart with run rules; what it computes stands in `detectors.shewhart`."""

import cython
from cython.cimports.libc.math import fabs


def walk(
    rows: cython.const[cython.int][::1],
    u: cython.const[cython.double][:, ::1],
    due: cython.const[cython.uchar][:, ::1],
    learn: cython.const[cython.uchar][::1],
    recent: cython.double[:, :, ::1],
    run: cython.longlong[:, ::1],
    fired: cython.uchar[:, ::1],
    scores: cython.double[:, ::1],
    *,
    rules: cython.int,
    control_limit: cython.double,
):
    """Judge each sample with the four before it and the length of its run."""
    i: cython.Py_ssize_t
    sensor: cython.Py_ssize_t
    k: cython.Py_ssize_t
    row: cython.int
    x: cython.double
    length: cython.longlong
    score: cython.double
    bits: cython.uchar
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            for sensor in range(u.shape[1]):
                if due[i, sensor] == 0:
                    continue
                x = 3.0 * u[i, sensor] / control_limit
                length = run_length(run[row, sensor], x)
                bits = 0
                scores[i, sensor] = 0.0
                for k in range(4):
                    if rules & (1 << k):
                        score = by_rule(k, row, sensor, x, length, recent)
                        scores[i, sensor] = max(scores[i, sensor], score)
                        bits |= (score >= 1.0) << k
                if learn[i]:
                    fired[row, sensor] = bits
                    run[row, sensor] = length
                    move(row, sensor, x, recent)
                    if due[i, sensor] & 4:
                        run[row, sensor] = 0
                        for k in range(4):
                            recent[row, sensor, k] = 0.0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def by_rule(
    k: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    sensor: cython.Py_ssize_t,
    x: cython.double,
    length: cython.longlong,
    recent: cython.double[:, :, ::1],
) -> cython.double:
    """How near rule k+1 is to an alarm by this value, 1 being one."""
    if k == 0:
        return fabs(x) / 3.0
    if k == 1:
        return all_but_one(recent, row, sensor, x, 2) / 2.0
    if k == 2:
        return all_but_one(recent, row, sensor, x, 4)
    return fabs(length) / 8.0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def move(
    row: cython.Py_ssize_t,
    sensor: cython.Py_ssize_t,
    x: cython.double,
    recent: cython.double[:, :, ::1],
) -> cython.void:
    k: cython.Py_ssize_t
    for k in range(3, 0, -1):
        recent[row, sensor, k] = recent[row, sensor, k - 1]
    recent[row, sensor, 0] = x


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def run_length(run: cython.longlong, x: cython.double) -> cython.longlong:
    """Samples in a row on one side, negative below the centre line; 0 on it."""
    if x > 0.0:
        return max(run, 0) + 1
    if x < 0.0:
        return min(run, 0) - 1
    return 0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def all_but_one(
    recent: cython.double[:, :, ::1],
    row: cython.Py_ssize_t,
    sensor: cython.Py_ssize_t,
    x: cython.double,
    before: cython.Py_ssize_t,
) -> cython.double:
    """How far out all but one of x and so many samples before it lie, on their better side."""
    return max(
        second_least(recent, row, sensor, x, before, 1.0),
        second_least(recent, row, sensor, x, before, -1.0),
    )


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def second_least(
    recent: cython.double[:, :, ::1],
    row: cython.Py_ssize_t,
    sensor: cython.Py_ssize_t,
    x: cython.double,
    before: cython.Py_ssize_t,
    side: cython.double,
) -> cython.double:
    k: cython.Py_ssize_t
    y: cython.double
    least: cython.double = side * x
    second: cython.double = 1e300
    for k in range(before):
        y = side * recent[row, sensor, k]
        if y < least:
            second = least
            least = y
        elif y < second:
            second = y
    return second
