"""Training and honest evaluation: grouped cross-validation, fit, calibration.

Every step that learns something - class weight, calibration, threshold - is fitted inside the
training part of a fold. A subject, or a recording where no subject is named, is never in two
folds, nor is a copy of a recording under whatever name.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version as installed_version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import ModelError
from femo_signal.intervals import as_intervals, overlapping
from femo_signal.learning.calibration import best_threshold, correct_for_presses, fit_calibration
from femo_signal.learning.classifiers import (
    RULE_THRESHOLD,
    ClassifierKind,
    LinearModel,
    rule_scores,
)
from femo_signal.learning.dataset import Dataset, RecordingFeatures, prepare_dataset
from femo_signal.learning.domain import fit_domain
from femo_signal.learning.evaluation import (
    Choice,
    Evaluation,
    choose_classifier,
    summarize_outcomes,
)
from femo_signal.learning.expected_count import (
    COUNTED,
    CountModel,
    ExpectedCount,
    Withheld,
    count_coverage,
    count_intervals,
    fit_count,
    out_of_fold_intervals,
)
from femo_signal.learning.features import FEATURE_SET, FORMAT_FEATURES, features_of, names_of
from femo_signal.learning.hyperparameters import DEFAULT_SEED, MANY_DETECTIONS, Hyperparameters
from femo_signal.learning.labels import extract_recording
from femo_signal.learning.matching import chance_of_meeting
from femo_signal.learning.model import (
    Calibration,
    ModelCard,
    MovementModel,
    trees_digest,
    version_of,
)
from femo_signal.learning.outcomes import (
    RecordingOutcome,
    familiarity,
    model_outcomes,
    outcome_of,
    rule_outcomes,
)
from femo_signal.learning.provenance import TrainedKeys, TrainedRecording, TrainingRecord
from femo_signal.method_version import METHOD_VERSION
from femo_signal.settings import AnalysisSettings
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

_INNER_FOLDS = 4
_LEAST_GROUPS = 4  # with fewer, calibration splits by recording: half the data says too little

# The parts of an evaluation that name no recording and no subject
_POOLED = (
    "schema_version", "method", "metrics", "accept_all", "baseline", "group_spread", "reliability",
    "classifier", "comparison", "intervals", "windows", "misses", "ceiling", "baselines",
    "hiccups_removed",
)  # fmt: skip

Progress = Callable[[float], None]


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
    _check_trainable(dataset)
    if evaluation is None:
        evaluation = evaluate_model(
            dataset,
            chosen,
            seed=seed,
            progress=None if progress is None else lambda share: progress(0.8 * share),
        )
    everything = list(range(len(dataset.recordings)))
    kind = evaluation.classifier
    fitter = _fitters(dataset.settings, chosen, seed)[kind]
    decision = _fit_decision(dataset, everything, fitter, folds=_folds(chosen))
    if kind == "rule":
        decision = _rule_decision(decision.calibration)
    if decision.calibration.probability[-1] < decision.threshold:
        raise ModelError(
            "the scores tell movements from other detections so little that none would ever be "
            "accepted; add recordings, or check the labels",
            code="nothing_learnt",
        )
    booster = _fit_trees(dataset.features, dataset.labels, dataset.settings, chosen, seed)
    card = _card(dataset, booster, decision, chosen, evaluation, seed)
    if progress is not None:
        progress(1.0)
    record = training_record(dataset, card.version, evaluation)
    return MovementModel(card=card, trees=booster.model_to_string(), record=record).check()


def _card(
    dataset: Dataset,
    booster: Any,
    decision: _Decision,
    chosen: Hyperparameters,
    evaluation: Evaluation,
    seed: int,
) -> ModelCard:
    """Put together what an endpoint is given beside the trees: figures in all, no names."""
    labels, names = dataset.labels, names_of(dataset.settings)
    importance = booster.feature_importance("gain")
    share = importance / max(float(importance.sum()), 1e-12)
    facts = {
        "recordings": len(dataset.recordings),
        "groups": len(set(dataset.group_names)),
        "detections": len(labels),
        "true_detections": int(labels.sum()),
        "label_sources": sorted({r.label_source for r in dataset.recordings}),
        "analysed_hours": sum(r.analysed_seconds for r in dataset.recordings) / 3600,
        "seed": seed,
        "feature_set": FEATURE_SET,
        "feature_gain": {
            name: round(float(value), 6)
            for name, value in sorted(zip(names, share, strict=True), key=lambda pair: -pair[1])
        },
    }
    digest = trees_digest(booster.model_to_string())
    settings_digest = dataset.settings.digest()
    whole = evaluation.to_dict()
    linear = None
    if evaluation.classifier == "linear":
        linear = LinearModel.fit(dataset.features, labels)
    count = None
    if evaluation.count_model is not None:
        count = CountModel.model_validate(evaluation.count_model)
    domain = fit_domain([one.statistics for one in dataset.recordings], dataset.group_names)
    return ModelCard(
        version=version_of(
            digest,
            settings_digest,
            METHOD_VERSION,
            decision.calibration,
            decision.threshold,
            evaluation.classifier,
            linear,
            count,
            domain,
        ),
        classifier=evaluation.classifier,
        linear=linear,
        count=count,
        domain=domain,
        trees_sha256=digest,
        feature_names=names,
        threshold=decision.threshold,
        calibration=decision.calibration,
        settings=dataset.settings,
        settings_digest=settings_digest,
        hyperparameters=chosen,
        metrics=dict(evaluation.metrics),
        training=facts,
        trained_on=TrainedKeys.of(
            [(one.content_sha256, one.fingerprint) for one in dataset.recordings],
            [one.subject_id for one in dataset.recordings],
            salt=digest,
        ),
        evaluation={name: whole[name] for name in _POOLED},
        libraries={
            "femo_cloud": __version__,
            "lightgbm": installed_version("lightgbm"),
            "numpy": np.__version__,
            "scikit-learn": installed_version("scikit-learn"),
            "python": platform.python_version(),
        },
    )


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


def _folds(chosen: Hyperparameters) -> int:
    """Return the folds of resolved hyperparameters."""
    assert chosen.folds is not None
    return chosen.folds


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


@dataclass(frozen=True)
class CrossValidation:
    """What each classifier decided on recordings that it was not fitted on."""

    dataset: Dataset
    by_classifier: Mapping[ClassifierKind, Sequence[RecordingOutcome]]  # in the dataset's order
    choice: Choice
    folds: int
    seed: int

    @property
    def outcomes(self) -> Sequence[RecordingOutcome]:
        """Of the classifier that decides."""
        return self.by_classifier[self.choice.classifier]

    def evaluation(self) -> Evaluation:
        """Return the figures."""
        unit = self.dataset.fold_unit
        notices = list(self.dataset.notices)
        if unit == "recording" and any(r.subject_id for r in self.dataset.recordings):
            notices.append(
                "All recordings are of one subject: folds keep recordings apart, not subjects, "
                "and flatter what another subject would get."
            )
        count = self.count_model()
        outcomes, coverage = self.outcomes, None
        if count is not None:
            intervals = out_of_fold_intervals(outcomes)
            outcomes = _with_intervals(outcomes, intervals)
            coverage = _coverage_of(outcomes, intervals)
        evaluation = summarize_outcomes(
            outcomes,
            baseline=self.by_classifier["linear"],
            rule=self.by_classifier.get("rule"),
            method=f"cross-validation in {self.folds} folds by {unit}",
            notices=notices,
            seed=self.seed,
            choice=self.choice,
        )
        return replace(
            evaluation,
            count_model=None if count is None else count.model_dump(mode="json"),
            count_coverage=coverage,
        )

    def count_model(self) -> CountModel | None:
        """Return how far expected counts are from the true ones; None where none can be told."""
        if not COUNTED[self.dataset.settings.method]:
            return None
        return fit_count(self.outcomes)


def cross_validate(
    dataset: Dataset,
    hyperparameters: Hyperparameters | Mapping[str, Any] | None = None,
    *,
    seed: int = DEFAULT_SEED,
    progress: Progress | None = None,
) -> CrossValidation:
    """Let each classifier decide on each recording, fitted on the recordings of other groups.

    Parameters
    ----------
    dataset : Dataset
    hyperparameters : mapping, optional
    seed : int
    progress : callable, optional
        Called with the share that is done, 0..1.

    Raises
    ------
    ModelError
        If the dataset is too small for folds.
    """
    chosen = Hyperparameters.parse(hyperparameters).resolved(len(dataset.labels))
    _check_trainable(dataset)
    numbers = list(range(len(dataset.recordings)))
    folds = _split(dataset, numbers, _folds(chosen))
    fitters = _fitters(dataset.settings, chosen, seed)
    done = 0

    def run(kind: ClassifierKind, train: list[int], test: list[int]) -> list[RecordingOutcome]:
        decision = _fit_decision(dataset, train, fitters[kind], folds=_INNER_FOLDS)
        if kind == "rule":
            decision = _rule_decision(decision.calibration)
        rows = dataset.rows_of(train)
        scorer = fitters[kind](dataset.features[rows], dataset.labels[rows])
        return [
            outcome_of(
                dataset,
                number,
                decision.calibration(_score(scorer, dataset.recordings[number])),
                decision.threshold,
            )
            for number in test
        ]

    outcomes: dict[ClassifierKind, dict[int, RecordingOutcome]] = {kind: {} for kind in fitters}
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
    ordered = {kind: [found[number] for number in numbers] for kind, found in outcomes.items()}
    choice = choose_classifier(ordered, seed=seed)
    return CrossValidation(dataset, ordered, choice, len(folds), seed)


def _fitters(
    settings: AnalysisSettings, chosen: Hyperparameters, seed: int
) -> dict[ClassifierKind, _Fitter]:
    """Return what may decide, by name."""
    fitters: dict[ClassifierKind, _Fitter] = {
        "trees": _trees_fitter(settings, chosen, seed),
        "linear": _fit_linear,
    }
    if settings.method == "adaptive":
        fitters["rule"] = _rule_fitter(settings)
    return fitters


def _rule_decision(calibration: Calibration) -> _Decision:
    """Return the rule's own threshold, as the probability that its scores are calibrated to."""
    at = float(calibration(np.array([RULE_THRESHOLD]))[0])
    return _Decision(calibration, at)


def _evaluate_given(dataset: Dataset, model: MovementModel, seed: int) -> Evaluation:
    outcomes = model_outcomes(dataset, model)
    notices = [*dataset.notices, *_known_to(model, dataset)]
    intervals = None
    if model.card.count is not None:
        intervals = count_intervals(outcomes, model.card.count, model.card.domain)
        outcomes = _with_intervals(outcomes, intervals)
    evaluation = summarize_outcomes(
        outcomes,
        rule=rule_outcomes(dataset),
        method=f"model {model.version} as it is",
        notices=notices,
        seed=seed,
    )
    if intervals is None:
        return evaluation
    return replace(evaluation, count_coverage=_coverage_of(outcomes, intervals))


def _with_intervals(
    outcomes: Sequence[RecordingOutcome], intervals: Sequence[ExpectedCount | Withheld]
) -> list[RecordingOutcome]:
    return [
        replace(outcome, count_interval=(found.low, found.high))
        if isinstance(found, ExpectedCount)
        else outcome
        for outcome, found in zip(outcomes, intervals, strict=True)
    ]


def _coverage_of(
    outcomes: Sequence[RecordingOutcome], intervals: Sequence[ExpectedCount | Withheld]
) -> dict[str, Any] | None:
    """Return how the intervals did, JSON-ready; None where nobody knows the true counts."""
    coverage = count_coverage(outcomes, intervals)
    return None if coverage is None else asdict(coverage)


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


def _check_trainable(dataset: Dataset) -> None:
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


def _split(
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


def _fit_decision(
    dataset: Dataset, numbers: Sequence[int], fitter: _Fitter, *, folds: int
) -> _Decision:
    """Fit calibration and threshold on scores of recordings that the scoring model never saw."""
    splits = _split(dataset, numbers, folds, least_groups=_LEAST_GROUPS)
    many = len(dataset.rows_of(numbers)) > MANY_DETECTIONS
    if many:
        splits = splits[:1]
    tested: list[int] = []
    scores: dict[int, NDArray[np.float64]] = {}
    if len(splits) > 1 or many:
        for train, test in splits:
            rows = dataset.rows_of(train)
            scorer = fitter(dataset.features[rows], dataset.labels[rows])
            scores.update({n: _score(scorer, dataset.recordings[n]) for n in test})
            tested += test
    if len({int(label) for n in tested for label in dataset.recordings[n].labels}) < 2:
        # Nothing to calibrate on but the training rows themselves.
        tested = list(numbers)
        rows = dataset.rows_of(tested)
        scorer = fitter(dataset.features[rows], dataset.labels[rows])
        scores = {n: _score(scorer, dataset.recordings[n]) for n in tested}
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
            return _Decision(corrected, best_threshold(probability, probability))
    missed = sum(int((~overlapping(r.reference, r.detections)).sum()) for r in known)
    return _Decision(
        calibration, best_threshold(calibration(raw), labels.astype(np.float64), missed)
    )


def _score(scorer: _Scorer, recording: RecordingFeatures) -> NDArray[np.float64]:
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


def _trees_fitter(settings: AnalysisSettings, chosen: Hyperparameters, seed: int) -> _Fitter:
    def fit(features: NDArray[np.float64], labels: NDArray[np.int8]) -> _Scorer:
        if len(np.unique(labels)) < 2:
            return _constant(labels)
        booster = _fit_trees(features, labels, settings, chosen, seed)
        return lambda rows: np.asarray(booster.predict(rows, num_threads=1), dtype=np.float64)

    return fit


def _fit_trees(
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


def _fit_linear(features: NDArray[np.float64], labels: NDArray[np.int8]) -> _Scorer:
    """Fit the baseline that LightGBM has to beat."""
    if len(np.unique(labels)) < 2:
        return _constant(labels)
    return LinearModel.fit(features, labels).scores


def _rule_fitter(settings: AnalysisSettings) -> _Fitter:
    """Return what learns nothing: the rule scores whatever the labels say."""
    names = names_of(settings)

    def score(features: NDArray[np.float64]) -> NDArray[np.float64]:
        return rule_scores(features, names, settings=settings.candidates)

    return lambda _features, _labels: score


def _constant(labels: NDArray[np.int8]) -> _Scorer:
    value = float(labels.mean()) if len(labels) else 0.5
    return lambda rows: np.full(len(rows), value)
