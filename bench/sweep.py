"""How many jobs a sweep looks at a second, one by one and side by side.

The sweeper's own code against canned answers, each of which comes after as long as AWS takes:
``python -m bench.sweep``. Processor time is this machine's; a Lambda function's differs.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import click
from botocore.awsrequest import AWSRequest, AWSResponse

from bench.table import ROOT, configuration, new_job
from femo_jobs import clients  # found by what bench.table has put on the path
from femo_jobs.jobs import Job, JobRequest
from femo_jobs.table import job_table

sys.path.insert(0, str(ROOT / "functions" / "sweeper"))

RUN_SECONDS = 210  # of the function's 240, less what one job may take


class _Body(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def open_job() -> Job:
    """Return a job that is in work: four calls look at it, and none finds an outcome."""
    request = JobRequest(None, "s3://recordings/a.dat", False, False, True)
    return replace(
        new_job("job", request, settings=configuration()),
        output_location="s3://requests/results/a.out",
        failure_location="s3://requests/failures/a.out",
        submission_at=int(time.time()) - 400,
    )


def answering(delay_seconds: float) -> Any:
    """Return what stands in for the network."""
    item = json.dumps({"Item": open_job().to_item()}).encode()
    missing = b"<Error><Code>NoSuchKey</Code><Message>-</Message></Error>"

    def send(_: Any, request: AWSRequest) -> AWSResponse:
        time.sleep(delay_seconds)
        target = str(request.headers.get("X-Amz-Target", ""))
        status, body = 404, missing
        if "GetItem" in target:
            status, body = 200, item
        elif "UpdateItem" in target:
            status, body = 200, b"{}"
        headers = {"content-length": str(len(body))}
        return AWSResponse(request.url, status, headers, _Body(body))

    return send


def swept(workers: int, jobs: int, delay_seconds: float) -> dict[str, float]:
    """Look at jobs and return how fast that went."""
    from femo_sweeper import sweeping

    clients.warm_up()
    ids = [f"job-{number}" for number in range(jobs)]
    with (
        patch("botocore.httpsession.URLLib3Session.send", answering(delay_seconds)),
        patch.object(sweeping, "overdue", lambda *_: iter(ids)),
        patch.object(sweeping, "overdue_unreadable", lambda *_: iter(())),
        patch.object(sweeping, "WORKERS", workers),
    ):
        begun, processor = time.perf_counter(), time.process_time()
        done = sweeping.sweep(job_table(), configuration(), has_time=lambda: True)
        elapsed, processor = time.perf_counter() - begun, time.process_time() - processor
    if done.postponed != jobs:
        sys.exit(f"bench: error: {done}")
    return {
        "jobsASecond": round(jobs / elapsed, 1),
        "jobsARun": round(RUN_SECONDS * jobs / elapsed, -2),
        "processorMillisecondsAJob": round(1000 * processor / jobs, 1),
    }


@click.command()
@click.option("--delay", type=float, default=20.0, show_default=True, help="Of an answer, ms.")
def main(delay: float) -> None:
    """Print the figures as JSON."""
    from femo_sweeper.sweeping import WORKERS

    report = {
        f"{workers} side by side": swept(workers, jobs, delay / 1000)
        for workers, jobs in ((1, 100), (WORKERS, 100 * WORKERS))
    }
    click.echo(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
