"""`femo train`: a model from labelled recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from femo_cli.dataset import extract_dataset, tell_no_items
from femo_cli.evaluation_table import evaluation_lines
from femo_cli.options import (
    METHOD_HELP,
    METHODS,
    json_option,
    labelled_recordings,
    output_option,
    overwrite_option,
)
from femo_cli.output import print_json, share_bar

if TYPE_CHECKING:
    from femo_signal.settings import Method

__all__ = ["train"]


class _TrainCommand(click.Command):
    """Lists the hyperparameters in its help, without loading them for any other purpose."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from femo_signal.learning.hyperparameters import Hyperparameters

        with formatter.section("Hyperparameters for --set, by LightGBM's names"):
            formatter.write_dl(list(Hyperparameters.described()))
        super().format_epilog(ctx, formatter)


@click.command(cls=_TrainCommand)
@labelled_recordings
@output_option(
    "Folder for model.txt, model.json and training.json, which alone names recordings and "
    "subjects.",
    required=True,
)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE",
              help="A hyperparameter, e.g. num_iterations=300; repeatable.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=7, show_default=True)
@click.option("--method", type=click.Choice(METHODS), default="adaptive", show_default=True,
              help=METHOD_HELP)  # fmt: skip
@overwrite_option
@json_option("Print the evaluation as JSON.")
def train(
    manifest: Path,
    output: Path,
    force_extract: bool,
    cache: Path | None,
    settings: tuple[str, ...],
    seed: int,
    method: Method,
    strict: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Train a model on the recordings of MANIFEST.

    Folds keep a subject's recordings together; the figures printed are out of fold.
    """
    from femo_signal.learning.hyperparameters import Hyperparameters
    from femo_signal.learning.model import MODEL_FILES
    from femo_signal.writing import check_target

    hyperparameters = Hyperparameters.parse(_hyperparameters(settings))
    check_target(output, MODEL_FILES, overwrite=overwrite)
    from femo_signal.learning.training import train_model
    from femo_signal.settings import AnalysisSettings

    dataset = extract_dataset(
        manifest,
        settings=AnalysisSettings(method=method),
        cache=cache,
        force=force_extract,
        strict=strict,
    )
    if dataset is None:
        tell_no_items("NotTrained", "train", as_json=as_json)
        return
    with share_bar("Training") as tell:
        model = train_model(dataset, hyperparameters=hyperparameters, seed=seed, progress=tell)
    model.save(output, overwrite=overwrite, with_record=True)
    assert model.record is not None
    evaluation = model.record.evaluation
    if as_json:
        facts = {"model": str(output), "version": model.version, "threshold": model.threshold}
        print_json({"status": "Trained", **facts, "evaluation": evaluation})
        return
    for line in evaluation_lines(evaluation):
        click.echo(line)
    click.echo(f"Model {model.version}: {output}")


def _hyperparameters(settings: tuple[str, ...]) -> dict[str, str]:
    pairs = [setting.partition("=") for setting in settings]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise click.BadParameter("write NAME=VALUE", param_hint="--set")
    given: dict[str, str] = {}
    for name, _, value in pairs:
        if name in given:
            raise click.BadParameter(f"{name} is given twice", param_hint="--set")
        given[name] = value
    return given
