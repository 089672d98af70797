"""An evaluation as lines of text."""

from __future__ import annotations

from typing import Any

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


def evaluation_lines(evaluation: dict[str, Any]) -> list[str]:
    rows = [(str(row["recording"]), row) for row in evaluation["per_recording"]]
    shown = rows[:40]
    table = [*shown, ("all", evaluation["metrics"])]
    if evaluation["baseline"]:
        table.append(("all, linear model", evaluation["baseline"]))
    table.append(("all, every detection accepted", evaluation["accept_all"]))
    width = min(max(len(name) for name, _ in table), 44)
    lines = [
        f"Evaluation: {evaluation['method']}",
        "  ".join([" " * width, *(f"{heading:>11}" for heading in _COLUMNS.values())]),
    ]
    for name, row in table:
        cells = ("-" if row[key] is None else f"{row[key]:.3f}" for key in _COLUMNS)
        lines.append("  ".join([f"{name[-width:]:<{width}}", *(f"{cell:>11}" for cell in cells)]))
    if len(rows) > len(shown):
        lines.insert(-2, f"... and {len(rows) - len(shown)} more recordings")
    spread = evaluation["group_spread"]["f1"]
    if spread["minimum"] is not None:
        lines.append(
            f"F1 over {len(evaluation['per_group'])} subjects or recordings: "
            f"{spread['minimum']:.3f} to {spread['maximum']:.3f}, median {spread['median']:.3f}"
        )
    lines += _choice_lines(evaluation)
    brier = evaluation["metrics"]["brier"]
    if brier is not None:
        lines.append(f"Brier score of the probabilities: {brier:.3f}")
    lines += [f"Note: {notice}" for notice in evaluation["notices"]]
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
