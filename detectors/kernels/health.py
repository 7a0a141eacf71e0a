# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the health index; what they compute stands in `detectors.health`."""

import cython
from cython.cimports.libc.math import exp, log


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    severity: cython.const[cython.double][:, ::1],
    zone: cython.const[cython.double][:, ::1],
    operating: cython.const[cython.uchar][::1],
    last_ns: cython.longlong[::1],
    running: cython.uchar[::1],
    clock_ns: cython.longlong[::1],
    recent: cython.float[:, :, ::1],
    seen: cython.uchar[:, ::1],
    level: cython.double[:, ::1],
    level_ns: cython.longlong[:, ::1],
    position: cython.double[:, ::1],
    total: cython.double[:, ::1],
    count: cython.int[:, ::1],
    blocks: cython.float[:, :, :, ::1],
    work: cython.double[::1],
    index: cython.double[:, ::1],
    *,
    smooth_ns: cython.double,
    gap_ns: cython.longlong,
    block_ns: cython.longlong,
    ratio: cython.longlong,
    largest: cython.double,
    quiet: cython.double,
    failed: cython.double,
    cap_c: cython.double,
    cap_d: cython.double,
    nan: cython.double,
):
    """Let the clock run while the machine does; smooth each component, and tell its index."""
    i: cython.Py_ssize_t
    c: cython.Py_ssize_t
    row: cython.int
    step: cython.longlong
    done: cython.longlong
    weight: cython.double
    x: cython.double
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            step = times[i] - last_ns[row]
            if operating[i] and running[row] and 0 < step <= gap_ns:
                done = clock_ns[row] // block_ns
                clock_ns[row] += step
                if clock_ns[row] // block_ns != done:
                    close(row, done + 1, ratio, nan, total, count, blocks)
            running[row] = operating[i]
            if step > 0:
                last_ns[row] = times[i]
            for c in range(severity.shape[1]):
                x = severity[i, c]
                if operating[i] and x == x:
                    remember(row, c, min(max(x, 0.0), largest), recent, seen)
                    if seen[row, c] >= recent.shape[2]:
                        x = median(row, c, recent, work)
                        total[row, c] += x
                        count[row, c] += 1
                        step = clock_ns[row] - level_ns[row, c]
                        level_ns[row, c] = clock_ns[row]
                        weight = 1.0 - exp(-step / smooth_ns)
                        level[row, c] = smoothed(level[row, c], x, weight)
                        position[row, c] = smoothed(position[row, c], zone[i, c], weight)
                if level[row, c] == level[row, c]:
                    x = share(level[row, c], quiet, failed)
                    index[i, c] = min(x, cap(position[row, c], cap_c, cap_d))


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def remember(
    row: cython.Py_ssize_t,
    c: cython.Py_ssize_t,
    x: cython.double,
    recent: cython.float[:, :, ::1],
    seen: cython.uchar[:, ::1],
) -> cython.void:
    """Put a value in the place of the oldest; what was seen counts on from one full round."""
    n: cython.int = recent.shape[2]
    recent[row, c, seen[row, c] % n] = x
    seen[row, c] += 1
    if seen[row, c] == 2 * n:
        seen[row, c] = n


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def smoothed(old: cython.double, x: cython.double, weight: cython.double) -> cython.double:
    """One step of an EWMA; what is not known yet begins with the first value."""
    if x != x:
        return old
    if old != old:
        return x
    return old + weight * (x - old)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def share(level: cython.double, quiet: cython.double, failed: cython.double) -> cython.double:
    """The index of a level, 0 … 100."""
    if level <= quiet:
        return 100.0
    return max(100.0 * (1.0 - log(level / quiet) / log(failed / quiet)), 0.0)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def cap(position: cython.double, cap_c: cython.double, cap_d: cython.double) -> cython.double:
    """The largest index that a place among the zones allows."""
    if position >= 2.0:
        return cap_d
    return cap_c if position >= 1.0 else 100.0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def close(
    row: cython.Py_ssize_t,
    done: cython.longlong,
    ratio: cython.longlong,
    nan: cython.double,
    total: cython.double[:, ::1],
    count: cython.int[:, ::1],
    blocks: cython.float[:, :, :, ::1],
) -> cython.void:
    """End block number ``done - 1`` of a machine, and of coarser ones all that end with it."""
    c: cython.Py_ssize_t
    coarser: cython.Py_ssize_t
    k: cython.longlong
    n: cython.int
    x: cython.double
    length: cython.longlong = blocks.shape[3]
    for c in range(count.shape[1]):
        n = count[row, c]
        blocks[row, c, 0, (done - 1) % length] = nan
        if n > 0:
            blocks[row, c, 0, (done - 1) % length] = total[row, c] / n
        total[row, c] = 0.0
        count[row, c] = 0
    for coarser in range(1, blocks.shape[2]):
        if done % ratio != 0:
            break
        for c in range(count.shape[1]):
            n = 0
            x = 0.0
            for k in range(done - ratio, done):
                if (
                    blocks[row, c, coarser - 1, k % length]
                    == blocks[row, c, coarser - 1, k % length]
                ):
                    x += blocks[row, c, coarser - 1, k % length]
                    n += 1
            blocks[row, c, coarser, (done // ratio - 1) % length] = nan
            if n > 0:
                blocks[row, c, coarser, (done // ratio - 1) % length] = x / n
        done //= ratio


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def median(
    row: cython.Py_ssize_t,
    c: cython.Py_ssize_t,
    recent: cython.float[:, :, ::1],
    work: cython.double[::1],
) -> cython.double:
    """The middle of the newest values, an odd number of them; insertion sort."""
    k: cython.Py_ssize_t
    at: cython.Py_ssize_t
    x: cython.double
    n: cython.Py_ssize_t = recent.shape[2]
    for k in range(n):
        x = recent[row, c, k]
        at = k
        while at > 0 and work[at - 1] > x:
            work[at] = work[at - 1]
            at -= 1
        work[at] = x
    return work[n // 2]
