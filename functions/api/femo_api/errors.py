"""Errors that a caller sees: an HTTP status, a code, a message, and where it is one, the field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any

# When to ask again where too many jobs wait: not at once, by all who were sent away, and not after
# hours, as a larger fleet or a faster model may come in between.
SHORTEST_BACKLOG_SECONDS = 30
LONGEST_BACKLOG_SECONDS = 3600


class Code(StrEnum):
    """The stable names of errors, for programs. What a job itself failed of is not among them."""

    # the request as a whole
    MALFORMED_JSON = "malformed_json"
    MISSING_BODY = "missing_body"
    NOT_AN_OBJECT = "not_an_object"
    REQUEST_TOO_LARGE = "request_too_large"
    NO_SUCH_ROUTE = "no_such_route"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BAD_REQUEST = "bad_request"
    # its fields and parameters
    MISSING_FIELD = "missing_field"
    INVALID_FIELD = "invalid_field"
    UNKNOWN_FIELD = "unknown_field"
    REPEATED_FIELD = "repeated_field"
    UNKNOWN_PARAMETER = "unknown_parameter"
    REPEATED_PARAMETER = "repeated_parameter"
    INVALID_NEXT_TOKEN = "invalid_next_token"  # noqa: S105 - the name of an error
    INVALID_S3_KEY = "invalid_s3_key"
    # what it is about
    RECORDING_NOT_FOUND = "recording_not_found"
    EMPTY_RECORDING = "empty_recording"
    RECORDING_TOO_LARGE = "recording_too_large"
    JOB_NOT_FOUND = "job_not_found"
    JOB_ID_CONFLICT = "job_id_conflict"
    UPLOAD_NOT_FOUND = "upload_not_found"
    UPLOAD_INCOMPLETE = "upload_incomplete"
    # the service
    MODEL_NOT_DEPLOYED = "model_not_deployed"
    BACKLOG_FULL = "backlog_full"
    SERVICE_BUSY = "service_busy"
    SUBMISSION_UNCERTAIN = "submission_uncertain"
    UNREADABLE_JOB = "unreadable_job"
    INTERNAL_ERROR = "internal_error"
    # what API Gateway says before the function is asked: the template's gateway responses
    UNAUTHORIZED = "unauthorized"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - the name of an error
    FORBIDDEN = "forbidden"
    REQUEST_REFUSED = "request_refused"
    TOO_MANY_REQUESTS = "too_many_requests"
    TIMEOUT = "timeout"


class ApiError(Exception):
    """A request that is answered with an error.

    Parameters
    ----------
    status
        HTTP status of the answer.
    code
        Stable name of the error, for programs.
    message
        What is wrong and what to do, for people. Never what the caller has sent.
    field
        Name of the field that is at fault.
    headers
        Further headers of the answer.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: Code,
        message: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status.value} {code}")
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return error_body(self.code, self.message, self.field)


def error_body(code: Code, message: str, field: str | None = None) -> dict[str, Any]:
    """Return an error in the one shape that every error has."""
    error = {"code": str(code), "message": message}
    if field:
        error["field"] = field
    return {"error": error}


def invalid_field(field: str | None, message: str) -> ApiError:
    """A field or parameter has a value that cannot be used."""
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, Code.INVALID_FIELD, f"{message}.", field=field)


def missing_field(field: str | None) -> ApiError:
    """A field is left out that is needed."""
    return ApiError(
        HTTPStatus.UNPROCESSABLE_ENTITY, Code.MISSING_FIELD, "This field is needed.", field=field
    )


def unknown_field(field: str | None) -> ApiError:
    """The body has a field that the route does not know."""
    return ApiError(
        HTTPStatus.UNPROCESSABLE_ENTITY, Code.UNKNOWN_FIELD, "This field is not known.", field=field
    )


def repeated_field(field: str | None) -> ApiError:
    """The body gives a field more than once, and readers differ in which of them counts."""
    return ApiError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        Code.REPEATED_FIELD,
        "This field may be given once.",
        field=field,
    )


def unknown_parameter(field: str | None, known: list[str]) -> ApiError:
    """The query has a parameter that the route does not know."""
    has = f"has {', '.join(known)}" if known else "has none"
    return ApiError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        Code.UNKNOWN_PARAMETER,
        f"This query parameter is not known. The route {has}.",
        field=field,
    )


def repeated_parameter(field: str) -> ApiError:
    """The query gives a parameter more than once."""
    return ApiError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        Code.REPEATED_PARAMETER,
        "This query parameter may be given once.",
        field=field,
    )


def recording_not_found() -> ApiError:
    """No recording where the request says."""
    return ApiError(
        HTTPStatus.NOT_FOUND,
        Code.RECORDING_NOT_FOUND,
        "There is no such recording. Upload it first, or check s3Key.",
        field="s3Key",
    )


def job_not_found() -> ApiError:
    """No job of that id."""
    return ApiError(HTTPStatus.NOT_FOUND, Code.JOB_NOT_FOUND, "There is no job of this id.")


def upload_not_found() -> ApiError:
    """No upload of that id."""
    return ApiError(
        HTTPStatus.NOT_FOUND,
        Code.UPLOAD_NOT_FOUND,
        "There is no such multipart upload. It may have been given up: start another.",
    )


def upload_incomplete(received: int, size: int) -> ApiError:
    """Parts of a multipart upload are missing."""
    return ApiError(
        HTTPStatus.CONFLICT,
        Code.UPLOAD_INCOMPLETE,
        f"{received} of {size} bytes have arrived. Send the missing parts, "
        "then complete the upload again.",
    )


def job_conflict() -> ApiError:
    """The id belongs to a job with another body."""
    return ApiError(
        HTTPStatus.CONFLICT,
        Code.JOB_ID_CONFLICT,
        "A job of this id with another request exists. Choose a new jobId.",
        field="jobId",
    )


def recording_conflict() -> ApiError:
    """The id belongs to a job about what the recording held before."""
    return ApiError(
        HTTPStatus.CONFLICT,
        Code.JOB_ID_CONFLICT,
        "A job of this id exists, and its recording has been overwritten with another content "
        "since. Choose a new jobId for the new content.",
        field="jobId",
    )


def recording_too_large(limit_bytes: int, field: str) -> ApiError:
    """The recording is larger than this service takes."""
    return ApiError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        Code.RECORDING_TOO_LARGE,
        f"The recording is larger than {limit_bytes // (1024 * 1024)} MiB.",
        field=field,
    )


def request_too_large(limit_characters: int) -> ApiError:
    """The body is larger than any sensible request."""
    return ApiError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        Code.REQUEST_TOO_LARGE,
        f"The body is larger than {limit_characters // 1024} KiB. "
        "Recordings are sent to the URLs of POST /uploads.",
    )


def model_not_deployed(
    consequence: str = "The job was not accepted; send it again later",
) -> ApiError:
    """No model is in service."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
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
        HTTPStatus.SERVICE_UNAVAILABLE,
        Code.BACKLOG_FULL,
        "So many jobs wait that this one would expire before its turn. It was not accepted; "
        "send it again later.",
        headers={"Retry-After": str(wait)},
    )


def service_busy() -> ApiError:
    """AWS throttles, fails or does not answer, for longer than the SDK tries: it passes."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        Code.SERVICE_BUSY,
        "The service takes no more requests at the moment. Send the same one again.",
        headers={"Retry-After": "5"},
    )


def submission_uncertain() -> ApiError:
    """It is not known whether the job was queued."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        Code.SUBMISSION_UNCERTAIN,
        "The job may or may not have been queued. Send the same request again: "
        "a job of one jobId is counted once.",
        headers={"Retry-After": "5"},
    )


UNREADABLE_JOB_MESSAGE = (
    "There is a job of this id, but this version of the service cannot read it. Tell the operator."
)


def unreadable_job() -> ApiError:
    """The job's row is not one that this version of the code can read."""
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, Code.UNREADABLE_JOB, UNREADABLE_JOB_MESSAGE)


def internal_error() -> ApiError:
    """We have failed."""
    return ApiError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        Code.INTERNAL_ERROR,
        "The service failed. Send the same request again; if it stays, tell the operator "
        "the time of this request.",
    )
