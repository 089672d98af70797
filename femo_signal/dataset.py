"""Features and labels of recordings: one recording's, and a dataset of many."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import ModelError
from femo_signal.features import FEATURE_SET, feature_names
from femo_signal.intervals import Intervals, total
from femo_signal.settings import TICKS_PER_SECOND, AnalysisSettings

__all__ = ["Dataset", "RecordingFeatures", "prepare_dataset"]


@dataclass(frozen=True)
class RecordingFeatures:
    """Everything that training and evaluation need to know about one recording."""

    recording_id: str
    subject_id: str | None
    settings: AnalysisSettings
    label_source: str  # "annotations" or "presses"
    features: NDArray[np.float64]  # (n, features)
    detections: Intervals  # ticks of the trimmed axis
    labels: NDArray[np.int8]  # (n,) 1 = a movement of the fetus
    reference: Intervals  # ticks; events in judged time; press windows may overlap
    judged: Intervals  # ticks
    length_ticks: int
    masked_seconds: float
    gap_seconds: float
    notices: tuple[str, ...] = ()

    @property
    def analysed_seconds(self) -> float:
        """How much of the recording could be judged."""
        return total(self.judged) / TICKS_PER_SECOND

    def save(self, path: str | Path) -> None:
        """Write one .npz file without pickled objects."""
        facts = {
            "feature_set": FEATURE_SET,
            "feature_names": list(feature_names),
            "recording_id": self.recording_id,
            "subject_id": self.subject_id,
            "settings": self.settings.model_dump(mode="json"),
            "label_source": self.label_source,
            "length_ticks": self.length_ticks,
            "masked_seconds": self.masked_seconds,
            "gap_seconds": self.gap_seconds,
            "notices": list(self.notices),
        }
        with Path(path).open("wb") as file:
            np.savez(
                file,
                facts=np.array(json.dumps(facts)),
                features=self.features,
                detections=self.detections,
                labels=self.labels,
                reference=self.reference,
                judged=self.judged,
            )

    @classmethod
    def load(cls, path: str | Path) -> RecordingFeatures:
        """Read what `save` wrote.

        Raises
        ------
        ModelError
            If the file is damaged or holds other features.
        """
        try:
            with np.load(Path(path), allow_pickle=False) as stored:
                facts = json.loads(str(stored["facts"]))
                if facts.pop("feature_set") != FEATURE_SET or tuple(facts.pop("feature_names")) != (
                    feature_names
                ):
                    raise ModelError(f"{path}: holds other features; extract them again")
                return cls(
                    features=stored["features"],
                    detections=stored["detections"],
                    labels=stored["labels"],
                    reference=stored["reference"],
                    judged=stored["judged"],
                    settings=AnalysisSettings.model_validate(facts.pop("settings")),
                    notices=tuple(facts.pop("notices")),
                    **facts,
                )
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
            raise ModelError(
                f"{path}: not a file of extracted features ({type(error).__name__}); "
                "extract them again"
            ) from error

    @property
    def fingerprint(self) -> str:
        """16 hex digits that tell this recording from others, whatever its name."""
        digest = hashlib.sha256(np.ascontiguousarray(self.detections).tobytes())
        digest.update(np.ascontiguousarray(self.features).tobytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Dataset:
    """Recordings that share settings and features."""

    recordings: tuple[RecordingFeatures, ...]
    notices: tuple[str, ...] = ()

    @property
    def settings(self) -> AnalysisSettings:
        """The settings that all recordings were analysed with."""
        return self.recordings[0].settings

    @cached_property
    def features(self) -> NDArray[np.float64]:
        """All detections' features, shape (n, features)."""
        return np.concatenate([recording.features for recording in self.recordings])

    @cached_property
    def labels(self) -> NDArray[np.int8]:
        """All detections' labels, shape (n,)."""
        return np.concatenate([recording.labels for recording in self.recordings])

    @cached_property
    def group_names(self) -> tuple[str, ...]:
        """The fold unit of every recording: its subject, or itself where none is named.

        If the manifest knows only one subject, recordings are kept apart instead.
        """
        subjects = tuple(
            f"subject {r.subject_id}" if r.subject_id else f"recording {r.recording_id}"
            for r in self.recordings
        )
        if len(set(subjects)) > 1:
            return subjects
        return tuple(f"recording {r.recording_id}" for r in self.recordings)

    def rows_of(self, numbers: Sequence[int]) -> NDArray[np.int64]:
        """Return the rows of `features` that belong to the given recordings."""
        counts = [len(recording.labels) for recording in self.recordings]
        first = np.concatenate(([0], np.cumsum(counts)))
        parts = [np.arange(first[k], first[k + 1]) for k in numbers]
        return np.concatenate([np.zeros(0, dtype=np.int64), *parts]).astype(np.int64)

    def save(self, folder: str | Path) -> None:
        """Write the dataset: one .npz file a recording, and an index."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        names = [f"{number:06d}.npz" for number in range(len(self.recordings))]
        for name, recording in zip(names, self.recordings, strict=True):
            recording.save(target / name)
        index = {"schema_version": 1, "recordings": names, "notices": list(self.notices)}
        (target / "dataset.json").write_text(json.dumps(index, indent=2) + "\n")

    @classmethod
    def load(cls, folder: str | Path) -> Dataset:
        """Read what `save` wrote.

        Raises
        ------
        ModelError
            If there is no dataset.
        """
        source = Path(folder)
        try:
            index = json.loads((source / "dataset.json").read_text())
            names, notices = index["recordings"], tuple(index["notices"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{source}: no dataset ({error}); prepare one first") from error
        return cls(tuple(RecordingFeatures.load(source / name) for name in names), notices)


def prepare_dataset(
    recordings: Sequence[RecordingFeatures], *, notices: Sequence[str] = ()
) -> Dataset:
    """Put recordings together, in an order that does not depend on who extracted them.

    Raises
    ------
    ModelError
        If there is no recording, or recordings were analysed with different settings.
    """
    if not recordings:
        raise ModelError(
            "no recording could be analysed; correct the manifest or its recordings",
            code="too_few_recordings",
        )
    ordered = sorted(recordings, key=lambda recording: recording.recording_id)
    digests = {recording.settings.digest() for recording in ordered}
    if len(digests) > 1:
        raise ModelError(
            f"the recordings were analysed with {len(digests)} different settings; "
            "extract all of them again with the same"
        )
    return Dataset(tuple(ordered), tuple(notices))
