"""From outcomes to counts, from counts to figures, and how sure the figures are.

Figures vary with the subjects that happened to be recorded: intervals come from drawing subjects
anew, with replacement (percentile bootstrap; Efron and Tibshirani, 1993). Recordings of one
subject are drawn together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.detection.chance import SHIFTS, chance_level
from femo_signal.intervals import as_intervals, overlapping
from femo_signal.learning.curves import average_precision, brier_score
from femo_signal.learning.matching import chance_hits, match_one_to_one
from femo_signal.learning.outcomes import RecordingOutcome

__all__ = [
    "FIGURES",
    "Counts",
    "Scored",
    "chance_figures",
    "count_outcome",
    "figures_of",
    "interval",
    "metrics_of",
    "paired_differences",
    "plain",
    "pooled",
    "resampled",
    "table_by_group",
]

BOOTSTRAPS = 1000
FIGURES = ("f1", "sensitivity", "precision", "count_bias", "false_detections_per_hour")
"""What intervals are given for."""


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


def table_by_group(
    outcomes: Sequence[RecordingOutcome], counts: Sequence[Counts] | None = None
) -> NDArray[np.float64]:
    """Return what each group found, in the order of the groups' names.

    Parameters
    ----------
    outcomes : sequence of RecordingOutcome
    counts : sequence of Counts, optional
        Of each outcome, where they are known already.

    Returns
    -------
    float64, shape (groups, 4)
        True positives, false positives, false negatives, judged hours.
    """
    if counts is None:
        counts = [count_outcome(outcome, outcome.accepted) for outcome in outcomes]
    table: dict[str, NDArray[np.float64]] = {}
    for outcome, found in zip(outcomes, counts, strict=True):
        hours = outcome.analysed_seconds / 3600
        row = np.array(
            [found.true_positive, found.false_positive, found.false_negative, hours], np.float64
        )
        table[outcome.group] = table.get(outcome.group, np.zeros(4)) + row
    return np.array([table[name] for name in sorted(table)]).reshape(-1, 4)


def figures_of(table: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Turn rows of `table_by_group`, shape (..., 4), into `FIGURES`, shape (...); 0/0 is NaN."""
    tp, fp, fn, hours = np.moveaxis(table, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = {
            "f1": 2 * tp / (2 * tp + fp + fn),
            "sensitivity": tp / (tp + fn),
            "precision": tp / (tp + fp),
            "count_bias": (tp + fp) / (tp + fn) - 1,
            "false_detections_per_hour": fp / hours,
        }
    return {name: np.where(np.isfinite(value), value, np.nan) for name, value in figures.items()}


def resampled(table: NDArray[np.float64], *, seed: int) -> NDArray[np.float64]:
    """Draw groups with replacement and add them up; the same seed draws the same groups.

    Parameters
    ----------
    table : float64, shape (groups, k)
        Not empty.
    seed : int

    Returns
    -------
    float64, shape (draws, k)
    """
    groups = len(table)
    random = np.random.default_rng(seed)
    times = random.multinomial(groups, np.full(groups, 1 / groups), size=BOOTSTRAPS)
    sums: NDArray[np.float64] = times.astype(np.float64) @ table
    return sums


def interval(values: NDArray[np.float64], *, percent: float = 95.0) -> tuple[float, float]:
    """Return the middle so many percent of values; NaN where none is defined."""
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    rest = (100 - percent) / 2
    low, high = np.percentile(known, (rest, 100 - rest)).tolist()
    return low, high


def plain(value: Any) -> float | None:
    """Return a number as JSON has it: None where it is undefined."""
    return round(float(value), 6) if np.isfinite(value) else None


@dataclass(frozen=True)
class Scored:
    """Outcomes with what they and chance hit."""

    outcomes: Sequence[RecordingOutcome]
    counts: Sequence[Counts]  # of each outcome
    hits: NDArray[np.int64]  # (recordings, shifts) by chance
    seed: int

    @classmethod
    def of(cls, outcomes: Sequence[RecordingOutcome], seed: int) -> Scored:
        """Match every outcome, and its shifts."""
        counts = [count_outcome(outcome, outcome.accepted) for outcome in outcomes]
        rows = [
            chance_hits(
                outcome.detections[outcome.accepted],
                outcome.reference,
                judged=outcome.judged,
                seed=seed + number,
            )
            for number, outcome in enumerate(outcomes)
        ]
        hits = np.array(rows, dtype=np.int64).reshape(-1, SHIFTS)
        return cls(outcomes, counts, hits, seed)

    def of_numbers(self, numbers: Sequence[int]) -> Scored:
        """Return some of the recordings."""
        return Scored(
            [self.outcomes[k] for k in numbers],
            [self.counts[k] for k in numbers],
            self.hits[list(numbers)],
            self.seed,
        )

    @property
    def together(self) -> Counts:
        """All recordings' counts, added up."""
        return sum(self.counts, Counts())

    def decided(self) -> dict[str, Any]:
        """Return the figures of what was accepted, chance beside them."""
        seconds = sum(outcome.analysed_seconds for outcome in self.outcomes)
        figures = metrics_of(self.together, analysed_seconds=seconds)
        return figures | chance_figures(self.hits.sum(axis=0), self.together)

    def figures(self) -> dict[str, Any]:
        """Return the figures of what was accepted, and of the probabilities."""
        probability = pooled([outcome.probability for outcome in self.outcomes])
        labels = pooled([outcome.labels for outcome in self.outcomes]).astype(np.int8)
        return self.decided() | {
            "brier": brier_score(probability, labels),
            "average_precision": average_precision(probability, labels),
            "expected_count": float(probability.sum()),
            "count_interval_coverage": _coverage(self.outcomes),
        }

    def intervals(self) -> dict[str, dict[str, float | None]]:
        """Return the 95 % interval of each of `FIGURES`; None for one subject alone."""
        table = table_by_group(self.outcomes, self.counts)
        if len(table) < 2:
            return {name: {"low": None, "high": None} for name in FIGURES}
        drawn = figures_of(resampled(table, seed=self.seed))
        rows = {}
        for name in FIGURES:
            low, high = interval(drawn[name])
            rows[name] = {"low": plain(low), "high": plain(high)}
        return rows


def chance_figures(
    hits: NDArray[np.int64], counts: Counts, *, answers: NDArray[np.int64] | None = None
) -> dict[str, float | None]:
    """Return what chance gives for sensitivity and F1: mean, and 95 % of the shifts.

    Parameters
    ----------
    hits : int64, shape (shifts,)
    counts : Counts
    answers : int64, shape (shifts,), optional
        Detections that are accepted in each shift; by default as many as were.
    """
    events = counts.true_positive + counts.false_negative
    given = counts.true_positive + counts.false_positive if answers is None else answers
    whole = np.broadcast_to(np.asarray(events + given, dtype=np.float64), hits.shape)
    undefined = np.full(len(hits), np.nan)
    sensitivity = chance_level(hits / events if events else undefined)
    f1 = chance_level(np.divide(2 * hits, whole, out=undefined.copy(), where=whole > 0))
    return {
        "chance_sensitivity": sensitivity.mean,
        "chance_sensitivity_upper": sensitivity.upper,
        "chance_f1": f1.mean if events else None,
        "chance_f1_upper": f1.upper if events else None,
    }


def _coverage(outcomes: Sequence[RecordingOutcome]) -> float | None:
    """Return the share of annotated recordings whose true count lies in the model's interval.

    A recording without an interval is left out: the model says of it that it cannot tell. Presses
    are no count of movements.
    """
    held = [
        one.count_interval[0] <= len(one.reference) <= one.count_interval[1]
        for one in outcomes
        if one.count_interval is not None and one.label_source == "annotations"
    ]
    return sum(held) / len(held) if held else None


def pooled(arrays: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """Return the values of several recordings, end to end."""
    return np.concatenate([np.zeros(0), *arrays])


def paired_differences(
    first: Sequence[RecordingOutcome],
    second: Sequence[RecordingOutcome],
    *,
    seed: int,
    percent: float = 95.0,
) -> dict[str, dict[str, float | None]]:
    """Return how much more the first reaches than the second, on the same subjects.

    Parameters
    ----------
    first, second : sequence of RecordingOutcome
        The same recordings, in the same groups.
    seed : int
    percent : float
        Of the interval.

    Returns
    -------
    dict of dict
        By the names of `FIGURES`: ``difference``, ``low``, ``high``. None where undefined; one
        subject alone has no interval.
    """
    tables = [table_by_group(outcomes) for outcomes in (first, second)]
    whole = [figures_of(table.sum(axis=0)) for table in tables]
    several = len(tables[0]) > 1
    drawn = [figures_of(resampled(table, seed=seed)) if several else {} for table in tables]
    rows: dict[str, dict[str, float | None]] = {}
    for name in FIGURES:
        low, high = float("nan"), float("nan")
        if several:
            low, high = interval(drawn[0][name] - drawn[1][name], percent=percent)
        rows[name] = {
            "difference": plain(whole[0][name] - whole[1][name]),
            "low": plain(low),
            "high": plain(high),
        }
    return rows
