"""Lets each classifier decide on recordings that it was not fitted on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

from femo_signal.learning.classifiers import ClassifierKind
from femo_signal.learning.count_fit import count_coverage, fit_count, out_of_fold_intervals
from femo_signal.learning.dataset import Dataset
from femo_signal.learning.evaluation import (
    Choice,
    Evaluation,
    choose_classifier,
    summarize_outcomes,
)
from femo_signal.learning.expected_count import COUNTED, CountModel, ExpectedCount, Withheld
from femo_signal.learning.fitting import (
    Fitter,
    check_trainable,
    fit_decision,
    fitters_of,
    folds_of,
    rule_decision,
    score_recording,
    split_by_group,
)
from femo_signal.learning.hyperparameters import DEFAULT_SEED, Hyperparameters
from femo_signal.learning.outcomes import RecordingOutcome, outcome_of

__all__ = ["CrossValidation", "Progress", "coverage_of", "cross_validate", "with_intervals"]

_INNER_FOLDS = 4
Progress = Callable[[float], None]


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
            outcomes = with_intervals(outcomes, intervals)
            coverage = coverage_of(outcomes, intervals)
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
    check_trainable(dataset)
    numbers = list(range(len(dataset.recordings)))
    folds = split_by_group(dataset, numbers, folds_of(chosen))
    fitters = fitters_of(dataset.settings, chosen, seed)
    outcomes: dict[ClassifierKind, dict[int, RecordingOutcome]] = {kind: {} for kind in fitters}
    jobs = [(kind, train, test) for kind in fitters for train, test in folds]
    # Threads: LightGBM releases the interpreter lock, and one thread a fit keeps results exact. No
    # name holds the results: where a job is stopped they go, and with them the fits still to come.
    with ThreadPoolExecutor(max_workers=2) as pool:
        for done, ((kind, _, test), result) in enumerate(
            zip(
                jobs,
                pool.map(lambda job: _decide(dataset, job[0], fitters[job[0]], *job[1:]), jobs),
                strict=True,
            ),
            start=1,
        ):
            outcomes[kind].update(zip(test, result, strict=True))
            if progress is not None:
                progress(done / len(jobs))
    ordered = {kind: [found[number] for number in numbers] for kind, found in outcomes.items()}
    choice = choose_classifier(ordered, seed=seed)
    return CrossValidation(dataset, ordered, choice, len(folds), seed)


def _decide(
    dataset: Dataset, kind: ClassifierKind, fitter: Fitter, train: list[int], test: list[int]
) -> list[RecordingOutcome]:
    """Fit a classifier on some recordings and let it decide on others."""
    decision = fit_decision(dataset, train, fitter, folds=_INNER_FOLDS)
    if kind == "rule":
        decision = rule_decision(decision.calibration)
    rows = dataset.rows_of(train)
    scorer = fitter(dataset.features[rows], dataset.labels[rows])
    return [
        outcome_of(
            dataset,
            number,
            decision.calibration(score_recording(scorer, dataset.recordings[number])),
            decision.threshold,
        )
        for number in test
    ]


def with_intervals(
    outcomes: Sequence[RecordingOutcome], intervals: Sequence[ExpectedCount | Withheld]
) -> list[RecordingOutcome]:
    return [
        replace(outcome, count_interval=(found.low, found.high))
        if isinstance(found, ExpectedCount)
        else outcome
        for outcome, found in zip(outcomes, intervals, strict=True)
    ]


def coverage_of(
    outcomes: Sequence[RecordingOutcome], intervals: Sequence[ExpectedCount | Withheld]
) -> dict[str, Any] | None:
    """Return how the intervals did, JSON-ready; None where nobody knows the true counts."""
    coverage = count_coverage(outcomes, intervals)
    return None if coverage is None else asdict(coverage)
