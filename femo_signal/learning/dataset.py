"""Features and labels of recordings: one recording's, and a dataset of many."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from femo_signal.errors import ModelError
from femo_signal.intervals import Intervals, empty, total
from femo_signal.learning.domain import SignalStatistics
from femo_signal.learning.features import FEATURE_SET, names_of
from femo_signal.method_version import METHOD_VERSION
from femo_signal.settings import ACCELEROMETERS, TICKS_PER_SECOND, AnalysisSettings

__all__ = ["SENSOR_KINDS", "Dataset", "RecordingFeatures", "prepare_dataset"]

SENSOR_KINDS: Mapping[str, tuple[str, ...]] = {
    "piezo": ("sensor_3", "sensor_6"),
    "acoustic": ("sensor_4", "sensor_5"),
    "accelerometer": ACCELEROMETERS,
}
_MAPS = ("dismissed", "hiccup_bouts", "hiccup_time", "unjudged_reference")


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
    content_sha256: str | None = None  # of the recording's file, where whoever extracted it knew
    statistics: SignalStatistics | None = None  # what tells one kind of recording from another
    seen_by_kind: Mapping[str, Intervals] = field(default_factory=dict)
    """When each kind of sensor (`SENSOR_KINDS`) sees a detection; kinds that could see none are
    left out."""
    dismissed: Intervals = field(default_factory=empty)
    """Detections in judged time that no classifier is asked about: regular pulses."""
    hiccup_bouts: Intervals = field(default_factory=empty)
    hiccup_time: Intervals = field(default_factory=empty)  # what is taken out with the bouts
    unjudged_reference: Intervals = field(default_factory=empty)
    """Annotated movements, or presses, that could not be judged; bare, and perhaps outside the
    trimmed axis."""

    @property
    def analysed_seconds(self) -> float:
        """How much of the recording could be judged."""
        return total(self.judged) / TICKS_PER_SECOND

    def save(self, path: str | Path) -> None:
        """Write one .npz file without pickled objects."""
        facts = {
            "feature_set": FEATURE_SET,
            "method_version": METHOD_VERSION,
            "feature_names": list(names_of(self.settings)),
            "recording_id": self.recording_id,
            "subject_id": self.subject_id,
            "settings": self.settings.model_dump(mode="json"),
            "label_source": self.label_source,
            "length_ticks": self.length_ticks,
            "masked_seconds": self.masked_seconds,
            "gap_seconds": self.gap_seconds,
            "notices": list(self.notices),
            "content_sha256": self.content_sha256,
            "statistics": None if self.statistics is None else asdict(self.statistics),
            "kinds": sorted(self.seen_by_kind),
        }
        with Path(path).open("wb") as file:
            np.savez(
                file,
                allow_pickle=False,
                facts=np.array(json.dumps(facts)),
                features=self.features,
                detections=self.detections,
                labels=self.labels,
                reference=self.reference,
                judged=self.judged,
                **{name: getattr(self, name) for name in _MAPS},
                **{f"seen_by_{kind}": rows for kind, rows in self.seen_by_kind.items()},
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
                settings = AnalysisSettings.model_validate(facts.pop("settings"))
                made = (facts.pop("feature_set"), facts.pop("method_version", None))
                names = tuple(facts.pop("feature_names"))
                told = facts.pop("statistics")
                if made != (FEATURE_SET, METHOD_VERSION) or names != names_of(settings):
                    raise ModelError(f"{path}: holds other features; extract them again")
                loaded = cls(
                    features=stored["features"],
                    detections=stored["detections"],
                    labels=stored["labels"],
                    reference=stored["reference"],
                    judged=stored["judged"],
                    settings=settings,
                    seen_by_kind={kind: stored[f"seen_by_{kind}"] for kind in facts.pop("kinds")},
                    **{name: stored[name] for name in _MAPS},
                    notices=tuple(facts.pop("notices")),
                    statistics=None if told is None else SignalStatistics(**told),
                    **facts,
                )
            loaded.check()
        except (
            OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile,
            zlib.error, NotImplementedError, MemoryError, RecursionError,
        ) as error:  # fmt: skip
            raise ModelError(
                f"{path}: not a file of extracted features ({type(error).__name__}); "
                "extract them again"
            ) from error
        return loaded

    def check(self) -> None:
        """Check that the parts fit each other, since a file may hold anything.

        Raises
        ------
        ValueError
            If they do not.
        """
        count = len(self.labels)
        maps = [*(getattr(self, name) for name in _MAPS), *self.seen_by_kind.values()]
        seconds = (self.analysed_seconds, self.masked_seconds, self.gap_seconds)
        sound = (
            self.features.shape == (count, len(names_of(self.settings)))
            and self.features.dtype == np.float64
            and self.labels.shape == (count,)
            and bool(np.isin(self.labels, (0, 1)).all())
            and self.detections.shape == (count, 2)
            and self.reference.ndim == 2
            and self.reference.shape[1] == 2
            and self.detections.dtype.kind == self.reference.dtype.kind == "i"
            and bool(np.all(self.detections[:, 0] < self.detections[:, 1]))
            and bool(np.all(self.detections[1:, 0] >= self.detections[:-1, 1]))
            and all(rows.dtype.kind == "i" and rows.shape == (len(rows), 2) for rows in maps)
            and set(self.seen_by_kind) <= set(SENSOR_KINDS)
            and isinstance(self.length_ticks, int)
            and all(math.isfinite(value) and value >= 0 for value in seconds)
            and self.label_source in ("annotations", "presses")
            and isinstance(self.recording_id, str)
            and all(
                isinstance(value, str | None) for value in (self.subject_id, self.content_sha256)
            )
            and (self.statistics is None or self.statistics.is_sound)
        )
        if not sound:
            raise ValueError("the parts do not fit each other")

    @property
    def fingerprint(self) -> str | None:
        """16 hex digits of what was found in this recording, whatever its name; None if nothing.

        Recordings without a detection are all alike, and yet not copies of each other.
        """
        if not len(self.detections):
            return None
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
    def content_groups(self) -> tuple[str, ...]:
        """A name for every recording that it shares with its copies alone."""
        return _joined_by(
            [f"recording {r.recording_id}" for r in self.recordings],
            [(r.content_sha256, r.fingerprint) for r in self.recordings],
        )

    @cached_property
    def _subject_groups(self) -> tuple[str, ...]:
        """As `content_groups`, with all recordings of a subject joined."""
        return _joined_by(
            [
                f"subject {r.subject_id}" if r.subject_id else f"recording {r.recording_id}"
                for r in self.recordings
            ],
            [
                (r.content_sha256, r.fingerprint, r.subject_id and f"subject {r.subject_id}")
                for r in self.recordings
            ],
        )

    @cached_property
    def group_names(self) -> tuple[str, ...]:
        """The fold unit of every recording: its subject, or itself where none is named.

        Copies of a recording share one, whatever their names and subjects. If the manifest knows
        only one subject, recordings are kept apart instead.
        """
        return self._subject_groups if self.fold_unit == "subject" else self.content_groups

    @cached_property
    def fold_unit(self) -> str:
        """Whether folds keep subjects apart or, for want of them, recordings."""
        named = any(recording.subject_id for recording in self.recordings)
        return "subject" if named and len(set(self._subject_groups)) > 1 else "recording"

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
            if any(Path(name).name != name for name in names):
                raise ValueError("it names files of other folders")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
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
    copies = _copies_told(Dataset(tuple(ordered)))
    return Dataset(tuple(ordered), (*notices, *copies))


def _copies_told(dataset: Dataset) -> list[str]:
    """Tell which recordings hold the same, one line for all copies of one."""
    members: dict[str, list[RecordingFeatures]] = {}
    for group, recording in zip(dataset.content_groups, dataset.recordings, strict=True):
        members.setdefault(group, []).append(recording)
    notices = []
    for alike in members.values():
        if len(alike) > 1:
            subjects = {recording.subject_id for recording in alike if recording.subject_id}
            under = f", under {len(subjects)} subjects" if len(subjects) > 1 else ""
            others = ", ".join(recording.recording_id for recording in alike[1:])
            notices.append(
                f"{alike[0].recording_id} holds the same recording as {others}{under}: all in one "
                "fold, and each counts; name each recording once."
            )
    return notices


def _joined_by(names: Sequence[str], marks: Sequence[Sequence[str | None]]) -> tuple[str, ...]:
    """Give all that share a mark, directly or through others, the name of the first of them.

    Parameters
    ----------
    names : sequence of str, length n
    marks : sequence of sequence of str or None, length n
        The marks at one place are compared with each other alone; None is no mark.
    """
    first: dict[tuple[int, str], int] = {}
    pairs = [
        (number, first.setdefault((place, mark), number))
        for number, given in enumerate(marks)
        for place, mark in enumerate(given)
        if mark
    ]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    links = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(names), len(names)))
    _, joined = connected_components(links, directed=False)
    _, leaders, which = np.unique(joined, return_index=True, return_inverse=True)
    return tuple(names[leaders[number]] for number in which)
