# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the reference chart; what they compute stands in `detectors.reference_chart`."""

import cython
from cython.cimports.libc.math import fabs, sqrt


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    values: cython.const[cython.double][:, ::1],
    learn: cython.const[cython.uchar][::1],
    learnt: cython.longlong[:, ::1],
    blocks: cython.longlong[:, ::1],
    opened: cython.longlong[:, ::1],
    filled: cython.longlong[:, ::1],
    origin: cython.double[:, ::1],
    low: cython.double[:, ::1],
    high: cython.double[:, ::1],
    mean: cython.double[:, ::1],
    squares: cython.double[:, ::1],
    within: cython.double[:, ::1],
    between: cython.double[:, ::1],
    last: cython.double[:, ::1],
    steps: cython.double[:, ::1],
    lowest: cython.double[:, ::1],
    highest: cython.double[:, ::1],
    ewma: cython.double[:, ::1],
    centre: cython.double[:, ::1],
    limit: cython.double[:, ::1],
    scores: cython.double[:, ::1],
    *,
    score: cython.bint,
    fading_factor: cython.double,
    n_blocks: cython.longlong,
    block_readings: cython.longlong,
    block_ns: cython.longlong,
    margin: cython.double,
    drift_allowance: cython.double,
    within_share: cython.double,
    min_limit: cython.double,
    unguarded: cython.longlong,
    widening: cython.double,
    reach: cython.double,
):
    """Chart each value once its sensor has a limit; until then gather what the limit follows from.

    Everything but ``origin``, the first value, is counted from there.
    """
    i: cython.Py_ssize_t
    s: cython.Py_ssize_t
    r: cython.int
    x: cython.double
    z: cython.double
    bound: cython.double
    with cython.nogil:
        for i in range(rows.shape[0]):
            r = rows[i]
            for s in range(values.shape[1]):
                x = values[i, s]
                if x != x:
                    continue
                if limit[r, s] == limit[r, s]:
                    bound = reach * limit[r, s]
                    x = within_bounds(x - origin[r, s], centre[r, s] - bound, centre[r, s] + bound)
                    z = ewma[r, s] + fading_factor * (x - ewma[r, s])
                    if score:
                        scores[i, s] = fabs(z - centre[r, s]) / limit[r, s]
                    if learn[i]:
                        ewma[r, s] = z
                        learnt[r, s] += 1
                elif learn[i]:
                    x = from_origin(r, s, x, unguarded, widening, learnt, origin, low, high)
                    follow(r, s, x, fading_factor, learnt, lowest, highest, ewma)
                    gather(r, s, x, times[i], opened, filled, mean, squares)
                    if filled[r, s] < block_readings or times[i] - opened[r, s] < block_ns:
                        continue
                    close(r, s, blocks, filled, mean, squares, within, between, last, steps, centre)
                    if blocks[r, s] == n_blocks:
                        z = (between[r, s] - steps[r, s] / 2.0) / (n_blocks - 1)
                        z = wandering(z, within_share * within[r, s])
                        z = sqrt(margin * margin + drift_allowance * drift_allowance * z)
                        z *= max(highest[r, s] - centre[r, s], centre[r, s] - lowest[r, s])
                        limit[r, s] = max(z, min_limit)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def from_origin(
    r: cython.int,
    s: cython.Py_ssize_t,
    x: cython.double,
    unguarded: cython.longlong,
    widening: cython.double,
    learnt: cython.longlong[:, ::1],
    origin: cython.double[:, ::1],
    low: cython.double[:, ::1],
    high: cython.double[:, ::1],
) -> cython.double:
    """Count from the first value, and widen the range of those before by no more than allowed."""
    if learnt[r, s] == 0:
        origin[r, s] = x
    x -= origin[r, s]
    margin: cython.double = widening * (high[r, s] - low[r, s])
    if learnt[r, s] >= unguarded and margin > 0.0:
        x = within_bounds(x, low[r, s] - margin, high[r, s] + margin)
    low[r, s] = min(low[r, s], x)
    high[r, s] = max(high[r, s], x)
    learnt[r, s] += 1
    return x


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def follow(
    r: cython.int,
    s: cython.Py_ssize_t,
    x: cython.double,
    fading_factor: cython.double,
    learnt: cython.longlong[:, ::1],
    lowest: cython.double[:, ::1],
    highest: cython.double[:, ::1],
    ewma: cython.double[:, ::1],
) -> cython.void:
    """Average, at first of all values alike; its range counts once there are 1/λ of them."""
    ewma[r, s] += max(fading_factor, 1.0 / learnt[r, s]) * (x - ewma[r, s])
    if learnt[r, s] * fading_factor >= 1.0:
        lowest[r, s] = min(lowest[r, s], ewma[r, s])
        highest[r, s] = max(highest[r, s], ewma[r, s])


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def gather(
    r: cython.int,
    s: cython.Py_ssize_t,
    x: cython.double,
    time: cython.longlong,
    opened: cython.longlong[:, ::1],
    filled: cython.longlong[:, ::1],
    mean: cython.double[:, ::1],
    squares: cython.double[:, ::1],
) -> cython.void:
    """Take a value into the open block (Welford)."""
    if filled[r, s] == 0:
        opened[r, s] = time
    deviation: cython.double = x - mean[r, s]
    filled[r, s] += 1
    mean[r, s] += deviation / filled[r, s]
    squares[r, s] += deviation * (x - mean[r, s])


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def close(
    r: cython.int,
    s: cython.Py_ssize_t,
    blocks: cython.longlong[:, ::1],
    filled: cython.longlong[:, ::1],
    mean: cython.double[:, ::1],
    squares: cython.double[:, ::1],
    within: cython.double[:, ::1],
    between: cython.double[:, ::1],
    last: cython.double[:, ::1],
    steps: cython.double[:, ::1],
    centre: cython.double[:, ::1],
) -> cython.void:
    """Take the block into the reference, and leave an empty one."""
    deviation: cython.double = mean[r, s] - centre[r, s]
    step: cython.double = mean[r, s] - last[r, s]
    if blocks[r, s] > 0:
        steps[r, s] += step * step
    last[r, s] = mean[r, s]
    blocks[r, s] += 1
    within[r, s] += (squares[r, s] / (filled[r, s] - 1) - within[r, s]) / blocks[r, s]
    centre[r, s] += deviation / blocks[r, s]
    between[r, s] += deviation * (mean[r, s] - centre[r, s])
    filled[r, s] = 0
    mean[r, s] = 0.0
    squares[r, s] = 0.0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def wandering(shared: cython.double, usual: cython.double) -> cython.double:
    """Share of the variance that neighbouring blocks share beyond the usual, 0 … 1."""
    return 1.0 - usual / shared if shared > usual else 0.0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def within_bounds(x: cython.double, low: cython.double, high: cython.double) -> cython.double:
    """Return the value, or the bound that it is beyond."""
    return max(low, min(high, x))
