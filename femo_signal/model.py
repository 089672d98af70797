"""A trained classifier of detections, as LightGBM text and JSON: loading one runs no code."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from femo_signal.errors import ModelError
from femo_signal.features import feature_names
from femo_signal.settings import AnalysisSettings

if TYPE_CHECKING:
    import lightgbm

__all__ = ["Calibration", "ModelCard", "MovementModel"]

MODEL_TEXT = "model.txt"
MODEL_CARD = "model.json"


class Calibration(BaseModel):
    """A monotone curve from raw score to probability, linear between its points."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    raw: tuple[float, ...] = Field(min_length=2)
    probability: tuple[float, ...]

    @model_validator(mode="after")
    def _check(self) -> Calibration:
        if len(self.raw) != len(self.probability):
            raise ValueError("raw and probability differ in length")
        if np.any(np.diff(self.raw) <= 0) or np.any(np.diff(self.probability) < 0):
            raise ValueError("the points do not rise")
        if min(self.probability) < 0 or max(self.probability) > 1:
            raise ValueError("a probability lies outside 0..1")
        return self

    def __call__(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(raw, self.raw, self.probability)


class ModelCard(BaseModel):
    """Everything about a model that is not a tree."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    version: str
    feature_names: tuple[str, ...]
    threshold: float = Field(ge=0, le=1)
    calibration: Calibration
    settings: AnalysisSettings
    settings_digest: str
    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    """Out-of-fold figures, pooled; the whole evaluation is in ``evaluation``."""
    training: dict[str, Any] = Field(default_factory=dict)
    evaluation: dict[str, Any] = Field(default_factory=dict)
    libraries: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> ModelCard:
        if self.settings.digest() != self.settings_digest:
            raise ValueError("settings_digest does not belong to the settings")
        return self


@dataclass(frozen=True)
class MovementModel:
    """Tells the probability that a detection is a movement of the fetus."""

    card: ModelCard
    trees: str = field(repr=False)  # LightGBM's text format

    @property
    def threshold(self) -> float:
        """Accept a detection from this probability on."""
        return self.card.threshold

    @property
    def settings(self) -> AnalysisSettings:
        """Settings that the features were computed with."""
        return self.card.settings

    @property
    def version(self) -> str:
        """Short name of this very model."""
        return self.card.version

    @property
    def metadata(self) -> dict[str, Any]:
        """The model card, JSON-ready."""
        return self.card.model_dump(mode="json")

    @cached_property
    def _booster(self) -> lightgbm.Booster:
        import lightgbm

        try:
            booster = lightgbm.Booster(model_str=self.trees)
        except lightgbm.basic.LightGBMError as error:
            raise ModelError(
                f"{MODEL_TEXT} is not a LightGBM model ({error}); train the model again"
            ) from error
        if tuple(booster.feature_name()) != self.card.feature_names:
            raise ModelError(
                f"{MODEL_TEXT} and {MODEL_CARD} name different features; "
                "use the two files of one training"
            )
        return booster

    def warm_up(self) -> MovementModel:
        """Load the trees now instead of at the first prediction; return the model itself."""
        _ = self._booster
        return self

    def predict_proba(
        self, features: NDArray[np.float64], names: Sequence[str] = feature_names
    ) -> NDArray[np.float64]:
        """Return the calibrated probability of every detection.

        Parameters
        ----------
        features : float64, shape (n, len(names))
        names : sequence of str
            Names of the columns.

        Returns
        -------
        float64, shape (n,)

        Raises
        ------
        ModelError
            If the model was trained on other features, or in another order.
        """
        if tuple(names) != self.card.feature_names:
            raise ModelError(_difference(self.card.feature_names, tuple(names)))
        if features.ndim != 2 or features.shape[1] != len(self.card.feature_names):
            raise ModelError(
                f"the features have shape {features.shape}, the model needs "
                f"(n, {len(self.card.feature_names)}); extract them again"
            )
        if not len(features):
            return np.zeros(0)
        raw = np.asarray(self._booster.predict(features, num_threads=1), dtype=np.float64)
        return self.card.calibration(raw)

    def save(self, folder: str | Path) -> None:
        """Write the model's two files; the folder is created if need be."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        (target / MODEL_TEXT).write_text(self.trees)
        card = json.dumps(self.metadata, indent=2, allow_nan=False)
        (target / MODEL_CARD).write_text(card + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> MovementModel:
        """Read a model's two files.

        Raises
        ------
        ModelError
            If a file is missing or malformed, or was made for other features.
        """
        source = Path(folder)
        try:
            trees = (source / MODEL_TEXT).read_text()
            card = (source / MODEL_CARD).read_bytes()
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(
                f"{source}: cannot read the model: {error}; "
                f"give the folder that holds {MODEL_TEXT} and {MODEL_CARD}"
            ) from error
        try:
            parsed = ModelCard.model_validate_json(card)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the document"
            raise ModelError(
                f"{source / MODEL_CARD}: {where}: {first['msg']}; train the model again"
            ) from error
        if parsed.feature_names != feature_names:
            raise ModelError(f"{source}: {_difference(parsed.feature_names, feature_names)}")
        return cls(card=parsed, trees=trees)


def _difference(wanted: tuple[str, ...], given: tuple[str, ...]) -> str:
    missing = [name for name in wanted if name not in given]
    surplus = [name for name in given if name not in wanted]
    if missing or surplus:
        detail = f"missing {missing[:3]}, unknown to the model {surplus[:3]}"
    else:
        detail = "the same names in another order"
    return f"the model was trained on other features ({detail}); train it again"
