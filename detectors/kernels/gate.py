# cython: boundscheck=False, wraparound=False, initializedcheck=False
# mypy: ignore-errors
"""The loop of the gate; what it decides stands in `detectors.reference`."""

import cython


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    severity: cython.const[cython.double][::1],
    clear: cython.double,
    hold_ns: cython.longlong,
    closed: cython.uchar[::1],
    calm: cython.uchar[::1],
    calm_ns: cython.longlong[::1],
    learn: cython.uchar[::1],
) -> None:
    """Close at 1, open after ``hold_ns`` below ``clear``; NaN compares False, changes nothing."""
    i: cython.Py_ssize_t
    row: cython.Py_ssize_t
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            if severity[i] >= 1.0:
                closed[row] = 1
                calm[row] = 0
            elif severity[i] >= clear:
                calm[row] = 0
            elif closed[row] and severity[i] < clear:
                if not calm[row]:
                    calm[row] = 1
                    calm_ns[row] = times[i]
                if times[i] - calm_ns[row] >= hold_ns:
                    closed[row] = 0
            learn[i] = 0 if closed[row] else 1
