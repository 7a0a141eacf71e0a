"""The published scores once more, word for word and slowly: one threshold, one reading at a time.

The product's scorers are held to these on random series, and `tests/data` is made with them.
"""

from __future__ import annotations

import math

NAB_WEIGHTS = {"standard": (1, 0.11, 1), "low_fp": (1, 0.22, 1), "low_fn": (1, 0.11, 2)}


def sigmoid(y):
    return 2 / (1 + math.exp(5 * y)) - 1


def nab(corpus, profile, threshold):
    """`corpus` holds (scores, windows) of each series."""
    gain_tp, cost_fp, cost_fn = NAB_WEIGHTS[profile]
    total, windows_n = 0.0, 0
    for scores, windows in corpus:
        start = min(int(0.15 * len(scores)), 750)
        hits = [i for i, score in enumerate(scores) if i >= start and score >= threshold]
        for first, last in windows:
            if last < start:
                continue
            windows_n += 1
            inside = [i for i in hits if first <= i <= last]
            if inside:
                y = -(last - inside[0] + 1) / (last - first + 1)
                total += gain_tp * sigmoid(y) / sigmoid(-1)
            else:
                total -= cost_fn
        for i in hits:
            if any(first <= i <= last for first, last in windows):
                continue
            before = [window for window in windows if window[1] < i]
            if not before:
                total -= cost_fp
                continue
            first, last = before[-1]
            y = (i - last) / max(last - first, 1)
            total += cost_fp * (-1 if y > 3 else sigmoid(y))
    silent = -cost_fn * windows_n
    return 100 * (total - silent) / (gain_tp * windows_n - silent)


def nab_best(corpus, profile):
    thresholds = {math.inf, *(score for scores, _ in corpus for score in scores)}
    return max(nab(corpus, profile, threshold) for threshold in thresholds)


def changepoints(experiments, profile, learning_rows, window_s):
    """`experiments` holds (times, truth, marks) of each recording."""
    gain_tp, cost_fp, cost_fn = NAB_WEIGHTS[profile]
    total, windows_n = 0.0, 0
    for times, truth, marks in experiments:
        rows = range(learning_rows, len(times))
        marked = [times[i] for i in rows if marks[i]]
        windows = []
        for i in rows:
            if truth[i]:
                left = max([times[i], *(right for _, right in windows[-1:])])
                windows.append((left, times[i] + window_s))
        for left, right in windows:
            windows_n += 1
            inside = [at for at in marked if left <= at <= right]
            if inside:
                step = min(int((inside[0] - left) / (right - left) * 1000), 999)
                x = math.tanh(-math.pi / 2 + math.pi * step / 999) / math.tanh(math.pi / 2)
                total += gain_tp * (1 - x) / 2 - cost_fp * (1 + x) / 2
            else:
                total -= cost_fn
        for at in marked:
            if not any(left <= at <= right for left, right in windows):
                total -= cost_fp
    silent = -cost_fn * windows_n
    return 100 * (total - silent) / (gain_tp * windows_n - silent)


def criticality(alarm, normal, last):
    count = highest = 0
    for i in range(last + 1):
        if normal[i]:
            count = count + 1 if alarm[i] else max(count - 1, 0)
        highest = max(highest, count)
    return highest


def average_precision(truth, scores):
    area, recall = 0.0, 0.0
    for level in sorted(set(scores), reverse=True):
        alarmed = [true for true, score in zip(truth, scores, strict=True) if score >= level]
        area += (sum(alarmed) / sum(truth) - recall) * sum(alarmed) / len(alarmed)
        recall = sum(alarmed) / sum(truth)
    return area


def f_half(truth, alarm):
    pairs = list(zip(truth, alarm, strict=True))
    tp, fp, fn = (pairs.count(pair) for pair in [(1, 1), (0, 1), (1, 0)])
    return 1.25 * tp / (1.25 * tp + 0.25 * fn + fp) if tp + fp + fn else math.nan


def care(sets):
    """`sets` holds (alarm, normal, first and last row of the event or None) of each turbine."""
    coverages, accuracies, earlinesses, positive, alarmed = [], [], [], [], []
    for alarm, normal, event in sets:
        n = len(alarm)
        judged = [i for i in range(n) if normal[i]]
        positive.append(int(event is not None))
        alarmed.append(int(criticality(alarm, normal, event[1] if event else n - 1) >= 72))
        if event is None:
            accuracies.append(sum(not alarm[i] for i in judged) / len(judged))
            continue
        first, last = event
        truth = [int(first <= i <= last) for i in judged]
        coverages.append(f_half(truth, [int(alarm[i]) for i in judged]))
        rows = last - first + 1
        places = [2 * i / (2 * rows - 1) for i in range(rows)]
        weights = [1 if x <= 0.5 else 2 - 2 * x for x in places]
        hits = [w for w, i in zip(weights, range(first, last + 1), strict=True) if alarm[i]]
        earlinesses.append(sum(hits) / sum(weights))
    coverage, accuracy, earliness = (
        sum(parts) / len(parts) for parts in (coverages, accuracies, earlinesses)
    )
    reliability = f_half(positive, alarmed)
    care = (coverage + earliness + reliability + 2 * accuracy) / 5
    if accuracy < 0.5:
        care = accuracy
    if not any(alarmed):
        care = 0.0
    return {
        "care": care,
        "coverage": coverage,
        "accuracy": accuracy,
        "reliability": reliability,
        "earliness": earliness,
    }
