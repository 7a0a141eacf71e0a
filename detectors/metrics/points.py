"""How good point by point: the scores of the textbooks, for tables that others publish.

They know no event: a week's fault counts as often as it has readings, and being first counts for
nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.metrics.records import ratio


def precision_recall_f1(
    truth: NDArray[np.bool_], alarm: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Share of alarmed points that were anomalous, of anomalous points alarmed, harmonic mean.

    NaN where there is nothing to take a share of.

    >>> precision_recall_f1(np.array([True, True, False]), np.array([True, False, False]))
    (1.0, 0.5, 0.6666666666666666)
    """
    hits = int((truth & alarm).sum())
    precision = ratio(hits, int(alarm.sum()))
    recall = ratio(hits, int(truth.sum()))
    return precision, recall, ratio(2 * hits, int(alarm.sum()) + int(truth.sum()))


def roc_auc(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Chance that an anomalous point scores above a normal one, ties counting half.

    Points whose score is NaN are left out: not ready is not normal. NaN where there is nothing to
    compare. The rank sum of Mann and Whitney (1947), so n log n.

    >>> roc_auc(np.array([False, True, False, True]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.875
    """
    spoken = ~np.isnan(scores)
    truth, scores = truth[spoken], scores[spoken]
    positives, negatives = int(truth.sum()), int((~truth).sum())
    _, place, ties = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(ties) - (ties - 1) / 2
    above = float(ranks[place][truth].sum()) - positives * (positives + 1) / 2
    return ratio(above, positives * negatives)


def pr_auc(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Area under the precision-recall curve, as average precision, 0 … 1.

    Walk the distinct scores downwards, alarming at each; with precision P and recall R there::

        AP = Σ (R_k - R_{k-1}) P_k,    R_0 = 0

    Points of equal score are alarmed together, so their order changes nothing, and no line is drawn
    between neighbours, because that flatters (Davis and Goadrich 2006). A blind detector scores the
    share of anomalous points. NaN scores are left out, as in `roc_auc`; NaN where no point is
    anomalous.

    >>> truth = np.array([False, False, True, True])
    >>> round(pr_auc(truth, np.array([0.1, 0.4, 0.35, 0.8])), 4)
    0.8333
    """
    spoken = ~np.isnan(scores)
    truth, scores = truth[spoken], scores[spoken]
    levels, place = np.unique(-scores, return_inverse=True)
    points = np.bincount(place, minlength=len(levels))
    hits = np.bincount(place, weights=truth, minlength=len(levels))
    precision = np.cumsum(hits) / np.cumsum(points)
    return ratio(float((hits * precision).sum()), int(truth.sum()))
