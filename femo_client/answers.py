"""What an answer says: its body, its error, how long to wait; and which trouble passes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from tenacity import RetryCallState, wait_exponential_jitter

_FIRST_RETRY_SECONDS = 0.2
# A service that asks for more than that has no short trouble: the caller is told.
LONGEST_PAUSE_SECONDS = 20.0
_PASSING_STATUSES = frozenset({429, 502, 503, 504})
_PASSING_S3_CODES = frozenset({"InternalError", "RequestTimeout", "ConditionalRequestConflict"})


class ApiError(Exception):
    """The API refused a request or could not serve it.

    Attributes
    ----------
    status : int
        HTTP status; 0 where no answer came.
    code : str
        The error body's code.
    field : str or None
        The field at fault, where the service names one.
    retry_after : float or None
        Time after which the service wants to be asked again (s), where it says so.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        field: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field
        self.retry_after = retry_after


def json_body(answer: httpx.Response) -> dict[str, Any]:
    """Return an answer's JSON object.

    Raises
    ------
    ApiError
        It is none.
    """
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise ApiError(0, "bad_answer", f"{asked} did not answer with a JSON object")
    return body


def seconds_waited(answer: httpx.Response) -> float:
    """Return how long the service has held an answer back (s): what it says it has applied."""
    found = re.search(r"\bwait\s*=\s*\"?(\d{1,4})\b", answer.headers.get("Preference-Applied", ""))
    return float(found[1]) if found else 0.0


def is_passing(error: BaseException) -> bool:
    """Whether the same request may fare better soon."""
    if isinstance(error, httpx.TransportError):
        return True
    return (
        isinstance(error, ApiError)
        and (error.status in _PASSING_STATUSES or error.code in _PASSING_S3_CODES)
        and (error.retry_after or 0.0) <= LONGEST_PAUSE_SECONDS
    )


def pause_before(state: RetryCallState) -> float:
    """Return the time until the next attempt (s): what the service asks for, or our own."""
    own = wait_exponential_jitter(
        multiplier=_FIRST_RETRY_SECONDS, max=5.0, jitter=_FIRST_RETRY_SECONDS
    )(state)
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ApiError) else None
    return max(own, asked or 0.0)


def error_of(method: str, response: httpx.Response) -> ApiError:
    """Return what an answer to ``method`` says: our own error body, an OAuth error, or S3's."""
    status, retry_after = response.status_code, retry_after_of(response)
    try:
        error = response.json()["error"]
        if isinstance(error, str):
            return ApiError(status, error, f"{response.url.host} refused the sign-in: {error}")
        return ApiError(
            status,
            str(error["code"]),
            str(error["message"]),
            field=error.get("field"),
            retry_after=retry_after,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        found = re.search(r"<Code>(\w{1,64})</Code>", response.text)
        code = found[1] if found else "http_error"
        return ApiError(
            status,
            code,
            f"{method} {response.url.path} answered {status}"
            + (": the file has changed while it was uploaded" if code == "BadDigest" else ""),
            retry_after=retry_after,
        )


def retry_after_of(response: httpx.Response) -> float | None:
    """Return the time that the header Retry-After asks for (s), as a number or until a date."""
    text = response.headers.get("Retry-After", "")
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(
        0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    )
