"""The sweeper: no job stays open for ever, whatever was lost."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from femo_jobs import clients, jobs
from femo_jobs import table as rows
from femo_jobs.configuration import configuration
from femo_jobs.jobs import CHECK_SECONDS, Job, JobRequest, JobStatus, new_job
from femo_jobs.open_jobs import count_queue
from femo_jobs.table import JobTable
from femo_sweeper import sweeping
from femo_sweeper.handler import handler

from .conftest import RECORDINGS, LambdaContext, event, failure_uri, output_uri, put, result_of

Queued = Callable[..., None]
NOW = int(time.time())


@pytest.fixture(autouse=True)
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time of the tests be NOW, however long they wait for their turn."""
    clock = SimpleNamespace(time=lambda: NOW)
    monkeypatch.setattr(sweeping, "time", clock)
    monkeypatch.setattr(jobs, "time", clock)
    monkeypatch.setattr(rows, "time", clock)


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the jobs looked at one by one, for the stub that takes invocations in their order."""
    monkeypatch.setattr(sweeping, "WORKERS", 1)


def add(job_id: str, **changes: Any) -> Job:
    """Write a job of which nothing was heard since it was queued ten minutes ago."""
    request = JobRequest(None, f"s3://{RECORDINGS}/a.dat", False, False, True)
    job = new_job(job_id, request, settings=configuration())
    defaults: dict[str, Any] = {
        "output_location": output_uri(job_id),
        "failure_location": failure_uri(job_id),
        "submission_at": NOW - 600,
        "next_check_at": NOW - 10,
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


class ShortOfTime(LambdaContext):
    """A function whose time suffices for two jobs."""

    looks = 0

    def get_remaining_time_in_millis(self) -> int:
        self.looks += 1
        return 60_000 if self.looks <= 2 else 1_000


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
    assert job.next_check_at is not None
    assert job.next_check_at >= NOW + CHECK_SECONDS - 1
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
    assert the(table, "a").next_check_at == NOW + 50


def test_a_job_that_was_never_queued_is_queued(table: JobTable, queued: Queued) -> None:
    left_behind("a")
    queued("a")
    assert sweep()["resubmitted"] == 1
    job = the(table, "a")
    assert job.output_location == output_uri("a")
    assert job.next_check_at is not None
    assert job.next_check_at > NOW


def test_a_job_that_cannot_be_queued_yet_is_tried_later(
    table: JobTable, refuse: Callable[..., None]
) -> None:
    left_behind("a")
    refuse("ValidationError", "Endpoint femo-dev of account 123456789012 not found.")
    assert sweep()["postponed"] == 1
    job = the(table, "a")
    assert job.status is JobStatus.QUEUED
    assert job.next_check_at is not None
    assert job.next_check_at > NOW


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
    left_behind("a", next_check_at=NOW - 100)
    left_behind("b")
    refuse("AccessDeniedException", "not authorized", 403)
    queued("b")
    report = sweep()
    assert (report["failed"], report["resubmitted"]) == (1, 1)
    assert the(table, "a").status is JobStatus.QUEUED


def test_a_job_whose_time_has_not_come_is_left_alone(table: JobTable, sagemaker: Stubber) -> None:
    before = add("a", next_check_at=NOW + 60)
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
    monkeypatch.setattr(client, "query", lambda **query: whole_pages(**query | {"Limit": 2}))
    assert sweep()["settled"] == 7


def test_a_sweep_ends_in_time_and_the_next_goes_on(table: JobTable, sagemaker: Stubber) -> None:
    for number in range(3):
        add(f"job-{number}", next_check_at=NOW - 100 + number)
        put(output_uri(f"job-{number}"), result_of(f"job-{number}"))

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
        "repeated": 0,
        "unreadable": 0,
        "failed": 0,
        "is_complete": True,
    }


# Side by side


def test_the_longest_overdue_are_looked_at_first_whatever_their_shard(
    table: JobTable, sagemaker: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"job-{number}" for number in range(20)]
    for number, job_id in enumerate(reversed(ids)):
        add(job_id, next_check_at=NOW - 10 - number)
    seen: list[str] = []
    get = JobTable.get

    def noted(self: JobTable, job_id: str) -> Job | None:
        seen.append(job_id)
        return get(self, job_id)

    monkeypatch.setattr(JobTable, "get", noted)
    sweep()
    assert seen == ids


def test_jobs_are_looked_at_side_by_side_and_each_is_counted(
    table: JobTable, sagemaker: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one, the first would wait for the others in vain."""
    monkeypatch.setattr(sweeping, "WORKERS", 4)
    for number in range(8):
        add(f"job-{number}")
        put(output_uri(f"job-{number}"), result_of(f"job-{number}"))
    together = threading.Barrier(4, timeout=20)
    get = JobTable.get

    def with_three_others(self: JobTable, job_id: str) -> Job | None:
        together.wait()
        return get(self, job_id)

    with monkeypatch.context() as patch:
        patch.setattr(JobTable, "get", with_three_others)
        report = sweep()
    assert (report["looked_at"], report["settled"], report["failed"]) == (8, 8, 0)
    assert {the(table, f"job-{number}").status for number in range(8)} == {JobStatus.COMPLETED}


def test_no_job_is_begun_once_the_time_is_up_however_many_workers_are_idle(
    table: JobTable, sagemaker: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "WORKERS", 8)
    for number in range(6):
        add(f"job-{number}")
    report = sweep(ShortOfTime())
    assert (report["looked_at"], report["is_complete"]) == (2, False)


def test_threads_ask_for_the_backlog_once(
    table: JobTable, sagemaker: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "WORKERS", 4)
    client = clients.cloudwatch()
    ask, asked = client.get_metric_statistics, []
    monkeypatch.setattr(
        client, "get_metric_statistics", lambda **query: asked.append(1) or ask(**query)
    )
    for number in range(8):
        add(f"job-{number}", submission_at=NOW - 7200)
    assert sweep()["postponed"] == 8
    assert len(asked) == 1


# Attempts


def backlog(*sizes: int, until: int = NOW - 60) -> None:
    """Publish the size of the endpoint's queue, a minute apart, the newest last."""
    clients.cloudwatch().put_metric_data(
        Namespace="AWS/SageMaker",
        MetricData=[
            {
                "MetricName": "ApproximateBacklogSize",
                "Dimensions": [{"Name": "EndpointName", "Value": "femo-dev"}],
                "Timestamp": datetime.fromtimestamp(until - 60 * age, UTC),
                "Value": size,
            }
            for age, size in enumerate(reversed(sizes))
        ],
    )


def test_a_job_that_sagemaker_has_lost_is_queued_again_and_not_left_until_its_deadline(
    table: JobTable, queued: Queued
) -> None:
    add("a", submission_at=NOW - 1800)
    backlog(*[0] * 12)
    queued("a", attempt=2, place="second")
    assert sweep()["repeated"] == 1
    job = the(table, "a")
    assert (job.status, job.attempts, job.last_fault) == (JobStatus.QUEUED, 2, "lost")
    assert job.output_location == output_uri("second")


@pytest.mark.parametrize(
    "seen",
    [
        [],
        [0] * 9,
        [0] * 8 + [1] + [0] * 8,
        [0] * 15 + [1],
    ],
    ids=["nothing is known", "not long enough", "a job in between", "a job now"],
)
def test_a_job_that_sagemaker_may_still_have_is_not_queued_twice(
    table: JobTable, sagemaker: Stubber, seen: list[int]
) -> None:
    add("a", submission_at=NOW - 7200)
    if seen:
        backlog(*seen)
    assert sweep()["postponed"] == 1
    assert the(table, "a").attempts == 1


def test_metrics_that_have_stopped_coming_say_nothing_of_the_queue(
    table: JobTable, sagemaker: Stubber
) -> None:
    add("a", submission_at=NOW - 7200)
    backlog(*[0] * 20, until=NOW - 600)
    assert sweep()["postponed"] == 1


def test_a_job_that_came_after_the_queue_was_seen_empty_is_not_lost(
    table: JobTable, sagemaker: Stubber
) -> None:
    add("a", submission_at=NOW - 620)
    backlog(*[0] * 15)
    assert sweep()["postponed"] == 1


def test_without_the_metric_the_other_jobs_are_swept_all_the_same(
    table: JobTable, sagemaker: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetMetricStatistics")

    monkeypatch.setattr(clients.cloudwatch(), "get_metric_statistics", denied)
    add("a", submission_at=NOW - 7200, next_check_at=NOW - 20)
    add("b")
    put(output_uri("b"), result_of("b"))
    report = sweep()
    assert (report["postponed"], report["settled"], report["failed"]) == (1, 1, 1)


def test_a_failure_that_will_pass_is_queued_again_where_its_message_was_lost(
    table: JobTable, queued: Queued
) -> None:
    add("a")
    put(failure_uri("a"), {"error": {"code": "worker_lost", "message": "It ended."}})
    queued("a", attempt=2, place="second")
    assert sweep()["repeated"] == 1
    put(output_uri("second"), result_of("a"))
    make_due("a")
    assert sweep()["settled"] == 1
    assert the(table, "a").status is JobStatus.COMPLETED


def test_a_job_that_waits_for_its_next_attempt_is_queued_when_its_time_has_come(
    table: JobTable, queued: Queued
) -> None:
    left_behind("a", attempts=4, next_check_at=NOW + 5)
    assert sweep()["looked_at"] == 0
    make_due("a")
    queued("a", attempt=4)
    assert sweep()["resubmitted"] == 1


def test_a_lost_job_is_given_up_in_the_end(table: JobTable, sagemaker: Stubber) -> None:
    add("a", submission_at=NOW - 1800, attempts=6)
    backlog(*[0] * 12)
    assert sweep()["settled"] == 1
    error = the(table, "a").error
    assert error
    assert error.code == "lost"


def make_due(job_id: str) -> None:
    clients.dynamodb().update_item(
        TableName="femo-jobs",
        Key={"jobKey": {"S": f"default#{job_id}"}},
        UpdateExpression="SET nextCheckAt = :due",
        ExpressionAttributeValues={":due": {"N": str(NOW - 1)}},
    )


# Rows and places that are not as they should be


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("status", {"S": "Paused"}),
        ("deadline", None),
        ("createdAt", {"N": "7"}),
        ("removeHiccups", {"S": "yes"}),
        ("expiresAt", {"N": "7.5"}),
        ("submissionId", {"NULL": True}),
        ("outputLocation", {"M": {}}),
        ("recordingUri", {"L": []}),
    ],
)
def test_a_row_that_cannot_be_read_does_not_stop_the_sweeper_and_is_told(
    table: JobTable,
    sagemaker: Stubber,
    logged: io.StringIO,
    attribute: str,
    value: dict[str, Any] | None,
) -> None:
    item = add("odd", next_check_at=NOW - 100).to_item()
    original = dict(item)
    del item[attribute]
    if value is not None:
        item[attribute] = value
    clients.dynamodb().put_item(TableName="femo-jobs", Item=item)
    add("sound")
    put(output_uri("sound"), result_of("sound"))
    report = sweep()
    assert (report["settled"], report["unreadable"], report["failed"]) == (1, 1, 0)
    told = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert ("odd", attribute) in [
        (line.get("job_id"), str(line.get("why")).partition(" ")[0]) for line in told
    ]

    # It holds no instance, and is a job again once the code can read it
    assert count_queue(table) == 0
    assert sweep()["looked_at"] == 0
    kept = clients.dynamodb().get_item(TableName="femo-jobs", Key={"jobKey": {"S": "default#odd"}})[
        "Item"
    ]
    assert {name: kept.get(name) for name in item} == item | {
        "openKey": {"S": "default#unreadable"},
        "nextCheckAt": kept["nextCheckAt"],
    }
    original |= {"openKey": {"S": "default#unreadable"}, "nextCheckAt": {"N": str(NOW - 1)}}
    clients.dynamodb().put_item(TableName="femo-jobs", Item=original)
    put(output_uri("odd"), result_of("odd"))
    sweep()
    make_due("odd")
    sweep()
    assert the(table, "odd").status is JobStatus.COMPLETED


@pytest.mark.parametrize("place", ["output_location", "failure_location"])
def test_an_outcome_in_a_place_that_is_not_ours_does_not_keep_a_job_queued_for_ever(
    table: JobTable, queued: Queued, sagemaker: Stubber, place: str
) -> None:
    add("a", **{place: "s3://elsewhere/results/a.out"})
    add("b", attempts=3, **{place: "s3://elsewhere/results/b.out"})
    queued("a", attempt=2, place="second")
    report = sweep()
    assert (report["repeated"], report["settled"]) == (1, 1)
    error = the(table, "b").error
    assert error
    assert error.code == "outcome_misplaced"


def test_a_fault_that_nobody_thought_of_is_one_jobs_alone(
    table: JobTable, sagemaker: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    from femo_jobs import outcomes

    read = outcomes.from_s3

    def trip(job: Job, **options: Any) -> Any:
        if job.job_id == "a":
            raise ZeroDivisionError
        return read(job, **options)

    monkeypatch.setattr(outcomes, "from_s3", trip)
    add("a", next_check_at=NOW - 100)
    add("b")
    put(output_uri("b"), result_of("b"))
    report = sweep()
    assert (report["failed"], report["settled"]) == (1, 1)
