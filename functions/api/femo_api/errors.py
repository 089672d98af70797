"""Errors that a caller sees: an HTTP status, a code, a message, and where it is one, the field."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any


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
        code: str,
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


def error_body(code: str, message: str, field: str | None = None) -> dict[str, Any]:
    """Return an error in the one shape that every error has."""
    error = {"code": code, "message": message}
    if field:
        error["field"] = field
    return {"error": error}


def recording_not_found() -> ApiError:
    """No recording where the request says."""
    return ApiError(
        HTTPStatus.NOT_FOUND,
        "recording_not_found",
        "There is no such recording. Upload it first, or check s3Key.",
        field="s3Key",
    )


def job_not_found() -> ApiError:
    """No job of that id."""
    return ApiError(HTTPStatus.NOT_FOUND, "job_not_found", "There is no job of this id.")


def upload_not_found() -> ApiError:
    """No upload of that id."""
    return ApiError(
        HTTPStatus.NOT_FOUND,
        "upload_not_found",
        "There is no such multipart upload. It may have been given up: start another.",
    )


def job_conflict() -> ApiError:
    """The id belongs to a job with another body."""
    return ApiError(
        HTTPStatus.CONFLICT,
        "job_id_conflict",
        "A job of this id with another request exists. Choose a new jobId.",
        field="jobId",
    )


def recording_too_large(limit_bytes: int, field: str) -> ApiError:
    """The recording is larger than this service takes."""
    return ApiError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "recording_too_large",
        f"The recording is larger than {limit_bytes // (1024 * 1024)} MiB.",
        field=field,
    )


def model_not_deployed() -> ApiError:
    """No model is in service."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "model_not_deployed",
        "No model is in service yet. The job was not accepted; send it again later.",
        headers={"Retry-After": "60"},
    )


def service_busy() -> ApiError:
    """SageMaker throttles."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "service_busy",
        "The service takes no more jobs at the moment. Send the same request again.",
        headers={"Retry-After": "5"},
    )


def submission_uncertain() -> ApiError:
    """It is not known whether the job was queued."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "submission_uncertain",
        "The job may or may not have been queued. Send the same request again: "
        "a job of one jobId is counted once.",
        headers={"Retry-After": "5"},
    )
