# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# mypy: ignore-errors
"""The loop of the instrument watch; what it computes stands in `streamer.instrument`."""

import cython

FORGET = cython.declare(cython.double, 0.999)
MANY = cython.declare(cython.double, 2.5)
MOST = cython.declare(cython.double, 3.5)
STANDS = cython.declare(cython.int, 128)


def follow(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    values: cython.const[cython.double][:, ::1],
    codes: cython.const[cython.uchar][:, ::1],
    code: cython.uchar[:, ::1],
    run: cython.uchar[:, ::1],
    count: cython.float[:, ::1],
    value: cython.float[:, ::1],
    since_ns: cython.longlong[:, ::1],
    severity: cython.double[::1],
    sensor: cython.int[::1],
    told_code: cython.uchar[::1],
    told_value: cython.double[::1],
    told_ns: cython.longlong[::1],
) -> None:
    """Write the worst doubt of the machine after each reading."""
    i: cython.Py_ssize_t
    s: cython.Py_ssize_t
    row: cython.Py_ssize_t
    spikes: cython.int
    gaps: cython.int
    verdict: cython.uchar
    x: cython.double
    worst: cython.double
    here: cython.double
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            worst = 0.0
            spikes = gaps = 0
            for s in range(codes.shape[1]):
                spikes += codes[i, s] == 3
                gaps += codes[i, s] == 6
            for s in range(codes.shape[1]):
                verdict = codes[i, s]
                if verdict == 3 and spikes > 1:
                    verdict = 1
                if verdict == 6 and 2 * gaps > codes.shape[1]:
                    verdict = 1
                if verdict != 1:
                    x = values[i, s]
                    note(verdict, x, times[i], row, s, code, run, count, value, since_ns)
                here = count[row, s] / MANY
                if code[row, s] >= STANDS and here < 1.0:
                    here = 1.0
                if here <= 0 or here < worst:
                    continue
                if here == worst and since_ns[row, s] >= told_ns[i]:
                    continue
                worst = here
                sensor[i] = s
                told_code[i] = code[row, s] & 127
                told_value[i] = value[row, s]
                told_ns[i] = since_ns[row, s]
            severity[i] = worst


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def note(
    verdict: cython.uchar,
    x: cython.double,
    time: cython.longlong,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    code: cython.uchar[:, ::1],
    run: cython.uchar[:, ::1],
    count: cython.float[:, ::1],
    value: cython.float[:, ::1],
    since_ns: cython.longlong[:, ::1],
) -> cython.void:
    """One verdict on one sensor: what lasts stands until it ends, what is single is counted."""
    n: cython.double = count[row, s]
    before: cython.uchar = code[row, s]
    more: cython.bint = counts(verdict, before, row, s, run)
    if verdict != 6:
        n *= FORGET
    if verdict >= 2:
        value[row, s] = x
        code[row, s] = verdict
        if before < STANDS and n < 0.5:
            since_ns[row, s] = time
    if verdict == 4 or verdict >= 6:
        code[row, s] = verdict | STANDS
    elif verdict == 0:
        code[row, s] = before & ~STANDS
    count[row, s] = min(n + more, MOST)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def counts(
    verdict: cython.uchar,
    before: cython.uchar,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    run: cython.uchar[:, ::1],
) -> cython.bint:
    """Whether a verdict adds one to the count: a lasting one where it begins, a spike that ends."""
    spikes: cython.uchar = run[row, s]
    if verdict == 3:
        # Two in succession may be the first of a new level, which is no fault.
        run[row, s] = min(spikes + 1, 3)
        return spikes >= 2
    if verdict == 2 or verdict == 5:  # noqa: PLR1714 - C has no sets
        return True
    run[row, s] = 0
    return spikes == 1 if verdict == 0 else before != verdict | STANDS
