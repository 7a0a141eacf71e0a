# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loop of the MEWMA chart; what it computes stands in `detectors.mewma`."""

import cython
from cython.cimports.libc.math import sqrt


def walk(
    rows: cython.const[cython.int][::1],
    u: cython.const[cython.double][:, ::1],
    due: cython.const[cython.uchar][::1],
    learn: cython.const[cython.uchar][::1],
    limits: cython.const[cython.double][:, ::1],
    ewma: cython.double[:, ::1],
    distance: cython.double[::1],
    scores: cython.double[:, ::1],
    *,
    fading_factor: cython.double,
):
    """Average each sample in; the length of the averages of those sensors that it has."""
    i: cython.Py_ssize_t
    sensor: cython.Py_ssize_t
    present: cython.Py_ssize_t
    row: cython.int
    z: cython.double
    total: cython.double
    keep: cython.double = 1.0 - fading_factor
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
                    z = fading_factor * u[i, sensor] + keep * ewma[row, sensor]
                    total += z * z
                    present += 1
                    if learn[i]:
                        ewma[row, sensor] = z
                if due[i] & 4:
                    ewma[row, sensor] = 0.0
            total *= (2.0 - fading_factor) / fading_factor
            scores[i, 0] = sqrt(total / limits[due[i] >> 3, present])
            if learn[i]:
                distance[row] = scores[i, 0]
