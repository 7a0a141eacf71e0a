# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loop of Hotelling's T² chart; what it computes stands in `detectors.hotelling_t2`."""

import cython
from cython.cimports.libc.math import sqrt


def walk(
    rows: cython.const[cython.int][::1],
    u: cython.const[cython.double][:, ::1],
    due: cython.const[cython.uchar][::1],
    learn: cython.const[cython.uchar][::1],
    limits: cython.const[cython.double][:, ::1],
    distance: cython.double[::1],
    scores: cython.double[:, ::1],
):
    """Length of each sample by the limit for as many sensors; within a block, of the one before."""
    i: cython.Py_ssize_t
    sensor: cython.Py_ssize_t
    present: cython.Py_ssize_t
    row: cython.int
    total: cython.double
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            if due[i] & 1:
                scores[i, 0] = distance[row]
            if due[i] & 2 == 0:
                continue
            total = 0.0
            present = 0
            for sensor in range(u.shape[1]):
                if u[i, sensor] == u[i, sensor]:
                    total += u[i, sensor] * u[i, sensor]
                    present += 1
            scores[i, 0] = sqrt(total / limits[due[i] >> 3, present])
            if learn[i]:
                distance[row] = scores[i, 0]
