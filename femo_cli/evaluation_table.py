"""An evaluation as lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from femo_result.words import percent

__all__ = ["evaluation_lines"]


_COLUMNS = {
    "f1": "F1",
    "chance_f1": "by chance",
    "precision": "precision",
    "sensitivity": "sensitivity",
    "chance_sensitivity": "by chance",
    "false_detections_per_hour": "false/h",
    "count_bias": "count bias",
    "specificity": "specificity",
    "accuracy": "accuracy",
    "pabak": "PABAK",
}
_MISSES = {
    "no_candidate": "never a candidate",
    "rejected": "rejected",
    "merged": "under one detection with another",
    "taken_for_hiccup": "taken for a hiccup",
}
_MOST_ROWS = 40


def evaluation_lines(evaluation: dict[str, Any]) -> list[str]:
    rows = [(str(row["recording"]), row) for row in evaluation["per_recording"]]
    shown = rows[:_MOST_ROWS]
    pooled = _pooled(evaluation)
    width = min(max(len(name) for name, _ in [*shown, *pooled]), 44)
    lines = [
        f"Evaluation: {evaluation['method']}",
        "  ".join([" " * width, *(f"{heading:>11}" for heading in _COLUMNS.values())]),
    ]
    lines += [_row(name, row, width) for name, row in shown]
    if len(rows) > len(shown):
        lines.append(f"... and {len(rows) - len(shown)} more recordings")
    lines += [_row(name, row, width) for name, row in pooled]
    lines += _interval_lines(evaluation)
    lines += _window_lines(evaluation)
    lines += _miss_lines(evaluation)
    lines += _choice_lines(evaluation)
    metrics = evaluation["metrics"]
    if metrics["brier"] is not None:
        lines.append(f"Brier score of the probabilities: {metrics['brier']:.3f}")
    if (covered := metrics.get("count_interval_coverage")) is not None:
        lines.append(f"True count in the model's 90 % interval: {percent(covered)} of recordings")
    lines += [f"Note: {notice}" for notice in evaluation["notices"]]
    return lines


def _pooled(evaluation: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the rows below the recordings: all of them together, and what stands beside."""
    beside = evaluation["baselines"]
    named = (
        ("all", evaluation["metrics"]),
        ("all, hiccups taken out", evaluation["hiccups_removed"]),
        ("all, linear model", beside["linear"]),
        ("all, unlearned rule", beside["rule"]),
        ("all, two kinds of sensor agree", beside["two_kinds"]),
        ("all, every detection accepted", beside["accept_all"]),
    )
    return [(name, row) for name, row in named if row is not None]


def _row(name: str, row: Mapping[str, Any], width: int) -> str:
    cells = (_shown(row[key]) for key in _COLUMNS)
    return "  ".join([f"{name[-width:]:<{width}}", *(f"{cell:>11}" for cell in cells)])


def _shown(value: float | None, form: str = ".3f") -> str:
    return "-" if value is None else format(value, form)


def _interval_lines(evaluation: Mapping[str, Any]) -> list[str]:
    """Return how sure the pooled figures are, and how the groups spread."""
    names = {"f1": "F1", "sensitivity": "sensitivity", "precision": "precision",
             "count_bias": "count bias", "false_detections_per_hour": "false/h"}  # fmt: skip
    told = [
        f"{heading} {row['low']:.3f} to {row['high']:.3f}"
        for name, heading in names.items()
        if (row := evaluation["intervals"][name])["low"] is not None
    ]
    lines = [f"95 % over subjects: {', '.join(told)}"] if told else []
    spread = evaluation["group_spread"]["f1"]
    if spread["minimum"] is not None:
        lines.append(
            f"F1 over {len(evaluation['per_group'])} subjects or recordings: "
            f"{spread['minimum']:.3f} to {spread['maximum']:.3f}, median {spread['median']:.3f}"
        )
    return lines


def _window_lines(evaluation: Mapping[str, Any]) -> list[str]:
    """Return F1 and sensitivity in each window: mean of chance, and 95 % of it, in brackets."""
    lines = ["Windows around reference events: F1, sensitivity (by chance: mean / 95 %)"]
    for window, row in evaluation["windows"].items():
        cells = [
            f"{_shown(row[name])} ({_shown(row[f'chance_{name}'], '.2f')} / "
            f"{_shown(row[f'chance_{name}_upper'], '.2f')})"
            for name in ("f1", "sensitivity")
        ]
        lines.append(f"  {window:<8}  {'  '.join(cells)}")
    return lines


def _miss_lines(evaluation: Mapping[str, Any]) -> list[str]:
    misses, best = evaluation["misses"], evaluation["ceiling"]
    told = ", ".join(f"{misses[cause]} {words}" for cause, words in _MISSES.items())
    lines = [
        f"Missed: {told}; not judged: {misses['not_judged']} of {misses['reference_events']} events"
    ]
    if best["sensitivity"] is not None:
        lines.append(
            f"A perfect classifier would reach F1 {best['f1']:.3f}, sensitivity "
            f"{best['sensitivity']:.3f} (by chance {_shown(best['chance_sensitivity'])}) "
            "with these candidates"
        )
    return lines


def _choice_lines(evaluation: dict[str, Any]) -> list[str]:
    """Say which classifier decides, and what the trees gain over the others."""
    gains = evaluation["comparison"].get("trees_gain_over")
    if not gains:
        return []
    names = {"trees": "the trees", "linear": "the linear model", "rule": "the unlearned rule"}
    told = "; ".join(
        f"over {names[kind]} {gain['f1']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"
        for kind, gain in gains.items()
        if None not in gain.values()
    )
    return [f"Decided by {names[evaluation['classifier']]}; the trees gain in F1 (90 %): {told}"]
