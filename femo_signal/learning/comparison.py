"""Whether one model is better than another: on the same recordings, paired by subject."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.errors import ModelError
from femo_signal.intervals import Intervals, as_intervals, intersection, overlapping
from femo_signal.learning.dataset import Dataset
from femo_signal.learning.model import MovementModel
from femo_signal.learning.outcomes import RecordingOutcome, familiarity, model_outcomes
from femo_signal.learning.scoring import Scored, paired_differences
from femo_signal.learning.training import DEFAULT_SEED, cross_validate

__all__ = ["Comparison", "compare_models"]


@dataclass(frozen=True)
class Comparison:
    """Two models on the same recordings; JSON-ready."""

    first: Mapping[str, Any]  # version, method, how it was tested, judged hours, figures, intervals
    second: Mapping[str, Any]
    differences: Mapping[str, Any]
    """First less second, with a 95 % interval by a bootstrap over subjects."""
    recordings: Sequence[Mapping[str, Any]]
    """What both were tested on."""
    left_out: Sequence[Mapping[str, Any]]
    """What was not, and why."""
    subjects: int  # or recordings, where no subject is named
    judged_hours: float  # that both judge
    notices: Sequence[str]
    schema_version: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain lists and dicts."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), allow_nan=False))
        return plain

    def to_json(self) -> str:
        """Return the comparison as JSON text; undefined figures are null."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"


def compare_models(
    first_dataset: Dataset,
    first: MovementModel,
    second_dataset: Dataset,
    second: MovementModel,
    *,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Comparison:
    """Compare two models on recordings that flatter neither.

    A recording counts where each model has seen neither it nor its subject. A model that was
    trained on exactly these recordings is tested out of fold instead: its training is repeated,
    with its own hyperparameters and seed, each time without the subjects that are tested. Both
    are scored on the time that both judge.

    Parameters
    ----------
    first_dataset, second_dataset : Dataset
        The same recordings, each with the settings of its model.
    first, second : MovementModel
    seed : int
        Of the chance level's shifts and of the bootstrap.
    progress : callable, optional
        Called with the share that is done, 0..1.

    Raises
    ------
    ModelError
        If a dataset was made with other settings than its model's, or no recording is left.
    """
    tests = [
        _Test.of(name, dataset, model)
        for name, dataset, model in (
            ("first", first_dataset, first), ("second", second_dataset, second)
        )
    ]  # fmt: skip
    used, left_out = _shared(tests)
    if not used:
        raise ModelError(
            "no recording is left that neither model has seen: "
            + "; ".join(sorted({row["reason"] for row in left_out}))
            + "; give recordings of other subjects, or exactly those that a model was trained on",
            code="nothing_unseen",
        )
    tell = progress or (lambda _: None)
    by_name = (
        tests[0].outcomes(lambda share: tell(share / 2)),
        tests[1].outcomes(lambda share: tell((1 + share) / 2)),
    )
    outcomes = [[found[name] for name in used] for found in by_name]
    lengths = [_lengths(test.dataset) for test in tests]
    pairs = [
        _on_common_time(a, b, lengths[0][name], lengths[1][name])
        for name, a, b in zip(used, *outcomes, strict=True)
    ]
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    return Comparison(
        first=tests[0].told(ours, outcomes[0], seed),
        second=tests[1].told(theirs, outcomes[1], seed),
        differences=paired_differences(ours, theirs, seed=seed),
        recordings=[{"recording": o.recording_id, "subject": o.subject_id} for o in ours],
        left_out=left_out,
        subjects=len({outcome.group for outcome in ours}),
        judged_hours=sum(outcome.analysed_seconds for outcome in ours) / 3600,
        notices=[notice for test in tests for notice in test.notices()],
    )


@dataclass(frozen=True)
class _Test:
    """One of the models with what it can be tested on."""

    name: str
    dataset: Dataset
    model: MovementModel
    known: NDArray[np.bool_] | None  # (recordings,) it or its subject was trained on
    out_of_fold: bool

    @classmethod
    def of(cls, name: str, dataset: Dataset, model: MovementModel) -> _Test:
        found = familiarity(dataset, model)
        learnt = model.trained_on
        if found is None or learnt is None:
            return cls(name, dataset, model, None, out_of_fold=False)
        same = bool(found.seen.all()) and learnt.count == len(dataset.recordings)
        return cls(name, dataset, model, ~found.unseen, out_of_fold=same)

    def usable(self) -> dict[str, bool]:
        """Tell of each recording whether it can be tested on."""
        names = [recording.recording_id for recording in self.dataset.recordings]
        if self.known is None or self.out_of_fold:
            return dict.fromkeys(names, True)
        return dict(zip(names, (~self.known).tolist(), strict=True))

    def outcomes(self, progress: Callable[[float], None]) -> dict[str, RecordingOutcome]:
        """Return the outcome of each recording, by its name."""
        if not self.out_of_fold:
            found: Sequence[RecordingOutcome] = model_outcomes(self.dataset, self.model)
        else:
            card = self.model.card
            seed = card.training.get("seed", DEFAULT_SEED)
            folds = cross_validate(self.dataset, card.hyperparameters, seed=seed, progress=progress)
            found = folds.by_classifier[card.classifier]
        return {outcome.recording_id: outcome for outcome in found}

    def told(
        self, outcomes: Sequence[RecordingOutcome], whole: Sequence[RecordingOutcome], seed: int
    ) -> dict[str, Any]:
        """Return the figures, and what they are of."""
        scored = Scored.of(outcomes, seed)
        card = self.model.card
        return {
            "version": self.model.version,
            "method": card.settings.method,
            "classifier": card.classifier,
            "tested": "out of fold" if self.out_of_fold else "as it is",
            "judged_hours": sum(outcome.analysed_seconds for outcome in whole) / 3600,
            "metrics": scored.decided(),
            "intervals": scored.intervals(),
        }

    def notices(self) -> list[str]:
        """Return what a reader has to know about this side."""
        notices = [f"{self.name}: {notice}" for notice in self.dataset.notices]
        if self.known is None:
            notices.append(
                f"Whether the {self.name} model was trained on any of these recordings is not "
                "known: neither its card nor a training.json says so. If it was, the figures "
                "flatter it."
            )
        if self.out_of_fold:
            notices.append(
                f"The {self.name} model was trained on exactly these recordings: its figures are "
                "of its training repeated, each time without the subjects that are tested."
            )
        return notices


def _shared(tests: Sequence[_Test]) -> tuple[list[str], list[dict[str, str]]]:
    """Return the recordings that both can be tested on, and why not the others."""
    usable = [test.usable() for test in tests]
    left_out: list[dict[str, str]] = []
    used = []
    for name in sorted(set(usable[0]) | set(usable[1])):
        reasons = []
        for test, mine in zip(tests, usable, strict=True):
            if name not in mine:
                reasons.append(f"it could not be analysed for the {test.name} model")
            elif not mine[name]:
                reasons.append(f"the {test.name} model was trained on it or on its subject")
        if reasons:
            left_out.append({"recording": name, "reason": " and ".join(reasons)})
        else:
            used.append(name)
    return used, left_out


def _lengths(dataset: Dataset) -> dict[str, int]:
    """Return the length of each recording's axis, ticks."""
    return {recording.recording_id: recording.length_ticks for recording in dataset.recordings}


def _on_common_time(
    first: RecordingOutcome, second: RecordingOutcome, first_length: int, second_length: int
) -> tuple[RecordingOutcome, RecordingOutcome]:
    """Return both outcomes on the time that both judge, with the same reference and group."""
    # The same is cut off at both ends, so half the difference is where the axes differ.
    later = (first_length - second_length) // 2
    theirs = second.judged + later
    judged = intersection(first.judged, theirs)
    if first.label_source == "annotations":
        seen = overlapping(first.reference, judged)
    else:  # a press is judged by all of the time around it
        seen = overlapping(first.reference, as_intervals(second.reference + later))
    reference = first.reference[seen]
    return (
        _restricted(first, first.detections, judged, reference, first.group),
        _restricted(second, second.detections + later, judged, reference, first.group),
    )


def _restricted(
    outcome: RecordingOutcome,
    detections: Intervals,
    judged: Intervals,
    reference: Intervals,
    group: str,
) -> RecordingOutcome:
    kept = overlapping(detections, judged)
    return replace(
        outcome,
        group=group,
        detections=detections[kept],
        labels=outcome.labels[kept],
        probability=outcome.probability[kept],
        accepted=outcome.accepted[kept],
        reference=reference,
        judged=judged,
    )
