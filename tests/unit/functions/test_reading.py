"""GET /jobs and GET /jobs/{jobId}: what a caller sees of jobs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from femo_jobs import clients, listing, outcomes
from femo_jobs.configuration import configuration
from femo_jobs.jobs import Job, JobError, JobRequest, JobStatus, Outcome, new_job
from femo_jobs.table import JobTable

from .conftest import RECORDINGS, REQUESTS, TABLE, Answer, failure_uri, output_uri, put, result_of

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


def test_behind_a_custom_domain_with_a_base_path_the_api_answers(
    call: Call, table: JobTable
) -> None:
    table.add(row("a"))
    for base_path in ("", "/femo", "/femo/v1", "/jobs"):
        found = call("GET", "/jobs/a", resource="/jobs/{jobId}", base_path=base_path)
        assert (found.status, found.body["jobId"]) == (200, "a")
        assert call("GET", "/jobs", base_path=base_path).body["jobs"]
        described = call("GET", "/openapi.json", base_path=base_path).body
        assert described["servers"] == [{"url": base_path or "/"}]


def test_a_job_names_the_version_of_the_recording_that_is_analysed(
    call: Call, table: JobTable
) -> None:
    table.add(replace(row("a"), recording_version="v7", recording_etag='"e"'))
    table.add(row("b"))
    source = call("GET", "/jobs/a").body["source"]
    assert (source["versionId"], source["etag"]) == ("v7", '"e"')
    assert set(call("GET", "/jobs/b").body["source"]) == {"s3Key"}


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
    large = {"events": ["x" * 1000] * 1100, "model": {"package": "femo-dev/7"}}
    completed("a", result_of("a", result=large))
    body = call("GET", "/jobs/a").body
    assert body["status"] == "Completed"
    assert body["processing_time_seconds"] == 45.2
    assert body["modelPackage"] == "femo-dev/7"
    assert "result" not in body
    assert body["resultUrl"]


def test_a_result_that_has_been_deleted_leaves_the_job_readable(
    call: Call, completed: Callable[..., None]
) -> None:
    completed("a", result_of("a"))
    clients.s3().delete_object(Bucket=REQUESTS, Key="results/a.out")
    answer = call("GET", "/jobs/a")
    assert (answer.status, answer.body["status"]) == (200, "Completed")
    assert_without_result(answer, "result_unavailable")


def assert_without_result(answer: Answer, code: str) -> None:
    """The job is told as completed, with a reason, and no address that leads nowhere."""
    assert (answer.status, answer.body["status"]) == (200, "Completed")
    assert answer.body["result"] is None
    assert answer.body["error"]["code"] == code
    assert answer.body["error"]["message"]
    assert "resultUrl" not in answer.body
    assert "resultUrlExpiresAt" not in answer.body


def test_a_large_result_that_has_been_deleted_has_no_dead_address(
    call: Call, completed: Callable[..., None]
) -> None:
    completed("a", result_of("a", result={"events": ["x" * 1000] * 1100}))
    clients.s3().delete_object(Bucket=REQUESTS, Key="results/a.out")
    assert_without_result(call("GET", "/jobs/a"), "result_unavailable")


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"jobId": "a"}',
        b'{"result": null}',
        b'{"result": "text"}',
        b'{"result": {"rate": NaN}}',
        b'{"result": {"text": "\\ud800"}}',
        b'{"result": {"rate": Infinity}}',
    ],
)
def test_a_damaged_result_leaves_the_job_readable(
    call: Call, completed: Callable[..., None], damaged: bytes
) -> None:
    completed("a", result_of("a"))
    put(output_uri("a"), damaged)
    assert_without_result(call("GET", "/jobs/a"), "result_unavailable")


@pytest.mark.parametrize("code", ["AccessDenied", "SlowDown", "InternalError"])
def test_a_result_that_s3_does_not_give_at_the_moment_is_not_told_as_gone(
    call: Call, completed: Callable[..., None], code: str
) -> None:
    completed("a", result_of("a"))
    with Stubber(clients.s3()) as s3:
        s3.add_client_error("get_object", code, http_status_code=403)
        assert_without_result(call("GET", "/jobs/a"), "result_unreachable")
    assert call("GET", "/jobs/a").body["result"] == result_of("a")["result"]


@pytest.mark.parametrize(
    "location", ["nowhere", "s3://", f"s3://{RECORDINGS}/a.dat", f"s3://{REQUESTS}/requests/a.json"]
)
def test_no_address_is_signed_for_what_is_no_result(
    call: Call, completed: Callable[..., None], location: str
) -> None:
    completed("a", result_of("a"))
    overwrite("a", outputLocation={"S": location})
    assert_without_result(call("GET", "/jobs/a"), "result_unavailable")


def overwrite(job_id: str, **attributes: dict[str, Any] | None) -> None:
    """Change attributes of a row by other means than our code; None takes one away."""
    client = clients.dynamodb()
    item = client.get_item(TableName=TABLE, Key={"jobKey": {"S": f"default#{job_id}"}})["Item"]
    changed: dict[str, Any] = {**item, **attributes}
    client.put_item(TableName=TABLE, Item={k: v for k, v in changed.items() if v is not None})


UNREADABLE = [
    {"recordingUri": None},
    {"submissionId": None},
    {"deadline": {"S": "tomorrow"}},
    {"extractEvents": {"NULL": True}},
    {"recordingUri": {"M": {"key": {"S": "a"}}}},
]


@pytest.mark.parametrize("change", UNREADABLE)
def test_a_row_that_cannot_be_read_hides_no_other_job_and_is_told(
    call: Call, table: JobTable, change: dict[str, Any]
) -> None:
    for number, name in enumerate(("a", "b", "c")):
        table.add(row(name, f"2025-06-04T14:30:0{number}.000Z"))
    overwrite("b", **change)
    answer = call("GET", "/jobs")
    assert answer.status == 200
    assert [job["jobId"] for job in answer.body["jobs"]] == ["c", "b", "a"]
    unreadable = answer.body["jobs"][1]
    assert (unreadable["status"], unreadable["error"]["code"]) == ("Queued", "unreadable_job")
    alone = call("GET", "/jobs/b")
    assert (alone.status, alone.code) == (500, "unreadable_job")


def test_a_page_that_ends_with_an_unreadable_row_leads_on_to_the_next(
    call: Call, table: JobTable
) -> None:
    for number, name in enumerate(("a", "b", "c")):
        table.add(row(name, f"2025-06-04T14:30:0{number}.000Z"))
    overwrite("b", deadline=None)
    page = call("GET", "/jobs", query={"limit": "2"}).body
    page = call("GET", "/jobs", query={"limit": "2", "nextToken": page["nextToken"]}).body
    assert [job["jobId"] for job in page["jobs"]] == ["a"]


def test_a_job_of_an_unknown_status_is_told_as_unreadable(call: Call, table: JobTable) -> None:
    table.add(row("a"))
    overwrite("a", status={"S": "Cancelled"})
    answer = call("GET", "/jobs/a")
    assert (answer.status, answer.code) == (500, "unreadable_job")
    assert call("GET", "/jobs").status == 200


def test_a_job_that_settles_while_it_is_listed_is_shown_once_and_as_settled(
    call: Call, table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        table.add(row(f"job-{number}", f"2025-06-04T14:30:0{number}.000Z"))
    read = listing._rows

    def once_it_has_settled(*which: Any) -> Any:
        for number in range(5):
            outcome = Outcome(JobStatus.EXPIRED, "x", error=outcomes.EXPIRED)
            table.settle(f"job-{number}", outcome)
        return read(*which)

    monkeypatch.setattr(listing, "_rows", once_it_has_settled)
    queued = call("GET", "/jobs", query={"status": "Queued"}).body
    assert queued == {"jobs": []}
    page = call("GET", "/jobs", query={"limit": "3"}).body
    assert [(job["jobId"], job["status"]) for job in page["jobs"]] == [
        (f"job-{number}", "Expired") for number in (4, 3, 2)
    ]
    page = call("GET", "/jobs", query={"limit": "3", "nextToken": page["nextToken"]}).body
    assert [job["jobId"] for job in page["jobs"]] == ["job-1", "job-0"]


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
    ("path", "query"),
    [
        ("/jobs", {"nexttoken": "x"}),
        ("/jobs", {"nextToken ": "x"}),
        ("/jobs", {"Status": "Queued"}),
        ("/jobs", {"limit": "3", "page": "2"}),
        ("/jobs/a", {"verbose": "1"}),
        ("/health", {"x": ""}),
        ("/openapi.json", {"x": "y"}),
    ],
)
def test_a_misspelt_parameter_is_not_overlooked(
    call: Call, table: JobTable, path: str, query: dict[str, str]
) -> None:
    table.add(row("a"))
    answer = call("GET", path, query=query)
    assert (answer.status, answer.code) == (422, "unknown_parameter")
    wrong = list(query)[-1]
    assert answer.body["error"].get("field") == (wrong if wrong.strip() == wrong else None)


def test_a_strange_parameter_is_not_shown_back(call: Call) -> None:
    answer = call("GET", "/jobs", query={"<script>": "1"})
    assert (answer.status, answer.code) == (422, "unknown_parameter")
    assert "script" not in json.dumps(answer.body)


def test_a_parameter_given_twice_is_refused(call: Call) -> None:
    answer = call("GET", "/jobs", query={"limit": ["1", "2"]})
    assert (answer.status, answer.code) == (422, "repeated_parameter")
    assert answer.body["error"]["field"] == "limit"


@pytest.mark.parametrize(
    "place",
    ["", "#", "x", "2025-06-04T14:30:00.000Z", "2025-06-04T14:30:00.000Z#", "\x00", "a" * 200, "é"],
)
def test_a_forged_token_is_refused_where_it_names_no_place(call: Call, place: str) -> None:
    from femo_api import paging

    answer = call("GET", "/jobs", query={"nextToken": paging.encode(place, listing.Wanted())})
    assert (answer.status, answer.code) == (400, "invalid_next_token")


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"status": "Running"},
        {"status": ""},
        {"subjectId": "Jane Doe"},
        {"subjectId": "jane@example.org"},
        {"subjectId": ""},
        {"s3Key": ""},
        {"s3Key": "s3://elsewhere/a.dat"},
        {"from": "yesterday"},
        {"from": "2025-06-04"},
        {"to": "1999-01-01T00:00:00Z"},
        {"to": "2025-06-04T14:30:00Z", "from": "2025-06-04T14:30:00Z"},
        {"to": "2025-06-04T14:30:00+02:00", "from": "2025-06-04T14:00:00+00:00"},
    ],
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
