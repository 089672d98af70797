"""The files of an evaluation: figures and table."""

from __future__ import annotations

import json
from pathlib import Path

from femo_signal.learning.evaluation import Evaluation

__all__ = ["EVALUATION_FILES", "write_evaluation"]

EVALUATION_FILES = ("evaluation.json", "metrics.json", "per_recording.csv")


def write_evaluation(evaluation: Evaluation, folder: str | Path) -> None:
    """Write evaluation.json, metrics.json and per_recording.csv.

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
