"""The result of a completed job is given whole, or its absence is told by a code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from femo_jobs import clients, outcomes
from femo_jobs.configuration import configuration
from femo_jobs.errors import ResultUnavailableError, UnreadableRowError
from femo_jobs.jobs import Job, JobRequest, JobStatus, new_job, read_rows

from .conftest import RECORDINGS, REQUESTS, output_uri, put, result_of

Read = Any


@pytest.fixture
def job() -> Job:
    request = JobRequest(None, f"s3://{RECORDINGS}/a.dat", False, False, True)
    made = new_job("a", request, settings=configuration())
    return replace(made, status=JobStatus.COMPLETED, output_location=output_uri("a"))


def test_a_result_is_found_and_read(job: Job) -> None:
    put(output_uri("a"), result_of("a"))
    found = outcomes.find_result(job, requests_bucket=REQUESTS)
    assert found.location.uri == output_uri("a")
    assert found.size_bytes > 100
    assert outcomes.read_result(job, requests_bucket=REQUESTS) == result_of("a")


@pytest.mark.parametrize("read", [outcomes.find_result, outcomes.read_result])
def test_a_result_that_was_deleted_is_told_as_unavailable(job: Job, read: Read) -> None:
    with pytest.raises(ResultUnavailableError, match="deleted") as told:
        read(job, requests_bucket=REQUESTS)
    assert told.value.code == "result_unavailable"


@pytest.mark.parametrize("read", [outcomes.find_result, outcomes.read_result])
@pytest.mark.parametrize("place", [None, "nowhere", "s3://elsewhere/results/a.out"])
def test_a_place_that_is_not_ours_is_not_read(job: Job, read: Read, place: str | None) -> None:
    with pytest.raises(ResultUnavailableError):
        read(replace(job, output_location=place), requests_bucket=REQUESTS)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"no": 1}',
        b'{"result": NaN}',
        b'{"result": "\\ud800"}',
        b"[" * 100_000,
        b"\xff",
        b'{"jobId": "b", "result": {}}',
    ],
)
def test_what_is_no_result_of_this_job_is_not_passed_on(job: Job, body: bytes) -> None:
    put(output_uri("a"), body)
    with pytest.raises(ResultUnavailableError):
        outcomes.read_result(job, requests_bucket=REQUESTS)


@pytest.mark.parametrize(
    ("status", "raised"), [(403, ResultUnavailableError), (503, ClientError), (500, ClientError)]
)
def test_a_fault_of_s3_that_passes_is_not_told_as_a_lost_result(
    job: Job, status: int, raised: type[Exception]
) -> None:
    with Stubber(clients.s3()) as stub:
        stub.add_client_error("get_object", "X", http_status_code=status)
        with pytest.raises(raised):
            outcomes.read_result(job, requests_bucket=REQUESTS)


def test_a_row_that_cannot_be_read_is_told_among_those_that_can(job: Job) -> None:
    odd = job.to_item() | {"jobId": {"S": "odd"}, "status": {"S": "Paused"}}
    first, second, third = read_rows([job.to_item(), odd, job.to_item()])
    assert first == third == job
    assert isinstance(second, UnreadableRowError)
    assert (second.job_id, second.why) == ("odd", "status is not a status that is known")


def test_a_row_survives_being_written_and_read(job: Job) -> None:
    whole = replace(job, attempts=3, last_fault="lost", recording_version="v", check_at=7)
    assert Job.from_item(whole.to_item()) == whole
