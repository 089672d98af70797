"""A job that would expire before its turn is refused, and no other one is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from bench.scale_policies import deployed
from femo_api import backlog
from femo_api.settings import AHEAD
from femo_jobs.configuration import configuration
from femo_jobs.jobs import JobRequest, JobStatus, Lane, Outcome, new_job
from femo_jobs.open_jobs import count_fast_lane, count_queue
from femo_jobs.table import JobTable

from .conftest import Answer, output_uri

Call = Callable[..., Answer]
Queued = Callable[[str], None]

# 4 instances with 2 jobs in hand each, 15 s a job, 6 h of time, at most 10 minutes to start.
FITTING = int((21600 - 600) / 15 * 4 * 2)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Say how many jobs are open; the list grows by each count."""
    counts: list[int] = []

    def announce(number: int) -> list[int]:
        monkeypatch.setattr(backlog, "count_queue", lambda _table: counts.append(number) or number)
        backlog.forget()
        counts.clear()
        return counts

    return announce


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moment = [1000.0]

    class Told:
        monotonic = staticmethod(lambda: moment[0])

    monkeypatch.setattr(backlog, "time", Told)
    return moment


def completed(table: JobTable, job_id: str, seconds: float) -> None:
    request = JobRequest(None, "s3://femo-recordings/a.dat", False, False, True)
    table.add(new_job(job_id, request, settings=configuration()))
    outcome = Outcome(JobStatus.COMPLETED, "2025-06-04T14:31:00.000Z", output_uri(job_id))
    table.settle(job_id, replace(outcome, processing_seconds=seconds))


def test_an_instance_is_reckoned_to_have_the_jobs_in_hand_that_sagemaker_sends_it() -> None:
    policies = deployed()
    assert policies.in_hand == policies.concurrency + AHEAD


def test_a_backlog_that_fits_takes_one_more_and_one_that_does_not_refuses_it(
    call: Call, queued: Queued, recording: str, opened: Any, table: JobTable
) -> None:
    body = {"jobId": "a", "s3Key": recording}
    opened(FITTING + 1)
    answer = call("POST", "/jobs", body)
    assert (answer.status, answer.code) == (503, "backlog_full")
    assert int(answer.headers["retry-after"]) == 30
    assert table.get("a") is None
    opened(FITTING)
    queued("a")
    assert call("POST", "/jobs", body).status == 202


def test_the_refusal_says_when_there_will_be_room(
    call: Call, recording: str, opened: Any, sagemaker: Stubber
) -> None:
    opened(FITTING + 8 * 20)  # twenty jobs too many on each place, 15 s each
    answer = call("POST", "/jobs", {"jobId": "a", "s3Key": recording})
    assert int(answer.headers["retry-after"]) == 300


def test_a_repeat_of_an_accepted_job_is_answered_however_long_the_queue(
    call: Call, queued: Queued, recording: str, opened: Any
) -> None:
    body = {"jobId": "a", "s3Key": recording}
    queued("a")
    assert call("POST", "/jobs", body).status == 202
    opened(10 * FITTING)
    answer = call("POST", "/jobs", body)
    assert (answer.status, answer.body["jobId"]) == (200, "a")
    assert call("POST", "/jobs", body | {"removeHiccups": True}).status == 409


def test_what_jobs_have_taken_counts_and_not_what_was_expected(
    call: Call, queued: Queued, recording: str, opened: Any, table: JobTable
) -> None:
    for number, seconds in enumerate((2.0, 4.0)):
        completed(table, f"done-{number}", seconds)
    opened(FITTING * 4)
    queued("a")
    assert call("POST", "/jobs", {"jobId": "a", "s3Key": recording}).status == 202
    opened(FITTING * 6)
    assert call("POST", "/jobs", {"jobId": "b", "s3Key": recording}).code == "backlog_full"


def test_an_endpoint_whose_jobs_may_wait_but_a_minute_is_still_woken(
    call: Call,
    queued: Queued,
    recording: str,
    opened: Any,
    monkeypatch: pytest.MonkeyPatch,
    table: JobTable,
) -> None:
    """From zero every job would outwait its time: were each refused, no instance ever started."""
    from femo_api.settings import api_settings

    settings = replace(configuration(), request_ttl_seconds=60)
    for jobs, refused in ((0, False), (7, False), (8, True)):
        opened(jobs)
        assert (backlog.seconds_too_many(table, settings, api_settings()) is not None) == refused


def test_instances_that_are_kept_need_no_time_to_start(opened: Any, table: JobTable) -> None:
    from femo_api.settings import api_settings

    kept = replace(api_settings(), min_instances=1)
    opened(FITTING + 1)
    assert backlog.seconds_too_many(table, configuration(), kept) is None
    opened(int(21600 / 15 * 8) + 1)
    assert backlog.seconds_too_many(table, configuration(), kept) is not None


def test_a_backlog_that_is_not_known_refuses_nobody(
    call: Call, queued: Queued, recording: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_table: JobTable) -> int:
        raise ReadTimeoutError(endpoint_url="x")

    monkeypatch.setattr(backlog, "count_queue", silent)
    queued("a")
    assert call("POST", "/jobs", {"jobId": "a", "s3Key": recording}).status == 202


def test_the_count_is_not_paid_for_by_each_request(
    opened: Any, table: JobTable, now: list[float]
) -> None:
    counts = opened(100)
    for _ in range(1000):
        backlog.queue_jobs(table)
    assert len(counts) == 1
    now[0] += backlog.COUNT_SECONDS
    backlog.queue_jobs(table)
    assert len(counts) == 2
    # What is dearer to count is kept longer, but never for more than a minute
    for jobs, seconds in ((60_000, 30), (10**7, 60)):
        counts = opened(jobs)
        for elapsed in range(seconds + 1):
            now[0] += elapsed > 0
            backlog.queue_jobs(table)
            assert len(counts) == (2 if elapsed == seconds else 1), (jobs, elapsed)


def test_open_jobs_alone_are_counted_each_in_its_lane(table: JobTable) -> None:
    request = JobRequest(None, "s3://femo-recordings/a.dat", False, False, True)
    for number in range(20):
        lane = Lane.SERVERLESS if number < 3 else Lane.ASYNCHRONOUS
        table.add(new_job(f"open-{number}", request, settings=configuration(), lane=lane))
    completed(table, "done", 1.0)
    assert (count_queue(table), count_fast_lane(table)) == (17, 3)
