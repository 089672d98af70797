"""What can decide beside the trees: the unlearned rule, and a linear model of a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from femo_signal.settings import CandidateSettings

__all__ = ["RULE_THRESHOLD", "ClassifierKind", "LinearModel", "rule_scores"]

ClassifierKind = Literal["trees", "linear", "rule"]

RULE_THRESHOLD = 0.5
"""Raw score from which on the unlearned rule accepts."""
RULE_STEEPNESS = (
    6.0  # of the score per unit of log strength; where it accepts does not depend on it
)
REJECTED_SCORE = 0.02


def rule_scores(
    features: NDArray[np.float64], names: Sequence[str], *, settings: CandidateSettings
) -> NDArray[np.float64]:
    """Score candidates without having learnt anything.

    The agreement of the sensors, relative to what it reaches by chance, must exceed a fixed ratio;
    a pulse of a hiccup bout is no movement.

    Parameters
    ----------
    features : float64, shape (n, len(names))
    names : sequence of str
        Of the adaptive method's features.
    settings : CandidateSettings

    Returns
    -------
    float64, shape (n,)
        0..1; accepted from `RULE_THRESHOLD` on.
    """
    column = {name: features[:, number] for number, name in enumerate(names)}
    over = column["strength"] - np.log(settings.rule_strength)
    scores = 1 / (1 + np.exp(-RULE_STEEPNESS * np.clip(over, -10, 10)))
    return np.where(column["hiccup_pulse"] > 0, REJECTED_SCORE, scores)


class LinearModel(BaseModel):
    """Logistic regression on standardised features; what is missing takes the centre."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    @model_validator(mode="after")
    def _check(self) -> LinearModel:
        if not len(self.centre) == len(self.spread) == len(self.weights):
            raise ValueError("centre, spread and weights differ in length")
        if min(self.spread, default=1.0) <= 0:
            raise ValueError("a spread is not positive")
        return self

    @classmethod
    def fit(cls, features: NDArray[np.float64], labels: NDArray[np.int8]) -> LinearModel:
        """Fit the model.

        Parameters
        ----------
        features : float64, shape (n, k)
        labels : int8, shape (n,)
            Of both classes.
        """
        from sklearn.linear_model import LogisticRegression

        known = np.isfinite(features).any(axis=0)
        values = np.where(known, features, 0.0)
        centre = np.where(known, np.nanmedian(values, axis=0), 0.0)
        spread = np.nanstd(values, axis=0)
        spread[spread == 0] = 1.0
        standard = _standardised(features, centre, spread)
        fitted = LogisticRegression(C=0.3, class_weight="balanced", max_iter=2000)
        fitted.fit(standard, labels)
        return cls(
            centre=tuple(centre.tolist()),
            spread=tuple(spread.tolist()),
            weights=tuple(fitted.coef_[0].tolist()),
            intercept=float(fitted.intercept_[0]),
        )

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the raw score of each row, 0..1."""
        standard = _standardised(features, np.array(self.centre), np.array(self.spread))
        odds = standard @ np.array(self.weights) + self.intercept
        scores: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
        return scores


def _standardised(
    features: NDArray[np.float64], centre: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    scaled = (np.where(np.isfinite(features), features, centre) - centre) / spread
    bounded: NDArray[np.float64] = np.clip(scaled, -10.0, 10.0)
    return bounded
