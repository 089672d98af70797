"""`femo submit`: a recording as a job of a deployed stack."""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from femo_cli.output import print_json
from femo_cli.stack import checked_job_id, signed_in, stack_options

if TYPE_CHECKING:
    from femo_client import ApiError, FemoClient, Job

__all__ = ["submit"]

_TICK_SECONDS = 0.5
_NOT_TAKEN_UP = (429, 503)


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
    **stack: str | None,
) -> None:
    """Submit RECORDING, a file to upload or the s3:// URI of one that is there already."""
    from femo_client.calls import LONGEST_HELD_SECONDS

    uploads = not recording.startswith("s3://")
    path = Path(recording)
    if uploads and not path.is_file():
        click.echo(f"femo: error: {recording} is neither a file nor an s3:// URI", err=True)
        sys.exit(2)
    job_id = job_id or f"femo-{uuid.uuid4()}"
    with signed_in(**stack) as client:
        key = _upload(client, path) if uploads else recording
        # Told before it is sent: whoever gets no answer can ask for it, or send it again.
        click.echo(f"Submitting as {job_id}", err=True)
        send = partial(
            client.submit,
            key,
            job_id=job_id,
            subject=subject,
            remove_hiccups=remove_hiccups,
            include_full_intervals=include_full_intervals,
            extract_events=not metadata,
        )
        if wait:
            with _clock("Waiting for the analysis"):
                job = _followed(client, job_id, partial(send, wait_seconds=LONGEST_HELD_SECONDS))
        else:
            job = send()
        print_json(job.as_json())
        if job.error is not None:
            sys.exit(1)


def _followed(client: FemoClient, job_id: str, send: Callable[[], Job]) -> Job:
    """Submit a job and follow it to its end, also where the network fails meanwhile."""
    from femo_client import ApiError, NotFoundError

    outages = _Outages()
    follow = partial(client.wait, on_poll=outages.over, on_trouble=outages.begun)
    try:
        return follow(send())
    except ApiError as error:
        if not _is_lost(error):
            raise
        outages.begun(error)
    try:
        return follow(job_id)
    except NotFoundError:  # it had not arrived
        return follow(send())


def _is_lost(error: ApiError) -> bool:
    """Whether a job may have been taken up although no answer says so."""
    from femo_client.answers import is_outage

    return is_outage(error) and error.status not in _NOT_TAKEN_UP


class _Outages:
    """Tells a person once of each time without an answer, and of its end."""

    def __init__(self) -> None:
        self._lasting = False

    def begun(self, error: ApiError) -> None:
        if not self._lasting:
            self._tell(f"The service cannot be asked at the moment, and is asked again: {error}")
        self._lasting = True

    def over(self, _job: Job) -> None:
        if self._lasting:
            self._tell("The service answers again")
        self._lasting = False

    def _tell(self, text: str) -> None:
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)


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


def _upload(client: FemoClient, path: Path) -> str:
    from tqdm import tqdm

    size = path.stat().st_size
    with tqdm(desc="Uploading", total=size, unit="B", unit_scale=True) as bar:
        return client.upload(path, on_bytes=bar.update)
