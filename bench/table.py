"""What a page of jobs, a sweep and the count of open jobs read, and what a job writes.

On a table as template.yaml has it, in this process, through the functions' own code; units by
DynamoDB's rules. ``python -m bench.table --rows 20000`` prints what docs/table.md quotes.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from moto import mock_aws
from tqdm import tqdm

from bench.table_units import entry_writes, query_units, rows_units, write_units

ROOT = Path(__file__).resolve().parents[1]
TABLE = "jobs"
SUBJECTS = 40
OPEN_JOBS = 500
MODELLED_ROWS = 1_000_000
MODELLED_PAGES = 20_000
JOBS_A_SECOND = 300
ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "JOBS_TABLE_NAME": TABLE,
    "RECORDINGS_BUCKET_NAME": "recordings",
    "REQUESTS_BUCKET_NAME": "requests",
    "ENDPOINT_NAME": "femo-bench",
    "MAX_RECORDING_MEGABYTES": "1024",
    "REQUEST_TTL_SECONDS": "21600",
    "INVOCATION_TIMEOUT_SECONDS": "3600",
    "JOB_RETENTION_DAYS": "90",
    "POWERTOOLS_SERVICE_NAME": "bench",
    "POWERTOOLS_METRICS_NAMESPACE": "femo-bench",
    "POWERTOOLS_TRACE_DISABLED": "true",
}
os.environ |= ENVIRONMENT
sys.path.insert(0, str(ROOT / "functions" / "shared" / "python"))

from femo_jobs import clients, listing, open_jobs  # noqa: E402
from femo_jobs.configuration import configuration  # noqa: E402
from femo_jobs.jobs import Job, JobRequest, JobStatus, Outcome, ResultSummary, new_job, timestamp  # noqa: E402
from femo_jobs.keys import (  # noqa: E402
    BY_RECORDING,
    BY_STATUS,
    BY_SUBJECT,
    BY_TIME,
    OPEN,
    SHARDS,
    shard_of,
)
from femo_jobs.listing import Wanted  # noqa: E402
from femo_jobs.table import JobTable  # noqa: E402

INDEXES = (BY_TIME, BY_STATUS, BY_SUBJECT, BY_RECORDING, OPEN)


@dataclass
class Reads:
    """What an action has read."""

    queries: int = 0
    entries: int = 0
    rows: int = 0
    units: float = 0.0

    def view(self) -> dict[str, float]:
        """Return it for the report."""
        return {
            "queries": self.queries,
            "entries": self.entries,
            "rows": self.rows,
            "readUnits": self.units,
        }


@contextmanager
def watched() -> Iterator[Reads]:
    """Count what is read meanwhile."""
    client, reads = clients.dynamodb(), Reads()
    query, batch = client.query, client.batch_get_item

    def watched_query(**options: Any) -> Any:
        counts = options.pop("Select", None)
        page = query(**options)
        reads.queries += 1
        reads.entries += len(page["Items"])
        reads.units += query_units(page["Items"])
        return page | {"Count": len(page["Items"])} if counts else page

    def watched_batch(**options: Any) -> Any:
        answer = batch(**options)
        reads.rows += len(answer["Responses"][TABLE])
        reads.units += rows_units(answer["Responses"][TABLE])
        return answer

    client.query, client.batch_get_item = watched_query, watched_batch
    try:
        yield reads
    finally:
        client.query, client.batch_get_item = query, batch


def a_job(number: int, first: datetime) -> Job:
    """Return a job with names of the usual length, of a cohort's subjects in turn."""
    key = f"uploads/{number:043d}.{number % 1_000_000}/recording.dat"
    request = JobRequest(
        timestamp(first), f"s3://femo-prod-recordingsbucket/{key}", False, False, True,
        f"S-{number % SUBJECTS:03d}",
    )  # fmt: skip
    job = new_job(
        f"femo-{uuid.UUID(int=random.Random(number).getrandbits(128), version=4)}",
        request,
        settings=configuration(),
        recording_bytes=45_555_230,
        recording_etag='"' + "e" * 34 + '"',
        recording_version="v" * 32,
    )
    return replace(job, created_at=timestamp(first + timedelta(seconds=number)))


def settled(job: Job) -> Outcome:
    """Return the outcome of a job as SageMaker's places and our fields have it."""
    return Outcome(
        JobStatus.COMPLETED,
        job.created_at,
        output_location=f"s3://femo-prod-requestsbucket/results/{job.submission_id}.out",
        processing_seconds=1.25,
        output_type="events",
        model_package="femo-prod/7",
        result_bytes=120_000,
        summary=ResultSummary(28_800.25, 25_123.5, 212, 30.378),
    )


def filled(rows: int) -> JobTable:
    """Make a table of settled jobs; the newest OPEN_JOBS are open and due."""
    described = template_table()
    client = clients.dynamodb()
    client.create_table(TableName=TABLE, **described)
    first = datetime(2026, 1, 1, tzinfo=UTC)
    now = int(time.time())
    for start in tqdm(range(0, rows, 25), desc=f"Writing {rows} jobs", leave=False):
        items = []
        for number in range(start, min(start + 25, rows)):
            job = a_job(number, first)
            if number < rows - OPEN_JOBS:
                outcome = settled(job)
                job = replace(
                    job,
                    status=outcome.status,
                    next_check_at=None,
                    output_location=outcome.output_location,
                    completed_at=outcome.completed_at,
                    output_type=outcome.output_type,
                    model_package=outcome.model_package,
                    summary=outcome.summary,
                )
            else:
                job = replace(job, next_check_at=now - 10)
            items.append({"PutRequest": {"Item": job.to_item()}})
        client.batch_write_item(RequestItems={TABLE: items})
    return JobTable(client, TABLE)


def template_table() -> dict[str, Any]:
    """Return the table as the template describes it."""
    from local_stack.verification import load_template

    described = load_template(ROOT / "template.yaml")["Resources"]["JobTable"]["Properties"]
    names = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    return {name: described[name] for name in names}


def measured(table: JobTable, rows: int) -> dict[str, Any]:
    """Return what each access pattern reads."""
    middle = timestamp(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=rows // 2))
    recording = a_job(rows // 2, datetime(2026, 1, 1, tzinfo=UTC)).request.recording_uri
    pages = {
        "newest": Wanted(),
        "up to a time in the middle": Wanted(created_to=middle),
        "Completed": Wanted(status=JobStatus.COMPLETED),
        "Queued": Wanted(status=JobStatus.QUEUED),
        "of a subject": Wanted(subject_id="S-007"),
        "of a recording": Wanted(recording_uri=recording),
        "of a subject and Queued": Wanted(subject_id="S-007", status=JobStatus.QUEUED),
        "of a subject and Failed, of which there is none": Wanted(
            subject_id="S-007", status=JobStatus.FAILED
        ),
    }
    actions: dict[str, Callable[[], object]] = {
        f"page of {limit}, {name}": lambda w=wanted, n=limit: listing.newest(
            table, w, limit=n, before=None
        )
        for name, wanted in pages.items()
        for limit in (25, 100)
    }
    actions["count of the queue's open jobs"] = lambda: open_jobs.count_queue(table)
    actions["sweep: which jobs are due"] = lambda: list(open_jobs.overdue(table, int(time.time())))
    found = {}
    for name, action in actions.items():
        with watched() as reads:
            action()
        found[name] = reads.view()
    return found


def written() -> dict[str, Any]:
    """Return what one job writes from its acceptance to its outcome, to table and indexes."""
    with mock_aws():
        client = clients.dynamodb()
        client.create_table(TableName=TABLE, **template_table())
        table = JobTable(client, TABLE)
        job = a_job(1, datetime(2026, 1, 1, tzinfo=UTC))

        def row() -> dict[str, Any]:
            key = {"jobKey": {"S": table.keys.job(job.job_id)}}
            item: dict[str, Any] = client.get_item(TableName=TABLE, Key=key).get("Item", {})
            return item

        outcome = settled(job)
        steps: list[Callable[[], object]] = [
            lambda: table.add(job),
            lambda: table.record_submission(
                job, output_location=outcome.output_location or "",
                failure_location="s3://femo-prod-requestsbucket/failures/x-error.out",
                settings=configuration(),
            ),
            lambda: table.settle(job.job_id, outcome, submission_id=job.submission_id),
        ]  # fmt: skip
        units = {"table": 0} | {index.name: 0 for index in INDEXES}
        for step in steps:
            before = row()
            step()
            after = row()
            units["table"] += write_units(before, after)
            for index in INDEXES:
                units[index.name] += entry_writes(before, after, (index.partition, index.order))
    return {
        "units a job": units | {"all": sum(units.values())},
        f"units a second in each of {SHARDS} partitions, at {JOBS_A_SECOND} jobs a second": {
            index.name: units[index.name] * JOBS_A_SECOND / SHARDS
            for index in (BY_TIME, BY_STATUS, OPEN)
        },
    }


def modelled(limit: int) -> dict[str, float]:
    """Return how many queries a page takes anywhere among a million jobs, by their shards."""
    chance = random.Random(7)
    shards = bytes(shard_of(f"femo-{chance.getrandbits(128):032x}") for _ in range(MODELLED_ROWS))
    size = (limit + 1) * 3 // (2 * SHARDS) + 4  # as femo_jobs.listing asks each shard
    counts = []
    for place in range(0, MODELLED_ROWS - limit - 1, MODELLED_ROWS // MODELLED_PAGES):
        page = shards[place : place + limit + 1]
        counts.append(SHARDS + sum(page.count(shard) // size for shard in range(SHARDS)))
    return {"mean": round(sum(counts) / len(counts), 2), "largest": max(counts)}


@click.command()
@click.option("--rows", type=click.IntRange(1000), default=20_000, show_default=True)
def main(rows: int) -> None:
    """Print the figures as JSON."""
    report: dict[str, Any] = {"writes": written(), "rows": {}}
    for size in (rows // 10, rows):
        with mock_aws():
            report["rows"][size] = measured(filled(size), size)
    report["queries of a page among 1,000,000 jobs"] = {
        str(limit): modelled(limit) for limit in (25, 100)
    }
    click.echo(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
