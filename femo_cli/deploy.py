"""`femo deploy`: an approved model package into service."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from femo_cli.output import print_json
from femo_cli.pipeline import chosen_stack, pipeline_errors, pipeline_options

__all__ = ["deploy"]


@click.command()
@click.argument("version", type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print the deployment's output as JSON.")
@pipeline_options
def deploy(
    version: int, as_json: bool, local: bool, stage: str, name: str | None, state_file: Path
) -> None:
    """Put VERSION of the model into service, a newer or an older one, and wait for it.

    The exit status is 0 if it is in service at the end. Ctrl-C stops the waiting, not the
    deployment. Needs AWS credentials that may start the stack's deployment machine.
    """
    from femo_pipeline.models import deploy as wait
    from femo_pipeline.models import outcome_text, start_deployment
    from femo_pipeline.progress import ProgressDisplay

    with pipeline_errors():
        stack = chosen_stack(local=local, stage=stage, name=name, state_file=state_file)
        execution = start_deployment(stack, version)
        click.echo(f"Execution: {execution}", err=True)
        with ProgressDisplay(is_terminal=sys.stderr.isatty()) as display:
            output = wait(stack, execution, display.show)
    if as_json:
        print_json({"execution": execution, **output})
    else:
        click.echo(outcome_text(version, output))
    if output["outcome"] != "DEPLOYED":
        sys.exit(1)
