"""The completion function: SageMaker's messages, as they come and as they should not."""

from __future__ import annotations

import copy
import io
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from femo_completion.handler import UnrecordedMessagesError, handler
from femo_jobs import clients
from femo_jobs.configuration import configuration
from femo_jobs.jobs import Job, JobRequest, JobStatus, ResultSummary, new_job
from femo_jobs.submission import custom_attributes
from femo_jobs.table import JobTable

from .conftest import (
    RECORDINGS,
    REQUESTS,
    LambdaContext,
    event,
    output_uri,
    put,
    result_of,
)

JOB = "unique-job-id"  # of the sample events
ATTEMPT = "attempt-1-of-unique-job-id"  # likewise
SAMPLE_OUTPUT = f"s3://{REQUESTS}/results/0f0f0f0f.out"
SAMPLE_FAILURE = f"s3://{REQUESTS}/failures/0f0f0f0f-error.out"


@pytest.fixture
def queued_job(table: JobTable) -> Callable[..., Job]:
    def add(job_id: str = JOB, **changes: Any) -> Job:
        request = JobRequest(None, f"s3://{RECORDINGS}/a.dat", False, False, True)
        job = new_job(job_id, request, settings=configuration())
        job = replace(job, **({"submission_id": ATTEMPT} | changes))
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


def of(job_id: str) -> dict[str, Any]:
    """The part of a message that says which job it is about."""
    return {"requestParameters": {"customAttributes": f"job={job_id};attempt=1"}}


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
    assert job.next_check_at is None


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
    queued_job(attempts=3)
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
    queued_job(attempts=3)
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
    deliver(messages({"inferenceId": "smoke-0123456789abcdef-0-0", "requestParameters": {}}))
    assert not logged.getvalue()


def test_a_job_of_a_caller_may_be_called_smoke(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    queued_job("smoke-1")
    put(SAMPLE_OUTPUT, result_of("smoke-1"))
    deliver(messages(of("smoke-1")))
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
        {"requestParameters": {}, "inferenceId": None},
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


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"no": "result"}',
        b'{"result": null}',
        b'{"result": "text"}',
        b'{"result": {"rate": NaN}}',
        b'{"result": {"text": "\\ud800"}}',
    ],
)
def test_a_success_with_an_unreadable_result_fails_the_job_in_the_end(
    table: JobTable, queued_job: Callable[..., Job], body: bytes
) -> None:
    queued_job(attempts=3)
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


def test_a_completed_job_names_the_package_that_answered(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    queued_job()
    put(SAMPLE_OUTPUT, result_of(JOB, result={"model": {"package": "femo-dev/7"}}))
    deliver(event("completion_succeeded"))
    assert the(table).model_package == "femo-dev/7"


@pytest.mark.parametrize(
    "result",
    [{}, {"model": None}, {"model": {"package": None}}, {"model": {"package": "arn:aws:x/7"}},
     {"model": {"package": "femo-dev/0"}}, {"model": {"package": ["femo-dev/7"]}}],
)  # fmt: skip
def test_a_result_that_names_no_package_gets_none(
    table: JobTable, queued_job: Callable[..., Job], result: dict[str, Any]
) -> None:
    queued_job()
    put(SAMPLE_OUTPUT, result_of(JOB, result=result))
    deliver(event("completion_succeeded"))
    job = the(table)
    assert (job.status, job.model_package) == (JobStatus.COMPLETED, None)


def in_short(recording: Any, **result: Any) -> dict[str, Any]:
    return {"recording": recording, **result}


def test_a_listing_tells_what_was_judged_and_what_was_counted_in_it(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    queued_job()
    result = in_short(
        {"duration_seconds": 28800.0, "judged_seconds": 25200.5},
        movement_count=212,
        summary={"kicks_per_analysed_hour": 30.3},
    )
    put(SAMPLE_OUTPUT, result_of(JOB, result=result))
    deliver(event("completion_succeeded"))
    assert the(table).summary == ResultSummary(28800.0, 25200.5, 212, 30.3)


def test_what_could_not_be_judged_is_no_zero_in_a_listing(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    queued_job()
    result = in_short(
        {"duration_seconds": 600.0, "judged_seconds": 0.0},
        movement_count=None,
        summary={"kicks_per_analysed_hour": None},
    )
    put(SAMPLE_OUTPUT, result_of(JOB, result=result))
    deliver(event("completion_succeeded"))
    assert the(table).summary == ResultSummary(600.0, 0.0, None, None)


@pytest.mark.parametrize(
    "result",
    [
        {},
        in_short(None),
        in_short({"duration_seconds": 600.0}),
        in_short({"duration_seconds": 0, "judged_seconds": 0}),
        in_short({"duration_seconds": "600", "judged_seconds": True}),
    ],
)
def test_a_result_that_does_not_tell_its_judged_time_is_not_told_in_short(
    table: JobTable, queued_job: Callable[..., Job], result: dict[str, Any]
) -> None:
    queued_job()
    put(SAMPLE_OUTPUT, result_of(JOB, result=result))
    deliver(event("completion_succeeded"))
    job = the(table)
    assert (job.status, job.summary) == (JobStatus.COMPLETED, None)


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
        of(job_id) | {"responseParameters": {"outputLocation": output_uri(job_id)}}
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


# Attempts


def test_a_late_message_of_an_older_attempt_settles_nothing(
    table: JobTable, queued_job: Callable[..., Job], logged: io.StringIO
) -> None:
    queued_job(submission_id="a-newer-attempt", attempts=2)
    put(SAMPLE_OUTPUT, result_of(JOB))
    put(SAMPLE_FAILURE, {"error": {"code": "not_a_recording", "message": "No header."}})
    for sample in ("completion_succeeded", "completion_failed", "completion_expired"):
        deliver(event(sample))
    assert the(table).status is JobStatus.QUEUED
    assert "another attempt" in logged.getvalue()


def test_a_job_that_an_earlier_version_has_queued_is_settled_by_its_message(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    job = queued_job()
    item = job.to_item()
    del item["attempts"]
    clients.dynamodb().put_item(TableName="femo-jobs", Item=item)
    put(SAMPLE_OUTPUT, result_of(JOB))
    deliver(messages({"inferenceId": JOB, "requestParameters": {"accept": "*/*"}}))
    assert the(table).status is JobStatus.COMPLETED


def test_a_message_that_names_the_job_alone_does_not_settle_an_attempt(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    queued_job()
    put(SAMPLE_OUTPUT, result_of(JOB))
    deliver(messages({"inferenceId": JOB, "requestParameters": {}}))
    assert the(table).status is JobStatus.QUEUED


@pytest.mark.parametrize("known", [True, False], ids=["place in the row", "row not yet written"])
def test_a_success_that_names_another_jobs_result_is_refused(
    table: JobTable, queued_job: Callable[..., Job], known: bool
) -> None:
    queued_job(output_location=output_uri("mine") if known else None)
    put(output_uri("mine"), result_of(JOB))
    put(SAMPLE_OUTPUT, result_of("another-job"))
    with pytest.raises(UnrecordedMessagesError):
        deliver(event("completion_succeeded"))
    assert the(table).status is JobStatus.QUEUED


def test_a_result_of_another_content_than_the_submitted_one_is_not_the_jobs(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    queued_job(recording_etag='"submitted"')
    source = {"s3Key": f"s3://{RECORDINGS}/a.dat", "versionId": None, "etag": '"replaced"'}
    put(SAMPLE_OUTPUT, result_of(JOB, source=source))
    deliver(event("completion_succeeded"))
    job = the(table)
    assert job.status is JobStatus.FAILED
    assert job.error
    assert job.error.code == "recording_changed"


def test_the_reason_of_a_failure_is_found_where_the_row_has_it_and_not_the_message(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    queued_job(failure_location=SAMPLE_FAILURE)
    put(SAMPLE_FAILURE, {"error": {"code": "not_a_recording", "message": "No header."}})
    deliver(messages({"responseParameters": None}, sample="completion_failed"))
    error = the(table).error
    assert error
    assert error.code == "not_a_recording"


@pytest.mark.parametrize(
    "code",
    ["loading", "shutting_down", "worker_lost", "storage_unavailable", "insufficient_storage"],
)
def test_a_failure_that_will_pass_is_no_outcome_and_the_job_is_queued_again(
    table: JobTable, queued_job: Callable[..., Job], queued: Callable[..., None], code: str
) -> None:
    before = queued_job(failure_location=SAMPLE_FAILURE, output_location=SAMPLE_OUTPUT)
    put(SAMPLE_FAILURE, {"error": {"code": code, "message": "For now."}})
    queued(JOB, attempt=2, place="second")
    deliver(event("completion_failed"))
    job = the(table)
    assert (job.status, job.attempts, job.last_fault) == (JobStatus.QUEUED, 2, code)
    assert job.inference_id not in (before.inference_id, JOB)
    assert len(job.inference_id) <= 64
    assert job.output_location == output_uri("second")
    deliver(event("completion_failed"))  # SNS delivers twice
    assert the(table) == job


def test_a_job_is_tried_again_a_bounded_number_of_times_and_keeps_the_reason(
    table: JobTable, queued_job: Callable[..., Job], sagemaker: Stubber
) -> None:
    queued_job(attempts=6)
    put(SAMPLE_FAILURE, {"error": {"code": "storage_unavailable", "message": "S3 is down."}})
    deliver(event("completion_failed"))
    job = the(table)
    assert job.status is JobStatus.FAILED
    assert job.error
    assert job.error.code == "storage_unavailable"
    assert job.error.message == "S3 is down. It was tried 6 times."


def test_a_job_whose_deadline_is_over_is_not_tried_again(
    table: JobTable, queued_job: Callable[..., Job], sagemaker: Stubber
) -> None:
    queued_job(deadline=int(time.time()) - 1)
    put(SAMPLE_FAILURE, {"error": {"code": "loading", "message": "For now."}})
    deliver(event("completion_failed"))
    assert the(table).status is JobStatus.FAILED


def test_what_lasts_is_tried_again_later_by_the_sweeper(
    table: JobTable, queued_job: Callable[..., Job], sagemaker: Stubber
) -> None:
    queued_job(attempts=3)
    put(SAMPLE_FAILURE, {"error": {"code": "storage_unavailable", "message": "S3 is down."}})
    deliver(event("completion_failed"))
    job = the(table)
    assert (job.status, job.attempts) == (JobStatus.QUEUED, 4)
    assert job.output_location is None
    assert job.next_check_at is not None
    assert job.next_check_at >= time.time() + 250


def test_a_job_that_cannot_be_queued_again_at_once_is_left_to_the_sweeper(
    table: JobTable, queued_job: Callable[..., Job], refuse: Callable[..., None]
) -> None:
    queued_job()
    put(SAMPLE_FAILURE, {"error": {"code": "loading", "message": "For now."}})
    refuse("ThrottlingException", "Rate exceeded")
    deliver(event("completion_failed"))
    job = the(table)
    assert (job.status, job.attempts, job.output_location) == (JobStatus.QUEUED, 2, None)
    assert job.next_check_at is not None


def test_a_job_that_is_tried_again_is_not_withdrawn_by_a_repeat_that_finds_no_model(
    table: JobTable, queued_job: Callable[..., Job], sagemaker: Stubber
) -> None:
    job = queued_job(attempts=2)
    assert job.is_queued_for_inference
    assert not table.withdraw(job)
    assert the(table) == job


def test_an_older_attempt_that_is_slow_does_not_overwrite_where_the_current_one_ends(
    table: JobTable, queued_job: Callable[..., Job], sagemaker: Stubber
) -> None:
    first = queued_job()
    second = table.begin_attempt(
        first, fault="loading", delay_seconds=300, settings=configuration()
    )
    assert second
    table.record_submission(
        first, output_location="first", failure_location=None, settings=configuration()
    )
    assert the(table) == second


def test_a_row_that_cannot_be_read_keeps_its_message_and_no_others(
    table: JobTable, queued_job: Callable[..., Job]
) -> None:
    item = queued_job("broken").to_item() | {"status": {"S": "Paused"}}
    clients.dynamodb().put_item(TableName="femo-jobs", Item=item)
    queued_job("a")
    put(output_uri("a"), result_of("a"))
    place = {"responseParameters": {"outputLocation": output_uri("a")}}
    with pytest.raises(UnrecordedMessagesError, match="1 of 2"):
        deliver(messages(of("broken") | place, of("a") | place))
    assert the(table, "a").status is JobStatus.COMPLETED


def test_a_job_is_counted_by_how_it_ended_and_not_by_what_the_message_says(
    table: JobTable, queued_job: Callable[..., Job], capsys: pytest.CaptureFixture[str]
) -> None:
    queued_job(attempts=3)
    put(SAMPLE_OUTPUT, b"not json")
    deliver(event("completion_succeeded"))
    metrics = capsys.readouterr().out
    assert '"JobsFailed"' in metrics
    assert '"JobsCompleted"' not in metrics


def test_what_sagemaker_is_asked_to_echo_fits_into_what_it_takes(
    queued_job: Callable[..., Job],
) -> None:
    longest = queued_job("a" * 64, attempts=6)
    assert len(custom_attributes(longest)) <= 1024
    assert all(" " < character <= "~" for character in custom_attributes(longest))
    assert 1 <= len(longest.inference_id) <= 64
