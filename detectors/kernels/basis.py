# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the basis of context; what they compute stands in `detectors.basis`."""

import cython
from cython.cimports.libc.math import exp, fabs, isnan


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    full: cython.const[cython.double][:, ::1],
    context: cython.const[cython.int][::1],
    start: cython.const[cython.int][::1],
    least: cython.const[cython.double][::1],
    lags_s: cython.const[cython.double][::1],
    levels: cython.const[cython.double][::1],
    knots: cython.int,
    products: cython.bint,
    state: cython.Py_ssize_t,
    warm_s: cython.double,
    settle_s: cython.double,
    wait_s: cython.double,
    heard: cython.uchar[::1],
    first_ns: cython.longlong[:, ::1],
    since_ns: cython.longlong[::1],
    last_ns: cython.longlong[::1],
    low: cython.double[:, ::1],
    high: cython.double[:, ::1],
    lagged: cython.double[:, :, ::1],
    missed_s: cython.float[:, ::1],
    features: cython.double[:, ::1],
    valid: cython.int[::1],
    shares: cython.double[::1],
) -> None:
    """Follow the context of each reading and write it as features; ``valid`` leading ones hold.

    ``shares`` [lags] is working space: how far a value moves each low-pass, the same for all.
    """
    i: cython.Py_ssize_t
    c: cython.Py_ssize_t
    k: cython.Py_ssize_t
    row: cython.Py_ssize_t
    young: cython.bint
    n_contexts: cython.Py_ssize_t = context.shape[0]
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            if not heard[row]:
                heard[row] = 1
                since_ns[row] = last_ns[row] = times[i]
            if (times[i] - last_ns[row]) * 1e-9 > settle_s:
                since_ns[row] = times[i]
            for k in range(shares.shape[0]):
                shares[k] = 1.0 - exp(min(last_ns[row] - times[i], 0) * 1e-9 / lags_s[k])
            for c in range(n_contexts):
                follow(i, c, row, times[i], full, context, lags_s, shares, warm_s, wait_s,
                       first_ns, since_ns, last_ns, low, high, lagged, missed_s)  # fmt: skip
            last_ns[row] = max(last_ns[row], times[i])
            if n_contexts and (times[i] - since_ns[row]) * 1e-9 < settle_s:
                continue
            if not begin(i, row, state, full, levels, heard, features):
                continue
            valid[i] = 1 + levels.shape[0]
            for c in range(n_contexts):
                young = (times[i] - first_ns[row, c]) * 1e-9 < warm_s
                if isnan(full[i, context[c]]) or young or missed_s[row, c] != 0:
                    break
                write(i, c, row, start, full[i, context[c]], least[c], lags_s.shape[0], knots,
                      products, low, high, lagged, features)  # fmt: skip
                valid[i] = start[c + 1]


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def begin(
    i: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    state: cython.Py_ssize_t,
    full: cython.const[cython.double][:, ::1],
    levels: cython.const[cython.double][::1],
    heard: cython.uchar[::1],
    features: cython.double[:, ::1],
) -> cython.bint:
    """Write the leading 1 and the state's own level; whether the state is known, as far as ever."""
    k: cython.Py_ssize_t
    if state >= 0:
        if not isnan(full[i, state]):
            heard[row] = 2
        elif heard[row] == 2:
            return False
    features[i, 0] = 1.0
    for k in range(levels.shape[0]):
        features[i, 1 + k] = 1.0 if full[i, state] == levels[k] else 0.0
    return True


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def follow(
    i: cython.Py_ssize_t,
    c: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    time: cython.longlong,
    full: cython.const[cython.double][:, ::1],
    context: cython.const[cython.int][::1],
    lags_s: cython.const[cython.double][::1],
    shares: cython.double[::1],
    warm_s: cython.double,
    wait_s: cython.double,
    first_ns: cython.longlong[:, ::1],
    since_ns: cython.longlong[::1],
    last_ns: cython.longlong[::1],
    low: cython.double[:, ::1],
    high: cython.double[:, ::1],
    lagged: cython.double[:, :, ::1],
    missed_s: cython.float[:, ::1],
) -> cython.void:
    """Take a context's value into its low-passes, and into its usual span while that is learnt."""
    k: cython.Py_ssize_t
    share: cython.double
    x: cython.double = full[i, context[c]]
    gone_s: cython.double = max((time - last_ns[row]) * 1e-9, 0.0)
    missed: cython.double = missed_s[row, c]
    if isnan(x):
        if not isnan(low[row, c]):
            missed_s[row, c] = -fabs(missed) - gone_s
        return
    if missed < 0:
        # Back again: for as long as it was away, low-passes rest on what nobody saw.
        gone_s -= missed
        missed_s[row, c] = min(-missed, wait_s)
    else:
        missed_s[row, c] = max(missed - gone_s, 0.0)
    if isnan(low[row, c]):
        first_ns[row, c] = time
        low[row, c] = high[row, c] = x
    if (time - first_ns[row, c]) * 1e-9 < warm_s:
        low[row, c] = min(x, low[row, c])
        high[row, c] = max(x, high[row, c])
    for k in range(shares.shape[0]):
        if isnan(lagged[row, c, k]) or since_ns[row] == time:
            lagged[row, c, k] = x
        else:
            share = shares[k]
            if missed < 0:
                share = 1.0 - exp(-gone_s / lags_s[k])
            lagged[row, c, k] += share * (x - lagged[row, c, k])


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def write(
    i: cython.Py_ssize_t,
    c: cython.Py_ssize_t,
    row: cython.Py_ssize_t,
    start: cython.const[cython.int][::1],
    x: cython.double,
    least: cython.double,
    n_lags: cython.Py_ssize_t,
    knots: cython.int,
    products: cython.bint,
    low: cython.double[:, ::1],
    high: cython.double[:, ::1],
    lagged: cython.double[:, :, ::1],
    features: cython.double[:, ::1],
) -> cython.void:
    """Write one context's value, bends, low-passes and products with the contexts before it."""
    k: cython.Py_ssize_t
    at: cython.Py_ssize_t = start[c]
    width: cython.double = max(high[row, c] - low[row, c], least)
    u: cython.double = (x - low[row, c]) / width
    features[i, at] = u
    at += 1
    for k in range(1, knots + 3):
        # Bends inside the usual span, at its end, and half as far again beyond it.
        features[i, at] = max(u - (k / (knots + 1.0) if k <= knots + 1 else 1.5), 0.0)
        at += 1
    for k in range(n_lags):
        u = (lagged[row, c, k] - low[row, c]) / width
        features[i, at] = u
        at += 1
        if k == n_lags // 2:
            features[i, at] = u * u
            at += 1
    for k in range(c if products else 0):
        features[i, at] = features[i, start[c]] * features[i, start[k]]
        at += 1
