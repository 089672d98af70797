"""What an answer says: its body, its error, how long to wait; and which trouble passes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from tenacity import RetryCallState, wait_exponential_jitter

from femo_client.errors import (
    ApiError,
    BadAnswerError,
    NoAnswerError,
    SignInError,
    class_of_status,
)

__all__ = [
    "LONGEST_PAUSE_SECONDS",
    "error_of",
    "is_outage",
    "is_passing",
    "json_body",
    "pause_before",
    "request_id_of",
    "retry_after_of",
    "seconds_waited",
]

_FIRST_RETRY_SECONDS = 0.2
# A service that asks for more than that has no short trouble: the caller is told.
LONGEST_PAUSE_SECONDS = 20.0
_PASSING_STATUSES = frozenset({429, 502, 503, 504})
_PASSING_S3_CODES = frozenset({"InternalError", "RequestTimeout", "ConditionalRequestConflict"})
# The request has not been taken up: sending it again cannot do twice what it asks for.
_UNTOUCHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_UNTOUCHED_STATUS = 429
# What we asked for is wrong in itself, and would be again.
_OWN_FAULTS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
# API Gateway's REST and HTTP APIs, and S3
_REQUEST_ID_HEADERS = ("x-amzn-RequestId", "apigw-requestid", "x-amz-request-id")


def json_body(answer: httpx.Response) -> dict[str, Any]:
    """Return an answer's JSON object.

    Raises
    ------
    BadAnswerError
        It is none.
    """
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise BadAnswerError(
            f"{asked} did not answer with a JSON object", request_id=request_id_of(answer)
        )
    return body


def seconds_waited(answer: httpx.Response) -> float:
    """Return how long the service has held an answer back (s): what it says it has applied."""
    found = re.search(r"\bwait\s*=\s*\"?(\d{1,4})\b", answer.headers.get("Preference-Applied", ""))
    return float(found[1]) if found else 0.0


def is_passing(error: BaseException, *, repeatable: bool = True) -> bool:
    """Whether the same request may fare better soon.

    Parameters
    ----------
    error
        What became of it.
    repeatable
        Whether it does no more if it arrives twice; else only what has not been taken up is sent
        again.
    """
    if isinstance(error, httpx.TransportError):
        return isinstance(error, _UNTOUCHED) or (repeatable and not isinstance(error, _OWN_FAULTS))
    if not isinstance(error, ApiError) or (error.retry_after or 0.0) > LONGEST_PAUSE_SECONDS:
        return False
    if not repeatable:
        return error.status == _UNTOUCHED_STATUS
    return error.status in _PASSING_STATUSES or error.code in _PASSING_S3_CODES


def is_outage(error: ApiError) -> bool:
    """Whether an error tells nothing of what was asked for, but of the way there at the moment.

    Whoever follows something that goes on without him can outlast it, however long it takes.
    """
    if isinstance(error, NoAnswerError):
        return error.__cause__ is None or is_passing(error.__cause__)
    return error.status in _PASSING_STATUSES


def pause_before(state: RetryCallState) -> float:
    """Return the time until the next attempt (s): what the service asks for, or our own."""
    own = wait_exponential_jitter(
        multiplier=_FIRST_RETRY_SECONDS, max=5.0, jitter=_FIRST_RETRY_SECONDS
    )(state)
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ApiError) else None
    return max(own, asked or 0.0)


def error_of(response: httpx.Response) -> ApiError:
    """Return what an answer says: our own error body, an OAuth error, or S3's."""
    status, facts = response.status_code, _facts_of(response)
    kind = class_of_status(status)
    try:
        error = response.json()["error"]
        if isinstance(error, str):
            refused = f"{response.url.host} refused the sign-in: {error}"
            return (SignInError if status < 500 else kind)(status, error, refused, **facts)
        code, message = str(error["code"]), str(error["message"])
        return kind(status, code, message, field=error.get("field"), **facts)
    except (ValueError, KeyError, TypeError, AttributeError):
        found = re.search(r"<Code>(\w{1,64})</Code>", response.text)
        code = found[1] if found else "http_error"
        changed = ": the file has changed while it was uploaded" if code == "BadDigest" else ""
        asked = f"{response.request.method} {response.url.path}"
        return kind(status, code, f"{asked} answered {status}{changed}", **facts)


def _facts_of(response: httpx.Response) -> dict[str, Any]:
    return {"request_id": request_id_of(response), "retry_after": retry_after_of(response)}


def request_id_of(response: httpx.Response) -> str | None:
    """Return the service's own id of a request."""
    found = (response.headers.get(name) for name in _REQUEST_ID_HEADERS)
    return next((name for name in found if name), None)


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
