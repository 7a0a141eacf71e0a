# cython: boundscheck=False, wraparound=False, initializedcheck=False
# mypy: ignore-errors
"""The loops of the quality stage; what they compute stands in `detectors.quality`."""

import cython
from cython.cimports.libc.math import fabs, isnan


def judge(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    values: cython.const[cython.double][:, ::1],
    low: cython.const[cython.double][::1],
    high: cython.const[cython.double][::1],
    max_step: cython.const[cython.double][::1],
    tolerance: cython.const[cython.double][::1],
    stuck_ns: cython.const[cython.longlong][::1],
    moving_sensor: cython.Py_ssize_t,
    moving_above: cython.double,
    level: cython.double[:, ::1],
    doubted: cython.double[:, ::1],
    doubts: cython.uchar[:, ::1],
    anchor: cython.double[:, ::1],
    told_ns: cython.longlong[:, ::1],
    stood_ns: cython.longlong[:, ::1],
    codes: cython.uchar[:, ::1],
) -> None:
    """Write the verdict on each value: 0 ok, 1 missing, 2 out of range, 3 spike, 4 stuck."""
    i: cython.Py_ssize_t
    s: cython.Py_ssize_t
    row: cython.Py_ssize_t
    x: cython.double
    moving: cython.bint
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            moving = moves(values, i, level, row, moving_sensor, moving_above)
            for s in range(values.shape[1]):
                x = values[i, s]
                if isnan(x):
                    codes[i, s] = 1
                elif not low[s] <= x <= high[s]:
                    codes[i, s] = 2
                elif leaps(x, row, s, max_step[s], level, doubted, doubts):
                    codes[i, s] = 3
                elif stuck_ns[s] > 0:
                    stand(
                        x, times[i], row, s, moving, tolerance[s], stuck_ns[s] // 10,
                        anchor, told_ns, stood_ns,
                    )  # fmt: skip
                    codes[i, s] = 4 if stood_ns[row, s] >= stuck_ns[s] else 0


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def moves(
    values: cython.const[cython.double][:, ::1],
    i: cython.Py_ssize_t,
    level: cython.double[:, ::1],
    row: cython.Py_ssize_t,
    sensor: cython.Py_ssize_t,
    above: cython.double,
) -> cython.bint:
    """Whether the machine moves, by the sensor that tells it: now, or else when last believed."""
    if sensor < 0:
        return True
    x: cython.double = values[i, sensor]
    return (level[row, sensor] if isnan(x) else x) > above


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def leaps(
    x: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    max_step: cython.double,
    level: cython.double[:, ::1],
    doubted: cython.double[:, ::1],
    doubts: cython.uchar[:, ::1],
) -> cython.bint:
    """Whether x is too far from the last believed value, and not the third of a new level."""
    if fabs(x - level[row, s]) > max_step:
        if doubts[row, s] > 0 and fabs(x - doubted[row, s]) <= max_step:
            doubts[row, s] += 1
        else:
            doubts[row, s] = 1
        doubted[row, s] = x
        if doubts[row, s] < 3:
            return True
    level[row, s] = x
    doubts[row, s] = 0
    return False


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def stand(
    x: cython.double,
    time: cython.longlong,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    moving: cython.bint,
    tolerance: cython.double,
    longest_ns: cython.longlong,
    anchor: cython.double[:, ::1],
    told_ns: cython.longlong[:, ::1],
    stood_ns: cython.longlong[:, ::1],
) -> cython.void:
    """Count for how long the value has stood still, or start again where it has not."""
    if not fabs(x - anchor[row, s]) <= tolerance:
        anchor[row, s] = x
        stood_ns[row, s] = 0
    elif moving:
        stood_ns[row, s] += min(time - told_ns[row, s], longest_ns)
    told_ns[row, s] = time
