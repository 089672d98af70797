"""From a classifier's raw scores to probabilities and to a threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from femo_signal.learning.model import Calibration

__all__ = ["best_threshold", "correct_for_presses", "fit_calibration"]

_SMALL_FOR_ISOTONIC = 2000
_LEAST_CONTRAST = 0.1


def fit_calibration(raw: NDArray[np.float64], labels: NDArray[np.int8]) -> Calibration:
    """Fit a monotone curve: logistic in the log-odds for few scores, isotonic for many."""
    if len(np.unique(labels)) < 2:
        return Calibration(raw=(0.0, 1.0), probability=(0.0, 1.0))
    grid = np.unique(np.concatenate((np.linspace(0, 1, 41), [0.002, 0.01, 0.99, 0.998])))
    if len(raw) < _SMALL_FOR_ISOTONIC:
        from sklearn.linear_model import LogisticRegression

        curve = LogisticRegression(C=10.0).fit(_log_odds(raw)[:, None], labels)
        values = curve.predict_proba(_log_odds(grid)[:, None])[:, 1]
        if curve.coef_[0, 0] < 0:  # scores that carry nothing
            values = np.full(len(grid), float(labels.mean()))
    else:
        from sklearn.isotonic import IsotonicRegression

        steps = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(raw, labels)
        values = steps.predict(grid)
    values = np.maximum.accumulate(np.clip(values, 0.0, 1.0))
    return Calibration(
        raw=tuple(float(x) for x in grid),
        probability=tuple(round(float(y), 9) for y in values),
    )


def _log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(probability, 1e-4, 1 - 1e-4)
    odds: NDArray[np.float64] = np.log(clipped / (1 - clipped))
    return odds


def best_threshold(
    probability: NDArray[np.float64], truth: NDArray[np.float64], missed: int = 0
) -> float:
    """Choose the threshold with the best F1.

    Among thresholds within half a percent of the best, the one nearest to half the best F1 is
    taken: the optimum for calibrated probabilities (Lipton et al., 2014), and steadier than the
    exact maximum of few detections.

    Parameters
    ----------
    probability : float64, shape (n,)
    truth : float64, shape (n,)
        Labels, or the probabilities themselves for the best expected F1.
    missed : int
        Reference events without a detection.
    """
    grid = np.linspace(0.05, 0.95, 91)
    order = np.argsort(probability)
    # What is accepted from each threshold on: everything less what lies below it.
    below = np.searchsorted(probability[order], grid)
    hits = truth.sum() - np.concatenate(([0.0], np.cumsum(truth[order])))[below]
    accepted = len(truth) - below
    f1 = 2 * hits / np.maximum(accepted + truth.sum() + missed, 1e-9)
    best = float(f1.max())
    good = grid[f1 >= best - 0.005]
    return float(round(good[np.argmin(np.abs(good - best / 2))], 3))


def correct_for_presses(
    calibration: Calibration, raw: NDArray[np.float64], chance: float
) -> Calibration | None:
    """Turn the probability of a press into the probability of a movement.

    Presses label a certain movement only as often as the mother feels one, and a certain
    non-movement as often as a press is near by chance. Between these two rates the probability
    of a label is linear in that of a movement (Elkan and Noto, 2008, with chance labels added).

    Parameters
    ----------
    calibration : Calibration
        Of the labels.
    raw : float64, shape (n,)
        Out-of-fold scores.
    chance : float
        Share of detections that shifted presses would label.

    Returns
    -------
    Calibration or None
        None if certain movements are labelled hardly more often than by chance.
    """
    labelled = calibration(raw)
    high = labelled >= (chance + float(labelled.max())) / 2
    if not high.any():  # nothing is labelled more often than by chance
        return None
    felt = float(labelled[high].mean())
    if felt - chance < _LEAST_CONTRAST:
        return None
    values = np.clip((np.array(calibration.probability) - chance) / (felt - chance), 0.0, 1.0)
    return Calibration(
        raw=calibration.raw, probability=tuple(round(float(value), 9) for value in values)
    )
