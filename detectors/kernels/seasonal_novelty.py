# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of the seasonal novelty; what they compute stands in `detectors.seasonal_novelty`."""

import cython
from cython.cimports.libc.math import fabs, floor, log, sqrt


def walk(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    values: cython.const[cython.double][:, ::1],
    learn: cython.const[cython.uchar][::1],
    learnt: cython.double[:, ::1],
    last_ns: cython.longlong[:, ::1],
    scale: cython.double[:, :, ::1],
    histogram: cython.float[:, :, ::1],
    mean: cython.double[:, :, ::1],
    count: cython.float[:, :, ::1],
    smooth: cython.double[:, :, ::1],
    record: cython.double[:, :, ::1],
    held: cython.double[:, :, ::1],
    work: cython.double[::1],
    scores: cython.double[:, ::1],
    *,
    score: cython.bint,
    step_ns: cython.longlong,
    grace_period: cython.double,
    span: cython.double,
    slot_memory: cython.double,
    hold_off: cython.double,
    stranger: cython.double,
):
    """Compare three features of each value with their records, then let them learn it.

    ``scale`` holds origin, lower end, bin width and total of the histogram; ``smooth`` the level of
    the residuals, their mean and variance; ``held`` the last alarm's size and age. ``work`` is
    working space for one reading: what it would make of ``smooth``, its three features, the score,
    and the ratio that the score comes from.
    """
    i: cython.Py_ssize_t
    s: cython.Py_ssize_t
    row: cython.Py_ssize_t
    elapsed: cython.longlong
    x: cython.double
    r: cython.double
    w: cython.double
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            for s in range(values.shape[1]):
                x = values[i, s]
                if x != x or (learnt[row, s] == 0.0 and not learn[i]):
                    continue
                elapsed = times[i] - last_ns[row, s] if learnt[row, s] > 0.0 else step_ns
                w = 1.0
                if 0 < elapsed < step_ns:
                    w = cython.cast(cython.double, elapsed) / step_ns
                if learnt[row, s] == 0.0:
                    scale[row, s, 0] = x
                x = within(x - scale[row, s, 0], row, s, learnt, grace_period, scale, histogram)
                r = residual(x, times[i], row, s, mean, count)
                judge(
                    x, r, w / span, row, s, stranger, scale, histogram, smooth, record, held, work
                )
                if score and learnt[row, s] >= grace_period:
                    scores[i, s] = work[6]
                if not learn[i] or elapsed <= 0:
                    continue
                remember(w, row, s, learnt, grace_period, hold_off, smooth, record, held, work)
                seasons(x, w, times[i], row, s, slot_memory, mean, count)
                widen(x, row, s, learnt[row, s] < grace_period, scale, histogram)
                add(x, w, row, s, scale, histogram)
                learnt[row, s] += w
                last_ns[row, s] = times[i]


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def within(
    x: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    learnt: cython.double[:, ::1],
    grace_period: cython.double,
    scale: cython.double[:, :, ::1],
    histogram: cython.float[:, :, ::1],
) -> cython.double:
    """The value, no further out than the histogram is wide: one wild value must not blind us."""
    reach: cython.double = scale[row, s, 2] * histogram.shape[2]
    if learnt[row, s] < grace_period or reach == 0.0:
        return x
    return max(scale[row, s, 1] - reach, min(scale[row, s, 1] + 2.0 * reach, x))


@cython.cfunc
@cython.nogil
@cython.inline
@cython.cdivision(False)  # noqa: FBT003 - Cython takes it by place alone
@cython.exceptval(check=False)
def hours(time: cython.longlong) -> cython.longlong:
    """Whole hours since the epoch, also before it."""
    return time // 1_000_000_000 // 3600


@cython.cfunc
@cython.nogil
@cython.inline
@cython.cdivision(False)  # noqa: FBT003 - Cython takes it by place alone
@cython.exceptval(check=False)
def hour_of_day(time: cython.longlong) -> cython.Py_ssize_t:
    return hours(time) % 24


@cython.cfunc
@cython.nogil
@cython.inline
@cython.cdivision(False)  # noqa: FBT003 - Cython takes it by place alone
@cython.exceptval(check=False)
def hours_of_week(time: cython.longlong) -> cython.Py_ssize_t:
    """One of 84 slots of two hours, which stand behind the 24 of the day."""
    return 24 + hours(time) % 168 // 2


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def residual(
    x: cython.double,
    time: cython.longlong,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    mean: cython.double[:, :, ::1],
    count: cython.float[:, :, ::1],
) -> cython.double:
    """What the better of two baselines leaves; 0 where neither has seen this time of day."""
    day: cython.Py_ssize_t = hour_of_day(time)
    week: cython.Py_ssize_t = hours_of_week(time)
    if count[row, s, week] == 0.0:
        week = day
    if count[row, s, day] == 0.0:
        day = week
    if count[row, s, day] == 0.0:
        return 0.0
    by_day: cython.double = x - mean[row, s, day]
    by_week: cython.double = x - mean[row, s, week]
    return by_day if fabs(by_day) < fabs(by_week) else by_week


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def judge(
    x: cython.double,
    r: cython.double,
    a: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    stranger: cython.double,
    scale: cython.double[:, :, ::1],
    histogram: cython.float[:, :, ::1],
    smooth: cython.double[:, :, ::1],
    record: cython.double[:, :, ::1],
    held: cython.double[:, :, ::1],
    work: cython.double[::1],
) -> cython.void:
    """Features of one value, and the largest of their ratios to record, or to the alarm held."""
    k: cython.Py_ssize_t
    bar: cython.double
    ratio: cython.double = 0.0
    dust: cython.double = 1e-6 * scale[row, s, 2] * histogram.shape[2]
    from_mean: cython.double = r - smooth[row, s, 1]
    work[0] = smooth[row, s, 0] + a * (r - smooth[row, s, 0])
    work[1] = smooth[row, s, 1] + a * from_mean
    work[2] = smooth[row, s, 2] + a * (from_mean * from_mean - smooth[row, s, 2])
    work[3] = novelty(x, row, s, scale, histogram)
    work[4] = fabs(work[0])
    work[5] = sqrt(work[2])
    for k in range(3):
        bar = max(record[row, s, k], dust) if k > 0 else record[row, s, k]
        if work[3 + k] < 3.0 * bar:
            ratio = max(ratio, work[3 + k] / bar)
        elif work[3 + k] > 0.0:
            ratio = 3.0
    work[7] = ratio
    work[6] = ratio / (1.01 if held[row, s, 0] == 0.0 else stranger * held[row, s, 0])


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def novelty(
    x: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    scale: cython.double[:, :, ::1],
    histogram: cython.float[:, :, ::1],
) -> cython.double:
    """Mean of -log share in 1, 3 and 5 bins around; before there are bins, by the value itself."""
    k: cython.Py_ssize_t
    total: cython.double = scale[row, s, 3] + 0.5
    place: cython.double = 0.0
    if scale[row, s, 2] > 0.0:
        place = floor((x - scale[row, s, 1]) / scale[row, s, 2])
        if place < 0.0 or place >= histogram.shape[2]:
            return log(total / 0.5)
    elif x != 0.0:
        return log(total / 0.5)
    else:
        return 0.0
    at: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, place)
    one: cython.double = histogram[row, s, at]
    three: cython.double = 0.0
    five: cython.double = 0.0
    for k in range(max(0, at - 1), min(histogram.shape[2], at + 2)):
        three += histogram[row, s, k]
    for k in range(max(0, at - 2), min(histogram.shape[2], at + 3)):
        five += histogram[row, s, k]
    one, three, five = (
        log(total / (one + 0.5)),
        log(total / (three + 0.5)),
        log(total / (five + 0.5)),
    )
    return (one + three + five) / 3.0


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def remember(
    w: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    learnt: cython.double[:, ::1],
    grace_period: cython.double,
    hold_off: cython.double,
    smooth: cython.double[:, :, ::1],
    record: cython.double[:, :, ::1],
    held: cython.double[:, :, ::1],
    work: cython.double[::1],
) -> cython.void:
    """Take over what ``judge`` found: the smoothed residuals, new records, an alarm to hold."""
    k: cython.Py_ssize_t
    for k in range(3):
        smooth[row, s, k] = work[k]
    held[row, s, 1] += w
    if held[row, s, 1] >= hold_off:
        held[row, s, 0] = 0.0
    if learnt[row, s] >= grace_period and work[6] >= 1.0:
        held[row, s, 0] = work[7]
        held[row, s, 1] = 0.0
    for k in range(3):
        record[row, s, k] = max(record[row, s, k], work[3 + k])


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def seasons(
    x: cython.double,
    w: cython.double,
    time: cython.longlong,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    slot_memory: cython.double,
    mean: cython.double[:, :, ::1],
    count: cython.float[:, :, ::1],
) -> cython.void:
    """Move the means of this hour of the day and of the week: true means that turn exponential."""
    k: cython.Py_ssize_t
    slot: cython.Py_ssize_t = hour_of_day(time)
    for k in range(2):
        count[row, s, slot] = min(count[row, s, slot] + w, slot_memory)
        mean[row, s, slot] += min(1.0, w / count[row, s, slot]) * (x - mean[row, s, slot])
        slot = hours_of_week(time)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def widen(
    x: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    fully: cython.bint,
    scale: cython.double[:, :, ::1],
    histogram: cython.float[:, :, ::1],
) -> cython.void:
    """Double the range towards a value outside: as often as it takes, or once."""
    bins: cython.Py_ssize_t = histogram.shape[2]
    if scale[row, s, 2] == 0.0:
        if fabs(x) < 1e-280:
            return
        scale[row, s, 2] = 8.0 * fabs(x) / bins
        scale[row, s, 1] = min(0.0, x) - 2.0 * fabs(x)
        put(0.0, scale[row, s, 3], row, s, scale, histogram)
    while x < scale[row, s, 1] or x >= scale[row, s, 1] + scale[row, s, 2] * bins:
        coarsen(x < scale[row, s, 1], row, s, scale, histogram)
        if not fully:
            return


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def coarsen(
    down: cython.bint,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    scale: cython.double[:, :, ::1],
    histogram: cython.float[:, :, ::1],
) -> cython.void:
    """Bins of twice the width: what there was fills the upper half, or the lower one."""
    k: cython.Py_ssize_t
    half: cython.Py_ssize_t = histogram.shape[2] // 2
    for k in range(half):
        histogram[row, s, k] = histogram[row, s, 2 * k] + histogram[row, s, 2 * k + 1]
    for k in range(half):
        histogram[row, s, half + k] = histogram[row, s, k] if down else 0.0
        if down:
            histogram[row, s, k] = 0.0
    if down:
        scale[row, s, 1] -= scale[row, s, 2] * histogram.shape[2]
    scale[row, s, 2] *= 2.0


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def add(
    x: cython.double,
    w: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    scale: cython.double[:, :, ::1],
    histogram: cython.float[:, :, ::1],
) -> cython.void:
    """Count the value; all counts are halved before they are too large to grow by little."""
    k: cython.Py_ssize_t
    if scale[row, s, 2] > 0.0:
        put(x, w, row, s, scale, histogram)
    scale[row, s, 3] += w
    if scale[row, s, 3] >= 32768.0:
        scale[row, s, 3] /= 2.0
        for k in range(histogram.shape[2]):
            histogram[row, s, k] /= 2.0


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def put(
    x: cython.double,
    w: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    scale: cython.double[:, :, ::1],
    histogram: cython.float[:, :, ::1],
) -> cython.void:
    """Add to the bin of the value, the outermost where it lies outside."""
    place: cython.double = floor((x - scale[row, s, 1]) / scale[row, s, 2])
    place = max(0.0, min(histogram.shape[2] - 1.0, place))
    histogram[row, s, cython.cast(cython.Py_ssize_t, place)] += w
