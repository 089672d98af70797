"""Jobs as callers see them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from femo_api import errors
from femo_jobs import clients
from femo_jobs.configuration import Configuration
from femo_jobs.errors import LocationError
from femo_jobs.jobs import Job, JobStatus, UnreadableRow, timestamp
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
        "removeHiccups": job.request.remove_hiccups,
        "includeFullIntervals": job.request.include_full_intervals,
        "extractEvents": job.request.extract_events,
        "completedTimeStamp": job.completed_at,
        "processing_time_seconds": job.processing_seconds,
        "output_type": job.output_type,
        "resultLocation": job.output_location if job.status is JobStatus.COMPLETED else None,
    }
    view = {name: value for name, value in view.items() if value is not None}
    if job.error:
        view["error"] = {"code": job.error.code, "message": job.error.message}
        if job.error.field:
            view["error"]["field"] = job.error.field
    return view


def listed(job: Job | UnreadableRow) -> dict[str, Any]:
    """Return a listing's entry: a job without its result, or that there is one we cannot read."""
    if isinstance(job, Job):
        return summary(job)
    count("UnreadableRows")
    logger.error("row cannot be read", job_id=job.job_id)
    error = {"code": str(errors.Code.UNREADABLE_JOB), "message": errors.UNREADABLE_JOB_MESSAGE}
    return {"jobId": job.job_id, "status": str(job.status), "error": error}


def full(job: Job, settings: Configuration) -> dict[str, Any]:
    """Return a job; a completed one with its result while small, and where to fetch it.

    A result that cannot be read does not hide its job: ``result`` is null, and ``error`` says why.
    """
    view = summary(job)
    if job.status is not JobStatus.COMPLETED:
        return view
    try:
        location = _ours(job.output_location, settings)
        response = _response(location)
    except _ResultError as error:
        count("ResultsNotRead")
        logger.error("result cannot be read", job_id=job.job_id, code=error.code)
        return view | {"result": None, "error": {"code": error.code, "message": str(error)}}
    if response is not None:
        view["result"] = response
    view["resultUrl"] = clients.s3().generate_presigned_url(
        "get_object",
        Params={"Bucket": location.bucket, "Key": location.key},
        ExpiresIn=RESULT_URL_SECONDS,
    )
    expiry = datetime.now(UTC) + timedelta(seconds=RESULT_URL_SECONDS)
    view["resultUrlExpiresAt"] = timestamp(expiry)
    return view


class _ResultError(Exception):
    """A completed job's result cannot be given."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _unavailable() -> _ResultError:
    return _ResultError(
        "result_unavailable",
        "The job was completed, but its result is gone or damaged. "
        "Submit the recording again under a new jobId.",
    )


def _unreachable() -> _ResultError:
    return _ResultError(
        "result_unreachable",
        "The job was completed, but its result cannot be read at the moment. Ask again later; "
        "if it stays, tell the operator.",
    )


def _ours(uri: str | None, settings: Configuration) -> Location:
    """Return where a result lies, if that is where results are written."""
    try:
        location = Location.parse(uri or "")
    except LocationError as error:
        raise _unavailable() from error
    if location.bucket != settings.requests_bucket or not location.key.startswith("results/"):
        raise _unavailable()
    return location


def _response(location: Location) -> dict[str, Any] | None:
    """Return the result in the container's response, or None where it is too large to be sent."""
    try:
        answer = clients.s3().get_object(Bucket=location.bucket, Key=location.key)
        with answer["Body"] as stream:
            if answer["ContentLength"] > INLINE_RESULT_BYTES:
                return None
            body = stream.read()
    except ClientError as error:
        gone = error.response["Error"]["Code"] == "NoSuchKey"
        raise (_unavailable() if gone else _unreachable()) from error
    except BotoCoreError as error:
        raise _unreachable() from error
    try:
        result = json.loads(body)["result"]
        # Python reads what no JSON may hold, NaN and halves of characters, and cannot send it.
        json.dumps(result, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise _unavailable() from error
    if not isinstance(result, dict):
        raise _unavailable()
    return result
