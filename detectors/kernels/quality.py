# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# mypy: ignore-errors
"""The loops of the quality stage; what they compute stands in `detectors.quality`.

What is missing is judged before, in `detectors.kernels.gaps`. Verdicts: 0 ok, 1 missing, 2 out of
range, 3 spike, 4 stuck, 5 sentinel, 6 gap, 7 unit, 8 noise.
"""

import cython
from cython.cimports.libc.math import fabs, floor, isnan

SPIKE_TIMES = cython.declare(cython.double, 10.0)
LEAP_TIMES = cython.declare(cython.double, 1.5)
YOUNG_S = cython.declare(cython.double, 259200.0)
SENTINEL_CHANGES = cython.declare(cython.int, 30)
SPIKE_CHANGES = cython.declare(cython.int, 300)
STUCK_CHANGES = cython.declare(cython.int, 100)
WEEK_S = cython.declare(cython.double, 604800.0)

STUCK_TIMES = cython.declare(cython.double, 3.0)
STUCK_S = cython.declare(cython.double, 1800.0)
STUCK_STEP_S = cython.declare(cython.double, 90.0)

NOISE_TIMES = cython.declare(cython.double, 2.2)
SHARED_NOISE = cython.declare(cython.double, 0.5)
CALM_TIMES = cython.declare(cython.double, 1.2)
SMOOTH_STEPS = cython.declare(cython.double, 4.0)
NOISE_VALUES = cython.declare(cython.int, 1000)
ROUGHER = cython.declare(cython.double, 1.001)

GRID_VALUES = cython.declare(cython.int, 250)
GRID_BROKEN = cython.declare(cython.int, 255)
"""As many whole steps more make up for one between."""
MOST = cython.declare(cython.int, 65535)
LARGE = cython.declare(cython.double, 1e30)

OTHER_UNIT = cython.declare(cython.int, 2)
NOISY = cython.declare(cython.int, 4)
ROSE = cython.declare(cython.int, 8)


def judge(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    values: cython.const[cython.double][:, ::1],
    since_s: cython.const[cython.double][::1],
    age_s: cython.const[cython.double][::1],
    nth: cython.const[cython.ushort][:, ::1],
    low: cython.const[cython.double][::1],
    high: cython.const[cython.double][::1],
    max_step: cython.const[cython.double][::1],
    resolution: cython.const[cython.double][::1],
    stuck_s: cython.const[cython.double][::1],
    restless: cython.const[cython.uchar][::1],
    sentinels: cython.const[cython.double][::1],
    factors: cython.const[cython.double][::1],
    shifts: cython.const[cython.double][::1],
    learning: cython.bint,
    moving_sensor: cython.Py_ssize_t,
    moving_above: cython.double,
    level: cython.double[:, ::1],
    doubted: cython.float[:, ::1],
    doubts: cython.uchar[:, ::1],
    anchor: cython.float[:, ::1],
    told_ns: cython.longlong[:, ::1],
    stood_s: cython.float[:, ::1],
    longest_s: cython.float[:, ::1],
    changes: cython.ushort[:, ::1],
    usual_step: cython.float[:, ::1],
    leap: cython.float[:, ::1],
    middle: cython.float[:, ::1],
    spread: cython.float[:, ::1],
    rough: cython.float[:, ::1],
    roughest: cython.float[:, ::1],
    grid: cython.uchar[:, ::1],
    marks: cython.uchar[:, ::1],
    codes: cython.uchar[:, ::1],
) -> None:
    """Judge every value there is by what its sensor said before, then learn it."""
    i: cython.Py_ssize_t
    s: cython.Py_ssize_t
    row: cython.Py_ssize_t
    x: cython.double
    before: cython.double
    limit: cython.double
    far: cython.double
    moving: cython.bint
    verdict: cython.int
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            moving = moves(values, i, level, row, moving_sensor, moving_above)
            for s in range(values.shape[1]):
                x = values[i, s]
                if isnan(x):
                    continue
                before = level[row, s]
                limit = far = max_step[s]
                if learning:
                    far = farthest(row, s, max_step[s], SENTINEL_CHANGES, changes, usual_step, leap)
                    if age_s[i] >= YOUNG_S:
                        limit = farthest(row, s, limit, SPIKE_CHANGES, changes, usual_step, leap)
                verdict = alone(
                    x, row, s, low[s], high[s], limit, far, isnan(max_step[s]), sentinels,
                    level, doubted, doubts,
                )  # fmt: skip
                if learning and verdict == 3:
                    expect(fabs(x - before), since_s[i], row, s, changes, usual_step)
                if learning and verdict == 0:
                    verdict = learn(
                        x, before, limit, resolution[s], since_s[i], age_s[i], nth[i, s], row, s,
                        factors, shifts, changes, usual_step, leap, middle, spread, rough, roughest,
                        grid, marks,
                    )  # fmt: skip
                if (verdict == 0 or verdict == 8) and stands(  # noqa: PLR1714 - C has no sets
                    x, times[i], row, s, moving, moving_sensor >= 0, learning, restless[s],
                    resolution[s] / 2, stuck_s[s],
                    anchor, told_ns, stood_s, longest_s, changes,
                ):  # fmt: skip
                    verdict = 4
                codes[i, s] = verdict


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def moves(
    values: cython.const[cython.double][:, ::1],
    i: cython.Py_ssize_t,
    level: cython.double[:, ::1],
    row: cython.Py_ssize_t,
    sensor: cython.Py_ssize_t,
    above: cython.double,
) -> cython.bint:
    """Whether the machine moves, by the sensor that tells it: now, or else when last believed."""
    if sensor < 0:
        return True
    x: cython.double = values[i, sensor]
    return (level[row, sensor] if isnan(x) else x) > above


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def is_one_of(x: cython.double, sentinels: cython.const[cython.double][::1]) -> cython.bint:
    """Whether x is exactly a value that stands for none."""
    k: cython.Py_ssize_t
    for k in range(sentinels.shape[0]):
        if x == sentinels[k]:
            return True
    return False


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def farthest(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    given: cython.double,
    needed: cython.int,
    changes: cython.ushort[:, ::1],
    usual_step: cython.float[:, ::1],
    leap: cython.float[:, ::1],
) -> cython.double:
    """How far a value may lie from the one before; NaN where nothing is given or known."""
    if not isnan(given) or changes[row, s] < needed:
        return given
    return max(SPIKE_TIMES * usual_step[row, s], LEAP_TIMES * leap[row, s])


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def alone(
    x: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    low: cython.double,
    high: cython.double,
    limit: cython.double,
    far: cython.double,
    learnt: cython.bint,
    sentinels: cython.const[cython.double][::1],
    level: cython.double[:, ::1],
    doubted: cython.float[:, ::1],
    doubts: cython.uchar[:, ::1],
) -> cython.int:
    """The verdict on a single value: can it be, and can it follow the one before?"""
    if not low <= x <= high:
        return 5 if is_one_of(x, sentinels) else 2
    if fabs(x - level[row, s]) > far / 3 and is_one_of(x, sentinels):
        return 5
    return 3 if leaps(x, row, s, limit, learnt, level, doubted, doubts) else 0


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def learn(
    x: cython.double,
    before: cython.double,
    limit: cython.double,
    resolution: cython.double,
    since_s: cython.double,
    age_s: cython.double,
    n: cython.int,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    factors: cython.const[cython.double][::1],
    shifts: cython.const[cython.double][::1],
    changes: cython.ushort[:, ::1],
    usual_step: cython.float[:, ::1],
    leap: cython.float[:, ::1],
    middle: cython.float[:, ::1],
    spread: cython.float[:, ::1],
    rough: cython.float[:, ::1],
    roughest: cython.float[:, ::1],
    grid: cython.uchar[:, ::1],
    marks: cython.uchar[:, ::1],
) -> cython.int:
    """Learn a value that can be; the verdict by what was usual so far: ok, unit or noise."""
    step: cython.double = fabs(x - before)
    if step > limit:
        settle(x, before, row, s, usual_step, leap, spread, factors, shifts, marks)
    elif not marks[row, s] & OTHER_UNIT:
        wander(
            x, x - before, since_s, age_s, n, row, s, middle, spread, rough, roughest,
            usual_step, marks,
        )  # fmt: skip
        if step > resolution / 2:
            expect(step, since_s, row, s, changes, usual_step)
    if lies_between(x, before, resolution, row, s, grid) or marks[row, s] & OTHER_UNIT:
        return 7
    return 8 if marks[row, s] & NOISY else 0


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def leaps(
    x: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    limit: cython.double,
    learnt: cython.bint,
    level: cython.double[:, ::1],
    doubted: cython.float[:, ::1],
    doubts: cython.uchar[:, ::1],
) -> cython.bint:
    """Whether x is too far from the last believed value, and not the third of a new level."""
    last: cython.double = doubted[row, s]
    near: cython.double = limit
    if fabs(x - level[row, s]) > limit:
        if learnt:
            # A ramp that is steeper than any before is no series of spikes.
            near = max(limit, fabs(x - level[row, s]) * 2 / 3)
        if doubts[row, s] > 0 and fabs(x - last) <= near:
            doubts[row, s] += 1
        else:
            doubts[row, s] = 1
        doubted[row, s] = x
        if doubts[row, s] < 3:
            return True
    level[row, s] = x
    doubts[row, s] = 0
    return False


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def expect(
    step: cython.double,
    since_s: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    changes: cython.ushort[:, ::1],
    usual_step: cython.float[:, ::1],
) -> cython.void:
    """Follow the 95 % quantile of the sensor's own steps, a doubted one too: a few move it little.

    A step beyond it moves it up by 19 times of what one within moves it down.
    """
    n: cython.int = changes[row, s]
    usual: cython.double = usual_step[row, s]
    if n == 0:
        usual = min(step, LARGE)
    else:
        weight: cython.double = min(10 * max(1.0 / (n + 1), since_s / WEEK_S), 1.0)
        usual *= 1 + weight * (0.95 if step > usual else -0.05)
    usual_step[row, s] = min(usual, LARGE)
    if n < MOST:
        changes[row, s] += 1


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def settle(
    x: cython.double,
    before: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    usual_step: cython.float[:, ::1],
    leap: cython.float[:, ::1],
    spread: cython.float[:, ::1],
    factors: cython.const[cython.double][::1],
    shifts: cython.const[cython.double][::1],
    marks: cython.uchar[:, ::1],
) -> cython.void:
    """At a new level: is it the old one in another unit, until the way back, or does it leap?"""
    k: cython.Py_ssize_t
    same: cython.double
    near: cython.double
    usual: cython.double = usual_step[row, s]
    if marks[row, s] & OTHER_UNIT:
        marks[row, s] &= ~OTHER_UNIT
        return
    for k in range(factors.shape[0]):
        if spread[row, s] < SMOOTH_STEPS * usual:
            break
        same = factors[k] * before + shifts[k]
        near = min(2 * usual * max(factors[k], 1.0), 0.05 * fabs(same))
        if fabs(x - same) <= near and fabs(before) > 3 * usual:
            marks[row, s] |= OTHER_UNIT
            return
    leap[row, s] = min(max(leap[row, s], fabs(x - before)), LARGE)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def lies_between(
    x: cython.double,
    before: cython.double,
    resolution: cython.double,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    grid: cython.uchar[:, ::1],
) -> cython.bint:
    """Whether x lies between two steps of an instrument that has always told whole ones."""
    if resolution <= 0:
        return False
    steps: cython.double = fabs(x) / resolution
    off: cython.double = fabs(steps - floor(steps + 0.5))
    if off > 0.02 + 1e-6 * steps:
        grid[row, s] = GRID_BROKEN if grid[row, s] >= GRID_VALUES else 0
    elif fabs(x - before) > resolution / 2 and grid[row, s] != GRID_VALUES:
        grid[row, s] += 1 if grid[row, s] < GRID_VALUES else -1
    return grid[row, s] > GRID_VALUES


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def wander(
    x: cython.double,
    rise: cython.double,
    since_s: cython.double,
    age_s: cython.double,
    n: cython.int,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    middle: cython.float[:, ::1],
    spread: cython.float[:, ::1],
    rough: cython.float[:, ::1],
    roughest: cython.float[:, ::1],
    usual_step: cython.float[:, ::1],
    marks: cython.uchar[:, ::1],
) -> cython.void:
    """Learn how smooth the sensor is, and whether it is rougher than it ever was."""
    centre: cython.double = middle[row, s]
    width: cython.double = spread[row, s]
    level: cython.double = rough[row, s]
    most: cython.double = roughest[row, s]
    weight: cython.double = min(max(1.0 / n, since_s / WEEK_S), 1.0)
    x = max(min(x, LARGE), -LARGE)
    width += (fabs(x - centre) * (n > 1) - width) * weight
    centre += (x - centre) * weight
    middle[row, s] = centre
    spread[row, s] = width
    if isnan(rise):
        return
    # Noise goes back and forth: a ramp does not, and a single leap says little.
    if (rise > 0) == ((marks[row, s] & ROSE) > 0):
        level -= level / 30
    else:
        level += (min(fabs(rise), 4 * usual_step[row, s]) - level) / 30
        marks[row, s] ^= ROSE
    rough[row, s] = level
    if n < 60:
        return
    if n < NOISE_VALUES or age_s < YOUNG_S:
        roughest[row, s] = max(most, level)
    elif marks[row, s] & NOISY:
        if level < CALM_TIMES * most:
            marks[row, s] &= ~NOISY
    elif level > NOISE_TIMES * most and width > SMOOTH_STEPS * usual_step[row, s]:
        if others_shake(row, s, rough, roughest, marks):
            roughest[row, s] = level
        else:
            marks[row, s] |= NOISY
    else:
        roughest[row, s] = max(most, min(level, ROUGHER * most))


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def others_shake(
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    rough: cython.float[:, ::1],
    roughest: cython.float[:, ::1],
    marks: cython.uchar[:, ::1],
) -> cython.bint:
    """Whether others are rougher than ever as well: it is the machine, and usual from now on."""
    k: cython.Py_ssize_t
    shaken: cython.bint = False
    share: cython.double = SHARED_NOISE * rough[row, s]
    share /= roughest[row, s]
    for k in range(rough.shape[1]):
        if k != s and rough[row, k] > max(CALM_TIMES, share) * roughest[row, k]:
            shaken = True
            marks[row, k] &= ~NOISY
            roughest[row, k] = rough[row, k]
    return shaken


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def stands(
    x: cython.double,
    time: cython.longlong,
    row: cython.Py_ssize_t,
    s: cython.Py_ssize_t,
    moving: cython.bint,
    told: cython.bint,
    learning: cython.bint,
    restless: cython.bint,
    tolerance: cython.double,
    stuck_s: cython.double,
    anchor: cython.float[:, ::1],
    told_ns: cython.longlong[:, ::1],
    stood_s: cython.float[:, ::1],
    longest_s: cython.float[:, ::1],
    changes: cython.ushort[:, ::1],
) -> cython.bint:
    """Whether the value stands still for longer than it should, or than it usually does.

    Where nobody told how to see that the machine moves, 0 may be its rest.
    """
    last: cython.double = anchor[row, s]
    stood: cython.double = stood_s[row, s]
    longest: cython.double = longest_s[row, s]
    limit: cython.double = stuck_s
    step_s: cython.double = stuck_s / 10
    if isnan(limit):
        limit = max(STUCK_S, STUCK_TIMES * longest)
        step_s = STUCK_STEP_S
    if not fabs(x - last) <= max(tolerance, 2e-7 * fabs(x)):
        anchor[row, s] = x
        longest_s[row, s] = max(longest, min(stood, 2 * limit / STUCK_TIMES))
        stood = 0.0
    elif (moving or restless) and (x != 0 or (told and moving) or not isnan(stuck_s)):
        stood += min((time - told_ns[row, s]) / 1e9, step_s)
    stood_s[row, s] = stood
    told_ns[row, s] = time
    if isnan(stuck_s):
        return learning and changes[row, s] >= STUCK_CHANGES and stood >= limit
    return stuck_s > 0 and stood >= limit
