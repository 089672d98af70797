"""GET /jobs and GET /jobs/{jobId}: what a caller sees of jobs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from femo_jobs import clients, outcomes
from femo_jobs.configuration import configuration
from femo_jobs.jobs import Job, JobError, JobRequest, JobStatus, JobTable, Outcome, new_job

from .conftest import RECORDINGS, REQUESTS, Answer, failure_uri, output_uri, put, result_of

Call = Callable[..., Answer]


def row(job_id: str, created_at: str | None = None) -> Job:
    request = JobRequest(None, f"s3://{RECORDINGS}/a.dat", False, False, True)
    job = new_job(job_id, request, settings=configuration())
    if created_at is not None:
        object.__setattr__(job, "created_at", created_at)
    return job


@pytest.fixture
def completed(table: JobTable) -> Callable[..., None]:
    def complete(job_id: str, result: dict[str, Any]) -> None:
        table.add(row(job_id))
        put(output_uri(job_id), result)
        outcome = outcomes.completed(output_uri(job_id), requests_bucket=REQUESTS)
        assert outcome
        table.settle(job_id, outcome)

    return complete


def test_a_queued_job_says_so(call: Call, table: JobTable) -> None:
    table.add(row("a"))
    answer = call("GET", "/jobs/a")
    assert (answer.status, answer.body["status"]) == (200, "Queued")
    assert "result" not in answer.body
    assert "error" not in answer.body


def test_a_completed_job_carries_the_containers_response(
    call: Call, completed: Callable[..., None]
) -> None:
    completed("a", result_of("a"))
    body = call("GET", "/jobs/a").body
    expected = result_of("a")
    assert {name: body[name] for name in expected} == expected
    assert body["resultLocation"] == output_uri("a")
    assert body["resultUrl"].startswith("https://")
    assert "X-Amz-Expires=900" in body["resultUrl"]
    assert body["resultUrlExpiresAt"] > body["createdAt"]


def test_a_large_result_is_fetched_by_its_url_alone(
    call: Call, completed: Callable[..., None]
) -> None:
    completed("a", result_of("a", result={"events": ["x" * 1000] * 1100}))
    body = call("GET", "/jobs/a").body
    assert body["status"] == "Completed"
    assert body["processing_time_seconds"] == 45.2
    assert "result" not in body
    assert body["resultUrl"]


def test_a_result_that_has_been_deleted_leaves_the_job_readable(
    call: Call, completed: Callable[..., None]
) -> None:
    completed("a", result_of("a"))
    clients.s3().delete_object(Bucket=REQUESTS, Key="results/a.out")
    answer = call("GET", "/jobs/a")
    assert (answer.status, answer.body["status"]) == (200, "Completed")
    assert "result" not in answer.body


def test_a_failed_job_says_why(call: Call, table: JobTable) -> None:
    table.add(row("a"))
    error = JobError("not_a_recording", "Byte 0: no header.", "s3Key")
    table.settle(
        "a",
        Outcome(
            JobStatus.FAILED,
            "2025-06-04T14:31:00.000Z",
            failure_location=failure_uri("a"),
            error=error,
        ),
    )
    body = call("GET", "/jobs/a").body
    assert body["status"] == "Failed"
    assert body["error"] == {
        "code": "not_a_recording",
        "message": "Byte 0: no header.",
        "field": "s3Key",
    }
    assert "failures/" not in json.dumps(body)


@pytest.mark.parametrize("job_id", ["none", "a" * 65, "%2e%2e", "a b", "-"])
def test_an_unknown_job_is_not_found(call: Call, job_id: str) -> None:
    answer = call("GET", f"/jobs/{job_id}")
    assert (answer.status, answer.code) == (404, "job_not_found")


def test_a_listing_shows_every_job_once_newest_first(call: Call, table: JobTable) -> None:
    for number in range(23):
        # The same moment for some: their order must still be one
        table.add(row(f"job-{number:02}", f"2025-06-04T14:30:{number // 5:02}.000Z"))
        if number % 3 == 0:
            table.settle(
                f"job-{number:02}", Outcome(JobStatus.EXPIRED, "x", error=outcomes.EXPIRED)
            )
    seen: list[str] = []
    token: str | None = None
    while True:
        query = {"limit": "4"} | ({"nextToken": token} if token else {})
        page = call("GET", "/jobs", query=query).body
        seen += [job["jobId"] for job in page["jobs"]]
        token = page.get("nextToken")
        if token is None:
            break
        assert len(page["jobs"]) == 4
    assert seen == [f"job-{number:02}" for number in reversed(range(23))]


def test_a_listing_of_one_status_shows_no_other(call: Call, table: JobTable) -> None:
    for name in ("a", "b", "c"):
        table.add(row(name))
    table.settle("b", Outcome(JobStatus.EXPIRED, "x", error=outcomes.EXPIRED))
    assert [j["jobId"] for j in call("GET", "/jobs", query={"status": "Expired"}).body["jobs"]] == [
        "b"
    ]
    queued = call("GET", "/jobs", query={"status": "Queued"}).body
    assert {job["jobId"] for job in queued["jobs"]} == {"a", "c"}
    assert "nextToken" not in queued


def test_an_empty_listing_is_a_listing(call: Call) -> None:
    answer = call("GET", "/jobs")
    assert (answer.status, answer.body) == (200, {"jobs": []})


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"status": "Running"}, {"status": ""}],
)
def test_a_wrong_query_names_its_parameter(call: Call, query: dict[str, str]) -> None:
    answer = call("GET", "/jobs", query=query)
    assert answer.status == 422
    assert answer.body["error"]["field"] == next(iter(query))


def test_a_changed_token_is_refused(call: Call, table: JobTable) -> None:
    for name in ("a", "b"):
        table.add(row(name))
    token = call("GET", "/jobs", query={"limit": "1"}).body["nextToken"]
    changed = [token[:i] + ("A" if token[i] != "A" else "B") + token[i + 1 :] for i in (0, 20, -1)]
    for wrong in [*changed[:2], token[:-1], token + "A", token + "=", "", "§", "a" * 1000]:
        answer = call("GET", "/jobs", query={"nextToken": wrong})
        assert (answer.status, answer.code) == (400, "invalid_next_token"), wrong


def test_a_token_of_another_listing_is_refused(call: Call, table: JobTable) -> None:
    for name in ("a", "b"):
        table.add(row(name))
    token = call("GET", "/jobs", query={"limit": "1"}).body["nextToken"]
    answer = call("GET", "/jobs", query={"status": "Queued", "nextToken": token})
    assert answer.status == 400
