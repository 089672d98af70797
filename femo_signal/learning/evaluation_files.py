"""The files of an evaluation: figures, table and picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from femo_signal.learning.evaluation import Evaluation
from femo_signal.pictures import RESEARCH_NOTE, blank_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_evaluation", "write_evaluation"]

_FIRST, _SECOND, _AXIS = "#0072B2", "#009E73", "#888888"  # Okabe and Ito (2008)
_MOST_BARS = 60


def write_evaluation(evaluation: Evaluation, folder: str | Path) -> None:
    """Write evaluation.json, metrics.json, per_recording.csv and evaluation.png.

    metrics.json holds the figures in all, each with its interval as ``NAME_low`` and ``NAME_high``,
    and the gain over the model in service alone: its size does not grow with the recordings.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    (target / "evaluation.json").write_text(evaluation.to_json())
    whole = evaluation.to_dict()
    pooled = {
        "metrics": whole["metrics"] | _flat(whole["intervals"]),
        "gain_over_serving": whole["gain_over_serving"],
        "gain_over_serving_status": whole["gain_over_serving_status"],
    }
    (target / "metrics.json").write_text(json.dumps(pooled, indent=2, allow_nan=False) + "\n")
    (target / "per_recording.csv").write_text(evaluation.per_recording_csv())
    plot_evaluation(evaluation, target / "evaluation.png")


def _flat(intervals: Mapping[str, Mapping[str, float | None]]) -> dict[str, float]:
    """Return the ends of intervals by the names that a model package has them under."""
    ends = {f"{name}_{end}": row[end] for name, row in intervals.items() for end in ("low", "high")}
    return {name: value for name, value in ends.items() if value is not None}


def plot_evaluation(evaluation: Evaluation, path: str | Path) -> None:
    """Draw an evaluation: recordings beside chance, precision-recall, calibration, counts.

    Parameters
    ----------
    evaluation : Evaluation
    path : path
    """
    figure = blank_figure()
    figure.set_size_inches(12, 8.6)
    bars, curve, counts, calibration = figure.subplots(2, 2, width_ratios=[1.6, 1]).flat
    _draw_recordings(bars, evaluation)
    _draw_precision_recall(curve, evaluation)
    _draw_counts(counts, evaluation)
    _draw_reliability(calibration, evaluation)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    metrics = evaluation.metrics
    headline = ", ".join(
        f"{name} {_shown(metrics.get(key))}"
        for key, name in (
            ("f1", "F1"),
            ("chance_f1", "by chance"),
            ("sensitivity", "sensitivity"),
            ("chance_sensitivity", "by chance"),
            ("precision", "precision"),
            ("false_detections_per_hour", "false detections an hour"),
        )
    )
    figure.suptitle(f"{headline}\n{evaluation.method}", fontsize=10)
    figure.text(0.01, 0.012, RESEARCH_NOTE, fontsize=7.5, color="#333333")
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.savefig(path, dpi=110)


def _draw_recordings(axes: Axes, evaluation: Evaluation) -> None:
    """Draw sensitivity and precision of each recording, sensitivity beside chance."""
    rows = list(evaluation.per_recording)[:_MOST_BARS]
    place = np.arange(len(rows))
    for offset, key, colour in ((-0.2, "sensitivity", _FIRST), (0.2, "precision", _SECOND)):
        axes.bar(place + offset, _values(rows, key), 0.36, color=colour, label=key)
    chance = _values(rows, "chance_sensitivity")
    axes.plot(place - 0.2, chance, "_", color="black", markersize=14, label="sensitivity by chance")
    axes.set(ylim=(0, 1.02), xlabel="recording", ylabel="share", title="Per recording")
    axes.set_xticks(place if len(rows) <= 20 else place[:: len(rows) // 10])
    axes.legend(loc="lower right", fontsize=8, framealpha=0.9)


def _draw_precision_recall(axes: Axes, evaluation: Evaluation) -> None:
    """Draw precision over recall among detections, what is accepted marked."""
    axes.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        xlabel="recall among true detections",
        ylabel="precision",
        title=f"Of all movements {_shown(evaluation.ceiling.get('sensitivity'))} are detections",
    )
    found = evaluation.precision_recall
    if found is None:
        return
    axes.plot(_values(found["points"], "recall"), _values(found["points"], "precision"),
              color=_FIRST)  # fmt: skip
    used = found["accepted"]
    if used["precision"] is not None:
        low, high = used["threshold_low"], used["threshold_high"]
        name = "accepted"
        if low is not None:
            name = f"threshold {low:.2f}" + (f" to {high:.2f}" if high > low else "")
        axes.plot(used["recall"], used["precision"], "o", color=_SECOND, label=name)
        axes.legend(loc="lower left", fontsize=8)


def _draw_counts(axes: Axes, evaluation: Evaluation) -> None:
    """Draw how counted and true movements differ, with bias and limits of agreement."""
    found = evaluation.agreement_of_counts
    axes.axhline(0, color=_AXIS, linewidth=0.8)
    axes.set(title="Agreement of counts (lines: bias and 95 % limits)",
             xlabel="mean of counted and true", ylabel="counted less true")  # fmt: skip
    if found is None:
        return
    if found["labels"] == "presses":
        axes.set(title="Counts beside presses, which are about half of the movements")
    axes.plot(_values(found["points"], "mean"), _values(found["points"], "difference"), "o",
              color=_FIRST)  # fmt: skip
    axes.axhline(found["bias"], color=_SECOND)
    for limit in ("low", "high"):
        if found[limit] is not None:
            axes.axhline(found[limit], color=_SECOND, linestyle="--", linewidth=0.9)


def _draw_reliability(axes: Axes, evaluation: Evaluation) -> None:
    """Draw observed shares over predicted probabilities."""
    axes.plot([0, 1], [0, 1], color=_AXIS, linewidth=0.8)
    points = evaluation.reliability
    sizes = _values(points, "count")
    axes.scatter(
        _values(points, "mean_predicted"),
        _values(points, "observed"),
        s=20 + 180 * sizes / max(float(sizes.sum()), 1.0),
        color=_FIRST,
    )
    axes.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        xlabel="predicted probability",
        ylabel="observed share",
        title="Calibration (size: detections)",
    )


def _values(rows: Sequence[Mapping[str, Any]], key: str) -> NDArray[np.float64]:
    """Return one figure of each row; NaN, which is not drawn, where it is undefined."""
    return np.array([np.nan if row[key] is None else row[key] for row in rows], dtype=np.float64)


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:.2f}"
