"""The files of an evaluation: figures, table and picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from femo_signal.learning.evaluation import Evaluation
from femo_signal.pictures import RESEARCH_NOTE, blank_figure

__all__ = ["plot_evaluation", "write_evaluation"]

_FIRST, _SECOND, _AXIS = "#0072B2", "#009E73", "#888888"  # Okabe and Ito (2008)


def write_evaluation(evaluation: Evaluation, folder: str | Path) -> None:
    """Write evaluation.json, metrics.json, per_recording.csv and evaluation.png.

    metrics.json holds the figures in all and the gain over the model in service alone: its size
    does not grow with the recordings.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    (target / "evaluation.json").write_text(evaluation.to_json())
    whole = evaluation.to_dict()
    kept = ("metrics", "gain_over_serving", "gain_over_serving_status")
    pooled = json.dumps({name: whole[name] for name in kept}, indent=2, allow_nan=False)
    (target / "metrics.json").write_text(pooled + "\n")
    (target / "per_recording.csv").write_text(evaluation.per_recording_csv())
    plot_evaluation(evaluation, target / "evaluation.png")


def plot_evaluation(evaluation: Evaluation, path: str | Path) -> None:
    """Draw an evaluation: sensitivity beside chance per recording, and the calibration.

    Parameters
    ----------
    evaluation : Evaluation
    path : path
    """
    figure = blank_figure()
    figure.set_size_inches(12, 4.8)
    bars, curve = figure.subplots(1, 2, width_ratios=[2.2, 1])
    rows = list(evaluation.per_recording)[:60]
    place = np.arange(len(rows))
    for offset, key, colour, name in (
        (-0.2, "sensitivity", _FIRST, "sensitivity"),
        (0.2, "precision", _SECOND, "precision"),
    ):
        values = [np.nan if row[key] is None else row[key] for row in rows]
        bars.bar(place + offset, values, 0.36, color=colour, label=name)
    chance = [np.nan if r["chance_sensitivity"] is None else r["chance_sensitivity"] for r in rows]
    bars.plot(place - 0.2, chance, "_", color="black", markersize=14, label="sensitivity by chance")
    bars.set(ylim=(0, 1.02), xlabel="recording", ylabel="share", title="Per recording")
    bars.set_xticks(place if len(rows) <= 20 else place[:: len(rows) // 10])
    bars.legend(loc="lower right", fontsize=8, framealpha=0.9)
    curve.plot([0, 1], [0, 1], color=_AXIS, linewidth=0.8)
    points = evaluation.reliability
    sizes = np.array([point["count"] for point in points], dtype=float)
    curve.scatter(
        [point["mean_predicted"] for point in points],
        [point["observed"] for point in points],
        s=20 + 180 * sizes / max(float(sizes.sum()), 1.0),
        color=_FIRST,
    )
    curve.set(
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        xlabel="predicted probability",
        ylabel="observed share",
        title="Calibration (size: detections)",
    )
    for axes in (bars, curve):
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


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:.2f}"
