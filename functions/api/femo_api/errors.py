"""The errors of jobs, uploads and the service, beside those of every route."""

from __future__ import annotations

import math

from femo_http.errors import (
    ApiError,
    Code,
    error_body,
    internal_error,
    invalid_field,
    missing_field,
    repeated_field,
    repeated_parameter,
    request_too_large,
    service_busy,
    unknown_field,
    unknown_parameter,
)

__all__ = [
    "ApiError",
    "Code",
    "backlog_full",
    "error_body",
    "internal_error",
    "invalid_field",
    "job_conflict",
    "job_not_found",
    "missing_field",
    "model_not_deployed",
    "recording_conflict",
    "recording_not_found",
    "recording_too_large",
    "repeated_field",
    "repeated_parameter",
    "request_too_large",
    "service_busy",
    "submission_uncertain",
    "unknown_field",
    "unknown_parameter",
    "unreadable_job",
    "upload_incomplete",
    "upload_not_found",
]

# When to ask again where too many jobs wait: not at once, by all who were sent away, and not after
# hours, as a larger fleet or a faster model may come in between.
SHORTEST_BACKLOG_SECONDS = 30
LONGEST_BACKLOG_SECONDS = 3600


def recording_not_found() -> ApiError:
    """No recording where the request says."""
    return ApiError(
        Code.RECORDING_NOT_FOUND,
        field="s3Key",
    )


def job_not_found() -> ApiError:
    """No job of that id."""
    return ApiError(
        Code.JOB_NOT_FOUND,
    )


def upload_not_found() -> ApiError:
    """No upload of that id."""
    return ApiError(
        Code.UPLOAD_NOT_FOUND,
    )


def upload_incomplete(received: int, size: int) -> ApiError:
    """Parts of a multipart upload are missing."""
    return ApiError(
        Code.UPLOAD_INCOMPLETE,
        f"{received} of {size} bytes have arrived. Send the missing parts, "
        "then complete the upload again.",
    )


def job_conflict() -> ApiError:
    """The id belongs to a job with another body."""
    return ApiError(
        Code.JOB_ID_CONFLICT,
        "A job of this id with another request exists. Choose a new jobId.",
        field="jobId",
    )


def recording_conflict() -> ApiError:
    """The id belongs to a job about what the recording held before."""
    return ApiError(
        Code.JOB_ID_CONFLICT,
        "A job of this id exists, and its recording has been overwritten with another content "
        "since. Choose a new jobId for the new content.",
        field="jobId",
    )


def recording_too_large(limit_bytes: int, field: str) -> ApiError:
    """The recording is larger than this service takes."""
    return ApiError(
        Code.RECORDING_TOO_LARGE,
        f"The recording is larger than {limit_bytes // (1024 * 1024)} MiB.",
        field=field,
    )


def model_not_deployed(
    consequence: str = "The job was not accepted; send it again later",
) -> ApiError:
    """No model is in service."""
    return ApiError(
        Code.MODEL_NOT_DEPLOYED,
        f"No model is in service yet. {consequence}.",
        headers={"Retry-After": "60"},
    )


def backlog_full(seconds: float) -> ApiError:
    """So many jobs wait that this one would expire before its turn.

    Parameters
    ----------
    seconds
        Until a job that is sent then would be analysed in time.
    """
    wait = min(max(math.ceil(seconds), SHORTEST_BACKLOG_SECONDS), LONGEST_BACKLOG_SECONDS)
    return ApiError(
        Code.BACKLOG_FULL,
        headers={"Retry-After": str(wait)},
    )


def submission_uncertain() -> ApiError:
    """It is not known whether the job was queued."""
    return ApiError(
        Code.SUBMISSION_UNCERTAIN,
        headers={"Retry-After": "5"},
    )


def unreadable_job() -> ApiError:
    """The job's row is not one that this version of the code can read."""
    return ApiError(Code.UNREADABLE_JOB)
