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
@click.option("--subject", help="Only jobs of this subject, by its pseudonym.")
@click.option("--recording", help="Only jobs of this recording: its s3Key or s3:// URI.")
@click.option("--from", "created_from", help="Only jobs created at this ISO 8601 time or later.")
@click.option("--to", "created_to", help="Only jobs created before this ISO 8601 time.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--next-token", help="From the page before, with the same filters.")
@stack_options
def jobs(
    wanted: str | None,
    subject: str | None,
    recording: str | None,
    created_from: str | None,
    created_to: str | None,
    limit: int,
    next_token: str | None,
    **stack: str | None,
) -> None:
    """List jobs, newest first. Filters can be combined."""
    with signed_in(**stack) as client:
        pages = client.pages(
            page_size=limit,
            next_token=next_token,
            status=wanted,
            subject=subject,
            recording=recording,
            from_=created_from,
            to=created_to,
        )
        print_json(next(pages).as_json())
