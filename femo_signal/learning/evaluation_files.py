"""The files of an evaluation: figures and table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from femo_signal.learning.evaluation import Evaluation

__all__ = ["EVALUATION_FILES", "write_evaluation"]

EVALUATION_FILES = ("evaluation.json", "metrics.json", "per_recording.csv")


def write_evaluation(evaluation: Evaluation, folder: str | Path) -> None:
    """Write evaluation.json, metrics.json and per_recording.csv.

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


def _flat(intervals: Mapping[str, Mapping[str, float | None]]) -> dict[str, float]:
    """Return the ends of intervals by the names that a model package has them under."""
    ends = {f"{name}_{end}": row[end] for name, row in intervals.items() for end in ("low", "high")}
    return {name: value for name, value in ends.items() if value is not None}
