"""Errors that a caller sees: a code of the catalogue, a message, and where it is one, the field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from femo_result.errors.api import ApiCode as Code

__all__ = [
    "ApiError",
    "Code",
    "error_body",
    "internal_error",
    "invalid_field",
    "missing_field",
    "repeated_field",
    "repeated_parameter",
    "request_too_large",
    "service_busy",
    "unknown_field",
    "unknown_parameter",
]


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


def request_too_large(limit_characters: int) -> ApiError:
    """The body is larger than any sensible request."""
    return ApiError(
        Code.REQUEST_TOO_LARGE,
        f"The body is larger than {limit_characters // 1024} KiB. "
        "Recordings are sent to the URLs of POST /uploads.",
    )


def service_busy() -> ApiError:
    """SageMaker throttles, or does not answer in time what can be asked again."""
    return ApiError(
        Code.SERVICE_BUSY,
        headers={"Retry-After": "5"},
    )


def internal_error() -> ApiError:
    """We have failed."""
    return ApiError(
        Code.INTERNAL_ERROR,
    )
