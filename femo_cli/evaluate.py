"""`femo evaluate`: how good a model is on labelled recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from femo_cli.dataset import extract_dataset, tell_no_items
from femo_cli.evaluation_table import evaluation_lines
from femo_cli.options import (
    json_option,
    labelled_recordings,
    model_option,
    output_option,
    overwrite_option,
)
from femo_cli.output import print_json

if TYPE_CHECKING:
    from femo_signal.learning.evaluation import Evaluation

__all__ = ["evaluate"]

_PICTURE = "evaluation.png"


@click.command()
@labelled_recordings
@model_option
@output_option("Folder for evaluation.json, per_recording.csv and a picture.")
@overwrite_option
@json_option("Print the evaluation as JSON.")
def evaluate(
    manifest: Path,
    model_folder: Path,
    output: Path | None,
    force_extract: bool,
    cache: Path | None,
    strict: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Evaluate a model on the labelled recordings of MANIFEST."""
    from femo_signal.learning.evaluation_files import EVALUATION_FILES, write_evaluation
    from femo_signal.learning.model import MovementModel
    from femo_signal.learning.training import evaluate_model
    from femo_signal.reporting.evaluation_picture import plot_evaluation
    from femo_signal.writing import check_target, whole_files

    model = MovementModel.load(model_folder)
    if output is not None:
        check_target(output, (*EVALUATION_FILES, _PICTURE), overwrite=overwrite)
    dataset = extract_dataset(
        manifest, settings=model.settings, cache=cache, force=force_extract, strict=strict
    )
    if dataset is None:
        tell_no_items("NotEvaluated", "evaluate", as_json=as_json)
        return
    evaluation: Evaluation = evaluate_model(dataset, model=model)
    if output is not None:
        with whole_files(output, last="evaluation.json") as partial:
            write_evaluation(evaluation, partial)
            plot_evaluation(evaluation, partial / _PICTURE)
    if as_json:
        print_json(evaluation.to_dict())
        return
    for line in evaluation_lines(evaluation.to_dict()):
        click.echo(line)
    if output is not None:
        click.echo(f"Written: {output}")
