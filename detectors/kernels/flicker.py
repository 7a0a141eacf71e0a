# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# mypy: ignore-errors
"""The loop of the watch for flicker; what it decides stands in `detectors.flicker`."""

import cython
from cython.cimports.libc.math import fabs, isnan

LONGEST_S = cython.declare(cython.double, 7200.0)
MEMORY_S = cython.declare(cython.double, 20000.0)
CALM_SHARE = cython.declare(cython.double, 0.25)
ENOUGH = cython.declare(cython.int, 100)
"""Steps after which it is known what is calm."""
KNOWN = cython.declare(cython.int, 100)
"""Calm steps after which a record is one, if a quarter of the learning is over."""
MOST = cython.declare(cython.int, 65535)
AGAIN = cython.declare(cython.double, 1.2)
NAN = cython.declare(cython.double, float("nan"))


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    values: cython.const[cython.double][:, ::1],
    operating: cython.const[cython.uchar][::1],
    one: cython.const[cython.int][::1],
    other: cython.const[cython.int][::1],
    resolution: cython.const[cython.double][::1],
    learn_s: cython.double,
    ratio: cython.double,
    told_ns: cython.longlong[::1],
    last: cython.double[:, ::1],
    last_felt: cython.double[:, ::1],
    calm: cython.float[:, ::1],
    step: cython.float[:, ::1],
    record: cython.float[:, ::1],
    heard_s: cython.float[:, ::1],
    seen: cython.ushort[:, ::1],
    known: cython.ushort[:, ::1],
    flickers: cython.uchar[:, ::1],
    found: cython.uchar[:, ::1],
) -> None:
    """Follow every pair's steps, and write which sensors flicker."""
    i: cython.Py_ssize_t
    p: cython.Py_ssize_t
    row: cython.Py_ssize_t
    x: cython.double
    felt: cython.double
    moved: cython.double
    followed: cython.double
    since_s: cython.double
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            since_s = (times[i] - told_ns[row]) * 1e-9 if told_ns[row] >= 0 else 0.0
            told_ns[row] = times[i]
            for p in range(one.shape[0]):
                x = values[i, one[p]]
                felt = values[i, other[p]]
                if not operating[i] or isnan(x) or isnan(felt):
                    last[row, p] = last_felt[row, p] = NAN
                else:
                    moved = fabs(x - last[row, p])
                    followed = fabs(felt - last_felt[row, p])
                    last[row, p] = x
                    last_felt[row, p] = felt
                    if not isnan(moved) and 0 < since_s <= LONGEST_S:
                        hear(
                            moved, followed, resolution[one[p]], resolution[other[p]], since_s,
                            heard_s[row, p] < learn_s, row, p, calm, step, seen, known,
                        )  # fmt: skip
                if heard_s[row, p] < learn_s:
                    heard_s[row, p] = heard_s[row, p] + min(max(since_s, 0.0), LONGEST_S)
                    if known[row, p] >= KNOWN and heard_s[row, p] >= 0.25 * learn_s:
                        record[row, p] = max(record[row, p], step[row, p])
                elif record[row, p] > 0:
                    judge(ratio, row, p, step, record, flickers)
                found[i, one[p]] = flickers[row, p]


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def hear(
    moved: cython.double,
    followed: cython.double,
    least: cython.double,
    least_felt: cython.double,
    since_s: cython.double,
    learning: cython.bint,
    row: cython.Py_ssize_t,
    p: cython.Py_ssize_t,
    calm: cython.float[:, ::1],
    step: cython.float[:, ::1],
    seen: cython.ushort[:, ::1],
    known: cython.ushort[:, ::1],
) -> cython.void:
    """One step of both: the median of the one where the other was calm, by what was calm so far."""
    usual: cython.double = calm[row, p]
    middle: cython.double = step[row, p]
    share: cython.double
    moved = max(moved, least)
    if seen[row, p] >= ENOUGH and followed <= max(usual, least_felt) and moved > 0:
        share = max(1.0 / (known[row, p] + 1.0), since_s / (since_s + MEMORY_S))
        if known[row, p] == 0:
            middle = moved
        elif moved > middle:
            middle *= 1.0 + share
        else:
            middle *= 1.0 - share
        step[row, p] = max(middle, least)
        known[row, p] = min(known[row, p] + 1, MOST)
    if not learning:
        return
    followed = max(followed, least_felt)
    if followed == 0:
        return  # in shares of itself it would stay 0 for ever
    share = min(10.0 / (seen[row, p] + 1.0), 1.0)
    if seen[row, p] == 0:
        usual = followed
    elif followed > usual:
        usual *= 1.0 + share * CALM_SHARE
    else:
        usual *= 1.0 - share * (1.0 - CALM_SHARE)
    calm[row, p] = max(usual, least_felt)
    seen[row, p] = min(seen[row, p] + 1, MOST)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def judge(
    ratio: cython.double,
    row: cython.Py_ssize_t,
    p: cython.Py_ssize_t,
    step: cython.float[:, ::1],
    record: cython.float[:, ::1],
    flickers: cython.uchar[:, ::1],
) -> cython.void:
    """Whether it flickers, or does no longer."""
    if step[row, p] > ratio * record[row, p]:
        flickers[row, p] = 1
    elif step[row, p] <= AGAIN * record[row, p]:
        flickers[row, p] = 0
