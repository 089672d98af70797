"""Fits what decides about a detection: scores, their calibration, and the threshold.

Calibration and threshold come from scores of recordings that the scoring model never saw. A
subject, or a recording where no subject is named, is never in two folds, nor is a copy of a
recording under whatever name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import ModelError
from femo_signal.intervals import as_intervals, overlapping
from femo_signal.learning.calibration import best_threshold, correct_for_presses, fit_calibration
from femo_signal.learning.card import Calibration
from femo_signal.learning.classifiers import (
    RULE_THRESHOLD,
    ClassifierKind,
    LinearModel,
    rule_scores,
)
from femo_signal.learning.dataset import Dataset, RecordingFeatures
from femo_signal.learning.features import FORMAT_FEATURES, features_of, names_of
from femo_signal.learning.hyperparameters import MANY_DETECTIONS, Hyperparameters
from femo_signal.learning.matching import chance_of_meeting
from femo_signal.settings import AnalysisSettings

__all__ = [
    "Decision",
    "Fitter",
    "Scorer",
    "check_trainable",
    "fit_decision",
    "fit_trees",
    "fitters_of",
    "folds_of",
    "rule_decision",
    "score_recording",
    "split_by_group",
]

_LEAST_GROUPS = 4  # with fewer, calibration splits by recording: half the data says too little
# A scorer turns features into raw scores.
Scorer = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Fitter = Callable[[NDArray[np.float64], NDArray[np.int8]], Scorer]


@dataclass(frozen=True)
class Decision:
    """What turns raw scores into accepted detections."""

    calibration: Calibration
    threshold: float


def folds_of(chosen: Hyperparameters) -> int:
    """Return the folds of resolved hyperparameters."""
    assert chosen.folds is not None
    return chosen.folds


def fitters_of(
    settings: AnalysisSettings, chosen: Hyperparameters, seed: int
) -> dict[ClassifierKind, Fitter]:
    """Return what may decide, by name."""
    fitters: dict[ClassifierKind, Fitter] = {
        "trees": _trees_fitter(settings, chosen, seed),
        "linear": _fit_linear,
    }
    if settings.method == "adaptive":
        fitters["rule"] = _rule_fitter(settings)
    return fitters


def rule_decision(calibration: Calibration) -> Decision:
    """Return the rule's own threshold, as the probability that its scores are calibrated to."""
    at = float(calibration(np.array([RULE_THRESHOLD]))[0])
    return Decision(calibration, at)


def check_trainable(dataset: Dataset) -> None:
    if not dataset.recordings:
        raise ModelError("no recordings to train on; add some to the manifest")
    labels = dataset.labels
    positive = int(labels.sum())
    if len(set(dataset.content_groups)) < 2:
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


def split_by_group(
    dataset: Dataset, numbers: Sequence[int], folds: int, *, least_groups: int = 1
) -> list[tuple[list[int], list[int]]]:
    """Split recordings into folds by group: the largest groups first, into the emptiest fold.

    With fewer than `least_groups` groups every recording, with its copies, is a group of its own.
    """
    names = [dataset.group_names[number] for number in numbers]
    if len(set(names)) < least_groups:
        names = [dataset.content_groups[number] for number in numbers]
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


def fit_decision(
    dataset: Dataset, numbers: Sequence[int], fitter: Fitter, *, folds: int
) -> Decision:
    """Fit calibration and threshold on scores of recordings that the scoring model never saw."""
    splits = split_by_group(dataset, numbers, folds, least_groups=_LEAST_GROUPS)
    many = len(dataset.rows_of(numbers)) > MANY_DETECTIONS
    if many:
        splits = splits[:1]
    tested: list[int] = []
    scores: dict[int, NDArray[np.float64]] = {}
    if len(splits) > 1 or many:
        for train, test in splits:
            rows = dataset.rows_of(train)
            scorer = fitter(dataset.features[rows], dataset.labels[rows])
            scores.update({n: score_recording(scorer, dataset.recordings[n]) for n in test})
            tested += test
    if len({int(label) for n in tested for label in dataset.recordings[n].labels}) < 2:
        # Nothing to calibrate on but the training rows themselves.
        tested = list(numbers)
        rows = dataset.rows_of(tested)
        scorer = fitter(dataset.features[rows], dataset.labels[rows])
        scores = {n: score_recording(scorer, dataset.recordings[n]) for n in tested}
    # Where there are annotations they decide; presses are weaker truth.
    annotated = [n for n in tested if dataset.recordings[n].label_source == "annotations"]
    used = annotated or tested
    known = [dataset.recordings[n] for n in used]
    raw = np.concatenate([scores[n] for n in used])
    labels = np.concatenate([recording.labels for recording in known])
    calibration = fit_calibration(raw, labels)
    if not annotated:
        corrected = correct_for_presses(calibration, raw, _chance_of_label(known))
        if corrected is not None:
            probability = corrected(raw)
            return Decision(corrected, best_threshold(probability, probability))
    missed = sum(int((~overlapping(r.reference, r.detections)).sum()) for r in known)
    return Decision(
        calibration, best_threshold(calibration(raw), labels.astype(np.float64), missed)
    )


def score_recording(scorer: Scorer, recording: RecordingFeatures) -> NDArray[np.float64]:
    return scorer(recording.features) if len(recording.labels) else np.zeros(0)


def _chance_of_label(recordings: Sequence[RecordingFeatures]) -> float:
    """Return which share of the detections the presses would label if they fell anywhere."""
    hits, count = 0.0, 0
    for number, recording in enumerate(recordings):
        share = chance_of_meeting(
            as_intervals(recording.reference),
            recording.detections,
            judged=recording.judged,
            seed=number,
        )
        if share is not None:
            hits += share * len(recording.detections)
            count += len(recording.detections)
    return hits / count if count else 0.0


def _trees_fitter(settings: AnalysisSettings, chosen: Hyperparameters, seed: int) -> Fitter:
    def fit(features: NDArray[np.float64], labels: NDArray[np.int8]) -> Scorer:
        if len(np.unique(labels)) < 2:
            return _constant(labels)
        booster = fit_trees(features, labels, settings, chosen, seed)
        return lambda rows: np.asarray(booster.predict(rows, num_threads=1), dtype=np.float64)

    return fit


def fit_trees(
    features: NDArray[np.float64],
    labels: NDArray[np.int8],
    settings: AnalysisSettings,
    chosen: Hyperparameters,
    seed: int,
) -> Any:
    import lightgbm

    positive = max(int(labels.sum()), 1)
    weight = float(np.clip((len(labels) - positive) / positive, 0.1, 10.0))
    parameters = {
        "objective": "binary",
        "learning_rate": chosen.learning_rate,
        "num_leaves": chosen.num_leaves,
        "min_data_in_leaf": chosen.min_data_in_leaf,
        "feature_fraction": chosen.feature_fraction,
        "bagging_fraction": chosen.bagging_fraction,
        "bagging_freq": 1,
        "lambda_l2": chosen.lambda_l2,
        "scale_pos_weight": weight,
        "max_bin": 127,
        "monotone_constraints": [spec.direction for spec in features_of(settings)],
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,  # folds run side by side; sums do not depend on the machine
        "verbosity": -1,
    }
    names = names_of(settings)
    if settings.method == "reference":
        # Every detection also as a recording with two sensors (v2) would show it: a model trained
        # on one format then serves both.
        reduced = features.copy()
        reduced[:, [names.index(name) for name in FORMAT_FEATURES]] = np.nan
        features, labels = np.concatenate((features, reduced)), np.concatenate((labels, labels))
    data = lightgbm.Dataset(features, labels, feature_name=list(names), params={"verbosity": -1})
    return lightgbm.train(parameters, data, num_boost_round=chosen.num_iterations)


def _fit_linear(features: NDArray[np.float64], labels: NDArray[np.int8]) -> Scorer:
    """Fit the baseline that LightGBM has to beat."""
    if len(np.unique(labels)) < 2:
        return _constant(labels)
    return LinearModel.fit(features, labels).scores


def _rule_fitter(settings: AnalysisSettings) -> Fitter:
    """Return what learns nothing: the rule scores whatever the labels say."""
    names = names_of(settings)

    def score(features: NDArray[np.float64]) -> NDArray[np.float64]:
        return rule_scores(features, names, settings=settings.candidates)

    return lambda _features, _labels: score


def _constant(labels: NDArray[np.int8]) -> Scorer:
    value = float(labels.mean()) if len(labels) else 0.5
    return lambda rows: np.full(len(rows), value)
