"""Jobs as callers see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_api import errors
from femo_jobs import clients, outcomes
from femo_jobs.configuration import Configuration
from femo_jobs.errors import LocationError
from femo_jobs.jobs import Job, JobStatus, ResultSummary, UnreadableRow, timestamp
from femo_jobs.locations import Location
from femo_jobs.observability import count, logger

INLINE_RESULT_BYTES = 1024 * 1024  # Lambda answers 6 MB at most
RESULT_URL_SECONDS = 900


def summary(job: Job) -> dict[str, Any]:
    """Return a job without its result."""
    view: dict[str, Any] = {
        "jobId": job.job_id,
        "status": str(job.status),
        "createdAt": job.created_at,
        "requestTime": job.request.request_time,
        "s3Key": job.request.recording_uri,
        "source": {name: value for name, value in job.source.items() if value is not None},
        "removeHiccups": job.request.remove_hiccups,
        "includeFullIntervals": job.request.include_full_intervals,
        "extractEvents": job.request.extract_events,
        "subjectId": job.request.subject_id,
        "completedTimeStamp": job.completed_at,
        "processing_time_seconds": job.processing_seconds,
        "output_type": job.output_type,
        "modelPackage": job.model_package,
        "lane": None if job.lane is None else str(job.lane),
        "summary": None if job.summary is None else _in_short(job.summary),
        "resultLocation": job.output_location if job.status is JobStatus.COMPLETED else None,
    }
    view = {name: value for name, value in view.items() if value is not None}
    if job.error:
        view["error"] = {"code": job.error.code, "message": job.error.message}
        if job.error.field:
            view["error"]["field"] = job.error.field
    return view


def _in_short(summary: ResultSummary) -> dict[str, Any]:
    return {
        "durationSeconds": summary.duration_seconds,
        "judgedSeconds": summary.judged_seconds,
        "movementCount": summary.movement_count,
        "movementsPerJudgedHour": summary.movements_per_judged_hour,
    }


def listed(job: Job | UnreadableRow) -> dict[str, Any]:
    """Return a listing's entry: a job without its result, or that there is one we cannot read."""
    if isinstance(job, Job):
        return summary(job)
    count("RowsUnreadable")
    logger.error("row cannot be read", job_id=job.job_id)
    error = errors.error_body(errors.Code.UNREADABLE_JOB)["error"]
    status = {} if job.status is None else {"status": str(job.status)}
    return {"jobId": job.job_id, **status, "error": error}


def full(job: Job, settings: Configuration) -> dict[str, Any]:
    """Return a job; a completed one with its result while small, and where to fetch it.

    A result that cannot be read does not hide its job: ``result`` is null, and ``error`` says why.
    """
    view = summary(job)
    if job.status is not JobStatus.COMPLETED:
        return view
    try:
        location = _location(job, settings)
        result = _result(location)
    except ResultError as error:
        count("ResultsNotRead")
        logger.error("result cannot be read", job_id=job.job_id, code=error.code)
        return view | {"result": None, **errors.error_body(error.code)}
    if result is not None:
        view["result"] = result
    view["resultUrl"] = clients.s3().generate_presigned_url(
        "get_object",
        Params={"Bucket": location.bucket, "Key": location.key},
        ExpiresIn=RESULT_URL_SECONDS,
    )
    expiry = datetime.now(UTC) + timedelta(seconds=RESULT_URL_SECONDS)
    view["resultUrlExpiresAt"] = timestamp(expiry)
    return view


class ResultError(Exception):
    """A completed job's result cannot be given."""

    def __init__(self, code: errors.Code) -> None:
        super().__init__(str(code))
        self.code = code


def _location(job: Job, settings: Configuration) -> Location:
    try:
        return outcomes.result_location(job.output_location or "", settings.requests_bucket)
    except LocationError as error:
        raise ResultError(errors.Code.RESULT_UNAVAILABLE) from error


def _result(location: Location) -> dict[str, Any] | None:
    """Return the result in the container's response, or None where it is too large to be sent."""
    try:
        found = outcomes.read_object(location, INLINE_RESULT_BYTES)
    except (BotoCoreError, ClientError) as error:
        raise ResultError(errors.Code.RESULT_UNREACHABLE) from error
    if found is None:
        raise ResultError(errors.Code.RESULT_UNAVAILABLE)
    body, _ = found
    if body is None:
        return None
    response = outcomes.response(body)
    if response is None:
        raise ResultError(errors.Code.RESULT_UNAVAILABLE)
    result: dict[str, Any] = response["result"]
    return result
