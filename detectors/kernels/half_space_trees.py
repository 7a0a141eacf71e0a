# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# mypy: ignore-errors
"""The loops of Half-Space Trees; what they compute stands in `detectors.half_space_trees`.

A tree of height h is an array of ``2**(h+1) - 1`` nodes: the children of node i are 2i+1 and 2i+2,
the last ``2**h`` nodes are the leaves. All a reading does depends only on the leaves it reaches, so
`descend` finds those first, without a look at any machine; `walk` then touches one count and one
table entry per tree.
"""

import cython

Mass = cython.fused_type(cython.uchar, cython.ushort)
"""A leaf holds at most ``window_size`` readings, so its count is as narrow as the window allows."""

Sum = cython.fused_type(cython.ushort, cython.uint)
"""Of masses along a path, without the root's and halved: as narrow as window and height allow."""


def descend(
    values: cython.const[cython.double][:, ::1],
    features: cython.const[cython.int][:, ::1],
    thresholds: cython.const[cython.double][:, ::1],
    leaves: cython.int[:, ::1],
    *,
    height: cython.int,
):
    """Write the leaf that each reading reaches in each tree; -1 where it has a NaN."""
    i: cython.Py_ssize_t
    tree: cython.Py_ssize_t
    node: cython.int
    depth: cython.int
    leaf_0: cython.int = features.shape[1]
    with cython.nogil:
        for i in range(values.shape[0]):
            if has_nan(values, i):
                leaves[i, 0] = -1
                continue
            for tree in range(features.shape[0]):
                leaves[i, tree] = 0
            # All trees a step at a time, and without a branch: no step waits for another's memory,
            # and which way it goes would be a coin toss for the processor.
            for depth in range(height):
                for tree in range(features.shape[0]):
                    node = leaves[i, tree]
                    leaves[i, tree] = (
                        2 * node + 2 - (values[i, features[tree, node]] < thresholds[tree, node])
                    )
            for tree in range(features.shape[0]):
                leaves[i, tree] -= leaf_0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def has_nan(values: cython.const[cython.double][:, ::1], i: cython.Py_ssize_t) -> cython.bint:
    sensor: cython.Py_ssize_t
    for sensor in range(values.shape[1]):
        if values[i, sensor] != values[i, sensor]:
            return True
    return False


def walk(
    rows: cython.const[cython.int][::1],
    leaves: cython.const[cython.int][:, ::1],
    learn: cython.const[cython.uchar][::1],
    masses: Mass[:, :, ::1],
    table: Sum[:, :, ::1],
    learnt: cython.longlong[::1],
    nodes: cython.uint[:, ::1],
    scores: cython.double[:, ::1],
    *,
    score: cython.bint,
    window_size: cython.longlong,
    size_limit: cython.double,
    max_score: cython.double,
):
    """Score each reading from the table, count it in its leaves, fold a window that is full.

    ``nodes`` is working space u4[2, nodes of a tree].
    """
    i: cython.Py_ssize_t
    tree: cython.Py_ssize_t
    row: cython.int
    total: cython.longlong
    with cython.nogil:
        for i in range(rows.shape[0]):
            row = rows[i]
            if leaves[i, 0] < 0:
                continue
            if score and learnt[row] >= window_size:
                total = 0
                for tree in range(leaves.shape[1]):
                    total += table[row, tree, leaves[i, tree]]
                total = 2 * total + leaves.shape[1] * window_size
                scores[i, 0] = 1.0 - total / max_score
            if learn[i]:
                for tree in range(leaves.shape[1]):
                    masses[row, tree, leaves[i, tree]] += 1
                learnt[row] += 1
                if learnt[row] % window_size == 0:
                    for tree in range(leaves.shape[1]):
                        fold(row, tree, size_limit, masses, table, nodes)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def fold(
    row: cython.Py_ssize_t,
    tree: cython.Py_ssize_t,
    size_limit: cython.double,
    masses: Mass[:, :, ::1],
    table: Sum[:, :, ::1],
    nodes: cython.uint[:, ::1],
) -> cython.void:
    """Turn the leaf counts of a full window into the score of each leaf, and start a new window.

    ``nodes[0]`` takes the mass of each node, ``nodes[1]`` half the sum of ``mass * 2**depth`` along
    the path from below the root to it, which grows no more below a node lighter than
    ``size_limit``. The root holds the whole window, always, and all the other terms are even.
    """
    leaf: cython.Py_ssize_t
    node: cython.Py_ssize_t
    parent: cython.Py_ssize_t
    leaf_0: cython.Py_ssize_t = masses.shape[2] - 1
    weight: cython.uint = 1
    for leaf in range(leaf_0 + 1):
        nodes[0, leaf_0 + leaf] = masses[row, tree, leaf]
        masses[row, tree, leaf] = 0
    for node in range(leaf_0 - 1, -1, -1):
        nodes[0, node] = nodes[0, 2 * node + 1] + nodes[0, 2 * node + 2]
    nodes[1, 0] = 0
    for node in range(1, 2 * leaf_0 + 1):
        parent = (node - 1) // 2
        nodes[1, node] = nodes[1, parent]
        if nodes[0, parent] >= size_limit:
            nodes[1, node] += nodes[0, node] * weight
        if ((node + 1) & (node + 2)) == 0:  # 2, 6, 14, …: the last node of a level
            weight = weight * 2
    for leaf in range(leaf_0 + 1):
        table[row, tree, leaf] = nodes[1, leaf_0 + leaf]
