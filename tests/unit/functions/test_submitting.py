"""POST /jobs: a job is taken once for each id, or refused with a reason that helps."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from femo_api.settings import api_settings
from femo_jobs import clients
from femo_jobs.configuration import configuration
from femo_jobs.jobs import Job, JobStatus, Outcome
from femo_jobs.table import JobTable

from .conftest import ADDITIONAL, RECORDINGS, REQUESTS, TABLE, Answer, put

Call = Callable[..., Answer]
Queued = Callable[[str], None]
Refuse = Callable[..., None]


def body_of(job_id: str, recording: str, **changes: Any) -> dict[str, Any]:
    return {"jobId": job_id, "s3Key": recording} | changes


def the(job: Job | None) -> Job:
    assert job is not None
    return job


def test_a_job_is_accepted_and_told_where_it_is(
    call: Call, queued: Queued, recording: str, table: JobTable
) -> None:
    queued("a-1")
    answer = call("POST", "/jobs", body_of("a-1", recording))
    assert answer.status == 202
    assert answer.headers["location"] == "jobs/a-1"
    assert answer.body["status"] == "Queued"
    assert answer.body["s3Key"] == f"s3://{RECORDINGS}/{recording}"
    job = the(table.get("a-1"))
    assert job.output_location == f"s3://{REQUESTS}/results/a-1.out"
    assert job.failure_location == f"s3://{REQUESTS}/failures/a-1-error.out"
    assert job.recording_bytes == 11


def test_the_container_gets_the_whole_request_with_the_defaults(
    call: Call, queued: Queued, recording: str, table: JobTable
) -> None:
    queued("a-1")
    call("POST", "/jobs", body_of("a-1", recording, requestTime="2025-06-04T16:30:00+02:00"))
    written = clients.s3().get_object(Bucket=REQUESTS, Key="requests/a-1.json")
    assert written["ContentType"] == "application/json"
    assert json.loads(written["Body"].read()) == {
        "jobId": "a-1",
        "requestTime": "2025-06-04T14:30:00.000Z",
        "s3Key": f"s3://{RECORDINGS}/{recording}",
        "removeHiccups": False,
        "includeFullIntervals": False,
        "extractEvents": True,
        "etag": the(table.get("a-1")).recording_etag,
    }


def test_the_container_is_told_which_version_was_submitted(
    call: Call, queued: Queued, recording: str, table: JobTable
) -> None:
    clients.s3().put_bucket_versioning(
        Bucket=RECORDINGS, VersioningConfiguration={"Status": "Enabled"}
    )
    put(f"s3://{RECORDINGS}/{recording}", b"the one that is submitted")
    queued("a-1")
    call("POST", "/jobs", body_of("a-1", recording))
    put(f"s3://{RECORDINGS}/{recording}", b"another one, by the same signed URL")
    request = clients.s3().get_object(Bucket=REQUESTS, Key="requests/a-1.json")["Body"].read()
    version = json.loads(request)["versionId"]
    found = clients.s3().get_object(Bucket=RECORDINGS, Key=recording, VersionId=version)
    assert found["Body"].read() == b"the one that is submitted"


def test_a_repeat_gets_the_same_job_and_nothing_is_queued_twice(
    call: Call, queued: Queued, recording: str
) -> None:
    queued("a-1")
    first = call("POST", "/jobs", body_of("a-1", recording, requestTime="2025-06-04T14:30:00Z"))
    again = call(
        "POST",
        "/jobs",
        body_of(
            "a-1",
            f"s3://{RECORDINGS}/{recording}",
            requestTime="2025-06-04T14:30:00.000Z",
            extractEvents=True,
        ),
    )
    assert (first.status, again.status) == (202, 200)
    assert again.body == first.body


def test_a_repeat_is_known_when_its_recording_has_been_deleted(
    call: Call, queued: Queued, recording: str
) -> None:
    queued("a-1")
    call("POST", "/jobs", body_of("a-1", recording))
    clients.s3().delete_object(Bucket=RECORDINGS, Key=recording)
    assert call("POST", "/jobs", body_of("a-1", recording)).status == 200


def test_a_job_keeps_its_subject_and_is_found_by_it(
    call: Call, queued: Queued, recording: str
) -> None:
    queued("a-1")
    taken = call("POST", "/jobs", body_of("a-1", recording, subjectId="S-017"))
    assert taken.body["subjectId"] == "S-017"
    assert call("POST", "/jobs", body_of("a-1", recording, subjectId="S-017")).status == 200
    other = call("POST", "/jobs", body_of("a-1", recording, subjectId="S-018"))
    assert (other.status, other.code) == (409, "job_id_conflict")
    assert call("GET", "/jobs/a-1").body["subjectId"] == "S-017"
    found = call("GET", "/jobs", query={"subjectId": "S-017"}).body["jobs"]
    assert [job["jobId"] for job in found] == ["a-1"]
    assert found[0]["subjectId"] == "S-017"


@pytest.mark.parametrize(
    "subject", ["Jane Doe", "jane@example.org", "", "s" * 65, "a#b", "a/b", "é", 7]
)
def test_a_subject_that_is_no_pseudonym_is_refused_and_not_kept(
    call: Call, recording: str, subject: object, table: JobTable
) -> None:
    answer = call("POST", "/jobs", body_of("a-1", recording, subjectId=subject))
    assert (answer.status, answer.body["error"]["field"]) == (422, "subjectId")
    assert table.get("a-1") is None


@pytest.mark.parametrize(
    "change",
    [
        {"extractEvents": False},
        {"removeHiccups": True},
        {"includeFullIntervals": True},
        {"s3Key": "gone"},
        {"subjectId": "S-017"},
    ],
)
def test_an_id_is_not_given_to_another_request(
    call: Call, queued: Queued, recording: str, change: dict[str, Any]
) -> None:
    queued("a-1")
    call("POST", "/jobs", body_of("a-1", recording))
    answer = call("POST", "/jobs", body_of("a-1", recording) | change)
    assert (answer.status, answer.code) == (409, "job_id_conflict")


@pytest.mark.parametrize("time", [None, "2025-06-04T14:30:05Z", "2030-01-01T00:00:00Z"])
def test_a_repeat_that_tells_its_own_time_is_a_repeat(
    call: Call, queued: Queued, recording: str, time: str | None
) -> None:
    queued("a-1")
    first = call("POST", "/jobs", body_of("a-1", recording, requestTime="2025-06-04T14:30:00Z"))
    again = call("POST", "/jobs", body_of("a-1", recording, requestTime=time))
    assert (first.status, again.status) == (202, 200)
    assert again.body == first.body


def test_a_row_whose_stored_fingerprint_held_the_time_is_known_by_a_repeat(
    call: Call, queued: Queued, recording: str
) -> None:
    queued("a-1")
    call("POST", "/jobs", body_of("a-1", recording, requestTime="2025-06-04T14:30:00Z"))
    clients.dynamodb().update_item(
        TableName=TABLE,
        Key={"jobKey": {"S": "default#a-1"}},
        UpdateExpression="SET requestDigest = :old REMOVE recordingETag",
        ExpressionAttributeValues={":old": {"S": "0" * 64}},
    )
    assert call("POST", "/jobs", body_of("a-1", recording)).status == 200
    changed = call("POST", "/jobs", body_of("a-1", recording, removeHiccups=True))
    assert changed.status == 409


def test_an_id_is_not_given_to_another_content_under_the_same_key(
    call: Call, queued: Queued, recording: str
) -> None:
    queued("a-1")
    call("POST", "/jobs", body_of("a-1", recording))
    put(f"s3://{RECORDINGS}/{recording}", b"another recording")
    answer = call("POST", "/jobs", body_of("a-1", recording))
    assert (answer.status, answer.code) == (409, "job_id_conflict")
    assert "overwritten" in answer.body["error"]["message"]


def test_the_same_content_uploaded_again_is_the_same_recording(
    call: Call, queued: Queued, recording: str, table: JobTable
) -> None:
    clients.s3().put_bucket_versioning(
        Bucket=RECORDINGS, VersioningConfiguration={"Status": "Enabled"}
    )
    queued("a-1")
    first = call("POST", "/jobs", body_of("a-1", recording))
    put(f"s3://{RECORDINGS}/{recording}", b"a recording")
    again = call("POST", "/jobs", body_of("a-1", recording))
    assert (again.status, again.body) == (200, first.body)
    versions = clients.s3().list_object_versions(Bucket=RECORDINGS)["Versions"]
    assert len(versions) == 2


def test_another_body_is_refused_while_the_first_is_still_being_queued(
    call: Call, queued: Queued, recording: str, table: JobTable
) -> None:
    queued("a-1")
    call("POST", "/jobs", body_of("a-1", recording))
    under_way = replace(the(table.get("a-1")), output_location=None, failure_location=None)
    clients.dynamodb().put_item(TableName=TABLE, Item=under_way.to_item())
    answer = call("POST", "/jobs", body_of("a-1", recording, extractEvents=False))
    assert (answer.status, answer.code) == (409, "job_id_conflict")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [({}, "submission_uncertain"), ({"extractEvents": False}, "job_id_conflict")],
)
def test_of_two_requests_at_once_with_one_id_one_alone_is_queued(
    recording: str,
    table: JobTable,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    refusal: str,
) -> None:
    from femo_api import contract, errors, submitting
    from femo_jobs.submission import Submission

    def accept(**changes: Any) -> submitting.Accepted:
        body = contract.JobSubmission.model_validate(body_of("a-1", recording, **changes))
        return submitting.accept(body, table, configuration(), api_settings())

    queued: list[str] = []

    def queue(job: Job, settings: object) -> Submission:
        queued.append(job.submission_id)
        if len(queued) == 1:  # the second comes while the first is here
            with pytest.raises(errors.ApiError) as refused:
                accept(**change)
            assert refused.value.code == refusal
        return Submission(f"s3://{REQUESTS}/results/a-1.out", None)

    monkeypatch.setattr("femo_api.submitting.submit", queue)
    monkeypatch.setattr("femo_api.submitting.PATIENCE_SECONDS", 0)
    monkeypatch.setattr(JobTable, "take_over", lambda _self, _job: None)
    assert accept().is_new
    assert len(queued) == 1
    assert not accept().is_new


def test_an_id_whose_row_cannot_be_read_is_not_given_away(
    call: Call, queued: Queued, recording: str
) -> None:
    queued("a-1")
    call("POST", "/jobs", body_of("a-1", recording))
    clients.dynamodb().update_item(
        TableName=TABLE, Key={"jobKey": {"S": "default#a-1"}}, UpdateExpression="REMOVE deadline"
    )
    answer = call("POST", "/jobs", body_of("a-1", recording))
    assert (answer.status, answer.code) == (500, "unreadable_job")


def test_without_a_model_the_caller_is_sent_away_and_may_come_again(
    call: Call, refuse: Refuse, queued: Queued, recording: str, table: JobTable
) -> None:
    refuse("ValidationError", "Endpoint femo-dev of account 123456789012 not found.")
    answer = call("POST", "/jobs", body_of("a-1", recording))
    assert (answer.status, answer.code) == (503, "model_not_deployed")
    assert int(answer.headers["retry-after"]) > 0
    assert "123456789012" not in json.dumps(answer.body)
    assert table.get("a-1") is None
    queued("a-1")
    assert call("POST", "/jobs", body_of("a-1", recording)).status == 202


def test_throttling_is_passed_on_and_leaves_nothing_behind(
    call: Call, refuse: Refuse, recording: str, table: JobTable
) -> None:
    refuse("ThrottlingException", "Rate exceeded", 400)
    answer = call("POST", "/jobs", body_of("a-1", recording))
    assert (answer.status, answer.code) == (503, "service_busy")
    assert "retry-after" in answer.headers
    assert table.get("a-1") is None


def test_a_job_whose_queueing_is_uncertain_is_kept_and_a_repeat_queues_it(
    call: Call,
    refuse: Refuse,
    queued: Queued,
    recording: str,
    table: JobTable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse("InternalFailure", "", 500)
    answer = call("POST", "/jobs", body_of("a-1", recording))
    assert (answer.status, answer.code) == (503, "submission_uncertain")
    assert the(table.get("a-1")).status is JobStatus.QUEUED
    monkeypatch.setattr("femo_api.submitting.PATIENCE_SECONDS", 0)
    queued("a-1")
    assert call("POST", "/jobs", body_of("a-1", recording)).status == 202
    assert the(table.get("a-1")).is_queued_for_inference


def test_a_refusal_of_another_kind_is_a_fault_of_ours_and_leaves_nothing_behind(
    call: Call, refuse: Refuse, recording: str, table: JobTable
) -> None:
    refuse("AccessDeniedException", "User: arn:aws:sts::123456789012:x is not authorized", 403)
    answer = call("POST", "/jobs", body_of("a-1", recording))
    assert (answer.status, answer.code) == (500, "internal_error")
    assert "123456789012" not in json.dumps(answer.body)
    assert table.get("a-1") is None


def test_the_sdk_never_queues_a_job_a_second_time_by_itself() -> None:
    settings = vars(clients.sagemaker_runtime().meta.config)
    assert settings["retries"]["total_max_attempts"] == 1


def test_a_crash_before_queueing_is_made_good_by_a_repeat(
    call: Call, queued: Queued, recording: str, table: JobTable
) -> None:
    queued("a-1")
    call("POST", "/jobs", body_of("a-1", recording))
    job = the(table.get("a-1"))
    left_behind = replace(
        job, output_location=None, failure_location=None, submission_at=job.submission_at - 60
    )
    clients.dynamodb().put_item(TableName="femo-jobs", Item=left_behind.to_item())
    queued("a-1")
    assert call("POST", "/jobs", body_of("a-1", recording)).status == 202
    assert the(table.get("a-1")).is_queued_for_inference


def test_a_repeat_waits_for_the_first_request_that_is_still_queueing(
    call: Call,
    queued: Queued,
    recording: str,
    table: JobTable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queued("a-1")
    call("POST", "/jobs", body_of("a-1", recording))
    job = the(table.get("a-1"))
    under_way = replace(job, output_location=None, failure_location=None)
    clients.dynamodb().put_item(TableName="femo-jobs", Item=under_way.to_item())

    def the_first_one_ends(_seconds: float) -> None:
        table.record_submission(
            under_way,
            output_location=f"s3://{REQUESTS}/results/a-1.out",
            failure_location=None,
            settings=configuration(),
        )

    monkeypatch.setattr("femo_api.submitting.time.sleep", the_first_one_ends)
    assert call("POST", "/jobs", body_of("a-1", recording)).status == 200


def test_a_message_that_overtakes_the_answer_is_not_undone(
    call: Call, recording: str, table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from femo_jobs.submission import Submission

    def settled_meanwhile(job: Job, settings: object) -> Submission:
        outcome = Outcome(
            JobStatus.COMPLETED,
            "2025-06-04T14:31:00.000Z",
            output_location=f"s3://{REQUESTS}/results/other.out",
        )
        table.settle(job.job_id, outcome)
        return Submission(f"s3://{REQUESTS}/results/a-1.out", None)

    monkeypatch.setattr("femo_api.submitting.submit", settled_meanwhile)
    assert call("POST", "/jobs", body_of("a-1", recording)).status == 202
    job = the(table.get("a-1"))
    assert job.status is JobStatus.COMPLETED
    assert job.output_location == f"s3://{REQUESTS}/results/other.out"
    assert job.next_check_at is None


def test_a_recording_in_the_admitted_bucket_is_taken(call: Call, queued: Queued) -> None:
    put(f"s3://{ADDITIONAL}/a/b.dat", b"a recording")
    queued("a-1")
    assert call("POST", "/jobs", body_of("a-1", f"s3://{ADDITIONAL}/a/b.dat")).status == 202


def test_a_missing_recording_is_not_found(call: Call, sagemaker: Stubber) -> None:
    answer = call("POST", "/jobs", body_of("a-1", "input-data/none.dat"))
    assert (answer.status, answer.code) == (404, "recording_not_found")
    assert answer.body["error"]["field"] == "s3Key"


@pytest.mark.parametrize(("bucket", "status"), [(RECORDINGS, 500), (ADDITIONAL, 404)])
def test_a_denied_recording_is_told_as_missing_only_where_its_owner_denies_it(
    call: Call, recording: str, bucket: str, status: int
) -> None:
    with Stubber(clients.s3()) as s3:
        s3.add_client_error("head_object", "403", http_status_code=403)
        answer = call("POST", "/jobs", body_of("a-1", f"s3://{bucket}/{recording}"))
    assert answer.status == status


def test_an_empty_recording_is_refused(call: Call) -> None:
    put(f"s3://{RECORDINGS}/empty.dat", b"")
    answer = call("POST", "/jobs", body_of("a-1", "empty.dat"))
    assert (answer.status, answer.code) == (422, "empty_recording")


def test_a_recording_above_the_limit_is_refused(
    call: Call, recording: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_RECORDING_MEGABYTES", "0")
    answer = call("POST", "/jobs", body_of("a-1", recording))
    assert (answer.status, answer.code) == (413, "recording_too_large")


@pytest.mark.parametrize(
    "key",
    [
        "../secret.dat",
        "input-data/../../secret.dat",
        "input-data/./recording.dat",
        "/input-data/recording.dat",
        "input-data//recording.dat",
        "input-data\\recording.dat",
        "input-data/",
        "input-data/\x00.dat",
        "input-data/\n.dat",
        "input-data/\x85.dat",
        "\ud800.dat",
        "ü" * 513,
        "s3://somebody-elses/recording.dat",
        f"s3://{REQUESTS}/requests/a.json",
        f"s3://{RECORDINGS}",
        f"s3://{RECORDINGS}/",
        f"s3://{RECORDINGS}//a.dat",
        f"s3://{RECORDINGS}/../a.dat",
        f"S3://{RECORDINGS}/a.dat",
        f"https://{RECORDINGS}.s3.amazonaws.com/a.dat",
        "s3:///a.dat",
        "file:///etc/passwd",
    ],
)
def test_a_key_that_is_none_is_refused_before_s3_is_asked(call: Call, key: str) -> None:
    answer = call("POST", "/jobs", body_of("a-1", key))
    assert answer.status == 422
    assert answer.body["error"]["field"] == "s3Key"


@pytest.mark.parametrize(
    "job_id", ["", " a", "-a", ".", "..", "a/b", "a" * 65, "a\n", "ä", "a b", 7, None, ["a"]]
)
def test_an_id_out_of_bounds_is_refused(call: Call, recording: str, job_id: object) -> None:
    answer = call("POST", "/jobs", {"jobId": job_id, "s3Key": recording})
    assert answer.status == 422
    assert answer.body["error"]["field"] == "jobId"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("removeHiccups", "yes"),
        ("removeHiccups", 1),
        ("extractEvents", None),
        ("includeFullIntervals", "false"),
        ("requestTime", "yesterday"),
        ("requestTime", 1749047400),
        ("requestTime", "2025-06-04"),
        ("requestTime", "2025-13-04T14:30:00Z"),
        ("requestTime", "0001-01-01T00:00:00+23:59"),
        ("requestTime", "0001-01-01T00:00:00Z"),
        ("requestTime", "1999-12-31T23:59:59.999Z"),
        ("requestTime", "2000-01-01T00:30:00+01:00"),
        ("requestTime", "2100-01-01T00:00:00Z"),
        ("requestTime", "9999-12-31T23:59:59-23:59"),
        ("requestTime", "2025-06-04T14:30:00\x00"),
        ("requestTime", "２０２５-06-04T14:30:00Z"),
        ("requestTime", ""),
        ("requestTime", "9" * 60),
        ("s3Key", ""),
        ("s3Key", 3),
        ("s3Key", {"key": "a"}),
        ("s3Key", ["a"]),
        ("s3Key", "a" * 60_000),
        ("extractEvents", [True]),
        ("removeHiccups", {}),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(
    call: Call, recording: str, field: str, value: object
) -> None:
    answer = call("POST", "/jobs", body_of("a-1", recording) | {field: value})
    assert answer.status == 422
    assert answer.body["error"]["field"] == field


def test_an_unknown_field_is_refused_by_name(call: Call, recording: str) -> None:
    answer = call("POST", "/jobs", body_of("a-1", recording, removeHickups=True))
    assert (answer.status, answer.code) == (422, "unknown_field")
    assert answer.body["error"]["field"] == "removeHickups"


def test_an_unknown_field_with_a_strange_name_is_not_shown_back(call: Call, recording: str) -> None:
    answer = call("POST", "/jobs", body_of("a-1", recording) | {"<script>": 1})
    assert (answer.status, answer.code) == (422, "unknown_field")
    assert "script" not in json.dumps(answer.body)


@pytest.mark.parametrize(
    "text",
    [
        '{"jobId": "a", "jobId": "b", "s3Key": "k"}',
        '{"jobId": "a", "s3Key": "k", "removeHiccups": true, "removeHiccups": false}',
    ],
)
def test_a_field_given_twice_is_refused_and_neither_value_taken(call: Call, text: str) -> None:
    answer = call("POST", "/jobs", text)
    assert (answer.status, answer.code) == (422, "repeated_field")
    assert answer.body["error"]["field"] in {"jobId", "removeHiccups"}


def test_an_id_out_of_bounds_is_told_in_words(call: Call, recording: str) -> None:
    answer = call("POST", "/jobs", body_of("a b", recording))
    assert "1 to 64" in answer.body["error"]["message"]
    assert "^[" not in answer.body["error"]["message"]


@pytest.mark.parametrize("missing", ["jobId", "s3Key"])
def test_a_missing_field_is_named(call: Call, missing: str) -> None:
    body = {"jobId": "a", "s3Key": "b"}
    del body[missing]
    answer = call("POST", "/jobs", body)
    assert (answer.status, answer.code) == (422, "missing_field")
    assert answer.body["error"]["field"] == missing


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, "missing_body"),
        ("", "missing_body"),
        ("{", "malformed_json"),
        ("[" * 60_000, "malformed_json"),
        ("[]", "not_an_object"),
        ("7", "not_an_object"),
        ('{"jobId": ' + "9" * 5000 + "}", "malformed_json"),
        ('{"jobId": "a", "s3Key": "k"} {}', "malformed_json"),
        ('"text"', "not_an_object"),
        ("null", "not_an_object"),
    ],
)
def test_a_body_that_is_no_object_is_malformed(call: Call, body: str | None, code: str) -> None:
    answer = call("POST", "/jobs", body)
    assert (answer.status, answer.code) == (400, code)


def test_a_form_is_told_that_json_is_wanted(call: Call) -> None:
    answer = call(
        "POST", "/jobs", "jobId=a", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert (answer.status, answer.code) == (400, "not_an_object")


def test_a_huge_body_is_refused_unread(call: Call) -> None:
    answer = call("POST", "/jobs", '{"jobId": "' + "a" * 10_000_000 + '"}')
    assert (answer.status, answer.code) == (413, "request_too_large")
