# cython: boundscheck=False, wraparound=False, initializedcheck=False
# mypy: ignore-errors
"""The loops of the assembler; what they compute stands in `detectors.assemble`."""

import cython
from cython.cimports.libc.math import isnan


def assemble(
    rows: cython.const[cython.int][::1],
    times: cython.const[cython.longlong][::1],
    values: cython.const[cython.double][:, ::1],
    required: cython.const[cython.uchar][::1],
    max_age_ns: cython.longlong,
    sample_ns: cython.longlong,
    last: cython.double[:, ::1],
    last_ns: cython.longlong[:, ::1],
    spoken: cython.uchar[:, ::1],
    due_ns: cython.longlong[::1],
    full: cython.double[:, ::1],
    due: cython.uchar[::1],
) -> None:
    """Fill in what each reading left out, and say which readings complete a sample."""
    i: cython.Py_ssize_t
    row: cython.Py_ssize_t
    sample: cython.longlong
    ending: cython.bint
    complete: cython.bint
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            sample = times[i] // sample_ns
            ending = ends_round(values, i, required, spoken, row)
            complete = fill_in(values, i, times[i], required, max_age_ns, last, last_ns, row, full)
            if ending and sample > due_ns[row] // sample_ns:
                start_round(values, i, required, spoken, row)
                if complete:
                    due[i] = 1
                    due_ns[row] = times[i]


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def ends_round(
    values: cython.const[cython.double][:, ::1],
    i: cython.Py_ssize_t,
    required: cython.const[cython.uchar][::1],
    spoken: cython.uchar[:, ::1],
    row: cython.Py_ssize_t,
) -> cython.bint:
    """Note who speaks; whether all have spoken now, or one of them again."""
    s: cython.Py_ssize_t
    again: cython.bint = False
    everyone: cython.bint = True
    for s in range(values.shape[1]):
        if not required[s]:
            continue
        if not isnan(values[i, s]):
            again = again or spoken[row, s] > 0
            spoken[row, s] = 1
        everyone = everyone and spoken[row, s] > 0
    return again or everyone


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def start_round(
    values: cython.const[cython.double][:, ::1],
    i: cython.Py_ssize_t,
    required: cython.const[cython.uchar][::1],
    spoken: cython.uchar[:, ::1],
    row: cython.Py_ssize_t,
) -> cython.void:
    """Forget who has spoken; only where somebody is still missing, this reading opens the next."""
    s: cython.Py_ssize_t
    everyone: cython.bint = True
    for s in range(values.shape[1]):
        everyone = everyone and (spoken[row, s] > 0 or not required[s])
    for s in range(values.shape[1]):
        spoken[row, s] = 1 if required[s] and not everyone and not isnan(values[i, s]) else 0


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def fill_in(
    values: cython.const[cython.double][:, ::1],
    i: cython.Py_ssize_t,
    time: cython.longlong,
    required: cython.const[cython.uchar][::1],
    max_age_ns: cython.longlong,
    last: cython.double[:, ::1],
    last_ns: cython.longlong[:, ::1],
    row: cython.Py_ssize_t,
    full: cython.double[:, ::1],
) -> cython.bint:
    """Fill one row with the last values that are young enough; whether none required is lacking."""
    s: cython.Py_ssize_t
    complete: cython.bint = True
    for s in range(values.shape[1]):
        if not isnan(values[i, s]):
            last[row, s] = values[i, s]
            last_ns[row, s] = time
        if not isnan(last[row, s]) and time - last_ns[row, s] <= max_age_ns:
            full[i, s] = last[row, s]
        elif required[s]:
            complete = False
    return complete
