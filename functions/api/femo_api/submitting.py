"""Takes a job in: once for each id, whatever is repeated, lost or broken off on the way."""

from __future__ import annotations

import time
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from femo_api import backlog, errors, lanes, recordings
from femo_api.contract import JobSubmission
from femo_api.settings import ApiSettings
from femo_jobs import fast_lane_limits
from femo_jobs.aws_faults import THROTTLED, name_of, passes
from femo_jobs.configuration import Configuration
from femo_jobs.errors import (
    EndpointBusyError,
    EndpointUnavailableError,
    SubmissionUncertainError,
    TableBusyError,
)
from femo_jobs.jobs import Job, JobRequest, JobStatus, Lane, new_job
from femo_jobs.observability import count, logger
from femo_jobs.submission import submit
from femo_jobs.table import JobTable

# The API's own limit is 29 s: an attempt that is older has ended, well or badly.
ATTEMPT_SECONDS = 30
PATIENCE_SECONDS = 3.0
LOOK_EVERY_SECONDS = 0.1
MAX_ROUNDS = 3


@dataclass(frozen=True)
class Accepted:
    """A job that is in the table."""

    job: Job
    is_new: bool  # queued by this very request


def accept(
    submission: JobSubmission, table: JobTable, settings: Configuration, api: ApiSettings
) -> Accepted:
    """Queue a job, or return the one that an equal request has queued before.

    Raises
    ------
    ApiError
        404, 409, 413, 422 or 503, as the contract has it.
    """
    location = recordings.locate(submission.s3Key, settings)
    request = JobRequest(
        request_time=submission.requestTime,
        recording_uri=location.uri,
        remove_hiccups=submission.removeHiccups,
        include_full_intervals=submission.includeFullIntervals,
        extract_events=submission.extractEvents,
        subject_id=submission.subjectId,
    )
    try:
        recording = recordings.find(location, settings)
    except errors.ApiError:
        before = _accepted_before(submission.jobId, request, table)
        if before is None:
            raise
        return Accepted(before, is_new=False)
    lane = lanes.choose(request, recording.size_bytes, settings)
    _refuse_what_would_expire(submission.jobId, lane, table, settings, api)

    for _ in range(MAX_ROUNDS):
        job = new_job(
            submission.jobId,
            request,
            settings=settings,
            recording_bytes=recording.size_bytes,
            recording_etag=recording.etag,
            recording_version=recording.version,
            lane=lane,
        )
        if _add(job, table):
            return Accepted(_queue(job, table, settings), is_new=True)
        other = _after_its_attempt(job, table)
        if other is None:
            continue  # the other attempt was refused and has taken its row back
        if other.submission_id == job.submission_id:
            return Accepted(_queue(job, table, settings), is_new=True)  # the SDK wrote it twice
        if other.is_queued_for_inference or other.status is not JobStatus.QUEUED:
            return Accepted(other, is_new=False)
        claimed = table.take_over(other)
        if claimed is not None:
            return Accepted(_queue(claimed, table, settings), is_new=True)
    raise errors.submission_uncertain()


def _accepted_before(job_id: str, request: JobRequest, table: JobTable) -> Job | None:
    """Return the job of a repeat whose recording has gone; a conflict stays a conflict."""
    existing = table.get(job_id)
    if existing is None:
        return None
    _refuse_conflict(existing, request, etag=None)
    is_accepted = existing.is_queued_for_inference or existing.status is not JobStatus.QUEUED
    return existing if is_accepted else None


def _refuse_what_would_expire(
    job_id: str, lane: Lane, table: JobTable, settings: Configuration, api: ApiSettings
) -> None:
    """Refuse a new job that would not get its turn; one that is in the table goes on.

    One for the fast lane does not need the queue, as long as that gets to it in time. If it is
    sent on to the full queue nevertheless, it stands behind those that were accepted before, from
    whom it takes nothing, and has all of its time from then on; without a turn it ends as Expired.
    """
    try:
        seconds = backlog.seconds_too_many(table, settings, api)
        if seconds is None or table.get(job_id) is not None:
            return
        if lane is Lane.SERVERLESS:
            if backlog.takes_place_in_fast_lane(table, api):
                return
            seconds = fast_lane_limits.PATIENCE_SECONDS
    except (BotoCoreError, ClientError, TableBusyError) as error:
        # Not known is not full: the job may expire, and is then told so.
        logger.exception("backlog not known", error_type=type(error).__name__)
        return
    count("JobsRefusedByBacklog")
    raise errors.backlog_full(seconds)


def _after_its_attempt(own: Job, table: JobTable) -> Job | None:
    """Return the existing job once the attempt that is queueing it has had time to end."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        job = table.get(own.job_id)
        if job is None:
            return None
        _refuse_conflict(job, own.request, etag=own.recording_etag)
        if job.is_queued_for_inference or job.status is not JobStatus.QUEUED:
            return job
        if job.submission_id == own.submission_id:
            return job
        left_behind = time.time() - job.submission_at > ATTEMPT_SECONDS
        if left_behind or time.monotonic() > give_up:
            return job
        time.sleep(LOOK_EVERY_SECONDS)


def _refuse_conflict(job: Job, request: JobRequest, *, etag: str | None) -> None:
    """Refuse a request that is not the job's own.

    ``etag`` is that of the recording's content as it is now; None where there is none. The same
    content under another version of the object is the same recording.
    """
    if job.request.digest() != request.digest():
        raise errors.job_conflict()
    if etag is not None and job.recording_etag is not None and job.recording_etag != etag:
        raise errors.recording_conflict()


def _add(job: Job, table: JobTable) -> bool:
    """Write a new row; False where the id is taken."""
    try:
        return table.add(job)
    except (BotoCoreError, ClientError) as error:
        if passes(error) and name_of(error) not in THROTTLED:
            raise errors.submission_uncertain() from error  # it may have been written
        raise


def _queue(job: Job, table: JobTable, settings: Configuration) -> Job:
    """Have a job analysed whose row is there.

    Where it is not known what was done, the row stays: the job may be queued, and the sweeper or a
    repeat will see to it.
    """
    try:
        return _handed_over(job, table, settings)
    except SubmissionUncertainError as error:
        raise errors.submission_uncertain() from error
    except (BotoCoreError, ClientError) as error:
        if passes(error):
            raise errors.submission_uncertain() from error
        raise


def _handed_over(job: Job, table: JobTable, settings: Configuration) -> Job:
    sent = lanes.offer(job, table, settings)
    if sent is None:
        return job
    job = sent
    try:
        submission = submit(job, settings)
    except EndpointUnavailableError as error:
        table.withdraw(job)
        raise errors.model_not_deployed() from error
    except EndpointBusyError as error:
        table.withdraw(job)
        raise errors.service_busy() from error
    except ClientError:
        table.withdraw(job)
        raise
    return table.record_submission(
        job,
        output_location=submission.output_location,
        failure_location=submission.failure_location,
        settings=settings,
    )
