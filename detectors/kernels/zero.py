# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# mypy: ignore-errors
"""The loop of the watch on zeros; what it decides stands in `detectors.zero`."""

import cython
from cython.cimports.libc.math import fabs, isnan

SETTLED_S = cython.declare(cython.double, 1800.0)
"""After so long at rest nothing is left of the work."""
MEAN_S = cython.declare(cython.double, 3600.0)
RESTED_S = cython.declare(cython.double, 10800.0)
WEEK_S = cython.declare(cython.double, 604800.0)
LONGEST_S = cython.declare(cython.double, 7200.0)
SHARE = cython.declare(cython.double, 0.01)


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    values: cython.const[cython.double][:, ::1],
    resting: cython.const[cython.uchar][::1],
    columns: cython.const[cython.int][::1],
    learn_s: cython.double,
    told_ns: cython.longlong[::1],
    age_s: cython.float[:, ::1],
    rest_s: cython.float[::1],
    work_s: cython.float[::1],
    mean: cython.float[:, ::1],
    lowest: cython.float[:, ::1],
    highest: cython.float[:, ::1],
    largest: cython.float[:, ::1],
    heard_s: cython.float[:, ::1],
    off: cython.uchar[:, ::1],
    found: cython.uchar[:, ::1],
) -> None:
    """Follow what each sensor reads at rest, and write whose zero is off."""
    i: cython.Py_ssize_t
    c: cython.Py_ssize_t
    row: cython.Py_ssize_t
    x: cython.double
    since_s: cython.double
    learning: cython.bint
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            since_s = (times[i] - told_ns[row]) * 1e-9 if told_ns[row] >= 0 else 0.0
            since_s = min(max(since_s, 0.0), LONGEST_S)
            told_ns[row] = times[i]
            if resting[i] == 1:
                rest_s[row] = min(rest_s[row] + since_s, WEEK_S)
                work_s[row] = 0.0
            else:
                rest_s[row] = 0.0
                work_s[row] = min(work_s[row] + since_s, WEEK_S)
            for c in range(columns.shape[0]):
                x = values[i, columns[c]]
                learning = age_s[row, c] < learn_s or heard_s[row, c] < RESTED_S
                if age_s[row, c] < learn_s:
                    age_s[row, c] = age_s[row, c] + since_s
                if isnan(x):
                    pass
                elif resting[i] == 0 and learning:
                    largest[row, c] = max(largest[row, c], fabs(x))
                elif rest_s[row] >= SETTLED_S:
                    rest(x, since_s, learning, row, c, mean, lowest, highest, largest, heard_s, off)
                if work_s[row] >= WEEK_S:
                    off[row, c] = 0
                found[i, columns[c]] = off[row, c]


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def rest(
    x: cython.double,
    since_s: cython.double,
    learning: cython.bint,
    row: cython.Py_ssize_t,
    c: cython.Py_ssize_t,
    mean: cython.float[:, ::1],
    lowest: cython.float[:, ::1],
    highest: cython.float[:, ::1],
    largest: cython.float[:, ::1],
    heard_s: cython.float[:, ::1],
    off: cython.uchar[:, ::1],
) -> cython.void:
    """A value at rest: learn it, or hold the mean against what was learnt."""
    now: cython.double = mean[row, c]
    now = x if isnan(now) else now + since_s / (since_s + MEAN_S) * (x - now)
    mean[row, c] = now
    margin: cython.double = highest[row, c]
    margin = max(margin - lowest[row, c], SHARE * largest[row, c])
    if learning:
        heard_s[row, c] = heard_s[row, c] + since_s
        lowest[row, c] = min(lowest[row, c], now)
        highest[row, c] = max(highest[row, c], now)
    else:
        off[row, c] = now > highest[row, c] + margin or now < lowest[row, c] - margin
