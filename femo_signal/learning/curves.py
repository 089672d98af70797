"""The curves of an evaluation, as data: precision-recall, reliability, agreement of counts.

scikit-learn is imported where it is used: an analysis never needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.learning.outcomes import RecordingOutcome

__all__ = ["agreement_of_counts", "average_precision", "brier_score", "precision_recall",
           "reliability"]  # fmt: skip

_BINS = 10
_POINTS = 200  # of a curve: more are not seen
_LIMITS = 1.96  # standard deviations: 95 % of a normal distribution


def _both(labels: NDArray[np.int8]) -> bool:
    return 0 < int(labels.sum()) < len(labels)


def brier_score(probability: NDArray[np.float64], labels: NDArray[np.int8]) -> float | None:
    """Return the mean squared error of probabilities; None without any."""
    from sklearn.metrics import brier_score_loss

    return float(brier_score_loss(labels, probability, pos_label=1)) if len(labels) else None


def average_precision(probability: NDArray[np.float64], labels: NDArray[np.int8]) -> float | None:
    """Return the area under the precision-recall curve; None without both classes."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, probability)) if _both(labels) else None


def precision_recall(outcomes: Sequence[RecordingOutcome]) -> dict[str, Any] | None:
    """Return precision and recall among the labelled detections at every threshold.

    Parameters
    ----------
    outcomes : sequence of RecordingOutcome

    Returns
    -------
    dict or None
        ``points``: threshold, precision, recall; ``accepted``: where the thresholds in use lie on
        the curve, with the lowest and highest of them (each fold has its own). None without
        detections of both kinds.
    """
    from sklearn.metrics import precision_recall_curve

    probability, labels = _together(outcomes)
    if not _both(labels):
        return None
    precision, recall, threshold = precision_recall_curve(
        labels, probability, drop_intermediate=True
    )
    kept = np.unique(np.linspace(0, len(threshold) - 1, _POINTS).astype(int))
    accepted = np.concatenate([outcome.accepted for outcome in outcomes])
    true = int((labels[accepted] == 1).sum())
    used = [outcome.threshold for outcome in outcomes if outcome.threshold is not None]
    return {
        "of": "detections with labels; what was never one is in `misses`",
        "points": [
            {"threshold": float(threshold[k]), "precision": float(precision[k]),
             "recall": float(recall[k])}
            for k in kept
        ],
        "accepted": {
            "threshold_low": min(used, default=None),
            "threshold_high": max(used, default=None),
            "precision": true / int(accepted.sum()) if accepted.any() else None,
            "recall": true / int(labels.sum()),
        },
    }  # fmt: skip


def reliability(
    probability: NDArray[np.float64], labels: NDArray[np.int8]
) -> list[dict[str, float | int]]:
    """Compare predicted with observed shares in bins of a tenth; empty bins are left out."""
    from sklearn.calibration import calibration_curve

    if not len(labels):
        return []
    # Labels of one class alone are no fault here: the curve takes them as 0 and 1 all the same.
    observed, predicted = calibration_curve(labels == 1, probability, n_bins=_BINS, pos_label=True)
    edges = np.linspace(0, 1, _BINS + 1)
    count = np.bincount(np.searchsorted(edges[1:-1], probability), minlength=_BINS)
    filled = np.flatnonzero(count)
    return [
        {
            "from": float(edges[k]),
            "to": float(edges[k + 1]),
            "count": int(count[k]),
            "mean_predicted": float(predicted[place]),
            "observed": float(observed[place]),
        }
        for place, k in enumerate(filled.tolist())
    ]


def agreement_of_counts(outcomes: Sequence[RecordingOutcome]) -> dict[str, Any] | None:
    """Compare counted with true movements, recording by recording (Bland and Altman, 1986).

    Of annotated recordings where there are any: a mother presses for about half of what moves.

    Returns
    -------
    dict or None
        ``points``: mean of the two counts and their difference, counted less true; ``bias``, the
        mean difference; ``low`` and ``high``, the limits of agreement (95 %), None for one
        recording. None without recordings.
    """
    annotated = [one for one in outcomes if one.label_source == "annotations"]
    used = annotated or list(outcomes)
    if not used:
        return None
    counted = np.array([int(one.accepted.sum()) for one in used], dtype=np.float64)
    true = np.array([len(one.reference) for one in used], dtype=np.float64)
    difference = counted - true
    bias = float(difference.mean())
    spread = float(difference.std(ddof=1)) if len(used) > 1 else None
    return {
        "labels": used[0].label_source,
        "points": [
            {"recording": one.recording_id, "mean": float(middle), "difference": float(off)}
            for one, middle, off in zip(used, (counted + true) / 2, difference, strict=True)
        ],
        "bias": bias,
        "low": None if spread is None else bias - _LIMITS * spread,
        "high": None if spread is None else bias + _LIMITS * spread,
    }


def _together(
    outcomes: Sequence[RecordingOutcome],
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    probability = np.concatenate([np.zeros(0), *(one.probability for one in outcomes)])
    labels = np.concatenate([np.zeros(0, np.int8), *(one.labels for one in outcomes)])
    return probability, labels
