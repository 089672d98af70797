"""A trained classifier of detections, as LightGBM text and JSON: loading one runs no code.

Nothing is believed: the card's digest says which trees belong to it, every number is finite, and
the trees are checked before LightGBM sees them. What a model was trained on - names, subjects,
fingerprints - is a file of its own, which need not go where the model goes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from femo_signal.errors import ModelError
from femo_signal.learning.classifiers import ClassifierKind, LinearModel, rule_scores
from femo_signal.learning.domain import (
    DomainModel,
    DomainResult,
    SignalStatistics,
    collect_statistics,
    not_compared,
)
from femo_signal.learning.expected_count import (
    CountModel,
    ExpectedCount,
    Withheld,
    expected_count,
)
from femo_signal.learning.features import names_of
from femo_signal.learning.fingerprint import regular_size
from femo_signal.learning.hyperparameters import Hyperparameters
from femo_signal.learning.trees import checked_trees
from femo_signal.method_version import METHOD_VERSION
from femo_signal.settings import AnalysisSettings
from femo_signal.writing import check_target, whole_files

if TYPE_CHECKING:
    import lightgbm

    from femo_signal.detection.judged import JudgedTime
    from femo_signal.detection.profile import Profile

__all__ = [
    "MODEL_FILES",
    "Calibration",
    "ModelCard",
    "MovementModel",
    "TrainedRecording",
    "TrainingRecord",
]

MODEL_TEXT = "model.txt"
MODEL_CARD = "model.json"
TRAINING_RECORD = "training.json"
MODEL_FILES = (MODEL_TEXT, MODEL_CARD, TRAINING_RECORD)
MOST_BYTES = 512 * 1024**2
"""Of one file of a model; the largest that can be trained has some 100 MB."""
SCHEMA_VERSION: Literal[2] = 2

_Document = TypeVar("_Document", bound=BaseModel)
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Calibration(BaseModel):
    """A monotone curve from raw score, 0..1, to probability, linear between its points."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

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
    """Everything about a model that is not a tree, and nothing about whom it was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    schema_version: Literal[2] = SCHEMA_VERSION
    method_version: Annotated[int, Field(ge=1)] = METHOD_VERSION
    """Of the engine that computed the features; another engine's would be other features."""
    version: str
    trees_sha256: _Sha256
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


class TrainedRecording(BaseModel):
    """A recording that a model was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recording_id: str
    subject_id: str | None = None
    content_sha256: _Sha256 | None = None
    """Of the recording's file, where it was known."""
    fingerprint: str | None = None
    """Of its detections and features; None where it has no detections."""


class TrainingRecord(BaseModel):
    """What a model was trained on and how well it does, recording by recording.

    It names recordings and subjects: it stays with whoever trained, and is no part of what an
    endpoint is given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    schema_version: Literal[1] = 1
    model_version: str
    recordings: tuple[TrainedRecording, ...]
    notices: tuple[str, ...] = ()
    evaluation: dict[str, Any] = Field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the record as JSON."""
        text = json.dumps(self.model_dump(mode="json"), indent=2, allow_nan=False)
        path.write_text(text + "\n")


@dataclass(frozen=True)
class MovementModel:
    """Tells the probability that a detection is a movement of the fetus.

    Examples
    --------
    >>> import femo_signal
    >>> model = femo_signal.MovementModel.load("model")
    >>> len(model.version), model.settings == model.card.settings
    (12, True)
    >>> 0 < model.threshold < 1
    True
    """

    card: ModelCard
    trees: str = field(repr=False)  # LightGBM's text format
    record: TrainingRecord | None = field(default=None, repr=False)  # None: not known

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
    def _sound_trees(self) -> str:
        """The trees that LightGBM may parse.

        Raises
        ------
        ModelError
            If they are damaged or of another model.
        """
        if trees_digest(self.trees) != self.card.trees_sha256:
            raise ModelError(
                f"{MODEL_TEXT} is not the one that {MODEL_CARD} was written with (trees_sha256 "
                "differs): damaged, or of another training; use the two files of one training"
            )
        return checked_trees(self.trees, self.card.feature_names)

    @cached_property
    def _booster(self) -> lightgbm.Booster:
        import lightgbm

        try:
            return lightgbm.Booster(model_str=self._sound_trees)
        except lightgbm.basic.LightGBMError as error:
            raise ModelError(
                f"{MODEL_TEXT} is not a LightGBM model ({error}); train the model again"
            ) from error

    def check(self) -> MovementModel:
        """Check the trees without loading them; return the model itself.

        Raises
        ------
        ModelError
            If they are damaged or of another model.
        """
        _ = self._sound_trees
        return self

    def warm_up(self) -> MovementModel:
        """Load what decides now instead of at the first prediction; return the model itself."""
        if self.card.classifier == "trees":
            _ = self._booster
        return self

    def predict_proba(
        self, features: NDArray[np.float64], names: Sequence[str] | None = None
    ) -> NDArray[np.float64]:
        """Return the calibrated probability of every detection.

        Parameters
        ----------
        features : float64, shape (n, len(names))
        names : sequence of str, optional
            Names of the columns, where they may be others than the model's.

        Returns
        -------
        float64, shape (n,)

        Raises
        ------
        ModelError
            If the model was trained on other features, or in another order.
        """
        if names is not None and tuple(names) != self.card.feature_names:
            raise ModelError(_difference(self.card.feature_names, tuple(names)))
        if features.ndim != 2 or features.shape[1] != len(self.card.feature_names):
            raise ModelError(
                f"the features have shape {features.shape}, the model needs "
                f"(n, {len(self.card.feature_names)}); extract them again"
            )
        if not len(features):
            return np.zeros(0)
        return self.card.calibration(self._raw_scores(features))

    def compare_with_training(self, recording: Profile | SignalStatistics) -> DomainResult:
        """Tell how far a recording's signals lie from those that the model was trained on.

        Parameters
        ----------
        recording : Profile or SignalStatistics
        """
        if isinstance(recording, SignalStatistics):
            statistics = recording
        else:
            statistics = collect_statistics(recording)
        if self.card.domain is None:
            return not_compared(statistics.format)
        return self.card.domain.compare(statistics)

    def expected_count(
        self, probability: NDArray[np.float64], judged: JudgedTime, domain: DomainResult
    ) -> ExpectedCount | Withheld:
        """Return how many movements judged time is likely to hold, or why that is not told.

        The interval need not hold the number of movements that were detected, which is counted with
        a threshold: where the model misses or invents in the middle, the interval says how
        many there were.

        Parameters
        ----------
        probability : float64, shape (n,)
            Of the candidates in judged time, accepted or not
            (`femo_signal.learning.expected_count.in_judged_time`).
        judged : JudgedTime
        domain : DomainResult
            What `compare_with_training` says of the recording.
        """
        return expected_count(
            self.card.count, probability, judged, domain, method=self.settings.method
        )

    def _raw_scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        card = self.card
        if card.classifier == "rule":
            settings = card.settings.candidates
            return rule_scores(features, card.feature_names, settings=settings)
        if card.linear is not None:
            return card.linear.scores(features)
        return np.asarray(self._booster.predict(features, num_threads=1), dtype=np.float64)

    def save(
        self, folder: str | Path, *, overwrite: bool = False, with_record: bool = False
    ) -> None:
        """Write the model's two files, whole or not at all; the folder is created if need be.

        Parameters
        ----------
        folder : path
        overwrite : bool
            Replace a model that is there.
        with_record : bool
            Also write ``training.json``, which names recordings and subjects: an endpoint needs it
            not.

        Raises
        ------
        OutputError
            If a file is there already or the folder cannot be written.
        """
        target = Path(folder)
        check_target(target, MODEL_FILES, overwrite=overwrite)
        card = json.dumps(self.metadata, indent=2, allow_nan=False)
        with whole_files(target, last=MODEL_CARD) as partial:
            (partial / MODEL_TEXT).write_bytes(self.trees.encode())
            (partial / MODEL_CARD).write_text(card + "\n")
            if with_record and self.record is not None:
                self.record.write(partial / TRAINING_RECORD)

    @classmethod
    def load(cls, folder: str | Path) -> MovementModel:
        """Read a model, and what it was trained on where that is told.

        Raises
        ------
        ModelError
            If a file is missing, malformed or damaged, or was made for other features or by
            another version of the method.
        """
        source = Path(folder)
        try:
            trees = _content(source / MODEL_TEXT).decode()
            card = _content(source / MODEL_CARD)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{source}: cannot read the model: {error}; "
                f"give the folder that holds {MODEL_TEXT} and {MODEL_CARD}"
            ) from error
        _check_versions(card, source)
        parsed = _parsed(ModelCard, card, source / MODEL_CARD)
        wanted = names_of(parsed.settings)
        if parsed.feature_names != wanted:
            raise ModelError(f"{source}: {_difference(parsed.feature_names, wanted)}")
        model = cls(card=parsed, trees=trees, record=_record(source, parsed.version))
        try:
            return model.check()
        except ModelError as error:
            raise ModelError(f"{source}: {error}") from error


def _content(path: Path) -> bytes:
    """Read a file of bounded size.

    Raises
    ------
    OSError
        If it cannot be read, is no regular file or is larger than any model.
    """
    size = regular_size(path)
    if size > MOST_BYTES:
        raise OSError(f"{path.name} has {size} bytes, more than any model")
    return path.read_bytes()


def _check_versions(card: bytes, source: Path) -> None:
    """Say of an older or newer model that it is one, rather than which field it lacks.

    Raises
    ------
    ModelError
        If the card is of another schema or its features of another version of the method.
    """
    try:
        given = json.loads(card)
    except (ValueError, RecursionError):
        return  # the card's own check says what is wrong
    if not isinstance(given, dict):
        return
    for name, ours in (("schema_version", SCHEMA_VERSION), ("method_version", METHOD_VERSION)):
        theirs = given.get(name)
        if type(theirs) is int and theirs != ours:
            raise ModelError(
                f"{source / MODEL_CARD}: {name} is {theirs}, this version of femo works with "
                f"{ours}; train the model again"
            )


def _parsed(kind: type[_Document], text: bytes, path: Path) -> _Document:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise ModelError(f"{path}: {where}: {first['msg']}; train the model again") from error


def _record(folder: Path, version: str) -> TrainingRecord | None:
    """Read what a model was trained on; None where the folder does not say.

    Raises
    ------
    ModelError
        If the file is malformed or belongs to another model.
    """
    path = folder / TRAINING_RECORD
    if not path.exists():
        return None
    try:
        text = _content(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error}; correct or remove it") from error
    record = _parsed(TrainingRecord, text, path)
    if record.model_version != version:
        raise ModelError(
            f"{path}: is of the model {record.model_version}, not of {version} beside it; "
            "use the files of one training"
        )
    return record


def _difference(wanted: tuple[str, ...], given: tuple[str, ...]) -> str:
    missing = [name for name in wanted if name not in given]
    surplus = [name for name in given if name not in wanted]
    if missing or surplus:
        detail = f"missing {missing[:3]}, unknown to the model {surplus[:3]}"
    else:
        detail = "the same names in another order"
    return f"the model was trained on other features ({detail}); train it again"
