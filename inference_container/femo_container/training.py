"""`train`: the data set of the channel `dataset` becomes a model."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from .contract import JobFolder, run_job
from .logs import log_event, progress_log

__all__ = ["main", "print_metrics", "train"]


def train(folder: JobFolder) -> None:
    """Train, and print the metrics that CloudWatch picks up by their names.

    The channel ``dataset`` is what ``process prepare`` wrote; model.txt and model.json go to the
    model folder, which an endpoint is given: whom they were trained on is not among them.

    Raises
    ------
    femo_signal.errors.FemoError
        If a hyperparameter or the data set is not usable.
    """
    from femo_signal.learning.hyperparameters import read_job_hyperparameters

    hyperparameters, seed = read_job_hyperparameters(folder.hyperparameters())
    from femo_signal.learning.training import Dataset, train_model

    dataset = Dataset.load(folder.channel("dataset"))
    log_event("training started", stage="train", recordings=len(dataset.recordings),
              detections=len(dataset.labels))  # fmt: skip
    model = train_model(
        dataset, hyperparameters=hyperparameters, seed=seed, progress=progress_log("train")
    )
    model.save(folder.model, overwrite=True)
    log_event("model trained", stage="train", model_version=model.version)
    print_metrics(model.card.metrics)


def print_metrics(metrics: Mapping[str, Any]) -> None:
    """One ``name=value`` line each, for the metric definitions of the training job.

    Parameters
    ----------
    metrics : mapping
        Those that are not numbers (undefined, or tables) are left out.
    """
    for name, value in metrics.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            sys.stdout.write(f"{name}={value:.6g}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the training job; the exit status is 0, 1 after a failure, 143 if stopped."""
    return run_job("train", train)
