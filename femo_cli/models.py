"""`femo models`: the model packages of a deployed stack."""

from __future__ import annotations

from pathlib import Path

import click

from femo_cli.output import print_json
from femo_cli.pipeline import chosen_stack, pipeline_errors, pipeline_options

__all__ = ["models"]


@click.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the packages as JSON.")
@pipeline_options
def models(
    limit: int, as_json: bool, local: bool, stage: str, name: str | None, state_file: Path
) -> None:
    """List model packages with their figures, newest first, and say which one is in service.

    Needs AWS credentials that may read the stack and its model packages.
    """
    from femo_pipeline.models import as_document, list_packages, model_lines

    with pipeline_errors():
        stack = chosen_stack(local=local, stage=stage, name=name, state_file=state_file)
        packages = list_packages(stack, limit=limit)
    if as_json:
        print_json([as_document(package) for package in packages])
        return
    if not packages:
        click.echo("No model has been registered: ./run_pipeline.sh -m MANIFEST trains one.")
        return
    for line in model_lines(packages):
        click.echo(line)
    if not any(package.serves for package in packages):
        click.echo("None of them is in service.", err=True)
