"""From labelled recordings to a model: extraction, dataset, grouped cross-validation, fit.

Every step that learns something - class weight, calibration, threshold - is fitted inside the
training part of a fold. A subject, or a recording where no subject is named, is never in two
folds.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from femo_signal.errors import LabelError, ModelError
from femo_signal.evaluation import Evaluation, RecordingOutcome, summarize_outcomes
from femo_signal.features import (
    FEATURE_SET,
    FEATURES,
    FORMAT_FEATURES,
    extract_features,
    feature_names,
)
from femo_signal.intervals import (
    Intervals,
    as_intervals,
    clip,
    complement,
    empty,
    overlapping,
    total,
    union,
)
from femo_signal.model import Calibration, ModelCard, MovementModel
from femo_signal.recording import Profile
from femo_signal.settings import TICKS_PER_SECOND, AnalysisSettings

__all__ = [
    "Dataset",
    "Hyperparameters",
    "RecordingFeatures",
    "evaluate_model",
    "extract_recording",
    "prepare_dataset",
    "read_annotations",
    "train_model",
]

DEFAULT_SEED = 7
_MOVEMENT_LABELS = frozenset({"", "kick", "fetal_movement"})
_INNER_FOLDS = 4
_LEAST_GROUPS = 4  # with fewer, calibration splits by recording: half the data says too little
_MANY_ROWS = 20_000  # from here on one inner split is enough to fix two numbers
_SMALL_FOR_ISOTONIC = 2000

Progress = Callable[[float], None]


class Hyperparameters(BaseModel):
    """What can be chosen about the classifier; strings are understood, as SageMaker sends them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trees: Annotated[int, Field(ge=1, le=5000)] = 200
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    leaves: Annotated[int, Field(ge=2, le=1024)] = 4
    minimum_leaf: Annotated[int, Field(ge=1)] = 3
    feature_share: Annotated[float, Field(gt=0, le=1)] = 0.3
    row_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    l2: Annotated[float, Field(ge=0)] = 1.0
    folds: Annotated[int, Field(ge=2, le=50)] = 8

    @classmethod
    def parse(cls, values: Hyperparameters | Mapping[str, Any] | None) -> Hyperparameters:
        """Read hyperparameters.

        Raises
        ------
        ModelError
            If a name is unknown or a value out of range.
        """
        try:
            return cls.model_validate(dict(values or {}))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ModelError(
                f"hyperparameter {where}: {first['msg']}; known are {', '.join(cls.model_fields)}",
                code="invalid_hyperparameter",
            ) from error


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
    reference: Intervals  # ticks; events in analysed time; press windows may overlap
    length_ticks: int
    analysed_seconds: float
    masked_seconds: float
    gap_seconds: float
    notices: tuple[str, ...] = ()

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
            "analysed_seconds": self.analysed_seconds,
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
                    settings=AnalysisSettings.model_validate(facts.pop("settings")),
                    notices=tuple(facts.pop("notices")),
                    **facts,
                )
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise ModelError(
                f"{path}: not a file of extracted features ({error}); extract them again"
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


def read_annotations(path: str | Path) -> NDArray[np.float64]:
    """Read reference annotations.

    Parameters
    ----------
    path : path
        CSV with the columns ``start_seconds``, ``end_seconds`` and, if it holds other kinds of
        events too, ``label``: rows labelled ``kick`` or ``fetal_movement`` (or nothing) count.

    Returns
    -------
    float64, shape (n, 2)
        Seconds from the start of the recording, sorted.

    Raises
    ------
    LabelError
        If the file cannot be read, a column is missing, or a row is not an interval.
    """
    rows: list[tuple[float, float]] = []
    others = 0
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            for column in ("start_seconds", "end_seconds"):
                if column not in (table.fieldnames or ()):
                    raise LabelError(f"{path}: column {column} is missing; add it")
            for row in table:
                start, end = _seconds(path, table.line_num, row)
                if (row.get("label") or "").strip().lower() in _MOVEMENT_LABELS:
                    rows.append((start, end))
                else:
                    others += 1
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{path}: cannot read the annotations ({error}); give a CSV") from error
    if others and not rows:
        raise LabelError(
            f"{path}: none of its {others} rows is labelled kick or fetal_movement; "
            "correct the labels"
        )
    return np.array(sorted(rows), dtype=np.float64).reshape(-1, 2)


def _seconds(path: str | Path, line: int, row: Mapping[str, str | None]) -> tuple[float, float]:
    try:
        start, end = float(row["start_seconds"] or ""), float(row["end_seconds"] or "")
    except ValueError:
        start, end = math.nan, math.nan
    if not (math.isfinite(start) and math.isfinite(end) and 0 <= start < end):
        raise LabelError(
            f"{path}, line {line}: needs 0 <= start_seconds < end_seconds; correct the row"
        )
    return start, end


def extract_recording(
    path: str | Path,
    *,
    settings: AnalysisSettings | None = None,
    labels_csv: str | Path | None = None,
    recording_id: str,
    subject_id: str | None = None,
    progress: Progress | None = None,
) -> RecordingFeatures:
    """Analyse and label one recording.

    Parameters
    ----------
    path : path
        The recording.
    settings : AnalysisSettings, optional
        Default: the reference profile.
    labels_csv : path, optional
        Reference annotations; without them the presses label the detections.
    recording_id, subject_id : str
    progress : callable, optional
        Called with the share that is done, 0..1.

    Raises
    ------
    RecordingError
        If the recording cannot be analysed.
    LabelError
        If the annotations are malformed or lie outside the recording.
    """
    from femo_signal.profile import build_profile

    annotated = None if labels_csv is None else read_annotations(labels_csv)
    profile = build_profile(Path(path), settings=settings or AnalysisSettings(), progress=progress)
    if annotated is not None and len(annotated):
        latest = float(annotated[:, 1].max())
        if latest > profile.info.duration_seconds + 1:
            raise LabelError(
                f"{labels_csv}: an annotation ends at {latest:.1f} s, the recording after "
                f"{profile.info.duration_seconds:.1f} s; give this recording's own annotations"
            )
    return label_profile(
        profile, annotated=annotated, recording_id=recording_id, subject_id=subject_id
    )


def label_profile(
    profile: Profile,
    *,
    annotated: NDArray[np.float64] | None,
    recording_id: str,
    subject_id: str | None,
) -> RecordingFeatures:
    """Compute features and labels of a profile's detections.

    A detection is a true one if an annotated movement made it: if they share a sample above a
    sensor's threshold. What merely lies within the dilation, beside a hiccup for instance, teaches
    nothing. Without annotations a detection is true if it shares a sample with the sensation map
    (SIGNAL.md, section 2).

    Parameters
    ----------
    profile : Profile
    annotated : float64, shape (n, 2), optional
        Seconds from the start of the recording.
    recording_id : str
    subject_id : str or None
    """
    length = profile.info.length_ticks
    hidden = union(profile.body_movement, profile.gaps)
    analysed = complement(hidden, length)
    if annotated is None:
        source = "presses"
        half = round(profile.settings.sensation.window_seconds * TICKS_PER_SECOND)
        reference = np.clip(profile.presses + np.array([-half, half]), 0, length)
        reference = reference[~overlapping(reference, hidden)] if len(reference) else reference
        labels = overlapping(profile.detections, profile.sensation)
    else:
        source = "annotations"
        ticks = np.column_stack(
            (
                np.floor(annotated[:, 0] * TICKS_PER_SECOND),
                np.ceil(annotated[:, 1] * TICKS_PER_SECOND),
            )
        ).astype(np.int64)
        reference = clip(ticks - profile.info.trim_ticks, 0, length)
        cores = union(*profile.core_detections.values())
        caused = cores[overlapping(cores, as_intervals(reference))]
        labels = overlapping(profile.detections, caused)
        reference = reference[overlapping(reference, analysed)]
    return RecordingFeatures(
        recording_id=recording_id,
        subject_id=subject_id,
        settings=profile.settings,
        label_source=source,
        features=extract_features(profile),
        detections=profile.detections,
        labels=labels.astype(np.int8),
        reference=reference if len(reference) else empty(),
        length_ticks=length,
        analysed_seconds=total(analysed) / TICKS_PER_SECOND,
        masked_seconds=total(profile.body_movement) / TICKS_PER_SECOND,
        gap_seconds=total(profile.gaps) / TICKS_PER_SECOND,
        notices=profile.info.notices,
    )


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


# A scorer turns features into raw scores.
_Scorer = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_Fitter = Callable[[NDArray[np.float64], NDArray[np.int8]], _Scorer]


@dataclass(frozen=True)
class _Decision:
    """What turns raw scores into accepted detections."""

    calibration: Calibration
    threshold: float


def train_model(
    dataset: Dataset,
    *,
    hyperparameters: Hyperparameters | Mapping[str, Any] | None = None,
    seed: int = DEFAULT_SEED,
    evaluation: Evaluation | None = None,
    progress: Progress | None = None,
) -> MovementModel:
    """Train a classifier; its calibration and threshold come from out-of-fold scores.

    Parameters
    ----------
    dataset : Dataset
    hyperparameters : mapping, optional
        See `Hyperparameters`.
    seed : int
    evaluation : Evaluation, optional
        Out-of-fold figures if they have been computed already.
    progress : callable, optional
        Called with the share that is done, 0..1.

    Returns
    -------
    MovementModel
        The same dataset, hyperparameters and seed give the same bytes.

    Raises
    ------
    ModelError
        If the labels have one class only, or there are too few recordings or detections.
    """
    chosen = Hyperparameters.parse(hyperparameters)
    _check_trainable(dataset)
    if evaluation is None:
        evaluation = evaluate_model(
            dataset,
            hyperparameters,
            seed=seed,
            progress=None if progress is None else lambda share: progress(0.8 * share),
        )
    everything = list(range(len(dataset.recordings)))
    fitter = _trees_fitter(chosen, seed)
    decision = _fit_decision(dataset, everything, fitter, folds=chosen.folds)
    booster = _fit_trees(dataset.features, dataset.labels, chosen, seed)
    trees: str = booster.model_to_string()
    labels = dataset.labels
    facts = {
        "recordings": len(dataset.recordings),
        "groups": len(set(dataset.group_names)),
        "detections": len(labels),
        "true_detections": int(labels.sum()),
        "label_sources": sorted({r.label_source for r in dataset.recordings}),
        "analysed_hours": sum(r.analysed_seconds for r in dataset.recordings) / 3600,
        "seed": seed,
        "feature_set": FEATURE_SET,
        "fingerprints": [r.fingerprint for r in dataset.recordings],
        "notices": list(dataset.notices),
    }
    importance = booster.feature_importance("gain")
    share = importance / max(float(importance.sum()), 1e-12)
    facts["feature_gain"] = {
        name: round(float(value), 6)
        for name, value in sorted(zip(feature_names, share, strict=True), key=lambda pair: -pair[1])
    }
    settings_digest = dataset.settings.digest()
    if progress is not None:
        progress(1.0)
    return MovementModel(
        card=ModelCard(
            version=hashlib.sha256((trees + settings_digest).encode()).hexdigest()[:12],
            feature_names=feature_names,
            threshold=decision.threshold,
            calibration=decision.calibration,
            settings=dataset.settings,
            settings_digest=settings_digest,
            hyperparameters=chosen.model_dump(),
            metrics=dict(evaluation.metrics),
            training=facts,
            evaluation=evaluation.to_dict(),
            libraries={
                "femo_cloud": installed_version("femo-cloud"),
                "lightgbm": installed_version("lightgbm"),
                "numpy": np.__version__,
                "scikit-learn": installed_version("scikit-learn"),
                "python": platform.python_version(),
            },
        ),
        trees=trees,
    )


def evaluate_model(
    dataset: Dataset,
    hyperparameters: Hyperparameters | Mapping[str, Any] | None = None,
    *,
    model: MovementModel | None = None,
    seed: int = DEFAULT_SEED,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate on data that was not learnt from.

    Without a model: grouped cross-validation of the training method, with a linear model beside
    it. With one: that model on these recordings, with a notice if it was trained on any of them.

    Parameters
    ----------
    dataset : Dataset
    hyperparameters : mapping, optional
    model : MovementModel, optional
    seed : int
    progress : callable, optional
        Called with the share that is done, 0..1.

    Raises
    ------
    ModelError
        If the model does not fit the dataset, or the dataset is too small for folds.
    """
    if model is not None:
        return _evaluate_given(dataset, model, seed)
    chosen = Hyperparameters.parse(hyperparameters)
    _check_trainable(dataset)
    numbers = list(range(len(dataset.recordings)))
    folds = _split(dataset, numbers, chosen.folds)
    fitters = {"trees": _trees_fitter(chosen, seed), "linear": _fit_linear}
    done = 0

    def run(kind: str, train: list[int], test: list[int]) -> list[RecordingOutcome]:
        decision = _fit_decision(dataset, train, fitters[kind], folds=_INNER_FOLDS)
        rows = dataset.rows_of(train)
        scorer = fitters[kind](dataset.features[rows], dataset.labels[rows])
        return [_outcome(dataset, number, scorer, decision) for number in test]

    outcomes: dict[str, dict[int, RecordingOutcome]] = {"trees": {}, "linear": {}}
    jobs = [(kind, train, test) for kind in fitters for train, test in folds]
    # Threads: LightGBM releases the interpreter lock, and one thread a fit keeps results exact.
    with ThreadPoolExecutor(max_workers=2) as pool:
        for (kind, _, test), result in zip(
            jobs, pool.map(lambda job: run(*job), jobs), strict=True
        ):
            outcomes[kind].update(zip(test, result, strict=True))
            done += 1
            if progress is not None:
                progress(done / len(jobs))
    unit = "subject" if dataset.group_names[0].startswith("subject") else "recording"
    notices = list(dataset.notices)
    if unit == "recording" and any(r.subject_id for r in dataset.recordings):
        notices.append(
            "All recordings are of one subject: folds keep recordings apart, not subjects, "
            "and flatter what another subject would get."
        )
    return summarize_outcomes(
        [outcomes["trees"][number] for number in numbers],
        baseline=[outcomes["linear"][number] for number in numbers],
        method=f"cross-validation in {len(folds)} folds by {unit}",
        notices=notices,
        seed=seed,
    )


def _evaluate_given(dataset: Dataset, model: MovementModel, seed: int) -> Evaluation:
    if dataset.settings.digest() != model.card.settings_digest:
        raise ModelError(
            "the recordings were analysed with other settings than the model's; "
            "extract them again with the settings in model.json"
        )
    decision = _Decision(Calibration(raw=(0.0, 1.0), probability=(0.0, 1.0)), model.threshold)
    outcomes = [
        _outcome(dataset, number, model.predict_proba, decision)
        for number in range(len(dataset.recordings))
    ]
    known = set(model.card.training.get("fingerprints", ()))
    seen = sum(recording.fingerprint in known for recording in dataset.recordings)
    notices = list(dataset.notices)
    if seen:
        notices.append(
            f"The model was trained on {seen} of these {len(outcomes)} recordings: "
            "figures on them flatter it."
        )
    return summarize_outcomes(
        outcomes, method=f"model {model.version} as it is", notices=notices, seed=seed
    )


def _outcome(
    dataset: Dataset, number: int, scorer: _Scorer, decision: _Decision
) -> RecordingOutcome:
    recording = dataset.recordings[number]
    if len(recording.labels):
        probability = decision.calibration(scorer(recording.features))
    else:
        probability = np.zeros(0)
    return RecordingOutcome(
        recording_id=recording.recording_id,
        group=dataset.group_names[number],
        subject_id=recording.subject_id,
        label_source=recording.label_source,
        detections=recording.detections,
        labels=recording.labels,
        probability=probability,
        accepted=probability >= decision.threshold,
        reference=recording.reference,
        length_ticks=recording.length_ticks,
        analysed_seconds=recording.analysed_seconds,
    )


def _check_trainable(dataset: Dataset) -> None:
    if not dataset.recordings:
        raise ModelError("no recordings to train on; add some to the manifest")
    labels = dataset.labels
    positive = int(labels.sum())
    if len(dataset.recordings) < 2:
        raise ModelError(
            "one recording is not enough to train on: nothing would be left to test with; "
            "add recordings to the manifest",
            code="too_few_recordings",
        )
    if len(labels) < 10:
        raise ModelError(
            f"only {len(labels)} detections in {len(dataset.recordings)} recordings, at least 10 "
            "are needed; add longer or livelier recordings",
            code="too_few_detections",
        )
    if positive < 2 or len(labels) - positive < 2:
        kind = "true" if positive >= 2 else "false"
        raise ModelError(
            f"nearly all of the {len(labels)} detections are labelled {kind}: a classifier needs "
            "at least two of either; add recordings with the other kind, or check the labels",
            code="one_class_only",
        )


def _split(
    dataset: Dataset, numbers: Sequence[int], folds: int, *, least_groups: int = 1
) -> list[tuple[list[int], list[int]]]:
    """Split recordings into folds by group: the largest groups first, into the emptiest fold.

    With fewer than `least_groups` groups every recording is a group of its own.
    """
    names = [dataset.group_names[number] for number in numbers]
    if len(set(names)) < least_groups:
        names = [str(number) for number in numbers]
    sizes: dict[str, int] = {}
    for number, name in zip(numbers, names, strict=True):
        sizes[name] = sizes.get(name, 0) + len(dataset.recordings[number].labels) + 1
    count = min(folds, len(sizes))
    load = [0] * count
    fold_of: dict[str, int] = {}
    for name in sorted(sizes, key=lambda key: (-sizes[key], key)):
        emptiest = load.index(min(load))
        fold_of[name] = emptiest
        load[emptiest] += sizes[name]
    return [
        (
            [n for n, name in zip(numbers, names, strict=True) if fold_of[name] != fold],
            [n for n, name in zip(numbers, names, strict=True) if fold_of[name] == fold],
        )
        for fold in range(count)
    ]


def _fit_decision(
    dataset: Dataset,
    numbers: Sequence[int],
    fitter: _Fitter,
    *,
    folds: int,
) -> _Decision:
    """Fit calibration and threshold on scores of recordings that the scoring model never saw."""
    labels = dataset.labels
    splits = _split(dataset, numbers, folds, least_groups=_LEAST_GROUPS)
    if len(dataset.rows_of(numbers)) > _MANY_ROWS:
        splits = splits[:1]
    scores, truth, tested = [], [], []
    if len(splits) > 1 or len(dataset.rows_of(numbers)) > _MANY_ROWS:
        for train, test in splits:
            rows, held = dataset.rows_of(train), dataset.rows_of(test)
            if len(held):
                scores.append(fitter(dataset.features[rows], labels[rows])(dataset.features[held]))
                truth.append(labels[held])
                tested += test
    if not scores or len(np.unique(np.concatenate(truth))) < 2:
        # One group only: nothing to calibrate on but the training rows themselves.
        rows = dataset.rows_of(numbers)
        scores, truth = (
            [fitter(dataset.features[rows], labels[rows])(dataset.features[rows])],
            [labels[rows]],
        )
        tested = list(numbers)
    raw, known = np.concatenate(scores), np.concatenate(truth)
    calibration = _fit_calibration(raw, known)
    missed = sum(
        int((~overlapping(r.reference, r.detections)).sum())
        for r in (dataset.recordings[number] for number in tested)
        if len(r.reference)
    )
    return _Decision(calibration, _best_threshold(calibration(raw), known, missed))


def _fit_calibration(raw: NDArray[np.float64], labels: NDArray[np.int8]) -> Calibration:
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


def _best_threshold(
    probability: NDArray[np.float64], labels: NDArray[np.int8], missed: int
) -> float:
    """Choose the threshold with the best F1.

    Among thresholds within half a percent of the best, the one nearest to half the best F1 is
    taken: the optimum for calibrated probabilities (Lipton et al., 2014), and steadier than the
    exact maximum of few detections.

    Parameters
    ----------
    probability : float64, shape (n,)
    labels : int8, shape (n,)
    missed : int
        Reference events without a detection.
    """
    grid = np.linspace(0.05, 0.95, 91)
    accepted = probability[:, None] >= grid[None, :]
    hits = (accepted & (labels[:, None] == 1)).sum(axis=0)
    false = accepted.sum(axis=0) - hits
    f1 = 2 * hits / np.maximum(2 * hits + false + (int(labels.sum()) - hits) + missed, 1)
    best = float(f1.max())
    good = grid[f1 >= best - 0.005]
    return float(round(good[np.argmin(np.abs(good - best / 2))], 3))


def _trees_fitter(chosen: Hyperparameters, seed: int) -> _Fitter:
    def fit(features: NDArray[np.float64], labels: NDArray[np.int8]) -> _Scorer:
        if len(np.unique(labels)) < 2:
            return _constant(labels)
        booster = _fit_trees(features, labels, chosen, seed)
        return lambda rows: np.asarray(booster.predict(rows, num_threads=1), dtype=np.float64)

    return fit


def _fit_trees(
    features: NDArray[np.float64],
    labels: NDArray[np.int8],
    chosen: Hyperparameters,
    seed: int,
) -> Any:
    import lightgbm

    positive = max(int(labels.sum()), 1)
    weight = float(np.clip((len(labels) - positive) / positive, 0.1, 10.0))
    parameters = {
        "objective": "binary",
        "learning_rate": chosen.learning_rate,
        "num_leaves": chosen.leaves,
        # Few detections: leaves must stay small enough for a split to be possible.
        "min_data_in_leaf": max(1, min(2 * chosen.minimum_leaf, len(labels) // 8)),
        "feature_fraction": chosen.feature_share,
        "bagging_fraction": chosen.row_share,
        "bagging_freq": 1,
        "lambda_l2": chosen.l2,
        "scale_pos_weight": weight,
        "max_bin": 127,
        "monotone_constraints": [spec.direction for spec in FEATURES],
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,  # folds run side by side; sums do not depend on the machine
        "verbosity": -1,
    }
    # Every detection also as a recording with two sensors (v2) would show it: a model trained on
    # one format then serves both.
    reduced = features.copy()
    reduced[:, [feature_names.index(name) for name in FORMAT_FEATURES]] = np.nan
    data = lightgbm.Dataset(
        np.concatenate((features, reduced)),
        np.concatenate((labels, labels)),
        feature_name=list(feature_names),
        params={"verbosity": -1},
    )
    return lightgbm.train(parameters, data, num_boost_round=chosen.trees)


def _fit_linear(features: NDArray[np.float64], labels: NDArray[np.int8]) -> _Scorer:
    """Fit the baseline that LightGBM has to beat: logistic regression on standardised features."""
    if len(np.unique(labels)) < 2:
        return _constant(labels)
    from sklearn.linear_model import LogisticRegression

    known = np.isfinite(features).any(axis=0)
    centre = np.where(known, np.nanmedian(np.where(known, features, 0.0), axis=0), 0.0)
    spread = np.nanstd(np.where(known, features, 0.0), axis=0)
    spread[spread == 0] = 1.0

    def standardise(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = (np.where(np.isfinite(rows), rows, centre) - centre) / spread
        bounded: NDArray[np.float64] = np.clip(scaled, -10.0, 10.0)
        return bounded

    fitted = LogisticRegression(C=0.3, class_weight="balanced", max_iter=2000).fit(
        standardise(features), labels
    )
    return lambda rows: np.asarray(fitted.predict_proba(standardise(rows))[:, 1])


def _constant(labels: NDArray[np.int8]) -> _Scorer:
    value = float(labels.mean()) if len(labels) else 0.5
    return lambda rows: np.full(len(rows), value)
