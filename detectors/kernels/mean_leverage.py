# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loop of the mean leverage; what it computes stands in `detectors.mean_leverage`."""

import cython
from cython.cimports.libc.math import exp, sqrt


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    z: cython.const[cython.double][::1],
    solved: cython.const[cython.double][:, ::1],
    mean: cython.float[:, ::1],
    variance: cython.double[::1],
    heard_ns: cython.longlong[::1],
    drawn: cython.double[::1],
    *,
    scale_s: cython.double,
) -> None:
    """Average what each residual was judged by, and draw the residual in by what that leaves."""
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    row: cython.Py_ssize_t
    w: cython.double
    now: cython.double
    lever: cython.double
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            if z[i] != z[i]:
                continue
            w = 0.0
            if heard_ns[row] != 0:
                w = 1.0 - exp(min(heard_ns[row] - times[i], 0) * 1e-9 / scale_s)
            heard_ns[row] = max(times[i], heard_ns[row])
            variance[row] = w * w + (1.0 - w) * (1.0 - w) * variance[row]
            lever = 0.0
            for j in range(solved.shape[1]):
                now = mean[row, j] + w * (solved[i, j] - mean[row, j])
                mean[row, j] = now
                lever += now * now
            drawn[i] = z[i]
            if lever > 0.0:
                drawn[i] *= sqrt(variance[row] / (variance[row] + lever))
