"""What a classifier decided in one recording, beside what is known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import ModelError
from femo_signal.intervals import (
    Intervals,
    difference,
    empty,
    intersection,
    overlapping,
    total,
    union,
)
from femo_signal.learning.classifiers import RULE_THRESHOLD, rule_scores
from femo_signal.learning.dataset import Dataset, RecordingFeatures
from femo_signal.learning.domain import SignalStatistics
from femo_signal.learning.features import names_of
from femo_signal.learning.matching import DEFAULT_WINDOWS, widened
from femo_signal.learning.model import MovementModel
from femo_signal.settings import TICKS_PER_SECOND

__all__ = ["Familiarity", "RecordingOutcome", "familiarity", "misfit", "model_outcomes",
           "outcome_of", "rule_outcomes"]  # fmt: skip


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
    reference: Intervals  # ticks; where a detection answers for an event; may overlap each other
    judged: Intervals  # ticks
    dismissed: Intervals = field(default_factory=empty)  # detections no classifier is asked about
    hiccup_bouts: Intervals = field(default_factory=empty)
    hiccup_time: Intervals = field(default_factory=empty)  # what is taken out with the bouts
    unjudged_reference: Intervals = field(default_factory=empty)
    seen_by_kind: Mapping[str, Intervals] = field(default_factory=dict)  # kinds of sensor
    threshold: float | None = None  # a detection is accepted from this probability on
    statistics: SignalStatistics | None = None  # of the recording's signals
    count_interval: tuple[float, float] | None = None
    """What the count of movements in judged time lies between, by the model, at 90 %."""

    @property
    def window(self) -> str:
        """The one of `WINDOWS` that `reference` lies in."""
        return DEFAULT_WINDOWS[self.label_source]

    @property
    def analysed_seconds(self) -> float:
        """How much of the recording could be judged."""
        return total(self.judged) / TICKS_PER_SECOND

    def within(self, window: str) -> RecordingOutcome:
        """Return the outcome with its reference in another of `WINDOWS`."""
        events = widened(self.reference, self.window, back=True)
        return replace(self, reference=widened(events, window))

    def without_hiccups(self) -> RecordingOutcome:
        """Return the outcome as it is where hiccups are taken out: their time is not judged."""
        judged = difference(self.judged, self.hiccup_time)
        cores = union(*self.seen_by_kind.values()) if self.seen_by_kind else self.detections
        kept = overlapping(self.detections, intersection(cores, judged))
        seen = overlapping(self.reference, judged)
        if self.label_source == "presses":  # judged where all of the time around it is
            seen = ~overlapping(self.reference, difference(self.hiccup_time, judged))
        bare = widened(self.reference, self.window, back=True)
        return replace(
            self,
            detections=self.detections[kept],
            labels=self.labels[kept],
            probability=self.probability[kept],
            accepted=self.accepted[kept],
            reference=self.reference[seen],
            judged=judged,
            unjudged_reference=np.concatenate((self.unjudged_reference, bare[~seen])),
            count_interval=None,
        )

    def kinds(self) -> NDArray[np.int64] | None:
        """Return how many kinds of sensor see each detection, shape (n,).

        None where fewer than two kinds could have seen anything.
        """
        if len(self.seen_by_kind) < 2:
            return None
        seen = [overlapping(self.detections, rows) for rows in self.seen_by_kind.values()]
        count: NDArray[np.int64] = np.sum(seen, axis=0, dtype=np.int64)
        return count


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
        reference=_windows_of(recording),
        judged=recording.judged,
        dismissed=recording.dismissed,
        hiccup_bouts=recording.hiccup_bouts,
        hiccup_time=recording.hiccup_time,
        unjudged_reference=recording.unjudged_reference,
        seen_by_kind=recording.seen_by_kind,
        threshold=threshold,
        statistics=recording.statistics,
    )


def _windows_of(recording: RecordingFeatures) -> Intervals:
    """Return the reference in the default window of its source."""
    if recording.label_source == "annotations":
        return recording.reference
    # What labels a detection is the sensation map, as wide to both sides as the settings say.
    half = round(recording.settings.sensation.window_seconds * TICKS_PER_SECOND)
    presses = recording.reference + np.array([half, -half])
    return widened(presses, DEFAULT_WINDOWS["presses"])


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


def rule_outcomes(dataset: Dataset) -> list[RecordingOutcome] | None:
    """Let the unlearned rule decide, by its own scores; None for the reference method."""
    settings = dataset.settings
    if settings.method != "adaptive":
        return None
    return [
        outcome_of(
            dataset,
            number,
            rule_scores(recording.features, names_of(settings), settings=settings.candidates),
            RULE_THRESHOLD,
        )
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
        None where nobody can know: the model has neither keys nor its training.json.
    """
    known = model.trained_on
    if known is None:
        return None
    recordings = dataset.recordings
    seen = np.array(
        [known.knows_recording(r.content_sha256, r.fingerprint) for r in recordings], dtype=bool
    )
    # A woman of whom one recording is known is known, whatever she is called this time.
    women = {r.subject_id for r, learnt in zip(recordings, seen, strict=True) if learnt} - {None}
    same = np.array(
        [r.subject_id in women or known.knows_subject(r.subject_id) for r in recordings],
        dtype=bool,
    )
    return Familiarity(seen, same & ~seen)
