"""Training and honest evaluation: grouped cross-validation, fit, calibration.

Every step that learns something - class weight, calibration, threshold - is fitted inside the
training part of a fold. A subject, or a recording where no subject is named, is never in two
folds, nor is a copy of a recording under whatever name.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version as installed_version
from typing import Any

import numpy as np

from femo_signal.errors import ModelError
from femo_signal.learning.classifiers import (
    LinearModel,
)
from femo_signal.learning.count_fit import count_intervals
from femo_signal.learning.cross_validation import (
    CrossValidation,
    Progress,
    coverage_of,
    cross_validate,
    with_intervals,
)
from femo_signal.learning.dataset import Dataset, RecordingFeatures, prepare_dataset
from femo_signal.learning.domain import fit_domain
from femo_signal.learning.evaluation import (
    Evaluation,
    summarize_outcomes,
)
from femo_signal.learning.expected_count import CountModel
from femo_signal.learning.features import FEATURE_SET, names_of
from femo_signal.learning.fitting import (
    Decision,
    check_trainable,
    fit_decision,
    fit_trees,
    fitters_of,
    folds_of,
    rule_decision,
)
from femo_signal.learning.hyperparameters import DEFAULT_SEED, Hyperparameters
from femo_signal.learning.labels import extract_recording
from femo_signal.learning.model import (
    ModelCard,
    MovementModel,
    trees_digest,
    version_of,
)
from femo_signal.learning.outcomes import (
    familiarity,
    model_outcomes,
    rule_outcomes,
)
from femo_signal.learning.provenance import TrainedKeys, TrainedRecording, TrainingRecord
from femo_signal.method_version import METHOD_VERSION
from femo_signal.version import __version__

__all__ = [
    "DEFAULT_SEED",
    "CrossValidation",
    "Dataset",
    "Hyperparameters",
    "RecordingFeatures",
    "cross_validate",
    "evaluate_model",
    "extract_recording",
    "model_outcomes",
    "prepare_dataset",
    "train_model",
    "training_record",
]
# The parts of an evaluation that name no recording and no subject
_POOLED = (
    "schema_version", "method", "metrics", "accept_all", "baseline", "group_spread", "reliability",
    "classifier", "comparison", "intervals", "windows", "misses", "ceiling", "baselines",
    "hiccups_removed",
)  # fmt: skip


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
        See `Hyperparameters`; the card holds the values that were used.
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
    chosen = Hyperparameters.parse(hyperparameters).resolved(len(dataset.labels))
    check_trainable(dataset)
    if evaluation is None:
        evaluation = evaluate_model(
            dataset,
            chosen,
            seed=seed,
            progress=None if progress is None else lambda share: progress(0.8 * share),
        )
    everything = list(range(len(dataset.recordings)))
    kind = evaluation.classifier
    fitter = fitters_of(dataset.settings, chosen, seed)[kind]
    decision = fit_decision(dataset, everything, fitter, folds=folds_of(chosen))
    if kind == "rule":
        decision = rule_decision(decision.calibration)
    if decision.calibration.probability[-1] < decision.threshold:
        raise ModelError(
            "the scores tell movements from other detections so little that none would ever be "
            "accepted; add recordings, or check the labels",
            code="nothing_learnt",
        )
    booster = fit_trees(dataset.features, dataset.labels, dataset.settings, chosen, seed)
    card = _card(dataset, booster, decision, chosen, evaluation, seed)
    if progress is not None:
        progress(1.0)
    record = training_record(dataset, card.version, evaluation)
    return MovementModel(card=card, trees=booster.model_to_string(), record=record).check()


def _card(
    dataset: Dataset,
    booster: Any,
    decision: Decision,
    chosen: Hyperparameters,
    evaluation: Evaluation,
    seed: int,
) -> ModelCard:
    """Put together what an endpoint is given beside the trees: figures in all, no names."""
    digest = trees_digest(booster.model_to_string())
    whole = evaluation.to_dict()
    linear = count = None
    if evaluation.classifier == "linear":
        linear = LinearModel.fit(dataset.features, dataset.labels)
    if evaluation.count_model is not None:
        count = CountModel.model_validate(evaluation.count_model)
    domain = fit_domain([one.statistics for one in dataset.recordings], dataset.group_names)
    settings_digest = dataset.settings.digest()
    return ModelCard(
        version=version_of(
            digest, settings_digest, METHOD_VERSION, decision.calibration, decision.threshold,
            evaluation.classifier, linear, count, domain,
        ),
        classifier=evaluation.classifier,
        linear=linear,
        count=count,
        domain=domain,
        trees_sha256=digest,
        feature_names=names_of(dataset.settings),
        threshold=decision.threshold,
        calibration=decision.calibration,
        settings=dataset.settings,
        settings_digest=settings_digest,
        hyperparameters=chosen,
        metrics=dict(evaluation.metrics),
        training=_facts(dataset, booster, seed),
        trained_on=_keys(dataset, digest),
        evaluation={name: whole[name] for name in _POOLED},
        libraries=_libraries(),
    )  # fmt: skip


def _facts(dataset: Dataset, booster: Any, seed: int) -> dict[str, Any]:
    """Return how much a model was trained on, JSON-ready."""
    importance = booster.feature_importance("gain")
    share = importance / max(float(importance.sum()), 1e-12)
    gains = zip(names_of(dataset.settings), share, strict=True)
    return {
        "recordings": len(dataset.recordings),
        "groups": len(set(dataset.group_names)),
        "detections": len(dataset.labels),
        "true_detections": int(dataset.labels.sum()),
        "label_sources": sorted({r.label_source for r in dataset.recordings}),
        "analysed_hours": sum(r.analysed_seconds for r in dataset.recordings) / 3600,
        "seed": seed,
        "feature_set": FEATURE_SET,
        "feature_gain": {
            name: round(float(value), 6) for name, value in sorted(gains, key=lambda pair: -pair[1])
        },
    }


def _keys(dataset: Dataset, trees_sha256: str) -> TrainedKeys:
    """Return what tells later which recordings a model has learnt, and names none."""
    return TrainedKeys.of(
        [(one.content_sha256, one.fingerprint) for one in dataset.recordings],
        [one.subject_id for one in dataset.recordings],
        salt=trees_sha256,
    )


def _libraries() -> dict[str, str]:
    return {
        "femo_cloud": __version__,
        "lightgbm": installed_version("lightgbm"),
        "numpy": np.__version__,
        "scikit-learn": installed_version("scikit-learn"),
        "python": platform.python_version(),
    }


def training_record(dataset: Dataset, model_version: str, evaluation: Evaluation) -> TrainingRecord:
    """Return what a model was trained on, recording by recording."""
    return TrainingRecord(
        model_version=model_version,
        recordings=tuple(
            TrainedRecording(
                recording_id=recording.recording_id,
                subject_id=recording.subject_id,
                content_sha256=recording.content_sha256,
                fingerprint=recording.fingerprint,
            )
            for recording in dataset.recordings
        ),
        notices=dataset.notices,
        evaluation=evaluation.to_dict(),
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
    return cross_validate(dataset, hyperparameters, seed=seed, progress=progress).evaluation()


def _evaluate_given(dataset: Dataset, model: MovementModel, seed: int) -> Evaluation:
    outcomes = model_outcomes(dataset, model)
    notices = [*dataset.notices, *_known_to(model, dataset)]
    intervals = None
    if model.card.count is not None:
        intervals = count_intervals(outcomes, model.card.count, model.card.domain)
        outcomes = with_intervals(outcomes, intervals)
    evaluation = summarize_outcomes(
        outcomes,
        rule=rule_outcomes(dataset),
        method=f"model {model.version} as it is",
        notices=notices,
        seed=seed,
    )
    if intervals is None:
        return evaluation
    return replace(evaluation, count_coverage=coverage_of(outcomes, intervals))


def _known_to(model: MovementModel, dataset: Dataset) -> list[str]:
    """Tell which of the recordings, or whose others, the model was trained on."""
    known = familiarity(dataset, model)
    if known is None:
        return [
            "Whether the model was trained on any of these recordings is not known: neither its "
            "card nor a training.json says so."
        ]
    count, seen, related = len(dataset.recordings), int(known.seen.sum()), int(known.related.sum())
    notices = []
    if seen:
        notices.append(
            f"The model was trained on {seen} of these {count} recordings: "
            "figures on them flatter it."
        )
    if related:
        notices.append(
            f"The model was trained on other recordings of the subjects of {related} of these "
            f"{count} recordings: figures on them flatter what another subject would get."
        )
    return notices
