"""A trained classifier of detections, as LightGBM text and JSON: loading one runs no code.

Nothing is believed: the card's digest says which trees belong to it, every number is finite, and
the trees are checked before LightGBM sees them. The names of what a model was trained on are in a
file of its own, which need not go where the model goes (`femo_signal.learning.provenance`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import ModelError
from femo_signal.learning.card import (
    Calibration,
    ModelCard,
    trees_digest,
    version_of,
)
from femo_signal.learning.classifiers import rule_scores
from femo_signal.learning.domain import (
    DomainResult,
    SignalStatistics,
    collect_statistics,
    not_compared,
)
from femo_signal.learning.expected_count import (
    ExpectedCount,
    Withheld,
    expected_count,
)
from femo_signal.learning.features import names_of
from femo_signal.learning.model_files import (
    MODEL_CARD,
    MODEL_FILES,
    MODEL_TEXT,
    MOST_BYTES,
    TRAINING_RECORD,
    check_versions,
    parse_document,
    read_bounded,
    read_record,
)
from femo_signal.learning.native_trees import LightGBMError, NativeTrees
from femo_signal.learning.provenance import TrainedOn, TrainedRecording, TrainingRecord
from femo_signal.learning.trees import checked_trees
from femo_signal.settings import AnalysisSettings
from femo_signal.writing import check_target, whole_files

if TYPE_CHECKING:
    from femo_signal.detection.judged import JudgedTime
    from femo_signal.detection.profile import Profile
__all__ = [
    "MODEL_CARD",
    "MODEL_FILES",
    "MODEL_TEXT",
    "MOST_BYTES",
    "TRAINING_RECORD",
    "Calibration",
    "ModelCard",
    "MovementModel",
    "TrainedRecording",
    "TrainingRecord",
    "trees_digest",
    "version_of",
]


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
    def trained_on(self) -> TrainedOn | None:
        """What tells of a recording whether it was trained on; None where nobody can know."""
        if self.record is not None:
            return self.record.trained_on()
        keys = self.card.trained_on
        return None if keys is None else keys.trained_on(self.card.trees_sha256)

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
    def _booster(self) -> NativeTrees:
        try:
            return NativeTrees(self._sound_trees, len(self.card.feature_names))
        except LightGBMError as error:
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
        return self._booster.predict(features)

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
            trees = read_bounded(source / MODEL_TEXT).decode()
            card = read_bounded(source / MODEL_CARD)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{source}: cannot read the model: {error}; "
                f"give the folder that holds {MODEL_TEXT} and {MODEL_CARD}"
            ) from error
        check_versions(card, source)
        parsed = parse_document(ModelCard, card, source / MODEL_CARD)
        wanted = names_of(parsed.settings)
        if parsed.feature_names != wanted:
            raise ModelError(f"{source}: {_difference(parsed.feature_names, wanted)}")
        model = cls(card=parsed, trees=trees, record=read_record(source, parsed.version))
        try:
            return model.check()
        except ModelError as error:
            raise ModelError(f"{source}: {error}") from error


def _difference(wanted: tuple[str, ...], given: tuple[str, ...]) -> str:
    missing = [name for name in wanted if name not in given]
    surplus = [name for name in given if name not in wanted]
    if missing or surplus:
        detail = f"missing {missing[:3]}, unknown to the model {surplus[:3]}"
    else:
        detail = "the same names in another order"
    return f"the model was trained on other features ({detail}); train it again"
