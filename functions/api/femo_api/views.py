"""Jobs as callers see them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from femo_jobs import clients
from femo_jobs.jobs import Job, JobStatus, timestamp
from femo_jobs.locations import Location

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


def full(job: Job) -> dict[str, Any]:
    """Return a job; a completed one with its result while small, and where to fetch it."""
    view = summary(job)
    if job.status is not JobStatus.COMPLETED or job.output_location is None:
        return view
    location = Location.parse(job.output_location)
    view["resultUrl"] = clients.s3().generate_presigned_url(
        "get_object",
        Params={"Bucket": location.bucket, "Key": location.key},
        ExpiresIn=RESULT_URL_SECONDS,
    )
    expiry = datetime.now(UTC) + timedelta(seconds=RESULT_URL_SECONDS)
    view["resultUrlExpiresAt"] = timestamp(expiry)
    if job.result_bytes is not None and job.result_bytes <= INLINE_RESULT_BYTES:
        response = _response(location)
        if response is not None:
            view["result"] = response.get("result")
    return view


def _response(location: Location) -> dict[str, Any] | None:
    """Return the container's response, or None where it has been deleted since."""
    try:
        answer = clients.s3().get_object(Bucket=location.bucket, Key=location.key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise
    with answer["Body"] as stream:
        document: dict[str, Any] = json.loads(stream.read())
    return document
