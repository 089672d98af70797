"""The sweeper: no job stays open for ever, whatever was lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.stub import Stubber

from femo_jobs import clients, jobs
from femo_jobs.configuration import configuration
from femo_jobs.jobs import CHECK_SECONDS, Job, JobRequest, JobStatus, JobTable, new_job
from femo_sweeper import sweeping
from femo_sweeper.handler import handler

from .conftest import RECORDINGS, LambdaContext, event, failure_uri, output_uri, put, result_of

Queued = Callable[[str], None]
NOW = int(time.time())


@pytest.fixture(autouse=True)
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time of the tests be NOW, however long they wait for their turn."""
    clock = SimpleNamespace(time=lambda: NOW)
    monkeypatch.setattr(sweeping, "time", clock)
    monkeypatch.setattr(jobs, "time", clock)


def add(job_id: str, **changes: Any) -> Job:
    """Write a job of which nothing was heard since it was queued ten minutes ago."""
    request = JobRequest(None, f"s3://{RECORDINGS}/a.dat", False, False, True)
    job = new_job(job_id, request, settings=configuration())
    defaults: dict[str, Any] = {
        "output_location": output_uri(job_id),
        "failure_location": failure_uri(job_id),
        "submission_at": NOW - 600,
        "check_at": NOW - 10,
    }
    job = replace(job, **(defaults | changes))
    clients.dynamodb().put_item(TableName="femo-jobs", Item=job.to_item())
    return job


def left_behind(job_id: str, **changes: Any) -> Job:
    """Write a job whose queueing was broken off."""
    return add(job_id, output_location=None, failure_location=None, **changes)


def sweep(context: LambdaContext | None = None) -> dict[str, Any]:
    report: dict[str, Any] = handler(event("sweeper_scheduled"), context or LambdaContext())
    return report


def the(table: JobTable, job_id: str) -> Job:
    job = table.get(job_id)
    assert job is not None
    return job


def test_a_job_whose_message_was_lost_is_completed_from_its_result(
    table: JobTable, sagemaker: Stubber
) -> None:
    add("a")
    put(output_uri("a"), result_of("a"))
    assert sweep()["settled"] == 1
    job = the(table, "a")
    assert job.status is JobStatus.COMPLETED
    assert job.processing_seconds == 45.2


def test_a_job_whose_message_was_lost_is_failed_from_its_failure(
    table: JobTable, sagemaker: Stubber
) -> None:
    add("a")
    put(failure_uri("a"), {"error": {"code": "not_a_recording", "message": "No header."}})
    sweep()
    job = the(table, "a")
    assert job.status is JobStatus.FAILED
    assert job.error
    assert job.error.code == "not_a_recording"


def test_a_job_that_is_still_being_analysed_is_looked_at_later(
    table: JobTable, sagemaker: Stubber
) -> None:
    add("a")
    assert sweep()["postponed"] == 1
    job = the(table, "a")
    assert job.status is JobStatus.QUEUED
    assert job.check_at is not None
    assert job.check_at >= NOW + CHECK_SECONDS - 1
    assert sweep()["looked_at"] == 0


def test_an_overdue_job_without_any_outcome_expires(table: JobTable, sagemaker: Stubber) -> None:
    add("a", deadline=NOW - 1)
    sweep()
    job = the(table, "a")
    assert job.status is JobStatus.EXPIRED
    assert job.error
    assert job.error.code == "expired"
    assert sweep()["looked_at"] == 0


def test_an_overdue_job_with_a_result_is_completed_all_the_same(
    table: JobTable, sagemaker: Stubber
) -> None:
    add("a", deadline=NOW - 1)
    put(output_uri("a"), result_of("a"))
    sweep()
    assert the(table, "a").status is JobStatus.COMPLETED


def test_the_last_look_is_at_the_deadline(table: JobTable, sagemaker: Stubber) -> None:
    add("a", deadline=NOW + 50)
    sweep()
    assert the(table, "a").check_at == NOW + 50


def test_a_job_that_was_never_queued_is_queued(table: JobTable, queued: Queued) -> None:
    left_behind("a")
    queued("a")
    assert sweep()["resubmitted"] == 1
    job = the(table, "a")
    assert job.output_location == output_uri("a")
    assert job.check_at is not None
    assert job.check_at > NOW


def test_a_job_that_cannot_be_queued_yet_is_tried_later(
    table: JobTable, refuse: Callable[..., None]
) -> None:
    left_behind("a")
    refuse("ValidationError", "Endpoint femo-dev of account 123456789012 not found.")
    assert sweep()["postponed"] == 1
    job = the(table, "a")
    assert job.status is JobStatus.QUEUED
    assert job.check_at is not None
    assert job.check_at > NOW


def test_a_job_that_could_not_be_queued_in_time_expires(
    table: JobTable, sagemaker: Stubber
) -> None:
    left_behind("a", deadline=NOW - 1)
    sweep()
    job = the(table, "a")
    assert job.status is JobStatus.EXPIRED
    assert job.error
    assert job.error.code == "not_queued"


def test_one_jobs_trouble_is_not_the_others(
    table: JobTable, refuse: Callable[..., None], queued: Queued
) -> None:
    left_behind("a", check_at=NOW - 100)
    left_behind("b")
    refuse("AccessDeniedException", "not authorized", 403)
    queued("b")
    report = sweep()
    assert (report["failed"], report["resubmitted"]) == (1, 1)
    assert the(table, "a").status is JobStatus.QUEUED


def test_a_job_whose_time_has_not_come_is_left_alone(table: JobTable, sagemaker: Stubber) -> None:
    before = add("a", check_at=NOW + 60)
    put(output_uri("a"), result_of("a"))
    assert sweep()["looked_at"] == 0
    assert the(table, "a") == before


def test_every_page_of_overdue_jobs_is_seen(
    table: JobTable, sagemaker: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        add(f"job-{number}")
        put(output_uri(f"job-{number}"), result_of(f"job-{number}"))
    client = clients.dynamodb()
    whole_pages = client.query
    monkeypatch.setattr(client, "query", lambda **query: whole_pages(**query, Limit=2))
    assert sweep()["settled"] == 7


def test_a_sweep_ends_in_time_and_the_next_goes_on(table: JobTable, sagemaker: Stubber) -> None:
    for number in range(3):
        add(f"job-{number}", check_at=NOW - 100 + number)
        put(output_uri(f"job-{number}"), result_of(f"job-{number}"))

    class ShortOfTime(LambdaContext):
        looks = 0

        def get_remaining_time_in_millis(self) -> int:
            self.looks += 1
            return 60_000 if self.looks <= 2 else 1_000

    report = sweep(ShortOfTime())
    assert (report["settled"], report["is_complete"]) == (2, False)
    assert the(table, "job-2").status is JobStatus.QUEUED
    assert sweep()["settled"] == 1


def test_a_settled_job_is_not_looked_at(table: JobTable, sagemaker: Stubber) -> None:
    add("a")
    put(output_uri("a"), result_of("a"))
    sweep()
    assert sweep() == {
        "looked_at": 0,
        "settled": 0,
        "resubmitted": 0,
        "postponed": 0,
        "failed": 0,
        "is_complete": True,
    }
