"""The commands of `femo` that talk to a deployed stack: submit, status, jobs."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from femo_client.api import ApiError, Credentials, JobsApi, UnusableInputError, check_job_id


def _stack_options(command: Callable[..., None]) -> Callable[..., None]:
    for name, variable, text in (
        ("--client-secret", "FEMO_CLIENT_SECRET", "Secret of the machine client."),
        ("--client-id", "FEMO_CLIENT_ID", "Machine client; the stack's output MachineClientId."),
        ("--token-url", "FEMO_TOKEN_URL", "The stack's output TokenUrl."),
        ("--api-url", "FEMO_API_URL", "The stack's output ApiUrl."),
    ):
        command = click.option(name, envvar=variable, show_envvar=True, required=True, help=text)(
            command
        )
    return command


@contextmanager
def _signed_in(
    api_url: str, token_url: str, client_id: str, client_secret: str
) -> Iterator[JobsApi]:
    try:
        with JobsApi(api_url, Credentials(token_url, client_id, client_secret)) as api:
            yield api
    except ApiError as error:
        field = f", field {error.field}" if error.field else ""
        click.echo(f"femo: error: {error} ({error.code}{field})", err=True)
        refused = 400 <= error.status < 500
        sys.exit(2 if refused else 1)
    except (UnusableInputError, OSError) as error:
        click.echo(f"femo: error: {error}", err=True)
        sys.exit(2)


def _job_id(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Refuse what cannot be a job's id before anything is sent."""
    try:
        return text if text is None else check_job_id(text)
    except UnusableInputError as error:
        raise click.BadParameter(str(error)) from error


def _print(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value, indent=2))


@click.command()
@click.argument("recording")
@click.option(
    "--job-id",
    callback=_job_id,
    help="Default: a new one. The same id, options and recording again is no new job.",
)
@click.option("--remove-hiccups", is_flag=True, help="Take hiccup bouts out of the movements.")
@click.option("--metadata", is_flag=True, help="Ask for the summary in place of the events.")
@click.option("--include-full-intervals", is_flag=True, help="List the onset intervals too.")
@click.option("--wait/--no-wait", default=True, help="Follow the job to its end (default).")
@_stack_options
def submit(
    recording: str,
    job_id: str | None,
    remove_hiccups: bool,
    metadata: bool,
    include_full_intervals: bool,
    wait: bool,
    **stack: str,
) -> None:
    """Submit RECORDING, a file to upload or the s3:// URI of one that is there already."""
    uploads = not recording.startswith("s3://")
    path = Path(recording)
    if uploads and not path.is_file():
        click.echo(f"femo: error: {recording} is neither a file nor an s3:// URI", err=True)
        sys.exit(2)
    job_id = job_id or f"femo-{uuid.uuid4()}"
    with _signed_in(**stack) as api:
        key = _upload(api, path) if uploads else recording
        # Told before it is sent: whoever gets no answer can ask for it, or send it again.
        click.echo(f"Submitting as {job_id}", err=True)
        job = api.submit(
            {
                "jobId": job_id,
                "s3Key": key,
                "removeHiccups": remove_hiccups,
                "includeFullIntervals": include_full_intervals,
                "extractEvents": not metadata,
            }
        )
        if wait:
            with tqdm(desc="Waiting for the analysis", bar_format="{desc} {elapsed}") as clock:
                job = api.wait(job["jobId"], on_poll=lambda _job: clock.refresh())
        _print(job)
        if "error" in job:
            sys.exit(1)


def _upload(api: JobsApi, path: Path) -> str:
    size = path.stat().st_size
    with tqdm(desc="Uploading", total=size, unit="B", unit_scale=True) as bar:
        return api.upload(path, on_bytes=bar.update)


@click.command()
@click.argument("job_id", callback=_job_id)
@_stack_options
def status(job_id: str, **stack: str) -> None:
    """Print a job with its status and, once it is completed, its result."""
    with _signed_in(**stack) as api:
        _print(api.status(job_id))


@click.command()
@click.option(
    "--status",
    "wanted",
    type=click.Choice(["Queued", "Completed", "Failed", "Expired"]),
    help="Only jobs of this status.",
)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@click.option("--next-token", help="From the page before.")
@_stack_options
def jobs(wanted: str | None, limit: int, next_token: str | None, **stack: str) -> None:
    """List jobs, newest first."""
    with _signed_in(**stack) as api:
        _print(api.jobs(status=wanted, limit=limit, next_token=next_token))
