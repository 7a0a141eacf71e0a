# cython: boundscheck=False, wraparound=False, initializedcheck=False
# mypy: ignore-errors
"""The loop of the comparison of siblings; what it decides stands in `detectors.siblings`."""

import cython
from cython.cimports.libc.math import fabs, isnan


def walk(
    rows: cython.const[cython.int][::1],
    alone: cython.const[cython.double][:, ::1],
    beside: cython.const[cython.double][:, ::1],
    moved: cython.double,
    share: cython.double,
    least: cython.longlong,
    known: cython.uchar[::1],
    side: cython.schar[:, ::1],
    machines: cython.longlong[::1],
    up: cython.longlong[::1],
    down: cython.longlong[::1],
    together: cython.uchar[:, ::1],
    moved_with: cython.longlong[:, ::1],
    heard: cython.longlong[::1],
) -> None:
    """Note which way each machine's sensors have moved, and where enough siblings moved as well."""
    i: cython.Py_ssize_t
    s: cython.Py_ssize_t
    row: cython.Py_ssize_t
    x: cython.double
    others: cython.longlong
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
                    up[s] += (1 if x >= moved else 0) - (1 if side[row, s] > 0 else 0)
                    down[s] += (1 if x <= -moved else 0) - (1 if side[row, s] < 0 else 0)
                    side[row, s] = 1 if x >= moved else -1 if x <= -moved else 0
                    if side[row, s] != 0:
                        others = (up[s] if side[row, s] > 0 else down[s]) - 1
                        if others >= least and others >= share * (machines[0] - 1):
                            together[i, s] = 1
                moved_with[i, s] = up[s] if up[s] >= down[s] else -down[s]
            heard[i] = machines[0]
