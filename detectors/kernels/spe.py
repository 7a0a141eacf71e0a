# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loop of the SPE chart; what it computes stands in `detectors.spe`."""

import cython
from cython.cimports.libc.math import sqrt


def walk(
    rows: cython.const[cython.int][::1],
    u: cython.const[cython.double][:, ::1],
    due: cython.const[cython.uchar][::1],
    learn: cython.const[cython.uchar][::1],
    outside: cython.const[cython.double][:, :, ::1],
    limit: cython.const[cython.double][::1],
    distance: cython.double[::1],
    scores: cython.double[:, ::1],
):
    """Length of what is outside of each complete sample; within a block, of the one before."""
    i: cython.Py_ssize_t
    a: cython.Py_ssize_t
    b: cython.Py_ssize_t
    row: cython.int
    part: cython.double
    total: cython.double
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            if limit[row] != limit[row]:
                continue
            if due[i] & 1:
                scores[i, 0] = distance[row]
            if due[i] & 2 == 0:
                continue
            total = 0.0
            for a in range(u.shape[1]):
                part = 0.0
                for b in range(u.shape[1]):
                    part += outside[row, a, b] * u[i, b]
                total += part * part
            scores[i, 0] = sqrt(total / limit[row])
            if learn[i]:
                distance[row] = scores[i, 0]
