"""How good a model is, told honestly: one event answers for one reference event, chance beside it.

Detections are compared with reference events in judged time only: with annotated movements where
they overlap them, or, where a recording has no annotations, with the 3 s before to 2 s after each
press (mothers feel about half of the movements, so presses are weak truth). Every figure is also
given for the other windows, and beside what chance would reach. Undefined figures are None, never a
crash.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from femo_signal.learning.classifiers import ClassifierKind
from femo_signal.learning.curves import (
    agreement_of_counts,
    precision_recall,
    reliability,
)
from femo_signal.learning.matching import WINDOWS
from femo_signal.learning.misses import misses_of, misses_together
from femo_signal.learning.outcomes import RecordingOutcome
from femo_signal.learning.scoring import (
    Counts,
    Scored,
    chance_figures,
    figures_of,
    metrics_of,
    paired_differences,
    plain,
    pooled,
    table_by_group,
)

__all__ = ["Choice", "Evaluation", "choose_classifier", "summarize_outcomes"]

_AGREEING_KINDS = 2
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
    count_model: Mapping[str, Any] | None = None
    """What cross-validation tells of how far expected counts are from the true ones; see
    `femo_signal.learning.expected_count.CountModel`."""
    count_coverage: Mapping[str, Any] | None = None
    """How often the count's interval holds the true count, in recordings with annotations; see
    `femo_signal.learning.expected_count.CountCoverage`."""
    intervals: Mapping[str, Any] = field(default_factory=dict)
    """95 % of each of `FIGURES`, by a bootstrap over groups."""
    windows: Mapping[str, Any] = field(default_factory=dict)
    """Figures, chance and intervals in each of `WINDOWS`."""
    misses: Mapping[str, Any] = field(default_factory=dict)
    """Missed reference events by cause."""
    ceiling: Mapping[str, Any] = field(default_factory=dict)
    """What a classifier that is never wrong would reach with these candidates."""
    baselines: Mapping[str, Any] = field(default_factory=dict)
    """Figures of what is no model of trees: None where it cannot decide on these recordings."""
    hiccups_removed: Mapping[str, Any] = field(default_factory=dict)
    """Figures where hiccup bouts are taken out; in `metrics` their time is judged."""
    precision_recall: Mapping[str, Any] | None = None
    agreement_of_counts: Mapping[str, Any] | None = None
    gain_over_serving: Mapping[str, Any] | None = None
    """What is gained over the model in service; None where there is none."""
    gain_over_serving_status: str = "no_model_in_service"
    schema_version: Literal[1] = 1

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
    rule: Sequence[RecordingOutcome] | None = None,
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
    rule : sequence of RecordingOutcome, optional
        The same recordings by the unlearned rule.
    notices : sequence of str
    seed : int
        Of the chance level's shifts and of the bootstrap.
    choice : Choice, optional
    """
    scored = Scored.of(outcomes, seed)
    misses = [misses_of(outcome) for outcome in outcomes]
    everything = [replace(one, accepted=np.ones_like(one.accepted)) for one in outcomes]
    all_scored = Scored.of(everything, seed)
    accept_all = all_scored.decided()
    linear = None if baseline is None else Scored.of(baseline, seed).figures()
    per_group = _per_group(scored, misses)
    metrics = scored.figures()
    return Evaluation(
        method=method,
        metrics=metrics,
        accept_all=accept_all,
        baseline=linear,
        per_recording=_per_recording(scored, all_scored, misses),
        per_group=per_group,
        group_spread=_group_spread(per_group),
        reliability=_reliability(outcomes),
        notices=tuple(notices),
        classifier=choice.classifier if choice is not None else "trees",
        comparison=choice.comparison if choice is not None else {},
        intervals=scored.intervals(),
        windows=_by_window(scored),
        misses=_missed_in_all(metrics, misses_together(misses)),
        ceiling=_ceiling(all_scored),
        baselines={
            "accept_all": accept_all,
            "rule": None if rule is None else Scored.of(rule, seed).decided(),
            "two_kinds": _two_kinds(outcomes, seed),
            "linear": linear,
        },
        hiccups_removed=_hiccups_removed(outcomes, seed),
        precision_recall=precision_recall(outcomes),
        agreement_of_counts=agreement_of_counts(outcomes),
    )


def _group_spread(per_group: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = ("f1", "sensitivity", "precision", "false_detections_per_hour")
    return {name: _spread([row[name] for row in per_group]) for name in names}


def _reliability(outcomes: Sequence[RecordingOutcome]) -> Any:
    probability = pooled([outcome.probability for outcome in outcomes])
    labels = pooled([outcome.labels for outcome in outcomes]).astype(np.int8)
    return reliability(probability, labels)


def _per_recording(
    scored: Scored, all_scored: Scored, misses: Sequence[dict[str, int]]
) -> list[dict[str, Any]]:
    rows = []
    for number, outcome in enumerate(scored.outcomes):
        low, high = outcome.count_interval or (None, None)
        rows.append(
            {
                "recording": outcome.recording_id,
                "subject": outcome.subject_id,
                "labels": outcome.label_source,
                "window": outcome.window,
                "detections": len(outcome.detections),
                "accepted": int(outcome.accepted.sum()),
                "reference_events": len(outcome.reference),
                **scored.of_numbers([number]).figures(),
                **{f"missed_{cause}": count for cause, count in misses[number].items()},
                "ceiling_sensitivity": _ceiling(all_scored.of_numbers([number]))["sensitivity"],
                "count_low": low,
                "count_high": high,
            }
        )
    return rows


def _per_group(scored: Scored, misses: Sequence[dict[str, int]]) -> list[dict[str, Any]]:
    groups: dict[str, list[int]] = {}
    for number, outcome in enumerate(scored.outcomes):
        groups.setdefault(outcome.group, []).append(number)
    return [
        {
            "group": name,
            "recordings": len(members),
            **scored.of_numbers(members).figures(),
            **{
                f"missed_{cause}": count
                for cause, count in misses_together([misses[k] for k in members]).items()
            },
        }
        for name, members in sorted(groups.items())
    ]


def _by_window(scored: Scored) -> dict[str, dict[str, Any]]:
    """Return figures and intervals for each of `WINDOWS`."""
    rows = {}
    for window in WINDOWS:
        other = scored
        if any(outcome.window != window for outcome in scored.outcomes):
            other = Scored.of([one.within(window) for one in scored.outcomes], scored.seed)
        figures = other.decided()
        kept = ("f1", "sensitivity", "precision", "false_detections_per_hour")
        chance = [name for name in figures if name.startswith("chance_")]
        rows[window] = {
            **{name: figures[name] for name in (*kept, *chance)},
            "intervals": {name: other.intervals()[name] for name in kept},
        }
    return rows


def _missed_in_all(metrics: Mapping[str, Any], misses: Mapping[str, int]) -> dict[str, Any]:
    """Return the misses by cause, and the share found of all events, judged or not."""
    found = int(metrics["true_positive"])
    everything = found + sum(misses.values())
    return {
        **misses,
        "reference_events": everything,
        "sensitivity_of_all_events": found / everything if everything else None,
    }


def _ceiling(accepting_all: Scored) -> dict[str, Any]:
    """Return what a classifier that is never wrong would reach with these candidates.

    Its chance level is that of the same classifier on shifted reference events.
    """
    best = accepting_all.together
    perfect = Counts(true_positive=best.true_positive, false_negative=best.false_negative)
    figures = metrics_of(perfect, analysed_seconds=0)
    hits = accepting_all.hits.sum(axis=0)
    return {
        "f1": figures["f1"],
        "sensitivity": figures["sensitivity"],
        **chance_figures(hits, perfect, answers=hits),
    }


def _two_kinds(outcomes: Sequence[RecordingOutcome], seed: int) -> dict[str, Any] | None:
    """Return the figures of accepting what sensors of two kinds see.

    None where no recording has sensors of two kinds that could see a movement. One that has but
    one kind counts with nothing accepted.
    """
    agreed = []
    for outcome in outcomes:
        kinds = outcome.kinds()
        accepted = np.zeros_like(outcome.accepted) if kinds is None else kinds >= _AGREEING_KINDS
        agreed.append(replace(outcome, accepted=accepted))
    if all(outcome.kinds() is None for outcome in outcomes):
        return None
    return Scored.of(agreed, seed).decided()


def _hiccups_removed(outcomes: Sequence[RecordingOutcome], seed: int) -> dict[str, Any]:
    """Return the figures where hiccup bouts are taken out, and what is then not judged."""
    removed = [outcome.without_hiccups() for outcome in outcomes]
    scored = Scored.of(removed, seed)
    figures = scored.decided()
    misses = misses_together([misses_of(outcome) for outcome in removed])
    return {
        **figures,
        "intervals": scored.intervals(),
        "misses": _missed_in_all(figures, misses),
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
