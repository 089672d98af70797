"""The completion function: SageMaker's messages, as they come and as they should not."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from femo_completion.handler import UnrecordedMessagesError, handler
from femo_jobs import clients
from femo_jobs.configuration import configuration
from femo_jobs.jobs import Job, JobRequest, JobStatus, JobTable, new_job

from .conftest import (
    RECORDINGS,
    REQUESTS,
    LambdaContext,
    event,
    failure_uri,
    output_uri,
    put,
    result_of,
)

JOB = "unique-job-id"  # of the sample events
SAMPLE_OUTPUT = f"s3://{REQUESTS}/results/0f0f0f0f.out"
SAMPLE_FAILURE = f"s3://{REQUESTS}/failures/0f0f0f0f-error.out"


@pytest.fixture
def queued_job(table: JobTable) -> Callable[..., Job]:
    def add(job_id: str = JOB) -> Job:
        request = JobRequest(None, f"s3://{RECORDINGS}/a.dat", False, False, True)
        job = new_job(job_id, request, settings=configuration())
        table.add(job)
        return job

    return add


def messages(*changes: dict[str, Any] | str, sample: str = "completion_succeeded") -> Any:
    """The sample event with a record for each change of its message."""
    document = event(sample)
    (record,) = document["Records"]
    records = []
    for change in changes:
        altered = copy.deepcopy(record)
        if isinstance(change, str):
            altered["Sns"]["Message"] = change
        else:
            message = json.loads(record["Sns"]["Message"]) | change
            message = {name: value for name, value in message.items() if value is not None}
            altered["Sns"]["Message"] = json.dumps(message)
        records.append(altered)
    return {"Records": records}


def deliver(document: dict[str, Any]) -> None:
    handler(document, LambdaContext())


def the(table: JobTable, job_id: str = JOB) -> Job:
    job = table.get(job_id)
    assert job is not None
    return job


def test_a_success_completes_the_job(table: JobTable, queued_job: Callable[..., Job]) -> None:
    queued_job()
    put(SAMPLE_OUTPUT, result_of(JOB))
    deliver(event("completion_succeeded"))
    job = the(table)
    assert job.status is JobStatus.COMPLETED
    assert job.output_location == SAMPLE_OUTPUT
    assert job.processing_seconds == 45.2
    assert job.output_type == "events"
    assert job.completed_at == "2025-06-04T14:31:00.000Z"
    assert job.check_at is None


def test_a_failure_tells_the_containers_reason_and_not_sagemakers(
    table: JobTable, queued_job: Callable[..., Job], logged: io.StringIO
) -> None:
    queued_job()
    put(
        SAMPLE_FAILURE,
        {"error": {"code": "not_a_recording", "message": "Byte 0:\n no header.", "field": "s3Key"}},
    )
    deliver(event("completion_failed"))
    job = the(table)
    assert job.status is JobStatus.FAILED
    assert job.error
    assert (job.error.code, job.error.message, job.error.field) == (
        "not_a_recording",
        "Byte 0: no header.",
        "s3Key",
    )
    assert "123456789012" not in str(job) + logged.getvalue()


def quoted(answer: str) -> str:
    return (
        f'Received client error (400) from primary with message "{answer}". See https://us-east-1.'
        "console.aws.amazon.com/cloudwatch/home#logEventViewer in account 123456789012 for more."
    )


@pytest.mark.parametrize("wrap", [quoted, lambda answer: json.dumps({"message": quoted(answer)})])
def test_the_containers_reason_is_found_inside_a_sentence_of_sagemakers(
    table: JobTable, queued_job: Callable[..., Job], wrap: Callable[[str], str]
) -> None:
    queued_job()
    answer = {"error": {"code": "not_a_recording", "message": 'No "FEMO" header in a\\b {.'}}
    put(SAMPLE_FAILURE, wrap(json.dumps(answer)).encode())
    deliver(event("completion_failed"))
    job = the(table)
    assert job.error
    assert job.error.code == "not_a_recording"
    assert job.error.message == 'No "FEMO" header in a\\b {.'
    assert "123456789012" not in str(job)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"ModelError: see account 123456789012",
        b"[]",
        b'{"error": "text"}',
        b'{"error": {"code": "UPPER", "message": "x"}}',
        b'{"error": {"code": "ok", "message": " "}}',
        b'{"error": {"code": "ok"}}',
        b"{" + b" " * 70_000 + b"}",
        None,
    ],
)
def test_a_failure_without_our_words_gets_plain_ones(
    table: JobTable, queued_job: Callable[..., Job], body: bytes | None
) -> None:
    queued_job()
    if body is not None:
        put(SAMPLE_FAILURE, body)
    deliver(event("completion_failed"))
    job = the(table)
    assert job.status is JobStatus.FAILED
    assert job.error
    assert job.error.code == "processing_failed"
    assert "123456789012" not in str(job)


def test_a_failure_that_names_no_place_fails_the_job(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    queued_job()
    deliver(messages({"responseParameters": None}, sample="completion_failed"))
    assert the(table).status is JobStatus.FAILED


def test_a_long_message_of_the_container_is_cut(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    queued_job()
    put(SAMPLE_FAILURE, {"error": {"code": "long", "message": "x" * 5000}})
    deliver(event("completion_failed"))
    error = the(table).error
    assert error
    assert len(error.message) == 500


def test_an_expired_inference_expires_the_job(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    queued_job()
    deliver(event("completion_expired"))
    job = the(table)
    assert job.status is JobStatus.EXPIRED
    assert job.error
    assert job.error.code == "expired"


def test_a_message_that_comes_twice_changes_nothing(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    queued_job()
    put(SAMPLE_OUTPUT, result_of(JOB))
    deliver(event("completion_succeeded"))
    before = the(table)
    deliver(event("completion_succeeded"))
    assert the(table) == before


@pytest.mark.parametrize("late", ["completion_failed", "completion_expired"])
def test_a_settled_job_stays_settled(
    table: JobTable, queued_job: Callable[..., Job], late: str
) -> None:
    queued_job()
    put(SAMPLE_OUTPUT, result_of(JOB))
    deliver(event("completion_succeeded"))
    before = the(table)
    deliver(event(late))
    assert the(table) == before


def test_a_message_of_a_job_that_is_not_ours_makes_no_row(
    table: JobTable, logged: io.StringIO
) -> None:
    put(SAMPLE_OUTPUT, result_of(JOB))
    deliver(event("completion_succeeded"))
    assert table.get(JOB) is None
    assert "unknown job" in logged.getvalue()


def test_a_smoke_job_is_passed_over_in_silence(table: JobTable, logged: io.StringIO) -> None:
    put(SAMPLE_OUTPUT, result_of("smoke-1"))
    deliver(messages({"inferenceId": "smoke-0123456789abcdef-0-0"}))
    assert not logged.getvalue()


def test_a_job_of_a_caller_may_be_called_smoke(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    queued_job("smoke-1")
    put(SAMPLE_OUTPUT, result_of("smoke-1"))
    deliver(messages({"inferenceId": "smoke-1"}))
    assert the(table, "smoke-1").status is JobStatus.COMPLETED


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "not json",
        "[]",
        "[" * 50_000,
        {"inferenceId": None},
        {"inferenceId": 7},
        {"inferenceId": ""},
        {"invocationStatus": None},
        {"invocationStatus": "Running"},
        {"responseParameters": None},
        {"responseParameters": "text"},
        {"responseParameters": {"outputLocation": 5}},
        {"responseParameters": {"outputLocation": "s3://elsewhere/results/a.out"}},
        {"responseParameters": {"outputLocation": f"s3://{REQUESTS}/requests/a.json"}},
        {"responseParameters": {"outputLocation": "results/a.out"}},
    ],
)
def test_a_malformed_message_is_raised_so_that_it_is_kept(
    table: JobTable, queued_job: Callable[..., Job], wrong: dict[str, Any] | str
) -> None:
    queued_job()
    with pytest.raises(UnrecordedMessagesError):
        deliver(messages(wrong))
    assert the(table).status is JobStatus.QUEUED


def test_a_success_whose_result_is_not_there_is_tried_again(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    queued_job()
    with pytest.raises(UnrecordedMessagesError):
        deliver(event("completion_succeeded"))
    assert the(table).status is JobStatus.QUEUED
    put(SAMPLE_OUTPUT, result_of(JOB))
    deliver(event("completion_succeeded"))
    assert the(table).status is JobStatus.COMPLETED


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"no": "result"}'])
def test_a_success_with_an_unreadable_result_fails_the_job(
    table: JobTable, queued_job: Callable[..., Job], body: bytes
) -> None:
    queued_job()
    put(SAMPLE_OUTPUT, body)
    deliver(event("completion_succeeded"))
    job = the(table)
    assert job.status is JobStatus.FAILED
    assert job.error
    assert job.error.code == "result_unreadable"


def test_a_result_too_large_to_look_into_completes_the_job(
    table: JobTable, queued_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("femo_jobs.outcomes.MAX_PARSED_BYTES", 10)
    queued_job()
    put(SAMPLE_OUTPUT, result_of(JOB))
    deliver(event("completion_succeeded"))
    job = the(table)
    assert job.status is JobStatus.COMPLETED
    assert job.result_bytes
    assert job.result_bytes > 10


def test_strange_figures_in_a_result_are_left_out(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    queued_job()
    put(
        SAMPLE_OUTPUT,
        result_of(JOB, processing_time_seconds="fast", output_type=5, completedTimeStamp=[]),
    )
    deliver(event("completion_succeeded"))
    job = the(table)
    assert job.status is JobStatus.COMPLETED
    assert job.processing_seconds is None
    assert job.output_type is None


def test_one_bad_message_does_not_keep_the_others_from_being_recorded(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    for job_id in ("a", "b"):
        queued_job(job_id)
        put(output_uri(job_id), result_of(job_id))
    good = [
        {"inferenceId": job_id, "responseParameters": {"outputLocation": output_uri(job_id)}}
        for job_id in ("a", "b")
    ]
    with pytest.raises(UnrecordedMessagesError, match="1 of 3"):
        deliver(messages(good[0], "not json", good[1]))
    assert the(table, "a").status is JobStatus.COMPLETED
    assert the(table, "b").status is JobStatus.COMPLETED


def test_a_failing_table_is_raised_so_that_the_message_comes_again(
    queued_job: Callable[..., Job], table: JobTable
) -> None:
    queued_job()
    put(SAMPLE_OUTPUT, result_of(JOB))
    clients.dynamodb().delete_table(TableName="femo-jobs")
    with pytest.raises(UnrecordedMessagesError):
        deliver(event("completion_succeeded"))


def test_the_result_of_another_attempt_counts(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    """A job may have been queued twice; the first message wins, wherever its result lies."""
    job = queued_job()
    table.record_submission(
        job,
        output_location=output_uri("first-attempt"),
        failure_location=failure_uri("first-attempt"),
        settings=configuration(),
    )
    put(SAMPLE_OUTPUT, result_of(JOB))
    deliver(event("completion_succeeded"))
    assert the(table).output_location == SAMPLE_OUTPUT
