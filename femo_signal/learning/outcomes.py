"""What a classifier decided in one recording, beside what is known about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import ModelError
from femo_signal.intervals import Intervals, total
from femo_signal.learning.dataset import Dataset
from femo_signal.learning.features import names_of
from femo_signal.learning.model import MovementModel
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["Familiarity", "RecordingOutcome", "familiarity", "misfit", "model_outcomes",
           "outcome_of"]  # fmt: skip


@dataclass(frozen=True)
class RecordingOutcome:
    """What was predicted for one recording, and what is known about it."""

    recording_id: str
    group: str  # the fold's unit: subject or recording
    subject_id: str | None
    label_source: str  # "annotations" or "presses"
    detections: Intervals  # ticks
    labels: NDArray[np.int8]  # (n,)
    probability: NDArray[np.float64]  # (n,) calibrated
    accepted: NDArray[np.bool_]  # (n,)
    reference: Intervals  # ticks; may overlap each other
    judged: Intervals  # ticks

    @property
    def analysed_seconds(self) -> float:
        """How much of the recording could be judged."""
        return total(self.judged) / TICKS_PER_SECOND


def outcome_of(
    dataset: Dataset, number: int, probability: NDArray[np.float64], threshold: float
) -> RecordingOutcome:
    """Put together the outcome of one of a dataset's recordings.

    Parameters
    ----------
    dataset : Dataset
    number : int
        Of the recording.
    probability : float64, shape (n,)
        Of its detections.
    threshold : float
        A detection is accepted from this probability on.
    """
    recording = dataset.recordings[number]
    return RecordingOutcome(
        recording_id=recording.recording_id,
        group=dataset.group_names[number],
        subject_id=recording.subject_id,
        label_source=recording.label_source,
        detections=recording.detections,
        labels=recording.labels,
        probability=probability,
        accepted=probability >= threshold,
        reference=recording.reference,
        judged=recording.judged,
    )


def misfit(dataset: Dataset, model: MovementModel) -> str | None:
    """Say in a word why a model cannot decide on a dataset's features; None if it can.

    Returns
    -------
    str or None
        ``other_settings`` or ``other_features``.
    """
    if dataset.settings.digest() != model.card.settings_digest:
        return "other_settings"
    return None if model.card.feature_names == names_of(dataset.settings) else "other_features"


def model_outcomes(dataset: Dataset, model: MovementModel) -> list[RecordingOutcome]:
    """Let a model decide, as it is, on every recording.

    Raises
    ------
    ModelError
        If the recordings were analysed with other settings than the model's.
    """
    if misfit(dataset, model) is not None:
        raise ModelError(
            "the recordings were analysed with other settings than the model's; "
            "extract them again with the settings in model.json"
        )
    return [
        outcome_of(dataset, number, model.predict_proba(recording.features), model.threshold)
        for number, recording in enumerate(dataset.recordings)
    ]


@dataclass(frozen=True)
class Familiarity:
    """Which recordings of a dataset a model was trained on; each of shape (recordings,)."""

    seen: NDArray[np.bool_]  # this recording, whatever its name
    related: NDArray[np.bool_]  # another one of its subject

    @property
    def unseen(self) -> NDArray[np.bool_]:
        """Neither the recording nor its subject."""
        return ~self.seen & ~self.related


def familiarity(dataset: Dataset, model: MovementModel) -> Familiarity | None:
    """Tell which recordings, or whose others, a model was trained on.

    Returns
    -------
    Familiarity or None
        None where nobody can know: the model came without its training.json.
    """
    if model.record is None:
        return None
    known = model.record.recordings
    marks = {mark for one in known for mark in (one.content_sha256, one.fingerprint) if mark}
    subjects = {one.subject_id for one in known if one.subject_id}
    seen = np.array(
        [bool({r.content_sha256, r.fingerprint} & marks) for r in dataset.recordings], dtype=bool
    )
    same = np.array([r.subject_id in subjects for r in dataset.recordings], dtype=bool)
    return Familiarity(seen, same & ~seen)
