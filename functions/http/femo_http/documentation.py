"""What the OpenAPI document says of each route: its errors and its scope."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi.routing import APIRoute

from femo_http.bodies import ErrorView
from femo_http.errors import Code, error_body

_DESCRIPTIONS = {
    400: "Malformed: not a JSON object, or a nextToken of another listing",
    401: "No valid access token, or one without the scope of this route",
    403: "Refused by API Gateway, which answers so where a route does not exist",
    404: "There is no such thing",
    406: "Not given in a form that Accept names",
    409: "In conflict with what is there",
    410: "Gone",
    413: "Too large",
    422: "A field or parameter is wrong, missing, unknown or repeated",
    429: "Too many requests; see Retry-After",
    500: "The service failed, or cannot read what it holds",
    503: "No model is in service, too many jobs wait, or the service is busy; see Retry-After",
    504: "No answer in time",
}
# What the function answers on any route, and what API Gateway answers on any that needs a token.
_EVERYWHERE = (
    Code.REQUEST_REFUSED,
    Code.REQUEST_TOO_LARGE,
    Code.UNKNOWN_PARAMETER,
    Code.TOO_MANY_REQUESTS,
    Code.INTERNAL_ERROR,
    Code.TIMEOUT,
)
_WITH_TOKEN = (Code.UNAUTHORIZED, Code.TOKEN_EXPIRED, Code.FORBIDDEN)
BODY = (
    Code.MALFORMED_JSON,
    Code.MISSING_BODY,
    Code.NOT_AN_OBJECT,
    Code.MISSING_FIELD,
    Code.INVALID_FIELD,
    Code.UNKNOWN_FIELD,
    Code.REPEATED_FIELD,
)


def operation_id(route: APIRoute) -> str:
    """Return the name of a route for clients that are generated: its function's, as in JSON."""
    first, *others = route.name.split("_")
    return first + "".join(word.capitalize() for word in others)


def responses(*codes: Code, token: bool = True) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of a route's errors: its own, and those of every route."""
    documented: dict[int | str, dict[str, Any]] = {}
    found: Iterable[Code] = {*codes, *_EVERYWHERE, *(_WITH_TOKEN if token else ())}
    for code in sorted(found, key=lambda code: (code.status, code)):
        status = int(code.status)
        answer = documented.setdefault(
            status,
            {
                "model": ErrorView,
                "description": _DESCRIPTIONS[status],
                "content": {"application/json": {"examples": {}}},
            },
        )
        example = {"summary": code.sentence, "value": error_body(code)}
        answer["content"]["application/json"]["examples"][str(code)] = example
        if code.waits:
            answer["headers"] = {
                "Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}
            }
    return documented


def needs(scope: str) -> dict[str, Any]:
    """Return the documentation of a route that needs a scope."""
    return {"security": [{"oauth2": [scope]}]}
