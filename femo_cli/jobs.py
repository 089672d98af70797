"""`femo jobs`: the jobs of a deployed stack."""

from __future__ import annotations

import click

from femo_cli.output import print_json
from femo_cli.stack import signed_in, stack_options

__all__ = ["jobs"]


@click.command()
@click.option(
    "--status",
    "wanted",
    type=click.Choice(["Queued", "Completed", "Failed", "Expired"]),
    help="Only jobs of this status.",
)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--next-token", help="From the page before.")
@stack_options
def jobs(wanted: str | None, limit: int, next_token: str | None, **stack: str) -> None:
    """List jobs, newest first."""
    with signed_in(**stack) as api:
        print_json(api.jobs(status=wanted, limit=limit, next_token=next_token))
