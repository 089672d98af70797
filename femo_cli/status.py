"""`femo status`: a job of a deployed stack."""

from __future__ import annotations

import click

from femo_cli.output import print_json
from femo_cli.stack import checked_job_id, signed_in, stack_options

__all__ = ["status"]


@click.command()
@click.argument("job_id", callback=checked_job_id)
@stack_options
def status(job_id: str, **stack: str | None) -> None:
    """Print a job with its status and, once it is completed, its result."""
    with signed_in(**stack) as client:
        print_json(client.job(job_id).as_json())
