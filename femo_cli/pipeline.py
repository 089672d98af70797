"""What the commands share that look after the models of a stack, with AWS credentials."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from femo_pipeline.stack import Stack

__all__ = ["chosen_stack", "pipeline_errors", "pipeline_options"]

LOCAL_STATE = Path(__file__).resolve().parent.parent / ".local" / "stack.json"


def pipeline_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--state-file", type=click.Path(path_type=Path, dir_okay=False),
                     default=LOCAL_STATE,
                     help="stack.json of the local stack, where it is not this project's own."),
        click.option("--stack", "name", help="Name of the stack. Default: PROJECT-STAGE."),
        click.option("--stage", default="dev", show_default=True,
                     help="Stage of the project's stack."),
        click.option("-l", "--local", is_flag=True,
                     help="Use the stack on this machine (make up)."),
    ):  # fmt: skip
        command = option(command)
    return command


def chosen_stack(*, local: bool, stage: str, name: str | None, state_file: Path) -> Stack:
    from femo_pipeline.stack import Overrides, find_cloud_stack, find_local_stack, stack_name

    if local:
        return find_local_stack(state_file, Overrides())
    return find_cloud_stack(name or stack_name(os.environ, stage), Overrides())


@contextmanager
def pipeline_errors() -> Iterator[None]:
    """Tell a failure of the pipeline in one line, with its exit status."""
    from femo_pipeline.errors import PipelineError

    try:
        yield
    except PipelineError as error:
        click.echo(f"femo: error: {' '.join(str(error).split())}", err=True)
        sys.exit(error.exit_status)
