"""`femo submit`: a recording as a job of a deployed stack."""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from femo_cli.output import print_json
from femo_cli.stack import checked_job_id, signed_in, stack_options

if TYPE_CHECKING:
    from femo_client.api import JobsApi

__all__ = ["submit"]

_TICK_SECONDS = 0.5


@click.command()
@click.argument("recording")
@click.option(
    "--job-id",
    callback=checked_job_id,
    help="Default: a new one. The same id, options and recording again is no new job.",
)
@click.option("--subject", help="Pseudonym of whose recording it is, to find her jobs by.")
@click.option("--remove-hiccups", is_flag=True, help="Take hiccup bouts out of the movements.")
@click.option("--metadata", is_flag=True, help="Ask for the summary in place of the events.")
@click.option("--include-full-intervals", is_flag=True, help="List the onset intervals too.")
@click.option("--wait/--no-wait", default=True, help="Follow the job to its end (default).")
@stack_options
def submit(
    recording: str,
    job_id: str | None,
    subject: str | None,
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
    with signed_in(**stack) as api:
        key = _upload(api, path) if uploads else recording
        # Told before it is sent: whoever gets no answer can ask for it, or send it again.
        click.echo(f"Submitting as {job_id}", err=True)
        request = {
            "jobId": job_id,
            "s3Key": key,
            "removeHiccups": remove_hiccups,
            "includeFullIntervals": include_full_intervals,
            "extractEvents": not metadata,
            **({} if subject is None else {"subjectId": subject}),
        }
        if wait:
            with _clock("Waiting for the analysis"):
                job = api.submit_and_wait(request)
        else:
            job = api.submit(request)
        print_json(job)
        if "error" in job:
            sys.exit(1)


@contextmanager
def _clock(description: str) -> Iterator[None]:
    """Show how long something takes, also while it is one request that the service holds back."""
    from tqdm import tqdm

    ended = threading.Event()
    with tqdm(desc=description, bar_format="{desc} {elapsed}") as clock:

        def tick() -> None:
            while not ended.wait(_TICK_SECONDS):
                clock.refresh()

        ticking = threading.Thread(target=tick, daemon=True)
        ticking.start()
        try:
            yield
        finally:
            ended.set()
            ticking.join()


def _upload(api: JobsApi, path: Path) -> str:
    from tqdm import tqdm

    size = path.stat().st_size
    with tqdm(desc="Uploading", total=size, unit="B", unit_scale=True) as bar:
        return api.upload(path, on_bytes=bar.update)
