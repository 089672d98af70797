"""What the OpenAPI document says of each route: its errors, its answers and its scope.

The document itself is stored, as scripts/describe_api.py writes it: to build it would be slow at
each cold start. Only the addresses of the stack are filled in when it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute

from femo_api import contract
from femo_api.errors import Code, error_body

INTRODUCTION = """Finds the fetal movements in FeMo belt recordings. For research use.

Upload a recording (`POST /uploads`), submit it (`POST /jobs`), and read the job until it has ended
(`GET /jobs/{jobId}`). Every error has one shape, `{"error": {"code", "message", "field"?}}`; a
program goes by the code. Every route but `/health` and `/openapi.json` needs an access token of the
stack's user pool with the route's scope: machines use client credentials, people sign in with an
authorization code and PKCE.
"""
TAGS = [
    {"name": "jobs", "description": "Recordings that are, or have been, analysed"},
    {"name": "uploads", "description": "Where recordings are sent to"},
    {"name": "service", "description": "The service itself"},
]
_DESCRIPTIONS = {
    400: "Malformed: not a JSON object, or a nextToken of another listing",
    401: "No valid access token, or one without the scope of this route",
    403: "Refused by API Gateway, which answers so where a route does not exist",
    404: "There is no such thing",
    406: "The answer is not made in a type that Accept names",
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
                "model": contract.ErrorView,
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


_APPLIED = {
    "Preference-Applied": {
        "description": "wait=N: how long the request would have waited, in seconds, after Prefer. "
        "Absent where it did not wait: as many as may (MaxWaitingRequests) wait already",
        "schema": {"type": "string"},
    }
}
SUBMITTED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": contract.JobView,
        "description": "A job that ended while its request waited; or a repeat, with the job that "
        "an equal request has queued before, ended or not",
        "headers": _APPLIED,
    },
    202: {
        "description": "Accepted",
        "headers": {
            "Location": {"description": "The job", "schema": {"type": "string"}},
            **_APPLIED,
        },
    },
}
FOUND: dict[int | str, dict[str, Any]] = {200: {"headers": _APPLIED}}
UPLOAD: dict[int | str, dict[str, Any]] = {
    200: {
        "model": contract.UploadView,
        "description": "The same content is there already: nothing to send",
    },
}


def needs(scope: str) -> dict[str, Any]:
    """Return the documentation of a route that needs a scope."""
    return {"security": [{"oauth2": [scope]}]}


@cache
def _stored() -> str:
    return Path(__file__).with_name("openapi.json").read_text()


def document(base_path: str, token_url: str) -> dict[str, Any]:
    """Return the stored OpenAPI document, with this stack's addresses.

    Parameters
    ----------
    base_path
        Under which the API is reached: the stage, or nothing under a domain of its own.
    token_url
        Where access tokens are given; people are sent to its neighbour ``authorize``.
    """
    described: dict[str, Any] = json.loads(_stored())
    described["servers"] = [{"url": base_path or "/"}]
    for flow in described["components"]["securitySchemes"]["oauth2"]["flows"].values():
        flow["tokenUrl"] = token_url
        if "authorizationUrl" in flow:
            flow["authorizationUrl"] = f"{token_url.rpartition('/')[0]}/authorize"
    return described
