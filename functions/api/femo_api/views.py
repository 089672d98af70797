"""Jobs as callers see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from femo_api import errors, results
from femo_jobs.configuration import Configuration
from femo_jobs.jobs import Job, JobStatus, ResultSummary, UnreadableRow, timestamp
from femo_jobs.observability import count, logger

INLINE_RESULT_BYTES = 1024 * 1024  # Lambda answers 6 MB at most


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
        location = results.location(job, settings)
        found = results.document(location, INLINE_RESULT_BYTES)
    except results.ResultError as error:
        count("ResultsNotRead")
        logger.error("result cannot be read", job_id=job.job_id, code=error.code)
        return view | {"result": None, **errors.error_body(error.code)}
    if found is not None:
        view["result"] = found["result"]
    view["resultUrl"] = results.address(location)
    expiry = datetime.now(UTC) + timedelta(seconds=results.URL_SECONDS)
    view["resultUrlExpiresAt"] = timestamp(expiry)
    return view
