# cython: boundscheck=False, wraparound=False, initializedcheck=False
# mypy: ignore-errors
"""The loop of the comparison of siblings; what it decides stands in `detectors.siblings`."""

import cython
from cython.cimports.libc.math import fabs, isnan


def walk(
    rows: cython.const[cython.int][::1],
    alone: cython.const[cython.double][:, ::1],
    beside: cython.const[cython.double][:, ::1],
    taken: cython.const[cython.double][:, ::1],
    step: cython.double,
    moved: cython.Py_ssize_t,
    share: cython.double,
    least: cython.longlong,
    known: cython.uchar[::1],
    level: cython.schar[:, ::1],
    machines: cython.longlong[::1],
    counts: cython.longlong[:, ::1],
    up: cython.longlong[::1],
    down: cython.longlong[::1],
    together: cython.uchar[:, ::1],
    moved_with: cython.longlong[:, ::1],
    heard: cython.longlong[::1],
) -> None:
    """Note how far each machine's sensors are, in ``step``, and where siblings are far as well.

    ``counts`` [S, 2 top + 1]: how many machines are at each level, -top … top; ``up`` and ``down``
    [S]: how many of them are at ``moved`` or beyond. ``together`` becomes 1 and 2, see `Shared`.
    """
    i: cython.Py_ssize_t
    s: cython.Py_ssize_t
    row: cython.Py_ssize_t
    top: cython.Py_ssize_t = counts.shape[1] // 2
    old: cython.Py_ssize_t
    now: cython.Py_ssize_t
    x: cython.double
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            for s in range(alone.shape[1]):
                x = alone[i, s]
                if isnan(x) or fabs(beside[i, s]) > fabs(x):
                    x = beside[i, s]
                if not isnan(x):
                    if not known[row]:
                        known[row] = 1
                        machines[0] += 1
                    old = level[row, s]
                    now = cython.cast(cython.Py_ssize_t, max(-top, min(top, x / step)))
                    level[row, s] = cython.cast(cython.schar, now)
                    counts[s, top + old] -= 1
                    counts[s, top + now] += 1
                    up[s] += (1 if now >= moved else 0) - (1 if old >= moved else 0)
                    down[s] += (1 if now <= -moved else 0) - (1 if old <= -moved else 0)
                    if now >= moved or now <= -moved:
                        old = common(s, now, share, least, machines[0], counts)
                        if old >= moved:
                            together[i, s] = 1
                        elif 1.0 <= fabs(x) < 1.0 + step * old and not taken[i, s] >= 1.0:
                            together[i, s] = 2
                moved_with[i, s] = up[s] if up[s] >= down[s] else -down[s]
            heard[i] = machines[0]


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def common(
    s: cython.Py_ssize_t,
    now: cython.Py_ssize_t,
    share: cython.double,
    least: cython.longlong,
    machines: cython.longlong,
    counts: cython.longlong[:, ::1],
) -> cython.Py_ssize_t:
    """The level that enough others have reached, on the side of one that is at ``now``."""
    top: cython.Py_ssize_t = counts.shape[1] // 2
    way: cython.Py_ssize_t = 1 if now > 0 else -1
    at: cython.Py_ssize_t = top + 1
    others: cython.longlong = -1  # itself is among them
    while at > 0 and (others < least or others < share * (machines - 1)):
        at -= 1
        others += counts[s, top + way * at]
    return at
