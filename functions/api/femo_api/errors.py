"""Errors that a caller sees: an HTTP status, a code, a message, and where it is one, the field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from femo_result.errors.api import ApiCode as Code

__all__ = ["ApiError", "Code"]

# When to ask again where too many jobs wait: not at once, by all who were sent away, and not after
# hours, as a larger fleet or a faster model may come in between.
SHORTEST_BACKLOG_SECONDS = 30
LONGEST_BACKLOG_SECONDS = 3600


class ApiError(Exception):
    """A request that is answered with an error.

    Parameters
    ----------
    code
        Of the catalogue, which gives the answer its status.
    message
        What is wrong and what to do, for people, where that is more exact than the catalogue's
        sentence. Never what the caller has sent.
    field
        Name of the field that is at fault.
    headers
        Further headers of the answer.
    """

    def __init__(
        self,
        code: Code,
        message: str | None = None,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code.status.value} {code}")
        self.status = code.status
        self.code = code
        self.message = message or code.sentence
        self.field = field
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return error_body(self.code, self.message, self.field)


def error_body(code: Code, message: str | None = None, field: str | None = None) -> dict[str, Any]:
    """Return an error in the one shape that every error has."""
    error = {"code": str(code), "message": message or code.sentence}
    if field:
        error["field"] = field
    return {"error": error}


def invalid_field(field: str | None, message: str) -> ApiError:
    """A field or parameter has a value that cannot be used."""
    return ApiError(Code.INVALID_FIELD, f"{message}.", field=field)


def missing_field(field: str | None) -> ApiError:
    """A field is left out that is needed."""
    return ApiError(Code.MISSING_FIELD, field=field)


def unknown_field(field: str | None) -> ApiError:
    """The body has a field that the route does not know."""
    return ApiError(Code.UNKNOWN_FIELD, field=field)


def repeated_field(field: str | None) -> ApiError:
    """The body gives a field more than once, and readers differ in which of them counts."""
    return ApiError(
        Code.REPEATED_FIELD,
        field=field,
    )


def unknown_parameter(field: str | None, known: list[str]) -> ApiError:
    """The query has a parameter that the route does not know."""
    has = f"has {', '.join(known)}" if known else "has none"
    return ApiError(
        Code.UNKNOWN_PARAMETER,
        f"This query parameter is not known. The route {has}.",
        field=field,
    )


def repeated_parameter(field: str) -> ApiError:
    """The query gives a parameter more than once."""
    return ApiError(
        Code.REPEATED_PARAMETER,
        field=field,
    )


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


def request_too_large(limit_characters: int) -> ApiError:
    """The body is larger than any sensible request."""
    return ApiError(
        Code.REQUEST_TOO_LARGE,
        f"The body is larger than {limit_characters // 1024} KiB. "
        "Recordings are sent to the URLs of POST /uploads.",
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


def service_busy() -> ApiError:
    """SageMaker throttles, or does not answer in time what can be asked again."""
    return ApiError(
        Code.SERVICE_BUSY,
        headers={"Retry-After": "5"},
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


def internal_error() -> ApiError:
    """We have failed."""
    return ApiError(
        Code.INTERNAL_ERROR,
    )
