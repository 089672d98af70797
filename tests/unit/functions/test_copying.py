"""scripts/copy_jobs.py: an upgrade takes the jobs of a table with earlier keys along."""

from __future__ import annotations

import importlib.util
import time
from dataclasses import replace
from typing import Any

import pytest

from femo_jobs import clients
from femo_jobs.configuration import configuration
from femo_jobs.jobs import Job, JobRequest, JobStatus, new_job
from femo_jobs.listing import Wanted, newest
from femo_jobs.open_jobs import count_queue, overdue
from femo_jobs.table import JobTable

from .conftest import RECORDINGS, ROOT, TABLE

OLD = "jobs-with-earlier-keys"
KEYS = ("jobKey", "timeKey", "statusKey", "subjectKey", "recordingKey", "openKey")


@pytest.fixture
def copied() -> Any:
    """The copying, and a table as it was before."""
    clients.dynamodb().create_table(
        TableName=OLD,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "jobId", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "jobId", "KeyType": "HASH"}],
    )
    spec = importlib.util.spec_from_file_location("copy_jobs", ROOT / "scripts" / "copy_jobs.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda: module.copy(clients.dynamodb(), OLD, TABLE)


def write_old(job_id: str, **changes: Any) -> Job:
    """Write a row as it was before: the same values under other keys."""
    request = JobRequest(None, f"s3://{RECORDINGS}/a.dat", False, False, True)
    job = replace(new_job(job_id, request, settings=configuration()), **changes)
    item = {name: value for name, value in job.to_item().items() if name not in KEYS}
    if "nextCheckAt" in item:
        item |= {"checkAt": item.pop("nextCheckAt"), "openShard": {"S": "open"}}
    clients.dynamodb().put_item(TableName=OLD, Item=item)
    return job


def test_every_job_is_found_again_and_the_open_ones_are_swept(copied: Any, table: JobTable) -> None:
    due = int(time.time()) - 5
    jobs = [
        write_old("open", next_check_at=due),
        write_old("settled", status=JobStatus.EXPIRED, next_check_at=None),
    ]
    assert copied() == {"copied": 2}
    assert [table.get(job.job_id) for job in jobs] == jobs
    assert {job.job_id for job in newest(table, Wanted(), limit=5, before=None).jobs} == {
        "open",
        "settled",
    }
    assert (count_queue(table), list(overdue(table, due))) == (1, ["open"])


def test_a_job_that_has_gone_on_in_the_new_table_is_not_set_back(
    copied: Any, table: JobTable
) -> None:
    old = write_old("a")
    ahead = replace(old, attempts=3)
    table.add(ahead)
    assert copied() == {"there": 1}
    assert table.get("a") == ahead


def test_a_row_that_cannot_be_read_is_named_and_stops_no_other(
    copied: Any, table: JobTable, capsys: pytest.CaptureFixture[str]
) -> None:
    write_old("a")
    clients.dynamodb().put_item(TableName=OLD, Item={"jobId": {"S": "odd"}})
    assert copied() == {"copied": 1, "unreadable": 1}
    assert "odd: " in capsys.readouterr().err
