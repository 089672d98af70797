"""The OpenAPI document: FastAPI's own, with our errors and scopes in place of its defaults."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from femo_api import contract

_DESCRIPTIONS = {
    400: "Malformed: not JSON, empty, or a nextToken of another listing",
    401: "No valid access token",
    403: "The token lacks the scope of this route",
    404: "There is no such thing",
    409: "In conflict with what is there",
    413: "Too large",
    422: "A field is wrong, or unknown",
    429: "Too many requests",
    500: "The service failed",
    503: "No model is in service, or the service is busy; see Retry-After",
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of a route's errors: its own, and those of every route."""
    documented: dict[int | str, dict[str, Any]] = {}
    for status in sorted({*statuses, 401, 403, 429, 500}):
        documented[status] = {"model": contract.ErrorView, "description": _DESCRIPTIONS[status]}
    for status in (429, 503):
        if status in documented:
            documented[status]["headers"] = {
                "Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}
            }
    return documented


SUBMITTED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": contract.JobView,
        "description": "A repeat: the job that an equal request has queued before",
    },
    202: {
        "description": "Accepted",
        "headers": {"Location": {"description": "The job", "schema": {"type": "string"}}},
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
    # FastAPI documents its own 422 for every route with a parameter; ours has another shape.
    for operations in document["paths"].values():
        for operation in operations.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    return document
