# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loop of the tabular CUSUM; what it computes stands in `detectors.cusum`."""

import cython


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    u: cython.const[cython.double][:, ::1],
    due: cython.const[cython.uchar][:, ::1],
    learn: cython.const[cython.uchar][::1],
    high: cython.double[:, ::1],
    low: cython.double[:, ::1],
    rise_ns: cython.longlong[:, ::1],
    fall_ns: cython.longlong[:, ::1],
    intervals: cython.const[cython.double][::1],
    scores: cython.double[:, ::1],
    *,
    reference_value: cython.double,
    head_start: cython.double,
    highest: cython.double,
    never: cython.longlong,
):
    """Add each sample to both sums; within a block, say what they are.

    ``intervals`` are by how often the block was doubled; the others are shares of them.
    """
    h: cython.double
    i: cython.Py_ssize_t
    sensor: cython.Py_ssize_t
    row: cython.int
    up: cython.double
    down: cython.double
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            for sensor in range(u.shape[1]):
                if due[i, sensor] == 0:
                    continue
                up = high[row, sensor]
                down = low[row, sensor]
                h = intervals[due[i, sensor] >> 3]
                if due[i, sensor] & 2:
                    up = min(max(0.0, up + u[i, sensor] - reference_value), highest * h)
                    down = min(max(0.0, down - u[i, sensor] - reference_value), highest * h)
                scores[i, sensor] = max(up, down) / h
                if not learn[i]:
                    continue
                if due[i, sensor] & 4:
                    up = down = head_start * h
                    rise_ns[row, sensor] = fall_ns[row, sensor] = never
                if up == 0.0 or rise_ns[row, sensor] == never:
                    rise_ns[row, sensor] = times[i]
                if down == 0.0 or fall_ns[row, sensor] == never:
                    fall_ns[row, sensor] = times[i]
                high[row, sensor] = up
                low[row, sensor] = down
