# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the regression adjustment; see `detectors.regression_adjustment`."""

import cython
from cython.cimports.libc.math import isnan, sqrt


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    values: cython.const[cython.double][:, ::1],
    learn: cython.const[cython.uchar][::1],
    moment_s: cython.double,
    learn_moments: cython.double,
    shrink: cython.double,
    much: cython.double,
    moments: cython.double[::1],
    heard_ns: cython.longlong[::1],
    matrix: cython.double[:, ::1],
    work: cython.double[:, ::1],
    adjusted: cython.double[:, ::1],
) -> None:
    """Adjust each residual for the others once their covariance is frozen; until then learn it.

    ``matrix`` holds Σ w z zᵀ by its upper triangle while learning, and the precision afterwards;
    ``work`` [S, S] is scratch space.
    """
    i: cython.Py_ssize_t
    row: cython.Py_ssize_t
    weight: cython.double
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            if moments[row] >= learn_moments:
                adjust(i, row, much, values, matrix, adjusted)
            elif learn[i] and told(i, values):
                weight = 0.0
                if heard_ns[row] != 0:
                    weight = min(max((times[i] - heard_ns[row]) * 1e-9 / moment_s, 0.0), 1.0)
                heard_ns[row] = max(times[i], heard_ns[row])
                moments[row] += weight
                gather(i, row, weight, values, matrix)
                if moments[row] >= learn_moments:
                    invert(row, moments[row], shrink, matrix, work)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def told(i: cython.Py_ssize_t, values: cython.const[cython.double][:, ::1]) -> cython.bint:
    """Whether any residual is there."""
    s: cython.Py_ssize_t
    for s in range(values.shape[1]):
        if not isnan(values[i, s]):
            return True
    return False


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def gather(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    weight: cython.double,
    values: cython.const[cython.double][:, ::1],
    matrix: cython.double[:, ::1],
) -> cython.void:
    """Add one row's products, each residual no further out than 5 σ, none where one is missing."""
    s: cython.Py_ssize_t
    k: cython.Py_ssize_t
    at: cython.Py_ssize_t = 0
    x: cython.double
    for s in range(values.shape[1]):
        x = weight * max(-5.0, min(5.0, values[i, s]))
        for k in range(s, values.shape[1]):
            if not isnan(values[i, s]) and not isnan(values[i, k]):
                matrix[row, at] += x * max(-5.0, min(5.0, values[i, k]))
            at += 1


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def adjust(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    much: cython.double,
    values: cython.const[cython.double][:, ::1],
    matrix: cython.double[:, ::1],
    adjusted: cython.double[:, ::1],
) -> cython.void:
    """``(P z)_j / √P_jj`` for each residual that no missing one has much to say about."""
    s: cython.Py_ssize_t
    k: cython.Py_ssize_t
    n: cython.Py_ssize_t = values.shape[1]
    own: cython.double
    other: cython.double
    tie: cython.double
    total: cython.double
    alone: cython.bint
    for s in range(n):
        if isnan(values[i, s]):
            continue
        own = matrix[row, place(s, s, n)]
        total = 0.0
        alone = False
        for k in range(n):
            tie = matrix[row, place(s, k, n)] if k >= s else matrix[row, place(k, s, n)]
            if isnan(values[i, k]):
                other = matrix[row, place(k, k, n)]
                alone = alone or tie * tie > much * much * own * other
            else:
                total += tie * max(-24.0, min(24.0, values[i, k]))
        if not alone:
            adjusted[i, s] = total / sqrt(own)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def place(s: cython.Py_ssize_t, k: cython.Py_ssize_t, n: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """Where the upper triangle, stored by rows, has row s and column k."""
    return s * n - s * (s - 1) // 2 + k - s


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def invert(
    row: cython.Py_ssize_t,
    weight: cython.double,
    shrink: cython.double,
    matrix: cython.double[:, ::1],
    work: cython.double[:, ::1],
) -> cython.void:
    """Turn the sums into ``P = (Σ / weight + shrink I)⁻¹``, by Gauss and Jordan's elimination."""
    s: cython.Py_ssize_t
    k: cython.Py_ssize_t
    m: cython.Py_ssize_t
    n: cython.Py_ssize_t = work.shape[0]
    at: cython.Py_ssize_t = 0
    pivot: cython.double
    for s in range(n):
        for k in range(s, n):
            work[s, k] = work[k, s] = matrix[row, at] / weight
            at += 1
        work[s, s] += shrink if work[s, s] > 0.0 else 1.0
    for m in range(n):
        pivot = work[m, m]
        work[m, m] = 1.0
        for k in range(n):
            work[m, k] /= pivot
        for s in range(n):
            if s != m:
                pivot = work[s, m]
                work[s, m] = 0.0
                for k in range(n):
                    work[s, k] -= pivot * work[m, k]
    at = 0
    for s in range(n):
        for k in range(s, n):
            matrix[row, at] = work[s, k]
            at += 1
