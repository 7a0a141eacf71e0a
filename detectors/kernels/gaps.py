# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# mypy: ignore-errors
"""Who was not reported, and should have been; what it computes stands in `detectors.quality`.

Verdicts: 0 reported, 1 missing, 6 gap.
"""

import cython
from cython.cimports.libc.math import fabs, isnan

GAP_TIMES = cython.declare(cython.double, 3.0)
GAP_INTERVALS = cython.declare(cython.double, 10.0)
LATE = cython.declare(cython.double, 0.8)
LOST_SHARE = cython.declare(cython.double, 0.1)
ON_TIME = cython.declare(cython.double, 2.5)

KNOWN_VALUES = cython.declare(cython.int, 500)
MOST = cython.declare(cython.int, 65535)
REGULAR = cython.declare(cython.int, 1)


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    values: cython.const[cython.double][:, ::1],
    learning: cython.bint,
    since_s: cython.double[::1],
    age_s: cython.double[::1],
    nth: cython.ushort[:, ::1],
    codes: cython.uchar[:, ::1],
    first_ns: cython.longlong[::1],
    heard_ns: cython.longlong[::1],
    seen: cython.ushort[:, ::1],
    interval_s: cython.float[:, ::1],
    unheard_s: cython.float[:, ::1],
    lull_s: cython.float[:, ::1],
    lost: cython.float[:, ::1],
    marks: cython.uchar[:, ::1],
) -> None:
    """Write what is missing, since when the machine is heard, and how often each sensor was."""
    i: cython.Py_ssize_t
    s: cython.Py_ssize_t
    row: cython.Py_ssize_t
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            since_s[i] = passed(times[i], row, first_ns, heard_ns)
            age_s[i] = (times[i] - first_ns[row]) / 1e9
            for s in range(values.shape[1]):
                if not isnan(values[i, s]):
                    if learning:
                        hear(row, s, since_s[i], seen, interval_s, unheard_s, lull_s, lost, marks)
                else:
                    codes[i, s] = 1
                    if learning and lacks(
                        row, s, since_s[i], seen, interval_s, unheard_s, lull_s, lost, marks
                    ):
                        codes[i, s] = 6
                nth[i, s] = seen[row, s]


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def passed(
    time: cython.longlong,
    row: cython.Py_ssize_t,
    first_ns: cython.longlong[::1],
    heard_ns: cython.longlong[::1],
) -> cython.double:
    """Seconds since the machine was last heard."""
    before: cython.longlong = heard_ns[row]
    heard_ns[row] = time
    if before < 0:
        first_ns[row] = time
        return 0.0
    return (time - before) / 1e9 if time > before else 0.0


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def lacks(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    since_s: cython.double,
    seen: cython.ushort[:, ::1],
    interval_s: cython.float[:, ::1],
    unheard_s: cython.float[:, ::1],
    lull_s: cython.float[:, ::1],
    lost: cython.float[:, ::1],
    marks: cython.uchar[:, ::1],
) -> cython.bint:
    """Whether the sensor has been silent for unusually long while its machine spoke."""
    if seen[row, s] == 0:
        return False
    interval: cython.double = interval_s[row, s]
    silent: cython.double = unheard_s[row, s]
    longest: cython.double = lull_s[row, s]
    share: cython.double = lost[row, s]
    # An outage of the whole machine is nobody's gap: it counts for three intervals at most.
    silent += since_s if seen[row, s] < 20 else min(since_s, 3 * interval)
    unheard_s[row, s] = silent
    if seen[row, s] < 20:
        return False
    if silent > max(GAP_INTERVALS * interval, GAP_TIMES * longest):
        return True
    return (marks[row, s] & REGULAR) != 0 and share > LOST_SHARE and silent > LATE * interval


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def hear(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    since_s: cython.double,
    seen: cython.ushort[:, ::1],
    interval_s: cython.float[:, ::1],
    unheard_s: cython.float[:, ::1],
    lull_s: cython.float[:, ::1],
    lost: cython.float[:, ::1],
    marks: cython.uchar[:, ::1],
) -> cython.void:
    """Learn how often the sensor speaks, and how long it is silent between."""
    n: cython.int = seen[row, s]
    interval: cython.double = interval_s[row, s]
    silent: cython.double = unheard_s[row, s]
    longest: cython.double = lull_s[row, s]
    share: cython.double = lost[row, s]
    if n > 0:
        silent += since_s if n < 20 else min(since_s, 3 * interval)
        if n >= 20 and interval > 0:
            share += (min(max(silent / interval - 1.2, 0.0), 3.0) - share) / 100
            lost[row, s] = share
        if n > 5 and silent > longest:
            lull_s[row, s] = silent if n < KNOWN_VALUES else min(silent, 1.02 * longest)
        # Much like a median, which those that are lost move little.
        if n < 20:
            interval += (silent - interval) / n
        elif fabs(silent - interval) < 0.2 * interval:
            interval += (silent - interval) / 50
        else:
            interval *= 1.005 if silent > interval else 0.99
        interval_s[row, s] = interval
    if n == KNOWN_VALUES and longest <= ON_TIME * interval:
        marks[row, s] |= REGULAR
    unheard_s[row, s] = 0.0
    if n < MOST:
        seen[row, s] += 1
