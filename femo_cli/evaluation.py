"""`femo evaluation`: the figures of an evaluation that is there already, and its picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from femo_cli.analyze import check_picture
from femo_cli.evaluation_table import evaluation_lines
from femo_cli.options import overwrite_option

if TYPE_CHECKING:
    from femo_signal.learning.evaluation import Evaluation

__all__ = ["evaluation"]


@click.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), metavar="EVALUATION")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False),
              help="Draw the evaluation into this file.")  # fmt: skip
@overwrite_option
def evaluation(path: Path, plot: Path | None, overwrite: bool) -> None:
    """Print EVALUATION, an evaluation.json of the training machine or of `femo evaluate`."""
    if plot is not None:
        check_picture(plot, overwrite=overwrite)
    found = _read(path)
    try:
        lines = evaluation_lines(found.to_dict())
        if plot is not None:
            _draw(plot, found)
    except (KeyError, TypeError) as error:
        raise _unknown(path, f"{type(error).__name__}: {error}") from error
    for line in lines:
        click.echo(line)
    if plot is not None:
        click.echo(f"Picture: {plot}", err=True)


def _read(path: Path) -> Evaluation:
    from pydantic import TypeAdapter, ValidationError

    from femo_signal.learning.evaluation import Evaluation

    try:
        return TypeAdapter(Evaluation).validate_json(path.read_bytes())
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _unknown(path, f"{place}: {first['msg']}" if place else first["msg"]) from error


def _unknown(path: Path, why: str) -> click.UsageError:
    return click.UsageError(
        f"{path} is no evaluation that this version can show ({why}); give the evaluation.json "
        "that the training machine or `femo evaluate` wrote"
    )


def _draw(path: Path, found: Evaluation) -> None:
    from femo_signal.reporting.evaluation_picture import plot_evaluation
    from femo_signal.writing import whole_file

    with whole_file(path) as partial:
        plot_evaluation(found, partial)
