"""What AWS refuses for now is told as that, or tried again, and is no failure of the service."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from femo_completion.handler import handler as record
from femo_jobs import clients
from femo_jobs.aws_faults import THROTTLED, passes
from femo_jobs.configuration import configuration
from femo_jobs.jobs import JobStatus
from femo_jobs.table import JobTable
from femo_sweeper.sweeping import sweep

from .conftest import Answer, LambdaContext, output_uri, put, result_of

Call = Callable[..., Answer]
Fails = Callable[..., Any]

JOB = {"jobId": "a-1", "s3Key": "input-data/recording.dat"}
UPLOAD = {"fileName": "a.dat", "sizeBytes": 10}
LARGE_UPLOAD = {"fileName": "a.dat", "sizeBytes": 70 * 1024**2}
THROTTLE = ("ProvisionedThroughputExceededException", 400)


@contextmanager
def failing(client: Any, operation: str, code: str, status: int, times: int = 99) -> Iterator[None]:
    """Have AWS answer an operation with an error, however often the SDK tries."""
    left = [times]

    def answer(**_event: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
        if not left[0]:
            return None
        left[0] -= 1
        # A HEAD has no body to hold a name
        error = {"Code": str(status) if operation.startswith("Head") else code, "Message": ""}
        metadata = {"HTTPStatusCode": status}
        return AWSResponse("", status, {}, None), {"Error": error, "ResponseMetadata": metadata}  # type: ignore[arg-type]

    event = f"before-call.{client.meta.service_model.service_id.hyphenize()}.{operation}"
    client.meta.events.register_first(event, answer)
    try:
        yield
    finally:
        client.meta.events.unregister(event, answer)


@pytest.fixture
def fails() -> Iterator[Fails]:
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(failing(*arguments, **options))


@pytest.mark.parametrize(
    ("client", "operation", "code", "status", "route"),
    [
        ("dynamodb", "GetItem", *THROTTLE, ("GET", "/jobs/a-1")),
        ("dynamodb", "Query", "ThrottlingException", 400, ("GET", "/jobs")),
        ("dynamodb", "PutItem", "RequestLimitExceeded", 400, ("POST", "/jobs", JOB)),
        ("s3", "HeadObject", "SlowDown", 503, ("POST", "/jobs", JOB)),
        ("s3", "PutObject", "SlowDown", 503, ("POST", "/jobs", JOB)),
        ("s3", "CreateMultipartUpload", "SlowDown", 503, ("POST", "/uploads", LARGE_UPLOAD)),
        ("s3", "ListObjectsV2", "InternalError", 500, ("POST", f"/uploads/{'a' * 22}.7/complete")),
        ("sagemaker", "DescribeEndpoint", "ThrottlingException", 400, ("GET", "/service")),
        ("sagemaker", "DescribeEndpoint", "InternalFailure", 500, ("POST", "/service/warm-up")),
    ],
)
def test_a_caller_is_told_to_ask_again_where_aws_is_busy_for_longer_than_the_sdk_tries(
    call: Call,
    fails: Fails,
    recording: str,
    table: JobTable,
    client: str,
    operation: str,
    code: str,
    status: int,
    route: tuple[Any, ...],
) -> None:
    fails(getattr(clients, client)(), operation, code, status)
    answer = call(*route)
    assert (answer.status, answer.code) == (503, "service_busy")
    assert int(answer.headers["retry-after"]) > 0
    if route[1] == "/jobs" and route[0] == "POST":
        assert table.get("a-1") is None, "the job may be sent again at once"


def test_what_asking_again_would_not_mend_is_our_failure(call: Call, fails: Fails) -> None:
    fails(clients.dynamodb(), "GetItem", "AccessDeniedException", 400)
    answer = call("GET", "/jobs/a-1")
    assert (answer.status, answer.code) == (500, "internal_error")


def test_a_row_that_may_have_been_written_is_told_as_uncertain(
    call: Call, fails: Fails, recording: str
) -> None:
    fails(clients.dynamodb(), "PutItem", "InternalServerError", 500)
    answer = call("POST", "/jobs", JOB)
    assert (answer.status, answer.code) == (503, "submission_uncertain")
    assert answer.headers["retry-after"]


def test_a_queued_job_that_cannot_be_noted_as_such_is_accepted_and_ends(
    call: Call, fails: Fails, queued: Callable[..., None], recording: str, table: JobTable
) -> None:
    queued("a-1")
    with failing(clients.dynamodb(), "UpdateItem", *THROTTLE):
        assert call("POST", "/jobs", JOB).status == 202
    job = table.get("a-1")
    assert job is not None
    put(output_uri("a-1"), result_of("a-1"))
    message = {
        "invocationStatus": "Completed",
        "inferenceId": job.inference_id,
        "requestParameters": {"customAttributes": "job=a-1;attempt=1"},
        "responseParameters": {"outputLocation": output_uri("a-1")},
    }
    record({"Records": [{"Sns": {"Message": json.dumps(message)}}]}, LambdaContext())
    assert call("GET", "/jobs/a-1").body["status"] == "Completed"


def test_a_refused_job_whose_row_cannot_be_taken_back_is_told_as_uncertain(
    call: Call, fails: Fails, refuse: Callable[..., None], recording: str, table: JobTable
) -> None:
    refuse("ThrottlingException", status=400)
    fails(clients.dynamodb(), "DeleteItem", *THROTTLE)
    assert call("POST", "/jobs", JOB).code == "submission_uncertain"
    assert table.get("a-1") is not None


def test_a_caller_waits_on_where_the_table_is_busy_for_a_moment(
    call: Call, fails: Fails, queued: Callable[..., None], recording: str, table: JobTable
) -> None:
    queued("a-1")
    fails(clients.dynamodb(), "GetItem", *THROTTLE, times=1)
    answer = call("POST", "/jobs", JOB, headers={"Prefer": "wait=1"})
    assert answer.headers["preference-applied"] == "wait=1"
    assert answer.body["status"] == str(JobStatus.QUEUED)


def test_a_sweep_tells_what_it_has_done_where_the_open_jobs_are_not_found_for_now(
    fails: Fails, table: JobTable
) -> None:
    fails(clients.dynamodb(), "Query", *THROTTLE)
    done = sweep(table, configuration(), has_time=lambda: True)
    assert (done.failed, done.is_complete) == (2, False)


def test_a_sweep_that_may_not_look_fails(fails: Fails, table: JobTable) -> None:
    fails(clients.dynamodb(), "Query", "AccessDeniedException", 400)
    with pytest.raises(ClientError):
        sweep(table, configuration(), has_time=lambda: True)


def test_every_throttle_that_the_sdk_knows_is_known() -> None:
    assert set(ThrottledRetryableChecker._THROTTLED_ERROR_CODES) <= THROTTLED
    for code in TransientRetryableChecker._TRANSIENT_ERROR_CODES:
        assert passes(ClientError({"Error": {"Code": code}}, "GetItem"))


def test_no_answer_passes_and_no_credentials_do_not() -> None:
    assert passes(EndpointConnectionError(endpoint_url="https://dynamodb"))
    assert not passes(NoCredentialsError())
