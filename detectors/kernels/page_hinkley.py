# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loop of the Page-Hinkley test; what it computes stands in `detectors.page_hinkley`."""

import cython


def walk(
    rows: cython.const[cython.int][::1],
    values: cython.const[cython.double][:, ::1],
    learn: cython.const[cython.uchar][::1],
    learnt: cython.longlong[:, ::1],
    mean: cython.double[:, ::1],
    rises: cython.double[:, ::1],
    falls: cython.double[:, ::1],
    lowest: cython.double[:, ::1],
    highest: cython.double[:, ::1],
    scores: cython.double[:, ::1],
    *,
    score: cython.bint,
    min_instances: cython.longlong,
    delta: cython.double,
    threshold: cython.double,
    alpha: cython.double,
    up: cython.bint,
    down: cython.bint,
):
    """Test each value together with all learnt since the last change; a change starts anew."""
    i: cython.Py_ssize_t
    sensor: cython.Py_ssize_t
    row: cython.int
    n: cython.longlong
    x: cython.double
    centre: cython.double
    rise: cython.double
    fall: cython.double
    low: cython.double
    high: cython.double
    statistic: cython.double
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            for sensor in range(values.shape[1]):
                x = values[i, sensor]
                if x != x:
                    continue
                # The order of operations is River's, so that the bits are.
                n = learnt[row, sensor] + 1
                centre = mean[row, sensor]
                centre += (1.0 / n) * (x - centre)
                rise = alpha * rises[row, sensor] + (x - centre) - delta
                fall = alpha * falls[row, sensor] + (x - centre) + delta
                low = rise if n == 1 else min(rise, lowest[row, sensor])
                high = fall if n == 1 else max(fall, highest[row, sensor])
                statistic = -1.0
                if n >= min_instances:
                    if up:
                        statistic = rise - low
                    if down:
                        statistic = max(statistic, high - fall)
                    if score:
                        scores[i, sensor] = statistic
                if learn[i]:
                    if statistic > threshold:
                        n = 0
                        centre = rise = fall = low = high = 0.0
                    learnt[row, sensor] = n
                    mean[row, sensor] = centre
                    rises[row, sensor] = rise
                    falls[row, sensor] = fall
                    lowest[row, sensor] = low
                    highest[row, sensor] = high
