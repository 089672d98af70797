"""The OpenAPI document: FastAPI's own, with our errors and scopes in place of its defaults."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from femo_api import contract
from femo_api.errors import Code

_DESCRIPTIONS = {
    400: "Malformed: not a JSON object, or a nextToken of another listing",
    401: "No valid access token, or one without the scope of this route",
    403: "Refused by API Gateway, which answers so where a route does not exist",
    404: "There is no such thing",
    409: "In conflict with what is there",
    413: "Too large",
    422: "A field or parameter is wrong, missing, unknown or repeated",
    429: "Too many requests; see Retry-After",
    500: "The service failed, or cannot read what it holds",
    503: "No model is in service, too many jobs wait, or the service is busy; see Retry-After",
    504: "No answer in time",
}
_STATUSES = {
    Code.MALFORMED_JSON: 400,
    Code.MISSING_BODY: 400,
    Code.NOT_AN_OBJECT: 400,
    Code.INVALID_NEXT_TOKEN: 400,
    Code.UNAUTHORIZED: 401,
    Code.TOKEN_EXPIRED: 401,
    Code.FORBIDDEN: 403,
    Code.REQUEST_REFUSED: 403,
    Code.RECORDING_NOT_FOUND: 404,
    Code.JOB_NOT_FOUND: 404,
    Code.UPLOAD_NOT_FOUND: 404,
    Code.JOB_ID_CONFLICT: 409,
    Code.UPLOAD_INCOMPLETE: 409,
    Code.REQUEST_TOO_LARGE: 413,
    Code.RECORDING_TOO_LARGE: 413,
    Code.MISSING_FIELD: 422,
    Code.INVALID_FIELD: 422,
    Code.UNKNOWN_FIELD: 422,
    Code.REPEATED_FIELD: 422,
    Code.UNKNOWN_PARAMETER: 422,
    Code.REPEATED_PARAMETER: 422,
    Code.INVALID_S3_KEY: 422,
    Code.EMPTY_RECORDING: 422,
    Code.TOO_MANY_REQUESTS: 429,
    Code.UNREADABLE_JOB: 500,
    Code.INTERNAL_ERROR: 500,
    Code.MODEL_NOT_DEPLOYED: 503,
    Code.BACKLOG_FULL: 503,
    Code.SERVICE_BUSY: 503,
    Code.SUBMISSION_UNCERTAIN: 503,
    Code.TIMEOUT: 504,
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


def responses(*codes: Code, token: bool = True) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of a route's errors: its own, and those of every route."""
    documented: dict[int | str, dict[str, Any]] = {}
    found: Iterable[Code] = {*codes, *_EVERYWHERE, *(_WITH_TOKEN if token else ())}
    for code in sorted(found, key=lambda code: (_STATUSES[code], code)):
        status = _STATUSES[code]
        answer = documented.setdefault(
            status,
            {
                "model": contract.ErrorView,
                "description": _DESCRIPTIONS[status],
                "content": {"application/json": {"examples": {}}},
            },
        )
        example = {"error": {"code": str(code), "message": "..."}}
        answer["content"]["application/json"]["examples"][str(code)] = {"value": example}
        if status in (429, 503):
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
    return {"security": [{"accessToken": [scope]}]}


def describe(app: FastAPI, base_path: str) -> dict[str, Any]:
    """Return the OpenAPI document of an application that is reached under ``base_path``."""
    document: dict[str, Any] = {**app.openapi(), "servers": [{"url": base_path or "/"}]}
    components = document["components"]
    components["securitySchemes"] = {
        "accessToken": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "Access token of the stack's user pool; the list names its scope",
        }
    }
    _describe_result(components["schemas"])
    # FastAPI documents its own 422 for every route with a parameter; ours has another shape.
    for operations in document["paths"].values():
        for operation in operations.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    return document


def _describe_result(schemas: dict[str, Any]) -> None:
    """Put the result's own description, written from its model, in place of any object."""
    stored = Path(__file__).with_name("result.schema.json").read_text()
    response = json.loads(stored.replace("#/$defs/", "#/components/schemas/"))
    del response["$schema"]
    schemas |= response.pop("$defs")
    schemas["AnalysisResponse"] = response
    kinds = [
        {"$ref": f"#/components/schemas/{name}"} for name in ("EventsResult", "MetadataResult")
    ]
    field = schemas["JobView"]["properties"]["result"]
    field["anyOf"] = [*kinds, {"type": "null"}]
