"""A model's card: everything about it that is not a tree, checked as it is read."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from femo_signal.learning.classifiers import ClassifierKind, LinearModel
from femo_signal.learning.domain import DomainModel
from femo_signal.learning.expected_count import CountModel
from femo_signal.learning.hyperparameters import Hyperparameters
from femo_signal.learning.provenance import Sha256, TrainedKeys
from femo_signal.method_version import METHOD_VERSION
from femo_signal.settings import AnalysisSettings

__all__ = ["SCHEMA_VERSION", "Calibration", "ModelCard", "trees_digest", "version_of"]

SCHEMA_VERSION: Literal[2] = 2


class Calibration(BaseModel):
    """A monotone curve from raw score, 0..1, to probability, linear between its points."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    raw: tuple[float, ...] = Field(min_length=2, max_length=10_000)
    probability: tuple[float, ...]

    @model_validator(mode="after")
    def _check(self) -> Calibration:
        if len(self.raw) != len(self.probability):
            raise ValueError("raw and probability differ in length")
        if self.raw[0] != 0 or self.raw[-1] != 1:
            raise ValueError("the points do not reach from raw 0 to 1")
        if np.any(np.diff(self.raw) <= 0) or np.any(np.diff(self.probability) < 0):
            raise ValueError("the points do not rise")
        if min(self.probability) < 0 or max(self.probability) > 1:
            raise ValueError("a probability lies outside 0..1")
        return self

    def __call__(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(raw, self.raw, self.probability)


class ModelCard(BaseModel):
    """Everything about a model that is not a tree; it names nobody whom it was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    schema_version: Literal[2] = SCHEMA_VERSION
    method_version: Annotated[int, Field(ge=1)] = METHOD_VERSION
    """Of the engine that computed the features; another engine's would be other features."""
    version: str
    trees_sha256: Sha256
    """Of model.txt: which trees this card belongs to."""
    feature_names: tuple[str, ...]
    threshold: float = Field(ge=0, le=1)
    calibration: Calibration
    settings: AnalysisSettings
    settings_digest: str
    classifier: ClassifierKind = "trees"
    """What decides: the trees, or what they were not sure to beat."""
    linear: LinearModel | None = None
    """The linear model where that decides."""
    count: CountModel | None = None
    """How far expected counts are from true ones; None where training could not tell."""
    domain: DomainModel | None = None
    """What the training recordings' signals were like; None where that is not known."""
    hyperparameters: Hyperparameters
    """As training used them, none left open."""
    metrics: dict[str, Any] = Field(default_factory=dict)
    """Out-of-fold figures, pooled."""
    training: dict[str, Any] = Field(default_factory=dict)
    """How much it was trained on; on what is in training.json."""
    trained_on: TrainedKeys | None = None
    """Tells of a recording or subject in hand whether it was trained on; None: not known."""
    evaluation: dict[str, Any] = Field(default_factory=dict)
    """The pooled part of the evaluation."""
    libraries: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> ModelCard:
        if self.settings.digest() != self.settings_digest:
            raise ValueError("settings_digest does not belong to the settings")
        for name in ("metrics", "training", "evaluation"):
            for number in _numbers_in(getattr(self, name)):
                if not math.isfinite(number):
                    raise ValueError(f"{name} holds a number that is not finite")
        if self.calibration.probability[-1] < self.threshold:
            raise ValueError(
                "threshold lies above every probability of the calibration: "
                "no detection could be accepted"
            )
        if (self.linear is not None) != (self.classifier == "linear"):
            raise ValueError("linear: a linear model is there if, and only if, it decides")
        if self.linear is not None and len(self.linear.weights) != len(self.feature_names):
            raise ValueError("linear: its weights are not as many as the features")
        if self.classifier == "rule" and self.settings.method != "adaptive":
            raise ValueError("classifier: the unlearned rule is one of the adaptive method")
        if self.version != self.version_of_content():
            raise ValueError("version does not belong to the trees, settings, calibration and "
                             "threshold: the model was changed after its training")  # fmt: skip
        return self

    def version_of_content(self) -> str:
        """Return 12 hex digits that differ whenever the model answers differently."""
        return version_of(
            self.trees_sha256, self.settings_digest, self.method_version, self.calibration,
            self.threshold, self.classifier, self.linear, self.count, self.domain,
        )  # fmt: skip


def version_of(
    trees_sha256: str,
    settings_digest: str,
    method_version: int,
    calibration: Calibration,
    threshold: float,
    classifier: ClassifierKind = "trees",
    linear: LinearModel | None = None,
    count: CountModel | None = None,
    domain: DomainModel | None = None,
) -> str:
    """Return the short name of the model that these make, 12 hex digits."""
    parts: list[Any] = [
        trees_sha256, settings_digest, method_version, calibration.model_dump(), threshold,
    ]  # fmt: skip
    if classifier != "trees":
        parts += [classifier, linear.model_dump() if linear is not None else None]
    for name, part in (("count", count), ("domain", domain)):
        if part is not None:
            parts += [name, part.model_dump()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def trees_digest(trees: str) -> str:
    """Return the SHA-256 of the trees' text, 64 hex digits."""
    return hashlib.sha256(trees.encode()).hexdigest()


def _numbers_in(value: Any) -> Iterator[float]:
    """Yield every number in nested dicts and lists."""
    if isinstance(value, bool):
        return
    if isinstance(value, float):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _numbers_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _numbers_in(part)
