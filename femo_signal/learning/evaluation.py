"""How good a model is, told honestly: one event answers for one reference event, chance beside it.

Detections are compared with reference events in analysed time only: annotated movements, or the
5 s around each press where a recording has no annotations (mothers feel about half of the
movements, so presses are weak truth). Undefined figures are None, never a crash.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.chance import SHIFTS, chance_level
from femo_signal.learning.classifiers import ClassifierKind
from femo_signal.learning.matching import chance_hits, chance_of_meeting, match_one_to_one
from femo_signal.learning.outcomes import RecordingOutcome
from femo_signal.learning.scoring import (
    Counts,
    count_outcome,
    figures_of,
    metrics_of,
    paired_differences,
    plain,
    table_by_group,
)

__all__ = [
    "Choice",
    "Counts",
    "Evaluation",
    "RecordingOutcome",
    "chance_hits",
    "chance_of_meeting",
    "choose_classifier",
    "match_one_to_one",
    "metrics_of",
    "reliability",
    "summarize_outcomes",
]

_BINS = 10
_CHOICE_PERCENT = 90.0  # of the interval that decides which classifier does
_ALIKE = 0.005  # of F1


@dataclass(frozen=True)
class Choice:
    """Which classifier decides, and why."""

    classifier: ClassifierKind
    comparison: Mapping[str, Any]  # JSON-ready


@dataclass(frozen=True)
class Evaluation:
    """Figures of a model, in all, per recording and per subject; JSON-ready."""

    method: str  # how train and test were kept apart
    metrics: Mapping[str, Any]
    accept_all: Mapping[str, Any]
    baseline: Mapping[str, Any] | None
    per_recording: Sequence[Mapping[str, Any]]
    per_group: Sequence[Mapping[str, Any]]
    group_spread: Mapping[str, Any]
    reliability: Sequence[Mapping[str, Any]]
    notices: Sequence[str] = field(default_factory=tuple)
    classifier: ClassifierKind = "trees"
    """Which one the figures are of."""
    comparison: Mapping[str, Any] = field(default_factory=dict)
    """F1 of each that could have decided, and what the trees gain over the others."""
    gain_over_serving: Mapping[str, Any] | None = None
    """What is gained over the model in service; None where there is none."""
    gain_over_serving_status: str = "no_model_in_service"
    schema_version: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as plain lists and dicts."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    def to_json(self) -> str:
        """Return the evaluation as JSON text; undefined figures are null."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def per_recording_csv(self) -> str:
        """Return one line a recording; undefined figures are empty."""
        text = io.StringIO()
        if self.per_recording:
            table = csv.DictWriter(text, list(self.per_recording[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(self.per_recording)
        return text.getvalue()


def reliability(
    probability: NDArray[np.float64], labels: NDArray[np.int8]
) -> list[dict[str, float | int]]:
    """Compare predicted with observed shares in bins of a tenth; empty bins are left out."""
    which = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    rows: list[dict[str, float | int]] = []
    for number in range(_BINS):
        inside = which == number
        if inside.any():
            rows.append(
                {
                    "from": number / _BINS,
                    "to": (number + 1) / _BINS,
                    "count": int(inside.sum()),
                    "mean_predicted": float(probability[inside].mean()),
                    "observed": float(labels[inside].mean()),
                }
            )
    return rows


def average_precision(probability: NDArray[np.float64], labels: NDArray[np.int8]) -> float | None:
    """Return the area under the precision-recall curve; None without both classes."""
    positive = int(labels.sum())
    if positive in (0, len(labels)):
        return None
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(labels[order])
    last = np.append(np.diff(probability[order]) != 0, True)  # ties count together
    precision = hits[last] / (np.flatnonzero(last) + 1)
    gained = np.diff(np.concatenate(([0], hits[last]))) / positive
    return float((precision * gained).sum())


def choose_classifier(
    outcomes: Mapping[ClassifierKind, Sequence[RecordingOutcome]], *, seed: int
) -> Choice:
    """Choose what goes into service: the trees only where they surely beat all else.

    Surely: the lower end of a 90 % interval of the difference in F1, by a bootstrap over groups
    (subjects), is above 0 against each of the others. Else the best of the others decides. Where
    there is no unlearned rule (the reference method), the trees always do.

    Parameters
    ----------
    outcomes : mapping of str to sequence of RecordingOutcome
        The same recordings in the same order for each.
    seed : int
    """
    scores = {
        kind: float(figures_of(table_by_group(found).sum(axis=0))["f1"])
        for kind, found in outcomes.items()
    }
    comparison: dict[str, Any] = {"f1": {kind: plain(score) for kind, score in scores.items()}}
    if "rule" not in outcomes:
        return Choice("trees", comparison)
    gains: dict[str, Any] = {}
    others: tuple[ClassifierKind, ...] = ("linear", "rule")
    for kind in others:
        gain = paired_differences(
            outcomes["trees"], outcomes[kind], seed=seed, percent=_CHOICE_PERCENT
        )["f1"]
        gains[kind] = {"f1": gain["difference"], "low": gain["low"], "high": gain["high"]}
    comparison["trees_gain_over"] = gains
    surely = all(gain["low"] is not None and gain["low"] > 0 for gain in gains.values())
    # Between two that are alike, the one that has learnt nothing.
    best: ClassifierKind = "linear" if scores["linear"] > scores["rule"] + _ALIKE else "rule"
    return Choice("trees" if surely else best, comparison)


def summarize_outcomes(
    outcomes: Sequence[RecordingOutcome],
    *,
    method: str,
    baseline: Sequence[RecordingOutcome] | None = None,
    notices: Sequence[str] = (),
    seed: int = 0,
    choice: Choice | None = None,
) -> Evaluation:
    """Pool the outcomes of recordings into an evaluation.

    Parameters
    ----------
    outcomes : sequence of RecordingOutcome
    method : str
        How train and test were kept apart, for the reader.
    baseline : sequence of RecordingOutcome, optional
        The same recordings by the linear model.
    notices : sequence of str
    seed : int
        Of the chance level's shifts.
    """
    hits = _chance_of(outcomes, seed)
    per_recording = []
    for number, outcome in enumerate(outcomes):
        row = _figures([outcome], hits[number])
        per_recording.append(
            {
                "recording": outcome.recording_id,
                "subject": outcome.subject_id,
                "labels": outcome.label_source,
                "detections": len(outcome.detections),
                "accepted": int(outcome.accepted.sum()),
                "reference_events": len(outcome.reference),
                **row,
            }
        )
    groups: dict[str, list[int]] = {}
    for number, outcome in enumerate(outcomes):
        groups.setdefault(outcome.group, []).append(number)
    per_group = [
        {
            "group": name,
            "recordings": len(members),
            **_figures([outcomes[k] for k in members], hits[members].sum(axis=0)),
        }
        for name, members in sorted(groups.items())
    ]
    everything = [replace(one, accepted=np.ones_like(one.accepted)) for one in outcomes]
    accept_all = _figures(everything, _chance_of(everything, seed).sum(axis=0))
    for name in ("brier", "average_precision", "expected_count"):
        del accept_all[name]  # of the probabilities, which play no part there
    linear = None
    if baseline is not None:
        linear = _figures(baseline, _chance_of(baseline, seed).sum(axis=0))
    probability = _joined([outcome.probability for outcome in outcomes])
    labels = _joined([outcome.labels for outcome in outcomes]).astype(np.int8)
    return Evaluation(
        method=method,
        metrics=_figures(outcomes, hits.sum(axis=0)),
        accept_all=accept_all,
        baseline=linear,
        per_recording=per_recording,
        per_group=per_group,
        group_spread={
            name: _spread([row[name] for row in per_group])
            for name in ("f1", "sensitivity", "precision", "false_detections_per_hour")
        },
        reliability=reliability(probability, labels),
        notices=tuple(notices),
        classifier=choice.classifier if choice is not None else "trees",
        comparison=choice.comparison if choice is not None else {},
    )


def _joined(arrays: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros(0), *arrays])


def _chance_of(outcomes: Sequence[RecordingOutcome], seed: int) -> NDArray[np.int64]:
    """Return each recording's hits by chance, shape (recordings, shifts)."""
    rows = [
        chance_hits(
            outcome.detections[outcome.accepted],
            outcome.reference,
            judged=outcome.judged,
            seed=seed + number,
        )
        for number, outcome in enumerate(outcomes)
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, SHIFTS)


def _figures(outcomes: Sequence[RecordingOutcome], hits: NDArray[np.int64]) -> dict[str, Any]:
    """Return the figures of recordings together, given their hits by chance, shape (shifts,)."""
    counts = Counts()
    for outcome in outcomes:
        counts += count_outcome(outcome, outcome.accepted)
    figures = metrics_of(counts, analysed_seconds=sum(o.analysed_seconds for o in outcomes))
    figures |= _chance_figures(hits, counts)
    probability = _joined([outcome.probability for outcome in outcomes])
    labels = _joined([outcome.labels for outcome in outcomes]).astype(np.int8)
    figures["brier"] = float(np.mean((probability - labels) ** 2)) if len(labels) else None
    figures["average_precision"] = average_precision(probability, labels)
    figures["expected_count"] = float(probability.sum())
    return figures


def _chance_figures(hits: NDArray[np.int64], counts: Counts) -> dict[str, float | None]:
    """Return what chance gives for sensitivity and F1: mean, and 95 % of the shifts."""
    events = counts.true_positive + counts.false_negative
    answers = counts.true_positive + counts.false_positive
    undefined = np.full(len(hits), np.nan)
    sensitivity = chance_level(hits / events if events else undefined)
    f1 = chance_level(2 * hits / (events + answers) if events else undefined)
    return {
        "chance_sensitivity": sensitivity.mean,
        "chance_sensitivity_upper": sensitivity.upper,
        "chance_f1": f1.mean,
        "chance_f1_upper": f1.upper,
    }


def _spread(values: Sequence[float | None]) -> dict[str, float | None]:
    known = np.array([value for value in values if value is not None])
    if not len(known):
        return {"minimum": None, "median": None, "maximum": None, "standard_deviation": None}
    return {
        "minimum": float(known.min()),
        "median": float(np.median(known)),
        "maximum": float(known.max()),
        "standard_deviation": float(known.std(ddof=1)) if len(known) > 1 else None,
    }
