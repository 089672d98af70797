"""How good a model is, told honestly: one event answers for one reference event, chance beside it.

Detections are compared with reference events in analysed time only: annotated movements, or the
5 s around each press where a recording has no annotations (mothers feel about half of the
movements, so presses are weak truth). Undefined figures are None, never a crash.
"""

from __future__ import annotations

import csv
import heapq
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.chance import SHIFTS, chance_level, circular_shifts, joined
from femo_signal.intervals import Intervals, as_intervals, overlapping, total
from femo_signal.learning.classifiers import ClassifierKind
from femo_signal.learning.domain import SignalStatistics
from femo_signal.settings import TICKS_PER_SECOND

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
_BOOTSTRAPS = 1000
_INTERVAL_PERCENT = (5.0, 95.0)
_ALIKE = 0.005  # of F1


@dataclass(frozen=True)
class Counts:
    """How accepted detections and reference events answer for each other."""

    true_positive: int = 0  # reference events that an accepted detection answers for
    false_positive: int = 0  # accepted detections that answer for none
    true_negative: int = 0  # rejected detections without a reference event
    false_negative: int = 0  # reference events that no accepted detection answers for

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.true_negative + other.true_negative,
            self.false_negative + other.false_negative,
        )


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
    reference: Intervals  # ticks; may overlap each other
    judged: Intervals  # ticks
    statistics: SignalStatistics | None = None  # of the recording's signals

    @property
    def analysed_seconds(self) -> float:
        """How much of the recording could be judged."""
        return total(self.judged) / TICKS_PER_SECOND


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
    count_model: Mapping[str, Any] | None = None
    """What cross-validation tells of how far expected counts are from the true ones; see
    `femo_signal.learning.expected_count.CountModel`."""
    count_coverage: Mapping[str, Any] | None = None
    """How often the count's interval holds the true count, in recordings with annotations; see
    `femo_signal.learning.expected_count.CountCoverage`."""
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


def match_one_to_one(detections: Intervals, reference: Intervals) -> NDArray[np.int64]:
    """Assign to every detection at most one reference event that it overlaps, and vice versa.

    The assignment has the most pairs possible: detections are disjoint, so the graph is convex
    and taking the reference event that ends first is optimal (Glover, 1967).

    Parameters
    ----------
    detections : Intervals, shape (n, 2)
        Sorted and disjoint.
    reference : Intervals, shape (m, 2)
        In any order; they may overlap.

    Returns
    -------
    int64, shape (n,)
        Row of the reference event, or -1.
    """
    partner = np.full(len(detections), -1, dtype=np.int64)
    # Most of what is compared meets nothing: told in one step, the loop is left with the rest.
    meeting = np.flatnonzero(overlapping(detections, as_intervals(reference)))
    met = np.flatnonzero(overlapping(reference, detections))
    order = met[np.argsort(reference[met, 0], kind="stable")]
    starts, ends = reference[order, 0].tolist(), reference[order, 1].tolist()
    waiting: list[tuple[int, int]] = []
    position = 0
    for row, (start, end) in zip(meeting.tolist(), detections[meeting].tolist(), strict=True):
        while position < len(starts) and starts[position] < end:
            heapq.heappush(waiting, (ends[position], int(order[position])))
            position += 1
        while waiting and waiting[0][0] <= start:
            heapq.heappop(waiting)
        if waiting:
            partner[row] = heapq.heappop(waiting)[1]
    return partner


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def metrics_of(counts: Counts, *, analysed_seconds: float) -> dict[str, Any]:
    """Turn counts into figures.

    Returns
    -------
    dict
        Undefined ratios (0/0) are None. ``count_bias`` is accepted over reference less one.
    """
    tp, fp = counts.true_positive, counts.false_positive
    tn, fn = counts.true_negative, counts.false_negative
    accuracy = _ratio(tp + tn, tp + fp + tn + fn)
    bias = _ratio(tp + fp, tp + fn)
    hours = analysed_seconds / 3600
    return {
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "precision": _ratio(tp, tp + fp),
        "sensitivity": _ratio(tp, tp + fn),
        "specificity": _ratio(tn, tn + fp),
        "false_detections_per_hour": _ratio(fp, hours),
        "count_bias": None if bias is None else bias - 1,
        "accuracy": accuracy,
        "pabak": None if accuracy is None else 2 * accuracy - 1,
        "true_positive": tp,
        "false_positive": fp,
        "true_negative": tn,
        "false_negative": fn,
        "analysed_hours": hours,
    }


def count_outcome(outcome: RecordingOutcome, accepted: NDArray[np.bool_]) -> Counts:
    """Count one recording for a given acceptance of its detections."""
    partner = match_one_to_one(outcome.detections[accepted], outcome.reference)
    matched = int((partner >= 0).sum())
    rejected = outcome.detections[~accepted]
    empty_handed = int((~overlapping(rejected, as_intervals(outcome.reference))).sum())
    return Counts(
        true_positive=matched,
        false_positive=int(accepted.sum()) - matched,
        true_negative=empty_handed,
        false_negative=len(outcome.reference) - matched,
    )


def chance_hits(
    movements: Intervals, reference: Intervals, *, judged: Intervals, seed: int
) -> NDArray[np.int64]:
    """Count the reference events that movements would answer for by chance, one to one.

    The reference is shifted in a circle against the same movements, on joined judged time.

    Parameters
    ----------
    movements : Intervals
        Accepted, ticks.
    reference : Intervals
        Ticks.
    judged : Intervals
        Ticks.
    seed : int

    Returns
    -------
    int64, shape (shifts,)
    """
    found = joined(movements, judged)
    shifted = circular_shifts(joined(reference, judged), judged, seed=seed)
    # All shifts side by side on one long axis, far enough apart not to meet: one matching does.
    apart = 1 + int(max(found.max(initial=0), shifted.max(initial=0)))
    place = (np.arange(SHIFTS) * apart)[:, None, None]
    partner = match_one_to_one(
        (found[None] + place).reshape(-1, 2), (shifted + place).reshape(-1, 2)
    )
    hits: NDArray[np.int64] = (partner >= 0).reshape(SHIFTS, len(found)).sum(axis=1)
    return hits


def chance_of_meeting(
    movements: Intervals, reference: Intervals, *, judged: Intervals, seed: int
) -> float | None:
    """Tell which share of reference events would overlap any movement by chance.

    Parameters
    ----------
    movements, reference, judged : Intervals
        Ticks.
    seed : int

    Returns
    -------
    float or None
        None without reference events in judged time.
    """
    marks, found = joined(reference, judged), joined(movements, judged)
    if not len(marks):
        return None
    again = as_intervals(np.concatenate((found, found + total(judged))))  # for what passes the end
    shifted = circular_shifts(marks, judged, seed=seed)
    return float(overlapping(shifted.reshape(-1, 2), again).mean())


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
    counts = {
        kind: _counts_by_group(found) for kind, found in outcomes.items()
    }  # (groups, 3): true positive, false positive, false negative
    scores = {kind: _f1(table.sum(axis=0)) for kind, table in counts.items()}
    comparison: dict[str, Any] = {"f1": {kind: _plain(score) for kind, score in scores.items()}}
    if "rule" not in outcomes:
        return Choice("trees", comparison)
    groups = len(counts["trees"])
    draws = np.random.default_rng(seed).integers(0, groups, (_BOOTSTRAPS, groups))
    gains: dict[str, Any] = {}
    others: tuple[ClassifierKind, ...] = ("linear", "rule")
    for kind in others:
        resampled = _f1(counts["trees"][draws].sum(axis=1)) - _f1(counts[kind][draws].sum(axis=1))
        low, high = np.nanpercentile(resampled, _INTERVAL_PERCENT)
        gains[kind] = {"f1": _plain(scores["trees"] - scores[kind]), "low": _plain(low),
                       "high": _plain(high)}  # fmt: skip
    comparison["trees_gain_over"] = gains
    surely = all(gain["low"] is not None and gain["low"] > 0 for gain in gains.values())
    # Between two that are alike, the one that has learnt nothing.
    best: ClassifierKind = "linear" if scores["linear"] > scores["rule"] + _ALIKE else "rule"
    return Choice("trees" if surely else best, comparison)


def _counts_by_group(outcomes: Sequence[RecordingOutcome]) -> NDArray[np.float64]:
    table: dict[str, NDArray[np.float64]] = {}
    for outcome in outcomes:
        found = count_outcome(outcome, outcome.accepted)
        row = np.array([found.true_positive, found.false_positive, found.false_negative], float)
        table[outcome.group] = table.get(outcome.group, np.zeros(3)) + row
    return np.array([table[name] for name in sorted(table)])


def _f1(counts: NDArray[np.float64]) -> Any:
    """Return F1 of counts, shape (..., 3); NaN where nothing was to be found, nor was."""
    whole = 2 * counts[..., 0] + counts[..., 1] + counts[..., 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        return 2 * counts[..., 0] / whole


def _plain(value: Any) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


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
